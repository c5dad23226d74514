/* Stories of clients that learn what NAT they are behind.
 * SPDX-License-Identifier: MIT */
#include "tests/sim/sim_story.h"

#include <stdio.h>

enum { NATS = 14, DATAGRAMS_MOST = 64 };

#define KNOWN_US SIM_S

/* A site whose NAT chance chooses. */
static struct sim_site *site_of(struct sim_world *w, uint32_t i)
{
    struct sim_random *choice = &w->choice;
    uint32_t kind = i < SIM_SITE_COUNT ? i : SIM_SITE_COUNT + i % 3;
    uint32_t delay_us = 1000 + (uint32_t)sim_random_below(choice, 40000);
    if (kind < SIM_SITE_COUNT && kind != SIM_SITE_PORT)
        return sim_site_make(w, (enum sim_site_kind)kind, delay_us);
    struct sim_site *site = sim_site_make(w, SIM_SITE_PORT, delay_us);
    struct sim_behaviour *v4 = &site->box->v4;
    static const int16_t strides[] = {1, 2, -1, -2, 3, 8};
    v4->hairpin = sim_random_below(choice, 2) != 0;
    v4->filter = (enum sim_filter_kind)(SIM_EIF + sim_random_below(choice, 3));
    if (kind == SIM_SITE_PORT) {
        v4->is_poisoned = sim_random_below(choice, 2) != 0;
        v4->ports = sim_random_below(choice, 2) != 0 ? SIM_PORTS_RANDOM : SIM_PORTS_KEEP;
        return site;
    }
    v4->mapping = kind == SIM_SITE_COUNT ? SIM_ADM : SIM_APDM;
    v4->ports = sim_random_below(choice, 2) != 0 ? SIM_PORTS_RANDOM : SIM_PORTS_NEXT;
    v4->stride = strides[sim_random_below(choice, 6)];
    v4->cross = (uint32_t)sim_random_below(choice, 3) * 25;
    if (v4->ports == SIM_PORTS_RANDOM && sim_random_below(choice, 3) != 0) {
        uint32_t size = 256U << sim_random_below(choice, 4);
        v4->low = (uint16_t)(size * (1 + sim_random_below(choice, 60000 / size)));
        v4->low = v4->low < 1024 ? 4096 : v4->low;
        v4->high = (uint16_t)(v4->low + size - 1);
    }
    return site;
}

static void nats_make(struct sim_world *w)
{
    w->has_other_ip = w->seed % 2 != 0;
    sim_server_make(w, SIM_DELAY_US, false);
    for (uint32_t i = 0; i < NATS; i++) {
        struct sim_client *c = sim_site_client(w, site_of(w, i));
        c->options.sockets = i == NATS - 1 ? 0 : TRYST_SOCKETS_MAX;
    }
}

/* The NAT that counts: none for a host with a public address. */
static struct sim_behaviour behaviour_of(const struct sim_client *c)
{
    const struct sim_box *box = c->host->ifaces[0]->segment->gateway;
    if (box == NULL)
        return (struct sim_behaviour){.mapping = SIM_NO_MAPPING, .filter = SIM_EIF};
    struct sim_behaviour nat = box->v4;
    const struct sim_box *carrier = box->outer->segment->gateway;
    if (carrier != NULL && nat.ports == SIM_PORTS_KEEP)
        nat.ports = carrier->v4.ports;
    return nat;
}

static uint32_t mapping_of(const struct sim_world *w, const struct sim_behaviour *nat)
{
    switch (nat->mapping) {
    case SIM_NO_MAPPING:
        return TRYST_MAPPING_NONE;
    case SIM_APDM:
        return TRYST_MAPPING_PORT_DEPENDENT;
    case SIM_ADM:
        return w->has_other_ip ? TRYST_MAPPING_ADDRESS_DEPENDENT
                               : TRYST_MAPPING_ENDPOINT_INDEPENDENT;
    default:
        return TRYST_MAPPING_ENDPOINT_INDEPENDENT;
    }
}

