/* What an endpoint counts: traffic, and everything that it dropped, by reason.
 * SPDX-License-Identifier: MIT */
#ifndef TRYST_COUNTERS_H
#define TRYST_COUNTERS_H

#include <tryst/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Counters since creation. Grows at the end. */
struct tryst_stats {
    uint32_t struct_size; /* set by tryst_endpoint_stats */
    uint32_t peers;       /* participants known now */
    uint32_t connected;   /* of them with a path */
    uint32_t reserved;
    uint64_t datagrams_sent;
    uint64_t datagrams_received;
    uint64_t bytes_sent;
    uint64_t bytes_received;
    uint64_t messages_sent;
    uint64_t messages_received;
    uint64_t hellos_sent;
    uint64_t hellos_received;
    uint64_t messages_dropped; /* authenticated, but nobody polled: the queue was full */
    uint64_t output_dropped;   /* nobody took the output: the outbox was full */
    uint64_t dropped_short;    /* the wire's mistakes, by reason */
    uint64_t dropped_unknown;
    uint64_t dropped_version;
    uint64_t dropped_seal;
    uint64_t dropped_signature;
    uint64_t dropped_replay;
    uint64_t dropped_limit;
};

#ifdef __cplusplus
}
#endif

#endif
