/* A rendezvous server on loopback in the bench's own process and thread, turned by hand.
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_SERVER_H
#define BENCH_SERVER_H

#include "tests/bench/bench_figures.h"

#include "lib/driver/datagram.h"
#include "server/service.h"
#include <string.h>
#include <tryst/tryst.h>

struct bench_server {
    struct tr_service *service;
    struct tr_service_options options;
    struct tr_datagram_socket socket;
    struct tr_datagram_inbox *inbox;
    char pin[TRYST_PIN_TEXT_SIZE];
};

static inline uint64_t bench_now_us(void)
{
    return bench_clock_ns(CLOCK_MONOTONIC) / 1000;
}

static inline bool bench_server_open(struct bench_server *server)
{
    uint8_t secret[TR_SIGN_SECRET];
    struct tryst_address local = {.family = 4, .ip = {127, 0, 0, 1}};
    struct tryst_pin pin = {.host = "127.0.0.1"};
    memset(server, 0, sizeof *server);
    server->socket.fd = -1;
    server->inbox = tr_datagram_inbox_create();
    if (tr_seal_start() != TRYST_OK || server->inbox == NULL ||
        tr_datagram_open(&server->socket, &local, 0) != TRYST_OK)
        return false;
    tr_seal_entropy(server->options.seed, TR_KEY);
    tr_seal_entropy(server->options.root_seed, TR_KEY);
    tr_seal_entropy(server->options.node_seed, TR_KEY);
    tr_seal_sign_pair(server->options.root_key, secret, server->options.root_seed);
    server->options.limits =
        (struct tr_service_limits){.register_rate = 100000, .register_burst = 100000};
    memcpy(pin.key, server->options.root_key, sizeof pin.key);
    pin.port = server->socket.port;
    return tryst_pin_format(&pin, server->pin, sizeof server->pin) > 0 &&
           tr_service_create(&server->service, &server->options, bench_now_us(),
                             (uint64_t)time(NULL)) == TRYST_OK;
}

static inline void bench_server_turn(struct bench_server *server)
{
    struct tr_arrival *arrivals;
    uint64_t now_us = bench_now_us();
    uint32_t count = tr_datagram_receive(&server->socket, server->inbox, &arrivals);
    for (uint32_t i = 0; i < count; i++)
        tr_service_input(server->service, now_us, &arrivals[i].from, &arrivals[i].to,
                         arrivals[i].data, arrivals[i].size);
    if (tr_service_deadline(server->service) <= now_us)
        tr_service_tick(server->service, now_us);
    const struct tr_datagram *next = NULL;
    while ((next = tr_service_output(server->service)) != NULL) {
        struct tr_datagram datagram = *next;
        struct tr_datagram *list[1] = {&datagram};
        tr_datagram_send(&server->socket, list, 1);
    }
}

static inline void bench_server_close(struct bench_server *server)
{
    tr_service_destroy(server->service);
    tr_datagram_close(&server->socket);
    tr_datagram_inbox_destroy(server->inbox);
}

/* Two clients of this server that are connected. peers: each one's handle of the other. */
static inline bool bench_server_pair(struct bench_server *server, struct tryst_client *clients[2],
                                     uint32_t peers[2])
{
    struct tryst_options options;
    struct tryst_event event;
    uint64_t end_us = bench_now_us() + 10000000;
    int connected = 0;
    tryst_options_init(&options);
    options.server = server->pin;
    for (int i = 0; i < 2; i++)
        if (tryst_client_create(&clients[i], NULL, &options) != TRYST_OK ||
            tryst_client_join(clients[i], "bench", NULL, 0) != TRYST_OK)
            return false;
    while (connected < 2 && bench_now_us() < end_us) {
        bench_server_turn(server);
        for (int i = 0; i < 2; i++) {
            tryst_client_run(clients[i], 0);
            while (tryst_client_poll(clients[i], &event) == 1)
                if (event.type == TRYST_EVENT_CONNECTED) {
                    peers[i] = event.peer;
                    connected++;
                }
        }
    }
    /* The candidates that lost go quiet. */
    for (end_us = bench_now_us() + 1500000; bench_now_us() < end_us;) {
        bench_server_turn(server);
        for (int i = 0; i < 2; i++) {
            tryst_client_run(clients[i], 1);
            while (tryst_client_poll(clients[i], &event) == 1)
                ;
        }
    }
    return connected == 2;
}

#endif
