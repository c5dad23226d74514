/* A growing hash map of 64-bit keys, which are hashes already, to 64-bit values.
 * SPDX-License-Identifier: MIT */
#ifndef SIM_MAP_H
#define SIM_MAP_H

#include <stddef.h>
#include <stdint.h>

struct sim_map {
    uint64_t *keys; /* 0: empty */
    uint64_t *values;
    uint32_t size; /* a power of two */
    uint32_t count;
};

void sim_map_clear(struct sim_map *map);

/* The place of a key's value, made as 0 when it was not there; good until the next call. */
uint64_t *sim_map_at(struct sim_map *map, uint64_t key);

/* The place of a key's value, NULL when it is not there. */
uint64_t *sim_map_find(const struct sim_map *map, uint64_t key);

/* A fast 64-bit hash of bytes; not a cryptographic one. */
uint64_t sim_hash(uint64_t seed, const void *data, size_t size);

#endif
