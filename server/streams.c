/* The server's TCP connections.
 * SPDX-License-Identifier: MIT */
#include "server/streams.h"

#include "lib/base/deadline.h"
#include "lib/driver/stream_socket.h"
#include "lib/wire/envelope.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum {
    ACCEPTS = 64,      /* connections taken in one turn of the loop and listener */
    SLOT_BITS = 16,    /* of a connection's number; above them, which use of the slot it is */
    OTHER_FILES = 256, /* descriptors for everything else */
};

struct connection {
    struct tr_streams *streams;
    struct connection *next_ready;
    struct connection *next_dirty;
    struct tr_tunnel *tunnel;
    struct tryst_address from; /* transport and scope as datagrams get them */
    struct tryst_address to;
    uv_poll_t poll;
    int fd;
    uint32_t slot;
    uint64_t heard_us; /* when it was accepted, or a datagram last passed the first look */
    bool has_proven;   /* one has */
    bool is_ready;
    bool is_dirty; /* has output that was not tried to be written */
    bool is_blocked;
    bool is_closed; /* waits for the loop to let go of it */
};

struct gate {
    struct tr_streams *streams;
    uv_poll_t poll;
    int fd;
    struct tryst_address local;
};

struct tr_streams {
    uv_loop_t *loop;
    uv_timer_t timer;
    struct tr_streams_limits limits;
    struct tr_tunnel_tls *tls;
    struct gate gates[TR_STREAMS_LISTENERS];
    uint32_t gate_count;
    bool is_short; /* of descriptors: nobody is let in until the next sweep */
    uint32_t free_count;
    struct connection **connections; /* by slot; NULL: free */
    uint64_t *owners;                /* by slot, whose it is; 0: free */
    uint16_t *uses;                  /* by slot, how often it was used */
    uint16_t *free_slots;
    struct connection *ready;
    struct connection *dirty;
    struct tr_stream_counts counts;
};

/* The family, which is never 0, then an IPv4 address or an IPv6 /56. */
static uint64_t owner_of(const struct tryst_address *address)
{
    struct tryst_address canonical = tryst_address_canonical(address);
    uint64_t owner = canonical.family;

    for (int i = 0; i < 7; i++)
        owner = owner << 8 | (canonical.family == 4 && i > 3 ? 0 : canonical.ip[i]);
    return owner;
}

static uint32_t count_of(const struct tr_streams *streams, uint64_t owner)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < streams->limits.connections; i++)
        count += streams->owners[i] == owner;
    return count;
}

static void free_connection(uv_handle_t *handle)
{
    free(handle->data);
}

/* It may stand in the lists yet; they pass over what is closed, and it is freed by the loop later. */
static void close_connection(struct connection *connection)
{
    struct tr_streams *streams = connection->streams;

    if (connection->is_closed)
        return;
    connection->is_closed = true;
    uv_close((uv_handle_t *)&connection->poll, free_connection);
    tr_stream_socket_close(connection->fd);
    tr_tunnel_destroy(connection->tunnel);
    connection->tunnel = NULL;
    streams->connections[connection->slot] = NULL;
    streams->owners[connection->slot] = 0;
    streams->free_slots[streams->free_count++] = (uint16_t)connection->slot;
    streams->counts.open--;
}

static void on_connection(uv_poll_t *poll, int status, int events);

static void watch(struct connection *connection, bool is_blocked)
{
    connection->is_blocked = is_blocked;
    uv_poll_start(&connection->poll, UV_READABLE | (is_blocked ? UV_WRITABLE : 0), on_connection);
}

static void write_out(struct connection *connection)
{
    size_t left;

    if (connection->is_closed)
        return;
    if (!tr_stream_socket_write(connection->fd, connection->tunnel)) {
        close_connection(connection);
        return;
    }
    tr_tunnel_output(connection->tunnel, &left);
    if ((left > 0) != connection->is_blocked)
        watch(connection, left > 0);
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
    struct connection *connection = poll->data;
    struct tr_streams *streams = connection->streams;

    if (status < 0) /* libuv has stopped the watch; reading tells what it is */
        watch(connection, connection->is_blocked);
    if ((events & UV_WRITABLE) != 0)
        write_out(connection);
    if (connection->is_closed || connection->is_ready ||
        (status >= 0 && (events & UV_READABLE) == 0))
        return;
    connection->is_ready = true;
    connection->next_ready = streams->ready;
    streams->ready = connection;
}

static void mark_dirty(struct connection *connection)
{
    struct tr_streams *streams = connection->streams;

    if (connection->is_dirty || connection->is_blocked)
        return;
    connection->is_dirty = true;
    connection->next_dirty = streams->dirty;
    streams->dirty = connection;
}

