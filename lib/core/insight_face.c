/* Why peers are connected as they are, and how their paths do, for the game.
 * SPDX-License-Identifier: MIT */
#include "lib/core/endpoint_state.h"
#include "lib/core/evidence.h"
#include <assert.h>

static_assert(TRYST_CANDIDATES_MAX >= TR_PATHS_MAX, "all paths are told of");

static struct tryst_side side_tell(const struct tr_verdict_side *side)
{
    const struct tr_nat *nat = &side->nat;
    return (struct tryst_side){
        .mapping = nat->mapping,
        .filtering = nat->filtering,
        .ports = nat->ports,
        .stride = nat->ports == TRYST_PORTS_SEQUENTIAL ? (int16_t)nat->stride : 0,
        .low = nat->low,
        .high = nat->high,
        .spray = (nat->flags & TR_NAT_SPRAY) != 0,
        .hairpin = (nat->flags & TR_NAT_HAIRPIN) != 0,
        .no_udp = (side->traits & TR_TRAIT_NO_UDP) != 0,
        .is_hidden = (side->traits & (TR_TRAIT_HIDDEN | TR_TRAIT_RELAY_ONLY)) != 0,
    };
}

static uint32_t type_of(const struct tr_path *path)
{
    return tr_path_is_relay(path) ? TRYST_PATH_RELAY : TRYST_PATH_DIRECT;
}

static struct tryst_candidate candidate_tell(const struct tr_peer *peer, uint8_t index)
{
    const struct tr_path *path = &peer->paths.list[index];
    return (struct tryst_candidate){
        .kind = path->kind,
        .path = type_of(path),
        .family = tr_path_is_relay(path) ? 0 : path->remote.family,
        .trial = tr_path_trial(path),
        .sent = path->tried,
        .first_ms = tr_path_answered_ms(path),
        .is_current = index == peer->paths.chosen && path->is_proven,
    };
}

tryst_result tryst_endpoint_why(const struct tryst_endpoint *endpoint, uint32_t handle,
                                struct tryst_why *why)
{
    if (endpoint == NULL || why == NULL)
        return TRYST_E_ARGUMENT;
    const struct tr_peer *peer = tr_seats_find(&endpoint->session.seats, handle);
    if (peer == NULL)
        return TRYST_E_PEER;
    struct tr_verdict_facts facts = tr_evidence_facts(peer, &endpoint->kit);
    facts.is_relay_denied = endpoint->relay_use == TRYST_RELAY_DENY;
    struct tr_verdict verdict = tr_verdict_reach(&facts);
    bool is_direct = facts.pair == TRYST_PAIR_DIRECT;
    bool is_relayed = facts.pair == TRYST_PAIR_RELAYED || facts.pair == TRYST_PAIR_STREAMED;
    *why = (struct tryst_why){
        .pair = facts.pair,
        .reason = is_direct ? TRYST_REASON_NONE : verdict.reason,
        .relay_reason = is_relayed ? TRYST_REASON_NONE : verdict.relay_reason,
        .side = is_direct ? 0 : verdict.side,
        .path = is_direct    ? TRYST_PATH_DIRECT
                : is_relayed ? TRYST_PATH_RELAY
                             : TRYST_PATH_NONE,
        .kind = is_direct ? facts.kind : TRYST_KIND_NONE,
        .known_ms = facts.known_ms,
        .connected_ms = facts.connected_ms,
        .rounds = peer->punch.round,
        .sprays = facts.sprays,
        .is_spraying = facts.is_spraying,
        .candidate_count = peer->paths.count,
        .own = side_tell(&facts.own),
        .peer = side_tell(&facts.peer),
    };
    for (uint8_t i = 0; i < peer->paths.count; i++)
        why->candidates[i] = candidate_tell(peer, i);
    tr_verdict_sentence(&facts, &verdict, why->sentence, sizeof why->sentence);
    return TRYST_OK;
}

/* Figures that the path in use alone has. */
static void in_use_tell(const struct tr_path_set *paths, uint32_t now_ms,
                        struct tryst_path_stats *stats)
{
    const struct tr_meter *meter = &paths->meter;
    struct tr_meter_rates rates = tr_meter_rates(meter, now_ms);
    stats->rtt_min_us = meter->rtt_least_us;
    stats->rtt_p50_us = tr_meter_percentile(meter, 50);
    stats->rtt_p95_us = tr_meter_percentile(meter, 95);
    stats->jitter_us = meter->jitter_us / 16;
    stats->loss_in = meter->loss;
    stats->bytes_out_s = rates.bytes[TR_METER_OUT];
    stats->bytes_in_s = rates.bytes[TR_METER_IN];
    stats->datagrams_out_s = rates.datagrams[TR_METER_OUT];
    stats->datagrams_in_s = rates.datagrams[TR_METER_IN];
    stats->moves = paths->moves;
}

static struct tryst_path_stats path_tell(const struct tryst_endpoint *endpoint,
                                         const struct tr_path_set *paths, uint8_t index)
{
    const struct tr_path *path = &paths->list[index];
    const struct tr_meter *meter = &paths->meter;
    unsigned way = tr_path_is_relay(path) ? TR_METER_RELAY : TR_METER_DIRECT;
    struct tryst_path_stats stats = {
        .path = type_of(path),
        .kind = path->kind,
        .is_current = index == paths->chosen && path->is_proven,
        .trial = tr_path_trial(path),
        .rtt_us = path->rtt_us,
        .loss_out = path->loss,
        .bytes_out = meter->bytes[way][TR_METER_OUT],
        .bytes_in = meter->bytes[way][TR_METER_IN],
        .datagrams_out = meter->datagrams[way][TR_METER_OUT],
        .datagrams_in = meter->datagrams[way][TR_METER_IN],
        .address = tr_path_is_relay(path) ? endpoint->relay.server : path->remote,
    };
    if (path->local < TRYST_LOCAL_MAX)
        stats.local = endpoint->locals.slots[path->local];
    if (stats.is_current)
        in_use_tell(paths, endpoint->kit.now_ms, &stats);
    return stats;
}

tryst_result tryst_endpoint_paths(const struct tryst_endpoint *endpoint, uint32_t handle,
                                  struct tryst_path_stats *list, size_t max)
{
    if (endpoint == NULL || (list == NULL && max > 0))
        return TRYST_E_ARGUMENT;
    const struct tr_peer *peer = tr_seats_find(&endpoint->session.seats, handle);
    if (peer == NULL)
        return TRYST_E_PEER;
    const struct tr_path_set *paths = &peer->paths;
    size_t count = 0;
    if (paths->chosen != TR_PATH_NONE && count < max)
        list[count++] = path_tell(endpoint, paths, paths->chosen);
    for (uint8_t i = 0; i < paths->count && count < max; i++)
        if (i != paths->chosen)
            list[count++] = path_tell(endpoint, paths, i);
    return paths->count;
}
