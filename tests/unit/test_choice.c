/* Choosing: how well a path is, which comes first, when it is left, and when it is not.
 * SPDX-License-Identifier: MIT */
#include "lib/core/choice.h"
#include "tests/unit/unit.h"

static const struct tr_path_times times = {.path_us = 15 * TR_S};
static struct tr_path_set paths;
static uint64_t now;

static uint32_t now_ms(void)
{
    return (uint32_t)(now / TR_MS);
}

static void begin(void)
{
    tr_paths_init(&paths);
    now = 1000 * TR_S;
}

/* A proven path that carries all; rtt_ms 0: one that was only heard. */
static uint8_t add(unsigned rtt_ms)
{
    struct tryst_address remote = {
        .family = 4, .port = 1000, .ip = {1, 2, 3, (uint8_t)(1 + paths.count)}};
    uint8_t index = tr_paths_add(&paths, &remote, TR_LOCAL_ANY, TRYST_KIND_PUBLIC);
    struct tr_path *path = &paths.list[index];

    path->rtt_us = (uint32_t)(rtt_ms * TR_MS);
    path->is_heard = true;
    path->heard_us = now;
    path->is_proven = rtt_ms > 0;
    path->width = rtt_ms > 0 ? TR_WIDTH_FULL : TR_WIDTH_UNKNOWN;
    return index;
}

static uint8_t add_relay(unsigned rtt_ms)
{
    uint8_t index = add(rtt_ms);

    paths.list[index].remote = tr_path_relay();
    paths.list[index].width = TR_WIDTH_UNKNOWN;
    return index;
}

static bool make(bool is_talking)
{
    return tr_choice_make(&paths, &times, is_talking, now, now_ms());
}

/* Its pings since the oldest, so long ago, stay unanswered. */
static void silence(uint8_t index, uint64_t since_us)
{
    paths.list[index].ping[7] = 1;
    paths.list[index].ping_us = since_us;
}

static void choice_tells_how_well_a_path_is(void)
{
    static const struct {
        bool is_proven, is_relay, is_doubted, is_lossy, is_narrow;
        int32_t avoid_ms; /* from now on */
        enum tr_health health;
    } rows[] = {
        {true, false, false, false, false, 0, TR_HEALTH_DIRECT},
        {true, true, false, false, false, 0, TR_HEALTH_RELAY},
        {true, false, false, true, false, 0, TR_HEALTH_SICK},
        {true, true, false, true, false, 0, TR_HEALTH_SICK},
        {true, false, false, false, true, 0, TR_HEALTH_SICK},
        {true, false, false, false, false, 1, TR_HEALTH_SICK},
        {true, false, false, false, false, -1, TR_HEALTH_DIRECT},
        {true, false, true, true, true, 1, TR_HEALTH_DOUBTED},
        {true, true, true, false, false, 0, TR_HEALTH_DOUBTED},
        {false, false, true, true, true, 1, TR_HEALTH_NONE},
        {false, true, false, false, false, 0, TR_HEALTH_NONE},
    };

    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        begin();
        struct tr_path *path = &paths.list[rows[i].is_relay ? add_relay(20) : add(20)];
        path->is_proven = rows[i].is_proven;
        path->is_doubted = rows[i].is_doubted;
        path->is_lossy = rows[i].is_lossy;
        path->width = rows[i].is_narrow ? TR_WIDTH_NARROW : TR_WIDTH_FULL;
        if (rows[i].avoid_ms != 0)
            path->avoid_ms = now_ms() + (uint32_t)rows[i].avoid_ms;
        ASSERT_ROW(tr_choice_health(path, now_ms()) == rows[i].health, "row %zu", i);
    }
}

