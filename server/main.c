/* trystd: names every room of the server once and wires it.
 * SPDX-License-Identifier: MIT */
#include "lib/base/ip.h"
#include "lib/driver/interfaces.h"
#include "server/census_file.h"
#include "server/keys.h"
#include "server/listener.h"
#include "server/log.h"
#include "server/ports.h"
#include "server/recall_file.h"
#include "server/rehearsal.h"
#include "server/service.h"
#include "server/settings.h"
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <tryst/pin.h>

enum { EXIT_DONE = 0, EXIT_ERROR = 1, EXIT_SETTINGS = 2 };

struct server {
    int argc;
    char **argv;
    struct tr_settings settings;
    struct tr_settings_report report;
    struct tr_log log;
    struct tr_keys keys;
    struct tr_listener *listener;
    struct tr_service *service;
    struct tr_recall_file recall;
    struct tr_census_file census; /* of what is counted; none: nothing is */
    struct tr_admin *admin;       /* who shows it; NULL: nobody */
    uint32_t recalled;            /* participants of a server that was killed here */
    struct tr_desk *desk;         /* of the operator's rules; NULL: there are none */
};

/* The IP address alone, without brackets, port or zone. */
static void format_host(const struct tryst_address *address, char *host, size_t size)
{
    struct tryst_address bare = *address;
    char text[TRYST_ADDRESS_TEXT_SIZE];
    char *start = text;

    bare.port = 0;
    bare.scope = 0;
    tr_ports_format(&bare, text);
    if (*start == '[') {
        start++;
        start[strcspn(start, "]")] = '\0';
    } else {
        start[strcspn(start, ":")] = '\0';
    }
    snprintf(host, size, "%s", start);
}

/* Nobody can register at a second address. */
static bool is_other(const struct tr_settings *settings, const struct tryst_address *own)
{
    for (uint32_t i = 0; i < settings->other_count; i++)
        if (tr_ip_is_same(&settings->other[i], own))
            return true;
    return false;
}

/* Where clients will find us: what the operator says; else what we listen on; when that is every
 * address, the best one this machine has. */
static void find_self(const struct server *server, struct tryst_pin *pin)
{
    const struct tr_settings *settings = &server->settings;
    struct tryst_address own[TR_INTERFACES_MAX];
    struct tryst_address local = tr_listener_local(server->listener, 0);
    struct tryst_address found = local;
    size_t count = tr_ip_is_any(&local) ? tr_interfaces_list(own, TR_INTERFACES_MAX) : 0;

    for (size_t i = 0; i < count && tr_ip_is_any(&found); i++)
        for (uint32_t k = 0; tr_listener_local(server->listener, k).family != 0; k++) {
            local = tr_listener_local(server->listener, k);
            if (tr_ip_is_any(&local) && local.family == own[i].family && tr_ip_is_any(&found) &&
                !is_other(settings, &own[i])) {
                found = own[i];
                found.port = local.port;
            }
        }
    if (tr_ip_is_any(&found))
        found.ip[found.family == 4 ? 0 : 15] = found.family == 4 ? 127 : 1;
    format_host(&found, pin->host, sizeof pin->host);
    pin->port = found.port;
    if (settings->advertise_host[0] != '\0')
        memcpy(pin->host, settings->advertise_host, sizeof pin->host);
    if (settings->advertise_port != 0)
        pin->port = settings->advertise_port;
}

/* The first line on stdout: whoever started us may hand it to clients, and knows that we listen. */
static bool print_pin(const struct server *server)
{
    struct tryst_pin pin = {.port = 0};
    char text[TRYST_PIN_TEXT_SIZE];

    find_self(server, &pin);
    memcpy(pin.key, server->keys.root_public, sizeof pin.key);
    if (tryst_pin_format(&pin, text, sizeof text) < 0) {
        fprintf(stderr, "trystd: no pin line can be made of host \"%s\"; use --advertise\n",
                pin.host);
        return false;
    }
    printf("%s\n", text);
    fflush(stdout);
    return true;
}

