/* Hellos to a peer.
 * SPDX-License-Identifier: MIT */
#include "lib/core/outreach.h"

#include "lib/core/candidate.h"
#include "lib/core/choice.h"
#include <string.h>

/* From a fresh port hellos open our own NATs at first, and die before they reach the peer's gateway, which
 * shall hear its own host before it hears us: 2 hops pass one NAT, 3 a carrier's behind it. So do those that
 * the peer's filter would drop anyway, as they come from a port that nobody could name. */
#define SHORT_US (400 * TR_MS)
enum { SHORT_TTL = 2 };

void tr_outreach_search(struct tr_peer *peer, uint64_t now_us)
{
    tr_paths_search(&peer->paths);
    tr_punch_start(&peer->punch, now_us);
}

void tr_outreach_locals(struct tr_peer *peer, uint8_t extra, const struct tr_peer_kit *kit)
{
    uint8_t count = peer->paths.count;
    for (uint8_t i = 0; i < count && i < peer->paths.count; i++) {
        struct tryst_address remote = peer->paths.list[i].remote;
        uint8_t kind = peer->paths.list[i].kind;
        bool is_named = peer->paths.list[i].is_named && peer->paths.list[i].local == TR_LOCAL_ANY &&
                        remote.transport == TRYST_TRANSPORT_UDP;
        for (uint8_t slot = 0; is_named && slot < TRYST_LOCAL_MAX; slot++)
            if ((extra >> slot & 1) != 0 && kit->locals[slot].family == remote.family)
                tr_paths_add(&peer->paths, &remote, slot, kind);
    }
}

void tr_outreach_candidates(struct tr_peer *peer, const struct tr_candidate *candidates,
                            size_t count, uint8_t extra, const struct tr_peer_kit *kit)
{
    uint8_t before = peer->paths.count;
    bool is_new = false;
    tr_paths_unname(&peer->paths);
    for (size_t i = 0; i < count; i++) {
        is_new = is_new ||
                 tr_paths_find(&peer->paths, &candidates[i].address, TR_LOCAL_ANY) == TR_PATH_NONE;
        tr_paths_add(&peer->paths, &candidates[i].address, TR_LOCAL_ANY, candidates[i].kind);
    }
    for (uint8_t slot = 0; slot < TRYST_LOCAL_MAX; slot++)
        for (size_t i = 0; i < count && (extra & 1U << slot) != 0; i++)
            if (kit->locals[slot].family == candidates[i].address.family)
                tr_paths_add(&peer->paths, &candidates[i].address, slot, candidates[i].kind);
    if (is_new || peer->paths.count > before || peer->punch.state == TR_PUNCH_IDLE)
        tr_outreach_search(peer, kit->now_us);
}

uint8_t tr_outreach_relay(const struct tr_peer *peer)
{
    for (uint8_t i = 0; i < peer->paths.count; i++)
        if (tr_path_is_relay(&peer->paths.list[i]))
            return i;
    return TR_PATH_NONE;
}

/* What a hello says of the search that it belongs to. */
static uint16_t flags_of(const struct tr_peer *peer, const uint8_t *pong)
{
    bool is_searching =
        pong == NULL && peer->punch.state != TR_PUNCH_OPEN && !peer->punch.is_joined;
    return (uint16_t)((is_searching ? TR_HELLO_SEARCH : 0) |
                      (is_searching && peer->is_moved ? TR_HELLO_MOVED : 0) |
                      (is_searching && peer->is_spraying ? TR_HELLO_SPRAY : 0));
}

static bool is_short(const struct tr_peer *peer, const struct tr_path *path,
                     const struct tr_peer_kit *kit)
{
    bool is_in_vain = path->kind == TRYST_KIND_PUBLIC &&
                      peer->nat.filtering == TRYST_FILTERING_PORT_DEPENDENT &&
                      !tr_nat_is_hard(&peer->nat) && tr_nat_is_hard(kit->nat);
    return (path->local > TR_LOCAL_SOCKET || is_in_vain) && !path->is_heard &&
           kit->now_us - peer->punch.started_us < SHORT_US;
}

