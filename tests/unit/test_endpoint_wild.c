/* The endpoint under strange bytes, strange time and calls in any order.
 * SPDX-License-Identifier: MIT */
#include "lib/core/driver_face.h"
#include "tests/unit/endpoint_world.h"

static struct endpoint_world world;

/* Hands bytes to end 0 as if from an address of its server or its peer. */
static void hand(bool is_from_server, const void *data, size_t size)
{
    const struct tryst_address *from =
        is_from_server ? &world.server.address[0] : &world.end[1].address;

    ASSERT_EQ_INT(tryst_endpoint_input(world.end[0].endpoint, world.now_us, from, NULL, data, size),
                  TRYST_OK);
}

static uint64_t dropped(const struct tryst_stats *stats)
{
    return stats->dropped_short + stats->dropped_unknown + stats->dropped_version +
           stats->dropped_seal + stats->dropped_signature + stats->dropped_replay +
           stats->dropped_limit;
}

static const struct {
    const char *what;
    uint8_t start[8];
    size_t size;
    size_t counter; /* offset in the stats */
} rows[] = {
    {"nothing", {0}, 0, offsetof(struct tryst_stats, dropped_short)},
    {"another protocol", {0x80, 1}, 100, offsetof(struct tryst_stats, dropped_unknown)},
    {"STUN",
     {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42},
     20,
     offsetof(struct tryst_stats, dropped_unknown)},
    {"BIND, which only clients send",
     {TR_BIND, 1, 0, 0, 'T', 'R', 'Y', '1'},
     1200,
     offsetof(struct tryst_stats, dropped_unknown)},
    {"a short HELLO", {TR_HELLO, 1}, 263, offsetof(struct tryst_stats, dropped_short)},
    {"a HELLO of another version",
     {TR_HELLO, 2},
     264,
     offsetof(struct tryst_stats, dropped_version)},
    {"a long HELLO", {TR_HELLO, 1}, 405, offsetof(struct tryst_stats, dropped_limit)},
    {"a HELLO of a stranger", {TR_HELLO, 1}, 264, offsetof(struct tryst_stats, dropped_unknown)},
    {"a short DATA", {TR_DATA}, 25, offsetof(struct tryst_stats, dropped_short)},
    {"DATA of a stranger",
     {TR_DATA, 1, 2, 3, 4},
     60,
     offsetof(struct tryst_stats, dropped_unknown)},
    {"a relayed one", {TR_RELAY, 1}, 300, offsetof(struct tryst_stats, dropped_unknown)},
    {"a COOKIE that nobody asked for",
     {TR_COOKIE, 1, 0, 0, 'T', 'R', 'Y', '1'},
     248,
     offsetof(struct tryst_stats, dropped_unknown)},
    {"CTRL of another channel", {TR_CTRL}, 60, offsetof(struct tryst_stats, dropped_unknown)},
    {"REGISTERED again", {TR_REGISTERED, 1}, 400, offsetof(struct tryst_stats, dropped_replay)},
};

static void endpoint_counts_strange_datagrams_by_reason(void)
{
    world_init(&world, 2);
    world_connect(&world);
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        uint8_t data[TRYST_DATAGRAM_MAX] = {0};
        struct tryst_stats before = world_stats(&world, 0);

        memcpy(data, rows[i].start, sizeof rows[i].start);
        hand(true, data, rows[i].size);
        struct tryst_stats after = world_stats(&world, 0);
        uint64_t was, is;
        memcpy(&was, (const uint8_t *)&before + rows[i].counter, sizeof was);
        memcpy(&is, (const uint8_t *)&after + rows[i].counter, sizeof is);
        ASSERT_ROW(is == was + 1, "%s", rows[i].what);
        ASSERT_EQ_UINT(dropped(&after), dropped(&before) + 1);
        ASSERT_EQ_UINT(after.datagrams_received, before.datagrams_received + 1);
        ASSERT_EQ_UINT(after.bytes_received, before.bytes_received + rows[i].size);
    }
    world_clear(&world);
}

