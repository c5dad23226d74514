/* The server's settings: one table, read by the configuration file and by the command line.
 * SPDX-License-Identifier: MIT */
#ifndef TR_SETTINGS_H
#define TR_SETTINGS_H

#include "server/log.h"
#include "server/service.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <tryst/address.h>
#include <tryst/pin.h>
#include <tryst/policy.h>

enum {
    TR_SETTINGS_LISTEN_MAX = 16,
    TR_SETTINGS_PORT_NEXT = 65536, /* the one after that of the first address listened on */
    TR_SETTINGS_PORT_NONE = 65537,
    TR_SETTINGS_PATH = 1024,   /* bytes of a path and its NUL */
    TR_SETTINGS_LINE = 1200,   /* bytes of a line of the file and its end */
    TR_SETTINGS_REPORT = 8192, /* bytes of all complaints together */
};

/* What the command line asks for besides settings. */
enum tr_settings_wish {
    TR_SETTINGS_RUN,
    TR_SETTINGS_CHECK,
    TR_SETTINGS_CHECK_POLICY, /* policy.script, with replay */
    TR_SETTINGS_HELP,
    TR_SETTINGS_VERSION,
};

/* The operator's rules. */
struct tr_settings_policy {
    char script[TR_SETTINGS_PATH];  /* "": there are none */
    char plugins[TR_SETTINGS_PATH]; /* folder of policy-lua.so and policy-python.so */
    uint32_t deadline_ms;
    uint32_t hook_ms;
    uint32_t load_ms;
    uint32_t memory_kib; /* 0: as the plug-in has it */
    uint32_t workers;
};

/* TCP, for clients whose network lets no UDP pass. */
struct tr_settings_streams {
    struct tryst_address listen[TR_SETTINGS_LISTEN_MAX];
    uint32_t listen_count; /* 0 without is_off: as for UDP */
    bool is_off;
    uint32_t connections;
    uint32_t per_address;
    char certificate[TR_SETTINGS_PATH]; /* "": a self-signed one is made, as key is "" too */
    char key[TR_SETTINGS_PATH];
};

/* What is counted of NATs and pairs. */
struct tr_settings_census {
    uint32_t is_on;
    char file[TR_SETTINGS_PATH]; /* "": in memory alone */
};

struct tr_settings {
    enum tr_settings_wish wish;
    char file[TR_SETTINGS_PATH]; /* the configuration file, "" for none */
    struct tryst_address listen[TR_SETTINGS_LISTEN_MAX];
    uint32_t listen_count; /* 0: nobody chose, so TRYST_PORT on all IPv4 and IPv6 addresses */
    struct tr_settings_streams streams;
    uint32_t other_port;           /* for BIND; or TR_SETTINGS_PORT_NEXT, TR_SETTINGS_PORT_NONE */
    struct tryst_address other[2]; /* other addresses for BIND, of one family each, port 0 */
    uint32_t other_count;
    struct tryst_address metrics; /* where counters are shown over HTTP; family 0: nowhere */
    char state[TR_SETTINGS_PATH];
    char advertise_host[TRYST_PIN_HOST_SIZE]; /* "" lets the server look for an address */
    uint16_t advertise_port;                  /* 0: the port it listens on */
    uint32_t stats_s;                         /* 0 never */
    uint32_t log_level;                       /* enum tr_log_level */
    struct tr_service_limits limits;
    struct tr_settings_policy policy;
    struct tr_settings_census census;
    char replay[TR_SETTINGS_PATH]; /* requests for the rules that are checked, "" for none */
};

/* Everything that is wrong, a line each: "FILE:LINE: why" or "--flag: why". */
struct tr_settings_report {
    uint32_t count;
    size_t size;
    char text[TR_SETTINGS_REPORT];
};

/* Reads the command line, and the configuration file it names; what a flag says wins. May be asked
 * again with the same arguments (a reload). On false settings are not to be used. */
bool tr_settings_load(struct tr_settings *settings, int argc, char **argv,
                      struct tr_settings_report *report);

/* What a plug-in is told of them; script points into settings. */
struct tryst_policy_settings tr_settings_for_plugin(const struct tr_settings *settings);

/* The help: usage, flags, and the keys of the file with their ranges. */
void tr_settings_help(FILE *stream);

#endif
