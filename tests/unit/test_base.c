/* The version, the words of results, integers in bytes, and deadlines.
 * SPDX-License-Identifier: MIT */
#include "lib/base/bytes.h"
#include "lib/base/deadline.h"
#include "tests/unit/unit.h"
#include <tryst/base.h>

struct row {
    tryst_result number;
    const char *name;
    const char *text;
};

static const struct row rows[] = {
#define ROW(name, number, text) {number, #name, text},
    TRYST_RESULTS(ROW)
#undef ROW
};

static void version_is_the_headers(void)
{
    char text[32];

    snprintf(text, sizeof text, "%d.%d.%d", TRYST_VERSION_MAJOR, TRYST_VERSION_MINOR,
             TRYST_VERSION_PATCH);
    ASSERT_EQ_STR(tryst_version(), text);
}

static void results_have_names_and_texts(void)
{
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        ASSERT_EQ_STR(tryst_result_name(rows[i].number), rows[i].name);
        ASSERT_EQ_STR(tryst_result_text(rows[i].number), rows[i].text);
    }
    ASSERT_EQ_STR(tryst_result_name(TRYST_E_ARGUMENT), "E_ARGUMENT");
    ASSERT_EQ_STR(tryst_result_text(TRYST_E_CRYPTO), "the cryptographic library cannot be started");
}

static void results_are_never_renumbered(void)
{
    static const tryst_result numbers[] = {
        TRYST_OK,       TRYST_E_ARGUMENT,   TRYST_E_MEMORY,        TRYST_E_STATE,
        TRYST_E_CLOSED, TRYST_E_TIMEOUT,    TRYST_E_INTERRUPTED,   TRYST_E_SIZE,
        TRYST_E_FULL,   TRYST_E_PEER,       TRYST_E_NOT_CONNECTED, TRYST_E_FORMAT,
        TRYST_E_FILE,   TRYST_E_PERMISSION, TRYST_E_NETWORK,       TRYST_E_RESOLVE,
        TRYST_E_CRYPTO,
    };

    for (size_t i = 0; i < UNIT_COUNT(numbers); i++)
        ASSERT_EQ_INT(numbers[i], -(int)i);
}

static void results_outside_the_table_are_told_so(void)
{
    static const tryst_result strangers[] = {-(tryst_result)UNIT_COUNT(rows), -1000, INT32_MIN};

    for (size_t i = 0; i < UNIT_COUNT(strangers); i++) {
        ASSERT_EQ_STR(tryst_result_name(strangers[i]), "UNKNOWN");
        ASSERT_EQ_STR(tryst_result_text(strangers[i]), "unknown result");
    }
    ASSERT_EQ_STR(tryst_result_name(1), "UNKNOWN");
}

static void counts_read_as_ok(void)
{
    ASSERT_EQ_STR(tryst_result_text(1), "ok");
    ASSERT_EQ_STR(tryst_result_text(INT32_MAX), "ok");
}

static void integers_are_little_endian(void)
{
    static const uint8_t bytes[8] = {0xf1, 0xe2, 0xd3, 0xc4, 0xb5, 0xa6, 0x97, 0x88};
    uint8_t out[8];

    ASSERT_EQ_UINT(tr_get_u16(bytes), 0xe2f1);
    ASSERT_EQ_UINT(tr_get_u32(bytes), 0xc4d3e2f1);
    ASSERT_EQ_UINT(tr_get_u64(bytes), UINT64_C(0x8897a6b5c4d3e2f1));
    tr_put_u64(out, UINT64_C(0x8897a6b5c4d3e2f1));
    ASSERT_EQ_MEM(out, bytes, 8);
    tr_put_u32(out + 3, 0xc4d3e2f1);
    ASSERT_EQ_MEM(out + 3, bytes, 4);
    tr_put_u16(out + 1, 0xe2f1);
    ASSERT_EQ_MEM(out + 1, bytes, 2);
}

static void sooner_keeps_the_first(void)
{
    uint64_t next = TR_NEVER;

    tr_sooner(&next, TR_NEVER);
    ASSERT_EQ_UINT(next, TR_NEVER);
    tr_sooner(&next, 5 * TR_S);
    tr_sooner(&next, 6 * TR_S);
    ASSERT_EQ_UINT(next, 5 * TR_S);
    tr_sooner(&next, 7 * TR_MS);
    ASSERT_EQ_UINT(next, 7 * TR_MS);
    tr_sooner(&next, 0);
    ASSERT_EQ_UINT(next, 0);
}

static void deadline_is_due_at_its_time(void)
{
    ASSERT_FALSE(tr_is_due(10, 9));
    ASSERT_TRUE(tr_is_due(10, 10));
    ASSERT_TRUE(tr_is_due(10, 11));
    ASSERT_FALSE(tr_is_due(TR_NEVER, TR_NEVER - 1));
}

UNIT_MAIN("base", UNIT_CASE(version_is_the_headers), UNIT_CASE(results_have_names_and_texts),
          UNIT_CASE(results_are_never_renumbered), UNIT_CASE(results_outside_the_table_are_told_so),
          UNIT_CASE(counts_read_as_ok), UNIT_CASE(integers_are_little_endian),
          UNIT_CASE(sooner_keeps_the_first), UNIT_CASE(deadline_is_due_at_its_time))
