/* Who is to be woken when: a binary heap of times that live in their owners.
 * SPDX-License-Identifier: MIT */
#ifndef TR_ALARMS_H
#define TR_ALARMS_H

#include <stdbool.h>
#include <stdint.h>

struct tr_alarm {
    uint64_t due_us;
    uint32_t place; /* in the heap, counted from 1; 0: not set */
};

struct tr_alarms {
    struct tr_alarm **heap;
    uint32_t count;
    uint32_t size;
};

void tr_alarms_init(struct tr_alarms *alarms);
void tr_alarms_clear(struct tr_alarms *alarms); /* takes all alarms out */

/* Makes room for so many alarms, so that setting one cannot fail. false: no memory. */
bool tr_alarms_reserve(struct tr_alarms *alarms, uint32_t count);

/* Sets or moves an alarm; TR_NEVER takes it out. */
void tr_alarms_set(struct tr_alarms *alarms, struct tr_alarm *alarm, uint64_t due_us);

/* When the first one is due. */
uint64_t tr_alarms_next(const struct tr_alarms *alarms);

/* The first one that is due, taken out; NULL when none is. */
struct tr_alarm *tr_alarms_take(struct tr_alarms *alarms, uint64_t now_us);

#endif
