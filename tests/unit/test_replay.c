/* The replay window: its edges, jumps, and long stories against a plain set.
 * SPDX-License-Identifier: MIT */
#include "lib/seal/replay.h"
#include "tests/unit/unit.h"

static uint64_t bits[TR_REPLAY_WORDS(TR_REPLAY_PEER)];
static struct tr_replay replay;

static const uint32_t windows[] = {64, 128, TR_REPLAY_CTRL, TR_REPLAY_PEER};

static bool is_fresh(uint32_t window, uint64_t counter)
{
    return tr_replay_is_fresh(&replay, bits, window, counter);
}

static void mark(uint32_t window, uint64_t counter)
{
    tr_replay_mark(&replay, bits, window, counter);
}

static void start(uint32_t window)
{
    memset(bits, 0xff, sizeof bits);
    tr_replay_init(&replay, bits, window);
}

static void replay_takes_each_counter_once(void)
{
    for (size_t i = 0; i < UNIT_COUNT(windows); i++) {
        start(windows[i]);
        for (uint64_t counter = 0; counter < 3 * (uint64_t)windows[i]; counter++) {
            ASSERT_TRUE(is_fresh(windows[i], counter));
            mark(windows[i], counter);
            ASSERT_FALSE(is_fresh(windows[i], counter));
            ASSERT_EQ_UINT(replay.next, counter + 1);
        }
    }
}

static void replay_takes_each_counter_once_backwards(void)
{
    for (size_t i = 0; i < UNIT_COUNT(windows); i++) {
        start(windows[i]);
        for (uint64_t counter = windows[i] + 1; counter-- > 0;) {
            ASSERT_TRUE(is_fresh(windows[i], counter));
            mark(windows[i], counter);
            ASSERT_FALSE(is_fresh(windows[i], counter));
        }
    }
}

/* At every position of the newest counter within its word. */
static void replay_refuses_one_past_its_window(void)
{
    for (size_t i = 0; i < UNIT_COUNT(windows); i++) {
        uint32_t window = windows[i];

        for (uint64_t newest = 5 * (uint64_t)window; newest < 5 * (uint64_t)window + 130;
             newest++) {
            start(window);
            mark(window, newest);
            ASSERT_TRUE(is_fresh(window, newest - window));
            ASSERT_FALSE(is_fresh(window, newest - window - 1));
            ASSERT_FALSE(is_fresh(window, 0));
            mark(window, newest - window);
            ASSERT_FALSE(is_fresh(window, newest - window));
            ASSERT_TRUE(is_fresh(window, newest - window + 1));
            mark(window, newest + 1);
            ASSERT_FALSE(is_fresh(window, newest - window));
            ASSERT_TRUE(is_fresh(window, newest - window + 1));
        }
    }
}

static void replay_asks_without_marking(void)
{
    start(64);
    mark(64, 100);
    for (int i = 0; i < 3; i++) {
        ASSERT_TRUE(is_fresh(64, 50));
        ASSERT_TRUE(is_fresh(64, 1000000));
    }
    ASSERT_EQ_UINT(replay.next, 101);
}

static void replay_forgets_all_on_a_long_jump(void)
{
    static const uint64_t jumps[] = {63,
                                     64,
                                     65,
                                     127,
                                     128,
                                     8191,
                                     8192,
                                     8192 + 128,
                                     UINT32_MAX,
                                     UINT64_C(1) << 40,
                                     UINT64_C(1) << 63,
                                     UINT64_MAX - 1 - 8191};

    for (size_t i = 0; i < UNIT_COUNT(windows); i++)
        for (size_t j = 0; j < UNIT_COUNT(jumps); j++) {
            uint32_t window = windows[i];
            uint64_t newest = 8191 + jumps[j];

            start(window);
            for (uint64_t counter = 0; counter < 8192; counter++)
                mark(window, counter);
            mark(window, newest);
            for (uint64_t counter = newest - window; counter < newest; counter++)
                ASSERT_ROW(is_fresh(window, counter) == (counter > 8191),
                           "window %u, jump %" PRIu64, window, jumps[j]);
        }
}

static void replay_refuses_the_last_counter(void)
{
    start(64);
    ASSERT_FALSE(is_fresh(64, UINT64_MAX));
    ASSERT_TRUE(is_fresh(64, UINT64_MAX - 1));
    mark(64, UINT64_MAX - 1);
    ASSERT_FALSE(is_fresh(64, UINT64_MAX));
    ASSERT_FALSE(is_fresh(64, UINT64_MAX - 1));
    ASSERT_TRUE(is_fresh(64, UINT64_MAX - 2));
    ASSERT_FALSE(is_fresh(64, 0));
}

/* Counters wander around a slowly rising middle; seen is a plain set of them all. */
static void replay_agrees_with_a_set(void)
{
    enum { STEPS = 100000, SPAN = 1 << 20 };
    static bool seen[SPAN];

    for (size_t i = 0; i < UNIT_COUNT(windows); i++) {
        uint32_t window = windows[i];
        uint64_t seed = 1000 + i, middle = 0, newest = 0, fresh_count = 0;

        start(window);
        memset(seen, 0, sizeof seen);
        for (int step = 0; step < STEPS; step++) {
            uint64_t counter = middle + unit_random(&seed) % (window + window / 4);
            bool expected = !seen[counter] && counter + window >= newest;

            ASSERT_ROW(is_fresh(window, counter) == expected,
                       "window %u, seed %zu, step %d, counter %" PRIu64 ", newest %" PRIu64, window,
                       1000 + i, step, counter, newest);
            if (expected) {
                mark(window, counter);
                seen[counter] = true;
                fresh_count++;
                if (counter > newest)
                    newest = counter;
            }
            middle += unit_random(&seed) % 4;
            if (unit_random(&seed) % 4096 == 0)
                middle += 2 * (uint64_t)window;
        }
        ASSERT_TRUE(newest < SPAN);
        ASSERT_TRUE(fresh_count > STEPS / 10 && fresh_count < STEPS);
    }
}

UNIT_MAIN("replay", UNIT_CASE(replay_takes_each_counter_once),
          UNIT_CASE(replay_takes_each_counter_once_backwards),
          UNIT_CASE(replay_refuses_one_past_its_window), UNIT_CASE(replay_asks_without_marking),
          UNIT_CASE(replay_forgets_all_on_a_long_jump), UNIT_CASE(replay_refuses_the_last_counter),
          UNIT_CASE(replay_agrees_with_a_set))
