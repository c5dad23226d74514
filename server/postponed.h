/* BINDs that asked to be answered later, from sources that have proven themselves: whether an answer still
 * comes through tells a client how long its NAT keeps an idle mapping (RFC 5780, 4.6).
 * SPDX-License-Identifier: MIT */
#ifndef TR_POSTPONED_H
#define TR_POSTPONED_H

#include "lib/wire/message.h"
#include <stdbool.h>

enum {
    TR_POSTPONED_MAX = 256,
    /* Of one IPv4 address or IPv6 /56: a client asks for six times at once, each from a socket of its own, and
     * homes behind a carrier's NAT share an address: what is not answered looks like a NAT that forgot. */
    TR_POSTPONED_PREFIX = 24,
};

struct tr_postponed_bind {
    uint64_t due_us; /* 0: none */
    struct tryst_address from;
    struct tryst_address to; /* the server's own */
    uint16_t flags;
    uint8_t app[TR_APP_BYTES];
    uint8_t nonce[16];
};

/* All zeros: none wait. */
struct tr_postponed {
    uint32_t count;
    uint64_t next_us; /* while there are any */
    struct tr_postponed_bind list[TR_POSTPONED_MAX];
};

/* due_us is not 0. A copy of one that waits changes nothing. false: too many wait. */
bool tr_postponed_put(struct tr_postponed *postponed, const struct tr_postponed_bind *bind);

/* One that is due, and is forgotten. false: none is. */
bool tr_postponed_take(struct tr_postponed *postponed, uint64_t now_us,
                       struct tr_postponed_bind *bind);
uint64_t tr_postponed_deadline(const struct tr_postponed *postponed);

#endif
