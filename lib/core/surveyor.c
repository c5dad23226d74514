/* What is asked next, and what the answers mean. RFC 5780, 4.3 and 4.4, with the tests side by side.
 * SPDX-License-Identifier: MIT */
#include "lib/core/surveyor.h"

#include "lib/core/candidate.h"
#include "lib/core/findings.h"
#include "lib/core/uplink.h"
#include <string.h>

enum {
    TRIES = 6,
    TRIES_FILTER =
        3, /* and one for each datagram that was repeated, as silence is an answer here */
    TRIES_FILTER_MOST = 6,
    TRIES_SAMPLE = 2, /* a second one is in no order to the others */
    TRIES_HAIRPIN = 2,
    SAMPLES_ENOUGH = 4,
    STRIDES_TOLD = 8, /* ports that follow each other: so many on are worth a registration */
    FAILURES = 6,
};

/* A change is told at once, with what else is known by then. */
#define GATHER_US (2 * TR_MS)
#define SPACING_US (5 * TR_S)       /* from one survey to the next, where the public ip changed, */
#define SPACING_DOUBT_US (1 * TR_S) /* or the local addresses did, */
#define SPACING_PORT_US (60 * TR_S) /* or its port alone, */
#define SPACING_SILENT_US (60 * TR_S) /* or nothing was answered; doubles up to half an hour */
#define FRESH_US (1 * TR_S)

static bool is_running(const struct tr_survey *survey)
{
    return survey->stage != TR_SURVEY_IDLE && survey->stage != TR_SURVEY_READY;
}

/* Nothing is asked: each datagram of a game comes by here, and looks at no probe. */
static bool is_resting(const struct tr_survey *survey)
{
    return survey->stage == TR_SURVEY_IDLE ||
           (survey->stage == TR_SURVEY_READY && survey->prober.probes[TR_PROBE_FRESH].socket == 0);
}

static bool is_hard(const struct tr_nat *nat)
{
    return nat->mapping == TRYST_MAPPING_ADDRESS_DEPENDENT ||
           nat->mapping == TRYST_MAPPING_PORT_DEPENDENT;
}

/* The uplink that is looked at: IPv4 where there is one, that of the registration before others. */
static const struct tr_uplink *base_of(const struct tr_rendezvous *rendezvous)
{
    const struct tr_uplink *base = NULL;
    for (uint8_t i = 0; i < rendezvous->uplink_count; i++) {
        const struct tr_uplink *uplink = &rendezvous->uplinks[i];
        if (uplink->socket != 0 || !uplink->is_live ||
            uplink->server.transport != TRYST_TRANSPORT_UDP)
            continue;
        if (base == NULL || (uplink->server.family == 4 && base->server.family != 4) ||
            (uplink->server.family == base->server.family && i == rendezvous->uplink))
            base = uplink;
    }
    return base;
}

/* What the registration says; once what counts is known it is sent again, if it is another. */
static void publish(struct tr_rendezvous *rendezvous, uint64_t now_us)
{
    if (memcmp(&rendezvous->nat, &rendezvous->nat_told, sizeof rendezvous->nat) == 0 ||
        rendezvous->state == TR_RENDEZVOUS_IDLE || rendezvous->sequence == 0)
        return;
    rendezvous->is_dirty = true;
    if (rendezvous->state == TR_RENDEZVOUS_REGISTERED)
        tr_sooner(&rendezvous->dirty_us, now_us + GATHER_US);
}

static void ask(struct tr_survey *survey, unsigned name, const struct tr_probe *probe,
                const struct tr_peer_kit *kit)
{
    tr_prober_ask(&survey->prober, name, probe, kit->now_us);
}

static void socket_give(uint8_t *socket, const struct tr_peer_kit *kit)
{
    if (*socket != 0)
        tr_sockets_give(kit->sockets, *socket);
    *socket = 0;
}

static void stage_set(struct tr_survey *survey, uint8_t stage, uint64_t now_us)
{
    survey->stage = stage;
    survey->stage_us = now_us;
}

/* Ends what is asked. */
static void stop(struct tr_survey *survey, uint8_t stage, const struct tr_peer_kit *kit)
{
    socket_give(&survey->socket, kit);
    for (unsigned i = TR_PROBE_FRESH; i < TR_PROBES; i++)
        socket_give(&survey->prober.probes[i].socket, kit);
    for (unsigned i = 0; i < TR_PROBES; i++)
        survey->prober.probes[i].next_us = TR_NEVER;
    survey->took_us = kit->now_us - survey->started_us;
    stage_set(survey, stage, kit->now_us);
}

