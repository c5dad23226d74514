/* Paths: what proves one, what it may carry before, which is chosen, when it is pinged and left.
 * SPDX-License-Identifier: MIT */
#include "lib/core/path.h"
#include "tests/unit/unit.h"

static const struct tr_path_times times = {.keepalive_us = 5 * TR_S, .path_us = 15 * TR_S};

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
    tr_path_carried(path, 200);
    ASSERT_TRUE(tr_path_may_carry(path, 100));
    ASSERT_FALSE(tr_path_may_carry(path, 101));
    tr_path_carried(path, 100);
    ASSERT_FALSE(tr_path_may_carry(path, 1));
    for (unsigned i = 0; i < 5000000 / 1200; i++)
        tr_path_carried(path, 1200);
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

static void path_set_that_is_full_lets_go_of_strangers_only(void)
{
    struct tr_random random = random_of(7);
    struct tr_path_set paths;

    tr_paths_init(&paths);
    for (uint8_t i = 0; i < TR_PATHS_MAX; i++)
        ASSERT_EQ_UINT(add(&paths, i, i < 4 ? TRYST_KIND_HOST : TRYST_KIND_OBSERVED), i);
    for (uint8_t i = 0; i < TR_PATHS_MAX; i++)
        tr_paths_heard(&paths, i, 300, (100U - i) * TR_S); /* the last ones are the oldest */
    for (uint8_t i = 4; i < 10; i++)
        ASSERT_TRUE(prove(&paths, i, 100 * TR_S, 20 * TR_MS, &random));
    ASSERT_TRUE(tr_paths_choose(&paths, &times, 101 * TR_S));
    for (uint8_t i = 0; i < TR_PATHS_MAX - 10; i++) {
        uint8_t index = add(&paths, (uint8_t)(100 + i), TRYST_KIND_OBSERVED);
        ASSERT_TRUE(index != TR_PATH_NONE);
        tr_paths_heard(&paths, index, 300, (200U + i) * TR_S);
        struct tryst_address gone = address_of((uint8_t)(TR_PATHS_MAX - 1 - i));
        ASSERT_EQ_UINT(tr_paths_find(&paths, &gone, TR_LOCAL_ANY), TR_PATH_NONE);
        ASSERT_EQ_UINT(paths.count, TR_PATHS_MAX);
    }
    for (uint8_t i = 0; i < 10; i++) { /* the named and the proven are still there */
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
    ASSERT_TRUE(tr_paths_choose(&paths, &times, TR_S));
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

static void path_chosen_first_is_the_one_heard_then_the_one_proven(void)
{
    struct tr_random random = random_of(8);
    struct tr_path_set paths;

    tr_paths_init(&paths);
    add(&paths, 1, TRYST_KIND_HOST);
    ASSERT_FALSE(tr_paths_choose(&paths, &times, TR_S));
    ASSERT_EQ_UINT(paths.chosen, TR_PATH_NONE);
    uint8_t heard = add(&paths, 2, TRYST_KIND_PUBLIC), proven = add(&paths, 3, TRYST_KIND_PUBLIC);
    tr_paths_heard(&paths, heard, 300, TR_S);
    ASSERT_TRUE(tr_paths_choose(&paths, &times, TR_S));
    ASSERT_EQ_UINT(paths.chosen, heard);
    ASSERT_FALSE(tr_paths_choose(&paths, &times, TR_S));
    ASSERT_TRUE(prove(&paths, proven, TR_S, 20 * TR_MS, &random));
    ASSERT_TRUE(tr_paths_choose(&paths, &times, TR_S + 20 * TR_MS));
    ASSERT_EQ_UINT(paths.chosen, proven);
}

static void path_is_left_for_one_a_fifth_and_ten_milliseconds_better(void)
{
    static const struct {
        uint32_t old_ms, new_ms, after_ms;
        bool moves;
    } rows[] = {
        {100, 80, 3000, true},   {100, 81, 3000, false},  {100, 99, 3000, false},
        {40, 30, 3000, true},    {40, 31, 3000, false},   {30, 21, 3000, false},
        {30, 20, 3000, true},    {10, 1, 3000, false},    {11, 1, 3000, true},
        {500, 410, 3000, false}, {500, 400, 3000, true},  {100, 10, 1900, false},
        {100, 10, 2001, true},   {100, 200, 9000, false}, {100, 100, 9000, false},
    };

    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct tr_random random = random_of(9);
        struct tr_path_set paths;
        uint64_t start = 100 * TR_S, now = start + rows[i].after_ms * TR_MS;

        tr_paths_init(&paths);
        uint8_t old = add(&paths, 1, TRYST_KIND_PUBLIC), new = add(&paths, 2, TRYST_KIND_HOST);
        prove(&paths, old, start - rows[i].old_ms * TR_MS, rows[i].old_ms * TR_MS, &random);
        ASSERT_TRUE(tr_paths_choose(&paths, &times, start));
        prove(&paths, new, now - rows[i].new_ms * TR_MS, rows[i].new_ms * TR_MS, &random);
        ASSERT_ROW(tr_paths_choose(&paths, &times, now) == rows[i].moves,
                   "%u ms to %u ms after %u ms", rows[i].old_ms, rows[i].new_ms, rows[i].after_ms);
        ASSERT_EQ_UINT(paths.chosen, rows[i].moves ? new : old);
        if (!rows[i].moves && rows[i].after_ms < 2000) /* to be looked at when the pause is over */
            ASSERT_TRUE(tr_paths_deadline(&paths, &times) <= start + 2 * TR_S);
    }
}

static void path_that_is_silent_is_left_at_once_when_another_is_proven(void)
{
    struct tr_random random = random_of(10);
    struct tr_path_set paths;

    tr_paths_init(&paths);
    uint8_t old = add(&paths, 1, TRYST_KIND_PUBLIC), standby = add(&paths, 2, TRYST_KIND_PUBLIC);
    prove(&paths, old, 100 * TR_S, 20 * TR_MS, &random);
    tr_paths_choose(&paths, &times, 100 * TR_S + 20 * TR_MS);
    prove(&paths, standby, 114 * TR_S, 200 * TR_MS, &random);
    paths.moved_us = 115 * TR_S; /* a move a moment ago does not tie it to a dead path */
    uint64_t end = 115 * TR_S + 20 * TR_MS;
    ASSERT_EQ_UINT(paths.chosen, old);
    ASSERT_TRUE(tr_paths_deadline(&paths, &times) <= end);
    ASSERT_FALSE(tr_paths_choose(&paths, &times, end - 1));
    ASSERT_TRUE(tr_paths_choose(&paths, &times, end));
    ASSERT_EQ_UINT(paths.chosen, standby);
    ASSERT_FALSE(paths.list[old].is_proven);
    ASSERT_FALSE(tr_path_may_carry(&paths.list[old], 1));
    ASSERT_TRUE(tr_paths_choose(&paths, &times, 140 * TR_S));
    ASSERT_EQ_UINT(paths.chosen, TR_PATH_NONE);
    ASSERT_EQ_UINT(tr_paths_deadline(&paths, &times), TR_NEVER);
}

static void path_is_pinged_at_its_keepalive_and_standby_ones_thrice_as_rarely(void)
{
    for (uint8_t seed = 0; seed < 100; seed++) {
        struct tr_random random = random_of(seed);
        struct tr_path_set paths;

        tr_paths_init(&paths);
        uint8_t index = add(&paths, 1, TRYST_KIND_PUBLIC);
        ASSERT_EQ_UINT(tr_paths_wanting_ping(&paths, 50 * TR_S), TR_PATH_NONE);
        prove(&paths, index, 100 * TR_S, 0, &random);
        ASSERT_EQ_UINT(tr_paths_wanting_ping(&paths, 200 * TR_S), TR_PATH_NONE);
        tr_path_pinged(&paths.list[index], true, &times, 100 * TR_S, &random);
        uint64_t pause = paths.list[index].next_us - 100 * TR_S;
        ASSERT_TRUE(pause >= 4 * TR_S && pause <= 6 * TR_S);
        ASSERT_EQ_UINT(tr_paths_wanting_ping(&paths, 100 * TR_S + pause - 1), TR_PATH_NONE);
        ASSERT_EQ_UINT(tr_paths_wanting_ping(&paths, 100 * TR_S + pause), index);
        tr_path_pinged(&paths.list[index], false, &times, 100 * TR_S, &random);
        pause = paths.list[index].next_us - 100 * TR_S;
        ASSERT_TRUE(pause >= 12 * TR_S && pause <= 18 * TR_S);
    }
}

static void path_whose_ping_is_lost_is_asked_again_soon_and_then_slower(void)
{
    static const uint32_t retry_ms[] = {1000, 2000, 4000, 4000, 4000, 4000, 4000, 4000, 4000};
    struct tr_random random = random_of(11);
    struct tr_path_set paths;
    uint8_t ping[TR_PING_BYTES];
    uint64_t now = 100 * TR_S;

    tr_paths_init(&paths);
    uint8_t index = add(&paths, 1, TRYST_KIND_PUBLIC);
    prove(&paths, index, now, 20 * TR_MS, &random);
    for (size_t i = 0; i < UNIT_COUNT(retry_ms); i++) {
        tr_path_ping(&paths.list[index], now, &random, ping);
        tr_path_pinged(&paths.list[index], true, &times, now, &random);
        uint64_t pause = paths.list[index].next_us - now;
        ASSERT_ROW(pause >= retry_ms[i] * TR_MS * 4 / 5 && pause <= retry_ms[i] * TR_MS * 6 / 5,
                   "retry %zu after %" PRIu64 " us", i, pause);
        now += pause;
    }
    ASSERT_TRUE(tr_paths_pong(&paths, index, ping, now));
    ASSERT_EQ_UINT(paths.list[index].losses, 0);
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
    tr_paths_choose(&paths, &times, 2 * TR_S);
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
    ASSERT_TRUE(tr_paths_choose(&paths, &times, 100 * TR_S));
    ASSERT_EQ_UINT(paths.chosen, CHOSEN);
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

UNIT_MAIN("path", UNIT_CASE(path_is_proven_by_the_pong_to_its_ping),
          UNIT_CASE(path_refuses_forged_and_foreign_pongs),
          UNIT_CASE(path_refuses_late_pongs_and_such_from_the_future),
          UNIT_CASE(path_measures_each_repetition_of_a_ping_by_itself),
          UNIT_CASE(path_smooths_its_round_trip),
          UNIT_CASE(path_carries_three_times_what_came_before_it_is_proven),
          UNIT_CASE(path_set_knows_a_path_by_both_ends),
          UNIT_CASE(path_set_that_is_full_lets_go_of_strangers_only),
          UNIT_CASE(path_set_that_is_full_keeps_the_chosen_one),
          UNIT_CASE(path_chosen_first_is_the_one_heard_then_the_one_proven),
          UNIT_CASE(path_is_left_for_one_a_fifth_and_ten_milliseconds_better),
          UNIT_CASE(path_that_is_silent_is_left_at_once_when_another_is_proven),
          UNIT_CASE(path_is_pinged_at_its_keepalive_and_standby_ones_thrice_as_rarely),
          UNIT_CASE(path_whose_ping_is_lost_is_asked_again_soon_and_then_slower),
          UNIT_CASE(path_of_a_dropped_local_address_goes_with_it),
          UNIT_CASE(path_search_lets_hellos_go_everywhere_again),
          UNIT_CASE(path_set_that_is_full_lets_go_of_the_unnamed_and_then_of_the_unheard))
