/* What changed in a session, told to its participants: at once, but at most so often.
 * SPDX-License-Identifier: MIT */
#ifndef TR_ANNOUNCE_H
#define TR_ANNOUNCE_H

#include "server/service_state.h"

enum { TR_ROUNDS_RATE = 10, TR_ROUNDS_BURST = 10 }; /* of announcements, a second a session */

/* The session's roster changed: it is due for a round. */
void tr_announce_change(struct tr_service *service, struct tr_membership *membership,
                        uint64_t now_us);

/* A participant is gone. */
void tr_announce_departure(struct tr_service *service, struct tr_participant *participant,
                           uint16_t reason, uint64_t now_us);

/* Sends a participant what pages may leave now. */
void tr_announce_pump(struct tr_service *service, struct tr_participant *participant,
                      uint64_t now_us);

/* Does what is due in all sessions. */
void tr_announce_run(struct tr_service *service, uint64_t now_us);

#endif