static bool start_service(struct server *server, const struct tr_vantage *vantage)
{
    struct tr_service_options options = {.limits = server->settings.limits, .vantage = *vantage};
    struct timespec wall;
    tryst_result result;

    clock_gettime(CLOCK_REALTIME, &wall);
    tr_seal_entropy(options.seed, sizeof options.seed);
    memcpy(options.root_key, server->keys.root_public, sizeof options.root_key);
    memcpy(options.root_seed, server->keys.root_seed, sizeof options.root_seed);
    memcpy(options.node_seed, server->keys.node_seed, sizeof options.node_seed);
    result =
        tr_service_create(&server->service, &options, tr_listener_now(), (uint64_t)wall.tv_sec);
    tr_seal_wipe(&options, sizeof options);
    tr_seal_wipe(server->keys.root_seed, sizeof server->keys.root_seed);
    tr_seal_wipe(server->keys.node_seed, sizeof server->keys.node_seed);
    if (result != TRYST_OK)
        fprintf(stderr, "trystd: the service cannot be started: %s\n", tryst_result_text(result));
    return result == TRYST_OK;
}

/* A server that was killed left word of who was here; without it clients are back a keepalive later. */
static void open_recall(struct server *server)
{
    char why[TR_RECALL_FILE_ERROR];

    if (tr_recall_file_open(&server->recall, server->settings.state,
                            server->settings.limits.participants, why))
        server->recalled = tr_service_recall(server->service, server->recall.rows,
                                             server->recall.count, tr_listener_now());
    else
        tr_log_say(&server->log, tr_listener_now(), TR_LOG_WARNING, "not-recalling", "why", why);
}

/* Counts go on where they were; a file that is something else is left alone. */
static bool open_census(struct server *server)
{
    char error[TR_CENSUS_FILE_ERROR];
    struct tr_census *census;

    if (!server->settings.census.is_on)
        return true;
    census = calloc(1, sizeof *census);
    if (census == NULL) {
        fprintf(stderr, "trystd: %s\n", tryst_result_text(TRYST_E_MEMORY));
        return false;
    }
    server->census.census = census;
    server->census.path = server->settings.census.file;
    if (server->census.path[0] != '\0' &&
        (!tr_census_file_load(server->census.path, census, error) ||
         !tr_census_file_save(server->census.path, census, error))) {
        fprintf(stderr, "trystd: census_file: %s\n", error);
        return false;
    }
    tr_service_set_census(server->service, census);
    tr_listener_keep_census(server->listener, &server->census);
    return true;
}

static void log_start(struct server *server)
{
    struct tr_log_line line;
    char text[TRYST_ADDRESS_TEXT_SIZE];
    struct tryst_address local;
    const struct tr_streams *streams;

    tr_log_begin(&line, &server->log, tr_listener_now(), TR_LOG_INFO, "started");
    tr_log_text(&line, "version", tryst_version());
    tr_log_text(&line, "state", server->settings.state);
    tr_log_text(&line, "root_key", server->keys.made_root ? "new" : "kept");
    tr_log_text(&line, "node_key", server->keys.made_node ? "new" : "kept");
    tr_log_number(&line, "recalled", server->recalled);
    tr_log_end(&line);
    for (uint32_t i = 0; (local = tr_listener_local(server->listener, i)).family != 0; i++) {
        tr_ports_format(&local, text);
        tr_log_say(&server->log, tr_listener_now(), TR_LOG_INFO, "listening", "address", text);
    }
    streams = tr_listener_streams(server->listener);
    for (uint32_t i = 0; (local = tr_streams_local(streams, i)).family != 0; i++) {
        tr_ports_format(&local, text);
        tr_log_say(&server->log, tr_listener_now(), TR_LOG_INFO, "listening", "address", text);
    }
    if (server->admin != NULL) {
        local = tr_admin_local(server->admin);
        tr_ports_format(&local, text);
        tr_log_say(&server->log, tr_listener_now(), TR_LOG_INFO, "showing-metrics", "address",
                   text);
    }
}