/* One by one the datagrams of a whole meeting, cut at every length and with every byte changed. */
static void endpoint_refuses_every_cut_and_change_of_a_meetings_datagrams(void)
{
    world_init(&world, 2);
    world_connect(&world);
    ASSERT_EQ_INT(world_send(&world, 1, 0, "genuine", 8), TRYST_OK);
    struct tryst_datagram out;
    if (!ASSERT_EQ_INT(tryst_endpoint_output(world.end[1].endpoint, world.now_us, &out), 1))
        return;
    uint8_t data[TRYST_DATAGRAM_MAX], forged[TRYST_DATAGRAM_MAX];
    size_t size = out.size;
    memcpy(data, out.data, size);
    for (size_t cut = 0; cut < size; cut++)
        hand(false, data, cut);
    for (size_t i = 0; i < size; i++) {
        memcpy(forged, data, size);
        forged[i] ^= 0x04;
        hand(false, forged, size);
    }
    struct tryst_event event;
    ASSERT_EQ_INT(tryst_endpoint_poll(world.end[0].endpoint, &event), 0);
    uint64_t replays = world_stats(&world, 0).dropped_replay;
    hand(false, data, size);
    hand(false, data, size);
    if (ASSERT_EQ_INT(tryst_endpoint_poll(world.end[0].endpoint, &event), 1))
        ASSERT_EQ_MEM(event.data, "genuine", 8);
    ASSERT_EQ_INT(tryst_endpoint_poll(world.end[0].endpoint, &event), 0);
    ASSERT_EQ_UINT(world_stats(&world, 0).dropped_replay, replays + 1);
    world_clear(&world);
}

static void endpoint_answers_no_garbage_and_stays_connected(void)
{
    uint64_t seed = 3;

    world_init(&world, 2);
    world_connect(&world);
    struct tryst_stats before = world_stats(&world, 0);
    for (unsigned i = 0; i < 20000; i++) {
        uint8_t data[TRYST_DATAGRAM_MAX];
        size_t size = unit_random(&seed) % (sizeof data + 1);

        for (size_t j = 0; j < size; j += 8) {
            uint64_t word = unit_random(&seed);
            memcpy(data + j, &word, size - j < 8 ? size - j : 8);
        }
        if (size > 8 && i % 2 == 0) {
            data[0] = (uint8_t)(TR_BIND + unit_random(&seed) % 11);
            data[1] = TR_VERSION;
            memcpy(data + 4, "TRY1", 4);
        }
        hand(i % 3 == 0, data, size);
    }
    struct tryst_stats after = world_stats(&world, 0);
    struct tryst_datagram out;
    ASSERT_EQ_UINT(dropped(&after) - dropped(&before), 20000);
    ASSERT_EQ_INT(tryst_endpoint_output(world.end[0].endpoint, world.now_us, &out), 0);
    world_for(&world, 10 * TR_S);
    ASSERT_EQ_UINT(world_stats(&world, 0).connected, 1);
    world_clear(&world);
}

/* Back by chance, that is: a little. */
static void endpoint_stands_still_when_time_does_or_goes_back(void)
{
    world_init(&world, 2);
    world_connect(&world);
    struct tryst_endpoint *endpoint = world.end[0].endpoint;
    uint64_t deadline = tryst_endpoint_deadline(endpoint);
    struct tryst_datagram out;
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t back = world.now_us - i * 999;
        ASSERT_EQ_INT(tryst_endpoint_tick(endpoint, i % 2 == 0 ? world.now_us : back), TRYST_OK);
        ASSERT_EQ_INT(tryst_endpoint_output(endpoint, back, &out), 0);
    }
    ASSERT_EQ_UINT(tryst_endpoint_deadline(endpoint), deadline);
    uint64_t early = world.now_us - 900 * TR_MS;
    ASSERT_EQ_INT(tryst_endpoint_send(endpoint, early, world.end[0].peer[1], "early", 6), TRYST_OK);
    ASSERT_EQ_INT(tryst_endpoint_set_local(endpoint, early, &world.end[0].address, 1), TRYST_OK);
    ASSERT_EQ_INT(tryst_endpoint_set_server(endpoint, early, world.server.address, 1), TRYST_OK);
    world_for(&world, 30 * TR_MS);
    ASSERT_EQ_STR(world.end[1].text, "early");
    world_for(&world, 60 * TR_S);
    ASSERT_EQ_UINT(world_stats(&world, 0).connected, 1);
    world_clear(&world);
}