static uint32_t filtering_of(const struct sim_world *w, const struct sim_behaviour *nat)
{
    /* A mapping that is for one destination lets nobody else in. */
    if (nat->filter == SIM_APDF || nat->mapping == SIM_APDM)
        return TRYST_FILTERING_PORT_DEPENDENT;
    return nat->filter == SIM_ADF || nat->mapping == SIM_ADM || !w->has_other_ip
               ? TRYST_FILTERING_ADDRESS_DEPENDENT
               : TRYST_FILTERING_ENDPOINT_INDEPENDENT;
}

/* By chance two destinations have one port: nobody can tell that from a NAT that always does so. */
static bool is_odd(const struct sim_client *c)
{
    const struct sim_box *box = c->host->ifaces[0]->segment->gateway;
    for (uint32_t i = 0; box != NULL && i < box->count; i++)
        for (uint32_t j = 0; j < i; j++)
            if (sim_address_equal(&box->mappings[i].inner, &box->mappings[j].inner) &&
                sim_address_equal(&box->mappings[i].outer, &box->mappings[j].outer))
                return true;
    return false;
}

static struct tryst_survey survey_of(struct sim_world *w, const struct sim_client *c)
{
    struct tryst_survey survey;
    tryst_result result = tryst_endpoint_survey(c->endpoint, &survey);
    sim_expect(w, result == TRYST_OK, "tryst_endpoint_survey says %d", result);
    return survey;
}

static void expect_mapping(struct sim_world *w, const struct sim_client *c)
{
    struct sim_behaviour nat = behaviour_of(c);
    struct tryst_survey survey = survey_of(w, c);
    sim_expect(w, survey.state == TRYST_SURVEY_DONE, "%s: the survey is %s", c->name,
               tryst_survey_state_name(survey.state));
    sim_expect(w, survey.mapping == mapping_of(w, &nat), "%s: mapping %s, not %s", c->name,
               tryst_mapping_name(survey.mapping), tryst_mapping_name(mapping_of(w, &nat)));
}

/* A small block may be taken for another: half of it has to be hit, by one that is at most twice as large. */
static void expect_block(struct sim_world *w, const struct sim_client *c,
                         const struct tryst_survey *survey, const struct sim_behaviour *nat)
{
    uint32_t low = nat->low != 0 ? nat->low : 1024;
    uint32_t high = nat->high != 0 ? nat->high : 65535;
    uint32_t from = survey->low > low ? survey->low : low;
    uint32_t to = survey->high < high ? survey->high : high;
    uint32_t size = high - low + 1;
    sim_expect(
        w, to >= from && (to - from + 1) * 2 >= size && survey->high - survey->low + 1U <= 2 * size,
        "%s: ports %u to %u, not %u to %u", c->name, survey->low, survey->high, low, high);
}

static void expect_ports(struct sim_world *w, const struct sim_client *c)
{
    struct sim_behaviour nat = behaviour_of(c);
    struct tryst_survey survey = survey_of(w, c);
    uint32_t expected = TRYST_PORTS_PRESERVED;
    bool is_hard = survey.mapping == TRYST_MAPPING_ADDRESS_DEPENDENT ||
                   survey.mapping == TRYST_MAPPING_PORT_DEPENDENT;
    if (is_hard)
        expected = nat.ports == SIM_PORTS_NEXT ? TRYST_PORTS_SEQUENTIAL : TRYST_PORTS_RANDOM;
    else if (nat.mapping != SIM_NO_MAPPING && nat.ports != SIM_PORTS_KEEP)
        expected = TRYST_PORTS_STEADY;
    sim_expect(w, survey.ports == expected, "%s: ports %s, not %s", c->name,
               tryst_port_pattern_name(survey.ports), tryst_port_pattern_name(expected));
    if (expected == TRYST_PORTS_SEQUENTIAL)
        sim_expect(w, survey.stride == (nat.stride != 0 ? nat.stride : 1), "%s: stride %d, not %d",
                   c->name, survey.stride, nat.stride);
    if (expected == TRYST_PORTS_RANDOM)
        expect_block(w, c, &survey, &nat);
}

