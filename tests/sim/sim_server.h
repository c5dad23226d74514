/* The rendezvous server in a world: a service on a host of the core, killed and restarted at will.
 * SPDX-License-Identifier: MIT */
#ifndef SIM_SERVER_H
#define SIM_SERVER_H

#include "server/service.h"
#include "tests/sim/sim_meter.h"
#include "tests/sim/sim_net.h"
#include "tests/sim/sim_watch.h"

enum { SIM_RECALL_ROWS = 256 };

struct sim_server {
    struct sim_world *world;
    struct sim_host *host;
    struct sim_party *party;
    struct tr_service *service; /* NULL: it is down */
    struct tr_service_options options;
    struct tr_recall_row recall[SIM_RECALL_ROWS]; /* outlives the service, as its file does */
    struct tryst_address addresses[2];
    uint32_t address_count;
    struct tryst_address other; /* a second IPv4 address; family 0: none */
    char pin[128];
    uint64_t wake_us;
    uint64_t wake_tag;
    uint64_t spins; /* wakes at one moment */
    uint64_t spin_us;
    struct sim_meter meter;
    uint64_t lives;
};

/* Whether it is one of its addresses, whatever the port. */
bool sim_server_owns(const struct sim_server *server, const struct tryst_address *ip);

/* Makes the world's server on the core and starts it; IPv6 too where asked. */
struct sim_server *sim_server_make(struct sim_world *w, uint32_t delay_us, bool has_ipv6);
void sim_server_start(struct sim_server *server);

/* Gone between two packets, saying nothing; start makes it anew: same node keys, and whom to tell that
 * they are not known. */
void sim_server_kill(struct sim_server *server);

/* A datagram came by a stream. */
void sim_server_take(struct sim_server *server, const struct tryst_address *from,
                     const struct tryst_address *to, const void *data, size_t size);

/* Ends it as SIGTERM does. */
void sim_server_shutdown(struct sim_server *server);
void sim_server_clear(struct sim_server *server);

#endif