/* All goes on from where it was: pings and messages, and deadlines are told by the caller's clock. */
static void endpoint_goes_on_when_its_clock_is_set_back(void)
{
    static const uint64_t backs_us[] = {2 * TR_S, 3600 * TR_S, 4 * 3600 * TR_S};

    world_init(&world, 2);
    world.now_us += 5 * 3600 * TR_S;
    world_connect(&world);
    for (size_t i = 0; i < UNIT_COUNT(backs_us); i++) {
        world_for(&world, 20 * TR_S);
        world.end[0].behind_us = backs_us[i];
        ASSERT_EQ_INT(tryst_endpoint_tick(world.end[0].endpoint, world_clock(&world, 0)), TRYST_OK);
        uint64_t due = tryst_endpoint_deadline(world.end[0].endpoint);
        ASSERT_TRUE(due >= world_clock(&world, 0) && due <= world_clock(&world, 0) + 20 * TR_S);
        for (unsigned j = 0; j < 2; j++) {
            ASSERT_EQ_INT(world_send(&world, j, 1 - j, "on it goes", 11), TRYST_OK);
            memset(world.end[j].text, 0, sizeof world.end[j].text);
        }
        world_for(&world, 30 * TR_MS);
        for (unsigned j = 0; j < 2; j++)
            ASSERT_EQ_STR(world.end[j].text, "on it goes");
        uint32_t pings = world.server.clients[0].pings + world.server.clients[1].pings;
        world_for(&world, 100 * TR_S);
        ASSERT_TRUE(world.server.clients[0].pings + world.server.clients[1].pings >= pings + 6);
        for (unsigned j = 0; j < 2; j++) {
            ASSERT_EQ_UINT(world_stats(&world, j).connected, 1);
            ASSERT_EQ_UINT(world.end[j].told[TRYST_EVENT_SERVER_LOST], 0);
            ASSERT_EQ_UINT(world.end[j].told[TRYST_EVENT_UNREACHABLE], 0);
        }
    }
    world_clear(&world);
}

/* What an end has to send now: so many of a type, to the server or to others. */
static unsigned count_output(unsigned end, uint8_t type)
{
    struct tryst_datagram out;
    unsigned count = 0;

    while (tryst_endpoint_output(world.end[end].endpoint, world_clock(&world, end), &out) == 1)
        count += *(const uint8_t *)out.data == type;
    return count;
}

/* A machine slept, or a debugger held the game: nobody waits until pings are found unanswered. A game that
 * is late by less, or that had nothing to do, did not sleep. */
static void endpoint_asks_everyone_at_once_when_it_was_overslept(void)
{
    static const struct {
        uint64_t late_us;
        bool is_asleep;
    } lates[] = {{TR_S, false}, {4 * TR_S, false}, {30 * TR_S, true}, {3600 * TR_S, true}};

    for (size_t i = 0; i < UNIT_COUNT(lates); i++) {
        for (unsigned type = TR_HELLO; type <= TR_HELLO + 1U; type++) {
            bool is_bind = type != TR_HELLO;

            world_init(&world, 2);
            world_connect(&world);
            world_for(&world, 5 * TR_S);
            struct tryst_endpoint *endpoint = world.end[0].endpoint;
            world.now_us = tryst_endpoint_deadline(endpoint) + lates[i].late_us;
            tryst_endpoint_tick(endpoint, world.now_us);
            unsigned count = count_output(0, is_bind ? TR_BIND : TR_HELLO);
            ASSERT_ROW((count > 0) == lates[i].is_asleep, "%" PRIu64 " us late: %u",
                       lates[i].late_us, count);
            world_for(&world, 60 * TR_S);
            ASSERT_EQ_UINT(world_stats(&world, 0).connected, 1);
            world_clear(&world);
        }
    }
}

static void endpoint_takes_a_leap_of_days_as_silence(void)
{
    world_init(&world, 2);
    world_connect(&world);
    world.now_us += 3 * 86400 * TR_S;
    world_for(&world, 60 * TR_S);
    for (unsigned i = 0; i < 2; i++) {
        ASSERT_EQ_UINT(world_stats(&world, i).connected, 1);
        ASSERT_EQ_INT(world_send(&world, i, 1 - i, "awake", 6), TRYST_OK);
    }
    world_for(&world, TR_S);
    for (unsigned i = 0; i < 2; i++)
        ASSERT_EQ_STR(world.end[i].text, "awake");
    world_clear(&world);
}

