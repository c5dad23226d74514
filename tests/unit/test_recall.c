/* Cases of server/recall: rows, torn ones, the pace of telling, crowds, and the service around it.
 * SPDX-License-Identifier: MIT */
#include "lib/base/deadline.h"
#include "server/recall.h"
#include "tests/unit/fake_client.h"
#include "tests/unit/unit.h"

enum { ROWS = 1000 };

static struct tr_recall_row rows[ROWS];
static struct tr_recall recall;
static struct tr_outbox outbox;
static struct fake_world world;
static const struct tryst_address local = {.family = 4, .port = 7777, .ip = {20, 0, 0, 1}};

static struct tryst_address player(uint32_t number)
{
    return (struct tryst_address){
        .family = 4, .port = 4000, .ip = {31, (uint8_t)(number >> 8), (uint8_t)number, 1}};
}

static void keep(uint32_t number)
{
    struct tryst_address address = player(number);
    uint8_t channel[TR_CHANNEL_BYTES] = {(uint8_t)number, (uint8_t)(number >> 8), 1};

    tr_recall_keep(&recall, number, &address, &local, channel);
}

/* So many players on a server that is then killed. */
static void fill(uint32_t count)
{
    memset(rows, 0, sizeof rows);
    ASSERT_EQ_UINT(tr_recall_start(&recall, rows, ROWS, 0), 0);
    ASSERT_EQ_UINT(tr_recall_deadline(&recall), TR_NEVER);
    for (uint32_t i = 0; i < count; i++)
        keep(i);
    tr_recall_clear(&recall);
}

/* How many are told when the time has come; they are thrown away. */
static uint32_t tell(uint64_t now_us)
{
    uint32_t count = 0;

    tr_recall_tick(&recall, now_us, &outbox);
    while (tr_outbox_pop(&outbox) != NULL)
        count++;
    return count;
}

static uint32_t count_rows(void)
{
    static const struct tr_recall_row none;
    uint32_t count = 0;

    for (uint32_t i = 0; i < ROWS; i++)
        count += memcmp(&rows[i], &none, sizeof none) != 0;
    return count;
}

static void whoever_was_kept_is_told_at_its_address_from_ours(void)
{
    struct tryst_address address = player(2);
    struct tr_unknown unknown;

    fill(3);
    tr_outbox_init(&outbox, 4096);
    ASSERT_EQ_UINT(tr_recall_start(&recall, rows, ROWS, 7), 3);
    ASSERT_TRUE(tr_recall_deadline(&recall) <= 7);
    tr_recall_tick(&recall, 7, &outbox);
    ASSERT_EQ_UINT(outbox.count, 3);
    tr_outbox_pop(&outbox);
    tr_outbox_pop(&outbox);

    const struct tr_datagram *datagram = tr_outbox_pop(&outbox);

    ASSERT_EQ_UINT(datagram->size, 16);
    ASSERT_EQ_INT(tr_envelope_check(datagram->data, 16, TR_FROM_SERVER), TR_DROP_NONE);
    ASSERT_EQ_INT(tryst_address_compare(&datagram->to, &address), 0);
    ASSERT_EQ_INT(tryst_address_compare(&datagram->from, &local), 0);
    ASSERT_TRUE(tr_envelope_head(&tr_layout_unknown, &unknown, datagram->data, 16));
    ASSERT_EQ_UINT(unknown.type, TR_UNKNOWN);
    ASSERT_EQ_MEM(unknown.channel, ((uint8_t[TR_CHANNEL_BYTES]){2, 0, 1}), TR_CHANNEL_BYTES);
    tr_recall_clear(&recall);
    tr_outbox_clear(&outbox);
}

static void a_row_that_is_torn_in_any_byte_counts_as_nobody(void)
{
    for (size_t byte = 0; byte < sizeof rows[0]; byte++) {
        fill(2);
        ((uint8_t *)&rows[1])[byte] ^= 0x40;
        ASSERT_ROW(tr_recall_start(&recall, rows, ROWS, 0) == 1, "byte %zu", byte);
        ASSERT_ROW(count_rows() == 1, "byte %zu stays", byte);
        tr_recall_clear(&recall);
    }
    memset(rows, 0xa5, sizeof rows);
    ASSERT_EQ_UINT(tr_recall_start(&recall, rows, ROWS, 0), 0);
    ASSERT_EQ_UINT(count_rows(), 0);
    tr_recall_clear(&recall);
}

