/* The client's streams on real TCP sockets of the loopback interface, in time that the test makes.
 * SPDX-License-Identifier: MIT */
#include "lib/base/deadline.h"
#include "lib/driver/client_loop.h"
#include "lib/driver/clock.h"
#include "lib/driver/stream.h"
#include "lib/driver/stream_socket.h"
#include "tests/unit/unit.h"

#include <poll.h>
#include <tryst/pin.h>
#include <unistd.h>

enum { LINKS = 16, TRIES = 400 };

/* A server that counts and echoes. */
struct echo {
    int gate;
    struct tryst_address address;
    struct tr_tunnel_tls *tls;
    uint32_t accepted;
    uint32_t heard;
    bool is_mute;
    int fds[LINKS];
    struct tr_tunnel *tunnels[LINKS];
};

static struct tr_streams_of_client streams;
static uint64_t now_us = 1000 * TR_S;

static void open_echo(struct echo *echo, uint8_t transport)
{
    const struct tryst_address any = {.family = 4, .ip = {127, 0, 0, 1}};
    char error[TR_TUNNEL_ERROR];
    memset(echo, 0, sizeof *echo);
    echo->gate = tr_stream_socket_listen(&any);
    echo->address = tr_stream_socket_local(echo->gate);
    echo->address.transport = transport;
    if (transport == TRYST_TRANSPORT_TLS)
        echo->tls = tr_tunnel_tls_server(NULL, NULL, error);
    ASSERT_TRUE(echo->gate >= 0 && echo->address.port != 0);
}

static void hang_up(struct echo *echo)
{
    for (uint32_t i = 0; i < echo->accepted; i++) {
        tr_stream_socket_close(echo->fds[i]);
        tr_tunnel_destroy(echo->tunnels[i]);
        echo->fds[i] = -1;
        echo->tunnels[i] = NULL;
    }
}

static void close_echo(struct echo *echo)
{
    hang_up(echo);
    tr_stream_socket_close(echo->gate);
    tr_tunnel_tls_destroy(echo->tls);
}

static void turn_link(struct echo *echo, uint32_t i)
{
    const uint8_t *data;
    size_t size;
    if (tr_stream_socket_read(echo->fds[i], echo->tunnels[i]) == TR_STREAM_READ_END) {
        tr_stream_socket_close(echo->fds[i]);
        echo->fds[i] = -1;
        return;
    }
    while (tr_tunnel_next_datagram(echo->tunnels[i], &data, &size)) {
        uint8_t copy[TR_TUNNEL_DATAGRAM_MAX];
        echo->heard++;
        memcpy(copy, data, size);
        if (!echo->is_mute)
            tr_tunnel_send(echo->tunnels[i], copy, size);
    }
    tr_stream_socket_write(echo->fds[i], echo->tunnels[i]);
}

static void turn_echo(struct echo *echo)
{
    struct tryst_address from;
    int fd;
    while (echo->accepted < LINKS && (fd = tr_stream_socket_accept(echo->gate, &from)) >= 0) {
        echo->fds[echo->accepted] = fd;
        echo->tunnels[echo->accepted++] =
            tr_tunnel_create(TR_TUNNEL_SERVER, TR_TUNNEL_UNKNOWN, echo->tls, NULL, 0, 0, 0);
    }
    for (uint32_t i = 0; i < echo->accepted; i++)
        if (echo->fds[i] >= 0)
            turn_link(echo, i);
}

/* One turn of both; time goes on by a millisecond. Datagrams that came back are counted. */
static uint32_t turn(struct echo *echo, const struct tryst_address *wanted)
{
    struct tryst_address from;
    const uint8_t *data;
    size_t size;
    uint32_t count = 0;
    tr_stream_turn(&streams, now_us);
    while (tr_stream_take(&streams, &from, &data, &size, now_us)) {
        ASSERT_EQ_MEM(&from, wanted, sizeof from);
        ASSERT_EQ_UINT(size, 1 + data[0]);
        count++;
    }
    tr_stream_flush(&streams, now_us);
    if (echo != NULL)
        turn_echo(echo);
    now_us += TR_MS;
    usleep(200);
    return count;
}

