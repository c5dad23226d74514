/* Requests to the rules as bytes and back, whatever the bytes; the words of the tables; ids of names.
 * SPDX-License-Identifier: MIT */
#include "lib/wire/policy_request.h"
#include "tests/unit/unit.h"
#include <stdlib.h>
#include <tryst/tryst.h>

static struct tryst_policy_request *full_request(void)
{
    struct tryst_policy_request *request = calloc(1, sizeof(*request));
    if (request == NULL)
        abort();
    request->hook = TRYST_POLICY_JOIN;
    request->reason = TRYST_REASON_LEAVE;
    request->unix_ms = UINT64_C(1764000000123);
    memset(request->app, 0xa1, sizeof(request->app));
    memset(request->session, 0xa2, sizeof(request->session));
    memset(request->key, 0xa3, sizeof(request->key));
    tryst_address_parse(&request->address, "[2001:db8::7]:4000");
    request->local_count = TRYST_POLICY_LOCAL_MAX;
    for (uint32_t i = 0; i < request->local_count; i++)
        request->locals[i] = (struct tryst_address){
            .family = 4, .port = (uint16_t)(5000 + i), .scope = i, .ip = {10, 0, 0, (uint8_t)i}};
    request->data_size = TRYST_USER_DATA_MAX;
    memset(request->data, 0xa4, sizeof(request->data));
    request->participant_count = TRYST_POLICY_PARTICIPANTS_MAX;
    for (uint32_t i = 0; i < request->participant_count; i++) {
        memset(request->participants[i].key, (int)i, 32);
        request->participants[i].present_ms = i * 1000;
    }
    request->counter_count = TRYST_POLICY_COUNTERS_MAX;
    for (uint32_t i = 0; i < request->counter_count; i++) {
        snprintf(request->counters[i].name, TRYST_POLICY_COUNTER_NAME_SIZE, "counter_%u", i);
        request->counters[i].value = UINT64_MAX - i;
    }
    return request;
}

static void a_request_comes_back_as_it_was(void)
{
    struct tryst_policy_request *sent = full_request();
    struct tryst_policy_request *got = NULL;
    uint8_t bytes[TRYST_POLICY_REQUEST_MAX];
    size_t size = tr_policy_request_encode(sent, bytes);
    struct tryst_address locals[TRYST_POLICY_LOCAL_MAX];
    ASSERT_EQ_INT(tryst_policy_request_decode(&got, bytes, size), TRYST_OK);
    ASSERT_EQ_MEM(got, sent, sizeof(*sent));
    ASSERT_EQ_INT(tryst_policy_request_local(got, locals, TRYST_POLICY_LOCAL_MAX),
                  TRYST_POLICY_LOCAL_MAX);
    ASSERT_EQ_MEM(locals, sent->locals, sizeof(locals));
    ASSERT_EQ_INT(tryst_policy_request_local(got, locals, 1), TRYST_POLICY_LOCAL_MAX);
    ASSERT_EQ_UINT(tryst_policy_request_participants(got), TRYST_POLICY_PARTICIPANTS_MAX);
    ASSERT_EQ_UINT(tryst_policy_request_participant_ms(got, 255), 255000);
    ASSERT_TRUE(tryst_policy_request_participant_key(got, 256) == NULL);
    ASSERT_EQ_STR(tryst_policy_request_counter_name(got, 63), "counter_63");
    ASSERT_EQ_UINT(tryst_policy_request_counter_value(got, 0), UINT64_MAX);
    ASSERT_TRUE(tryst_policy_request_counter_name(got, 64) == NULL);
    tryst_policy_request_destroy(got);
    free(sent);
}

static void a_request_with_more_behind_it_is_read(void)
{
    struct tryst_policy_request *sent = full_request();
    struct tryst_policy_request *got = NULL;
    uint8_t bytes[TRYST_POLICY_REQUEST_MAX + 8] = {0};
    size_t size = tr_policy_request_encode(sent, bytes);
    ASSERT_EQ_INT(tryst_policy_request_decode(&got, bytes, size + 8), TRYST_OK);
    tryst_policy_request_destroy(got);
    free(sent);
}

static void every_truncation_is_refused(void)
{
    struct tryst_policy_request *sent = full_request();
    uint8_t bytes[TRYST_POLICY_REQUEST_MAX];
    size_t size = tr_policy_request_encode(sent, bytes);
    for (size_t cut = 0; cut < size; cut++) {
        struct tryst_policy_request *got = NULL;
        uint8_t *exact = malloc(cut + 1); /* for the sanitizer to see a read past the end */
        if (exact == NULL)
            abort();
        memcpy(exact, bytes, cut);
        ASSERT_ROW(tryst_policy_request_decode(&got, exact, cut) == TRYST_E_FORMAT && got == NULL,
                   "cut at %zu", cut);
        free(exact);
    }
    free(sent);
}