/* From the first socket, each to an address that it has not sent to. */
static void ask_mapping(struct tr_survey *survey, const struct tr_uplink *base,
                        const struct tr_peer_kit *kit)
{
    struct tr_probe probe = {.source = base->local, .tries_most = TRIES};
    struct tryst_address port = survey->server;
    struct tryst_address both = survey->other;
    port.port = both.port = survey->other_port;
    if (survey->other_port != 0) {
        probe.to = probe.from = port;
        ask(survey, TR_PROBE_PORT, &probe, kit);
    }
    if (survey->other.family != 0) {
        probe.to = probe.from = survey->other;
        ask(survey, TR_PROBE_ADDRESS, &probe, kit);
    }
    if (survey->other_port != 0 && survey->other.family != 0 && survey->socket == 0) {
        probe.to = probe.from = both;
        ask(survey, TR_PROBE_BOTH, &probe, kit);
    }
}

/* From a further socket. */
static void ask_filtering(struct tr_survey *survey, const struct tr_peer_kit *kit)
{
    struct tr_probe probe = {.to = survey->server,
                             .from = survey->server,
                             .socket = survey->socket,
                             .tries_most = TRIES};
    if (survey->socket == 0)
        return;
    ask(survey, TR_PROBE_PLAIN, &probe, kit);
    probe.tries_most = TRIES_FILTER;
    if (survey->other_port != 0) {
        probe.from.port = survey->other_port;
        probe.flags = TR_BIND_OTHER_PORT;
        ask(survey, TR_PROBE_FROM_PORT, &probe, kit);
    }
    if (survey->other.family != 0) {
        probe.from = survey->other;
        probe.flags = TR_BIND_OTHER_ADDRESS;
        ask(survey, TR_PROBE_FROM_ADDRESS, &probe, kit);
    }
}

static void start(struct tr_survey *survey, const struct tr_rendezvous *rendezvous,
                  const struct tr_uplink *base, const struct tr_peer_kit *kit)
{
    if (survey->stage != TR_SURVEY_IDLE)
        stop(survey, TR_SURVEY_IDLE, kit);
    tr_lifetime_stop(&survey->lifetime, kit);
    survey->is_stale = false;
    survey->server = base->server;
    survey->seen = base->seen.address;
    survey->other = base->other;
    survey->other_port = base->other_port;
    survey->samples = 1;
    survey->started_us = kit->now_us;
    survey->again_us = kit->now_us + SPACING_US;
    tr_prober_init(&survey->prober, rendezvous->app, base->rtt_us, kit->random);
    bool has_other = survey->other_port != 0 || survey->other.family != 0;
    if (survey->server.family == 4 && has_other)
        survey->socket = tr_sockets_take(kit->sockets);
    ask_mapping(survey, base, kit);
    ask_filtering(survey, kit);
    stage_set(survey, TR_SURVEY_MAPPING, kit->now_us);
}

static void conclude_mapping(struct tr_survey *survey, struct tr_rendezvous *rendezvous)
{
    struct tr_nat *nat = &rendezvous->nat;
    bool is_local = tryst_address_classify(&survey->seen) == TRYST_ADDRESS_LOOPBACK;
    bool is_local_port = is_local;
    for (uint8_t i = 0; i < rendezvous->local_count; i++) {
        const struct tryst_address *local = &rendezvous->locals[i].address;
        is_local = is_local || tryst_address_compare(local, &survey->seen) == 0;
        is_local_port = is_local_port ||
                        (local->family == survey->seen.family && local->port == survey->seen.port);
    }
    *nat = (struct tr_nat){.mapping = tr_findings_mapping(&survey->prober, &survey->seen, is_local),
                           .flags = nat->flags & (TR_NAT_SPRAY | TR_NAT_MAPPED),
                           .last = survey->seen.port};
    if (!is_hard(nat) && nat->mapping != TRYST_MAPPING_UNKNOWN)
        nat->ports = is_local_port ? TRYST_PORTS_PRESERVED : TRYST_PORTS_STEADY;
    survey->sampled_us = survey->started_us;
}