static void choice_takes_the_first_heard_until_one_is_proven(void)
{
    begin();
    ASSERT_FALSE(make(true));
    ASSERT_EQ_UINT(paths.chosen, TR_PATH_NONE);
    uint8_t first = add(0), second = add(0);
    ASSERT_TRUE(make(true));
    ASSERT_EQ_UINT(paths.chosen, first);
    paths.list[second].heard_us += TR_S;
    ASSERT_FALSE(make(true));
    uint8_t proven = add(300);
    ASSERT_TRUE(make(true));
    ASSERT_EQ_UINT(paths.chosen, proven);
    ASSERT_FALSE(make(true));
}

static void choice_takes_the_quickest_of_those_that_are_well(void)
{
    begin();
    add(80);
    uint8_t quick = add(20);
    add(0);
    uint8_t relay = add_relay(5);
    ASSERT_TRUE(make(true));
    ASSERT_EQ_UINT(paths.chosen, quick);
    ASSERT_TRUE(tr_choice_has_direct(&paths));
    ASSERT_TRUE(relay != paths.chosen);
}

static void choice_goes_by_the_relay_only_while_no_direct_path_is_well(void)
{
    begin();
    uint8_t relay = add_relay(90);
    ASSERT_TRUE(make(true));
    ASSERT_EQ_UINT(paths.chosen, relay);
    ASSERT_FALSE(tr_choice_has_direct(&paths));
    uint8_t direct = add(400);
    paths.list[direct].width = TR_WIDTH_UNKNOWN; /* what is large might get lost there */
    ASSERT_FALSE(make(true));
    ASSERT_EQ_UINT(paths.chosen, relay);
    ASSERT_TRUE(tr_choice_has_direct(&paths));
    paths.list[direct].width = TR_WIDTH_FULL;
    ASSERT_TRUE(make(true)); /* at once, and although it is slower */
    ASSERT_EQ_UINT(paths.chosen, direct);
    paths.list[direct].is_lossy = true;
    ASSERT_TRUE(make(true));
    ASSERT_EQ_UINT(paths.chosen, relay);
    paths.list[direct].is_lossy = false;
    ASSERT_TRUE(make(true));
    ASSERT_EQ_UINT(paths.chosen, direct);
    paths.list[direct].width = TR_WIDTH_NARROW;
    ASSERT_TRUE(make(true));
    ASSERT_EQ_UINT(paths.chosen, relay);
}

static void choice_leaves_a_path_in_doubt_at_once_while_the_game_talks(void)
{
    for (unsigned is_relay = 0; is_relay < 2; is_relay++) {
        begin();
        uint8_t old = add(20);
        ASSERT_TRUE(make(true));
        uint8_t other = is_relay ? add_relay(100) : add(100);
        ASSERT_FALSE(make(true));
        paths.list[old].is_doubted = true;
        silence(old, now - 200 * TR_MS);
        ASSERT_TRUE(make(true));
        ASSERT_EQ_UINT(paths.chosen, other);
        ASSERT_TRUE(paths.list[old].is_proven); /* it may come back */
    }
}

/* Where nothing is said its NATs may have to be opened anew, which takes a moment. */
static void choice_waits_for_a_path_in_doubt_while_nothing_is_said(void)
{
    begin();
    uint8_t old = add(20);
    ASSERT_TRUE(make(false));
    uint8_t other = add_relay(100);
    uint64_t since = now;
    paths.list[old].is_doubted = true;
    silence(old, since);
    now = since + 500 * TR_MS;
    ASSERT_FALSE(make(false));
    uint64_t again = tr_choice_deadline(&paths, &times, now);
    ASSERT_TRUE(again > now && again <= since + 4 * TR_S);
    now = again - 1;
    ASSERT_FALSE(make(false));
    now = again;
    ASSERT_TRUE(make(false));
    ASSERT_EQ_UINT(paths.chosen, other);
}

static void choice_keeps_a_path_in_doubt_where_there_is_no_other(void)
{
    begin();
    uint8_t only = add(20);
    ASSERT_TRUE(make(true));
    paths.list[only].is_doubted = true;
    silence(only, now);
    now += 14 * TR_S;
    ASSERT_FALSE(make(true));
    ASSERT_EQ_UINT(paths.chosen, only);
    ASSERT_FALSE(tr_choice_has_direct(&paths));
}

