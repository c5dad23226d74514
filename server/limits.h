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
    X(expire_ms, 45000, 200, 3600000, "silence before a participant leaves; above keepalive_ms")   \
    X(register_rate, 50, 1, 1000000, "registrations a second from one /32 or /56")                 \
    X(register_burst, 300, 1, 1000000, "and at once")

/* Zero means the default. */
struct tr_service_limits {
#define TR_LIMIT_ROW(field, normal, least, most, text) uint32_t field;
    TR_SERVICE_LIMITS(TR_LIMIT_ROW)
#undef TR_LIMIT_ROW
};

/* Puts the defaults in the place of zeros. false: out of range, nothing changed. */
bool tr_limits_fill(struct tr_service_limits *limits);

#endif
