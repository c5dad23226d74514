/* The ring of datagrams that wait to be sent.
 * SPDX-License-Identifier: MIT */
#include "lib/base/outbox.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

bool tr_outbox_init(struct tr_outbox *outbox, uint32_t capacity)
{
    assert(capacity > 0);
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

struct tr_datagram *tr_outbox_push(struct tr_outbox *outbox)
{
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
    /* An emptied ring starts over, so that a quiet sender keeps few buffers, and warm ones. */
    outbox->head = outbox->count == 0 ? 0 : (outbox->head + 1) % outbox->capacity;
    return datagram;
}
