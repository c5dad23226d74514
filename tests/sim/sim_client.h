/* A participant in a world: an endpoint on a host, driven as a game's loop would drive it.
 * SPDX-License-Identifier: MIT */
#ifndef SIM_CLIENT_H
#define SIM_CLIENT_H

#include "tests/sim/sim_meter.h"
#include "tests/sim/sim_net.h"
#include "tests/sim/sim_watch.h"
#include <tryst/endpoint.h>

struct sim_peer {
    uint32_t handle;
    uint8_t key[TRYST_KEY_SIZE];
    bool is_present;
    bool is_connected;
    bool is_addressed; /* the first words were said; the endpoint holds them until they may leave */
    uint64_t joined_us;
    uint64_t connected_us;   /* first CONNECTED */
    uint64_t unreachable_us; /* last UNREACHABLE */
    uint64_t relayed_us;     /* last RELAYED, */
    uint32_t relayed_reason; /* and why */
    uint64_t direct_us;      /* last CONNECTED or PATH of a direct one */
    uint32_t moves;          /* CONNECTED and PATH so far */
    struct tryst_event last; /* CONNECTED, PATH or UNREACHABLE */
};

struct sim_client {
    struct sim_world *world;
    struct sim_host *host;
    struct sim_party *party;
    struct tryst_endpoint *endpoint; /* NULL: it does not run */
    uint8_t identity_seed[TRYST_KEY_SIZE];
    uint8_t key[TRYST_KEY_SIZE];
    struct tryst_options options;
    struct tryst_address local[TRYST_LOCAL_MAX + 2]; /* told instead of the host's own */
    uint32_t local_count;
    char name[8];
    char session[TRYST_SESSION_NAME_MAX + 1]; /* "" when it is in none */
    uint32_t index;

    struct sim_peer *peers;
    uint32_t peer_count;
    uint32_t peer_room;

    uint32_t
        first_words; /* messages said at once to whoever joins, and held until they may leave */
    uint64_t chatter_was_us; /* before it was frozen */
    uint64_t chatter_us;     /* 0: silent; else a message to each connected peer this often */
    uint64_t chatter_tag;
    uint32_t chatter_bytes; /* of each message; 0: chance says */
    uint32_t lazy;          /* chance in a million to leave output and events for later */
    uint32_t stutter;       /* extra ticks at the same moment */
    bool is_asleep;         /* a lazy drain is planned */

    uint32_t sockets; /* further ones that are open, and at most so far */
    uint32_t sockets_most;
    uint64_t said_to_peers;  /* datagrams, */
    uint64_t shown_to_peers; /* of them directly */
    uint64_t join_us;
    uint64_t cookie_us;
    uint64_t registered_us;
    struct tryst_address public_address;
    uint32_t counts[16];        /* events by type */
    struct tryst_event refused; /* the last REFUSED */
    struct tryst_event removed; /* the last LEFT without a peer: oneself */

    int64_t skew_us; /* its clock is ahead of the world's by so much */
    bool is_stopped; /* it does not run: what comes waits, and is lost past 128 datagrams */
    bool was_stopped;
    uint32_t stopped_count;
    struct sim_packet *stopped[128];
    uint64_t wake_us;
    uint64_t wake_tag;
    uint64_t spins;
    uint64_t spin_us;
    struct sim_meter meter;
};

struct sim_client *sim_client_make(struct sim_world *w, struct sim_host *host);
void sim_client_clear(struct sim_client *c);

/* Starts to run: fetches its cookie. */
void sim_client_start(struct sim_client *c);
void sim_client_join(struct sim_client *c, const char *session);
void sim_client_leave(struct sim_client *c);

/* Does not run for a while, as under SIGSTOP or in a machine that sleeps; and goes on. */
void sim_client_freeze(struct sim_client *c);
void sim_client_thaw(struct sim_client *c);

/* A datagram came by a stream. */
void sim_client_take(struct sim_client *c, const struct tryst_address *from, const void *data,
                     size_t size);

/* One way from a client to the core. */
uint64_t sim_client_line_us(const struct sim_client *c);

/* Ends between two packets, telling nobody; start and join again is a crash survived. */
void sim_client_stop(struct sim_client *c);

/* Takes another's identity, before it starts. */
void sim_client_impersonate(struct sim_client *c, const struct sim_client *other);

/* Tells the endpoint its local addresses again, after they changed. */
void sim_client_tell_local(struct sim_client *c);

/* Sends a message; false when there is no path to that one. */
bool sim_client_say(struct sim_client *c, const struct sim_client *to, size_t size);
void sim_client_chatter(struct sim_client *c, uint64_t period_us);

/* What it knows of another, NULL when it does not know it. */
struct sim_peer *sim_client_peer(struct sim_client *c, const struct sim_client *other);
bool sim_client_knows(struct sim_client *c, const struct sim_client *other);
bool sim_client_reaches(struct sim_client *c, const struct sim_client *other);

#endif
