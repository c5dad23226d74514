/* Datagrams through a stream and back: the modes over one inbox and one output.
 * SPDX-License-Identifier: MIT */
#include "lib/driver/tunnel.h"

#include "lib/base/deadline.h"
#include "lib/driver/tunnel_bytes.h"
#include "lib/driver/tunnel_tls.h"
#include "lib/driver/tunnel_ws.h"
#include <stdlib.h>
#include <string.h>

enum {
    SIZE_BYTES = 2, /* of a size in front of a datagram */
    INBOX_MOST = 4 * TR_TUNNEL_CHUNK,
    /* What the other end makes us say (pongs, alerts, keys) comes on top of the room. */
    ANSWERS_MOST = 32 << 10,
    FRAMING_MOST = 64, /* bytes around a datagram, a record's too */
};

struct tr_tunnel {
    enum tr_tunnel_role role;
    enum tr_tunnel_mode mode;
    bool is_open;
    const char *failure;
    uint64_t until_us; /* opening is given up */
    size_t room;
    struct tr_tunnel_tls *tls; /* until the mode is known */
    struct tr_tls_session *session;
    struct tr_websocket *websocket;
    struct tr_bytes output;
    struct tr_bytes inbox; /* datagrams, each behind its size as a uint16_t */
    size_t lent;           /* bytes of the inbox that the caller still reads */
    size_t partial_size;
    uint8_t partial[SIZE_BYTES + TR_TUNNEL_DATAGRAM_MAX]; /* PLAIN: a datagram not whole yet */
};

static void fail(struct tr_tunnel *tunnel, const char *why)
{
    if (tunnel->failure == NULL)
        tunnel->failure = why;
}

#ifdef TR_WITH_TLS

bool tr_tunnel_has_tls(void)
{
    return true;
}

/* Lets what the WebSocket and TLS have to say out. */
static void flush(struct tr_tunnel *tunnel)
{
    size_t most = tunnel->room + ANSWERS_MOST;
    struct tr_bytes *frames = tr_websocket_output(tunnel->websocket);
    if (tunnel->session == NULL) {
        if (!tr_bytes_append(&tunnel->output, frames->data + frames->head, frames->size, most))
            fail(tunnel, "the other end does not read");
        tr_bytes_consume(frames, frames->size);
        return;
    }
    if (tr_tls_session_is_open(tunnel->session) && frames->size > 0) {
        if (!tr_tls_session_seal(tunnel->session, frames->data + frames->head, frames->size))
            fail(tunnel, "TLS failed");
        tr_bytes_consume(frames, frames->size);
    }
    if (!tr_tls_session_take(tunnel->session, &tunnel->output, most))
        fail(tunnel, "the other end does not read");
}

static void receive_frames(struct tr_tunnel *tunnel, const uint8_t *data, size_t size)
{
    const char *failure =
        tr_websocket_received(tunnel->websocket, data, size, &tunnel->inbox, INBOX_MOST);
    if (failure != NULL)
        fail(tunnel, failure);
    tunnel->is_open = tr_websocket_is_open(tunnel->websocket);
}

static void receive_records(struct tr_tunnel *tunnel, const uint8_t *data, size_t size)
{
    if (!tr_tls_session_push(tunnel->session, data, size)) {
        fail(tunnel, "no memory");
        return;
    }
    uint8_t plain[4096];
    int got;
    while (tunnel->failure == NULL &&
           (got = tr_tls_session_pull(tunnel->session, plain, sizeof(plain))) != 0) {
        if (got < 0)
            fail(tunnel, "TLS ended or failed");
        else
            receive_frames(tunnel, plain, (size_t)got);
    }
}

static bool begin(struct tr_tunnel *tunnel, const char *host, uint16_t port)
{
    if (tunnel->mode == TR_TUNNEL_PLAIN) {
        tunnel->is_open = true;
        return true;
    }
    tunnel->websocket = tr_websocket_create(tunnel->role, host, port);
    if (tunnel->websocket == NULL)
        return false;
    if (tunnel->mode == TR_TUNNEL_TLS) {
        tunnel->session = tr_tls_session_create(tunnel->tls, tunnel->role, host);
        if (tunnel->session == NULL)
            return false;
        /* A client begins the handshake by itself. */
        if (tunnel->role == TR_TUNNEL_CLIENT)
            receive_records(tunnel, NULL, 0);
    }
    flush(tunnel);
    return true;
}

static bool send_framed(struct tr_tunnel *tunnel, const void *data, size_t size)
{
    if (!tr_websocket_send(tunnel->websocket, data, size)) {
        fail(tunnel, "no memory");
        return false;
    }
    flush(tunnel);
    return tunnel->failure == NULL;
}

