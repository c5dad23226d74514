/* The server's TCP connections on real sockets of the loopback interface, in front of a real service.
 * SPDX-License-Identifier: MIT */
#include "lib/driver/stream_socket.h"
#include "server/streams.h"
#include "tests/unit/fake_client.h"
#include "tests/unit/unit.h"

#include <unistd.h>

enum { TRIES = 400 };

/* A client's end. */
struct end {
    int fd;
    struct tr_tunnel *tunnel;
    bool is_over;
    uint32_t heard;
    size_t size; /* of the last datagram */
};

static struct fake_world world;
static uv_loop_t loop;
static struct tr_streams *streams;
static struct tr_datagram last; /* that the service sent */

static void start(uint32_t connections, uint32_t per_address)
{
    const struct tr_streams_limits limits = {.connections = connections,
                                             .per_address = per_address};
    const struct tryst_address local = {.family = 4, .ip = {127, 0, 0, 1}};

    fake_world_init(&world, NULL);
    uv_loop_init(&loop);
    streams = tr_streams_create(&loop, &limits, NULL);
    ASSERT_TRUE(streams != NULL);
    ASSERT_EQ_INT(tr_streams_open(streams, &local), TRYST_OK);
    ASSERT_EQ_INT(tr_streams_start(streams), TRYST_OK);
}

static void stop(void)
{
    tr_streams_close(streams);
    uv_run(&loop, UV_RUN_DEFAULT);
    ASSERT_EQ_INT(uv_loop_close(&loop), 0);
    tr_streams_free(streams);
    fake_world_clear(&world);
}

static void turn_server(void)
{
    const struct tr_datagram *datagram;

    uv_run(&loop, UV_RUN_NOWAIT);
    tr_streams_receive(streams, world.service, world.now_us);
    while ((datagram = tr_service_output(world.service)) != NULL) {
        memcpy(&last, datagram, offsetof(struct tr_datagram, data) + datagram->size);
        tr_streams_send(streams, &last);
    }
    tr_streams_flush(streams);
}

static void turn_end(struct end *end)
{
    const uint8_t *data;

    if (end->is_over)
        return;
    tr_stream_socket_write(end->fd, end->tunnel);
    end->is_over = tr_stream_socket_read(end->fd, end->tunnel) == TR_STREAM_READ_END;
    while (tr_tunnel_next_datagram(end->tunnel, &data, &end->size))
        end->heard++;
}

static struct end connect_end(enum tr_tunnel_mode mode)
{
    struct tryst_address to = tr_streams_local(streams, 0);
    struct end end = {.fd = tr_stream_socket_connect(&to),
                      .tunnel = tr_tunnel_create(TR_TUNNEL_CLIENT, mode, NULL, "a", 1, 0, 0)};

    ASSERT_EQ_INT(to.transport, TRYST_TRANSPORT_TCP);
    ASSERT_TRUE(end.fd >= 0 && end.tunnel != NULL);
    usleep(1000);
    turn_server();
    return end;
}

static void close_end(struct end *end)
{
    tr_stream_socket_close(end->fd);
    tr_tunnel_destroy(end->tunnel);
    usleep(1000);
    turn_server();
    turn_server();
}

static void turn(struct end *end)
{
    turn_end(end);
    turn_server();
    usleep(200);
}

/* Asks for a cookie, and waits for it or for the end. */
static bool ask(struct end *end)
{
    static const uint8_t bind[1200] = {TR_BIND, TR_VERSION, 0, 0, 'T', 'R', 'Y', '1'};
    uint32_t before = end->heard;
    bool is_sent = false;

    for (int i = 0; i < TRIES && end->heard == before && !end->is_over; i++) {
        is_sent = is_sent || tr_tunnel_send(end->tunnel, bind, sizeof bind);
        turn(end);
    }
    return end->heard == before + 1 && end->size == 248;
}

static void answers_go_to_the_connection_they_are_for(void)
{
    struct end a, b;

    start(8, 8);
    a = connect_end(TR_TUNNEL_PLAIN);
    b = connect_end(TR_TUNNEL_PLAIN);
    for (int i = 0; i < 3; i++) {
        ASSERT_TRUE(ask(&a));
        ASSERT_EQ_INT(last.to.transport, TRYST_TRANSPORT_TCP);
        ASSERT_EQ_UINT(last.to.scope & TR_STREAMS_SCOPE, TR_STREAMS_SCOPE);
        ASSERT_EQ_UINT(last.to.port, tr_stream_socket_local(a.fd).port);
        ASSERT_EQ_INT(last.from.transport, TRYST_TRANSPORT_TCP);
        ASSERT_EQ_UINT(last.from.port, tr_streams_local(streams, 0).port);
        ASSERT_EQ_UINT(last.from.scope, 0);
        ASSERT_TRUE(ask(&b));
    }
    ASSERT_EQ_UINT(a.heard + b.heard, 6);
    ASSERT_EQ_UINT(tr_streams_counts(streams)->open, 2);
    close_end(&a);
    close_end(&b);
    ASSERT_EQ_UINT(tr_streams_counts(streams)->open, 0);
    ASSERT_EQ_UINT(tr_streams_counts(streams)->dropped, 0);
    stop();
}

