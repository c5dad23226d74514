/* The batteries: one UDP socket a family for the server and every peer, further ones against hard NATs,
 * streams to a server where no UDP passes, a clock, name resolution.
 * SPDX-License-Identifier: MIT */
#include <tryst/client.h>

#include "lib/base/deadline.h"
#include "lib/core/driver_face.h"
#include "lib/driver/client_loop.h"
#include "lib/driver/clock.h"
#include "lib/seal/seal.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <tryst/keyfile.h>
#include <tryst/pin.h>
#include <unistd.h>

/* What networks that allow nothing else let through. */
#define HTTPS_PORT 443

/* Bytes asked for in the kernel's queues: a frame's worth of messages from many peers at once. */
#define BUFFER_BYTES (512u << 10)

/* Further sockets where many ports may not be tried: for a fresh port, and what a NAT is asked from. */
#define SOCKETS_FEW 8

static tryst_result create_endpoint(struct tryst_client *client,
                                    const struct tryst_identity *identity,
                                    const struct tryst_options *options,
                                    const struct tryst_pin *pin)
{
    struct tryst_identity *own = NULL;
    struct tryst_options filled = *options;
    filled.tcp_port = options->tcp_port != 0 ? options->tcp_port : pin->port;
    filled.tls_port = options->tls_port != 0 ? options->tls_port : HTTPS_PORT;
    if (options->sockets == 0)
        filled.sockets = options->spray == TRYST_SPRAY_DENY ? SOCKETS_FEW : TRYST_SOCKETS_MAX;
    tryst_result result = tr_seal_start();
    if (result == TRYST_OK && identity == NULL)
        result = tryst_identity_create(&own);
    if (result != TRYST_OK)
        return result;
    if (identity == NULL)
        identity = own;
    uint8_t seed[TRYST_SEED_SIZE];
    tr_seal_entropy(seed, sizeof(seed));
    result = tryst_endpoint_create(&client->endpoint, identity, &filled, seed, client->now_us,
                                   tr_client_unix_ms());
    if (result == TRYST_OK)
        result = tryst_identity_public_key(identity, client->public_key);
    tr_seal_wipe(seed, sizeof(seed));
    tryst_identity_destroy(own);
    return result;
}

/* Opens a family's socket; on any port when the wished one is only a wish. */
static tryst_result open_lane(struct tr_lane *lane, uint8_t family, uint16_t port, bool is_wish)
{
    struct tryst_address local = {.family = family, .port = port};
    tryst_result result = tr_datagram_open(&lane->socket, &local, BUFFER_BYTES);
    if (result != TRYST_OK && is_wish && port != 0) {
        local.port = 0;
        result = tr_datagram_open(&lane->socket, &local, BUFFER_BYTES);
    }
    if (result != TRYST_OK)
        return result;
    lane->waiting = calloc(TR_DATAGRAM_BATCH, sizeof(lane->waiting[0]));
    return lane->waiting != NULL ? TRYST_OK : TRYST_E_MEMORY;
}

/* A host without one family uses the other; a port that is taken is never passed over in silence. */
static tryst_result open_lanes(struct tryst_client *client, const struct tryst_options *options)
{
    tryst_result result = TRYST_E_NETWORK;
    uint16_t port = options->port;
    for (uint32_t i = 0; i < 2; i++) {
        if (i == 0 ? options->no_ipv4 : options->no_ipv6)
            continue;
        tryst_result opened =
            open_lane(&client->lanes[i], i == 0 ? 4 : 6, port, options->port == 0);
        if (opened == TRYST_E_MEMORY)
            return opened;
        if (opened == TRYST_E_NETWORK && options->port != 0 &&
            (errno == EADDRINUSE || errno == EACCES))
            return opened;
        if (opened == TRYST_OK) {
            result = TRYST_OK;
            port = client->lanes[i].socket.port; /* one number to remember for both */
        }
    }
    return result;
}

