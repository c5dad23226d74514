/* The server's sockets, clock and signals around the service, in one libuv loop.
 * SPDX-License-Identifier: MIT */
#include "server/listener.h"
#include "lib/base/deadline.h"
#include "lib/base/ip.h"
#include "lib/driver/datagram.h"
#include "server/consult.h"
#include "server/report.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum {
    BATCHES = 8,            /* receive calls in one callback, so that timers live */
    BUFFER_BYTES = 4 << 20, /* a join storm's worth of waiting datagrams */
    SIGNALS = 4,
    DROPS_LOGGED_S = 10, /* what strangers get wrong is told at most so often */
    FAREWELL_S = 1,
    CENSUS_S = 60, /* so often it is written */
};

static const int signal_numbers[SIGNALS] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};

/* One bound socket, and what it could not send yet. */
struct outlet {
    struct tr_listener *listener;
    struct tr_datagram_socket socket;
    struct tryst_address local;
    uv_poll_t poll;
    bool is_blocked; /* the system's buffer is full: we wait until it is writable */
    uint32_t count;
    struct tr_datagram *list[TR_DATAGRAM_BATCH];
    struct tr_datagram queue[TR_DATAGRAM_BATCH];
};

struct tr_listener {
    uv_loop_t loop;
    uv_timer_t timer;
    uv_timer_t stats_timer;
    uv_timer_t census_timer;
    uv_signal_t signals[SIGNALS];
    struct tr_log *log;
    struct tr_service *service;
    struct tr_census_file *census; /* NULL: there is none */
    struct tr_desk *desk;          /* of the rules; NULL: there are none */
    uint32_t deadline_ms;          /* of its answers */
    uv_poll_t desk_poll;
    struct tr_datagram_inbox *inbox;
    struct outlet *outlets[TR_LISTENER_SOCKETS];
    uint32_t outlet_count;
    struct tr_streams *streams; /* TCP; NULL: none */
    uv_check_t check;           /* runs after the streams have seen what is ready */
    enum tr_listener_wake wake;
    uint64_t armed_us;           /* when the timer fires, TR_NEVER when it does not */
    uint64_t drops_us;           /* when drops were last logged */
    struct tr_server_stats told; /* the drops that were logged */
};

uint64_t tr_listener_now(void)
{
    return uv_hrtime() / 1000;
}

static void count_streams(struct tr_listener *listener)
{
    if (listener->streams != NULL)
        tr_service_set_streams(listener->service, tr_streams_counts(listener->streams));
}

static void log_stats(struct tr_listener *listener)
{
    count_streams(listener);
    tr_report_stats(listener->log, tr_listener_now(), tr_service_stats(listener->service),
                    listener->census != NULL ? listener->census->census : NULL);
}

static void log_drops(struct tr_listener *listener, uint64_t now_us)
{
    const struct tr_server_stats *stats = tr_service_stats(listener->service);

    if (now_us - listener->drops_us < DROPS_LOGGED_S * TR_S)
        return;
    listener->drops_us = now_us;
    tr_report_drops(listener->log, now_us, stats, &listener->told);
    listener->told = *stats;
}

/* The socket that a datagram leaves from: bound to its source, else to all addresses at its port. */
static struct outlet *outlet_for(struct tr_listener *listener, const struct tr_datagram *datagram)
{
    struct outlet *best = NULL;
    int best_rank = 0;

    for (uint32_t i = 0; i < listener->outlet_count; i++) {
        struct outlet *outlet = listener->outlets[i];
        int rank = 1;
        if (outlet->local.family != datagram->to.family)
            continue;
        if (outlet->local.port == datagram->from.port) {
            if (tr_ip_is_same(&outlet->local, &datagram->from))
                rank = 4;
            else
                rank = tr_ip_is_any(&outlet->local) ? 3 : 2;
        }
        if (rank > best_rank) {
            best = outlet;
            best_rank = rank;
        }
    }
    return best;
}

static void on_poll(uv_poll_t *poll, int status, int events);

