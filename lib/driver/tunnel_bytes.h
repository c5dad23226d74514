/* Bytes on their way through a tunnel: appended at one end, taken at the other, never past a bound.
 * SPDX-License-Identifier: MIT */
#ifndef TR_TUNNEL_BYTES_H
#define TR_TUNNEL_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero is empty. What it holds stands at data + head. */
struct tr_bytes {
    uint8_t *data;
    size_t head;
    size_t size; /* bytes held */
    size_t room; /* bytes that data has */
};

/* false, and nothing appended: it would hold more than `most`, or there is no memory. */
bool tr_bytes_append(struct tr_bytes *bytes, const void *data, size_t size, size_t most);

/* Takes the oldest; size: at most as many as it holds. An empty one gives its memory back when that
 * is much: connections are many, and most of them rest. */
void tr_bytes_consume(struct tr_bytes *bytes, size_t size);

void tr_bytes_clear(struct tr_bytes *bytes);

#endif
