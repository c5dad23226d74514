/* What the driver asks of an endpoint beyond the public face.
 * SPDX-License-Identifier: MIT */
#ifndef TR_DRIVER_FACE_H
#define TR_DRIVER_FACE_H

#include <stdbool.h>
#include <tryst/endpoint.h>

bool tr_endpoint_has_event(const struct tryst_endpoint *endpoint);

/* Whether the server sees an IPv4 address that is none of ours: there is a NAT, and a router to be asked. */
bool tr_endpoint_is_translated(const struct tryst_endpoint *endpoint);

/* The driver could not find the server: tells SERVER_LOST with this stage and reason. */
void tr_endpoint_server_failed(struct tryst_endpoint *endpoint, uint64_t now_us, uint32_t stage,
                               uint32_t reason);

#endif
