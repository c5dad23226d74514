/* Peers by slot: traffic to and from them.
 * SPDX-License-Identifier: MIT */
#include "lib/core/session.h"

#include "lib/base/bytes.h"
#include "lib/core/roster.h"
#include <stdlib.h>
#include <string.h>

void tr_session_init(struct tr_session *session, struct tr_random *random)
{
    memset(session, 0, sizeof *session);
    tr_table_init(&session->by_hello, TR_SESSION_SLOTS);
    tr_table_init(&session->by_index, 2 * TR_SESSION_SLOTS);
    tr_random_bytes(random, session->hash_key, sizeof session->hash_key);
    session->reset_us = TR_NEVER;
}

void tr_session_clear(struct tr_session *session)
{
    for (uint32_t slot = 0; slot < TR_SESSION_SLOTS; slot++)
        if (session->peers[slot] != NULL)
            tr_session_remove(session, slot);
    tr_table_clear(&session->by_hello);
    tr_table_clear(&session->by_index);
}

struct tr_peer *tr_session_find(const struct tr_session *session, uint32_t handle)
{
    struct tr_peer *peer = session->peers[handle % TR_SESSION_SLOTS];
    return peer != NULL && peer->handle == handle ? peer : NULL;
}

static uint64_t index_hash(const struct tr_session *session, uint32_t index)
{
    /* The indexes are random, and ours: nobody else can make them collide. */
    return index * UINT64_C(0x9E3779B97F4A7C15) ^ tr_get_u64(session->hash_key);
}

/* Brings by_index in line with the generations that the peer listens to. */
static void indexes_sync(struct tr_session *session, uint32_t slot)
{
    const struct tr_handshake *handshake = &session->peers[slot]->handshake;
    const struct tr_generation *generations[2] = {&handshake->current, &handshake->previous};
    for (unsigned i = 0; i < 2; i++) {
        uint32_t *listed = &session->indexes[slot][i];
        if (*listed != 0)
            tr_table_remove(&session->by_index, index_hash(session, *listed), slot);
        *listed = generations[i]->is_live ? generations[i]->index : 0;
        if (*listed != 0)
            tr_table_put(&session->by_index, index_hash(session, *listed), slot);
    }
}

struct tr_peer *tr_session_add(struct tr_session *session, const struct tr_record *own,
                               const uint8_t own_e[TR_KEY], const struct tr_record *record,
                               const struct tr_peer_kit *kit)
{
    uint32_t slot = 0;
    while (slot < TR_SESSION_SLOTS && session->peers[slot] != NULL)
        slot++;
    struct tr_peer *peer = slot < TR_SESSION_SLOTS ? calloc(1, sizeof *peer) : NULL;
    if (peer == NULL)
        return NULL;
    uint32_t handle = (session->serial + 1) * TR_SESSION_SLOTS + slot;
    if (!tr_peer_init(peer, handle, own, own_e, record, kit)) {
        tr_peer_clear(peer);
        free(peer);
        return NULL;
    }
    session->serial++;
    session->peers[slot] = peer;
    session->count++;
    const uint8_t *id = peer->handshake.hello_id[1 - peer->handshake.role];
    tr_table_put(&session->by_hello, tr_get_u64(id), slot);
    indexes_sync(session, slot);
    return peer;
}

void tr_session_remove(struct tr_session *session, uint32_t slot)
{
    struct tr_peer *peer = session->peers[slot];
    const uint8_t *id = peer->handshake.hello_id[1 - peer->handshake.role];
    tr_table_remove(&session->by_hello, tr_get_u64(id), slot);
    for (unsigned i = 0; i < 2; i++)
        if (session->indexes[slot][i] != 0)
            tr_table_remove(&session->by_index, index_hash(session, session->indexes[slot][i]),
                            slot);
    memset(session->indexes[slot], 0, sizeof session->indexes[slot]);
    session->open[slot / 64] &= ~(UINT64_C(1) << slot % 64);
    tr_peer_clear(peer);
    free(peer);
    session->peers[slot] = NULL;
    session->count--;
}

