/* What an operator may set of the server's protocol: one table of names, defaults and ranges.
 * SPDX-License-Identifier: MIT */
#ifndef TR_LIMITS_H
#define TR_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

/* X(field, default, least, most, text) */
#define TR_SERVICE_LIMITS(X)                                                                       \
    X(participants, 100000, 1, 10000000, "participants on this server")                            \
    X(session_participants, 256, 1, 256, "participants in one session")                            \
    X(identity_sessions, 8, 1, 256, "sessions of one identity")                                    \
    X(keepalive_ms, 15000, 100, 600000, "how often a client pings")                                \
    X(expire_ms, 90000, 200, 3600000, "silence before a participant leaves; above keepalive_ms")   \
    X(register_rate, 50, 1, 1000000, "registrations a second from one /32 or /56")                 \
    X(register_burst, 300, 1, 1000000, "and at once")                                              \
    X(relay_leg_kbps, 2000, 8, 10000000, "relayed from one participant to another, kilobits/s")    \
    X(relay_kbps, 4000, 8, 10000000, "relayed for one participant, kilobits/s that it sends")      \
    X(relay_session_kbps, 40000, 8, 100000000, "relayed in one session, kilobits/s")               \
    X(relay_node_kbps, 1000000, 8, 100000000, "relayed by this server, kilobits/s")                \
    X(relay_pairs, 100000, 1, 10000000, "pairs of participants that are relayed for at a time")

enum tr_relay_switch { TR_RELAY_ALLOW, TR_RELAY_DENY };

/* Zero means the default. */
struct tr_service_limits {
#define TR_LIMIT_ROW(field, normal, least, most, text) uint32_t field;
    TR_SERVICE_LIMITS(TR_LIMIT_ROW)
#undef TR_LIMIT_ROW
    uint32_t relay; /* enum tr_relay_switch */
};

/* Puts the defaults in the place of zeros. false: out of range, nothing changed. */
bool tr_limits_fill(struct tr_service_limits *limits);

#endif
