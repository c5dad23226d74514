/* Cases of server/enrolment and server/admission: who may come in, and with which addresses.
 * SPDX-License-Identifier: MIT */
#include "lib/base/deadline.h"
#include "tests/unit/fake_client.h"
#include "tests/unit/unit.h"

static struct fake_world world;

static const struct tr_server_stats *stats(void)
{
    return tr_service_stats(world.service);
}

static void input(const struct fake_client *client)
{
    fake_input(&world, &client->address, client->request, sizeof client->request);
}

static void two_participants_learn_of_each_other(void)
{
    fake_world_init(&world, NULL);

    struct fake_client *a = fake_world_add(&world, 1, 1), *b = fake_world_add(&world, 2, 1);

    a->body.user_data_size = 3;
    memcpy(a->body.user_data, "ann", 3);
    fake_join(&world, a);
    ASSERT_EQ_UINT(a->answers, 1);
    ASSERT_EQ_UINT(a->registered.seen.kind, TRYST_KIND_PUBLIC);
    ASSERT_EQ_INT(tryst_address_compare(&a->registered.seen.address, &a->address), 0);
    ASSERT_EQ_UINT(a->registered.keepalive_ms, 15000);
    ASSERT_EQ_UINT(a->registered.expire_ms, 90000);
    ASSERT_EQ_UINT(a->registered.participants_max, 256);
    ASSERT_EQ_UINT(a->registered.server_ms, world.unix_s * 1000);
    fake_join(&world, b);

    const struct fake_peer *peer = fake_find(b, a);

    if (!ASSERT_TRUE(peer != NULL) || !ASSERT_TRUE(fake_find(a, b) != NULL))
        return;
    ASSERT_EQ_UINT(peer->member.candidate_count, 1);
    ASSERT_EQ_UINT(peer->member.user_data_size, 3);
    ASSERT_EQ_MEM(peer->member.user_data, "ann", 3);
    ASSERT_EQ_INT(tryst_address_compare(&peer->member.candidates[0].address, &a->address), 0);
    ASSERT_TRUE(fake_roster_is_right(&world, a));
    ASSERT_TRUE(fake_roster_is_right(&world, b));
    ASSERT_EQ_UINT(a->faults + b->faults, 0);
    ASSERT_EQ_UINT(stats()->participants, 2);
    ASSERT_EQ_UINT(stats()->sessions, 1);
    ASSERT_EQ_UINT(stats()->registered, 2);
    fake_world_clear(&world);
}

static void sessions_and_apps_do_not_see_each_other(void)
{
    fake_world_init(&world, NULL);

    struct fake_client *a = fake_world_add(&world, 1, 1), *b = fake_world_add(&world, 2, 2),
                       *c = fake_world_add(&world, 3, 1);

    memcpy(c->app, "othergam", TR_APP_BYTES);
    fake_join(&world, a);
    fake_join(&world, b);
    fake_join(&world, c);
    ASSERT_EQ_UINT(stats()->sessions, 3);
    ASSERT_EQ_UINT(a->peer_count + b->peer_count + c->peer_count, 0);
    fake_world_clear(&world);
}

static void same_bytes_get_the_same_channel_and_another_nonce(void)
{
    fake_world_init(&world, NULL);

    struct fake_client *a = fake_world_add(&world, 1, 1), *b = fake_world_add(&world, 2, 1);

    fake_join(&world, b);
    a->is_silent = true;
    fake_join(&world, a);

    struct tr_channel_keys keys = a->keys;
    uint8_t channel[TR_CHANNEL_BYTES];
    uint64_t version = b->version;

    memcpy(channel, a->registered.channel, sizeof channel);
    for (uint32_t i = 1; i <= 5; i++) {
        world.now_us += TR_S; /* another ephemeral key would be due */
        input(a);
        ASSERT_EQ_UINT(a->answers, 1 + i);
        ASSERT_EQ_UINT(a->reply, i);
        ASSERT_EQ_UINT(stats()->repeated, i);
        ASSERT_EQ_MEM(&a->keys, &keys, sizeof keys);
        ASSERT_EQ_MEM(a->registered.channel, channel, sizeof channel);
        ASSERT_EQ_UINT(a->registered.page.reset, 1);
    }
    ASSERT_EQ_UINT(b->version, version);
    ASSERT_EQ_UINT(stats()->registered, 2);
    ASSERT_EQ_UINT(a->faults, 0);
    fake_world_clear(&world);
}

