/* The server's TCP connections: accepted, bounded, each with a tunnel that carries datagrams to the
 * service and back.
 *
 * A datagram that came by one is from the client's address with the transport of the tunnel's mode
 * (PLAIN: TCP; the others: TLS) and a scope that names the connection, 1 << 31 | its number; an answer
 * goes to that very address.
 * SPDX-License-Identifier: MIT */
#ifndef TR_STREAMS_H
#define TR_STREAMS_H

#include "lib/base/outbox.h"
#include "lib/driver/tunnel.h"
#include "server/service.h"
#include "server/stats.h"
#include <stdint.h>
#include <tryst/address.h>
#include <tryst/base.h>
#include <uv.h>

#define TR_STREAMS_SCOPE (UINT32_C(1) << 31)

enum {
    TR_STREAMS_LISTENERS = 16,
    TR_STREAMS_MOST = 65535,        /* connections, whatever is set */
    TR_STREAMS_ROOM = 256 << 10,    /* bytes of output that may wait for one */
    TR_STREAMS_PROVE_US = 10000000, /* without a datagram that passes the first look */
    TR_STREAMS_IDLE_US = 120000000, /* without one after the others */
    TR_STREAMS_SWEEP_MS = 500,      /* how often that is looked at */
};

struct tr_streams_limits {
    uint32_t connections;
    uint32_t per_address; /* of an IPv4 address or IPv6 /56 */
};

/* Opaque. */
struct tr_streams;

/* The loop stays the caller's. tls: taken over; NULL: TLS is refused. NULL: no memory, and tls is
 * untouched. Raises the process's soft limit of descriptors as far as that many connections need. */
struct tr_streams *tr_streams_create(uv_loop_t *loop, const struct tr_streams_limits *limits,
                                     struct tr_tunnel_tls *tls);

/* Closes everything. The loop has to run once more before it goes, then tr_streams_free. */
void tr_streams_close(struct tr_streams *streams);
void tr_streams_free(struct tr_streams *streams);

/* Listens on one more address. TRYST_OK; TRYST_E_FULL; TRYST_E_NETWORK, and errno says why. */
tryst_result tr_streams_open(struct tr_streams *streams, const struct tryst_address *local);

/* Where it listens, in order of opening, with the port it really has; none past the last. */
struct tryst_address tr_streams_local(const struct tr_streams *streams, uint32_t index);

/* Connections that come from now on get this certificate; taken over. */
void tr_streams_set_tls(struct tr_streams *streams, struct tr_tunnel_tls *tls);

/* From now on connections are taken. */
tryst_result tr_streams_start(struct tr_streams *streams);

/* Whether some have bytes that wait. */
bool tr_streams_are_ready(const struct tr_streams *streams);

/* Hands what the ready ones have to the service, a bounded piece of each. */
void tr_streams_receive(struct tr_streams *streams, struct tr_service *service, uint64_t now_us);

/* Queues a datagram for the connection that its address names. One that is gone, or cannot take it,
 * is counted. */
void tr_streams_send(struct tr_streams *streams, const struct tr_datagram *datagram);

/* Writes what was queued. NULL is fine for both. */
void tr_streams_flush(struct tr_streams *streams);

const struct tr_stream_counts *tr_streams_counts(const struct tr_streams *streams);

#endif
