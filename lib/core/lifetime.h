/* How long the NAT leads to a socket that is idle: answers that the server gives later, each to a socket of
 * its own, come through or do not (RFC 5780, 4.6).
 * SPDX-License-Identifier: MIT */
#ifndef TR_LIFETIME_H
#define TR_LIFETIME_H

#include "lib/core/probe.h"
#include <tryst/survey.h>

enum { TR_LIFETIME_SOCKETS = TR_SAMPLES }; /* a server lets one address have 8 */

/* What one socket is about. */
struct tr_lifetime_try {
    uint8_t seconds;
    uint8_t socket;
    uint8_t round; /* 0 a first exchange, 1 a second one, 2 the pause; 3 over */
};

/* All zeros at the start. */
struct tr_lifetime {
    uint8_t state; /* enum tryst_survey_state */
    uint8_t count;
    struct tr_lifetime_try tries[TR_LIFETIME_SOCKETS];
    uint64_t started_us;
    struct tr_prober prober;
};

/* Tries pauses up to so many seconds. false: there is no further socket. */
bool tr_lifetime_start(struct tr_lifetime *lifetime, const struct tryst_address *server,
                       const uint8_t app[TR_APP_BYTES], uint32_t rtt_us, uint8_t seconds,
                       const struct tr_peer_kit *kit);
void tr_lifetime_stop(struct tr_lifetime *lifetime, const struct tr_peer_kit *kit);
void tr_lifetime_tick(struct tr_lifetime *lifetime, const struct tr_peer_kit *kit);
uint64_t tr_lifetime_deadline(const struct tr_lifetime *lifetime);

/* The longest pause that was borne so far, and the shortest longer one that was not; 0: none. */
uint8_t tr_lifetime_borne(const struct tr_lifetime *lifetime);
uint8_t tr_lifetime_lost(const struct tr_lifetime *lifetime);

#endif
