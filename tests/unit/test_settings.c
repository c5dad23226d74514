/* The server's settings: file, flags, ranges, and what is said about each mistake.
 * SPDX-License-Identifier: MIT */
#include "server/settings.h"
#include "tests/unit/unit.h"
#include <unistd.h>

static struct tr_settings settings;
static struct tr_settings_report report;
static char file[64];

/* Loads with a configuration file of this text (NULL: none) and these further arguments. */
static bool load(const char *text, char *const *arguments)
{
    static char config_flag[] = "--config";
    char *argv[24] = {(char[]){"trystd"}};
    int argc = 1;
    bool good;

    file[0] = '\0';
    if (text) {
        FILE *stream;
        snprintf(file, sizeof file, "/tmp/tryst-settings-XXXXXX");
        stream = fdopen(mkstemp(file), "w");
        if (!stream)
            abort();
        fputs(text, stream);
        fclose(stream);
        argv[argc++] = config_flag;
        argv[argc++] = file;
    }
    for (; arguments && *arguments; arguments++)
        argv[argc++] = *arguments;
    good = tr_settings_load(&settings, argc, argv, &report);
    if (text)
        unlink(file);
    return good;
}

#define FLAGS(...) ((char *[]){__VA_ARGS__, NULL})

/* Whether one line of the report is "FILE:LINE: ...part..." */
static bool reports(int line, const char *part)
{
    char start[96];
    const char *found;
    size_t end;

    snprintf(start, sizeof start, "%s:%d: ", file, line);
    found = strstr(report.text, start);
    if (!found)
        return false;
    end = strcspn(found, "\n");
    return memmem(found, end, part, strlen(part)) != NULL;
}

static void nothing_configured_has_good_defaults(void)
{
    setenv("STATE_DIRECTORY", "/srv/one:/srv/two", 1);
    if (!ASSERT_ROW(load(NULL, NULL), "%s", report.text))
        return;
    ASSERT_EQ_INT(settings.wish, TR_SETTINGS_RUN);
    ASSERT_EQ_UINT(settings.listen_count, 0);
    ASSERT_EQ_STR(settings.state, "/srv/one");
    ASSERT_EQ_STR(settings.advertise_host, "");
    ASSERT_EQ_UINT(settings.stats_s, 0);
    ASSERT_EQ_UINT(settings.log_level, TR_LOG_INFO);
    ASSERT_EQ_UINT(settings.limits.participants, 100000);
    ASSERT_EQ_UINT(settings.limits.session_participants, 256);
    ASSERT_EQ_UINT(settings.limits.expire_ms, 90000);
    unsetenv("STATE_DIRECTORY");
    ASSERT_TRUE(load(NULL, NULL));
    if (geteuid() == 0)
        ASSERT_EQ_STR(settings.state, "/var/lib/tryst");
}

static void file_sets_everything(void)
{
    static const char text[] = "; a comment\n"
                               "# another\n"
                               "\n"
                               "[server]\n"
                               "listen = 127.0.0.1:7000\n"
                               "listen = [::1]:7001   ; two of them\n"
                               "state = /srv/tryst\n"
                               "advertise = play.example.net:7002\n"
                               "stats = 60\n"
                               "log_level = debug\n"
                               "relay = deny\n"
                               "[limits]\n"
                               "participants = 5\n"
                               "keepalive_ms = 1000\n"
                               "expire_ms = 2000\n";
    char address[TRYST_ADDRESS_TEXT_SIZE];

    if (!ASSERT_ROW(load(text, NULL), "%s", report.text))
        return;
    ASSERT_EQ_UINT(settings.listen_count, 2);
    tryst_address_format(&settings.listen[0], address, sizeof address);
    ASSERT_EQ_STR(address, "127.0.0.1:7000");
    tryst_address_format(&settings.listen[1], address, sizeof address);
    ASSERT_EQ_STR(address, "[::1]:7001");
    ASSERT_EQ_STR(settings.state, "/srv/tryst");
    ASSERT_EQ_STR(settings.advertise_host, "play.example.net");
    ASSERT_EQ_UINT(settings.advertise_port, 7002);
    ASSERT_EQ_UINT(settings.stats_s, 60);
    ASSERT_EQ_UINT(settings.log_level, TR_LOG_DEBUG);
    ASSERT_EQ_UINT(settings.limits.participants, 5);
    ASSERT_EQ_UINT(settings.limits.keepalive_ms, 1000);
    ASSERT_EQ_UINT(settings.limits.expire_ms, 2000);
    ASSERT_EQ_UINT(settings.limits.identity_sessions, 8);
    ASSERT_EQ_UINT(settings.limits.relay, TR_RELAY_DENY);
    ASSERT_EQ_UINT(settings.limits.relay_kbps, 4000);
}

