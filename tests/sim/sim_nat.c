/* A box between two segments: a NAT after RFC 4787, a stateful firewall, or both by family.
 * SPDX-License-Identifier: MIT */
#include "tests/sim/sim_nat.h"

#include "tests/sim/sim_world.h"
#include <stdlib.h>
#include <string.h>

/* nf_conntrack_udp_timeout: what an unanswered stranger's entry lives. */
#define POISON_US (30 * SIM_S)

struct sim_box *sim_box_make(struct sim_world *w, struct sim_segment *outer,
                             struct tryst_address ip4, const struct sim_behaviour *v4,
                             const struct sim_behaviour *v6, uint32_t delay_us)
{
    struct sim_box *box = sim_keep(w, sizeof *box);
    box->world = w;
    box->next_box = w->net.boxes;
    w->net.boxes = box;
    box->v4 = *v4;
    box->v6 = *v6;
    box->next_port = (uint16_t)(20000 + sim_random_below(&w->chance, 20000));
    box->inner = sim_segment_make(w, box);
    struct sim_attach *attach = sim_keep(w, sizeof *attach);
    attach->segment = outer;
    attach->box = box;
    attach->ip4 = ip4;
    attach->link.up.delay_us = delay_us;
    attach->link.down.delay_us = delay_us;
    box->outer = attach;
    if (sim_box_translates(box, 4))
        sim_segment_route(outer, &ip4, attach);
    return box;
}

void sim_box_clear(struct sim_box *box)
{
    for (uint32_t i = 0; i < box->count; i++)
        free(box->mappings[i].remotes);
    free(box->mappings);
    box->mappings = NULL;
    box->count = box->room = 0;
}

static const struct sim_behaviour *behaviour(const struct sim_box *box, uint8_t family)
{
    return family == 6 ? &box->v6 : &box->v4;
}

bool sim_box_translates(const struct sim_box *box, uint8_t family)
{
    return behaviour(box, family)->mapping != SIM_NO_MAPPING;
}

void sim_box_forget(struct sim_box *box)
{
    sim_box_clear(box);
    box->v4.ports = box->v4.ports == SIM_PORTS_KEEP ? SIM_PORTS_NEXT : box->v4.ports;
    memset(box->poison, 0, sizeof box->poison);
}

static bool is_alive(const struct sim_box *box, uint8_t family, uint64_t used_us)
{
    uint64_t timeout_us = behaviour(box, family)->timeout_us;
    return box->world->now_us - used_us < (timeout_us != 0 ? timeout_us : 120 * SIM_S);
}

static struct tryst_address key_of(const struct sim_behaviour *kind,
                                   const struct tryst_address *remote)
{
    struct tryst_address key = {0};
    if (kind->mapping == SIM_ADM || kind->mapping == SIM_APDM) {
        key = *remote;
        key.scope = 0;
        if (kind->mapping == SIM_ADM)
            key.port = 0;
    }
    return key;
}

static struct sim_mapping *find_inner(struct sim_box *box, const struct tryst_address *inner,
                                      const struct tryst_address *key, bool is_override)
{
    for (uint32_t i = 0; i < box->count; i++) {
        struct sim_mapping *m = &box->mappings[i];
        if (m->is_override == is_override && sim_address_equal(&m->inner, inner) &&
            sim_address_equal(&m->key, key) && is_alive(box, inner->family, m->used_us))
            return m;
    }
    return NULL;
}

/* The mapping of an outer address towards a remote one: mappings for other remotes may share it, as
 * netfilter's do. */
static struct sim_mapping *find_outer(struct sim_box *box, const struct tryst_address *outer,
                                      const struct tryst_address *remote)
{
    for (uint32_t i = 0; i < box->count; i++) {
        struct sim_mapping *m = &box->mappings[i];
        bool is_for = m->key.family == 0 || (sim_ip_equal(&m->key, remote) &&
                                             (m->key.port == 0 || m->key.port == remote->port));
        if (is_for && sim_address_equal(&m->outer, outer) &&
            is_alive(box, outer->family, m->used_us))
            return m;
    }
    return NULL;
}

static struct sim_mapping *new_mapping(struct sim_box *box, uint8_t family)
{
    for (uint32_t i = 0; i < box->count; i++) {
        struct sim_mapping *m = &box->mappings[i];
        if (m->inner.family == family && !is_alive(box, family, m->used_us)) {
            free(m->remotes);
            memset(m, 0, sizeof *m);
            return m;
        }
    }
    if (box->count == box->room) {
        box->room = box->room != 0 ? box->room * 2 : 4;
        box->mappings = realloc(box->mappings, box->room * sizeof *box->mappings);
        if (box->mappings == NULL)
            abort();
    }
    struct sim_mapping *m = &box->mappings[box->count++];
    memset(m, 0, sizeof *m);
    return m;
}

