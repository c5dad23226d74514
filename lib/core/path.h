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
#include "lib/core/meter.h"
#include "lib/seal/seal.h"
#include "lib/wire/message.h"

enum {
    TR_PATHS_MAX = 10, /* with it a peer fits into 4 KiB */
    TR_PATH_NONE = 0xff,
    TR_LOCAL_ANY = 0xff,     /* the source address is the kernel's choice */
    TR_LOCAL_SOCKET = 0x100, /* and a number of 1 to 255: a further socket */
    TR_PATH_HELLOS_MAX = 24, /* hellos to an address that never answered, per search */
    TR_PATH_TRIED_MAX = 127,
    TR_PATH_AMPLIFY = 3, /* bytes out for a byte in, before a path is proven (RFC 9000, 8.1) */
};

/* What is sent is measured by pings, so often. */
#define TR_PATH_TALKING_US (250 * TR_MS)

/* The way by the server, as a remote address: there is one of it a peer. */
enum { TR_TRANSPORT_RELAY = 0xff };

enum tr_path_width {
    TR_WIDTH_UNKNOWN,
    TR_WIDTH_FULL,   /* a ping as large as what is sent came back */
    TR_WIDTH_NARROW, /* small ones do, such do not */
};

struct tr_path {
    struct tryst_address remote;
    uint16_t local; /* which of the endpoint's local addresses, TR_LOCAL_ANY, or a further socket */
    uint8_t kind;   /* enum tryst_kind */
    bool is_named : 1;   /* by the newest list of candidates; others make room first */
    bool is_heard : 1;   /*                                                          */
    bool is_proven : 1;  /*                                                          */
    bool is_doubted : 1; /* its pings stay unanswered: hellos go out on it, and better it is left */
    bool is_lossy : 1;   /* it loses too much of what is sent on it */
    bool is_measured : 1;  /* the marks below are set */
    bool is_idle_ping : 1; /* the ping that waits ended a whole pause: it tries the NAT's memory */
    bool is_backed : 1;    /* the relay stands by, should a pause be too long for the NATs */
    bool was_sized : 1;    /* so was the newest ping: the next is small */
    uint8_t tried : 7;     /* hellos to it in all, 127: as many or more */
    uint8_t width;         /* enum tr_path_width */
    uint8_t turn;          /* pings so far, modulo 256 */
    uint8_t sized;         /* pings of full size since one came back */
    uint8_t hellos;        /* sent since it was last heard */
    uint8_t losses;        /* pings in a row without a pong */
    uint8_t loss;          /* of what is sent on it, in percent, smoothed */
    uint8_t step;          /* of the pauses between its pings, when idle: */
    uint8_t step_good;     /* its NATs are known to bear this one, */
    uint8_t step_max;      /* and may bear this one */
    uint8_t left;          /* how often it was left for being sick */
    uint8_t answered; /* when a hello was answered first, see tr_path_answered_ms; 0: none was */
    uint16_t largest; /* datagram sent on it since the last ping of full size */
    uint16_t sent;    /* DATA on it, and, of the peer's, received: modulo 65,536 */
    uint16_t received;
    uint16_t pinged_sent; /* what `sent` was at the newest ping */
    union {
        struct {
            uint16_t bytes_in; /* until it is proven */
            uint16_t bytes_out;
        };
        struct {
            uint16_t mark_received; /* then, as the last measurement took them */
            uint16_t mark_sent;
        };
    };
    uint32_t rtt_us;             /* smoothed (RFC 6298), 0 not measured */
    uint32_t avoid_ms;           /* not before then is it well again */
    uint32_t said_ds;            /* when something last left on it, in tenths of a second */
    uint8_t ping[TR_PING_BYTES]; /* secret of the pings that wait for a pong; zeros: none waits */
    uint64_t ping_us;            /* when the first of them was sent */
    uint64_t heard_us;
    uint64_t next_us; /* when to ping it for its own sake */
};