static void expect_rest(struct sim_world *w, const struct sim_client *c)
{
    struct sim_behaviour nat = behaviour_of(c);
    struct tryst_survey survey = survey_of(w, c);
    uint32_t expected = filtering_of(w, &nat);
    sim_expect(w, survey.filtering == expected, "%s: filtering %s, not %s", c->name,
               tryst_filtering_name(survey.filtering), tryst_filtering_name(expected));
    if (nat.mapping == SIM_EIM && !nat.is_poisoned) /* that the first try spoils */
        sim_expect(w, survey.hairpin == (nat.hairpin ? TRYST_FINDING_YES : TRYST_FINDING_NO),
                   "%s: hairpin %s", c->name, tryst_finding_name(survey.hairpin));
    if (nat.mapping == SIM_EIM && nat.filter == SIM_APDF)
        sim_expect(w, survey.poison == (nat.is_poisoned ? TRYST_FINDING_YES : TRYST_FINDING_NO),
                   "%s: poison %s", c->name, tryst_finding_name(survey.poison));
    sim_expect(w, survey.datagrams <= DATAGRAMS_MOST, "%s: %u datagrams", c->name,
               survey.datagrams);
    sim_expect(w, c->sockets <= (c->session[0] != 0), /* a path to a peer may be by one */
               "%s keeps %u sockets", c->name, c->sockets);
}

void sim_story_survey(struct sim_world *w)
{
    nats_make(w);
    sim_start_all(w);
    sim_run_for(w, KNOWN_US);
    for (uint32_t i = 0; i < NATS; i++) {
        if (is_odd(w->clients[i]))
            continue;
        expect_mapping(w, w->clients[i]);
        if (w->clients[i]->options.sockets == 0)
            continue;
        expect_ports(w, w->clients[i]);
        expect_rest(w, w->clients[i]);
    }
}

void sim_story_survey_lossy(struct sim_world *w)
{
    nats_make(w);
    for (uint32_t i = 0; i < NATS; i++) {
        struct sim_link *link = sim_client_uplink(w->clients[i]);
        link->up.loss = link->down.loss = 100000;
    }
    sim_start_all(w);
    sim_run_for(w, 3 * SIM_S);
    for (uint32_t i = 0; i < NATS; i++)
        if (!is_odd(w->clients[i]))
            expect_mapping(w, w->clients[i]);
}

/* From one home to another, with the game running. */
void sim_story_survey_moves(struct sim_world *w)
{
    w->has_other_ip = true;
    sim_server_make(w, SIM_DELAY_US, false);
    struct sim_client *c = sim_client_at(w, SIM_SITE_SYMMETRIC, SIM_DELAY_US);
    struct sim_client *other = sim_client_at(w, SIM_SITE_PUBLIC, SIM_DELAY_US);
    struct sim_site *site = sim_site_make(w, SIM_SITE_CONE, SIM_DELAY_US);
    c->options.sockets = other->options.sockets = TRYST_SOCKETS_MAX;
    sim_start_all(w);
    sim_join_all(w);
    sim_run_for(w, 3 * SIM_S);
    expect_mapping(w, c);
    expect_ports(w, c);
    c->host->count = 0;
    sim_site_attach(w, site, c->host);
    sim_client_tell_local(c);
    sim_run_for(w, 3 * SIM_S);
    expect_mapping(w, c);
    expect_ports(w, c);
    expect_rest(w, c);
}

