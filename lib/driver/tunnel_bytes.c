/* Bytes on their way through a tunnel.
 * SPDX-License-Identifier: MIT */
#include "lib/driver/tunnel_bytes.h"

#include <stdlib.h>
#include <string.h>

enum {
    LEAST_ROOM = 2048,
    KEPT_ROOM = 4096, /* an empty one keeps no more */
};

static bool make_room(struct tr_bytes *bytes, size_t size)
{
    if (bytes->head + bytes->size + size <= bytes->room)
        return true;
    if (bytes->head > 0) {
        memmove(bytes->data, bytes->data + bytes->head, bytes->size);
        bytes->head = 0;
    }
    if (bytes->size + size <= bytes->room)
        return true;
    size_t room = bytes->room > 0 ? bytes->room : LEAST_ROOM;
    while (room < bytes->size + size)
        room *= 2;
    uint8_t *data = realloc(bytes->data, room);
    if (data == NULL)
        return false;
    bytes->data = data;
    bytes->room = room;
    return true;
}

bool tr_bytes_append(struct tr_bytes *bytes, const void *data, size_t size, size_t most)
{
    if (size == 0)
        return true;
    if (bytes->size > most || size > most - bytes->size || !make_room(bytes, size))
        return false;
    memcpy(bytes->data + bytes->head + bytes->size, data, size);
    bytes->size += size;
    return true;
}

void tr_bytes_consume(struct tr_bytes *bytes, size_t size)
{
    bytes->head += size;
    bytes->size -= size;
    if (bytes->size > 0)
        return;
    bytes->head = 0;
    if (bytes->room > KEPT_ROOM)
        tr_bytes_clear(bytes);
}

void tr_bytes_clear(struct tr_bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct tr_bytes){0};
}
