/* Looking at a census.
 * SPDX-License-Identifier: MIT */
#ifndef CENSUS_FIXTURE_H
#define CENSUS_FIXTURE_H

#include "server/census.h"
#include <tryst/event.h>
#include <tryst/nat.h>

static inline uint8_t kind_of(uint8_t mapping, uint8_t filtering, uint8_t ports)
{
    struct tr_nat nat = {.mapping = mapping, .filtering = filtering, .ports = ports};
    return tr_census_kind(&nat);
}

/* Of these kinds in either order, by this way. */
static inline uint64_t count_of(const struct tr_census *of, uint8_t kind, uint8_t other,
                                uint8_t row_path)
{
    struct tr_census_row row;
    uint64_t count = 0;
    uint32_t place = 0;
    while (tr_census_next(of, &place, &row))
        if (row.is_pair && row.path == row_path &&
            ((row.kind == kind && row.other == other) || (row.kind == other && row.other == kind)))
            count += row.count;
    return count;
}

static inline uint64_t count_all(const struct tr_census *of, bool is_pair)
{
    struct tr_census_row row;
    uint64_t count = 0;
    uint32_t place = 0;
    while (tr_census_next(of, &place, &row))
        count += row.is_pair == is_pair ? row.count : 0;
    return count;
}

#endif
