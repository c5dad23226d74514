/* Paths: what proves one, what it may carry before, what it counts, and which go when there is no room.
 * SPDX-License-Identifier: MIT */
#include "lib/core/path.h"
#include "tests/unit/unit.h"

static struct tr_random random_of(uint8_t seed)
{
    struct tr_random random;
    uint8_t bytes[TR_KEY] = {seed};

    tr_random_init(&random, bytes);
    return random;
}

static struct tryst_address address_of(uint8_t last)
{
    return (struct tryst_address){.family = 4, .port = 1000, .ip = {1, 2, 3, last}};
}

static uint8_t add(struct tr_path_set *paths, uint8_t last, uint8_t kind)
{
    struct tryst_address address = address_of(last);

    return tr_paths_add(paths, &address, TR_LOCAL_ANY, kind);
}

/* A ping that left at sent_us is answered after rtt_us. */
static bool prove(struct tr_path_set *paths, uint8_t index, uint64_t sent_us, uint64_t rtt_us,
                  struct tr_random *random)
{
    uint8_t ping[TR_PING_BYTES];

    tr_path_ping(&paths->list[index], sent_us, random, ping);
    tr_paths_heard(paths, index, 300, sent_us + rtt_us);
    return tr_paths_pong(paths, index, ping, sent_us + rtt_us);
}

static void path_is_proven_by_the_pong_to_its_ping(void)
{
    struct tr_random random = random_of(1);
    struct tr_path_set paths;

    tr_paths_init(&paths);
    uint8_t index = add(&paths, 1, TRYST_KIND_PUBLIC);
    tr_paths_heard(&paths, index, 300, TR_S);
    ASSERT_FALSE(paths.list[index].is_proven);
    ASSERT_TRUE(prove(&paths, index, TR_S, 40 * TR_MS, &random));
    ASSERT_TRUE(paths.list[index].is_proven);
    ASSERT_EQ_UINT(paths.list[index].rtt_us, 40 * TR_MS);
}

static void path_refuses_forged_and_foreign_pongs(void)
{
    struct tr_random random = random_of(2);
    struct tr_path_set paths;
    uint8_t ping[TR_PING_BYTES], forged[TR_PING_BYTES];
    static const uint8_t zeros[TR_PING_BYTES];

    tr_paths_init(&paths);
    uint8_t a = add(&paths, 1, TRYST_KIND_PUBLIC), b = add(&paths, 2, TRYST_KIND_PUBLIC);
    ASSERT_FALSE(tr_paths_pong(&paths, a, zeros, TR_S));
    tr_path_ping(&paths.list[a], TR_S, &random, ping);
    ASSERT_FALSE(tr_paths_pong(&paths, b, ping, TR_S));
    tr_path_ping(&paths.list[b], TR_S, &random, forged);
    ASSERT_FALSE(tr_paths_pong(&paths, b, ping, TR_S));
    ASSERT_FALSE(tr_paths_pong(&paths, a, zeros, TR_S));
    for (unsigned bit = 24; bit < 64; bit++) { /* the secret's part; the first 24 are the time */
        memcpy(forged, ping, sizeof forged);
        forged[bit / 8] ^= (uint8_t)(1U << bit % 8);
        ASSERT_ROW(!tr_paths_pong(&paths, a, forged, TR_S), "bit %u", bit);
    }
    ASSERT_FALSE(paths.list[a].is_proven);
    ASSERT_TRUE(tr_paths_pong(&paths, a, ping, TR_S));
    ASSERT_FALSE(tr_paths_pong(&paths, a, ping, TR_S)); /* once: it waits for nothing now */
}