static void path_event(const struct tr_peer *peer, uint32_t type, const struct tr_peer_kit *kit,
                       struct tr_notice_queue *notices)
{
    const struct tr_path *path = &peer->paths.list[peer->paths.chosen];
    struct tryst_event event = {.type = type,
                                .peer = peer->handle,
                                .path = TRYST_PATH_DIRECT,
                                .kind = path->kind,
                                .rtt_us = path->rtt_us,
                                .address = path->remote};
    if (path->local != TR_LOCAL_ANY)
        event.local = kit->locals[path->local];
    memcpy(event.key, peer->identity, TR_KEY);
    tr_notice_put(notices, &event);
}

/* Tells the peer's news. The peer may be gone afterwards. */
static void news_tell(struct tr_session *session, uint32_t slot, const struct tr_peer_kit *kit,
                      struct tr_notice_queue *notices)
{
    struct tr_peer *peer = session->peers[slot];
    unsigned news = peer->news;
    peer->news = 0;
    if (news == 0)
        return;
    if (news & TR_NEWS_INDEX)
        indexes_sync(session, slot);
    struct tryst_event event = {.peer = peer->handle, .address = peer->news_address};
    memcpy(event.key, peer->identity, TR_KEY);
    for (unsigned i = 0; i < 2; i++) {
        event.type = i == 0 ? TRYST_EVENT_PUNCH : TRYST_EVENT_HELLO;
        if ((news & (i == 0 ? TR_NEWS_PUNCH : TR_NEWS_HELLO)) && kit->trace)
            tr_notice_put(notices, &event);
    }
    if (news & TR_NEWS_CONNECTED)
        path_event(peer, TRYST_EVENT_CONNECTED, kit, notices);
    else if ((news & TR_NEWS_PATH) && peer->paths.chosen != TR_PATH_NONE)
        path_event(peer, TRYST_EVENT_PATH, kit, notices);
    if (news & TR_NEWS_UNREACHABLE) {
        event = (struct tryst_event){.type = TRYST_EVENT_UNREACHABLE,
                                     .peer = peer->handle,
                                     .stage = peer->stage,
                                     .reason = peer->reason};
        memcpy(event.key, peer->identity, TR_KEY);
        tr_notice_put(notices, &event);
    }
    if (news & TR_NEWS_LEFT)
        tr_roster_drop(session, slot, TRYST_REASON_LEAVE, notices);
}

enum tr_drop tr_session_hello(struct tr_session *session, const struct tryst_address *from,
                              uint8_t local, const void *data, size_t size,
                              const struct tr_peer_kit *kit, struct tr_notice_queue *notices)
{
    const uint8_t *id = (const uint8_t *)data + 4;
    uint32_t cursor = 0;
    uint32_t slot = 0;
    enum tr_drop drop = TR_DROP_UNKNOWN;
    while (drop != TR_DROP_NONE &&
           tr_table_next(&session->by_hello, tr_get_u64(id), &cursor, &slot)) {
        drop = tr_peer_hello(session->peers[slot], from, local, data, size, kit);
        session->deadline_us = 0;
        if (drop == TR_DROP_NONE) {
            if (session->peers[slot]->news & TR_NEWS_ROSTER)
                session->is_behind = true;
            news_tell(session, slot, kit, notices);
            return drop;
        }
    }
    return drop;
}

static void messages_tell(const struct tr_peer *peer, const uint8_t *items, size_t size,
                          const struct tr_peer_kit *kit, struct tr_notice_queue *notices)
{
    struct tryst_event event = {.type = TRYST_EVENT_MESSAGE, .peer = peer->handle};
    memcpy(event.key, peer->identity, TR_KEY);
    struct tr_reader reader;
    struct tr_item_view item;
    tr_reader_init(&reader, items, size);
    while (tr_item_read(&reader, &item)) {
        if (item.type != TR_ITEM_MESSAGE || item.size == 0)
            continue;
        event.data = item.content;
        event.size = item.size;
        if (tr_notice_put(notices, &event))
            kit->stats->messages_received++;
        else
            kit->stats->messages_dropped++;
    }
}

