/* Paths, keys and pings by time.
 * SPDX-License-Identifier: MIT */
#include "lib/core/upkeep.h"

#include "lib/core/choice.h"
#include "lib/core/evidence.h"
#include "lib/core/gauge.h"
#include "lib/core/outreach.h"

/* A hello that completes a handshake is repeated on the chosen path: first a little after a round
 * trip, then ever slower. */
#define HELLO_RETRY_US (20 * TR_MS)
#define HELLO_RETRY_MAX_US (5 * TR_S)
/* Keys are renewed before the counter of DATA gets near its 31 bits. */
#define REKEY_PACKETS (UINT32_C(1) << 24)
/* A game that said something so lately is about to say more. */
#define TALKING_US (1 * TR_S)
/* What left by a slower path before a move arrives so much later at most, beside the difference. */
#define HOLD_EXTRA_US (3 * TR_MS)

static bool is_talking(const struct tr_peer *peer, const struct tr_peer_kit *kit)
{
    return peer->bundle.held_size > 0 || peer->bundle.datagram != NULL ||
           (peer->said_us != 0 && kit->now_us - peer->said_us < TALKING_US);
}

/* After a move to a quicker path nothing leaves until what went by the slower one has come, so that no
 * message overtakes another. */
static void hold_set(struct tr_peer *peer, uint8_t from, const struct tr_peer_kit *kit)
{
    const struct tr_path *old = &peer->paths.list[from];
    const struct tr_path *new = &peer->paths.list[peer->paths.chosen];
    if (!old->is_proven || old->is_doubted || !new->is_proven || old->rtt_us <= new->rtt_us ||
        peer->said_us == 0)
        return;
    uint64_t ahead = (old->rtt_us - new->rtt_us) / 2 + old->rtt_us / 16 + HOLD_EXTRA_US;
    if (peer->said_us + ahead > kit->now_us)
        peer->bundle.hold_us = peer->said_us + ahead;
}

/* How well the way to the peer is now, and since when it is not. */
static void health_note(struct tr_peer *peer, const struct tr_peer_kit *kit)
{
    uint8_t chosen = peer->paths.chosen;
    bool is_well = chosen != TR_PATH_NONE &&
                   tr_choice_health(&peer->paths.list[chosen], kit->now_ms) < TR_HEALTH_DOUBTED;
    if (is_well)
        peer->lost_us = 0;
    else if (peer->lost_us == 0)
        peer->lost_us = kit->now_us;
}

/* Notes the path that the game is told of. Returns whether it is another one than before: it may have been
 * chosen for a while already, and be proven only now. */
static bool path_told(struct tr_peer *peer, const struct tr_path *path)
{
    uint32_t name = path->local;
    const uint8_t *bytes = (const uint8_t *)&path->remote;
    for (size_t i = 0; i < sizeof path->remote; i++) /* FNV-1a: enough to tell a dozen apart */
        name = (name ^ bytes[i]) * UINT32_C(16777619);
    bool is_other = name != peer->told;
    peer->told = name;
    return is_other;
}

/* Milliseconds, from 1 on. */
static uint32_t since_known(const struct tr_peer *peer, const struct tr_peer_kit *kit)
{
    uint32_t since_ms = kit->now_ms - peer->known_ms;
    return since_ms > 0 ? since_ms : 1;
}

void tr_upkeep_settle(struct tr_peer *peer, const struct tr_peer_kit *kit)
{
    uint8_t old = peer->paths.chosen;
    bool is_moved =
        tr_choice_make(&peer->paths, &kit->times, is_talking(peer, kit), kit->now_us, kit->now_ms);
    uint8_t chosen = peer->paths.chosen;
    bool is_proven = chosen != TR_PATH_NONE && peer->paths.list[chosen].is_proven;
    if (is_proven && !peer->is_connected && tr_handshake_can_send(&peer->handshake)) {
        peer->is_connected = true;
        if (peer->connected_ms == 0)
            peer->connected_ms = since_known(peer, kit);
        peer->news |= TR_NEWS_CONNECTED;
        path_told(peer, &peer->paths.list[chosen]);
    } else if (is_proven && peer->is_connected && path_told(peer, &peer->paths.list[chosen])) {
        peer->news |= TR_NEWS_PATH;
    }
    if (is_moved && is_proven && old != TR_PATH_NONE)
        hold_set(peer, old, kit);
    if (is_moved)
        tr_meter_moved(&peer->paths.meter);
    health_note(peer, kit);
    bool has_direct = tr_choice_has_direct(&peer->paths);
    if (has_direct && peer->punch.state != TR_PUNCH_OPEN) {
        tr_punch_opened(&peer->punch);
        peer->is_moved = false;
    }
    if (!has_direct && peer->punch.state == TR_PUNCH_OPEN)
        tr_outreach_search(peer, kit->now_us);
}

