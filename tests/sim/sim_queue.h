/* What happens next: a binary heap of events, ties in the order they were made.
 * SPDX-License-Identifier: MIT */
#ifndef SIM_QUEUE_H
#define SIM_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

struct sim_world;
typedef void sim_action(struct sim_world *w, void *object, uint64_t tag);

struct sim_event {
    uint64_t at_us;
    uint64_t sequence;
    sim_action *run;
    void *object;
    uint64_t tag;
};

struct sim_queue {
    struct sim_event *heap;
    uint32_t count;
    uint32_t room;
    uint64_t sequence;
};

void sim_queue_clear(struct sim_queue *queue);
void sim_queue_push(struct sim_queue *queue, uint64_t at_us, sim_action *run, void *object,
                    uint64_t tag);

/* The time of the soonest event, UINT64_MAX when there is none. */
uint64_t sim_queue_next(const struct sim_queue *queue);
bool sim_queue_pop(struct sim_queue *queue, struct sim_event *event);

#endif
