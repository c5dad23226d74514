/* The server's sockets, clock and signals around the service, in one libuv loop.
 * SPDX-License-Identifier: MIT */
#ifndef TR_LISTENER_H
#define TR_LISTENER_H

#include "server/census_file.h"
#include "server/desk.h"
#include "server/log.h"
#include "server/service.h"
#include "server/streams.h"
#include <stdint.h>
#include <tryst/address.h>
#include <tryst/base.h>

enum { TR_LISTENER_SOCKETS = 40 };

/* Why tr_listener_run came back. */
enum tr_listener_wake {
    TR_LISTENER_STOP,   /* SIGTERM or SIGINT */
    TR_LISTENER_RELOAD, /* SIGHUP; run again */
};

/* Opaque. */
struct tr_listener;

/* Monotonic microseconds, the clock of everything here. */
uint64_t tr_listener_now(void);

/* NULL: no memory, or the system has no loop for us. */
struct tr_listener *tr_listener_create(struct tr_log *log);

/* The loop, for what stands beside the listener in it and ends before it. */
struct uv_loop_s *tr_listener_loop(struct tr_listener *listener);

/* Binds one more socket. TRYST_OK; TRYST_E_FULL; TRYST_E_NETWORK, and errno says why. */
tryst_result tr_listener_open(struct tr_listener *listener, const struct tryst_address *local);

/* The address of a socket in order of opening, with the port it really has; none past the last. */
struct tryst_address tr_listener_local(const struct tr_listener *listener, uint32_t index);

/* Makes room for TCP connections; tls: taken over, may be NULL. TRYST_OK; TRYST_E_MEMORY. */
tryst_result tr_listener_add_streams(struct tr_listener *listener,
                                     const struct tr_streams_limits *limits,
                                     struct tr_tunnel_tls *tls);

/* The TCP connections, the listener's, to open addresses on; NULL: there are none. */
struct tr_streams *tr_listener_streams(struct tr_listener *listener);

/* From now on datagrams go to and come from this service, which stays the caller's. */
tryst_result tr_listener_serve(struct tr_listener *listener, struct tr_service *service);

/* From now on the service's questions go to this desk of the rules, and its answers to the service.
 * TRYST_OK; TRYST_E_NETWORK: the loop does not take its descriptor. */
tryst_result tr_listener_consult(struct tr_listener *listener, struct tr_desk *desk,
                                 uint32_t deadline_ms);

/* Logs the counters so often, 0 never. SIGUSR1 logs them at once. */
void tr_listener_set_stats(struct tr_listener *listener, uint32_t seconds);

/* Logs the census with the counters, and keeps its file every minute; it stays the caller's and outlives
 * the listener. */
void tr_listener_keep_census(struct tr_listener *listener, struct tr_census_file *census);

enum tr_listener_wake tr_listener_run(struct tr_listener *listener);

/* Lets the service say goodbye and sends that, for a second at most. */
void tr_listener_shutdown(struct tr_listener *listener);

void tr_listener_destroy(struct tr_listener *listener);

#endif
