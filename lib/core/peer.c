/* What joins handshake, paths and punching.
 * SPDX-License-Identifier: MIT */
#include "lib/core/peer.h"

#include "lib/core/candidate.h"
#include <string.h>

/* A hello that completes a handshake is repeated on the chosen path: first a little after a round
 * trip, then ever slower. */
#define HELLO_RETRY_US (20 * TR_MS)
#define HELLO_RETRY_MAX_US (5 * TR_S)
/* Keys are renewed before the counter of DATA gets near its 31 bits. */
#define REKEY_PACKETS (UINT32_C(1) << 24)

static struct tr_bundle_way way_of(struct tr_peer *peer)
{
    return (struct tr_bundle_way){.handshake = &peer->handshake, .paths = &peer->paths};
}

bool tr_peer_init(struct tr_peer *peer, uint32_t handle, const struct tr_record *own,
                  const uint8_t own_e[TR_KEY], const struct tr_record *record,
                  const struct tr_peer_kit *kit)
{
    memset(peer, 0, sizeof *peer);
    peer->handle = handle;
    memcpy(peer->identity, record->identity, TR_KEY);
    peer->epoch = record->epoch;
    peer->is_listed = true;
    peer->hello_next_us = TR_NEVER;
    tr_paths_init(&peer->paths);
    tr_punch_init(&peer->punch, kit->punch_us);
    peer->news = TR_NEWS_INDEX;
    return tr_handshake_init(&peer->handshake, own, own_e, record, kit->now_us, kit->hello_clock,
                             kit->random);
}

void tr_peer_clear(struct tr_peer *peer)
{
    tr_bundle_clear(&peer->bundle);
    tr_handshake_clear(&peer->handshake);
    memset(peer, 0, sizeof *peer);
}

void tr_peer_add_locals(struct tr_peer *peer, uint8_t extra, const struct tr_peer_kit *kit)
{
    uint8_t count = peer->paths.count;
    for (uint8_t i = 0; i < count && i < peer->paths.count; i++) {
        struct tryst_address remote = peer->paths.list[i].remote;
        uint8_t kind = peer->paths.list[i].kind;
        bool is_named = peer->paths.list[i].is_named && peer->paths.list[i].local == TR_LOCAL_ANY;
        for (uint8_t slot = 0; is_named && slot < TRYST_LOCAL_MAX; slot++)
            if ((extra >> slot & 1) != 0 && kit->locals[slot].family == remote.family)
                tr_paths_add(&peer->paths, &remote, slot, kind);
    }
}

void tr_peer_search(struct tr_peer *peer, uint64_t now_us)
{
    tr_paths_search(&peer->paths);
    tr_punch_start(&peer->punch, now_us);
}

void tr_peer_set_candidates(struct tr_peer *peer, const struct tr_candidate *candidates,
                            size_t count, uint8_t extra, const struct tr_peer_kit *kit)
{
    uint8_t before = peer->paths.count;
    tr_paths_unname(&peer->paths);
    for (size_t i = 0; i < count; i++)
        tr_paths_add(&peer->paths, &candidates[i].address, TR_LOCAL_ANY, candidates[i].kind);
    for (uint8_t slot = 0; slot < TRYST_LOCAL_MAX; slot++)
        for (size_t i = 0; i < count && (extra & 1U << slot) != 0; i++)
            if (kit->locals[slot].family == candidates[i].address.family)
                tr_paths_add(&peer->paths, &candidates[i].address, slot, candidates[i].kind);
    if (peer->paths.count > before || peer->punch.state == TR_PUNCH_IDLE)
        tr_peer_search(peer, kit->now_us);
}

