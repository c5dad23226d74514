/* The turning of a client: sockets to endpoint, endpoint to sockets, and the wait between.
 * SPDX-License-Identifier: MIT */
#include "lib/driver/client_loop.h"

#include "lib/base/deadline.h"
#include "lib/core/driver_face.h"
#include "lib/driver/clock.h"
#include "lib/driver/interfaces.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

/* Reads of a turn, TR_DATAGRAM_BATCH each: a flood must not keep timers and output waiting. */
enum { READS_MAX = 8 };

#define LIST_US (5 * TR_S)
#define LIST_SOON_US (1 * TR_S) /* when the system refused to send, as it does without an uplink */

/* A game that turns its client in a tight loop does not pay for the idle family's socket each time;
 * one that turns it a frame sees no difference. */
#define IDLE_LOOK_US 250

/* While the system's buffer is full, output is tried again this often. */
#define FULL_US (1 * TR_MS)

/* Further sockets that are not wanted any more stay open for no longer than this. */
#define EXTRA_CHECK_US (5 * TR_MS)

uint64_t tr_client_unix_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return time.tv_sec > 0 ? (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000 : 0;
}

static struct tr_lane *lane_of(struct tryst_client *client, uint8_t family)
{
    struct tr_lane *lane = &client->lanes[family == 6];
    return lane->socket.fd >= 0 ? lane : NULL;
}

static uint64_t count_refused(const struct tryst_client *client)
{
    return client->lanes[0].socket.refused + client->lanes[1].socket.refused +
           client->extra.refused;
}

void tr_client_list_interfaces(struct tryst_client *client)
{
    struct tryst_address list[TR_INTERFACES_MAX];
    size_t count = tr_interfaces_list(list, TR_INTERFACES_MAX);
    size_t kept = 0;
    uint32_t of_family[2] = {0, 0};
    client->lanes[0].only = client->lanes[1].only = (struct tryst_address){0};
    for (size_t i = 0; i < count; i++) {
        struct tr_lane *lane = lane_of(client, list[i].family);
        if (lane == NULL)
            continue;
        if (++of_family[lane == &client->lanes[1]] == 1) {
            lane->only = list[i];
            lane->routed_scope = list[i].scope;
        } else {
            memset(&lane->only, 0, sizeof(lane->only));
        }
    }
    tr_interfaces_prefer(list, count, client->servers, client->server_count);
    for (size_t i = 0; i < count && kept < TRYST_LOCAL_MAX; i++) {
        struct tr_lane *lane = lane_of(client, list[i].family);
        if (lane == NULL)
            continue;
        list[kept] = list[i];
        list[kept++].port = lane->socket.port;
    }
    client->mapped_local = (struct tryst_address){0};
    for (size_t i = kept; i > 0; i--)
        if (list[i - 1].family == 4)
            client->mapped_local = list[i - 1];
    for (uint32_t i = 0; i < 2; i++)
        tr_datagram_set_plain(&client->lanes[i].socket, of_family[i] == 1);
    uint64_t signature = tr_interfaces_signature(list, kept);
    client->listed_us = client->now_us;
    tr_netwatch_done(&client->netwatch);
    client->refused_count = count_refused(client);
    if (signature == client->listed_signature)
        return;
    client->listed_signature = signature;
    tr_stream_close_all(&client->streams);
    tryst_endpoint_set_local(client->endpoint, client->now_us, list, kept);
    tr_resolver_again(&client->resolver);
}

static uint64_t list_deadline(const struct tryst_client *client)
{
    bool is_refused = count_refused(client) != client->refused_count;
    uint64_t next = client->listed_us + (is_refused ? LIST_SOON_US : LIST_US);
    tr_sooner(&next, tr_netwatch_deadline(&client->netwatch));
    return next;
}

static bool is_told(const struct tryst_client *client, const struct tryst_address *address)
{
    for (uint32_t i = 0; i < client->server_count; i++)
        if (tryst_address_compare(&client->servers[i], address) == 0)
            return true;
    return false;
}

