/* The participants of one session: traffic to and from them, and what is told of them.
 * SPDX-License-Identifier: MIT */
#ifndef TR_SESSION_H
#define TR_SESSION_H

#include "lib/core/freshport.h"
#include "lib/core/reports.h"
#include "lib/core/roster.h"
#include "lib/core/traversal.h"

struct tr_session {
    struct tr_seats seats;
    struct tr_roster roster;
    struct tr_traversal traversal;
    struct tr_freshport fresh;
    struct tr_reports reports;
    uint64_t open[TR_SEATS / 64]; /* which seats have a bundle to flush */
    bool has_open;                /* any of them */
    uint8_t extra;        /* slots of local addresses that are tried beside the kernel's choice */
    bool is_behind;       /* a peer knows a newer roster */
    bool is_doubtful;     /* a peer's path fell silent: our addresses may be others */
    uint64_t deadline_us; /* the soonest of the peers', 0: to be computed */
};

void tr_session_init(struct tr_session *session, struct tr_random *random);
void tr_session_clear(struct tr_session *session);

/* Reads the page that just came in, and tells what changed. */
void tr_session_read_page(struct tr_session *session, struct tr_rendezvous *rendezvous,
                          const struct tr_peer_kit *kit, struct tr_notice_queue *notices);

/* A HELLO or DATA that passed tr_envelope_check. */
enum tr_drop tr_session_hello(struct tr_session *session, const struct tryst_address *from,
                              uint16_t local, const void *data, size_t size,
                              const struct tr_peer_kit *kit, struct tr_notice_queue *notices);
enum tr_drop tr_session_data(struct tr_session *session, const struct tryst_address *from,
                             uint16_t local, const void *data, size_t size,
                             const struct tr_peer_kit *kit, struct tr_notice_queue *notices);

/* A RELAY from the server, and what is in it. */
enum tr_drop tr_session_relay(struct tr_session *session, const void *data, size_t size,
                              const struct tr_peer_kit *kit, struct tr_notice_queue *notices);

/* What the server says of the relay to single peers. */
void tr_session_relay_told(struct tr_session *session, const struct tr_item_relay *told,
                           const struct tr_peer_kit *kit, struct tr_notice_queue *notices);

/* The server may have forgotten who asked for whom, or relays from now on. */
void tr_session_relay_anew(struct tr_session *session, const struct tr_peer_kit *kit);

tryst_result tr_session_send(struct tr_session *session, uint32_t handle, const void *data,
                             size_t size, const struct tr_peer_kit *kit);
void tr_session_flush(struct tr_session *session, const struct tr_peer_kit *kit);

/* Says goodbye to everyone and forgets them. */
void tr_session_leave(struct tr_session *session, struct tr_rendezvous *rendezvous,
                      const struct tr_peer_kit *kit);

/* Local addresses changed: dropped slots lose their paths, and everyone is searched for anew. */
void tr_session_locals_changed(struct tr_session *session, uint8_t dropped, uint8_t extra,
                               const struct tr_peer_kit *kit);

/* Time went on without us, or our addresses may be others: every path is in doubt. */
void tr_session_unsettle(struct tr_session *session, bool is_moved, const struct tr_peer_kit *kit);

void tr_session_tick(struct tr_session *session, struct tr_rendezvous *rendezvous,
                     const struct tr_peer_kit *kit, struct tr_notice_queue *notices);
uint64_t tr_session_deadline(struct tr_session *session, const struct tr_rendezvous *rendezvous,
                             const struct tr_peer_kit *kit);

/* Marks the further sockets that paths to peers use. */
void tr_session_sockets(const struct tr_session *session, struct tr_sockets *sockets);

uint32_t tr_session_connected(const struct tr_session *session);

#endif
