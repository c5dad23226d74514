/* A client's TCP connections to its servers: made by the first datagram for an address, kept while
 * used, closed after that.
 * SPDX-License-Identifier: MIT */
#ifndef TR_STREAM_H
#define TR_STREAM_H

#include "lib/driver/tunnel.h"
#include <tryst/address.h>
#include <uv.h>

enum {
    TR_STREAM_MAX = 8,      /* connections at most */
    TR_STREAM_WAITING = 17, /* datagrams that wait while one is being opened */
    TR_STREAM_IDLE_S = 120, /* without datagrams either way it is closed */
    TR_STREAM_REST_S = 1,   /* after a failure, before it is tried again */
};

enum tr_stream_state {
    TR_STREAM_FREE,
    TR_STREAM_CONNECTING, /* TCP's handshake, which leads to OPENING or RESTING */
    TR_STREAM_OPENING,    /* the tunnel's, which leads to OPEN or RESTING */
    TR_STREAM_OPEN,       /* leads to RESTING when it breaks, to FREE when nobody uses it */
    TR_STREAM_RESTING,    /* it failed: drops what it is given until resting_us, then is FREE */
};

struct tr_stream_waiting; /* a datagram until there is a tunnel for it */

struct tr_stream {
    enum tr_stream_state state;
    struct tryst_address address; /* with its transport; scope as it was asked for */
    int fd;                       /* -1: none */
    struct tr_tunnel *tunnel;     /* NULL before OPENING; a RESTING one's may hold datagrams yet */
    uint64_t used_us;             /* when a datagram last went either way */
    uint64_t until_us;            /* CONNECTING: given up; RESTING: over */
    uint64_t looked_us;           /* when it was last read */
    bool is_ready;                /* poll said so, and nobody has looked since */
    struct tr_stream_waiting *waiting; /* TR_STREAM_WAITING of them, or NULL */
    uint32_t waiting_count;
    uv_poll_t *watch; /* NULL: nobody watches */
    int watched;      /* for which events */
};

struct tr_streams_of_client {
    struct tr_stream list[TR_STREAM_MAX];
    uint32_t count;            /* of those that are not FREE */
    const char *host;          /* the server's name, the owner's */
    struct tr_tunnel_tls *tls; /* made when it is first needed */
    uv_loop_t *loop;           /* which watches them; NULL: none yet */
    bool is_stirred;           /* the loop has to run once for what changed in it */
    uint32_t next;             /* whose datagrams are taken next */
    uint64_t dropped;          /* datagrams, for any reason */
};

/* host: stays the caller's, and stays as it is. */
void tr_stream_init(struct tr_streams_of_client *streams, const char *host);

/* Closes all without delay, so that the next datagrams make new ones: the way to the server may be
 * another now. */
void tr_stream_close_all(struct tr_streams_of_client *streams);

/* Closes all, and gives everything back. Then run the loop that watched. */
void tr_stream_clear(struct tr_streams_of_client *streams);

/* Sends a datagram to an address whose transport is a stream's, or lets it wait, or drops it. */
void tr_stream_send(struct tr_streams_of_client *streams, const struct tryst_address *to,
                    const void *data, size_t size, uint64_t now_us);

/* Connects, reads, gives up and closes, as far as it is due. */
void tr_stream_turn(struct tr_streams_of_client *streams, uint64_t now_us);

/* The next datagram that came. false: none. data: good until the next call. */
bool tr_stream_take(struct tr_streams_of_client *streams, struct tryst_address *from,
                    const uint8_t **data, size_t *size, uint64_t now_us);

/* Writes what the system takes. */
void tr_stream_flush(struct tr_streams_of_client *streams, uint64_t now_us);

/* When the next turn is due if nothing arrives. */
uint64_t tr_stream_deadline(const struct tr_streams_of_client *streams);

/* For ppoll(2): the descriptor of list[index], -1 for none, and its events; and that it is ready. */
int tr_stream_poll(const struct tr_streams_of_client *streams, uint32_t index, short *events);
void tr_stream_set_ready(struct tr_streams_of_client *streams, uint32_t index);

/* From now on the loop's descriptor turns readable for them too. */
void tr_stream_watch(struct tr_streams_of_client *streams, uv_loop_t *loop);

/* Runs the loop once when something changed in it, as libuv tells the kernel only then. */
void tr_stream_settle(struct tr_streams_of_client *streams);

#endif
