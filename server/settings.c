/* The server's settings: one table, read by the configuration file and by the command line.
 * SPDX-License-Identifier: MIT */
#include "server/settings.h"
#include <errno.h>
#include <getopt.h>
#include <ini.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum kind {
    NUMBER, /* least to most */
    PATH,
    LISTEN, /* may be given often */
    HOST,
    LEVEL,
};

struct setting {
    const char *section, *name;
    const char *flag;  /* NULL: only in the file */
    const char *value; /* what the help calls it */
    enum kind kind;
    size_t offset; /* in struct tr_settings, of a NUMBER, PATH or LEVEL */
    uint32_t least, most, standard;
    const char *help;
};

#define AT(field) offsetof(struct tr_settings, field)

static const struct setting settings_table[] = {
    {"server", "listen", "listen", "ADDRESS:PORT", LISTEN, 0, 0, 0, 0,
     "where to listen, UDP; * for all addresses; may be repeated (*:7777)"},
    {"server", "state", "state", "DIR", PATH, AT(state), 0, 0, 0,
     "directory of root.key and node.key"},
    {"server", "advertise", "advertise", "HOST[:PORT]", HOST, 0, 0, 0, 0,
     "the name or address that the pin line shows (an address of this machine)"},
    {"server", "stats", "stats", "SECONDS", NUMBER, AT(stats_s), 0, 86400, 0,
     "log the counters so often, 0 never"},
    {"server", "log_level", "log-level", "LEVEL", LEVEL, AT(log_level), 0, 0, TR_LOG_INFO,
     "error, warning, info or debug (info)"},
#define LIMIT_ROW(field, normal, least, most, text)                                                \
    {"limits", #field, NULL, NULL, NUMBER, AT(limits.field), least, most, normal, text},
    TR_SERVICE_LIMITS(LIMIT_ROW)
#undef LIMIT_ROW
};

enum { SETTINGS = sizeof settings_table / sizeof settings_table[0] };

/* What is read right now. */
struct reading {
    struct tr_settings *settings;
    struct tr_settings_report *report;
    FILE *stream;
    int line;
    int first[SETTINGS]; /* the line that set it, 0 none */
};

__attribute__((format(printf, 2, 3))) static void complain(struct tr_settings_report *report,
                                                           const char *format, ...)
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

static bool add_listen(struct tr_settings *settings, const struct tryst_address *address)
{
    if (settings->listen_count == TR_SETTINGS_LISTEN_MAX)
        return false;
    settings->listen[settings->listen_count++] = *address;
    return true;
}

static bool read_listen(struct tr_settings *settings, const char *text)
{
    struct tryst_address address = {.family = 4};
    uint32_t port;

    if (text[0] == '*' && text[1] == ':') {
        if (!read_number(&port, text + 2, 0, UINT16_MAX))
            return false;
        address.port = (uint16_t)port;
        if (!add_listen(settings, &address))
            return false;
        address.family = 6;
        return add_listen(settings, &address);
    }
    return tryst_address_parse(&address, text) == TRYST_OK && add_listen(settings, &address);
}

/* HOST, HOST:PORT, [IPV6] or [IPV6]:PORT: the pin's own reader judges it, so that what is shown is
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

/* where: "FILE:LINE: key" or "--flag". */
static void apply(struct reading *reading, const struct setting *setting, const char *text,
                  const char *where)
{
    struct tr_settings *settings = reading->settings;
    void *field = (char *)settings + setting->offset;

    switch (setting->kind) {
    case NUMBER:
        if (!read_number(field, text, setting->least, setting->most))
            complain(reading->report,
                     "%s: \"%s\" is not a whole number from %" PRIu32 " to %" PRIu32, where, text,
                     setting->least, setting->most);
        break;
    case PATH:
        if (*text == '\0' || strlen(text) >= TR_SETTINGS_PATH)
            complain(reading->report, "%s: a path has 1 to %d bytes", where, TR_SETTINGS_PATH - 1);
        else
            memcpy(field, text, strlen(text) + 1);
        break;
    case LISTEN:
        if (settings->listen_count == TR_SETTINGS_LISTEN_MAX)
            complain(reading->report, "%s: more than %d addresses to listen on", where,
                     TR_SETTINGS_LISTEN_MAX);
        else if (!read_listen(settings, text))
            complain(reading->report,
                     "%s: \"%s\" is not ADDRESS:PORT, as 0.0.0.0:7777, [::]:7777 "
                     "or *:7777",
                     where, text);
        break;
    case HOST:
        if (!read_host(settings, text))
            complain(reading->report, "%s: \"%s\" is not HOST or HOST:PORT", where, text);
        break;
    case LEVEL:
        if (!read_level(field, text))
            complain(reading->report, "%s: \"%s\" is not error, warning, info or debug", where,
                     text);
        break;
    }
}

static bool is_section(const char *name)
{
    for (size_t i = 0; i < SETTINGS; i++)
        if (strcmp(settings_table[i].section, name) == 0)
            return true;
    return false;
}

static int take_pair(void *user, const char *section, const char *name, const char *value)
{
    struct reading *reading = user;
    const char *file = reading->settings->file;
    char where[TR_SETTINGS_PATH + 80];

    if (!is_section(section)) {
        /* An unknown section was named where it began; its keys would only repeat that. */
        if (*section == '\0')
            complain(reading->report, "%s:%d: \"%s\" stands before the first [section]", file,
                     reading->line, name);
        return 1;
    }
    for (size_t i = 0; i < SETTINGS; i++) {
        const struct setting *setting = &settings_table[i];
        if (strcmp(setting->section, section) != 0 || strcmp(setting->name, name) != 0)
            continue;
        snprintf(where, sizeof where, "%s:%d: %s", file, reading->line, name);
        if (reading->first[i] != 0 && setting->kind != LISTEN)
            complain(reading->report, "%s: already set on line %d", where, reading->first[i]);
        else
            apply(reading, setting, value, where);
        reading->first[i] = reading->line;
        return 1;
    }
    complain(reading->report, "%s:%d: [%s] has no key \"%s\"", file, reading->line, section, name);
    return 1;
}

/* inih tells neither all wrong lines nor a section without keys, so they are looked at before it. */
static bool is_well_formed(struct reading *reading, const char *line)
{
    const char *file = reading->settings->file;
    const char *text = line + strspn(line, " \t\r\n");
    const char *end;
    char name[50];

    if (*text == '\0' || *text == '#' || *text == ';')
        return true;
    if (*text != '[') {
        if (strpbrk(text, "=:"))
            return true;
        complain(reading->report, "%s:%d: neither [section] nor key = value", file, reading->line);
        return false;
    }
    end = strchr(text, ']');
    if (!end) {
        complain(reading->report, "%s:%d: a section needs its ]", file, reading->line);
        return false;
    }
    snprintf(name, sizeof name, "%.*s", (int)(end - text - 1), text + 1);
    if (!is_section(name))
        complain(reading->report, "%s:%d: there is no section [%s]", file, reading->line, name);
    return true;
}

static char *next_line(char *line, int size, void *stream)
{
    struct reading *reading = stream;
    size_t length;
    int c;

    if (!fgets(line, size, reading->stream))
        return NULL;
    reading->line++;
    length = strlen(line);
    if ((length == 0 || line[length - 1] != '\n') && !feof(reading->stream)) {
        complain(reading->report, "%s:%d: the line is too long or no text", reading->settings->file,
                 reading->line);
        while ((c = getc(reading->stream)) != EOF && c != '\n')
            continue;
        line[0] = '\0';
    } else if (!is_well_formed(reading, reading->line == 1 && strncmp(line, "\xef\xbb\xbf", 3) == 0
                                            ? line + 3
                                            : line)) {
        line[0] = '\0';
    }
    return line;
}

static void read_file(struct reading *reading)
{
    const char *file = reading->settings->file;
    int result;

    reading->stream = fopen(file, "re");
    if (!reading->stream) {
        complain(reading->report, "%s: cannot be read: %s", file, strerror(errno));
        return;
    }
    ini_use_stack = false;
    ini_max_line = TR_SETTINGS_LINE;
    ini_initial_alloc = TR_SETTINGS_LINE;
    ini_allow_multiline = false;
    result = ini_parse_stream(next_line, reading, take_pair, reading);
    if (ferror(reading->stream))
        complain(reading->report, "%s: cannot be read: %s", file, strerror(errno));
    else if (result != 0 && reading->report->count == 0)
        complain(reading->report, "%s:%d: cannot be understood", file, result);
    fclose(reading->stream);
}

static void default_state(struct tr_settings *settings)
{
    const char *systemd = getenv("STATE_DIRECTORY");
    const char *xdg = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    char *state = settings->state;

    if (systemd && *systemd)
        /* systemd.exec(5): several directories are separated by colons. */
        snprintf(state, TR_SETTINGS_PATH, "%.*s", (int)strcspn(systemd, ":"), systemd);
    else if (geteuid() == 0)
        snprintf(state, TR_SETTINGS_PATH, "/var/lib/tryst");
    else if (xdg && *xdg == '/')
        snprintf(state, TR_SETTINGS_PATH, "%s/tryst", xdg);
    else if (home && *home)
        snprintf(state, TR_SETTINGS_PATH, "%s/.local/state/tryst", home);
}

enum { FLAG_CONFIG = SETTINGS + 1, FLAG_CHECK, FLAG_HELP, FLAG_VERSION, FLAGS_MAX = SETTINGS + 6 };

static void make_flags(struct option *flags)
{
    static const struct option others[] = {
        {"config", required_argument, NULL, FLAG_CONFIG},
        {"check-config", no_argument, NULL, FLAG_CHECK},
        {"help", no_argument, NULL, FLAG_HELP},
        {"version", no_argument, NULL, FLAG_VERSION},
        {NULL, 0, NULL, 0},
    };
    for (int i = 0; i < SETTINGS; i++)
        if (settings_table[i].flag)
            *flags++ = (struct option){settings_table[i].flag, required_argument, NULL, i + 1};
    memcpy(flags, others, sizeof others);
}

/* First look: everything that is no setting, as the file is read before the flags win over it. */
static void read_wishes(struct reading *reading, int argc, char **argv, const struct option *flags)
{
    struct tr_settings *settings = reading->settings;
    int flag;

    opterr = 0;
    optind = 0; /* glibc: start afresh */
    while ((flag = getopt_long(argc, argv, "", flags, NULL)) != -1) {
        if (flag == FLAG_CHECK && settings->wish == TR_SETTINGS_RUN)
            settings->wish = TR_SETTINGS_CHECK;
        else if (flag == FLAG_HELP || flag == FLAG_VERSION)
            settings->wish = flag == FLAG_HELP ? TR_SETTINGS_HELP : TR_SETTINGS_VERSION;
        else if (flag == '?')
            complain(reading->report, "%s: there is no such flag, or its value is missing",
                     argv[optind - 1]);
        else if (flag == FLAG_CONFIG && strlen(optarg) >= sizeof settings->file)
            complain(reading->report, "--config: the path is too long");
        else if (flag == FLAG_CONFIG)
            memcpy(settings->file, optarg, strlen(optarg) + 1);
    }
    for (; optind < argc; optind++)
        complain(reading->report, "%s: not understood, as it is no flag", argv[optind]);
}

static void read_flags(struct reading *reading, int argc, char **argv, const struct option *flags)
{
    bool listens = false;
    char where[40];
    int flag;

    optind = 0;
    while ((flag = getopt_long(argc, argv, "", flags, NULL)) != -1) {
        const struct setting *setting;
        if (flag < 1 || flag > SETTINGS)
            continue;
        setting = &settings_table[flag - 1];
        if (setting->kind == LISTEN && !listens) {
            reading->settings->listen_count = 0;
            listens = true;
        }
        snprintf(where, sizeof where, "--%s", setting->flag);
        apply(reading, setting, optarg, where);
    }
}

static void check_together(const struct reading *reading)
{
    const struct tr_settings *settings = reading->settings;
    int line = 0;

    for (size_t i = 0; i < SETTINGS; i++)
        if (settings_table[i].offset == AT(limits.expire_ms) ||
            settings_table[i].offset == AT(limits.keepalive_ms))
            line = reading->first[i] > line ? reading->first[i] : line;
    if (settings->limits.expire_ms <= settings->limits.keepalive_ms)
        complain(reading->report,
                 "%s:%d: expire_ms (%" PRIu32 ") must be above keepalive_ms (%" PRIu32 ")",
                 settings->file, line, settings->limits.expire_ms, settings->limits.keepalive_ms);
    if (settings->state[0] == '\0')
        complain(reading->report, "--state: say where to keep the keys; there is no $HOME");
}

bool tr_settings_load(struct tr_settings *settings, int argc, char **argv,
                      struct tr_settings_report *report)
{
    struct reading reading = {.settings = settings, .report = report};
    struct option flags[FLAGS_MAX];

    memset(settings, 0, sizeof *settings);
    memset(report, 0, sizeof *report);
    for (size_t i = 0; i < SETTINGS; i++)
        if (settings_table[i].kind == NUMBER || settings_table[i].kind == LEVEL)
            *(uint32_t *)(void *)((char *)settings + settings_table[i].offset) =
                settings_table[i].standard;
    make_flags(flags);
    read_wishes(&reading, argc, argv, flags);
    if (settings->wish == TR_SETTINGS_HELP || settings->wish == TR_SETTINGS_VERSION)
        return report->count == 0;
    if (settings->file[0] != '\0')
        read_file(&reading);
    read_flags(&reading, argc, argv, flags);
    if (settings->state[0] == '\0')
        default_state(settings);
    if (report->count == 0)
        check_together(&reading);
    return report->count == 0;
}

void tr_settings_help(FILE *stream)
{
    const char *section = "";

    fputs("usage: trystd [--config FILE] [--check-config] [flags]\n\n"
          "The rendezvous server of tryst. Nothing needs to be configured: it makes its keys on\n"
          "the first start and prints the line HOST:PORT#KEY that clients are given.\n\n"
          "  --config FILE             read settings from FILE (INI)\n"
          "  --check-config            only say whether the settings are good\n"
          "  --help, --version         print and end\n",
          stream);
    for (size_t i = 0; i < SETTINGS; i++) {
        char left[64];
        if (!settings_table[i].flag)
            continue;
        snprintf(left, sizeof left, "--%s %s", settings_table[i].flag, settings_table[i].value);
        fprintf(stream, "  %-25s %s\n", left, settings_table[i].help);
    }
    fputs("\nThe file has the same settings and more; a flag wins over the file:\n", stream);
    for (size_t i = 0; i < SETTINGS; i++) {
        const struct setting *setting = &settings_table[i];
        if (strcmp(section, setting->section) != 0)
            fprintf(stream, "  [%s]\n", setting->section);
        section = setting->section;
        if (setting->kind == NUMBER)
            fprintf(stream, "  %-22s %s; %" PRIu32 " to %" PRIu32 " (%" PRIu32 ")\n", setting->name,
                    setting->help, setting->least, setting->most, setting->standard);
        else
            fprintf(stream, "  %-22s as --%s\n", setting->name, setting->flag);
    }
    fputs("\nSignals: TERM and INT end it and tell clients, HUP reads the settings again, USR1\n"
          "logs the counters.\n",
          stream);
}
