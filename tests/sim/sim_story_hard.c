/* Stories of NATs that take another port for each destination.
 * SPDX-License-Identifier: MIT */
#include "tests/sim/sim_story.h"

#include <stdio.h>

enum { PAIRS = 100 };

/* What one side's NAT is like. */
struct hard {
    enum sim_mapping_kind mapping;
    enum sim_ports ports;
    uint16_t low, high;
    int16_t stride;
    uint32_t cross;
};

static const struct hard easy = {SIM_EIM, SIM_PORTS_KEEP, 0, 0, 0, 0};

static struct sim_client *client_behind(struct sim_world *w, const struct hard *hard)
{
    struct sim_site *site = sim_site_make(w, SIM_SITE_PORT, SIM_DELAY_US);
    struct sim_behaviour *v4 = &site->box->v4;
    v4->mapping = hard->mapping;
    v4->ports = hard->ports;
    v4->low = hard->low;
    v4->high = hard->high;
    v4->stride = hard->stride;
    v4->cross = hard->cross;
    struct sim_client *c = sim_site_client(w, site);
    c->options.sockets = TRYST_SOCKETS_MAX;
    return c;
}

/* PAIRS of them join, each pair a session of its own. */
static uint64_t pairs_make(struct sim_world *w, const struct hard *a, const struct hard *b)
{
    char name[16];
    w->has_relay = true;
    sim_server_make(w, SIM_DELAY_US, false);
    for (uint32_t i = 0; i < PAIRS; i++) {
        client_behind(w, a);
        client_behind(w, b);
    }
    sim_start_all(w);
    sim_run_for(w, SIM_S);
    for (uint32_t i = 0; i < w->client_count; i++) {
        snprintf(name, sizeof name, "pair%u", i / 2);
        sim_client_join(w->clients[i], name);
    }
    return w->now_us;
}

static uint32_t pairs_direct(struct sim_world *w)
{
    uint32_t direct = 0;
    for (uint32_t i = 0; i < PAIRS; i++) {
        struct sim_peer *a = sim_client_peer(w->clients[2 * i], w->clients[2 * i + 1]);
        struct sim_peer *b = sim_client_peer(w->clients[2 * i + 1], w->clients[2 * i]);
        direct += a != NULL && b != NULL && a->direct_us != 0 && b->direct_us != 0;
    }
    return direct;
}

static void pairs_meet(struct sim_world *w, const char *what, const struct hard *a,
                       const struct hard *b, uint64_t limit_us, uint32_t least)
{
    uint64_t start_us = pairs_make(w, a, b);
    sim_run_until(w, start_us + limit_us);
    uint32_t direct = pairs_direct(w);
    sim_expect(w, direct >= least, "%s: %u of %u pairs are direct after %.1f s, wanted %u", what,
               direct, PAIRS, (double)limit_us / 1e6, least);
    sim_run_for(w, 12 * SIM_S);
    for (uint32_t i = 0; i < w->client_count; i += 2) {
        struct sim_client *one = w->clients[i], *two = w->clients[i + 1];
        struct sim_peer *peer = sim_client_peer(one, two);
        bool is_direct = peer != NULL && peer->direct_us != 0; /* else they are at it again */
        sim_expect(w, !is_direct || (one->sockets <= 1 && two->sockets <= 1),
                   "%s and %s keep %u and %u further sockets", one->name, two->name, one->sockets,
                   two->sockets);
        sim_expect(w, sim_client_reaches(one, two), "%s lost %s", one->name, two->name);
    }
}

void sim_story_sequential(struct sim_world *w)
{
    static const int16_t strides[] = {1, 2, -1};
    struct hard hard = {SIM_APDM, SIM_PORTS_NEXT,       0,
                        0,        strides[w->seed % 3], w->seed % 2 != 0 ? 20 : 0};
    pairs_meet(w, "sequential", &hard, &easy, 2 * SIM_S, 90);
}

void sim_story_spray(struct sim_world *w)
{
    struct hard hard = {SIM_APDM, SIM_PORTS_RANDOM, 0, 0, 0, 0};
    pairs_meet(w, "random", &hard, &easy, 3 * SIM_S, 95);
}

void sim_story_blocks(struct sim_world *w)
{
    uint16_t size = w->seed % 2 != 0 ? 512 : 1024;
    struct hard a = {SIM_APDM, SIM_PORTS_RANDOM, 20480, (uint16_t)(20480 + size - 1), 0, 0};
    struct hard b = {SIM_APDM, SIM_PORTS_RANDOM, 40960, (uint16_t)(40960 + size - 1), 0, 0};
    pairs_meet(w, size == 512 ? "blocks of 512" : "blocks of 1,024", &a, &b,
               (size == 512 ? 3 : 6) * SIM_S, size == 512 ? 95 : 90);
}

/* The home router was asked for a port: on one side is enough. */
void sim_story_mapped(struct sim_world *w)
{
    struct hard hard = {SIM_APDM, SIM_PORTS_RANDOM, 0, 0, 0, 0};
    w->has_relay = true;
    sim_server_make(w, SIM_DELAY_US, false);
    struct sim_client *a = client_behind(w, &hard), *b = client_behind(w, &hard);
    struct sim_box *box = a->host->ifaces[0]->segment->gateway;
    struct tryst_address external = box->outer->ip4;
    box->forward = a->host->ifaces[0]->ip4;
    box->forward.port = external.port = a->host->port;
    bool is_late = w->seed % 2 != 0;
    sim_start_all(w);
    sim_run_for(w, SIM_S);
    if (!is_late)
        tryst_endpoint_set_mapped(a->endpoint, w->now_us, &external);
    sim_client_join(a, "mapped");
    sim_client_join(b, "mapped");
    sim_run_for(w, 2 * SIM_S);
    if (is_late)
        tryst_endpoint_set_mapped(a->endpoint, w->now_us, &external);
    sim_run_for(w, 2 * SIM_S);
    struct sim_peer *one = sim_client_peer(a, b), *two = sim_client_peer(b, a);
    sim_expect(w, one != NULL && two != NULL && one->direct_us != 0 && two->direct_us != 0,
               "a mapped port leads nowhere");
    sim_expect(w, a->sockets_most < TRYST_SOCKETS_MAX / 2, "%u sockets were opened for it",
               a->sockets_most);
    sim_expect_talk(w);
}

void sim_story_ladders(struct sim_world *w)
{
    struct hard a = {SIM_APDM, SIM_PORTS_NEXT, 0, 0, 1, 5};
    struct hard b = {SIM_APDM, SIM_PORTS_NEXT, 0, 0, w->seed % 2 != 0 ? 1 : 2, 5};
    pairs_meet(w, "sequential on both sides", &a, &b, 3 * SIM_S, 80);
}
