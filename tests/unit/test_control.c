/* Cases of server/control: the channel with each participant.
 * SPDX-License-Identifier: MIT */
#include "lib/base/deadline.h"
#include "lib/seal/replay.h"
#include "tests/unit/fake_client.h"
#include "tests/unit/unit.h"

static struct fake_world world;
static struct fake_client *a, *b;

static const struct tr_server_stats *stats(void)
{
    return tr_service_stats(world.service);
}

static void start(void)
{
    fake_world_init(&world, NULL);
    a = fake_world_add(&world, 1, 1);
    b = fake_world_add(&world, 2, 1);
    fake_join(&world, a);
    fake_join(&world, b);
}

static void ping_is_answered_with_address_and_roster(void)
{
    start();
    fake_ping(&world, a);
    ASSERT_EQ_UINT(a->pongs, 1);
    ASSERT_EQ_UINT(a->pong.pong[0], 7);
    ASSERT_EQ_INT(tryst_address_compare(&a->pong.seen.address, &a->address), 0);
    ASSERT_EQ_UINT(a->pong.seen.kind, TRYST_KIND_PUBLIC);
    ASSERT_EQ_UINT(a->status.fence, a->fence);
    ASSERT_EQ_UINT(a->status.version, 2);
    ASSERT_EQ_MEM(a->status.hash, a->peers[0].hash, 16);
    fake_world_clear(&world);
}

static void pong_is_never_longer_than_its_ping(void)
{
    uint8_t out[TR_DATAGRAM_BYTES];
    uint32_t answered = 0;

    start();
    for (size_t padding = 0; padding < 80; padding = padding == 0 ? 3 : padding + 1) {
        size_t size = fake_make_ping(a, 7, padding, out);
        uint32_t pongs = a->pongs;

        fake_input(&world, &a->address, out, size);
        ASSERT_TRUE(world.largest_from_input <= size);
        answered += a->pongs - pongs;
        ASSERT_EQ_UINT(a->pongs - pongs, size >= 90);
    }
    ASSERT_TRUE(answered > 10);
    fake_world_clear(&world);
}

static void ping_from_elsewhere_is_answered_there_and_changes_nothing(void)
{
    uint8_t out[TR_DATAGRAM_BYTES];
    struct tryst_address elsewhere, home;

    start();
    home = a->address;
    tryst_address_parse(&elsewhere, "55.5.5.5:5");

    size_t size = fake_make_ping(a, 7, 60, out);

    a->address = elsewhere;
    fake_input(&world, &elsewhere, out, size);
    ASSERT_EQ_INT(tryst_address_compare(&world.last.to, &elsewhere), 0);
    ASSERT_EQ_UINT(a->pongs, 1);
    ASSERT_EQ_INT(tryst_address_compare(&a->pong.seen.address, &elsewhere), 0);
    a->address = home;
    fake_leave(&world, b);
    ASSERT_EQ_INT(tryst_address_compare(&world.last.to, &home), 0);
    ASSERT_EQ_UINT(a->peer_count, 0);
    fake_world_clear(&world);
}

static void replayed_or_forged_ctrl_is_dropped(void)
{
    uint8_t out[TR_DATAGRAM_BYTES];

    start();

    size_t size = fake_make_ping(a, 7, 60, out);

    fake_input(&world, &a->address, out, size);
    fake_input(&world, &a->address, out, size);
    ASSERT_EQ_UINT(stats()->drop_replay, 1);
    ASSERT_EQ_UINT(a->pongs, 1);
    size = fake_make_ping(a, 7, 60, out);
    out[size - 1] ^= 1;
    fake_input(&world, &a->address, out, size);
    ASSERT_EQ_UINT(stats()->drop_seal, 1);
    out[size - 1] ^= 1;
    fake_input(&world, &a->address, out, size); /* the forgery has not used its number up */
    ASSERT_EQ_UINT(a->pongs, 2);
    a->counter += TR_REPLAY_CTRL + 5;
    fake_ping(&world, a);
    a->counter -= TR_REPLAY_CTRL + 5;
    fake_ping(&world, a);
    ASSERT_EQ_UINT(stats()->drop_replay, 2);
    fake_world_clear(&world);
}

static void ctrl_may_come_out_of_order(void)
{
    uint8_t first[TR_DATAGRAM_BYTES];

    start();

    size_t size = fake_make_ping(a, 7, 60, first);

    fake_ping(&world, a);
    fake_input(&world, &a->address, first, size);
    ASSERT_EQ_UINT(a->pongs, 2);
    fake_world_clear(&world);
}