/* libuv up to 1.44.2 (Debian 12) leaves its epoll descriptor open when it runs out of others. */
static int init_loop(uv_loop_t *loop)
{
    enum { LAST_KNOWN = 0x012c02 };
    int error = uv_loop_init(loop);
    if (error != 0 && uv_version() <= LAST_KNOWN && uv_backend_fd(loop) >= 0)
        close(uv_backend_fd(loop));
    return error;
}

static tryst_result start_loop(struct tryst_client *client)
{
    client->loop.backend_fd = -1; /* an early failure leaves it as it is */
    int error = init_loop(&client->loop);
    client->has_loop = error == 0;
    if (error == 0)
        error = uv_async_init(&client->loop, &client->waker, NULL);
    client->has_waker = error == 0;
    for (uint32_t i = 0; i < 2 && error == 0; i++) {
        struct tr_lane *lane = &client->lanes[i];
        if (lane->socket.fd < 0)
            continue;
        error = uv_poll_init(&client->loop, &lane->watch, lane->socket.fd);
        lane->is_watched = error == 0;
        lane->watch.data = lane;
    }
    client->is_netwatch_polled =
        error == 0 && client->netwatch.fd >= 0 &&
        uv_poll_init(&client->loop, &client->netwatch_poll, client->netwatch.fd) == 0;
    client->netwatch_poll.data = &client->netwatch;
    if (error == 0) {
        uv_run(&client->loop, UV_RUN_NOWAIT); /* from here on the descriptor tells of a wake */
        return TRYST_OK;
    }
    errno = -error;
    return error == UV_ENOMEM ? TRYST_E_MEMORY : TRYST_E_NETWORK;
}

static void became_readable(uv_poll_t *watch, int status, int events)
{
    struct tr_lane *lane = watch->data;
    (void)events;
    lane->is_readable = true;
    if (status < 0) /* an error waits on the socket, for which libuv stops the watch */
        uv_poll_start(watch, UV_READABLE, became_readable);
}

static void got_word(uv_poll_t *watch, int status, int events)
{
    struct tr_netwatch *netwatch = watch->data;
    (void)events;
    netwatch->is_readable = true;
    if (status < 0)
        uv_poll_start(watch, UV_READABLE, got_word);
}

/* libuv hands new watchers to the kernel when it runs, not before. They start when the descriptor is
 * asked for: each datagram would pay for them (a twentieth of its whole trip), and run waits without. */
static void start_watches(struct tryst_client *client)
{
    client->is_watching = true;
    for (uint32_t i = 0; i < 2; i++)
        if (client->lanes[i].is_watched)
            uv_poll_start(&client->lanes[i].watch, UV_READABLE, became_readable);
    if (client->is_netwatch_polled)
        uv_poll_start(&client->netwatch_poll, UV_READABLE, got_word);
    tr_stream_watch(&client->streams, &client->loop);
    tr_extra_watch(&client->extra, &client->loop);
    tr_keeper_watch(&client->keeper, &client->loop);
    uv_run(&client->loop, UV_RUN_NOWAIT);
}

static tryst_result start(struct tryst_client *client, const struct tryst_identity *identity,
                          const struct tryst_options *options, const struct tryst_pin *pin)
{
    client->now_us = tr_clock_us();
    tryst_result result = create_endpoint(client, identity, options, pin);
    if (result != TRYST_OK)
        return result;
    client->inbox = tr_datagram_inbox_create();
    if (client->inbox == NULL)
        return TRYST_E_MEMORY;
    result = open_lanes(client, options);
    if (result == TRYST_OK)
        tr_netwatch_open(&client->netwatch);
    if (result == TRYST_OK)
        result = start_loop(client);
    if (result != TRYST_OK)
        return result;
    tr_resolver_init(&client->resolver, &client->loop, pin->host, pin->port);
    tr_stream_init(&client->streams, client->resolver.host);
    tr_client_list_interfaces(client);
    client->is_queued = true;
    return TRYST_OK;
}

