/* CTRL: the sealed channel with each participant.
 * SPDX-License-Identifier: MIT */
#ifndef TR_CONTROL_H
#define TR_CONTROL_H

#include "server/service_state.h"

/* Bytes of a CTRL's body. */
enum { TR_CONTROL_ROOM = TR_DATAGRAM_BYTES - 13 - TR_TAG };

/* Returns why it was dropped. */
enum tr_drop tr_control_input(struct tr_service *service, const struct tr_arrival *arrival);

/* Seals items for a participant and pushes them. to, from: where, and from which own address. */
void tr_control_send(struct tr_service *service, struct tr_participant *participant,
                     const struct tryst_address *to, const struct tryst_address *from,
                     const void *body, size_t size);

/* Tells a participant, where it is registered, that it is out. */
void tr_control_send_leave(struct tr_service *service, struct tr_participant *participant,
                           uint16_t reason);

#endif