/* Sends one hello on a path; pong: what it answers, NULL when it answers nothing. */
static void hello_send(struct tr_peer *peer, uint8_t index, const uint8_t *pong,
                       const struct tr_peer_kit *kit)
{
    struct tr_path *path = &peer->paths.list[index];
    struct tr_datagram *datagram = tr_outbox_push(kit->outbox);
    if (datagram == NULL)
        return;
    struct tr_hello_extra extra = *kit->hello;
    extra.to = (struct tr_candidate){.address = path->remote, .kind = path->kind};
    if (!path->is_proven)
        tr_path_ping(path, kit->now_us, kit->random, extra.ping);
    if (pong != NULL)
        memcpy(extra.pong, pong, TR_PING_BYTES);
    if (pong != NULL || peer->handshake.has_peer_gf)
        extra.local_count = 0; /* the peer has heard of us: no reply is longer than its request */
    datagram->to = path->remote;
    if (path->local != TR_LOCAL_ANY)
        datagram->from = kit->locals[path->local];
    datagram->size = (uint16_t)tr_handshake_write(&peer->handshake, kit->identity, &extra,
                                                  kit->hello_clock, kit->random, datagram->data);
    path->hellos = path->hellos < UINT8_MAX ? (uint8_t)(path->hellos + 1) : path->hellos;
    kit->stats->hellos_sent++;
    if (!peer->is_punched) {
        peer->is_punched = true;
        peer->news |= TR_NEWS_PUNCH;
        peer->news_address = path->remote;
    }
}

/* Looks at the paths again: who is chosen, and what that means. */
static void paths_settle(struct tr_peer *peer, const struct tr_peer_kit *kit)
{
    bool is_moved = tr_paths_choose(&peer->paths, &kit->times, kit->now_us);
    uint8_t chosen = peer->paths.chosen;
    bool is_proven = chosen != TR_PATH_NONE && peer->paths.list[chosen].is_proven;
    if (is_proven && !peer->is_connected && tr_handshake_can_send(&peer->handshake)) {
        peer->is_connected = true;
        peer->news |= TR_NEWS_CONNECTED;
    } else if (is_proven && is_moved && peer->is_connected) {
        peer->news |= TR_NEWS_PATH;
    }
    if (is_proven && peer->punch.state != TR_PUNCH_OPEN)
        tr_punch_opened(&peer->punch);
    if (!is_proven && peer->punch.state == TR_PUNCH_OPEN)
        tr_peer_search(peer, kit->now_us);
}

/* The path that a datagram came over, new or known; TR_PATH_NONE when there is no room for it. What may
 * be a recording (is_fresh is false) keeps no proven path alive: that takes the peer's consent. */
static uint8_t path_heard(struct tr_peer *peer, const struct tryst_address *from, uint8_t local,
                          size_t size, bool is_fresh, const struct tr_peer_kit *kit)
{
    uint8_t index = tr_paths_add(&peer->paths, from, local, TRYST_KIND_OBSERVED);
    if (index == TR_PATH_NONE)
        return index;
    struct tr_path *path = &peer->paths.list[index];
    for (uint8_t i = 0; i < peer->paths.count; i++) /* known under another local address? */
        if (path->kind == TRYST_KIND_OBSERVED &&
            tryst_address_compare(&peer->paths.list[i].remote, from) == 0)
            path->kind = peer->paths.list[i].kind;
    if (is_fresh)
        peer->heard_us = kit->now_us;
    if (is_fresh || !path->is_proven)
        tr_paths_heard(&peer->paths, index, size, kit->now_us);
    return index;
}

/* A pong proves the path that its ping left on. That may be one whose source was the kernel's choice,
 * while the pong came in under the address that the kernel chose. */
static void pong_take(struct tr_peer *peer, uint8_t index, const uint8_t *pong,
                      const struct tr_peer_kit *kit)
{
    const struct tryst_address remote = peer->paths.list[index].remote;
    for (uint8_t i = 0; i < peer->paths.count; i++) {
        struct tr_path *path = &peer->paths.list[i];
        if (tryst_address_compare(&path->remote, &remote) != 0 ||
            !tr_paths_pong(&peer->paths, i, pong, kit->now_us))
            continue;
        path->is_heard = true;
        path->heard_us = kit->now_us;
        peer->heard_us = kit->now_us;
        tr_path_pinged(path, i == peer->paths.chosen, &kit->times, kit->now_us, kit->random);
    }
}

/* Local addresses that a hello brought: where the roster was late, they are all we know. Only such as
 * mean the neighbourhood: nobody aims us at a public address by naming it. */
