/* The handshake with one peer: what it agrees on and what it refuses. Its sealed data is in
 * test_handshake_data.c; test_handshake_order.c tries every order of events.
 * SPDX-License-Identifier: MIT */
#include "tests/unit/pair_fixture.h"

#include "lib/base/bytes.h"

enum { HELLO_SIZE = 264 };

static void handshake_agrees_in_four_hellos_whoever_begins(void)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct pair pair;
        uint8_t data[TR_DATAGRAM_BYTES];

        pair_init(&pair, seed);
        for (unsigned i = 0; i < 4; i++) {
            unsigned from = (i + (unsigned)seed) % 2;
            size_t size = pair_hello(&pair, from, data);

            ASSERT_EQ_UINT(size, HELLO_SIZE);
            ASSERT_EQ_INT(pair_is_settled(&pair), false);
            struct tr_hello_outcome outcome = pair_read(&pair, 1 - from, data, size);
            ASSERT_EQ_INT(outcome.drop, TR_DROP_NONE);
            ASSERT_EQ_INT(outcome.wants_answer, i < 3);
        }
        ASSERT_TRUE(pair_is_settled(&pair));
        ASSERT_TRUE(pair_can_talk(&pair));
    }
}

static void handshake_agrees_when_both_begin_at_once(void)
{
    struct pair pair;
    uint8_t data[2][TR_DATAGRAM_BYTES];
    size_t size[2] = {0};

    pair_init(&pair, 3);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 2; i++)
            size[i] = pair_hello(&pair, i, data[i]);
        for (unsigned i = 0; i < 2; i++)
            ASSERT_EQ_INT(pair_read(&pair, 1 - i, data[i], size[i]).drop, TR_DROP_NONE);
        for (unsigned i = 0; i < 2; i++) /* at once: data may follow the hello that answers */
            ASSERT_TRUE(tr_handshake_can_send(&pair.side[i].handshake));
        ASSERT_TRUE(pair_can_talk(&pair));
    }
    ASSERT_TRUE(pair_is_settled(&pair));
}

static void handshake_data_may_follow_the_first_answer(void)
{
    struct pair pair;
    uint8_t hello[TR_DATAGRAM_BYTES], data[TR_DATAGRAM_BYTES];

    pair_init(&pair, 4);
    ASSERT_FALSE(tr_handshake_can_send(&pair.side[0].handshake));
    size_t size = pair_hello(&pair, 0, hello);
    ASSERT_EQ_INT(pair_read(&pair, 1, hello, size).drop, TR_DROP_NONE);
    ASSERT_TRUE(tr_handshake_can_send(&pair.side[1].handshake));
    size = pair_hello(&pair, 1, hello);
    size_t data_size = pair_seal(&pair, 1, "early", data);
    /* Overtaken: there is no key yet, and nothing is remembered of it. */
    ASSERT_EQ_INT(pair_open(&pair, 0, data, data_size, "early"), TR_DROP_UNKNOWN);
    ASSERT_EQ_INT(pair_read(&pair, 0, hello, size).drop, TR_DROP_NONE);
    ASSERT_EQ_INT(pair_open(&pair, 0, data, data_size, "early"), TR_DROP_NONE);
    ASSERT_EQ_INT(pair_open(&pair, 0, data, data_size, "early"), TR_DROP_REPLAY);
}

static void handshake_is_confirmed_by_data_as_by_a_hello(void)
{
    struct pair pair;
    uint8_t hello[TR_DATAGRAM_BYTES], data[TR_DATAGRAM_BYTES];

    pair_init(&pair, 5);
    size_t size = pair_hello(&pair, 0, hello);
    pair_read(&pair, 1, hello, size);
    size = pair_hello(&pair, 1, hello);
    pair_read(&pair, 0, hello, size);
    ASSERT_FALSE(tr_handshake_is_settled(&pair.side[0].handshake));
    size = pair_seal(&pair, 1, "I hold it", data);
    ASSERT_EQ_INT(pair_open(&pair, 0, data, size, "I hold it"), TR_DROP_NONE);
    ASSERT_TRUE(tr_handshake_is_settled(&pair.side[0].handshake));
}

