/* The hello budget: what one address, one host and many participants together may cost a victim.
 * SPDX-License-Identifier: MIT */
#include "lib/core/budget.h"
#include "tests/unit/unit.h"

static struct tr_budget budget;

static void start(uint8_t seed_byte)
{
    uint8_t seed[TR_KEY] = {seed_byte};
    struct tr_random random;
    tr_random_init(&random, seed);
    tr_budget_init(&budget, &random);
}

static struct tryst_address address(const char *text)
{
    struct tryst_address parsed;
    ASSERT_EQ_INT(tryst_address_parse(&parsed, text), TRYST_OK);
    return parsed;
}

static unsigned take_all(const struct tryst_address *to, uint32_t now_ms)
{
    unsigned taken = 0;
    while (taken < 100000 && tr_budget_take(&budget, to, now_ms))
        taken++;
    return taken;
}

static void budget_ends_at_the_burst_of_one_port(void)
{
    start(1);
    struct tryst_address victim = address("192.168.1.1:53");
    ASSERT_EQ_UINT(take_all(&victim, 0), TR_BUDGET_PORT_BURST);
    ASSERT_FALSE(tr_budget_take(&budget, &victim, TR_BUDGET_PORT_PERIOD_MS - 1));
    ASSERT_TRUE(tr_budget_take(&budget, &victim, TR_BUDGET_PORT_PERIOD_MS));
    ASSERT_FALSE(tr_budget_take(&budget, &victim, TR_BUDGET_PORT_PERIOD_MS));
}

static void budget_gives_one_port_24_in_any_30_seconds(void)
{
    start(6);
    struct tryst_address victim = address("45.1.2.3:4000");
    unsigned taken = 0;
    for (uint32_t now_ms = 0; now_ms < 30000; now_ms++)
        taken += tr_budget_take(&budget, &victim, now_ms);
    ASSERT_TRUE(taken >= 23 && taken <= 24);
}

static void budget_fills_up_to_the_burst_and_no_further(void)
{
    start(2);
    struct tryst_address victim = address("192.168.1.1:53");
    take_all(&victim, 0);
    ASSERT_EQ_UINT(take_all(&victim, 3600 * 1000), TR_BUDGET_PORT_BURST);
}

static void budget_of_a_host_bounds_all_its_ports(void)
{
    start(3);
    struct tryst_address victim = address("45.1.2.3:1");
    unsigned taken = 0;
    for (uint32_t port = 1; port < 65536; port++) {
        victim.port = (uint16_t)port;
        taken += tr_budget_take(&budget, &victim, 0);
    }
    ASSERT_EQ_UINT(taken, TR_BUDGET_HOST_BURST);
    ASSERT_EQ_UINT(take_all(&victim, 0), 0);
}

static void budget_of_one_host_leaves_another_alone(void)
{
    start(4);
    struct tryst_address victim = address("45.1.2.3:1");
    struct tryst_address other = address("45.1.2.4:1");
    for (uint32_t port = 1; port < 65536; port++) {
        victim.port = (uint16_t)port;
        tr_budget_take(&budget, &victim, 0);
    }
    ASSERT_TRUE(tr_budget_take(&budget, &other, 20000));
}

static void budget_lets_a_search_through(void)
{
    static const uint32_t rounds_ms[] = {0,   15,  40,   80,   140,  220,   320,  450,
                                         650, 900, 1800, 3600, 7200, 14400, 28800};
    start(5);
    struct tryst_address peer = address("[2a02::1]:7000");
    for (size_t i = 0; i < UNIT_COUNT(rounds_ms); i++)
        ASSERT_ROW(tr_budget_take(&budget, &peer, rounds_ms[i]), "round %zu", i);
}

/* A peer that moves to a fresh port must be reached there, however often its old one was tried. */
static void budget_of_one_port_leaves_others_alone(void)
{
    struct tryst_address peer = address("45.1.2.3:4000");
    unsigned refused = 0;
    for (uint8_t seed = 0; seed < 100; seed++) {
        start(seed);
        for (peer.port = 4000; peer.port < 4008; peer.port++) {
            ASSERT_EQ_UINT(take_all(&peer, 0), TR_BUDGET_PORT_BURST);
            for (uint16_t other = 5000; other < 5030; other++) {
                struct tryst_address fresh = peer;
                fresh.port = other;
                refused += other % 10 == peer.port % 10 && !tr_budget_take(&budget, &fresh, 0);
            }
        }
    }
    ASSERT_EQ_UINT(refused, 0);
}

/* Naming many addresses does not make more of the buckets than there are. */
static void budget_of_many_addresses_is_bounded(void)
{
    start(7);
    struct tryst_address many = address("45.0.0.1:4000");
    unsigned taken = 0;
    for (uint32_t i = 0; i < 200000; i++) {
        many.ip[1] = (uint8_t)(i >> 16);
        many.ip[2] = (uint8_t)(i >> 8);
        many.ip[3] = (uint8_t)i;
        taken += tr_budget_take(&budget, &many, 0);
    }
    ASSERT_TRUE(taken <= TR_BUDGET_PORTS * TR_BUDGET_PORT_BURST);
}

UNIT_MAIN("budget", UNIT_CASE(budget_ends_at_the_burst_of_one_port),
          UNIT_CASE(budget_gives_one_port_24_in_any_30_seconds),
          UNIT_CASE(budget_fills_up_to_the_burst_and_no_further),
          UNIT_CASE(budget_of_a_host_bounds_all_its_ports),
          UNIT_CASE(budget_of_one_host_leaves_another_alone),
          UNIT_CASE(budget_of_one_port_leaves_others_alone),
          UNIT_CASE(budget_of_many_addresses_is_bounded), UNIT_CASE(budget_lets_a_search_through))