static void receive_other(struct tr_tunnel *tunnel, const uint8_t *data, size_t size)
{
    if (tunnel->session != NULL)
        receive_records(tunnel, data, size);
    else
        receive_frames(tunnel, data, size);
    flush(tunnel);
}

static void destroy_other(struct tr_tunnel *tunnel)
{
    tr_tls_session_destroy(tunnel->session);
    tr_websocket_destroy(tunnel->websocket);
}

static bool is_known(const struct tr_tunnel *tunnel, enum tr_tunnel_mode mode)
{
    return mode != TR_TUNNEL_TLS || tunnel->tls != NULL;
}

#else

bool tr_tunnel_has_tls(void)
{
    return false;
}

struct tr_tunnel_tls *tr_tunnel_tls_client(void)
{
    return NULL;
}

struct tr_tunnel_tls *tr_tunnel_tls_server(const char *certificate, const char *key,
                                           char error[TR_TUNNEL_ERROR])
{
    static const char why[] = "this build is without TLS";
    (void)certificate;
    (void)key;
    memcpy(error, why, sizeof(why));
    return NULL;
}

struct tr_tunnel_tls *tr_tunnel_tls_hold(struct tr_tunnel_tls *tls)
{
    return tls;
}

void tr_tunnel_tls_destroy(struct tr_tunnel_tls *tls)
{
    (void)tls;
}

static bool begin(struct tr_tunnel *tunnel, const char *host, uint16_t port)
{
    (void)host;
    (void)port;
    tunnel->is_open = true;
    return true;
}

static bool send_framed(struct tr_tunnel *tunnel, const void *data, size_t size)
{
    (void)tunnel;
    (void)data;
    (void)size;
    return false;
}

static void receive_other(struct tr_tunnel *tunnel, const uint8_t *data, size_t size)
{
    (void)tunnel;
    (void)data;
    (void)size;
}

static void destroy_other(struct tr_tunnel *tunnel)
{
    (void)tunnel;
}

static bool is_known(const struct tr_tunnel *tunnel, enum tr_tunnel_mode mode)
{
    (void)tunnel;
    return mode == TR_TUNNEL_PLAIN;
}

#endif

static void let_go_of_tls(struct tr_tunnel *tunnel)
{
    tr_tunnel_tls_destroy(tunnel->tls);
    tunnel->tls = NULL;
}

struct tr_tunnel *tr_tunnel_create(enum tr_tunnel_role role, enum tr_tunnel_mode mode,
                                   struct tr_tunnel_tls *tls, const char *host, uint16_t port,
                                   size_t room, uint64_t now_us)
{
    struct tr_tunnel *tunnel = calloc(1, sizeof(*tunnel));
    if (tunnel == NULL)
        return NULL;
    tunnel->role = role;
    tunnel->mode = mode;
    tunnel->tls = tr_tunnel_tls_hold(tls);
    tunnel->room = room > 0 ? room : TR_TUNNEL_ROOM;
    tunnel->until_us = now_us + TR_TUNNEL_OPENING_US;
    if (mode != TR_TUNNEL_UNKNOWN && (!is_known(tunnel, mode) || !begin(tunnel, host, port))) {
        tr_tunnel_destroy(tunnel);
        return NULL;
    }
    if (mode != TR_TUNNEL_UNKNOWN)
        let_go_of_tls(tunnel);
    return tunnel;
}

void tr_tunnel_destroy(struct tr_tunnel *tunnel)
{
    if (tunnel == NULL)
        return;
    let_go_of_tls(tunnel);
    destroy_other(tunnel);
    tr_bytes_clear(&tunnel->output);
    tr_bytes_clear(&tunnel->inbox);
    free(tunnel);
}

static void find_mode(struct tr_tunnel *tunnel, uint8_t first)
{
    enum tr_tunnel_mode mode = TR_TUNNEL_UNKNOWN;
    if (first == 0x16) /* a TLS record that holds a handshake */
        mode = TR_TUNNEL_TLS;
    else if (first == 'G')
        mode = TR_TUNNEL_WS;
    else if (first <= TR_TUNNEL_DATAGRAM_MAX >> 8)
        mode = TR_TUNNEL_PLAIN;
    if (mode == TR_TUNNEL_UNKNOWN || !is_known(tunnel, mode)) {
        fail(tunnel, "neither datagrams nor a WebSocket");
        return;
    }
    tunnel->mode = mode;
    if (!begin(tunnel, NULL, 0))
        fail(tunnel, "no memory");
    let_go_of_tls(tunnel);
}

/* Puts a datagram behind its size; one for which there is no room is dropped. */
static void arrive(struct tr_tunnel *tunnel, const uint8_t *data, uint16_t size)
{
    if (tunnel->inbox.size + sizeof(size) + size > INBOX_MOST)
        return;
    if (!tr_bytes_append(&tunnel->inbox, &size, sizeof(size), INBOX_MOST) ||
        !tr_bytes_append(&tunnel->inbox, data, size, INBOX_MOST))
        fail(tunnel, "no memory");
}

