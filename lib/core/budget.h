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
    TR_BUDGET_PORTS = 1024, /* buckets: what a mesh of 64 searches for at once */
    TR_BUDGET_HOSTS = 256,
    /* To one address and port at most 24 in any 30 s: 12 at once and one every 2.5 s after that. A
     * search sends 10 in its first second and 15 in its first 30. */
    TR_BUDGET_PORT_BURST = 12,
    TR_BUDGET_PORT_PERIOD_MS = 2500,
    /* To one host on all its ports: a session of 64 behind one NAT meets at once. */
    TR_BUDGET_HOST_BURST = 1024,
    TR_BUDGET_HOST_PERIOD_MS = 16,
};

struct tr_bucket {
    uint32_t tag;       /* whose it is */
    uint32_t credit_ms; /* a hello costs a period */
    uint32_t filled_ms; /* when it was filled last */
};

struct tr_budget {
    uint8_t hash_key[TR_MAC_KEY];
    struct tr_bucket ports[TR_BUDGET_PORTS];
    struct tr_bucket hosts[TR_BUDGET_HOSTS];
};

void tr_budget_init(struct tr_budget *budget, struct tr_random *random);

/* Takes one hello to an address out of its budgets. false: none is left, nothing was taken. */
bool tr_budget_take(struct tr_budget *budget, const struct tryst_address *to, uint32_t now_ms);

#endif
