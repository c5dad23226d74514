/* REGISTER: who may come in, and the sealed answer either way.
 * SPDX-License-Identifier: MIT */
#ifndef TR_ENROLMENT_H
#define TR_ENROLMENT_H

#include "server/service_state.h"

/* Returns why it was dropped. */
enum tr_drop tr_enrolment_input(struct tr_service *service, const struct tr_arrival *arrival);

#endif
