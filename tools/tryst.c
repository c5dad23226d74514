/* tryst: the command line tool, a guest of the public API like any game.
 * SPDX-License-Identifier: MIT */
#include "tools/doctor.h"
#include "tools/join.h"
#include "tools/output.h"
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <tryst/tryst.h>
#include <unistd.h>

static const char usage_text[] =
    "usage: tryst join SESSION --server HOST:PORT#KEY [options]\n"
    "       tryst doctor --server HOST:PORT#KEY [options]\n"
    "       tryst keygen [--key FILE]\n"
    "       tryst --version | --help\n"
    "\n"
    "join: meets everyone who names the same session at the same server; without options a\n"
    "chat, in which lines typed go to everyone.\n"
    "  --server HOST:PORT#KEY  the line that trystd prints when it starts\n"
    "  --key FILE      who you are (made by tryst keygen); else a new identity each time\n"
    "  --name TEXT     what the others see instead of your key\n"
    "  --app NAME      the game's name: only the same app meets\n"
    "  --bind PORT     local UDP port\n"
    "  --relay USE     by way of the server: allow, deny, or only\n"
    "  --spray USE     many ports at once against a hard NAT: allow or deny\n"
    "  --port-mapping USE  asking the home router for a port: allow or deny\n"
    "  --sockets N     at most so many further sockets for that (255; 8 without spray)\n"
    "  --tcp-port PORT, --tls-port PORT\n"
    "                  the server's, where UDP fails (as in --server; 443)\n"
    "  --json          one event a line, for programs\n"
    "  --trace         also the cookie and the first hellos, with times\n"
    "  --send TEXT     to each participant when connected\n"
    "  --expect N      end with 0 after N messages from others\n"
    "  --linger S      and stay so many seconds more (0.3)\n"
    "  --timeout S     end with 3 after so many seconds\n"
    "  --at SECONDS    join at this time of CLOCK_MONOTONIC, with the cookie fetched before\n"
    "\n"
    "doctor: says how this network treats UDP, and whether direct play is likely.\n"
    "  --server, --bind, --tcp-port, --tls-port, --port-mapping, --json   as for join\n"
    "  --timeout S     says what is known after so many seconds (10)\n"
    "  --lifetime S    also measures how long the NAT remembers, up to so many seconds (5 to 240)\n"
    "\n"
    "keygen: makes an identity in FILE (tryst.key) and prints its public key.\n"
    "\n"
    "Ends with 0 when done, 1 on an error, 2 on wrong usage, 3 when the time is over, 4 when\n"
    "the server refused, 5 when the doctor finds that direct play is not likely, or cannot say.\n";

static int misuse(const char *what, const char *which)
{
    fprintf(stderr, "tryst: %s%s%s; see tryst --help\n", what, which ? ": " : "",
            which ? which : "");
    return STATUS_USAGE;
}

/* Decimal seconds, at most some thirty years, as microseconds. */
static bool read_seconds(const char *text, uint64_t *us)
{
    char *end;
    double seconds;

    if (*text < '0' || *text > '9')
        return false;
    seconds = strtod(text, &end);
    if (*end != '\0' || !(seconds >= 0 && seconds <= 1e9))
        return false;
    *us = (uint64_t)(seconds * 1e6 + 0.5);
    return true;
}

static bool read_number(const char *text, uint32_t most, uint32_t *number)
{
    char *end;
    unsigned long value;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    value = strtoul(text, &end, 10);
    if (*end != '\0' || errno != 0 || value < 1 || value > most)
        return false;
    *number = (uint32_t)value;
    return true;
}

static bool read_port(const char *text, uint16_t *port)
{
    uint32_t number;

    if (!read_number(text, UINT16_MAX, &number))
        return false;
    *port = (uint16_t)number;
    return true;
}

#define READ_ROW(name, number, word)                                                               \
    if (strcmp(text, word) == 0) {                                                                 \
        *use = (number);                                                                           \
        return true;                                                                               \
    }

static bool read_relay(const char *text, uint8_t *use)
{
    TRYST_RELAY_USES(READ_ROW)
    return false;
}

static bool read_port_mapping(const char *text, uint8_t *use)
{
    TRYST_PORT_MAPPING_USES(READ_ROW)
    return false;
}

static bool read_spray(const char *text, uint8_t *use)
{
    TRYST_SPRAY_USES(READ_ROW)
    return false;
}

#undef READ_ROW

