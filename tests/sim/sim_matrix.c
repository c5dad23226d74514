/* Every kind of NAT against every other: who meets whom, and how soon.
 * SPDX-License-Identifier: MIT */
#include "tests/sim/sim_story.h"

#include <stdio.h>
#include <string.h>

/* With both warm and joined at 0, each learns of the other one server round trip S later; the hellos
 * cross and the first datagram follows: S + P, the least that the scheme allows. */
#define LEAST_US (2 * SIM_RTT_US)
/* Where only one side's hello arrives at first, its own first datagram waits for the answer. */
#define RELAYED_US (3 * SIM_RTT_US)
#define HALF_US (LEAST_US + SIM_RTT_US / 2)

/* By the rows and columns of SIM_SITES. D: both ways in S + P. H: one side half a peer's round trip
 * later. '-': never without a relay. The values are those measured on netfilter (docs/NETFILTER.md). */
static const char *const table[SIM_SITE_COUNT] = {
    /* pub fw cone restr port carr sy-ip sym */
    "D",        /* public */
    "DD",       /* firewall */
    "DDD",      /* full-cone */
    "DDDD",     /* restricted */
    "DDDDD",    /* port-restricted */
    "DDDDDD",   /* carrier */
    "H-HH---",  /* symmetric-ip */
    "H-HH----", /* symmetric */
};

enum special {
    SAME_HAIRPIN,
    SAME_NO_HAIRPIN,
    CARRIER_HAIRPIN,
    CARRIER_NO_HAIRPIN,
    IPV6_ONLY_OPEN,
    SAME_LAN_PUBLIC,
    SPECIAL_COUNT,
};

/* Two columns: the first message at a, and at b; 0: never. */
static const struct {
    const char *name;
    uint64_t bound_us[2];
} specials[SPECIAL_COUNT] = {
    [SAME_HAIRPIN] = {"same-nat-hairpin", {SIM_RTT_US, SIM_RTT_US}},
    [SAME_NO_HAIRPIN] = {"same-nat", {SIM_RTT_US, SIM_RTT_US}},
    /* The hello that comes to the carrier first is filtered there; the other one opens the way. */
    [CARRIER_HAIRPIN] = {"same-carrier-hairpin", {HALF_US, HALF_US}},
    [CARRIER_NO_HAIRPIN] = {"same-carrier", {0, 0}},
    [IPV6_ONLY_OPEN] = {"symmetric-with-ipv6", {LEAST_US, LEAST_US}},
    [SAME_LAN_PUBLIC] = {"same-firewall", {SIM_RTT_US, SIM_RTT_US}},
};

#define PAIR_COUNT (SIM_SITE_COUNT * (SIM_SITE_COUNT + 1) / 2)
#define NEVER_US (15 * SIM_S)

/* The same cells again, with the relay. */
#define CELL_COUNT (PAIR_COUNT + SPECIAL_COUNT)

uint32_t sim_matrix_count(void)
{
    return 2 * CELL_COUNT;
}

static void split(uint32_t cell, uint32_t *row, uint32_t *column)
{
    *row = 0;
    while (cell > *row)
        cell -= ++*row;
    *column = cell;
}

void sim_matrix_name(uint32_t cell, char *name, size_t size)
{
    uint32_t row;
    uint32_t column;
    if (cell >= CELL_COUNT) {
        sim_matrix_name(cell - CELL_COUNT, name, size - 8);
        snprintf(name + strlen(name), 9, "+relay");
        return;
    }
    if (cell >= PAIR_COUNT) {
        snprintf(name, size, "cell-%s", specials[cell - PAIR_COUNT].name);
        return;
    }
    split(cell, &row, &column);
    snprintf(name, size, "cell-%s+%s", sim_site_name(row), sim_site_name(column));
}

void sim_matrix_bounds(uint32_t cell, uint64_t bound_us[2])
{
    uint32_t row;
    uint32_t column;
    if (cell >= CELL_COUNT) {
        /* All of them meet, and none is later for it; but who hears the other by the server first, or at
         * the same moment, answers that way at once. */
        sim_matrix_bounds(cell - CELL_COUNT, bound_us);
        for (int i = 0; i < 2; i++)
            bound_us[i] = bound_us[i] == 0 || bound_us[i] > LEAST_US ? RELAYED_US : bound_us[i];
        return;
    }
    if (cell >= PAIR_COUNT) {
        memcpy(bound_us, specials[cell - PAIR_COUNT].bound_us, 2 * sizeof bound_us[0]);
        return;
    }
    split(cell, &row, &column);
    char outcome = table[row][column];
    bound_us[0] = bound_us[1] = outcome == '-' ? 0 : LEAST_US;
    /* The row's side is symmetric: its hello is heard, and its own first word comes later. */
    if (outcome == 'H')
        bound_us[1] = HALF_US;
}

bool sim_matrix_is_direct(enum sim_site_kind a, enum sim_site_kind b)
{
    return (a >= b ? table[a][b] : table[b][a]) != '-';
}

static struct sim_two same_site(struct sim_world *w, enum sim_site_kind kind, bool hairpin)
{
    struct sim_site *site = sim_site_make(w, kind, SIM_DELAY_US);
    struct sim_two two;
    site->box->v4.hairpin = hairpin;
    two.a = sim_site_client(w, site);
    two.b = sim_site_client(w, site);
    return two;
}