static void path_refuses_late_pongs_and_such_from_the_future(void)
{
    static const struct {
        uint64_t after_us;
        bool is_good;
    } rows[] = {{0, true},          {1, true},         {10 * TR_MS, true},
                {29 * TR_S, true},  {30 * TR_S, true}, {30 * TR_S + 8, false},
                {31 * TR_S, false}, {67 * TR_S, false}};

    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct tr_random random = random_of(3);
        struct tr_path_set paths;
        uint8_t ping[TR_PING_BYTES];

        tr_paths_init(&paths);
        uint8_t index = add(&paths, 1, TRYST_KIND_PUBLIC);
        tr_path_ping(&paths.list[index], 100 * TR_S, &random, ping);
        ASSERT_ROW(tr_paths_pong(&paths, index, ping, 100 * TR_S + rows[i].after_us) ==
                       rows[i].is_good,
                   "after %" PRIu64 " us", rows[i].after_us);
        ASSERT_EQ_INT(paths.list[index].is_proven, rows[i].is_good);
    }
    struct tr_random random = random_of(3);
    struct tr_path_set paths;
    uint8_t ping[TR_PING_BYTES];

    tr_paths_init(&paths);
    uint8_t index = add(&paths, 1, TRYST_KIND_PUBLIC);
    tr_path_ping(&paths.list[index], 100 * TR_S, &random, ping);
    ASSERT_FALSE(tr_paths_pong(&paths, index, ping, 99 * TR_S));
}

static void path_measures_each_repetition_of_a_ping_by_itself(void)
{
    struct tr_random random = random_of(4);
    struct tr_path_set paths;
    uint8_t first[TR_PING_BYTES], second[TR_PING_BYTES];

    for (unsigned answered = 0; answered < 2; answered++) {
        tr_paths_init(&paths);
        uint8_t index = add(&paths, 1, TRYST_KIND_PUBLIC);
        tr_path_ping(&paths.list[index], TR_S, &random, first);
        tr_path_ping(&paths.list[index], TR_S + 200 * TR_MS, &random, second);
        ASSERT_TRUE(memcmp(first, second, sizeof first) != 0);
        ASSERT_TRUE(
            tr_paths_pong(&paths, index, answered == 0 ? first : second, TR_S + 230 * TR_MS));
        ASSERT_EQ_UINT(paths.list[index].rtt_us, answered == 0 ? 230 * TR_MS : 30 * TR_MS);
    }
}

static void path_smooths_its_round_trip(void)
{
    struct tr_random random = random_of(5);
    struct tr_path_set paths;
    uint64_t now = TR_S;

    tr_paths_init(&paths);
    uint8_t index = add(&paths, 1, TRYST_KIND_PUBLIC);
    ASSERT_TRUE(prove(&paths, index, now, 80 * TR_MS, &random));
    ASSERT_TRUE(prove(&paths, index, now += TR_S, 160 * TR_MS, &random));
    ASSERT_EQ_UINT(paths.list[index].rtt_us, 90 * TR_MS);
    ASSERT_TRUE(prove(&paths, index, now += TR_S, 0, &random));
    ASSERT_TRUE(paths.list[index].rtt_us > 0);
}

static void path_carries_three_times_what_came_before_it_is_proven(void)
{
    struct tr_random random = random_of(6);
    struct tr_path_set paths;

    tr_paths_init(&paths);
    uint8_t index = add(&paths, 1, TRYST_KIND_PUBLIC);
    struct tr_path *path = &paths.list[index];
    ASSERT_FALSE(tr_path_may_carry(path, 1));
    tr_paths_heard(&paths, index, 100, TR_S);
    ASSERT_TRUE(tr_path_may_carry(path, 300));
    ASSERT_FALSE(tr_path_may_carry(path, 301));
    ASSERT_FALSE(tr_path_carried(path, 200, true, TR_S));
    ASSERT_TRUE(tr_path_may_carry(path, 100));
    ASSERT_FALSE(tr_path_may_carry(path, 101));
    tr_path_carried(path, 100, true, TR_S);
    ASSERT_FALSE(tr_path_may_carry(path, 1));
    for (unsigned i = 0; i < 5000000 / 1200; i++)
        tr_path_carried(path, 1200, true, TR_S);
    ASSERT_FALSE(tr_path_may_carry(path, 1));
    ASSERT_TRUE(prove(&paths, index, TR_S, TR_MS, &random));
    ASSERT_TRUE(tr_path_may_carry(path, 1200));
}

