/* Events: their pinned layout, and the words of their tables.
 * SPDX-License-Identifier: MIT */
#include "tests/unit/unit.h"
#include <tryst/event.h>

struct row {
    uint32_t number;
    const char *text;
};

#define ROW(name, number, text) {number, text},

static void check_words(const char *(*word)(uint32_t), const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ASSERT_EQ_STR(word(rows[i].number), rows[i].text);
        for (size_t j = 0; j < i; j++)
            ASSERT_ROW(rows[i].number != rows[j].number, "%u stands twice", rows[i].number);
    }
    ASSERT_EQ_STR(word(rows[0].number), "none");
    ASSERT_EQ_STR(word(rows[count - 1].number + 1), "unknown");
    ASSERT_EQ_STR(word(UINT32_MAX), "unknown");
}

static void events_have_words(void)
{
    static const struct row rows[] = {TRYST_EVENTS(ROW)};

    check_words(tryst_event_name, rows, UNIT_COUNT(rows));
}

static void paths_have_words(void)
{
    static const struct row rows[] = {TRYST_PATHS(ROW)};

    check_words(tryst_path_name, rows, UNIT_COUNT(rows));
}

static void kinds_have_words(void)
{
    static const struct row rows[] = {TRYST_KINDS(ROW)};

    check_words(tryst_kind_name, rows, UNIT_COUNT(rows));
}

static void stages_have_words(void)
{
    static const struct row rows[] = {TRYST_STAGES(ROW)};

    check_words(tryst_stage_name, rows, UNIT_COUNT(rows));
}

static void reasons_have_words(void)
{
    static const struct row rows[] = {TRYST_REASONS(ROW)};

    check_words(tryst_reason_text, rows, UNIT_COUNT(rows));
    ASSERT_EQ_STR(tryst_reason_text(TRYST_REASON_KICKED + 1), "unknown");
    ASSERT_EQ_STR(tryst_reason_text(TRYST_REASON_SILENT - 1), "unknown");
}

static void event_has_the_layout_that_bindings_rely_on(void)
{
    ASSERT_EQ_UINT(sizeof(struct tryst_event), 256);
    ASSERT_EQ_UINT(offsetof(struct tryst_event, type), 0);
    ASSERT_EQ_UINT(offsetof(struct tryst_event, retry_ms), 28);
    ASSERT_EQ_UINT(offsetof(struct tryst_event, address), 32);
    ASSERT_EQ_UINT(offsetof(struct tryst_event, local), 56);
    ASSERT_EQ_UINT(offsetof(struct tryst_event, key), 80);
    ASSERT_EQ_UINT(offsetof(struct tryst_event, data), 112);
    ASSERT_EQ_UINT(offsetof(struct tryst_event, text), 112 + sizeof(void *) + sizeof(size_t));
}

UNIT_MAIN("event", UNIT_CASE(events_have_words), UNIT_CASE(paths_have_words),
          UNIT_CASE(kinds_have_words), UNIT_CASE(stages_have_words), UNIT_CASE(reasons_have_words),
          UNIT_CASE(event_has_the_layout_that_bindings_rely_on))
