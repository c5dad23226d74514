/* What happens next: a binary heap of events, ties in the order they were made.
 * SPDX-License-Identifier: MIT */
#include "tests/sim/sim_queue.h"

#include <stdlib.h>

static bool is_sooner(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->sequence < b->sequence;
}

void sim_queue_clear(struct sim_queue *queue)
{
    free(queue->heap);
    *queue = (struct sim_queue){0};
}

void sim_queue_push(struct sim_queue *queue, uint64_t at_us, sim_action *run, void *object,
                    uint64_t tag)
{
    if (queue->count == queue->room) {
        queue->room = queue->room != 0 ? queue->room * 2 : 1024;
        queue->heap = realloc(queue->heap, queue->room * sizeof *queue->heap);
        if (queue->heap == NULL)
            abort();
    }
    struct sim_event event = {at_us, queue->sequence++, run, object, tag};
    uint32_t i = queue->count++;
    while (i > 0 && is_sooner(&event, &queue->heap[(i - 1) / 2])) {
        queue->heap[i] = queue->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    queue->heap[i] = event;
}

uint64_t sim_queue_next(const struct sim_queue *queue)
{
    return queue->count != 0 ? queue->heap[0].at_us : UINT64_MAX;
}

bool sim_queue_pop(struct sim_queue *queue, struct sim_event *event)
{
    if (queue->count == 0)
        return false;
    *event = queue->heap[0];
    struct sim_event last = queue->heap[--queue->count];
    uint32_t i = 0;
    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child >= queue->count)
            break;
        if (child + 1 < queue->count && is_sooner(&queue->heap[child + 1], &queue->heap[child]))
            child++;
        if (!is_sooner(&queue->heap[child], &last))
            break;
        queue->heap[i] = queue->heap[child];
        i = child;
    }
    queue->heap[i] = last;
    return true;
}