/* An answer that holds the same addresses is no news: the endpoint's talk with them goes on. */
static void set_server(struct tryst_client *client)
{
    const struct tr_resolver *resolver = &client->resolver;
    struct tryst_address list[TR_RESOLVER_MAX];
    uint32_t count = 0;
    bool is_new = false;
    for (uint32_t i = 0; i < resolver->count; i++) {
        if (lane_of(client, resolver->found[i].family) == NULL)
            continue;
        list[count++] = resolver->found[i];
        is_new = is_new || !is_told(client, &resolver->found[i]);
    }
    if (count == 0)
        tr_endpoint_server_failed(client->endpoint, client->now_us, TRYST_STAGE_RESOLVE,
                                  TRYST_REASON_NO_CANDIDATE);
    if (count == 0 || (!is_new && count == client->server_count))
        return;
    memcpy(client->servers, list, count * sizeof(list[0]));
    client->server_count = count;
    client->listed_us = 0; /* which of our addresses leads there is to be told */
    tryst_endpoint_set_server(client->endpoint, client->now_us, list, count);
}

static void resolve(struct tryst_client *client)
{
    struct tr_resolver *resolver = &client->resolver;
    if (resolver->state == TR_RESOLVER_ASKING)
        uv_run(&client->loop, UV_RUN_NOWAIT);
    if (!tr_is_due(tr_resolver_deadline(resolver), client->now_us))
        return;
    tr_resolver_tick(resolver, client->now_us);
    if (tr_resolver_take(resolver))
        set_server(client);
    if (tr_resolver_take_failure(resolver))
        tr_endpoint_server_failed(client->endpoint, client->now_us, TRYST_STAGE_RESOLVE,
                                  TRYST_REASON_NO_NAME);
}

static void receive_lane(struct tryst_client *client, uint32_t index)
{
    struct tr_lane *lane = &client->lanes[index];
    lane->looked_us = client->now_us;
    lane->is_readable = false;
    for (int reads = 0; reads < READS_MAX; reads++) {
        struct tr_arrival *arrivals;
        uint32_t count = tr_datagram_receive(&lane->socket, client->inbox, &arrivals);
        for (uint32_t i = 0; i < count; i++)
            tryst_endpoint_input(client->endpoint, client->now_us, &arrivals[i].from,
                                 arrivals[i].to.family != 0 ? &arrivals[i].to : NULL,
                                 arrivals[i].data, arrivals[i].size);
        if (count > 0)
            client->busy = index;
        if (count < TR_DATAGRAM_BATCH)
            return;
    }
}

static void receive_extra(struct tryst_client *client)
{
    uint8_t numbers[TR_DATAGRAM_BATCH];
    struct tr_arrival *arrivals;
    uint32_t ready = 1;
    client->extra.looked_us = client->now_us;
    client->extra.is_readable = false;
    for (uint32_t total = 0; total < READS_MAX * TR_DATAGRAM_BATCH && ready > 0; total += ready) {
        ready = tr_extra_ready(&client->extra, numbers, TR_DATAGRAM_BATCH);
        for (uint32_t i = 0; i < ready; i++) {
            uint32_t count = tr_datagram_receive(tr_extra_socket(&client->extra, numbers[i]),
                                                 client->inbox, &arrivals);
            for (uint32_t j = 0; j < count; j++)
                tryst_endpoint_input_on(client->endpoint, client->now_us, numbers[i],
                                        &arrivals[j].from, NULL, arrivals[j].data,
                                        arrivals[j].size);
            total += count;
            if (count > 0)
                client->busy = TR_BUSY_EXTRA;
        }
    }
}

static void receive_streams(struct tryst_client *client)
{
    struct tryst_address from;
    const uint8_t *data;
    size_t size;
    tr_stream_turn(&client->streams, client->now_us);
    while (tr_stream_take(&client->streams, &from, &data, &size, client->now_us))
        tryst_endpoint_input(client->endpoint, client->now_us, &from, NULL, data, size);
}

static void receive(struct tryst_client *client)
{
    uint32_t busy = client->busy;
    for (uint32_t i = 0; i < 2; i++) {
        const struct tr_lane *lane = &client->lanes[i];
        if (lane->socket.fd >= 0 &&
            (i == busy || lane->is_readable || client->now_us >= lane->looked_us + IDLE_LOOK_US))
            receive_lane(client, i);
    }
    const struct tr_extra_sockets *extra = &client->extra;
    bool is_busy = busy == TR_BUSY_EXTRA || client->is_watching;
    if (extra->count > 0 &&
        (is_busy || extra->is_readable || client->now_us >= extra->looked_us + IDLE_LOOK_US))
        receive_extra(client);
    receive_streams(client);
}

