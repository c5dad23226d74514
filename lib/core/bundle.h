/* DATA on its way out: the messages of one turn share a datagram and one seal; what cannot leave yet
 * is held.
 * SPDX-License-Identifier: MIT */
#ifndef TR_BUNDLE_H
#define TR_BUNDLE_H

#include "lib/core/peer.h"

/* Seals the open bundle. */
void tr_bundle_flush(struct tr_peer *peer, const struct tr_peer_kit *kit);

/* Sends what is held over the path `index`, when there is a key and the path may carry it. pong: the
 * peer's ping, answered in the same datagram, so that early data proves its path too; or NULL. */
void tr_bundle_release(struct tr_peer *peer, const uint8_t *pong, uint8_t index,
                       const struct tr_peer_kit *kit);

void tr_bundle_ping(struct tr_peer *peer, uint8_t index, const struct tr_peer_kit *kit);
void tr_bundle_pong(struct tr_peer *peer, uint8_t index, const uint8_t *ping,
                    const struct tr_peer_kit *kit);

#endif
