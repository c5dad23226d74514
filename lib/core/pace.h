/* The caller's clock, and ours made of it: it never goes back, and it notices when it was overslept.
 * SPDX-License-Identifier: MIT */
#ifndef TR_PACE_H
#define TR_PACE_H

#include "lib/base/deadline.h"

/* A time that nobody turns a game's loop in by chance. */
#define TR_PACE_SLEPT_US (5 * TR_S)

/* All zeros at the start. */
struct tr_pace {
    uint64_t told_us;  /* the caller's clock, as it was told last */
    uint64_t ahead_us; /* how far ours is ahead of it */
};

/* Ours for what the caller's says. Where the caller's goes far back, as a clock that was set does, ours
 * goes on from where it was; where it goes back a little, so does ours: whoever asks keeps the later. */
uint64_t tr_pace_ours(struct tr_pace *pace, uint64_t told_us);

/* The caller's clock when ours will say that; TR_NEVER stays. */
uint64_t tr_pace_theirs(const struct tr_pace *pace, uint64_t our_us);

/* Whether a step to now, which is longer than TR_PACE_SLEPT_US, went so far past what was due: as in a
 * machine that slept. Nothing that was known of the ways to others need be true then. */
bool tr_pace_is_overslept(uint64_t due_us, uint64_t now_us);

#endif