static void handshake_repeats_a_signed_hello_without_signing_anew(void)
{
    struct pair pair;
    uint8_t first[TR_DATAGRAM_BYTES], second[TR_DATAGRAM_BYTES];

    pair_init(&pair, 6);
    pair_hello(&pair, 0, first);
    uint32_t sequence = pair.side[0].handshake.sequence;
    pair_hello(&pair, 0, second);
    ASSERT_EQ_UINT(pair.side[0].handshake.sequence, sequence);
    ASSERT_TRUE(memcmp(first, second, HELLO_SIZE) != 0); /* the seal's nonce is fresh */
}

static void handshake_refuses_a_hello_with_any_byte_changed_or_missing(void)
{
    struct pair pair;
    uint8_t hello[TR_DATAGRAM_BYTES], forged[TR_DATAGRAM_BYTES];

    pair_init(&pair, 7);
    size_t size = pair_hello(&pair, 0, hello);
    struct tr_handshake before = pair.side[1].handshake;
    for (size_t i = 0; i < size; i++)
        for (unsigned bit = 0; bit < 8; bit += 7) {
            memcpy(forged, hello, size);
            forged[i] ^= (uint8_t)(1U << bit);
            ASSERT_ROW(pair_read(&pair, 1, forged, size).drop == TR_DROP_SEAL, "byte %zu", i);
        }
    for (size_t cut = 0; cut < size; cut++)
        ASSERT_ROW(pair_read(&pair, 1, hello, cut).drop == TR_DROP_SEAL, "%zu bytes", cut);
    ASSERT_EQ_MEM(&pair.side[1].handshake, &before, sizeof before);
    ASSERT_EQ_INT(pair_read(&pair, 1, hello, size).drop, TR_DROP_NONE);
}

static void handshake_refuses_its_own_words_and_those_of_other_pairs(void)
{
    struct pair pair, other;
    uint8_t hello[TR_DATAGRAM_BYTES];

    pair_init(&pair, 8);
    pair_init(&other, 9);
    size_t size = pair_hello(&pair, 0, hello);
    ASSERT_EQ_INT(pair_read(&pair, 0, hello, size).drop, TR_DROP_SEAL);
    ASSERT_EQ_INT(pair_read(&other, 1, hello, size).drop, TR_DROP_SEAL);
}

/* Same people, same registration keys: another session, epoch or record makes another pair. */
static void handshake_refuses_hellos_of_another_session_or_record(void)
{
    for (unsigned change = 0; change < 3; change++) {
        struct pair pair;
        uint8_t hello[TR_DATAGRAM_BYTES];

        pair_init(&pair, 10);
        size_t size = pair_hello(&pair, 0, hello);
        struct tr_record own = pair.side[1].record, peer = pair.side[0].record;
        if (change == 1)
            own.session[0] ^= 1;
        if (change == 2)
            peer.epoch++;
        struct pair_side *reader = &pair.side[1];
        ASSERT_TRUE(tr_handshake_init(&reader->handshake, &own, reader->e, &peer, 0, 1000,
                                      &reader->random));
        ASSERT_ROW(pair_read(&pair, 1, hello, size).drop ==
                       (change == 0 ? TR_DROP_NONE : TR_DROP_SEAL),
                   "change %u", change);
    }
}

/* Who knows K0 (the server, in an open session) but not the identity's secret. */
static void handshake_refuses_a_hello_that_another_identity_signed(void)
{
    struct pair pair;
    uint8_t hello[TR_DATAGRAM_BYTES];

    pair_init(&pair, 11);
    pair.side[0].identity = pair.side[1].identity;
    size_t size = pair_hello(&pair, 0, hello);
    ASSERT_EQ_INT(pair_read(&pair, 1, hello, size).drop, TR_DROP_SIGNATURE);
    ASSERT_FALSE(tr_handshake_can_send(&pair.side[1].handshake));
}

static void handshake_refuses_itself_and_registration_keys_of_small_order(void)
{
    static const uint8_t last[] = {0, 1};
    struct pair_side own, peer;
    struct tr_handshake handshake;

    pair_side_init(&own, 1);
    pair_side_init(&peer, 2);
    ASSERT_FALSE(tr_handshake_init(&handshake, &own.record, own.e, &own.record, 0, 0, &own.random));
    for (size_t i = 0; i < UNIT_COUNT(last); i++) {
        memset(peer.record.ge, 0, TR_KEY);
        peer.record.ge[0] = last[i];
        ASSERT_FALSE(
            tr_handshake_init(&handshake, &own.record, own.e, &peer.record, 0, 0, &own.random));
    }
}

