/* The caller's clock and ours.
 * SPDX-License-Identifier: MIT */
#include "lib/core/pace.h"
#include "tests/unit/unit.h"

#define HOUR_US (3600 * TR_S)

static void pace_follows_a_clock_that_goes_on(void)
{
    struct tr_pace pace = {0};

    for (uint64_t us = 5; us < 100 * HOUR_US; us = us * 3 + 1) {
        ASSERT_EQ_UINT(tr_pace_ours(&pace, us), us);
        ASSERT_EQ_UINT(tr_pace_theirs(&pace, us + 7), us + 7);
    }
}

/* A little is chance, as with clocks of several processors: it is not made up for. */
static void pace_goes_back_a_little_and_catches_up(void)
{
    struct tr_pace pace = {0};

    ASSERT_EQ_UINT(tr_pace_ours(&pace, HOUR_US), HOUR_US);
    ASSERT_EQ_UINT(tr_pace_ours(&pace, HOUR_US - 900 * TR_MS), HOUR_US - 900 * TR_MS);
    ASSERT_EQ_UINT(tr_pace_ours(&pace, HOUR_US + 1), HOUR_US + 1);
}

static void pace_goes_on_where_a_clock_was_set_back(void)
{
    struct tr_pace pace = {0};

    ASSERT_EQ_UINT(tr_pace_ours(&pace, 10 * HOUR_US), 10 * HOUR_US);
    ASSERT_EQ_UINT(tr_pace_ours(&pace, 9 * HOUR_US), 10 * HOUR_US);
    ASSERT_EQ_UINT(tr_pace_ours(&pace, 9 * HOUR_US + TR_S), 10 * HOUR_US + TR_S);
    ASSERT_EQ_UINT(tr_pace_theirs(&pace, 10 * HOUR_US + 5 * TR_S), 9 * HOUR_US + 5 * TR_S);
    ASSERT_EQ_UINT(tr_pace_theirs(&pace, TR_NEVER), TR_NEVER);
    ASSERT_EQ_UINT(tr_pace_theirs(&pace, 3), 0);                        /* long due */
    ASSERT_EQ_UINT(tr_pace_ours(&pace, 2 * TR_S), 10 * HOUR_US + TR_S); /* and once more */
    ASSERT_EQ_UINT(tr_pace_ours(&pace, 3 * TR_S), 10 * HOUR_US + 2 * TR_S);
}

static void pace_is_overslept_five_seconds_past_what_was_due(void)
{
    ASSERT_FALSE(tr_pace_is_overslept(100 * TR_S, 100 * TR_S));
    ASSERT_FALSE(tr_pace_is_overslept(100 * TR_S, 105 * TR_S));
    ASSERT_TRUE(tr_pace_is_overslept(100 * TR_S, 105 * TR_S + 1));
    ASSERT_FALSE(tr_pace_is_overslept(200 * TR_S, 150 * TR_S)); /* nothing was due */
}

UNIT_MAIN("pace", UNIT_CASE(pace_follows_a_clock_that_goes_on),
          UNIT_CASE(pace_goes_back_a_little_and_catches_up),
          UNIT_CASE(pace_goes_on_where_a_clock_was_set_back),
          UNIT_CASE(pace_is_overslept_five_seconds_past_what_was_due))
