/* A kit of its own.
 * SPDX-License-Identifier: MIT */
#include "tests/unit/kit_fixture.h"

void kit_fixture_init(struct kit_fixture *fixture, struct pair_side *own)
{
    memset(fixture, 0, sizeof *fixture);
    tr_outbox_init(&fixture->outbox, 64);
    tr_budget_init(&fixture->budget, &own->random);
    fixture->kit = (struct tr_peer_kit){
        .identity = &own->identity,
        .outbox = &fixture->outbox,
        .random = &own->random,
        .stats = &fixture->stats,
        .budget = &fixture->budget,
        .relay = &fixture->relay,
        .sockets = &fixture->sockets,
        .nat = &fixture->nat,
        .locals = fixture->locals,
        .hello = &fixture->hello,
        .times = {.keepalive_us = 5 * TR_S, .path_us = 15 * TR_S},
        .peer_us = 30 * TR_S,
        .punch_us = 10 * TR_S,
        .rekey_us = 120 * TR_S,
        .now_us = 100 * TR_S,
    };
}

void kit_fixture_clear(struct kit_fixture *fixture)
{
    tr_outbox_clear(&fixture->outbox);
}
