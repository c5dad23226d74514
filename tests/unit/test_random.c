/* The seeded random stream: known bytes, erasure, and even chances.
 * SPDX-License-Identifier: MIT */
#include "lib/seal/seal.h"
#include "tests/unit/unit.h"

static const uint8_t zero_seed[TR_KEY];

/* RFC 8439, appendix A.1, vector 1, from its byte 32 on (before it stands the next key); the later
 * pools computed with OpenSSL. */
static void random_is_chacha20_with_the_key_erased(void)
{
    static const struct {
        const char *first, *last;
    } pools[] = {
        {"da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586",
         "e51ee03b1ca9f82aca173edb8b729347"},
        {"afbdad2845b93cdbb2fe6463d2fe162adae0f6e676f0494218f5ce0596e79f5c",
         "8b0f0ecc3a6bd4c319d0354a60b10da0"},
        {"835c9677f558611a69389b6ee93b043029b657d23144c775f0d0454bce601267",
         "a24f6a41b006deddb54c087bf8098586"},
    };
    uint8_t out[3 * 256], expected[32];
    struct tr_random random;

    tr_random_init(&random, zero_seed);
    tr_random_bytes(&random, out, sizeof out);
    for (size_t i = 0; i < UNIT_COUNT(pools); i++) {
        unit_hex(expected, 32, pools[i].first);
        ASSERT_EQ_MEM(out + i * 256, expected, 32);
        unit_hex(expected, 16, pools[i].last);
        ASSERT_EQ_MEM(out + i * 256 + 240, expected, 16);
    }
}

static void random_is_the_same_in_any_portions(void)
{
    uint8_t whole[5000], parts[5000], seed[TR_KEY] = {1, 2, 3};
    struct tr_random a, b;
    uint64_t state = 5;
    size_t size = 0;

    tr_random_init(&a, seed);
    tr_random_init(&b, seed);
    tr_random_bytes(&a, whole, sizeof whole);
    while (size < sizeof parts) {
        size_t part = (size_t)(unit_random(&state) % 600);

        if (part > sizeof parts - size)
            part = sizeof parts - size;
        tr_random_bytes(&b, parts + size, part);
        size += part;
    }
    ASSERT_EQ_MEM(parts, whole, sizeof whole);
    ASSERT_EQ_MEM(&a, &b, sizeof a);
}

static void random_differs_with_one_bit_of_the_seed(void)
{
    uint8_t first[32], other[32], seed[TR_KEY] = {0};
    struct tr_random random;

    tr_random_init(&random, seed);
    tr_random_bytes(&random, first, sizeof first);
    for (size_t bit = 0; bit < 8 * TR_KEY; bit++) {
        seed[bit / 8] ^= (uint8_t)(1u << bit % 8);
        tr_random_init(&random, seed);
        tr_random_bytes(&random, other, sizeof other);
        ASSERT_FALSE(tr_seal_equal(first, other, sizeof first));
        seed[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void random_keeps_nothing_of_what_it_gave(void)
{
    uint8_t out[100], seed[TR_KEY] = {7};
    struct tr_random random;

    tr_random_init(&random, seed);
    tr_random_bytes(&random, out, sizeof out);
    ASSERT_FALSE(tr_seal_equal(random.key, seed, TR_KEY));
    for (size_t i = 0; i < sizeof out; i++)
        ASSERT_EQ_INT(random.pool[i], 0);
    ASSERT_EQ_UINT(random.used, sizeof out);

    /* No eight bytes in a row of the seed or of what was given stand anywhere in the state. */
    memset(seed + 1, 0x77, sizeof seed - 1);
    tr_random_init(&random, seed);
    tr_random_bytes(&random, out, sizeof out);
    for (size_t i = 0; i + 8 <= sizeof random; i++) {
        const uint8_t *state = (const uint8_t *)&random + i;

        for (size_t j = 0; j + 8 <= sizeof seed; j++)
            ASSERT_TRUE(memcmp(state, seed + j, 8) != 0);
        for (size_t j = 0; j + 8 <= sizeof out; j++)
            ASSERT_TRUE(memcmp(state, out + j, 8) != 0);
    }
}

static void random_u32_is_the_next_four_bytes(void)
{
    struct tr_random random;

    tr_random_init(&random, zero_seed);
    ASSERT_EQ_UINT(tr_random_u32(&random), 0x7c5941da);
    ASSERT_EQ_UINT(tr_random_u32(&random), 0x8d485751);
}

static void random_below_stays_below(void)
{
    static const uint64_t bounds[] = {
        1,
        2,
        3,
        10,
        255,
        256,
        257,
        UINT32_MAX,
        UINT64_C(1) << 32,
        (UINT64_C(1) << 63) - 1,
        UINT64_C(1) << 63,
        (UINT64_C(1) << 63) + 1,
        UINT64_MAX - 1,
        UINT64_MAX,
    };
    struct tr_random random;

    tr_random_init(&random, zero_seed);
    for (size_t i = 0; i < UNIT_COUNT(bounds); i++)
        for (int n = 0; n < 1000; n++)
            ASSERT_TRUE(tr_random_below(&random, bounds[i]) < bounds[i]);
}

/* Pearson's chi-square over bound - 1 degrees of freedom: its mean is that, its deviation the root
 * of twice that. Five deviations; the seed is fixed, so that a good stream always passes. */
static void random_below_is_even(void)
{
    static const uint32_t bounds[] = {2, 3, 5, 6, 7, 10, 16, 100, 251, 1000};
    enum { DRAWS = 200000 };
    static uint32_t counts[1000];
    struct tr_random random;

    tr_random_init(&random, zero_seed);
    for (size_t i = 0; i < UNIT_COUNT(bounds); i++) {
        double mean = (double)DRAWS / bounds[i], freedom = bounds[i] - 1, square = 0;

        memset(counts, 0, sizeof counts);
        for (int n = 0; n < DRAWS; n++)
            counts[tr_random_below(&random, bounds[i])]++;
        for (uint32_t value = 0; value < bounds[i]; value++)
            square += (counts[value] - mean) * (counts[value] - mean) / mean;
        ASSERT_ROW(square < freedom || (square - freedom) * (square - freedom) < 25 * 2 * freedom,
                   "bound %u: %f", bounds[i], square);
    }
}

/* Taking 64 bits modulo 3 * 2^62 would give the lowest third half of all draws. */
static void random_below_shows_no_modulo_bias(void)
{
    const uint64_t third = UINT64_C(1) << 62;
    uint32_t counts[3] = {0};
    struct tr_random random;

    tr_random_init(&random, zero_seed);
    for (int n = 0; n < 30000; n++)
        counts[tr_random_below(&random, 3 * third) / third]++;
    for (int i = 0; i < 3; i++)
        ASSERT_ROW(counts[i] > 9500 && counts[i] < 10500, "third %d: %u", i, counts[i]);
}

UNIT_MAIN("random", UNIT_CASE(random_is_chacha20_with_the_key_erased),
          UNIT_CASE(random_is_the_same_in_any_portions),
          UNIT_CASE(random_differs_with_one_bit_of_the_seed),
          UNIT_CASE(random_keeps_nothing_of_what_it_gave),
          UNIT_CASE(random_u32_is_the_next_four_bytes), UNIT_CASE(random_below_stays_below),
          UNIT_CASE(random_below_is_even), UNIT_CASE(random_below_shows_no_modulo_bias))
