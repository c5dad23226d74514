/* What goes between the service and the desk of the rules, and what the log is told of it.
 * SPDX-License-Identifier: MIT */
#ifndef TR_CONSULT_H
#define TR_CONSULT_H

#include "server/desk.h"
#include "server/log.h"
#include "server/service.h"

/* Carries questions there and answers back until there are none; never waits. */
void tr_consult(struct tr_desk *desk, struct tr_service *service, struct tr_log *log,
                uint32_t deadline_ms, uint64_t now_us);

#endif
