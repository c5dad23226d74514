/* Two participants with records and keys, and their handshakes: for the tests of what two peers do.
 * SPDX-License-Identifier: MIT */
#ifndef PAIR_FIXTURE_H
#define PAIR_FIXTURE_H

#include "lib/core/handshake.h"
#include "tests/unit/unit.h"

struct pair_side {
    struct tryst_identity identity;
    struct tr_record record;
    uint8_t e[TR_KEY];
    struct tr_random random;
    struct tr_handshake handshake;
};

struct pair {
    struct pair_side side[2]; /* 0 has the lower identity key */
    uint32_t now_ms;
};

struct tr_random pair_random(uint64_t seed);

/* An identity with a signed record for the session all of 7, its first join. */
void pair_side_init(struct pair_side *side, uint64_t seed);

/* Both sides, knowing each other's record; nothing was sent. */
void pair_init(struct pair *pair, uint64_t seed);

/* The next hello of a side into out, which holds TR_DATAGRAM_BYTES; returns its size. */
size_t pair_hello(struct pair *pair, unsigned side, uint8_t *out);

/* Hands a hello to a side. */
struct tr_hello_outcome pair_read(struct pair *pair, unsigned side, const void *data, size_t size);

/* Hellos go to and fro until nobody wants an answer, side `from` speaking first. */
void pair_exchange(struct pair *pair, unsigned from);

/* Seals text as one DATA into out; returns its size. */
size_t pair_seal(struct pair *pair, unsigned from, const char *text, uint8_t *out);

/* Opens a DATA at a side; when it opens, asserts that it says text. */
enum tr_drop pair_open(struct pair *pair, unsigned side, const void *data, size_t size,
                       const char *text);

/* Whether a message of each side opens at the other. */
bool pair_can_talk(struct pair *pair);

/* Both hold the same keys, know it, and use them. */
bool pair_is_settled(const struct pair *pair);

#endif