static void flags_win_over_the_file(void)
{
    static const char text[] = "[server]\nlisten=127.0.0.1:1\nlisten=127.0.0.1:2\n"
                               "state=/a\nadvertise=a.example\nstats=1\nlog_level=error\n";

    if (!ASSERT_ROW(load(text, FLAGS((char[]){"--listen=*:9"}, (char[]){"--state"}, (char[]){"/b"},
                                     (char[]){"--advertise"}, (char[]){"[2001:db8::1]"},
                                     (char[]){"--stats=2"}, (char[]){"--log-level=warning"})),
                    "%s", report.text))
        return;
    ASSERT_EQ_UINT(settings.listen_count, 2);
    ASSERT_EQ_UINT(settings.listen[0].family, 4);
    ASSERT_EQ_UINT(settings.listen[1].family, 6);
    ASSERT_EQ_UINT(settings.listen[1].port, 9);
    ASSERT_EQ_STR(settings.state, "/b");
    ASSERT_EQ_STR(settings.advertise_host, "2001:db8::1");
    ASSERT_EQ_UINT(settings.advertise_port, 0);
    ASSERT_EQ_UINT(settings.stats_s, 2);
    ASSERT_EQ_UINT(settings.log_level, TR_LOG_WARNING);
}

static void tcp_is_listened_on_as_it_is_told(void)
{
    static const char text[] = "[server]\nlisten_tcp = 127.0.0.1:1\nlisten_tcp = [::1]:2\n"
                               "tls_certificate = /a\ntls_key = /b\ntcp_connections = 7\n";

    ASSERT_TRUE(load(NULL, NULL));
    ASSERT_FALSE(settings.streams.is_off);
    ASSERT_EQ_UINT(settings.streams.listen_count, 0);
    ASSERT_EQ_UINT(settings.streams.connections, 4096);
    ASSERT_EQ_UINT(settings.streams.per_address, 32);
    ASSERT_ROW(load(text, NULL), "%s", report.text);
    ASSERT_EQ_UINT(settings.listen_count, 0);
    ASSERT_EQ_UINT(settings.streams.listen_count, 2);
    ASSERT_EQ_UINT(settings.streams.listen[1].port, 2);
    ASSERT_EQ_UINT(settings.streams.connections, 7);
    ASSERT_EQ_STR(settings.streams.certificate, "/a");
    ASSERT_EQ_STR(settings.streams.key, "/b");
    ASSERT_TRUE(load(text, FLAGS((char[]){"--listen-tcp=none"})));
    ASSERT_TRUE(settings.streams.is_off);
    ASSERT_EQ_UINT(settings.streams.listen_count, 0);
    ASSERT_TRUE(load("[server]\nlisten_tcp = none\n", FLAGS((char[]){"--listen-tcp=*:3"})));
    ASSERT_FALSE(settings.streams.is_off);
    ASSERT_EQ_UINT(settings.streams.listen_count, 2);
    ASSERT_FALSE(load("[server]\nlisten_tcp = none\nlisten_tcp = 127.0.0.1:1\n", NULL));
    ASSERT_FALSE(load("[server]\nlisten_tcp = 127.0.0.1:1\nlisten_tcp = none\n", NULL));
    ASSERT_FALSE(load("[server]\nlisten_tcp = tcp:127.0.0.1:1\n", NULL));
    ASSERT_FALSE(load("[server]\ntls_key = /b\n", NULL));
}

