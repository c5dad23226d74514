/* A list that is looked through: it is short, and seldom asked.
 * SPDX-License-Identifier: MIT */
#include "server/postponed.h"

#include "lib/base/deadline.h"
#include "server/limiter.h"
#include <string.h>

static bool is_copy(const struct tr_postponed_bind *one, const struct tr_postponed_bind *other)
{
    return memcmp(one->nonce, other->nonce, sizeof one->nonce) == 0 &&
           tryst_address_compare(&one->from, &other->from) == 0;
}

static uint64_t prefix_of(const struct tryst_address *from)
{
    struct tryst_address canonical = tryst_address_canonical(from);
    return tr_limiter_prefix(&canonical);
}

bool tr_postponed_put(struct tr_postponed *postponed, const struct tr_postponed_bind *bind)
{
    struct tr_postponed_bind *free_one = NULL;
    uint64_t prefix = prefix_of(&bind->from);
    uint32_t neighbours = 0;

    for (uint32_t i = 0; i < TR_POSTPONED_MAX; i++) {
        struct tr_postponed_bind *known = &postponed->list[i];
        if (known->due_us == 0)
            free_one = free_one == NULL ? known : free_one;
        else if (is_copy(known, bind))
            return true;
        else
            neighbours += prefix_of(&known->from) == prefix;
    }
    if (free_one == NULL || neighbours >= TR_POSTPONED_PREFIX)
        return false;
    *free_one = *bind;
    if (postponed->count++ == 0)
        postponed->next_us = TR_NEVER;
    tr_sooner(&postponed->next_us, bind->due_us);
    return true;
}

bool tr_postponed_take(struct tr_postponed *postponed, uint64_t now_us,
                       struct tr_postponed_bind *bind)
{
    bool is_found = false;
    uint64_t next = TR_NEVER;

    if (postponed->count == 0 || !tr_is_due(postponed->next_us, now_us))
        return false;
    for (uint32_t i = 0; i < TR_POSTPONED_MAX; i++) {
        struct tr_postponed_bind *known = &postponed->list[i];
        if (known->due_us == 0)
            continue;
        if (!is_found && tr_is_due(known->due_us, now_us)) {
            is_found = true;
            *bind = *known;
            known->due_us = 0;
            postponed->count--;
        } else {
            tr_sooner(&next, known->due_us);
        }
    }
    postponed->next_us = next;
    return is_found;
}

uint64_t tr_postponed_deadline(const struct tr_postponed *postponed)
{
    return postponed->count == 0 ? TR_NEVER : postponed->next_us;
}
