/* The settings' one table: where each stands, what it may be, what the help says of it.
 * SPDX-License-Identifier: MIT */
#include "server/settings_table.h"
#include "lib/base/ip.h"
#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define AT(field) offsetof(struct tr_settings, field)

const struct tr_setting tr_settings_table[] = {
    {"server", "listen", "listen", "ADDRESS:PORT", TR_SETTING_LISTEN, 0, 0, 0, 0,
     "where to listen, UDP; * for all addresses; may be repeated (*:7777)"},
    {"server", "listen_tcp", "listen-tcp", "ADDRESS:PORT", TR_SETTING_LISTEN_TCP, 0, 0, 0, 0,
     "the same for TCP, TLS too, or none; may be repeated (as for UDP)"},
    {"server", "other_port", "other-port", "PORT", TR_SETTING_OTHER_PORT, AT(other_port), 0, 0,
     TR_SETTINGS_PORT_NEXT,
     "second UDP port, where clients learn of their NAT, or none (the next after listen's)"},
    {"server", "other_address", "other-address", "ADDRESS", TR_SETTING_OTHER_ADDRESS, 0, 0, 0, 0,
     "second public address of this machine, for the same; one IPv4, one IPv6 (none)"},
    {"server", "tls_certificate", "tls-certificate", "FILE", TR_SETTING_PATH,
     AT(streams.certificate), 0, 0, 0, "certificate for TLS, PEM (one is made at each start)"},
    {"server", "tls_key", "tls-key", "FILE", TR_SETTING_PATH, AT(streams.key), 0, 0, 0,
     "its private key, PEM"},
    {"server", "state", "state", "DIR", TR_SETTING_PATH, AT(state), 0, 0, 0,
     "directory of root.key and node.key"},
    {"server", "advertise", "advertise", "HOST[:PORT]", TR_SETTING_HOST, 0, 0, 0, 0,
     "the name or address that the pin line shows (an address of this machine)"},
    {"server", "stats", "stats", "SECONDS", TR_SETTING_NUMBER, AT(stats_s), 0, 86400, 0,
     "log the counters so often, 0 never"},
    {"server", "log_level", "log-level", "LEVEL", TR_SETTING_LEVEL, AT(log_level), 0, 0,
     TR_LOG_INFO, "error, warning, info or debug (info)"},
    {"server", "metrics", "metrics", "ADDRESS:PORT", TR_SETTING_ADDRESS, AT(metrics), 0, 0, 0,
     "show the counters there, over HTTP, for Prometheus; to who may see them (not shown)"},
    {"server", "tcp_connections", NULL, NULL, TR_SETTING_NUMBER, AT(streams.connections), 1, 65535,
     4096, "TCP connections at the same time"},
    {"server", "tcp_per_address", NULL, NULL, TR_SETTING_NUMBER, AT(streams.per_address), 1, 65535,
     32, "of them from one IPv4 address or IPv6 /56"},
    {"server", "relay", NULL, NULL, TR_SETTING_RELAY, AT(limits.relay), 0, 0, TR_RELAY_ALLOW,
     "allow or deny: whether it relays for those who find no direct path (allow)"},
    {"server", "census", NULL, NULL, TR_SETTING_SWITCH, AT(census.is_on), 0, 0, 0,
     "on or off: whether NATs and how pairs came out are counted, without addresses (off)"},
    {"server", "census_file", NULL, NULL, TR_SETTING_PATH, AT(census.file), 0, 0, 0,
     "keeps these counts, CSV"},
    {"policy", "script", "policy", "FILE", TR_SETTING_PATH, AT(policy.script), 0, 0, 0,
     "the operator's rules, in FILE.lua, FILE.py or a plug-in FILE.so"},
    {"policy", "plugins", NULL, NULL, TR_SETTING_PATH, AT(policy.plugins), 0, 0, 0,
     "folder of the plug-ins that load scripts: policy-lua.so, policy-python.so"},
    {"policy", "deadline_ms", NULL, NULL, TR_SETTING_NUMBER, AT(policy.deadline_ms), 1, 10000, 50,
     "what the rules have not answered by then is denied"},
    {"policy", "hook_ms", NULL, NULL, TR_SETTING_NUMBER, AT(policy.hook_ms), 1, 10000, 2,
     "processor time of one hook, told to the plug-in"},
    {"policy", "load_ms", NULL, NULL, TR_SETTING_NUMBER, AT(policy.load_ms), 10, 60000, 5000,
     "time to load the rules, told to the plug-in"},
    {"policy", "memory_kib", NULL, NULL, TR_SETTING_NUMBER, AT(policy.memory_kib), 0, 4194304, 0,
     "memory of the rules, told to the plug-in; 0 as it likes: 8 MiB in Lua, 256 MiB a process in "
     "Python"},
    {"policy", "workers", NULL, NULL, TR_SETTING_NUMBER, AT(policy.workers), 1, 16, 2,
     "processes that a plug-in may have, told to it"},
#define LIMIT_ROW(field, normal, least, most, text)                                                \
    {"limits", #field, NULL, NULL, TR_SETTING_NUMBER, AT(limits.field), least, most, normal, text},
    TR_SERVICE_LIMITS(LIMIT_ROW)
#undef LIMIT_ROW
};

const size_t tr_settings_rows = sizeof tr_settings_table / sizeof tr_settings_table[0];

static_assert(sizeof tr_settings_table / sizeof tr_settings_table[0] <= TR_SETTINGS_ROWS_MAX,
              "there is room to note where each row was set");

void tr_settings_complain(struct tr_settings_report *report, const char *format, ...)
{
    size_t room = sizeof report->text - report->size;
    va_list list;
    int size;

    report->count++;
    va_start(list, format);
    size = vsnprintf(report->text + report->size, room, format, list);
    va_end(list);
    /* A complaint that does not fit is only counted. */
    if (size > 0 && (size_t)size + 1 < room) {
        report->size += (size_t)size;
        report->text[report->size++] = '\n';
    }
    report->text[report->size] = '\0';
}

static bool read_number(uint32_t *number, const char *text, uint32_t least, uint32_t most)
{
    uint64_t value = 0;

    if (*text == '\0' || strlen(text) > 10)
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return false;
        value = value * 10 + (uint64_t)(*text - '0');
    }
    if (value < least || value > most)
        return false;
    *number = (uint32_t)value;
    return true;
}

