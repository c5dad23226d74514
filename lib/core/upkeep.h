/* What a peer wants by time: its path chosen, its keys renewed, pings, the word that it is gone.
 * SPDX-License-Identifier: MIT */
#ifndef TR_UPKEEP_H
#define TR_UPKEEP_H

#include "lib/core/peer_state.h"

/* Looks at the paths again: which is chosen, and what that means. */
void tr_upkeep_settle(struct tr_peer *peer, const struct tr_peer_kit *kit);

/* A pong proves the path that its ping left on, from `index` or a like one. report: what it says beside,
 * NULL where it is a hello's. */
void tr_upkeep_pong(struct tr_peer *peer, uint8_t index, const uint8_t *pong,
                    const struct tr_item_report *report, const struct tr_peer_kit *kit);

void tr_upkeep_tick(struct tr_peer *peer, const struct tr_peer_kit *kit);
uint64_t tr_upkeep_deadline(const struct tr_peer *peer, const struct tr_peer_kit *kit);

#endif
