/* Cases of server/alarms.
 * SPDX-License-Identifier: MIT */
#include "server/alarms.h"

#include "lib/base/deadline.h"
#include "tests/unit/unit.h"

enum { MANY = 300 };

static void alarms_of_nothing_are_never_due(void)
{
    struct tr_alarms alarms;

    tr_alarms_init(&alarms);
    ASSERT_EQ_UINT(tr_alarms_next(&alarms), TR_NEVER);
    ASSERT_TRUE(tr_alarms_take(&alarms, TR_NEVER) == NULL);
    tr_alarms_clear(&alarms);
}

static void alarms_come_in_the_order_of_their_times(void)
{
    struct tr_alarms alarms;
    struct tr_alarm list[MANY] = {0};
    uint64_t random = 3;
    uint64_t last = 0;
    int count = 0;
    int set = 0;

    tr_alarms_init(&alarms);
    ASSERT_TRUE(tr_alarms_reserve(&alarms, MANY));
    for (int i = 0; i < 20 * MANY; i++) {
        uint64_t number = unit_random(&random);

        tr_alarms_set(&alarms, &list[number % MANY],
                      number >> 32 & 7 ? number >> 40 & 1023 : TR_NEVER);
    }
    for (int i = 0; i < MANY; i++)
        set += list[i].place != 0;
    ASSERT_TRUE(set > MANY / 2);

    struct tr_alarm *alarm;

    while ((alarm = tr_alarms_take(&alarms, 2000)) != NULL) {
        ASSERT_TRUE(alarm->due_us >= last);
        ASSERT_EQ_UINT(alarm->place, 0);
        last = alarm->due_us;
        count++;
    }
    ASSERT_EQ_INT(count, set);
    tr_alarms_clear(&alarms);
}

static void alarm_that_is_moved_is_due_once(void)
{
    struct tr_alarms alarms;
    struct tr_alarm a = {0}, b = {0};

    tr_alarms_init(&alarms);
    tr_alarms_reserve(&alarms, 2);
    tr_alarms_set(&alarms, &a, 10);
    tr_alarms_set(&alarms, &b, 20);
    tr_alarms_set(&alarms, &a, 30);
    ASSERT_EQ_UINT(tr_alarms_next(&alarms), 20);
    ASSERT_TRUE(tr_alarms_take(&alarms, 19) == NULL);
    ASSERT_TRUE(tr_alarms_take(&alarms, 20) == &b);
    tr_alarms_set(&alarms, &a, TR_NEVER);
    tr_alarms_set(&alarms, &a, TR_NEVER);
    ASSERT_EQ_UINT(tr_alarms_next(&alarms), TR_NEVER);
    tr_alarms_clear(&alarms);
}

UNIT_MAIN("alarms", UNIT_CASE(alarms_of_nothing_are_never_due),
          UNIT_CASE(alarms_come_in_the_order_of_their_times),
          UNIT_CASE(alarm_that_is_moved_is_due_once))
