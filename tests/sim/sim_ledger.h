/* What was sent and what came: every message is known by sender, receiver and number.
 * SPDX-License-Identifier: MIT */
#ifndef SIM_LEDGER_H
#define SIM_LEDGER_H

#include <stddef.h>
#include <stdint.h>

struct sim_world;
struct sim_client;

#define SIM_MESSAGE_MIN 24

/* From one client to another. */
struct sim_pair {
    uint32_t sent;
    uint32_t got;
    uint32_t room;
    uint16_t *sizes;   /* by number; with the high bit: it came */
    uint64_t first_us; /* when the first came, 0: none did */
    uint64_t last_us;
    /* Since sim_ledger_mark: */
    uint64_t mark_us;
    uint32_t mark_sent;
    uint32_t came;    /* of those sent since then */
    uint32_t behind;  /* of them, after one that was sent later */
    uint32_t highest; /* number that came, and one more */
    uint64_t gap_us;  /* longest time in which none came */
};

/* Starts to measure a pair anew. */
void sim_ledger_mark(struct sim_world *w, uint32_t from, uint32_t to);

/* The longest time without a message since then, up to now. */
uint64_t sim_ledger_gap(struct sim_world *w, uint32_t from, uint32_t to);

struct sim_pair *sim_ledger_pair(struct sim_world *w, uint32_t from, uint32_t to);

/* Writes the next message of a pair into data; it counts as sent once it is noted. */
void sim_ledger_compose(struct sim_world *w, uint32_t from, uint32_t to, uint8_t *data,
                        size_t size);
void sim_ledger_note(struct sim_world *w, uint32_t from, uint32_t to, size_t size);

/* A message that a client was given, from a participant of this key: it must have been sent, by
 * that one to this one, not have come before, and be whole. */
void sim_ledger_receive(struct sim_world *w, const struct sim_client *receiver, const uint8_t *key,
                        const void *data, size_t size);

void sim_ledger_clear(struct sim_world *w);

#endif