static void place_of_the_metrics_is_read(void)
{
    static char *const wrong[] = {"--metrics=9641", "--metrics=*:9641", "--metrics=none",
                                  "--metrics=localhost:9641", "--metrics=tcp/127.0.0.1:9641"};
    ASSERT_TRUE(load(NULL, NULL));
    ASSERT_EQ_UINT(settings.metrics.family, 0);
    ASSERT_TRUE(load("[server]\nmetrics = 127.0.0.1:9641\n", NULL));
    ASSERT_EQ_UINT(settings.metrics.family, 4);
    ASSERT_EQ_UINT(settings.metrics.port, 9641);
    ASSERT_TRUE(load("[server]\nmetrics = 127.0.0.1:9641\n", FLAGS((char[]){"--metrics=[::1]:0"})));
    ASSERT_EQ_UINT(settings.metrics.family, 6);
    ASSERT_EQ_UINT(settings.metrics.port, 0);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ASSERT_FALSE(load(NULL, FLAGS(wrong[i])));
        ASSERT_ROW(strstr(report.text, "is not ADDRESS:PORT, as 127.0.0.1:9641") != NULL, "%s",
                   report.text);
    }
    ASSERT_FALSE(load("[server]\nmetrics = 127.0.0.1:1\nmetrics = 127.0.0.1:2\n", NULL));
}

static void other_port_and_addresses_are_read(void)
{
    static const char text[] = "[server]\nother_port = none\nother_address = 192.0.2.9\n"
                               "other_address = 2001:db8::9\n";
    static char *const wrong[] = {
        "--other-port=0",          "--other-port=65536",           "--other-port=x",
        "--other-address=[::1]:5", "--other-address=host.example", "--other-address=192.0.2.1:5",
        "--other-address=0.0.0.0", "--other-address=::",           "--other-address=224.0.0.5"};

    ASSERT_TRUE(load(NULL, NULL));
    ASSERT_EQ_UINT(settings.other_port, TR_SETTINGS_PORT_NEXT);
    ASSERT_EQ_UINT(settings.other_count, 0);
    if (!ASSERT_ROW(load(text, NULL), "%s", report.text))
        return;
    ASSERT_EQ_UINT(settings.other_port, TR_SETTINGS_PORT_NONE);
    ASSERT_EQ_UINT(settings.other_count, 2);
    ASSERT_EQ_UINT(settings.other[0].family, 4);
    ASSERT_EQ_UINT(settings.other[1].family, 6);
    ASSERT_TRUE(load(text, FLAGS((char[]){"--other-port=9"}, (char[]){"--other-address=::2"})));
    ASSERT_EQ_UINT(settings.other_port, 9);
    ASSERT_EQ_UINT(settings.other_count, 1);
    ASSERT_FALSE(load(
        NULL, FLAGS((char[]){"--other-address=192.0.2.1"}, (char[]){"--other-address=192.0.2.2"})));
    for (size_t i = 0; i < UNIT_COUNT(wrong); i++) {
        char flag[40];
        snprintf(flag, sizeof flag, "%s", wrong[i]);
        ASSERT_ROW(!load(NULL, FLAGS(flag)) && report.count == 1, "%s", wrong[i]);
    }
}

/* Nothing but BIND is answered there: nobody could register any more. */
static void other_address_is_not_the_first_one(void)
{
    ASSERT_FALSE(load("[server]\nlisten = 192.0.2.1:7777\nother_address = 192.0.2.1\n", NULL));
    ASSERT_FALSE(load("[server]\nadvertise = 192.0.2.1\nother_address = 192.0.2.1\n", NULL));
    ASSERT_FALSE(load("[server]\nlisten = [2001:db8::1]:7777\nadvertise = [2001:db8::1]:7\n"
                      "other_address = 2001:db8::1\n",
                      NULL));
    ASSERT_TRUE(load("[server]\nlisten = 192.0.2.1:7777\nlisten = 192.0.2.2:7777\n"
                     "advertise = meet.example.net\nother_address = 192.0.2.2\n",
                     NULL));
}

static void census_is_off_unless_it_is_asked_for(void)
{
    ASSERT_TRUE(load(NULL, NULL));
    ASSERT_EQ_UINT(settings.census.is_on, 0);
    ASSERT_EQ_STR(settings.census.file, "");
    ASSERT_TRUE(load("[server]\ncensus = on\ncensus_file = /srv/census.csv\n", NULL));
    ASSERT_EQ_UINT(settings.census.is_on, 1);
    ASSERT_EQ_STR(settings.census.file, "/srv/census.csv");
    ASSERT_TRUE(load("[server]\ncensus = off\n", NULL));
    ASSERT_EQ_UINT(settings.census.is_on, 0);
}

