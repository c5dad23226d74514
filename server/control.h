/* CTRL: the sealed channel with each participant.
 * SPDX-License-Identifier: MIT */
#ifndef TR_CONTROL_H
#define TR_CONTROL_H

#include "server/service_state.h"

/* Returns why it was dropped. */
enum tr_drop tr_control_input(struct tr_service *service, const struct tr_arrival *arrival);

#endif
