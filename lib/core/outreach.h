/* Hellos to a peer: over which paths, when, and what they say.
 * SPDX-License-Identifier: MIT */
#ifndef TR_OUTREACH_H
#define TR_OUTREACH_H

#include "lib/core/peer_state.h"
#include "lib/core/spray.h"

/* Candidates from the roster; a changed list starts a new search. extra: slots of local addresses to
 * try beside the kernel's choice, as bits. */
void tr_outreach_candidates(struct tr_peer *peer, const struct tr_candidate *candidates,
                            size_t count, uint8_t extra, const struct tr_peer_kit *kit);
void tr_outreach_locals(struct tr_peer *peer, uint8_t extra, const struct tr_peer_kit *kit);

/* A new search, its first hellos due at once. */
void tr_outreach_search(struct tr_peer *peer, uint64_t now_us);

/* Sends one hello on a path; pong: what it answers, NULL when it answers nothing. */
void tr_outreach_hello(struct tr_peer *peer, uint8_t index, const uint8_t *pong,
                       const struct tr_peer_kit *kit);

/* Sends one to an address that is no path, and may never be. */
void tr_outreach_shot(struct tr_peer *peer, const struct tr_shot *shot,
                      const struct tr_peer_kit *kit);

/* Sends a round of them when one is due. */
void tr_outreach_tick(struct tr_peer *peer, const struct tr_peer_kit *kit);

/* The path by the server, TR_PATH_NONE where there is none. */
uint8_t tr_outreach_relay(const struct tr_peer *peer);

#endif
