/* A fresh local port, where peers stay deaf though their NATs keep one mapping for all.
 *
 * A gateway that accepts packets for itself and hears a stranger before its own host has sent to it keeps
 * that address pair, and sends the host's packets to that stranger from another port: both sides miss for
 * ever, and every repetition keeps it so (docs/NETFILTER.md). A port that the stranger never sent to is free
 * of that. So one side of the pair, the lower identity first, takes a further socket, sends hellos from
 * there that die on the way, and registers its public address; what the other side then sends there
 * finds the way open.
 * SPDX-License-Identifier: MIT */
#ifndef TR_FRESHPORT_H
#define TR_FRESHPORT_H

#include "lib/core/rendezvous.h"
#include "lib/core/seats.h"

enum tr_freshport_state {
    TR_FRESHPORT_IDLE,   /* there is none; a deaf peer leads to ASKING */
    TR_FRESHPORT_ASKING, /* the server is asked from it; its cookie leads to OPEN, silence to IDLE */
    TR_FRESHPORT_OPEN, /* peers are tried from it; IDLE when it leads to none; where it does, and another
                            peer is deaf to it, ASKING with the next one */
};

/* All zeros at the start. */
struct tr_freshport {
    uint8_t state;  /* enum tr_freshport_state */
    uint8_t socket; /* 0 when IDLE */
    uint8_t tries;  /* since one led to a peer */
    uint64_t since_us;
    uint64_t next_us;  /* not before this again for peers that one was tried for in vain, */
    uint64_t again_us; /* nor before this for others */
};

/* It is the port that newcomers are told: they are greeted from it, too, from the first hello on. Before
 * hellos are sent. */
void tr_freshport_offer(const struct tr_freshport *fresh, struct tr_seats *seats,
                        const struct tr_peer_kit *kit);

void tr_freshport_tick(struct tr_freshport *fresh, struct tr_rendezvous *rendezvous,
                       struct tr_seats *seats, const struct tr_peer_kit *kit);
uint64_t tr_freshport_deadline(const struct tr_freshport *fresh, const struct tr_seats *seats,
                               const struct tr_peer_kit *kit);

/* The session is over. */
void tr_freshport_stop(struct tr_freshport *fresh, struct tr_rendezvous *rendezvous,
                       const struct tr_peer_kit *kit);

#endif
