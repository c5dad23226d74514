/* One loop over a field table.
 * SPDX-License-Identifier: MIT */
#include "lib/wire/layout.h"

#include "lib/wire/message.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const void *at(const void *message, size_t offset)
{
    return (const uint8_t *)message + offset;
}

static uint64_t number_get(const void *value, size_t size)
{
    switch (size) {
    case 1:
        return *(const uint8_t *)value;
    case 2:
        return *(const uint16_t *)value;
    case 4:
        return *(const uint32_t *)value;
    default:
        assert(size == 8);
        return *(const uint64_t *)value;
    }
}

static void number_set(void *value, size_t size, uint64_t number)
{
    switch (size) {
    case 1:
        *(uint8_t *)value = (uint8_t)number;
        break;
    case 2:
        *(uint16_t *)value = (uint16_t)number;
        break;
    case 4:
        *(uint32_t *)value = (uint32_t)number;
        break;
    default:
        assert(size == 8);
        *(uint64_t *)value = number;
    }
}

static void address_encode(const struct tr_candidate *candidate, struct tr_writer *writer)
{
    const struct tryst_address *address = &candidate->address;
    if (address->family != 0 && address->family != 4 && address->family != 6)
        writer->fault = true;
    tr_writer_number(writer, address->family, 1);
    tr_writer_number(writer, candidate->kind, 1);
    tr_writer_number(writer, address->port, 2);
    tr_writer_bytes(writer, address->ip, 16);
}

static void address_decode(struct tr_candidate *candidate, struct tr_reader *reader)
{
    struct tryst_address *address = &candidate->address;
    memset(candidate, 0, sizeof *candidate);
    address->family = (uint8_t)tr_reader_number(reader, 1);
    candidate->kind = (uint8_t)tr_reader_number(reader, 1);
    address->port = (uint16_t)tr_reader_number(reader, 2);
    tr_reader_bytes(reader, address->ip, 16);
    if (address->family != 0 && address->family != 4 && address->family != 6)
        reader->fault = true;
    if (address->family == 4)
        memset(address->ip + 4, 0, 12);
}

static void field_encode(const struct tr_field *field, const void *message,
                         struct tr_writer *writer)
{
    const void *value = at(message, field->offset);
    switch (field->kind) {
    case TR_FIELD_NUMBER:
        tr_writer_number(writer, number_get(value, field->size), field->size);
        break;
    case TR_FIELD_BYTES:
        tr_writer_bytes(writer, value, field->size);
        break;
    case TR_FIELD_ADDRESS:
        address_encode(value, writer);
        break;
    case TR_FIELD_BLOB: {
        uint16_t size = *(const uint16_t *)at(message, field->count_offset);
        if (size > field->max)
            writer->fault = true;
        tr_writer_number(writer, size, 2);
        tr_writer_bytes(writer, value, size);
        break;
    }
    case TR_FIELD_LIST: {
        uint8_t count = *(const uint8_t *)at(message, field->count_offset);
        if (count > field->max)
            writer->fault = true;
        tr_writer_number(writer, count, 1);
        for (size_t i = 0; i < count && !writer->fault; i++)
            tr_layout_encode(field->of, at(value, i * field->size), writer);
        break;
    }
    default:
        tr_layout_encode(field->of, value, writer);
    }
}

static void field_decode(const struct tr_field *field, void *message, struct tr_reader *reader)
{
    void *value = (uint8_t *)message + field->offset;
    switch (field->kind) {
    case TR_FIELD_NUMBER:
        number_set(value, field->size, tr_reader_number(reader, field->size));
        break;
    case TR_FIELD_BYTES:
        tr_reader_bytes(reader, value, field->size);
        break;
    case TR_FIELD_ADDRESS:
        address_decode(value, reader);
        break;
    case TR_FIELD_BLOB: {
        uint16_t size = (uint16_t)tr_reader_number(reader, 2);
        if (size > field->max)
            reader->fault = true;
        size = reader->fault ? 0 : size;
        *(uint16_t *)((uint8_t *)message + field->count_offset) = size;
        tr_reader_bytes(reader, value, size);
        break;
    }
    case TR_FIELD_LIST: {
        uint8_t count = (uint8_t)tr_reader_number(reader, 1);
        if (count > field->max)
            reader->fault = true;
        count = reader->fault ? 0 : count;
        ((uint8_t *)message)[field->count_offset] = count;
        for (size_t i = 0; i < count; i++)
            tr_layout_decode(field->of, (uint8_t *)value + i * field->size, reader);
        break;
    }
    default:
        tr_layout_decode(field->of, value, reader);
    }
}

