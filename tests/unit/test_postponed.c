/* Cases of server/postponed, alone and in the service.
 * SPDX-License-Identifier: MIT */
#include "server/postponed.h"

#include "lib/base/deadline.h"
#include "lib/wire/envelope.h"
#include "tests/unit/fake_client.h"
#include "tests/unit/unit.h"

static struct tr_postponed postponed;

/* A BIND from this IPv4 address and port; due_s: when it is due. */
static struct tr_postponed_bind bind_of(uint32_t ip, uint16_t port, uint8_t nonce, uint64_t due_s)
{
    struct tr_postponed_bind bind = {.due_us = due_s * TR_S};
    bind.from = (struct tryst_address){.family = 4, .port = port};
    for (int i = 0; i < 4; i++)
        bind.from.ip[i] = (uint8_t)(ip >> (24 - 8 * i));
    bind.nonce[0] = nonce;
    return bind;
}

static bool put(uint32_t ip, uint16_t port, uint8_t nonce, uint64_t due_s)
{
    struct tr_postponed_bind bind = bind_of(ip, port, nonce, due_s);
    return tr_postponed_put(&postponed, &bind);
}

static void each_is_taken_when_it_is_due(void)
{
    struct tr_postponed_bind bind;
    memset(&postponed, 0, sizeof postponed);
    ASSERT_EQ_UINT(tr_postponed_deadline(&postponed), TR_NEVER);
    ASSERT_FALSE(tr_postponed_take(&postponed, TR_NEVER, &bind));
    ASSERT_TRUE(put(1, 1, 1, 30));
    ASSERT_TRUE(put(2, 1, 1, 10));
    ASSERT_TRUE(put(3, 1, 1, 20));
    ASSERT_EQ_UINT(tr_postponed_deadline(&postponed), 10 * TR_S);
    ASSERT_FALSE(tr_postponed_take(&postponed, 10 * TR_S - 1, &bind));
    ASSERT_TRUE(tr_postponed_take(&postponed, 10 * TR_S, &bind));
    ASSERT_EQ_UINT(bind.from.ip[3], 2);
    ASSERT_FALSE(tr_postponed_take(&postponed, 10 * TR_S, &bind));
    ASSERT_EQ_UINT(tr_postponed_deadline(&postponed), 20 * TR_S);
    ASSERT_TRUE(tr_postponed_take(&postponed, 40 * TR_S, &bind));
    ASSERT_TRUE(tr_postponed_take(&postponed, 40 * TR_S, &bind));
    ASSERT_FALSE(tr_postponed_take(&postponed, 40 * TR_S, &bind));
    ASSERT_EQ_UINT(tr_postponed_deadline(&postponed), TR_NEVER);
}

static void copy_changes_nothing_but_another_question_waits_too(void)
{
    struct tr_postponed_bind bind;
    memset(&postponed, 0, sizeof postponed);
    ASSERT_TRUE(put(1, 1, 1, 10));
    ASSERT_TRUE(put(1, 1, 1, 99));
    ASSERT_EQ_UINT(postponed.count, 1);
    ASSERT_TRUE(put(1, 1, 2, 20));
    ASSERT_TRUE(put(1, 2, 1, 20));
    ASSERT_EQ_UINT(postponed.count, 3);
    ASSERT_TRUE(tr_postponed_take(&postponed, 10 * TR_S, &bind));
}

static void flood_fills_neither_the_list_nor_more_than_its_own_part(void)
{
    struct tr_postponed_bind bind;
    uint32_t kept = 0;
    memset(&postponed, 0, sizeof postponed);
    for (uint16_t port = 1; port < 1000; port++)
        kept += put(1, port, 1, 10);
    ASSERT_EQ_UINT(kept, TR_POSTPONED_PREFIX);
    ASSERT_TRUE(put(2, 1, 1, 10));
    for (uint32_t ip = 2; ip < 1000; ip++)
        kept += put(ip, 2, 1, 10);
    ASSERT_EQ_UINT(kept, TR_POSTPONED_MAX - 1);
    ASSERT_EQ_UINT(postponed.count, TR_POSTPONED_MAX);
    ASSERT_FALSE(put(5000, 1, 1, 1)); /* sooner than all: the newest goes */
    for (kept = 0; tr_postponed_take(&postponed, 10 * TR_S, &bind); kept++)
        continue;
    ASSERT_EQ_UINT(kept, TR_POSTPONED_MAX);
    ASSERT_TRUE(put(5000, 1, 1, 1));
}

static void a_56_of_ipv6_is_one(void)
{
    struct tr_postponed_bind bind = {.due_us = 1, .from = {.family = 6, .port = 1}};
    uint32_t kept = 0;
    memset(&postponed, 0, sizeof postponed);
    bind.from.ip[0] = 0x2a;
    for (int i = 0; i < 100; i++) {
        bind.from.ip[15] = (uint8_t)i;
        bind.from.ip[7] = (uint8_t)i;
        kept += tr_postponed_put(&postponed, &bind);
    }
    ASSERT_EQ_UINT(kept, TR_POSTPONED_PREFIX);
}

static struct fake_world world;
static struct fake_client *a;

static const struct tr_server_stats *stats(void)
{
    return tr_service_stats(world.service);
}

/* A world in which a has a cookie. */
static void start(void)
{
    fake_world_init(&world, NULL);
    a = fake_world_add(&world, 1, 1);
    fake_bind(&world, a);
    ASSERT_EQ_UINT(a->cookies, 1);
}