/* A server whose rules do not load serves nobody. */
static bool open_rules(struct server *server)
{
    const struct tr_settings_policy *choice = &server->settings.policy;
    struct tryst_policy_settings settings = tr_settings_for_plugin(&server->settings);
    char error[TR_PLUGIN_ERROR];

    if (choice->script[0] == '\0')
        return true;
    server->desk = tr_desk_open(choice->plugins, &settings, error);
    if (server->desk == NULL) {
        fprintf(stderr, "trystd: %s\n", error);
        return false;
    }
    if (tr_service_set_rules(server->service, tr_desk_hooks(server->desk), choice->deadline_ms,
                             tr_listener_now()) == TRYST_OK &&
        tr_listener_consult(server->listener, server->desk, choice->deadline_ms) == TRYST_OK)
        return true;
    fprintf(stderr, "trystd: no memory or descriptors left for the rules\n");
    return false;
}

static bool start(struct server *server)
{
    uint8_t fresh[2 * TR_KEY];
    char why[TR_KEYS_ERROR];
    bool good;

    if (tr_seal_start() != TRYST_OK) {
        fprintf(stderr, "trystd: %s\n", tryst_result_text(TRYST_E_CRYPTO));
        return false;
    }
    tr_seal_entropy(fresh, sizeof fresh);
    good = tr_keys_load(&server->keys, server->settings.state, fresh, why);
    tr_seal_wipe(fresh, sizeof fresh);
    if (!good) {
        fprintf(stderr, "trystd: %s\n", why);
        return false;
    }
    server->listener = tr_listener_create(&server->log);
    if (!server->listener) {
        fprintf(stderr, "trystd: %s\n", tryst_result_text(TRYST_E_MEMORY));
        return false;
    }
    const struct tr_ports ports = {
        .listener = server->listener, .settings = &server->settings, .log = &server->log};
    struct tr_vantage vantage;
    if (!tr_ports_open(&ports, &vantage) || !start_service(server, &vantage))
        return false;
    open_recall(server);
    if (!open_census(server))
        return false;
    if (tr_listener_serve(server->listener, server->service) != TRYST_OK) {
        fprintf(stderr, "trystd: the event loop does not take the sockets or signals\n");
        return false;
    }
    tr_listener_set_stats(server->listener, server->settings.stats_s);
    const struct tr_admin_view view = {.service = server->service, .census = server->census.census};
    return tr_ports_open_admin(&ports, &view, &server->admin) && open_rules(server) &&
           print_pin(server);
}

static void tell_complaints(struct server *server, char *text)
{
    for (char *next; *text != '\0'; text = next) {
        size_t size = strcspn(text, "\n");
        next = text + size + (text[size] == '\n');
        text[size] = '\0';
        tr_log_say(&server->log, tr_listener_now(), TR_LOG_ERROR, "reload-refused", "why", text);
    }
}

static bool needs_restart(const struct tr_settings *a, const struct tr_settings *b)
{
    return a->listen_count != b->listen_count ||
           memcmp(a->listen, b->listen, sizeof a->listen) != 0 || strcmp(a->state, b->state) != 0 ||
           strcmp(a->advertise_host, b->advertise_host) != 0 ||
           a->advertise_port != b->advertise_port || a->other_port != b->other_port ||
           memcmp(a->other, b->other, sizeof a->other) != 0 ||
           memcmp(&a->metrics, &b->metrics, sizeof a->metrics) != 0 ||
           memcmp(&a->streams, &b->streams, offsetof(struct tr_settings_streams, certificate)) !=
               0 ||
           memcmp(&a->policy, &b->policy, sizeof a->policy) != 0 ||
           memcmp(&a->census, &b->census, sizeof a->census) != 0;
}

/* Certificates are renewed in their files. What cannot be used leaves the old one in place. */
static void reload_tls(struct server *server, const struct tr_settings_streams *fresh)
{
    struct tr_streams *streams = tr_listener_streams(server->listener);
    char error[TR_TUNNEL_ERROR];
    struct tr_tunnel_tls *tls;

    if (streams == NULL || fresh->certificate[0] == '\0')
        return;
    tls = tr_ports_load_tls(fresh, error);
    if (tls != NULL)
        tr_streams_set_tls(streams, tls);
    else
        tr_log_say(&server->log, tr_listener_now(), TR_LOG_ERROR, "certificate-refused", "why",
                   error);
}