/* A list of addresses to listen on, as it fills. */
struct list {
    struct tryst_address *addresses; /* TR_SETTINGS_LISTEN_MAX */
    uint32_t *count;
};

static bool add_listen(const struct list *list, const struct tryst_address *address)
{
    if (*list->count == TR_SETTINGS_LISTEN_MAX || address->transport != TRYST_TRANSPORT_UDP)
        return false;
    list->addresses[(*list->count)++] = *address;
    return true;
}

static bool read_listen(const struct list *list, const char *text)
{
    struct tryst_address address = {.family = 4};
    uint32_t port;

    if (text[0] == '*' && text[1] == ':') {
        if (!read_number(&port, text + 2, 0, UINT16_MAX))
            return false;
        address.port = (uint16_t)port;
        if (!add_listen(list, &address))
            return false;
        address.family = 6;
        return add_listen(list, &address);
    }
    return tryst_address_parse(&address, text) == TRYST_OK && add_listen(list, &address);
}

static void apply_listen(struct tr_settings_report *report, const struct list *list,
                         const char *text, const char *where)
{
    if (*list->count == TR_SETTINGS_LISTEN_MAX)
        tr_settings_complain(report, "%s: more than %d addresses to listen on", where,
                             TR_SETTINGS_LISTEN_MAX);
    else if (!read_listen(list, text))
        tr_settings_complain(report,
                             "%s: \"%s\" is not ADDRESS:PORT, as 0.0.0.0:7777, [::]:7777 "
                             "or *:7777",
                             where, text);
}

static void apply_listen_tcp(struct tr_settings_reading *reading, const char *text,
                             const char *where)
{
    struct tr_settings_streams *streams = &reading->settings->streams;
    bool is_none = strcmp(text, "none") == 0;

    if (streams->is_off || (is_none && streams->listen_count > 0))
        tr_settings_complain(reading->report, "%s: none stands alone", where);
    else if (is_none)
        streams->is_off = true;
    else
        apply_listen(reading->report,
                     &(struct list){.addresses = streams->listen, .count = &streams->listen_count},
                     text, where);
}

