/* What the rooms of a peer work with, for tests that have no endpoint.
 * SPDX-License-Identifier: MIT */
#ifndef KIT_FIXTURE_H
#define KIT_FIXTURE_H

#include "lib/core/kit.h"
#include "tests/unit/pair_fixture.h"

struct kit_fixture {
    struct tr_outbox outbox;
    struct tryst_stats stats;
    struct tr_budget budget;
    struct tr_hello_extra hello;
    struct tr_relay_way relay; /* closed */
    struct tr_sockets sockets; /* none */
    struct tr_nat nat;
    struct tryst_address locals[TRYST_LOCAL_MAX];
    struct tr_peer_kit kit;
};

/* With the normal times, at 100 s; it must stay where it is. */
void kit_fixture_init(struct kit_fixture *fixture, struct pair_side *own);
void kit_fixture_clear(struct kit_fixture *fixture);

#endif
