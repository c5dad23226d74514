/* Registrations that wait for the operator's rules: asked in order, answered at once or later, denied
 * after the deadline; and what the rules may grant.
 * SPDX-License-Identifier: MIT */
#include "lib/base/deadline.h"
#include "tests/unit/fake_client.h"
#include "tests/unit/unit.h"
#include <stdlib.h>

enum {
    ALL_HOOKS = (1 << TRYST_POLICY_RELAY) - 1,
    NEWCOMER_HOOKS =
        1 << TRYST_POLICY_REGISTER | 1 << TRYST_POLICY_SESSION_OPEN | 1 << TRYST_POLICY_JOIN,
    DEADLINE_MS = 50,
};

static const struct tryst_policy_answer allow = {.is_allowed = 1};

static void start(struct fake_world *world, uint32_t hooks)
{
    fake_world_init(world, NULL);
    ASSERT_EQ_INT(tr_service_set_rules(world->service, hooks, DEADLINE_MS, world->now_us),
                  TRYST_OK);
}

/* The next question's hook, its request read; 99: there is none. */
static uint32_t next_question(struct fake_world *world, uint32_t *ticket,
                              struct tryst_policy_request **request)
{
    struct tr_question question;
    if (!tr_service_question(world->service, &question))
        return 99;
    *ticket = question.ticket;
    tryst_policy_request_destroy(*request);
    *request = NULL;
    ASSERT_EQ_INT(tryst_policy_request_decode(request, question.data, question.size), TRYST_OK);
    ASSERT_EQ_UINT(tryst_policy_request_hook(*request), question.hook);
    free(question.data);
    return question.hook;
}

static void answer(struct fake_world *world, uint32_t ticket,
                   const struct tryst_policy_answer *given)
{
    tr_service_answered(world->service, world->now_us, ticket, 0, given);
    fake_deliver(world);
}

/* Answers all that is asked. Returns how many questions there were. */
static uint32_t answer_all(struct fake_world *world, const struct tryst_policy_answer *given)
{
    struct tr_question question;
    uint32_t count = 0;
    while (tr_service_question(world->service, &question)) {
        free(question.data);
        if (question.ticket != 0)
            answer(world, question.ticket, given);
        count++;
    }
    return count;
}

static void rules_are_asked_in_order_and_hold_the_newcomer(void)
{
    struct fake_world world;
    struct tryst_policy_request *request = NULL;
    uint32_t ticket = 0;
    start(&world, NEWCOMER_HOOKS);
    struct fake_client *alice = fake_world_add(&world, 0, 1);
    memcpy(alice->body.user_data, "hi", 2);
    alice->body.user_data_size = 2;
    fake_join(&world, alice);
    ASSERT_EQ_UINT(alice->answers, 0);
    ASSERT_EQ_UINT(next_question(&world, &ticket, &request), TRYST_POLICY_REGISTER);
    ASSERT_EQ_MEM(tryst_policy_request_key(request), alice->identity, TR_KEY);
    ASSERT_EQ_MEM(tryst_policy_request_app(request), alice->app, TR_APP_BYTES);
    ASSERT_EQ_MEM(tryst_policy_request_session(request), alice->body.record.session,
                  TR_SESSION_BYTES);
    struct tryst_address address = tryst_policy_request_address(request);
    ASSERT_EQ_INT(tryst_address_compare(&address, &alice->address), 0);
    size_t size;
    ASSERT_EQ_MEM(tryst_policy_request_data(request, &size), "hi", 2);
    ASSERT_EQ_UINT(size, 2);
    ASSERT_EQ_UINT(next_question(&world, &ticket, &request), 99);
    answer(&world, ticket, &allow);
    ASSERT_EQ_UINT(next_question(&world, &ticket, &request), TRYST_POLICY_SESSION_OPEN);
    answer(&world, ticket, &allow);
    ASSERT_EQ_UINT(next_question(&world, &ticket, &request), TRYST_POLICY_JOIN);
    ASSERT_EQ_UINT(tryst_policy_request_participants(request), 0);
    ASSERT_EQ_UINT(alice->answers, 0);
    answer(&world, ticket, &allow);
    ASSERT_EQ_UINT(alice->answers, 1);

    struct fake_client *bob = fake_world_add(&world, 1, 1);
    fake_run(&world, 3 * TR_S);
    fake_join(&world, bob);
    ASSERT_EQ_UINT(next_question(&world, &ticket, &request), TRYST_POLICY_REGISTER);
    answer(&world, ticket, &allow);
    ASSERT_EQ_UINT(next_question(&world, &ticket, &request), TRYST_POLICY_JOIN);
    ASSERT_EQ_UINT(tryst_policy_request_participants(request), 1);
    ASSERT_EQ_MEM(tryst_policy_request_participant_key(request, 0), alice->identity, TR_KEY);
    ASSERT_TRUE(tryst_policy_request_participant_ms(request, 0) >= 3000);
    answer(&world, ticket, &allow);
    ASSERT_EQ_UINT(bob->answers, 1);
    ASSERT_TRUE(fake_roster_is_right(&world, bob));
    tryst_policy_request_destroy(request);
    fake_world_clear(&world);
}