static void wishes_are_understood(void)
{
    ASSERT_TRUE(load(NULL, FLAGS((char[]){"--check-config"})));
    ASSERT_EQ_INT(settings.wish, TR_SETTINGS_CHECK);
    ASSERT_TRUE(load(NULL, FLAGS((char[]){"--help"}, (char[]){"--check-config"})));
    ASSERT_EQ_INT(settings.wish, TR_SETTINGS_HELP);
    ASSERT_TRUE(load(NULL, FLAGS((char[]){"--version"})));
    ASSERT_EQ_INT(settings.wish, TR_SETTINGS_VERSION);
}

static void each_mistake_in_the_file_is_told_with_its_line(void)
{
    static const struct {
        const char *text;
        int line;
        const char *part;
    } rows[] = {
        {"[server]\nlisten = nonsense\n", 2, "\"nonsense\" is not ADDRESS:PORT"},
        {"[server]\nlisten = 1.2.3.4\n", 2, "listen"},
        {"[server]\nlisten = 1.2.3.4:65536\n", 2, "listen"},
        {"[server]\nlisten = *:65536\n", 2, "listen"},
        {"[server]\nlisten = *:\n", 2, "listen"},
        {"[server]\nlisten = 1.2.3.256:1\n", 2, "listen"},
        {"[server]\nlisten = example.net:1\n", 2, "listen"},
        {"[server]\nstate =\n", 2, "a path has"},
        {"[server]\nadvertise = a b\n", 2, "is not HOST"},
        {"[server]\nadvertise = a.example:0\n", 2, "is not HOST"},
        {"[server]\nadvertise = a.example#b\n", 2, "is not HOST"},
        {"[server]\nadvertise = ::1\n", 2, "is not HOST"},
        {"[server]\nlog_level = loud\n", 2, "\"loud\""},
        {"[server]\nlog_level = INFO\n", 2, "\"INFO\""},
        {"[server]\nstats = -1\n", 2, "\"-1\" is not a whole number from 0 to 86400"},
        {"[server]\nstats = 1.5\n", 2, "whole number"},
        {"[server]\nstats = 1s\n", 2, "whole number"},
        {"[server]\nstats =\n", 2, "whole number"},
        {"[server]\nstats = 99999999999999999999\n", 2, "whole number"},
        {"[server]\nstats = 1\n\nstats = 2\n", 4, "stats: already set on line 2"},
        {"[server]\n\ncolour = blue\n", 3, "[server] has no key \"colour\""},
        {"[limits]\nlisten = 1.2.3.4:1\n", 2, "[limits] has no key \"listen\""},
        {"[sever]\nlisten = 1.2.3.4:1\n", 1, "there is no section [sever]"},
        {"[server]\n[empty]\n", 2, "there is no section [empty]"},
        {"stats = 1\n", 1, "before the first [section]"},
        {"[server]\nstats = 1\n[limits\n", 3, "a section needs its ]"},
        {"[server]\nhello\n", 2, "neither [section] nor key = value"},
        {"[server]\nrelay = maybe\n", 2, "is not allow or deny"},
        {"[server]\ncensus = yes\n", 2, "is not on or off"},
        {"[server]\ncensus_file =\n", 2, "census_file"},
        {"[limits]\nrelay_kbps = 0\n", 2, "whole number from 8 to"},
        {"[limits]\nkeepalive_ms = 90000\n", 2, "expire_ms (90000) must be above"},
        {"[limits]\nexpire_ms = 1000\n\nkeepalive_ms = 1000\n", 4, "must be above"},
        {"[limits]\nexpire_ms = 14999\n", 2, "must be above"},
    };

    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        ASSERT_ROW(!load(rows[i].text, NULL), "row %zu was accepted", i);
        ASSERT_ROW(report.count == 1, "row %zu: %u complaints:\n%s", i, report.count, report.text);
        ASSERT_ROW(reports(rows[i].line, rows[i].part), "row %zu: %s", i, report.text);
    }
}

