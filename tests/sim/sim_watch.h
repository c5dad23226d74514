/* The invariants of the wire: what no party may ever put on it, whatever happens.
 * SPDX-License-Identifier: MIT */
#ifndef SIM_WATCH_H
#define SIM_WATCH_H

#include "tests/sim/sim_map.h"
#include "tests/sim/sim_net.h"

/* What one party has exchanged with one address. */
struct sim_record {
    struct tryst_address address;
    uint64_t first_us; /* first sent */
    uint64_t received; /* bytes */
    uint64_t sent;     /* bytes, all */
    uint64_t other;    /* bytes sent that are neither BIND nor HELLO */
    uint32_t hellos;
    uint32_t binds;
    uint32_t reached; /* the party that a datagram to this address last came to */
    bool is_proven;   /* that party answered from it; of a server: a genuine REGISTER came */
    bool is_recalled; /* of a server: one came in an earlier life, which was killed */
};

/* One life of a client or a server. */
struct sim_party {
    uint32_t id; /* from 1 */
    bool is_server;
    const struct tryst_address *servers; /* of a client: where BIND may go */
    uint32_t server_count;
    uint32_t sources;    /* uplinks: each is a path of its own to every address */
    struct sim_map book; /* address hash to record + 1 */
    struct sim_record *records;
    uint32_t count;
    uint32_t room;
};

struct sim_watch {
    struct sim_map nonces; /* what is in clear of key and nonce, to the hash of the bytes */
    struct sim_party **parties;
    uint32_t count;
    uint32_t room;
};

struct sim_party *sim_watch_party(struct sim_world *w, bool is_server);
/* A server that was killed lives on: it may say UNKNOWN to whom it knew, twice. */
void sim_watch_inherit(struct sim_party *party, const struct sim_party *before);
void sim_watch_clear(struct sim_watch *watch);

/* Before a party's datagram goes out; after one came in to it and before it is read. */
void sim_watch_sent(struct sim_world *w, struct sim_party *party, const struct tryst_address *to,
                    const uint8_t *data, size_t size);
void sim_watch_arrived(struct sim_world *w, struct sim_party *party,
                       const struct sim_packet *packet);

struct sim_record *sim_watch_record(struct sim_party *party, const struct tryst_address *address);

#endif
