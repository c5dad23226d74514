/* Which of the peers that hellos do not reach gets a spray, and when: one at a time.
 * SPDX-License-Identifier: MIT */
#ifndef TR_TRAVERSAL_H
#define TR_TRAVERSAL_H

#include "lib/core/seats.h"
#include "lib/core/spray.h"

/* Sprays that found nothing, to one ip: whoever comes again from there under another name, or with another
 * story of its NAT, waits all the same. A spray that led to its peer does not count, but each, found or not, is
 * paid for by what a port of its may have heard: a peer that lets itself be found aims none again and again.
 * Buckets are found by the budget's keyed hash and not told apart further. */
struct tr_spray_host {
    uint64_t since_us; /* the newest */
    uint64_t paid_us;  /* when what its ports heard is forgotten */
    uint8_t misses;    /* 0: none to wait for */
};

enum { TR_SPRAY_HOSTS = 64 };

/* All zeros at the start. */
struct tr_traversal {
    struct tr_spray spray;
    struct tr_spray_host hosts[TR_SPRAY_HOSTS];
};

/* Sends what of the running spray is due, ends it, starts the next one. Returns whether peers' deadlines
 * may be others now. */
bool tr_traversal_tick(struct tr_traversal *traversal, struct tr_seats *seats,
                       const struct tr_peer_kit *kit);

/* Of the running spray alone: cheap. */
static inline uint64_t tr_traversal_deadline(const struct tr_traversal *traversal)
{
    return tr_spray_deadline(&traversal->spray);
}

/* When the next spray is wanted, if none runs. */
uint64_t tr_traversal_wanted(const struct tr_traversal *traversal, const struct tr_seats *seats,
                             const struct tr_peer_kit *kit);

/* Our own addresses are others: nobody waits for another spray. */
void tr_traversal_anew(struct tr_traversal *traversal);

/* The session is over: no spray runs any more. */
void tr_traversal_stop(struct tr_traversal *traversal, struct tr_seats *seats,
                       const struct tr_peer_kit *kit);

#endif