static bool read_other_port(uint32_t *port, const char *text)
{
    if (strcmp(text, "none") == 0) {
        *port = TR_SETTINGS_PORT_NONE;
        return true;
    }
    return read_number(port, text, 1, UINT16_MAX);
}

/* Whether it can be an address of one machine. */
static bool is_of_a_host(const struct tryst_address *address)
{
    int32_t class = tryst_address_classify(address);

    return !tr_ip_is_any(address) && class != TRYST_ADDRESS_MULTICAST &&
           class != TRYST_ADDRESS_BROADCAST;
}

/* An ip alone, one of each family. */
static bool read_other_address(struct tr_settings *settings, const char *text)
{
    char line[TRYST_ADDRESS_TEXT_SIZE];
    struct tryst_address address;
    bool is_six = strchr(text, ':') != NULL;
    int size = snprintf(line, sizeof line, is_six ? "[%s]:1" : "%s:1", text);

    if (size < 0 || (size_t)size >= sizeof line ||
        tryst_address_parse(&address, line) != TRYST_OK ||
        address.transport != TRYST_TRANSPORT_UDP || address.scope != 0 || !is_of_a_host(&address) ||
        settings->other_count == sizeof settings->other / sizeof settings->other[0] ||
        (settings->other_count > 0 && settings->other[0].family == address.family))
        return false;
    address.port = 0;
    settings->other[settings->other_count++] = address;
    return true;
}

/* One address and port, no wildcard: who wants all of them says 0.0.0.0 or [::]. */
static bool read_address(struct tryst_address *address, const char *text)
{
    struct tryst_address read;

    if (tryst_address_parse(&read, text) != TRYST_OK || read.transport != TRYST_TRANSPORT_UDP)
        return false;
    *address = read;
    return true;
}

/* TR_SETTING_HOST, TR_SETTING_HOST:PORT, [IPV6] or [IPV6]:PORT: the pin's own reader judges it, so that what is shown is
 * what clients can read. */
static bool read_host(struct tr_settings *settings, const char *text)
{
    static const char no_key[] = "#AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    char line[TRYST_PIN_TEXT_SIZE];
    const char *bracket = strrchr(text, ']');
    struct tryst_pin pin;
    size_t size = strlen(text);

    if (strchr(text, '#') || size + sizeof no_key > sizeof line)
        return false;
    memcpy(line, text, size);
    memcpy(line + size, no_key, sizeof no_key);
    if (tryst_pin_parse(&pin, line) != TRYST_OK)
        return false;
    memcpy(settings->advertise_host, pin.host, sizeof pin.host);
    settings->advertise_port = strchr(bracket ? bracket : text, ':') ? pin.port : 0;
    return true;
}

static bool read_level(uint32_t *level, const char *text)
{
    for (uint32_t i = 0; i < TR_LOG_LEVEL_COUNT; i++)
        if (strcmp(text, tr_log_level_name((enum tr_log_level)i)) == 0) {
            *level = i;
            return true;
        }
    return false;
}

static bool read_relay(uint32_t *relay, const char *text)
{
    bool is_allowed = strcmp(text, "allow") == 0;

    if (!is_allowed && strcmp(text, "deny") != 0)
        return false;
    *relay = is_allowed ? TR_RELAY_ALLOW : TR_RELAY_DENY;
    return true;
}

static bool read_switch(uint32_t *is_on, const char *text)
{
    *is_on = strcmp(text, "on") == 0;
    return *is_on || strcmp(text, "off") == 0;
}

static void judge(struct tr_settings_report *report, bool is_good, const char *where,
                  const char *text, const char *wanted)
{
    if (!is_good)
        tr_settings_complain(report, "%s: \"%s\" is not %s", where, text, wanted);
}