static void rules_that_deny_give_the_player_their_words(void)
{
    static const struct tryst_policy_answer deny = {.reason = "not before eight"};
    struct fake_world world;
    struct tr_verdict verdict;
    start(&world, 1 << TRYST_POLICY_JOIN);
    struct fake_client *alice = fake_world_add(&world, 0, 1);
    fake_join(&world, alice);
    ASSERT_EQ_UINT(answer_all(&world, &deny), 1);
    ASSERT_EQ_UINT(alice->refusals, 1);
    ASSERT_EQ_UINT(alice->refused.reason, TRYST_REASON_DENIED);
    ASSERT_EQ_UINT(alice->refused.retry_ms, 0);
    ASSERT_EQ_UINT(alice->refused.detail_size, 16);
    ASSERT_EQ_MEM(alice->refused.detail, "not before eight", 16);
    ASSERT_TRUE(tr_service_verdict(world.service, &verdict));
    ASSERT_EQ_UINT(verdict.hook, TRYST_POLICY_JOIN);
    ASSERT_EQ_MEM(verdict.key, alice->identity, TR_KEY);
    ASSERT_FALSE(tr_service_verdict(world.service, &verdict));
    ASSERT_EQ_UINT(tr_service_stats(world.service)->policy_denied, 1);
    ASSERT_EQ_UINT(tr_service_stats(world.service)->participants, 0);
    fake_world_clear(&world);
}

/* Clients send each REGISTER several times. */
static void copies_of_a_registration_are_asked_about_once(void)
{
    static const struct tryst_policy_answer deny = {.reason = "no"};
    struct fake_world world;
    struct tr_question question;
    start(&world, 1 << TRYST_POLICY_JOIN);
    struct fake_client *alice = fake_world_add(&world, 0, 1);
    fake_join(&world, alice);
    for (int i = 0; i < 3; i++)
        fake_input(&world, &alice->address, alice->request, TR_DATAGRAM_BYTES);
    ASSERT_TRUE(tr_service_question(world.service, &question));
    free(question.data);
    ASSERT_EQ_UINT(alice->refusals, 0);
    answer(&world, question.ticket, &deny);
    ASSERT_EQ_UINT(alice->refusals, 1);
    fake_input(&world, &alice->address, alice->request, TR_DATAGRAM_BYTES);
    ASSERT_EQ_UINT(alice->refusals, 2);
    ASSERT_EQ_MEM(alice->refused.detail, "no", 2);
    ASSERT_EQ_UINT(answer_all(&world, &allow), 0);
    /* The moment is over: it is a question again. */
    fake_run(&world, 2 * TR_S);
    fake_input(&world, &alice->address, alice->request, TR_DATAGRAM_BYTES);
    ASSERT_EQ_UINT(answer_all(&world, &allow), 1);
    ASSERT_EQ_UINT(alice->answers, 1);
    fake_world_clear(&world);
}

static void no_answer_by_the_deadline_denies(void)
{
    struct fake_world world;
    struct tryst_policy_request *request = NULL;
    struct tr_verdict verdict;
    uint32_t ticket = 0;
    start(&world, 1 << TRYST_POLICY_REGISTER);
    struct fake_client *alice = fake_world_add(&world, 0, 1);
    fake_join(&world, alice);
    ASSERT_EQ_UINT(next_question(&world, &ticket, &request), TRYST_POLICY_REGISTER);
    fake_run(&world, (DEADLINE_MS - 1) * TR_MS);
    ASSERT_EQ_UINT(alice->refusals, 0);
    fake_run(&world, 2 * TR_MS);
    ASSERT_EQ_UINT(alice->refusals, 1);
    ASSERT_EQ_UINT(alice->refused.reason, TRYST_REASON_DENIED);
    ASSERT_TRUE(alice->refused.retry_ms > 0);
    ASSERT_TRUE(tr_service_verdict(world.service, &verdict));
    ASSERT_EQ_UINT(verdict.ticket, ticket);
    ASSERT_EQ_UINT(verdict.answer.failure, TRYST_POLICY_FAILURE_TIMEOUT);
    ASSERT_EQ_UINT(tr_service_stats(world.service)->policy_late, 1);
    answer(&world, ticket, &allow); /* too late: passed over */
    ASSERT_EQ_UINT(alice->answers, 0);
    ASSERT_EQ_UINT(tr_service_stats(world.service)->participants, 0);
    tryst_policy_request_destroy(request);
    fake_world_clear(&world);
}