/* Both sides begin with nothing: the survey runs beside the first hellos. */
void sim_story_hard_cold(struct sim_world *w)
{
    enum { PAIRS = 20 };
    char name[16];
    uint32_t direct = 0;
    w->has_relay = true;
    w->has_other_ip = w->seed % 2 != 0;
    sim_server_make(w, SIM_DELAY_US, false);
    for (uint32_t i = 0; i < 2 * PAIRS; i++) {
        struct sim_client *c =
            sim_client_at(w, i % 2 == 0 ? SIM_SITE_SYMMETRIC : SIM_SITE_PORT, SIM_DELAY_US);
        c->options.sockets = TRYST_SOCKETS_MAX;
        snprintf(name, sizeof name, "pair%u", i / 2);
        sim_client_start(c);
        sim_client_join(c, name);
    }
    sim_run_for(w, 3 * SIM_S);
    for (uint32_t i = 0; i < 2 * PAIRS; i += 2) {
        struct sim_peer *peer = sim_client_peer(w->clients[i], w->clients[i + 1]);
        direct += peer != NULL && peer->direct_us != 0;
    }
    sim_expect(w, direct * 20 >= 19 * PAIRS, "%u of %u pairs are direct", direct, PAIRS);
}

/* Ports that follow each other have gone on for long when somebody comes: the newest one is looked at again. */
void sim_story_hard_stale(struct sim_world *w)
{
    enum { PAIRS = 20 };
    char name[16];
    uint32_t direct = 0;
    w->has_relay = true;
    sim_server_make(w, SIM_DELAY_US, false);
    for (uint32_t i = 0; i < 2 * PAIRS; i++) {
        struct sim_client *c = sim_client_at(w, SIM_SITE_PORT, SIM_DELAY_US);
        struct sim_behaviour *v4 = &c->host->ifaces[0]->segment->gateway->v4;
        c->options.sockets = TRYST_SOCKETS_MAX;
        if (i % 2 != 0)
            continue;
        v4->mapping = SIM_APDM;
        v4->ports = SIM_PORTS_NEXT;
        v4->cross = 20;
    }
    sim_start_all(w);
    for (uint32_t i = 0; i < 2 * PAIRS; i++) {
        snprintf(name, sizeof name, "pair%u", i / 2);
        if (i % 2 == 0)
            sim_client_join(w->clients[i], name);
    }
    sim_run_for(w, 600 * SIM_S);
    for (uint32_t i = 1; i < 2 * PAIRS; i += 2) {
        snprintf(name, sizeof name, "pair%u", i / 2);
        sim_client_join(w->clients[i], name);
    }
    sim_run_for(w, 3 * SIM_S);
    for (uint32_t i = 0; i < 2 * PAIRS; i += 2) {
        struct sim_peer *peer = sim_client_peer(w->clients[i], w->clients[i + 1]);
        direct += peer != NULL && peer->direct_us != 0;
    }
    sim_expect(w, direct * 10 >= 9 * PAIRS, "%u of %u pairs are direct", direct, PAIRS);
}

/* The server's IPv6 is heard of first; it is the IPv4 that has a NAT to be sprayed. */
void sim_story_hard_dual(struct sim_world *w)
{
    w->has_relay = true;
    struct sim_server *server = sim_server_make(w, SIM_DELAY_US, true);
    struct tryst_address ip4 = server->addresses[0];
    server->addresses[0] = server->addresses[1];
    server->addresses[1] = ip4;
    struct sim_client *dual =
        sim_site_client(w, sim_site_make_ipv6(w, SIM_SITE_SYMMETRIC, SIM_DELAY_US));
    struct sim_client *other = sim_client_at(w, SIM_SITE_PORT, SIM_DELAY_US);
    dual->options.sockets = other->options.sockets = TRYST_SOCKETS_MAX;
    sim_start_all(w);
    sim_join_all(w);
    sim_run_for(w, 3 * SIM_S);
    sim_expect(w, survey_of(w, dual).mapping == TRYST_MAPPING_PORT_DEPENDENT, "mapping %s",
               tryst_mapping_name(survey_of(w, dual).mapping));
    struct sim_peer *peer = sim_client_peer(other, dual);
    sim_expect(w, peer != NULL && peer->direct_us != 0, "not direct after 3 s");
    sim_expect_talk(w);
}
