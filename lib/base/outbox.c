/* The ring of datagrams that wait to be sent.
 * SPDX-License-Identifier: MIT */
#include "lib/base/outbox.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A storm's buffers are given back when so many runs did not need them; a sender that always has
 * the same to say never makes one anew. */
enum { RUNS = 1024, BUFFERS_LEAST = 16 };

bool tr_outbox_init(struct tr_outbox *outbox, uint32_t capacity)
{
    assert(capacity > 0 && capacity < UINT32_MAX / 4);
    *outbox = (struct tr_outbox){0};
    outbox->ring = calloc(capacity, sizeof(struct tr_datagram *));
    if (outbox->ring == NULL)
        return false;
    outbox->capacity = capacity;
    return true;
}

void tr_outbox_clear(struct tr_outbox *outbox)
{
    for (uint32_t i = 0; i < outbox->capacity; i++)
        free(outbox->ring[i]);
    free(outbox->ring);
    *outbox = (struct tr_outbox){0};
}

static void give_back(struct tr_outbox *outbox)
{
    uint32_t kept = outbox->reach < BUFFERS_LEAST / 2 ? BUFFERS_LEAST : 2 * outbox->reach;
    for (uint32_t slot = kept; slot < outbox->capacity; slot++) {
        free(outbox->ring[slot]);
        outbox->ring[slot] = NULL;
    }
    outbox->reach = 0;
    outbox->runs = 1; /* the one that begins */
}

/* An empty ring starts over, so that a quiet sender keeps few buffers, and warm ones. Not when it
 * is emptied: what was popped is readable until now. */
static void start_over(struct tr_outbox *outbox)
{
    outbox->head = 0;
    if (++outbox->runs > RUNS)
        give_back(outbox);
}

struct tr_datagram *tr_outbox_push(struct tr_outbox *outbox)
{
    if (outbox->count == 0)
        start_over(outbox);
    if (outbox->count == outbox->capacity) {
        outbox->dropped++;
        return NULL;
    }

    uint32_t slot = (uint32_t)(((uint64_t)outbox->head + outbox->count) % outbox->capacity);
    struct tr_datagram *datagram = outbox->ring[slot];

    if (datagram == NULL) {
        datagram = malloc(sizeof *datagram);
        if (datagram == NULL) {
            outbox->dropped++;
            return NULL;
        }
        outbox->ring[slot] = datagram;
    }
    memset(datagram, 0, offsetof(struct tr_datagram, data));
    outbox->count++;
    if (outbox->reach < outbox->head + outbox->count)
        outbox->reach = outbox->head + outbox->count; /* past the capacity where it comes round */
    return datagram;
}

void tr_outbox_unpush(struct tr_outbox *outbox)
{
    assert(outbox->count > 0);
    outbox->count--;
}

struct tr_datagram *tr_outbox_pop(struct tr_outbox *outbox)
{
    if (outbox->count == 0)
        return NULL;

    struct tr_datagram *datagram = outbox->ring[outbox->head];

    assert(!datagram->open);
    outbox->count--;
    outbox->head = (outbox->head + 1) % outbox->capacity;
    return datagram;
}
