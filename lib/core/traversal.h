/* Which of the peers that hellos do not reach gets a spray, and when: one at a time.
 * SPDX-License-Identifier: MIT */
#ifndef TR_TRAVERSAL_H
#define TR_TRAVERSAL_H

#include "lib/core/seats.h"
#include "lib/core/spray.h"

/* All zeros at the start. */
struct tr_traversal {
    struct tr_spray spray;
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

/* The session is over, or its addresses are others: no spray runs any more. */
void tr_traversal_stop(struct tr_traversal *traversal, struct tr_seats *seats,
                       const struct tr_peer_kit *kit);

#endif
