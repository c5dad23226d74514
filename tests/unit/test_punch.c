/* The hello schedule: when rounds go out, when they end, when silence is said.
 * SPDX-License-Identifier: MIT */
#include "lib/core/punch.h"
#include "tests/unit/unit.h"

static const uint64_t plan_ms[] = {0, 5, 15, 40, 80, 140, 220, 320, 450, 650, 900};

static struct tr_random random_of(uint8_t seed)
{
    struct tr_random random;
    uint8_t bytes[TR_KEY] = {seed};

    tr_random_init(&random, bytes);
    return random;
}

static void punch_sends_nothing_before_it_is_started(void)
{
    struct tr_punch punch;

    tr_punch_init(&punch, 10 * TR_S);
    ASSERT_EQ_UINT(punch.state, TR_PUNCH_IDLE);
    ASSERT_EQ_UINT(tr_punch_deadline(&punch), TR_NEVER);
    ASSERT_FALSE(tr_punch_is_due(&punch, 1000 * TR_S));
    ASSERT_FALSE(tr_punch_tick(&punch, 1000 * TR_S));
}

static void punch_keeps_the_schedule_within_a_fifth(void)
{
    for (uint8_t seed = 0; seed < 200; seed++) {
        struct tr_random random = random_of(seed);
        struct tr_punch punch;
        uint64_t start = 7 * TR_S, now = start;

        tr_punch_init(&punch, 100 * TR_S);
        tr_punch_start(&punch, start);
        for (size_t i = 0; i < UNIT_COUNT(plan_ms); i++) {
            uint64_t least = start + plan_ms[i] * TR_MS;

            ASSERT_ROW(punch.next_us >= least, "round %zu is early", i);
            ASSERT_ROW(punch.next_us <= least + plan_ms[i] * TR_MS / 5 + i, "round %zu is late", i);
            if (punch.next_us > now)
                ASSERT_FALSE(tr_punch_is_due(&punch, punch.next_us - 1));
            now = punch.next_us;
            ASSERT_TRUE(tr_punch_is_due(&punch, now));
            tr_punch_sent(&punch, false, true, now, &random);
        }
    }
}

static void punch_doubles_its_pause_up_to_twenty_seconds_for_ever(void)
{
    struct tr_random random = random_of(1);
    struct tr_punch punch;
    uint64_t now = 0, pause_ms = 900;

    tr_punch_init(&punch, 1000000 * TR_S);
    tr_punch_start(&punch, 0);
    for (size_t i = 0; i < UNIT_COUNT(plan_ms); i++) {
        now = punch.next_us;
        tr_punch_sent(&punch, false, true, now, &random);
    }
    for (unsigned round = 0; round < 600; round++) {
        uint64_t pause = punch.next_us - now;

        ASSERT_ROW(pause >= pause_ms * TR_MS && pause <= pause_ms * TR_MS * 6 / 5,
                   "round %u: pause of %" PRIu64 " us, plan %" PRIu64 " ms", round, pause,
                   pause_ms);
        now = punch.next_us;
        tr_punch_sent(&punch, false, true, now, &random);
        pause_ms = pause_ms * 2 > 20000 ? 20000 : pause_ms * 2;
    }
}

static void punch_that_is_late_goes_on_from_there(void)
{
    struct tr_random random = random_of(2);
    struct tr_punch punch;

    tr_punch_init(&punch, 10 * TR_S);
    tr_punch_start(&punch, 0);
    tr_punch_sent(&punch, false, true, 5 * TR_S, &random);
    ASSERT_TRUE(punch.next_us >= 5 * TR_S + 5 * TR_MS);
    ASSERT_TRUE(punch.next_us <= 5 * TR_S + 6 * TR_MS);
}