/* Sends what waits, socket by socket in its order. */
static void flush_lane(struct tryst_client *client, struct tr_lane *lane)
{
    struct tr_datagram *list[TR_DATAGRAM_BATCH];
    uint32_t done = 0, run = 0;
    for (; lane->count > 0 && done == run; lane->head += done, lane->count -= done) {
        struct tr_datagram *first = &lane->waiting[lane->head];
        for (run = 0; run < lane->count && first[run].socket == first->socket; run++)
            list[run] = &first[run];
        done = first->socket == 0 ? tr_datagram_send(&lane->socket, list, run)
                                  : tr_extra_send(&client->extra, first->socket, list, run);
    }
    if (lane->count == 0)
        lane->head = 0;
}

static bool has_room(const struct tr_lane *lane)
{
    return lane->head + lane->count < TR_DATAGRAM_BATCH;
}

/* Whether the kernel would choose this source by itself: the host has no other, or it talks to itself.
 * Choosing it for the kernel costs a tenth of the whole send. */
static bool is_default_source(const struct tr_lane *lane, const struct tryst_datagram *datagram)
{
    const struct tryst_address *from = &datagram->from;
    return memcmp(from->ip, lane->only.ip, sizeof(from->ip)) == 0 ||
           memcmp(from->ip, datagram->to.ip, sizeof(from->ip)) == 0;
}

/* Linux takes an IPv6 datagram with a chosen source by the lowest metric, whatever interface it names
 * (ip6_route_output_flags), and so into the dead uplink when that has the default route. With the
 * interface alone it obeys, and takes the source from there. IPv4 obeys in either case. */
static struct tryst_address source_of(const struct tr_lane *lane,
                                      const struct tryst_datagram *datagram)
{
    struct tryst_address from = datagram->from;
    if (is_default_source(lane, datagram))
        memset(&from, 0, sizeof(from));
    else if (from.family == 6 && from.scope != 0 && from.scope != lane->routed_scope)
        memset(from.ip, 0, sizeof(from.ip));
    return from;
}

static void put(struct tr_lane *lane, const struct tryst_datagram *datagram)
{
    struct tr_datagram *slot = &lane->waiting[lane->head + lane->count++];
    slot->to = datagram->to;
    slot->from = source_of(lane, datagram);
    slot->size = (uint16_t)datagram->size;
    slot->ttl = (uint8_t)datagram->ttl;
    slot->socket = (uint8_t)datagram->socket;
    memcpy(slot->data, datagram->data, datagram->size);
}

/* Asking which of them are wanted costs a look at every peer, which not every datagram shall pay for. */
static void keep_extra(struct tryst_client *client)
{
    uint8_t bits[(TRYST_SOCKETS_MAX + 1) / 8];
    struct tr_extra_sockets *extra = &client->extra;
    extra->is_unchecked = extra->count > 0;
    if (extra->count == 0 || client->now_us < extra->checked_us + EXTRA_CHECK_US)
        return;
    extra->is_unchecked = false;
    extra->checked_us = client->now_us;
    tryst_endpoint_sockets(client->endpoint, bits);
    tr_extra_keep(extra, bits);
}

void tr_client_flush(struct tryst_client *client)
{
    struct tr_lane *lanes = client->lanes;
    struct tryst_datagram datagram;
    client->is_queued = false;
    for (;;) {
        for (uint32_t i = 0; i < 2; i++)
            if (!has_room(&lanes[i]))
                flush_lane(client, &lanes[i]);
        /* What a full socket leaves behind waits in the endpoint, which is bounded and counts. */
        if (!has_room(&lanes[0]) || !has_room(&lanes[1]) ||
            tryst_endpoint_output(client->endpoint, client->now_us, &datagram) != 1)
            break;
        if (datagram.to.transport != TRYST_TRANSPORT_UDP) {
            tr_stream_send(&client->streams, &datagram.to, datagram.data, datagram.size,
                           client->now_us);
            continue;
        }
        struct tr_lane *lane = lane_of(client, datagram.to.family);
        if (lane != NULL && datagram.size <= TR_DATAGRAM_MAX)
            put(lane, &datagram);
    }
    for (uint32_t i = 0; i < 2; i++)
        flush_lane(client, &lanes[i]);
    /* One is closed when nothing waits any more that would open it again. */
    if (lanes[0].count == 0)
        keep_extra(client);
    tr_extra_settle(&client->extra);
    tr_stream_flush(&client->streams, client->now_us);
}