/* All of the new settings, or the old ones. */
static void reload(struct server *server)
{
    struct tr_settings *settings = &server->settings;
    struct tr_settings fresh;

    if (!tr_settings_load(&fresh, server->argc, server->argv, &server->report)) {
        tell_complaints(server, server->report.text);
        return;
    }
    if (tr_service_set_limits(server->service, &fresh.limits) != TRYST_OK) {
        tr_log_say(&server->log, tr_listener_now(), TR_LOG_ERROR, "reload-refused", "why",
                   "the limits do not fit together");
        return;
    }
    if (needs_restart(settings, &fresh))
        tr_log_say(&server->log, tr_listener_now(), TR_LOG_WARNING, "reload-partial", "why",
                   "listen, other_*, metrics, state, advertise, tcp_*, census* and policy need a "
                   "restart");
    settings->limits = fresh.limits;
    settings->stats_s = fresh.stats_s;
    settings->log_level = fresh.log_level;
    server->log.level = (enum tr_log_level)fresh.log_level;
    tr_listener_set_stats(server->listener, fresh.stats_s);
    reload_tls(server, &fresh.streams);
    if (server->desk != NULL)
        tr_desk_reload(server->desk);
    tr_log_say(&server->log, tr_listener_now(), TR_LOG_INFO, "reloaded", NULL, NULL);
}

static int run(struct server *server)
{
    int status = EXIT_ERROR;

    tr_log_init(&server->log, stderr, (enum tr_log_level)server->settings.log_level);
    if (start(server)) {
        log_start(server);
        while (tr_listener_run(server->listener) == TR_LISTENER_RELOAD)
            reload(server);
        tr_listener_shutdown(server->listener);
        if (server->census.census != NULL)
            tr_census_file_keep(&server->census, &server->log, tr_listener_now());
        tr_log_say(&server->log, tr_listener_now(), TR_LOG_INFO, "stopped", NULL, NULL);
        status = EXIT_DONE;
    }
    tr_admin_close(server->admin);
    tr_listener_destroy(server->listener);
    tr_desk_close(server->desk);
    if (server->service)
        tr_service_destroy(server->service);
    free(server->census.census);
    tr_recall_file_close(&server->recall);
    tr_keys_wipe(&server->keys);
    return status;
}

int main(int argc, char **argv)
{
    static struct server server;
    bool good;

    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is told of, not died of */
    umask(077);
    server.argc = argc;
    server.argv = argv;
    good = tr_settings_load(&server.settings, argc, argv, &server.report);
    if (server.settings.wish == TR_SETTINGS_HELP && good) {
        tr_settings_help(stdout);
        return EXIT_DONE;
    }
    if (server.settings.wish == TR_SETTINGS_VERSION && good) {
        printf("trystd %s\n", tryst_version());
        return EXIT_DONE;
    }
    if (!good) {
        fputs(server.report.text, stderr);
        fprintf(stderr, "trystd: %" PRIu32 " %s in the settings; see trystd --help\n",
                server.report.count, server.report.count == 1 ? "mistake" : "mistakes");
        return EXIT_SETTINGS;
    }
    if (server.settings.wish == TR_SETTINGS_CHECK) {
        printf("%s: ok\n", server.settings.file[0] ? server.settings.file : "settings");
        return EXIT_DONE;
    }
    if (server.settings.wish == TR_SETTINGS_CHECK_POLICY) {
        struct tryst_policy_settings settings = tr_settings_for_plugin(&server.settings);

        return tr_rehearse(server.settings.policy.plugins, &settings,
                           server.settings.policy.deadline_ms, server.settings.replay)
                   ? EXIT_DONE
                   : EXIT_ERROR;
    }
    return run(&server);
}