static void what_has_no_row_or_comes_by_a_stream_is_not_kept(void)
{
    struct tryst_address stream = player(1);
    uint8_t channel[TR_CHANNEL_BYTES] = {9};

    memset(rows, 0, sizeof rows);
    tr_recall_start(&recall, rows, 2, 0);
    keep(0);
    keep(1);
    keep(2);
    tr_recall_drop(&recall, 2);
    ASSERT_EQ_UINT(count_rows(), 2);
    stream.transport = TRYST_TRANSPORT_TCP;
    tr_recall_keep(&recall, 1, &stream, &local, channel);
    ASSERT_EQ_UINT(count_rows(), 1);
    tr_recall_drop(&recall, 0);
    ASSERT_EQ_UINT(count_rows(), 0);
    tr_recall_clear(&recall);
    keep(0); /* without memory nothing is kept */
    tr_recall_drop(&recall, 0);
    tr_recall_drop_all(&recall);
    ASSERT_EQ_UINT(tr_recall_deadline(&recall), TR_NEVER);
}

static void each_is_told_twice_at_a_pace_and_then_forgotten(void)
{
    uint64_t now_us = 5 * TR_S;
    uint32_t told = 0;

    fill(ROWS);
    tr_outbox_init(&outbox, 4096);
    tr_recall_start(&recall, rows, ROWS, now_us);
    while (tr_recall_deadline(&recall) != TR_NEVER && told <= 2 * ROWS) {
        uint64_t next_us = tr_recall_deadline(&recall);

        if (next_us > now_us)
            ASSERT_EQ_UINT(tell(next_us - 1), 0);
        now_us = next_us > now_us ? next_us : now_us;
        uint32_t count = tell(now_us);
        ASSERT_TRUE(count > 0 && count <= 64);
        told += count;
        ASSERT_TRUE(told <= 64 + 1 + (now_us - 5 * TR_S) / 500);
        if (told == ROWS)
            ASSERT_EQ_UINT(count_rows(), ROWS);
    }
    ASSERT_EQ_UINT(told, 2 * ROWS);
    ASSERT_TRUE(now_us - 5 * TR_S < 1100 * TR_MS);
    ASSERT_EQ_UINT(count_rows(), 0);
    tr_recall_clear(&recall);
    tr_outbox_clear(&outbox);
}

static void the_second_word_comes_400_ms_after_the_first(void)
{
    fill(1);
    tr_outbox_init(&outbox, 16);
    tr_recall_start(&recall, rows, ROWS, 0);
    ASSERT_EQ_UINT(tell(0), 1);
    ASSERT_EQ_UINT(count_rows(), 1);
    ASSERT_EQ_UINT(tr_recall_deadline(&recall), 400 * TR_MS);
    ASSERT_EQ_UINT(tell(400 * TR_MS - 1), 0);
    ASSERT_EQ_UINT(tell(TR_S), 1);
    ASSERT_EQ_UINT(tr_recall_deadline(&recall), TR_NEVER);
    tr_recall_clear(&recall);
    tr_outbox_clear(&outbox);
}

static void a_server_killed_while_it_tells_leaves_them_to_the_next(void)
{
    fill(3);
    tr_outbox_init(&outbox, 16);
    tr_recall_start(&recall, rows, ROWS, 0);
    ASSERT_EQ_UINT(tell(0), 3);
    tr_recall_clear(&recall);
    ASSERT_EQ_UINT(tr_recall_start(&recall, rows, ROWS, 0), 3);
    tell(0);
    tr_recall_drop(&recall, 0);
    struct tr_recall_row newcomer = rows[2];
    newcomer.channel[7] = 1;
    rows[2] = newcomer;
    tell(TR_S);
    ASSERT_EQ_UINT(count_rows(), 1); /* the newcomer's */
    ASSERT_EQ_MEM(&rows[2], &newcomer, sizeof newcomer);
    tr_recall_clear(&recall);
    tr_outbox_clear(&outbox);
}

