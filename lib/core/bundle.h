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
    uint16_t held_room;
    bool is_sooner; /* what was sent calls for a ping soon: the peer's deadline is another */
    uint64_t
        hold_us; /* nothing leaves before, so that it does not overtake what left by a slower path */
    uint8_t *held; /* items that wait for a key, a path or hold_us; made when needed */
};

/* Where a peer's DATA goes through: its keys, its paths, its detour. */
struct tr_bundle_way {
    struct tr_handshake *handshake;
    struct tr_path_set *paths;
    struct tr_relay_link *relay;
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

/* A DATA of its own over one path: a ping, the answer to one, a goodbye. wished: bytes of the ping's
 * datagram, 0 as few as may be. size: of the datagram that brought the ping; sent: what the ping says. */
void tr_bundle_ping(const struct tr_bundle_way *way, uint8_t index, size_t wished,
                    const struct tr_peer_kit *kit);
struct tr_bundle_answer {
    const uint8_t *ping;
    uint16_t sent;
    uint16_t size;
};
void tr_bundle_pong(const struct tr_bundle_way *way, uint8_t index,
                    const struct tr_bundle_answer *answer, const struct tr_peer_kit *kit);
void tr_bundle_leave(const struct tr_bundle_way *way, uint8_t index, const struct tr_peer_kit *kit);

#endif
