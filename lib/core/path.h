/* Paths to one peer: each a pair of a local address and a remote one, found, proven, measured, kept
 * alive and chosen from.
 *
 * A path is heard when an authenticated datagram came over it, and proven when a pong came back for a
 * random ping that was sent to exactly that address. Only a proven path is chosen, but for the first
 * one, which may carry early data within its budget.
 * SPDX-License-Identifier: MIT */
#ifndef TR_PATH_H
#define TR_PATH_H

#include "lib/base/deadline.h"
#include "lib/seal/seal.h"
#include "lib/wire/message.h"

enum {
    TR_PATHS_MAX = 14, /* with it a peer fits into 4 KiB */
    TR_PATH_NONE = 0xff,
    TR_LOCAL_ANY = 0xff,     /* the source address is the kernel's choice */
    TR_PATH_HELLOS_MAX = 24, /* hellos to an address that never answered, per search */
    TR_PATH_AMPLIFY = 3,     /* bytes out for a byte in, before a path is proven (RFC 9000, 8.1) */
};

struct tr_path {
    struct tryst_address remote;
    uint8_t local; /* which of the endpoint's local addresses, or TR_LOCAL_ANY */
    uint8_t kind;  /* enum tryst_kind */
    bool is_named; /* by the newest list of candidates; others make room first */
    bool is_heard;
    bool is_proven;
    uint8_t hellos;    /* sent since it was last heard */
    uint8_t losses;    /* pings in a row without a pong */
    uint32_t rtt_us;   /* smoothed (RFC 6298), 0 not measured */
    uint32_t bytes_in; /* until it is proven */
    uint32_t bytes_out;
    uint8_t ping[TR_PING_BYTES]; /* secret of the pings that wait for a pong; zeros: none waits */
    uint64_t ping_us;            /* when the first of them was sent */
    uint64_t heard_us;
    uint64_t next_us; /* when to ping it for its own sake */
};

struct tr_path_set {
    struct tr_path list[TR_PATHS_MAX];
    uint8_t count;
    uint8_t chosen;    /* index, or TR_PATH_NONE */
    uint64_t moved_us; /* when chosen changed last */
};

/* How patient a set is, from the options. */
struct tr_path_times {
    uint64_t keepalive_us;
    uint64_t path_us;
};

void tr_paths_init(struct tr_path_set *paths);

/* Adds a path unless it is there; a known one takes a better kind. A full set lets go of the one that
 * was silent longest, never of a proven one or the chosen one, and of a named one only where something
 * was heard from the new one. Returns its index or TR_PATH_NONE. */
uint8_t tr_paths_add(struct tr_path_set *paths, const struct tryst_address *remote, uint8_t local,
                     uint8_t kind);

/* A new list of candidates is about to be added. */
void tr_paths_unname(struct tr_path_set *paths);

uint8_t tr_paths_find(const struct tr_path_set *paths, const struct tryst_address *remote,
                      uint8_t local);

/* The ping to send on a path now: the one still waiting, or a fresh one. */
void tr_path_ping(struct tr_path *path, uint64_t now_us, struct tr_random *random,
                  uint8_t ping[TR_PING_BYTES]);

/* After an authenticated datagram of size bytes came over it. */
void tr_paths_heard(struct tr_path_set *paths, uint8_t index, size_t size, uint64_t now_us);

/* After a pong: whether it answers the waiting ping of that path. Proves and measures the path. */
bool tr_paths_pong(struct tr_path_set *paths, uint8_t index, const uint8_t pong[TR_PING_BYTES],
                   uint64_t now_us);

/* Whether size bytes may go out on it; before the proof at most TR_PATH_AMPLIFY times what came in. */
bool tr_path_may_carry(const struct tr_path *path, size_t size);
void tr_path_carried(struct tr_path *path, size_t size);

/* Leaves silent paths and chooses anew where that is better. Returns whether chosen changed. */
bool tr_paths_choose(struct tr_path_set *paths, const struct tr_path_times *times, uint64_t now_us);

/* A path that wants a ping for its own sake now, or TR_PATH_NONE. */
uint8_t tr_paths_wanting_ping(const struct tr_path_set *paths, uint64_t now_us);

/* Says that a ping left on it: when the next one is due. */
void tr_path_pinged(struct tr_path *path, bool is_chosen, const struct tr_path_times *times,
                    uint64_t now_us, struct tr_random *random);

/* When the set wants to be looked at again. */
uint64_t tr_paths_deadline(const struct tr_path_set *paths, const struct tr_path_times *times);

/* A local address is gone: its paths go with it. Returns whether the chosen one was among them. */
bool tr_paths_drop_local(struct tr_path_set *paths, uint8_t local);

/* A new search: hellos may go to every path again. */
void tr_paths_search(struct tr_path_set *paths);

#endif