/* Sends what is queued; what the system has no room for stays, and waits to be writable. */
static void flush(struct outlet *outlet)
{
    uint32_t done = tr_datagram_send(&outlet->socket, outlet->list, outlet->count);
    bool is_blocked = done < outlet->count;

    for (uint32_t i = 0; i < outlet->count - done; i++) {
        /* The buffers of what is sent go behind those that wait. */
        struct tr_datagram *sent = outlet->list[i];
        outlet->list[i] = outlet->list[i + done];
        outlet->list[i + done] = sent;
    }
    outlet->count -= done;
    if (is_blocked != outlet->is_blocked)
        uv_poll_start(&outlet->poll, UV_READABLE | (is_blocked ? UV_WRITABLE : 0), on_poll);
    outlet->is_blocked = is_blocked;
}

static void consult(struct tr_listener *listener)
{
    tr_consult(listener->desk, listener->service, listener->log, listener->deadline_ms,
               tr_listener_now());
}

static bool is_blocked(const struct tr_listener *listener)
{
    for (uint32_t i = 0; i < listener->outlet_count; i++)
        if (listener->outlets[i]->is_blocked)
            return true;
    return false;
}

/* Takes datagrams until one socket has a whole batch. false: there was none. */
static bool gather(struct tr_listener *listener)
{
    const struct tr_datagram *datagram;
    bool any = false;

    while ((datagram = tr_service_output(listener->service)) != NULL) {
        struct outlet *outlet;
        struct tr_datagram *copy;
        any = true;
        if (datagram->to.transport != TRYST_TRANSPORT_UDP) {
            tr_streams_send(listener->streams, datagram);
            continue;
        }
        outlet = outlet_for(listener, datagram);
        if (!outlet)
            continue;
        copy = outlet->list[outlet->count++];
        memcpy(copy, datagram, offsetof(struct tr_datagram, data) + datagram->size);
        if (outlet->count == TR_DATAGRAM_BATCH)
            break;
    }
    return any;
}

/* While a socket is blocked nothing is taken: the service's queue is bounded and counts its losses. */
static void drain(struct tr_listener *listener)
{
    while (!is_blocked(listener) && gather(listener))
        for (uint32_t i = 0; i < listener->outlet_count; i++)
            if (listener->outlets[i]->count > 0)
                flush(listener->outlets[i]);
    tr_streams_flush(listener->streams);
    count_streams(listener);
}

static void on_timer(uv_timer_t *timer);

/* A timer that fires too early only asks again; so it is moved only when it would be late. */
static void arm(struct tr_listener *listener)
{
    uint64_t deadline = tr_service_deadline(listener->service);
    uint64_t now_us;

    if (deadline >= listener->armed_us)
        return;
    now_us = tr_listener_now();
    uv_update_time(&listener->loop);
    uv_timer_start(&listener->timer, on_timer,
                   deadline > now_us ? (deadline - now_us + TR_MS - 1) / TR_MS : 0, 0);
    listener->armed_us = deadline;
}

static void on_timer(uv_timer_t *timer)
{
    struct tr_listener *listener = timer->data;

    listener->armed_us = TR_NEVER;
    tr_service_tick(listener->service, tr_listener_now());
    consult(listener);
    drain(listener);
    arm(listener);
}

static void on_desk(uv_poll_t *poll, int status, int events)
{
    struct tr_listener *listener = poll->data;

    (void)status;
    (void)events;
    consult(listener);
    drain(listener);
    arm(listener);
}

static void receive(struct outlet *outlet)
{
    struct tr_listener *listener = outlet->listener;
    uint64_t now_us = 0;

    for (int batch = 0; batch < BATCHES; batch++) {
        struct tr_arrival *arrivals;
        uint32_t count = tr_datagram_receive(&outlet->socket, listener->inbox, &arrivals);
        if (count == 0)
            break;
        now_us = tr_listener_now();
        for (uint32_t i = 0; i < count; i++) {
            struct tryst_address to = arrivals[i].to;
            /* The routing table decides where an answer leaves, but for addresses it cannot know. */
            if (tryst_address_classify(&to) != TRYST_ADDRESS_LINK_LOCAL)
                to.scope = 0;
            tr_service_input(listener->service, now_us, &arrivals[i].from, &to, arrivals[i].data,
                             arrivals[i].size);
        }
        consult(listener);
        drain(listener);
        if (count < TR_DATAGRAM_BATCH)
            break;
    }
    if (now_us != 0)
        log_drops(listener, now_us);
}

