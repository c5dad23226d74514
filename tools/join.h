/* tryst join: a chat for people, and a scripted participant for programs.
 * SPDX-License-Identifier: MIT */
#ifndef TOOL_JOIN_H
#define TOOL_JOIN_H

#include <stdbool.h>
#include <stdint.h>

/* What the tool ends with. */
enum {
    STATUS_DONE = 0,
    STATUS_ERROR = 1,
    STATUS_USAGE = 2,
    STATUS_TIMEOUT = 3,
    STATUS_REFUSED = 4,
    STATUS_UNLIKELY = 5 /* doctor: that others are reached directly */
};

struct join_wish {
    const char *session;
    const char *server;
    const char *key; /* file, NULL: a new identity */
    const char *app;
    const char *name; /* shown to the others */
    const char *send; /* to each participant when connected */
    bool is_json;
    bool is_traced;
    bool has_at;
    bool has_timeout;
    uint16_t port;
    uint16_t tcp_port; /* the server's */
    uint16_t tls_port;
    uint8_t relay;        /* enum tryst_relay_use */
    uint8_t port_mapping; /* enum tryst_port_mapping_use */
    uint8_t spray;        /* enum tryst_spray_use */
    uint8_t sockets;      /* 0: the default */
    uint32_t expect;      /* messages from others, 0: no end of its own */
    uint64_t at_us;       /* on CLOCK_MONOTONIC */
    uint64_t timeout_us;  /* from the start */
    uint64_t linger_us;   /* after the last expected message, so that others finish too */
};

/* Returns a STATUS. start_us: when the process began, on the monotonic clock. */
int join_run(const struct join_wish *wish, uint64_t start_us);

#endif
