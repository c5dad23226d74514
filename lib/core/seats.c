/* Seats and the ways to them.
 * SPDX-License-Identifier: MIT */
#include "lib/core/seats.h"

#include "lib/base/bytes.h"
#include <stdlib.h>
#include <string.h>

void tr_seats_init(struct tr_seats *seats, struct tr_random *random)
{
    memset(seats, 0, sizeof *seats);
    tr_table_init(&seats->by_hello, TR_SEATS);
    tr_table_init(&seats->by_index, 2 * TR_SEATS);
    tr_random_bytes(random, seats->hash_key, sizeof seats->hash_key);
}

void tr_seats_clear(struct tr_seats *seats)
{
    for (uint32_t seat = 0; seat < TR_SEATS; seat++)
        if (seats->peers[seat] != NULL)
            tr_seats_remove(seats, seat);
    tr_table_clear(&seats->by_hello);
    tr_table_clear(&seats->by_index);
}

struct tr_peer *tr_seats_find(const struct tr_seats *seats, uint32_t handle)
{
    struct tr_peer *peer = seats->peers[tr_seats_of(handle)];
    return peer != NULL && peer->handle == handle ? peer : NULL;
}

uint32_t tr_seats_find_identity(const struct tr_seats *seats, const uint8_t identity[TR_KEY])
{
    for (uint32_t seat = 0; seat < TR_SEATS; seat++)
        if (seats->peers[seat] != NULL &&
            memcmp(seats->peers[seat]->handshake.peer_identity, identity, TR_KEY) == 0)
            return seat;
    return TR_SEATS;
}

static uint64_t index_hash(const struct tr_seats *seats, uint32_t index)
{
    /* The indexes are random, and ours: nobody else can make them collide. */
    return index * UINT64_C(0x9E3779B97F4A7C15) ^ tr_get_u64(seats->hash_key);
}

static uint64_t hello_hash(const struct tr_peer *peer)
{
    return tr_get_u64(peer->handshake.hello_id[1 - peer->handshake.role]);
}

void tr_seats_sync(struct tr_seats *seats, uint32_t seat)
{
    const struct tr_handshake *handshake = &seats->peers[seat]->handshake;
    const struct tr_generation *generations[2] = {&handshake->current, &handshake->previous};
    for (unsigned i = 0; i < 2; i++) {
        uint32_t *listed = &seats->indexes[seat][i];
        if (*listed != 0)
            tr_table_remove(&seats->by_index, index_hash(seats, *listed), seat);
        *listed = generations[i]->is_live ? generations[i]->index : 0;
        if (*listed != 0)
            tr_table_put(&seats->by_index, index_hash(seats, *listed), seat);
    }
}

struct tr_peer *tr_seats_add(struct tr_seats *seats, const struct tr_record *own,
                             const uint8_t own_e[TR_KEY], const struct tr_record *record,
                             const struct tr_peer_kit *kit)
{
    uint32_t seat = 0;
    while (seat < TR_SEATS && seats->peers[seat] != NULL)
        seat++;
    struct tr_peer *peer = seat < TR_SEATS ? calloc(1, sizeof *peer) : NULL;
    if (peer == NULL)
        return NULL;
    uint32_t handle = (seats->serial + 1) * TR_SEATS + seat;
    if (!tr_peer_init(peer, handle, own, own_e, record, kit)) {
        tr_peer_clear(peer);
        free(peer);
        return NULL;
    }
    seats->serial++;
    seats->peers[seat] = peer;
    seats->count++;
    tr_table_put(&seats->by_hello, hello_hash(peer), seat);
    tr_seats_sync(seats, seat);
    return peer;
}

void tr_seats_remove(struct tr_seats *seats, uint32_t seat)
{
    struct tr_peer *peer = seats->peers[seat];
    tr_table_remove(&seats->by_hello, hello_hash(peer), seat);
    for (unsigned i = 0; i < 2; i++)
        if (seats->indexes[seat][i] != 0)
            tr_table_remove(&seats->by_index, index_hash(seats, seats->indexes[seat][i]), seat);
    memset(seats->indexes[seat], 0, sizeof seats->indexes[seat]);
    tr_peer_clear(peer);
    free(peer);
    seats->peers[seat] = NULL;
    seats->count--;
}

bool tr_seats_next_hello(const struct tr_seats *seats, const void *hello, uint32_t *cursor,
                         uint32_t *seat)
{
    return tr_table_next(&seats->by_hello, tr_get_u64((const uint8_t *)hello + 4), cursor, seat);
}

bool tr_seats_next_data(const struct tr_seats *seats, const void *data, uint32_t *cursor,
                        uint32_t *seat)
{
    uint32_t index = tr_get_u32((const uint8_t *)data + 1);
    return tr_table_next(&seats->by_index, index_hash(seats, index), cursor, seat);
}