/* From sockets that are new to the NAT, all at once. */
static void ask_ports(struct tr_survey *survey, const struct tr_peer_kit *kit)
{
    struct tr_probe probe = {
        .to = survey->server, .from = survey->server, .tries_most = TRIES_SAMPLE};
    for (unsigned i = TR_PROBE_SAMPLE; i < TR_PROBES && survey->socket != 0; i++) {
        probe.socket = tr_sockets_take(kit->sockets);
        if (probe.socket != 0)
            ask(survey, i, &probe, kit);
    }
}

static void conclude_ports(struct tr_survey *survey, struct tr_rendezvous *rendezvous,
                           const struct tr_peer_kit *kit)
{
    struct tr_port_sample samples[TR_PROBES + 1];
    struct tr_nat *nat = &rendezvous->nat;
    size_t count = tr_findings_samples(&survey->prober, &survey->seen, nat->mapping, samples);
    struct tr_port_guess guess = tr_ports_guess(samples, count);
    survey->samples = (uint8_t)count;
    nat->ports = guess.pattern;
    nat->stride = (uint16_t)guess.stride;
    nat->low = guess.low;
    nat->high = guess.high;
    nat->last = samples[count - 1].port;
    survey->sampled_us = survey->stage_us;
    for (unsigned i = TR_PROBE_SAMPLE; i < TR_PROBES; i++) {
        socket_give(&survey->prober.probes[i].socket, kit);
        survey->prober.probes[i].next_us = TR_NEVER;
    }
    publish(rendezvous, kit->now_us);
}

static bool are_ports_settled(const struct tr_survey *survey, uint64_t now_us)
{
    unsigned answered = 0;
    bool is_settled = true;
    for (unsigned i = TR_PROBE_SAMPLE; i < TR_PROBES; i++) {
        answered += survey->prober.probes[i].answered != 0;
        is_settled = is_settled && tr_prober_is_settled(&survey->prober, i);
    }
    return is_settled || (answered >= SAMPLES_ENOUGH &&
                          now_us - survey->stage_us >= tr_prober_wait_us(&survey->prober));
}

/* What a COOKIE told as our address nobody signed: it may name no host at all, or what is never sent to. */
static bool is_askable(const struct tr_survey *survey, const struct tryst_address *seen)
{
    struct tr_candidate candidate = {.address = *seen};
    bool is_loopback = tryst_address_classify(&survey->server) == TRYST_ADDRESS_LOOPBACK;
    return seen->family == survey->server.family && seen->port != 0 &&
           tr_candidate_is_usable(&candidate, is_loopback);
}

/* Whether a packet that comes to the own public address from inside is led in again; and whether the answer
 * from the other port, which the NAT filtered, took that port pair for itself. */
static void ask_last(struct tr_survey *survey, const struct tr_nat *nat,
                     const struct tr_peer_kit *kit)
{
    const struct tr_probe *plain = &survey->prober.probes[TR_PROBE_PLAIN];
    struct tr_probe probe = {.tries_most = TRIES_HAIRPIN};
    if (survey->socket == 0 || plain->answered == 0 || nat->mapping == TRYST_MAPPING_NONE ||
        nat->mapping == TRYST_MAPPING_UNKNOWN)
        return;
    if (is_askable(survey, &plain->seen) && is_askable(survey, &survey->seen)) {
        probe.to = plain->seen;
        ask(survey, TR_PROBE_HAIRPIN_OUT, &probe, kit);
        probe.to = survey->seen;
        probe.socket = survey->socket;
        ask(survey, TR_PROBE_HAIRPIN_BACK, &probe, kit);
    }
    probe.socket = survey->socket;
    if (nat->mapping != TRYST_MAPPING_ENDPOINT_INDEPENDENT ||
        nat->filtering != TRYST_FILTERING_PORT_DEPENDENT)
        return;
    probe.to = survey->server;
    probe.to.port = survey->other_port;
    probe.from = probe.to;
    probe.tries_most = TRIES;
    ask(survey, TR_PROBE_POISON, &probe, kit);
}

static void conclude_last(struct tr_survey *survey, struct tr_rendezvous *rendezvous,
                          const struct tr_peer_kit *kit)
{
    if (tr_findings_hairpin(&survey->prober) == TRYST_FINDING_YES)
        rendezvous->nat.flags |= TR_NAT_HAIRPIN;
    stop(survey, TR_SURVEY_READY, kit);
    bool is_silent = rendezvous->nat.mapping == TRYST_MAPPING_UNKNOWN &&
                     (survey->other_port != 0 || survey->other.family != 0);
    if (!is_silent)
        survey->failures = 0;
    else if (survey->failures < FAILURES)
        survey->failures++;
    if (is_silent)
        survey->again_us = kit->now_us + (SPACING_SILENT_US << (survey->failures - 1));
    publish(rendezvous, kit->now_us);
}