static size_t take_up_to(struct tr_tunnel *tunnel, size_t wanted, const uint8_t *data, size_t size)
{
    size_t taken = wanted > tunnel->partial_size ? wanted - tunnel->partial_size : 0;
    if (taken > size)
        taken = size;
    memcpy(tunnel->partial + tunnel->partial_size, data, taken);
    tunnel->partial_size += taken;
    return taken;
}

static void receive_plain(struct tr_tunnel *tunnel, const uint8_t *data, size_t size)
{
    while (size > 0 && tunnel->failure == NULL) {
        size_t taken = take_up_to(tunnel, SIZE_BYTES, data, size);
        data += taken;
        size -= taken;
        if (tunnel->partial_size < SIZE_BYTES)
            return;
        uint16_t wanted = (uint16_t)(tunnel->partial[0] << 8 | tunnel->partial[1]);
        if (wanted == 0 || wanted > TR_TUNNEL_DATAGRAM_MAX) {
            fail(tunnel, "a datagram of no size, or too long");
            return;
        }
        taken = take_up_to(tunnel, SIZE_BYTES + (size_t)wanted, data, size);
        data += taken;
        size -= taken;
        if (tunnel->partial_size < SIZE_BYTES + (size_t)wanted)
            return;
        arrive(tunnel, tunnel->partial + SIZE_BYTES, wanted);
        tunnel->partial_size = 0;
    }
}

static void return_lent(struct tr_tunnel *tunnel)
{
    if (tunnel->lent > 0)
        tr_bytes_consume(&tunnel->inbox, tunnel->lent);
    tunnel->lent = 0;
}

void tr_tunnel_received(struct tr_tunnel *tunnel, const void *data, size_t size)
{
    return_lent(tunnel);
    if (tunnel->failure != NULL || size == 0)
        return;
    if (tunnel->mode == TR_TUNNEL_UNKNOWN)
        find_mode(tunnel, *(const uint8_t *)data);
    if (tunnel->failure != NULL)
        return;
    if (tunnel->mode == TR_TUNNEL_PLAIN)
        receive_plain(tunnel, data, size);
    else
        receive_other(tunnel, data, size);
}

bool tr_tunnel_next_datagram(struct tr_tunnel *tunnel, const uint8_t **data, size_t *size)
{
    return_lent(tunnel);
    if (tunnel->inbox.size == 0)
        return false;
    uint16_t held;
    memcpy(&held, tunnel->inbox.data + tunnel->inbox.head, sizeof(held));
    *data = tunnel->inbox.data + tunnel->inbox.head + sizeof(held);
    *size = held;
    tunnel->lent = sizeof(held) + (size_t)held;
    return true;
}

bool tr_tunnel_send(struct tr_tunnel *tunnel, const void *data, size_t size)
{
    if (!tr_tunnel_is_open(tunnel) || size == 0 || size > TR_TUNNEL_DATAGRAM_MAX ||
        tunnel->output.size + size + FRAMING_MOST > tunnel->room)
        return false;
    if (tunnel->mode != TR_TUNNEL_PLAIN)
        return send_framed(tunnel, data, size);
    uint8_t framed[SIZE_BYTES + TR_TUNNEL_DATAGRAM_MAX];
    framed[0] = (uint8_t)(size >> 8);
    framed[1] = (uint8_t)size;
    memcpy(framed + SIZE_BYTES, data, size);
    return tr_bytes_append(&tunnel->output, framed, SIZE_BYTES + size, tunnel->room);
}

const uint8_t *tr_tunnel_output(const struct tr_tunnel *tunnel, size_t *size)
{
    *size = tunnel->output.size;
    return *size > 0 ? tunnel->output.data + tunnel->output.head : NULL;
}

void tr_tunnel_consume(struct tr_tunnel *tunnel, size_t size)
{
    tr_bytes_consume(&tunnel->output, size);
}

bool tr_tunnel_is_open(const struct tr_tunnel *tunnel)
{
    return tunnel->is_open && tunnel->failure == NULL;
}

const char *tr_tunnel_failure(const struct tr_tunnel *tunnel)
{
    return tunnel->failure;
}

enum tr_tunnel_mode tr_tunnel_mode(const struct tr_tunnel *tunnel)
{
    return tunnel->mode;
}

uint64_t tr_tunnel_deadline(const struct tr_tunnel *tunnel)
{
    return tunnel->is_open || tunnel->failure != NULL ? TR_NEVER : tunnel->until_us;
}

void tr_tunnel_tick(struct tr_tunnel *tunnel, uint64_t now_us)
{
    if (tr_is_due(tr_tunnel_deadline(tunnel), now_us))
        fail(tunnel, "not opened in time");
}
