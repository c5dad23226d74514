/* How many participants are behind which kind of NAT, and how pairs of them came out, by the kinds of both:
 * counts alone, in a table of fixed size. It knows no address and nobody.
 * SPDX-License-Identifier: MIT */
#ifndef TR_CENSUS_H
#define TR_CENSUS_H

#include "lib/wire/message.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TR_CENSUS_MAPPINGS = 5,   /* enum tryst_mapping */
    TR_CENSUS_FILTERINGS = 5, /* enum tryst_filtering */
    TR_CENSUS_PATTERNS = 5,   /* enum tryst_port_pattern */
    TR_CENSUS_KINDS = TR_CENSUS_MAPPINGS * TR_CENSUS_FILTERINGS * TR_CENSUS_PATTERNS,
    TR_CENSUS_PAIRS = TR_CENSUS_KINDS * (TR_CENSUS_KINDS + 1) / 2,
    TR_CENSUS_WAYS = 7,    /* none, by the relay, and one for each kind of direct path */
    TR_CENSUS_BUCKETS = 7, /* of how long it took; the last is for all that is longer */
};

/* The most that a bucket holds, in milliseconds. */
extern const uint16_t tr_census_bucket_ms[TR_CENSUS_BUCKETS - 1];

struct tr_census {
    uint64_t changes; /* grows with each change */
    uint64_t participants[TR_CENSUS_KINDS];
    uint64_t pairs[TR_CENSUS_PAIRS][TR_CENSUS_WAYS][TR_CENSUS_BUCKETS];
};

/* A kind of NAT as a number below TR_CENSUS_KINDS. What is no kind that we know counts as unknown. */
uint8_t tr_census_kind(const struct tr_nat *nat);
struct tr_nat tr_census_nat(uint8_t kind);

/* An outcome as a number from 1 on; 0: it makes no sense. */
uint8_t tr_census_outcome(const struct tr_item_outcome *outcome);
uint8_t tr_census_outcome_path(uint8_t outcome); /* enum tryst_path_type */

/* Counts one more, or one less that was counted before. */
void tr_census_count_participant(struct tr_census *census, uint8_t kind, bool is_less);
void tr_census_count_pair(struct tr_census *census, uint8_t kind, uint8_t other, uint8_t outcome,
                          bool is_less);

/* One line of it. */
struct tr_census_row {
    bool is_pair;
    uint8_t kind;
    uint8_t other; /* of a pair; kind or above */
    uint8_t path;  /* of a pair: enum tryst_path_type */
    uint8_t way;   /* of a direct path: enum tryst_kind */
    uint64_t count;
    uint64_t buckets[TR_CENSUS_BUCKETS]; /* of a pair */
};

/* The next row that counts something, from *place on; begin with 0. false: no more. */
bool tr_census_next(const struct tr_census *census, uint32_t *place, struct tr_census_row *row);

/* Adds a row's counts. false: the row makes no sense, and nothing was added. */
bool tr_census_add(struct tr_census *census, const struct tr_census_row *row);

#endif