static void answers_that_fail_or_make_no_sense_deny(void)
{
    static const struct {
        struct tryst_policy_answer answer;
        const char *why;
    } rows[] = {
        {{.is_allowed = 1, .failure = TRYST_POLICY_FAILURE_ERROR}, "a failure beats the yes"},
        {{.failure = TRYST_POLICY_FAILURE_CRASH}, "a crash"},
        {{.is_allowed = 1, .addresses = 3}, "addresses out of range"},
        {{.is_allowed = 1, .data_size = 129}, "data out of range"},
        {{.is_allowed = 1, .max_participants = 257}, "participants out of range"},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct fake_world world;
        start(&world, 1 << TRYST_POLICY_JOIN);
        struct fake_client *alice = fake_world_add(&world, 0, 1);
        fake_join(&world, alice);
        answer_all(&world, &rows[i].answer);
        ASSERT_ROW(alice->refusals == 1 && alice->answers == 0, "%s", rows[i].why);
        ASSERT_ROW(tr_service_stats(world.service)->policy_failed == 1, "%s", rows[i].why);
        fake_world_clear(&world);
    }
}

static void who_is_there_is_not_asked_about_again(void)
{
    struct fake_world world;
    start(&world, NEWCOMER_HOOKS);
    struct fake_client *alice = fake_world_add(&world, 0, 1);
    fake_join(&world, alice);
    ASSERT_EQ_UINT(answer_all(&world, &allow), 3);
    fake_register(&world, alice);
    ASSERT_EQ_UINT(alice->answers, 2);
    ASSERT_EQ_UINT(answer_all(&world, &allow), 0);
    fake_world_clear(&world);
}

static void rules_set_how_many_a_session_holds(void)
{
    static const struct tryst_policy_answer two = {.is_allowed = 1, .max_participants = 2};
    struct fake_world world;
    start(&world, 1 << TRYST_POLICY_SESSION_OPEN);
    for (uint32_t i = 0; i < 3; i++) {
        fake_join(&world, fake_world_add(&world, i, 1));
        answer_all(&world, &two);
    }
    ASSERT_EQ_UINT(world.clients[0]->registered.participants_max, 2);
    ASSERT_EQ_UINT(world.clients[1]->answers, 1);
    ASSERT_EQ_UINT(world.clients[2]->refused.reason, TRYST_REASON_SESSION_FULL);
    fake_world_clear(&world);
}

static void rules_hand_bytes_to_the_participant_alone(void)
{
    static const struct tryst_policy_answer team = {
        .is_allowed = 1, .data_size = 4, .data = "blue"};
    struct fake_world world;
    start(&world, 1 << TRYST_POLICY_JOIN);
    struct fake_client *alice = fake_world_add(&world, 0, 1);
    fake_join(&world, alice);
    answer_all(&world, &team);
    ASSERT_EQ_UINT(alice->registered.data_size, 4);
    ASSERT_EQ_MEM(alice->registered.data, "blue", 4);
    fake_register(&world, alice); /* and again with each answer */
    ASSERT_EQ_UINT(alice->registered.data_size, 4);
    fake_world_clear(&world);
}

static void a_participant_whose_time_is_over_is_told_and_asked_about_anew(void)
{
    static const struct tryst_policy_answer brief = {.is_allowed = 1, .expires_s = 10};
    struct fake_world world;
    start(&world, 1 << TRYST_POLICY_JOIN);
    struct fake_client *alice = fake_world_add(&world, 0, 1);
    fake_join(&world, alice);
    answer_all(&world, &brief);
    fake_run(&world, 9900 * TR_MS);
    ASSERT_EQ_UINT(alice->leaves, 0);
    fake_run(&world, 200 * TR_MS);
    ASSERT_EQ_UINT(alice->leaves, 1);
    ASSERT_EQ_UINT(alice->leave_reason, TRYST_REASON_EXPIRED);
    ASSERT_EQ_UINT(tr_service_stats(world.service)->participants, 0);
    fake_register(&world, alice);
    ASSERT_EQ_UINT(answer_all(&world, &allow), 1);
    fake_run(&world, 20 * TR_S);
    ASSERT_EQ_UINT(alice->leaves, 1);
    fake_world_clear(&world);
}

