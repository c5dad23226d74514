/* Causes, in the order of what rules the rest out, and their sentences.
 * SPDX-License-Identifier: MIT */
#include "lib/core/verdict.h"

#include "lib/core/spray.h"
#include <stdio.h>

static uint8_t sides(bool is_own, bool is_peer)
{
    return (uint8_t)((is_own ? TRYST_SIDE_OWN : 0) | (is_peer ? TRYST_SIDE_PEER : 0));
}

/* Which sides have something in common. */
static uint8_t sides_with(const struct tr_verdict_facts *facts, uint8_t trait)
{
    return sides((facts->own.traits & trait) != 0, (facts->peer.traits & trait) != 0);
}

/* Whether the plain hellos of both cannot meet: one NAT takes a port that the other's filter does not know. */
static bool is_past_hellos(const struct tr_nat *own, const struct tr_nat *peer)
{
    bool is_own_hard = tr_nat_is_hard(own);
    bool is_peer_hard = tr_nat_is_hard(peer);
    return (is_own_hard && is_peer_hard) ||
           (is_own_hard && peer->filtering >= TRYST_FILTERING_PORT_DEPENDENT) ||
           (is_peer_hard && own->filtering >= TRYST_FILTERING_PORT_DEPENDENT);
}

/* Whether many ports would be tried if both took part. */
static bool has_plan(const struct tr_verdict_facts *facts)
{
    struct tr_nat own = facts->own.nat;
    struct tr_nat peer = facts->peer.nat;
    own.flags |= TR_NAT_SPRAY;
    peer.flags |= TR_NAT_SPRAY;
    return tr_spray_plan(&own, &peer, facts->sockets, true, false).role != TR_SPRAY_NONE;
}

/* What two NATs come to of which one at least is a hard one. */
static struct tr_verdict judge_hard(const struct tr_verdict_facts *facts)
{
    const struct tr_nat *own = &facts->own.nat;
    const struct tr_nat *peer = &facts->peer.nat;
    uint8_t hard = sides(tr_nat_is_hard(own), tr_nat_is_hard(peer));
    uint8_t unwilling = sides((own->flags & TR_NAT_SPRAY) == 0, (peer->flags & TR_NAT_SPRAY) == 0);
    if (tr_nat_is_hopeless(own, peer))
        return (struct tr_verdict){.reason = TRYST_REASON_BOTH_RANDOM,
                                   .side = hard,
                                   .is_certain = !facts->is_same_nat && !facts->has_other_way};
    if (facts->is_spraying)
        return (struct tr_verdict){.reason = TRYST_REASON_TRYING};
    if (unwilling != 0 && has_plan(facts))
        return (struct tr_verdict){.reason = TRYST_REASON_SPRAY_DENIED, .side = unwilling};
    if (facts->sprays > 0)
        return (struct tr_verdict){.reason = TRYST_REASON_SPRAY_VAIN, .side = hard};
    if (has_plan(facts) && !facts->is_over) /* it may never come to it: nobody is made to wait */
        return (struct tr_verdict){.reason = TRYST_REASON_TRYING};
    return (struct tr_verdict){.reason = TRYST_REASON_RANDOM_FILTERED, .side = hard};
}

static struct tr_verdict judge(const struct tr_verdict_facts *facts)
{
    uint8_t only = sides_with(facts, TR_TRAIT_RELAY_ONLY);
    uint8_t streamed = sides_with(facts, TR_TRAIT_NO_UDP);
    const struct tr_nat *own = &facts->own.nat;
    const struct tr_nat *peer = &facts->peer.nat;
    if (only != 0)
        return (struct tr_verdict){
            .reason = TRYST_REASON_RELAY_ONLY, .side = only, .is_certain = true};
    if (sides_with(facts, TR_TRAIT_HIDDEN) != 0)
        return (struct tr_verdict){.reason = TRYST_REASON_HIDDEN, .is_certain = true};
    if (facts->candidates == 0)
        return (struct tr_verdict){.reason = TRYST_REASON_NO_CANDIDATE};
    if (facts->is_foreign)
        return (struct tr_verdict){.reason = TRYST_REASON_NO_FAMILY};
    bool is_hard = is_past_hellos(own, peer) && !facts->is_same_nat && !facts->has_other_way;
    if (streamed == 0 && is_hard)
        return judge_hard(facts);
    if (facts->is_early)
        return (struct tr_verdict){.reason = TRYST_REASON_TRYING};
    if (streamed != 0)
        return (struct tr_verdict){.reason = TRYST_REASON_NO_UDP, .side = streamed};
    if (facts->is_same_nat)
        return (struct tr_verdict){.reason = TRYST_REASON_NO_HAIRPIN};
    if (is_past_hellos(own, peer))
        return judge_hard(facts);
    return (struct tr_verdict){.reason =
                                   facts->is_greeted ? TRYST_REASON_ONE_WAY : TRYST_REASON_SILENT};
}

struct tr_verdict tr_verdict_reach(const struct tr_verdict_facts *facts)
{
    struct tr_verdict verdict = judge(facts);
    verdict.relay_reason = facts->is_relay_denied || facts->is_relay_unwanted
                               ? TRYST_REASON_RELAY_DENIED
                           : facts->is_relay_closed  ? TRYST_REASON_NO_RELAY
                           : facts->is_relay_refused ? TRYST_REASON_RELAY_REFUSED
                                                     : TRYST_REASON_NONE;
    return verdict;
}

