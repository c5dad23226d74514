/* Which counters were seen: a sliding window of bits (RFC 6479).
 * SPDX-License-Identifier: MIT */
#ifndef TR_REPLAY_H
#define TR_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#define TR_REPLAY_PEER 8192 /* counters behind the newest that are still told apart, for peers */
#define TR_REPLAY_CTRL 1024 /* and for the control channel */

/* The bits live in the owner, so that each takes the room it needs: TR_REPLAY_WORDS(window) words.
 * A window is a multiple of 64. */
#define TR_REPLAY_WORDS(window) ((window) / 64 + 1)

struct tr_replay {
    uint64_t next; /* one past the newest counter seen, 0 when none was */
};

void tr_replay_init(struct tr_replay *replay, uint64_t *bits, uint32_t window);

/* Whether a counter is neither seen nor too old. Asked before the seal is opened. */
bool tr_replay_is_fresh(const struct tr_replay *replay, const uint64_t *bits, uint32_t window,
                        uint64_t counter);

/* Marks a fresh counter as seen. Said after the seal was opened. */
void tr_replay_mark(struct tr_replay *replay, uint64_t *bits, uint32_t window, uint64_t counter);

#endif
