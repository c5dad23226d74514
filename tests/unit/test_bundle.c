/* DATA on its way out: what shares a datagram, what waits, and where each ends.
 * SPDX-License-Identifier: MIT */
#include "tests/unit/small_net.h"

static const char small[] = "0123456789abcdef";
static uint8_t large[TR_MESSAGE_MAX + 1];

static void bundle_of_one_turn_is_one_datagram(void)
{
    static struct small_net net;

    net_init(&net, 1);
    net_connect(&net);
    uint32_t since = net.log_count;
    for (unsigned i = 0; i < 16; i++)
        ASSERT_EQ_INT(net_send(&net, 0, small, sizeof small), TRYST_OK);
    net_run(&net, net.now_us + 30 * TR_MS);
    ASSERT_EQ_UINT(net_count(&net, since, 0, 0, TR_DATA), 1);
    ASSERT_EQ_UINT(net.end[1].messages, 16);
    ASSERT_EQ_UINT(net.end[1].message_bytes, 16 * sizeof small);
    ASSERT_EQ_STR(net.end[1].text, small);
    /* 9 of head, 16 items with 3 of head each but the last's length, the tag */
    ASSERT_EQ_UINT(net.log[since].size, 9 + 16 * (3 + sizeof small) - 2 + TR_TAG);
    net_clear(&net);
}

static void bundle_costs_a_lone_message_head_and_tag_alone(void)
{
    static struct small_net net;

    net_init(&net, 2);
    net_connect(&net);
    uint32_t since = net.log_count;
    uint32_t bytes = 0;
    for (size_t size = 1; size <= TR_MESSAGE_MAX; size = size * 3 + 1) {
        net_send(&net, 0, large, size);
        bytes += (uint32_t)size;
        net_run(&net, net.now_us + 30 * TR_MS);
        ASSERT_EQ_UINT(net.log[since++].size, TR_DATA_HEAD + size + TR_TAG);
        ASSERT_EQ_UINT(net.end[1].message_bytes, bytes);
    }
    ASSERT_EQ_UINT(net.log_count, since);
    net_clear(&net);
}

/* A largest message fits, and a ping beside it does not: what fits beside one is 1 byte less than its
 * head takes. */
static void bundle_carries_what_fits_into_the_relay_and_no_more(void)
{
    static const struct {
        size_t first, beside;
        uint32_t datagrams;
    } rows[] = {{TR_MESSAGE_MAX, 0, 1},
                {TR_MESSAGE_MAX, 1, 2},
                {TR_MESSAGE_MAX, TR_MESSAGE_MAX, 2},
                {1000, TR_DATA_ROOM - 3 - 1000 - 3, 1},
                {1000, TR_DATA_ROOM - 3 - 1000 - 3 + 1, 2}};
    static struct small_net net;

    ASSERT_EQ_UINT(TR_DATA_ROOM, 1154);
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        net_init(&net, 3);
        net_connect(&net);
        uint32_t since = net.log_count;
        ASSERT_EQ_INT(net_send(&net, 0, large, rows[i].first), TRYST_OK);
        if (rows[i].beside > 0)
            ASSERT_EQ_INT(net_send(&net, 0, large, rows[i].beside), TRYST_OK);
        net_run(&net, net.now_us + 30 * TR_MS);
        ASSERT_ROW(net_count(&net, since, 0, 0, TR_DATA) == rows[i].datagrams, "row %zu", i);
        ASSERT_EQ_UINT(net.end[1].message_bytes, rows[i].first + rows[i].beside);
        for (uint32_t j = since; j < net.log_count; j++)
            ASSERT_TRUE(net.log[j].size <= TR_RELAY_ROOM);
        net_clear(&net);
    }
}

static void bundle_keeps_order_and_bytes_over_many_turns(void)
{
    static struct small_net net;
    uint64_t seed = 4;
    uint32_t sent = 0, bytes = 0;

    net_init(&net, 4);
    net_connect(&net);
    for (unsigned turn = 0; turn < 200; turn++) {
        for (uint64_t i = unit_random(&seed) % 12; i > 0; i--) {
            uint8_t data[TR_MESSAGE_MAX];
            size_t size = 1 + unit_random(&seed) % (turn % 3 == 0 ? TR_MESSAGE_MAX : 100);

            memset(data, 'a' + (int)(sent % 26), sizeof data);
            ASSERT_EQ_INT(net_send(&net, 1, data, size), TRYST_OK);
            sent++;
            bytes += (uint32_t)size;
        }
        net_run(&net, net.now_us + 25 * TR_MS);
        if (sent > 0)
            ASSERT_EQ_INT(net.end[0].text[0], 'a' + (int)((sent - 1) % 26));
    }
    ASSERT_EQ_UINT(net.end[0].messages, sent);
    ASSERT_EQ_UINT(net.end[0].message_bytes, bytes);
    net_clear(&net);
}