/* Points of order 1, 2, 4 and 8 and their unreduced forms: the shared secret would be zero. */
static const char *const small_points[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

/* A peer that signs what it likes: it must not get us to keys that everybody knows, nor to a state
 * from which a renewal fails. */
static void handshake_refuses_handshake_keys_of_small_order_before_and_after(void)
{
    for (unsigned is_settled = 0; is_settled < 2; is_settled++)
        for (size_t i = 0; i < UNIT_COUNT(small_points); i++) {
            struct pair pair;
            uint8_t hello[TR_DATAGRAM_BYTES];

            pair_init(&pair, 12);
            if (is_settled)
                pair_exchange(&pair, 0);
            struct tr_handshake *hostile = &pair.side[0].handshake;
            struct tr_handshake *good = &pair.side[1].handshake;
            uint32_t index = good->current.index;
            uint8_t key[TR_KEY];
            memcpy(key, good->current.receive_key, TR_KEY);
            unit_hex(hostile->gf, TR_KEY, small_points[i]);
            memcpy(hostile->peer_gf, good->gf, TR_KEY);
            hostile->has_peer_gf = true;
            for (unsigned again = 0; again < 3; again++) {
                hostile->is_signed = false;
                size_t size = pair_hello(&pair, 0, hello);
                ASSERT_ROW(pair_read(&pair, 1, hello, size).drop == TR_DROP_MALFORMED,
                           "point %zu, settled %u, time %u", i, is_settled, again);
            }
            ASSERT_EQ_UINT(good->current.index, index);
            ASSERT_EQ_MEM(good->current.receive_key, key, TR_KEY);
            ASSERT_EQ_INT(tr_handshake_is_settled(good), is_settled);
            ASSERT_EQ_INT(tr_handshake_can_send(good), is_settled);
            if (is_settled)
                tr_handshake_renew(good, 0, &pair.side[1].random);
        }
}

static void handshake_refuses_hellos_from_before_a_renewal(void)
{
    struct pair pair;
    uint8_t old[TR_DATAGRAM_BYTES], hello[TR_DATAGRAM_BYTES];

    pair_init(&pair, 13);
    pair_exchange(&pair, 0);
    size_t old_size = pair_hello(&pair, 0, old);
    tr_handshake_renew(&pair.side[0].handshake, 0, &pair.side[0].random);
    pair_exchange(&pair, 0);
    ASSERT_TRUE(pair_is_settled(&pair));
    ASSERT_EQ_INT(pair_read(&pair, 1, old, old_size).drop, TR_DROP_REPLAY);
    ASSERT_TRUE(pair_is_settled(&pair));
    size_t size = pair_hello(&pair, 0, hello);
    struct tr_hello_outcome outcome = pair_read(&pair, 1, hello, size);
    ASSERT_EQ_INT(outcome.drop, TR_DROP_NONE);
    ASSERT_FALSE(outcome.wants_answer);
}

/* An older word about the key in use changes nothing, but is good for its ping. */
static void handshake_state_is_not_turned_back_by_an_older_hello(void)
{
    struct pair pair;
    uint8_t old[TR_DATAGRAM_BYTES];

    pair_init(&pair, 14);
    size_t size = pair_hello(&pair, 0, old);
    pair_exchange(&pair, 0);
    ASSERT_TRUE(pair_is_settled(&pair));
    for (unsigned i = 0; i < 5; i++) {
        struct tr_handshake before = pair.side[1].handshake;
        struct tr_hello_outcome outcome = pair_read(&pair, 1, old, size);

        ASSERT_EQ_INT(outcome.drop, TR_DROP_NONE);
        ASSERT_FALSE(outcome.wants_answer);
        ASSERT_FALSE(outcome.is_changed);
        memcpy(before.verified, pair.side[1].handshake.verified, sizeof before.verified);
        ASSERT_EQ_MEM(&pair.side[1].handshake, &before, sizeof before);
    }
    ASSERT_TRUE(pair_can_talk(&pair));
}

static void handshake_keeps_two_generations_and_no_third(void)
{
    enum { GENERATIONS = 5 };
    struct pair pair;
    uint8_t data[GENERATIONS][TR_DATAGRAM_BYTES];
    size_t size[GENERATIONS] = {0};
    uint32_t indexes[GENERATIONS] = {0};

    pair_init(&pair, 15);
    pair_exchange(&pair, 0);
    for (unsigned i = 0; i < GENERATIONS; i++) {
        size[i] = pair_seal(&pair, 0, "kept", data[i]);
        indexes[i] = tr_get_u32(data[i] + 1);
        for (unsigned j = 0; j < i; j++)
            ASSERT_TRUE(indexes[i] != indexes[j]);
        struct pair_side *renewing = &pair.side[i % 2];
        tr_handshake_renew(&renewing->handshake, 0, &renewing->random);
        pair_exchange(&pair, i % 2);
        ASSERT_TRUE(pair_is_settled(&pair));
        for (unsigned j = 0; j + 1 <= i; j++)
            ASSERT_ROW(pair_open(&pair, 1, data[j], size[j], "kept") == TR_DROP_UNKNOWN,
                       "generation %u opens after %u", j, i);
        struct pair copy = pair;
        ASSERT_EQ_INT(pair_open(&copy, 1, data[i], size[i], "kept"), TR_DROP_NONE);
    }
}

static void handshake_sends_with_the_old_key_until_the_peer_holds_the_new_one(void)
{
    struct pair pair;
    uint8_t hello[TR_DATAGRAM_BYTES], data[TR_DATAGRAM_BYTES];

    pair_init(&pair, 16);
    pair_exchange(&pair, 0);
    tr_handshake_renew(&pair.side[0].handshake, 0, &pair.side[0].random);
    ASSERT_EQ_INT(pair.side[0].handshake.sending, TR_SENDING_PREVIOUS);
    ASSERT_TRUE(pair_can_talk(&pair));
    size_t size = pair_hello(&pair, 0, hello);
    ASSERT_EQ_INT(pair_read(&pair, 1, hello, size).drop, TR_DROP_NONE);
    ASSERT_EQ_INT(pair.side[1].handshake.sending, TR_SENDING_PREVIOUS);
    ASSERT_TRUE(pair_can_talk(&pair));
    size = pair_hello(&pair, 1, hello);
    ASSERT_TRUE(pair_read(&pair, 0, hello, size).wants_answer); /* it has accepted: it holds it */
    ASSERT_EQ_INT(pair.side[0].handshake.sending, TR_SENDING_CURRENT);
    ASSERT_EQ_INT(pair.side[1].handshake.sending, TR_SENDING_PREVIOUS);
    struct pair copy = pair;
    ASSERT_TRUE(pair_can_talk(&copy));
    size = pair_seal(&pair, 0, "new key", data); /* as good as the hello that got lost */
    ASSERT_EQ_INT(pair_open(&pair, 1, data, size, "new key"), TR_DROP_NONE);
    ASSERT_EQ_INT(pair.side[1].handshake.sending, TR_SENDING_CURRENT);
    ASSERT_TRUE(pair_is_settled(&pair));
}

/* Both renew at once: an echo alone does not say that the pair is accepted. */
static void handshake_stays_on_the_old_key_until_the_new_pair_is_accepted(void)
{
    struct pair pair;
    uint8_t data[2][TR_DATAGRAM_BYTES];
    size_t size[2] = {0};
    static const uint8_t sending[3][2] = {{TR_SENDING_PREVIOUS, TR_SENDING_PREVIOUS},
                                          {TR_SENDING_PREVIOUS, TR_SENDING_PREVIOUS},
                                          {TR_SENDING_CURRENT, TR_SENDING_CURRENT}};

    pair_init(&pair, 21);
    pair_exchange(&pair, 0);
    for (unsigned i = 0; i < 2; i++)
        tr_handshake_renew(&pair.side[i].handshake, 0, &pair.side[i].random);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 2; i++)
            size[i] = pair_hello(&pair, i, data[i]);
        for (unsigned i = 0; i < 2; i++)
            ASSERT_EQ_INT(pair_read(&pair, 1 - i, data[i], size[i]).drop, TR_DROP_NONE);
        for (unsigned i = 0; i < 2; i++)
            ASSERT_ROW(pair.side[i].handshake.sending == sending[round][i], "round %u, side %u",
                       round, i);
        struct pair copy = pair;
        ASSERT_TRUE(pair_can_talk(&copy));
    }
    ASSERT_TRUE(pair_is_settled(&pair));
}

