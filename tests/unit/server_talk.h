/* A client's rendezvous and a scripted server with a delay between them, in virtual time.
 * SPDX-License-Identifier: MIT */
#ifndef SERVER_TALK_H
#define SERVER_TALK_H

#include "lib/core/rendezvous.h"
#include "tests/unit/pair_fixture.h"
#include "tests/unit/scripted_server.h"

enum { TALK_FLIGHTS = 256, TALK_FACTS = 64, TALK_ENTRIES = 64, TALK_TIMES = 256 };

struct talk_flight {
    uint64_t us;
    bool is_to_server;
    struct tryst_address from, to;
    uint16_t size;
    uint8_t data[TR_DATAGRAM_BYTES];
};

struct server_talk {
    struct tr_rendezvous rendezvous;
    struct scripted_server server;
    struct pair_side self;
    struct tr_outbox outbox;
    uint64_t now_us;
    uint64_t delay_us;              /* one way */
    struct tryst_address local[2];  /* of the host: what a datagram's source says */
    struct tryst_address public[2]; /* what the server sees instead; [0] also for no source */
    bool is_dead[2];                /* nothing goes or comes there */
    bool is_udp_dead;               /* nothing but streams gets through */
    struct talk_flight flights[TALK_FLIGHTS];
    uint32_t flight_count;
    struct tr_fact facts[TALK_FACTS];
    uint64_t fact_us[TALK_FACTS];
    uint32_t fact_count;
    struct tr_entry entries[TALK_ENTRIES];
    uint32_t entry_count;
    uint32_t pages;
    uint32_t drops[TR_DROP_COUNT];
    uint64_t bind_us[TALK_TIMES], register_us[TALK_TIMES]; /* when they left */
    uint64_t stream_us[TALK_TIMES]; /* BINDs by streams, which are not among the others */
    uint32_t bind_count, stream_count, register_count, ctrl_count;
    struct talk_flight last; /* to the client: for forging */
};

/* unix_s: the client's wall clock; the server's certificate holds from 1,000 to 2,000. */
void talk_init(struct server_talk *talk, uint64_t seed, uint64_t unix_s);
void talk_clear(struct server_talk *talk);

/* Asks the server's first address, from the kernel's choice. */
void talk_begin(struct server_talk *talk);
void talk_join(struct server_talk *talk);

/* Asks it by UDP, TCP and TLS: ports 7777, 7778 and 443. */
void talk_begin_all(struct server_talk *talk);

void talk_run(struct server_talk *talk, uint64_t until_us);
void talk_for(struct server_talk *talk, uint64_t span_us);

/* Hands a datagram to the client now. */
enum tr_drop talk_hand(struct server_talk *talk, const struct tryst_address *from, const void *data,
                       size_t size);

/* The newest fact, or one that is none. */
struct tr_fact talk_last_fact(const struct server_talk *talk);
uint32_t talk_count(const struct server_talk *talk, uint8_t kind);

/* Began, joined and registered; and its client at the server. */
struct scripted_client *talk_registered(struct server_talk *talk, uint64_t seed);

#endif
