/* What was sent and what came: every message is known by sender, receiver and number.
 * SPDX-License-Identifier: MIT */
#include "tests/sim/sim_ledger.h"

#include "tests/sim/sim_client.h"
#include "tests/sim/sim_world.h"
#include <stdlib.h>
#include <string.h>

#define CAME 0x8000

struct words {
    uint32_t magic;
    uint32_t from;
    uint32_t to;
    uint32_t number;
    uint64_t check;
};

_Static_assert(sizeof(struct words) == SIM_MESSAGE_MIN, "the head of a message");

struct sim_pair *sim_ledger_pair(struct sim_world *w, uint32_t from, uint32_t to)
{
    if (w->pairs == NULL) {
        w->pairs = calloc(SIM_CLIENTS_MAX * SIM_CLIENTS_MAX, sizeof *w->pairs);
        if (w->pairs == NULL)
            abort();
    }
    return &w->pairs[from * SIM_CLIENTS_MAX + to];
}

static void compose(uint64_t seed, uint32_t from, uint32_t to, uint32_t number, uint8_t *data,
                    size_t size)
{
    struct words words = {.magic = 0x736d7367, .from = from, .to = to, .number = number};
    struct sim_random filler;
    sim_random_init(&filler, seed ^ ((uint64_t)from << 32 | to), number);
    for (size_t i = sizeof words; i < size; i += 8) {
        uint64_t word = sim_random_u64(&filler);
        memcpy(data + i, &word, size - i < 8 ? size - i : 8);
    }
    words.check =
        sim_hash((uint64_t)from << 32 | to, data + sizeof words, size - sizeof words) + number;
    memcpy(data, &words, sizeof words);
}

void sim_ledger_compose(struct sim_world *w, uint32_t from, uint32_t to, uint8_t *data, size_t size)
{
    compose(w->seed, from, to, sim_ledger_pair(w, from, to)->sent, data, size);
}

void sim_ledger_note(struct sim_world *w, uint32_t from, uint32_t to, size_t size)
{
    struct sim_pair *pair = sim_ledger_pair(w, from, to);
    if (pair->sent == pair->room) {
        pair->room = pair->room != 0 ? pair->room * 2 : 8;
        pair->sizes = realloc(pair->sizes, pair->room * sizeof *pair->sizes);
        if (pair->sizes == NULL)
            abort();
    }
    pair->sizes[pair->sent++] = (uint16_t)size;
}

void sim_ledger_receive(struct sim_world *w, const struct sim_client *receiver, const uint8_t *key,
                        const void *data, size_t size)
{
    struct words words;
    uint8_t expected[1200];
    const char *name = receiver->name;
    if (size < sizeof words || size > sizeof expected) {
        sim_fail(w, "%s was given a message of %zu bytes that nobody sent", name, size);
        return;
    }
    memcpy(&words, data, sizeof words);
    if (words.from >= w->client_count || words.to >= w->client_count) {
        sim_fail(w, "%s was given a message that nobody sent", name);
        return;
    }
    struct sim_pair *pair = sim_ledger_pair(w, words.from, words.to);
    /* The same identity may run twice: keys are compared, not clients. */
    sim_expect(w, memcmp(w->clients[words.from]->key, key, 32) == 0,
               "%s was given c%u's message as another's", name, words.from);
    sim_expect(w, memcmp(w->clients[words.to]->key, receiver->key, 32) == 0,
               "%s was given a message to c%u", name, words.to);
    if (words.number >= pair->sent) {
        sim_fail(w, "%s was given number %u of c%u, which sent %u", name, words.number, words.from,
                 pair->sent);
        return;
    }
    uint16_t *state = &pair->sizes[words.number];
    sim_expect(w, (*state & CAME) == 0, "%s was given number %u of c%u twice", name, words.number,
               words.from);
    sim_expect(w, size == (*state & ~CAME), "%s was given number %u of c%u with %zu bytes", name,
               words.number, words.from, size);
    compose(w->seed, words.from, words.to, words.number, expected, size);
    sim_expect(w, memcmp(expected, data, size) == 0, "%s was given number %u of c%u changed", name,
               words.number, words.from);
    *state |= CAME;
    uint64_t since_us = pair->last_us > pair->mark_us ? pair->last_us : pair->mark_us;
    if (w->now_us - since_us > pair->gap_us)
        pair->gap_us = w->now_us - since_us;
    if (words.number >= pair->mark_sent) {
        pair->came++;
        pair->behind += words.number < pair->highest;
        if (words.number >= pair->highest)
            pair->highest = words.number + 1;
    }
    pair->got++;
    pair->last_us = w->now_us;
    if (pair->first_us == 0)
        pair->first_us = w->now_us;
}

void sim_ledger_mark(struct sim_world *w, uint32_t from, uint32_t to)
{
    struct sim_pair *pair = sim_ledger_pair(w, from, to);
    pair->mark_us = w->now_us;
    pair->mark_sent = pair->sent;
    pair->came = pair->behind = pair->highest = 0;
    pair->gap_us = 0;
}

uint64_t sim_ledger_gap(struct sim_world *w, uint32_t from, uint32_t to)
{
    const struct sim_pair *pair = sim_ledger_pair(w, from, to);
    uint64_t since_us = pair->last_us > pair->mark_us ? pair->last_us : pair->mark_us;
    return w->now_us - since_us > pair->gap_us ? w->now_us - since_us : pair->gap_us;
}

void sim_ledger_clear(struct sim_world *w)
{
    for (uint32_t i = 0; w->pairs != NULL && i < w->client_count; i++)
        for (uint32_t j = 0; j < w->client_count; j++)
            free(sim_ledger_pair(w, i, j)->sizes);
    free(w->pairs);
    w->pairs = NULL;
}
