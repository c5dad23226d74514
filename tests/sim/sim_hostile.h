/* An attacker on the core, who sees what crosses it and may send with any source address.
 * SPDX-License-Identifier: MIT */
#ifndef SIM_HOSTILE_H
#define SIM_HOSTILE_H

#include "tests/sim/sim_net.h"

#define SIM_CAPTURED 256

struct sim_hostile {
    struct sim_host *host;
    struct sim_packet captured[SIM_CAPTURED];
    uint32_t count;    /* captured ever */
    uint64_t flood_us; /* a datagram this often, 0: none */
    uint32_t copy;     /* chance that a HELLO or DATA is sent on at once from its own address */
    uint64_t received; /* bytes that came back */
    uint64_t sent;
    uint64_t tag;
};

struct sim_hostile *sim_hostile_make(struct sim_world *w, uint32_t delay_us);

/* Garbage, mutants and replays, one each period_us; 0 ends it. */
void sim_hostile_flood(struct sim_world *w, struct sim_hostile *h, uint64_t period_us);

/* Sends the newest captured frame of a type again, as it was and in its sender's name. */
void sim_hostile_replay(struct sim_world *w, struct sim_hostile *h, uint8_t type);

#endif
