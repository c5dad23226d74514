/* Two participants.
 * SPDX-License-Identifier: MIT */
#include "tests/unit/pair_fixture.h"

#include "lib/base/bytes.h"

struct tr_random pair_random(uint64_t seed)
{
    struct tr_random random;
    uint8_t bytes[TR_KEY] = {0};

    tr_put_u64(bytes, seed);
    tr_random_init(&random, bytes);
    return random;
}

void pair_side_init(struct pair_side *side, uint64_t seed)
{
    uint8_t identity_seed[TR_KEY];

    tr_seal_start();
    memset(side, 0, sizeof *side);
    side->random = pair_random(seed);
    tr_random_bytes(&side->random, identity_seed, sizeof identity_seed);
    tr_random_bytes(&side->random, side->e, sizeof side->e);
    tr_seal_sign_pair(side->identity.public_key, side->identity.secret, identity_seed);
    side->record =
        (struct tr_record){.version = TR_VERSION, .versions = 1U << TR_VERSION, .epoch = 1};
    memset(side->record.session, 7, sizeof side->record.session);
    memcpy(side->record.identity, side->identity.public_key, TR_KEY);
    tr_seal_dh_public(side->record.ge, side->e);
    tr_record_sign(&side->record, side->identity.secret);
}

void pair_init(struct pair *pair, uint64_t seed)
{
    pair->now_ms = 1000;
    pair_side_init(&pair->side[0], seed * 2 + 1);
    pair_side_init(&pair->side[1], seed * 2 + 2);
    if (memcmp(pair->side[0].record.identity, pair->side[1].record.identity, TR_KEY) > 0) {
        struct pair_side lower = pair->side[1];
        pair->side[1] = pair->side[0];
        pair->side[0] = lower;
    }
    for (unsigned i = 0; i < 2; i++) {
        struct pair_side *side = &pair->side[i];
        bool is_good = tr_handshake_init(&side->handshake, &side->record, side->e,
                                         &pair->side[1 - i].record, 0, pair->now_ms, &side->random);
        ASSERT_TRUE(is_good);
        ASSERT_EQ_UINT(side->handshake.role, i);
    }
}

size_t pair_hello(struct pair *pair, unsigned side, uint8_t *out)
{
    struct tr_hello_extra extra = {0};
    struct pair_side *writer = &pair->side[side];

    pair->now_ms += 10;
    return tr_handshake_write(&writer->handshake, &writer->identity, &extra, pair->now_ms,
                              &writer->random, out);
}

struct tr_hello_outcome pair_read(struct pair *pair, unsigned side, const void *data, size_t size)
{
    struct tr_hello_outcome outcome;
    struct pair_side *reader = &pair->side[side];

    memset(&outcome, 0, sizeof outcome);
    tr_handshake_read(&reader->handshake, data, size, &reader->random, &outcome);
    return outcome;
}

void pair_exchange(struct pair *pair, unsigned from)
{
    uint8_t data[TR_DATAGRAM_BYTES];
    bool wants_answer = true;

    for (unsigned i = 0; i < 10 && wants_answer; i++) {
        size_t size = pair_hello(pair, (from + i) % 2, data);
        struct tr_hello_outcome outcome = pair_read(pair, (from + i + 1) % 2, data, size);

        ASSERT_EQ_INT(outcome.drop, TR_DROP_NONE);
        wants_answer = outcome.wants_answer;
    }
    ASSERT_FALSE(wants_answer);
}

size_t pair_seal(struct pair *pair, unsigned from, const char *text, uint8_t *out)
{
    size_t size = strlen(text);

    out[TR_DATA_HEAD] = TR_ITEM_MESSAGE | TR_ITEM_LAST;
    memcpy(out + TR_DATA_HEAD + 1, text, size);
    return tr_handshake_seal(&pair->side[from].handshake, out, size + 1, false);
}

enum tr_drop pair_open(struct pair *pair, unsigned side, const void *data, size_t size,
                       const char *text)
{
    uint8_t items[TR_DATAGRAM_BYTES];
    struct tr_data_outcome outcome;
    enum tr_drop drop = tr_handshake_open(&pair->side[side].handshake, data, size, items, &outcome);

    if (drop == TR_DROP_NONE && ASSERT_EQ_UINT(outcome.size, strlen(text) + 1))
        ASSERT_EQ_MEM(items + 1, text, strlen(text));
    return drop;
}

bool pair_can_talk(struct pair *pair)
{
    uint8_t data[TR_DATAGRAM_BYTES];
    bool is_good = true;

    for (unsigned from = 0; from < 2 && is_good; from++) {
        const char *text = from == 0 ? "to the higher" : "to the lower one";

        is_good = tr_handshake_can_send(&pair->side[from].handshake);
        if (is_good) {
            size_t size = pair_seal(pair, from, text, data);
            is_good = pair_open(pair, 1 - from, data, size, text) == TR_DROP_NONE;
        }
    }
    return is_good;
}

bool pair_is_settled(const struct pair *pair)
{
    const struct tr_handshake *a = &pair->side[0].handshake, *b = &pair->side[1].handshake;

    return tr_handshake_is_settled(a) && tr_handshake_is_settled(b) &&
           a->sending == TR_SENDING_CURRENT && b->sending == TR_SENDING_CURRENT &&
           memcmp(a->current.send_key, b->current.receive_key, TR_KEY) == 0 &&
           memcmp(a->current.receive_key, b->current.send_key, TR_KEY) == 0 &&
           a->current.peer_index == b->current.index && b->current.peer_index == a->current.index;
}