static void random_bytes_never_harm(void)
{
    uint64_t random = 7;
    for (int round = 0; round < 20000; round++) {
        uint8_t bytes[512];
        struct tryst_policy_request *got = NULL;
        for (size_t i = 0; i < sizeof(bytes); i += 8) {
            uint64_t word = unit_random(&random);
            memcpy(bytes + i, &word, 8);
        }
        bytes[0] = 1;
        if (tryst_policy_request_decode(&got, bytes, sizeof(bytes)) == TRYST_OK) {
            size_t size;
            tryst_policy_request_data(got, &size);
            ASSERT_TRUE(size <= TRYST_USER_DATA_MAX);
            ASSERT_TRUE(tryst_policy_request_participants(got) <= TRYST_POLICY_PARTICIPANTS_MAX);
        }
        tryst_policy_request_destroy(got);
    }
}

static void another_format_is_refused(void)
{
    struct tryst_policy_request *sent = full_request();
    struct tryst_policy_request *got = NULL;
    uint8_t bytes[TRYST_POLICY_REQUEST_MAX];
    size_t size = tr_policy_request_encode(sent, bytes);
    bytes[0] = 2;
    ASSERT_EQ_INT(tryst_policy_request_decode(&got, bytes, size), TRYST_E_FORMAT);
    ASSERT_EQ_INT(tryst_policy_request_decode(NULL, bytes, size), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_policy_request_decode(&got, NULL, size), TRYST_E_ARGUMENT);
    free(sent);
}

static void no_request_has_nothing(void)
{
    struct tryst_address address = tryst_policy_request_address(NULL);
    size_t size = 9;
    ASSERT_EQ_UINT(tryst_policy_request_hook(NULL), 0);
    ASSERT_EQ_UINT(tryst_policy_request_unix_ms(NULL), 0);
    ASSERT_EQ_UINT(tryst_policy_request_reason(NULL), 0);
    ASSERT_TRUE(tryst_policy_request_app(NULL) == NULL);
    ASSERT_TRUE(tryst_policy_request_session(NULL) == NULL);
    ASSERT_TRUE(tryst_policy_request_key(NULL) == NULL);
    ASSERT_TRUE(tryst_policy_request_data(NULL, &size) == NULL);
    ASSERT_EQ_UINT(size, 0);
    ASSERT_EQ_UINT(address.family, 0);
    ASSERT_EQ_INT(tryst_policy_request_local(NULL, &address, 1), TRYST_E_ARGUMENT);
    ASSERT_EQ_UINT(tryst_policy_request_participants(NULL), 0);
    ASSERT_EQ_UINT(tryst_policy_request_counters(NULL), 0);
    tryst_policy_request_destroy(NULL);
}

static void words_are_those_of_the_tables(void)
{
    ASSERT_EQ_STR(tryst_policy_hook_name(TRYST_POLICY_SESSION_OPEN), "on_session_open");
    ASSERT_EQ_STR(tryst_policy_addresses_name(TRYST_POLICY_ADDRESSES_SAME_PUBLIC), "same-public");
    ASSERT_EQ_STR(tryst_policy_failure_name(TRYST_POLICY_FAILURE_LIMIT), "limit");
    ASSERT_EQ_STR(tryst_policy_hook_name(99), "unknown");
    ASSERT_EQ_STR(tryst_policy_addresses_name(99), "unknown");
    ASSERT_EQ_STR(tryst_policy_failure_name(99), "unknown");
}

static void ids_tell_names_apart(void)
{
    uint8_t one[TRYST_SESSION_ID_SIZE], two[TRYST_SESSION_ID_SIZE], app[TRYST_APP_ID_SIZE];
    uint8_t none[TRYST_APP_ID_SIZE];
    char longest[TRYST_SESSION_NAME_MAX + 2];
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = 0;
    ASSERT_EQ_INT(tryst_session_id(one, "pong", "lobby"), TRYST_OK);
    ASSERT_EQ_INT(tryst_session_id(two, "ping", "lobby"), TRYST_OK);
    ASSERT_TRUE(memcmp(one, two, sizeof(one)) != 0);
    ASSERT_EQ_INT(tryst_session_id(one, "pong", ""), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_session_id(one, "pong", NULL), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_session_id(one, "pong", longest), TRYST_E_SIZE);
    ASSERT_EQ_INT(tryst_session_id(one, "pong", longest + 1), TRYST_OK);
    ASSERT_EQ_INT(tryst_app_id(app, ""), TRYST_OK);
    ASSERT_EQ_INT(tryst_app_id(none, NULL), TRYST_OK);
    ASSERT_EQ_MEM(app, none, sizeof(app));
    ASSERT_EQ_INT(tryst_app_id(NULL, "x"), TRYST_E_ARGUMENT);
}

UNIT_MAIN("policy", UNIT_CASE(a_request_comes_back_as_it_was),
          UNIT_CASE(a_request_with_more_behind_it_is_read), UNIT_CASE(every_truncation_is_refused),
          UNIT_CASE(random_bytes_never_harm), UNIT_CASE(another_format_is_refused),
          UNIT_CASE(no_request_has_nothing), UNIT_CASE(words_are_those_of_the_tables),
          UNIT_CASE(ids_tell_names_apart))
