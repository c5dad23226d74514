/* What comes from a peer, and what is said to it.
 * SPDX-License-Identifier: MIT */
#include "lib/core/peer.h"

#include "lib/core/candidate.h"
#include "lib/core/gauge.h"
#include "lib/core/outreach.h"
#include "lib/core/upkeep.h"
#include <string.h>

/* A path that may have been left is asked so often at most; a search is joined so often. */
#define QUESTION_US (100 * TR_MS)
#define SEARCH_US (250 * TR_MS)

bool tr_peer_init(struct tr_peer *peer, uint32_t handle, const struct tr_record *own,
                  const uint8_t own_e[TR_KEY], const struct tr_record *record,
                  const struct tr_peer_kit *kit)
{
    memset(peer, 0, sizeof *peer);
    peer->handle = handle;
    peer->epoch = record->epoch;
    peer->is_listed = true;
    peer->hello_next_us = TR_NEVER;
    tr_paths_init(&peer->paths);
    tr_punch_init(&peer->punch, kit->punch_us);
    peer->news = TR_NEWS_INDEX;
    tr_relay_link_init(&peer->relay, peer->handshake.peer_identity, record->epoch);
    peer->known_ms = kit->now_ms;
    peer->outcome = TR_OUTCOME_NONE;
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
    tr_outreach_locals(peer, extra, kit);
}

void tr_peer_set_candidates(struct tr_peer *peer, const struct tr_candidate *candidates,
                            size_t count, uint8_t extra, const struct tr_peer_kit *kit)
{
    tr_outreach_candidates(peer, candidates, count, extra, kit);
}

void tr_peer_set_nat(struct tr_peer *peer, const struct tr_nat *nat)
{
    peer->nat = *nat;
}

void tr_peer_unsettle(struct tr_peer *peer, bool is_moved, const struct tr_peer_kit *kit)
{
    peer->is_moved = peer->is_moved || is_moved;
    peer->had_fresh = false;
    tr_paths_doubt(&peer->paths, kit->now_us);
    tr_outreach_search(peer, kit->now_us);
}

void tr_peer_set_relay(struct tr_peer *peer, uint16_t slot, bool is_able,
                       const struct tr_peer_kit *kit)
{
    struct tryst_address remote = tr_path_relay();
    uint8_t index = tr_outreach_relay(peer);
    bool is_other = !peer->relay.is_able || peer->relay.slot != slot;
    peer->relay.is_able = is_able;
    peer->relay.slot = slot;
    if (!is_able || !kit->relay->is_open)
        return;
    if (index == TR_PATH_NONE)
        index = tr_paths_add(&peer->paths, &remote, TR_LOCAL_ANY, TRYST_KIND_NONE);
    else if (is_other)
        peer->paths.list[index].is_proven = false; /* it has to be asked for anew */
    if (index != TR_PATH_NONE && !peer->paths.list[index].is_proven &&
        (is_other || peer->punch.state == TR_PUNCH_OPEN))
        tr_outreach_search(peer, kit->now_us);
}

void tr_peer_relay_anew(struct tr_peer *peer, const struct tr_peer_kit *kit)
{
    uint8_t index = tr_outreach_relay(peer);
    peer->relay.is_refused = false;
    if (index != TR_PATH_NONE)
        peer->paths.list[index].is_proven = false;
    tr_peer_set_relay(peer, peer->relay.slot, peer->relay.is_able, kit);
    if (peer->relay.is_able && kit->relay->is_open)
        tr_outreach_search(peer, kit->now_us);
}

void tr_peer_relay_told(struct tr_peer *peer, uint16_t reason, const struct tr_peer_kit *kit)
{
    uint8_t index = tr_outreach_relay(peer);
    peer->relay.is_refused = reason != TRYST_REASON_NONE;
    if (!peer->relay.is_refused || index == TR_PATH_NONE)
        return;
    peer->paths.list[index].is_proven = false;
    peer->paths.list[index].is_heard = false;
    tr_upkeep_settle(peer, kit);
}

/* The path that a datagram came over, new or known; TR_PATH_NONE when there is no room for it. What may
 * be a recording (is_fresh is false) keeps no proven path alive: that takes the peer's consent. */