static void endpoint_works_in_whatever_order_it_is_told_things(void)
{
    for (unsigned order = 0; order < 6; order++) {
        static const uint8_t orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                             {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
        world_init(&world, 2);
        for (unsigned i = 0; i < 2; i++) {
            struct tryst_endpoint *endpoint = world.end[i].endpoint;
            struct tryst_datagram out;

            ASSERT_EQ_INT(tryst_endpoint_output(endpoint, world.now_us, &out), 0);
            for (unsigned step = 0; step < 3; step++) {
                if (orders[order][step] == 0)
                    tryst_endpoint_set_local(endpoint, world.now_us, &world.end[i].address, 1);
                else if (orders[order][step] == 1)
                    tryst_endpoint_set_server(endpoint, world.now_us, world.server.address, 2);
                else
                    ASSERT_EQ_INT(tryst_endpoint_join(endpoint, world.now_us, "room", NULL, 0),
                                  TRYST_OK);
            }
        }
        world_for(&world, 2 * TR_S);
        for (unsigned i = 0; i < 2; i++)
            ASSERT_ROW(world_stats(&world, i).connected == 1, "order %u", order);
        world_clear(&world);
    }
}

static void random_call(unsigned end, uint64_t *seed)
{
    struct tryst_endpoint *endpoint = world.end[end].endpoint;
    struct tryst_address locals[3] = {world.end[end].address, world.end[end].address,
                                      world.end[end].address};

    locals[1].ip[3] = 77;
    locals[2].ip[3] = 78;
    switch (unit_random(seed) % 8) {
    case 0:
        tryst_endpoint_join(endpoint, world.now_us, unit_random(seed) % 4 == 0 ? "other" : "room",
                            "x", unit_random(seed) % 2);
        break;
    case 1:
        if (unit_random(seed) % 4 == 0)
            tryst_endpoint_leave(endpoint, world.now_us);
        break;
    case 2:
        tryst_endpoint_set_local(endpoint, world.now_us, locals, unit_random(seed) % 4);
        break;
    case 3:
        tryst_endpoint_set_server(endpoint, world.now_us, world.server.address,
                                  1 + unit_random(seed) % 2);
        break;
    case 4:
        for (unsigned i = 0; i < world.count; i++)
            world_send(&world, end, i, "noise", 1 + unit_random(seed) % 5);
        break;
    case 5:
        world.end[end].is_lazy = unit_random(seed) % 2 == 0;
        break;
    case 6:
        world.end[end].is_cut_off = unit_random(seed) % 3 == 0;
        break;
    default:
        tryst_endpoint_tick(endpoint, world.now_us);
    }
}

static void endpoint_survives_random_calls_and_still_meets(void)
{
    for (uint64_t story = 1; story <= 12; story++) {
        uint64_t seed = story;

        world_init(&world, 3);
        for (unsigned step = 0; step < 150; step++) {
            random_call((unsigned)(unit_random(&seed) % 3), &seed);
            world_for(&world,
                      unit_random(&seed) % (unit_random(&seed) % 4 == 0 ? 20 * TR_S : 100 * TR_MS));
        }
        for (unsigned i = 0; i < 3; i++) {
            world.end[i].is_lazy = world.end[i].is_cut_off = false;
            tryst_endpoint_leave(world.end[i].endpoint, world.now_us);
        }
        world_for(&world, 30 * TR_S);
        for (unsigned i = 0; i < 3; i++) {
            tryst_endpoint_set_local(world.end[i].endpoint, world.now_us, &world.end[i].address, 1);
            world_join(&world, i);
        }
        world_for(&world, 40 * TR_S);
        for (unsigned i = 0; i < 3; i++)
            ASSERT_ROW(world_stats(&world, i).connected == 2, "story %d, end %u", (int)story, i);
        world.server.faults = 0; /* it forgot clients that left, and knows no late words of them */
        world_clear(&world);
    }
}

static void endpoint_tells_what_the_driver_could_not_do(void)
{
    world_init(&world, 1);
    struct tryst_endpoint *endpoint = world.end[0].endpoint;
    struct tryst_event event;
    ASSERT_FALSE(tr_endpoint_has_event(endpoint));
    tr_endpoint_server_failed(endpoint, world.now_us, TRYST_STAGE_RESOLVE, TRYST_REASON_NO_NAME);
    ASSERT_TRUE(tr_endpoint_has_event(endpoint));
    ASSERT_EQ_INT(tryst_endpoint_poll(endpoint, &event), 1);
    ASSERT_EQ_UINT(event.type, TRYST_EVENT_SERVER_LOST);
    ASSERT_EQ_UINT(event.stage, TRYST_STAGE_RESOLVE);
    ASSERT_EQ_UINT(event.reason, TRYST_REASON_NO_NAME);
    ASSERT_FALSE(tr_endpoint_has_event(endpoint));
    world_clear(&world);
}

static void endpoint_keeps_eight_local_addresses_once_each_in_order(void)
{
    struct tryst_address given[12], got[12] = {{0}};

    world_init(&world, 1);
    struct tryst_endpoint *endpoint = world.end[0].endpoint;
    for (unsigned i = 0; i < 12; i++)
        given[i] = (struct tryst_address){
            .family = 4, .port = 4000, .ip = {10, 0, 0, (uint8_t)(1 + i / 2)}};
    ASSERT_EQ_INT(tryst_endpoint_set_local(endpoint, world.now_us, given, 12), TRYST_OK);
    ASSERT_EQ_INT(tryst_endpoint_local(endpoint, got, 12), 6);
    for (unsigned i = 0; i < 6; i++)
        ASSERT_EQ_INT(tryst_address_compare(&got[i], &given[2 * i]), 0);
    for (unsigned i = 0; i < 12; i++)
        given[i].ip[3] = (uint8_t)(12 - i);
    ASSERT_EQ_INT(tryst_endpoint_set_local(endpoint, world.now_us, given, 12), TRYST_OK);
    ASSERT_EQ_INT(tryst_endpoint_local(endpoint, got, 12), TRYST_LOCAL_MAX);
    for (unsigned i = 0; i < TRYST_LOCAL_MAX; i++)
        ASSERT_EQ_INT(tryst_address_compare(&got[i], &given[i]), 0);
    ASSERT_EQ_INT(tryst_endpoint_local(endpoint, got, 2), TRYST_LOCAL_MAX);
    ASSERT_EQ_INT(tryst_endpoint_set_local(endpoint, world.now_us, NULL, 0), TRYST_OK);
    ASSERT_EQ_INT(tryst_endpoint_local(endpoint, got, 12), 0);
    world_clear(&world);
}

/* The best one comes first: another order is as good as other addresses, be they the same. */
static void endpoint_takes_another_order_of_its_addresses_as_a_change(void)
{
    world_init(&world, 2);
    world_connect(&world);
    struct tryst_endpoint *endpoint = world.end[0].endpoint;
    const struct scripted_client *client = &world.server.clients[0];
    struct tryst_address own = world.end[0].address;
    struct tryst_address b = {.family = 4, .port = own.port, .ip = {10, 7, 0, 2}};
    struct tryst_address c = {.family = 4, .port = own.port, .ip = {10, 7, 0, 3}};
    const struct {
        struct tryst_address list[3];
        uint32_t sequence; /* one more than before: it told the server anew */
    } turns[] = {{{own, b, c}, 2}, {{own, b, c}, 2}, {{own, c, b}, 3},
                 {{own, c, b}, 3}, {{b, own, c}, 4}, {{own, b, c}, 5}};

    for (size_t i = 0; i < UNIT_COUNT(turns); i++) {
        struct tryst_address got[3];
        tryst_endpoint_set_local(endpoint, world.now_us, turns[i].list, 3);
        world_for(&world, TR_S);
        ASSERT_ROW(client->body.sequence == turns[i].sequence, "row %zu: sequence %u", i,
                   client->body.sequence);
        ASSERT_EQ_INT(tryst_endpoint_local(endpoint, got, 3), 3);
        for (unsigned k = 0; k < 3; k++)
            ASSERT_ROW(tryst_address_compare(&got[k], &turns[i].list[k]) == 0, "row %zu", i);
    }
    world_clear(&world);
}

UNIT_MAIN("endpoint wild", UNIT_CASE(endpoint_counts_strange_datagrams_by_reason),
          UNIT_CASE(endpoint_refuses_every_cut_and_change_of_a_meetings_datagrams),
          UNIT_CASE(endpoint_answers_no_garbage_and_stays_connected),
          UNIT_CASE(endpoint_stands_still_when_time_does_or_goes_back),
          UNIT_CASE(endpoint_goes_on_when_its_clock_is_set_back),
          UNIT_CASE(endpoint_asks_everyone_at_once_when_it_was_overslept),
          UNIT_CASE(endpoint_takes_a_leap_of_days_as_silence),
          UNIT_CASE(endpoint_works_in_whatever_order_it_is_told_things),
          UNIT_CASE(endpoint_survives_random_calls_and_still_meets),
          UNIT_CASE(endpoint_tells_what_the_driver_could_not_do),
          UNIT_CASE(endpoint_keeps_eight_local_addresses_once_each_in_order),
          UNIT_CASE(endpoint_takes_another_order_of_its_addresses_as_a_change))
