/* What a message looks like, as a table of fields, and the one loop that encodes, decodes, measures
 * and prints any of them.
 * SPDX-License-Identifier: MIT */
#ifndef TR_LAYOUT_H
#define TR_LAYOUT_H

#include "lib/wire/cursor.h"

enum tr_field_kind {
    TR_FIELD_NUMBER,  /* size bytes, little-endian, into an unsigned integer of that size */
    TR_FIELD_BYTES,   /* size bytes as they are */
    TR_FIELD_ADDRESS, /* 20 bytes into a struct tr_candidate: family, kind, port, ip */
    TR_FIELD_BLOB,    /* a 16-bit length, at most max, and as many bytes; length at count_offset */
    TR_FIELD_LIST, /* an 8-bit count, at most max, and as many layouts of; count at count_offset */
    TR_FIELD_PART, /* one layout of */
};

enum { TR_ADDRESS_BYTES = 20 };

struct tr_layout;

struct tr_field {
    const char *name;
    uint8_t kind;
    uint16_t offset; /* of the value in the struct */
    uint16_t size;   /* NUMBER, BYTES: bytes on the wire; LIST: bytes of an element in the struct */
    uint16_t count_offset; /* BLOB: of a uint16_t; LIST: of a uint8_t */
    uint16_t max;          /* BLOB: bytes; LIST: elements */
    const struct tr_layout *of;
};

struct tr_layout {
    const char *name;
    uint16_t field_count;
    const struct tr_field *fields;
};

/* Writes the message; a count above its maximum or an unknown address family is a fault. */
void tr_layout_encode(const struct tr_layout *layout, const void *message,
                      struct tr_writer *writer);

/* Reads the message, every byte of the struct that a field names set; bytes after the last field stay
 * in the reader, so that the format can grow. A count above its maximum is a fault. */
void tr_layout_decode(const struct tr_layout *layout, void *message, struct tr_reader *reader);

/* Bytes of the message as it would be encoded. */
size_t tr_layout_size(const struct tr_layout *layout, const void *message);

/* Bytes of the smallest and of the largest message. */
size_t tr_layout_size_min(const struct tr_layout *layout);
size_t tr_layout_size_max(const struct tr_layout *layout);

/* Prints "name{field=value ...}" for logs and test failures; cut where text ends. Returns the length
 * the whole text has. */
size_t tr_layout_print(const struct tr_layout *layout, const void *message, char *text,
                       size_t size);

#endif
