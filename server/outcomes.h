/* What participants say of how their pairs came out, into the census: of each other one it counts once, as
 * long as both are there. Where nothing is counted, none of it does anything.
 *
 * Everybody can lie, but only about itself: what one says of a pair is one count beside the other's, which
 * it cannot change, and a better outcome takes the place of the one that the same participant told before.
 * SPDX-License-Identifier: MIT */
#ifndef TR_OUTCOMES_H
#define TR_OUTCOMES_H

#include "server/service_state.h"

/* A participant has a seat, or says something else of its NAT: what was counted of it and its pairs moves
 * along, as pairs often are connected before their NATs are known. Behind another NAT than before (it moved)
 * its pairs stay counted where they came out, and are counted anew from then on. */
void tr_outcomes_seat(struct tr_service *service, struct tr_participant *participant,
                      const struct tr_nat *nat);

/* What was counted stays; whoever sits there next is counted anew. Before it is out of its session, or when
 * it begins a new epoch. */
void tr_outcomes_forget(struct tr_service *service, struct tr_participant *participant);

/* An item from a participant. */
void tr_outcomes_take(struct tr_service *service, struct tr_participant *participant,
                      const struct tr_item_outcome *item);

#endif
