/* Further sockets, on loopback: by themselves, and in a client whose endpoint names them.
 * SPDX-License-Identifier: MIT */
#include "lib/core/endpoint_state.h"
#include "lib/driver/client_loop.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <tryst/tryst.h>
#include <unistd.h>

static const uint8_t none[(TRYST_SOCKETS_MAX + 1) / 8];

static size_t count_descriptors(void)
{
    size_t count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (dir != NULL && readdir(dir) != NULL)
        count++;
    if (dir != NULL)
        closedir(dir);
    return count;
}

static struct tr_datagram_socket receiver(void)
{
    const struct tryst_address local = {.family = 4, .ip = {127, 0, 0, 1}};
    struct tr_datagram_socket sock;
    if (tr_datagram_open(&sock, &local, 0) != TRYST_OK)
        abort();
    const int on = 1;
    setsockopt(sock.fd, IPPROTO_IP, IP_RECVTTL, &on, sizeof on);
    return sock;
}

static struct tr_datagram datagram_to(const struct tr_datagram_socket *to, uint8_t mark)
{
    return (struct tr_datagram){
        .to = {.family = 4, .port = to->port, .ip = {127, 0, 0, 1}},
        .size = 1,
        .data = {mark},
    };
}

/* Takes one datagram: its mark, where it came from, and its TTL. false: there is none. */
static bool take(const struct tr_datagram_socket *sock, uint8_t *mark, uint16_t *port, int *ttl)
{
    struct sockaddr_in from;
    union {
        struct cmsghdr header;
        uint8_t bytes[256];
    } control;
    struct iovec vector = {mark, 1};
    struct msghdr header = {.msg_name = &from,
                            .msg_namelen = sizeof from,
                            .msg_iov = &vector,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof control};
    *ttl = 0;
    if (recvmsg(sock->fd, &header, 0) < 0)
        return false;
    *port = ntohs(from.sin_port);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&header); c != NULL; c = CMSG_NXTHDR(&header, c))
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL)
            memcpy(ttl, CMSG_DATA(c), sizeof *ttl);
    return true;
}

static void each_number_has_a_port_of_its_own_and_keeps_it(void)
{
    struct tr_extra_sockets extra;
    struct tr_datagram_socket to = receiver();
    uint16_t ports[TRYST_SOCKETS_MAX + 1] = {0};
    uint8_t mark;
    uint16_t port;
    int ttl;
    size_t before = count_descriptors();
    tr_extra_init(&extra);
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t number = 1; number <= TRYST_SOCKETS_MAX; number++) {
            struct tr_datagram datagram = datagram_to(&to, (uint8_t)number);
            struct tr_datagram *list[1] = {&datagram};
            datagram.ttl = (uint8_t)(number % 2 == 0 ? 3 : 0);
            ASSERT_EQ_UINT(tr_extra_send(&extra, (uint8_t)number, list, 1), 1);
            if (!ASSERT_TRUE(take(&to, &mark, &port, &ttl)))
                return;
            ASSERT_EQ_UINT(mark, number);
            ASSERT_EQ_INT(ttl == 3, number % 2 == 0);
            ASSERT_TRUE(round == 0 || ports[number] == port);
            for (uint32_t other = 1; round == 0 && other < number; other++)
                ASSERT_ROW(ports[other] != port, "%u and %u", other, number);
            ports[number] = port;
        }
        ASSERT_EQ_UINT(extra.count, TRYST_SOCKETS_MAX);
    }
    ASSERT_EQ_UINT(extra.refused, 0);
    tr_extra_keep(&extra, none);
    ASSERT_EQ_UINT(extra.count, 0);
    ASSERT_EQ_UINT(count_descriptors(), before);
    tr_extra_clear(&extra);
    tr_datagram_close(&to);
}

static void what_comes_is_found_by_its_number(void)
{
    struct tr_extra_sockets extra;
    struct tr_datagram_socket to = receiver();
    struct tr_datagram_inbox *inbox = tr_datagram_inbox_create();
    struct tr_arrival *arrivals;
    uint8_t bits[(TRYST_SOCKETS_MAX + 1) / 8] = {1U << 2};
    uint8_t ready[8], mark;
    uint16_t ports[6] = {0};
    int ttl;
    tr_extra_init(&extra);
    ASSERT_EQ_UINT(tr_extra_ready(&extra, ready, 8), 0);
    for (uint8_t number = 1; number <= 5; number++) {
        struct tr_datagram datagram = datagram_to(&to, number);
        struct tr_datagram *list[1] = {&datagram};
        tr_extra_send(&extra, number, list, 1);
        ASSERT_TRUE(take(&to, &mark, &ports[number], &ttl));
    }
    ASSERT_EQ_UINT(tr_extra_ready(&extra, ready, 8), 0);
    for (uint8_t number = 2; number <= 4; number += 2) {
        struct tr_datagram answer = datagram_to(&to, (uint8_t)(number + 10));
        struct tr_datagram *list[1] = {&answer};
        answer.to.port = ports[number];
        ASSERT_EQ_UINT(tr_datagram_send(&to, list, 1), 1);
    }
    ASSERT_EQ_UINT(tr_extra_ready(&extra, ready, 1), 1);
    ASSERT_EQ_UINT(tr_extra_ready(&extra, ready, 8), 2);
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t count = tr_datagram_receive(tr_extra_socket(&extra, ready[i]), inbox, &arrivals);
        ASSERT_EQ_UINT(count, 1);
        ASSERT_EQ_UINT(arrivals[0].data[0], ready[i] + 10U);
        ASSERT_EQ_UINT(arrivals[0].from.port, to.port);
    }
    ASSERT_EQ_UINT(tr_extra_ready(&extra, ready, 8), 0);
    tr_extra_keep(&extra, bits);
    ASSERT_EQ_UINT(extra.count, 1);
    ASSERT_TRUE(tr_extra_socket(&extra, 2)->fd >= 0);
    tr_extra_clear(&extra);
    ASSERT_EQ_UINT(extra.count, 0);
    tr_datagram_inbox_destroy(inbox);
    tr_datagram_close(&to);
}