static void path_set_knows_a_path_by_both_ends(void)
{
    struct tr_path_set paths;
    struct tryst_address remote = address_of(1), port = address_of(1);

    port.port = 9;
    tr_paths_init(&paths);
    ASSERT_EQ_UINT(tr_paths_add(&paths, &remote, TR_LOCAL_ANY, TRYST_KIND_OBSERVED), 0);
    ASSERT_EQ_UINT(tr_paths_add(&paths, &remote, 1, TRYST_KIND_HOST), 1);
    ASSERT_EQ_UINT(tr_paths_add(&paths, &port, TR_LOCAL_ANY, TRYST_KIND_HOST), 2);
    ASSERT_EQ_UINT(tr_paths_add(&paths, &remote, TR_LOCAL_ANY, TRYST_KIND_PUBLIC), 0);
    ASSERT_EQ_UINT(paths.list[0].kind, TRYST_KIND_PUBLIC);
    ASSERT_EQ_UINT(tr_paths_add(&paths, &remote, TR_LOCAL_ANY, TRYST_KIND_OBSERVED), 0);
    ASSERT_EQ_UINT(paths.list[0].kind, TRYST_KIND_PUBLIC);
    ASSERT_EQ_UINT(tr_paths_find(&paths, &remote, 1), 1);
    ASSERT_EQ_UINT(tr_paths_find(&paths, &remote, 2), TR_PATH_NONE);
    ASSERT_EQ_UINT(paths.count, 3);
}

/* All but the last two are named or proven. */
static void path_set_that_is_full_lets_go_of_strangers_only(void)
{
    struct tr_random random = random_of(7);
    struct tr_path_set paths;

    tr_paths_init(&paths);
    for (uint8_t i = 0; i < TR_PATHS_MAX; i++)
        ASSERT_EQ_UINT(add(&paths, i, i < 4 ? TRYST_KIND_HOST : TRYST_KIND_OBSERVED), i);
    for (uint8_t i = 0; i < TR_PATHS_MAX; i++)
        tr_paths_heard(&paths, i, 300, (100U - i) * TR_S); /* the last ones are the oldest */
    for (uint8_t i = 4; i < TR_PATHS_MAX - 2; i++)
        ASSERT_TRUE(prove(&paths, i, 100 * TR_S, 20 * TR_MS, &random));
    paths.chosen = 4;
    for (uint8_t i = 0; i < 2; i++) {
        uint8_t index = add(&paths, (uint8_t)(100 + i), TRYST_KIND_OBSERVED);
        ASSERT_TRUE(index != TR_PATH_NONE);
        tr_paths_heard(&paths, index, 300, (200U + i) * TR_S);
        struct tryst_address gone = address_of((uint8_t)(TR_PATHS_MAX - 1 - i));
        ASSERT_EQ_UINT(tr_paths_find(&paths, &gone, TR_LOCAL_ANY), TR_PATH_NONE);
        ASSERT_EQ_UINT(paths.count, TR_PATHS_MAX);
    }
    for (uint8_t i = 0; i < TR_PATHS_MAX - 2; i++) { /* the named and the proven are still there */
        struct tryst_address kept = address_of(i);
        ASSERT_TRUE(tr_paths_find(&paths, &kept, TR_LOCAL_ANY) != TR_PATH_NONE);
    }
    for (uint8_t i = 0; i < TR_PATHS_MAX; i++)
        ASSERT_TRUE(paths.list[i].is_proven || prove(&paths, i, 300 * TR_S, TR_MS, &random));
    ASSERT_EQ_UINT(add(&paths, 250, TRYST_KIND_OBSERVED), TR_PATH_NONE);
    ASSERT_EQ_UINT(add(&paths, 251, TRYST_KIND_PUBLIC), TR_PATH_NONE);
}

