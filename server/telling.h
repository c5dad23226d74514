/* What the server says to one participant over its channel: sealed, and into the outbox.
 * SPDX-License-Identifier: MIT */
#ifndef TR_TELLING_H
#define TR_TELLING_H

#include "server/service_state.h"

/* Bytes of a CTRL's body. */
enum { TR_TELLING_ROOM = TR_DATAGRAM_BYTES - 13 - TR_TAG };

/* Seals items for a participant and pushes them. to, from: where, and from which own address. */
void tr_telling_send(struct tr_service *service, struct tr_participant *participant,
                     const struct tryst_address *to, const struct tryst_address *from,
                     const void *body, size_t size);

/* Tells a participant, where it is registered, that it is out. */
void tr_telling_leave(struct tr_service *service, struct tr_participant *participant,
                      uint16_t reason);

/* What was decided about relaying between it and somebody else. */
void tr_telling_relay(struct tr_service *service, struct tr_participant *participant,
                      const struct tr_item_relay *item);

/* UNKNOWN to where a datagram came from, which must not have been shorter. */
void tr_telling_unknown(struct tr_service *service, const struct tr_arrival *arrival,
                        const uint8_t channel[TR_CHANNEL_BYTES]);

/* The same, so often a second to all together, to who named a channel or a route that nobody has. size: at
 * most TR_CHANNEL_BYTES; the rest is said as zeros. */
void tr_telling_stranger(struct tr_service *service, const struct tr_arrival *arrival,
                         const void *name, size_t size);

#endif
