/* tryst doctor: what this network lets through, and what that means for a game.
 * SPDX-License-Identifier: MIT */
#ifndef TOOL_DOCTOR_H
#define TOOL_DOCTOR_H

#include <stdbool.h>
#include <stdint.h>

struct doctor_wish {
    const char *server;
    bool is_json;
    uint16_t port;     /* local; 0: the system chooses */
    uint16_t tcp_port; /* the server's */
    uint16_t tls_port;
    uint8_t port_mapping; /* enum tryst_port_mapping_use */
    uint64_t timeout_us;  /* from the start */
    uint32_t lifetime_s;  /* to look for how long the NAT remembers; 0: not */
};

/* Returns a STATUS. start_us: when the process began, on the monotonic clock. */
int doctor_run(const struct doctor_wish *wish, uint64_t start_us);

#endif