/* Makes a connection of an accepted socket. false: no memory. */
static bool admit(struct tr_streams *streams, int fd, const struct tryst_address *from)
{
    struct connection *made = calloc(1, sizeof *made);
    uint64_t now_us = uv_hrtime() / 1000;
    uint32_t slot;

    if (made == NULL)
        return false;
    made->tunnel = tr_tunnel_create(TR_TUNNEL_SERVER, TR_TUNNEL_UNKNOWN, streams->tls, NULL, 0,
                                    TR_STREAMS_ROOM, now_us);
    if (made->tunnel == NULL || uv_poll_init(streams->loop, &made->poll, fd) != 0) {
        tr_tunnel_destroy(made->tunnel);
        free(made);
        return false;
    }
    slot = streams->free_slots[--streams->free_count];
    made->streams = streams;
    made->poll.data = made;
    made->fd = fd;
    made->slot = slot;
    made->heard_us = now_us;
    made->to = tr_stream_socket_local(fd);
    made->to.scope = 0;
    made->from = *from;
    made->from.scope =
        TR_STREAMS_SCOPE | (uint32_t)(++streams->uses[slot] & 0x7fff) << SLOT_BITS | slot;
    streams->connections[slot] = made;
    streams->owners[slot] = owner_of(from);
    streams->counts.open++;
    streams->counts.accepted++;
    watch(made, false);
    return true;
}

static bool is_welcome(const struct tr_streams *streams, const struct tryst_address *from)
{
    return streams->free_count > 0 &&
           count_of(streams, owner_of(from)) < streams->limits.per_address;
}

static void on_gate(uv_poll_t *poll, int status, int events)
{
    struct gate *gate = poll->data;
    struct tr_streams *streams = gate->streams;
    struct tryst_address from;
    int fd = -1;

    (void)events;
    if (status < 0)
        uv_poll_start(poll, UV_READABLE, on_gate);
    for (int i = 0; i < ACCEPTS && (fd = tr_stream_socket_accept(gate->fd, &from)) >= 0; i++) {
        if (is_welcome(streams, &from) && admit(streams, fd, &from))
            continue;
        streams->counts.refused++;
        tr_stream_socket_close(fd);
    }
    if (fd >= 0 || (errno != EMFILE && errno != ENFILE && errno != ENOMEM && errno != ENOBUFS))
        return;
    /* What waits would wake us again at once. */
    streams->is_short = true;
    for (uint32_t i = 0; i < streams->gate_count; i++)
        uv_poll_stop(&streams->gates[i].poll);
}

static bool is_over(const struct connection *connection, uint64_t now_us)
{
    uint64_t most_us = connection->has_proven ? TR_STREAMS_IDLE_US : TR_STREAMS_PROVE_US;

    return tr_is_due(connection->heard_us + most_us, now_us) ||
           tr_tunnel_failure(connection->tunnel) != NULL;
}

static void on_sweep(uv_timer_t *timer)
{
    struct tr_streams *streams = timer->data;
    uint64_t now_us = uv_hrtime() / 1000;

    for (uint32_t i = 0; i < streams->limits.connections && streams->counts.open > 0; i++) {
        struct connection *connection = streams->connections[i];

        if (connection == NULL)
            continue;
        tr_tunnel_tick(connection->tunnel, now_us);
        if (is_over(connection, now_us))
            close_connection(connection);
    }
    for (uint32_t i = 0; i < streams->gate_count && streams->is_short; i++)
        uv_poll_start(&streams->gates[i].poll, UV_READABLE, on_gate);
    streams->is_short = false;
}

/* A soft limit of 1024 descriptors, which is usual, is for programs that use select(2). */
static void raise_limit(uint32_t connections)
{
    struct rlimit limit;
    rlim_t wished = (rlim_t)connections + OTHER_FILES;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wished)
        return;
    limit.rlim_cur = wished < limit.rlim_max ? wished : limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

struct tr_streams *tr_streams_create(uv_loop_t *loop, const struct tr_streams_limits *limits,
                                     struct tr_tunnel_tls *tls)
{
    struct tr_streams *streams = calloc(1, sizeof *streams);
    uint32_t most = limits->connections < TR_STREAMS_MOST ? limits->connections : TR_STREAMS_MOST;

    if (streams == NULL)
        return NULL;
    streams->connections = calloc(most, sizeof *streams->connections);
    streams->owners = calloc(most, sizeof *streams->owners);
    streams->uses = calloc(most, sizeof *streams->uses);
    streams->free_slots = calloc(most, sizeof *streams->free_slots);
    if (!streams->connections || !streams->owners || !streams->uses || !streams->free_slots) {
        tr_streams_free(streams);
        return NULL;
    }
    streams->loop = loop;
    streams->limits = *limits;
    streams->limits.connections = most;
    streams->tls = tls;
    while (streams->free_count < most) {
        streams->free_slots[streams->free_count] = (uint16_t)(most - 1 - streams->free_count);
        streams->free_count++;
    }
    uv_timer_init(loop, &streams->timer);
    streams->timer.data = streams;
    raise_limit(most);
    return streams;
}

void tr_streams_close(struct tr_streams *streams)
{
    if (streams == NULL)
        return;
    for (uint32_t i = 0; i < streams->limits.connections; i++)
        if (streams->connections[i] != NULL)
            close_connection(streams->connections[i]);
    streams->ready = streams->dirty = NULL;
    for (uint32_t i = 0; i < streams->gate_count; i++) {
        uv_close((uv_handle_t *)&streams->gates[i].poll, NULL);
        tr_stream_socket_close(streams->gates[i].fd);
    }
    uv_close((uv_handle_t *)&streams->timer, NULL);
}

