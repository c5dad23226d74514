/* The sliding window of seen counters (RFC 6479): as it moves, words are cleared, none shifted.
 * SPDX-License-Identifier: MIT */
#include "lib/seal/replay.h"

#include <assert.h>
#include <string.h>

void tr_replay_init(struct tr_replay *replay, uint64_t *bits, uint32_t window)
{
    assert(window > 0 && window % 64 == 0);
    replay->next = 0;
    memset(bits, 0, TR_REPLAY_WORDS(window) * sizeof *bits);
}

static uint64_t *word_of(uint64_t *bits, uint32_t window, uint64_t block)
{
    return &bits[block % TR_REPLAY_WORDS(window)];
}

bool tr_replay_is_fresh(const struct tr_replay *replay, const uint64_t *bits, uint32_t window,
                        uint64_t counter)
{
    /* The last counter has no successor to stand in next; no sender gets that far. */
    if (counter == UINT64_MAX)
        return false;
    if (counter >= replay->next)
        return true;
    if (replay->next - 1 - counter > window)
        return false;

    uint64_t word = bits[counter / 64 % TR_REPLAY_WORDS(window)];

    return (word >> counter % 64 & 1) == 0;
}

void tr_replay_mark(struct tr_replay *replay, uint64_t *bits, uint32_t window, uint64_t counter)
{
    assert(tr_replay_is_fresh(replay, bits, window, counter));
    if (counter >= replay->next) {
        uint64_t newest = replay->next == 0 ? 0 : (replay->next - 1) / 64;
        uint64_t steps = counter / 64 - newest;

        if (steps > TR_REPLAY_WORDS(window))
            steps = TR_REPLAY_WORDS(window);
        for (uint64_t i = 1; i <= steps; i++)
            *word_of(bits, window, newest + i) = 0;
        replay->next = counter + 1;
    }
    *word_of(bits, window, counter / 64) |= UINT64_C(1) << counter % 64;
}