/* Whether a path is about to take over from the relay: it has to show before that it carries all. */
static bool is_wanted(const struct tr_peer *peer, uint8_t index)
{
    uint8_t chosen = peer->paths.chosen;
    return index == chosen ||
           (chosen != TR_PATH_NONE && tr_path_is_relay(&peer->paths.list[chosen]) &&
            !tr_path_is_relay(&peer->paths.list[index]));
}

/* Whether a path that its NATs forgot can be opened again at once: both sides have to send for that. */
static bool is_backed(const struct tr_peer *peer, const struct tr_peer_kit *kit)
{
    uint8_t relay = tr_outreach_relay(peer);
    return relay != TR_PATH_NONE && peer->paths.list[relay].is_proven &&
           tr_relay_link_is_open(&peer->relay, kit->relay);
}

void tr_upkeep_pong(struct tr_peer *peer, uint8_t index, const uint8_t *pong,
                    const struct tr_item_report *report, const struct tr_peer_kit *kit)
{
    const struct tryst_address remote = peer->paths.list[index].remote;
    for (uint8_t i = 0; i < peer->paths.count; i++) {
        struct tr_path *path = &peer->paths.list[i];
        if (tryst_address_compare(&path->remote, &remote) != 0)
            continue;
        uint64_t trip = tr_path_trip(path, pong, kit->now_us);
        if (!tr_paths_pong(&peer->paths, i, pong, kit->now_us))
            continue;
        tr_path_answer(path, kit->now_ms - peer->known_ms);
        if (i == peer->paths.chosen && trip != TR_NEVER)
            tr_meter_trip(&peer->paths.meter, (uint32_t)trip);
        path->is_heard = true;
        path->heard_us = kit->now_us;
        peer->heard_us = kit->now_us;
        path->is_backed = is_backed(peer, kit);
        if (report != NULL)
            tr_gauge_told(path, report);
        else
            path->is_idle_ping = false; /* hellos went both ways */
        tr_gauge_rest(path, i == peer->paths.chosen, is_wanted(peer, i), &kit->times, kit->now_us,
                      kit->random);
    }
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
        struct tr_bundle_way way = tr_peer_way(peer);
        tr_bundle_flush(&peer->bundle, &way, kit);
        tr_handshake_renew(handshake, kit->now_us, kit->random);
        peer->news |= TR_NEWS_INDEX;
        peer->hello_next_us = kit->now_us;
    }
    if (peer->hello_next_us != TR_NEVER && !tr_is_due(peer->hello_next_us, kit->now_us))
        return;
    if (peer->hello_next_us != TR_NEVER)
        tr_outreach_hello(peer, chosen, NULL, kit);
    uint64_t pause = (uint64_t)peer->paths.list[chosen].rtt_us * 5 / 4 + HELLO_RETRY_US;
    pause <<= peer->hello_tries;
    pause = pause > HELLO_RETRY_MAX_US ? HELLO_RETRY_MAX_US : pause;
    peer->hello_tries = peer->hello_tries < 8 ? (uint8_t)(peer->hello_tries + 1) : 8;
    peer->hello_next_us = kit->now_us + pause + tr_random_below(kit->random, pause / 5 + 1);
}

static void pings_send(struct tr_peer *peer, const struct tr_peer_kit *kit)
{
    uint8_t index = 0;
    struct tr_bundle_way way = tr_peer_way(peer);
    while ((index = tr_gauge_wanting(&peer->paths, kit->now_us)) != TR_PATH_NONE) {
        struct tr_path *path = &peer->paths.list[index];
        bool can_send =
            tr_handshake_can_send(&peer->handshake) &&
            (!tr_path_is_relay(path) || tr_relay_link_is_open(&peer->relay, kit->relay));
        size_t size = can_send ? tr_gauge_size(path, is_wanted(peer, index)) : 0;
        if (can_send)
            tr_bundle_ping(&way, index, size, kit);
        if (tr_gauge_pinged(path, index == peer->paths.chosen, size, &kit->times, kit->now_us,
                            kit->random) &&
            index == peer->paths.chosen) {
            tr_outreach_search(peer, kit->now_us);
            peer->news |= TR_NEWS_DOUBT;
        }
    }
}

/* How the pair is now, for the server to count: told where it is another way than before. */
static void outcome_note(struct tr_peer *peer, uint8_t path, uint8_t kind)
{
    if (peer->outcome == path && peer->outcome_kind == kind)
        return;
    peer->has_outcome = true;
    peer->outcome = path;
    peer->outcome_kind = kind;
}

