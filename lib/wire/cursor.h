/* A bounds-checked reader and writer with a sticky fault: check once, at the end.
 * SPDX-License-Identifier: MIT */
#ifndef TR_CURSOR_H
#define TR_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tr_reader {
    const uint8_t *at;
    const uint8_t *end;
    bool fault; /* something did not fit; every later read gives zeros */
};

struct tr_writer {
    uint8_t *start;
    uint8_t *at;
    uint8_t *end;
    bool fault; /* something did not fit; nothing was written from there on */
};

void tr_reader_init(struct tr_reader *reader, const void *data, size_t size);
size_t tr_reader_left(const struct tr_reader *reader);
/* The next size bytes where they stand; NULL and a fault when there are fewer. */
const uint8_t *tr_reader_take(struct tr_reader *reader, size_t size);
uint64_t tr_reader_number(struct tr_reader *reader, size_t size); /* 1, 2, 4 or 8 bytes */
void tr_reader_bytes(struct tr_reader *reader, void *out, size_t size);

void tr_writer_init(struct tr_writer *writer, void *data, size_t size);
size_t tr_writer_used(const struct tr_writer *writer);
size_t tr_writer_left(const struct tr_writer *writer);
/* Room for size bytes; NULL and a fault when there is none. */
uint8_t *tr_writer_make(struct tr_writer *writer, size_t size);
void tr_writer_number(struct tr_writer *writer, uint64_t value, size_t size);
void tr_writer_bytes(struct tr_writer *writer, const void *data, size_t size);

#endif
