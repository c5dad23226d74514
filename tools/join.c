/* tryst join: a chat for people, and a scripted participant for programs.
 * SPDX-License-Identifier: MIT */
#include "tools/join.h"
#include "tools/output.h"
#include "tools/people.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <tryst/tryst.h>
#include <unistd.h>

enum { GO_ON = -1 };

struct join {
    const struct join_wish *wish;
    struct output output;
    struct tryst_client *client;
    struct people people;
    char own_key[TRYST_KEY_TEXT_SIZE];
    bool is_joined;
    bool is_script; /* not a chat: the end of stdin means nothing */
    int input;      /* descriptor of stdin, -1 when it is not (or no longer) read */
    uint32_t received;
    uint64_t enough_us; /* when to end, after all expected messages; UINT64_MAX before */
    size_t typed;
    char line[TRYST_MESSAGE_MAX];
};

static volatile sig_atomic_t caught_signal;

static void on_signal(int number)
{
    caught_signal = number;
}

static int complain(const char *what, tryst_result result)
{
    fprintf(stderr, "tryst: %s: %s", what, tryst_result_text(result));
    if (result == TRYST_E_NETWORK || result == TRYST_E_FILE)
        fprintf(stderr, " (%s)", strerror(errno));
    fputc('\n', stderr);
    return STATUS_ERROR;
}

static tryst_result send_text(struct join *join, uint32_t peer, const char *text, size_t size)
{
    tryst_result result = tryst_client_send(join->client, peer, text, size);

    if (result == TRYST_E_FULL) {
        tryst_client_flush(join->client);
        result = tryst_client_send(join->client, peer, text, size);
    }
    return result;
}

static void greet(struct join *join, struct person *person)
{
    const char *text = join->wish->send;

    if (!text || person->is_greeted)
        return;
    person->is_greeted = send_text(join, person->peer, text, strlen(text)) == TRYST_OK;
    tryst_client_flush(join->client);
}

static void say(struct join *join, const char *text, size_t size)
{
    size_t told = 0;

    if (size == 0)
        return;
    for (size_t i = 0; i < join->people.count; i++)
        if (join->people.list[i].is_connected &&
            send_text(join, join->people.list[i].peer, text, size) == TRYST_OK)
            told++;
    if (told == 0)
        output_note(&join->output, "nobody is connected yet, so nobody heard that");
    tryst_client_flush(join->client);
}

/* Where to cut a line that fills the whole buffer: not inside a UTF-8 character. */
static size_t cut_at(const char *text, size_t size)
{
    size_t cut = size;

    while (cut > size - 4 && ((uint8_t)text[cut - 1] & 0xc0) == 0x80)
        cut--;
    return ((uint8_t)text[cut - 1] & 0x80) != 0 && cut > 1 ? cut - 1 : size;
}

static int read_input(struct join *join)
{
    char *line = join->line;
    ssize_t size = read(join->input, line + join->typed, sizeof join->line - join->typed);
    char *end;

    if (size < 0 && (errno == EINTR || errno == EAGAIN))
        return GO_ON;
    if (size <= 0) {
        say(join, line, join->typed);
        join->typed = 0;
        join->input = -1;
        return join->is_script ? GO_ON : STATUS_DONE;
    }
    join->typed += (size_t)size;
    while ((end = memchr(line, '\n', join->typed)) != NULL || join->typed == sizeof join->line) {
        size_t used = end ? (size_t)(end - line) : cut_at(line, join->typed);
        say(join, line, used);
        used += end ? 1 : 0;
        join->typed -= used;
        memmove(line, line + used, join->typed);
    }
    return GO_ON;
}

static void tell_registered(struct join *join, const struct tryst_event *event)
{
    struct tryst_address local[TRYST_LOCAL_MAX];
    tryst_result count = tryst_client_local(join->client, local, TRYST_LOCAL_MAX);

    if (count > TRYST_LOCAL_MAX)
        count = TRYST_LOCAL_MAX;
    output_registered(&join->output, event, join->wish->session, join->own_key, local,
                      count > 0 ? (size_t)count : 0);
}

static void count_message(struct join *join)
{
    if (++join->received == join->wish->expect)
        join->enough_us = output_now() + join->wish->linger_us;
}