void tr_client_turn(struct tryst_client *client)
{
    resolve(client);
    receive(client);
    if (tr_is_due(tryst_endpoint_deadline(client->endpoint), client->now_us))
        tryst_endpoint_tick(client->endpoint, client->now_us);
    tr_netwatch_read(&client->netwatch, client->now_us);
    if (tr_is_due(list_deadline(client), client->now_us))
        tr_client_list_interfaces(client);
    tr_keeper_turn(&client->keeper, client->endpoint, &client->mapped_local, client->now_us);
    tr_client_flush(client);
}

bool tr_client_take_wake(struct tryst_client *client)
{
    if (!atomic_exchange(&client->is_woken, false))
        return false;
    uv_run(&client->loop, UV_RUN_NOWAIT);
    return true;
}

uint64_t tr_client_deadline(const struct tryst_client *client, uint64_t now_us)
{
    uint64_t next = tryst_endpoint_deadline(client->endpoint);
    tr_sooner(&next, tr_resolver_deadline(&client->resolver));
    tr_sooner(&next, list_deadline(client));
    tr_sooner(&next, tr_stream_deadline(&client->streams));
    if (client->lanes[0].count > 0 || client->lanes[1].count > 0)
        tr_sooner(&next, now_us + FULL_US);
    if (client->extra.is_unchecked)
        tr_sooner(&next, client->extra.checked_us + EXTRA_CHECK_US);
    return next;
}

tryst_result tr_client_wait(struct tryst_client *client, uint64_t until_us)
{
    struct pollfd polled[6 + TR_STREAM_MAX];
    uint32_t polled_streams[TR_STREAM_MAX];
    struct tr_lane *polled_lanes[2];
    nfds_t count = 0;
    for (uint32_t i = 0; i < 2; i++) {
        struct tr_lane *lane = &client->lanes[i];
        if (lane->socket.fd < 0)
            continue;
        polled_lanes[count] = lane;
        bool is_full = lane->count > 0 && lane->waiting[lane->head].socket == 0;
        polled[count++] =
            (struct pollfd){.fd = lane->socket.fd, .events = is_full ? POLLIN | POLLOUT : POLLIN};
    }
    nfds_t lane_count = count;
    for (uint32_t i = 0; i < TR_STREAM_MAX; i++) {
        short events;
        int fd = tr_stream_poll(&client->streams, i, &events);
        if (fd < 0)
            continue;
        polled_streams[count - lane_count] = i;
        polled[count++] = (struct pollfd){.fd = fd, .events = events};
    }
    nfds_t socket_count = count;
    /* A name that is being resolved, and a wake from another thread. */
    polled[count++] = (struct pollfd){.fd = uv_backend_fd(&client->loop), .events = POLLIN};
    polled[count++] =
        (struct pollfd){.fd = client->netwatch.fd, .events = POLLIN};            /* below 0: none */
    polled[count++] = (struct pollfd){.fd = client->extra.fd, .events = POLLIN}; /* so here */
    polled[count++] = (struct pollfd){.fd = tr_keeper_fd(&client->keeper), .events = POLLIN};
    uint64_t now_us = tr_clock_us();
    tr_sooner(&until_us, tr_client_deadline(client, now_us));
    uint64_t left_us = until_us > now_us ? until_us - now_us : 0;
    const struct timespec left = {.tv_sec = (time_t)(left_us / TR_S),
                                  .tv_nsec = (long)(left_us % TR_S) * 1000};
    if (ppoll(polled, count, &left, NULL) < 0)
        return errno == EINTR ? TRYST_E_INTERRUPTED : TRYST_E_NETWORK;
    for (nfds_t i = 0; i < lane_count; i++)
        if (polled[i].revents != 0)
            polled_lanes[i]->is_readable = true;
    client->netwatch.is_readable = polled[count - 3].revents != 0;
    client->extra.is_readable = polled[count - 2].revents != 0;
    client->keeper.is_readable = polled[count - 1].revents != 0;
    for (nfds_t i = lane_count; i < socket_count; i++)
        if (polled[i].revents != 0)
            tr_stream_set_ready(&client->streams, polled_streams[i - lane_count]);
    return TRYST_OK;
}