static void leaving_and_the_end_of_a_session_are_told(void)
{
    struct fake_world world;
    struct tryst_policy_request *request = NULL;
    uint32_t ticket = 0;
    start(&world, 1 << TRYST_POLICY_LEAVE | 1 << TRYST_POLICY_SESSION_CLOSE);
    struct fake_client *alice = fake_world_add(&world, 0, 1);
    struct fake_client *bob = fake_world_add(&world, 1, 1);
    fake_join(&world, alice);
    fake_join(&world, bob);
    fake_leave(&world, alice);
    ASSERT_EQ_UINT(next_question(&world, &ticket, &request), TRYST_POLICY_LEAVE);
    ASSERT_EQ_UINT(ticket, 0);
    ASSERT_EQ_UINT(tryst_policy_request_reason(request), TRYST_REASON_LEAVE);
    ASSERT_EQ_MEM(tryst_policy_request_key(request), alice->identity, TR_KEY);
    ASSERT_EQ_UINT(tryst_policy_request_participants(request), 1);
    ASSERT_EQ_MEM(tryst_policy_request_participant_key(request, 0), bob->identity, TR_KEY);
    ASSERT_EQ_UINT(next_question(&world, &ticket, &request), 99);
    fake_leave(&world, bob);
    ASSERT_EQ_UINT(next_question(&world, &ticket, &request), TRYST_POLICY_LEAVE);
    ASSERT_EQ_UINT(next_question(&world, &ticket, &request), TRYST_POLICY_SESSION_CLOSE);
    ASSERT_EQ_MEM(tryst_policy_request_session(request), bob->body.record.session,
                  TR_SESSION_BYTES);
    tryst_policy_request_destroy(request);
    fake_world_clear(&world);
}

static void the_time_is_told_every_second_with_counters(void)
{
    struct fake_world world;
    struct tryst_policy_request *request = NULL;
    uint32_t ticket = 0;
    start(&world, 1 << TRYST_POLICY_TICK);
    fake_join(&world, fake_world_add(&world, 0, 1));
    uint32_t ticks = 0;
    for (int i = 0; i < 50; i++) {
        fake_run(&world, 100 * TR_MS);
        while (next_question(&world, &ticket, &request) == TRYST_POLICY_TICK)
            ticks++;
    }
    ASSERT_TRUE(ticks >= 4 && ticks <= 5);
    ASSERT_EQ_STR(tryst_policy_request_counter_name(request, 0), "participants");
    ASSERT_EQ_UINT(tryst_policy_request_counter_value(request, 0), 1);
    tryst_policy_request_destroy(request);
    fake_world_clear(&world);
}

/* How many addresses `client` was told of `other`. */
static uint32_t told_of(const struct fake_client *client, const struct fake_client *other)
{
    const struct fake_peer *peer = fake_find(client, other);
    return peer == NULL ? 99 : peer->member.candidate_count;
}

