/* The hash table: bounds, equal hashes, removal, and a long story against a plain list.
 * SPDX-License-Identifier: MIT */
#include "lib/base/table.h"
#include "tests/unit/unit.h"

static bool has(const struct tr_table *table, uint64_t hash, uint32_t value)
{
    uint32_t cursor = 0, found;

    while (tr_table_next(table, hash, &cursor, &found))
        if (found == value)
            return true;
    return false;
}

static uint32_t count_under(const struct tr_table *table, uint64_t hash)
{
    uint32_t cursor = 0, found, count = 0;

    while (tr_table_next(table, hash, &cursor, &found))
        count++;
    return count;
}

static void table_is_empty_and_holds_no_memory_at_first(void)
{
    struct tr_table table;

    tr_table_init(&table, 10);
    ASSERT_EQ_UINT(table.size, 0);
    ASSERT_EQ_UINT(table.count, 0);
    ASSERT_TRUE(table.slots == NULL);
    ASSERT_FALSE(has(&table, 0, 0));
    ASSERT_FALSE(tr_table_remove(&table, 0, 0));
    tr_table_clear(&table);
}

static void table_finds_what_was_put(void)
{
    static const uint64_t hashes[] = {0, 1, UINT64_MAX, UINT64_C(1) << 32, UINT64_C(1) << 63};
    struct tr_table table;

    tr_table_init(&table, 10);
    for (uint32_t i = 0; i < UNIT_COUNT(hashes); i++)
        ASSERT_TRUE(tr_table_put(&table, hashes[i], i));
    for (uint32_t i = 0; i < UNIT_COUNT(hashes); i++) {
        ASSERT_TRUE(has(&table, hashes[i], i));
        ASSERT_EQ_UINT(count_under(&table, hashes[i]), 1);
        ASSERT_FALSE(has(&table, hashes[i], i + 1));
    }
    ASSERT_FALSE(has(&table, 2, 0));
    tr_table_clear(&table);
}

static void table_takes_the_least_and_the_largest_value(void)
{
    struct tr_table table;

    tr_table_init(&table, 2);
    ASSERT_TRUE(tr_table_put(&table, 7, 0));
    ASSERT_TRUE(tr_table_put(&table, 7, UINT32_MAX - 1));
    ASSERT_TRUE(has(&table, 7, 0));
    ASSERT_TRUE(has(&table, 7, UINT32_MAX - 1));
    tr_table_clear(&table);
}

static void table_refuses_past_its_bound(void)
{
    static const uint32_t bounds[] = {0, 1, 5, 6, 7, 8, 12, 13, 100, 256, 1000};

    for (size_t i = 0; i < UNIT_COUNT(bounds); i++) {
        struct tr_table table;

        tr_table_init(&table, bounds[i]);
        for (uint32_t value = 0; value < bounds[i]; value++)
            ASSERT_TRUE(tr_table_put(&table, value, value));
        ASSERT_FALSE(tr_table_put(&table, bounds[i], bounds[i]));
        ASSERT_EQ_UINT(table.count, bounds[i]);
        ASSERT_FALSE(has(&table, bounds[i], bounds[i]));
        if (bounds[i] > 0) {
            ASSERT_TRUE(tr_table_remove(&table, 0, 0));
            ASSERT_TRUE(tr_table_put(&table, bounds[i], bounds[i]));
            ASSERT_FALSE(tr_table_put(&table, 0, 0));
        }
        tr_table_clear(&table);
    }
}

static void table_tells_equal_hashes_apart(void)
{
    struct tr_table table;

    tr_table_init(&table, 100);
    for (uint32_t value = 0; value < 50; value++) {
        ASSERT_TRUE(tr_table_put(&table, 42, value));
        ASSERT_TRUE(tr_table_put(&table, 42 + (UINT64_C(1) << 40), value));
    }
    ASSERT_EQ_UINT(count_under(&table, 42), 50);
    for (uint32_t value = 0; value < 50; value += 2)
        ASSERT_TRUE(tr_table_remove(&table, 42, value));
    ASSERT_FALSE(tr_table_remove(&table, 42, 0));
    ASSERT_EQ_UINT(count_under(&table, 42), 25);
    ASSERT_EQ_UINT(count_under(&table, 42 + (UINT64_C(1) << 40)), 50);
    for (uint32_t value = 0; value < 50; value++)
        ASSERT_EQ_INT(has(&table, 42, value), value % 2 == 1);
    tr_table_clear(&table);
}

static void table_stays_three_quarters_full_at_most(void)
{
    struct tr_table table;

    tr_table_init(&table, 5000);
    for (uint32_t value = 0; value < 5000; value++) {
        ASSERT_TRUE(tr_table_put(&table, value * UINT64_C(0x9e3779b97f4a7c15), value));
        ASSERT_TRUE(table.count <= table.size / 4 * 3);
        ASSERT_TRUE((table.size & (table.size - 1)) == 0);
    }
    ASSERT_EQ_UINT(table.size, 8192);
    tr_table_clear(&table);
    ASSERT_EQ_UINT(table.count, 0);
    ASSERT_EQ_UINT(table.bound, 5000);
    ASSERT_TRUE(tr_table_put(&table, 1, 1));
    tr_table_clear(&table);
}

/* Few distinct hashes and few slots, so that runs meet, wrap and are torn open. */
static void table_agrees_with_a_list_for_a_long_time(void)
{
    enum { VALUES = 200, BOUND = 150, STEPS = 100000 };
    static uint64_t hash_of[VALUES];
    static bool present[VALUES];
    struct tr_table table;
    uint32_t count = 0;
    uint64_t seed = 7;

    tr_table_init(&table, BOUND);
    memset(present, 0, sizeof present);
    for (int step = 0; step < STEPS; step++) {
        uint32_t value = (uint32_t)(unit_random(&seed) % VALUES);
        /* Waves of growth and decay. */
        bool wants_put = unit_random(&seed) % 100 < (step / 1000 % 2 == 0 ? 80u : 20u);

        if (wants_put && !present[value]) {
            hash_of[value] = unit_random(&seed) % 64 * 4;
            bool put = tr_table_put(&table, hash_of[value], value);

            ASSERT_ROW(put == (count < BOUND), "step %d", step);
            present[value] = put;
            count += put;
        } else if (!wants_put) {
            ASSERT_ROW(tr_table_remove(&table, hash_of[value], value) == present[value], "step %d",
                       step);
            count -= present[value];
            present[value] = false;
        }
        ASSERT_EQ_UINT(table.count, count);
        if (step % 97 == 0)
            for (uint32_t i = 0; i < VALUES; i++)
                ASSERT_ROW(has(&table, hash_of[i], i) == present[i], "step %d, value %u", step, i);
    }
    tr_table_clear(&table);
}

UNIT_MAIN("table", UNIT_CASE(table_is_empty_and_holds_no_memory_at_first),
          UNIT_CASE(table_finds_what_was_put),
          UNIT_CASE(table_takes_the_least_and_the_largest_value),
          UNIT_CASE(table_refuses_past_its_bound), UNIT_CASE(table_tells_equal_hashes_apart),
          UNIT_CASE(table_stays_three_quarters_full_at_most),
          UNIT_CASE(table_agrees_with_a_list_for_a_long_time))