/* where: "FILE:LINE: key" or "--flag". */
void tr_settings_apply(struct tr_settings_reading *reading, const struct tr_setting *setting,
                       const char *text, const char *where)
{
    struct tr_settings *settings = reading->settings;
    struct tr_settings_report *report = reading->report;
    void *field = (char *)settings + setting->offset;

    switch (setting->kind) {
    case TR_SETTING_NUMBER:
        if (!read_number(field, text, setting->least, setting->most))
            tr_settings_complain(report,
                                 "%s: \"%s\" is not a whole number from %" PRIu32 " to %" PRIu32,
                                 where, text, setting->least, setting->most);
        break;
    case TR_SETTING_PATH:
        if (*text == '\0' || strlen(text) >= TR_SETTINGS_PATH)
            tr_settings_complain(report, "%s: a path has 1 to %d bytes", where,
                                 TR_SETTINGS_PATH - 1);
        else
            memcpy(field, text, strlen(text) + 1);
        break;
    case TR_SETTING_LISTEN:
        apply_listen(
            report, &(struct list){.addresses = settings->listen, .count = &settings->listen_count},
            text, where);
        break;
    case TR_SETTING_LISTEN_TCP:
        apply_listen_tcp(reading, text, where);
        break;
    case TR_SETTING_OTHER_PORT:
        judge(report, read_other_port(field, text), where, text, "a port or none");
        break;
    case TR_SETTING_OTHER_ADDRESS:
        judge(report, read_other_address(settings, text), where, text,
              "an IPv4 or IPv6 address, one of each");
        break;
    case TR_SETTING_ADDRESS:
        judge(report, read_address(field, text), where, text,
              "ADDRESS:PORT, as 127.0.0.1:9641 or [::1]:9641");
        break;
    case TR_SETTING_HOST:
        judge(report, read_host(settings, text), where, text, "HOST or HOST:PORT");
        break;
    case TR_SETTING_LEVEL:
        judge(report, read_level(field, text), where, text, "error, warning, info or debug");
        break;
    case TR_SETTING_SWITCH:
        judge(report, read_switch(field, text), where, text, "on or off");
        break;
    case TR_SETTING_RELAY:
        judge(report, read_relay(field, text), where, text, "allow or deny");
        break;
    }
}

bool tr_settings_is_section(const char *name)
{
    for (size_t i = 0; i < tr_settings_rows; i++)
        if (strcmp(tr_settings_table[i].section, name) == 0)
            return true;
    return false;
}

void tr_settings_help(FILE *stream)
{
    const char *section = "";

    fputs("usage: trystd [--config FILE] [--check-config] [flags]\n\n"
          "The rendezvous server of tryst. Nothing needs to be configured: it makes its keys on\n"
          "the first start and prints the line HOST:PORT#KEY that clients are given.\n\n"
          "  --config FILE             read settings from FILE (INI)\n"
          "  --check-config            only say whether the settings are good\n"
          "  --check-policy FILE       only say whether the rules in FILE load\n"
          "  --replay FILE             and what they answer to the requests in FILE (JSON lines)\n"
          "  --help, --version         print and end\n",
          stream);
    for (size_t i = 0; i < tr_settings_rows; i++) {
        char left[64];
        if (!tr_settings_table[i].flag)
            continue;
        snprintf(left, sizeof left, "--%s %s", tr_settings_table[i].flag,
                 tr_settings_table[i].value);
        fprintf(stream, "  %-25s %s\n", left, tr_settings_table[i].help);
    }
    fputs("\nThe file has the same settings and more; a flag wins over the file:\n", stream);
    for (size_t i = 0; i < tr_settings_rows; i++) {
        const struct tr_setting *setting = &tr_settings_table[i];
        if (strcmp(section, setting->section) != 0)
            fprintf(stream, "  [%s]\n", setting->section);
        section = setting->section;
        if (setting->kind == TR_SETTING_NUMBER)
            fprintf(stream, "  %-22s %s; %" PRIu32 " to %" PRIu32 " (%" PRIu32 ")\n", setting->name,
                    setting->help, setting->least, setting->most, setting->standard);
        else
            fprintf(stream, setting->flag ? "  %-22s as --%s\n" : "  %-22s %s\n", setting->name,
                    setting->flag ? setting->flag : setting->help);
    }
    fputs("\nSignals: TERM and INT end it and tell clients, HUP reads the settings again, USR1\n"
          "logs the counters.\n",
          stream);
}