enum tr_drop tr_session_data(struct tr_session *session, const struct tryst_address *from,
                             uint8_t local, const void *data, size_t size,
                             const struct tr_peer_kit *kit, struct tr_notice_queue *notices)
{
    uint8_t items[TR_DATAGRAM_BYTES];
    size_t items_size = 0;
    uint32_t index = tr_get_u32((const uint8_t *)data + 1);
    uint32_t cursor = 0;
    uint32_t slot = 0;
    enum tr_drop drop = TR_DROP_UNKNOWN;
    while (tr_table_next(&session->by_index, index_hash(session, index), &cursor, &slot)) {
        struct tr_peer *peer = session->peers[slot];
        drop = tr_peer_data(peer, from, local, data, size, items, &items_size, kit);
        if (drop != TR_DROP_NONE)
            continue;
        messages_tell(peer, items, items_size, kit, notices);
        if (peer->news != 0) {
            session->deadline_us = 0;
            news_tell(session, slot, kit, notices);
        } else if (items[0] != (TR_ITEM_MESSAGE | TR_ITEM_LAST)) {
            session->deadline_us = 0;
        }
        return drop;
    }
    return drop;
}

tryst_result tr_session_send(struct tr_session *session, uint32_t handle, const void *data,
                             size_t size, const struct tr_peer_kit *kit)
{
    struct tr_peer *peer = tr_session_find(session, handle);
    if (peer == NULL)
        return TRYST_E_PEER;
    tryst_result result = tr_peer_send(peer, data, size, kit);
    uint32_t slot = handle % TR_SESSION_SLOTS;
    if (peer->bundle != NULL)
        session->open[slot / 64] |= UINT64_C(1) << slot % 64;
    return result;
}

void tr_session_flush(struct tr_session *session, const struct tr_peer_kit *kit)
{
    for (uint32_t word = 0; word < TR_SESSION_SLOTS / 64; word++) {
        for (uint32_t bit = 0; session->open[word] != 0 && bit < 64; bit++)
            if (session->open[word] >> bit & 1)
                tr_peer_flush(session->peers[word * 64 + bit], kit);
        session->open[word] = 0;
    }
}

void tr_session_leave(struct tr_session *session, const struct tr_peer_kit *kit)
{
    for (uint32_t slot = 0; slot < TR_SESSION_SLOTS; slot++) {
        if (session->peers[slot] == NULL)
            continue;
        tr_peer_leave(session->peers[slot], kit);
        tr_session_remove(session, slot);
    }
    session->is_resetting = false;
    session->reset_us = TR_NEVER;
    session->deadline_us = 0;
}

void tr_session_locals_changed(struct tr_session *session, uint8_t dropped, uint8_t extra,
                               const struct tr_peer_kit *kit)
{
    session->extra = extra;
    session->deadline_us = 0;
    for (uint32_t slot = 0; slot < TR_SESSION_SLOTS; slot++) {
        struct tr_peer *peer = session->peers[slot];
        if (peer == NULL)
            continue;
        for (uint8_t local = 0; local < TRYST_LOCAL_MAX; local++)
            if (dropped >> local & 1)
                tr_paths_drop_local(&peer->paths, local);
        tr_peer_search(peer, kit->now_us);
    }
}

void tr_session_tick(struct tr_session *session, struct tr_rendezvous *rendezvous,
                     const struct tr_peer_kit *kit, struct tr_notice_queue *notices)
{
    if (session->is_behind) {
        session->is_behind = false;
        rendezvous->wants_page = rendezvous->state == TR_RENDEZVOUS_REGISTERED;
    }
    if (session->deadline_us > kit->now_us)
        return;
    tr_roster_prune(session, rendezvous, kit, notices);
    session->deadline_us = 0;
    for (uint32_t slot = 0; slot < TR_SESSION_SLOTS; slot++) {
        if (session->peers[slot] == NULL)
            continue;
        tr_peer_tick(session->peers[slot], kit);
        news_tell(session, slot, kit, notices);
    }
}

uint64_t tr_session_deadline(struct tr_session *session, const struct tr_peer_kit *kit)
{
    if (session->deadline_us != 0)
        return session->deadline_us;
    uint64_t next = session->reset_us;
    for (uint32_t slot = 0; slot < TR_SESSION_SLOTS; slot++)
        if (session->peers[slot] != NULL)
            tr_sooner(&next, tr_peer_deadline(session->peers[slot], kit));
    session->deadline_us = next;
    return next;
}

uint32_t tr_session_connected(const struct tr_session *session)
{
    uint32_t connected = 0;
    for (uint32_t slot = 0; slot < TR_SESSION_SLOTS; slot++)
        connected += session->peers[slot] != NULL && session->peers[slot]->is_connected;
    return connected;
}