static void who_is_back_is_told_no_more_and_stands_in_one_row(void)
{
    struct tryst_address second = player(1);
    uint8_t channel[TR_CHANNEL_BYTES] = {9};

    fill(3);
    tr_outbox_init(&outbox, 16);
    tr_recall_start(&recall, rows, ROWS, 0);
    ASSERT_EQ_UINT(tell(0), 3);
    tr_recall_keep(&recall, 500, &second, &local, channel);
    ASSERT_EQ_UINT(count_rows(), 3);
    ASSERT_EQ_UINT(rows[1].address.family, 0);
    ASSERT_EQ_UINT(rows[500].channel[0], 9);
    second = player(2);
    tr_recall_keep(&recall, 0, &second, &local, channel); /* where another stood */
    ASSERT_EQ_UINT(count_rows(), 2);
    ASSERT_EQ_UINT(tell(TR_S), 1);
    ASSERT_EQ_UINT(count_rows(), 2);
    ASSERT_EQ_UINT(tr_recall_deadline(&recall), TR_NEVER);
    tr_recall_clear(&recall);
    tr_outbox_clear(&outbox);
}

static void a_full_outbox_is_tried_again_later(void)
{
    fill(8);
    tr_outbox_init(&outbox, 2);
    tr_recall_start(&recall, rows, ROWS, 0);
    tr_recall_tick(&recall, TR_S, &outbox);
    ASSERT_EQ_UINT(outbox.count, 2);
    ASSERT_TRUE(tr_recall_deadline(&recall) > TR_S);
    uint32_t told = 0;
    for (uint64_t ms = 0; ms < 2000; ms++)
        told += tell(TR_S + ms * TR_MS);
    ASSERT_EQ_UINT(told, 16);
    tr_recall_clear(&recall);
    tr_outbox_clear(&outbox);
}

static void a_crowd_of_one_prefix_is_excused_once_each_and_for_a_while(void)
{
    struct tryst_address crowd = {.family = 4, .port = 9, .ip = {31, 0, 0, 1}};
    struct tryst_address other = {.family = 4, .port = 9, .ip = {31, 9, 9, 1}};
    uint8_t channel[TR_CHANNEL_BYTES] = {1};

    for (unsigned round = 0; round < 2; round++) {
        fill(3);
        tr_recall_start(&recall, rows, ROWS, 0);
        for (uint32_t i = 0; i < 4; i++) {
            crowd.port++;
            tr_recall_keep(&recall, 10 + i, &crowd, &local, channel);
        }
        tr_recall_clear(&recall);
        ASSERT_EQ_UINT(tr_recall_start(&recall, rows, ROWS, 5 * TR_S), 7);
        ASSERT_FALSE(tr_recall_excuse(&recall, &other, 6 * TR_S));
        if (round == 0) {
            for (int i = 0; i < 5; i++) /* player(0) has this prefix too */
                ASSERT_ROW(tr_recall_excuse(&recall, &crowd, 6 * TR_S), "number %d", i);
            ASSERT_FALSE(tr_recall_excuse(&recall, &crowd, 6 * TR_S));
        } else {
            ASSERT_TRUE(tr_recall_excuse(&recall, &crowd, 35 * TR_S - 1));
            ASSERT_FALSE(tr_recall_excuse(&recall, &crowd, 35 * TR_S));
            ASSERT_FALSE(tr_recall_excuse(&recall, &crowd, 34 * TR_S));
        }
        tr_recall_clear(&recall);
    }
}

/* --- The service around it ------------------------------------------------------------------ */

static void start(uint32_t count)
{
    memset(rows, 0, sizeof rows);
    fake_world_init(&world, NULL);
    tr_service_recall(world.service, rows, ROWS, world.now_us);
    for (uint32_t i = 0; i < count; i++)
        fake_join(&world, fake_world_add(&world, i + 1, 1));
}

static uint32_t restart(void)
{
    fake_world_restart(&world);
    return tr_service_recall(world.service, rows, ROWS, world.now_us);
}

static void a_killed_service_leaves_its_members_to_the_next(void)
{
    start(3);
    ASSERT_EQ_UINT(count_rows(), 3);
    ASSERT_EQ_UINT(restart(), 3);
    fake_run(&world, 5 * TR_S);
    for (uint32_t i = 0; i < 3; i++)
        ASSERT_EQ_UINT(world.clients[i]->unknowns, 2);
    ASSERT_EQ_UINT(count_rows(), 0);
    ASSERT_EQ_UINT(tr_service_deadline(world.service), TR_NEVER);
    fake_world_clear(&world);
}

