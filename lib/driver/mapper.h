/* The home router's port for the client's IPv4 socket: a thread of its own asks for it, keeps it and
 * gives it back. Nothing here waits but the end, and that for a second at most.
 * SPDX-License-Identifier: MIT */
#ifndef TR_MAPPER_H
#define TR_MAPPER_H

#include "lib/driver/lease.h"
#include <stdbool.h>
#include <stdint.h>

/* Opaque: its thread and what both share, under one mutex. */
struct tr_mapper;

/* Starts the thread; it asks nothing before it is told for what. nonce: random, known to nobody. lease_s:
 * what is asked of the router, TR_LEASE_S but in tests.
 *
 * Returns  NULL: no memory, threads or descriptors, or it is not built. */
struct tr_mapper *tr_mapper_create(const uint8_t nonce[12], uint32_t lease_s);

/* Removes the mapping there is and ends the thread. Takes as long as the router takes to answer: some
 * milliseconds. One that hangs is not waited for longer than a second: the thread ends by itself then,
 * with what is its own. NULL is fine. */
void tr_mapper_destroy(struct tr_mapper *mapper);

/* The socket to be mapped: own address, its interface in scope, and port. Another than before is asked
 * for anew; family 0: none is wanted, and what there is is removed. */
void tr_mapper_set_local(struct tr_mapper *mapper, const struct tryst_address *local);

/* A descriptor that is readable while there is news that was not taken; -1 for NULL. */
int tr_mapper_fd(const struct tr_mapper *mapper);

/* Takes what is known now; false: nothing new, or NULL. */
bool tr_mapper_take(struct tr_mapper *mapper, struct tryst_portmap *known);

#endif
