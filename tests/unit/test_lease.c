/* Cases of lib/driver/lease: which protocol is asked when, and what is believed.
 * SPDX-License-Identifier: MIT */
#include "lib/driver/lease.h"

#include "lib/base/deadline.h"
#include "tests/unit/unit.h"

static struct tr_lease lease;

static struct tr_lease_answer granted(const char *text, uint32_t lifetime_s)
{
    struct tr_lease_answer answer = {.word = TR_LEASE_GRANTED, .lifetime_s = lifetime_s};
    tryst_address_parse(&answer.external, text);
    return answer;
}

static void tell(uint64_t now_us, enum tr_lease_word word)
{
    tr_lease_input(&lease, now_us, &(struct tr_lease_answer){.word = word});
}

static void protocols_are_asked_in_turn_and_then_there_is_a_pause(void)
{
    tr_lease_start(&lease, TR_S);
    ASSERT_EQ_UINT(tr_lease_due(&lease, TR_S), TRYST_PORTMAP_PCP);
    tell(TR_S, TR_LEASE_SILENT);
    ASSERT_EQ_UINT(tr_lease_due(&lease, TR_S), TRYST_PORTMAP_NATPMP);
    tell(TR_S, TR_LEASE_SAYS_NO);
    ASSERT_EQ_UINT(tr_lease_due(&lease, TR_S), TRYST_PORTMAP_UPNP);
    tell(TR_S, TR_LEASE_SILENT);
    ASSERT_EQ_UINT(lease.state, TRYST_PORTMAP_WAITING);
    ASSERT_EQ_UINT(lease.why, TRYST_PORTMAP_REFUSED); /* says more than silence */
    ASSERT_EQ_UINT(tr_lease_due(&lease, 2 * TR_S), TRYST_PORTMAP_NO_PROTOCOL);
    uint64_t first = tr_lease_deadline(&lease) - TR_S;
    ASSERT_EQ_UINT(first, 300 * TR_S);
    uint64_t now_us = tr_lease_deadline(&lease);
    for (int round = 0; round < 10; round++) { /* doubling up to an hour */
        for (int i = 0; i < 3; i++) {
            ASSERT_TRUE(tr_lease_due(&lease, now_us) != TRYST_PORTMAP_NO_PROTOCOL);
            tell(now_us, TR_LEASE_SILENT);
        }
        uint64_t pause = tr_lease_deadline(&lease) - now_us;
        ASSERT_TRUE(pause >= 300 * TR_S && pause <= 3600 * TR_S);
        now_us = tr_lease_deadline(&lease);
    }
    ASSERT_EQ_UINT(lease.why, TRYST_PORTMAP_NO_ROUTER);
}

static void lease_is_renewed_at_half_of_its_life_by_who_granted_it(void)
{
    struct tr_lease_answer answer = granted("9.0.0.1:5000", 1200);
    tr_lease_start(&lease, 0);
    tell(0, TR_LEASE_SILENT);
    tr_lease_input(&lease, 0, &answer);
    ASSERT_EQ_UINT(lease.state, TRYST_PORTMAP_HELD);
    ASSERT_EQ_UINT(lease.why, TRYST_PORTMAP_FINE);
    ASSERT_EQ_UINT(lease.external.port, 5000);
    ASSERT_EQ_UINT(tr_lease_due(&lease, 599 * TR_S), TRYST_PORTMAP_NO_PROTOCOL);
    ASSERT_EQ_UINT(tr_lease_due(&lease, 600 * TR_S), TRYST_PORTMAP_NATPMP);
    tell(600 * TR_S, TR_LEASE_SILENT); /* then after half of what is left */
    ASSERT_EQ_UINT(lease.state, TRYST_PORTMAP_HELD);
    ASSERT_EQ_UINT(tr_lease_deadline(&lease), 900 * TR_S);
    tr_lease_input(&lease, 900 * TR_S, &answer);
    ASSERT_EQ_UINT(tr_lease_deadline(&lease), 1500 * TR_S);
    tell(1500 * TR_S, TR_LEASE_SAYS_NO); /* it is gone: all are asked anew, at once */
    ASSERT_EQ_UINT(lease.external.family, 0);
    ASSERT_EQ_UINT(tr_lease_due(&lease, 1500 * TR_S), TRYST_PORTMAP_PCP);
}