/* The next port of those that follow each other, past what others took since the last one. */
static uint16_t next_port(struct sim_box *box, const struct sim_behaviour *kind)
{
    struct sim_world *w = box->world;
    int32_t stride = kind->stride != 0 ? kind->stride : 1;
    uint64_t due = (w->now_us - box->crossed_us) * kind->cross; /* in millionths of a port */
    uint64_t others = due / SIM_S + sim_random_hit(&w->chance, (uint32_t)(due % SIM_S));
    box->crossed_us = w->now_us;
    int64_t port = box->next_port + stride * (int64_t)(1 + others % 40000);
    while (port > 60000 || port < 1024)
        port += port > 60000 ? -58976 : 58976;
    box->next_port = (uint16_t)port;
    return box->next_port;
}

static struct tryst_address choose_outer(struct sim_box *box, const struct tryst_address *inner,
                                         const struct tryst_address *remote, bool is_override)
{
    const struct sim_behaviour *kind = behaviour(box, inner->family);
    if (kind->mapping == SIM_NO_MAPPING)
        return *inner;
    struct tryst_address outer = inner->family == 6 ? box->outer->ip6 : box->outer->ip4;
    outer.port = inner->port;
    enum sim_ports ports = is_override ? SIM_PORTS_RANDOM : kind->ports;
    for (bool is_first = true;; is_first = false) {
        uint16_t low = kind->low != 0 ? kind->low : 1024;
        uint16_t high = kind->high != 0 ? kind->high : 65535;
        if (ports == SIM_PORTS_RANDOM)
            outer.port = (uint16_t)(low + sim_random_below(&box->world->chance, high - low + 1U));
        else if (ports == SIM_PORTS_NEXT || !is_first)
            outer.port = next_port(box, kind);
        if (find_outer(box, &outer, remote) == NULL)
            return outer;
    }
}

static struct sim_remote *find_poison(struct sim_box *box, const struct tryst_address *remote,
                                      uint16_t port)
{
    for (size_t i = 0; i < sizeof box->poison / sizeof box->poison[0]; i++) {
        struct sim_remote *p = &box->poison[i];
        if (sim_address_equal(&p->address, remote) && p->address.scope == port &&
            box->world->now_us - p->used_us < POISON_US)
            return p;
    }
    return NULL;
}

static void add_poison(struct sim_box *box, const struct tryst_address *remote, uint16_t port)
{
    struct sim_remote *oldest = find_poison(box, remote, port);
    for (size_t i = 0; oldest == NULL && i < sizeof box->poison / sizeof box->poison[0]; i++)
        if (box->poison[i].address.family == 0)
            oldest = &box->poison[i];
    if (oldest == NULL)
        oldest = &box->poison[sim_random_below(&box->world->chance, 64)];
    *oldest = (struct sim_remote){*remote, box->world->now_us};
    oldest->address.scope = port;
}

static struct sim_remote *find_remote(const struct sim_box *box, const struct sim_mapping *m,
                                      const struct tryst_address *remote, bool any_port)
{
    for (uint32_t i = 0; i < m->count; i++) {
        struct sim_remote *r = &m->remotes[i];
        if ((any_port ? sim_ip_equal(&r->address, remote)
                      : sim_address_equal(&r->address, remote)) &&
            is_alive(box, remote->family, r->used_us))
            return r;
    }
    return NULL;
}

static void note_remote(struct sim_box *box, struct sim_mapping *m,
                        const struct tryst_address *remote)
{
    struct sim_remote *r = find_remote(box, m, remote, false);
    for (uint32_t i = 0; r == NULL && i < m->count; i++)
        if (!is_alive(box, remote->family, m->remotes[i].used_us))
            r = &m->remotes[i];
    if (r == NULL) {
        if (m->count == m->room) {
            m->room = m->room != 0 ? m->room * 2 : 4;
            m->remotes = realloc(m->remotes, m->room * sizeof *m->remotes);
            if (m->remotes == NULL)
                abort();
        }
        r = &m->remotes[m->count++];
    }
    *r = (struct sim_remote){*remote, box->world->now_us};
    m->used_us = box->world->now_us;
}

/* A source that got a wrong port for one destination gets it for every new one: netfilter takes over the
 * newest of a source's mappings (find_appropriate_src). */
static const struct sim_mapping *find_wrong(const struct sim_box *box,
                                            const struct tryst_address *inner)
{
    for (uint32_t i = box->count; i > 0; i--) {
        const struct sim_mapping *m = &box->mappings[i - 1];
        if (m->is_override && sim_address_equal(&m->inner, inner) &&
            is_alive(box, inner->family, m->used_us))
            return m;
    }
    return NULL;
}

