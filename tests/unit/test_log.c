/* The server's log: one line an event, escaped, bounded, not to be flooded.
 * SPDX-License-Identifier: MIT */
#include "server/log.h"
#include "tests/unit/unit.h"

enum { ROOM = 65536 };

struct page {
    struct tr_log log;
    char text[ROOM];
};

static struct page page;

static void open_page(enum tr_log_level level)
{
    memset(&page, 0, sizeof page);
    tr_log_init(&page.log, fmemopen(page.text, sizeof page.text, "w"), level);
}

static const char *read_page(void)
{
    fclose(page.log.stream);
    return page.text;
}

static size_t count_lines(const char *text)
{
    size_t lines = 0;

    for (; *text != '\0'; text++)
        lines += *text == '\n';
    return lines;
}

static void a_line_has_level_event_and_its_pairs(void)
{
    struct tr_log_line line;

    open_page(TR_LOG_INFO);
    tr_log_begin(&line, &page.log, 5, TR_LOG_WARNING, "listening");
    tr_log_text(&line, "address", "[::]:7777");
    tr_log_number(&line, "count", UINT64_MAX);
    tr_log_end(&line);
    ASSERT_EQ_STR(read_page(), "level=warning event=listening address=[::]:7777 "
                               "count=18446744073709551615\n");
}

static void say_writes_a_line_with_one_pair_or_none(void)
{
    open_page(TR_LOG_INFO);
    tr_log_say(&page.log, 0, TR_LOG_INFO, "stopped", NULL, NULL);
    tr_log_say(&page.log, 0, TR_LOG_ERROR, "failed", "why", "no luck");
    ASSERT_EQ_STR(read_page(),
                  "level=info event=stopped\nlevel=error event=failed why=\"no luck\"\n");
}

static void what_strangers_wrote_is_escaped(void)
{
    static const struct {
        const char *data;
        size_t size;
        const char *shown;
    } rows[] = {
        {"", 0, "k=\"\""},
        {"plain-1.2_3", 11, "k=plain-1.2_3"},
        {"a b", 3, "k=\"a b\""},
        {"a\nlevel=error", 13, "k=\"a\\x0alevel=error\""},
        {"\"\\", 2, "k=\"\\x22\\x5c\""},
        {"\0x", 2, "k=\"\\x00x\""},
        {"\x1b[2J", 4, "k=\"\\x1b[2J\""},
        {"\xff\x7f", 2, "k=\"\\xff\\x7f\""},
        {"a=b", 3, "k=\"a=b\""},
    };

    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct tr_log_line line;
        const char *text;
        open_page(TR_LOG_INFO);
        tr_log_begin(&line, &page.log, 0, TR_LOG_INFO, "e");
        tr_log_bytes(&line, "k", rows[i].data, rows[i].size);
        tr_log_end(&line);
        text = read_page();
        ASSERT_EQ_UINT(count_lines(text), 1);
        ASSERT_ROW(strstr(text, rows[i].shown) != NULL, "row %zu: %s", i, text);
    }
}

static void a_level_keeps_the_less_grave_out(void)
{
    for (int level = 0; level < TR_LOG_LEVEL_COUNT; level++) {
        open_page((enum tr_log_level)level);
        for (int of = 0; of < TR_LOG_LEVEL_COUNT; of++)
            tr_log_say(&page.log, 0, (enum tr_log_level)of, "e", NULL, NULL);
        ASSERT_EQ_UINT(count_lines(read_page()), (size_t)level + 1);
    }
    CU_ASSERT_PTR_NULL(tr_log_level_name(TR_LOG_LEVEL_COUNT));
}

static void a_long_line_is_cut_and_says_so(void)
{
    char data[TR_LOG_LINE * 2];

    for (size_t size = TR_LOG_LINE - 64; size < TR_LOG_LINE + 8; size++) {
        struct tr_log_line line;
        const char *text;
        size_t length;
        memset(data, 'a', sizeof data);
        open_page(TR_LOG_INFO);
        tr_log_begin(&line, &page.log, 0, TR_LOG_INFO, "e");
        tr_log_bytes(&line, "k", data, size);
        tr_log_end(&line);
        text = read_page();
        length = strlen(text);
        ASSERT_EQ_UINT(count_lines(text), 1);
        ASSERT_TRUE(length <= TR_LOG_LINE && text[length - 1] == '\n');
        ASSERT_EQ_INT(strstr(text, "...\n") != NULL,
                      strlen("level=info event=e k=") + size + 1 > TR_LOG_LINE - strlen("...\n"));
    }
}

static void a_flood_of_one_event_is_held_back_and_counted(void)
{
    const uint64_t period_us = (uint64_t)TR_LOG_PERIOD_S * 1000000;
    const uint64_t start_us = 1000 * period_us;
    const char *text;

    open_page(TR_LOG_INFO);
    for (int i = 0; i < TR_LOG_BURST + 7; i++)
        tr_log_say(&page.log, start_us, TR_LOG_INFO, "flood", NULL, NULL);
    tr_log_say(&page.log, start_us, TR_LOG_INFO, "other", NULL, NULL);
    tr_log_say(&page.log, start_us + period_us - 1, TR_LOG_INFO, "flood", NULL, NULL);
    tr_log_say(&page.log, start_us + period_us, TR_LOG_INFO, "flood", NULL, NULL);
    text = read_page();
    ASSERT_EQ_UINT(count_lines(text), TR_LOG_BURST + 2);
    ASSERT_TRUE(strstr(text, "event=other\n") != NULL);
    ASSERT_TRUE(strstr(text, "event=flood held_back=8\n") != NULL);
}

static void events_past_the_gates_share_the_last_one(void)
{
    static char names[TR_LOG_GATES + 50][16];
    size_t lines;

    open_page(TR_LOG_INFO);
    for (int i = 0; i < TR_LOG_GATES + 50; i++) {
        snprintf(names[i], sizeof names[i], "e%d", i);
        tr_log_say(&page.log, 1, TR_LOG_INFO, names[i], NULL, NULL);
    }
    lines = count_lines(read_page());
    ASSERT_EQ_UINT(lines, TR_LOG_GATES - 1 + TR_LOG_BURST);
}

UNIT_MAIN("log", UNIT_CASE(a_line_has_level_event_and_its_pairs),
          UNIT_CASE(say_writes_a_line_with_one_pair_or_none),
          UNIT_CASE(what_strangers_wrote_is_escaped), UNIT_CASE(a_level_keeps_the_less_grave_out),
          UNIT_CASE(a_long_line_is_cut_and_says_so),
          UNIT_CASE(a_flood_of_one_event_is_held_back_and_counted),
          UNIT_CASE(events_past_the_gates_share_the_last_one))
