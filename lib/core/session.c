/* Datagrams to peers, messages and news from them.
 * SPDX-License-Identifier: MIT */
#include "lib/core/session.h"

#include <string.h>

void tr_session_init(struct tr_session *session, struct tr_random *random)
{
    memset(session, 0, sizeof *session);
    tr_seats_init(&session->seats, random);
    tr_roster_init(&session->roster);
}

void tr_session_clear(struct tr_session *session)
{
    tr_seats_clear(&session->seats);
}

static void path_event(const struct tr_peer *peer, uint32_t type, const struct tr_peer_kit *kit,
                       struct tr_notice_queue *notices)
{
    const struct tr_path *path = &peer->paths.list[peer->paths.chosen];
    bool is_relay = tr_path_is_relay(path);
    struct tryst_event event = {.type = type,
                                .peer = peer->handle,
                                .path = is_relay ? TRYST_PATH_RELAY : TRYST_PATH_DIRECT,
                                .kind = path->kind,
                                .rtt_us = path->rtt_us,
                                .address = is_relay ? kit->relay->server : path->remote};
    if (path->local < TRYST_LOCAL_MAX)
        event.local = kit->locals[path->local];
    memcpy(event.key, peer->handshake.peer_identity, TR_KEY);
    tr_notice_put(notices, &event);
}

/* Tells the peer's news. The peer may be gone afterwards. */
static void news_tell(struct tr_session *session, uint32_t seat, const struct tr_peer_kit *kit,
                      struct tr_notice_queue *notices)
{
    struct tr_peer *peer = session->seats.peers[seat];
    unsigned news = peer->news;
    peer->news = 0;
    if (news == 0)
        return;
    if (news & TR_NEWS_INDEX)
        tr_seats_sync(&session->seats, seat);
    struct tryst_event event = {.peer = peer->handle, .address = peer->news_address};
    memcpy(event.key, peer->handshake.peer_identity, TR_KEY);
    for (unsigned i = 0; i < 2; i++) {
        event.type = i == 0 ? TRYST_EVENT_PUNCH : TRYST_EVENT_HELLO;
        if ((news & (i == 0 ? TR_NEWS_PUNCH : TR_NEWS_HELLO)) && kit->trace)
            tr_notice_put(notices, &event);
    }
    if (news & TR_NEWS_CONNECTED)
        path_event(peer, TRYST_EVENT_CONNECTED, kit, notices);
    else if ((news & TR_NEWS_PATH) && peer->paths.chosen != TR_PATH_NONE)
        path_event(peer, TRYST_EVENT_PATH, kit, notices);
    if (news & (TR_NEWS_UNREACHABLE | TR_NEWS_RELAYED)) {
        event = (struct tryst_event){.type = news & TR_NEWS_UNREACHABLE ? TRYST_EVENT_UNREACHABLE
                                                                        : TRYST_EVENT_RELAYED,
                                     .peer = peer->handle,
                                     .stage = peer->stage,
                                     .reason = peer->reason};
        memcpy(event.key, peer->handshake.peer_identity, TR_KEY);
        tr_notice_put(notices, &event);
    }
    session->is_doubtful = session->is_doubtful || (news & TR_NEWS_DOUBT) != 0;
    if (news & TR_NEWS_LEFT) {
        tr_roster_farewell(&session->roster, peer);
        tr_roster_drop(&session->seats, seat, TRYST_REASON_LEAVE, notices);
    }
}

void tr_session_read_page(struct tr_session *session, struct tr_rendezvous *rendezvous,
                          const struct tr_peer_kit *kit, struct tr_notice_queue *notices)
{
    if (tr_roster_read(&session->roster, &session->seats, rendezvous, session->extra, kit, notices))
        session->deadline_us = 0;
    tr_roster_check(&session->roster, &session->seats, rendezvous, kit->now_us);
}

