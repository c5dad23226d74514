/* A few endpoints and a scripted server on a network without NATs, in virtual time.
 * SPDX-License-Identifier: MIT */
#ifndef ENDPOINT_WORLD_H
#define ENDPOINT_WORLD_H

#include "lib/base/deadline.h"
#include "tests/unit/pair_fixture.h"
#include "tests/unit/scripted_server.h"
#include <tryst/endpoint.h>

enum { WORLD_ENDS = 4, WORLD_FLIGHTS = 2048, WORLD_EVENTS = 16 };

struct world_end {
    struct tryst_endpoint *endpoint;
    struct tryst_address address;
    uint8_t key[TRYST_KEY_SIZE];
    bool is_cut_off;
    uint64_t behind_us;          /* its clock is so far behind the world's */
    bool is_lazy;                /* nobody takes its output, ticks it or polls it */
    uint32_t told[WORLD_EVENTS]; /* how often each type of event */
    struct tryst_event last[WORLD_EVENTS];
    uint32_t peer[WORLD_ENDS];        /* handle of each other end, from JOINED */
    uint32_t bytes;                   /* of messages */
    char text[TRYST_MESSAGE_MAX + 1]; /* the last message */
};

struct world_flight {
    uint64_t us;
    struct tryst_address from, to;
    uint16_t size;
    uint8_t data[TRYST_DATAGRAM_MAX];
};

struct endpoint_world {
    struct scripted_server server;
    struct world_end end[WORLD_ENDS];
    unsigned count;
    uint64_t now_us;
    uint64_t delay_us; /* one way */
    bool is_walled;    /* no datagram gets from end to end but by the server */
    bool is_udp_dead;  /* none gets anywhere but by streams */
    struct world_flight flights[WORLD_FLIGHTS];
    uint32_t flight_count;
};

/* Endpoints with identities of their own, which know their local address but no server. */
void world_init(struct endpoint_world *world, unsigned count);
void world_clear(struct endpoint_world *world);

/* An endpoint of its own making, with options as a test wants them. */
struct tryst_endpoint *world_endpoint(const struct scripted_server *server, unsigned number,
                                      uint64_t now_us, void (*change)(struct tryst_options *));

/* Tells the server's address and joins the session "room". */
void world_join(struct endpoint_world *world, unsigned end);

/* Its clock. */
uint64_t world_clock(const struct endpoint_world *world, unsigned end);

void world_for(struct endpoint_world *world, uint64_t span_us);

/* All in one session and connected, by pairs. */
void world_connect(struct endpoint_world *world);

tryst_result world_send(struct endpoint_world *world, unsigned from, unsigned to, const void *data,
                        size_t size);
struct tryst_stats world_stats(const struct endpoint_world *world, unsigned end);

#endif
