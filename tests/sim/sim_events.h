/* What an endpoint says, checked against what it said before.
 * SPDX-License-Identifier: MIT */
#ifndef SIM_EVENTS_H
#define SIM_EVENTS_H

#include "tests/sim/sim_client.h"

void sim_events_take(struct sim_client *c, const struct tryst_event *event);

/* The session is over: whoever was present is not any more. */
void sim_events_forget(struct sim_client *c);

/* After quiet time: every running client of a session knows exactly the other running ones. */
void sim_events_check_rosters(struct sim_world *w);

/* Every pair that runs and is in one session is connected, both ways. */
void sim_events_check_mesh(struct sim_world *w);

#endif