enum tr_drop tr_session_hello(struct tr_session *session, const struct tryst_address *from,
                              uint16_t local, const void *data, size_t size,
                              const struct tr_peer_kit *kit, struct tr_notice_queue *notices)
{
    uint32_t cursor = 0;
    uint32_t seat = 0;
    enum tr_drop drop = TR_DROP_UNKNOWN;
    while (drop != TR_DROP_NONE && tr_seats_next_hello(&session->seats, data, &cursor, &seat)) {
        drop = tr_peer_hello(session->seats.peers[seat], from, local, data, size, kit);
        session->deadline_us = 0;
        if (drop == TR_DROP_NONE) {
            if (session->seats.peers[seat]->news & TR_NEWS_ROSTER)
                session->is_behind = true;
            news_tell(session, seat, kit, notices);
            return drop;
        }
    }
    return drop;
}

static void message_tell(const struct tr_peer *peer, const uint8_t *message, size_t size,
                         const struct tr_peer_kit *kit, struct tr_notice_queue *notices)
{
    struct tryst_event event = {
        .type = TRYST_EVENT_MESSAGE, .peer = peer->handle, .data = message, .size = size};
    memcpy(event.key, peer->handshake.peer_identity, TR_KEY);
    if (size <= TR_MESSAGE_MAX && tr_notice_put(notices, &event)) /* games have room for no more */
        kit->stats->messages_received++;
    else
        kit->stats->messages_dropped++;
}

static void messages_tell(const struct tr_peer *peer, const uint8_t *body,
                          const struct tr_data_outcome *outcome, const struct tr_peer_kit *kit,
                          struct tr_notice_queue *notices)
{
    struct tr_reader reader;
    struct tr_item_view item;
    if (outcome->is_single) {
        message_tell(peer, body, outcome->size, kit, notices);
        return;
    }
    tr_reader_init(&reader, body, outcome->size);
    while (tr_item_read(&reader, &item))
        if (item.type == TR_ITEM_MESSAGE && item.size > 0)
            message_tell(peer, item.content, item.size, kit, notices);
}

enum tr_drop tr_session_data(struct tr_session *session, const struct tryst_address *from,
                             uint16_t local, const void *data, size_t size,
                             const struct tr_peer_kit *kit, struct tr_notice_queue *notices)
{
    uint8_t body[TR_DATAGRAM_BYTES];
    struct tr_data_outcome outcome;
    uint32_t cursor = 0;
    uint32_t seat = 0;
    enum tr_drop drop = TR_DROP_UNKNOWN;
    while (tr_seats_next_data(&session->seats, data, &cursor, &seat)) {
        struct tr_peer *peer = session->seats.peers[seat];
        drop = tr_peer_data(peer, from, local, data, size, body, &outcome, kit);
        if (drop != TR_DROP_NONE)
            continue;
        messages_tell(peer, body, &outcome, kit, notices);
        if (peer->news != 0) {
            session->deadline_us = 0;
            news_tell(session, seat, kit, notices);
        }
        return drop;
    }
    return drop;
}

/* Whose it is stands inside, as in any HELLO or DATA. */
static struct tr_peer *relay_peer(const struct tr_session *session, const struct tr_relay *head,
                                  const uint8_t *inner)
{
    uint32_t cursor = 0;
    uint32_t seat = 0;
    while (inner[0] == TR_DATA ? tr_seats_next_data(&session->seats, inner, &cursor, &seat)
                               : tr_seats_next_hello(&session->seats, inner, &cursor, &seat))
        if (session->seats.peers[seat]->relay.slot == head->slot)
            return session->seats.peers[seat];
    return NULL;
}

enum tr_drop tr_session_relay(struct tr_session *session, const void *data, size_t size,
                              const struct tr_peer_kit *kit, struct tr_notice_queue *notices)
{
    struct tr_relay head;
    const struct tryst_address relay = tr_path_relay();
    const uint8_t *inner = (const uint8_t *)data + TR_RELAY_HEAD;
    enum tr_drop drop = tr_envelope_check(inner, size - TR_RELAY_HEAD, TR_FROM_PEER);
    if (drop != TR_DROP_NONE || !tr_envelope_head(&tr_layout_relay, &head, data, size))
        return drop;
    struct tr_peer *peer = relay_peer(session, &head, inner);
    if (peer == NULL || !kit->relay->is_open ||
        memcmp(head.route, kit->relay->keys.route, TR_ROUTE_BYTES) != 0)
        return TR_DROP_UNKNOWN;
    if (!tr_relay_link_check(&peer->relay, kit->relay, data, size))
        return TR_DROP_SEAL;
    return inner[0] == TR_DATA ? tr_session_data(session, &relay, TR_LOCAL_ANY, inner,
                                                 size - TR_RELAY_HEAD, kit, notices)
                               : tr_session_hello(session, &relay, TR_LOCAL_ANY, inner,
                                                  size - TR_RELAY_HEAD, kit, notices);
}

