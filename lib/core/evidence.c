/* Gathering facts of a peer.
 * SPDX-License-Identifier: MIT */
#include "lib/core/evidence.h"

#include <string.h>

/* Bits of the families that this end has: as the server sees it, and of its local addresses those that
 * lead into the Internet, through a NAT too where that is usual. */
static unsigned own_families(const struct tr_peer_kit *kit)
{
    unsigned families = 0;
    if (kit->hello->seen.address.family != 0)
        families |= 1U << kit->hello->seen.address.family;
    for (uint8_t i = 0; i < TRYST_LOCAL_MAX; i++) {
        int32_t class = tryst_address_classify(&kit->locals[i]);
        if (class == TRYST_ADDRESS_PUBLIC || class == TRYST_ADDRESS_CARRIER ||
            (class == TRYST_ADDRESS_PRIVATE && kit->locals[i].family == 4))
            families |= 1U << kit->locals[i].family;
    }
    return families;
}

static bool is_proven(const struct tr_peer *peer, bool is_relay)
{
    uint8_t chosen = peer->paths.chosen;
    return chosen != TR_PATH_NONE && peer->paths.list[chosen].is_proven &&
           tr_path_is_relay(&peer->paths.list[chosen]) == is_relay;
}

bool tr_evidence_is_relayed(const struct tr_peer *peer)
{
    return is_proven(peer, true);
}

bool tr_evidence_is_direct(const struct tr_peer *peer)
{
    return is_proven(peer, false);
}

/* Whether anything of its came by a direct way since this search began: what came before, and before it
 * fell silent, does not tell that it still comes in. */
static bool is_greeted(const struct tr_peer *peer)
{
    for (uint8_t i = 0; i < peer->paths.count; i++) {
        const struct tr_path *path = &peer->paths.list[i];
        if (!tr_path_is_relay(path) && path->is_heard && path->heard_us >= peer->punch.probing_us)
            return true;
    }
    return false;
}

/* It was connected, the game was told that it cannot be reached, and nothing came since. The search may
 * have begun anew all the same. */
static bool is_lost(const struct tr_peer *peer, const struct tr_peer_kit *kit)
{
    uint64_t since_us = peer->heard_us > peer->lost_us ? peer->heard_us : peer->lost_us;
    return peer->connected_ms != 0 && !peer->is_connected && peer->lost_us != 0 &&
           kit->now_us - since_us >= kit->peer_us;
}

static uint8_t pair_of(const struct tr_peer *peer, const struct tr_peer_kit *kit)
{
    if (peer->is_connected && tr_evidence_is_direct(peer))
        return TRYST_PAIR_DIRECT;
    if (peer->is_connected && tr_evidence_is_relayed(peer))
        return kit->relay->server.transport != TRYST_TRANSPORT_UDP ? TRYST_PAIR_STREAMED
                                                                   : TRYST_PAIR_RELAYED;
    if (peer->punch.state == TR_PUNCH_CLOSED || is_lost(peer, kit))
        return TRYST_PAIR_UNREACHABLE;
    return TRYST_PAIR_CONNECTING;
}

static void candidates_weigh(const struct tr_peer *peer, const struct tr_peer_kit *kit,
                             struct tr_verdict_facts *facts)
{
    const struct tryst_address *seen = &kit->hello->seen.address;
    unsigned own = own_families(kit);
    unsigned families = 0;
    for (uint8_t i = 0; i < peer->paths.count; i++) {
        const struct tr_path *path = &peer->paths.list[i];
        if (tr_path_is_relay(path))
            continue;
        if (path->local == TR_LOCAL_ANY)
            facts->candidates++;
        families |= 1U << path->remote.family;
        facts->has_other_way = facts->has_other_way || path->kind == TRYST_KIND_MAPPED ||
                               (path->kind == TRYST_KIND_IPV6 && (own & 1U << 6) != 0);
        facts->is_same_nat =
            facts->is_same_nat || (path->kind == TRYST_KIND_PUBLIC && path->is_named &&
                                   path->remote.family == seen->family &&
                                   memcmp(path->remote.ip, seen->ip, sizeof seen->ip) == 0);
    }
    facts->is_foreign = families != 0 && own != 0 && (families & own) == 0;
}

struct tr_verdict_facts tr_evidence_facts(const struct tr_peer *peer, const struct tr_peer_kit *kit)
{
    uint8_t chosen = peer->paths.chosen;
    struct tr_verdict_facts facts = {
        .own = {.nat = *kit->nat},
        .peer = {.nat = peer->nat, .traits = peer->traits},
        .pair = pair_of(peer, kit),
        .kind = chosen != TR_PATH_NONE ? peer->paths.list[chosen].kind : TRYST_KIND_NONE,
        .sockets = kit->sockets->limit,
        .sprays = peer->sprays,
        .is_spraying = peer->is_spraying,
        .is_greeted = is_greeted(peer),
        .is_early =
            peer->punch.state == TR_PUNCH_PROBING && peer->punch.round < TR_PUNCH_QUICK_ROUNDS,
        .is_over = peer->punch.state == TR_PUNCH_CLOSED,
        .is_relay_unwanted = !peer->relay.is_able,
        .is_relay_closed = !kit->relay->is_open,
        .is_relay_refused = peer->relay.is_refused,
        .known_ms = kit->now_ms - peer->known_ms,
        .connected_ms = peer->connected_ms,
    };
    if (kit->relay->is_only)
        facts.own.traits |= TR_TRAIT_RELAY_ONLY;
    if (kit->relay->server.transport != TRYST_TRANSPORT_UDP)
        facts.own.traits |= TR_TRAIT_NO_UDP;
    candidates_weigh(peer, kit, &facts);
    return facts;
}