static void all_mistakes_are_told_at_once(void)
{
    static const char text[] = "[server]\n"
                               "stats = x\n"
                               "nonsense\n"
                               "[what]\n"
                               "a = 1\n"
                               "[limits]\n"
                               "participants = 0\n"
                               "colour = red\n";

    ASSERT_FALSE(
        load(text, FLAGS((char[]){"--stats=y"}, (char[]){"--frobnicate"}, (char[]){"word"})));
    ASSERT_EQ_UINT(report.count, 8);
    ASSERT_TRUE(reports(2, "\"x\""));
    ASSERT_TRUE(reports(3, "neither"));
    ASSERT_TRUE(reports(4, "[what]"));
    ASSERT_TRUE(reports(7, "\"0\""));
    ASSERT_TRUE(reports(8, "\"colour\""));
    ASSERT_ROW(strstr(report.text, "--stats: \"y\"") != NULL, "%s", report.text);
    ASSERT_TRUE(strstr(report.text, "--frobnicate: ") != NULL);
    ASSERT_TRUE(strstr(report.text, "word: ") != NULL);
}

static void numbers_hold_at_their_limits_and_not_one_past_them(void)
{
    struct row {
        const char *section, *key;
        uint64_t least, most;
        const char *beside; /* lines that keep the file sensible at both ends */
    };
    static const struct row rows[] = {{"server", "stats", 0, 86400, ""},
#define ROW_PLAIN(field, normal, least, most, text) {"limits", #field, least, most, ""},
                                      TR_SERVICE_LIMITS(ROW_PLAIN)
#undef ROW_PLAIN
    };

    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        const struct row *row = &rows[i];
        for (int at = 0; at < 4; at++) {
            bool is_inside = at == 0 || at == 1;
            uint64_t value = at == 0   ? row->least
                             : at == 1 ? row->most
                             : at == 2 ? row->least - 1
                                       : row->most + 1;
            char text[200];
            if (at == 2 && row->least == 0)
                continue;
            snprintf(text, sizeof text, "[%s]\n%s = %" PRIu64 "\n", row->section, row->key, value);
            load(text, NULL);
            /* Whether two limits fit together is another complaint. */
            ASSERT_ROW(is_inside == (strstr(report.text, "whole number") == NULL), "%s%s", text,
                       report.text);
        }
    }
}

static void listening_has_a_limit(void)
{
    char text[64 * (TR_SETTINGS_LISTEN_MAX + 1)];
    size_t size = (size_t)sprintf(text, "[server]\n");

    for (int i = 0; i < TR_SETTINGS_LISTEN_MAX; i++)
        size += (size_t)sprintf(text + size, "listen = 127.0.0.1:%d\n", i + 1);
    ASSERT_ROW(load(text, NULL), "%s", report.text);
    ASSERT_EQ_UINT(settings.listen_count, TR_SETTINGS_LISTEN_MAX);
    sprintf(text + size, "listen = 127.0.0.1:99\n");
    ASSERT_FALSE(load(text, NULL));
    ASSERT_TRUE(reports(TR_SETTINGS_LISTEN_MAX + 2, "more than 16 addresses"));
}

static void paths_and_lines_have_a_limit(void)
{
    char path[TR_SETTINGS_PATH + 1], text[TR_SETTINGS_PATH + 400];

    memset(path, 'p', sizeof path);
    path[TR_SETTINGS_PATH - 1] = '\0';
    snprintf(text, sizeof text, "[server]\nstate = %s\n", path);
    ASSERT_ROW(load(text, NULL), "%s", report.text);
    ASSERT_EQ_STR(settings.state, path);
    path[TR_SETTINGS_PATH - 1] = 'p';
    path[TR_SETTINGS_PATH] = '\0';
    snprintf(text, sizeof text, "[server]\nstate = %s\n", path);
    ASSERT_FALSE(load(text, NULL));
    ASSERT_TRUE(reports(2, "a path has"));
    snprintf(text, sizeof text, "[server]\n; %s%.300s\nstats = x\n", path, path);
    ASSERT_FALSE(load(text, NULL));
    ASSERT_EQ_UINT(report.count, 2);
    ASSERT_TRUE(reports(2, "too long"));
    ASSERT_TRUE(reports(3, "\"x\""));
}

