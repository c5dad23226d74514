/* The desk of the rules: questions to a plug-in's thread and answers back, whatever the plug-in does.
 * SPDX-License-Identifier: MIT */
#include "lib/wire/policy_request.h"
#include "server/desk.h"
#include "tests/unit/unit.h"
#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 5000 };

static uint64_t now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

/* The test's plug-in, where the build put it. */
static const char *plugin_path(void)
{
    static char path[4096];
    const char *build = getenv("TRYST_BUILD");
    snprintf(path, sizeof(path), "%s/tests/unit/.libs/strange_rules.so", build ? build : ".");
    return path;
}

static struct tr_desk *open_desk(uint32_t workers, char error[TR_PLUGIN_ERROR])
{
    struct tryst_policy_settings settings = {.workers = workers, .script = plugin_path()};
    return tr_desk_open("/nowhere", &settings, error);
}

static struct tr_desk *must_open(void)
{
    char error[TR_PLUGIN_ERROR] = "";
    struct tr_desk *desk = open_desk(1, error);
    if (!unit_check(desk != NULL, __FILE__, __LINE__, "%s", error))
        exit(1);
    return desk;
}

static bool ask(struct tr_desk *desk, uint32_t ticket, char wish)
{
    static struct tryst_policy_request request;
    struct tr_question question = {.ticket = ticket, .hook = TRYST_POLICY_JOIN};
    request.hook = TRYST_POLICY_JOIN;
    request.data_size = 1;
    request.data[0] = (uint8_t)wish;
    question.data = malloc(TRYST_POLICY_REQUEST_MAX);
    if (question.data == NULL)
        abort();
    question.size = tr_policy_request_encode(&request, question.data);
    if (tr_desk_ask(desk, &question))
        return true;
    free(question.data);
    return false;
}

/* The next note of a kind; what else comes is passed over. */
static bool wait_note(struct tr_desk *desk, enum tr_desk_news news, struct tr_desk_note *note,
                      int patience_ms)
{
    uint64_t end = now_ms() + (uint64_t)patience_ms;
    for (;;) {
        while (tr_desk_take(desk, note))
            if (note->news == news)
                return true;
        if (now_ms() >= end)
            return false;
        struct pollfd polled = {.fd = tr_desk_descriptor(desk), .events = POLLIN};
        poll(&polled, 1, (int)(end - now_ms()));
    }
}

static void desk_carries_questions_and_answers(void)
{
    struct tr_desk *desk = must_open();
    struct tr_desk_note note;
    ASSERT_EQ_UINT(tr_desk_hooks(desk), 1u << TRYST_POLICY_JOIN | 1u << TRYST_POLICY_TICK);
    ASSERT_TRUE(ask(desk, 7, 'y'));
    ASSERT_TRUE(ask(desk, 8, 'n'));
    ASSERT_TRUE(wait_note(desk, TR_DESK_ANSWER, &note, PATIENCE_MS));
    ASSERT_EQ_UINT(note.ticket, 7);
    ASSERT_EQ_UINT(note.hook, TRYST_POLICY_JOIN);
    ASSERT_EQ_UINT(note.answer.is_allowed, 1);
    ASSERT_TRUE(wait_note(desk, TR_DESK_ANSWER, &note, PATIENCE_MS));
    ASSERT_EQ_UINT(note.ticket, 8);
    ASSERT_EQ_STR(note.answer.reason, "no");
    ASSERT_TRUE(ask(desk, 9, 'l')); /* later, when its own descriptor says so */
    ASSERT_TRUE(wait_note(desk, TR_DESK_ANSWER, &note, PATIENCE_MS));
    ASSERT_EQ_STR(note.answer.reason, "later");
    tr_desk_close(desk);
}

static void desk_takes_one_answer_a_question(void)
{
    struct tr_desk *desk = must_open();
    struct tr_desk_note note;
    ask(desk, 7, 't');
    ASSERT_TRUE(wait_note(desk, TR_DESK_ANSWER, &note, PATIENCE_MS));
    ASSERT_EQ_STR(note.answer.reason, "first");
    ask(desk, 8, 'y');
    ASSERT_TRUE(wait_note(desk, TR_DESK_ANSWER, &note, PATIENCE_MS));
    ASSERT_EQ_UINT(note.ticket, 8);
    ASSERT_FALSE(tr_desk_take(desk, &note));
    tr_desk_close(desk);
}

/* What a hook that sleeps costs its caller: nothing. */
static void desk_never_holds_its_caller(void)
{
    struct tr_desk *desk = must_open();
    struct tr_desk_note note;
    uint64_t start = now_ms();
    ask(desk, 1, 's');
    for (uint32_t i = 2; i < 100; i++)
        ASSERT_TRUE(ask(desk, i, 'y'));
    ASSERT_TRUE(now_ms() - start < 200);
    for (uint32_t i = 2; i < 50; i++) /* too late: taken back before the plug-in saw them */
        tr_desk_expire(desk, i);
    ASSERT_TRUE(now_ms() - start < 250);
    ASSERT_TRUE(wait_note(desk, TR_DESK_ANSWER, &note, PATIENCE_MS));
    ASSERT_EQ_UINT(note.ticket, 1);
    ASSERT_TRUE(wait_note(desk, TR_DESK_ANSWER, &note, PATIENCE_MS));
    ASSERT_EQ_UINT(note.ticket, 50);
    tr_desk_close(desk);
}

