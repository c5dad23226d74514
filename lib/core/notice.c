/* The ring of events.
 * SPDX-License-Identifier: MIT */
#include "lib/core/notice.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_EVENTS = 16, FIRST_BYTES = 4096 };

void tr_notice_init(struct tr_notice_queue *queue)
{
    memset(queue, 0, sizeof *queue);
}

void tr_notice_clear(struct tr_notice_queue *queue)
{
    free(queue->events);
    free(queue->bytes);
    memset(queue, 0, sizeof *queue);
}

static bool events_grow(struct tr_notice_queue *queue)
{
    uint32_t capacity = queue->capacity > 0 ? queue->capacity * 2 : FIRST_EVENTS;
    if (capacity > TR_NOTICE_EVENTS_MAX)
        return false;
    struct tryst_event *events = calloc(capacity, sizeof *events);
    if (events == NULL)
        return false;
    for (uint32_t i = 0; i < queue->count; i++)
        events[i] = queue->events[(queue->head + i) & (queue->capacity - 1)];
    free(queue->events);
    queue->events = events;
    queue->capacity = capacity;
    queue->head = 0;
    return true;
}

static struct tryst_event *event_at(struct tr_notice_queue *queue, uint32_t i)
{
    return &queue->events[(queue->head + i) & (queue->capacity - 1)];
}

static void *as_data(size_t offset)
{
    return (void *)(uintptr_t)(offset + 1);
}

static size_t as_offset(const void *data)
{
    return (size_t)(uintptr_t)data - 1;
}

/* A larger ring, the data packed from its start. */
static bool bytes_grow(struct tr_notice_queue *queue, size_t size, size_t most)
{
    size_t room = queue->room > 0 ? queue->room * 2 : FIRST_BYTES;
    while (room < size * 2)
        room *= 2;
    if (room > most)
        return false;
    uint8_t *bytes = malloc(room);
    if (bytes == NULL)
        return false;
    size_t next = 0;
    for (uint32_t i = 0; i < queue->count; i++) {
        struct tryst_event *event = event_at(queue, i);
        if (event->size == 0)
            continue;
        memcpy(bytes + next, queue->bytes + as_offset(event->data), event->size);
        event->data = as_data(next);
        next += event->size;
    }
    if (queue->has_taken) { /* its data was readable until now */
        queue->has_taken = false;
        queue->held--;
    }
    free(queue->bytes);
    queue->bytes = bytes;
    queue->room = room;
    queue->first = 0;
    queue->next = next;
    return true;
}

/* Finds room in one piece. The ring is full when next would reach first. */
static bool place(struct tr_notice_queue *queue, size_t size, size_t *offset)
{
    if (queue->held == 0) {
        queue->first = 0;
        queue->next = 0;
    }
    bool is_wrapped = queue->held > 0 && queue->next <= queue->first;
    if (!is_wrapped && queue->next + size <= queue->room) {
        *offset = queue->next;
    } else if (!is_wrapped && size < queue->first) {
        *offset = 0;
    } else if (is_wrapped && queue->next + size < queue->first) {
        *offset = queue->next;
    } else {
        return false;
    }
    queue->next = *offset + size;
    return true;
}

bool tr_notice_put(struct tr_notice_queue *queue, const struct tryst_event *event)
{
    if (event->type == TRYST_EVENT_MESSAGE && queue->count >= TR_NOTICE_MESSAGES_MAX)
        return false;
    if (queue->count == queue->capacity && !events_grow(queue))
        return false;
    size_t offset = 0;
    if (event->size > 0) {
        size_t most = event->type == TRYST_EVENT_MESSAGE ? TR_NOTICE_BYTES_MAX : TR_NOTICE_ROOM_MAX;
        if (!place(queue, event->size, &offset) &&
            !(bytes_grow(queue, event->size, most) && place(queue, event->size, &offset)))
            return false;
        memcpy(queue->bytes + offset, event->data, event->size);
        queue->held++;
    }
    struct tryst_event *slot = event_at(queue, queue->count);
    *slot = *event;
    if (event->size > 0)
        slot->data = as_data(offset);
    queue->count++;
    return true;
}

bool tr_notice_take(struct tr_notice_queue *queue, struct tryst_event *event)
{
    if (queue->has_taken) {
        queue->first = queue->taken;
        queue->held--;
        queue->has_taken = false;
    }
    if (queue->count == 0)
        return false;
    *event = *event_at(queue, 0);
    queue->head = (queue->head + 1) & (queue->capacity - 1);
    queue->count--;
    if (event->size > 0) {
        size_t offset = as_offset(event->data);
        event->data = queue->bytes + offset;
        queue->taken = offset + event->size;
        queue->has_taken = true;
    }
    return true;
}
