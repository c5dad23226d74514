/* Datagrams through a stream and back, for networks that let no UDP pass: one object a connection,
 * sans-I/O: bytes and time are handed in, bytes to be written are taken out.
 *
 * Three modes, told apart by a server from the first byte:
 *   PLAIN  each datagram behind its size, two bytes, big-endian (the first is 0x04 at most)
 *   TLS    each a binary message of a WebSocket (RFC 6455; path /tryst, subprotocol "tryst.1"), in
 *          TLS 1.2 or later (the first is 0x16)
 *   WS     the same WebSocket without TLS, for a server behind a proxy that ends TLS (the first is 'G')
 *
 * TLS is a way through here and nothing more: the datagrams are sealed, and whom they come from is
 * proven by the keys of tryst/1 itself, so a client believes no certificate and checks none. Whoever
 * poses as the server sees what anybody on the way of a UDP datagram sees.
 *
 * A stranger's bytes cost bounded memory: what is held is a datagram, a head of 4 KiB or a record of
 * TLS, and the output up to its bound.
 * SPDX-License-Identifier: MIT */
#ifndef TR_TUNNEL_H
#define TR_TUNNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TR_TUNNEL_DATAGRAM_MAX = 1200,
    TR_TUNNEL_CHUNK = 16 << 10,     /* bytes at most that are handed in at once */
    TR_TUNNEL_ROOM = 64 << 10,      /* bytes of output that may wait, unless told otherwise */
    TR_TUNNEL_OPENING_US = 5000000, /* until it is open, or given up */
};

enum tr_tunnel_role { TR_TUNNEL_CLIENT, TR_TUNNEL_SERVER };

enum tr_tunnel_mode {
    TR_TUNNEL_UNKNOWN, /* a server before the first byte */
    TR_TUNNEL_PLAIN,
    TR_TUNNEL_TLS,
    TR_TUNNEL_WS,
};

/* What all TLS sessions of a client, or of a server, share. Opaque. Not there in a build without TLS:
 * the functions below say so, and give NULL. */
struct tr_tunnel_tls;

enum { TR_TUNNEL_ERROR = 200 }; /* bytes of why something about TLS failed, its NUL too */

/* NULL: no memory, or a build without TLS. */
struct tr_tunnel_tls *tr_tunnel_tls_client(void);

/* certificate, key: PEM files, the certificate with its chain; both NULL: a self-signed one is made,
 * and is gone with the object. NULL: error says why. */
struct tr_tunnel_tls *tr_tunnel_tls_server(const char *certificate, const char *key,
                                           char error[TR_TUNNEL_ERROR]);

/* Counted: one more destroy is due; gives tls. NULL is fine for both. Tunnels hold their own. */
struct tr_tunnel_tls *tr_tunnel_tls_hold(struct tr_tunnel_tls *tls);
void tr_tunnel_tls_destroy(struct tr_tunnel_tls *tls);

/* Whether this build knows the modes TLS and WS. */
bool tr_tunnel_has_tls(void);

/* Opaque. */
struct tr_tunnel;

/* mode  of a client: PLAIN, TLS or WS; a server's is found out: UNKNOWN
 * tls   for a client's TLS; of a server NULL: it takes no TLS. Held, not taken over.
 * host  of a client's TLS or WS: the server's name or address, for the SNI and the head of the
 *       request; NULL: none
 * port  the server's, for the head of the request
 * room  bytes of output that may wait before datagrams are refused; 0: TR_TUNNEL_ROOM
 *
 * Returns NULL: no memory, or there is no such mode here. */
struct tr_tunnel *tr_tunnel_create(enum tr_tunnel_role role, enum tr_tunnel_mode mode,
                                   struct tr_tunnel_tls *tls, const char *host, uint16_t port,
                                   size_t room, uint64_t now_us);
void tr_tunnel_destroy(struct tr_tunnel *tunnel);

/* Bytes that came; size up to TR_TUNNEL_CHUNK. Take all datagrams before the next call: what does not
 * fit beside those that wait is dropped. */
void tr_tunnel_received(struct tr_tunnel *tunnel, const void *data, size_t size);

/* The next datagram that came. false: none. data: good until the next call for this tunnel. */
bool tr_tunnel_next_datagram(struct tr_tunnel *tunnel, const uint8_t **data, size_t *size);

/* Sends a datagram of 1 to TR_TUNNEL_DATAGRAM_MAX bytes. false: not open, failed, or full: over a
 * stream that is held up it is better lost than late. */
bool tr_tunnel_send(struct tr_tunnel *tunnel, const void *data, size_t size);

/* What is to be written; NULL: nothing. Then say how much of it was. A tunnel that failed may still
 * have some: what tells the other end why. */
const uint8_t *tr_tunnel_output(const struct tr_tunnel *tunnel, size_t *size);
void tr_tunnel_consume(struct tr_tunnel *tunnel, size_t size);

/* Whether datagrams can be sent. */
bool tr_tunnel_is_open(const struct tr_tunnel *tunnel);

/* Why it failed; a string constant; NULL: it did not. It stays so: close the connection. */
const char *tr_tunnel_failure(const struct tr_tunnel *tunnel);

enum tr_tunnel_mode tr_tunnel_mode(const struct tr_tunnel *tunnel);

/* When it gives opening up; UINT64_MAX when it is open or has failed. */
uint64_t tr_tunnel_deadline(const struct tr_tunnel *tunnel);
void tr_tunnel_tick(struct tr_tunnel *tunnel, uint64_t now_us);

#endif