static void stop(struct tryst_client *client)
{
    tr_stream_clear(&client->streams);
    tr_extra_clear(&client->extra);
    tr_keeper_clear(&client->keeper);
    if (client->has_loop) {
        for (uint32_t i = 0; i < 2; i++)
            if (client->lanes[i].is_watched)
                uv_close((uv_handle_t *)&client->lanes[i].watch, NULL);
        if (client->is_netwatch_polled)
            uv_close((uv_handle_t *)&client->netwatch_poll, NULL);
        if (client->has_waker)
            uv_close((uv_handle_t *)&client->waker, NULL);
        tr_resolver_clear(&client->resolver);
        uv_run(&client->loop, UV_RUN_DEFAULT);
        uv_loop_close(&client->loop);
    }
    for (uint32_t i = 0; i < 2; i++) {
        tr_datagram_close(&client->lanes[i].socket);
        free(client->lanes[i].waiting);
    }
    tr_netwatch_close(&client->netwatch);
    tr_datagram_inbox_destroy(client->inbox);
    tryst_endpoint_destroy(client->endpoint);
    tr_seal_wipe(client->public_key, sizeof(client->public_key));
    free(client);
}

tryst_result tryst_client_create(struct tryst_client **client,
                                 const struct tryst_identity *identity,
                                 const struct tryst_options *options)
{
    if (client == NULL || options == NULL ||
        options->struct_size < offsetof(struct tryst_options, app) + sizeof(options->app) ||
        options->server == NULL || (options->no_ipv4 && options->no_ipv6))
        return TRYST_E_ARGUMENT;
    struct tryst_pin pin;
    tryst_result result = tryst_pin_parse(&pin, options->server);
    if (result != TRYST_OK)
        return result;
    struct tryst_client *made = calloc(1, sizeof(*made));
    if (made == NULL)
        return TRYST_E_MEMORY;
    made->lanes[0].socket.fd = -1;
    made->lanes[1].socket.fd = -1;
    made->netwatch.fd = -1;
    tr_stream_init(&made->streams, NULL);
    tr_extra_init(&made->extra);
    tr_keeper_init(&made->keeper, options->port_mapping);
    result = start(made, identity, options, &pin);
    if (result != TRYST_OK) {
        int error = errno;
        stop(made);
        errno = error;
        return result;
    }
    *client = made;
    return TRYST_OK;
}

void tryst_client_destroy(struct tryst_client *client)
{
    if (client == NULL)
        return;
    client->now_us = tr_clock_us();
    tryst_endpoint_leave(client->endpoint, client->now_us);
    tr_client_flush(client);
    stop(client);
}

tryst_result tryst_client_join(struct tryst_client *client, const char *session, const void *data,
                               size_t size)
{
    if (client == NULL)
        return TRYST_E_ARGUMENT;
    client->is_queued = true;
    client->now_us = tr_clock_us();
    return tryst_endpoint_join(client->endpoint, client->now_us, session, data, size);
}

tryst_result tryst_client_leave(struct tryst_client *client)
{
    if (client == NULL)
        return TRYST_E_ARGUMENT;
    client->is_queued = true;
    client->now_us = tr_clock_us();
    return tryst_endpoint_leave(client->endpoint, client->now_us);
}

tryst_result tryst_client_send(struct tryst_client *client, uint32_t peer, const void *data,
                               size_t size)
{
    if (client == NULL)
        return TRYST_E_ARGUMENT;
    client->is_queued = true;
    /* The last turn's time will do, as what this queues is stamped when it leaves: a look at the
     * clock costs more than the rest of the call. */
    return tryst_endpoint_send(client->endpoint, client->now_us, peer, data, size);
}

tryst_result tryst_client_poll(struct tryst_client *client, struct tryst_event *event)
{
    if (client == NULL)
        return TRYST_E_ARGUMENT;
    tryst_result result = tryst_endpoint_poll(client->endpoint, event);
    /* A server that went silent may have moved: its name is asked for again. */
    if (result == 1 && event->type == TRYST_EVENT_SERVER_LOST &&
        event->stage != TRYST_STAGE_RESOLVE)
        tr_resolver_again(&client->resolver);
    return result;
}

tryst_result tryst_client_local(const struct tryst_client *client, struct tryst_address *addresses,
                                size_t max)
{
    if (client == NULL)
        return TRYST_E_ARGUMENT;
    return tryst_endpoint_local(client->endpoint, addresses, max);
}