static void hello_candidates(struct tr_peer *peer, const struct tr_hello_body *body)
{
    for (size_t i = 0; i < body->local_count; i++) {
        struct tr_candidate candidate = tr_candidate_canonical(&body->local[i]);
        int32_t class = tryst_address_classify(&candidate.address);
        if ((class == TRYST_ADDRESS_PRIVATE || class == TRYST_ADDRESS_LINK_LOCAL) &&
            peer->paths.count < TR_PATHS_MAX - 2)
            tr_paths_add(&peer->paths, &candidate.address, TR_LOCAL_ANY, TRYST_KIND_HOST);
    }
}

static void roster_compare(struct tr_peer *peer, const struct tr_hello_body *body,
                           const struct tr_peer_kit *kit)
{
    if (body->roster_fence == kit->hello->roster_fence &&
        body->roster_version > kit->hello->roster_version)
        peer->news |= TR_NEWS_ROSTER;
}

enum tr_drop tr_peer_hello(struct tr_peer *peer, const struct tryst_address *from, uint8_t local,
                           const void *data, size_t size, const struct tr_peer_kit *kit)
{
    static const uint8_t zeros[TR_PING_BYTES];
    struct tr_hello_outcome outcome;
    tr_handshake_read(&peer->handshake, data, size, kit->random, &outcome);
    if (outcome.is_changed)
        peer->news |= TR_NEWS_INDEX;
    if (outcome.drop != TR_DROP_NONE)
        return outcome.drop;
    kit->stats->hellos_received++;
    if (!peer->is_greeted) {
        peer->is_greeted = true;
        peer->news |= TR_NEWS_HELLO;
        peer->news_address = *from;
    }
    uint8_t index = path_heard(peer, from, local, size, outcome.is_fresh, kit);
    if (index == TR_PATH_NONE)
        return TR_DROP_LIMIT;
    hello_candidates(peer, &outcome.body);
    roster_compare(peer, &outcome.body, kit);
    if (memcmp(outcome.body.pong, zeros, sizeof zeros) != 0)
        pong_take(peer, index, outcome.body.pong, kit);
    paths_settle(peer, kit);
    bool is_ping = memcmp(outcome.body.ping, zeros, sizeof zeros) != 0;
    if (is_ping || outcome.wants_answer)
        hello_send(peer, index, is_ping ? outcome.body.ping : zeros, kit);
    struct tr_bundle_way way = way_of(peer);
    tr_bundle_release(&peer->bundle, &way, is_ping ? outcome.body.ping : NULL, index, kit);
    return TR_DROP_NONE;
}

/* One item that is not a message. */
static void item_take(struct tr_peer *peer, uint8_t index, const struct tr_item_view *item,
                      const struct tr_peer_kit *kit)
{
    struct tr_bundle_way way = way_of(peer);
    if (item->type == TR_ITEM_PING && item->size >= TR_PING_BYTES &&
        tr_handshake_can_send(&peer->handshake))
        tr_bundle_pong(&way, index, item->content, kit);
    else if (item->type == TR_ITEM_PONG && item->size >= TR_PING_BYTES)
        pong_take(peer, index, item->content, kit);
    else if (item->type == TR_ITEM_LEAVE)
        peer->news |= TR_NEWS_LEFT;
}

/* Traffic from where we do not send to: the peer may have moved, so look at both paths now. */
static void path_question(struct tr_peer *peer, uint8_t index, const struct tr_peer_kit *kit)
{
    struct tr_path *path = &peer->paths.list[index];
    uint8_t chosen = peer->paths.chosen;
    if (!path->is_proven && (path->ping_us == 0 || kit->now_us - path->ping_us > 100 * TR_MS)) {
        path->ping_us = kit->now_us;
        hello_send(peer, index, NULL, kit);
        if (chosen != TR_PATH_NONE && peer->paths.list[chosen].losses == 0) {
            peer->paths.list[chosen].losses = 1; /* in doubt until it answers */
            tr_sooner(&peer->paths.list[chosen].next_us, kit->now_us);
        }
    }
}

