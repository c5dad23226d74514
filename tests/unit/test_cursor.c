/* The reader and the writer: little-endian, in bounds, and a fault that stays.
 * SPDX-License-Identifier: MIT */
#include "lib/wire/cursor.h"
#include "tests/unit/unit.h"

static void reader_reads_little_endian_numbers(void)
{
    static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    struct tr_reader reader;

    tr_reader_init(&reader, bytes, sizeof bytes);
    ASSERT_EQ_UINT(tr_reader_number(&reader, 1), 0x01);
    ASSERT_EQ_UINT(tr_reader_number(&reader, 2), 0x0302);
    ASSERT_EQ_UINT(tr_reader_number(&reader, 4), 0x07060504);
    ASSERT_EQ_UINT(tr_reader_number(&reader, 8), UINT64_C(0x0f0e0d0c0b0a0908));
    ASSERT_EQ_UINT(tr_reader_left(&reader), 0);
    ASSERT_FALSE(reader.fault);
}

static void reader_takes_bytes_where_they_stand(void)
{
    static const uint8_t bytes[] = {1, 2, 3, 4};
    uint8_t out[3] = {9, 9, 9};
    struct tr_reader reader;

    tr_reader_init(&reader, bytes, sizeof bytes);
    ASSERT_TRUE(tr_reader_take(&reader, 1) == bytes);
    tr_reader_bytes(&reader, out, 3);
    ASSERT_EQ_MEM(out, bytes + 1, 3);
    ASSERT_TRUE(tr_reader_take(&reader, 0) == bytes + 4);
    ASSERT_FALSE(reader.fault);
}

/* Each way to read a byte too many, and what every later read gives. */
static void reader_keeps_its_fault_and_gives_zeros(void)
{
    static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8};
    static const size_t sizes[] = {1, 2, 4, 8};

    for (size_t i = 0; i < UNIT_COUNT(sizes); i++) {
        for (size_t had = 0; had < sizes[i]; had++) {
            uint8_t out[2] = {7, 7};
            struct tr_reader reader;

            tr_reader_init(&reader, bytes, had);
            ASSERT_ROW(tr_reader_number(&reader, sizes[i]) == 0, "%zu of %zu", had, sizes[i]);
            ASSERT_ROW(reader.fault, "%zu of %zu", had, sizes[i]);
            ASSERT_EQ_UINT(tr_reader_left(&reader), 0);
            ASSERT_EQ_UINT(tr_reader_number(&reader, 1), 0);
            ASSERT_TRUE(tr_reader_take(&reader, 0) == NULL);
            tr_reader_bytes(&reader, out, 2);
            ASSERT_EQ_MEM(out, ((uint8_t[]){0, 0}), 2);
            ASSERT_TRUE(reader.fault);
        }
    }
}

static void reader_stands_sizes_that_would_overflow(void)
{
    static const uint8_t byte = 1;
    struct tr_reader reader;

    tr_reader_init(&reader, &byte, 1);
    ASSERT_TRUE(tr_reader_take(&reader, SIZE_MAX) == NULL);
    ASSERT_TRUE(reader.fault);
}

static void writer_writes_little_endian_numbers(void)
{
    static const uint8_t expected[] = {1, 3, 2, 7, 6, 5, 4, 15, 14, 13, 12, 11, 10, 9, 8};
    uint8_t out[sizeof expected];
    struct tr_writer writer;

    tr_writer_init(&writer, out, sizeof out);
    tr_writer_number(&writer, 0xff01, 1);
    tr_writer_number(&writer, 0x0203, 2);
    tr_writer_number(&writer, 0x04050607, 4);
    ASSERT_EQ_UINT(tr_writer_used(&writer), 7);
    ASSERT_EQ_UINT(tr_writer_left(&writer), 8);
    tr_writer_number(&writer, UINT64_C(0x08090a0b0c0d0e0f), 8);
    ASSERT_EQ_MEM(out, expected, sizeof expected);
    ASSERT_FALSE(writer.fault);
}

static void writer_keeps_its_fault_and_writes_no_byte_past_its_end(void)
{
    for (size_t room = 0; room < 4; room++) {
        uint8_t out[8] = {9, 9, 9, 9, 9, 9, 9, 9};
        struct tr_writer writer;

        tr_writer_init(&writer, out, room);
        tr_writer_number(&writer, 0, 4);
        ASSERT_ROW(writer.fault, "room %zu", room);
        ASSERT_EQ_UINT(tr_writer_left(&writer), 0);
        tr_writer_number(&writer, 0, 1);
        tr_writer_bytes(&writer, "abc", 1);
        ASSERT_TRUE(tr_writer_make(&writer, 0) == NULL);
        ASSERT_EQ_UINT(tr_writer_used(&writer), 0);
        ASSERT_EQ_MEM(out, ((uint8_t[]){9, 9, 9, 9, 9, 9, 9, 9}), 8);
    }
}

static void writer_takes_nothing_as_nothing(void)
{
    uint8_t out[1];
    struct tr_writer writer;

    tr_writer_init(&writer, out, 1);
    tr_writer_bytes(&writer, NULL, 0);
    ASSERT_EQ_UINT(tr_writer_used(&writer), 0);
    tr_writer_bytes(&writer, "x", 1);
    ASSERT_EQ_UINT(tr_writer_left(&writer), 0);
    ASSERT_FALSE(writer.fault);
    ASSERT_TRUE(tr_writer_make(&writer, SIZE_MAX) == NULL);
    ASSERT_TRUE(writer.fault);
}

UNIT_MAIN("cursor", UNIT_CASE(reader_reads_little_endian_numbers),
          UNIT_CASE(reader_takes_bytes_where_they_stand),
          UNIT_CASE(reader_keeps_its_fault_and_gives_zeros),
          UNIT_CASE(reader_stands_sizes_that_would_overflow),
          UNIT_CASE(writer_writes_little_endian_numbers),
          UNIT_CASE(writer_keeps_its_fault_and_writes_no_byte_past_its_end),
          UNIT_CASE(writer_takes_nothing_as_nothing))
