/* Rules for addresses that others name.
 * SPDX-License-Identifier: MIT */
#include "lib/core/candidate.h"

#include <tryst/address.h>

struct tr_candidate tr_candidate_canonical(const struct tr_candidate *candidate)
{
    struct tr_candidate canonical = {
        .address = tryst_address_canonical(&candidate->address),
        .kind = candidate->kind,
    };
    canonical.address.scope = 0;
    return canonical;
}

bool tr_candidate_is_same(const struct tr_candidate *a, const struct tr_candidate *b)
{
    return tryst_address_compare(&a->address, &b->address) == 0;
}

bool tr_candidate_is_usable(const struct tr_candidate *candidate, bool loopback)
{
    switch (tryst_address_classify(&candidate->address)) {
    case TRYST_ADDRESS_PUBLIC:
    case TRYST_ADDRESS_PRIVATE:
    case TRYST_ADDRESS_CARRIER:
    case TRYST_ADDRESS_LINK_LOCAL:
        return true;
    case TRYST_ADDRESS_LOOPBACK:
        return loopback;
    default:
        return false;
    }
}

size_t tr_candidate_add(struct tr_candidate *list, size_t count, size_t max,
                        const struct tr_candidate *candidate, bool loopback)
{
    struct tr_candidate canonical = tr_candidate_canonical(candidate);
    if (count >= max || !tr_candidate_is_usable(&canonical, loopback))
        return count;
    for (size_t i = 0; i < count; i++)
        if (tr_candidate_is_same(&list[i], &canonical))
            return count;
    list[count] = canonical;
    return count + 1;
}
