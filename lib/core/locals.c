/* Slots of local addresses.
 * SPDX-License-Identifier: MIT */
#include "lib/core/locals.h"

#include "lib/core/path.h"
#include <string.h>

size_t tr_locals_clean(struct tryst_address list[TRYST_LOCAL_MAX],
                       const struct tryst_address *addresses, size_t count)
{
    size_t used = 0;
    for (size_t i = 0; i < count && used < TRYST_LOCAL_MAX; i++) {
        struct tryst_address canonical = tryst_address_canonical(&addresses[i]);
        bool is_known = false;
        for (size_t j = 0; j < used; j++)
            is_known = is_known || tryst_address_compare(&list[j], &canonical) == 0;
        if (!is_known)
            list[used++] = canonical;
    }
    return used;
}

static uint8_t slot_of(const struct tr_locals *locals, const struct tryst_address *address)
{
    for (uint8_t slot = 0; slot < TRYST_LOCAL_MAX; slot++)
        if (locals->slots[slot].family != 0 &&
            tryst_address_compare(&locals->slots[slot], address) == 0 &&
            locals->slots[slot].scope == address->scope)
            return slot;
    return TRYST_LOCAL_MAX;
}

/* Empties the slots of addresses that are not in the list; returns them as bits. */
static uint8_t slots_empty(struct tr_locals *locals, const struct tryst_address *list, size_t count)
{
    uint8_t used = 0;
    uint8_t dropped = 0;
    for (size_t i = 0; i < count; i++) {
        uint8_t slot = slot_of(locals, &list[i]);
        if (slot < TRYST_LOCAL_MAX)
            used |= (uint8_t)(1U << slot);
    }
    for (uint8_t slot = 0; slot < TRYST_LOCAL_MAX; slot++) {
        if (used >> slot & 1 || locals->slots[slot].family == 0)
            continue;
        memset(&locals->slots[slot], 0, sizeof locals->slots[slot]);
        dropped |= (uint8_t)(1U << slot);
    }
    return dropped;
}

/* Puts the addresses into slots, those that stay into their old ones. */
static void slots_fill(struct tr_locals *locals, const struct tryst_address *list, size_t count)
{
    bool has_family[7] = {false};
    locals->count = 0;
    locals->extra = 0;
    for (size_t i = 0; i < count; i++) {
        uint8_t slot = slot_of(locals, &list[i]);
        for (uint8_t j = 0; slot == TRYST_LOCAL_MAX && j < TRYST_LOCAL_MAX; j++)
            if (locals->slots[j].family == 0)
                slot = j;
        locals->slots[slot] = list[i];
        if (has_family[list[i].family])
            locals->extra |= (uint8_t)(1U << slot);
        has_family[list[i].family] = true;
        locals->order[locals->count++] = slot;
    }
}

bool tr_locals_set(struct tr_locals *locals, const struct tryst_address *list, size_t count,
                   uint8_t *dropped)
{
    struct tr_locals old = *locals;
    *dropped = slots_empty(locals, list, count);
    slots_fill(locals, list, count);
    *dropped |= (uint8_t)(old.extra & ~locals->extra);
    return memcmp(old.slots, locals->slots, sizeof old.slots) != 0 || old.extra != locals->extra ||
           memcmp(old.order, locals->order, locals->count) != 0; /* as many as before then */
}

size_t tr_locals_list(const struct tr_locals *locals, struct tryst_address *list, size_t max)
{
    size_t count = locals->count < max ? locals->count : max;
    for (size_t i = 0; i < count; i++)
        list[i] = locals->slots[locals->order[i]];
    return count;
}

size_t tr_locals_extra(const struct tr_locals *locals, struct tryst_address list[TRYST_LOCAL_MAX])
{
    size_t count = 0;
    for (uint8_t i = 0; i < locals->count; i++)
        if (locals->extra >> locals->order[i] & 1)
            list[count++] = locals->slots[locals->order[i]];
    return count;
}

uint8_t tr_locals_find(const struct tr_locals *locals, const struct tryst_address *to)
{
    if (to == NULL || locals->extra == 0)
        return TR_LOCAL_ANY;
    for (uint8_t slot = 0; slot < TRYST_LOCAL_MAX; slot++)
        if ((locals->extra >> slot & 1) != 0 && locals->slots[slot].family == to->family &&
            memcmp(locals->slots[slot].ip, to->ip, sizeof to->ip) == 0)
            return slot;
    return TR_LOCAL_ANY;
}
