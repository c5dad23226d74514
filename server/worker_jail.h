/* What a worker process may not do, whatever its script does. It has its script's rights to read files,
 * and no others:
 *
 *   memory, descriptors   setrlimit; no file grows, no core is dumped
 *   rights                none are gained (no_new_privs), no capabilities even for root
 *   other processes       none is made, signalled, traced or slowed; no threads, so that nothing runs on
 *                         between questions; no timers (seccomp)
 *   files                 none is written, made, renamed or removed (Landlock)
 *   network               no sockets (seccomp)
 *   the server's end      is its own (PR_SET_PDEATHSIG)
 *
 * SPDX-License-Identifier: MIT */
#ifndef TR_WORKER_JAIL_H
#define TR_WORKER_JAIL_H

#include <stdbool.h>
#include <stdint.h>

enum {
    TR_JAIL_DESCRIPTORS = 32, /* of a worker, those that it is born with among them */
};

/* Whether this kernel can forbid it: making processes and sockets, writing files. */
bool tr_jail_has_seccomp(void);
bool tr_jail_has_landlock(void);

/* Locks the calling process in. For between vfork and exec: calls nothing but the kernel.
 *
 * memory_bytes  of address space; UINT32_MAX: no limit
 *
 * Returns       false where what every kernel can do fails. */
bool tr_jail_enter(uint32_t memory_bytes);

#endif