/* The one in use carries early data: it stays, proven or not. */
static void path_set_that_is_full_keeps_the_chosen_one(void)
{
    struct tr_path_set paths;

    tr_paths_init(&paths);
    for (uint8_t i = 0; i < TR_PATHS_MAX; i++)
        add(&paths, i, TRYST_KIND_OBSERVED);
    tr_paths_heard(&paths, 0, 300, TR_S);
    paths.chosen = 0;
    for (uint8_t i = 1; i < TR_PATHS_MAX; i++)
        tr_paths_heard(&paths, i, 300, 2 * TR_S);
    for (uint8_t i = 0; i < 40; i++) {
        uint8_t index = add(&paths, (uint8_t)(100 + i), TRYST_KIND_OBSERVED);
        if (index != TR_PATH_NONE)
            tr_paths_heard(&paths, index, 300, (3U + i) * TR_S);
        struct tryst_address first = address_of(0);
        ASSERT_EQ_UINT(paths.chosen, tr_paths_find(&paths, &first, TR_LOCAL_ANY));
    }
}

static void path_of_a_dropped_local_address_goes_with_it(void)
{
    struct tr_random random = random_of(12);
    struct tr_path_set paths;
    struct tryst_address remote = address_of(1), other = address_of(2);

    tr_paths_init(&paths);
    tr_paths_add(&paths, &remote, TR_LOCAL_ANY, TRYST_KIND_PUBLIC);
    tr_paths_add(&paths, &remote, 1, TRYST_KIND_PUBLIC);
    tr_paths_add(&paths, &other, 1, TRYST_KIND_PUBLIC);
    uint8_t kept = tr_paths_add(&paths, &remote, 2, TRYST_KIND_PUBLIC);
    ASSERT_EQ_UINT(kept, 3);
    prove(&paths, kept, TR_S, TR_MS, &random);
    paths.chosen = kept;
    ASSERT_FALSE(tr_paths_drop_local(&paths, 1));
    ASSERT_EQ_UINT(paths.count, 2);
    ASSERT_EQ_UINT(paths.chosen, tr_paths_find(&paths, &remote, 2));
    ASSERT_TRUE(tr_paths_drop_local(&paths, 2));
    ASSERT_EQ_UINT(paths.chosen, TR_PATH_NONE);
    ASSERT_EQ_UINT(paths.count, 1);
    ASSERT_FALSE(tr_paths_drop_local(&paths, 5));
}

static void path_search_lets_hellos_go_everywhere_again(void)
{
    struct tr_path_set paths;

    tr_paths_init(&paths);
    for (uint8_t i = 0; i < 5; i++)
        paths.list[add(&paths, i, TRYST_KIND_HOST)].hellos = TR_PATH_HELLOS_MAX;
    tr_paths_search(&paths);
    for (uint8_t i = 0; i < 5; i++)
        ASSERT_EQ_UINT(paths.list[i].hellos, 0);
}