/* The system has none left: these datagrams are lost and counted, what is open works on, and so does all
 * when there are descriptors again. */
static void one_that_cannot_be_opened_harms_no_other(void)
{
    struct rlimit before, few;
    struct tr_extra_sockets extra;
    struct tr_datagram_socket to = receiver();
    uint8_t mark;
    uint16_t port;
    int ttl;
    tr_extra_init(&extra);
    getrlimit(RLIMIT_NOFILE, &before);
    int lowest = dup(to.fd); /* the next descriptor that is free */
    close(lowest);
    for (rlim_t spare = 0; spare <= 4; spare++) { /* one for the watch, the others for sockets */
        uint64_t refused = extra.refused;
        size_t were = count_descriptors();
        few = before;
        few.rlim_cur = (rlim_t)lowest + spare;
        setrlimit(RLIMIT_NOFILE, &few);
        uint32_t hope = spare > 0 ? (uint32_t)spare - 1 : 0;
        for (uint8_t number = 1; number <= 8; number++) {
            struct tr_datagram datagram = datagram_to(&to, number);
            struct tr_datagram *list[1] = {&datagram};
            ASSERT_EQ_UINT(tr_extra_send(&extra, number, list, 1), 1);
            ASSERT_EQ_INT(take(&to, &mark, &port, &ttl), number <= hope);
        }
        setrlimit(RLIMIT_NOFILE, &before);
        ASSERT_EQ_UINT(extra.count, hope);
        ASSERT_EQ_UINT(extra.refused, refused + 8 - hope);
        struct tr_datagram datagram = datagram_to(&to, 8);
        struct tr_datagram *list[1] = {&datagram};
        tr_extra_send(&extra, 8, list, 1);
        ASSERT_TRUE(take(&to, &mark, &port, &ttl));
        tr_extra_keep(&extra, none);
        ASSERT_EQ_UINT(count_descriptors(), were);
    }
    tr_extra_clear(&extra);
    tr_datagram_close(&to);
}

static struct tryst_client *client_of(const struct tr_datagram_socket *server, uint8_t spray)
{
    static char pin[TRYST_PIN_TEXT_SIZE];
    char key[TRYST_KEY_TEXT_SIZE];
    uint8_t seed[TRYST_KEY_SIZE] = {1}, bytes[TRYST_KEY_SIZE];
    struct tryst_identity *identity;
    struct tryst_options options;
    struct tryst_client *client = NULL;
    tryst_identity_from_seed(&identity, seed, sizeof seed);
    tryst_identity_public_key(identity, bytes);
    tryst_identity_destroy(identity);
    tryst_key_format(bytes, key, sizeof key);
    snprintf(pin, sizeof pin, "127.0.0.1:%u#%s", server->port, key);
    tryst_options_init(&options);
    options.server = pin;
    options.spray = spray;
    if (tryst_client_create(&client, NULL, &options) != TRYST_OK)
        abort();
    return client;
}

/* The endpoint takes a socket and says something from it. */
static uint8_t say_from_another(struct tryst_client *client, const struct tr_datagram_socket *to)
{
    uint8_t number = tr_sockets_take(&client->endpoint->sockets);
    struct tr_datagram *datagram = tr_outbox_push(&client->endpoint->outbox);
    *datagram = datagram_to(to, number);
    datagram->socket = number;
    client->is_queued = true;
    return number;
}

static uint64_t count_received(const struct tryst_client *client)
{
    struct tryst_stats stats;
    tryst_client_stats(client, &stats);
    return stats.datagrams_received;
}

static void client_has_many_unless_it_shall_not_spray(void)
{
    struct tr_datagram_socket server = receiver();
    struct tryst_client *client = client_of(&server, TRYST_SPRAY_ALLOW);
    ASSERT_EQ_UINT(client->endpoint->sockets.limit, TRYST_SOCKETS_MAX);
    tryst_client_destroy(client);
    client = client_of(&server, TRYST_SPRAY_DENY);
    ASSERT_EQ_UINT(client->endpoint->sockets.limit, 8);
    tryst_client_destroy(client);
    tr_datagram_close(&server);
}