static uint8_t path_heard(struct tr_peer *peer, const struct tryst_address *from, uint16_t local,
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

/* The peer searches: so do we, or only one side's filters are opened. */
static void search_join(struct tr_peer *peer, const struct tr_hello_body *body, bool is_fresh,
                        const struct tr_peer_kit *kit)
{
    if (!is_fresh || (body->flags & (TR_HELLO_SEARCH | TR_HELLO_MOVED)) == 0 ||
        kit->now_ms - peer->searched_ms < SEARCH_US / TR_MS ||
        kit->now_us - peer->punch.started_us < SEARCH_US)
        return;
    peer->searched_ms = kit->now_ms;
    peer->wants_spray = (body->flags & TR_HELLO_SPRAY) != 0 && !peer->is_spraying;
    if ((body->flags & TR_HELLO_MOVED) != 0)
        tr_paths_doubt(&peer->paths, kit->now_us);
    else
        for (uint8_t i = 0; i < peer->paths.count; i++)
            if (peer->paths.list[i].is_proven && peer->paths.list[i].losses == 0)
                tr_sooner(&peer->paths.list[i].next_us, kit->now_us);
    if (peer->punch.state == TR_PUNCH_IDLE || peer->punch.state == TR_PUNCH_OPEN)
        tr_outreach_search(peer, kit->now_us);
    else
        tr_punch_join(&peer->punch, kit->now_us);
}

enum tr_drop tr_peer_hello(struct tr_peer *peer, const struct tryst_address *from, uint16_t local,
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
    if (!peer->is_greeted && from->transport != TR_TRANSPORT_RELAY) {
        peer->is_greeted = true;
        peer->news |= TR_NEWS_HELLO;
        peer->news_address = *from;
    }
    uint8_t index = path_heard(peer, from, local, size, outcome.is_fresh, kit);
    if (index == TR_PATH_NONE)
        return TR_DROP_LIMIT;
    if (from->transport != TR_TRANSPORT_RELAY) /* nor may who hides be led to show itself */
        hello_candidates(peer, &outcome.body);
    roster_compare(peer, &outcome.body, kit);
    if (memcmp(outcome.body.pong, zeros, sizeof zeros) != 0)
        tr_upkeep_pong(peer, index, outcome.body.pong, NULL, kit);
    tr_upkeep_settle(peer, kit);
    search_join(peer, &outcome.body, outcome.is_fresh, kit);
    bool is_ping = memcmp(outcome.body.ping, zeros, sizeof zeros) != 0;
    if (is_ping || outcome.wants_answer)
        tr_outreach_hello(peer, index, is_ping ? outcome.body.ping : zeros, kit);
    struct tr_bundle_way way = tr_peer_way(peer);
    tr_bundle_release(&peer->bundle, &way, is_ping ? outcome.body.ping : NULL, index, kit);
    return TR_DROP_NONE;
}

static void ping_take(struct tr_peer *peer, uint8_t index, size_t size,
                      const struct tr_item_view *item, const struct tr_peer_kit *kit)
{
    struct tr_bundle_way way = tr_peer_way(peer);
    struct tr_item_ping ping;
    struct tr_item_mark mark;
    struct tr_reader reader;
    tr_reader_init(&reader, item->content, item->size);
    tr_layout_decode(&tr_layout_item_ping, &ping, &reader);
    tr_layout_decode(&tr_layout_item_mark, &mark, &reader);
    if (reader.fault || !tr_handshake_can_send(&peer->handshake))
        return;
    if (index == peer->paths.chosen)
        tr_meter_told(&peer->paths.meter, mark.sent, peer->paths.list[index].received);
    struct tr_bundle_answer answer = {.ping = ping.ping, .sent = mark.sent, .size = (uint16_t)size};
    tr_bundle_pong(&way, index, &answer, kit);
}

static void pong_take(struct tr_peer *peer, uint8_t index, const struct tr_item_view *item,
                      const struct tr_peer_kit *kit)
{
    struct tr_item_pong pong;
    struct tr_item_report report;
    struct tr_reader reader;
    tr_reader_init(&reader, item->content, item->size);
    tr_layout_decode(&tr_layout_item_pong, &pong, &reader);
    if (reader.fault)
        return;
    tr_layout_decode(&tr_layout_item_report, &report, &reader);
    tr_upkeep_pong(peer, index, pong.pong, reader.fault ? NULL : &report, kit);
}

/* One item that is not a message; size: of its datagram. */
static void item_take(struct tr_peer *peer, uint8_t index, size_t size,
                      const struct tr_item_view *item, const struct tr_peer_kit *kit)
{
    if (item->type == TR_ITEM_PING)
        ping_take(peer, index, size, item, kit);
    else if (item->type == TR_ITEM_PONG)
        pong_take(peer, index, item, kit);
    else if (item->type == TR_ITEM_LEAVE)
        peer->news |= TR_NEWS_LEFT;
}

/* Messages from where we do not send to: the peer may have moved, so look at both paths now. */
static void path_question(struct tr_peer *peer, uint8_t index, const struct tr_peer_kit *kit)
{
    struct tr_path *path = &peer->paths.list[index];
    uint8_t chosen = peer->paths.chosen;
    if (kit->now_ms - peer->questioned_ms < QUESTION_US / TR_MS)
        return;
    peer->questioned_ms = kit->now_ms;
    if (!path->is_proven)
        tr_outreach_hello(peer, index, NULL, kit);
    if (chosen != TR_PATH_NONE && peer->paths.list[chosen].losses == 0)
        tr_sooner(&peer->paths.list[chosen].next_us, kit->now_us);
}

enum tr_drop tr_peer_data(struct tr_peer *peer, const struct tryst_address *from, uint16_t local,
                          const void *data, size_t size, uint8_t *body,
                          struct tr_data_outcome *outcome, const struct tr_peer_kit *kit)
{
    enum tr_drop drop = tr_handshake_open(&peer->handshake, data, size, body, outcome);
    if (drop != TR_DROP_NONE)
        return drop;
    uint8_t chosen = peer->paths.chosen;
    bool is_relay = from->transport == TR_TRANSPORT_RELAY;
    tr_meter_count(&peer->paths.meter, is_relay, TR_METER_IN, size + (is_relay ? TR_RELAY_HEAD : 0),
                   kit->now_ms);
    if (chosen != TR_PATH_NONE && outcome->is_single && !outcome->is_changed &&
        peer->paths.list[chosen].is_proven && peer->paths.list[chosen].local == local &&
        tryst_address_compare(&peer->paths.list[chosen].remote, from) == 0) {
        peer->heard_us = kit->now_us;
        peer->paths.list[chosen].heard_us = kit->now_us; /* nearly every datagram ends here */
        tr_path_received(&peer->paths.list[chosen]);
        return TR_DROP_NONE;
    }
    uint8_t index = path_heard(peer, from, local, size, true, kit);
    peer->news |= TR_NEWS_TIMES;
    if (index == TR_PATH_NONE)
        return TR_DROP_NONE; /* the body is good wherever it came from */
    tr_path_received(&peer->paths.list[index]);
    bool has_message = outcome->is_single;
    struct tr_reader reader;
    struct tr_item_view item;
    tr_reader_init(&reader, body, outcome->is_single ? 0 : outcome->size);
    while (tr_item_read(&reader, &item)) {
        has_message = has_message || item.type == TR_ITEM_MESSAGE;
        if (item.type != TR_ITEM_MESSAGE)
            item_take(peer, index, size, &item, kit);
    }
    if (index != peer->paths.chosen && (has_message || !peer->paths.list[index].is_proven))
        path_question(peer, index, kit);
    tr_gauge_heard(&peer->paths.list[index], index == peer->paths.chosen, &kit->times, kit->now_us);
    tr_upkeep_settle(peer, kit);
    struct tr_bundle_way way = tr_peer_way(peer);
    tr_bundle_release(&peer->bundle, &way, NULL, peer->paths.chosen, kit);
    return TR_DROP_NONE;
}

/* What is said does not wait for a path in doubt, nor go into one that its NATs may have forgotten while
 * the relay stands by. */
static void path_trust(struct tr_peer *peer, const struct tr_path *chosen,
                       const struct tr_peer_kit *kit)
{
    bool is_stale =
        chosen->is_backed && !chosen->is_doubted && tr_gauge_is_stale(chosen, kit->now_us);
    for (uint8_t i = 0; i < peer->paths.count && is_stale; i++) {
        struct tr_path *path = &peer->paths.list[i];
        if (!tr_gauge_is_stale(path, kit->now_us))
            continue;
        path->is_doubted = true;
        tr_sooner(&path->next_us, kit->now_us);
        peer->news |= TR_NEWS_TIMES;
    }
    if (chosen->is_doubted)
        tr_upkeep_settle(peer, kit);
}

tryst_result tr_peer_send(struct tr_peer *peer, const void *data, size_t size,
                          const struct tr_peer_kit *kit)
{
    struct tr_bundle_way way = tr_peer_way(peer);
    uint8_t chosen = peer->paths.chosen;
    peer->said_us = kit->now_us;
    if (chosen != TR_PATH_NONE)
        path_trust(peer, &peer->paths.list[chosen], kit);
    return tr_bundle_add(&peer->bundle, &way, data, size, kit);
}

void tr_peer_flush(struct tr_peer *peer, const struct tr_peer_kit *kit)
{
    struct tr_bundle_way way = tr_peer_way(peer);
    tr_bundle_flush(&peer->bundle, &way, kit);
}

void tr_peer_leave(struct tr_peer *peer, const struct tr_peer_kit *kit)
{
    uint8_t chosen = peer->paths.chosen;
    struct tr_bundle_way way = tr_peer_way(peer);
    tr_bundle_flush(&peer->bundle, &way, kit);
    if (chosen != TR_PATH_NONE && peer->paths.list[chosen].is_proven &&
        tr_handshake_can_send(&peer->handshake))
        tr_bundle_leave(&way, chosen, kit);
}

void tr_peer_tick(struct tr_peer *peer, const struct tr_peer_kit *kit)
{
    tr_upkeep_tick(peer, kit);
}

uint64_t tr_peer_deadline(const struct tr_peer *peer, const struct tr_peer_kit *kit)
{
    return tr_upkeep_deadline(peer, kit);
}