static void items_that_are_unknown_are_passed_over(void)
{
    static const uint8_t body[80] = {
        0x55,
        2,
        0,
        1,
        2, /* nobody knows it */
        TR_ITEM_PING,
        9,
        0,
        1,
        2,
        3,
        4,
        5,
        6,
        7,
        8,
        99, /* a ping that grew */
        0x60 | TR_ITEM_LAST,
        1,
        2,
        3,
    };
    uint8_t out[TR_DATAGRAM_BYTES];

    start();
    fake_input(&world, &a->address, out, fake_make_ctrl(a, body, sizeof body, out));
    ASSERT_EQ_UINT(a->pongs, 1);
    ASSERT_EQ_UINT(a->pong.pong[7], 8);
    fake_world_clear(&world);
}

static void items_that_are_cut_are_malformed(void)
{
    static const struct {
        uint8_t size;
        uint8_t bytes[12];
    } rows[] = {
        {1, {TR_ITEM_PING}},
        {2, {TR_ITEM_PING, 8}},
        {3, {TR_ITEM_PING, 8, 0}},
        {5, {TR_ITEM_PING, 8, 0, 1, 2}},
        {10, {TR_ITEM_PING, 7, 0, 1, 2, 3, 4, 5, 6, 7}},
        {2, {TR_ITEM_LEAVE | TR_ITEM_LAST, 1}},
        {4, {TR_ITEM_ACK | TR_ITEM_LAST, 1, 2, 3}},
        {7, {TR_ITEM_LEAVE, 2, 0, 1, 0, 0x55, 1}}, /* and nothing of it is done */
    };

    start();
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        uint8_t out[TR_DATAGRAM_BYTES];

        fake_input(&world, &a->address, out, fake_make_ctrl(a, rows[i].bytes, rows[i].size, out));
        ASSERT_ROW(stats()->drop_malformed == i + 1, "row %zu", i);
    }
    ASSERT_EQ_UINT(stats()->participants, 2);
    ASSERT_EQ_UINT(world.outputs_from_input, 0);
    fake_world_clear(&world);
}

static void who_leaves_is_announced(void)
{
    start();
    fake_leave(&world, a);
    ASSERT_EQ_UINT(b->peer_count, 0);
    ASSERT_EQ_UINT(b->departure_reason, TRYST_REASON_LEAVE);
    ASSERT_EQ_UINT(stats()->left, 1);
    ASSERT_EQ_UINT(stats()->participants, 1);
    fake_ping(&world, a);
    ASSERT_EQ_UINT(a->unknowns, 1);
    ASSERT_EQ_UINT(stats()->drop_unknown, 1);
    fake_leave(&world, b);
    ASSERT_EQ_UINT(stats()->sessions, 0);
    ASSERT_EQ_UINT(tr_service_deadline(world.service), TR_NEVER);
    fake_world_clear(&world);
}

static void unknown_is_said_two_thousand_times_a_second(void)
{
    uint8_t out[30] = {TR_CTRL, 1, 2, 3};

    start();
    a->unknowns = 0;
    for (int i = 0; i < 280; i++) {
        fake_input(&world, &a->address, out, sizeof out);
        ASSERT_TRUE(world.largest_from_input <= 16);
    }
    ASSERT_EQ_UINT(a->unknowns, 250);
    ASSERT_EQ_UINT(stats()->drop_unknown, 280);
    world.now_us += TR_S / 100;
    for (int i = 0; i < 80; i++)
        fake_input(&world, &a->address, out, sizeof out);
    ASSERT_EQ_UINT(a->unknowns, 270);
    fake_world_clear(&world);
}

static void acks_of_another_fence_are_ignored(void)
{
    start();
    a->fence++;
    fake_ack(&world, a, 0);
    ASSERT_EQ_UINT(world.outputs_from_input, 0);
    a->fence--;
    fake_ack(&world, a, 0);
    ASSERT_TRUE(world.outputs_from_input > 0);
    ASSERT_TRUE(fake_roster_is_right(&world, a));
    fake_world_clear(&world);
}

UNIT_MAIN("control", UNIT_CASE(ping_is_answered_with_address_and_roster),
          UNIT_CASE(pong_is_never_longer_than_its_ping),
          UNIT_CASE(ping_from_elsewhere_is_answered_there_and_changes_nothing),
          UNIT_CASE(replayed_or_forged_ctrl_is_dropped), UNIT_CASE(ctrl_may_come_out_of_order),
          UNIT_CASE(items_that_are_unknown_are_passed_over),
          UNIT_CASE(items_that_are_cut_are_malformed), UNIT_CASE(who_leaves_is_announced),
          UNIT_CASE(unknown_is_said_two_thousand_times_a_second),
          UNIT_CASE(acks_of_another_fence_are_ignored))
