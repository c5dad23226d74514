/* The loop over field tables, with every message there is: sizes, both ways, cut, too long, past a
 * limit.
 * SPDX-License-Identifier: MIT */
#include "lib/wire/layout.h"
#include "lib/wire/message.h"
#include "tests/unit/unit.h"

enum { WIRE_MAX = 2048 };

/* Holds any message, aligned. */
union message {
    uint64_t align;
    struct tr_register_body body;
    uint8_t bytes[4096];
};

struct row {
    const struct tr_layout *layout;
    size_t min, max; /* of docs/PROTOCOL.md */
};

static const struct row rows[] = {
    {&tr_layout_address, 20, 20},
    {&tr_layout_nat, 12, 12},
    {&tr_layout_cookie, 20, 20},
    {&tr_layout_certificate, 152, 152},
    {&tr_layout_bind, 52, 52},
    {&tr_layout_cookie_reply, 248, 248},
    {&tr_layout_record, 164, 164},
    {&tr_layout_register, 96, 96},
    {&tr_layout_proven, 40, 40},
    {&tr_layout_register_body, 292, 1020},
    {&tr_layout_registered, 44, 44},
    {&tr_layout_page, 25, 25},
    {&tr_layout_registered_body, 155, 283},
    {&tr_layout_refused, 32, 32},
    {&tr_layout_refused_body, 8, 71},
    {&tr_layout_ctrl, 13, 13},
    {&tr_layout_hello, 36, 36},
    {&tr_layout_hello_body, 212, 352},
    {&tr_layout_data, 9, 9},
    {&tr_layout_relay, 21, 21},
    {&tr_layout_unknown, 16, 16},
    {&tr_layout_item_ping, 8, 8},
    {&tr_layout_item_pong, 28, 28},
    {&tr_layout_item_mark, 2, 2},
    {&tr_layout_item_report, 8, 8},
    {&tr_layout_item_status, 32, 32},
    {&tr_layout_item_leave, 2, 2},
    {&tr_layout_item_ack, 16, 16},
    {&tr_layout_item_relay, 16, 16},
    {&tr_layout_item_outcome, 14, 14},
    {&tr_layout_member, 181, 469},
    {&tr_layout_gone, 42, 42},
};

/* Writes a message as it could come in. fill: what lists and blobs hold of their maximum, in
 * quarters; above 4 one more than it. */
static void make(const struct tr_layout *layout, unsigned fill, uint64_t *random,
                 struct tr_writer *writer)
{
    for (size_t i = 0; i < layout->field_count; i++) {
        const struct tr_field *field = &layout->fields[i];
        size_t count = fill > 4 ? field->max + 1U : field->max * fill / 4;
        size_t size = field->kind == TR_FIELD_BLOB ? count : field->size;

        if (field->kind == TR_FIELD_ADDRESS) {
            static const uint8_t families[] = {0, 4, 6};
            uint8_t family = families[unit_random(random) % 3];
            tr_writer_number(writer, family, 1);
            tr_writer_number(writer, unit_random(random), 1);
            tr_writer_number(writer, unit_random(random), 2);
            for (unsigned byte = 0; byte < 16; byte++)
                tr_writer_number(writer, family == 4 && byte >= 4 ? 0 : unit_random(random), 1);
        } else if (field->kind == TR_FIELD_LIST) {
            tr_writer_number(writer, count, 1);
            for (size_t j = 0; j < count; j++)
                make(field->of, fill, random, writer);
        } else if (field->kind == TR_FIELD_PART) {
            make(field->of, fill, random, writer);
        } else {
            if (field->kind == TR_FIELD_BLOB)
                tr_writer_number(writer, size, 2);
            for (size_t byte = 0; byte < size; byte++)
                tr_writer_number(writer, unit_random(random), 1);
        }
    }
}

static size_t made(const struct tr_layout *layout, unsigned fill, uint64_t *random,
                   uint8_t wire[WIRE_MAX])
{
    struct tr_writer writer;

    tr_writer_init(&writer, wire, WIRE_MAX);
    make(layout, fill, random, &writer);
    ASSERT_FALSE(writer.fault);
    return tr_writer_used(&writer);
}

