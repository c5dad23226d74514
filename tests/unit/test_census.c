/* Cases of server/census.
 * SPDX-License-Identifier: MIT */
#include "server/report.h"
#include "tests/unit/census_fixture.h"
#include "tests/unit/unit.h"
#include <string.h>

static struct tr_census census;

static void every_kind_has_its_own_number_and_back(void)
{
    bool seen[TR_CENSUS_KINDS] = {false};
    for (uint8_t m = 0; m < 5; m++)
        for (uint8_t f = 0; f < 5; f++)
            for (uint8_t p = 0; p < 5; p++) {
                uint8_t kind = kind_of(m, f, p);
                struct tr_nat nat = tr_census_nat(kind);
                ASSERT_TRUE(kind < TR_CENSUS_KINDS && !seen[kind]);
                seen[kind] = true;
                ASSERT_TRUE(nat.mapping == m && nat.filtering == f && nat.ports == p);
            }
    ASSERT_EQ_UINT(kind_of(255, 1, 99), kind_of(0, 1, 0));
}

static void outcome_is_a_way_and_a_span(void)
{
    static const struct {
        uint8_t path, kind;
        uint16_t took_ms;
        bool is_sound;
    } rows[] = {
        {TRYST_PATH_NONE, 0, 10000, true},
        {TRYST_PATH_RELAY, 9, 5, true},
        {TRYST_PATH_DIRECT, 1, 50, true},
        {TRYST_PATH_DIRECT, 5, 65535, true},
        {TRYST_PATH_DIRECT, 0, 50, false},
        {TRYST_PATH_DIRECT, 6, 50, false},
        {TRYST_PATH_DIRECT, 255, 50, false},
        {3, 1, 50, false},
        {255, 1, 50, false},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct tr_item_outcome item = {
            .path = rows[i].path, .kind = rows[i].kind, .took_ms = rows[i].took_ms};
        uint8_t outcome = tr_census_outcome(&item);
        ASSERT_ROW((outcome != 0) == rows[i].is_sound, "row %zu", i);
        ASSERT_ROW(outcome <= TR_CENSUS_WAYS * TR_CENSUS_BUCKETS, "row %zu", i);
        if (outcome != 0)
            ASSERT_ROW(tr_census_outcome_path(outcome) == rows[i].path, "row %zu", i);
    }
}

static void every_pair_and_way_is_counted_apart(void)
{
    memset(&census, 0, sizeof census);
    for (unsigned a = 0; a < TR_CENSUS_KINDS; a++)
        for (unsigned b = a; b < TR_CENSUS_KINDS; b++)
            for (uint8_t outcome = 1; outcome <= TR_CENSUS_WAYS * TR_CENSUS_BUCKETS; outcome++)
                tr_census_count_pair(&census, (uint8_t)b, (uint8_t)a, outcome, false);
    struct tr_census_row row;
    uint32_t place = 0, rows = 0;
    bool is_once = true;
    while (tr_census_next(&census, &place, &row)) {
        rows++;
        is_once = is_once && row.is_pair && row.kind <= row.other;
        for (size_t i = 0; i < TR_CENSUS_BUCKETS; i++)
            is_once = is_once && row.buckets[i] == 1;
    }
    ASSERT_EQ_UINT(rows, TR_CENSUS_PAIRS * TR_CENSUS_WAYS);
    ASSERT_TRUE(is_once);
    struct tr_item_outcome item = {.path = TRYST_PATH_DIRECT, .kind = 2, .took_ms = 51};
    tr_census_count_pair(&census, 3, 100, tr_census_outcome(&item), false);
    ASSERT_EQ_UINT(count_of(&census, 100, 3, TRYST_PATH_DIRECT), 5 * 7 + 1);
}

static void bucket_is_by_its_upper_bound(void)
{
    static const struct {
        uint16_t took_ms;
        uint32_t bucket;
    } rows[] = {{0, 0},   {50, 0},   {51, 1},   {100, 1},  {200, 2},  {500, 3},
                {501, 4}, {1000, 4}, {1001, 5}, {3000, 5}, {3001, 6}, {65535, 6}};
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct tr_item_outcome item = {.path = TRYST_PATH_RELAY, .took_ms = rows[i].took_ms};
        struct tr_census_row row;
        uint32_t place = 0;
        memset(&census, 0, sizeof census);
        tr_census_count_pair(&census, 7, 7, tr_census_outcome(&item), false);
        ASSERT_TRUE(tr_census_next(&census, &place, &row));
        ASSERT_ROW(row.buckets[rows[i].bucket] == 1, "row %zu", i);
    }
}

/* Every second, as with stats = 1: fifteen pairs of mappings each time. */
static void log_has_all_of_it_each_time(void)
{
    static char text[65536];
    static struct tr_census counted;
    static const struct tr_item_outcome direct = {.path = TRYST_PATH_DIRECT,
                                                  .kind = TRYST_KIND_PUBLIC};
    struct tr_server_stats stats = {0};
    struct tr_log log;
    unsigned rows = 0;

    for (uint8_t i = 0; i < TR_CENSUS_MAPPINGS; i++)
        for (uint8_t k = i; k < TR_CENSUS_MAPPINGS; k++)
            tr_census_count_pair(&counted, kind_of(i, 0, 0), kind_of(k, 0, 0),
                                 tr_census_outcome(&direct), false);
    tr_log_init(&log, fmemopen(text, sizeof text, "w"), TR_LOG_INFO);
    for (uint64_t second = 0; second < 5; second++)
        tr_report_stats(&log, second * 1000000, &stats, &counted);
    fclose(log.stream);
    for (const char *at = text; (at = strstr(at, "event=census-pairs ")) != NULL; at++)
        rows++;
    ASSERT_EQ_UINT(rows, 5 * 15);
}

UNIT_MAIN("census", UNIT_CASE(log_has_all_of_it_each_time),
          UNIT_CASE(every_kind_has_its_own_number_and_back), UNIT_CASE(outcome_is_a_way_and_a_span),
          UNIT_CASE(every_pair_and_way_is_counted_apart), UNIT_CASE(bucket_is_by_its_upper_bound))