enum tr_drop tr_peer_data(struct tr_peer *peer, const struct tryst_address *from, uint8_t local,
                          const void *data, size_t size, uint8_t *body,
                          struct tr_data_outcome *outcome, const struct tr_peer_kit *kit)
{
    enum tr_drop drop = tr_handshake_open(&peer->handshake, data, size, body, outcome);
    if (drop != TR_DROP_NONE)
        return drop;
    uint8_t chosen = peer->paths.chosen;
    if (chosen != TR_PATH_NONE && outcome->is_single && !outcome->is_changed &&
        peer->paths.list[chosen].is_proven && peer->paths.list[chosen].local == local &&
        tryst_address_compare(&peer->paths.list[chosen].remote, from) == 0) {
        peer->heard_us = kit->now_us;
        peer->paths.list[chosen].heard_us = kit->now_us; /* nearly every datagram ends here */
        return TR_DROP_NONE;
    }
    uint8_t index = path_heard(peer, from, local, size, true, kit);
    peer->news |= TR_NEWS_TIMES;
    if (index == TR_PATH_NONE)
        return TR_DROP_NONE; /* the body is good wherever it came from */
    struct tr_reader reader;
    struct tr_item_view item;
    tr_reader_init(&reader, body, outcome->is_single ? 0 : outcome->size);
    while (tr_item_read(&reader, &item))
        if (item.type != TR_ITEM_MESSAGE)
            item_take(peer, index, &item, kit);
    if (index != peer->paths.chosen)
        path_question(peer, index, kit);
    paths_settle(peer, kit);
    struct tr_bundle_way way = way_of(peer);
    tr_bundle_release(&peer->bundle, &way, NULL, peer->paths.chosen, kit);
    return TR_DROP_NONE;
}

tryst_result tr_peer_send(struct tr_peer *peer, const void *data, size_t size,
                          const struct tr_peer_kit *kit)
{
    struct tr_bundle_way way = way_of(peer);
    return tr_bundle_add(&peer->bundle, &way, data, size, kit);
}

void tr_peer_flush(struct tr_peer *peer, const struct tr_peer_kit *kit)
{
    struct tr_bundle_way way = way_of(peer);
    tr_bundle_flush(&peer->bundle, &way, kit);
}

void tr_peer_leave(struct tr_peer *peer, const struct tr_peer_kit *kit)
{
    uint8_t chosen = peer->paths.chosen;
    struct tr_bundle_way way = way_of(peer);
    tr_bundle_flush(&peer->bundle, &way, kit);
    if (chosen != TR_PATH_NONE && peer->paths.list[chosen].is_proven &&
        tr_handshake_can_send(&peer->handshake))
        tr_bundle_leave(&way, chosen, kit);
}

static void round_send(struct tr_peer *peer, const struct tr_peer_kit *kit)
{
    if (peer->punch.state == TR_PUNCH_CLOSED)
        tr_paths_search(&peer->paths); /* slow rounds never stop */
    for (uint8_t i = 0; i < peer->paths.count; i++) {
        struct tr_path *path = &peer->paths.list[i];
        if (!path->is_proven && path->hellos < TR_PATH_HELLOS_MAX &&
            tr_budget_take(kit->budget, &path->remote, kit->now_ms))
            hello_send(peer, i, NULL, kit);
    }
    tr_punch_sent(&peer->punch, kit->now_us, kit->random);
}