tryst_result tr_session_send(struct tr_session *session, uint32_t handle, const void *data,
                             size_t size, const struct tr_peer_kit *kit)
{
    struct tr_peer *peer = tr_seats_find(&session->seats, handle);
    if (peer == NULL)
        return TRYST_E_PEER;
    uint64_t hold_us = peer->bundle.hold_us;
    tryst_result result = tr_peer_send(peer, data, size, kit);
    uint32_t seat = tr_seats_of(handle);
    if (peer->news != 0 || peer->bundle.is_sooner || hold_us != peer->bundle.hold_us)
        session->deadline_us = 0;
    if (peer->bundle.datagram != NULL) {
        session->open[seat / 64] |= UINT64_C(1) << seat % 64;
        session->has_open = true;
    }
    return result;
}

void tr_session_flush(struct tr_session *session, const struct tr_peer_kit *kit)
{
    if (!session->has_open)
        return;
    session->has_open = false;
    for (uint32_t word = 0; word < TR_SEATS / 64; word++) {
        uint32_t seat = word * 64;
        for (uint64_t left = session->open[word]; left != 0; left >>= 1, seat++)
            if ((left & 1) != 0 && session->seats.peers[seat] != NULL) {
                struct tr_peer *peer = session->seats.peers[seat];
                tr_peer_flush(peer, kit);
                if (peer->bundle.is_sooner)
                    session->deadline_us = 0;
                peer->bundle.is_sooner = false;
            }
        session->open[word] = 0;
    }
}

void tr_session_leave(struct tr_session *session, struct tr_rendezvous *rendezvous,
                      const struct tr_peer_kit *kit)
{
    tr_freshport_stop(&session->fresh, rendezvous, kit);
    tr_traversal_stop(&session->traversal, &session->seats, kit);
    for (uint32_t seat = 0; seat < TR_SEATS; seat++) {
        if (session->seats.peers[seat] == NULL)
            continue;
        tr_peer_leave(session->seats.peers[seat], kit);
        tr_seats_remove(&session->seats, seat);
    }
    tr_roster_init(&session->roster);
    session->deadline_us = 0;
}

void tr_session_locals_changed(struct tr_session *session, uint8_t dropped, uint8_t extra,
                               const struct tr_peer_kit *kit)
{
    session->extra = extra;
    session->deadline_us = 0;
    tr_traversal_anew(&session->traversal);
    for (uint32_t seat = 0; seat < TR_SEATS; seat++) {
        struct tr_peer *peer = session->seats.peers[seat];
        if (peer == NULL)
            continue;
        for (uint8_t local = 0; local < TRYST_LOCAL_MAX; local++)
            if (dropped >> local & 1)
                tr_paths_drop_local(&peer->paths, local);
        tr_peer_add_locals(peer, extra, kit);
        tr_peer_unsettle(peer, true, kit);
    }
}

void tr_session_unsettle(struct tr_session *session, bool is_moved, const struct tr_peer_kit *kit)
{
    session->deadline_us = 0;
    tr_traversal_anew(&session->traversal);
    for (uint32_t seat = 0; seat < TR_SEATS; seat++)
        if (session->seats.peers[seat] != NULL)
            tr_peer_unsettle(session->seats.peers[seat], is_moved, kit);
}

void tr_session_relay_anew(struct tr_session *session, const struct tr_peer_kit *kit)
{
    session->deadline_us = 0;
    for (uint32_t seat = 0; seat < TR_SEATS; seat++)
        if (session->seats.peers[seat] != NULL)
            tr_peer_relay_anew(session->seats.peers[seat], kit);
}

