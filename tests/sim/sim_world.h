/* One simulated world: virtual time, one seed, everything that lives in it, and its trace.
 * SPDX-License-Identifier: MIT */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "tests/sim/sim_net.h"
#include "tests/sim/sim_queue.h"
#include "tests/sim/sim_random.h"
#include "tests/sim/sim_watch.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_MS UINT64_C(1000)
#define SIM_S UINT64_C(1000000)
#define SIM_CLIENTS_MAX 208
#define SIM_UNIX_S UINT64_C(1750000000) /* the wall clock at virtual time 0 */

struct sim_client;
struct sim_server;
struct sim_pair;
struct sim_stream;

struct sim_world {
    const char *story;
    uint64_t seed;
    uint64_t now_us;
    uint64_t hash;     /* over every datagram event: same seed, same hash */
    uint64_t events;   /* datagram events so far */
    bool trace;        /* print every datagram event */
    bool has_other_ip; /* the server can be asked at a second address */
    bool has_relay;    /* clients made from now on let the server carry what they say */
    bool failed;       /* an invariant or an expectation broke; time stands still from then on */

    struct sim_random chance; /* of the network: loss, jitter, ports */
    struct sim_random secret; /* seeds of keys */
    struct sim_random choice; /* of the story */

    struct sim_stream *stream_list;
    uint32_t streams; /* ever opened */
    struct sim_queue queue;
    struct sim_net net;
    struct sim_watch watch;
    struct sim_server *server;
    struct sim_client *clients[SIM_CLIENTS_MAX];
    uint32_t client_count;
    struct sim_pair *pairs; /* messages by sender and receiver, see sim_ledger.h */

    void **kept; /* freed with the world */
    uint32_t kept_count;
    uint32_t kept_room;
};

void sim_world_init(struct sim_world *w, const char *story, uint64_t seed, bool trace);
void sim_world_clear(struct sim_world *w);

/* Zeroed memory that lives as long as the world. */
void *sim_keep(struct sim_world *w, size_t size);

void sim_after(struct sim_world *w, uint64_t delay_us, sim_action *run, void *object, uint64_t tag);

/* Lets virtual time run to an absolute or a relative moment, or until something failed. */
void sim_run_until(struct sim_world *w, uint64_t until_us);
void sim_run_for(struct sim_world *w, uint64_t span_us);

/* Writes down a datagram event: into the hash always, on the screen when traced. */
void sim_trace(struct sim_world *w, const char *what, const struct sim_packet *packet,
               const char *note);

/* Prints story, seed, time, what broke and how to replay it; only the first of a world counts. */
void sim_fail(struct sim_world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define sim_expect(w, condition, ...)                                                              \
    do {                                                                                           \
        if (!(condition))                                                                          \
            sim_fail(w, __VA_ARGS__);                                                              \
    } while (0)

/* The name of a frame by its first byte. */
const char *sim_frame_name(uint8_t first);

#endif
