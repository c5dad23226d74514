/* One direction of a cable and everything that may go wrong on it.
 * SPDX-License-Identifier: MIT */
#ifndef SIM_LINK_H
#define SIM_LINK_H

#include "tests/sim/sim_queue.h"
#include <stdbool.h>
#include <stdint.h>

struct sim_packet;

/* Chances are parts of a million. */
struct sim_line {
    uint32_t delay_us;
    uint32_t jitter_us; /* 0 to this is added; order is kept */
    uint32_t loss;
    uint32_t duplicate;
    uint32_t corrupt; /* one to four bits flipped */
    uint32_t reorder; /* this one is late by 0 to reorder_us, and others overtake it */
    uint32_t reorder_us;
    uint32_t mtu; /* bytes with IP and UDP headers, 0: 1,500 */
    /* Gilbert-Elliott: a good state without and a bad state with loss of its own. */
    uint32_t burst_begin;
    uint32_t burst_end;
    uint32_t burst_loss;
    bool burst;
    bool cut;         /* nothing passes */
    uint64_t last_us; /* when the newest that keeps order arrives */
};

struct sim_link {
    struct sim_line up;   /* towards the segment */
    struct sim_line down; /* towards the owner */
};

/* Sends a packet, which the line owns now, along; arrive is called with it at the other end. */
void sim_line_carry(struct sim_world *w, struct sim_line *line, struct sim_packet *packet,
                    sim_action *arrive);

#endif
