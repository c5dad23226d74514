/* Numbers for kinds, pairs and outcomes.
 * SPDX-License-Identifier: MIT */
#include "server/census.h"

#include <assert.h>
#include <string.h>
#include <tryst/event.h>
#include <tryst/nat.h>

/* A punch is done after a round trip or two, a second try after a few hundred milliseconds, a spray within
 * three seconds. */
const uint16_t tr_census_bucket_ms[TR_CENSUS_BUCKETS - 1] = {50, 100, 200, 500, 1000, 3000};

enum {
    WAY_NONE = 0,
    WAY_RELAYED = 1,
    WAY_DIRECT = 2,        /* and on: by enum tryst_kind, from HOST on */
    COUNT_MOST_SHIFT = 53, /* what a spreadsheet's numbers hold */
};

static_assert(TR_CENSUS_WAYS == WAY_DIRECT + TRYST_KIND_OBSERVED, "each kind of path has its way");
static_assert(TR_CENSUS_WAYS * TR_CENSUS_BUCKETS < UINT8_MAX, "an outcome is a byte");

static uint8_t below(uint8_t number, uint8_t count)
{
    return number < count ? number : 0;
}

uint8_t tr_census_kind(const struct tr_nat *nat)
{
    unsigned kind = below(nat->mapping, TR_CENSUS_MAPPINGS);

    kind = kind * TR_CENSUS_FILTERINGS + below(nat->filtering, TR_CENSUS_FILTERINGS);
    return (uint8_t)(kind * TR_CENSUS_PATTERNS + below(nat->ports, TR_CENSUS_PATTERNS));
}

struct tr_nat tr_census_nat(uint8_t kind)
{
    return (struct tr_nat){
        .mapping = kind / (TR_CENSUS_FILTERINGS * TR_CENSUS_PATTERNS),
        .filtering = kind / TR_CENSUS_PATTERNS % TR_CENSUS_FILTERINGS,
        .ports = kind % TR_CENSUS_PATTERNS,
    };
}

/* The row of a triangle of unordered pairs. */
static uint32_t pair_of(uint8_t kind, uint8_t other)
{
    uint32_t low = kind < other ? kind : other;
    uint32_t high = kind < other ? other : kind;

    return high * (high + 1) / 2 + low;
}

/* TR_CENSUS_WAYS: there is no such. */
static uint8_t way_of(uint8_t path, uint8_t kind)
{
    if (path == TRYST_PATH_NONE)
        return WAY_NONE;
    if (path == TRYST_PATH_RELAY)
        return WAY_RELAYED;
    if (path == TRYST_PATH_DIRECT && kind >= TRYST_KIND_HOST && kind <= TRYST_KIND_OBSERVED)
        return (uint8_t)(WAY_DIRECT + kind - TRYST_KIND_HOST);
    return TR_CENSUS_WAYS;
}

static uint8_t path_of(uint8_t way)
{
    if (way == WAY_NONE)
        return TRYST_PATH_NONE;
    return way == WAY_RELAYED ? TRYST_PATH_RELAY : TRYST_PATH_DIRECT;
}

uint8_t tr_census_outcome(const struct tr_item_outcome *outcome)
{
    uint8_t way = way_of(outcome->path, outcome->kind);
    uint8_t bucket = 0;

    if (way == TR_CENSUS_WAYS)
        return 0;
    while (bucket < TR_CENSUS_BUCKETS - 1 && outcome->took_ms > tr_census_bucket_ms[bucket])
        bucket++;
    return (uint8_t)(1 + way * TR_CENSUS_BUCKETS + bucket);
}

uint8_t tr_census_outcome_path(uint8_t outcome)
{
    return path_of((uint8_t)((outcome - 1) / TR_CENSUS_BUCKETS));
}

static void step(struct tr_census *census, uint64_t *count, bool is_less)
{
    census->changes++;
    *count = is_less ? *count - (*count > 0) : *count + 1;
}

void tr_census_count_participant(struct tr_census *census, uint8_t kind, bool is_less)
{
    step(census, &census->participants[kind], is_less);
}

void tr_census_count_pair(struct tr_census *census, uint8_t kind, uint8_t other, uint8_t outcome,
                          bool is_less)
{
    uint8_t at = (uint8_t)(outcome - 1);

    step(census,
         &census->pairs[pair_of(kind, other)][at / TR_CENSUS_BUCKETS][at % TR_CENSUS_BUCKETS],
         is_less);
}

static void read_pair(struct tr_census_row *row, uint32_t pair, uint8_t way)
{
    uint8_t high = 0;

    while ((high + 1U) * (high + 2U) / 2 <= pair)
        high++;
    row->is_pair = true;
    row->other = high;
    row->kind = (uint8_t)(pair - high * (high + 1U) / 2);
    row->path = path_of(way);
    if (way >= WAY_DIRECT)
        row->way = (uint8_t)(TRYST_KIND_HOST + way - WAY_DIRECT);
}

bool tr_census_next(const struct tr_census *census, uint32_t *place, struct tr_census_row *row)
{
    memset(row, 0, sizeof *row);
    for (; *place < TR_CENSUS_KINDS; ++*place)
        if (census->participants[*place] > 0) {
            row->kind = (uint8_t)*place;
            row->count = census->participants[(*place)++];
            return true;
        }
    while (*place < TR_CENSUS_KINDS + TR_CENSUS_PAIRS * TR_CENSUS_WAYS) {
        uint32_t cell = (*place)++ - TR_CENSUS_KINDS;
        const uint64_t *buckets = census->pairs[cell / TR_CENSUS_WAYS][cell % TR_CENSUS_WAYS];

        for (size_t i = 0; i < TR_CENSUS_BUCKETS; i++)
            row->count += buckets[i];
        if (row->count == 0)
            continue;
        memcpy(row->buckets, buckets, sizeof row->buckets);
        read_pair(row, cell / TR_CENSUS_WAYS, (uint8_t)(cell % TR_CENSUS_WAYS));
        return true;
    }
    return false;
}

static bool is_sound(const struct tr_census_row *row, uint8_t way)
{
    uint64_t sum = 0;

    if (row->kind >= TR_CENSUS_KINDS || row->other >= TR_CENSUS_KINDS ||
        row->count >> COUNT_MOST_SHIFT != 0)
        return false;
    if (!row->is_pair)
        return true;
    for (size_t i = 0; i < TR_CENSUS_BUCKETS; i++) {
        if (row->buckets[i] > row->count)
            return false;
        sum += row->buckets[i];
    }
    return way < TR_CENSUS_WAYS && sum == row->count;
}

bool tr_census_add(struct tr_census *census, const struct tr_census_row *row)
{
    uint8_t way = way_of(row->path, row->way);

    if (!is_sound(row, way))
        return false;
    if (!row->is_pair) {
        census->participants[row->kind] += row->count;
        return true;
    }
    for (size_t i = 0; i < TR_CENSUS_BUCKETS; i++)
        census->pairs[pair_of(row->kind, row->other)][way][i] += row->buckets[i];
    return true;
}