static void punch_that_is_open_ends_after_the_seventh_round(void)
{
    for (unsigned opened_after = 0; opened_after < 10; opened_after++) {
        struct tr_random random = random_of(3);
        struct tr_punch punch;
        unsigned rounds = 0;
        uint64_t now = 0;

        tr_punch_init(&punch, 10 * TR_S);
        tr_punch_start(&punch, 0);
        while (punch.next_us != TR_NEVER && rounds < 30) {
            if (rounds == opened_after)
                tr_punch_opened(&punch);
            if (punch.next_us == TR_NEVER)
                break;
            now = punch.next_us;
            tr_punch_sent(&punch, false, true, now, &random);
            rounds++;
        }
        ASSERT_ROW(rounds == (opened_after > 7 ? opened_after : 7), "opened after %u: %u rounds",
                   opened_after, rounds);
        ASSERT_EQ_UINT(punch.state, TR_PUNCH_OPEN);
        ASSERT_EQ_UINT(tr_punch_deadline(&punch), TR_NEVER);
        ASSERT_FALSE(tr_punch_tick(&punch, 1000 * TR_S));
    }
}

static void punch_closes_after_its_limit_and_says_so_once(void)
{
    struct tr_random random = random_of(4);
    struct tr_punch punch;

    tr_punch_init(&punch, 10 * TR_S);
    tr_punch_start(&punch, TR_S);
    ASSERT_FALSE(tr_punch_tick(&punch, 11 * TR_S - 1));
    punch.next_us = TR_NEVER;
    ASSERT_EQ_UINT(tr_punch_deadline(&punch), 11 * TR_S);
    ASSERT_TRUE(tr_punch_tick(&punch, 11 * TR_S));
    ASSERT_EQ_UINT(punch.state, TR_PUNCH_CLOSED);
    ASSERT_FALSE(tr_punch_tick(&punch, 11 * TR_S));
    ASSERT_FALSE(tr_punch_tick(&punch, 99 * TR_S));
    tr_punch_sent(&punch, false, true, 99 * TR_S, &random);
    ASSERT_TRUE(punch.next_us > 99 * TR_S && punch.next_us < 140 * TR_S);
}

static void punch_that_is_closed_opens_when_a_path_is_proven(void)
{
    struct tr_punch punch;

    tr_punch_init(&punch, TR_S);
    tr_punch_start(&punch, 0);
    ASSERT_TRUE(tr_punch_tick(&punch, TR_S));
    tr_punch_opened(&punch);
    ASSERT_EQ_UINT(punch.state, TR_PUNCH_OPEN);
}

static void punch_starts_anew_from_any_state(void)
{
    struct tr_random random = random_of(5);
    struct tr_punch punch;

    for (unsigned state = TR_PUNCH_IDLE; state <= TR_PUNCH_CLOSED; state++) {
        tr_punch_init(&punch, TR_S);
        if (state != TR_PUNCH_IDLE)
            tr_punch_start(&punch, 0);
        for (unsigned i = 0; i < 9 && state != TR_PUNCH_IDLE; i++)
            tr_punch_sent(&punch, false, true, punch.next_us, &random);
        if (state == TR_PUNCH_OPEN)
            tr_punch_opened(&punch);
        if (state == TR_PUNCH_CLOSED)
            ASSERT_TRUE(tr_punch_tick(&punch, TR_S));
        ASSERT_EQ_UINT(punch.state, state);
        tr_punch_start(&punch, 50 * TR_S);
        ASSERT_EQ_UINT(punch.state, TR_PUNCH_PROBING);
        ASSERT_EQ_UINT(tr_punch_deadline(&punch), 50 * TR_S);
        ASSERT_FALSE(tr_punch_tick(&punch, 51 * TR_S - 1));
        ASSERT_TRUE(tr_punch_tick(&punch, 51 * TR_S));
    }
}

/* By the server both sides learn of a search, so that they send at one time: at 2, 5, 15, 30 and 60 s,
 * then once a minute. */
