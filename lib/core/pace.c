/* Two clocks.
 * SPDX-License-Identifier: MIT */
#include "lib/core/pace.h"

/* What a clock goes back by chance. */
#define BACK_US (1 * TR_S)

uint64_t tr_pace_ours(struct tr_pace *pace, uint64_t told_us)
{
    if (told_us + BACK_US < pace->told_us)
        pace->ahead_us += pace->told_us - told_us;
    pace->told_us = told_us;
    return told_us + pace->ahead_us;
}

uint64_t tr_pace_theirs(const struct tr_pace *pace, uint64_t our_us)
{
    if (our_us == TR_NEVER)
        return our_us;
    return our_us > pace->ahead_us ? our_us - pace->ahead_us : 0;
}

bool tr_pace_is_overslept(uint64_t due_us, uint64_t now_us)
{
    return due_us + TR_PACE_SLEPT_US < now_us;
}
