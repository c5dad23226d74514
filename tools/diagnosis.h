/* What the doctor found, and how it is told.
 * SPDX-License-Identifier: MIT */
#ifndef TOOL_DIAGNOSIS_H
#define TOOL_DIAGNOSIS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <tryst/tryst.h>

/* Of one family of addresses. */
struct diagnosis_family {
    bool is_asked;    /* there is a client for it */
    bool has_local;   /* this machine has an address that could be used */
    bool has_server;  /* the server has an address of it, as far as is known */
    bool is_answered; /* by UDP */
    uint32_t rtt_us;
    struct tryst_address public_address;
    struct tryst_survey survey;
    uint32_t mtu; /* 0: not known */
};

struct diagnosis {
    struct diagnosis_family ipv4;
    struct diagnosis_family ipv6;
    uint32_t
        lost_reason; /* enum tryst_reason why no server was found, where there is a better one than silence */
    bool is_streamed;             /* no UDP, but TCP or TLS */
    uint32_t transport;           /* enum tryst_transport that the server answered by */
    bool is_local_carrier;        /* the own address that leads out is a carrier's */
    struct tryst_portmap portmap; /* of the home router, IPv4 */
    uint64_t took_us;
};

/* enum tryst_finding: whether a direct path to most others is likely. */
uint32_t diagnosis_is_direct(const struct diagnosis *diagnosis);

/* A verdict in words, a table, and the same without addresses for a bug report. */
void diagnosis_print(const struct diagnosis *diagnosis, FILE *stream);

/* One JSON object and the end of a line. */
void diagnosis_print_json(const struct diagnosis *diagnosis, FILE *stream);

#endif
