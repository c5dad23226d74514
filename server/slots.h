/* A directory of things by small numbers, which are used again.
 * SPDX-License-Identifier: MIT */
#ifndef TR_SLOTS_H
#define TR_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

union tr_slot {
    void *thing;
    uintptr_t next_free; /* index + 1; 0: the last */
};

/* All zero: empty. Its owner frees `slots`. */
struct tr_slots {
    union tr_slot *slots;
    uint32_t size;
    uint32_t used; /* slots ever handed out */
    uintptr_t free;
};

/* Gives a thing a number. false: no memory, nothing changed. */
bool tr_slots_take(struct tr_slots *slots, void *thing, uint32_t *index);

/* Takes a number back. */
void tr_slots_give(struct tr_slots *slots, uint32_t index);

#endif