static void lease_that_nobody_renews_ends(void)
{
    struct tr_lease_answer answer = granted("9.0.0.1:5000", 8);
    uint64_t now_us = 0;
    tr_lease_start(&lease, 0);
    tr_lease_input(&lease, 0, &answer);
    for (int i = 0; i < 10 && lease.state == TRYST_PORTMAP_HELD; i++) {
        now_us = tr_lease_deadline(&lease);
        if (tr_lease_due(&lease, now_us) != TRYST_PORTMAP_NO_PROTOCOL && now_us < 8 * TR_S)
            tell(now_us, TR_LEASE_SILENT);
    }
    ASSERT_EQ_UINT(now_us, 8 * TR_S);
    ASSERT_EQ_UINT(lease.state, TRYST_PORTMAP_ASKING);
    ASSERT_EQ_UINT(lease.external.family, 0);
}

static void router_is_believed_no_further_than_makes_sense(void)
{
    static const struct {
        const char *external;
        uint32_t lifetime_s, why;
        bool is_held;
    } rows[] = {
        {"9.0.0.1:5000", 1, TRYST_PORTMAP_FINE, true},
        {"9.0.0.1:5000", UINT32_MAX, TRYST_PORTMAP_FINE, true},
        {"9.0.0.1:5000", 0, TRYST_PORTMAP_BROKEN, false},
        {"10.0.0.1:5000", 1200, TRYST_PORTMAP_DOUBLE_NAT, true},
        {"100.64.0.1:5000", 1200, TRYST_PORTMAP_DOUBLE_NAT, true},
        {"127.0.0.1:5000", 1200, TRYST_PORTMAP_BROKEN, false},
        {"224.0.0.1:5000", 1200, TRYST_PORTMAP_BROKEN, false},
        {"255.255.255.255:5000", 1200, TRYST_PORTMAP_BROKEN, false},
        {"[2a00::1]:5000", 1200, TRYST_PORTMAP_BROKEN, false},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct tr_lease_answer answer = granted(rows[i].external, rows[i].lifetime_s);
        tr_lease_start(&lease, 0);
        tr_lease_input(&lease, 0, &answer);
        ASSERT_ROW((lease.state == TRYST_PORTMAP_HELD) == rows[i].is_held, "row %zu", i);
        ASSERT_ROW(lease.why == rows[i].why, "row %zu: %u", i, lease.why);
        ASSERT_ROW(!rows[i].is_held || (tr_lease_deadline(&lease) >= 4 * TR_S &&
                                        tr_lease_deadline(&lease) <= 12 * 3600 * TR_S),
                   "row %zu", i);
    }
}

static void nothing_is_asked_when_none_is_wanted(void)
{
    struct tr_lease_answer answer = granted("9.0.0.1:5000", 1200);
    tr_lease_start(&lease, 0);
    tr_lease_stop(&lease);
    ASSERT_EQ_UINT(tr_lease_due(&lease, TR_NEVER - 1), TRYST_PORTMAP_NO_PROTOCOL);
    ASSERT_EQ_UINT(tr_lease_deadline(&lease), TR_NEVER);
    tr_lease_input(&lease, 0, &answer); /* late */
    ASSERT_EQ_UINT(lease.external.family, 0);
    tr_lease_start(&lease, 0);
    tr_lease_no_router(&lease, 0);
    ASSERT_EQ_UINT(lease.why, TRYST_PORTMAP_NO_ROUTER);
    ASSERT_EQ_UINT(lease.state, TRYST_PORTMAP_WAITING);
}

UNIT_MAIN("lease", UNIT_CASE(protocols_are_asked_in_turn_and_then_there_is_a_pause),
          UNIT_CASE(lease_is_renewed_at_half_of_its_life_by_who_granted_it),
          UNIT_CASE(lease_that_nobody_renews_ends),
          UNIT_CASE(router_is_believed_no_further_than_makes_sense),
          UNIT_CASE(nothing_is_asked_when_none_is_wanted))
