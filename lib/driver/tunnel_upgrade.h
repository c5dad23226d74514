/* The HTTP upgrade to a WebSocket (RFC 6455, section 4): small, strict, and of one path.
 * SPDX-License-Identifier: MIT */
#ifndef TR_TUNNEL_UPGRADE_H
#define TR_TUNNEL_UPGRADE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TR_UPGRADE_HEAD = 4096, /* bytes of a head at most */
    TR_UPGRADE_KEY = 25,    /* characters of a Sec-WebSocket-Key, its NUL too */
    TR_UPGRADE_ACCEPT = 29, /* characters of a Sec-WebSocket-Accept, its NUL too */
};

/* A fresh key. false: there is no randomness. */
bool tr_upgrade_key(char key[TR_UPGRADE_KEY]);

/* What is answered to a key. */
void tr_upgrade_accept(char accept[TR_UPGRADE_ACCEPT], const char key[TR_UPGRADE_KEY]);

/* The client's request; host: a name or an address without brackets, or NULL. Returns its size, 0 when
 * it does not fit. */
size_t tr_upgrade_request(char head[TR_UPGRADE_HEAD], const char *host, uint16_t port,
                          const char key[TR_UPGRADE_KEY]);

/* The server's answer to a request; head: NUL-terminated, up to and with its empty line; it is written
 * to. Returns the answer, a string, in `answer`: when it is false, one that refuses. */
bool tr_upgrade_answer(char *head, size_t size, char answer[TR_UPGRADE_HEAD]);

/* Whether an answer agrees to the request with this key; head as above. */
bool tr_upgrade_agrees(char *head, size_t size, const char key[TR_UPGRADE_KEY]);

#endif