/* Unproven but chosen, proven, heard and never heard ones, as the newest list names them or not. */
static void path_set_that_is_full_lets_go_of_the_unnamed_and_then_of_the_unheard(void)
{
    enum { CHOSEN, PROVEN, OLD, NAMED = OLD + 3, UNHEARD = NAMED + 4, NEW = 100, SEEN = 200 };
    struct tr_random random = random_of(8);
    struct tr_path_set paths;
    struct tryst_address address;

    tr_paths_init(&paths);
    for (uint8_t i = 0; i < TR_PATHS_MAX; i++)
        add(&paths, i, TRYST_KIND_HOST);
    for (uint8_t i = 0; i < UNHEARD; i++)
        tr_paths_heard(&paths, i, 300, (100U - i) * TR_S);
    paths.chosen = CHOSEN;
    ASSERT_TRUE(prove(&paths, PROVEN, 100 * TR_S, 20 * TR_MS, &random));
    ASSERT_EQ_UINT(add(&paths, NEW, TRYST_KIND_PUBLIC), TR_PATH_NONE); /* all are named */

    tr_paths_unname(&paths);
    for (uint8_t i = NAMED; i < TR_PATHS_MAX; i++)
        add(&paths, i, TRYST_KIND_HOST);
    for (uint8_t i = 0; i < NAMED - OLD; i++) {
        ASSERT_TRUE(add(&paths, (uint8_t)(NEW + i), TRYST_KIND_PUBLIC) != TR_PATH_NONE);
        address = address_of((uint8_t)(NAMED - 1 - i)); /* silent longest */
        ASSERT_EQ_UINT(tr_paths_find(&paths, &address, TR_LOCAL_ANY), TR_PATH_NONE);
    }
    ASSERT_EQ_UINT(add(&paths, NEW + 50, TRYST_KIND_PUBLIC), TR_PATH_NONE);

    unsigned unheard = TR_PATHS_MAX - UNHEARD + NAMED - OLD;
    for (unsigned i = 0; i < unheard; i++) {
        uint8_t index = add(&paths, (uint8_t)(SEEN + i), TRYST_KIND_OBSERVED);

        if (ASSERT_ROW(index != TR_PATH_NONE, "observed %u", i))
            ASSERT_TRUE(prove(&paths, index, 100 * TR_S, 20 * TR_MS, &random));
    }
    ASSERT_EQ_UINT(add(&paths, SEEN + 50, TRYST_KIND_OBSERVED), TR_PATH_NONE);
    for (uint8_t i = 0; i < UNHEARD; i++) {
        address = address_of(i);
        bool is_there = tr_paths_find(&paths, &address, TR_LOCAL_ANY) != TR_PATH_NONE;
        ASSERT_ROW(is_there == (i < OLD || i >= NAMED), "path %u", i);
    }
    address = address_of(CHOSEN);
    ASSERT_EQ_UINT(paths.chosen, tr_paths_find(&paths, &address, TR_LOCAL_ANY));
}

/* Whatever else comes and goes, the way by the server stays; it is there once. */
static void path_by_the_relay_is_never_let_go_of(void)
{
    struct tr_path_set paths;
    struct tryst_address relay = tr_path_relay();

    tr_paths_init(&paths);
    ASSERT_EQ_UINT(tr_paths_add(&paths, &relay, TR_LOCAL_ANY, TRYST_KIND_NONE), 0);
    ASSERT_EQ_UINT(tr_paths_add(&paths, &relay, TR_LOCAL_ANY, TRYST_KIND_NONE), 0);
    ASSERT_TRUE(tr_path_is_relay(&paths.list[0]));
    for (uint8_t i = 0; i < 100; i++) {
        tr_paths_unname(&paths);
        uint8_t index = add(&paths, i, i % 2 == 0 ? TRYST_KIND_OBSERVED : TRYST_KIND_HOST);
        if (ASSERT_TRUE(index != TR_PATH_NONE && index != 0)) {
            ASSERT_FALSE(tr_path_is_relay(&paths.list[index]));
            tr_paths_heard(&paths, index, 300, (10U + i) * TR_S);
        }
        ASSERT_EQ_UINT(tr_paths_find(&paths, &relay, TR_LOCAL_ANY), 0);
    }
    ASSERT_EQ_UINT(paths.count, TR_PATHS_MAX);
}