static void on_check(uv_check_t *check)
{
    struct tr_listener *listener = check->data;
    uint64_t now_us;

    if (!tr_streams_are_ready(listener->streams))
        return;
    now_us = tr_listener_now();
    tr_streams_receive(listener->streams, listener->service, now_us);
    consult(listener);
    drain(listener);
    arm(listener);
    log_drops(listener, now_us);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct outlet *outlet = poll->data;
    struct tr_listener *listener = outlet->listener;

    if (status < 0) {
        /* libuv stops a handle on an error, which a receive call takes off the socket. */
        tr_log_say(listener->log, tr_listener_now(), TR_LOG_WARNING, "socket-error", "why",
                   uv_strerror(status));
        receive(outlet);
        uv_poll_start(poll, UV_READABLE | (outlet->is_blocked ? UV_WRITABLE : 0), on_poll);
        return;
    }
    if ((events & UV_WRITABLE) != 0) {
        flush(outlet);
        drain(listener);
    }
    if ((events & UV_READABLE) != 0)
        receive(outlet);
    arm(listener);
}

static void on_stats(uv_timer_t *timer)
{
    log_stats(timer->data);
}

static void on_census(uv_timer_t *timer)
{
    struct tr_listener *listener = timer->data;

    tr_census_file_keep(listener->census, listener->log, tr_listener_now());
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct tr_listener *listener = handle->data;

    if (number == SIGUSR1) {
        log_stats(listener);
        return;
    }
    /* A reload that waits does not hide an end. */
    if (number != SIGHUP)
        listener->wake = TR_LISTENER_STOP;
    uv_stop(&listener->loop);
}

struct tr_listener *tr_listener_create(struct tr_log *log)
{
    struct tr_listener *listener = calloc(1, sizeof *listener);

    if (!listener)
        return NULL;
    listener->inbox = tr_datagram_inbox_create();
    if (!listener->inbox || uv_loop_init(&listener->loop) != 0) {
        tr_datagram_inbox_destroy(listener->inbox);
        free(listener);
        return NULL;
    }
    listener->log = log;
    listener->armed_us = TR_NEVER;
    listener->timer.data = listener;
    listener->stats_timer.data = listener;
    listener->census_timer.data = listener;
    uv_timer_init(&listener->loop, &listener->timer);
    uv_timer_init(&listener->loop, &listener->stats_timer);
    uv_timer_init(&listener->loop, &listener->census_timer);
    for (int i = 0; i < SIGNALS; i++) {
        uv_signal_init(&listener->loop, &listener->signals[i]);
        listener->signals[i].data = listener;
    }
    return listener;
}

struct uv_loop_s *tr_listener_loop(struct tr_listener *listener)
{
    return &listener->loop;
}

tryst_result tr_listener_open(struct tr_listener *listener, const struct tryst_address *local)
{
    struct outlet *outlet;
    int result;

    if (listener->outlet_count == TR_LISTENER_SOCKETS)
        return TRYST_E_FULL;
    outlet = calloc(1, sizeof *outlet);
    if (!outlet) {
        errno = ENOMEM;
        return TRYST_E_NETWORK;
    }
    if (tr_datagram_open(&outlet->socket, local, BUFFER_BYTES) != TRYST_OK) {
        free(outlet);
        return TRYST_E_NETWORK;
    }
    result = uv_poll_init(&listener->loop, &outlet->poll, outlet->socket.fd);
    if (result != 0) {
        tr_datagram_close(&outlet->socket);
        free(outlet);
        errno = -result;
        return TRYST_E_NETWORK;
    }
    outlet->listener = listener;
    outlet->poll.data = outlet;
    outlet->local = *local;
    outlet->local.port = outlet->socket.port;
    for (uint32_t i = 0; i < TR_DATAGRAM_BATCH; i++)
        outlet->list[i] = &outlet->queue[i];
    listener->outlets[listener->outlet_count++] = outlet;
    return TRYST_OK;
}

