/* What public ports tell of how a NAT chooses them.
 * SPDX-License-Identifier: MIT */
#ifndef TR_PORTGUESS_H
#define TR_PORTGUESS_H

#include <stddef.h>
#include <stdint.h>

/* The port of one mapping. Those of one burst left in the order of their places, with no time between. */
struct tr_port_sample {
    uint16_t port;
    uint8_t burst; /* 0: in no order to others */
    uint8_t place;
};

struct tr_port_guess {
    uint8_t pattern; /* enum tryst_port_pattern: UNKNOWN, SEQUENTIAL or RANDOM */
    int16_t stride;  /* SEQUENTIAL */
    uint16_t low;    /* RANDOM: the block; 1024 to 65535 when it is not known to be smaller */
    uint16_t high;
};

/* samples: of different mappings, those of a burst in their order. Ports that others behind the NAT take
 * meanwhile, and a jump from the end of the ports to their start, are borne. */
struct tr_port_guess tr_ports_guess(const struct tr_port_sample *samples, size_t count);

#endif