static void bundle_says_full_when_the_outbox_is(void)
{
    static struct small_net net;
    unsigned taken = 0;

    net_init(&net, 5);
    net_connect(&net);
    tryst_result result = TRYST_OK;
    while (taken < 1000 && (result = net_send(&net, 0, large, TR_MESSAGE_MAX)) == TRYST_OK)
        taken++;
    ASSERT_EQ_INT(result, TRYST_E_FULL);
    ASSERT_EQ_UINT(taken, 64); /* the outbox of small_net */
    net_run(&net, net.now_us + 30 * TR_MS);
    ASSERT_EQ_UINT(net.end[1].messages, 64);
    ASSERT_EQ_INT(net_send(&net, 0, small, 1), TRYST_OK);
    net_run(&net, net.now_us + 30 * TR_MS);
    ASSERT_EQ_UINT(net.end[1].messages, 65);
    net_clear(&net);
}

static void bundle_holds_one_datagrams_worth_before_there_is_a_key(void)
{
    static struct small_net net;
    size_t room = TR_DATA_ROOM;

    net_init(&net, 6);
    while (room >= 3 + 100) {
        ASSERT_EQ_INT(net_send(&net, 0, large, 100), TRYST_OK);
        room -= 3 + 100;
    }
    ASSERT_EQ_INT(net_send(&net, 0, large, room - 2), TRYST_E_NOT_CONNECTED);
    ASSERT_EQ_INT(net_send(&net, 0, large, room - 3), TRYST_OK);
    ASSERT_EQ_INT(net_send(&net, 0, large, 1), TRYST_E_NOT_CONNECTED);
    net_run(&net, net.now_us + TR_S);
    ASSERT_EQ_UINT(net.log_count, 0);
    net_connect(&net);
    ASSERT_EQ_UINT(net.end[1].messages, 12);
    ASSERT_EQ_UINT(net.end[1].message_bytes, 11 * 100 + room - 3);
    ASSERT_TRUE(net.end[0].peer.bundle.held == NULL);
    net_clear(&net);
}

/* Who is greeted by a hello has a key at once: a small message goes with the answer. */
static void bundle_held_for_long_leaves_as_early_data_within_three_times(void)
{
    static const struct {
        size_t size;
        uint64_t
            arrives_ms; /* after the first hello left: one trip more where it waits for the proof */
    } rows[] = {{10, 40}, {400, 40}, {TR_MESSAGE_MAX, 60}};
    static struct small_net net;

    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        net_init(&net, 7);
        uint64_t start = net.now_us;
        ASSERT_EQ_INT(net_send(&net, 1, large, rows[i].size), TRYST_OK);
        net_introduce(&net, 0, 1);
        net_run(&net, start + 25 * TR_MS);
        uint32_t in = 0, out = 0; /* DATA at side 1, before anything is proven; hellos are bounded
                                     by themselves */
        for (uint32_t j = 0; j < net.log_count; j++) {
            in += net.log[j].from == 0 && net.log[j].us + 20 * TR_MS <= net.now_us ? net.log[j].size
                                                                                   : 0;
            out += net.log[j].from == 1 && net.log[j].type == TR_DATA ? net.log[j].size : 0;
        }
        ASSERT_ROW(out <= 3 * in, "%" PRIu32 " out for %" PRIu32 " in", out, in);
        net_run(&net, start + TR_S);
        ASSERT_EQ_UINT(net.end[0].messages, 1);
        ASSERT_EQ_UINT(net.end[0].message_bytes, rows[i].size);
        ASSERT_TRUE(net.end[0].message_us >= start + 40 * TR_MS);
        ASSERT_ROW(net.end[0].message_us <= start + rows[i].arrives_ms * TR_MS,
                   "%zu bytes after %" PRIu64 " us", rows[i].size, net.end[0].message_us - start);
        net_clear(&net);
    }
}