static void sequence_that_is_not_new_is_a_replay(void)
{
    fake_world_init(&world, NULL);

    struct fake_client *a = fake_world_add(&world, 1, 1);
    uint8_t first[TR_DATAGRAM_BYTES];

    fake_join(&world, a);
    memcpy(first, a->request, sizeof first);
    fake_seal_register(a); /* the same sequence in other bytes */
    input(a);
    ASSERT_EQ_UINT(stats()->drop_replay, 1);
    fake_register(&world, a);
    ASSERT_EQ_UINT(a->answers, 2);
    fake_input(&world, &a->address, first, sizeof first);
    ASSERT_EQ_UINT(stats()->drop_replay, 2);
    ASSERT_EQ_UINT(a->answers, 2);
    ASSERT_EQ_UINT(world.outputs_from_input, 0);
    fake_world_clear(&world);
}

static void update_changes_the_roster_only_when_something_is_new(void)
{
    fake_world_init(&world, NULL);

    struct fake_client *a = fake_world_add(&world, 1, 1), *b = fake_world_add(&world, 2, 1);
    uint8_t channel[TR_CHANNEL_BYTES];

    fake_join(&world, a);
    fake_join(&world, b);

    uint64_t version = b->version;

    memcpy(channel, a->registered.channel, sizeof channel);
    fake_register(&world, a);
    ASSERT_TRUE(memcmp(channel, a->registered.channel, sizeof channel) != 0);
    ASSERT_EQ_UINT(a->registered.page.reset, 0);
    ASSERT_EQ_UINT(b->version, version);

    a->address.port = 4001;
    fake_join(&world, a);
    ASSERT_EQ_UINT(b->version, version + 1);
    ASSERT_EQ_UINT(fake_find(b, a)->member.candidates[0].address.port, 4001);
    a->body.user_data_size = 1;
    fake_register(&world, a);
    ASSERT_EQ_UINT(fake_find(b, a)->member.user_data_size, 1);
    ASSERT_EQ_UINT(stats()->changes, 4);
    ASSERT_TRUE(fake_roster_is_right(&world, a));
    ASSERT_TRUE(fake_roster_is_right(&world, b));
    ASSERT_EQ_UINT(a->faults + b->faults, 0);
    fake_world_clear(&world);
}

static void later_epoch_replaces_the_earlier_one(void)
{
    fake_world_init(&world, NULL);

    struct fake_client *old = fake_world_add(&world, 1, 1), *other = fake_world_add(&world, 2, 1),
                       *fresh = fake_world_add(&world, 1, 1);

    fresh->address.port = 5000;
    fake_renew_epoch(fresh);
    fake_join(&world, old);
    fake_join(&world, other);
    fake_join(&world, fresh);
    ASSERT_EQ_UINT(old->leaves, 1);
    ASSERT_EQ_UINT(old->leave_reason, TRYST_REASON_REPLACED);
    ASSERT_EQ_UINT(fresh->answers, 1);
    ASSERT_EQ_UINT(fresh->registered.slot, old->registered.slot);
    ASSERT_EQ_UINT(other->peer_count, 1);
    ASSERT_EQ_UINT(fake_find(other, fresh)->epoch, fresh->body.record.epoch);
    ASSERT_EQ_UINT(fake_find(other, fresh)->member.candidates[0].address.port, 5000);
    ASSERT_EQ_UINT(stats()->participants, 2);

    fake_register(&world, old);
    ASSERT_EQ_UINT(old->refusals, 1);
    ASSERT_EQ_UINT(old->refused.reason, TRYST_REASON_REPLACED);
    ASSERT_EQ_UINT(old->refused.retry_ms, 0);
    fake_ping(&world, old);
    ASSERT_EQ_UINT(old->unknowns, 1);
    ASSERT_EQ_UINT(fresh->leaves, 0);
    fake_world_clear(&world);
}

