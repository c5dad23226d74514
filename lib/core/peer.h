/* One remote participant: its handshake, its paths and its punching, joined.
 * SPDX-License-Identifier: MIT */
#ifndef TR_PEER_H
#define TR_PEER_H

#include "lib/core/peer_state.h"

/* false: its key is of small order or our own. */
bool tr_peer_init(struct tr_peer *peer, uint32_t handle, const struct tr_record *own,
                  const uint8_t own_e[TR_KEY], const struct tr_record *record,
                  const struct tr_peer_kit *kit);
void tr_peer_clear(struct tr_peer *peer);

/* Candidates from the roster; a changed list starts a new search. extra: slots of local addresses to
 * try beside the kernel's choice, as bits. */
void tr_peer_set_candidates(struct tr_peer *peer, const struct tr_candidate *candidates,
                            size_t count, uint8_t extra, const struct tr_peer_kit *kit);

/* Tries what is known of the peer from further local addresses too: slots, as bits. */
void tr_peer_add_locals(struct tr_peer *peer, uint8_t extra, const struct tr_peer_kit *kit);

/* What the peer knows of its NAT, as the roster says. */
void tr_peer_set_nat(struct tr_peer *peer, const struct tr_nat *nat);

/* Our own addresses changed, or time went on without us: doubts every path and searches anew. is_moved:
 * the peer is told to do the same. */
void tr_peer_unsettle(struct tr_peer *peer, bool is_moved, const struct tr_peer_kit *kit);

/* What the roster says of its relay: its slot, and whether it takes part. */
void tr_peer_set_relay(struct tr_peer *peer, uint16_t slot, bool is_able,
                       const struct tr_peer_kit *kit);

/* The server may have forgotten that we asked. */
void tr_peer_relay_anew(struct tr_peer *peer, const struct tr_peer_kit *kit);

/* What the server says of it. */
void tr_peer_relay_told(struct tr_peer *peer, uint16_t reason, const struct tr_peer_kit *kit);

/* A HELLO that bears this peer's id; local: the slot it came in on, or TR_LOCAL_ANY. */
enum tr_drop tr_peer_hello(struct tr_peer *peer, const struct tryst_address *from, uint16_t local,
                           const void *data, size_t size, const struct tr_peer_kit *kit);

/* A DATA that bears one of this peer's indexes. Its messages are the owner's to read, from body,
 * which holds TR_DATAGRAM_BYTES. */
enum tr_drop tr_peer_data(struct tr_peer *peer, const struct tryst_address *from, uint16_t local,
                          const void *data, size_t size, uint8_t *body,
                          struct tr_data_outcome *outcome, const struct tr_peer_kit *kit);

/* Queues one message; it leaves with tr_peer_flush, before anything is popped from the outbox. */
tryst_result tr_peer_send(struct tr_peer *peer, const void *data, size_t size,
                          const struct tr_peer_kit *kit);

/* Seals the open bundle, so that it may leave. */
void tr_peer_flush(struct tr_peer *peer, const struct tr_peer_kit *kit);

/* Says goodbye over the chosen path. */
void tr_peer_leave(struct tr_peer *peer, const struct tr_peer_kit *kit);

void tr_peer_tick(struct tr_peer *peer, const struct tr_peer_kit *kit);
uint64_t tr_peer_deadline(const struct tr_peer *peer, const struct tr_peer_kit *kit);

#endif