/* Who is relayed or not reached has a reason that fits a line. */
static void tell(struct join *join, const struct tryst_event *event, const struct person *person)
{
    struct tryst_why why;

    output_event(&join->output, event, person);
    if ((event->type == TRYST_EVENT_RELAYED || event->type == TRYST_EVENT_UNREACHABLE) &&
        tryst_client_why(join->client, event->peer, &why) == TRYST_OK)
        output_why(&join->output, &why, person);
}

static int take_event(struct join *join, const struct tryst_event *event)
{
    struct person *person = people_find(&join->people, event->peer);

    if (event->type == TRYST_EVENT_JOINED && !person)
        person = people_add(&join->people, event);
    if (event->type == TRYST_EVENT_REGISTERED)
        tell_registered(join, event);
    else
        tell(join, event, person);
    switch (event->type) {
    case TRYST_EVENT_CONNECTED:
        if (person) {
            person->is_connected = true;
            greet(join, person);
        }
        break;
    case TRYST_EVENT_UNREACHABLE:
        if (person)
            person->is_connected = false;
        break;
    case TRYST_EVENT_LEFT:
        people_remove(&join->people, event->peer);
        break;
    case TRYST_EVENT_MESSAGE:
        count_message(join);
        break;
    case TRYST_EVENT_REFUSED:
        return STATUS_REFUSED;
    default:
        break;
    }
    return GO_ON;
}

static int take_events(struct join *join)
{
    struct tryst_event event;
    int status = GO_ON;

    while (status == GO_ON && tryst_client_poll(join->client, &event) > 0)
        status = take_event(join, &event);
    return status;
}

static int enter(struct join *join)
{
    const char *name = join->wish->name;
    tryst_result result =
        tryst_client_join(join->client, join->wish->session, name, name ? strlen(name) : 0);

    if (result != TRYST_OK)
        return complain(join->wish->session, result);
    join->is_joined = true;
    tryst_client_flush(join->client);
    return GO_ON;
}

/* What the clock says. */
static int take_time(struct join *join, uint64_t now_us)
{
    const struct join_wish *wish = join->wish;

    if (caught_signal)
        return wish->expect > join->received ? STATUS_ERROR : STATUS_DONE;
    if (now_us >= join->enough_us)
        return STATUS_DONE;
    if (wish->has_timeout && now_us >= join->output.start_us + wish->timeout_us)
        return join->enough_us != UINT64_MAX ? STATUS_DONE : STATUS_TIMEOUT;
    if (!join->is_joined && (!wish->has_at || now_us >= wish->at_us))
        return enter(join);
    return GO_ON;
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Waits for a datagram, a typed line, a signal or the time. Signals are let in only here, so that
 * none slips in between the look at caught_signal and the wait. */
static int wait_for_work(struct join *join, const sigset_t *open_signals)
{
    struct pollfd fds[3] = {{.fd = tryst_client_fileno(join->client), .events = POLLIN},
                            {.fd = join->input, .events = POLLIN},
                            {.fd = STDOUT_FILENO, .events = 0}};
    const struct join_wish *wish = join->wish;
    int32_t client_ms = tryst_client_timeout_ms(join->client);
    uint64_t now_us = output_now();
    uint64_t until_us = client_ms < 0 ? UINT64_MAX : now_us + (uint64_t)client_ms * 1000;
    struct timespec wait;
    bool is_endless;

    until_us = sooner(until_us, join->enough_us);
    if (wish->has_timeout)
        until_us = sooner(until_us, join->output.start_us + wish->timeout_us);
    if (wish->has_at && !join->is_joined)
        until_us = sooner(until_us, wish->at_us);
    is_endless = until_us == UINT64_MAX;
    until_us = until_us > now_us ? until_us - now_us : 0;
    wait.tv_sec = (time_t)(until_us / 1000000);
    wait.tv_nsec = (long)(until_us % 1000000) * 1000;
    if (ppoll(fds, 3, is_endless ? NULL : &wait, open_signals) < 0)
        return errno == EINTR ? GO_ON : complain("poll", TRYST_E_NETWORK);
    if ((fds[2].revents & POLLERR) != 0) /* nobody reads what we print any more */
        return STATUS_ERROR;
    return fds[1].revents != 0 ? read_input(join) : GO_ON;
}

static int converse(struct join *join, const sigset_t *open_signals)
{
    int status;

    for (;;) {
        tryst_result result = tryst_client_run(join->client, 0);
        if (result < 0 && result != TRYST_E_INTERRUPTED)
            return complain("the network", result);
        status = take_events(join);
        if (status == GO_ON && ferror(join->output.stream))
            status = STATUS_ERROR;
        if (status == GO_ON)
            status = take_time(join, output_now());
        if (status == GO_ON)
            status = wait_for_work(join, open_signals);
        if (status != GO_ON)
            return status;
    }
}

/* The end of a terminal is one of ours, too, unless nohup lets it pass. */
static void catch_signals(sigset_t *open_signals)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal}, before;
    sigset_t closed;

    sigemptyset(&closed);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        sigaddset(&closed, numbers[i]);
    sigprocmask(SIG_BLOCK, &closed, open_signals);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        sigdelset(open_signals, numbers[i]);
        if (numbers[i] != SIGHUP ||
            (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN))
            sigaction(numbers[i], &action, NULL);
    }
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
}

