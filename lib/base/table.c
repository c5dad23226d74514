/* The bounded hash table: linear probing, and removal that closes the gap, so no tombstones.
 * SPDX-License-Identifier: MIT */
#include "lib/base/table.h"

#include <assert.h>
#include <stdlib.h>

enum { FIRST_SIZE = 8, LARGEST_SIZE = 1 << 30 };

void tr_table_init(struct tr_table *table, uint32_t bound)
{
    *table = (struct tr_table){.bound = bound};
}

void tr_table_clear(struct tr_table *table)
{
    free(table->slots);
    tr_table_init(table, table->bound);
}

static uint32_t home(const struct tr_table *table, uint64_t hash)
{
    return (uint32_t)hash & (table->size - 1);
}

static uint32_t after(const struct tr_table *table, uint32_t slot)
{
    return (slot + 1) & (table->size - 1);
}

static void insert(struct tr_table *table, struct tr_table_slot entry)
{
    uint32_t slot = home(table, entry.hash);

    while (table->slots[slot].value != 0)
        slot = after(table, slot);
    table->slots[slot] = entry;
}

static bool grow(struct tr_table *table)
{
    struct tr_table old = *table;

    if (old.size == LARGEST_SIZE)
        return false;
    table->size = old.size == 0 ? FIRST_SIZE : old.size * 2;
    table->slots = calloc(table->size, sizeof *table->slots);
    if (table->slots == NULL) {
        *table = old;
        return false;
    }
    for (uint32_t i = 0; i < old.size; i++)
        if (old.slots[i].value != 0)
            insert(table, old.slots[i]);
    free(old.slots);
    return true;
}

bool tr_table_put(struct tr_table *table, uint64_t hash, uint32_t value)
{
    assert(value < UINT32_MAX);
    if (table->count >= table->bound)
        return false;
    /* At most three quarters full: a miss looks at 8.5 slots on average (Knuth 6.4), and there is
     * always an empty slot to end a probe. */
    if (table->count >= table->size / 4 * 3 && !grow(table))
        return false;
    insert(table, (struct tr_table_slot){.hash = hash, .value = value + 1});
    table->count++;
    return true;
}

/* Moves back whatever the gap would hide from its probe (Knuth 6.4, algorithm R). */
static void close_gap(struct tr_table *table, uint32_t gap)
{
    uint32_t slot = gap;

    for (;;) {
        slot = after(table, slot);
        if (table->slots[slot].value == 0)
            break;

        uint32_t from_home = (slot - home(table, table->slots[slot].hash)) & (table->size - 1);
        uint32_t from_gap = (slot - gap) & (table->size - 1);

        if (from_home >= from_gap) {
            table->slots[gap] = table->slots[slot];
            gap = slot;
        }
    }
    table->slots[gap] = (struct tr_table_slot){0};
}

bool tr_table_remove(struct tr_table *table, uint64_t hash, uint32_t value)
{
    uint32_t cursor = 0;
    uint32_t found;

    while (tr_table_next(table, hash, &cursor, &found))
        if (found == value) {
            /* The cursor stands one past the slot of the value that it gave. */
            close_gap(table, (home(table, hash) + cursor - 1) & (table->size - 1));
            table->count--;
            return true;
        }
    return false;
}

bool tr_table_next(const struct tr_table *table, uint64_t hash, uint32_t *cursor, uint32_t *value)
{
    for (uint32_t i = *cursor; i < table->size; i++) {
        const struct tr_table_slot *slot =
            &table->slots[(home(table, hash) + i) & (table->size - 1)];

        if (slot->value == 0)
            return false;
        if (slot->hash == hash) {
            *value = slot->value - 1;
            *cursor = i + 1;
            return true;
        }
    }
    return false;
}