static void a_websocket_has_the_transport_of_tls(void)
{
    struct end end;

    if (!tr_tunnel_has_tls())
        return;
    start(8, 8);
    end = connect_end(TR_TUNNEL_WS);
    ASSERT_TRUE(ask(&end));
    ASSERT_EQ_INT(last.to.transport, TRYST_TRANSPORT_TLS);
    ASSERT_EQ_INT(last.from.transport, TRYST_TRANSPORT_TLS);
    close_end(&end);
    stop();
}

/* Also when its place is somebody else's since. */
static void what_is_for_one_that_is_gone_is_counted(void)
{
    struct tr_datagram late;
    struct end end;

    start(1, 8);
    end = connect_end(TR_TUNNEL_PLAIN);
    ASSERT_TRUE(ask(&end));
    late = last;
    close_end(&end);
    tr_streams_send(streams, &late);
    ASSERT_EQ_UINT(tr_streams_counts(streams)->dropped, 1);
    end = connect_end(TR_TUNNEL_PLAIN);
    ASSERT_TRUE(ask(&end));
    ASSERT_TRUE(late.to.scope != last.to.scope);
    tr_streams_send(streams, &late);
    ASSERT_EQ_UINT(tr_streams_counts(streams)->dropped, 2);
    late.to.scope = UINT32_MAX;
    tr_streams_send(streams, &late);
    ASSERT_EQ_UINT(tr_streams_counts(streams)->dropped, 3);
    ASSERT_TRUE(ask(&end));
    ASSERT_EQ_UINT(end.heard, 2);
    close_end(&end);
    stop();
}

static void connections_are_bounded_in_all_and_by_address(void)
{
    struct end ends[4];

    for (uint32_t round = 0; round < 2; round++) {
        start(round == 0 ? 3 : 100, round == 0 ? 100 : 3);
        for (uint32_t i = 0; i < 4; i++) {
            ends[i] = connect_end(TR_TUNNEL_PLAIN);
            ASSERT_EQ_INT(ask(&ends[i]), i < 3);
        }
        ASSERT_EQ_UINT(tr_streams_counts(streams)->open, 3);
        ASSERT_EQ_UINT(tr_streams_counts(streams)->accepted, 3);
        ASSERT_EQ_UINT(tr_streams_counts(streams)->refused, 1);
        close_end(&ends[0]);
        close_end(&ends[3]);
        ends[0] = connect_end(TR_TUNNEL_PLAIN);
        ASSERT_TRUE(ask(&ends[0]));
        for (uint32_t i = 0; i < 3; i++)
            close_end(&ends[i]);
        stop();
    }
}

static void numbers_return_only_after_long(void)
{
    uint32_t seen[50];

    start(1, 8);
    for (uint32_t i = 0; i < UNIT_COUNT(seen); i++) {
        struct end end = connect_end(TR_TUNNEL_PLAIN);
        ASSERT_TRUE(ask(&end));
        seen[i] = last.to.scope;
        for (uint32_t k = 0; k < i; k++)
            ASSERT_TRUE(seen[k] != seen[i]);
        close_end(&end);
    }
    stop();
}

static void closing_ends_those_that_are_open(void)
{
    struct end end;

    start(8, 8);
    end = connect_end(TR_TUNNEL_PLAIN);
    ASSERT_TRUE(ask(&end));
    stop();
    usleep(1000);
    turn_end(&end);
    ASSERT_TRUE(end.is_over);
    tr_stream_socket_close(end.fd);
    tr_tunnel_destroy(end.tunnel);
}

UNIT_MAIN("streams", UNIT_CASE(answers_go_to_the_connection_they_are_for),
          UNIT_CASE(a_websocket_has_the_transport_of_tls),
          UNIT_CASE(what_is_for_one_that_is_gone_is_counted),
          UNIT_CASE(connections_are_bounded_in_all_and_by_address),
          UNIT_CASE(numbers_return_only_after_long), UNIT_CASE(closing_ends_those_that_are_open))
