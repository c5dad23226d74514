/* What the server says of who is there, applied to the session's peers.
 * SPDX-License-Identifier: MIT */
#ifndef TR_ROSTER_H
#define TR_ROSTER_H

#include "lib/core/session.h"

/* The session's own slots, for the roster alone. */
struct tr_peer *tr_session_add(struct tr_session *session, const struct tr_record *own,
                               const uint8_t own_e[TR_KEY], const struct tr_record *record,
                               const struct tr_peer_kit *kit);
void tr_session_remove(struct tr_session *session, uint32_t slot);

/* Removes a peer and says that it left. */
void tr_roster_drop(struct tr_session *session, uint32_t slot, uint32_t reason,
                    struct tr_notice_queue *notices);

/* After the roster started anew: lets go of those it no longer names, when it is complete. */
void tr_roster_prune(struct tr_session *session, const struct tr_rendezvous *rendezvous,
                     const struct tr_peer_kit *kit, struct tr_notice_queue *notices);

#endif