void tr_outreach_hello(struct tr_peer *peer, uint8_t index, const uint8_t *pong,
                       const struct tr_peer_kit *kit)
{
    struct tr_path *path = &peer->paths.list[index];
    bool is_relay = tr_path_is_relay(path);
    if (is_relay && !tr_relay_link_is_open(&peer->relay, kit->relay))
        return;
    struct tr_datagram *datagram = tr_outbox_push(kit->outbox);
    if (datagram == NULL)
        return;
    struct tr_hello_extra extra = *kit->hello;
    extra.flags = flags_of(peer, pong);
    if (extra.flags != 0 && peer->is_connected) /* in a recording they count for nothing */
        tr_handshake_sign_anew(&peer->handshake);
    if (is_relay) { /* who is reached so may be one who shall not know where we are */
        extra.seen = (struct tr_candidate){0};
        extra.local_count = 0;
    } else {
        extra.to = (struct tr_candidate){.address = path->remote, .kind = path->kind};
    }
    if (!path->is_proven || path->is_doubted)
        tr_path_ping(path, kit->now_us, kit->random, extra.ping);
    if (pong != NULL)
        memcpy(extra.pong, pong, TR_PING_BYTES);
    if (pong != NULL || (peer->handshake.has_peer_gf && !peer->is_moved))
        extra.local_count = 0; /* the peer has heard of us: no reply is longer than its request */
    datagram->to = path->remote;
    tr_kit_from(kit, path->local, datagram);
    if (pong == NULL && is_short(peer, path, kit))
        datagram->ttl = (uint8_t)(SHORT_TTL + path->hellos % 2);
    datagram->size = (uint16_t)tr_handshake_write(&peer->handshake, kit->identity, &extra,
                                                  kit->hello_clock, kit->random, datagram->data);
    path->hellos = path->hellos < UINT8_MAX ? (uint8_t)(path->hellos + 1) : path->hellos;
    path->tried = path->tried < TR_PATH_TRIED_MAX ? (path->tried + 1U) & TR_PATH_TRIED_MAX
                                                  : TR_PATH_TRIED_MAX;
    path->said_ds = tr_path_tenths(kit->now_us);
    kit->stats->hellos_sent++;
    if (is_relay) {
        tr_relay_link_wrap(&peer->relay, kit->relay, datagram);
        return;
    }
    if (!peer->is_punched) {
        peer->is_punched = true;
        peer->news |= TR_NEWS_PUNCH;
        peer->news_address = path->remote;
    }
}

void tr_outreach_shot(struct tr_peer *peer, const struct tr_shot *shot,
                      const struct tr_peer_kit *kit)
{
    struct tr_datagram *datagram = tr_outbox_push(kit->outbox);
    if (datagram == NULL)
        return;
    struct tr_hello_extra extra = *kit->hello;
    extra.local_count = 0;
    extra.to = (struct tr_candidate){.address = shot->to, .kind = TRYST_KIND_PUBLIC};
    /* Calls for an answer, which makes its receiver ask in turn: that proves the path. */
    tr_random_bytes(kit->random, extra.ping, sizeof extra.ping);
    datagram->to = shot->to;
    datagram->socket = shot->socket;
    datagram->ttl = shot->ttl;
    datagram->size = (uint16_t)tr_handshake_write(&peer->handshake, kit->identity, &extra,
                                                  kit->hello_clock, kit->random, datagram->data);
    kit->stats->hellos_sent++;
}

void tr_outreach_tick(struct tr_peer *peer, const struct tr_peer_kit *kit)
{
    if (!tr_punch_is_due(&peer->punch, kit->now_us))
        return;
    uint8_t relay = tr_outreach_relay(peer);
    bool is_relayed = relay != TR_PATH_NONE && peer->paths.list[relay].is_proven;
    if (peer->punch.state == TR_PUNCH_CLOSED)
        tr_paths_search(&peer->paths); /* slow rounds never stop */
    for (uint8_t i = 0; i < peer->paths.count; i++) {
        struct tr_path *path = &peer->paths.list[i];
        bool is_relay = i == relay;
        /* On a LAN a direct path is there before the detour is needed, and is told first. */
        if (is_relay && !path->is_proven && peer->punch.round == 0 && peer->paths.count > 1)
            continue;
        /* By the server a search is told, so that both sides send at one time. */
        bool is_told = is_relay && peer->punch.state != TR_PUNCH_OPEN &&
                       (peer->punch.round == 0 || peer->punch.round >= TR_PUNCH_QUICK_ROUNDS);
        if ((!path->is_proven || path->is_doubted || is_told) &&
            (path->hellos < TR_PATH_HELLOS_MAX || is_relay) &&
            (is_relay || path->is_proven || /* it answered a moment ago */
             is_short(peer, path, kit) ||   /* it gets nowhere */
             tr_budget_take(kit->budget, &path->remote, kit->now_ms)))
            tr_outreach_hello(peer, i, NULL, kit);
    }
    bool is_complete =
        relay == TR_PATH_NONE || is_relayed || !tr_relay_link_is_open(&peer->relay, kit->relay);
    tr_punch_sent(&peer->punch, is_relayed, is_complete, kit->now_us, kit->random);
}
