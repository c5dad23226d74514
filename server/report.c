/* One line for the counters, one for each pair of mappings in the census.
 * SPDX-License-Identifier: MIT */
#include "server/report.h"

#include <string.h>
#include <tryst/event.h>
#include <tryst/nat.h>

enum { MAPPINGS = TR_CENSUS_MAPPINGS };

/* The census by mappings alone: a line for each of its kinds would be thousands. */
struct summary {
    uint64_t participants[MAPPINGS];
    uint64_t pairs[MAPPINGS][MAPPINGS][3]; /* the last by enum tryst_path_type */
};

static void sum_up(struct summary *summary, const struct tr_census *census)
{
    struct tr_census_row row;
    uint32_t place = 0;

    memset(summary, 0, sizeof *summary);
    while (tr_census_next(census, &place, &row)) {
        uint8_t one = tr_census_nat(row.kind).mapping;
        uint8_t other = tr_census_nat(row.other).mapping;

        if (!row.is_pair)
            summary->participants[one] += row.count;
        else
            summary->pairs[one < other ? one : other][one < other ? other : one][row.path] +=
                row.count;
    }
}

static void report_census(struct tr_log *log, uint64_t now_us, const struct tr_census *census)
{
    struct summary summary;
    struct tr_log_line line;

    sum_up(&summary, census);
    tr_log_begin(&line, log, now_us, TR_LOG_INFO, "census");
    for (uint32_t i = 0; i < MAPPINGS; i++)
        tr_log_number(&line, tryst_mapping_name(i), summary.participants[i]);
    tr_log_end(&line);
    for (uint32_t i = 0; i < MAPPINGS; i++)
        for (uint32_t k = i; k < MAPPINGS; k++) {
            const uint64_t *pairs = summary.pairs[i][k];

            if (pairs[TRYST_PATH_NONE] + pairs[TRYST_PATH_DIRECT] + pairs[TRYST_PATH_RELAY] == 0)
                continue;
            tr_log_begin_row(&line, log, TR_LOG_INFO, "census-pairs");
            tr_log_text(&line, "mapping", tryst_mapping_name(i));
            tr_log_text(&line, "other", tryst_mapping_name(k));
            for (uint32_t path = 0; path < 3; path++)
                tr_log_number(&line, tryst_path_name(path), pairs[path]);
            tr_log_end(&line);
        }
}

void tr_report_stats(struct tr_log *log, uint64_t now_us, const struct tr_server_stats *stats,
                     const struct tr_census *census)
{
    struct tr_log_line line;

    tr_log_begin(&line, log, now_us, TR_LOG_INFO, "stats");
#define LOG_ONE(field, text) tr_log_number(&line, #field, stats->field);
    TR_SERVER_STATS(LOG_ONE)
#undef LOG_ONE
    tr_log_end(&line);
    if (census != NULL)
        report_census(log, now_us, census);
}

static void report_drop(struct tr_log *log, uint64_t now_us, const char *field, uint64_t count)
{
    struct tr_log_line line;

    if (strncmp(field, "drop_", 5) != 0 || count == 0)
        return;
    tr_log_begin(&line, log, now_us, TR_LOG_INFO, "dropped");
    tr_log_text(&line, "reason", field + 5);
    tr_log_number(&line, "count", count);
    tr_log_end(&line);
}

void tr_report_drops(struct tr_log *log, uint64_t now_us, const struct tr_server_stats *stats,
                     const struct tr_server_stats *told)
{
#define LOG_ONE(field, text) report_drop(log, now_us, #field, stats->field - told->field);
    TR_SERVER_STATS(LOG_ONE)
#undef LOG_ONE
}
