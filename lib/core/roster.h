/* What the server says of who is there, applied to the seats.
 * SPDX-License-Identifier: MIT */
#ifndef TR_ROSTER_H
#define TR_ROSTER_H

#include "lib/core/notice.h"
#include "lib/core/rendezvous.h"
#include "lib/core/seats.h"

/* Who left by its own word, which may come before the server's, or without it. */
struct tr_farewell {
    uint8_t identity[TR_KEY];
    uint64_t epoch;
};

enum { TR_FAREWELLS = 8 };

struct tr_roster {
    struct tr_farewell farewells[TR_FAREWELLS];
    uint8_t farewell_next;
    uint64_t fence;    /* of what is known */
    uint64_t version;  /* and how far */
    bool is_resetting; /* the roster starts anew: who is not listed at reset_goal goes */
    uint64_t reset_goal;
    uint64_t reset_us; /* not before this; TR_NEVER when not resetting */
    uint64_t check_us; /* when the hash may lead to a resync again */
};

void tr_roster_init(struct tr_roster *roster);

/* Reads the page that just came in, and tells what changed. extra: slots of local addresses that are
 * tried beside the kernel's choice. Returns whether there was a page. */
bool tr_roster_read(struct tr_roster *roster, struct tr_seats *seats,
                    struct tr_rendezvous *rendezvous, uint8_t extra, const struct tr_peer_kit *kit,
                    struct tr_notice_queue *notices);

/* Compares with the hash that the server told, and asks for the whole roster where they differ. */
void tr_roster_check(struct tr_roster *roster, const struct tr_seats *seats,
                     struct tr_rendezvous *rendezvous, uint64_t now_us);

/* A peer said goodbye: entries of this join of it count no more. */
void tr_roster_farewell(struct tr_roster *roster, const struct tr_peer *peer);

/* Removes a peer and says that it left. */
void tr_roster_drop(struct tr_seats *seats, uint32_t seat, uint32_t reason,
                    struct tr_notice_queue *notices);

/* When tr_roster_prune has something to do. */
uint64_t tr_roster_deadline(const struct tr_roster *roster);

/* After the roster started anew: lets go of those it no longer names, when it is complete. */
void tr_roster_prune(struct tr_roster *roster, struct tr_seats *seats, uint64_t now_us,
                     struct tr_notice_queue *notices);

#endif