void tr_layout_encode(const struct tr_layout *layout, const void *message, struct tr_writer *writer)
{
    for (size_t i = 0; i < layout->field_count; i++)
        field_encode(&layout->fields[i], message, writer);
}

void tr_layout_decode(const struct tr_layout *layout, void *message, struct tr_reader *reader)
{
    for (size_t i = 0; i < layout->field_count; i++)
        field_decode(&layout->fields[i], message, reader);
}

size_t tr_layout_size(const struct tr_layout *layout, const void *message)
{
    uint8_t room[TR_DATAGRAM_BYTES * 2];
    struct tr_writer writer;
    tr_writer_init(&writer, room, sizeof room);
    tr_layout_encode(layout, message, &writer);
    assert(!writer.fault);
    return tr_writer_used(&writer);
}

static size_t size_bound(const struct tr_layout *layout, bool largest)
{
    size_t size = 0;
    for (size_t i = 0; i < layout->field_count; i++) {
        const struct tr_field *field = &layout->fields[i];
        size_t count = largest ? field->max : 0;
        if (field->kind == TR_FIELD_NUMBER || field->kind == TR_FIELD_BYTES)
            size += field->size;
        else if (field->kind == TR_FIELD_ADDRESS)
            size += TR_ADDRESS_BYTES;
        else if (field->kind == TR_FIELD_BLOB)
            size += 2 + count;
        else if (field->kind == TR_FIELD_LIST)
            size += 1 + count * size_bound(field->of, largest);
        else
            size += size_bound(field->of, largest);
    }
    return size;
}

size_t tr_layout_size_min(const struct tr_layout *layout)
{
    return size_bound(layout, false);
}

size_t tr_layout_size_max(const struct tr_layout *layout)
{
    return size_bound(layout, true);
}

struct printer {
    char *text;
    size_t size;
    size_t used; /* what the whole text needs so far */
};

__attribute__((format(printf, 2, 3))) static void print(struct printer *printer, const char *format,
                                                        ...)
{
    size_t left = printer->used < printer->size ? printer->size - printer->used : 0;
    va_list arguments;
    va_start(arguments, format);
    int length =
        vsnprintf(left > 0 ? printer->text + printer->used : NULL, left, format, arguments);
    va_end(arguments);
    if (length > 0)
        printer->used += (size_t)length;
}

static void print_hex(struct printer *printer, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        print(printer, "%02x", data[i]);
}

static void print_message(struct printer *printer, const struct tr_layout *layout,
                          const void *message);

static void print_field(struct printer *printer, const struct tr_field *field, const void *message)
{
    const void *value = at(message, field->offset);
    char text[TRYST_ADDRESS_TEXT_SIZE];
    switch (field->kind) {
    case TR_FIELD_NUMBER:
        print(printer, "%llu", (unsigned long long)number_get(value, field->size));
        break;
    case TR_FIELD_BYTES:
        print_hex(printer, value, field->size);
        break;
    case TR_FIELD_ADDRESS:
        tryst_address_format(&((const struct tr_candidate *)value)->address, text, sizeof text);
        print(printer, "%s/%s", tryst_kind_name(((const struct tr_candidate *)value)->kind), text);
        break;
    case TR_FIELD_BLOB:
        print_hex(printer, value, *(const uint16_t *)at(message, field->count_offset));
        break;
    case TR_FIELD_LIST:
        print(printer, "[");
        for (size_t i = 0; i < *(const uint8_t *)at(message, field->count_offset); i++)
            print_message(printer, field->of, at(value, i * field->size));
        print(printer, "]");
        break;
    default:
        print_message(printer, field->of, value);
    }
}

static void print_message(struct printer *printer, const struct tr_layout *layout,
                          const void *message)
{
    print(printer, "%s{", layout->name);
    for (size_t i = 0; i < layout->field_count; i++) {
        print(printer, "%s%s=", i > 0 ? " " : "", layout->fields[i].name);
        print_field(printer, &layout->fields[i], message);
    }
    print(printer, "}");
}

size_t tr_layout_print(const struct tr_layout *layout, const void *message, char *text, size_t size)
{
    struct printer printer = {.text = text, .size = size};
    if (size > 0)
        text[0] = 0;
    print_message(&printer, layout, message);
    return printer.used;
}
