/* Numbers for things, and the chain of those that are free.
 * SPDX-License-Identifier: MIT */
#include "server/slots.h"

#include <stdlib.h>

bool tr_slots_take(struct tr_slots *slots, void *thing, uint32_t *index)
{
    if (slots->free != 0) {
        *index = (uint32_t)(slots->free - 1);
        slots->free = slots->slots[*index].next_free;
    } else {
        if (slots->used == slots->size) {
            uint32_t size = slots->size == 0 ? 16 : slots->size * 2;
            union tr_slot *grown = realloc(slots->slots, size * sizeof *grown);

            if (grown == NULL)
                return false;
            slots->slots = grown;
            slots->size = size;
        }
        *index = slots->used++;
    }
    slots->slots[*index].thing = thing;
    return true;
}

void tr_slots_give(struct tr_slots *slots, uint32_t index)
{
    slots->slots[index].next_free = slots->free;
    slots->free = (uintptr_t)index + 1;
}