static bool read_sockets(const char *text, uint8_t *sockets)
{
    uint32_t number;

    if (!read_number(text, TRYST_SOCKETS_MAX, &number))
        return false;
    *sockets = (uint8_t)number;
    return true;
}

static bool has_length(const char *text, size_t most)
{
    return *text != '\0' && strlen(text) <= most;
}

static const struct option join_flags[] = {
    {"server", required_argument, NULL, 's'},
    {"key", required_argument, NULL, 'k'},
    {"name", required_argument, NULL, 'n'},
    {"app", required_argument, NULL, 'a'},
    {"bind", required_argument, NULL, 'b'},
    {"json", no_argument, NULL, 'j'},
    {"trace", no_argument, NULL, 't'},
    {"send", required_argument, NULL, 'm'},
    {"expect", required_argument, NULL, 'e'},
    {"linger", required_argument, NULL, 'l'},
    {"timeout", required_argument, NULL, 'T'},
    {"at", required_argument, NULL, 'A'},
    {"relay", required_argument, NULL, 'r'},
    {"spray", required_argument, NULL, 'y'},
    {"port-mapping", required_argument, NULL, 'M'},
    {"sockets", required_argument, NULL, 'N'},
    {"tcp-port", required_argument, NULL, 'c'},
    {"tls-port", required_argument, NULL, 'S'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* false: the value makes no sense. */
static bool take_flag(struct join_wish *wish, int flag, const char *value)
{
    switch (flag) {
    case 's':
        wish->server = value;
        return true;
    case 'k':
        wish->key = value;
        return true;
    case 'n':
        wish->name = value;
        return has_length(value, TRYST_USER_DATA_MAX);
    case 'a':
        wish->app = value;
        return true;
    case 'b':
        return read_port(value, &wish->port);
    case 'c':
        return read_port(value, &wish->tcp_port);
    case 'S':
        return read_port(value, &wish->tls_port);
    case 'r':
        return read_relay(value, &wish->relay);
    case 'y':
        return read_spray(value, &wish->spray);
    case 'M':
        return read_port_mapping(value, &wish->port_mapping);
    case 'N':
        return read_sockets(value, &wish->sockets);
    case 'j':
        return wish->is_json = true;
    case 't':
        return wish->is_traced = true;
    case 'm':
        wish->send = value;
        return has_length(value, TRYST_MESSAGE_MAX);
    case 'e':
        return read_number(value, 1000000000, &wish->expect);
    case 'l':
        return read_seconds(value, &wish->linger_us);
    case 'T':
        return wish->has_timeout = read_seconds(value, &wish->timeout_us);
    case 'A':
        return wish->has_at = read_seconds(value, &wish->at_us);
    default:
        return false;
    }
}

static int join(int argc, char **argv, uint64_t start_us)
{
    struct join_wish wish = {.linger_us = 300000};
    struct tryst_pin pin;
    int flag, index = 0;

    opterr = 0;
    while ((flag = getopt_long(argc, argv, "", join_flags, &index)) != -1) {
        if (flag == 'h') {
            fputs(usage_text, stdout);
            return STATUS_DONE;
        }
        if (flag == '?')
            return misuse("no such option, or its value is missing", argv[optind - 1]);
        if (!take_flag(&wish, flag, optarg)) {
            fprintf(stderr, "tryst: --%s cannot be \"%s\"; see tryst --help\n",
                    join_flags[index].name, optarg ? optarg : "");
            return STATUS_USAGE;
        }
    }
    if (argc - optind != 1)
        return misuse("join needs one SESSION", NULL);
    wish.session = argv[optind];
    if (!has_length(wish.session, TRYST_SESSION_NAME_MAX))
        return misuse("a session's name has 1 to 64 bytes", wish.session);
    if (!wish.server)
        return misuse("join needs --server HOST:PORT#KEY, the line that trystd prints", NULL);
    if (tryst_pin_parse(&pin, wish.server) != TRYST_OK)
        return misuse("--server is not of the form HOST:PORT#KEY", wish.server);
    return join_run(&wish, start_us);
}

static int doctor(int argc, char **argv, uint64_t start_us)
{
    static const struct option flags[] = {
        {"server", required_argument, NULL, 's'},
        {"bind", required_argument, NULL, 'b'},
        {"tcp-port", required_argument, NULL, 'c'},
        {"tls-port", required_argument, NULL, 'S'},
        {"port-mapping", required_argument, NULL, 'M'},
        {"json", no_argument, NULL, 'j'},
        {"timeout", required_argument, NULL, 'T'},
        {"lifetime", required_argument, NULL, 'L'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct join_wish wish = {.timeout_us = 10000000};
    uint32_t lifetime_s = 0;
    struct tryst_pin pin;
    int flag, index = 0;

    opterr = 0;
    while ((flag = getopt_long(argc, argv, "", flags, &index)) != -1) {
        if (flag == 'h') {
            fputs(usage_text, stdout);
            return STATUS_DONE;
        }
        if (flag == '?')
            return misuse("no such option, or its value is missing", argv[optind - 1]);
        if (flag == 'L' ? !read_number(optarg, TRYST_LIFETIME_MOST, &lifetime_s) ||
                              lifetime_s < TRYST_LIFETIME_LEAST
                        : !take_flag(&wish, flag, optarg)) {
            fprintf(stderr, "tryst: --%s cannot be \"%s\"; see tryst --help\n", flags[index].name,
                    optarg ? optarg : "");
            return STATUS_USAGE;
        }
    }
    if (optind < argc)
        return misuse("doctor takes options alone", argv[optind]);
    if (!wish.server)
        return misuse("doctor needs --server HOST:PORT#KEY, the line that trystd prints", NULL);
    if (tryst_pin_parse(&pin, wish.server) != TRYST_OK)
        return misuse("--server is not of the form HOST:PORT#KEY", wish.server);
    return doctor_run(
        &(struct doctor_wish){.server = wish.server,
                              .is_json = wish.is_json,
                              .port = wish.port,
                              .tcp_port = wish.tcp_port,
                              .tls_port = wish.tls_port,
                              .port_mapping = wish.port_mapping,
                              .timeout_us = wish.timeout_us + lifetime_s * (uint64_t)1000000,
                              .lifetime_s = lifetime_s},
        start_us);
}

static int print_key(const struct tryst_identity *identity)
{
    uint8_t key[TRYST_KEY_SIZE];
    char text[TRYST_KEY_TEXT_SIZE];

    tryst_identity_public_key(identity, key);
    tryst_key_format(key, text, sizeof text);
    printf("%s\n", text);
    return STATUS_DONE;
}

static int keygen(int argc, char **argv)
{
    static const struct option flags[] = {
        {"key", required_argument, NULL, 'k'},
        {NULL, 0, NULL, 0},
    };
    const char *path = "tryst.key";
    struct tryst_identity *identity = NULL;
    tryst_result result;
    int flag, status = STATUS_ERROR;

    opterr = 0;
    while ((flag = getopt_long(argc, argv, "", flags, NULL)) != -1) {
        if (flag == '?')
            return misuse("no such option, or its value is missing", argv[optind - 1]);
        path = optarg;
    }
    if (optind < argc)
        return misuse("keygen takes no more than --key FILE", argv[optind]);
    /* An identity is who somebody is: a slip must not replace it. */
    if (access(path, F_OK) == 0) {
        fprintf(stderr, "tryst: %s is there already and is kept; choose another with --key FILE\n",
                path);
        return STATUS_ERROR;
    }
    result = tryst_identity_create(&identity);
    if (result == TRYST_OK)
        result = tryst_identity_save(identity, path);
    if (result == TRYST_OK)
        status = print_key(identity);
    else
        fprintf(stderr, "tryst: %s: %s%s%s\n", path, tryst_result_text(result),
                result == TRYST_E_FILE ? ": " : "", result == TRYST_E_FILE ? strerror(errno) : "");
    tryst_identity_destroy(identity);
    return status;
}

static int run(int argc, char **argv, uint64_t start_us)
{
    if (argc < 2)
        return misuse("say what to do: join, doctor or keygen", NULL);
    if (strcmp(argv[1], "join") == 0)
        return join(argc - 1, argv + 1, start_us);
    if (strcmp(argv[1], "doctor") == 0)
        return doctor(argc - 1, argv + 1, start_us);
    if (strcmp(argv[1], "keygen") == 0)
        return keygen(argc - 1, argv + 1);
    if (strcmp(argv[1], "--help") == 0) {
        fputs(usage_text, stdout);
        return STATUS_DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("tryst %s\n", tryst_version());
        return STATUS_DONE;
    }
    return misuse("there is no such command", argv[1]);
}

int main(int argc, char **argv)
{
    int status = run(argc, argv, output_now());

    /* Who reads our output must not take a part of it for the whole. */
    if ((fflush(stdout) != 0 || ferror(stdout)) && status != STATUS_USAGE) {
        fprintf(stderr, "tryst: the output cannot be written\n");
        return STATUS_ERROR;
    }
    return status;
}