/* Over generations made in every way: no key seals two datagrams under one counter. */
static void handshake_never_uses_a_key_with_a_counter_twice(void)
{
    enum { STEPS = 400 };
    static struct {
        uint8_t key[TR_KEY];
        uint32_t counter;
    } used[STEPS];
    struct pair pair;
    uint64_t seed = 19;
    unsigned count = 0;
    uint8_t data[TR_DATAGRAM_BYTES], kept[TR_DATAGRAM_BYTES];

    pair_init(&pair, 19);
    size_t kept_size = pair_hello(&pair, 0, kept);
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned from = (unsigned)(unit_random(&seed) % 2);
        struct pair_side *side = &pair.side[from];
        unsigned choice = (unsigned)(unit_random(&seed) % 8);
        if (choice == 0 && side->handshake.is_accepted)
            tr_handshake_renew(&side->handshake, 0, &side->random);
        if (choice <= 3) {
            size_t size = pair_hello(&pair, from, data);
            if (unit_random(&seed) % 3 > 0)
                pair_read(&pair, 1 - from, data, size);
        } else if (choice == 4) {
            pair_read(&pair, 1, kept, kept_size); /* an old one is played again */
        } else if (tr_handshake_can_send(&side->handshake)) {
            const struct tr_generation *generation = side->handshake.sending == TR_SENDING_CURRENT
                                                         ? &side->handshake.current
                                                         : &side->handshake.previous;
            memcpy(used[count].key, generation->send_key, TR_KEY);
            pair_seal(&pair, from, "x", data);
            used[count].counter = tr_get_u32(data + 5);
            for (unsigned i = 0; i < count; i++)
                ASSERT_FALSE(used[i].counter == used[count].counter &&
                             memcmp(used[i].key, used[count].key, TR_KEY) == 0);
            count++;
        }
    }
    ASSERT_TRUE(count > 80);
}

