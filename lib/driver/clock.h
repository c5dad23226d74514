/* The driver's clock.
 * SPDX-License-Identifier: MIT */
#ifndef TR_CLOCK_H
#define TR_CLOCK_H

#include "lib/base/deadline.h"
#include <time.h>

/* Monotonic microseconds. */
static inline uint64_t tr_clock_us(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * TR_S + (uint64_t)time.tv_nsec / 1000;
}

#endif