void tr_session_relay_told(struct tr_session *session, const struct tr_item_relay *told,
                           const struct tr_peer_kit *kit, struct tr_notice_queue *notices)
{
    for (uint32_t seat = 0; seat < TR_SEATS; seat++) {
        struct tr_peer *peer = session->seats.peers[seat];
        if (peer == NULL || peer->relay.slot != told->slot || peer->epoch != told->epoch)
            continue;
        tr_peer_relay_told(peer, told->reason, kit);
        session->deadline_us = 0;
        news_tell(session, seat, kit, notices);
    }
}

void tr_session_tick(struct tr_session *session, struct tr_rendezvous *rendezvous,
                     const struct tr_peer_kit *kit, struct tr_notice_queue *notices)
{
    if (session->is_behind) {
        session->is_behind = false;
        rendezvous->wants_page = rendezvous->state == TR_RENDEZVOUS_REGISTERED;
    }
    if (session->is_doubtful) {
        session->is_doubtful = false;
        tr_rendezvous_check(rendezvous, kit->now_us);
    }
    if (tr_is_due(tr_traversal_deadline(&session->traversal), kit->now_us) &&
        tr_traversal_tick(&session->traversal, &session->seats, kit))
        session->deadline_us = 0;
    if (session->fresh.state == TR_FRESHPORT_ASKING &&
        tr_rendezvous_has_socket(rendezvous, session->fresh.socket))
        session->deadline_us = 0;
    if (session->deadline_us > kit->now_us)
        return;
    tr_roster_prune(&session->roster, &session->seats, kit->now_us, notices);
    session->deadline_us = 0;
    tr_freshport_offer(&session->fresh, &session->seats, kit);
    for (uint32_t seat = 0; seat < TR_SEATS; seat++) {
        if (session->seats.peers[seat] == NULL)
            continue;
        tr_peer_tick(session->seats.peers[seat], kit);
        news_tell(session, seat, kit, notices);
    }
    tr_session_sockets(session, kit->sockets);
    tr_traversal_tick(&session->traversal, &session->seats, kit);
    tr_freshport_tick(&session->fresh, rendezvous, &session->seats, kit);
    tr_session_sockets(session, kit->sockets); /* those two drop paths */
    tr_reports_tick(&session->reports, rendezvous, &session->seats, kit);
}

uint64_t tr_session_deadline(struct tr_session *session, const struct tr_rendezvous *rendezvous,
                             const struct tr_peer_kit *kit)
{
    if (session->deadline_us == 0) {
        uint64_t next = tr_roster_deadline(&session->roster);
        tr_sooner(&next, tr_traversal_wanted(&session->traversal, &session->seats, kit));
        tr_sooner(&next, tr_freshport_deadline(&session->fresh, &session->seats, kit));
        tr_sooner(&next, tr_reports_deadline(&session->reports, rendezvous, &session->seats));
        for (uint32_t seat = 0; seat < TR_SEATS; seat++)
            if (session->seats.peers[seat] != NULL)
                tr_sooner(&next, tr_peer_deadline(session->seats.peers[seat], kit));
        session->deadline_us = next;
    }
    uint64_t soonest = session->deadline_us; /* a spray has a pace of its own */
    tr_sooner(&soonest, tr_traversal_deadline(&session->traversal));
    return soonest;
}

uint32_t tr_session_connected(const struct tr_session *session)
{
    uint32_t connected = 0;
    for (uint32_t seat = 0; seat < TR_SEATS; seat++)
        connected += session->seats.peers[seat] != NULL && session->seats.peers[seat]->is_connected;
    return connected;
}

void tr_session_sockets(const struct tr_session *session, struct tr_sockets *sockets)
{
    memset(sockets->on_paths, 0, sizeof sockets->on_paths);
    for (uint32_t seat = 0; seat < TR_SEATS && sockets->newest != 0; seat++) {
        const struct tr_peer *peer = session->seats.peers[seat];
        for (uint8_t i = 0; peer != NULL && i < peer->paths.count; i++) {
            uint16_t socket = (uint16_t)(peer->paths.list[i].local - TR_LOCAL_SOCKET);
            if (peer->paths.list[i].local > TR_LOCAL_SOCKET)
                sockets->on_paths[socket / 64] |= UINT64_C(1) << socket % 64;
        }
    }
}
