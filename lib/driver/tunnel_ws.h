/* One WebSocket (RFC 6455) between memory and memory: the upgrade, which is ours, then wslay's frames.
 * SPDX-License-Identifier: MIT */
#ifndef TR_TUNNEL_WS_H
#define TR_TUNNEL_WS_H

#include "lib/driver/tunnel.h"
#include "lib/driver/tunnel_bytes.h"

/* Opaque. */
struct tr_websocket;

/* host, port: of a client, for its request. NULL: no memory. */
struct tr_websocket *tr_websocket_create(enum tr_tunnel_role role, const char *host, uint16_t port);
void tr_websocket_destroy(struct tr_websocket *websocket);

/* Takes bytes that came; each whole message goes behind its size, as a uint16_t, to the end of inbox,
 * or is dropped when that would hold more than `most`. NULL, or why it failed. */
const char *tr_websocket_received(struct tr_websocket *websocket, const uint8_t *data, size_t size,
                                  struct tr_bytes *inbox, size_t most);

/* Frames a message. false: it failed. */
bool tr_websocket_send(struct tr_websocket *websocket, const void *data, size_t size);

/* What is to be written, heads and frames: the caller consumes it. */
struct tr_bytes *tr_websocket_output(struct tr_websocket *websocket);

/* Whether the upgrade is done. */
bool tr_websocket_is_open(const struct tr_websocket *websocket);

#endif
