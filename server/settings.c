/* The server's settings, read from the configuration file and the command line.
 * SPDX-License-Identifier: MIT */
#include "server/settings.h"

#include "lib/base/ip.h"
#include "server/settings_table.h"
#include <errno.h>
#include <getopt.h>
#include <ini.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef TR_PLUGINS_FOLDER
#define TR_PLUGINS_FOLDER "/usr/local/lib/tryst/policy"
#endif

static int take_pair(void *user, const char *section, const char *name, const char *value)
{
    struct tr_settings_reading *reading = user;
    const char *file = reading->settings->file;
    char where[TR_SETTINGS_PATH + 80];

    if (!tr_settings_is_section(section)) {
        /* An unknown section was named where it began; its keys would only repeat that. */
        if (*section == '\0')
            tr_settings_complain(reading->report, "%s:%d: \"%s\" stands before the first [section]",
                                 file, reading->line, name);
        return 1;
    }
    for (size_t i = 0; i < tr_settings_rows; i++) {
        const struct tr_setting *setting = &tr_settings_table[i];
        if (strcmp(setting->section, section) != 0 || strcmp(setting->name, name) != 0)
            continue;
        snprintf(where, sizeof where, "%s:%d: %s", file, reading->line, name);
        if (reading->first[i] != 0 && setting->kind != TR_SETTING_LISTEN &&
            setting->kind != TR_SETTING_LISTEN_TCP && setting->kind != TR_SETTING_OTHER_ADDRESS)
            tr_settings_complain(reading->report, "%s: already set on line %d", where,
                                 reading->first[i]);
        else
            tr_settings_apply(reading, setting, value, where);
        reading->first[i] = reading->line;
        return 1;
    }
    tr_settings_complain(reading->report, "%s:%d: [%s] has no key \"%s\"", file, reading->line,
                         section, name);
    return 1;
}

/* inih tells neither all wrong lines nor a section without keys, so they are looked at before it. */
static bool is_well_formed(struct tr_settings_reading *reading, const char *line)
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
        tr_settings_complain(reading->report, "%s:%d: neither [section] nor key = value", file,
                             reading->line);
        return false;
    }
    end = strchr(text, ']');
    if (!end) {
        tr_settings_complain(reading->report, "%s:%d: a section needs its ]", file, reading->line);
        return false;
    }
    snprintf(name, sizeof name, "%.*s", (int)(end - text - 1), text + 1);
    if (!tr_settings_is_section(name))
        tr_settings_complain(reading->report, "%s:%d: there is no section [%s]", file,
                             reading->line, name);
    return true;
}

