/* Keys with one peer: the symmetric HELLO, which opens, confirms and renews them.
 *
 * Both sides send the same message, so a simultaneous opening needs no tie-break. A side accepts a
 * pair of handshake keys when the peer echoes its own; it moves its sending to a new pair only when
 * it knows that the peer holds it too (models: one lost packet deadlocks otherwise). In the first
 * handshake there is no old pair to stay on, so data may follow at once the hello that answers.
 * SPDX-License-Identifier: MIT */
#ifndef TR_HANDSHAKE_H
#define TR_HANDSHAKE_H

#include "lib/seal/keypair.h"
#include "lib/seal/replay.h"
#include "lib/seal/seal.h"
#include "lib/wire/detour.h"
#include "lib/wire/envelope.h"

enum {
    TR_HELLO_HEAD = 36,
    TR_DATA_HEAD = 9,
    TR_DATA_ROOM = TR_RELAY_ROOM - TR_DATA_HEAD - TR_TAG, /* bytes of items in one DATA, which may
                                                             have to go through the relay */
};

/* One pair of handshake keys and what comes of it. */
struct tr_generation {
    uint32_t index;      /* ours: the peer sends DATA to it */
    uint32_t peer_index; /* theirs */
    uint32_t sent;       /* DATA sealed: the next counter */
    bool is_live;        /* index is listened to */
    bool has_keys;
    bool has_peer_index;
    uint8_t send_key[TR_KEY];
    uint8_t receive_key[TR_KEY];
    struct tr_replay replay;
    uint64_t seen[TR_REPLAY_WORDS(TR_REPLAY_PEER)];
};

enum tr_sending {
    TR_SENDING_NONE,     /* no key yet; a valid hello leads to CURRENT */
    TR_SENDING_CURRENT,  /* a new pair leads to PREVIOUS */
    TR_SENDING_PREVIOUS, /* the peer's confirmation of the new pair leads to CURRENT */
};

struct tr_handshake {
    uint8_t role; /* 0 for the lower identity key, 1 for the higher */
    uint8_t th0[TR_KEY];
    uint8_t k0[TR_KEY];
    uint8_t peer_identity[TR_KEY];
    uint8_t hello_key[2][TR_KEY]; /* by role of the sender */
    uint8_t hello_id[2][8];
    uint8_t f[TR_KEY];
    uint8_t gf[TR_KEY];
    uint8_t peer_gf[TR_KEY]; /* newest valid one; zeros: none */
    bool has_peer_gf;
    bool is_accepted;  /* the peer echoed gf */
    bool is_confirmed; /* the peer said that it accepted, too */
    bool is_signed;    /* signature is of what is said now */
    uint8_t sending;   /* enum tr_sending */
    uint32_t sequence; /* of the newest signature */
    uint32_t peer_sequence;
    uint64_t renewed_us; /* when f was made */
    uint8_t signature[TR_SIGNATURE];
    uint8_t verified[16]; /* hash of the newest hello whose signature was verified */
    struct tr_generation current;
    struct tr_generation previous;
};

/* What one hello carries besides keys. */
struct tr_hello_extra {
    uint16_t flags; /* TR_HELLO_SEARCH, TR_HELLO_MOVED */
    uint8_t ping[TR_PING_BYTES];
    uint8_t pong[TR_PING_BYTES];
    struct tr_candidate to;
    struct tr_candidate seen;
    uint64_t roster_version;
    uint64_t roster_fence;
    uint8_t local_count;
    struct tr_candidate local[TR_CANDIDATES_MAX - 1];
};

/* What a hello did. */
struct tr_hello_outcome {
    enum tr_drop drop; /* TR_DROP_NONE: it is from the peer, and body is readable */
    bool wants_answer; /* the peer lacks something that our hello tells it */
    bool is_changed;   /* generations changed: look at the indexes again */
    bool is_fresh;     /* its sequence is new: no recording */
    struct tr_hello_body body;
};

/* What a DATA that opened is. */
struct tr_data_outcome {
    size_t size;     /* of its body */
    bool is_single;  /* the body is one message; otherwise it is items */
    bool is_changed; /* it settled the handshake */
};

/* Starts with a peer whose record was verified. own, own_e: our record and its secret. clock orders
 * this handshake after all before it with the same peer. false: the peer's key is of small order, or
 * the peer is ourselves. */
bool tr_handshake_init(struct tr_handshake *handshake, const struct tr_record *own,
                       const uint8_t own_e[TR_KEY], const struct tr_record *peer, uint64_t now_us,
                       uint32_t clock, struct tr_random *random);
void tr_handshake_clear(struct tr_handshake *handshake);

/* Writes a hello into out, which holds TR_DATAGRAM_BYTES; returns its size. */
size_t tr_handshake_write(struct tr_handshake *handshake, const struct tryst_identity *identity,
                          const struct tr_hello_extra *extra, uint32_t clock,
                          struct tr_random *random, uint8_t *out);

/* The next hello is signed anew, under a sequence of its own: it is no repetition of one before. */
static inline void tr_handshake_sign_anew(struct tr_handshake *handshake)
{
    handshake->is_signed = false;
}

/* Reads a hello that bears our receiving id. */
void tr_handshake_read(struct tr_handshake *handshake, const void *data, size_t size,
                       struct tr_random *random, struct tr_hello_outcome *outcome);

/* A fresh f: the next hello starts a new pair. Only when the present one is accepted. */
void tr_handshake_renew(struct tr_handshake *handshake, uint64_t now_us, struct tr_random *random);

/* Both sides hold the same keys and know it. */
bool tr_handshake_is_settled(const struct tr_handshake *handshake);
bool tr_handshake_can_send(const struct tr_handshake *handshake);

/* DATA sealed so far with the key in use, to renew it in time. */
uint32_t tr_handshake_sent(const struct tr_handshake *handshake);

/* Seals the body at datagram + TR_DATA_HEAD in place, one message or items; returns the datagram's
 * size. Only when tr_handshake_can_send. */
size_t tr_handshake_seal(struct tr_handshake *handshake, uint8_t *datagram, size_t body_size,
                         bool is_single);

/* Opens a DATA; body holds TR_DATAGRAM_BYTES. The outcome is set when nothing is dropped. */
enum tr_drop tr_handshake_open(struct tr_handshake *handshake, const void *data, size_t size,
                               uint8_t *body, struct tr_data_outcome *outcome);

#endif