static bool is_settled(const struct tr_survey *survey, unsigned first, unsigned last)
{
    for (unsigned i = first; i <= last; i++)
        if (!tr_prober_is_settled(&survey->prober, i))
            return false;
    return true;
}

/* Takes the next step, if this one is done. */
static bool step(struct tr_survey *survey, struct tr_rendezvous *rendezvous,
                 const struct tr_peer_kit *kit)
{
    switch (survey->stage) {
    case TR_SURVEY_MAPPING:
        if (!is_settled(survey, TR_PROBE_PORT, TR_PROBE_BOTH))
            return false;
        conclude_mapping(survey, rendezvous);
        stage_set(survey, TR_SURVEY_FILTERING, kit->now_us);
        if (!is_hard(&rendezvous->nat))
            return true;
        stage_set(survey, TR_SURVEY_PORTS, kit->now_us);
        ask_ports(survey, kit);
        return true;
    case TR_SURVEY_PORTS:
        if (!is_settled(survey, TR_PROBE_PLAIN, TR_PROBE_PLAIN) ||
            !are_ports_settled(survey, kit->now_us))
            return false;
        conclude_ports(survey, rendezvous, kit);
        stage_set(survey, TR_SURVEY_FILTERING, kit->now_us);
        return true;
    case TR_SURVEY_FILTERING:
        if (survey->prober.probes[TR_PROBE_FROM_ADDRESS].answered == 0 &&
            !is_settled(survey, TR_PROBE_PLAIN, TR_PROBE_FROM_ADDRESS))
            return false;
        rendezvous->nat.filtering = tr_findings_filtering(&survey->prober);
        stage_set(survey, TR_SURVEY_LAST, kit->now_us);
        ask_last(survey, &rendezvous->nat, kit);
        return true;
    case TR_SURVEY_LAST:
        if (!is_settled(survey, TR_PROBE_POISON, TR_PROBE_HAIRPIN_BACK) &&
            !(is_settled(survey, TR_PROBE_POISON, TR_PROBE_POISON) &&
              (survey->prober.probes[TR_PROBE_HAIRPIN_OUT].answered != 0 ||
               survey->prober.probes[TR_PROBE_HAIRPIN_BACK].answered != 0)))
            return false;
        conclude_last(survey, rendezvous, kit);
        return false;
    default:
        return false;
    }
}

/* Silence is an answer only where lost datagrams are not as likely. */
static void filter_patiently(struct tr_survey *survey)
{
    unsigned tries = TRIES_FILTER;
    for (unsigned i = TR_PROBE_PORT; i <= TR_PROBE_PLAIN; i++)
        if (survey->prober.probes[i].tries > 1)
            tries += survey->prober.probes[i].tries - 1U;
    for (unsigned i = TR_PROBE_FROM_PORT; i <= TR_PROBE_FROM_ADDRESS; i++)
        if (survey->prober.probes[i].next_us != TR_NEVER)
            survey->prober.probes[i].tries_most =
                (uint8_t)(tries < TRIES_FILTER_MOST ? tries : TRIES_FILTER_MOST);
}

/* The newest port of those that follow each other came, or did not. */
static void fresh_take(struct tr_survey *survey, struct tr_rendezvous *rendezvous,
                       const struct tr_peer_kit *kit)
{
    struct tr_probe *fresh = &survey->prober.probes[TR_PROBE_FRESH];
    if (fresh->socket == 0 || !tr_prober_is_settled(&survey->prober, TR_PROBE_FRESH))
        return;
    socket_give(&fresh->socket, kit);
    if (fresh->answered == 0)
        return;
    struct tr_nat *nat = &rendezvous->nat;
    nat->last = fresh->seen.port;
    survey->sampled_us = fresh->first_us;
    int32_t by = (int32_t)nat->last - rendezvous->nat_told.last;
    int32_t most = STRIDES_TOLD * (int16_t)nat->stride;
    most = most < 0 ? -most : most;
    if (by > most || by < -most)
        publish(rendezvous, kit->now_us);
}

