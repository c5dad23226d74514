/* One remote participant: its handshake, its paths and its punching, joined.
 * SPDX-License-Identifier: MIT */
#ifndef TR_PEER_H
#define TR_PEER_H

#include "lib/core/bundle.h"
#include "lib/core/handshake.h"
#include "lib/core/kit.h"
#include "lib/core/path.h"
#include "lib/core/punch.h"

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
};

struct tr_peer {
    uint32_t handle;
    uint8_t identity[TR_KEY];
    uint64_t epoch;
    uint8_t entry_hash[16]; /* its part of the roster's hash */
    bool is_listed;         /* named by the roster as it is now */
    bool is_connected;
    bool is_greeted; /* HELLO was said */
    bool is_punched; /* PUNCH was said */
    uint16_t news;   /* of enum tr_peer_news */
    uint8_t stage;
    uint8_t reason;
    uint8_t hello_tries; /* hellos repeated on the chosen path for the handshake's sake */
    uint64_t hello_next_us;
    uint64_t heard_us; /* its newest word that nobody could have recorded and sent again */
    struct tryst_address news_address;
    struct tr_handshake handshake;
    struct tr_path_set paths;
    struct tr_punch punch;
    struct tr_bundle bundle;
};

/* false: its key is of small order or our own. */
bool tr_peer_init(struct tr_peer *peer, uint32_t handle, const struct tr_record *own,
                  const uint8_t own_e[TR_KEY], const struct tr_record *record,
                  const struct tr_peer_kit *kit);
void tr_peer_clear(struct tr_peer *peer);

/* Candidates from the roster; a changed list starts a new search. extra: slots of local addresses to
 * try beside the kernel's choice, as bits. */
void tr_peer_set_candidates(struct tr_peer *peer, const struct tr_candidate *candidates,
                            size_t count, uint8_t extra, const struct tr_peer_kit *kit);

/* Tries what is known of the peer from further local addresses too: slots, as bits. */
void tr_peer_add_locals(struct tr_peer *peer, uint8_t extra, const struct tr_peer_kit *kit);

/* Our own addresses changed: searches anew. */
void tr_peer_search(struct tr_peer *peer, uint64_t now_us);

/* A HELLO that bears this peer's id; local: the slot it came in on, or TR_LOCAL_ANY. */
enum tr_drop tr_peer_hello(struct tr_peer *peer, const struct tryst_address *from, uint8_t local,
                           const void *data, size_t size, const struct tr_peer_kit *kit);

/* A DATA that bears one of this peer's indexes. Its messages are the owner's to read, from body,
 * which holds TR_DATAGRAM_BYTES. */
enum tr_drop tr_peer_data(struct tr_peer *peer, const struct tryst_address *from, uint8_t local,
                          const void *data, size_t size, uint8_t *body,
                          struct tr_data_outcome *outcome, const struct tr_peer_kit *kit);

/* Queues one message; it leaves with tr_peer_flush, before anything is popped from the outbox. */
tryst_result tr_peer_send(struct tr_peer *peer, const void *data, size_t size,
                          const struct tr_peer_kit *kit);

/* Seals the open bundle, so that it may leave. */
void tr_peer_flush(struct tr_peer *peer, const struct tr_peer_kit *kit);

/* Says goodbye over the chosen path. */
void tr_peer_leave(struct tr_peer *peer, const struct tr_peer_kit *kit);

void tr_peer_tick(struct tr_peer *peer, const struct tr_peer_kit *kit);
uint64_t tr_peer_deadline(const struct tr_peer *peer, const struct tr_peer_kit *kit);

#endif
