/* The answers to a registration: a seat with its channel, or a refusal.
 * SPDX-License-Identifier: MIT */
#ifndef TR_SEATING_H
#define TR_SEATING_H

#include "server/service_state.h"

/* When a refused client may try again. */
enum { TR_RETRY_NEVER_MS = 0, TR_RETRY_SESSION_MS = 5000, TR_RETRY_SERVER_MS = 10000 };

/* words: what the player is shown, at most TR_DETAIL_MAX bytes of them. */
void tr_seating_refuse(struct tr_service *service, const struct tr_arrival *arrival,
                       const struct tr_admission *admission, uint16_t reason, uint32_t retry_ms,
                       const char *words);

/* How many may be in a session; NULL: in a new one. */
uint32_t tr_seating_room(const struct tr_service *service, const struct tr_membership *membership);

/* Whether a newcomer may come in as far as the limits go; it is refused if not. */
bool tr_seating_has_room(struct tr_service *service, const struct tr_arrival *arrival,
                         const struct tr_admission *admission,
                         const struct tr_membership *membership);

/* Gives a newcomer its seat. granted: what the rules said; NULL without rules. */
void tr_seating_admit(struct tr_service *service, const struct tr_arrival *arrival,
                      const struct tr_admission *admission,
                      const struct tryst_policy_answer *granted);

/* A signed registration of somebody who is there already. */
enum tr_drop tr_seating_renew(struct tr_service *service, const struct tr_arrival *arrival,
                              const struct tr_admission *admission,
                              struct tr_participant *participant);

/* Says again what was said to the same bytes. */
void tr_seating_repeat(struct tr_service *service, const struct tr_arrival *arrival,
                       struct tr_participant *participant);

/* Where a REGISTER that was accepted a moment ago would be noted. */
struct tr_recent *tr_seating_recent(struct tr_service *service, const uint8_t hash[TR_KEY]);

#endif