static void say(const struct tryst_address *to, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint8_t data[256] = {(uint8_t)i};
        tr_stream_send(&streams, to, data, 1 + (i & 0xff), now_us);
    }
}

/* Turns until so many came back, or for as long as it may take. */
static uint32_t hear(struct echo *echo, uint32_t wanted)
{
    uint32_t count = 0;
    for (int i = 0; i < TRIES && count < wanted; i++)
        count += turn(echo, &echo->address);
    return count;
}

static void begin(void)
{
    tr_stream_init(&streams, "tryst.example");
    now_us += TR_S;
}

static void echo_by(uint8_t transport)
{
    struct echo echo;
    begin();
    open_echo(&echo, transport);
    say(&echo.address, 5);
    ASSERT_EQ_UINT(hear(&echo, 5), 5);
    say(&echo.address, 40);
    ASSERT_EQ_UINT(hear(&echo, 40), 40);
    ASSERT_EQ_UINT(echo.accepted, 1);
    ASSERT_EQ_UINT(streams.dropped, 0);
    tr_stream_clear(&streams);
    close_echo(&echo);
}

static void datagrams_go_by_tcp(void)
{
    echo_by(TRYST_TRANSPORT_TCP);
}

static void datagrams_go_by_tls(void)
{
    if (tr_tunnel_has_tls())
        echo_by(TRYST_TRANSPORT_TLS);
}

static void a_bounded_number_waits(void)
{
    struct echo echo;
    begin();
    open_echo(&echo, TRYST_TRANSPORT_TCP);
    say(&echo.address, TR_STREAM_WAITING + 3);
    ASSERT_EQ_UINT(streams.dropped, 3);
    ASSERT_EQ_UINT(hear(&echo, TR_STREAM_WAITING), TR_STREAM_WAITING);
    tr_stream_clear(&streams);
    close_echo(&echo);
}

static void what_failed_rests_a_second(void)
{
    struct echo echo;
    begin();
    open_echo(&echo, TRYST_TRANSPORT_TCP);
    tr_stream_socket_close(echo.gate); /* nobody listens there */
    say(&echo.address, 1);
    for (int i = 0; i < 20; i++)
        turn(NULL, &echo.address);
    ASSERT_EQ_INT(streams.list[0].state, TR_STREAM_RESTING);
    ASSERT_EQ_INT(streams.list[0].fd, -1);

    echo.gate = tr_stream_socket_listen(&echo.address);
    ASSERT_TRUE(echo.gate >= 0);
    say(&echo.address, 3);
    ASSERT_EQ_UINT(hear(&echo, 1), 0);
    ASSERT_EQ_UINT(echo.accepted, 0);
    now_us += TR_S;
    say(&echo.address, 3);
    ASSERT_EQ_UINT(hear(&echo, 3), 3);
    tr_stream_clear(&streams);
    close_echo(&echo);
}

static void an_end_is_noticed_and_what_came_is_taken(void)
{
    struct echo echo;
    begin();
    open_echo(&echo, TRYST_TRANSPORT_TCP);
    say(&echo.address, 2);
    ASSERT_EQ_UINT(hear(&echo, 2), 2);
    say(&echo.address, 2);
    tr_stream_flush(&streams, now_us);
    usleep(1000);
    turn_echo(&echo);
    hang_up(&echo);
    usleep(1000);
    ASSERT_EQ_UINT(turn(NULL, &echo.address), 2);
    turn(NULL, &echo.address);
    ASSERT_EQ_INT(streams.list[0].state, TR_STREAM_RESTING);
    now_us += TR_S;
    say(&echo.address, 1);
    ASSERT_EQ_UINT(hear(&echo, 1), 1);
    ASSERT_EQ_UINT(echo.accepted, 2);
    tr_stream_clear(&streams);
    close_echo(&echo);
}

