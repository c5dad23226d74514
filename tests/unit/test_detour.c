/* RELAY on the wire: what its keys are made of, and what its tag covers.
 * SPDX-License-Identifier: MIT */
#include "lib/wire/detour.h"
#include "lib/wire/envelope.h"
#include "tests/unit/unit.h"

static uint8_t shared[TR_KEY] = {1, 2}, ge[TR_KEY] = {3}, identity[TR_KEY] = {4};

static struct tr_relay_leg leg_of(const struct tr_relay_keys *keys, uint64_t epoch)
{
    struct tr_relay_leg leg;

    tr_relay_derive_leg(&leg, keys->secret, identity, epoch);
    return leg;
}

/* A RELAY of so many bytes, under key. */
static void seal(uint8_t *out, size_t size, const uint8_t key[TR_MAC_KEY])
{
    struct tr_relay head = {
        .type = TR_RELAY, .route = {9, 8, 7, 6, 5, 4}, .slot = 0x102, .counter = 0x03040506};

    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)i;
    tr_relay_seal(out, size, &head, key);
}

static void detour_head_is_21_bytes_as_the_document_has_them(void)
{
    static const uint8_t expected[] = {0x0c, 9, 8, 7, 6, 5, 4, 2, 1, 6, 5, 4, 3};
    struct tr_relay_keys keys;
    struct tr_relay head;
    uint8_t out[TR_DATAGRAM_BYTES];

    tr_seal_start();
    tr_relay_derive(&keys, shared, ge);
    struct tr_relay_leg leg = leg_of(&keys, 5);
    seal(out, 100, leg.to_server);
    ASSERT_EQ_UINT(TR_RELAY_HEAD, 21);
    ASSERT_EQ_UINT(tr_layout_size_min(&tr_layout_relay), TR_RELAY_HEAD);
    ASSERT_EQ_MEM(out, expected, sizeof expected);
    for (size_t i = TR_RELAY_HEAD; i < 100; i++)
        ASSERT_EQ_UINT(out[i], i); /* what is relayed stands as it was */
    ASSERT_TRUE(tr_envelope_head(&tr_layout_relay, &head, out, 100));
    ASSERT_EQ_UINT(head.slot, 0x102);
    ASSERT_EQ_UINT(head.counter, 0x03040506);
}

static void detour_keys_differ_by_everything_that_they_are_of(void)
{
    struct tr_relay_keys keys, other;

    tr_relay_derive(&keys, shared, ge);
    struct tr_relay_leg leg = leg_of(&keys, 5), next = leg_of(&keys, 6);
    ASSERT_TRUE(memcmp(leg.to_server, leg.to_client, TR_MAC_KEY) != 0);
    ASSERT_TRUE(memcmp(leg.to_server, next.to_server, TR_MAC_KEY) != 0);
    ASSERT_TRUE(memcmp(leg.to_client, next.to_client, TR_MAC_KEY) != 0);
    ASSERT_TRUE(memcmp(leg.to_client, next.to_server, TR_MAC_KEY) != 0);
    identity[31] ^= 1;
    next = leg_of(&keys, 5);
    identity[31] ^= 1;
    ASSERT_TRUE(memcmp(&leg, &next, sizeof leg) != 0);
    for (unsigned i = 0; i < 2; i++) {
        uint8_t *in = i == 0 ? shared : ge;
        in[7] ^= 1;
        tr_relay_derive(&other, shared, ge);
        in[7] ^= 1;
        ASSERT_TRUE(memcmp(other.secret, keys.secret, TR_KEY) != 0);
        ASSERT_TRUE(memcmp(other.route, keys.route, TR_ROUTE_BYTES) != 0);
    }
    ASSERT_TRUE(memcmp(keys.route, keys.secret, TR_ROUTE_BYTES) != 0);
}

static void detour_tag_is_good_for_one_key_alone(void)
{
    struct tr_relay_keys keys;
    uint8_t out[TR_DATAGRAM_BYTES];

    tr_relay_derive(&keys, shared, ge);
    struct tr_relay_leg leg = leg_of(&keys, 5), next = leg_of(&keys, 6);
    seal(out, 60, leg.to_server);
    ASSERT_TRUE(tr_relay_check(out, 60, leg.to_server));
    ASSERT_FALSE(tr_relay_check(out, 60, leg.to_client));
    ASSERT_FALSE(tr_relay_check(out, 60, next.to_server));
}

static void detour_refuses_one_flipped_bit_in_each_byte_of_its_head(void)
{
    static const size_t sizes[] = {47, 300, TR_DATAGRAM_BYTES};
    struct tr_relay_keys keys;
    uint8_t out[TR_DATAGRAM_BYTES];

    tr_relay_derive(&keys, shared, ge);
    struct tr_relay_leg leg = leg_of(&keys, 5);
    for (size_t i = 0; i < UNIT_COUNT(sizes); i++) {
        seal(out, sizes[i], leg.to_client);
        for (size_t byte = 0; byte < TR_RELAY_HEAD; byte++)
            for (unsigned bit = 0; bit < 8; bit++) {
                out[byte] ^= (uint8_t)(1U << bit);
                ASSERT_ROW(!tr_relay_check(out, sizes[i], leg.to_client), "byte %zu, bit %u", byte,
                           bit);
                out[byte] ^= (uint8_t)(1U << bit);
            }
        ASSERT_TRUE(tr_relay_check(out, sizes[i], leg.to_client));
    }
}

/* A relay cannot be made to pass on more or less; what is inside is sealed from end to end. */
static void detour_tag_covers_the_length_and_not_the_content(void)
{
    struct tr_relay_keys keys;
    uint8_t out[TR_DATAGRAM_BYTES];

    tr_relay_derive(&keys, shared, ge);
    struct tr_relay_leg leg = leg_of(&keys, 5);
    seal(out, 300, leg.to_server);
    for (size_t size = 47; size <= TR_DATAGRAM_BYTES; size++)
        ASSERT_ROW(tr_relay_check(out, size, leg.to_server) == (size == 300), "%zu bytes", size);
    out[TR_RELAY_HEAD] ^= 1;
    ASSERT_TRUE(tr_relay_check(out, 300, leg.to_server));
}

UNIT_MAIN("detour", UNIT_CASE(detour_head_is_21_bytes_as_the_document_has_them),
          UNIT_CASE(detour_keys_differ_by_everything_that_they_are_of),
          UNIT_CASE(detour_tag_is_good_for_one_key_alone),
          UNIT_CASE(detour_refuses_one_flipped_bit_in_each_byte_of_its_head),
          UNIT_CASE(detour_tag_covers_the_length_and_not_the_content))
