/* A box between two segments: a NAT after RFC 4787, a stateful firewall, or both by family.
 * SPDX-License-Identifier: MIT */
#ifndef SIM_NAT_H
#define SIM_NAT_H

#include "tests/sim/sim_net.h"

enum sim_mapping_kind {
    SIM_NO_MAPPING, /* a firewall: addresses pass as they are */
    SIM_EIM,        /* RFC 4787, 4.1: endpoint-independent mapping */
    SIM_ADM,        /* address-dependent */
    SIM_APDM,       /* address-and-port-dependent */
};

enum sim_filter_kind {
    SIM_EIF, /* RFC 4787, 5: endpoint-independent filtering; without a mapping: a plain router */
    SIM_ADF,
    SIM_APDF,
};

enum sim_ports {
    SIM_PORTS_KEEP, /* the inner port where it is free */
    SIM_PORTS_RANDOM,
    SIM_PORTS_NEXT, /* one after the other, by `stride` */
};

struct sim_behaviour {
    enum sim_mapping_kind mapping;
    enum sim_filter_kind filter;
    enum sim_ports ports;
    bool hairpin;
    /* The gateway's own INPUT chain accepts strangers: conntrack then keeps the tuple for itself,
     * and the inside host's packets to that stranger leave from another port. */
    bool is_poisoned;
    bool is_closed;      /* nothing of this family passes */
    uint16_t low, high;  /* SIM_PORTS_RANDOM: the block; 0: 1024 and up */
    int16_t stride;      /* SIM_PORTS_NEXT; 0: 1 */
    uint32_t cross;      /* SIM_PORTS_NEXT: ports that others behind it take in a second */
    uint64_t timeout_us; /* 0: 120 s, the least that RFC 4787 REQ-5 allows */
};

struct sim_remote {
    struct tryst_address address;
    uint64_t used_us;
};

struct sim_mapping {
    struct tryst_address inner;
    struct tryst_address outer;
    struct tryst_address key; /* the destination it depends on: none, ip, or ip and port */
    bool is_override;         /* made by a poisoned tuple, for key alone */
    uint64_t used_us;
    struct sim_remote *remotes; /* who was sent to */
    uint32_t count;
    uint32_t room;
};

struct sim_box {
    struct sim_attach *outer;
    struct sim_segment *inner;
    struct tryst_address
        forward; /* an inner address that the port of the same number leads to; family 0: none */
    struct sim_behaviour v4;
    struct sim_behaviour v6;
    struct sim_mapping *mappings;
    uint32_t count;
    uint32_t room;
    uint16_t next_port;
    uint64_t crossed_us;          /* until when others were reckoned with */
    struct sim_remote poison[64]; /* address: the stranger's; scope: the outer port it came to */
    struct sim_box *next_box;     /* all of a world's boxes */
    struct sim_world *world;
};

/* A box whose outer side is in a segment, under an address of its own where it translates. */
struct sim_box *sim_box_make(struct sim_world *w, struct sim_segment *outer,
                             struct tryst_address ip4, const struct sim_behaviour *v4,
                             const struct sim_behaviour *v6, uint32_t delay_us);
void sim_box_clear(struct sim_box *box);
bool sim_box_translates(const struct sim_box *box, uint8_t family);

/* Forgets every mapping: the next packet out gets another port. */
void sim_box_forget(struct sim_box *box);

void sim_box_outbound(struct sim_world *w, struct sim_box *box, struct sim_packet *packet);
void sim_box_inbound(struct sim_world *w, struct sim_box *box, struct sim_packet *packet);

#endif