static void unused_ones_are_closed(void)
{
    struct echo echo;
    begin();
    open_echo(&echo, TRYST_TRANSPORT_TCP);
    say(&echo.address, 1);
    ASSERT_EQ_UINT(hear(&echo, 1), 1);
    uint64_t deadline = tr_stream_deadline(&streams);
    ASSERT_TRUE(deadline > now_us + (TR_STREAM_IDLE_S - 1) * TR_S &&
                deadline <= now_us + TR_STREAM_IDLE_S * TR_S);
    now_us = deadline - TR_S;
    turn(&echo, &echo.address);
    ASSERT_EQ_INT(streams.list[0].state, TR_STREAM_OPEN);
    now_us = deadline;
    turn(&echo, &echo.address);
    ASSERT_EQ_INT(streams.list[0].state, TR_STREAM_FREE);
    ASSERT_EQ_UINT(tr_stream_deadline(&streams), TR_NEVER);
    tr_stream_clear(&streams);
    close_echo(&echo);
}

static void another_network_makes_new_ones_at_once(void)
{
    struct echo echo;
    begin();
    open_echo(&echo, TRYST_TRANSPORT_TCP);
    say(&echo.address, 1);
    ASSERT_EQ_UINT(hear(&echo, 1), 1);
    tr_stream_close_all(&streams);
    say(&echo.address, 1);
    ASSERT_EQ_UINT(hear(&echo, 1), 1);
    ASSERT_EQ_UINT(echo.accepted, 2);
    tr_stream_clear(&streams);
    close_echo(&echo);
}

static void there_are_eight_at_most(void)
{
    static struct echo echoes[TR_STREAM_MAX + 1];
    begin();
    for (uint32_t i = 0; i <= TR_STREAM_MAX; i++) {
        open_echo(&echoes[i], TRYST_TRANSPORT_TCP);
        say(&echoes[i].address, 1);
    }
    ASSERT_EQ_UINT(streams.dropped, 1);
    for (uint32_t i = 0; i < TR_STREAM_MAX; i++)
        for (int tries = 0; tries < TRIES && echoes[i].heard == 0; tries++) {
            tr_stream_turn(&streams, now_us += TR_MS);
            tr_stream_flush(&streams, now_us);
            turn_echo(&echoes[i]);
        }
    tr_stream_clear(&streams);
    for (uint32_t i = 0; i <= TR_STREAM_MAX; i++) {
        ASSERT_EQ_UINT(echoes[i].heard, i < TR_STREAM_MAX);
        close_echo(&echoes[i]);
    }
}

static void silence_in_a_handshake_is_given_up(void)
{
    struct echo echo;
    if (!tr_tunnel_has_tls())
        return;
    begin();
    open_echo(&echo, TRYST_TRANSPORT_TLS);
    say(&echo.address, 1);
    for (int i = 0; i < 20; i++)
        turn(NULL, &echo.address);
    ASSERT_EQ_INT(streams.list[0].state, TR_STREAM_OPENING);
    now_us = tr_stream_deadline(&streams);
    turn(NULL, &echo.address);
    ASSERT_EQ_INT(streams.list[0].state, TR_STREAM_RESTING);
    tr_stream_clear(&streams);
    close_echo(&echo);
}

static void what_nobody_reads_is_dropped(void)
{
    static const uint8_t data[TR_TUNNEL_DATAGRAM_MAX];
    struct echo echo;
    begin();
    open_echo(&echo, TRYST_TRANSPORT_TCP);
    say(&echo.address, 1);
    ASSERT_EQ_UINT(hear(&echo, 1), 1);
    for (int i = 0; i < 20000; i++) {
        tr_stream_send(&streams, &echo.address, data, sizeof data, now_us);
        if (i % 16 == 0)
            tr_stream_flush(&streams, now_us);
    }
    ASSERT_TRUE(streams.dropped > 0);
    size_t held;
    tr_tunnel_output(streams.list[0].tunnel, &held);
    ASSERT_TRUE(held <= TR_TUNNEL_ROOM);
    tr_stream_clear(&streams);
    close_echo(&echo);
}

