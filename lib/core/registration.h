/* REGISTER out, REGISTERED or REFUSED in.
 * SPDX-License-Identifier: MIT */
#ifndef TR_REGISTRATION_H
#define TR_REGISTRATION_H

#include "lib/core/rendezvous_state.h"

/* (Re)starts asking at start_us; keeps the session, its epoch and its key. */
void tr_registration_start(struct tr_rendezvous *rendezvous, uint64_t start_us);

/* The server fell silent or went away: says so once and comes back by itself, spread over 3 s. */
void tr_registration_lose(struct tr_rendezvous *rendezvous, uint64_t now_us, uint8_t stage,
                          uint16_t reason, struct tr_random *random);

void tr_registration_tick(struct tr_rendezvous *rendezvous, uint64_t now_us,
                          struct tr_outbox *outbox, struct tr_random *random);
enum tr_drop tr_registration_answer(struct tr_rendezvous *rendezvous, uint64_t now_us,
                                    const void *data, size_t size, struct tr_random *random);
enum tr_drop tr_registration_refusal(struct tr_rendezvous *rendezvous, const void *data,
                                     size_t size);
uint64_t tr_registration_deadline(const struct tr_rendezvous *rendezvous);

#endif