tryst_result tryst_client_stats(const struct tryst_client *client, struct tryst_stats *stats)
{
    if (client == NULL)
        return TRYST_E_ARGUMENT;
    return tryst_endpoint_stats(client->endpoint, stats);
}

tryst_result tryst_client_survey(const struct tryst_client *client, struct tryst_survey *survey)
{
    return tryst_endpoint_survey(client != NULL ? client->endpoint : NULL, survey);
}

tryst_result tryst_client_portmap(const struct tryst_client *client, struct tryst_portmap *portmap)
{
    if (client == NULL || portmap == NULL)
        return TRYST_E_ARGUMENT;
    *portmap = client->keeper.known;
    return TRYST_OK;
}

tryst_result tryst_client_why(const struct tryst_client *client, uint32_t peer,
                              struct tryst_why *why)
{
    return tryst_endpoint_why(client != NULL ? client->endpoint : NULL, peer, why);
}

tryst_result tryst_client_paths(const struct tryst_client *client, uint32_t peer,
                                struct tryst_path_stats *paths, size_t max)
{
    return tryst_endpoint_paths(client != NULL ? client->endpoint : NULL, peer, paths, max);
}

tryst_result tryst_client_lifetime(struct tryst_client *client, uint32_t seconds)
{
    if (client == NULL)
        return TRYST_E_ARGUMENT;
    client->is_queued = true;
    return tryst_endpoint_lifetime(client->endpoint, client->now_us, seconds);
}

tryst_result tryst_client_flush(struct tryst_client *client)
{
    if (client == NULL)
        return TRYST_E_ARGUMENT;
    client->now_us = tr_clock_us();
    tr_client_flush(client);
    return TRYST_OK;
}

tryst_result tryst_client_run(struct tryst_client *client, int32_t timeout_ms)
{
    if (client == NULL)
        return TRYST_E_ARGUMENT;
    client->now_us = tr_clock_us();
    uint64_t until_us = timeout_ms < 0 ? TR_NEVER : client->now_us + (uint64_t)timeout_ms * TR_MS;
    for (;;) {
        tr_client_turn(client);
        if (tr_endpoint_has_event(client->endpoint))
            return 1;
        if (tr_client_take_wake(client))
            return TRYST_E_INTERRUPTED;
        if (client->now_us >= until_us)
            return 0;
        tryst_result result = tr_client_wait(client, until_us);
        if (result != TRYST_OK)
            return result;
        client->now_us = tr_clock_us();
    }
}

tryst_result tryst_client_wake(struct tryst_client *client)
{
    if (client == NULL)
        return TRYST_E_ARGUMENT;
    atomic_store(&client->is_woken, true);
    uv_async_send(&client->waker);
    return TRYST_OK;
}

int32_t tryst_client_fileno(const struct tryst_client *client)
{
    if (client == NULL)
        return TRYST_E_ARGUMENT;
    if (!client->is_watching) /* known to nobody else: the sockets are read all the same */
        start_watches((struct tryst_client *)(uintptr_t)client);
    return uv_backend_fd(&client->loop);
}

int32_t tryst_client_timeout_ms(const struct tryst_client *client)
{
    if (client == NULL || client->is_queued || atomic_load(&client->is_woken) ||
        tr_endpoint_has_event(client->endpoint))
        return 0;
    uint64_t now_us = tr_clock_us();
    uint64_t next_us = tr_client_deadline(client, now_us);
    if (next_us == TR_NEVER)
        return -1;
    uint64_t left_ms = next_us > now_us ? (next_us - now_us + TR_MS - 1) / TR_MS : 0;
    return left_ms < INT32_MAX ? (int32_t)left_ms : INT32_MAX;
}

tryst_result tryst_client_public_key(const struct tryst_client *client, uint8_t key[TRYST_KEY_SIZE])
{
    if (client == NULL || key == NULL)
        return TRYST_E_ARGUMENT;
    memcpy(key, client->public_key, TRYST_KEY_SIZE);
    return TRYST_OK;
}
