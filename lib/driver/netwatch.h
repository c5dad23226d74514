/* The system's word that addresses, links or routes of this host changed: a netlink socket, and when
 * the interfaces are to be listed for it.
 * SPDX-License-Identifier: MIT */
#ifndef TR_NETWATCH_H
#define TR_NETWATCH_H

#include <stdbool.h>
#include <stdint.h>

struct tr_netwatch {
    int fd;           /* -1: there is none, and interfaces are looked at now and then */
    bool is_readable; /* poll said so, and nobody has read since */
    uint64_t looked_us;
    uint64_t first_us; /* the first word since the last listing; TR_NEVER: there was none */
    uint64_t last_us;  /* and the newest */
};

/* Where the system allows none, fd is -1. */
void tr_netwatch_open(struct tr_netwatch *watch);
void tr_netwatch_close(struct tr_netwatch *watch);

/* Takes all words that wait, where poll told of any or nobody has looked for a while. */
void tr_netwatch_read(struct tr_netwatch *watch, uint64_t now_us);

/* When the interfaces are to be listed: when it was quiet for 10 ms, 100 ms after the first word at the
 * latest. TR_NEVER: nothing changed. */
uint64_t tr_netwatch_deadline(const struct tr_netwatch *watch);

/* They were listed. */
void tr_netwatch_done(struct tr_netwatch *watch);

#endif
