/* Families and samples, as Prometheus' text format 0.0.4 has them.
 * SPDX-License-Identifier: MIT */
#include "server/metrics.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tryst/base.h>
#include <tryst/event.h>
#include <tryst/nat.h>

/* A kind of NAT without its ports: with them there could be tens of thousands of pairs. */
enum { SORTS = TR_CENSUS_MAPPINGS * TR_CENSUS_FILTERINGS, PATHS = 3 };

/* Pairs of sorts, the lower one first, and how long they took. */
struct sums {
    uint64_t pairs[SORTS][SORTS][PATHS];
    uint64_t took[PATHS][TR_CENSUS_BUCKETS];
};

static void family(FILE *text, const char *name, const char *ending, const char *type,
                   const char *help)
{
    fprintf(text, "# HELP tryst_%s%s %s\n# TYPE tryst_%s%s %s\n", name, ending, help, name, ending,
            type);
}

static void gauge(FILE *text, const char *name, const char *help, uint64_t value)
{
    family(text, name, "", "gauge", help);
    fprintf(text, "tryst_%s %" PRIu64 "\n", name, value);
}

static bool is_drop(const char *name)
{
    return strncmp(name, "drop_", 5) == 0;
}

static void counter(FILE *text, const char *name, const char *help, uint64_t value)
{
    if (is_drop(name))
        return;
    family(text, name, "_total", "counter", help);
    fprintf(text, "tryst_%s_total %" PRIu64 "\n", name, value);
}

static void drop(FILE *text, const char *name, uint64_t value)
{
    if (is_drop(name))
        fprintf(text, "tryst_dropped_total{reason=\"%s\"} %" PRIu64 "\n", name + 5, value);
}

static void write_stats(FILE *text, const struct tr_server_stats *stats)
{
    family(text, "build_info", "", "gauge", "the version of this server");
    fprintf(text, "tryst_build_info{version=\"%s\"} 1\n", tryst_version());
#define GAUGE(field, help) gauge(text, #field, help, stats->field);
    TR_SERVER_GAUGES(GAUGE)
#undef GAUGE
#define COUNTER(field, help) counter(text, #field, help, stats->field);
    TR_SERVER_COUNTERS(COUNTER)
#undef COUNTER
    family(text, "dropped", "_total", "counter",
           "what was dropped, refused or left out, by reason");
#define DROP(field, help) drop(text, #field, stats->field);
    TR_SERVER_COUNTERS(DROP)
#undef DROP
}

static uint8_t sort_of(uint8_t kind)
{
    struct tr_nat nat = tr_census_nat(kind);

    return (uint8_t)(nat.mapping * TR_CENSUS_FILTERINGS + nat.filtering);
}

static const char *mapping_of(uint8_t sort)
{
    return tryst_mapping_name(sort / TR_CENSUS_FILTERINGS);
}

static const char *filtering_of(uint8_t sort)
{
    return tryst_filtering_name(sort % TR_CENSUS_FILTERINGS);
}

static void add(struct sums *sums, const struct tr_census_row *row)
{
    uint8_t one = sort_of(row->kind);
    uint8_t other = sort_of(row->other);

    sums->pairs[one < other ? one : other][one < other ? other : one][row->path] += row->count;
    for (size_t i = 0; i < TR_CENSUS_BUCKETS; i++)
        sums->took[row->path][i] += row->buckets[i];
}

static void write_pairs(FILE *text, const struct sums *sums)
{
    family(text, "census_pairs", "", "gauge",
           "pairs of participants by how they came out, once for each of the two that told it");
    for (uint8_t one = 0; one < SORTS; one++)
        for (uint8_t other = one; other < SORTS; other++)
            for (uint32_t path = 0; path < PATHS; path++)
                if (sums->pairs[one][other][path] > 0)
                    fprintf(
                        text,
                        "tryst_census_pairs{mapping=\"%s\",filtering=\"%s\","
                        "other_mapping=\"%s\",other_filtering=\"%s\",path=\"%s\"} %" PRIu64 "\n",
                        mapping_of(one), filtering_of(one), mapping_of(other), filtering_of(other),
                        tryst_path_name(path), sums->pairs[one][other][path]);
}

/* Like a histogram, but for its sum, which nobody keeps, and counts may be taken back. */
static void write_times(FILE *text, const struct sums *sums)
{
    family(text, "census_pairs_within", "", "gauge",
           "of them, those that had come out so within these seconds");
    for (uint32_t path = 0; path < PATHS; path++) {
        uint64_t count = 0;

        for (size_t i = 0; i < TR_CENSUS_BUCKETS; i++) {
            char limit[16] = "+Inf";

            count += sums->took[path][i];
            if (i + 1 < TR_CENSUS_BUCKETS)
                snprintf(limit, sizeof limit, "%g", tr_census_bucket_ms[i] / 1000.0);
            fprintf(text, "tryst_census_pairs_within{path=\"%s\",seconds=\"%s\"} %" PRIu64 "\n",
                    tryst_path_name(path), limit, count);
        }
    }
}

static void write_participant(FILE *text, const struct tr_census_row *row)
{
    struct tr_nat nat = tr_census_nat(row->kind);

    fprintf(text,
            "tryst_census_participants{mapping=\"%s\",filtering=\"%s\",ports=\"%s\"} %" PRIu64 "\n",
            tryst_mapping_name(nat.mapping), tryst_filtering_name(nat.filtering),
            tryst_port_pattern_name(nat.ports), row->count);
}

static void write_census(FILE *text, const struct tr_census *census)
{
    struct sums sums = {0};
    struct tr_census_row row;
    uint32_t place = 0;

    family(text, "census_participants", "", "gauge",
           "participants by the kind of NAT that they are behind");
    while (tr_census_next(census, &place, &row))
        if (row.is_pair)
            add(&sums, &row);
        else
            write_participant(text, &row);
    write_pairs(text, &sums);
    write_times(text, &sums);
}

char *tr_metrics_text(const struct tr_server_stats *stats, const struct tr_census *census,
                      size_t *size)
{
    char *bytes = NULL;
    FILE *text = open_memstream(&bytes, size);

    if (text == NULL)
        return NULL;
    write_stats(text, stats);
    if (census != NULL)
        write_census(text, census);
    bool is_whole = ferror(text) == 0;
    is_whole = fclose(text) == 0 && is_whole;
    if (is_whole)
        return bytes;
    free(bytes);
    return NULL;
}
