/* What an encrypted message through the public API costs, sent and received, against a datagram of
 * bare UDP: two clients in one thread on loopback, CPU of both ends.
 *
 * Each end's turn sends what it has and reads until nothing is left. Bare UDP: sendto, and recvfrom
 * until it says so at each end. One message a turn is the dearest case; of 16 in a turn the small ones
 * share a datagram.
 * SPDX-License-Identifier: MIT */
#include "tests/bench/bench_server.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROUNDS = 15, TURNS = 2000, BURST = 16, PATIENCE = 1000 };

struct raw_end {
    int fd;
    struct sockaddr_in name;
};

static struct bench_server server;
static struct tryst_client *clients[2];
static uint32_t peers[2];
static struct raw_end raw[2];
static uint8_t message[TRYST_MESSAGE_MAX];
static uint64_t lost;

static void give_up(const char *why)
{
    fprintf(stderr, "bench_message: %s\n", why);
    exit(1);
}

static void raw_open(void)
{
    for (int i = 0; i < 2; i++) {
        socklen_t size = sizeof raw[i].name;
        raw[i].fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        raw[i].name =
            (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
        if (raw[i].fd < 0 || bind(raw[i].fd, (struct sockaddr *)&raw[i].name, size) != 0 ||
            getsockname(raw[i].fd, (struct sockaddr *)&raw[i].name, &size) != 0)
            give_up("no sockets");
    }
}

static uint32_t raw_read(const struct raw_end *end)
{
    uint8_t data[2048];
    struct sockaddr_in from;
    socklen_t size = sizeof from;
    uint32_t count = 0;
    while (recvfrom(end->fd, data, sizeof data, 0, (struct sockaddr *)&from, &size) >= 0)
        count++;
    return count;
}

static void raw_turn(size_t size, uint32_t burst)
{
    uint32_t got = 0;
    for (uint32_t i = 0; i < burst; i++)
        if (sendto(raw[0].fd, message, size, 0, (struct sockaddr *)&raw[1].name,
                   sizeof raw[1].name) < 0)
            give_up("the kernel does not send");
    raw_read(&raw[0]);
    for (int i = 0; i < PATIENCE && got < burst; i++)
        got += raw_read(&raw[1]);
    lost += burst - got;
}

static uint32_t client_read(struct tryst_client *client)
{
    struct tryst_event event;
    uint32_t count = 0;
    if (tryst_client_run(client, 0) < 0)
        give_up("a client does not run");
    while (tryst_client_poll(client, &event) == 1)
        count += event.type == TRYST_EVENT_MESSAGE;
    return count;
}

/* The sender's run puts everything on the wire. */
static void client_turn(size_t size, uint32_t burst)
{
    uint32_t got = 0;
    for (uint32_t i = 0; i < burst; i++)
        if (tryst_client_send(clients[0], peers[0], message, size) != TRYST_OK)
            give_up("a client does not send");
    client_read(clients[0]);
    for (int i = 0; i < PATIENCE && got < burst; i++)
        got += client_read(clients[1]);
    lost += burst - got;
}

static double round_ns(void (*turn)(size_t, uint32_t), size_t size, uint32_t burst, int turns)
{
    uint64_t start_ns = bench_cpu_ns();
    for (int i = 0; i < turns; i++)
        turn(size, burst);
    return (double)(bench_cpu_ns() - start_ns) / ((double)turns * burst);
}

/* A message of a burst is compared with a datagram of its own, one a turn. */
static void survey(const char *name, size_t size, uint32_t burst, double wanted)
{
    struct bench_pair pair = {.rounds = 0};
    int turns = TURNS / (int)burst;
    for (int round = -1; round < ROUNDS; round++) {
        double ours = 0;
        double bare = 0;
        for (int part = 0; part < 8; part++) { /* so close that both see the same weather */
            ours += round_ns(client_turn, size, burst, turns / 8) / 8;
            bare += round_ns(raw_turn, size, 1, TURNS / 8) / 8;
        }
        bench_server_turn(&server);
        if (round >= 0)
            bench_pair_add(&pair, ours, bare);
    }
    bench_pair_print(name, &pair, 1, wanted);
}

/* For a profiler: nothing but messages. */
static void only(size_t size, uint32_t burst, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        client_turn(size, burst);
}

int main(int argc, char **argv)
{
    raw_open();
    if (!bench_server_open(&server) || !bench_server_pair(&server, clients, peers))
        give_up("the clients do not connect");
    if (argc == 4) {
        only(strtoul(argv[1], NULL, 10), (uint32_t)strtoul(argv[2], NULL, 10),
             (uint32_t)strtoul(argv[3], NULL, 10));
    } else {
        bench_pair_heading("ns CPU a message, both ends", "tryst", "bare UDP");
        survey("64 bytes, one a turn", 64, 1, 1.35);
        survey("64 bytes, 16 a turn", 64, BURST, 0.20);
        survey("1,150 bytes, one a turn", TRYST_MESSAGE_MAX, 1, 0);
        survey("1,150 bytes, 16 a turn", TRYST_MESSAGE_MAX, BURST, 0);
    }
    if (lost > 0)
        printf("%llu messages were lost\n", (unsigned long long)lost);
    for (int i = 0; i < 2; i++) {
        tryst_client_destroy(clients[i]);
        close(raw[i].fd);
    }
    bench_server_close(&server);
    return 0;
}
