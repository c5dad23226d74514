/* DATA on its way out: the messages of one turn share a datagram and one seal; what cannot leave yet
 * is held.
 * SPDX-License-Identifier: MIT */
#ifndef TR_BUNDLE_H
#define TR_BUNDLE_H

#include "lib/core/kit.h"

struct tr_bundle {
    struct tr_datagram *datagram; /* open in the outbox; its size counts the items so far */
    uint16_t last;                /* where its last item starts */
    uint16_t held_size;
    uint8_t *held; /* items that wait for a key or a path, TR_DATA_ROOM bytes; made when needed */
};

/* Where a peer's DATA goes through: its keys and its paths. */
struct tr_bundle_way {
    struct tr_handshake *handshake;
    struct tr_path_set *paths;
};

void tr_bundle_clear(struct tr_bundle *bundle);

/* Queues one message; it leaves with tr_bundle_flush, before anything is popped from the outbox. */
tryst_result tr_bundle_add(struct tr_bundle *bundle, const struct tr_bundle_way *way,
                           const void *data, size_t size, const struct tr_peer_kit *kit);

/* Seals the open datagram. */
void tr_bundle_flush(struct tr_bundle *bundle, const struct tr_bundle_way *way,
                     const struct tr_peer_kit *kit);

/* Sends what is held over the path `index`, when there is a key: as many whole messages as the path
 * may carry. pong: the peer's ping, answered in the same datagram where that keeps no message back,
 * so that early data proves its path too; or NULL. */
void tr_bundle_release(struct tr_bundle *bundle, const struct tr_bundle_way *way,
                       const uint8_t *pong, uint8_t index, const struct tr_peer_kit *kit);

/* A DATA of its own over one path: a ping, the answer to one, a goodbye. */
void tr_bundle_ping(const struct tr_bundle_way *way, uint8_t index, const struct tr_peer_kit *kit);
void tr_bundle_pong(const struct tr_bundle_way *way, uint8_t index, const uint8_t *ping,
                    const struct tr_peer_kit *kit);
void tr_bundle_leave(const struct tr_bundle_way *way, uint8_t index, const struct tr_peer_kit *kit);

#endif