/* One of three, by whose doing it is. */
static const char *by_side(uint8_t side, const char *own, const char *peer, const char *both)
{
    return side == TRYST_SIDE_OWN ? own : side == TRYST_SIDE_PEER ? peer : both;
}

static const char *of_trying(const struct tr_verdict_facts *facts)
{
    return facts->is_spraying ? "many ports are being tried at once"
                              : "direct ways are still being tried";
}

/* Why there is no direct path, as half a sentence. */
static const char *clause_of(const struct tr_verdict_facts *facts, const struct tr_verdict *verdict)
{
    uint8_t side = verdict->side;
    switch (verdict->reason) {
    case TRYST_REASON_TRYING:
        return of_trying(facts);
    case TRYST_REASON_BOTH_RANDOM:
        return "both routers take a new port for each destination, out of too many to guess";
    case TRYST_REASON_RANDOM_FILTERED:
        return by_side(
            side,
            "this side's router takes a new port for each destination, and the other's lets in "
            "none that it does not know",
            "the other side's router takes a new port for each destination, and this side's lets "
            "in none that it does not know",
            "both routers take a new port for each destination");
    case TRYST_REASON_SPRAY_DENIED:
        return by_side(side,
                       "the routers' ports would have to be guessed, which this side's options "
                       "forbid",
                       "the routers' ports would have to be guessed, which the other side's "
                       "options forbid",
                       "the routers' ports would have to be guessed, which the options of both "
                       "sides forbid");
    case TRYST_REASON_SPRAY_VAIN:
        return by_side(side, "the ports that this side's router takes were guessed at in vain",
                       "the ports that the other side's router takes were guessed at in vain",
                       "the ports that both routers take were guessed at in vain");
    case TRYST_REASON_NO_UDP:
        return by_side(side, "this side's network lets no UDP through",
                       "the other side's network lets no UDP through",
                       "neither side's network lets UDP through");
    case TRYST_REASON_RELAY_ONLY:
        return by_side(side, "this side's options show its address to nobody but the server",
                       "the other side's options show its address to nobody but the server",
                       "both sides' options show their addresses to nobody but the server");
    case TRYST_REASON_HIDDEN:
        return "the server's rules tell neither side the other's addresses";
    case TRYST_REASON_NO_FAMILY:
        return "one side has only IPv4 and the other only IPv6";
    case TRYST_REASON_NO_HAIRPIN:
        return "both are behind one router or carrier, which leads nothing back in to them";
    case TRYST_REASON_NO_CANDIDATE:
        return "no address of the other side is known";
    case TRYST_REASON_ONE_WAY:
        return "the other side's packets come in, but none of this side's is answered";
    default:
        return "no packet gets through between the two, though neither router is known to be a "
               "hard "
               "one";
    }
}

static const char *relay_clause_of(const struct tr_verdict_facts *facts,
                                   const struct tr_verdict *verdict)
{
    switch (verdict->relay_reason) {
    case TRYST_REASON_RELAY_DENIED:
        return facts->is_relay_denied ? "and this side's options forbid the way by the server"
                                      : "and the other side's options forbid the way by the server";
    case TRYST_REASON_NO_RELAY:
        return "and the server relays nothing";
    case TRYST_REASON_RELAY_REFUSED:
        return "and the server does not relay between these two";
    default:
        return "nor does the way by the server answer";
    }
}

static const char *over(uint8_t kind)
{
    switch (kind) {
    case TRYST_KIND_HOST:
        return "over a local address";
    case TRYST_KIND_IPV6:
        return "over IPv6";
    case TRYST_KIND_MAPPED:
        return "over a port that its router was asked for";
    case TRYST_KIND_OBSERVED:
        return "over an address found by its packets";
    default:
        return "over its public address";
    }
}

void tr_verdict_sentence(const struct tr_verdict_facts *facts, const struct tr_verdict *verdict,
                         char *text, size_t size)
{
    const char *clause = clause_of(facts, verdict);
    switch (facts->pair) {
    case TRYST_PAIR_DIRECT:
        snprintf(text, size, "Connected directly, %s%s.", over(facts->kind),
                 facts->sprays > 0 ? ", after many ports were tried" : "");
        break;
    case TRYST_PAIR_RELAYED:
        snprintf(text, size, "Relayed by the server: %s.", clause);
        break;
    case TRYST_PAIR_STREAMED:
        snprintf(text, size, "Relayed by the server, over TCP: %s.", clause);
        break;
    case TRYST_PAIR_UNREACHABLE:
        snprintf(text, size, "Not reachable: %s, %s.", clause, relay_clause_of(facts, verdict));
        break;
    default:
        if (verdict->reason == TRYST_REASON_TRYING && facts->candidates > 0)
            snprintf(text, size, "Connecting: %s, %u address%s, for %u.%u s so far.", clause,
                     facts->candidates, facts->candidates == 1 ? "" : "es", facts->known_ms / 1000,
                     facts->known_ms / 100 % 10);
        else
            snprintf(text, size, "Connecting: %s.", clause);
    }
}