/* Messages want to be measured soon; answers, pings and what follows before the ping do not. */
static void path_is_to_be_pinged_soon_once_messages_leave_on_it(void)
{
    struct tr_random random = random_of(13);
    struct tr_path_set paths;
    uint64_t now = 100 * TR_S;

    tr_paths_init(&paths);
    struct tr_path *path = &paths.list[add(&paths, 1, TRYST_KIND_PUBLIC)];
    ASSERT_FALSE(tr_path_carried(path, 100, true, now)); /* not proven */
    path->pinged_sent = path->sent;
    ASSERT_TRUE(prove(&paths, 0, now, TR_MS, &random));
    path->next_us = now + 14 * TR_S;
    ASSERT_FALSE(tr_path_carried(path, 80, false, now)); /* a pong */
    ASSERT_EQ_UINT(path->next_us, now + 14 * TR_S);
    ASSERT_TRUE(tr_path_carried(path, 700, true, now));
    ASSERT_EQ_UINT(path->next_us, now + TR_PATH_TALKING_US);
    ASSERT_FALSE(tr_path_carried(path, 500, true, now + TR_MS));
    ASSERT_EQ_UINT(path->next_us, now + TR_PATH_TALKING_US);
    ASSERT_EQ_UINT(path->largest, 700);
    ASSERT_EQ_UINT(path->sent, 4);
    tr_path_received(path);
    tr_path_received(path);
    ASSERT_EQ_UINT(path->received, 2);
}

static void path_in_doubt_is_asked_at_once_unless_it_is_the_relay(void)
{
    struct tr_random random = random_of(14);
    struct tr_path_set paths;
    struct tryst_address relay = tr_path_relay();

    tr_paths_init(&paths);
    uint8_t proven = add(&paths, 1, TRYST_KIND_PUBLIC), other = add(&paths, 2, TRYST_KIND_HOST);
    uint8_t by_server = tr_paths_add(&paths, &relay, TR_LOCAL_ANY, TRYST_KIND_NONE);
    ASSERT_TRUE(prove(&paths, proven, TR_S, TR_MS, &random));
    ASSERT_TRUE(prove(&paths, by_server, TR_S, TR_MS, &random));
    paths.list[proven].next_us = paths.list[by_server].next_us = 90 * TR_S;
    tr_paths_doubt(&paths, 50 * TR_S);
    ASSERT_TRUE(paths.list[proven].is_doubted);
    ASSERT_EQ_UINT(paths.list[proven].next_us, 50 * TR_S);
    ASSERT_FALSE(paths.list[other].is_doubted);
    ASSERT_FALSE(paths.list[by_server].is_doubted);
    ASSERT_EQ_UINT(paths.list[by_server].next_us, 90 * TR_S);
    ASSERT_TRUE(prove(&paths, proven, 50 * TR_S, TR_MS, &random));
    ASSERT_FALSE(paths.list[proven].is_doubted);
}

UNIT_MAIN("path", UNIT_CASE(path_is_proven_by_the_pong_to_its_ping),
          UNIT_CASE(path_refuses_forged_and_foreign_pongs),
          UNIT_CASE(path_refuses_late_pongs_and_such_from_the_future),
          UNIT_CASE(path_measures_each_repetition_of_a_ping_by_itself),
          UNIT_CASE(path_smooths_its_round_trip),
          UNIT_CASE(path_carries_three_times_what_came_before_it_is_proven),
          UNIT_CASE(path_set_knows_a_path_by_both_ends),
          UNIT_CASE(path_set_that_is_full_lets_go_of_strangers_only),
          UNIT_CASE(path_set_that_is_full_keeps_the_chosen_one),
          UNIT_CASE(path_of_a_dropped_local_address_goes_with_it),
          UNIT_CASE(path_search_lets_hellos_go_everywhere_again),
          UNIT_CASE(path_set_that_is_full_lets_go_of_the_unnamed_and_then_of_the_unheard),
          UNIT_CASE(path_by_the_relay_is_never_let_go_of),
          UNIT_CASE(path_is_to_be_pinged_soon_once_messages_leave_on_it),
          UNIT_CASE(path_in_doubt_is_asked_at_once_unless_it_is_the_relay))
