/* Against a NAT that takes another port for each destination: many ports at once, on one side or on both,
 * until two of them meet. What is worth trying follows from what both sides know of their NATs.
 *
 * The chances are those of the birthday paradox. One side opens n ports of N, the other tries k of them:
 * all miss with about exp(-n k / N). Where both NATs choose a port for each destination, side A has n pairs
 * (own port, port of B it was opened for) and B has k, and of the pairs of those one in N_A N_B fits: all
 * miss with about exp(-n k / (N_A N_B)).
 * SPDX-License-Identifier: MIT */
#ifndef TR_SPRAY_H
#define TR_SPRAY_H

#include "lib/base/deadline.h"
#include "lib/seal/seal.h"
#include "lib/wire/message.h"
#include <tryst/options.h>

enum tr_spray_role {
    TR_SPRAY_NONE,    /* no need, or no hope */
    TR_SPRAY_SOCKETS, /* our NAT is the hard one: from many sockets to one address */
    TR_SPRAY_PORTS,   /* theirs is: to many ports from one socket */
    TR_SPRAY_BOTH,    /* both are: from a few sockets to many ports */
};

struct tr_spray_plan {
    uint8_t role;       /* enum tr_spray_role */
    uint8_t sockets;    /* further ones wanted */
    bool is_ladder;     /* the peer's ports follow each other: the nearest first */
    bool is_waiting;    /* what is tried anyway may do: it gets its time first */
    uint16_t shots;     /* datagrams in all */
    uint16_t low, high; /* the peer's ports, unless is_ladder */
    uint16_t last;      /* is_ladder: the newest that was seen, */
    int16_t stride;     /* and the step to the next */
    bool
        is_sweeping; /* both sides' ports follow each other: this side tries ever larger distances */
    uint32_t period_us;
};

/* What is worth trying. sockets: further ones at hand; is_lower: ours is the lower identity; is_again: one
 * to the same host was in vain. */
struct tr_spray_plan tr_spray_plan(const struct tr_nat *own, const struct tr_nat *peer,
                                   uint8_t sockets, bool is_lower, bool is_again);

/* Whether a NAT takes another port for another destination. */
bool tr_nat_is_hard(const struct tr_nat *nat);

/* Whether nothing but the server connects two such: both take any port for each destination, and none has
 * a port that leads in. */
bool tr_nat_is_hopeless(const struct tr_nat *own, const struct tr_nat *peer);

struct tr_spray {
    uint32_t peer; /* handle; 0: there is none now */
    struct tr_spray_plan plan;
    struct tryst_address to; /* the peer's public address */
    uint8_t sockets[TRYST_SOCKETS_MAX];
    uint8_t socket_count;
    uint16_t shots;       /* so far, */
    uint16_t before;      /* and of them before it was aimed anew; 0: it was not */
    uint16_t first, step; /* of the order in which ports are tried */
    uint64_t started_us;
    uint64_t next_us;
    uint64_t ends_us;
};

/* Where a datagram goes. */
struct tr_shot {
    uint8_t socket; /* 0: the first */
    uint8_t ttl;    /* 0: the system's; else it only opens our own NAT, and dies on the way */
    struct tryst_address to;
};

/* sockets: count further ones, given for its length. */
void tr_spray_start(struct tr_spray *spray, uint32_t peer, const struct tr_spray_plan *plan,
                    const struct tryst_address *to, const uint8_t *sockets, uint8_t count,
                    uint64_t now_us, struct tr_random *random);

/* The next datagram that is due; false: none is, yet or any more. */
bool tr_spray_next(struct tr_spray *spray, uint64_t now_us, struct tr_shot *shot);

/* The newest port of a ladder turns out to be another one: goes on from there. Once for a spray, as the peer
 * says so. */
void tr_spray_aim(struct tr_spray *spray, const struct tr_nat *peer, uint64_t now_us);

/* All is sent, and the time for answers is over. */
static inline bool tr_spray_is_over(const struct tr_spray *spray, uint64_t now_us)
{
    return spray->peer != 0 && tr_is_due(spray->ends_us, now_us);
}

uint64_t tr_spray_deadline(const struct tr_spray *spray);

#endif
