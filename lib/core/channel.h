/* The sealed channel to the server (CTRL): roster pages, pings, leaving.
 * SPDX-License-Identifier: MIT */
#ifndef TR_CHANNEL_H
#define TR_CHANNEL_H

#include "lib/core/rendezvous_state.h"

/* A REGISTERED opened the channel: plain[at..size) are the entries of its page. */
void tr_channel_open(struct tr_rendezvous *rendezvous, uint64_t now_us,
                     const struct tr_channel_keys *keys, const struct tr_registered_body *body,
                     const uint8_t *plain, size_t at, size_t size, struct tr_random *random);

enum tr_drop tr_channel_input(struct tr_rendezvous *rendezvous, uint64_t now_us, const void *data,
                              size_t size, struct tr_random *random);

/* An UNKNOWN came: nobody signed it, so it only makes us ask at once. */
enum tr_drop tr_channel_unknown(struct tr_rendezvous *rendezvous, uint64_t now_us, const void *data,
                                size_t size);

void tr_channel_acknowledge(struct tr_rendezvous *rendezvous, struct tr_outbox *outbox);
/* Says how pairs came out: count of them, TR_OUTCOMES_TOLD_MAX at most. Nobody says that it came in. */
void tr_channel_outcomes(struct tr_rendezvous *rendezvous, const struct tr_item_outcome *list,
                         size_t count, struct tr_outbox *outbox);

void tr_channel_leave(struct tr_rendezvous *rendezvous, struct tr_outbox *outbox);
void tr_channel_tick(struct tr_rendezvous *rendezvous, uint64_t now_us, struct tr_outbox *outbox,
                     struct tr_random *random);
uint64_t tr_channel_deadline(const struct tr_rendezvous *rendezvous);

#endif