static void choice_gives_a_path_up_after_unanswered_pings_of_15_s(void)
{
    begin();
    uint8_t old = add(20), standby = add(200);
    ASSERT_TRUE(make(true));
    silence(old, now);
    uint64_t end = now + 15 * TR_S;
    ASSERT_TRUE(tr_choice_deadline(&paths, &times, now) <= end);
    now = end - 1;
    ASSERT_FALSE(make(true)); /* pings alone say nothing: the gauge doubts */
    now = end;
    ASSERT_TRUE(make(true));
    ASSERT_EQ_UINT(paths.chosen, standby);
    ASSERT_FALSE(paths.list[old].is_proven);
    ASSERT_FALSE(paths.list[old].is_heard);
    ASSERT_FALSE(tr_path_may_carry(&paths.list[old], 1));
    ASSERT_EQ_UINT(paths.list[old].next_us, TR_NEVER);
    silence(standby, now);
    now += 15 * TR_S;
    ASSERT_TRUE(make(true));
    ASSERT_EQ_UINT(paths.chosen, TR_PATH_NONE);
    ASSERT_EQ_UINT(tr_choice_deadline(&paths, &times, now), TR_NEVER);
}

/* For one as well: better by a fifth and 10 ms, and not before 2 s. */
static void choice_moves_for_one_a_fifth_and_ten_milliseconds_better(void)
{
    static const struct {
        unsigned old_ms, new_ms, after_ms;
        bool moves;
    } rows[] = {
        {100, 80, 3000, true},   {100, 81, 3000, false},  {100, 99, 3000, false},
        {40, 30, 3000, true},    {40, 31, 3000, false},   {30, 21, 3000, false},
        {30, 20, 3000, true},    {10, 1, 3000, false},    {11, 1, 3000, true},
        {500, 410, 3000, false}, {500, 400, 3000, true},  {100, 10, 1900, false},
        {100, 10, 2001, true},   {100, 200, 9000, false}, {100, 100, 9000, false},
    };

    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        begin();
        uint64_t start = now;
        uint8_t old = add(rows[i].old_ms);
        ASSERT_TRUE(make(true));
        uint8_t new = add(rows[i].new_ms);
        now = start + rows[i].after_ms * TR_MS;
        if (!rows[i].moves && rows[i].after_ms < 2000) /* looked at when the pause is over */
            ASSERT_TRUE(tr_choice_deadline(&paths, &times, now) <= start + 2 * TR_S);
        ASSERT_ROW(make(true) == rows[i].moves, "%u ms to %u ms after %u ms", rows[i].old_ms,
                   rows[i].new_ms, rows[i].after_ms);
        ASSERT_EQ_UINT(paths.chosen, rows[i].moves ? new : old);
    }
}

/* Two that jitter do not flap: after the first move for a better one there is one a minute. */
static void choice_moves_for_a_better_one_once_soon_and_then_once_a_minute(void)
{
    begin();
    uint8_t a = add(100);
    ASSERT_TRUE(make(true));
    uint8_t b = add(50);
    now += 2 * TR_S;
    ASSERT_TRUE(make(true));
    ASSERT_EQ_UINT(paths.chosen, b);
    uint64_t moved = now;
    unsigned moves = 0;
    paths.list[a].rtt_us = 20 * TR_MS;
    for (unsigned s = 1; s < 60; s++) {
        now = moved + s * TR_S;
        moves += make(true);
    }
    ASSERT_EQ_UINT(moves, 0);
    ASSERT_EQ_UINT(tr_choice_deadline(&paths, &times, now), moved + 60 * TR_S);
    now = moved + 60 * TR_S;
    ASSERT_TRUE(make(true));
    ASSERT_EQ_UINT(paths.chosen, a);
    paths.list[a].is_doubted = true; /* away from a sick one it is left whenever that is so */
    now += TR_MS;
    ASSERT_TRUE(make(true));
    ASSERT_EQ_UINT(paths.chosen, b);
}

