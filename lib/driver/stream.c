/* A client's TCP connections to its servers.
 * SPDX-License-Identifier: MIT */
#include "lib/driver/stream.h"

#include "lib/base/deadline.h"
#include "lib/driver/stream_socket.h"
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum { READS_MAX = 3 }; /* chunks of a turn and stream: what a tunnel holds until it is taken */

/* A game that turns its client in a tight loop does not pay for a look each time. */
#define LOOK_US 250

struct tr_stream_waiting {
    uint16_t size;
    uint8_t data[TR_TUNNEL_DATAGRAM_MAX];
};

void tr_stream_init(struct tr_streams_of_client *streams, const char *host)
{
    memset(streams, 0, sizeof(*streams));
    streams->host = host;
    for (uint32_t i = 0; i < TR_STREAM_MAX; i++)
        streams->list[i].fd = -1;
}

/* The watch lives until the loop has let go of it. */
static void free_watch(uv_handle_t *handle)
{
    free(handle);
}

static void close_stream(struct tr_streams_of_client *streams, struct tr_stream *stream)
{
    if (stream->watch != NULL) {
        uv_close((uv_handle_t *)stream->watch, free_watch);
        streams->is_stirred = true;
    }
    stream->watch = NULL;
    stream->watched = 0;
    tr_stream_socket_close(stream->fd);
    stream->fd = -1;
    stream->is_ready = false;
    streams->dropped += stream->waiting_count;
    free(stream->waiting);
    stream->waiting = NULL;
    stream->waiting_count = 0;
}

static void free_stream(struct tr_streams_of_client *streams, struct tr_stream *stream)
{
    close_stream(streams, stream);
    tr_tunnel_destroy(stream->tunnel);
    streams->count -= stream->state != TR_STREAM_FREE;
    memset(stream, 0, sizeof(*stream));
    stream->fd = -1;
}

/* What had arrived can still be taken. */
static void rest(struct tr_streams_of_client *streams, struct tr_stream *stream, uint64_t now_us)
{
    if (stream->tunnel != NULL && stream->fd >= 0)
        tr_stream_socket_write(stream->fd, stream->tunnel);
    close_stream(streams, stream);
    stream->state = TR_STREAM_RESTING;
    stream->until_us = now_us + TR_STREAM_REST_S * TR_S;
}

static short events_of(const struct tr_stream *stream)
{
    size_t size = 0;
    if (stream->state == TR_STREAM_CONNECTING)
        return POLLOUT;
    tr_tunnel_output(stream->tunnel, &size);
    return size > 0 ? POLLIN | POLLOUT : POLLIN;
}

static void became_ready(uv_poll_t *watch, int status, int events)
{
    struct tr_stream *stream = watch->data;
    (void)events;
    stream->is_ready = true;
    if (status < 0) /* libuv has stopped the watch */
        stream->watched = 0;
}

/* Watches for what the stream waits for now, where there is a loop that watches. */
static void watch(struct tr_streams_of_client *streams, struct tr_stream *stream)
{
    if (streams->loop == NULL || stream->fd < 0)
        return;
    if (stream->watch == NULL) {
        stream->watch = calloc(1, sizeof(*stream->watch));
        if (stream->watch == NULL)
            return;
        if (uv_poll_init(streams->loop, stream->watch, stream->fd) != 0) {
            free(stream->watch);
            stream->watch = NULL;
            return;
        }
        stream->watch->data = stream;
    }
    short events = events_of(stream);
    int wished =
        ((events & POLLIN) != 0 ? UV_READABLE : 0) | ((events & POLLOUT) != 0 ? UV_WRITABLE : 0);
    if (wished == stream->watched)
        return;
    uv_poll_start(stream->watch, wished, became_ready);
    stream->watched = wished;
    streams->is_stirred = true;
}

void tr_stream_close_all(struct tr_streams_of_client *streams)
{
    for (uint32_t i = 0; i < TR_STREAM_MAX; i++)
        if (streams->list[i].state != TR_STREAM_FREE)
            free_stream(streams, &streams->list[i]);
}

void tr_stream_clear(struct tr_streams_of_client *streams)
{
    tr_stream_close_all(streams);
    tr_tunnel_tls_destroy(streams->tls);
    streams->tls = NULL;
}

static struct tr_stream *find(struct tr_streams_of_client *streams, const struct tryst_address *to)
{
    for (uint32_t i = 0; i < TR_STREAM_MAX; i++) {
        struct tr_stream *stream = &streams->list[i];
        if (stream->state != TR_STREAM_FREE && tryst_address_compare(&stream->address, to) == 0)
            return stream;
    }
    return NULL;
}

