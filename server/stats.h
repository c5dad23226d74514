/* The server's counters: one table that names them all.
 * SPDX-License-Identifier: MIT */
#ifndef TR_SERVER_STATS_H
#define TR_SERVER_STATS_H

#include <stdint.h>

/* X(field, text): how many there are now. */
#define TR_SERVER_GAUGES(X)                                                                        \
    X(participants, "participants now")                                                            \
    X(sessions, "sessions now")                                                                    \
    X(streams, "TCP connections now")                                                              \
    X(relay_pairs, "pairs of participants that are relayed for now")

/* X(field, text): how often since the start; drop_*: what was not done. */
#define TR_SERVER_COUNTERS(X)                                                                      \
    X(pairs_direct, "times that a participant said that it reached another directly")              \
    X(pairs_relayed, "times that it said that only the relay leads there")                         \
    X(pairs_none, "times that it said that nothing leads there")                                   \
    X(received, "datagrams received")                                                              \
    X(received_bytes, "bytes received")                                                            \
    X(sent, "datagrams sent")                                                                      \
    X(sent_bytes, "bytes sent")                                                                    \
    X(binds, "cookies handed out")                                                                 \
    X(binds_later, "cookies handed out later, as was asked for")                                   \
    X(registered, "registrations accepted")                                                        \
    X(repeated, "registrations repeated with the same bytes")                                      \
    X(refused, "registrations refused")                                                            \
    X(left, "participants that left")                                                              \
    X(expired, "participants that fell silent")                                                    \
    X(policy_asked, "questions put to the rules")                                                  \
    X(policy_denied, "registrations and pairs that the rules denied")                              \
    X(policy_failed, "questions that the rules failed at: error, wrong answer, limit, crash")      \
    X(policy_late, "questions that the rules did not answer in time")                              \
    X(policy_overload, "questions that were not put: too many waited")                             \
    X(relayed, "datagrams relayed")                                                                \
    X(relayed_bytes, "bytes relayed")                                                              \
    X(changes, "roster changes")                                                                   \
    X(resent, "roster pages sent again")                                                           \
    X(drop_short, "dropped: too short")                                                            \
    X(drop_unknown, "dropped: unknown type or channel")                                            \
    X(drop_version, "dropped: another version")                                                    \
    X(drop_cookie, "dropped: stale or wrong cookie")                                               \
    X(drop_seal, "dropped: seal does not open")                                                    \
    X(drop_signature, "dropped: bad signature")                                                    \
    X(drop_replay, "dropped: replayed")                                                            \
    X(drop_malformed, "dropped: sealed well, but malformed")                                       \
    X(drop_limit, "dropped: over a limit")                                                         \
    X(drop_bind_later, "dropped: too many wait to be answered later")                              \
    X(drop_address, "local addresses left out: not for others to send to")                         \
    X(drop_outcome, "outcomes not counted: of nobody who is there")                                \
    X(drop_relay_asked, "not relayed: the other has not asked for it")                             \
    X(drop_relay_denied, "not relayed: denied by the settings, the rules or a participant")        \
    X(drop_relay_leg, "not relayed: over the quota from one participant to another")               \
    X(drop_relay_participant, "not relayed: over the quota of a participant")                      \
    X(drop_relay_session, "not relayed: over the quota of a session")                              \
    X(drop_relay_node, "not relayed: over the quota of the server")                                \
    X(drop_output, "datagrams not sent: the queue was full")                                       \
    X(stream_accepted, "TCP connections accepted")                                                 \
    X(stream_refused, "TCP connections refused: over a bound")                                     \
    X(drop_stream, "datagrams not sent: the TCP connection was gone or held up")

#define TR_SERVER_STATS(X) TR_SERVER_GAUGES(X) TR_SERVER_COUNTERS(X)

struct tr_server_stats {
#define TR_SERVER_STAT_ROW(field, text) uint64_t field;
    TR_SERVER_STATS(TR_SERVER_STAT_ROW)
#undef TR_SERVER_STAT_ROW
};

/* The part that the listener's streams count. */
struct tr_stream_counts {
    uint64_t open; /* now */
    uint64_t accepted;
    uint64_t refused;
    uint64_t dropped;
};

#endif
