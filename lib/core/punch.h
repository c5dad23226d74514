/* When hellos go out: rounds over every path that is not proven yet, quick at first, then ever slower
 * and without end, as a better path may always appear.
 * SPDX-License-Identifier: MIT */
#ifndef TR_PUNCH_H
#define TR_PUNCH_H

#include "lib/base/deadline.h"
#include "lib/seal/seal.h"

enum tr_punch_state {
    TR_PUNCH_IDLE,    /* no search; a peer or a lost path leads to PROBING */
    TR_PUNCH_PROBING, /* rounds go out; a proven path leads to OPEN, time without one to CLOSED */
    TR_PUNCH_OPEN, /* a path is proven: the quick rounds are finished for the sake of better paths;
                         a lost path leads back to PROBING */
    TR_PUNCH_CLOSED, /* silence for too long, said once; slow rounds go on; a proven path leads to
                         OPEN */
};

enum { TR_PUNCH_QUICK_ROUNDS = 11 };

struct tr_punch {
    uint8_t state;  /* enum tr_punch_state */
    uint8_t round;  /* rounds sent in this search */
    bool is_joined; /* the round that is due answers one of the peer's: it calls for none in turn */
    uint32_t sent_ms; /* when the newest round left */
    uint64_t started_us;
    uint64_t probing_us; /* since when there is no path, whatever began the search anew meanwhile */
    uint64_t next_us;
    uint64_t limit_us; /* how long PROBING may last */
};

void tr_punch_init(struct tr_punch *punch, uint64_t limit_us);

/* A new search, its first round due at once. */
void tr_punch_start(struct tr_punch *punch, uint64_t now_us);

/* The peer searches too, and has just sent hellos. Where a search is past its quick rounds, or was given
 * up, one round is due at once, so that both sides send at one time. It is no new search: the pauses
 * go on from where they were, and silence is not said anew. */
void tr_punch_join(struct tr_punch *punch, uint64_t now_us);

/* Whether a round is due. */
bool tr_punch_is_due(const struct tr_punch *punch, uint64_t now_us);

/* After a round was sent. is_backed: the peer is talked to by way of the server meanwhile, which brings
 * both sides' rounds together. is_complete: when open, no more than the quick rounds are wanted. */
void tr_punch_sent(struct tr_punch *punch, bool is_backed, bool is_complete, uint64_t now_us,
                   struct tr_random *random);

/* A path was proven. */
void tr_punch_opened(struct tr_punch *punch);

/* Moves PROBING to CLOSED when its time is over; true when it just did. */
bool tr_punch_tick(struct tr_punch *punch, uint64_t now_us);

uint64_t tr_punch_deadline(const struct tr_punch *punch);

#endif