static void connect_to(struct tr_streams_of_client *streams, struct tr_stream *stream,
                       const struct tryst_address *to, uint64_t now_us)
{
    streams->count++;
    stream->address = *to;
    stream->used_us = now_us;
    stream->until_us = now_us + TR_TUNNEL_OPENING_US;
    stream->state = TR_STREAM_CONNECTING;
    stream->fd = tr_stream_socket_connect(to);
    if (stream->fd < 0)
        rest(streams, stream, now_us);
}

/* A stream for an address that has none; in the place of one that failed, if need be. NULL: all are
 * in use. */
static struct tr_stream *make(struct tr_streams_of_client *streams, const struct tryst_address *to,
                              uint64_t now_us)
{
    struct tr_stream *place = NULL;
    for (uint32_t i = 0; i < TR_STREAM_MAX; i++) {
        struct tr_stream *stream = &streams->list[i];
        if (stream->state == TR_STREAM_FREE ||
            (stream->state == TR_STREAM_RESTING && place == NULL))
            place = stream;
        if (stream->state == TR_STREAM_FREE)
            break;
    }
    if (place == NULL)
        return NULL;
    free_stream(streams, place);
    connect_to(streams, place, to, now_us);
    return place;
}

static bool let_wait(struct tr_stream *stream, const void *data, size_t size)
{
    if (stream->waiting == NULL)
        stream->waiting = calloc(TR_STREAM_WAITING, sizeof(stream->waiting[0]));
    if (stream->waiting == NULL || stream->waiting_count == TR_STREAM_WAITING)
        return false;
    struct tr_stream_waiting *slot = &stream->waiting[stream->waiting_count++];
    slot->size = (uint16_t)size;
    memcpy(slot->data, data, size);
    return true;
}

void tr_stream_send(struct tr_streams_of_client *streams, const struct tryst_address *to,
                    const void *data, size_t size, uint64_t now_us)
{
    struct tr_stream *stream = find(streams, to);
    bool done = false;
    if (stream != NULL && stream->state == TR_STREAM_RESTING &&
        tr_is_due(stream->until_us, now_us)) {
        free_stream(streams, stream);
        stream = NULL;
    }
    if (stream == NULL)
        stream = make(streams, to, now_us);
    if (stream == NULL || size == 0 || size > TR_TUNNEL_DATAGRAM_MAX) {
        streams->dropped++;
        return;
    }
    switch (stream->state) {
    case TR_STREAM_CONNECTING:
    case TR_STREAM_OPENING:
        done = let_wait(stream, data, size);
        break;
    case TR_STREAM_OPEN:
        done = tr_tunnel_send(stream->tunnel, data, size);
        break;
    case TR_STREAM_FREE:
    case TR_STREAM_RESTING:
        break;
    }
    if (done)
        stream->used_us = now_us;
    else
        streams->dropped++;
    watch(streams, stream);
}

/* TCP's handshake is over: now the tunnel's. */
static void open_tunnel(struct tr_streams_of_client *streams, struct tr_stream *stream,
                        uint64_t now_us)
{
    bool is_tls = stream->address.transport == TRYST_TRANSPORT_TLS;
    if (!tr_stream_socket_is_connected(stream->fd)) {
        rest(streams, stream, now_us);
        return;
    }
    if (is_tls && streams->tls == NULL)
        streams->tls = tr_tunnel_tls_client();
    stream->tunnel = tr_tunnel_create(TR_TUNNEL_CLIENT, is_tls ? TR_TUNNEL_TLS : TR_TUNNEL_PLAIN,
                                      streams->tls, streams->host, stream->address.port, 0, now_us);
    stream->state = TR_STREAM_OPENING;
    if (stream->tunnel == NULL)
        rest(streams, stream, now_us);
}

static void send_waiting(struct tr_streams_of_client *streams, struct tr_stream *stream)
{
    for (uint32_t i = 0; i < stream->waiting_count; i++)
        if (!tr_tunnel_send(stream->tunnel, stream->waiting[i].data, stream->waiting[i].size))
            streams->dropped++;
    free(stream->waiting);
    stream->waiting = NULL;
    stream->waiting_count = 0;
}

static void read_stream(struct tr_streams_of_client *streams, struct tr_stream *stream,
                        uint64_t now_us)
{
    enum tr_stream_read result = TR_STREAM_READ_NONE;
    stream->looked_us = now_us;
    stream->is_ready = false;
    for (int reads = 0; reads < READS_MAX; reads++) {
        result = tr_stream_socket_read(stream->fd, stream->tunnel);
        if (result != TR_STREAM_READ_SOME)
            break;
    }
    tr_tunnel_tick(stream->tunnel, now_us);
    if (result == TR_STREAM_READ_END || tr_tunnel_failure(stream->tunnel) != NULL) {
        rest(streams, stream, now_us);
        return;
    }
    if (stream->state == TR_STREAM_OPENING && tr_tunnel_is_open(stream->tunnel)) {
        stream->state = TR_STREAM_OPEN;
        send_waiting(streams, stream);
    }
}

