/* What the game is told: one flat event of a pinned size, polled by value.
 * SPDX-License-Identifier: MIT */
#ifndef TRYST_EVENT_H
#define TRYST_EVENT_H

#include <tryst/address.h>
#include <tryst/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* X(name, number, text) */
#define TRYST_EVENTS(X)                                                                            \
    X(NONE, 0, "none")                                                                             \
    X(REGISTERED, 1, "registered")    /* address: own public one; rtt_us; data: by its rules */    \
    X(JOINED, 2, "joined")            /* peer, key; data: its user data */                         \
    X(CONNECTED, 3, "connected")      /* peer, path, kind, address, rtt_us */                      \
    X(PATH, 4, "path")                /* the same, when the path changed */                        \
    X(UNREACHABLE, 5, "unreachable")  /* peer, stage, reason; the search goes on */                \
    X(LEFT, 6, "left")                /* peer, key, reason */                                      \
    X(MESSAGE, 7, "message")          /* peer, data */                                             \
    X(REFUSED, 8, "refused")          /* reason, text, retry_ms */                                 \
    X(SERVER_LOST, 9, "server-lost")  /* stage, reason; peers stay connected */                    \
    X(SERVER_BACK, 10, "server-back") /* the same, when it was lost before */                      \
    X(COOKIE, 11, "cookie")           /* address: own public one; a join is one round trip now */  \
    X(HELLO, 12, "hello")             /* peer, address: its first hello came in (option trace) */  \
    X(PUNCH, 13, "punch")             /* peer, address: the first hello went out (option trace) */ \
    X(RELAYED, 14, "relayed")         /* peer, stage, reason: no direct path; the search goes on */

enum tryst_event_type {
#define TRYST_EVENT_ROW(name, number, text) TRYST_EVENT_##name = (number),
    TRYST_EVENTS(TRYST_EVENT_ROW)
#undef TRYST_EVENT_ROW
};

/* X(name, number, text): how two participants talk. */
#define TRYST_PATHS(X)                                                                             \
    X(NONE, 0, "none")                                                                             \
    X(DIRECT, 1, "direct")                                                                         \
    X(RELAY, 2, "relay") /* by the server; address is the server's */

enum tryst_path_type {
#define TRYST_PATH_ROW(name, number, text) TRYST_PATH_##name = (number),
    TRYST_PATHS(TRYST_PATH_ROW)
#undef TRYST_PATH_ROW
};

/* X(name, number, text): what kind of address answered. The numbers are the wire's. */
#define TRYST_KINDS(X)                                                                             \
    X(NONE, 0, "none")                                                                             \
    X(HOST, 1, "host")         /* a local address of the participant */                            \
    X(PUBLIC, 2, "public")     /* the address that the server saw */                               \
    X(IPV6, 3, "ipv6")         /* a global IPv6 address, seen by the server */                     \
    X(MAPPED, 4, "mapped")     /* a port the router was asked for */                               \
    X(OBSERVED, 5, "observed") /* nobody named it; an authenticated hello came from it */

enum tryst_kind {
#define TRYST_KIND_ROW(name, number, text) TRYST_KIND_##name = (number),
    TRYST_KINDS(TRYST_KIND_ROW)
#undef TRYST_KIND_ROW
};

/* X(name, number, text): where something failed. */
#define TRYST_STAGES(X)                                                                            \
    X(NONE, 0, "none")                                                                             \
    X(RESOLVE, 1, "resolve")   /* the server's name */                                             \
    X(COOKIE, 2, "cookie")     /* BIND and COOKIE */                                               \
    X(REGISTER, 3, "register") /* REGISTER and its answer */                                       \
    X(ROSTER, 4, "roster")     /* what the server said of a participant */                         \
    X(PUNCH, 5, "punch")       /* hellos out, none or some in */                                   \
    X(PATH, 6, "path")         /* a path that had worked */                                        \
    X(SERVER, 7, "server")     /* the channel to the server */

enum tryst_stage {
#define TRYST_STAGE_ROW(name, number, text) TRYST_STAGE_##name = (number),
    TRYST_STAGES(TRYST_STAGE_ROW)
#undef TRYST_STAGE_ROW
};

