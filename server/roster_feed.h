/* The roster on its way to one participant: which pages it has, which are under way, when to send
 * them again (go-back-N; the participant's word counts).
 * SPDX-License-Identifier: MIT */
#ifndef TR_ROSTER_FEED_H
#define TR_ROSTER_FEED_H

#include "server/membership.h"

enum {
    TR_FEED_WINDOW = 8, /* pages under way */
    TR_FEED_TRIES = 10, /* without progress; then it waits to be woken */
};

struct tr_feed {
    uint64_t acked; /* the participant knows all changes up to here */
    uint64_t sent;  /* pages were sent up to here */
    uint64_t most;  /* the furthest they ever reached */
    uint64_t goal;  /* the roster as it was at the start, which waits for no round */
    uint64_t base;  /* its roster began anew at this version: departures up to it are none of its */
    uint64_t ends[TR_FEED_WINDOW]; /* of the pages under way */
    uint64_t due_us;               /* send again then; TR_NEVER: nothing is under way */
    uint64_t timed_us;             /* when a page that is measured left; 0: none is */
    uint64_t timed_end;            /* its end */
    uint32_t wait_us;              /* before the next resending */
    uint32_t rtt_us;               /* 0: unknown */
    uint32_t ack_counter;          /* of the newest acknowledgement */
    uint8_t under_way;
    uint8_t tries;
    uint8_t copies; /* of news still to be sent: due_us is for one of them, not for a loss */
    bool asleep;    /* tries ran out */
    bool has_begun; /* a page was sent: what follows is news */
    bool is_anew; /* the page under way starts its roster over: nothing follows before that has come
                       in, as what it says of its old roster would pass for the new one (should the
                       two be at the same version, the hash in the next pong tells) */
    bool was_acked; /* at least once */
};

/* known: the version that the participant says it has of this life of the session, 0 none. */
void tr_feed_start(struct tr_feed *feed, const struct tr_membership *membership, uint64_t known,
                   uint32_t rtt_us);

/* Whether a page may leave now, when all changes up to `announced` shall be told. */
bool tr_feed_is_open(const struct tr_feed *feed, uint64_t announced);

/* Writes the entries of the next page and counts it as sent. Returns true when it, or a part of it,
 * was sent before. */
bool tr_feed_page(struct tr_feed *feed, const struct tr_membership *membership,
                  const struct tr_entry *asker, uint64_t now_us, struct tr_page *page,
                  struct tr_writer *writer);

/* The participant says up to where it knows the roster. counter: of the datagram that said it. */
void tr_feed_ack(struct tr_feed *feed, const struct tr_membership *membership, uint64_t version,
                 uint32_t counter, uint64_t now_us);

/* Goes back to what was acknowledged when the time for that has come. */
void tr_feed_tick(struct tr_feed *feed, uint64_t now_us);

/* The participant is alive: try again. */
void tr_feed_wake(struct tr_feed *feed);

#endif
