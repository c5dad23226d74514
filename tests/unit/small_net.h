/* Two peers on a small network in virtual time: each has a few addresses, each way a delay, a wall, a
 * width and a loss of its own. There may be a relay between them, too.
 * SPDX-License-Identifier: MIT */
#ifndef SMALL_NET_H
#define SMALL_NET_H

#include "lib/core/peer.h"
#include "tests/unit/pair_fixture.h"

enum { NET_WAYS = 3, NET_RELAY = NET_WAYS, NET_FLIGHTS = 512, NET_LOG = 8192, NET_NEWS = 11 };

/* Bits of news, as numbers. */
enum { CONNECTED, PATH, UNREACHABLE, LEFT, PUNCH, HELLO, INDEX, ROSTER, TIMES, DOUBT, RELAYED };

/* What left an end, in order. */
struct net_entry {
    uint64_t us;
    uint8_t from;
    uint8_t way;
    uint8_t type; /* of what the relay carries, there */
    bool is_lost;
    uint16_t size;
};

struct net_end {
    struct tr_peer peer; /* the other one, as this end sees it */
    struct tr_peer_kit kit;
    struct tr_outbox outbox;
    struct tryst_stats stats;
    struct tr_budget budget;
    struct tr_hello_extra hello;
    struct tr_relay_way relay;
    struct tr_nat nat;
    struct tr_sockets sockets;
    uint32_t relay_counter; /* the newest RELAY of it that the relay took */
    struct tryst_address locals[TRYST_LOCAL_MAX];
    uint32_t news[NET_NEWS]; /* how often each was told, by bit */
    uint32_t messages;
    uint32_t message_bytes;
    uint64_t message_us;       /* when the last one came */
    uint32_t number;           /* of the newest message of net_say, */
    uint32_t overtaken;        /* and how many came after a later one */
    uint64_t connected_us;     /* when CONNECTED was told first */
    uint32_t said;             /* messages of net_say */
    char text[TR_MESSAGE_MAX]; /* the last one's first bytes */
    uint32_t drops[TR_DROP_COUNT];
};

struct net_way {
    uint64_t delay_us;
    bool is_walled;
    uint16_t width; /* larger datagrams are lost; 0: none are */
    uint8_t loss;   /* so many of a hundred are lost */
};

struct small_net {
    struct pair pair;
    struct net_end end[2];
    struct net_way way[2]
                      [NET_WAYS + 1]; /* by sender and way; a sender's address on a way is below */
    struct tryst_address address[2][NET_WAYS];
    uint64_t now_us;
    struct {
        uint64_t us;
        uint8_t to, way;
        struct tryst_address from;
        uint16_t size;
        uint8_t data[TR_DATAGRAM_BYTES];
    } flights[NET_FLIGHTS];
    uint32_t flight_count;
    struct net_entry log[NET_LOG];
    uint32_t log_count;
    uint64_t loss_seed;
    uint32_t lose_next; /* bits: of the next datagrams, which are lost */
};

/* Both ends, knowing each other's record and no address; every way takes 20 ms. */
void net_init(struct small_net *net, uint64_t seed);
void net_clear(struct small_net *net);

/* Names the other's addresses on these ways (bits) to an end: way 0 public, 1 host, 2 public. */
void net_introduce(struct small_net *net, unsigned end, unsigned ways);

/* The server relays between both from now on; it takes 25 ms each way. */
void net_relay(struct small_net *net);

/* Runs until a time; every deadline is kept to the microsecond. */
void net_run(struct small_net *net, uint64_t until_us);

/* Introduces both on way 0 and runs until both are connected and settled. */
void net_connect(struct small_net *net);

tryst_result net_send(struct small_net *net, unsigned from, const void *data, size_t size);

/* Sends a message that says how many went before it, so that order is watched. size: 4 at least. */
tryst_result net_say(struct small_net *net, unsigned from, size_t size);

/* Puts a wall into a way, or takes it away, in both directions. */
void net_wall(struct small_net *net, unsigned way, bool is_walled);

/* The path in use, or NULL; and whether it is that way. */
const struct tr_path *net_chosen(const struct small_net *net, unsigned end);
bool net_is_on(const struct small_net *net, unsigned end, unsigned way);

/* Seals open bundles and takes what waits to leave. */
void net_flush(struct small_net *net);

/* How many datagrams of a type left an end over a way since log entry `since`. */
uint32_t net_count(const struct small_net *net, uint32_t since, unsigned from, unsigned way,
                   uint8_t type);

#endif
