/* JSON in and out, by jansson.
 * SPDX-License-Identifier: MIT */
#include "server/request_json.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <tryst/event.h>
#include <tryst/identity.h>

/* One object that is being read. */
struct reading {
    json_t *object;
    char *error;
    bool is_wrong;
};

static void complain(struct reading *reading, const char *name, const char *why)
{
    if (!reading->is_wrong)
        snprintf(reading->error, TR_REQUEST_JSON_ERROR, "\"%s\": %s", name, why);
    reading->is_wrong = true;
}

static const char *text_of(struct reading *reading, const char *name)
{
    json_t *value = json_object_get(reading->object, name);

    if (value == NULL)
        return NULL;
    if (!json_is_string(value)) {
        complain(reading, name, "a string is expected");
        return NULL;
    }
    return json_string_value(value);
}

static double number_of(struct reading *reading, const char *name, double most)
{
    json_t *value = json_object_get(reading->object, name);

    if (value == NULL)
        return 0;
    if (json_is_number(value) && json_number_value(value) >= 0 && json_number_value(value) <= most)
        return json_number_value(value);
    complain(reading, name, "a number is expected, not below 0 and not too large");
    return 0;
}

static json_t *list_of(struct reading *reading, const char *name, size_t most)
{
    json_t *list = json_object_get(reading->object, name);

    if (list == NULL)
        return NULL;
    if (json_is_array(list) && json_array_size(list) <= most)
        return list;
    complain(reading, name, "a list is expected, not too long");
    return NULL;
}

static void read_hook(struct reading *reading, struct tryst_policy_request *request)
{
    const char *name = text_of(reading, "hook");

    for (uint32_t hook = 0; name != NULL && hook <= TRYST_POLICY_RELAY; hook++)
        if (strcmp(name, tryst_policy_hook_name(hook)) == 0) {
            request->hook = hook;
            return;
        }
    complain(reading, "hook", "the name of a hook is expected, as on_join");
}

/* Names, as the games say them: what the rules are asked about are their ids. */
static void read_names(struct reading *reading, struct tryst_policy_request *request)
{
    const char *app = text_of(reading, "app");
    const char *session = text_of(reading, "session");

    tryst_app_id(request->app, app);
    if (session != NULL && tryst_session_id(request->session, app, session) != TRYST_OK)
        complain(reading, "session", "1 to 64 bytes are expected");
}

static void read_address(struct reading *reading, const char *name, const char *text,
                         struct tryst_address *address)
{
    if (text != NULL && tryst_address_parse(address, text) != TRYST_OK)
        complain(reading, name, "an address is expected, as 203.0.113.5:4000");
}

static void read_key(struct reading *reading, const char *name, json_t *value, uint8_t key[32])
{
    if (value == NULL)
        return;
    if (!json_is_string(value) || tryst_key_parse(key, json_string_value(value)) != TRYST_OK)
        complain(reading, name, "a key of 43 characters is expected");
}

static void read_lists(struct reading *reading, struct tryst_policy_request *request)
{
    json_t *list = list_of(reading, "local_addresses", TRYST_POLICY_LOCAL_MAX);
    json_t *item;
    size_t i;

    json_array_foreach(list, i, item) read_address(
        reading, "local_addresses", json_is_string(item) ? json_string_value(item) : "",
        &request->locals[request->local_count++]);
    list = list_of(reading, "participants", TRYST_POLICY_PARTICIPANTS_MAX);
    json_array_foreach(list, i, item)
    {
        struct tr_policy_participant *told = &request->participants[request->participant_count++];
        struct reading inner = {
            .object = item, .error = reading->error, .is_wrong = reading->is_wrong};

        read_key(&inner, "participants", json_object_get(item, "key"), told->key);
        told->present_ms = (uint32_t)(number_of(&inner, "present_s", 4e6) * 1000);
        reading->is_wrong = inner.is_wrong;
    }
}

