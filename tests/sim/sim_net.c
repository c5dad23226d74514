/* Segments, hosts and boxes, and how a packet finds its way between them.
 * SPDX-License-Identifier: MIT */
#include "tests/sim/sim_net.h"

#include "tests/sim/sim_map.h"
#include "tests/sim/sim_nat.h"
#include "tests/sim/sim_server.h"
#include "tests/sim/sim_world.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sim_net_init(struct sim_world *w)
{
    w->net.core.hops = 3;
}

void sim_net_clear(struct sim_world *w)
{
    for (struct sim_box *box = w->net.boxes; box != NULL; box = box->next_box)
        sim_box_clear(box);
    for (uint32_t i = 0; i < w->net.segment_count; i++)
        free(w->net.segments[i]->routes);
    free(w->net.segments);
    free(w->net.core.routes);
}

struct tryst_address sim_ip4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port)
{
    return (struct tryst_address){.family = 4, .port = port, .ip = {a, b, c, d}};
}

struct tryst_address sim_ip6(uint32_t net, uint32_t host, uint16_t port)
{
    struct tryst_address a = {.family = 6, .port = port, .ip = {0x2a, 0x0d}};
    for (int i = 0; i < 4; i++) {
        a.ip[4 + i] = (uint8_t)(net >> (24 - 8 * i));
        a.ip[12 + i] = (uint8_t)(host >> (24 - 8 * i));
    }
    return a;
}

/* 60.0.0.0/8 is plain routed space: a documentation prefix would be refused as a candidate. */
struct tryst_address sim_net_public4(struct sim_world *w)
{
    uint32_t n = ++w->net.public4;
    return sim_ip4(w->net.is_inside ? 10 : 60, (uint8_t)(n >> 8), (uint8_t)n, 10, 0);
}

struct tryst_address sim_net_public6(struct sim_world *w)
{
    return sim_ip6(++w->net.public6, 1, 0);
}

