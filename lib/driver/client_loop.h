/* The turning of a client: sockets to endpoint, endpoint to sockets, and the wait between.
 * SPDX-License-Identifier: MIT */
#ifndef TR_CLIENT_LOOP_H
#define TR_CLIENT_LOOP_H

#include "lib/driver/datagram.h"
#include "lib/driver/extra_sockets.h"
#include "lib/driver/keeper.h"
#include "lib/driver/netwatch.h"
#include "lib/driver/resolver.h"
#include "lib/driver/stream.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <tryst/client.h>
#include <uv.h>

/* One family's way in and out. */
struct tr_lane {
    struct tr_datagram_socket socket;
    uv_poll_t watch; /* makes the loop's descriptor readable when the socket is */
    bool is_watched;
    bool is_readable;            /* poll said so, and nobody has looked since */
    uint64_t looked_us;          /* when it was last read */
    struct tr_datagram *waiting; /* TR_DATAGRAM_BATCH of them, on their way to the socket */
    uint32_t head;               /* the oldest in waiting */
    uint32_t count;
    struct tryst_address only; /* the host's one address of this family, none if it has several */
    uint32_t routed_scope;     /* the interface that the family's default route uses */
};

enum { TR_BUSY_EXTRA = 2 };

struct tryst_client {
    struct tryst_endpoint *endpoint;
    uint64_t now_us; /* as last read; stands still between turns */
    uv_loop_t loop;
    bool has_loop;
    bool has_waker;
    uv_async_t waker;              /* makes the loop's descriptor readable from another thread */
    atomic_bool is_woken;          /* by that thread, and no run has ended for it yet */
    bool is_watching;              /* the loop's descriptor tells of the sockets */
    bool is_queued;                /* a call may have left output in the endpoint */
    struct tr_lane lanes[2];       /* IPv4, IPv6 */
    uint32_t busy;                 /* the lane that last received something, or TR_BUSY_EXTRA */
    struct tr_extra_sockets extra; /* for datagrams that name one of them */
    struct tr_datagram_inbox *inbox;
    struct tr_resolver resolver;
    struct tr_streams_of_client streams; /* for datagrams whose address has a stream's transport */
    uint32_t server_count;
    struct tryst_address servers[TR_RESOLVER_MAX]; /* as the endpoint was told */
    uint64_t listed_us;                            /* when the interfaces were last listed */
    uint64_t listed_signature;
    struct tryst_address mapped_local; /* IPv4, that leads to the server; family 0: none */
    struct tr_keeper keeper;           /* of the home router's port for it */
    struct tr_netwatch netwatch;
    uv_poll_t netwatch_poll; /* makes the loop's descriptor readable when there is word */
    bool is_netwatch_polled;
    uint64_t refused_count; /* of both sockets, when last listed */
    uint8_t public_key[TRYST_KEY_SIZE];
};

/* The wall clock's milliseconds. */
uint64_t tr_client_unix_ms(void);

/* Lists the interfaces and tells the endpoint when they changed. */
void tr_client_list_interfaces(struct tryst_client *client);

/* Takes all output out of the endpoint and sends what the sockets take. */
void tr_client_flush(struct tryst_client *client);

/* Does all that is due without waiting. */
void tr_client_turn(struct tryst_client *client);

/* Takes a wake that came, so that the loop's descriptor is not readable for it any more. */
bool tr_client_take_wake(struct tryst_client *client);

/* When the next turn is due, if nothing arrives before. */
uint64_t tr_client_deadline(const struct tryst_client *client, uint64_t now_us);

/* Sleeps until something arrives or a turn is due, but not past until_us. TRYST_OK;
 * TRYST_E_INTERRUPTED; TRYST_E_NETWORK, and errno says why. */
tryst_result tr_client_wait(struct tryst_client *client, uint64_t until_us);

#endif