/* Completes a handshake that lost its last words, and renews keys in time. */
static void handshake_tick(struct tr_peer *peer, const struct tr_peer_kit *kit)
{
    uint8_t chosen = peer->paths.chosen;
    struct tr_handshake *handshake = &peer->handshake;
    if (chosen == TR_PATH_NONE || !peer->paths.list[chosen].is_proven)
        return;
    if (tr_handshake_is_settled(handshake)) {
        peer->hello_next_us = TR_NEVER;
        peer->hello_tries = 0;
        if (kit->now_us - handshake->renewed_us < kit->rekey_us &&
            tr_handshake_sent(handshake) < REKEY_PACKETS)
            return;
        tr_peer_flush(peer, kit);
        tr_handshake_renew(handshake, kit->now_us, kit->random);
        peer->news |= TR_NEWS_INDEX;
        peer->hello_next_us = kit->now_us;
    }
    if (peer->hello_next_us != TR_NEVER && !tr_is_due(peer->hello_next_us, kit->now_us))
        return;
    if (peer->hello_next_us != TR_NEVER)
        hello_send(peer, chosen, NULL, kit);
    uint64_t pause = (uint64_t)peer->paths.list[chosen].rtt_us * 5 / 4 + HELLO_RETRY_US;
    pause <<= peer->hello_tries;
    pause = pause > HELLO_RETRY_MAX_US ? HELLO_RETRY_MAX_US : pause;
    peer->hello_tries = peer->hello_tries < 8 ? (uint8_t)(peer->hello_tries + 1) : 8;
    peer->hello_next_us = kit->now_us + pause + tr_random_below(kit->random, pause / 5 + 1);
}

static void pings_send(struct tr_peer *peer, const struct tr_peer_kit *kit)
{
    uint8_t index = 0;
    struct tr_bundle_way way = way_of(peer);
    while ((index = tr_paths_wanting_ping(&peer->paths, kit->now_us)) != TR_PATH_NONE) {
        struct tr_path *path = &peer->paths.list[index];
        bool is_chosen = index == peer->paths.chosen;
        uint64_t quiet = kit->now_us - path->heard_us;
        if (is_chosen && path->losses == 0 && quiet < kit->times.keepalive_us * 4 / 5 &&
            path->next_us + TR_S < kit->now_us + kit->times.keepalive_us && quiet > 0) {
            path->next_us = path->heard_us + kit->times.keepalive_us;
            continue; /* traffic keeps it alive */
        }
        if (tr_handshake_can_send(&peer->handshake))
            tr_bundle_ping(&way, index, kit);
        tr_path_pinged(path, is_chosen, &kit->times, kit->now_us, kit->random);
    }
}

/* Says that the peer cannot be reached, once for each time it becomes so. */
static void silence_tick(struct tr_peer *peer, const struct tr_peer_kit *kit)
{
    bool is_closed = tr_punch_tick(&peer->punch, kit->now_us);
    if (peer->is_connected) {
        if (kit->now_us - peer->heard_us < kit->peer_us)
            return;
        peer->is_connected = false;
        peer->stage = TRYST_STAGE_PATH;
        peer->reason = TRYST_REASON_SILENT;
        peer->news |= TR_NEWS_UNREACHABLE;
    } else if (is_closed) {
        peer->stage = TRYST_STAGE_PUNCH;
        peer->reason = peer->paths.count == 0 ? TRYST_REASON_NO_CANDIDATE
                       : peer->is_greeted     ? TRYST_REASON_ONE_WAY
                                              : TRYST_REASON_SILENT;
        peer->news |= TR_NEWS_UNREACHABLE;
    }
}

void tr_peer_tick(struct tr_peer *peer, const struct tr_peer_kit *kit)
{
    paths_settle(peer, kit);
    if (tr_punch_is_due(&peer->punch, kit->now_us))
        round_send(peer, kit);
    handshake_tick(peer, kit);
    pings_send(peer, kit);
    silence_tick(peer, kit);
}

uint64_t tr_peer_deadline(const struct tr_peer *peer, const struct tr_peer_kit *kit)
{
    uint64_t next = tr_punch_deadline(&peer->punch);
    uint8_t chosen = peer->paths.chosen;
    tr_sooner(&next, tr_paths_deadline(&peer->paths, &kit->times));
    if (peer->is_connected)
        tr_sooner(&next, peer->heard_us + kit->peer_us);
    if (chosen == TR_PATH_NONE || !peer->paths.list[chosen].is_proven)
        return next; /* keys wait for a path */
    tr_sooner(&next, peer->hello_next_us);
    if (tr_handshake_is_settled(&peer->handshake))
        tr_sooner(&next, peer->handshake.renewed_us + kit->rekey_us);
    return next;
}
