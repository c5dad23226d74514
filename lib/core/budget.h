/* How many hellos may go to an address that has not answered: so that nobody aims us at a victim by
 * naming its address, however many participants do so together.
 *
 * Buckets are found by a keyed hash and not told apart further: addresses that share one share its
 * budget, which errs on the safe side and needs no table that a stranger could fill.
 * SPDX-License-Identifier: MIT */
#ifndef TR_BUDGET_H
#define TR_BUDGET_H

#include "lib/seal/seal.h"
#include <tryst/address.h>

enum {
    TR_BUDGET_BUCKETS = 256,
    TR_BUDGET_PORT_BURST = 32,   /* hellos at once to one address and port, */
    TR_BUDGET_PORT_RATE = 2,     /* and a second after that: a search needs 16 in its first 30 s */
    TR_BUDGET_HOST_BURST = 1024, /* to one address on all ports: a session of 64 behind one NAT, */
    TR_BUDGET_HOST_RATE = 64,    /* and a second after that */
};

struct tr_bucket {
    uint32_t tokens_milli; /* thousandths of a hello */
    uint32_t filled_ms;    /* when it was filled last */
};

struct tr_budget {
    uint8_t hash_key[TR_MAC_KEY];
    struct tr_bucket ports[TR_BUDGET_BUCKETS];
    struct tr_bucket hosts[TR_BUDGET_BUCKETS];
};

void tr_budget_init(struct tr_budget *budget, struct tr_random *random);

/* Takes one hello to an address out of its budgets. false: none is left, nothing was taken. */
bool tr_budget_take(struct tr_budget *budget, const struct tryst_address *to, uint32_t now_ms);

#endif