static void punch_that_is_backed_pauses_for_longer(void)
{
    static const uint64_t at_ms[] = {2000, 5000, 15000, 30000, 60000, 120000, 180000};

    for (uint8_t seed = 0; seed < 50; seed++) {
        struct tr_random random = random_of(seed);
        struct tr_punch punch;
        uint64_t now = 0;

        tr_punch_init(&punch, 10 * TR_S);
        tr_punch_start(&punch, 0);
        for (size_t i = 0; i < UNIT_COUNT(plan_ms); i++) {
            now = punch.next_us;
            tr_punch_sent(&punch, true, true, now, &random);
        }
        for (size_t i = 0; i < UNIT_COUNT(at_ms); i++) {
            ASSERT_ROW(punch.next_us >= at_ms[i] * TR_MS &&
                           punch.next_us <= at_ms[i] * TR_MS * 6 / 5 + 20,
                       "round %zu at %" PRIu64 " us", i, punch.next_us);
            now = punch.next_us;
            tr_punch_sent(&punch, true, true, now, &random);
        }
    }
}

/* While the relay is not proven yet, a search that is open goes on for its sake. */
static void punch_that_is_open_goes_on_while_it_is_not_complete(void)
{
    struct tr_random random = random_of(6);
    struct tr_punch punch;

    tr_punch_init(&punch, 10 * TR_S);
    tr_punch_start(&punch, 0);
    tr_punch_sent(&punch, false, false, 0, &random);
    tr_punch_opened(&punch);
    for (unsigned i = 0; i < 20; i++) {
        ASSERT_TRUE(punch.next_us != TR_NEVER);
        tr_punch_sent(&punch, false, false, punch.next_us, &random);
    }
    tr_punch_sent(&punch, false, true, punch.next_us, &random);
    ASSERT_EQ_UINT(punch.next_us, TR_NEVER);
}

/* A round of the peer's is answered by one at once, which calls for none in turn; then the pauses go on
 * where they were, and the end of the search does not move. */
static void punch_that_is_joined_sends_one_round_and_is_no_new_search(void)
{
    struct tr_random random = random_of(7);
    struct tr_punch punch;
    uint64_t now = 0;

    tr_punch_init(&punch, 10 * TR_S);
    tr_punch_start(&punch, 0);
    tr_punch_join(&punch, 0); /* in the quick rounds there is one soon anyway */
    ASSERT_FALSE(punch.is_joined);
    for (size_t i = 0; i < UNIT_COUNT(plan_ms) + 1; i++) {
        now = punch.next_us;
        tr_punch_sent(&punch, true, true, now, &random);
    }
    uint64_t pause = punch.next_us - now;
    now += 500 * TR_MS;
    tr_punch_join(&punch, now);
    ASSERT_TRUE(punch.is_joined);
    ASSERT_TRUE(tr_punch_is_due(&punch, now));
    tr_punch_sent(&punch, true, true, now, &random);
    ASSERT_FALSE(punch.is_joined);
    ASSERT_TRUE(punch.next_us - now > pause);
    ASSERT_FALSE(tr_punch_tick(&punch, 10 * TR_S - 1));
    ASSERT_TRUE(tr_punch_tick(&punch, 10 * TR_S));
    tr_punch_join(&punch, 30 * TR_S);
    ASSERT_TRUE(tr_punch_is_due(&punch, 30 * TR_S));
    ASSERT_EQ_UINT(punch.state, TR_PUNCH_CLOSED); /* and silence is not said again */
    ASSERT_FALSE(tr_punch_tick(&punch, 90 * TR_S));
}

UNIT_MAIN("punch", UNIT_CASE(punch_sends_nothing_before_it_is_started),
          UNIT_CASE(punch_keeps_the_schedule_within_a_fifth),
          UNIT_CASE(punch_doubles_its_pause_up_to_twenty_seconds_for_ever),
          UNIT_CASE(punch_that_is_late_goes_on_from_there),
          UNIT_CASE(punch_that_is_open_ends_after_the_seventh_round),
          UNIT_CASE(punch_closes_after_its_limit_and_says_so_once),
          UNIT_CASE(punch_that_is_closed_opens_when_a_path_is_proven),
          UNIT_CASE(punch_starts_anew_from_any_state),
          UNIT_CASE(punch_that_is_backed_pauses_for_longer),
          UNIT_CASE(punch_that_is_open_goes_on_while_it_is_not_complete),
          UNIT_CASE(punch_that_is_joined_sends_one_round_and_is_no_new_search))
