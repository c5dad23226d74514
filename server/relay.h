/* RELAY: datagrams between two members of one session that both asked for it, one in, one out.
 * SPDX-License-Identifier: MIT */
#ifndef TR_RELAY_SERVER_H
#define TR_RELAY_SERVER_H

#include "server/service_state.h"

/* Returns why it was dropped, where that is not counted by a counter of the relay's own. */
enum tr_drop tr_relay_input(struct tr_service *service, const struct tr_arrival *arrival);

/* Kilobits a second that are relayed for a participant, as REGISTERED says; 0: none. */
uint16_t tr_relay_kbps(const struct tr_service *service, const struct tr_participant *participant);

/* The rules' answer, a sound one, to a question with TR_TICKET_RELAY in its ticket. */
void tr_relay_answered(struct tr_service *service, uint32_t ticket,
                       const struct tryst_policy_answer *answer, uint64_t now_us);

/* Lets go of what has been silent for too long. */
void tr_relay_tick(struct tr_service *service, uint64_t now_us);
uint64_t tr_relay_deadline(const struct tr_service *service);

#endif