static void a_flood_of_mistakes_is_counted_and_stays_in_its_room(void)
{
    static char text[40000];
    size_t size = (size_t)sprintf(text, "[server]\n");

    for (int i = 0; i < 2000; i++)
        size += (size_t)sprintf(text + size, "wrong%d = 1\n", i);
    ASSERT_FALSE(load(text, NULL));
    ASSERT_EQ_UINT(report.count, 2000);
    ASSERT_TRUE(strlen(report.text) < sizeof report.text);
    ASSERT_TRUE(reports(2, "wrong0"));
}

static void a_file_that_cannot_be_read_is_told(void)
{
    ASSERT_FALSE(load(NULL, FLAGS((char[]){"--config=/nonexistent/x.ini"})));
    ASSERT_TRUE(strstr(report.text, "/nonexistent/x.ini: cannot be read: No such") != NULL);
    ASSERT_FALSE(load(NULL, FLAGS((char[]){"--config=/tmp"})));
    ASSERT_ROW(strstr(report.text, "/tmp: cannot be read") != NULL, "%s", report.text);
    ASSERT_FALSE(load(NULL, FLAGS((char[]){"--config"})));
    ASSERT_ROW(strstr(report.text, "--config: ") != NULL, "%s", report.text);
}

static void windows_line_ends_and_a_byte_order_mark_do_no_harm(void)
{
    ASSERT_ROW(load("\xef\xbb\xbf[server]\r\nstats = 7\r\n", NULL), "%s", report.text);
    ASSERT_EQ_UINT(settings.stats_s, 7);
    ASSERT_ROW(load("[server]\nstats = 7", NULL), "%s", report.text);
    ASSERT_EQ_UINT(settings.stats_s, 7);
}

static void a_second_load_forgets_the_first(void)
{
    ASSERT_TRUE(load("[server]\nstats = 7\nlisten = 127.0.0.1:1\n", NULL));
    ASSERT_TRUE(load("[server]\nlog_level = debug\n", NULL));
    ASSERT_EQ_UINT(settings.stats_s, 0);
    ASSERT_EQ_UINT(settings.listen_count, 0);
    ASSERT_FALSE(load("x", NULL));
    ASSERT_TRUE(load(NULL, NULL));
    ASSERT_EQ_UINT(report.count, 0);
}

static void help_names_every_flag_and_limit(void)
{
    static char text[16384];
    FILE *stream = fmemopen(text, sizeof text, "w");
    static const char *const words[] = {"--config",
                                        "--check-config",
                                        "--listen",
                                        "--state",
                                        "--advertise",
                                        "--stats",
                                        "--log-level",
                                        "--help",
                                        "--version",
#define WORD(field, normal, least, most, help) #field,
                                        TR_SERVICE_LIMITS(WORD)
#undef WORD
    };

    tr_settings_help(stream);
    fclose(stream);
    for (size_t i = 0; i < UNIT_COUNT(words); i++)
        ASSERT_ROW(strstr(text, words[i]) != NULL, "%s", words[i]);
}

UNIT_MAIN("settings", UNIT_CASE(nothing_configured_has_good_defaults),
          UNIT_CASE(file_sets_everything), UNIT_CASE(flags_win_over_the_file),
          UNIT_CASE(tcp_is_listened_on_as_it_is_told), UNIT_CASE(other_port_and_addresses_are_read),
          UNIT_CASE(place_of_the_metrics_is_read), UNIT_CASE(other_address_is_not_the_first_one),
          UNIT_CASE(census_is_off_unless_it_is_asked_for), UNIT_CASE(wishes_are_understood),
          UNIT_CASE(each_mistake_in_the_file_is_told_with_its_line),
          UNIT_CASE(all_mistakes_are_told_at_once),
          UNIT_CASE(numbers_hold_at_their_limits_and_not_one_past_them),
          UNIT_CASE(listening_has_a_limit), UNIT_CASE(paths_and_lines_have_a_limit),
          UNIT_CASE(a_flood_of_mistakes_is_counted_and_stays_in_its_room),
          UNIT_CASE(a_file_that_cannot_be_read_is_told),
          UNIT_CASE(windows_line_ends_and_a_byte_order_mark_do_no_harm),
          UNIT_CASE(a_second_load_forgets_the_first), UNIT_CASE(help_names_every_flag_and_limit))