static void desk_tells_the_plug_in_what_is_too_late(void)
{
    struct tr_desk *desk = must_open();
    struct tr_desk_note note;
    ask(desk, 5, '-');
    ask(desk, 6, 'y');
    ASSERT_TRUE(wait_note(desk, TR_DESK_ANSWER, &note, PATIENCE_MS)); /* 5 is at the plug-in */
    tr_desk_expire(desk, 5);
    ASSERT_TRUE(wait_note(desk, TR_DESK_LINE, &note, PATIENCE_MS));
    ASSERT_EQ_STR(note.text, "expired");
    tr_desk_close(desk);
}

static void desk_bounds_what_waits(void)
{
    struct tr_desk *desk = must_open();
    struct tr_desk_note note;
    uint32_t put = 0;
    ask(desk, 1, 's');
    while (put < 2 * TR_DESK_JOBS && ask(desk, 2 + put, 'y'))
        put++;
    ASSERT_TRUE(put >= TR_DESK_JOBS - 1 && put <= TR_DESK_JOBS);
    for (uint32_t i = 0; i <= put; i++)
        ASSERT_TRUE(wait_note(desk, TR_DESK_ANSWER, &note, PATIENCE_MS));
    tr_desk_close(desk);
}

static void desk_bounds_the_log(void)
{
    struct tr_desk *desk = must_open();
    struct tr_desk_note note;
    uint32_t lines = 0;
    bool is_told = false;
    ask(desk, 1, 'f');
    nanosleep(&(struct timespec){.tv_nsec = 100 * 1000 * 1000}, NULL);
    while (wait_note(desk, TR_DESK_LINE, &note, 200)) {
        lines++;
        is_told = is_told || strstr(note.text, "left out") != NULL;
    }
    ASSERT_TRUE(lines <= 2 * TR_DESK_LINES);
    ASSERT_TRUE(is_told);
    tr_desk_close(desk);
}

static void desk_reloads_or_keeps(void)
{
    struct tr_desk *desk = must_open();
    struct tr_desk_note note;
    tr_desk_reload(desk);
    ASSERT_TRUE(wait_note(desk, TR_DESK_RELOAD, &note, PATIENCE_MS));
    ASSERT_TRUE(note.is_good);
    ASSERT_EQ_UINT(note.hooks, 1u << TRYST_POLICY_REGISTER);
    tr_desk_reload(desk);
    ASSERT_TRUE(wait_note(desk, TR_DESK_RELOAD, &note, PATIENCE_MS));
    ASSERT_FALSE(note.is_good);
    ASSERT_EQ_STR(note.text, "strange.lua:9: not again");
    tr_desk_close(desk);
}

static void desk_says_why_it_does_not_open(void)
{
    static const struct {
        const char *script;
        const char *part;
    } rows[] = {
        {"rules.txt", "end in .lua, .py or .so"}, {"/nowhere/rules.so", "no such file"},
        {"rules.lua", "/nowhere/policy-lua.so"},  {"rules.py", "/nowhere/policy-python.so"},
        {"/proc/self/exe.so", "no such file"},
    };
    char error[TR_PLUGIN_ERROR];
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct tryst_policy_settings settings = {.script = rows[i].script};
        ASSERT_ROW(tr_desk_open("/nowhere", &settings, error) == NULL, "%s", rows[i].script);
        ASSERT_ROW(strstr(error, rows[i].part) != NULL, "%s: %s", rows[i].script, error);
    }
    ASSERT_TRUE(open_desk(13, error) == NULL);
    ASSERT_EQ_STR(error, "strange.lua:7: thirteen is too many");
}

static void desk_that_is_busy_is_left_behind(void)
{
    struct tr_desk *desk = must_open();
    uint64_t start = now_ms();
    for (uint32_t i = 1; i < 20; i++)
        ask(desk, i, 's');
    tr_desk_close(desk);
    ASSERT_TRUE(now_ms() - start < 3000);
    tr_desk_close(NULL);
}

UNIT_MAIN("desk", UNIT_CASE(desk_carries_questions_and_answers),
          UNIT_CASE(desk_takes_one_answer_a_question), UNIT_CASE(desk_never_holds_its_caller),
          UNIT_CASE(desk_tells_the_plug_in_what_is_too_late), UNIT_CASE(desk_bounds_what_waits),
          UNIT_CASE(desk_bounds_the_log), UNIT_CASE(desk_reloads_or_keeps),
          UNIT_CASE(desk_says_why_it_does_not_open), UNIT_CASE(desk_that_is_busy_is_left_behind))