static bool decodes(const struct tr_layout *layout, const uint8_t *wire, size_t size, size_t *left)
{
    union message message;
    struct tr_reader reader;

    memset(&message, 0xa5, sizeof message);
    tr_reader_init(&reader, wire, size);
    tr_layout_decode(layout, &message, &reader);
    *left = tr_reader_left(&reader);
    return !reader.fault;
}

static void every_layout_is_in_the_table_with_the_sizes_of_the_document(void)
{
    static const struct tr_layout *const all[] = {
#define LAYOUT_ROW(name) &tr_layout_##name,
        TR_LAYOUTS(LAYOUT_ROW)
#undef LAYOUT_ROW
    };

    ASSERT_EQ_UINT(UNIT_COUNT(all), UNIT_COUNT(rows));
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        ASSERT_ROW(all[i] == rows[i].layout, "row %zu is not %s", i, all[i]->name);
        ASSERT_ROW(tr_layout_size_min(all[i]) == rows[i].min, "%s", all[i]->name);
        ASSERT_ROW(tr_layout_size_max(all[i]) == rows[i].max, "%s", all[i]->name);
    }
}

static void what_is_decoded_is_encoded_to_the_same_bytes(void)
{
    uint64_t random = 1;

    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        for (unsigned fill = 0; fill <= 40; fill++) {
            const struct tr_layout *layout = rows[i].layout;
            uint8_t wire[WIRE_MAX];
            uint8_t again[WIRE_MAX];
            union message message;
            struct tr_reader reader;
            struct tr_writer writer;
            size_t size = made(layout, fill % 5, &random, wire);

            tr_reader_init(&reader, wire, size);
            tr_layout_decode(layout, &message, &reader);
            tr_writer_init(&writer, again, sizeof again);
            tr_layout_encode(layout, &message, &writer);
            ASSERT_ROW(!reader.fault && tr_reader_left(&reader) == 0, "%s", layout->name);
            ASSERT_ROW(!writer.fault && tr_writer_used(&writer) == size, "%s", layout->name);
            ASSERT_ROW(memcmp(wire, again, size) == 0, "%s", layout->name);
            ASSERT_EQ_UINT(tr_layout_size(layout, &message), size);
        }
    }
}

static void every_truncation_of_every_message_is_a_fault(void)
{
    uint64_t random = 2;

    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        for (unsigned fill = 0; fill <= 4; fill++) {
            uint8_t wire[WIRE_MAX];
            size_t left;
            size_t size = made(rows[i].layout, fill, &random, wire);

            for (size_t cut = 0; cut < size; cut++) {
                /* On the heap, so that a sanitizer sees a byte that is read too many. */
                uint8_t *copy = malloc(cut > 0 ? cut : 1);
                memcpy(copy, wire, cut);
                ASSERT_ROW(!decodes(rows[i].layout, copy, cut, &left), "%s cut to %zu of %zu",
                           rows[i].layout->name, cut, size);
                free(copy);
            }
        }
    }
}

static void bytes_after_the_known_ones_are_left_alone(void)
{
    uint64_t random = 3;

    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        uint8_t wire[WIRE_MAX];
        size_t left;
        size_t size = made(rows[i].layout, 2, &random, wire);

        memset(wire + size, 0xff, 100);
        ASSERT_ROW(decodes(rows[i].layout, wire, size + 100, &left), "%s", rows[i].layout->name);
        ASSERT_EQ_UINT(left, 100);
    }
}

