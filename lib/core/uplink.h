/* BIND and COOKIE: one uplink's way to a cookie, and to what public address it has.
 * SPDX-License-Identifier: MIT */
#ifndef TR_UPLINK_H
#define TR_UPLINK_H

#include "lib/core/rendezvous_state.h"

/* Cookies older than this are fetched anew; the server takes them for 120 s. */
#define TR_COOKIE_FRESH_US (60 * TR_S)
#define TR_COOKIE_VALID_US (110 * TR_S)

/* A stream is opened to a server that has not answered by UDP for so long. */
#define TR_STREAM_AFTER_US (600 * TR_MS)

bool tr_uplink_is_usable(const struct tr_uplink *uplink, uint64_t now_us);

/* Asks again wherever the cookie is not fresh; all: everywhere, and the old cookies count no more. */
void tr_uplinks_refresh(struct tr_rendezvous *rendezvous, uint64_t now_us, bool all);

/* Nothing came back for what this cookie was shown with: it may have been damaged on its way, as nobody
 * signs it. Fetches another. */
void tr_uplink_doubt(struct tr_uplink *uplink, uint64_t now_us);

void tr_uplinks_tick(struct tr_rendezvous *rendezvous, uint64_t now_us, struct tr_outbox *outbox,
                     struct tr_random *random);
enum tr_drop tr_uplinks_input(struct tr_rendezvous *rendezvous, uint64_t now_us,
                              const struct tryst_address *from, const void *data, size_t size,
                              struct tr_random *random);
uint64_t tr_uplinks_deadline(const struct tr_rendezvous *rendezvous);

#endif
