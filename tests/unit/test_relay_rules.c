/* Cases of server/relay: pairs that the operator's rules are asked about.
 * SPDX-License-Identifier: MIT */
#include "tests/unit/relay_fixture.h"
#include <stdlib.h>

enum { HELLO = 264, DATA = 1179, DEADLINE_MS = 50 };

static void start(void)
{
    relay_start(NULL);
    ASSERT_EQ_INT(tr_service_set_rules(relay.world.service, 1U << TRYST_POLICY_RELAY, DEADLINE_MS,
                                       relay.world.now_us),
                  TRYST_OK);
}

/* The next question's ticket; 0: there is none. request: NULL, or receives what it says. */
static uint32_t question(struct tryst_policy_request **request)
{
    struct tr_question next;

    if (!tr_service_question(relay.world.service, &next))
        return 0;
    ASSERT_EQ_UINT(next.hook, TRYST_POLICY_RELAY);
    if (request != NULL)
        ASSERT_EQ_INT(tryst_policy_request_decode(request, next.data, next.size), TRYST_OK);
    free(next.data);
    return next.ticket;
}

static void answer(uint32_t ticket, const struct tryst_policy_answer *given)
{
    tr_service_answered(relay.world.service, relay.world.now_us, ticket, TRYST_POLICY_RELAY, given);
    fake_deliver(&relay.world);
}

static void rules_are_asked_once_for_both(void)
{
    const struct tryst_policy_answer allow = {.is_allowed = 1, .relay_kbps = 500};
    struct tryst_policy_request *request = NULL;
    uint32_t ticket;

    start();
    relay_say(relay.a, relay.b, TR_HELLO, HELLO);
    ASSERT_EQ_UINT(question(NULL), 0);
    relay_say(relay.b, relay.a, TR_HELLO, HELLO);
    ticket = question(&request);
    ASSERT_TRUE(ticket != 0);
    ASSERT_EQ_MEM(tryst_policy_request_key(request), relay.b->identity, TR_KEY);
    ASSERT_EQ_MEM(tryst_policy_request_session(request), relay.b->body.record.session,
                  TR_SESSION_BYTES);
    ASSERT_EQ_UINT(tryst_policy_request_participants(request), 1);
    ASSERT_EQ_MEM(tryst_policy_request_participant_key(request, 0), relay.a->identity, TR_KEY);
    ASSERT_EQ_UINT(tryst_policy_request_address(request).port, relay.b->address.port);
    tryst_policy_request_destroy(request);
    relay_say(relay.a, relay.b, TR_DATA, DATA);
    ASSERT_EQ_UINT(question(NULL), 0);
    ASSERT_EQ_UINT(relay.a->relays + relay.b->relays + relay.a->grants, 0);
    answer(ticket, &allow);
    ASSERT_EQ_UINT(relay.a->relays, 1); /* both hellos had been kept */
    ASSERT_EQ_UINT(relay.b->relays, 1);
    ASSERT_EQ_UINT(relay.a->grant.kbps, 500);
    ASSERT_EQ_UINT(relay.b->grant.kbps, 500);
    answer(ticket, &allow);
    ASSERT_EQ_UINT(relay.a->grants, 1);
    relay_say(relay.a, relay.b, TR_DATA, DATA);
    ASSERT_TRUE(relay_is_passed_on(relay.b, relay.a));
    ASSERT_EQ_UINT(question(NULL), 0);
    fake_run(&relay.world, TR_S);
    for (int i = 0; i < 100; i++) /* a quarter of a second at 500 kbit is 13 of them */
        relay_say(relay.a, relay.b, TR_DATA, DATA);
    ASSERT_EQ_UINT(relay_stats()->drop_relay_leg, 84);
    fake_world_clear(&relay.world);
}

static void what_is_denied_stays_so_for_a_minute(void)
{
    const struct tryst_policy_answer deny = {.is_allowed = 0};
    struct tr_verdict verdict;

    start();
    relay_open_pair();
    answer(question(NULL), &deny);
    ASSERT_EQ_UINT(relay.a->grants, 1);
    ASSERT_EQ_UINT(relay.b->grants, 1);
    ASSERT_EQ_UINT(relay.a->grant.reason, TRYST_REASON_DENIED);
    ASSERT_EQ_UINT(relay.b->grant.slot, relay.a->registered.slot);
    ASSERT_EQ_UINT(relay_stats()->policy_denied, 1);
    ASSERT_TRUE(tr_service_verdict(relay.world.service, &verdict));
    ASSERT_EQ_UINT(verdict.hook, TRYST_POLICY_RELAY);
    ASSERT_EQ_MEM(verdict.key, relay.b->identity, TR_KEY);
    fake_run(&relay.world, 59 * TR_S);
    relay_open_pair();
    ASSERT_EQ_UINT(question(NULL), 0);
    fake_run(&relay.world, TR_S);
    relay_open_pair();
    ASSERT_TRUE(question(NULL) != 0);
    ASSERT_EQ_UINT(relay_stats()->relayed, 0);
    fake_world_clear(&relay.world);
}

static void answer_that_is_late_is_a_no(void)
{
    const struct tryst_policy_answer allow = {.is_allowed = 1};
    struct tr_verdict verdict;
    uint32_t ticket;

    start();
    relay_open_pair();
    ticket = question(NULL);
    fake_run(&relay.world, DEADLINE_MS * TR_MS - 1);
    ASSERT_EQ_UINT(relay_stats()->policy_late, 0);
    fake_run(&relay.world, 1);
    ASSERT_EQ_UINT(relay_stats()->policy_late, 1);
    ASSERT_EQ_UINT(relay.a->grant.reason, TRYST_REASON_DENIED);
    ASSERT_TRUE(tr_service_verdict(relay.world.service, &verdict));
    ASSERT_EQ_UINT(verdict.ticket, ticket);
    answer(ticket, &allow);
    ASSERT_EQ_UINT(relay_stats()->relayed, 0);
    fake_world_clear(&relay.world);
}

static void answer_for_somebody_who_left_is_passed_over(void)
{
    const struct tryst_policy_answer allow = {.is_allowed = 1};
    uint32_t ticket;

    start();
    relay_open_pair();
    ticket = question(NULL);
    fake_leave(&relay.world, relay.a);
    answer(ticket, &allow);
    answer(ticket | 77, &allow);
    ASSERT_EQ_UINT(relay_stats()->relayed, 0);
    ASSERT_EQ_UINT(relay_stats()->relay_pairs, 0);
    fake_world_clear(&relay.world);
}

static void answer_that_makes_no_sense_is_a_no(void)
{
    const struct tryst_policy_answer wrong = {.is_allowed = 1, .relay_kbps = 10000001};

    start();
    relay_open_pair();
    answer(question(NULL), &wrong);
    ASSERT_EQ_UINT(relay.a->grant.reason, TRYST_REASON_DENIED);
    ASSERT_EQ_UINT(relay_stats()->policy_failed, 1);
    fake_world_clear(&relay.world);
}

UNIT_MAIN("relay_rules", UNIT_CASE(rules_are_asked_once_for_both),
          UNIT_CASE(what_is_denied_stays_so_for_a_minute), UNIT_CASE(answer_that_is_late_is_a_no),
          UNIT_CASE(answer_for_somebody_who_left_is_passed_over),
          UNIT_CASE(answer_that_makes_no_sense_is_a_no))