bool sim_ip_equal(const struct tryst_address *a, const struct tryst_address *b)
{
    return a->family == b->family && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

bool sim_address_equal(const struct tryst_address *a, const struct tryst_address *b)
{
    return a->port == b->port && sim_ip_equal(a, b);
}

uint64_t sim_address_hash(const struct tryst_address *a)
{
    return sim_hash((uint64_t)a->family << 16 | a->port, a->ip, sizeof a->ip);
}

void sim_address_text(const struct tryst_address *a, char text[TRYST_ADDRESS_TEXT_SIZE])
{
    if (a->family == 4) {
        snprintf(text, TRYST_ADDRESS_TEXT_SIZE, "%u.%u.%u.%u:%u", a->ip[0], a->ip[1], a->ip[2],
                 a->ip[3], a->port);
    } else if (a->family == 6) {
        int n = snprintf(text, TRYST_ADDRESS_TEXT_SIZE, "[");
        for (int i = 0; i < 16; i += 2)
            n += snprintf(text + n, (size_t)(TRYST_ADDRESS_TEXT_SIZE - n), i == 0 ? "%x" : ":%x",
                          (unsigned)(a->ip[i] << 8 | a->ip[i + 1]));
        snprintf(text + n, (size_t)(TRYST_ADDRESS_TEXT_SIZE - n), "]:%u", a->port);
    } else {
        snprintf(text, TRYST_ADDRESS_TEXT_SIZE, "none");
    }
}

struct sim_segment *sim_segment_make(struct sim_world *w, struct sim_box *gateway)
{
    struct sim_net *net = &w->net;
    struct sim_segment *segment = sim_keep(w, sizeof *segment);
    segment->gateway = gateway;
    if (net->segment_count == net->segment_room) {
        net->segment_room = net->segment_room != 0 ? net->segment_room * 2 : 16;
        net->segments = realloc(net->segments, net->segment_room * sizeof *net->segments);
        if (net->segments == NULL)
            abort();
    }
    net->segments[net->segment_count++] = segment;
    return segment;
}

void sim_segment_route(struct sim_segment *segment, const struct tryst_address *ip,
                       struct sim_attach *attach)
{
    if (segment->count == segment->room) {
        segment->room = segment->room != 0 ? segment->room * 2 : 8;
        segment->routes = realloc(segment->routes, segment->room * sizeof *segment->routes);
        if (segment->routes == NULL)
            abort();
    }
    segment->routes[segment->count++] = (struct sim_route){*ip, attach};
}

static struct sim_attach *find_route(const struct sim_segment *segment,
                                     const struct tryst_address *ip)
{
    for (uint32_t i = 0; i < segment->count; i++)
        if (sim_ip_equal(&segment->routes[i].ip, ip))
            return segment->routes[i].attach;
    return NULL;
}

struct sim_host *sim_host_make(struct sim_world *w, uint16_t port)
{
    struct sim_host *host = sim_keep(w, sizeof *host);
    host->port = port;
    return host;
}

/* An address behind boxes that do not translate it is known in the segments outside them too. */
static void announce(struct sim_segment *segment, const struct tryst_address *ip,
                     struct sim_attach *attach)
{
    while (ip->family != 0) {
        sim_segment_route(segment, ip, attach);
        struct sim_box *box = segment->gateway;
        if (box == NULL || sim_box_translates(box, ip->family))
            return;
        attach = box->outer;
        segment = attach->segment;
    }
}

struct sim_attach *sim_host_attach(struct sim_world *w, struct sim_host *host,
                                   struct sim_segment *segment, struct tryst_address ip4,
                                   struct tryst_address ip6, uint32_t delay_us)
{
    struct sim_attach *attach = sim_keep(w, sizeof *attach);
    attach->segment = segment;
    attach->host = host;
    attach->ip4 = ip4;
    attach->ip6 = ip6;
    attach->link.up.delay_us = delay_us;
    attach->link.down.delay_us = delay_us;
    announce(segment, &ip4, attach);
    announce(segment, &ip6, attach);
    host->ifaces[host->count++] = attach;
    attach->index = host->count;
    return attach;
}

static struct sim_packet *take_packet(struct sim_world *w)
{
    struct sim_packet *packet = w->net.free;
    if (packet == NULL)
        return sim_keep(w, sizeof *packet);
    w->net.free = packet->next;
    return packet;
}

static void give_back(struct sim_world *w, struct sim_packet *packet)
{
    packet->next = w->net.free;
    w->net.free = packet;
}

struct sim_packet *sim_net_copy(struct sim_world *w, const struct sim_packet *packet)
{
    struct sim_packet *copy = take_packet(w);
    *copy = *packet;
    return copy;
}

void sim_net_drop(struct sim_world *w, struct sim_packet *packet, const char *why)
{
    sim_trace(w, "drop", packet, why);
    give_back(w, packet);
}

static const struct tryst_address *own_ip(const struct sim_attach *attach, uint8_t family)
{
    return family == 4 ? &attach->ip4 : &attach->ip6;
}

/* As the kernel does: the source decides where it is given, then who is on the link, then the
 * default route, which does not know that its uplink is dead. */
static struct sim_attach *choose_iface(const struct sim_host *host,
                                       const struct sim_sending *sending)
{
    uint8_t family = sending->to.family;
    struct sim_attach *first = NULL;
    for (uint32_t i = 0; i < host->count; i++) {
        struct sim_attach *attach = host->ifaces[i];
        if (own_ip(attach, family)->family == 0)
            continue;
        if (!sending->is_spoofed && sending->from.family != 0 &&
            sim_ip_equal(own_ip(attach, family), &sending->from))
            return attach;
        if (first == NULL)
            first = attach;
    }
    if (sending->from.family != 0 && !sending->is_spoofed)
        return NULL;
    for (uint32_t i = 0; i < host->count; i++)
        if (host->ifaces[i]->segment->gateway != NULL &&
            find_route(host->ifaces[i]->segment, &sending->to) != NULL)
            return host->ifaces[i];
    return first;
}

int sim_host_socket(const struct sim_host *host, uint16_t port)
{
    if (port == host->port)
        return 0;
    for (int i = 1; i <= TRYST_SOCKETS_MAX; i++)
        if (host->ports[i] == port && port != 0)
            return i;
    return -1;
}

/* The port of a socket, which is opened when it is first used: a new port each time. */
static uint16_t port_of(struct sim_host *host, uint32_t socket)
{
    if (socket == 0)
        return host->port;
    if (host->ports[socket] == 0) {
        host->newest_port = host->newest_port >= 40000 && host->newest_port < 60000
                                ? (uint16_t)(host->newest_port + 1)
                                : 40000;
        host->ports[socket] = host->newest_port;
    }
    return host->ports[socket];
}

void sim_host_send(struct sim_world *w, struct sim_host *host, const struct sim_sending *sending)
{
    struct sim_packet *packet = take_packet(w);
    memset(packet, 0, offsetof(struct sim_packet, data));
    packet->serial = ++w->net.serial;
    packet->dst = sending->to;
    packet->dst.scope = 0;
    packet->asked = packet->dst;
    packet->ttl = sending->ttl != 0 ? sending->ttl : SIM_TTL;
    packet->origin = sending->origin;
    packet->is_genuine = sending->is_genuine;
    packet->size = (uint32_t)(sending->size < SIM_PACKET_MAX ? sending->size : SIM_PACKET_MAX);
    memcpy(packet->data, sending->data, packet->size);
    struct sim_attach *attach = choose_iface(host, sending);
    if (host->is_down || host->is_blocked || attach == NULL) {
        sim_net_drop(w, packet, host->is_blocked ? "blocked" : "no interface");
        return;
    }
    packet->src = *own_ip(attach, sending->to.family);
    packet->src.port = port_of(host, sending->socket);
    if (sending->is_spoofed)
        packet->src = sending->from;
    packet->attach = attach;
    sim_trace(w, "send", packet, "");
    sim_line_carry(w, &attach->link.up, packet, sim_segment_arrive);
}

static void arrive_at_owner(struct sim_world *w, void *object, uint64_t tag)
{
    struct sim_packet *packet = object;
    struct sim_attach *attach = packet->attach;
    (void)tag;
    if (attach->box != NULL) {
        sim_box_inbound(w, attach->box, packet);
        return;
    }
    struct sim_host *host = attach->host;
    if (host->is_down || host->receive == NULL || sim_host_socket(host, packet->dst.port) < 0) {
        sim_net_drop(w, packet, "nobody listens");
        return;
    }
    sim_trace(w, "arrive", packet, "");
    struct tryst_address to = packet->dst;
    to.scope = attach->index;
    host->receive(w, host->object, packet, &to);
    give_back(w, packet);
}

/* Whether the fault between clients takes a packet that crosses the core. */
static bool is_faulty(struct sim_world *w, const struct sim_packet *packet)
{
    const struct sim_fault *fault = &w->net.fault;
    if (w->server != NULL &&
        (sim_server_owns(w->server, &packet->src) || sim_server_owns(w->server, &packet->dst)))
        return fault->deaf.family != 0 && sim_ip_equal(&fault->deaf, &packet->dst);
    if (fault->from.family != 0 && !sim_ip_equal(&fault->from, &packet->src))
        return false;
    if (fault->frame != 0 && fault->frame != packet->data[0])
        return false;
    return fault->is_cut || (fault->size_max != 0 && packet->size > fault->size_max) ||
           sim_random_hit(&w->chance, fault->loss);
}

void sim_segment_pass(struct sim_world *w, struct sim_segment *segment, struct sim_packet *packet)
{
    struct sim_attach *attach = find_route(segment, &packet->dst);
    if (segment->gateway == NULL && w->net.tap != NULL)
        w->net.tap(w, w->net.tap_object, packet);
    if (segment->gateway == NULL && is_faulty(w, packet)) {
        sim_net_drop(w, packet, "fault");
        return;
    }
    if (segment->hops != 0) {
        if (packet->ttl <= segment->hops) {
            sim_net_drop(w, packet, "ttl in the core");
            return;
        }
        packet->ttl -= segment->hops;
    }
    if (attach != NULL) {
        packet->attach = attach;
        sim_line_carry(w, &attach->link.down, packet, arrive_at_owner);
    } else if (segment->gateway != NULL) {
        sim_box_outbound(w, segment->gateway, packet);
    } else {
        sim_net_drop(w, packet, "no route");
    }
}

void sim_segment_arrive(struct sim_world *w, void *object, uint64_t tag)
{
    struct sim_packet *packet = object;
    (void)tag;
    sim_segment_pass(w, packet->attach->segment, packet);
}
