/* Requests as people write them, and answers as they read them.
 * SPDX-License-Identifier: MIT */
#include "server/request_json.h"
#include "tests/unit/unit.h"
#include <stdlib.h>
#include <tryst/tryst.h>

static struct tryst_policy_request request;
static char error[TR_REQUEST_JSON_ERROR];

static void a_request_is_read_whole(void)
{
    uint8_t session[TRYST_SESSION_ID_SIZE];
    uint8_t key[32] = {1};
    char text[TRYST_KEY_TEXT_SIZE];
    char line[1024];
    tryst_session_id(session, "pong", "lobby");
    tryst_key_format(key, text, sizeof(text));
    snprintf(line, sizeof(line),
             "{\"hook\":\"on_session_open\",\"app\":\"pong\",\"session\":\"lobby\","
             "\"participant\":\"%s\",\"address\":\"203.0.113.5:4000\","
             "\"local_addresses\":[\"10.0.0.1:1\",\"[fe80::1%%2]:2\"],\"data\":\"a\\u0000b\","
             "\"participants\":[{\"key\":\"%s\",\"present_s\":1.5},{}],\"time\":1764000000.5,"
             "\"reason\":1,\"counters\":{\"binds\":7}}",
             text, text);
    ASSERT_TRUE(tr_request_json_read(&request, line, error));
    ASSERT_EQ_UINT(request.hook, TRYST_POLICY_SESSION_OPEN);
    ASSERT_EQ_MEM(request.session, session, sizeof(session));
    ASSERT_EQ_MEM(request.key, key, 32);
    ASSERT_EQ_UINT(request.address.port, 4000);
    ASSERT_EQ_UINT(request.local_count, 2);
    ASSERT_EQ_UINT(request.data_size, 3);
    ASSERT_EQ_MEM(request.data, "a\0b", 3);
    ASSERT_EQ_UINT(request.participant_count, 2);
    ASSERT_EQ_UINT(request.participants[0].present_ms, 1500);
    ASSERT_EQ_UINT(request.unix_ms, UINT64_C(1764000000500));
    ASSERT_EQ_UINT(request.reason, 1);
    ASSERT_EQ_STR(request.counters[0].name, "binds");
    ASSERT_EQ_UINT(request.counters[0].value, 7);
}

static void what_is_no_request_is_said(void)
{
    static const struct {
        const char *line, *part;
    } rows[] = {
        {"", "no JSON object"},
        {"[]", "no JSON object"},
        {"{\"hook\":\"on_join\"", "no JSON object"},
        {"{}", "\"hook\": the name of a hook"},
        {"{\"hook\":\"on_joy\"}", "\"hook\": the name of a hook"},
        {"{\"hook\":3}", "\"hook\": a string"},
        {"{\"hook\":\"on_join\",\"hook\":\"on_join\"}", "duplicate"},
        {"{\"hook\":\"on_join\",\"sesion\":\"x\"}", "\"sesion\": is not in a request"},
        {"{\"hook\":\"on_join\",\"session\":\"\"}", "\"session\": 1 to 64"},
        {"{\"hook\":\"on_join\",\"address\":\"here\"}", "\"address\": an address"},
        {"{\"hook\":\"on_join\",\"local_addresses\":[1]}", "\"local_addresses\": an address"},
        {"{\"hook\":\"on_join\",\"local_addresses\":3}", "\"local_addresses\": a list"},
        {"{\"hook\":\"on_join\",\"participant\":\"x\"}", "\"participant\": a key"},
        {"{\"hook\":\"on_join\",\"participants\":[{\"key\":1}]}", "\"participants\": a key"},
        {"{\"hook\":\"on_join\",\"participants\":[{\"present_s\":-1}]}", "\"present_s\": a number"},
        {"{\"hook\":\"on_join\",\"data\":7}", "\"data\": a string"},
        {"{\"hook\":\"on_join\",\"time\":-1}", "\"time\": a number"},
        {"{\"hook\":\"on_tick\",\"counters\":{\"a\":\"b\"}}", "\"counters\""},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        ASSERT_ROW(!tr_request_json_read(&request, rows[i].line, error), "%s", rows[i].line);
        ASSERT_ROW(strstr(error, rows[i].part) != NULL, "%s: %s", rows[i].line, error);
    }
}

static void more_than_there_is_room_for_is_said(void)
{
    char *line = malloc(100000);
    if (line == NULL)
        abort();
    size_t at = (size_t)sprintf(line, "{\"hook\":\"on_join\",\"participants\":[");
    for (int i = 0; i < 257; i++)
        at += (size_t)sprintf(line + at, "%s{}", i > 0 ? "," : "");
    sprintf(line + at, "]}");
    ASSERT_FALSE(tr_request_json_read(&request, line, error));
    at = (size_t)sprintf(line, "{\"hook\":\"on_join\",\"data\":\"");
    for (int i = 0; i < 129; i++)
        at += (size_t)sprintf(line + at, "x");
    sprintf(line + at, "\"}");
    ASSERT_FALSE(tr_request_json_read(&request, line, error));
    free(line);
}

static void an_answer_is_written_as_far_as_it_says_something(void)
{
    static const struct tryst_policy_answer yes = {.is_allowed = 1};
    static const struct tryst_policy_answer much = {.is_allowed = 1,
                                                    .max_participants = 4,
                                                    .addresses = 1,
                                                    .expires_s = 60,
                                                    .data_size = 2,
                                                    .data = "ab"};
    static const struct tryst_policy_answer failed = {
        .is_allowed = 1, .failure = TRYST_POLICY_FAILURE_ERROR, .detail = "x.lua:1: \"oh\""};
    static const struct tryst_policy_answer raw = {.is_allowed = 1, .data_size = 2, .data = "\xff"};
    char *text = tr_answer_json(TRYST_POLICY_JOIN, &yes, 3, 0.5);
    ASSERT_EQ_STR(text, "{\"line\": 3, \"hook\": \"on_join\", \"allow\": true, \"ms\": 0.5}");
    free(text);
    text = tr_answer_json(TRYST_POLICY_JOIN, &much, 3, 0.5);
    ASSERT_TRUE(strstr(text, "\"addresses\": \"same-public\"") != NULL);
    ASSERT_TRUE(strstr(text, "\"data\": \"ab\"") != NULL);
    free(text);
    text = tr_answer_json(TRYST_POLICY_JOIN, &failed, 3, 0.5);
    ASSERT_TRUE(strstr(text, "\"allow\": false") != NULL);
    ASSERT_TRUE(strstr(text, "\"why\": \"x.lua:1: \\\"oh\\\"\"") != NULL);
    free(text);
    text = tr_answer_json(TRYST_POLICY_JOIN, &raw, 3, 0.5);
    ASSERT_TRUE(strstr(text, "\"data_bytes\": 2") != NULL);
    free(text);
}

UNIT_MAIN("request_json", UNIT_CASE(a_request_is_read_whole), UNIT_CASE(what_is_no_request_is_said),
          UNIT_CASE(more_than_there_is_room_for_is_said),
          UNIT_CASE(an_answer_is_written_as_far_as_it_says_something))