struct tryst_address tr_listener_local(const struct tr_listener *listener, uint32_t index)
{
    static const struct tryst_address none;

    return index < listener->outlet_count ? listener->outlets[index]->local : none;
}

tryst_result tr_listener_add_streams(struct tr_listener *listener,
                                     const struct tr_streams_limits *limits,
                                     struct tr_tunnel_tls *tls)
{
    listener->streams = tr_streams_create(&listener->loop, limits, tls);
    if (listener->streams == NULL)
        return TRYST_E_MEMORY;
    uv_check_init(&listener->loop, &listener->check);
    listener->check.data = listener;
    return TRYST_OK;
}

struct tr_streams *tr_listener_streams(struct tr_listener *listener)
{
    return listener->streams;
}

tryst_result tr_listener_serve(struct tr_listener *listener, struct tr_service *service)
{
    listener->service = service;
    for (uint32_t i = 0; i < listener->outlet_count; i++)
        if (uv_poll_start(&listener->outlets[i]->poll, UV_READABLE, on_poll) != 0)
            return TRYST_E_NETWORK;
    if (listener->streams != NULL && (tr_streams_start(listener->streams) != TRYST_OK ||
                                      uv_check_start(&listener->check, on_check) != 0))
        return TRYST_E_NETWORK;
    for (int i = 0; i < SIGNALS; i++)
        if (uv_signal_start(&listener->signals[i], on_signal, signal_numbers[i]) != 0)
            return TRYST_E_NETWORK;
    arm(listener);
    return TRYST_OK;
}

tryst_result tr_listener_consult(struct tr_listener *listener, struct tr_desk *desk,
                                 uint32_t deadline_ms)
{
    listener->deadline_ms = deadline_ms;
    listener->desk_poll.data = listener;
    if (uv_poll_init(&listener->loop, &listener->desk_poll, tr_desk_descriptor(desk)) != 0)
        return TRYST_E_NETWORK;
    listener->desk = desk;
    if (uv_poll_start(&listener->desk_poll, UV_READABLE, on_desk) != 0)
        return TRYST_E_NETWORK;
    arm(listener);
    return TRYST_OK;
}

void tr_listener_set_stats(struct tr_listener *listener, uint32_t seconds)
{
    uint64_t period_ms = (uint64_t)seconds * 1000;

    if (seconds == 0)
        uv_timer_stop(&listener->stats_timer);
    else
        uv_timer_start(&listener->stats_timer, on_stats, period_ms, period_ms);
}

void tr_listener_keep_census(struct tr_listener *listener, struct tr_census_file *census)
{
    listener->census = census;
    uv_timer_start(&listener->census_timer, on_census, CENSUS_S * 1000, CENSUS_S * 1000);
}

enum tr_listener_wake tr_listener_run(struct tr_listener *listener)
{
    listener->wake = TR_LISTENER_RELOAD;
    uv_run(&listener->loop, UV_RUN_DEFAULT);
    return listener->wake;
}

void tr_listener_shutdown(struct tr_listener *listener)
{
    uint64_t end_us = tr_listener_now() + FAREWELL_S * TR_S;

    tr_service_shutdown(listener->service, tr_listener_now());
    drain(listener);
    while (is_blocked(listener) && tr_listener_now() < end_us) {
        uv_sleep(1);
        for (uint32_t i = 0; i < listener->outlet_count; i++)
            if (listener->outlets[i]->is_blocked)
                flush(listener->outlets[i]);
        drain(listener);
    }
}

static void close_handle(uv_handle_t *handle, void *unused)
{
    (void)unused;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

void tr_listener_destroy(struct tr_listener *listener)
{
    if (!listener)
        return;
    tr_streams_close(listener->streams);
    uv_walk(&listener->loop, close_handle, NULL);
    uv_run(&listener->loop, UV_RUN_DEFAULT);
    uv_loop_close(&listener->loop);
    tr_streams_free(listener->streams);
    for (uint32_t i = 0; i < listener->outlet_count; i++) {
        tr_datagram_close(&listener->outlets[i]->socket);
        free(listener->outlets[i]);
    }
    tr_datagram_inbox_destroy(listener->inbox);
    free(listener);
}