/* Each list and blob alone, at its limit and one past it, both ways. */
static void a_list_or_blob_past_its_limit_is_a_fault(void)
{
    uint64_t random = 4;
    unsigned checked = 0;

    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        const struct tr_layout *layout = rows[i].layout;

        for (size_t f = 0; f < layout->field_count; f++) {
            const struct tr_field *field = &layout->fields[f];
            if (field->kind != TR_FIELD_LIST && field->kind != TR_FIELD_BLOB)
                continue;
            for (unsigned past = 0; past < 2; past++) {
                struct tr_layout alone = {.name = field->name, .field_count = 1, .fields = field};
                uint8_t wire[WIRE_MAX];
                uint8_t room[WIRE_MAX];
                union message message = {0};
                struct tr_writer writer;
                size_t left;
                size_t size = made(&alone, past ? 5 : 4, &random, wire);

                ASSERT_ROW(decodes(&alone, wire, size, &left) == (past == 0), "%s.%s %u",
                           layout->name, field->name, past);
                uint16_t count = (uint16_t)(field->max + past);
                if (field->kind == TR_FIELD_LIST)
                    message.bytes[field->count_offset] = (uint8_t)count;
                else
                    memcpy(message.bytes + field->count_offset, &count, sizeof count);
                tr_writer_init(&writer, room, sizeof room);
                tr_layout_encode(&alone, &message, &writer);
                ASSERT_ROW(writer.fault == (past == 1), "%s.%s %u", layout->name, field->name,
                           past);
                checked++;
            }
        }
    }
    ASSERT_EQ_UINT(
        checked,
        2 * 11); /* six in REGISTER, one each in REGISTERED, REFUSED and HELLO, two in a member */
}

static void an_address_of_another_family_is_a_fault(void)
{
    for (unsigned family = 0; family < 256; family++) {
        uint8_t wire[20] = {(uint8_t)family, 1, 0x39, 0x30, 10, 0, 0, 1, 9, 9, 9, 9};
        uint8_t again[20];
        bool is_known = family == 0 || family == 4 || family == 6;
        struct tr_candidate candidate;
        struct tr_reader reader;
        struct tr_writer writer;

        tr_reader_init(&reader, wire, sizeof wire);
        tr_layout_decode(&tr_layout_address, &candidate, &reader);
        ASSERT_ROW(reader.fault == !is_known, "family %u", family);
        candidate.address.family = (uint8_t)family;
        tr_writer_init(&writer, again, sizeof again);
        tr_layout_encode(&tr_layout_address, &candidate, &writer);
        ASSERT_ROW(writer.fault == !is_known, "family %u", family);
        if (family == 4) { /* what is no part of an IPv4 address does not come through */
            ASSERT_EQ_UINT(candidate.address.port, 12345);
            ASSERT_EQ_MEM(candidate.address.ip, ((uint8_t[16]){10, 0, 0, 1}), 16);
        }
    }
}

static void a_message_is_printed_as_words_and_cut_where_they_end(void)
{
    const struct tr_gone gone = {.identity = {0xab}, .epoch = 7, .reason = 2};
    const char *expected = "gone{identity="
                           "ab00000000000000000000000000000000000000000000000000000000000000"
                           " epoch=7 reason=2}";
    const struct tr_item_pong pong = {
        .seen = {.address = {.family = 4, .port = 80, .ip = {10, 0, 0, 1}}, .kind = 1}};
    char text[128];

    ASSERT_EQ_UINT(tr_layout_print(&tr_layout_gone, &gone, text, sizeof text), strlen(expected));
    ASSERT_EQ_STR(text, expected);
    for (size_t size = 0; size < strlen(expected); size++) {
        text[size] = '#';
        ASSERT_EQ_UINT(tr_layout_print(&tr_layout_gone, &gone, text, size), strlen(expected));
        ASSERT_ROW(text[size] == '#', "size %zu", size);
        ASSERT_ROW(size == 0 || strlen(text) == size - 1, "size %zu", size);
    }
    tr_layout_print(&tr_layout_item_pong, &pong, text, sizeof text);
    ASSERT_EQ_STR(text, "item_pong{pong=0000000000000000 seen=host/10.0.0.1:80}");
}

UNIT_MAIN("layout", UNIT_CASE(every_layout_is_in_the_table_with_the_sizes_of_the_document),
          UNIT_CASE(what_is_decoded_is_encoded_to_the_same_bytes),
          UNIT_CASE(every_truncation_of_every_message_is_a_fault),
          UNIT_CASE(bytes_after_the_known_ones_are_left_alone),
          UNIT_CASE(a_list_or_blob_past_its_limit_is_a_fault),
          UNIT_CASE(an_address_of_another_family_is_a_fault),
          UNIT_CASE(a_message_is_printed_as_words_and_cut_where_they_end))
