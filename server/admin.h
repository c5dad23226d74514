/* What the server counts, shown over HTTP in the server's own loop: /metrics for Prometheus, /healthz for who
 * asks whether it lives. By libmicrohttpd, without a thread. It knows nobody and lets nobody change anything;
 * who may see it is said by the address it listens on.
 * SPDX-License-Identifier: MIT */
#ifndef TR_ADMIN_H
#define TR_ADMIN_H

#include "server/census.h"
#include "server/service.h"

struct uv_loop_s;

/* Opaque. */
struct tr_admin;

/* What is shown; both stay the caller's and outlive it. */
struct tr_admin_view {
    const struct tr_service *service;
    const struct tr_census *census; /* NULL: nothing is counted */
};

/* Listens, and answers while the loop runs. NULL, and errno says why not; ENOSYS: it is not built. */
struct tr_admin *tr_admin_open(struct uv_loop_s *loop, const struct tryst_address *local,
                               const struct tr_admin_view *view);

/* Where it listens, with the port it really has. */
struct tryst_address tr_admin_local(const struct tr_admin *admin);

/* Ends it; its memory goes when the loop has run once more. NULL is fine. */
void tr_admin_close(struct tr_admin *admin);

#endif