struct tr_path_set {
    struct tr_path list[TR_PATHS_MAX];
    uint8_t count;
    uint8_t chosen;    /* index, or TR_PATH_NONE */
    bool is_well;      /* it was when it was chosen, and not only better than the others */
    uint8_t moves;     /* for a better one, not away from a sick one */
    uint64_t moved_us; /* when chosen changed last */
    struct tr_meter meter;
};

/* How patient a set is, from the options. */
struct tr_path_times {
    uint64_t keepalive_us; /* 0: learnt from the NATs */
    uint64_t path_us;
};

/* Times that are told in tenths of a second; they go round after 13 years. */
static inline uint32_t tr_path_tenths(uint64_t us)
{
    return (uint32_t)(us / (100 * TR_MS));
}

static inline bool tr_path_is_relay(const struct tr_path *path)
{
    return path->remote.transport == TR_TRANSPORT_RELAY;
}

/* The relay as a path's remote address. */
struct tryst_address tr_path_relay(void);

void tr_paths_init(struct tr_path_set *paths);

/* Adds a path unless it is there; a known one takes a better kind. A full set lets go of the one that
 * was silent longest, never of a proven one or the chosen one, and of a named one only where something
 * was heard from the new one. Returns its index or TR_PATH_NONE. */
uint8_t tr_paths_add(struct tr_path_set *paths, const struct tryst_address *remote, uint16_t local,
                     uint8_t kind);

/* A new list of candidates is about to be added. */
void tr_paths_unname(struct tr_path_set *paths);

uint8_t tr_paths_find(const struct tr_path_set *paths, const struct tryst_address *remote,
                      uint16_t local);

bool tr_path_is_waiting(const struct tr_path *path);

/* The ping to send on a path now: the one still waiting, or a fresh one. */
void tr_path_ping(struct tr_path *path, uint64_t now_us, struct tr_random *random,
                  uint8_t ping[TR_PING_BYTES]);

/* After an authenticated datagram of size bytes came over it. */
void tr_paths_heard(struct tr_path_set *paths, uint8_t index, size_t size, uint64_t now_us);

/* How long ago the ping left that a pong answers, in microseconds; TR_NEVER when it answers none, or so
 * late that it lay in a socket. */
uint64_t tr_path_trip(const struct tr_path *path, const uint8_t pong[TR_PING_BYTES],
                      uint64_t now_us);

/* After a pong: whether it answers the waiting ping of that path. Proves the path, and measures its
 * round trip. */
bool tr_paths_pong(struct tr_path_set *paths, uint8_t index, const uint8_t pong[TR_PING_BYTES],
                   uint64_t now_us);

/* Whether size bytes may go out on it; before the proof at most TR_PATH_AMPLIFY times what came in. */
bool tr_path_may_carry(const struct tr_path *path, size_t size);

/* A DATA of size bytes left on it; is_talk: with messages. Returns whether it is to be pinged sooner for
 * that. */
bool tr_path_carried(struct tr_path *path, size_t size, bool is_talk, uint64_t now_us);

/* A DATA came over it. */
static inline void tr_path_received(struct tr_path *path)
{
    path->received++;
}

/* All ways to the peer may have changed: pings go out on those that are proven at once, and hellos too. */
void tr_paths_doubt(struct tr_path_set *paths, uint64_t now_us);

/* What came of a path: enum tryst_trial. */
uint8_t tr_path_trial(const struct tr_path *path);

/* The first answer came so long after the peer was known; kept to a sixteenth, in a byte. */
void tr_path_answer(struct tr_path *path, uint32_t after_ms);
uint32_t tr_path_answered_ms(const struct tr_path *path);

/* A local address is gone: its paths go with it. Returns whether the chosen one was among them. */
bool tr_paths_drop_local(struct tr_path_set *paths, uint16_t local);

/* A new search: hellos may go to every path again. */
void tr_paths_search(struct tr_path_set *paths);

#endif