void tr_streams_free(struct tr_streams *streams)
{
    if (streams == NULL)
        return;
    tr_tunnel_tls_destroy(streams->tls);
    free(streams->connections);
    free(streams->owners);
    free(streams->uses);
    free(streams->free_slots);
    free(streams);
}

tryst_result tr_streams_open(struct tr_streams *streams, const struct tryst_address *local)
{
    struct gate *gate = &streams->gates[streams->gate_count];
    int result;

    if (streams->gate_count == TR_STREAMS_LISTENERS)
        return TRYST_E_FULL;
    gate->fd = tr_stream_socket_listen(local);
    if (gate->fd < 0)
        return TRYST_E_NETWORK;
    result = uv_poll_init(streams->loop, &gate->poll, gate->fd);
    if (result != 0) {
        tr_stream_socket_close(gate->fd);
        errno = -result;
        return TRYST_E_NETWORK;
    }
    gate->streams = streams;
    gate->poll.data = gate;
    gate->local = tr_stream_socket_local(gate->fd);
    gate->local.transport = TRYST_TRANSPORT_TCP;
    streams->gate_count++;
    return TRYST_OK;
}

struct tryst_address tr_streams_local(const struct tr_streams *streams, uint32_t index)
{
    static const struct tryst_address none;

    return streams != NULL && index < streams->gate_count ? streams->gates[index].local : none;
}

void tr_streams_set_tls(struct tr_streams *streams, struct tr_tunnel_tls *tls)
{
    tr_tunnel_tls_destroy(streams->tls);
    streams->tls = tls;
}

tryst_result tr_streams_start(struct tr_streams *streams)
{
    for (uint32_t i = 0; i < streams->gate_count; i++)
        if (uv_poll_start(&streams->gates[i].poll, UV_READABLE, on_gate) != 0)
            return TRYST_E_NETWORK;
    if (uv_timer_start(&streams->timer, on_sweep, TR_STREAMS_SWEEP_MS, TR_STREAMS_SWEEP_MS) != 0)
        return TRYST_E_NETWORK;
    return TRYST_OK;
}

bool tr_streams_are_ready(const struct tr_streams *streams)
{
    return streams != NULL && streams->ready != NULL;
}

static void hand_over(struct connection *connection, struct tr_service *service, uint64_t now_us)
{
    const uint8_t *data;
    size_t size;
    uint8_t transport = tr_tunnel_mode(connection->tunnel) == TR_TUNNEL_PLAIN ? TRYST_TRANSPORT_TCP
                                                                              : TRYST_TRANSPORT_TLS;

    connection->from.transport = connection->to.transport = transport;
    while (tr_tunnel_next_datagram(connection->tunnel, &data, &size)) {
        if (tr_envelope_check(data, size, TR_FROM_CLIENT) == TR_DROP_NONE) {
            connection->heard_us = now_us;
            connection->has_proven = true;
        }
        tr_service_input(service, now_us, &connection->from, &connection->to, data, size);
    }
}

static void receive(struct connection *connection, struct tr_service *service, uint64_t now_us)
{
    enum tr_stream_read result;

    connection->is_ready = false;
    if (connection->is_closed)
        return;
    result = tr_stream_socket_read(connection->fd, connection->tunnel);
    hand_over(connection, service, now_us);
    if (result == TR_STREAM_READ_END || tr_tunnel_failure(connection->tunnel) != NULL) {
        tr_stream_socket_write(connection->fd, connection->tunnel);
        close_connection(connection);
    } else {
        mark_dirty(connection);
    }
}

void tr_streams_receive(struct tr_streams *streams, struct tr_service *service, uint64_t now_us)
{
    struct connection *next;

    for (struct connection *ready = streams->ready; ready != NULL; ready = next) {
        next = ready->next_ready;
        receive(ready, service, now_us);
    }
    streams->ready = NULL;
}

void tr_streams_send(struct tr_streams *streams, const struct tr_datagram *datagram)
{
    uint32_t slot = datagram->to.scope & ((1u << SLOT_BITS) - 1);
    struct connection *connection = NULL;

    if (streams == NULL)
        return;
    if (slot < streams->limits.connections)
        connection = streams->connections[slot];
    if (connection == NULL || connection->from.scope != datagram->to.scope ||
        !tr_tunnel_send(connection->tunnel, datagram->data, datagram->size)) {
        streams->counts.dropped++;
        return;
    }
    mark_dirty(connection);
}

void tr_streams_flush(struct tr_streams *streams)
{
    struct connection *next;

    if (streams == NULL)
        return;
    for (struct connection *dirty = streams->dirty; dirty != NULL; dirty = next) {
        next = dirty->next_dirty;
        dirty->is_dirty = false;
        write_out(dirty);
    }
    streams->dirty = NULL;
}

const struct tr_stream_counts *tr_streams_counts(const struct tr_streams *streams)
{
    return &streams->counts;
}
