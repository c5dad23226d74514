/* Absolute times in microseconds, and the sooner of two.
 * SPDX-License-Identifier: MIT */
#ifndef TR_DEADLINE_H
#define TR_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

#define TR_NEVER UINT64_MAX
#define TR_MS UINT64_C(1000)
#define TR_S UINT64_C(1000000)

/* Moves *next to t when t comes first. */
static inline void tr_sooner(uint64_t *next, uint64_t t)
{
    if (t < *next)
        *next = t;
}

static inline bool tr_is_due(uint64_t t, uint64_t now_us)
{
    return t <= now_us;
}

#endif