/* X(name, number, text): why. Numbers below 64 go over the wire. */
#define TRYST_REASONS(X)                                                                           \
    X(NONE, 0, "none")                                                                             \
    X(LEAVE, 1, "left by itself")                                                                  \
    X(EXPIRED, 2, "nothing was heard from it for too long")                                        \
    X(SHUTDOWN, 3, "the server is shutting down")                                                  \
    X(REPLACED, 4, "the same identity joined again from elsewhere")                                \
    X(SESSION_FULL, 5, "the session is full")                                                      \
    X(SERVER_FULL, 6, "the server is full")                                                        \
    X(TOO_MANY_SESSIONS, 7, "this identity is in too many sessions")                               \
    X(DENIED, 8, "the server's rules say no")                                                      \
    X(VERSION, 9, "the server speaks another version of the protocol")                             \
    X(MALFORMED, 10, "the server could not read the registration")                                 \
    X(RATE, 11, "too many registrations; wait")                                                    \
    X(KICKED, 12, "the server removed the participant")                                            \
    X(SILENT, 64, "nothing came back")                                                             \
    X(ONE_WAY, 65, "hellos come in, but no answer to ours")                                        \
    X(NO_CANDIDATE, 66, "no usable address is known")                                              \
    X(BAD_RECORD, 67, "its record is not signed by its identity")                                  \
    X(BAD_CERTIFICATE, 68, "the server's certificate is not signed by the pinned key")             \
    X(STALE_CERTIFICATE, 69, "the server's certificate has expired or is not valid yet")           \
    X(NO_NAME, 70, "the server's name cannot be resolved")                                         \
    X(BAD_SIGNATURE, 71, "the server's answer is not signed by its node key")                      \
    X(TRYING, 80, "it is still being tried")                                                       \
    X(BOTH_RANDOM, 81, "both NATs take a new port for each destination, of too many to guess")     \
    X(RANDOM_FILTERED, 82, "one NAT takes new ports, and the other lets in none unknown")          \
    X(SPRAY_DENIED, 83, "it would take many ports at once, which an option forbids")               \
    X(SPRAY_VAIN, 84, "many ports were tried at once, in vain")                                    \
    X(NO_UDP, 85, "no UDP passes on one side")                                                     \
    X(RELAY_ONLY, 86, "an option of one side allows the way by the server alone")                  \
    X(HIDDEN, 87, "the server's rules hide the addresses")                                         \
    X(NO_FAMILY, 88, "one side has IPv4 alone, the other IPv6 alone")                              \
    X(NO_HAIRPIN, 89, "both are behind one NAT, which leads nothing back in")                      \
    X(RELAY_DENIED, 90, "an option forbids the way by the server")                                 \
    X(NO_RELAY, 91, "the server relays nothing")                                                   \
    X(RELAY_REFUSED, 92, "the server does not relay between these two")

enum tryst_reason {
#define TRYST_REASON_ROW(name, number, text) TRYST_REASON_##name = (number),
    TRYST_REASONS(TRYST_REASON_ROW)
#undef TRYST_REASON_ROW
};

/* Bytes of an event, pinned: bindings may rely on it. */
#define TRYST_EVENT_SIZE 256

/* Only the fields that the row of its type names are set; the others are 0. What is about the server
 * (COOKIE, REGISTERED, SERVER_BACK, REFUSED, SERVER_LOST) has the own key in key. */
struct tryst_event {
    uint32_t type;     /* enum tryst_event_type */
    uint32_t peer;     /* handle of a participant, 0 none; never reused by one endpoint */
    uint32_t path;     /* enum tryst_path_type */
    uint32_t kind;     /* enum tryst_kind */
    uint32_t stage;    /* enum tryst_stage */
    uint32_t reason;   /* enum tryst_reason */
    uint32_t rtt_us;   /* round trip, microseconds */
    uint32_t retry_ms; /* REFUSED: try again after this, 0 never */
    struct tryst_address address; /* the peer's end of the path, or the own public address */
    struct tryst_address local;   /* this end of the path */
    uint8_t key[32];              /* the participant's public identity key */
    const void *data;             /* of size bytes; valid until the next call on the object */
    size_t size;                  /* bytes of data */
    char text[64];                /* REFUSED: the server's words, NUL-terminated, UTF-8 */
    uint8_t reserved[TRYST_EVENT_SIZE - 8 * 4 - 2 * 24 - 32 - sizeof(void *) - sizeof(size_t) - 64];
};

/* The words of the tables above; "unknown" for a number that is in no row.
 *
 * Returns  a constant string, never NULL.
 * Threads  any.
 * Since    0.1 */
TRYST_API const char *tryst_event_name(uint32_t type);
TRYST_API const char *tryst_path_name(uint32_t path);
TRYST_API const char *tryst_kind_name(uint32_t kind);
TRYST_API const char *tryst_stage_name(uint32_t stage);
TRYST_API const char *tryst_reason_text(uint32_t reason);

#ifdef __cplusplus
}
#endif

#endif
