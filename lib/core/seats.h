/* Peers by seat: found by handle, hello id or receive index.
 * SPDX-License-Identifier: MIT */
#ifndef TR_SEATS_H
#define TR_SEATS_H

#include "lib/base/table.h"
#include "lib/core/peer.h"

enum { TR_SEATS = TR_PARTICIPANTS_MAX };

struct tr_seats {
    struct tr_peer *peers[TR_SEATS];
    uint32_t indexes[TR_SEATS][2]; /* as they stand in by_index, 0 where none */
    uint16_t count;
    uint32_t serial;          /* of the newest handle: handles are never used twice */
    struct tr_table by_hello; /* the peer's hello id to its seat */
    struct tr_table by_index; /* our receive index to the peer's seat */
    uint8_t hash_key[TR_MAC_KEY];
};

void tr_seats_init(struct tr_seats *seats, struct tr_random *random);
void tr_seats_clear(struct tr_seats *seats);

/* A peer for a verified record. NULL: no seat, no memory, or its key is of small order. */
struct tr_peer *tr_seats_add(struct tr_seats *seats, const struct tr_record *own,
                             const uint8_t own_e[TR_KEY], const struct tr_record *record,
                             const struct tr_peer_kit *kit);
void tr_seats_remove(struct tr_seats *seats, uint32_t seat);

struct tr_peer *tr_seats_find(const struct tr_seats *seats, uint32_t handle);
uint32_t tr_seats_find_identity(const struct tr_seats *seats, const uint8_t identity[TR_KEY]);
static inline uint32_t tr_seats_of(uint32_t handle)
{
    return handle % TR_SEATS;
}

/* Walk the seats of peers that a HELLO or DATA may be for; *cursor starts at 0. */
bool tr_seats_next_hello(const struct tr_seats *seats, const void *hello, uint32_t *cursor,
                         uint32_t *seat);
bool tr_seats_next_data(const struct tr_seats *seats, const void *data, uint32_t *cursor,
                        uint32_t *seat);

/* Brings the receive indexes in line with the generations that a peer listens to. */
void tr_seats_sync(struct tr_seats *seats, uint32_t seat);

#endif
