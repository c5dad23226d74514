/* What is known of one peer, as its verdict and the game want it.
 * SPDX-License-Identifier: MIT */
#ifndef TR_EVIDENCE_H
#define TR_EVIDENCE_H

#include "lib/core/peer_state.h"

/* is_relay_denied stays for the caller to say: a kit does not know our options. */
struct tr_verdict_facts tr_evidence_facts(const struct tr_peer *peer,
                                          const struct tr_peer_kit *kit);

/* Whether what is said to it goes by the server, and whether a direct path carries it. */
bool tr_evidence_is_relayed(const struct tr_peer *peer);
bool tr_evidence_is_direct(const struct tr_peer *peer);

#endif