static struct tryst_client *make_client(void)
{
    struct tryst_client *client = NULL;
    struct tryst_options options;
    tryst_options_init(&options);
    options.server = "127.0.0.1:9#AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    ASSERT_EQ_INT(tryst_client_create(&client, NULL, &options), TRYST_OK);
    return client;
}

static bool is_readable(int fd, int wait_ms)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    return poll(&polled, 1, wait_ms) > 0;
}

/* A client asks an echo by its streams, as its core would. */
static void ask(struct tryst_client *client, struct echo *echo)
{
    static const uint8_t data[] = {0};
    tr_stream_send(&client->streams, &echo->address, data, 1, client->now_us);
    tr_client_flush(client);
    for (int i = 0; i < TRIES && echo->heard == 0; i++) {
        tryst_client_run(client, 1);
        turn_echo(echo);
    }
}

static void a_waiting_client_wakes_for_streams(void)
{
    struct echo echo;
    struct tryst_client *client = make_client();
    open_echo(&echo, TRYST_TRANSPORT_TCP);
    echo.is_mute = true;
    ask(client, &echo);
    ASSERT_EQ_UINT(echo.heard, 1);
    tr_tunnel_send(echo.tunnels[0], "\4\1", 2);
    tr_stream_socket_write(echo.fds[0], echo.tunnels[0]);
    for (int i = 0; i < 100 && !client->streams.list[0].is_ready; i++)
        tr_client_wait(client, tr_clock_us() + TR_S);
    ASSERT_TRUE(client->streams.list[0].is_ready);
    tryst_client_run(client, 0);
    ASSERT_FALSE(client->streams.list[0].is_ready);
    tryst_client_destroy(client);
    close_echo(&echo);
}

static void the_descriptor_tells_of_streams(void)
{
    struct echo echo;
    struct tryst_client *client = make_client();
    int fd = tryst_client_fileno(client);
    open_echo(&echo, TRYST_TRANSPORT_TCP);
    echo.is_mute = true;
    ask(client, &echo);
    ASSERT_EQ_UINT(echo.heard, 1);
    for (int i = 0; i < 100 && is_readable(fd, 5); i++)
        tryst_client_run(client, 0);
    ASSERT_FALSE(is_readable(fd, 0));
    tr_tunnel_send(echo.tunnels[0], "\4\1", 2);
    tr_stream_socket_write(echo.fds[0], echo.tunnels[0]);
    ASSERT_TRUE(is_readable(fd, 1000));
    usleep(1000);
    for (int i = 0; i < 100 && is_readable(fd, 5); i++)
        tryst_client_run(client, 0);
    ASSERT_FALSE(is_readable(fd, 0));
    close_echo(&echo);
    ASSERT_TRUE(is_readable(fd, 1000)); /* of the end, too */
    tryst_client_destroy(client);
}

UNIT_MAIN("stream", UNIT_CASE(datagrams_go_by_tcp), UNIT_CASE(datagrams_go_by_tls),
          UNIT_CASE(a_bounded_number_waits), UNIT_CASE(what_failed_rests_a_second),
          UNIT_CASE(an_end_is_noticed_and_what_came_is_taken), UNIT_CASE(unused_ones_are_closed),
          UNIT_CASE(another_network_makes_new_ones_at_once), UNIT_CASE(there_are_eight_at_most),
          UNIT_CASE(silence_in_a_handshake_is_given_up), UNIT_CASE(what_nobody_reads_is_dropped),
          UNIT_CASE(a_waiting_client_wakes_for_streams), UNIT_CASE(the_descriptor_tells_of_streams))