static void rules_hide_addresses_from_those_elsewhere(void)
{
    static const struct {
        uint32_t mode;
        uint32_t here, elsewhere; /* addresses that are told */
        uint32_t last;            /* public port that is told of its NAT */
    } rows[] = {
        {TRYST_POLICY_ADDRESSES_ALL, 2, 2, 4321},
        {TRYST_POLICY_ADDRESSES_SAME_PUBLIC, 2, 1, 4321},
        {TRYST_POLICY_ADDRESSES_RELAY_ONLY, 0, 0, 0},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        const struct tryst_policy_answer hide = {.is_allowed = 1, .addresses = rows[i].mode};
        struct fake_world world;
        start(&world, 1 << TRYST_POLICY_JOIN);
        for (uint32_t k = 0; k < 3; k++) {
            struct fake_client *client = fake_world_add(&world, k, 1);
            client->body.local_count = 1;
            client->body.nat = (struct tr_nat){.mapping = 3, .last = 4321};
            client->body.local[0] =
                (struct tr_candidate){.kind = TRYST_KIND_HOST,
                                      .address = {.family = 4,
                                                  .port = (uint16_t)(4000 + k),
                                                  .ip = {192, 168, 1, (uint8_t)(10 + k)}}};
            /* 0 and 1 are behind one public address, 2 is elsewhere. */
            if (k == 1) {
                client->address = world.clients[0]->address;
                client->address.port++;
            }
            fake_join(&world, client);
            answer_all(&world, k == 0 ? &hide : &allow);
        }
        fake_run(&world, 2 * TR_S);
        struct fake_client **c = world.clients;
        ASSERT_ROW(told_of(c[1], c[0]) == rows[i].here, "row %zu: %u", i, told_of(c[1], c[0]));
        ASSERT_ROW(told_of(c[2], c[0]) == rows[i].elsewhere, "row %zu", i);
        ASSERT_ROW(told_of(c[0], c[2]) == rows[i].elsewhere, "row %zu: nor does it see", i);
        ASSERT_ROW(told_of(c[2], c[1]) == 2, "row %zu: others as ever", i);
        ASSERT_ROW(fake_find(c[2], c[0])->member.nat.last == rows[i].last, "row %zu: NAT", i);
        ASSERT_ROW(fake_find(c[0], c[2])->member.nat.last == rows[i].last, "row %zu: NAT", i);
        ASSERT_ROW(fake_find(c[2], c[1])->member.nat.last == 4321, "row %zu: NAT", i);
        for (uint32_t k = 0; k < 3; k++)
            ASSERT_ROW(fake_roster_is_right(&world, c[k]), "row %zu: roster of %u", i, k);
        fake_world_clear(&world);
    }
}

/* A flood of newcomers while the rules are silent is bounded, and nobody is lost in silence. */
static void too_many_questions_are_refused(void)
{
    enum { COUNT = 1100 };
    struct tr_service_limits limits = {.register_rate = 100000, .register_burst = 100000};
    struct fake_world world;
    fake_world_init(&world, &limits);
    tr_service_set_rules(world.service, 1 << TRYST_POLICY_JOIN, 60000, world.now_us);
    for (uint32_t i = 0; i < COUNT; i++)
        fake_join(&world, fake_world_add(&world, i, (uint8_t)(i / 200)));
    uint32_t refused = 0;
    for (uint32_t i = 0; i < COUNT; i++)
        refused += world.clients[i]->refusals;
    const struct tr_server_stats *stats = tr_service_stats(world.service);
    ASSERT_TRUE(refused > 0 && refused < COUNT);
    ASSERT_EQ_UINT(stats->policy_overload, refused);
    ASSERT_EQ_UINT(answer_all(&world, &allow), COUNT - refused);
    ASSERT_EQ_UINT(stats->participants, COUNT - refused);
    fake_world_clear(&world);
}

static void without_hooks_nobody_is_asked(void)
{
    struct fake_world world;
    start(&world, 0);
    struct fake_client *alice = fake_world_add(&world, 0, 1);
    fake_join(&world, alice);
    ASSERT_EQ_UINT(alice->answers, 1);
    ASSERT_EQ_UINT(answer_all(&world, &allow), 0);
    tr_service_set_rules(world.service, ALL_HOOKS, DEADLINE_MS, world.now_us);
    fake_join(&world, fake_world_add(&world, 1, 1));
    ASSERT_TRUE(answer_all(&world, &allow) > 0);
    fake_world_clear(&world);
}

UNIT_MAIN("rules", UNIT_CASE(rules_are_asked_in_order_and_hold_the_newcomer),
          UNIT_CASE(rules_that_deny_give_the_player_their_words),
          UNIT_CASE(copies_of_a_registration_are_asked_about_once),
          UNIT_CASE(no_answer_by_the_deadline_denies),
          UNIT_CASE(answers_that_fail_or_make_no_sense_deny),
          UNIT_CASE(who_is_there_is_not_asked_about_again),
          UNIT_CASE(rules_set_how_many_a_session_holds),
          UNIT_CASE(rules_hand_bytes_to_the_participant_alone),
          UNIT_CASE(a_participant_whose_time_is_over_is_told_and_asked_about_anew),
          UNIT_CASE(leaving_and_the_end_of_a_session_are_told),
          UNIT_CASE(the_time_is_told_every_second_with_counters),
          UNIT_CASE(rules_hide_addresses_from_those_elsewhere),
          UNIT_CASE(too_many_questions_are_refused), UNIT_CASE(without_hooks_nobody_is_asked))
