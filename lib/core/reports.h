/* How pairs came out, told to a server that counts it.
 * SPDX-License-Identifier: MIT */
#ifndef TR_REPORTS_H
#define TR_REPORTS_H

#include "lib/core/rendezvous.h"
#include "lib/core/seats.h"

/* All zeros at the start. */
struct tr_reports {
    uint64_t next_us; /* not before */
    uint8_t channel
        [TR_CHANNEL_BYTES]; /* by which all was told; what was on its way when it ended is lost */
};

/* Tells what changed, in one datagram a second at most. */
void tr_reports_tick(struct tr_reports *reports, struct tr_rendezvous *rendezvous,
                     struct tr_seats *seats, const struct tr_peer_kit *kit);
uint64_t tr_reports_deadline(const struct tr_reports *reports,
                             const struct tr_rendezvous *rendezvous, const struct tr_seats *seats);

#endif