/* Why all is looked at, or looked at again: TR_NEVER, or when. */
static uint64_t wanted_us(const struct tr_survey *survey, const struct tr_rendezvous *rendezvous,
                          const struct tr_uplink *base)
{
    uint64_t port_us = survey->started_us + SPACING_PORT_US;
    if (base == NULL || survey->is_off)
        return TR_NEVER;
    if (survey->stage != TR_SURVEY_IDLE && survey->server.family == 6 && base->server.family == 4)
        return survey->started_us; /* the cookie of IPv6, where no NAT is, only came first */
    if (survey->stage == TR_SURVEY_IDLE || survey->is_stale ||
        memcmp(survey->seen.ip, base->seen.address.ip, sizeof survey->seen.ip) != 0)
        return survey->again_us;
    if (is_running(survey))
        return TR_NEVER;
    if (survey->failures != 0 ||
        (survey->other_port == 0 && survey->other.family == 0 && base->other_port != 0))
        return survey->again_us;
    if (survey->seen.port != base->seen.address.port && !is_hard(&rendezvous->nat))
        return port_us > survey->again_us ? port_us : survey->again_us;
    return TR_NEVER;
}

void tr_survey_tick(struct tr_survey *survey, struct tr_rendezvous *rendezvous,
                    const struct tr_peer_kit *kit)
{
    const struct tr_uplink *base = base_of(rendezvous);
    if (base != NULL && tr_is_due(wanted_us(survey, rendezvous, base), kit->now_us))
        start(survey, rendezvous, base, kit);
    if (is_resting(survey))
        return;
    while (step(survey, rendezvous, kit))
        ;
    fresh_take(survey, rendezvous, kit);
}

void tr_survey_send(struct tr_survey *survey, struct tr_rendezvous *rendezvous,
                    const struct tr_peer_kit *kit)
{
    if (survey->stage == TR_SURVEY_IDLE)
        return;
    do {
        filter_patiently(survey);
        tr_prober_tick(&survey->prober, kit);
    } while (step(survey, rendezvous, kit));
    fresh_take(survey, rendezvous, kit);
    tr_lifetime_tick(&survey->lifetime, kit);
}

uint64_t tr_survey_deadline(const struct tr_survey *survey, const struct tr_rendezvous *rendezvous)
{
    uint64_t next = wanted_us(survey, rendezvous, base_of(rendezvous));
    if (!is_resting(survey))
        tr_sooner(&next, tr_prober_deadline(&survey->prober));
    tr_sooner(&next, tr_lifetime_deadline(&survey->lifetime));
    return next;
}

bool tr_survey_input(struct tr_survey *survey, uint64_t now_us, uint32_t socket,
                     const struct tryst_address *from, const void *data, size_t size)
{
    if (survey->stage == TR_SURVEY_IDLE)
        return false;
    return tr_prober_input(&survey->prober, now_us, socket, from, data, size) ||
           (survey->lifetime.count > 0 &&
            tr_prober_input(&survey->lifetime.prober, now_us, socket, from, data, size));
}

void tr_survey_refresh(struct tr_survey *survey, const struct tr_rendezvous *rendezvous,
                       const struct tr_peer_kit *kit)
{
    struct tr_probe probe = {
        .to = survey->server, .from = survey->server, .tries_most = TRIES_SAMPLE};
    if (survey->stage != TR_SURVEY_READY || rendezvous->nat.ports != TRYST_PORTS_SEQUENTIAL ||
        survey->prober.probes[TR_PROBE_FRESH].socket != 0 ||
        kit->now_us - survey->sampled_us < FRESH_US)
        return;
    probe.socket = tr_sockets_take(kit->sockets);
    if (probe.socket != 0)
        ask(survey, TR_PROBE_FRESH, &probe, kit);
}

bool tr_survey_lifetime(struct tr_survey *survey, const struct tr_rendezvous *rendezvous,
                        uint8_t seconds, const struct tr_peer_kit *kit)
{
    return survey->stage == TR_SURVEY_READY && survey->server.family == 4 &&
           tr_lifetime_start(&survey->lifetime, &survey->server, rendezvous->app,
                             survey->prober.rtt_us, seconds, kit);
}

void tr_survey_doubt(struct tr_survey *survey)
{
    survey->is_stale = survey->stage != TR_SURVEY_IDLE;
    tr_sooner(&survey->again_us, survey->started_us + SPACING_DOUBT_US);
}