static tryst_result create_client(struct join *join)
{
    const struct join_wish *wish = join->wish;
    struct tryst_identity *identity = NULL;
    struct tryst_options options;
    uint8_t key[TRYST_KEY_SIZE];
    tryst_result result;

    tryst_options_init(&options);
    options.server = wish->server;
    options.app = wish->app;
    options.port = wish->port;
    options.trace = wish->is_traced;
    options.relay = wish->relay;
    options.port_mapping = wish->port_mapping;
    options.spray = wish->spray;
    options.sockets = wish->sockets;
    options.tcp_port = wish->tcp_port;
    options.tls_port = wish->tls_port;
    if (wish->key) {
        result = tryst_identity_load(&identity, wish->key);
        if (result != TRYST_OK) {
            complain(wish->key, result);
            if (result == TRYST_E_FILE && errno == ENOENT)
                fprintf(stderr, "tryst: make it with: tryst keygen --key %s\n", wish->key);
            return result;
        }
    }
    result = tryst_client_create(&join->client, identity, &options);
    tryst_identity_destroy(identity);
    if (result != TRYST_OK) {
        if (result == TRYST_E_NETWORK && errno == EADDRINUSE)
            fprintf(stderr, "tryst: UDP port %u is in use; choose another with --bind PORT\n",
                    wish->port);
        else
            complain(wish->server, result);
        return result;
    }
    tryst_client_public_key(join->client, key);
    return tryst_key_format(key, join->own_key, sizeof join->own_key);
}

/* A job in the background must not touch the terminal's input: the system would stop it. */
static int input_of(void)
{
    return isatty(STDIN_FILENO) && tcgetpgrp(STDIN_FILENO) != getpgrp() ? -1 : STDIN_FILENO;
}

static bool wants_color(void)
{
    const char *terminal = getenv("TERM");

    return isatty(STDOUT_FILENO) && !getenv("NO_COLOR") && terminal &&
           strcmp(terminal, "dumb") != 0;
}

int join_run(const struct join_wish *wish, uint64_t start_us)
{
    struct join join = {.wish = wish, .input = input_of(), .enough_us = UINT64_MAX};
    struct tryst_stats stats;
    sigset_t open_signals;
    int status;

    join.output.stream = stdout;
    join.output.start_us = start_us;
    join.output.is_json = wish->is_json;
    join.output.is_traced = wish->is_traced;
    join.output.is_colored = !wish->is_json && wants_color();
    join.is_script = wish->is_json || wish->send || wish->expect > 0;
    catch_signals(&open_signals);
    if (create_client(&join) < 0)
        return STATUS_ERROR;
    if (!join.is_script)
        output_note(&join.output, "looking for the server; what you type goes to everyone, Ctrl-D "
                                  "ends");
    status = converse(&join, &open_signals);
    tryst_client_leave(join.client);
    tryst_client_flush(join.client);
    if (tryst_client_stats(join.client, &stats) == TRYST_OK)
        output_stats(&join.output, &stats);
    tryst_client_destroy(join.client);
    people_clear(&join.people);
    if (status == STATUS_TIMEOUT)
        fprintf(stderr, "tryst: the time is over\n");
    return status;
}