/* The mapping that a packet out uses, made where there is none. */
static struct sim_mapping *map_out(struct sim_box *box, const struct tryst_address *inner,
                                   const struct tryst_address *remote)
{
    const struct sim_behaviour *kind = behaviour(box, inner->family);
    struct tryst_address exact = *remote;
    exact.scope = 0;
    struct sim_mapping *m = find_inner(box, inner, &exact, true);
    if (m != NULL)
        return m;
    struct tryst_address key = key_of(kind, remote);
    m = find_inner(box, inner, &key, false);
    const struct sim_mapping *wrong = NULL;
    bool is_override = false;
    if (kind->is_poisoned && (m == NULL || find_remote(box, m, remote, false) == NULL)) {
        uint16_t port = m != NULL ? m->outer.port : inner->port;
        wrong = find_wrong(box, inner);
        is_override = find_poison(box, remote, port) != NULL || wrong != NULL;
    }
    if (m == NULL || is_override) {
        struct tryst_address outer =
            wrong != NULL ? wrong->outer : choose_outer(box, inner, remote, is_override);
        m = new_mapping(box, inner->family);
        m->inner = *inner;
        m->outer = outer;
        m->key = is_override ? exact : key;
        m->is_override = is_override;
        m->used_us = box->world->now_us;
    }
    return m;
}

static bool does_pass(const struct sim_box *box, const struct sim_behaviour *kind,
                      const struct sim_mapping *m, const struct tryst_address *remote)
{
    return kind->filter == SIM_EIF || find_remote(box, m, remote, kind->filter == SIM_ADF) != NULL;
}

/* A port that was asked for leads in, whoever knocks, and what is answered leaves from it. */
static struct sim_mapping *forward(struct sim_box *box, const struct sim_packet *packet)
{
    if (box->forward.family == 0 || packet->dst.family != 4 ||
        packet->dst.port != box->forward.port)
        return NULL;
    struct sim_mapping *m = new_mapping(box, 4);
    m->inner = box->forward;
    m->outer = packet->dst;
    m->key = packet->src;
    m->outer.scope = m->key.scope = 0;
    m->is_override = true;
    m->used_us = box->world->now_us;
    note_remote(box, m, &m->key);
    return m;
}

/* What comes from outside to the box's own or an inner address; a hairpinned packet too. */
static void enter(struct sim_world *w, struct sim_box *box, struct sim_packet *packet)
{
    const struct sim_behaviour *kind = behaviour(box, packet->dst.family);
    if (kind->mapping == SIM_NO_MAPPING && kind->filter == SIM_EIF) {
        sim_segment_pass(w, box->inner, packet);
        return;
    }
    struct sim_mapping *m = find_outer(box, &packet->dst, &packet->src);
    if (m == NULL || !does_pass(box, kind, m, &packet->src)) {
        struct sim_mapping *led = forward(box, packet);
        m = led != NULL ? led : m;
    }
    if (m == NULL || !does_pass(box, kind, m, &packet->src)) {
        if (kind->is_poisoned)
            add_poison(box, &packet->src, packet->dst.port);
        sim_net_drop(w, packet, m == NULL ? "no mapping" : "filtered");
        return;
    }
    /* RFC 4787 REQ-6 allows inbound refresh; Linux does it. */
    struct sim_remote *r = find_remote(box, m, &packet->src, false);
    if (r != NULL)
        r->used_us = w->now_us;
    m->used_us = w->now_us;
    packet->dst = m->inner;
    sim_segment_pass(w, box->inner, packet);
}

void sim_box_outbound(struct sim_world *w, struct sim_box *box, struct sim_packet *packet)
{
    const struct sim_behaviour *kind = behaviour(box, packet->dst.family);
    /* A packet whose time is over is dropped before it makes a mapping, as ip_forward does. */
    if (packet->ttl <= 1 || kind->is_closed) {
        sim_net_drop(w, packet, kind->is_closed ? "closed" : "ttl at a gateway");
        return;
    }
    packet->ttl--;
    bool is_own = kind->mapping != SIM_NO_MAPPING && packet->dst.family == 4 &&
                  sim_ip_equal(&packet->dst, &box->outer->ip4);
    if (is_own && !kind->hairpin) {
        sim_net_drop(w, packet, "no hairpin");
        return;
    }
    struct sim_mapping *m = map_out(box, &packet->src, &packet->dst);
    note_remote(box, m, &packet->dst);
    packet->src = m->outer;
    if (is_own) {
        enter(w, box, packet);
        return;
    }
    packet->attach = box->outer;
    sim_line_carry(w, &box->outer->link.up, packet, sim_segment_arrive);
}

void sim_box_inbound(struct sim_world *w, struct sim_box *box, struct sim_packet *packet)
{
    if (packet->ttl <= 1 || behaviour(box, packet->dst.family)->is_closed) {
        sim_net_drop(w, packet, "ttl or closed");
        return;
    }
    packet->ttl--;
    enter(w, box, packet);
}