static struct sim_two same_carrier(struct sim_world *w, bool hairpin)
{
    struct sim_behaviour v4 = sim_site_behaviour(SIM_SITE_CARRIER);
    struct sim_behaviour v6 = {.is_closed = true};
    struct sim_two two;
    v4.hairpin = hairpin;
    struct sim_box *carrier = sim_box_make(w, &w->net.core, sim_net_public4(w), &v4, &v6, 0);
    two.a = sim_site_client(w, sim_site_home(w, carrier->inner, SIM_DELAY_US));
    two.b = sim_site_client(w, sim_site_home(w, carrier->inner, SIM_DELAY_US));
    return two;
}

static struct sim_two make_special(struct sim_world *w, enum special special)
{
    struct sim_two two;
    switch (special) {
    case SAME_HAIRPIN:
        return same_site(w, SIM_SITE_PORT, true);
    case SAME_NO_HAIRPIN:
        return same_site(w, SIM_SITE_PORT, false);
    case SAME_LAN_PUBLIC:
        return same_site(w, SIM_SITE_FIREWALL, false);
    case CARRIER_HAIRPIN:
        return same_carrier(w, true);
    case CARRIER_NO_HAIRPIN:
        return same_carrier(w, false);
    default:
        two.a = sim_site_client(w, sim_site_make_ipv6(w, SIM_SITE_SYMMETRIC, SIM_DELAY_US));
        two.b = sim_site_client(w, sim_site_make_ipv6(w, SIM_SITE_SYMMETRIC, SIM_DELAY_US));
        return two;
    }
}

/* Unreachable is said, with its stage, and nothing came. */
static void check_never(struct sim_world *w, struct sim_two two, const uint64_t got_us[2])
{
    sim_expect(w, got_us[0] == 0 && got_us[1] == 0, "messages came where none can");
    struct sim_client *sides[2] = {two.a, two.b};
    for (int i = 0; i < 2; i++) {
        struct sim_peer *peer = sim_client_peer(sides[i], sides[1 - i]);
        sim_expect(w,
                   peer != NULL && peer->last.type == TRYST_EVENT_UNREACHABLE &&
                       peer->last.stage == TRYST_STAGE_PUNCH,
                   "%s was not told that %s is unreachable, stage punch", sides[i]->name,
                   sides[1 - i]->name);
    }
}

/* What each side says of it is true. */
static void check_why(struct sim_world *w, struct sim_two two, bool is_direct)
{
    struct sim_client *sides[2] = {two.a, two.b};
    for (int i = 0; i < 2; i++) {
        struct tryst_why why;
        struct sim_peer *peer = sim_client_peer(sides[i], sides[1 - i]);
        if (peer == NULL ||
            tryst_endpoint_why(sides[i]->endpoint, peer->handle, &why) != TRYST_OK) {
            sim_fail(w, "%s does not know %s", sides[i]->name, sides[1 - i]->name);
            return;
        }
        uint32_t wanted = is_direct      ? TRYST_PAIR_DIRECT
                          : w->has_relay ? TRYST_PAIR_RELAYED
                                         : TRYST_PAIR_UNREACHABLE;
        sim_expect(w, why.pair == wanted, "%s says %s of a pair that is %s", sides[i]->name,
                   why.sentence, tryst_pair_name(wanted));
        sim_expect(w,
                   is_direct == (why.reason == TRYST_REASON_NONE) &&
                       why.reason != TRYST_REASON_TRYING && why.reason != TRYST_REASON_HIDDEN &&
                       why.reason != TRYST_REASON_NO_UDP,
                   "%s gives reason %u: %s", sides[i]->name, why.reason, why.sentence);
        sim_expect(w, peer->relayed_us != 0 || is_direct || !w->has_relay,
                   "%s was not told that %s is relayed", sides[i]->name, sides[1 - i]->name);
    }
}

void sim_matrix_run(struct sim_world *w, uint32_t cell, uint64_t got_us[2])
{
    uint64_t bound_us[2];
    uint32_t row = 0;
    uint32_t column = 0;
    struct sim_two two;
    sim_matrix_bounds(cell, bound_us);
    w->has_relay = cell >= CELL_COUNT;
    cell %= CELL_COUNT;
    sim_server_make(w, SIM_DELAY_US, cell >= PAIR_COUNT);
    if (cell >= PAIR_COUNT) {
        two = make_special(w, cell - PAIR_COUNT);
    } else {
        split(cell, &row, &column);
        two = sim_two_make(w, row, column);
    }
    sim_two_join(w, two);
    uint64_t start_us = w->now_us;
    sim_run_for(w, bound_us[0] == 0 ? NEVER_US : 5 * SIM_S);
    got_us[0] = sim_ledger_pair(w, two.b->index, two.a->index)->first_us;
    got_us[1] = sim_ledger_pair(w, two.a->index, two.b->index)->first_us;
    for (int i = 0; i < 2; i++)
        got_us[i] -= got_us[i] != 0 ? start_us : 0;
    sim_events_check_rosters(w);
    bool is_direct =
        cell >= PAIR_COUNT ? cell - PAIR_COUNT != CARRIER_NO_HAIRPIN : table[row][column] != '-';
    check_why(w, two, is_direct);
    if (bound_us[0] == 0) {
        check_never(w, two, got_us);
        return;
    }
    for (int i = 0; i < 2; i++)
        sim_expect(w, got_us[i] != 0 && got_us[i] <= bound_us[i] + bound_us[i] / 20,
                   "side %d had its first message after %.3f ms, the bound is %.3f", i,
                   (double)got_us[i] / 1e3, (double)(bound_us[i] + bound_us[i] / 20) / 1e3);
    sim_expect_talk(w);
}
