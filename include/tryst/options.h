/* Settings of an endpoint or a client, sized, defaulted, growing only at the end; and the sizes that
 * both go by.
 * SPDX-License-Identifier: MIT */
#ifndef TRYST_OPTIONS_H
#define TRYST_OPTIONS_H

#include <tryst/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TRYST_SEED_SIZE 32        /* bytes */
#define TRYST_DATAGRAM_MAX 1200   /* bytes of any datagram of the protocol */
#define TRYST_MESSAGE_MAX 1150    /* bytes of one message */
#define TRYST_USER_DATA_MAX 128   /* bytes a participant shows to the others */
#define TRYST_SESSION_NAME_MAX 64 /* bytes of a session's name */
#define TRYST_LOCAL_MAX 8         /* local addresses an endpoint uses */
#define TRYST_SOCKETS_MAX 255     /* further sockets an endpoint may use at a time */
#define TRYST_SERVER_MAX 4        /* addresses of the server an endpoint uses */
#define TRYST_NEVER UINT64_MAX    /* a deadline that does not come */

/* X(name, number, text): whether the server may carry what is said between participants. */
#define TRYST_RELAY_USES(X)                                                                        \
    X(ALLOW, 0, "allow") /* until there is a direct path, and where there is none */               \
    X(DENY, 1, "deny")   /* never */                                                               \
    X(ONLY, 2, "only")   /* always: no participant is told an address of this one */

enum tryst_relay_use {
#define TRYST_RELAY_USE_ROW(name, number, text) TRYST_RELAY_##name = (number),
    TRYST_RELAY_USES(TRYST_RELAY_USE_ROW)
#undef TRYST_RELAY_USE_ROW
};

/* X(name, number, text): whether the home router is asked for a port that leads here. */
#define TRYST_PORT_MAPPING_USES(X)                                                                 \
    X(ALLOW, 0, "allow")                                                                           \
    X(DENY, 1, "deny")

enum tryst_port_mapping_use {
#define TRYST_PORT_MAPPING_USE_ROW(name, number, text) TRYST_PORT_MAPPING_##name = (number),
    TRYST_PORT_MAPPING_USES(TRYST_PORT_MAPPING_USE_ROW)
#undef TRYST_PORT_MAPPING_USE_ROW
};

/* X(name, number, text): whether many ports may be tried at once, where a NAT takes another port for each
 * destination. */
#define TRYST_SPRAY_USES(X)                                                                        \
    X(ALLOW, 0, "allow")                                                                           \
    X(DENY, 1, "deny")

enum tryst_spray_use {
#define TRYST_SPRAY_USE_ROW(name, number, text) TRYST_SPRAY_##name = (number),
    TRYST_SPRAY_USES(TRYST_SPRAY_USE_ROW)
#undef TRYST_SPRAY_USE_ROW
};

/* Zero in a field means its default. Strings are read during the call only. */
struct tryst_options {
    uint32_t struct_size;  /* set by tryst_options_init; tells old callers from new */
    uint32_t keepalive_ms; /* silence before a ping to a peer; learnt: 14,000 to 112,000 */
    uint32_t path_ms;      /* unanswered pings before a path is given up; 15,000 */
    uint32_t peer_ms;      /* silence on all paths before a peer is unreachable; 30,000 */
    uint32_t punch_ms;     /* hellos without an answer before a peer is unreachable; 10,000 */
    uint32_t rekey_s;      /* seconds between handshakes; 120 */
    uint16_t port;         /* client only: local UDP port; 0 lets the system choose */
    uint8_t trace;         /* 1: also PUNCH and HELLO events */
    uint8_t no_ipv4;       /* client only: 1 leaves IPv4 out */
    uint8_t no_ipv6;       /* client only: 1 leaves IPv6 out */
    uint8_t reserved[3];   /* 0 */
    const char *server;    /* HOST:PORT#KEY; an endpoint uses only the key */
    const char *app;       /* the game's name; only the same app meets; "" */
    uint16_t tcp_port;     /* the server's for TCP, where UDP fails; a client: as in server */
    uint16_t tls_port;     /* the server's for WebSocket over TLS; a client: 443. An endpoint uses
                              streams only where these say so */
    uint8_t relay;         /* enum tryst_relay_use */
    uint8_t port_mapping;  /* client only: enum tryst_port_mapping_use */
    uint8_t spray;         /* enum tryst_spray_use */
    uint8_t sockets;       /* further IPv4 sockets that may be used at a time, against hard NATs; an
                              endpoint: 0, none; a client: 255, or 8 with spray denied */
};

/* Sets the size and zeroes the rest.
 *
 * Returns  TRYST_OK; TRYST_E_ARGUMENT for NULL.
 * Threads  any.
 * Since    0.1 */
TRYST_API tryst_result tryst_options_init(struct tryst_options *options);

#ifdef __cplusplus
}
#endif

#endif
