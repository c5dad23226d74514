/* The yardstick of bench_bindings.py: the calls that it measures, made by C through libtryst.so.
 *
 *     bench_bindings PIN      prints a line "NAME NANOSECONDS" for each
 *
 * SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <tryst/tryst.h>

enum { ROUNDS = 20, BATCHES = 8, BATCH = 256, CALLS = 20000, SIZE = 64, TURNS = 4 };

static struct tryst_client *clients[2]; /* the one that is measured, and its peer */
static uint32_t peers[2];
static uint8_t message[SIZE];

static double now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int read_all(struct tryst_client *client, int wait_ms)
{
    struct tryst_event event;
    int count = 0;
    tryst_client_run(client, wait_ms);
    while (tryst_client_poll(client, &event) == 1) {
        if (event.type == TRYST_EVENT_CONNECTED)
            peers[client == clients[1]] = event.peer;
        count++;
    }
    return count;
}

/* Also waits until the addresses that lost have gone quiet. */
static bool connect_both(const char *pin)
{
    struct tryst_options options;
    tryst_options_init(&options);
    options.server = pin;
    for (int i = 0; i < 2; i++)
        if (tryst_client_create(&clients[i], NULL, &options) != TRYST_OK ||
            tryst_client_join(clients[i], "bench in c", NULL, 0) != TRYST_OK)
            return false;
    double start_ns = now_ns();
    while (now_ns() - start_ns < (peers[0] != 0 && peers[1] != 0 ? 1.5e9 : 10e9))
        for (int i = 0; i < 2; i++)
            read_all(clients[i], 1);
    return peers[0] != 0 && peers[1] != 0;
}

static void send_batch(int from)
{
    for (int i = 0; i < BATCH; i++)
        tryst_client_send(clients[from], peers[from], message, SIZE);
}

static double trivial(void)
{
    double start_ns = now_ns();
    for (int i = 0; i < CALLS; i++)
        tryst_client_fileno(clients[0]);
    return (now_ns() - start_ns) / CALLS;
}

static double send(void)
{
    double spent_ns = 0;
    for (int batch = 0; batch < BATCHES; batch++) {
        double start_ns = now_ns();
        send_batch(0);
        spent_ns += now_ns() - start_ns;
        tryst_client_flush(clients[0]);
        read_all(clients[1], 0);
    }
    return spent_ns / (BATCHES * BATCH);
}

static double poll_nothing(void)
{
    struct tryst_event event;
    for (int turn = 0; turn < TURNS; turn++)
        read_all(clients[0], 0);
    double start_ns = now_ns();
    for (int i = 0; i < CALLS; i++)
        tryst_client_poll(clients[0], &event);
    return (now_ns() - start_ns) / CALLS;
}

static double poll_event(void)
{
    struct tryst_event event;
    double spent_ns = 0;
    int count = 0;
    for (int batch = 0; batch < BATCHES; batch++) {
        send_batch(1);
        tryst_client_flush(clients[1]);
        for (int turn = 0; turn < TURNS; turn++)
            tryst_client_run(clients[0], 0);
        double start_ns = now_ns();
        while (tryst_client_poll(clients[0], &event) == 1)
            count++;
        spent_ns += now_ns() - start_ns;
    }
    return spent_ns / (count > 0 ? count : 1);
}

static void report(const char *name, double (*measure)(void))
{
    double best_ns = measure();
    for (int round = 1; round < ROUNDS; round++) {
        double ns = measure();
        best_ns = ns < best_ns ? ns : best_ns;
    }
    printf("%s %.2f\n", name, best_ns);
}

int main(int argc, char **argv)
{
    if (argc != 2 || !connect_both(argv[1])) {
        fprintf(stderr, "bench_bindings: the clients do not connect\n");
        return 1;
    }
    report("trivial", trivial);
    report("send", send);
    report("nothing", poll_nothing);
    report("event", poll_event);
    for (int i = 0; i < 2; i++)
        tryst_client_destroy(clients[i]);
    return 0;
}