static void late_copy_of_what_has_left_does_not_come_back(void)
{
    fake_world_init(&world, NULL);

    struct fake_client *a = fake_world_add(&world, 1, 1), *b = fake_world_add(&world, 2, 1);
    struct tr_channel_keys keys;

    fake_join(&world, a);
    fake_join(&world, b);
    fake_leave(&world, a);
    input(a);
    ASSERT_EQ_UINT(stats()->drop_replay, 1);
    ASSERT_EQ_UINT(b->peer_count, 0);

    /* Of an empty session nothing is remembered; the keys are others then. */
    keys = b->keys;
    fake_leave(&world, b);
    ASSERT_EQ_UINT(stats()->sessions, 0);
    input(b);
    ASSERT_EQ_UINT(b->answers, 2);
    ASSERT_EQ_UINT(b->reply, 0);
    ASSERT_TRUE(memcmp(&b->keys, &keys, sizeof keys) != 0);
    fake_renew_epoch(a);
    fake_join(&world, a);
    ASSERT_EQ_UINT(a->answers, 2);
    fake_world_clear(&world);
}

static void session_is_full_at_its_limit(void)
{
    struct tr_service_limits limits = {.session_participants = 3};

    fake_world_init(&world, &limits);

    struct fake_client *list[5];

    for (uint32_t i = 0; i < 5; i++)
        list[i] = fake_world_add(&world, i, i < 4 ? 1 : 2);
    for (uint32_t i = 0; i < 5; i++)
        fake_join(&world, list[i]);
    ASSERT_EQ_UINT(list[2]->answers, 1);
    ASSERT_EQ_UINT(list[3]->answers, 0);
    ASSERT_EQ_UINT(list[3]->refused.reason, TRYST_REASON_SESSION_FULL);
    ASSERT_EQ_UINT(list[3]->refused.retry_ms, 5000);
    ASSERT_EQ_UINT(list[4]->answers, 1);
    ASSERT_EQ_UINT(stats()->refused, 1);
    ASSERT_EQ_UINT(stats()->sessions, 2);
    fake_register(&world, list[0]); /* one that is there may renew */
    ASSERT_EQ_UINT(list[0]->answers, 2);
    fake_leave(&world, list[1]);
    fake_register(&world, list[3]);
    ASSERT_EQ_UINT(list[3]->answers, 1);
    fake_world_clear(&world);
}

static void server_is_full_at_its_limit(void)
{
    struct tr_service_limits limits = {.participants = 2};

    fake_world_init(&world, &limits);

    struct fake_client *list[3];

    for (uint8_t i = 0; i < 3; i++) {
        list[i] = fake_world_add(&world, i, i);
        fake_join(&world, list[i]);
    }
    ASSERT_EQ_UINT(list[1]->answers, 1);
    ASSERT_EQ_UINT(list[2]->refused.reason, TRYST_REASON_SERVER_FULL);
    ASSERT_EQ_UINT(list[2]->refused.retry_ms, 10000);
    ASSERT_EQ_UINT(stats()->sessions, 2);
    limits.participants = 3;
    ASSERT_EQ_INT(tr_service_set_limits(world.service, &limits), TRYST_OK);
    fake_register(&world, list[2]);
    ASSERT_EQ_UINT(list[2]->answers, 1);
    fake_world_clear(&world);
}

static void identity_is_in_eight_sessions_at_most(void)
{
    fake_world_init(&world, NULL);

    struct fake_client *list[9];

    for (uint8_t i = 0; i < 9; i++) {
        list[i] = fake_world_add(&world, 1, i);
        list[i]->address.port = (uint16_t)(1000 + i);
        fake_join(&world, list[i]);
    }
    ASSERT_EQ_UINT(list[7]->answers, 1);
    ASSERT_EQ_UINT(list[8]->answers, 0);
    ASSERT_EQ_UINT(list[8]->refused.reason, TRYST_REASON_TOO_MANY_SESSIONS);
    fake_leave(&world, list[0]);
    fake_register(&world, list[8]);
    ASSERT_EQ_UINT(list[8]->answers, 1);
    fake_world_clear(&world);
}

static void prefix_registers_as_often_as_allowed(void)
{
    struct tr_service_limits limits = {.register_rate = 10, .register_burst = 3};

    fake_world_init(&world, &limits);

    struct fake_client *a = fake_world_add(&world, 1, 1);

    fake_bind(&world, a);
    for (int i = 0; i < 5; i++)
        fake_register(&world, a);
    ASSERT_EQ_UINT(a->answers, 3);
    ASSERT_EQ_UINT(stats()->drop_limit, 2);
    world.now_us += TR_S / 10;
    fake_register(&world, a);
    ASSERT_EQ_UINT(a->answers, 4);
    fake_world_clear(&world);
}

