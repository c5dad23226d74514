/* Segments, hosts and boxes, and how a packet finds its way between them.
 * SPDX-License-Identifier: MIT */
#ifndef SIM_NET_H
#define SIM_NET_H

#include "tests/sim/sim_link.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tryst/address.h>
#include <tryst/options.h>

#define SIM_PACKET_MAX 1472
#define SIM_IFACES_MAX 4
#define SIM_TTL 64

struct sim_host;
struct sim_box;
struct sim_segment;
struct sim_party;

struct sim_packet {
    struct tryst_address src;
    struct tryst_address dst;
    struct tryst_address asked; /* where its sender sent it, before any NAT */
    struct sim_attach *attach;  /* the attachment whose cable it is on */
    struct sim_packet *next;    /* of the free list */
    uint64_t serial;            /* a duplicate keeps it */
    uint32_t origin;            /* the party that sent it, 0 for none that is watched */
    uint32_t ttl;
    uint32_t size;
    bool is_genuine; /* sent by a party of the protocol and not changed on its way */
    uint8_t data[SIM_PACKET_MAX];
};

/* The end of a cable: a host's interface or a box's outer side, in a segment. */
struct sim_attach {
    struct sim_segment *segment;
    struct sim_link link;
    struct sim_host *host; /* one of the two */
    struct sim_box *box;
    uint32_t index;           /* of the host's interface, from 1 */
    struct tryst_address ip4; /* port 0; family 0 when there is none */
    struct tryst_address ip6;
};

struct sim_route {
    struct tryst_address ip;
    struct sim_attach *attach;
};

struct sim_segment {
    struct sim_box *gateway; /* NULL: the Internet's core */
    uint32_t hops;           /* routers that a packet crosses here */
    struct sim_route *routes;
    uint32_t count;
    uint32_t room;
};

typedef void sim_receive(struct sim_world *w, void *object, const struct sim_packet *packet,
                         const struct tryst_address *to);
typedef void sim_tap(struct sim_world *w, void *object, const struct sim_packet *packet);

struct sim_host {
    struct sim_attach *ifaces[SIM_IFACES_MAX]; /* the first of a family has the default route */
    uint32_t count;
    uint16_t port;
    uint16_t ports[TRYST_SOCKETS_MAX + 1]; /* of further sockets, 0 where there is none */
    uint16_t newest_port;                  /* of them */
    bool is_down;                          /* nothing in, nothing out */
    bool is_blocked;                       /* its network passes no UDP, ... */
    bool is_without_tcp;                   /* ... and nothing but HTTPS */
    void *object;
    sim_receive *receive;
};

/* What goes wrong in the core between clients, while the server's ways are well. */
struct sim_fault {
    struct tryst_address deaf; /* what the server says to this ip is lost; family 0: nothing */
    struct tryst_address from; /* only what such a host sends, by ip; family 0: everybody */
    uint32_t loss;             /* chance in a million */
    uint32_t size_max;         /* bytes of UDP payload that pass, 0: all */
    uint8_t frame;             /* only frames of this first byte are lost, 0: all */
    bool is_cut;
};

struct sim_net {
    struct sim_fault fault;
    struct sim_segment core;
    struct sim_segment **segments; /* all, to be cleared */
    uint32_t segment_count;
    uint32_t segment_room;
    struct sim_box *boxes; /* all */
    struct sim_packet *free;
    uint64_t serial;
    uint32_t public4; /* addresses given out */
    uint32_t public6;
    bool is_inside;   /* all of it is private: the server stands in a company's network */
    void *tap_object; /* an eavesdropper on the core: sees what crosses it */
    sim_tap *tap;
};

void sim_net_init(struct sim_world *w);
void sim_net_clear(struct sim_world *w);

/* A fresh public address, port 0. */
struct tryst_address sim_net_public4(struct sim_world *w);
struct tryst_address sim_net_public6(struct sim_world *w);
struct tryst_address sim_ip4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port);
struct tryst_address sim_ip6(uint32_t net, uint32_t host, uint16_t port);
bool sim_ip_equal(const struct tryst_address *a, const struct tryst_address *b);
bool sim_address_equal(const struct tryst_address *a, const struct tryst_address *b);
uint64_t sim_address_hash(const struct tryst_address *a);
void sim_address_text(const struct tryst_address *a, char text[TRYST_ADDRESS_TEXT_SIZE]);

struct sim_segment *sim_segment_make(struct sim_world *w, struct sim_box *gateway);
void sim_segment_route(struct sim_segment *segment, const struct tryst_address *ip,
                       struct sim_attach *attach);

struct sim_host *sim_host_make(struct sim_world *w, uint16_t port);
/* Gives a host an interface in a segment; an address of family 0 is left out. */
struct sim_attach *sim_host_attach(struct sim_world *w, struct sim_host *host,
                                   struct sim_segment *segment, struct tryst_address ip4,
                                   struct tryst_address ip6, uint32_t delay_us);

/* What a datagram is sent with; the fields left zero have the defaults. */
struct sim_sending {
    struct tryst_address to;
    struct tryst_address from; /* source to use, family 0: any */
    uint32_t socket;           /* a further one, 0: the first */
    bool is_spoofed;           /* from stands in the packet, whoever sends it */
    uint32_t ttl;
    uint32_t origin;
    bool is_genuine;
    const void *data;
    size_t size;
};
/* The number of the socket that has a port; below 0: there is none. */
int sim_host_socket(const struct sim_host *host, uint16_t port);
void sim_host_send(struct sim_world *w, struct sim_host *host, const struct sim_sending *sending);

/* A packet has come to a segment and goes on from there: to an attachment, or up the gateway. */
void sim_segment_pass(struct sim_world *w, struct sim_segment *segment, struct sim_packet *packet);
void sim_segment_arrive(struct sim_world *w, void *packet, uint64_t tag);

struct sim_packet *sim_net_copy(struct sim_world *w, const struct sim_packet *packet);
void sim_net_drop(struct sim_world *w, struct sim_packet *packet, const char *why);

#endif