/* Whether the game is told of a cause after another. A first hello that comes in is news of a way that is
 * just being found, or lost at once. */
static bool is_other_cause(uint8_t cause, uint8_t before)
{
    return cause != before && !(cause == TRYST_REASON_ONE_WAY && before == TRYST_REASON_SILENT);
}

/* Says that there is no direct path, once for each cause: at once where no hello changes it, else after the
 * first rounds. */
static void relayed_tick(struct tr_peer *peer, const struct tr_peer_kit *kit)
{
    if (tr_evidence_is_direct(peer)) {
        peer->cause = TRYST_REASON_NONE;
        if (peer->is_connected)
            outcome_note(peer, TRYST_PATH_DIRECT, peer->paths.list[peer->paths.chosen].kind);
        return;
    }
    if (peer->punch.state == TR_PUNCH_OPEN || !tr_relay_link_is_open(&peer->relay, kit->relay))
        return; /* a direct path is there, or there is no relay either */
    struct tr_verdict_facts facts = tr_evidence_facts(peer, kit);
    struct tr_verdict verdict = tr_verdict_reach(&facts);
    bool is_told = verdict.is_certain || (tr_evidence_is_relayed(peer) && !facts.is_early);
    if (!is_told || verdict.reason == TRYST_REASON_TRYING)
        return;
    if (tr_evidence_is_relayed(peer))
        outcome_note(peer, TRYST_PATH_RELAY, TRYST_KIND_NONE);
    if (!is_other_cause(verdict.reason, peer->cause))
        return;
    peer->cause = peer->reason = verdict.reason;
    peer->stage = TRYST_STAGE_PUNCH;
    peer->news |= TR_NEWS_RELAYED;
}

/* Since when nothing came, or could have come. */
static uint64_t silent_since(const struct tr_peer *peer)
{
    return peer->heard_us > peer->lost_us ? peer->heard_us : peer->lost_us;
}

/* Says that the peer cannot be reached, once for each time it becomes so. */
static void silence_tick(struct tr_peer *peer, const struct tr_peer_kit *kit)
{
    bool is_closed = tr_punch_tick(&peer->punch, kit->now_us);
    if (peer->is_connected) {
        if (peer->lost_us == 0 || kit->now_us - silent_since(peer) < kit->peer_us)
            return;
        peer->is_connected = false;
        peer->stage = TRYST_STAGE_PATH;
        peer->reason = TRYST_REASON_SILENT;
        peer->news |= TR_NEWS_UNREACHABLE;
    } else if (is_closed) {
        peer->stage = TRYST_STAGE_PUNCH;
        struct tr_verdict_facts facts = tr_evidence_facts(peer, kit);
        peer->reason = tr_verdict_reach(&facts).reason;
        if (peer->reason == TRYST_REASON_TRYING) /* something goes on, but that took too long */
            peer->reason = facts.is_greeted ? TRYST_REASON_ONE_WAY : TRYST_REASON_SILENT;
        outcome_note(peer, TRYST_PATH_NONE, TRYST_KIND_NONE);
        peer->news |= TR_NEWS_UNREACHABLE;
    }
}

void tr_upkeep_tick(struct tr_peer *peer, const struct tr_peer_kit *kit)
{
    struct tr_bundle_way way = tr_peer_way(peer);
    pings_send(peer, kit); /* before the choice: a path may fall into doubt */
    tr_upkeep_settle(peer, kit);
    tr_outreach_tick(peer, kit);
    handshake_tick(peer, kit);
    if (peer->bundle.hold_us != 0 && tr_is_due(peer->bundle.hold_us, kit->now_us)) {
        peer->bundle.hold_us = 0;
        tr_bundle_release(&peer->bundle, &way, NULL, peer->paths.chosen, kit);
    }
    silence_tick(peer, kit);
    relayed_tick(peer, kit);
}

uint64_t tr_upkeep_deadline(const struct tr_peer *peer, const struct tr_peer_kit *kit)
{
    uint64_t next = tr_punch_deadline(&peer->punch);
    uint8_t chosen = peer->paths.chosen;
    tr_sooner(&next, tr_choice_deadline(&peer->paths, &kit->times, kit->now_us));
    if (peer->bundle.hold_us != 0)
        tr_sooner(&next, peer->bundle.hold_us);
    if (peer->is_connected && peer->lost_us != 0)
        tr_sooner(&next, silent_since(peer) + kit->peer_us);
    if (chosen == TR_PATH_NONE || !peer->paths.list[chosen].is_proven)
        return next; /* keys wait for a path */
    tr_sooner(&next, peer->hello_next_us);
    if (tr_handshake_is_settled(&peer->handshake))
        tr_sooner(&next, peer->handshake.renewed_us + kit->rekey_us);
    return next;
}