static char *next_line(char *line, int size, void *stream)
{
    struct tr_settings_reading *reading = stream;
    size_t length;
    int c;

    if (!fgets(line, size, reading->stream))
        return NULL;
    reading->line++;
    length = strlen(line);
    if ((length == 0 || line[length - 1] != '\n') && !feof(reading->stream)) {
        tr_settings_complain(reading->report, "%s:%d: the line is too long or no text",
                             reading->settings->file, reading->line);
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

static void read_file(struct tr_settings_reading *reading)
{
    const char *file = reading->settings->file;
    int result;

    reading->stream = fopen(file, "re");
    if (!reading->stream) {
        tr_settings_complain(reading->report, "%s: cannot be read: %s", file, strerror(errno));
        return;
    }
    ini_use_stack = false;
    ini_max_line = TR_SETTINGS_LINE;
    ini_initial_alloc = TR_SETTINGS_LINE;
    ini_allow_multiline = false;
    result = ini_parse_stream(next_line, reading, take_pair, reading);
    if (ferror(reading->stream))
        tr_settings_complain(reading->report, "%s: cannot be read: %s", file, strerror(errno));
    else if (result != 0 && reading->report->count == 0)
        tr_settings_complain(reading->report, "%s:%d: cannot be understood", file, result);
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

enum {
    FLAG_CONFIG = TR_SETTINGS_ROWS_MAX + 1,
    FLAG_CHECK,
    FLAG_CHECK_POLICY,
    FLAG_REPLAY,
    FLAG_HELP,
    FLAG_VERSION,
    FLAGS_MAX = TR_SETTINGS_ROWS_MAX + 8
};

static void make_flags(struct option *flags)
{
    static const struct option others[] = {
        {"config", required_argument, NULL, FLAG_CONFIG},
        {"check-config", no_argument, NULL, FLAG_CHECK},
        {"check-policy", required_argument, NULL, FLAG_CHECK_POLICY},
        {"replay", required_argument, NULL, FLAG_REPLAY},
        {"help", no_argument, NULL, FLAG_HELP},
        {"version", no_argument, NULL, FLAG_VERSION},
        {NULL, 0, NULL, 0},
    };
    for (size_t i = 0; i < tr_settings_rows; i++)
        if (tr_settings_table[i].flag)
            *flags++ =
                (struct option){tr_settings_table[i].flag, required_argument, NULL, (int)i + 1};
    memcpy(flags, others, sizeof others);
}

static void take_path(struct tr_settings_reading *reading, char path[TR_SETTINGS_PATH],
                      const char *flag)
{
    if (strlen(optarg) >= TR_SETTINGS_PATH)
        tr_settings_complain(reading->report, "%s: the path is too long", flag);
    else
        memcpy(path, optarg, strlen(optarg) + 1);
}

/* First look: everything that is no setting, as the file is read before the flags win over it. */
static void read_wishes(struct tr_settings_reading *reading, int argc, char **argv,
                        const struct option *flags)
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
            tr_settings_complain(reading->report,
                                 "%s: there is no such flag, or its value is missing",
                                 argv[optind - 1]);
        else if (flag == FLAG_CONFIG)
            take_path(reading, settings->file, "--config");
        else if (flag == FLAG_REPLAY)
            take_path(reading, settings->replay, "--replay");
        else if (flag == FLAG_CHECK_POLICY)
            settings->wish = TR_SETTINGS_CHECK_POLICY;
    }
    for (; optind < argc; optind++)
        tr_settings_complain(reading->report, "%s: not understood, as it is no flag", argv[optind]);
}

static void read_flags(struct tr_settings_reading *reading, int argc, char **argv,
                       const struct option *flags)
{
    bool listens = false, listens_tcp = false, has_other = false;
    char where[40];
    int flag;

    optind = 0;
    while ((flag = getopt_long(argc, argv, "", flags, NULL)) != -1) {
        const struct tr_setting *setting;
        if (flag == FLAG_CHECK_POLICY)
            take_path(reading, reading->settings->policy.script, "--check-policy");
        if (flag < 1 || (size_t)flag > tr_settings_rows)
            continue;
        setting = &tr_settings_table[flag - 1];
        if (setting->kind == TR_SETTING_LISTEN && !listens) {
            reading->settings->listen_count = 0;
            listens = true;
        }
        if (setting->kind == TR_SETTING_LISTEN_TCP && !listens_tcp) {
            reading->settings->streams.listen_count = 0;
            reading->settings->streams.is_off = false;
            listens_tcp = true;
        }
        if (setting->kind == TR_SETTING_OTHER_ADDRESS && !has_other) {
            reading->settings->other_count = 0;
            has_other = true;
        }
        snprintf(where, sizeof where, "--%s", setting->flag);
        tr_settings_apply(reading, setting, optarg, where);
    }
}

/* Whether clients are told to register at that ip: nothing but BIND is answered at a second address. */
static bool is_first(const struct tr_settings *settings, const struct tryst_address *other)
{
    char text[TRYST_PIN_HOST_SIZE + 4];
    struct tryst_address shown;
    uint32_t same = 0;
    uint32_t others = 0;

    for (uint32_t i = 0; i < settings->listen_count; i++) {
        same += tr_ip_is_same(&settings->listen[i], other);
        others += settings->listen[i].family == other->family &&
                  !tr_ip_is_same(&settings->listen[i], other);
    }
    snprintf(text, sizeof text, strchr(settings->advertise_host, ':') ? "[%s]:1" : "%s:1",
             settings->advertise_host);
    return (same > 0 && others == 0) ||
           (tryst_address_parse(&shown, text) == TRYST_OK && tr_ip_is_same(&shown, other));
}

static void check_other(const struct tr_settings_reading *reading)
{
    for (uint32_t i = 0; i < reading->settings->other_count; i++)
        if (is_first(reading->settings, &reading->settings->other[i]))
            tr_settings_complain(reading->report,
                                 "other_address: clients register at this one; give a second one");
}

static void check_together(const struct tr_settings_reading *reading)
{
    const struct tr_settings *settings = reading->settings;
    int line = 0;

    for (size_t i = 0; i < tr_settings_rows; i++)
        if (tr_settings_table[i].offset == offsetof(struct tr_settings, limits.expire_ms) ||
            tr_settings_table[i].offset == offsetof(struct tr_settings, limits.keepalive_ms))
            line = reading->first[i] > line ? reading->first[i] : line;
    if (settings->limits.expire_ms <= settings->limits.keepalive_ms)
        tr_settings_complain(
            reading->report,
            "%s:%d: expire_ms (%" PRIu32 ") must be above keepalive_ms (%" PRIu32 ")",
            settings->file, line, settings->limits.expire_ms, settings->limits.keepalive_ms);
    if ((settings->streams.certificate[0] == '\0') != (settings->streams.key[0] == '\0'))
        tr_settings_complain(reading->report,
                             "tls_certificate and tls_key: give both, or none of them");
    check_other(reading);
    if (settings->state[0] == '\0')
        tr_settings_complain(reading->report,
                             "--state: say where to keep the keys; there is no $HOME");
}

bool tr_settings_load(struct tr_settings *settings, int argc, char **argv,
                      struct tr_settings_report *report)
{
    struct tr_settings_reading reading = {.settings = settings, .report = report};
    struct option flags[FLAGS_MAX];

    memset(settings, 0, sizeof *settings);
    memset(report, 0, sizeof *report);
    for (size_t i = 0; i < tr_settings_rows; i++)
        if (tr_settings_table[i].kind == TR_SETTING_NUMBER ||
            tr_settings_table[i].kind == TR_SETTING_OTHER_PORT ||
            tr_settings_table[i].kind == TR_SETTING_LEVEL)
            *(uint32_t *)(void *)((char *)settings + tr_settings_table[i].offset) =
                tr_settings_table[i].standard;
    make_flags(flags);
    read_wishes(&reading, argc, argv, flags);
    if (settings->wish == TR_SETTINGS_HELP || settings->wish == TR_SETTINGS_VERSION)
        return report->count == 0;
    if (settings->file[0] != '\0')
        read_file(&reading);
    read_flags(&reading, argc, argv, flags);
    if (settings->state[0] == '\0')
        default_state(settings);
    if (settings->policy.plugins[0] == '\0')
        snprintf(settings->policy.plugins, TR_SETTINGS_PATH, "%s", TR_PLUGINS_FOLDER);
    if (settings->replay[0] != '\0' && settings->wish != TR_SETTINGS_CHECK_POLICY)
        tr_settings_complain(report, "--replay: goes with --check-policy");
    if (report->count == 0)
        check_together(&reading);
    return report->count == 0;
}

struct tryst_policy_settings tr_settings_for_plugin(const struct tr_settings *settings)
{
    const struct tr_settings_policy *policy = &settings->policy;

    return (struct tryst_policy_settings){
        .struct_size = sizeof(struct tryst_policy_settings),
        .deadline_ms = policy->deadline_ms,
        .hook_ms = policy->hook_ms,
        .load_ms = policy->load_ms,
        .memory_bytes =
            policy->memory_kib < UINT32_MAX / 1024 ? policy->memory_kib * 1024 : UINT32_MAX,
        .workers = policy->workers,
        .script = policy->script,
    };
}