/* Of what exceeds three times the first hello, the first messages leave with the answer to it. */
static void bundle_held_for_long_leaves_in_parts_of_whole_messages(void)
{
    static struct small_net net;

    net_init(&net, 11);
    uint64_t start = net.now_us;
    for (unsigned i = 0; i < 11; i++) {
        uint8_t data[100];

        memset(data, 'a' + (int)i, sizeof data);
        ASSERT_EQ_INT(net_send(&net, 1, data, sizeof data), TRYST_OK);
    }
    net_introduce(&net, 0, 1);
    net_run(&net, start + 44 * TR_MS); /* the second hello left after 5 ms at least */
    uint32_t early = net.end[0].messages, out = 0, in = net.log[0].size;
    ASSERT_ROW(early > 0 && early < 11, "%" PRIu32 " messages", early);
    ASSERT_EQ_INT(net.end[0].text[0], 'a' + (int)early - 1);
    for (uint32_t i = 1; i < net.log_count; i++)
        out +=
            net.log[i].type == TR_DATA && net.log[i].us < start + 24 * TR_MS ? net.log[i].size : 0;
    ASSERT_ROW(out <= 3 * in && out + 103 > 3 * in, "%" PRIu32 " out for %" PRIu32 " in", out, in);
    net_run(&net, start + TR_S);
    ASSERT_EQ_UINT(net.end[0].messages, 11);
    ASSERT_EQ_UINT(net.end[0].message_bytes, 11 * 100);
    ASSERT_EQ_INT(net.end[0].text[0], 'a' + 10);
    ASSERT_ROW(net.end[0].message_us <= start + 60 * TR_MS, "the rest after %" PRIu64 " us",
               net.end[0].message_us - start);
    ASSERT_TRUE(net.end[1].peer.bundle.held == NULL);
    net_clear(&net);
}

/* Both know each other: the least the scheme allows is half a round trip to the peer, then the
 * answer's way back. */
static void bundle_goes_both_ways_in_one_round_trip_when_hellos_cross(void)
{
    static struct small_net net;

    net_init(&net, 8);
    uint64_t start = net.now_us;
    for (unsigned i = 0; i < 2; i++) {
        net_introduce(&net, i, 1);
        ASSERT_EQ_INT(net_send(&net, i, small, sizeof small), TRYST_OK);
    }
    net_run(&net, start + TR_S);
    for (unsigned i = 0; i < 2; i++) {
        ASSERT_EQ_UINT(net.end[i].messages, 1);
        ASSERT_EQ_UINT(net.end[i].message_us, start + 40 * TR_MS);
        ASSERT_EQ_UINT(net.end[i].connected_us, start + 40 * TR_MS);
    }
    net_clear(&net);
}

static void bundle_open_when_the_path_is_lost_is_held(void)
{
    static struct small_net net;

    net_init(&net, 9);
    net_connect(&net);
    for (unsigned i = 0; i < 2; i++)
        net.way[i][0].is_walled = true;
    net_run(&net, net.now_us + 14 * TR_S);
    net_send(&net, 0, small, sizeof small);
    struct tr_path_set *paths = &net.end[0].peer.paths;
    paths->chosen = TR_PATH_NONE;
    paths->list[0].is_proven = false;
    net_run(&net, net.now_us + 4 * TR_S);
    ASSERT_EQ_UINT(net.end[1].messages, 0);
    for (unsigned i = 0; i < 2; i++)
        net.way[i][0].is_walled = false;
    net_run(&net, net.now_us + 20 * TR_S);
    ASSERT_EQ_UINT(net.end[1].messages, 1);
    ASSERT_EQ_STR(net.end[1].text, small);
    net_clear(&net);
}

static void bundle_of_a_peer_that_is_forgotten_never_leaves(void)
{
    static struct small_net net;

    net_init(&net, 10);
    net_connect(&net);
    net_send(&net, 0, small, sizeof small);
    uint32_t since = net.log_count;
    tr_peer_clear(&net.end[0].peer);
    struct tr_datagram *datagram = tr_outbox_pop(&net.end[0].outbox);
    if (ASSERT_TRUE(datagram != NULL))
        ASSERT_EQ_UINT(datagram->size, 0);
    ASSERT_EQ_UINT(net.log_count, since);
    net_clear(&net);
}

UNIT_MAIN("bundle", UNIT_CASE(bundle_of_one_turn_is_one_datagram),
          UNIT_CASE(bundle_costs_a_lone_message_head_and_tag_alone),
          UNIT_CASE(bundle_carries_what_fits_into_the_relay_and_no_more),
          UNIT_CASE(bundle_keeps_order_and_bytes_over_many_turns),
          UNIT_CASE(bundle_says_full_when_the_outbox_is),
          UNIT_CASE(bundle_holds_one_datagrams_worth_before_there_is_a_key),
          UNIT_CASE(bundle_held_for_long_leaves_as_early_data_within_three_times),
          UNIT_CASE(bundle_held_for_long_leaves_in_parts_of_whole_messages),
          UNIT_CASE(bundle_goes_both_ways_in_one_round_trip_when_hellos_cross),
          UNIT_CASE(bundle_open_when_the_path_is_lost_is_held),
          UNIT_CASE(bundle_of_a_peer_that_is_forgotten_never_leaves))
