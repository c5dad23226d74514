/* What each side says of a pair, against what the story knows to be true.
 * SPDX-License-Identifier: MIT */
#include "tests/sim/sim_story.h"

/* Decided at once: no hello could change it. */
#define AT_ONCE_US (50 * SIM_MS)
/* Else after the first rounds of hellos, and a spray where one is worth trying. */
#define AFTER_US (12 * SIM_S)

enum { OPTION_NONE, OPTION_SPRAY, OPTION_RELAY, OPTION_INSIDE };

static const struct {
    enum sim_site_kind a, b;
    uint8_t option; /* of a: denies sprays, wants the relay alone; or all of it is private */
    uint32_t pair;
    uint32_t reason;
    uint32_t side; /* as a sees it */
    uint64_t told_us;
} rows[] = {
    {SIM_SITE_PORT, SIM_SITE_PORT, OPTION_NONE, TRYST_PAIR_DIRECT, TRYST_REASON_NONE, 0, 0},
    {SIM_SITE_SYMMETRIC, SIM_SITE_PUBLIC, OPTION_NONE, TRYST_PAIR_DIRECT, TRYST_REASON_NONE, 0, 0},
    {SIM_SITE_SYMMETRIC, SIM_SITE_SYMMETRIC, OPTION_NONE, TRYST_PAIR_RELAYED,
     TRYST_REASON_BOTH_RANDOM, TRYST_SIDE_OWN | TRYST_SIDE_PEER, AT_ONCE_US},
    {SIM_SITE_PORT, SIM_SITE_SYMMETRIC, OPTION_SPRAY, TRYST_PAIR_RELAYED, TRYST_REASON_SPRAY_DENIED,
     TRYST_SIDE_OWN, AFTER_US},
    {SIM_SITE_SYMMETRIC, SIM_SITE_PORT, OPTION_SPRAY, TRYST_PAIR_RELAYED, TRYST_REASON_SPRAY_DENIED,
     TRYST_SIDE_OWN, AFTER_US},
    {SIM_SITE_PUBLIC, SIM_SITE_PUBLIC, OPTION_RELAY, TRYST_PAIR_RELAYED, TRYST_REASON_RELAY_ONLY,
     TRYST_SIDE_OWN, AT_ONCE_US},
    /* nothing is sprayed at a private address: no more comes of it, and that is told */
    {SIM_SITE_SYMMETRIC, SIM_SITE_PORT, OPTION_INSIDE, TRYST_PAIR_RELAYED,
     TRYST_REASON_RANDOM_FILTERED, TRYST_SIDE_OWN, AFTER_US},
};

enum { ROWS = sizeof rows / sizeof rows[0] };

static void check(struct sim_world *w, struct sim_client *c, struct sim_client *other, uint32_t row,
                  uint32_t side)
{
    struct tryst_why why;
    struct sim_peer *peer = sim_client_peer(c, other);
    if (peer == NULL || tryst_endpoint_why(c->endpoint, peer->handle, &why) != TRYST_OK) {
        sim_fail(w, "%s does not know %s", c->name, other->name);
        return;
    }
    sim_expect(w, why.pair == rows[row].pair && why.reason == rows[row].reason,
               "row %u: %s says %s, reason %u", row, c->name, why.sentence, why.reason);
    sim_expect(w, why.side == side, "row %u: %s says it is of side %u", row, c->name, why.side);
    sim_expect(w, peer->relayed_reason == rows[row].reason, "row %u: %s was told of reason %u", row,
               c->name, peer->relayed_reason);
    sim_expect(w,
               rows[row].told_us == 0 ? peer->relayed_us == 0
                                      : peer->relayed_us - peer->joined_us <= rows[row].told_us,
               "row %u: %s was told after %.3f ms", row, c->name,
               (double)(peer->relayed_us - peer->joined_us) / 1e3);
}

void sim_story_why(struct sim_world *w)
{
    uint32_t row = (uint32_t)(w->seed % ROWS);
    w->has_relay = true;
    w->net.is_inside = rows[row].option == OPTION_INSIDE;
    sim_server_make(w, SIM_DELAY_US, false);
    struct sim_client *a = sim_client_at(w, rows[row].a, SIM_DELAY_US);
    struct sim_client *b = sim_client_at(w, rows[row].b, SIM_DELAY_US);
    a->options.sockets = b->options.sockets = TRYST_SOCKETS_MAX;
    a->options.spray = rows[row].option == OPTION_SPRAY ? TRYST_SPRAY_DENY : TRYST_SPRAY_ALLOW;
    a->options.relay = rows[row].option == OPTION_RELAY ? TRYST_RELAY_ONLY : TRYST_RELAY_ALLOW;
    sim_start_all(w);
    sim_run_for(w, SIM_S);
    sim_two_join(w, (struct sim_two){a, b});
    sim_run_for(w, 20 * SIM_S);
    uint32_t side = rows[row].side;
    check(w, a, b, row, side);
    /* what is of one side is of the other for the other */
    check(w, b, a, row,
          (side & TRYST_SIDE_OWN ? TRYST_SIDE_PEER : 0) |
              (side & TRYST_SIDE_PEER ? TRYST_SIDE_OWN : 0));
    sim_expect_talk(w);
}
