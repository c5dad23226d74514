/* REGISTER: who may come in, what the operator's rules say of it, and the sealed answer either way.
 * SPDX-License-Identifier: MIT */
#ifndef TR_ENROLMENT_H
#define TR_ENROLMENT_H

#include "server/service_state.h"

/* Returns why it was dropped. */
enum tr_drop tr_enrolment_input(struct tr_service *service, const struct tr_arrival *arrival);

/* The rules answered a question. A ticket that nobody waits for any more is passed over. */
void tr_enrolment_answered(struct tr_service *service, uint32_t ticket, uint32_t hook,
                           const struct tryst_policy_answer *answer, uint64_t now_us);

/* Denies what the rules have not answered in time, and tells them the time. */
void tr_enrolment_tick(struct tr_service *service, uint64_t now_us);

#endif
