/* Streams between clients and the server: each datagram comes whole and in order, once the connection
 * stands; TCP takes one round trip for that, WebSocket over TLS three.
 * SPDX-License-Identifier: MIT */
#ifndef SIM_STREAM_H
#define SIM_STREAM_H

#include "tests/sim/sim_client.h"

/* Where the server listens. */
#define SIM_TCP_PORT 7777
#define SIM_TLS_PORT 443

/* Carries what a client sends to an address of a stream; opens it first where there is none. */
void sim_stream_send(struct sim_client *c, const struct tryst_datagram *out);

/* Carries what the server sends to such an address. */
void sim_stream_reply(struct sim_world *w, const struct tryst_address *to,
                      const struct tryst_address *from, const void *data, size_t size);

/* All streams of a client end, as when its address changes. */
void sim_stream_close(struct sim_client *c);

#endif
