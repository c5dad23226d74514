/* The participants of one session: who the roster names, found by handle, hello id or receive index.
 * SPDX-License-Identifier: MIT */
#ifndef TR_SESSION_H
#define TR_SESSION_H

#include "lib/base/table.h"
#include "lib/core/notice.h"
#include "lib/core/peer.h"
#include "lib/core/rendezvous.h"

enum { TR_SESSION_SLOTS = TR_PARTICIPANTS_MAX };

struct tr_session {
    struct tr_peer *peers[TR_SESSION_SLOTS];
    uint32_t indexes[TR_SESSION_SLOTS][2]; /* as they stand in by_index, 0 where none */
    uint16_t count;
    uint32_t serial;          /* of the newest handle: handles are never used twice */
    uint64_t open[TR_SESSION_SLOTS / 64]; /* which peers have a bundle */
    struct tr_table by_hello; /* the peer's hello id to its slot */
    struct tr_table by_index; /* our receive index to the peer's slot */
    uint8_t hash_key[TR_MAC_KEY];
    uint8_t extra; /* slots of local addresses that are tried beside the kernel's choice */
    bool is_behind; /* a peer knows a newer roster */
    uint64_t fence; /* of the roster as it is known */
    bool is_resetting; /* the roster starts anew: who is not listed by reset_goal goes */
    uint64_t reset_goal;
    uint64_t reset_us; /* TR_NEVER, or when the unlisted go although the roster is young */
    uint64_t deadline_us; /* the soonest of the peers', 0: to be computed */
};

void tr_session_init(struct tr_session *session, struct tr_random *random);
void tr_session_clear(struct tr_session *session);

struct tr_peer *tr_session_find(const struct tr_session *session, uint32_t handle);

/* Reads the page that just came in, and tells what changed. */
void tr_session_read_page(struct tr_session *session, struct tr_rendezvous *rendezvous,
                          const struct tr_peer_kit *kit, struct tr_notice_queue *notices);

/* A HELLO or DATA that passed tr_envelope_check. */
enum tr_drop tr_session_hello(struct tr_session *session, const struct tryst_address *from,
                              uint8_t local, const void *data, size_t size,
                              const struct tr_peer_kit *kit, struct tr_notice_queue *notices);
enum tr_drop tr_session_data(struct tr_session *session, const struct tryst_address *from,
                             uint8_t local, const void *data, size_t size,
                             const struct tr_peer_kit *kit, struct tr_notice_queue *notices);

tryst_result tr_session_send(struct tr_session *session, uint32_t handle, const void *data,
                             size_t size, const struct tr_peer_kit *kit);
void tr_session_flush(struct tr_session *session, const struct tr_peer_kit *kit);

/* Says goodbye to everyone and forgets them. */
void tr_session_leave(struct tr_session *session, const struct tr_peer_kit *kit);

/* Local addresses changed: dropped slots lose their paths, and everyone is searched for anew. */
void tr_session_locals_changed(struct tr_session *session, uint8_t dropped, uint8_t extra,
                               const struct tr_peer_kit *kit);

void tr_session_tick(struct tr_session *session, struct tr_rendezvous *rendezvous,
                     const struct tr_peer_kit *kit, struct tr_notice_queue *notices);
uint64_t tr_session_deadline(struct tr_session *session, const struct tr_peer_kit *kit);

uint32_t tr_session_connected(const struct tr_session *session);

#endif
