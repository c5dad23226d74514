/* One TLS session between memory and memory: plain bytes on one side, records on the other.
 * SPDX-License-Identifier: MIT */
#ifndef TR_TUNNEL_TLS_H
#define TR_TUNNEL_TLS_H

#include "lib/driver/tunnel.h"
#include "lib/driver/tunnel_bytes.h"

/* Opaque. */
struct tr_tls_session;

/* host: the name for the SNI; addresses and NULL leave it out. NULL: no memory. */
struct tr_tls_session *tr_tls_session_create(struct tr_tunnel_tls *tls, enum tr_tunnel_role role,
                                             const char *host);
void tr_tls_session_destroy(struct tr_tls_session *session);

/* Takes records that came. false: no memory. */
bool tr_tls_session_push(struct tr_tls_session *session, const void *data, size_t size);

/* Plain bytes that came: how many; 0 no more for now; below 0 the session ended or failed. */
int tr_tls_session_pull(struct tr_tls_session *session, uint8_t *data, size_t size);

/* Whether the handshake is done. */
bool tr_tls_session_is_open(const struct tr_tls_session *session);

/* Seals plain bytes. false: the session failed. */
bool tr_tls_session_seal(struct tr_tls_session *session, const void *data, size_t size);

/* Moves the records that are to be written to the end of out, which holds at most `most`. false: they
 * do not fit. */
bool tr_tls_session_take(struct tr_tls_session *session, struct tr_bytes *out, size_t most);

#endif
