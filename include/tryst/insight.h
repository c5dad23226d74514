/* Why a pair of participants is connected as it is, and how its paths do.
 * SPDX-License-Identifier: MIT */
#ifndef TRYST_INSIGHT_H
#define TRYST_INSIGHT_H

#include <tryst/address.h>
#include <tryst/event.h>
#include <tryst/nat.h>

#ifdef __cplusplus
extern "C" {
#endif

/* X(name, number, text): how a pair is connected now. */
#define TRYST_PAIRS(X)                                                                             \
    X(CONNECTING, 0, "connecting")                                                                 \
    X(DIRECT, 1, "direct")                                                                         \
    X(RELAYED, 2, "relayed")                                                                       \
    X(UNREACHABLE, 3, "unreachable")                                                               \
    X(STREAMED, 4, "streamed") /* relayed, and this side gets to the server by TCP */

enum tryst_pair {
#define TRYST_PAIR_ROW(name, number, text) TRYST_PAIR_##name = (number),
    TRYST_PAIRS(TRYST_PAIR_ROW)
#undef TRYST_PAIR_ROW
};

/* X(name, number, text): what came of a candidate. */
#define TRYST_TRIALS(X)                                                                            \
    X(UNTRIED, 0, "untried")                                                                       \
    X(SILENT, 1, "silent")     /* hellos went there, nothing came back */                          \
    X(HEARD, 2, "heard")       /* the peer's hellos come from there, ours are not answered */      \
    X(ANSWERED, 3, "answered") /* a path, proven */                                                \
    X(DOUBTED, 4, "doubted")   /* it answered, and has fallen silent a moment ago */               \
    X(LOST, 5, "lost")         /* it answered once */

enum tryst_trial {
#define TRYST_TRIAL_ROW(name, number, text) TRYST_TRIAL_##name = (number),
    TRYST_TRIALS(TRYST_TRIAL_ROW)
#undef TRYST_TRIAL_ROW
};

/* Bits of tryst_why.side: whose doing the reason is. */
#define TRYST_SIDE_OWN 1u
#define TRYST_SIDE_PEER 2u

/* What a side says of the NAT that it is behind. */
struct tryst_side {
    uint32_t mapping;   /* enum tryst_mapping */
    uint32_t filtering; /* enum tryst_filtering */
    uint32_t ports;     /* enum tryst_port_pattern */
    int32_t stride;     /* SEQUENTIAL: from one mapping to the next */
    uint32_t low;       /* RANDOM: the block that ports come from; 0: not known */
    uint32_t high;
    uint8_t spray;     /* 1: takes part in tries of many ports */
    uint8_t hairpin;   /* 1: leads back in what is sent to its public address from inside */
    uint8_t no_udp;    /* 1: it gets to the server by TCP alone */
    uint8_t is_hidden; /* 1: its addresses are told to nobody, or not to us */
};

/* One address of the peer, and what came of it. */
struct tryst_candidate {
    uint32_t kind;     /* enum tryst_kind */
    uint32_t path;     /* enum tryst_path_type: RELAY is the way by the server */
    uint32_t family;   /* 4 or 6 */
    uint32_t trial;    /* enum tryst_trial */
    uint32_t sent;     /* hellos to it, 127: as many or more */
    uint32_t first_ms; /* from the roster to the first answer, to a sixteenth; 0: there was none */
    uint32_t is_current; /* 1: it carries what is said */
    uint32_t reserved;
};

#define TRYST_CANDIDATES_MAX 12 /* of one peer, told of */

/* Bytes of an answer, pinned: bindings may rely on it. */
#define TRYST_WHY_SIZE 1024

/* Only the sentence is made for people; no field holds an address. */
struct tryst_why {
    uint32_t pair;   /* enum tryst_pair */
    uint32_t reason; /* enum tryst_reason why it is not direct; NONE where it is */
    uint32_t
        relay_reason; /* enum tryst_reason why the server does not relay; NONE where it does or may */
    uint32_t side;    /* TRYST_SIDE_*, of reason */
    uint32_t path;    /* enum tryst_path_type in use */
    uint32_t kind;    /* enum tryst_kind of it */
    uint32_t known_ms;     /* since the roster first named the peer */
    uint32_t connected_ms; /* from then until it was first connected; 0: never yet */
    uint32_t rounds;       /* of hellos in this search */
    uint32_t sprays;       /* times that many ports were tried at once */
    uint32_t is_spraying;  /* 1: they are now */
    uint32_t candidate_count;
    struct tryst_side own;
    struct tryst_side peer;
    struct tryst_candidate candidates[TRYST_CANDIDATES_MAX];
    char sentence[256]; /* NUL-terminated, UTF-8, without addresses */
    uint8_t reserved[TRYST_WHY_SIZE - 12 * 4 - 2 * 28 - TRYST_CANDIDATES_MAX * 32 - 256];
};

/* Bytes of one path's figures, pinned. */
#define TRYST_PATH_STATS_SIZE 256

/* Figures of one path. Those under "in use" are of the path that is_current, since it is, and 0 for the
 * others; those under "all" are the same for all paths of one type, DIRECT or RELAY. Datagrams are counted
 * that hold messages or pings: hellos are not. */
struct tryst_path_stats {
    uint32_t path;       /* enum tryst_path_type */
    uint32_t kind;       /* enum tryst_kind */
    uint32_t is_current; /* 1: it carries what is said */
    uint32_t trial;      /* enum tryst_trial */
    uint32_t rtt_us;     /* round trip, smoothed (RFC 6298); 0: not measured */
    uint32_t loss_out;   /* of what is sent on it, parts in a hundred, smoothed */
    /* in use */
    uint32_t rtt_min_us;
    uint32_t rtt_p50_us; /* of some 255 of the newest; to a sixth, seldom half too long */
    uint32_t rtt_p95_us;
    uint32_t jitter_us;       /* as in RFC 3550, 6.4.1, of round trips */
    uint32_t loss_in;         /* of what is sent to us, parts in a hundred, smoothed */
    uint32_t bytes_out_s;     /* a second, over the last one or two, all paths together */
    uint32_t bytes_in_s;      /*                                                       */
    uint32_t datagrams_out_s; /*                                                       */
    uint32_t datagrams_in_s;  /*                                                       */
    uint32_t moves;           /* to better paths so far, 255: as many or more */
    /* all */
    uint64_t bytes_out;
    uint64_t bytes_in;
    uint64_t datagrams_out;
    uint64_t datagrams_in;
    struct tryst_address address; /* the peer's end; RELAY: the server's */
    struct tryst_address local;   /* this end, where it is one of several; else none */
    uint8_t reserved[TRYST_PATH_STATS_SIZE - 16 * 4 - 4 * 8 - 2 * 24];
};

/* Words; "unknown" for other numbers. Threads any. Since 0.1 */
TRYST_API const char *tryst_pair_name(uint32_t pair);
TRYST_API const char *tryst_trial_name(uint32_t trial);

#ifdef __cplusplus
}
#endif

#endif