/* Row by row: a local address, from where it is named, and whether others are told of it. */
static const struct {
    const char *from;
    const char *local;
    bool is_told;
} local_rows[] = {
    {"31.0.0.1:4000", "192.168.1.5:4000", true},
    {"31.0.0.1:4000", "10.0.0.1:1", true},
    {"31.0.0.1:4000", "172.31.9.9:4000", true},
    {"31.0.0.1:4000", "100.64.0.1:4000", true},
    {"31.0.0.1:4000", "169.254.3.4:4000", true},
    {"31.0.0.1:4000", "[fe80::1]:4000", true},
    {"31.0.0.1:4000", "[fd00::1]:4000", true},
    {"31.0.0.1:4000", "31.0.0.1:4001", true},          /* its own public address */
    {"31.0.0.1:4000", "[::ffff:31.0.0.1]:4001", true}, /* the same */
    {"31.0.0.1:4000", "31.0.0.2:4000", false},         /* somebody else's */
    {"31.0.0.1:4000", "[2a00::1]:4000", false},
    {"31.0.0.1:4000", "[::ffff:31.0.0.2]:4000", false},
    {"31.0.0.1:4000", "[64:ff9b::1f00:2]:4000", false},
    {"31.0.0.1:4000", "[2002:1f00:2::1]:4000", false},
    {"31.0.0.1:4000", "127.0.0.1:4000", false},
    {"31.0.0.1:4000", "[::1]:4000", false},
    {"31.0.0.1:4000", "[::ffff:127.0.0.1]:4000", false},
    {"31.0.0.1:4000", "224.0.0.1:4000", false},
    {"31.0.0.1:4000", "[ff02::1]:4000", false},
    {"31.0.0.1:4000", "255.255.255.255:4000", false},
    {"31.0.0.1:4000", "0.0.0.0:4000", false},
    {"31.0.0.1:4000", "[::]:4000", false},
    {"31.0.0.1:4000", "169.254.169.254:80", false},
    {"31.0.0.1:4000", "203.0.113.7:4000", false},
    {"31.0.0.1:4000", "192.168.1.5:0", false},
    {"31.0.0.1:4000", "20.0.0.1:7777", false}, /* the server */
    {"203.0.113.7:4000", "203.0.113.7:4001", true},
    {"127.0.0.1:4000", "127.0.0.1:4001", true},
    {"127.0.0.1:4000", "[::1]:4001", true},
    {"[2a00::1]:4000", "[2a00::1]:4001", true},
    {"[2a00::1]:4000", "[2a00::2]:4001", false},
};

static void local_addresses_are_told_when_they_harm_nobody(void)
{
    for (size_t i = 0; i < UNIT_COUNT(local_rows); i++) {
        struct tryst_address local;

        fake_world_init(&world, NULL);

        struct fake_client *a = fake_world_add(&world, 1, 1), *b = fake_world_add(&world, 2, 1);

        tryst_address_parse(&a->address, local_rows[i].from);
        tryst_address_parse(&local, local_rows[i].local);
        a->body.local_count = 1;
        a->body.local[0].address = local;
        a->body.local[0].kind = TRYST_KIND_PUBLIC; /* what it says does not matter */
        fake_join(&world, a);
        fake_join(&world, b);

        const struct fake_peer *peer = fake_find(b, a);

        if (!ASSERT_TRUE(peer != NULL))
            return;
        ASSERT_ROW(peer->member.candidate_count == 1 + local_rows[i].is_told, "row %zu", i);
        ASSERT_ROW(stats()->drop_address == !local_rows[i].is_told, "row %zu", i);
        local = tryst_address_canonical(&local);
        if (local_rows[i].is_told)
            ASSERT_ROW(peer->member.candidates[1].kind == TRYST_KIND_HOST &&
                           tryst_address_compare(&peer->member.candidates[1].address, &local) == 0,
                       "row %zu", i);
        ASSERT_EQ_UINT(peer->member.candidates[0].kind,
                       a->address.family == 6 ? TRYST_KIND_IPV6 : TRYST_KIND_PUBLIC);
        fake_world_clear(&world);
    }
}