static void choice_of_sick_paths_is_the_one_that_loses_clearly_less(void)
{
    static const struct {
        uint8_t old_loss, new_loss;
        bool moves;
    } rows[] = {{30, 20, true}, {30, 21, false}, {30, 30, false}, {20, 60, false}, {90, 16, true}};

    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        begin();
        uint8_t old = add(20);
        ASSERT_TRUE(make(true));
        uint8_t new = add(20);
        now += 100 * TR_S;
        paths.list[old].is_lossy = paths.list[new].is_lossy = true;
        paths.list[old].loss = rows[i].old_loss;
        paths.list[new].loss = rows[i].new_loss;
        ASSERT_ROW(make(true) == rows[i].moves, "%u to %u", rows[i].old_loss, rows[i].new_loss);
    }
}

/* The first time a path may come back as soon as it is well; then it is avoided ever longer. */
static void choice_avoids_what_is_left_for_being_sick_ever_longer(void)
{
    uint64_t before = 0;

    begin();
    uint8_t direct = add(20);
    uint8_t relay = add_relay(90);
    ASSERT_TRUE(make(true));
    for (unsigned round = 0; round < 6; round++) {
        paths.list[direct].is_lossy = true;
        now += TR_S;
        ASSERT_TRUE(make(true));
        ASSERT_EQ_UINT(paths.chosen, relay);
        paths.list[direct].is_lossy = false;
        uint64_t left = now;
        while (!make(true) && now < left + 200 * TR_S)
            now += 100 * TR_MS;
        ASSERT_EQ_UINT(paths.chosen, direct);
        uint64_t away = now - left;
        if (round == 0)
            ASSERT_EQ_UINT(away, 0);
        else
            ASSERT_ROW(away >= 2 * TR_S && away >= before * 3 / 2 && away <= 70 * TR_S,
                       "round %u: %" PRIu64 " us", round, away);
        before = away;
    }
    now += 61 * TR_S; /* it held out a minute: forgiven */
    paths.list[direct].is_lossy = true;
    ASSERT_TRUE(make(true));
    paths.list[direct].is_lossy = false;
    ASSERT_TRUE(make(true));
    ASSERT_EQ_UINT(paths.chosen, direct);
}

static void choice_is_due_with_the_next_ping(void)
{
    begin();
    uint8_t a = add(20), b = add(30);
    make(true);
    paths.list[a].next_us = now + 9 * TR_S;
    paths.list[b].next_us = now + 4 * TR_S;
    ASSERT_EQ_UINT(tr_choice_deadline(&paths, &times, now), now + 4 * TR_S);
    paths.list[b].is_proven = false;
    ASSERT_EQ_UINT(tr_choice_deadline(&paths, &times, now), now + 9 * TR_S);
}

UNIT_MAIN("choice", UNIT_CASE(choice_tells_how_well_a_path_is),
          UNIT_CASE(choice_takes_the_first_heard_until_one_is_proven),
          UNIT_CASE(choice_takes_the_quickest_of_those_that_are_well),
          UNIT_CASE(choice_goes_by_the_relay_only_while_no_direct_path_is_well),
          UNIT_CASE(choice_leaves_a_path_in_doubt_at_once_while_the_game_talks),
          UNIT_CASE(choice_waits_for_a_path_in_doubt_while_nothing_is_said),
          UNIT_CASE(choice_keeps_a_path_in_doubt_where_there_is_no_other),
          UNIT_CASE(choice_gives_a_path_up_after_unanswered_pings_of_15_s),
          UNIT_CASE(choice_moves_for_one_a_fifth_and_ten_milliseconds_better),
          UNIT_CASE(choice_moves_for_a_better_one_once_soon_and_then_once_a_minute),
          UNIT_CASE(choice_of_sick_paths_is_the_one_that_loses_clearly_less),
          UNIT_CASE(choice_avoids_what_is_left_for_being_sick_ever_longer),
          UNIT_CASE(choice_is_due_with_the_next_ping))
