/* The reader and the writer.
 * SPDX-License-Identifier: MIT */
#include "lib/wire/cursor.h"

#include <string.h>

void tr_reader_init(struct tr_reader *reader, const void *data, size_t size)
{
    reader->at = data;
    reader->end = reader->at + size;
    reader->fault = false;
}

size_t tr_reader_left(const struct tr_reader *reader)
{
    return reader->fault ? 0 : (size_t)(reader->end - reader->at);
}

const uint8_t *tr_reader_take(struct tr_reader *reader, size_t size)
{
    if (reader->fault || (size_t)(reader->end - reader->at) < size) {
        reader->fault = true;
        return NULL;
    }
    const uint8_t *at = reader->at;
    reader->at += size;
    return at;
}

uint64_t tr_reader_number(struct tr_reader *reader, size_t size)
{
    const uint8_t *at = tr_reader_take(reader, size);
    uint64_t value = 0;
    for (size_t i = size; at != NULL && i > 0; i--)
        value = value << 8 | at[i - 1];
    return value;
}

void tr_reader_bytes(struct tr_reader *reader, void *out, size_t size)
{
    const uint8_t *at = tr_reader_take(reader, size);
    if (at != NULL && size > 0)
        memcpy(out, at, size);
    else if (size > 0)
        memset(out, 0, size);
}

void tr_writer_init(struct tr_writer *writer, void *data, size_t size)
{
    writer->start = data;
    writer->at = data;
    writer->end = writer->at + size;
    writer->fault = false;
}

size_t tr_writer_used(const struct tr_writer *writer)
{
    return (size_t)(writer->at - writer->start);
}

size_t tr_writer_left(const struct tr_writer *writer)
{
    return writer->fault ? 0 : (size_t)(writer->end - writer->at);
}

uint8_t *tr_writer_make(struct tr_writer *writer, size_t size)
{
    if (writer->fault || (size_t)(writer->end - writer->at) < size) {
        writer->fault = true;
        return NULL;
    }
    uint8_t *at = writer->at;
    writer->at += size;
    return at;
}

void tr_writer_number(struct tr_writer *writer, uint64_t value, size_t size)
{
    uint8_t *at = tr_writer_make(writer, size);
    for (size_t i = 0; at != NULL && i < size; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

void tr_writer_bytes(struct tr_writer *writer, const void *data, size_t size)
{
    uint8_t *at = tr_writer_make(writer, size);
    if (at != NULL && size > 0)
        memcpy(at, data, size);
}
