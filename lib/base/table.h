/* A bounded hash table of 32-bit values under 64-bit hashes that the caller keys and computes.
 * It stores no keys: the caller compares what a value stands for, so equal hashes are no fault.
 * Grows by doubling up to its bound; never shrinks.
 * SPDX-License-Identifier: MIT */
#ifndef TR_TABLE_H
#define TR_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tr_table_slot {
    uint64_t hash;
    uint32_t value; /* value + 1; 0 marks an empty slot */
};

struct tr_table {
    struct tr_table_slot *slots;
    uint32_t size;  /* slots, a power of two, 0 before the first put */
    uint32_t count; /* entries */
    uint32_t bound; /* most entries */
};

void tr_table_init(struct tr_table *table, uint32_t bound);
void tr_table_clear(struct tr_table *table);

/* Adds a value, which must be below UINT32_MAX. false: at the bound, or no memory; nothing
 * changed. */
bool tr_table_put(struct tr_table *table, uint64_t hash, uint32_t value);

/* Removes the entry with this hash and value. false when there is none. */
bool tr_table_remove(struct tr_table *table, uint64_t hash, uint32_t value);

/* Walks the values under one hash: *cursor starts at 0; false at the end. No put or remove
 * between. */
bool tr_table_next(const struct tr_table *table, uint64_t hash, uint32_t *cursor, uint32_t *value);

#endif
