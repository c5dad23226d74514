/* Starting a worker process: an interpreter, locked in, that runs policy_worker.py on a script.
 * SPDX-License-Identifier: MIT */
#ifndef TR_WORKER_START_H
#define TR_WORKER_START_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What a worker is born with, as descriptors: policy_worker.py has the same numbers. */
enum {
    TR_WORKER_OUTPUT = 1,  /* and 2: a pipe, for the log */
    TR_WORKER_CHANNEL = 3, /* SOCK_SEQPACKET */
    TR_WORKER_LOAD = 4,    /* the script, and behind it the state that it starts with */
    TR_WORKER_STATE = 5,   /* TR_WORKER_STATE_MAX bytes of room for the state that it has */
    TR_WORKER_DESCRIPTORS = 6,
};

struct tr_worker_birth {
    const char *interpreter; /* path */
    char *const *arguments;  /* NULL-terminated, the interpreter's name first */
    uint32_t memory_bytes;
    int descriptors
        [TR_WORKER_DESCRIPTORS]; /* by what they are in the worker; the caller keeps them */
};

/* Starts it as the first of a session, and so of a process group, of its own, with no environment.
 *
 * Returns  the process; -1, errno. */
pid_t tr_worker_start(const struct tr_worker_birth *birth);

#endif
