/* A growing hash map of 64-bit keys, which are hashes already, to 64-bit values.
 * SPDX-License-Identifier: MIT */
#include "tests/sim/sim_map.h"

#include "tests/sim/sim_random.h"
#include <stdlib.h>
#include <string.h>

void sim_map_clear(struct sim_map *map)
{
    free(map->keys);
    free(map->values);
    *map = (struct sim_map){0};
}

static void grow(struct sim_map *map)
{
    struct sim_map old = *map;
    map->size = old.size != 0 ? old.size * 2 : 256;
    map->keys = calloc(map->size, sizeof *map->keys);
    map->values = calloc(map->size, sizeof *map->values);
    if (map->keys == NULL || map->values == NULL)
        abort();
    map->count = 0;
    for (uint32_t i = 0; i < old.size; i++)
        if (old.keys[i] != 0)
            *sim_map_at(map, old.keys[i]) = old.values[i];
    sim_map_clear(&old);
}

uint64_t *sim_map_find(const struct sim_map *map, uint64_t key)
{
    key += key == 0;
    if (map->size == 0)
        return NULL;
    uint32_t i = (uint32_t)key & (map->size - 1);
    while (map->keys[i] != 0 && map->keys[i] != key)
        i = (i + 1) & (map->size - 1);
    return map->keys[i] == key ? &map->values[i] : NULL;
}

uint64_t *sim_map_at(struct sim_map *map, uint64_t key)
{
    key += key == 0;
    if (map->count * 2 >= map->size)
        grow(map);
    uint32_t i = (uint32_t)key & (map->size - 1);
    while (map->keys[i] != 0 && map->keys[i] != key)
        i = (i + 1) & (map->size - 1);
    if (map->keys[i] == 0) {
        map->keys[i] = key;
        map->count++;
    }
    return &map->values[i];
}

uint64_t sim_hash(uint64_t seed, const void *data, size_t size)
{
    const uint8_t *p = data;
    uint64_t h = sim_mix(seed ^ (size + UINT64_C(0x9e3779b97f4a7c15)));
    for (; size >= 8; size -= 8, p += 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        h = sim_rotate((h ^ word) * UINT64_C(0x9fb21c651e98df25), 29);
    }
    uint64_t tail = 0;
    for (size_t i = 0; i < size; i++)
        tail |= (uint64_t)p[i] << (8 * i);
    return sim_mix((h ^ tail) * UINT64_C(0x9fb21c651e98df25));
}