static void read_counters(struct reading *reading, struct tryst_policy_request *request)
{
    json_t *counters = json_object_get(reading->object, "counters");
    const char *name;
    json_t *value;

    json_object_foreach(counters, name, value)
    {
        if (request->counter_count == TRYST_POLICY_COUNTERS_MAX ||
            strlen(name) >= TRYST_POLICY_COUNTER_NAME_SIZE || !json_is_integer(value)) {
            complain(reading, "counters", "at most 64 short names of numbers are expected");
            return;
        }
        struct tr_policy_counter *counter = &request->counters[request->counter_count++];
        strncpy(counter->name, name, sizeof counter->name - 1);
        counter->value = (uint64_t)json_integer_value(value);
    }
}

static void read_data(struct reading *reading, struct tryst_policy_request *request)
{
    json_t *data = json_object_get(reading->object, "data");
    size_t size = json_string_length(data);

    if (data == NULL)
        return;
    if (!json_is_string(data) || size > sizeof request->data) {
        complain(reading, "data", "a string of at most 128 bytes is expected");
        return;
    }
    memcpy(request->data, json_string_value(data), size);
    request->data_size = (uint32_t)size;
}

/* A name that is not known is a slip of the pen that would change the question. */
static void check_names(struct reading *reading)
{
    static const char *const known[] = {"hook",    "app",          "session", "participant",
                                        "address", "participants", "data",    "local_addresses",
                                        "time",    "reason",       "counters"};
    const char *name;
    json_t *value;

    json_object_foreach(reading->object, name, value)
    {
        bool is_known = false;

        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
            is_known = is_known || strcmp(name, known[i]) == 0;
        if (!is_known)
            complain(reading, name, "is not in a request");
    }
}

bool tr_request_json_read(struct tryst_policy_request *request, const char *line,
                          char error[TR_REQUEST_JSON_ERROR])
{
    json_error_t wrong;
    struct reading reading = {.object =
                                  json_loads(line, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &wrong),
                              .error = error};

    memset(request, 0, sizeof *request);
    if (!json_is_object(reading.object)) {
        snprintf(error, TR_REQUEST_JSON_ERROR, "no JSON object: %s", wrong.text);
        json_decref(reading.object);
        return false;
    }
    check_names(&reading);
    read_hook(&reading, request);
    read_names(&reading, request);
    read_key(&reading, "participant", json_object_get(reading.object, "participant"), request->key);
    read_address(&reading, "address", text_of(&reading, "address"), &request->address);
    read_lists(&reading, request);
    read_data(&reading, request);
    read_counters(&reading, request);
    request->unix_ms = (uint64_t)(number_of(&reading, "time", 1e12) * 1000);
    request->reason = (uint32_t)number_of(&reading, "reason", 255);
    json_decref(reading.object);
    return !reading.is_wrong;
}

char *tr_answer_json(uint32_t hook, const struct tryst_policy_answer *answer, uint32_t line,
                     double ms)
{
    json_t *object =
        json_pack("{s:i, s:s, s:b, s:f}", "line", (int)line, "hook", tryst_policy_hook_name(hook),
                  "allow", answer->is_allowed && answer->failure == 0, "ms", ms);
    char *text;

    if (answer->failure != 0) {
        json_object_set_new(object, "failure",
                            json_string(tryst_policy_failure_name(answer->failure)));
        json_object_set_new(object, "why", json_string(answer->detail));
    }
    if (answer->reason[0] != '\0')
        json_object_set_new(object, "reason", json_string(answer->reason));
    if (answer->max_participants != 0)
        json_object_set_new(object, "max_participants",
                            json_integer((json_int_t)answer->max_participants));
    if (answer->addresses != 0)
        json_object_set_new(object, "addresses",
                            json_string(tryst_policy_addresses_name(answer->addresses)));
    if (answer->expires_s != 0)
        json_object_set_new(object, "expires_s", json_integer((json_int_t)answer->expires_s));
    if (answer->relay_kbps != 0)
        json_object_set_new(object, "relay_kbps", json_integer((json_int_t)answer->relay_kbps));
    if (answer->data_size > 0 && answer->data_size <= sizeof answer->data) {
        json_t *data = json_stringn((const char *)answer->data, answer->data_size);

        /* Bytes that are no UTF-8 are told by their number. */
        json_object_set_new(object, data != NULL ? "data" : "data_bytes",
                            data != NULL ? data : json_integer((json_int_t)answer->data_size));
    }
    text = json_dumps(object, JSON_REAL_PRECISION(4));
    json_decref(object);
    return text;
}
