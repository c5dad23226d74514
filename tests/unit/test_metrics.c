/* Cases of server/metrics.
 * SPDX-License-Identifier: MIT */
#include "server/metrics.h"

#include "tests/unit/census_fixture.h"
#include "tests/unit/unit.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Words for NATs bound the series: 25 mappings and filterings, their pairs, three outcomes. */
enum { SERIES_MOST = 100 + TR_CENSUS_KINDS + 25 * 26 / 2 * 3 + 3 * TR_CENSUS_BUCKETS };

static struct tr_server_stats stats;
static struct tr_census census;
static char *text;

static void make(const struct tr_census *of)
{
    size_t size = 0;
    free(text);
    text = tr_metrics_text(&stats, of, &size);
    if (text == NULL || strlen(text) != size)
        abort();
}

static void start(void)
{
    memset(&stats, 0, sizeof stats);
    memset(&census, 0, sizeof census);
}

static bool has_line(const char *line)
{
    size_t size = strlen(line);
    for (const char *at = text; (at = strstr(at, line)) != NULL; at++)
        if ((at == text || at[-1] == '\n') && at[size] == '\n')
            return true;
    return false;
}

static void count_pair(uint8_t kind, uint8_t other, uint8_t path, uint16_t took_ms)
{
    struct tr_item_outcome outcome = {.path = path,
                                      .kind = path == TRYST_PATH_DIRECT ? TRYST_KIND_PUBLIC : 0,
                                      .took_ms = took_ms};
    tr_census_count_pair(&census, kind, other, tr_census_outcome(&outcome), false);
}

static void every_counter_is_there_once(void)
{
    uint64_t number = 1000;
    start();
#define NUMBER(field, help) stats.field = number++;
    TR_SERVER_STATS(NUMBER)
#undef NUMBER
    make(NULL);
    number = 1000;
#define LOOK(field, help)                                                                          \
    {                                                                                              \
        char sample[32];                                                                           \
        snprintf(sample, sizeof sample, " %u\n", (unsigned)number++);                              \
        const char *found = strstr(text, sample);                                                  \
        ASSERT_ROW(found != NULL && strstr(found + 1, sample) == NULL, "%s", #field);              \
    }
    TR_SERVER_STATS(LOOK)
#undef LOOK
    start();
    stats.participants = 7;
    stats.received = 8;
    stats.drop_relay_node = UINT64_MAX;
    make(NULL);
    ASSERT_TRUE(has_line("tryst_participants 7"));
    ASSERT_TRUE(has_line("# TYPE tryst_participants gauge"));
    ASSERT_TRUE(has_line("tryst_received_total 8"));
    ASSERT_TRUE(has_line("# TYPE tryst_received_total counter"));
    ASSERT_TRUE(has_line("tryst_dropped_total{reason=\"relay_node\"} 18446744073709551615"));
    ASSERT_TRUE(strstr(text, "census") == NULL);
}

static void census_is_told_by_mapping_filtering_and_path(void)
{
    uint8_t easy = kind_of(TRYST_MAPPING_ENDPOINT_INDEPENDENT, TRYST_FILTERING_PORT_DEPENDENT, 1);
    uint8_t hard = kind_of(TRYST_MAPPING_PORT_DEPENDENT, TRYST_FILTERING_PORT_DEPENDENT, 3);
    uint8_t block = kind_of(TRYST_MAPPING_PORT_DEPENDENT, TRYST_FILTERING_PORT_DEPENDENT, 2);
    start();
    for (int i = 0; i < 3; i++)
        tr_census_count_participant(&census, hard, false);
    count_pair(easy, hard, TRYST_PATH_DIRECT, 40);
    count_pair(block, easy, TRYST_PATH_DIRECT, 900);
    count_pair(hard, hard, TRYST_PATH_RELAY, 60000);
    make(&census);
    char line[256];
    const char *mapping = tryst_mapping_name(TRYST_MAPPING_PORT_DEPENDENT);
    const char *filtering = tryst_filtering_name(TRYST_FILTERING_PORT_DEPENDENT);
    snprintf(line, sizeof line,
             "tryst_census_participants{mapping=\"%s\",filtering=\"%s\",ports=\"%s\"} 3", mapping,
             filtering, tryst_port_pattern_name(3));
    ASSERT_ROW(has_line(line), "%s in %s", line, text);
    snprintf(line, sizeof line,
             "tryst_census_pairs{mapping=\"%s\",filtering=\"%s\",other_mapping=\"%s\","
             "other_filtering=\"%s\",path=\"direct\"} 2",
             tryst_mapping_name(TRYST_MAPPING_ENDPOINT_INDEPENDENT), filtering, mapping, filtering);
    ASSERT_ROW(has_line(line), "%s in %s", line, text);
    ASSERT_TRUE(has_line("tryst_census_pairs_within{path=\"direct\",seconds=\"0.05\"} 1"));
    ASSERT_TRUE(has_line("tryst_census_pairs_within{path=\"direct\",seconds=\"0.5\"} 1"));
    ASSERT_TRUE(has_line("tryst_census_pairs_within{path=\"direct\",seconds=\"1\"} 2"));
    ASSERT_TRUE(has_line("tryst_census_pairs_within{path=\"direct\",seconds=\"+Inf\"} 2"));
    ASSERT_TRUE(has_line("tryst_census_pairs_within{path=\"relay\",seconds=\"3\"} 0"));
    ASSERT_TRUE(has_line("tryst_census_pairs_within{path=\"relay\",seconds=\"+Inf\"} 1"));
}

/* One family at a time, its samples behind its type, and never the same series twice. */
static void text_is_bounded_and_in_order(void)
{
    char seen[160] = "";
    uint32_t series = 0;
    start();
    for (unsigned kind = 0; kind < TR_CENSUS_KINDS; kind++) {
        tr_census_count_participant(&census, (uint8_t)kind, false);
        for (unsigned other = 0; other <= kind; other++)
            for (uint8_t path = 0; path < 3; path++)
                count_pair((uint8_t)kind, (uint8_t)other, path, 10);
    }
    make(&census);
    for (char *line = text, *next; *line != '\0'; line = next) {
        next = strchr(line, '\n') + 1;
        if (strncmp(line, "# TYPE ", 7) == 0) {
            snprintf(seen, sizeof seen, "%.*s", (int)strcspn(line + 7, " "), line + 7);
            continue;
        }
        if (*line == '#')
            continue;
        size_t name = strcspn(line, "{ ");
        ASSERT_ROW(name == strlen(seen) && strncmp(line, seen, name) == 0, "%.60s", line);
        for (size_t i = 0; i < name; i++)
            ASSERT_TRUE(islower((unsigned char)line[i]) || line[i] == '_');
        series++;
    }
    ASSERT_ROW(series > 900 && series <= SERIES_MOST, "%u series", (unsigned)series);
    free(text);
    text = NULL;
}

UNIT_MAIN("metrics", UNIT_CASE(every_counter_is_there_once),
          UNIT_CASE(census_is_told_by_mapping_filtering_and_path),
          UNIT_CASE(text_is_bounded_and_in_order))
