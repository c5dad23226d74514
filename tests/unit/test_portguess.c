/* Strides and blocks, out of ports alone.
 * SPDX-License-Identifier: MIT */
#include "lib/core/portguess.h"
#include "lib/seal/seal.h"
#include "tests/unit/unit.h"
#include <tryst/nat.h>

enum { SAMPLES = 10 };

static struct tr_random random_of(uint64_t seed)
{
    struct tr_random random;
    uint8_t bytes[TR_KEY] = {0};
    memcpy(bytes, &seed, sizeof seed);
    tr_random_init(&random, bytes);
    return random;
}

static void ports_that_follow_each_other_have_their_stride(void)
{
    static const int16_t strides[] = {1, 2, -1, -2, 4, 7, 64, -256};
    for (size_t row = 0; row < UNIT_COUNT(strides); row++) {
        struct tr_port_sample samples[4] = {{.port = 21000}};
        for (uint8_t i = 1; i < 4; i++)
            samples[i] = (struct tr_port_sample){
                .port = (uint16_t)(30000 + i * strides[row]), .burst = 1, .place = i};
        struct tr_port_guess guess = tr_ports_guess(samples, 4);
        ASSERT_EQ_UINT(guess.pattern, TRYST_PORTS_SEQUENTIAL);
        ASSERT_EQ_INT(guess.stride, strides[row]);
    }
}

static void what_others_take_and_what_is_lost_is_borne(void)
{
    unsigned right = 0;
    for (uint64_t seed = 0; seed < 500; seed++) {
        struct tr_random random = random_of(seed);
        struct tr_port_sample samples[SAMPLES];
        int32_t stride = seed % 2 != 0 ? 2 : -1;
        int32_t port = 30000;
        size_t count = 0;
        for (uint8_t i = 0; i < SAMPLES; i++) {
            port += stride * (tr_random_below(&random, 5) == 0 ? 3 : 1);
            if (i == 5)
                port = 50000; /* from the end of the ports to their start */
            if (tr_random_below(&random, 8) == 0)
                continue;
            samples[count++] = (struct tr_port_sample){
                .port = (uint16_t)port, .burst = (uint8_t)(1 + i / 4), .place = i};
        }
        struct tr_port_guess guess = tr_ports_guess(samples, count);
        right += guess.pattern == TRYST_PORTS_SEQUENTIAL && guess.stride == stride;
        ASSERT_ROW(guess.pattern != TRYST_PORTS_SEQUENTIAL || guess.stride % stride == 0,
                   "seed %" PRIu64, seed);
    }
    ASSERT_ROW(right >= 460, "%u of 500", right); /* with too few of them it may stay unknown */
}

static void random_ports_are_no_sequence_and_show_their_block(void)
{
    static const uint16_t sizes[] = {256, 512, 1024, 2048, 0};
    for (size_t row = 0; row < UNIT_COUNT(sizes); row++) {
        unsigned exact = 0;
        for (uint64_t seed = 0; seed < 1000; seed++) {
            struct tr_random random = random_of(seed);
            struct tr_port_sample samples[SAMPLES];
            uint32_t size = sizes[row] != 0 ? sizes[row] : 64512;
            uint32_t low =
                sizes[row] != 0 ? size * (4 + (uint32_t)tr_random_below(&random, 20)) : 1024;
            for (uint8_t i = 0; i < SAMPLES; i++)
                samples[i] = (struct tr_port_sample){
                    .port = (uint16_t)(low + tr_random_below(&random, size)),
                    .burst = 1,
                    .place = i};
            struct tr_port_guess guess = tr_ports_guess(samples, SAMPLES);
            ASSERT_ROW(guess.pattern == TRYST_PORTS_RANDOM, "size %u, seed %" PRIu64, size, seed);
            exact += guess.low == low && guess.high == low + size - 1;
        }
        ASSERT_ROW(exact >= 990, "size %u: %u of 1000", sizes[row], exact);
    }
}

static void a_block_at_no_multiple_of_its_size_is_covered(void)
{
    double covered = 0;
    for (uint64_t seed = 0; seed < 1000; seed++) {
        struct tr_random random = random_of(seed);
        struct tr_port_sample samples[SAMPLES];
        const uint32_t low = 32768 - 211; /* across the largest border */
        for (uint8_t i = 0; i < SAMPLES; i++)
            samples[i] = (struct tr_port_sample){
                .port = (uint16_t)(low + tr_random_below(&random, 504)), .burst = 1, .place = i};
        struct tr_port_guess guess = tr_ports_guess(samples, SAMPLES);
        uint32_t from = guess.low > low ? guess.low : low;
        uint32_t to = guess.high < low + 503 ? guess.high : low + 503;
        covered += (to - from + 1) / 504.0;
        ASSERT_ROW(guess.high - guess.low < 1200, "%u to %u", guess.low, guess.high);
    }
    ASSERT_ROW(covered > 970, "%.0f of 1000", covered);
}

static void few_samples_say_little(void)
{
    struct tr_port_sample samples[3] = {{.port = 40000}, {.port = 40001, .burst = 1}};
    ASSERT_EQ_UINT(tr_ports_guess(samples, 1).pattern, TRYST_PORTS_UNKNOWN);
    ASSERT_EQ_UINT(tr_ports_guess(samples, 2).pattern, TRYST_PORTS_UNKNOWN);
    samples[2] = (struct tr_port_sample){.port = 2000, .burst = 1, .place = 1};
    struct tr_port_guess guess = tr_ports_guess(samples, 3);
    ASSERT_EQ_UINT(guess.pattern, TRYST_PORTS_RANDOM);
    ASSERT_EQ_UINT(guess.low, 1024);
    ASSERT_EQ_UINT(guess.high, 65535);
}

UNIT_MAIN("portguess", UNIT_CASE(ports_that_follow_each_other_have_their_stride),
          UNIT_CASE(what_others_take_and_what_is_lost_is_borne),
          UNIT_CASE(random_ports_are_no_sequence_and_show_their_block),
          UNIT_CASE(a_block_at_no_multiple_of_its_size_is_covered),
          UNIT_CASE(few_samples_say_little))
