/* The pairs of participants that are relayed for: found by the route of one and the slot of the other,
 * made on first use, let go after a minute of silence.
 * SPDX-License-Identifier: MIT */
#ifndef TR_DETOURS_H
#define TR_DETOURS_H

#include "lib/base/deadline.h"
#include "server/registry.h"
#include "server/rules.h"

enum {
    TR_DETOUR_REPLAY = 256, /* counters of a leg behind the newest that are still told apart */
    TR_DETOUR_KEPT = 404,   /* bytes of a HELLO, the longest */
    TR_DETOURS_HELD = 1024, /* pairs that wait for the operator's rules at a time */
};

#define TR_DETOUR_ASK_US (60 * TR_S) /* so long a datagram stands for the wish to be relayed for */

/* A HELLO that is kept until the other asks. */
struct tr_kept {
    uint64_t until_us;
    uint16_t size;
    uint8_t data[TR_DETOUR_KEPT];
};

/* One of the two, towards the other. */
struct tr_detour_side {
    struct tr_detour *detour;
    struct tr_participant *participant;
    struct tr_detour_side *next; /* of the same participant */
    struct tr_detour_side *previous;
    struct tr_relay_leg keys;
    uint32_t sent; /* the counter of the newest datagram to it */
    struct tr_replay replay;
    uint64_t replay_bits[TR_REPLAY_WORDS(TR_DETOUR_REPLAY)];
    uint64_t asks_until_us; /* 0: it has not asked */
    struct tr_quota quota;  /* of what it sends to the other */
    struct tr_kept *kept;   /* what it sent; NULL: nothing */
};

enum tr_detour_state {
    TR_DETOUR_WAITING, /* for both to ask */
    TR_DETOUR_HELD,    /* for the operator's rules */
    TR_DETOUR_OPEN,
    TR_DETOUR_REFUSED,
};

struct tr_detour {
    struct tr_detour_side sides[2];
    uint32_t index;
    enum tr_detour_state state;
    uint64_t until_us; /* HELD or REFUSED */
    uint32_t ticket;   /* HELD: of the question; else 0 */
    uint8_t asker;     /* HELD: the side that asked last */
    uint32_t kbps;     /* from one to the other, by the rules; 0: as the limits say */
    struct tr_alarm alarm;
};

struct tr_detours {
    struct tr_table by_leg; /* values: index of the pair, times two, plus the side */
    struct tr_slots slots;
    struct tr_alarms alarms;
    uint32_t count;
    struct tr_detour *held[TR_DETOURS_HELD]; /* by ticket */
    uint32_t tickets;                        /* so far */
    uint8_t key[TR_MAC_KEY];
};

void tr_detours_init(struct tr_detours *detours, const uint8_t key[TR_MAC_KEY]);
void tr_detours_clear(struct tr_detours *detours);

/* The side whose participant has this route, towards the one that has this slot. NULL: none. */
struct tr_detour_side *tr_detours_find(const struct tr_detours *detours,
                                       const uint8_t route[TR_ROUTE_BYTES], uint16_t slot);

/* A new pair of two members of one session that have routes; sides[0] is sender's. sent: what the
 * counters to sender and addressee go on from. Its alarm rings after TR_DETOUR_ASK_US. NULL: no memory. */
struct tr_detour *tr_detours_add(struct tr_detours *detours, struct tr_participant *sender,
                                 struct tr_participant *addressee, const uint32_t sent[2],
                                 uint64_t now_us);

void tr_detours_remove(struct tr_detours *detours, struct tr_detour *detour);

/* Removes all pairs that a participant is in. */
void tr_detours_leave(struct tr_detours *detours, struct tr_participant *participant);

/* Gives a pair a ticket for its question. false: too many have one. */
bool tr_detours_hold(struct tr_detours *detours, struct tr_detour *detour);

/* Takes the ticket back, if it has one. */
void tr_detours_release(struct tr_detours *detours, struct tr_detour *detour);

/* The pair that waits under a ticket; NULL. */
struct tr_detour *tr_detours_find_held(const struct tr_detours *detours, uint32_t ticket);

/* Wakes a pair at this time, or sooner if it was to be woken sooner. */
void tr_detours_wake(struct tr_detours *detours, struct tr_detour *detour, uint64_t due_us);

/* A pair whose time has come; its alarm is off. NULL: none. */
struct tr_detour *tr_detours_take_due(struct tr_detours *detours, uint64_t now_us);

/* Keeps what a side sent, in the place of what is kept. Returns whether something was lost by that: the
 * older one, or this one, as there is no memory. */
bool tr_detour_keep(struct tr_detour_side *side, const void *data, size_t size, uint64_t until_us);
void tr_detour_forget(struct tr_detour_side *side);

static inline struct tr_detour_side *tr_detour_other(struct tr_detour_side *side)
{
    return &side->detour->sides[side == &side->detour->sides[0]];
}

static inline bool tr_detour_is_asking(const struct tr_detour_side *side, uint64_t now_us)
{
    return now_us < side->asks_until_us;
}

#endif