static void proven_addresses_need_a_cookie_of_their_own(void)
{
    fake_world_init(&world, NULL);

    struct fake_client *a = fake_world_add(&world, 1, 1), *b = fake_world_add(&world, 2, 1);
    struct tryst_address first = a->address;
    struct tryst_address second;

    tryst_address_parse(&second, "[2a00::1]:4000");
    a->address = second;
    fake_bind(&world, a);
    a->body.proven_count = 2;
    a->body.proven[0].candidate.address = second;
    a->body.proven[0].cookie = a->cookie;
    a->body.proven[1].candidate.address = second;
    a->body.proven[1].candidate.address.port++;
    a->body.proven[1].cookie = a->cookie;
    /* A local address may have the IP of an observed one. */
    a->body.local_count = 3;
    tryst_address_parse(&a->body.local[0].address, "[2a00::1]:9");
    tryst_address_parse(&a->body.local[1].address, "[2a00::1]:4000");
    tryst_address_parse(&a->body.local[2].address, "10.0.0.1:4000");
    a->address = first;
    fake_join(&world, a);
    fake_join(&world, b);

    const struct tr_member *member = &fake_find(b, a)->member;

    ASSERT_EQ_UINT(member->candidate_count, 4);
    ASSERT_EQ_INT(tryst_address_compare(&member->candidates[0].address, &first), 0);
    ASSERT_EQ_INT(tryst_address_compare(&member->candidates[1].address, &second), 0);
    ASSERT_EQ_UINT(member->candidates[1].kind, TRYST_KIND_IPV6);
    ASSERT_EQ_UINT(member->candidates[2].address.port, 9);
    ASSERT_EQ_UINT(member->candidates[3].address.ip[0], 10);
    ASSERT_EQ_UINT(stats()->drop_address, 1);
    fake_world_clear(&world);
}

static void addresses_are_eight_at_most(void)
{
    fake_world_init(&world, NULL);

    struct fake_client *a = fake_world_add(&world, 1, 1), *b = fake_world_add(&world, 2, 1);

    a->body.local_count = 7;
    for (uint8_t i = 0; i < 8; i++) {
        tryst_address_parse(&a->body.local[i].address, "10.0.0.0:4000");
        a->body.local[i].address.ip[3] = i;
    }
    fake_join(&world, a);
    fake_join(&world, b);
    ASSERT_EQ_UINT(fake_find(b, a)->member.candidate_count, 8);
    a->body.local_count = 8;
    fake_register(&world, a);
    ASSERT_EQ_UINT(a->refused.reason, TRYST_REASON_MALFORMED);
    ASSERT_EQ_UINT(a->refused.retry_ms, 0);
    ASSERT_EQ_UINT(a->answers, 1);
    fake_world_clear(&world);
}

static void answers_leave_from_where_the_request_came_to(void)
{
    fake_world_init(&world, NULL);

    struct fake_client *a = fake_world_add(&world, 1, 1), *b = fake_world_add(&world, 2, 1);

    tryst_address_parse(&world.server, "[fe80::1%3]:7777");
    a->address.scope = 5;
    fake_join(&world, a);
    ASSERT_EQ_INT(tryst_address_compare(&world.last.from, &world.server), 0);
    ASSERT_EQ_UINT(world.last.from.scope, 3);
    ASSERT_EQ_UINT(world.last.to.scope, 5);
    tryst_address_parse(&world.server, "20.0.0.1:7777");
    b->is_silent = true;
    fake_join(&world, b);
    ASSERT_EQ_INT(tryst_address_compare(&world.last.to, &a->address), 0);
    ASSERT_EQ_UINT(world.last.from.scope, 3);
    fake_world_clear(&world);
}

UNIT_MAIN("enrolment", UNIT_CASE(two_participants_learn_of_each_other),
          UNIT_CASE(sessions_and_apps_do_not_see_each_other),
          UNIT_CASE(same_bytes_get_the_same_channel_and_another_nonce),
          UNIT_CASE(sequence_that_is_not_new_is_a_replay),
          UNIT_CASE(update_changes_the_roster_only_when_something_is_new),
          UNIT_CASE(later_epoch_replaces_the_earlier_one),
          UNIT_CASE(late_copy_of_what_has_left_does_not_come_back),
          UNIT_CASE(session_is_full_at_its_limit), UNIT_CASE(server_is_full_at_its_limit),
          UNIT_CASE(identity_is_in_eight_sessions_at_most),
          UNIT_CASE(prefix_registers_as_often_as_allowed),
          UNIT_CASE(local_addresses_are_told_when_they_harm_nobody),
          UNIT_CASE(proven_addresses_need_a_cookie_of_their_own),
          UNIT_CASE(addresses_are_eight_at_most),
          UNIT_CASE(answers_leave_from_where_the_request_came_to))