/* Waits in run where is_waiting, else on the client's descriptor as a game's own loop does. */
static void meet(bool is_waiting)
{
    enum { MANY = 100 };
    struct tr_datagram_socket server = receiver(), to = receiver();
    tryst_client_destroy(client_of(&server, TRYST_SPRAY_ALLOW)); /* libuv keeps some things */
    struct tryst_client *client = client_of(&server, TRYST_SPRAY_ALLOW);
    struct pollfd polled = {.fd = is_waiting ? -1 : tryst_client_fileno(client), .events = POLLIN};
    uint8_t numbers[MANY], mark;
    uint16_t ports[MANY];
    int ttl;
    tryst_client_run(client, 0);
    size_t before = count_descriptors();
    for (uint32_t i = 0; i < MANY; i++)
        numbers[i] = say_from_another(client, &to);
    ASSERT_EQ_INT(tryst_client_timeout_ms(client), 0);
    tryst_client_run(client, 0);
    ASSERT_EQ_UINT(client->extra.count, MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        ASSERT_TRUE(take(&to, &mark, &ports[i], &ttl));
        ASSERT_EQ_UINT(mark, numbers[i]);
        ASSERT_TRUE(ports[i] != client->lanes[0].socket.port);
    }
    tryst_client_run(client, 20); /* all is read that comes from the server */
    for (uint32_t i = 0; i < MANY; i += 33) {
        uint64_t was = count_received(client);
        struct tr_datagram answer = datagram_to(&to, 0);
        struct tr_datagram *list[1] = {&answer};
        ASSERT_EQ_INT(poll(&polled, 1, 0), 0);
        answer.to.port = ports[i];
        tr_datagram_send(&to, list, 1);
        if (is_waiting) {
            tryst_client_run(client, 20);
        } else {
            ASSERT_EQ_INT(poll(&polled, 1, 1000), 1);
            tryst_client_run(client, 0);
        }
        ASSERT_EQ_UINT(count_received(client), was + 1);
    }
    for (uint32_t i = 1; i < MANY; i++)
        tr_sockets_give(&client->endpoint->sockets, numbers[i]);
    tryst_client_run(client, 20);
    ASSERT_EQ_UINT(client->extra.count, 1);
    ASSERT_EQ_UINT(count_descriptors(), before + 2); /* it, and what watches it */
    tr_sockets_give(&client->endpoint->sockets, numbers[0]);
    tryst_client_run(client, 20);
    ASSERT_EQ_UINT(client->extra.count, 0);
    ASSERT_EQ_UINT(count_descriptors(), before);
    say_from_another(client, &to); /* what watches is made anew */
    tryst_client_run(client, 20);
    ASSERT_TRUE(take(&to, &mark, &ports[0], &ttl));
    tryst_client_destroy(client);
    tr_datagram_close(&to);
    tr_datagram_close(&server);
}

static void client_hears_what_comes_to_them_while_it_waits(void)
{
    meet(true);
}

static void client_descriptor_tells_of_them(void)
{
    meet(false);
}

/* A path made by it would keep that socket open. */
static void what_comes_to_one_that_was_given_back_is_dropped(void)
{
    struct tr_datagram_socket server = receiver();
    struct tryst_client *client = client_of(&server, TRYST_SPRAY_ALLOW);
    const struct tryst_address from = {.family = 4, .port = 9, .ip = {127, 0, 0, 1}};
    const uint8_t data[1] = {TR_DATA}; /* too short, where it is looked at */
    struct tryst_stats was, is;
    uint8_t number = say_from_another(client, &server);
    for (uint32_t round = 0; round < 2; round++) {
        tryst_client_stats(client, &was);
        ASSERT_EQ_INT(tryst_endpoint_input_on(client->endpoint, client->now_us, number, &from, NULL,
                                              data, sizeof data),
                      TRYST_OK);
        tryst_client_stats(client, &is);
        ASSERT_EQ_UINT(is.dropped_short, was.dropped_short + (round == 0));
        ASSERT_EQ_UINT(is.dropped_unknown, was.dropped_unknown + (round == 1));
        tr_sockets_give(&client->endpoint->sockets, number);
    }
    tryst_client_destroy(client);
    tr_datagram_close(&server);
}

UNIT_MAIN("extra_sockets", UNIT_CASE(each_number_has_a_port_of_its_own_and_keeps_it),
          UNIT_CASE(what_comes_is_found_by_its_number),
          UNIT_CASE(one_that_cannot_be_opened_harms_no_other),
          UNIT_CASE(client_has_many_unless_it_shall_not_spray),
          UNIT_CASE(client_hears_what_comes_to_them_while_it_waits),
          UNIT_CASE(client_descriptor_tells_of_them),
          UNIT_CASE(what_comes_to_one_that_was_given_back_is_dropped))