static void handshake_takes_no_index_that_stands_for_none(void)
{
    struct pair pair;

    pair_init(&pair, 90);
    pair_exchange(&pair, 0);
    struct pair_side *side = &pair.side[0];
    side->random.used = 0; /* the next bytes are the pool's first */
    memset(side->random.pool, 0, 8);
    memset(side->random.pool + 8, 0x5a, 8);
    tr_handshake_renew(&side->handshake, 0, &side->random);
    ASSERT_EQ_UINT(side->handshake.current.index, 0x5a5a5a5a);
    pair_exchange(&pair, 0);
    ASSERT_TRUE(pair_can_talk(&pair));
}

UNIT_MAIN("handshake", UNIT_CASE(handshake_agrees_in_four_hellos_whoever_begins),
          UNIT_CASE(handshake_agrees_when_both_begin_at_once),
          UNIT_CASE(handshake_data_may_follow_the_first_answer),
          UNIT_CASE(handshake_is_confirmed_by_data_as_by_a_hello),
          UNIT_CASE(handshake_repeats_a_signed_hello_without_signing_anew),
          UNIT_CASE(handshake_refuses_a_hello_with_any_byte_changed_or_missing),
          UNIT_CASE(handshake_refuses_its_own_words_and_those_of_other_pairs),
          UNIT_CASE(handshake_refuses_hellos_of_another_session_or_record),
          UNIT_CASE(handshake_refuses_a_hello_that_another_identity_signed),
          UNIT_CASE(handshake_refuses_itself_and_registration_keys_of_small_order),
          UNIT_CASE(handshake_refuses_handshake_keys_of_small_order_before_and_after),
          UNIT_CASE(handshake_refuses_hellos_from_before_a_renewal),
          UNIT_CASE(handshake_state_is_not_turned_back_by_an_older_hello),
          UNIT_CASE(handshake_keeps_two_generations_and_no_third),
          UNIT_CASE(handshake_sends_with_the_old_key_until_the_peer_holds_the_new_one),
          UNIT_CASE(handshake_stays_on_the_old_key_until_the_new_pair_is_accepted),
          UNIT_CASE(handshake_never_uses_a_key_with_a_counter_twice),
          UNIT_CASE(handshake_takes_no_index_that_stands_for_none))
