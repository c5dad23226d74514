/* The simulator's own pseudo-random numbers: xoshiro256**, seeded by splitmix64.
 * SPDX-License-Identifier: MIT */
#ifndef SIM_RANDOM_H
#define SIM_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_random {
    uint64_t s[4];
};

static inline uint64_t sim_mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Streams of one seed are independent of each other, so that a story's choices move no packet. */
static inline void sim_random_init(struct sim_random *r, uint64_t seed, uint64_t stream)
{
    uint64_t x = sim_mix(seed + UINT64_C(0x9e3779b97f4a7c15)) ^ sim_mix(stream * 2 + 1);
    for (int i = 0; i < 4; i++)
        r->s[i] = sim_mix(x += UINT64_C(0x9e3779b97f4a7c15));
}

static inline uint64_t sim_rotate(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

static inline uint64_t sim_random_u64(struct sim_random *r)
{
    uint64_t out = sim_rotate(r->s[1] * 5, 7) * 9;
    uint64_t t = r->s[1] << 17;
    r->s[2] ^= r->s[0];
    r->s[3] ^= r->s[1];
    r->s[1] ^= r->s[2];
    r->s[0] ^= r->s[3];
    r->s[2] ^= t;
    r->s[3] = sim_rotate(r->s[3], 45);
    return out;
}

/* 0 to bound - 1; the bias of a plain remainder is below 2^-32 for what is drawn here. */
static inline uint32_t sim_random_below(struct sim_random *r, uint32_t bound)
{
    return bound < 2 ? 0 : (uint32_t)(sim_random_u64(r) % bound);
}

static inline uint64_t sim_random_between(struct sim_random *r, uint64_t low, uint64_t high)
{
    return high <= low ? low : low + sim_random_u64(r) % (high - low + 1);
}

/* True in ppm of a million; draws nothing for 0, so that a fault that is off moves no other. */
static inline bool sim_random_hit(struct sim_random *r, uint32_t ppm)
{
    return ppm != 0 && sim_random_below(r, 1000000) < ppm;
}

static inline void sim_random_bytes(struct sim_random *r, void *out, size_t size)
{
    uint8_t *p = out;
    for (size_t i = 0; i < size; i++)
        p[i] = (uint8_t)(sim_random_u64(r) >> 32);
}

#endif
