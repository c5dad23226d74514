/* Keeps the home router's port for a client: asks once there is a NAT, and tells the endpoint what came of it.
 * SPDX-License-Identifier: MIT */
#ifndef TR_KEEPER_H
#define TR_KEEPER_H

#include "lib/driver/mapper.h"
#include <tryst/endpoint.h>
#include <uv.h>

struct tr_keeper {
    bool is_denied;
    bool is_readable;         /* poll said so, and nobody has read since */
    struct tr_mapper *mapper; /* NULL: nobody was asked yet */
    struct tryst_portmap known;
    uint64_t looked_us;
    uv_loop_t *loop;  /* makes its descriptor readable with news; NULL: not wanted */
    uv_poll_t *watch; /* NULL: there is none */
    bool is_stirred;  /* the loop is to be turned, so that the kernel knows of the watch */
};

/* use: enum tryst_port_mapping_use. */
void tr_keeper_init(struct tr_keeper *keeper, uint32_t use);

/* Does what is due. local: the IPv4 address that leads to the server, its interface in scope, and the
 * socket's port; family 0: there is none. */
void tr_keeper_turn(struct tr_keeper *keeper, struct tryst_endpoint *endpoint,
                    const struct tryst_address *local, uint64_t now_us);

/* A descriptor to poll for reading; -1: none. */
int tr_keeper_fd(const struct tr_keeper *keeper);

/* From now on news makes the loop's descriptor readable. */
void tr_keeper_watch(struct tr_keeper *keeper, uv_loop_t *loop);

/* Gives the port back, which may take a second. Before the loop ends. */
void tr_keeper_clear(struct tr_keeper *keeper);

#endif