static void members_that_left_or_expired_are_not_recalled(void)
{
    start(3);
    fake_leave(&world, world.clients[0]);
    ASSERT_EQ_UINT(count_rows(), 2);
    world.clients[1]->is_silent = true;
    for (unsigned i = 0; i < 10; i++) {
        fake_run(&world, 10 * TR_S);
        fake_ping(&world, world.clients[2]);
    }
    ASSERT_EQ_UINT(count_rows(), 1);
    ASSERT_EQ_UINT(restart(), 1);
    fake_run(&world, TR_S);
    ASSERT_EQ_UINT(world.clients[2]->unknowns, 2);
    ASSERT_EQ_UINT(world.clients[0]->unknowns + world.clients[1]->unknowns, 0);
    fake_world_clear(&world);
}

static void who_moved_is_told_where_it_is_now_and_of_its_newest_channel(void)
{
    start(1);
    struct fake_client *a = world.clients[0];
    struct tryst_address before = a->address;
    a->address.port++;
    fake_join(&world, a);
    ASSERT_EQ_UINT(count_rows(), 1);
    ASSERT_EQ_INT(tryst_address_compare(&rows[0].address, &a->address), 0);
    ASSERT_TRUE(tryst_address_compare(&rows[0].address, &before) != 0);
    ASSERT_EQ_MEM(rows[0].channel, a->registered.channel, TR_CHANNEL_BYTES);
    fake_world_clear(&world);
}

static void a_shutdown_recalls_nobody(void)
{
    start(3);
    tr_service_shutdown(world.service, world.now_us);
    fake_deliver(&world);
    ASSERT_EQ_UINT(world.clients[1]->leaves, 1);
    ASSERT_EQ_UINT(count_rows(), 0);
    ASSERT_EQ_UINT(restart(), 0);
    fake_world_clear(&world);
}

static void a_returning_crowd_is_not_kept_waiting_by_the_rate(void)
{
    struct tr_service_limits few = {.register_rate = 1, .register_burst = 2};

    start(0);
    for (uint32_t i = 0; i < 6; i++) {
        struct fake_client *client = fake_world_add(&world, 1, 1);

        client->address.port = (uint16_t)(5000 + i);
        fake_bind(&world, client);
    }
    for (uint32_t i = 0; i < 6; i++) {
        struct fake_client *client = world.clients[i];
        uint8_t seed[TR_KEY] = {(uint8_t)(i + 1)};

        tr_seal_sign_pair(client->identity, client->identity_secret, seed);
        memcpy(client->body.record.identity, client->identity, TR_KEY);
        fake_register(&world, client);
        ASSERT_EQ_UINT(client->answers, 1);
    }
    ASSERT_EQ_UINT(restart(), 6);
    tr_service_set_limits(world.service, &few);
    for (uint32_t i = 0; i < 6; i++)
        fake_join(&world, world.clients[i]);
    ASSERT_EQ_UINT(tr_service_stats(world.service)->participants, 6);
    fake_world_clear(&world);
    fake_world_init(&world, &few); /* strangers of one address, on a server that recalls nobody */
    for (uint32_t i = 0; i < 6; i++) {
        fake_world_add(&world, i + 1, 1)->address = player(0);
        world.clients[i]->address.port = (uint16_t)(5000 + i);
        fake_join(&world, world.clients[i]);
    }
    ASSERT_EQ_UINT(tr_service_stats(world.service)->participants, 2);
    fake_world_clear(&world);
}

UNIT_MAIN("recall", UNIT_CASE(whoever_was_kept_is_told_at_its_address_from_ours),
          UNIT_CASE(a_row_that_is_torn_in_any_byte_counts_as_nobody),
          UNIT_CASE(what_has_no_row_or_comes_by_a_stream_is_not_kept),
          UNIT_CASE(each_is_told_twice_at_a_pace_and_then_forgotten),
          UNIT_CASE(the_second_word_comes_400_ms_after_the_first),
          UNIT_CASE(a_server_killed_while_it_tells_leaves_them_to_the_next),
          UNIT_CASE(who_is_back_is_told_no_more_and_stands_in_one_row),
          UNIT_CASE(a_full_outbox_is_tried_again_later),
          UNIT_CASE(a_crowd_of_one_prefix_is_excused_once_each_and_for_a_while),
          UNIT_CASE(a_killed_service_leaves_its_members_to_the_next),
          UNIT_CASE(members_that_left_or_expired_are_not_recalled),
          UNIT_CASE(who_moved_is_told_where_it_is_now_and_of_its_newest_channel),
          UNIT_CASE(a_shutdown_recalls_nobody),
          UNIT_CASE(a_returning_crowd_is_not_kept_waiting_by_the_rate))