/* Asks to be answered after a while. flags: bits 0 to 7. */
static void ask(const struct tryst_address *from, uint8_t delay_s, uint8_t flags)
{
    uint8_t out[TR_DATAGRAM_BYTES];
    struct tr_bind head;
    fake_make_bind(a, out);
    tr_envelope_head(&tr_layout_bind, &head, out, sizeof out);
    head.flags = (uint16_t)(delay_s << TR_BIND_DELAY_SHIFT | flags);
    head.cookie = a->cookie;
    fake_input(&world, from, out, tr_envelope_clear(&tr_layout_bind, &head, out));
}

static void answer_comes_after_that_time_from_where_it_was_asked(void)
{
    static const uint8_t rows[] = {1, 30, 255};
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        start();
        uint32_t outputs = world.outputs;
        ask(&a->address, rows[i], 0);
        ASSERT_EQ_UINT(world.outputs, outputs);
        ASSERT_EQ_UINT(tr_service_deadline(world.service), world.now_us + rows[i] * TR_S);
        fake_run(&world, rows[i] * TR_S - 1);
        ASSERT_EQ_UINT(world.outputs, outputs);
        fake_run(&world, 1);
        ASSERT_EQ_UINT(world.outputs, outputs + 1);
        ASSERT_EQ_UINT(world.last.data[0], TR_COOKIE);
        ASSERT_EQ_UINT(world.last.size, 248);
        ASSERT_EQ_INT(tryst_address_compare(&world.last.to, &a->address), 0);
        ASSERT_EQ_INT(tryst_address_compare(&world.last.from, &world.server), 0);
        ASSERT_EQ_UINT(stats()->binds_later, 1);
        ASSERT_EQ_UINT(tr_service_deadline(world.service), TR_NEVER);
        fake_run(&world, 300 * TR_S);
        ASSERT_EQ_UINT(world.outputs, outputs + 1);
        fake_world_clear(&world);
    }
}

static void cookie_that_comes_later_is_a_good_one(void)
{
    start();
    ask(&a->address, 200, 0);
    fake_run(&world, 200 * TR_S);
    ASSERT_EQ_UINT(a->cookies, 2);
    fake_register(&world, a);
    ASSERT_EQ_UINT(a->answers, 1);
    fake_world_clear(&world);
}

static void who_has_not_proven_itself_waits_in_vain(void)
{
    start();
    struct tryst_address victim = a->address;
    uint32_t outputs = world.outputs;
    victim.port ^= 1; /* the cookie of another source */
    ask(&victim, 10, 0);
    ASSERT_EQ_UINT(stats()->drop_cookie, 1);
    a->cookie.mac[3] ^= 1;
    ask(&a->address, 10, 0);
    ASSERT_EQ_UINT(stats()->drop_cookie, 2);
    a->cookie.mac[3] ^= 1;
    world.now_us += 121 * TR_S; /* too old */
    ask(&a->address, 10, 0);
    ASSERT_EQ_UINT(stats()->drop_cookie, 3);
    ASSERT_EQ_UINT(tr_service_deadline(world.service), TR_NEVER);
    fake_run(&world, 300 * TR_S);
    ASSERT_EQ_UINT(world.outputs, outputs);
    fake_world_clear(&world);
}

static void what_is_not_there_is_not_promised(void)
{
    start();
    ask(&a->address, 10, TR_BIND_OTHER_PORT);
    ASSERT_EQ_UINT(stats()->drop_unknown, 1);
    struct tryst_address stream = a->address;
    stream.transport = TRYST_TRANSPORT_TCP;
    ask(&stream, 10, 0);
    ASSERT_EQ_UINT(stats()->drop_unknown, 2);
    ASSERT_EQ_UINT(tr_service_deadline(world.service), TR_NEVER);
    fake_world_clear(&world);
}

static void flood_from_one_that_has_a_cookie_is_bounded_and_counted(void)
{
    start();
    uint32_t outputs = world.outputs;
    for (int i = 0; i < 1000; i++)
        ask(&a->address, 10, 0);
    ASSERT_EQ_UINT(stats()->drop_bind_later, 1000 - TR_POSTPONED_PREFIX);
    ASSERT_EQ_UINT(world.outputs, outputs);
    fake_run(&world, 10 * TR_S);
    ASSERT_EQ_UINT(world.outputs - outputs, TR_POSTPONED_PREFIX);
    fake_world_clear(&world);
}

/* Nobody takes what the server has to say: what finds no room was not answered, late or not. */
static void what_was_not_sent_is_not_counted(void)
{
    uint8_t out[TR_DATAGRAM_BYTES];
    start();
    ask(&a->address, 1, 0);
    world.now_us += TR_S;
    fake_make_bind(a, out);
    for (int i = 0; stats()->drop_output == 0 && i < 10000; i++)
        tr_service_input(world.service, world.now_us, &a->address, &world.server, out, sizeof out);
    uint64_t binds = stats()->binds;
    tr_service_tick(world.service, world.now_us);
    ASSERT_EQ_UINT(stats()->binds, binds);
    ASSERT_EQ_UINT(stats()->binds_later, 0);
    fake_world_clear(&world);
}

UNIT_MAIN("postponed", UNIT_CASE(each_is_taken_when_it_is_due),
          UNIT_CASE(copy_changes_nothing_but_another_question_waits_too),
          UNIT_CASE(flood_fills_neither_the_list_nor_more_than_its_own_part),
          UNIT_CASE(a_56_of_ipv6_is_one),
          UNIT_CASE(answer_comes_after_that_time_from_where_it_was_asked),
          UNIT_CASE(cookie_that_comes_later_is_a_good_one),
          UNIT_CASE(who_has_not_proven_itself_waits_in_vain),
          UNIT_CASE(what_is_not_there_is_not_promised),
          UNIT_CASE(flood_from_one_that_has_a_cookie_is_bounded_and_counted),
          UNIT_CASE(what_was_not_sent_is_not_counted))
