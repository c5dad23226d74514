/* The table of frames, and the golden story: what the library writes is what golden.txt has.
 * SPDX-License-Identifier: MIT */
#include "lib/wire/message.h"
#include "tests/conformance/golden_talk.h"
#include "tests/unit/unit.h"

struct row {
    const char *name;
    uint8_t type, senders;
    uint16_t least, most;
    bool has_version, has_magic;
};

/* As docs/PROTOCOL.md has it. */
static const struct row rows[] = {
    {"BIND", 0x04, TR_FROM_CLIENT, 1200, 1200, true, true},
    {"COOKIE", 0x05, TR_FROM_SERVER, 248, 248, true, true},
    {"REGISTER", 0x06, TR_FROM_CLIENT, 1200, 1200, true, true},
    {"REGISTERED", 0x07, TR_FROM_SERVER, 215, 1200, true, false},
    {"REFUSED", 0x08, TR_FROM_SERVER, 56, 128, true, false},
    {"CTRL", 0x09, TR_FROM_CLIENT | TR_FROM_SERVER, 30, 1200, false, false},
    {"HELLO", 0x0a, TR_FROM_PEER, 264, 404, true, false},
    {"DATA", 0x0b, TR_FROM_PEER, 26, 1200, false, false},
    {"RELAY", 0x0c, TR_FROM_CLIENT | TR_FROM_SERVER, 47, 1200, false, false},
    {"UNKNOWN", 0x0e, TR_FROM_SERVER, 16, 16, true, false},
};

static void frame_rules_are_those_of_the_document(void)
{
    size_t known = 0;

    for (unsigned type = 0; type < 256; type++) {
        const struct tr_frame_rule *rule = tr_frame_rule((uint8_t)type);
        const struct row *row = &rows[known < UNIT_COUNT(rows) ? known : 0];

        if (rule == NULL)
            continue;
        known++;
        ASSERT_EQ_STR(rule->name, row->name);
        ASSERT_EQ_UINT(rule->type, row->type);
        ASSERT_EQ_UINT(rule->senders, row->senders);
        ASSERT_EQ_UINT(rule->least, row->least);
        ASSERT_EQ_UINT(rule->most, row->most);
    }
    ASSERT_EQ_UINT(known, UNIT_COUNT(rows));
    ASSERT_TRUE(tr_frame_rule(TR_REDIRECT) == NULL);
}

static void first_bytes_are_those_that_rfc_7983_leaves_free(void)
{
    for (size_t i = 0; i < UNIT_COUNT(rows); i++)
        ASSERT_ROW(rows[i].type >= 4 && rows[i].type <= 15, "%s", rows[i].name);
}

static size_t start(const struct row *row, uint8_t out[TR_DATAGRAM_BYTES + 1])
{
    memset(out, 0, TR_DATAGRAM_BYTES + 1);
    out[0] = row->type;
    out[1] = row->has_version ? TR_VERSION : 0xee;
    if (row->has_magic)
        memcpy(out + 4, "TRY1", 4);
    return row->most;
}

static void the_first_look_takes_each_frame_at_its_limits_and_not_past_them(void)
{
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        const struct row *row = &rows[i];
        uint8_t out[TR_DATAGRAM_BYTES + 1];

        start(row, out);
        ASSERT_EQ_INT(tr_envelope_check(out, row->least, row->senders), TR_DROP_NONE);
        ASSERT_EQ_INT(tr_envelope_check(out, row->most, row->senders), TR_DROP_NONE);
        ASSERT_EQ_INT(tr_envelope_check(out, row->most + 1U, row->senders), TR_DROP_LIMIT);
        for (size_t size = 0; size < row->least; size++)
            ASSERT_ROW(tr_envelope_check(out, size, row->senders) == TR_DROP_SHORT, "%s %zu",
                       row->name, size);
    }
}

static void the_first_look_refuses_other_senders_versions_and_magics(void)
{
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        const struct row *row = &rows[i];
        uint8_t out[TR_DATAGRAM_BYTES + 1];
        size_t size = start(row, out);

        for (unsigned senders = 0; senders < 8; senders++)
            ASSERT_ROW(tr_envelope_check(out, size, (uint8_t)senders) ==
                           ((senders & row->senders) != 0 ? TR_DROP_NONE : TR_DROP_UNKNOWN),
                       "%s from %u", row->name, senders);
        out[1]++;
        ASSERT_EQ_INT(tr_envelope_check(out, size, row->senders),
                      row->has_version ? TR_DROP_VERSION : TR_DROP_NONE);
        out[1]--;
        for (unsigned byte = 4; byte < 8; byte++) {
            out[byte] ^= 0x20;
            ASSERT_ROW(tr_envelope_check(out, size, row->senders) ==
                           (row->has_magic ? TR_DROP_UNKNOWN : TR_DROP_NONE),
                       "%s byte %u", row->name, byte);
            out[byte] ^= 0x20;
        }
    }
}

/* tests/conformance/golden.txt, wherever the tests are run from. */
static char *golden_file(void)
{
    static const char name[] = "tests/conformance/golden.txt";
    const char *source = getenv("TRYST_SOURCE");
    char path[4096];
    char *text = calloc(1, GOLDEN_TEXT_BYTES);

    snprintf(path, sizeof path, "%s/%s", source != NULL ? source : ".", name);

    FILE *file = fopen(path, "r");

    if (!ASSERT_ROW(text != NULL && file != NULL, "%s cannot be read", path)) {
        free(text);
        return NULL;
    }
    text[fread(text, 1, GOLDEN_TEXT_BYTES - 1, file)] = '\0';
    fclose(file);
    return text;
}

/* The first difference is told by its line; what follows it differs because of it. */
static void the_golden_story_is_told_byte_for_byte(void)
{
    char *expected = golden_file();
    char *actual = golden_text();
    char *a = actual;
    char *e = expected;
    unsigned line = 1;

    while (e != NULL && (*a != '\0' || *e != '\0')) {
        size_t a_size = strcspn(a, "\n");
        size_t e_size = strcspn(e, "\n");

        if (!ASSERT_ROW(a_size == e_size && memcmp(a, e, a_size) == 0,
                        "golden.txt:%u:\n  %.*s\nis now\n  %.*s", line,
                        (int)(e_size < 200 ? e_size : 200), e, (int)(a_size < 200 ? a_size : 200),
                        a))
            break;
        a += a_size + (a[a_size] == '\n');
        e += e_size + (e[e_size] == '\n');
        line++;
    }
    ASSERT_ROW(line > 90, "golden.txt has only %u lines", line);
    free(actual);
    free(expected);
}

UNIT_MAIN("message", UNIT_CASE(frame_rules_are_those_of_the_document),
          UNIT_CASE(first_bytes_are_those_that_rfc_7983_leaves_free),
          UNIT_CASE(the_first_look_takes_each_frame_at_its_limits_and_not_past_them),
          UNIT_CASE(the_first_look_refuses_other_senders_versions_and_magics),
          UNIT_CASE(the_golden_story_is_told_byte_for_byte))
