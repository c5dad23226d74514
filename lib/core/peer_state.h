/* One remote participant: what its rooms share. outreach.c finds ways to it, upkeep.c keeps them, peer.c
 * reads what comes from it.
 * SPDX-License-Identifier: MIT */
#ifndef TR_PEER_STATE_H
#define TR_PEER_STATE_H

#include "lib/core/bundle.h"
#include "lib/core/handshake.h"
#include "lib/core/kit.h"
#include "lib/core/path.h"
#include "lib/core/punch.h"
#include "lib/core/verdict.h"

/* What happened; the owner reads it, tells it and clears it. */
enum tr_peer_news {
    TR_NEWS_CONNECTED = 1,
    TR_NEWS_PATH = 2,        /* the chosen path is another one */
    TR_NEWS_UNREACHABLE = 4, /* see stage and reason */
    TR_NEWS_LEFT = 8,        /* it said goodbye */
    TR_NEWS_PUNCH = 16,      /* its first hello left, to news_address */
    TR_NEWS_HELLO = 32,      /* the first one from it came, from news_address */
    TR_NEWS_INDEX = 64,      /* receive indexes changed */
    TR_NEWS_TIMES = 256,     /* its deadline may be another */
    TR_NEWS_ROSTER = 128,    /* it knows a newer roster than we do */
    TR_NEWS_RELAYED = 1024,  /* there is no direct path, see stage and reason */
    TR_NEWS_DOUBT = 512, /* the path in use fell silent: our own addresses may be others by now */
};

enum { TR_OUTCOME_NONE = 0xff }; /* it is not known yet */

struct tr_peer {
    uint32_t handle;
    uint16_t news; /* of enum tr_peer_news */
    uint8_t stage;
    uint8_t reason;
    uint64_t epoch;
    uint8_t entry_hash[16]; /* its part of the roster's hash */
    bool is_listed;         /* named by the roster as it is now */
    bool is_connected;
    bool is_greeted;     /* HELLO was said */
    bool is_punched;     /* PUNCH was said */
    uint8_t hello_tries; /* hellos repeated on the chosen path for the handshake's sake */
    bool is_moved;       /* our addresses changed: the hellos of this search say so */
    uint64_t hello_next_us;
    uint64_t heard_us;      /* its newest word that nobody could have recorded and sent again */
    uint64_t lost_us;       /* since when no path to it is well, 0: one is */
    uint64_t said_us;       /* when the game last said something to it */
    uint32_t searched_ms;   /* when a search was last begun because the peer searches */
    uint32_t questioned_ms; /* when a path was last asked because of traffic from another */
    bool is_spraying : 1;   /* many ports are tried for it now */
    bool wants_spray : 1;   /* it tries many */
    bool had_fresh : 1;     /* it was tried from a fresh port */
    uint8_t sprays;         /* times that was done */
    uint8_t traits;         /* of enum tr_trait, as the roster says */
    uint8_t cause;   /* enum tryst_reason why it is relayed, as the game was told; 0: it was not */
    uint8_t outcome; /* of the pair, for the server: enum tryst_path_type or TR_OUTCOME_NONE, */
    uint8_t outcome_kind;  /* enum tryst_kind, */
    bool has_outcome;      /* and whether it is to be told */
    uint32_t known_ms;     /* when the roster first named it */
    uint32_t connected_ms; /* after that; 0: never yet */
    struct tr_nat nat;     /* its, as it says */
    struct tryst_address news_address;
    uint32_t told; /* a hash of both ends of the path that the game was told of */
    struct tr_handshake handshake;
    struct tr_path_set paths;
    struct tr_punch punch;
    struct tr_bundle bundle;
    struct tr_relay_link relay;
};

static inline struct tr_bundle_way tr_peer_way(struct tr_peer *peer)
{
    return (struct tr_bundle_way){
        .handshake = &peer->handshake, .paths = &peer->paths, .relay = &peer->relay};
}

#endif