static bool is_connect_over(const struct tr_stream *stream)
{
    struct pollfd polled = {.fd = stream->fd, .events = POLLOUT};
    return poll(&polled, 1, 0) > 0;
}

static uint64_t idle_deadline(const struct tr_stream *stream)
{
    return stream->used_us + TR_STREAM_IDLE_S * TR_S;
}

static void turn(struct tr_streams_of_client *streams, struct tr_stream *stream, uint64_t now_us)
{
    bool is_looked_at = stream->is_ready || now_us >= stream->looked_us + LOOK_US;
    if (stream->state == TR_STREAM_CONNECTING) {
        stream->is_ready = false;
        if (is_looked_at && is_connect_over(stream))
            open_tunnel(streams, stream, now_us);
        else if (tr_is_due(stream->until_us, now_us))
            rest(streams, stream, now_us);
        stream->looked_us = now_us;
    }
    if (stream->state == TR_STREAM_OPENING || (stream->state == TR_STREAM_OPEN && is_looked_at))
        read_stream(streams, stream, now_us);
    if (stream->state == TR_STREAM_OPEN && tr_is_due(idle_deadline(stream), now_us))
        free_stream(streams, stream);
    if (stream->state == TR_STREAM_RESTING && tr_is_due(stream->until_us, now_us))
        free_stream(streams, stream);
    if (stream->state != TR_STREAM_FREE)
        watch(streams, stream);
}

void tr_stream_turn(struct tr_streams_of_client *streams, uint64_t now_us)
{
    for (uint32_t i = 0; i < TR_STREAM_MAX && streams->count > 0; i++)
        if (streams->list[i].state != TR_STREAM_FREE)
            turn(streams, &streams->list[i], now_us);
}

bool tr_stream_take(struct tr_streams_of_client *streams, struct tryst_address *from,
                    const uint8_t **data, size_t *size, uint64_t now_us)
{
    for (uint32_t i = 0; i < TR_STREAM_MAX && streams->count > 0; i++) {
        struct tr_stream *stream = &streams->list[streams->next];
        if (stream->tunnel != NULL && tr_tunnel_next_datagram(stream->tunnel, data, size)) {
            *from = stream->address;
            stream->used_us = now_us;
            return true;
        }
        streams->next = (streams->next + 1) % TR_STREAM_MAX;
    }
    return false;
}

void tr_stream_flush(struct tr_streams_of_client *streams, uint64_t now_us)
{
    for (uint32_t i = 0; i < TR_STREAM_MAX && streams->count > 0; i++) {
        struct tr_stream *stream = &streams->list[i];
        if (stream->state != TR_STREAM_OPENING && stream->state != TR_STREAM_OPEN)
            continue;
        if (!tr_stream_socket_write(stream->fd, stream->tunnel))
            rest(streams, stream, now_us);
        else
            watch(streams, stream);
    }
    tr_stream_settle(streams);
}

uint64_t tr_stream_deadline(const struct tr_streams_of_client *streams)
{
    uint64_t next = TR_NEVER;
    for (uint32_t i = 0; i < TR_STREAM_MAX && streams->count > 0; i++) {
        const struct tr_stream *stream = &streams->list[i];
        switch (stream->state) {
        case TR_STREAM_FREE:
            break;
        case TR_STREAM_CONNECTING:
        case TR_STREAM_RESTING:
            tr_sooner(&next, stream->until_us);
            break;
        case TR_STREAM_OPENING:
            tr_sooner(&next, tr_tunnel_deadline(stream->tunnel));
            break;
        case TR_STREAM_OPEN:
            tr_sooner(&next, idle_deadline(stream));
            break;
        }
    }
    return next;
}

int tr_stream_poll(const struct tr_streams_of_client *streams, uint32_t index, short *events)
{
    const struct tr_stream *stream = &streams->list[index];
    if (stream->fd >= 0)
        *events = events_of(stream);
    return stream->fd;
}

void tr_stream_set_ready(struct tr_streams_of_client *streams, uint32_t index)
{
    streams->list[index].is_ready = true;
}

void tr_stream_watch(struct tr_streams_of_client *streams, uv_loop_t *loop)
{
    streams->loop = loop;
    for (uint32_t i = 0; i < TR_STREAM_MAX; i++)
        watch(streams, &streams->list[i]);
    tr_stream_settle(streams);
}

void tr_stream_settle(struct tr_streams_of_client *streams)
{
    if (!streams->is_stirred || streams->loop == NULL)
        return;
    streams->is_stirred = false;
    uv_run(streams->loop, UV_RUN_NOWAIT);
}
