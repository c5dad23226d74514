/* Where a peer may be found, and which addresses are never sent to.
 * SPDX-License-Identifier: MIT */
#ifndef TR_CANDIDATE_H
#define TR_CANDIDATE_H

#include "lib/wire/message.h"
#include <stdbool.h>

/* The candidate in canonical form, without a scope: what is compared, kept and sent. */
struct tr_candidate tr_candidate_canonical(const struct tr_candidate *candidate);

bool tr_candidate_is_same(const struct tr_candidate *a, const struct tr_candidate *b);

/* Whether hellos may go there: a unicast address of one host, in canonical form (coturn needed three
 * CVEs to refuse them all in every spelling). loopback: whether loopback is fine too, which it is
 * only when the server itself was reached over loopback: then everyone is on one machine. */
bool tr_candidate_is_usable(const struct tr_candidate *candidate, bool loopback);

/* Adds a usable candidate that is not in the list yet; returns the new count. */
size_t tr_candidate_add(struct tr_candidate *list, size_t count, size_t max,
                        const struct tr_candidate *candidate, bool loopback);

#endif
