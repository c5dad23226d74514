/* Requests to the server's rules: their bytes, what is in them, and the words of the policy's tables.
 * SPDX-License-Identifier: MIT */
#include <tryst/policy.h>

#include "lib/wire/cursor.h"
#include "lib/wire/policy_request.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { FORMAT = 1 }; /* the first byte */

static_assert(sizeof(struct tryst_address) == 24, "an address is written field by field");

const char *tryst_policy_hook_name(uint32_t hook)
{
    switch (hook) {
#define HOOK_ROW(name, number, hook_name)                                                          \
    case (number):                                                                                 \
        return hook_name;
        TRYST_POLICY_HOOKS(HOOK_ROW)
#undef HOOK_ROW
    default:
        return "unknown";
    }
}

const char *tryst_policy_addresses_name(uint32_t addresses)
{
    switch (addresses) {
#define ADDRESSES_ROW(name, number, text)                                                          \
    case (number):                                                                                 \
        return text;
        TRYST_POLICY_ADDRESSES(ADDRESSES_ROW)
#undef ADDRESSES_ROW
    default:
        return "unknown";
    }
}

const char *tryst_policy_failure_name(uint32_t failure)
{
    switch (failure) {
#define FAILURE_ROW(name, number, text)                                                            \
    case (number):                                                                                 \
        return text;
        TRYST_POLICY_FAILURES(FAILURE_ROW)
#undef FAILURE_ROW
    default:
        return "unknown";
    }
}

/* --- Bytes ------------------------------------------------------------------------------------- */

static void write_address(struct tr_writer *writer, const struct tryst_address *address)
{
    tr_writer_number(writer, address->family, 1);
    tr_writer_number(writer, address->port, 2);
    tr_writer_number(writer, address->scope, 4);
    tr_writer_bytes(writer, address->ip, sizeof address->ip);
}

static void read_address(struct tr_reader *reader, struct tryst_address *address)
{
    address->family = (uint8_t)tr_reader_number(reader, 1);
    address->port = (uint16_t)tr_reader_number(reader, 2);
    address->scope = (uint32_t)tr_reader_number(reader, 4);
    tr_reader_bytes(reader, address->ip, sizeof address->ip);
}

size_t tr_policy_request_encode(const struct tryst_policy_request *request, void *data)
{
    struct tr_writer writer;

    tr_writer_init(&writer, data, TRYST_POLICY_REQUEST_MAX);
    tr_writer_number(&writer, FORMAT, 1);
    tr_writer_number(&writer, request->hook, 1);
    tr_writer_number(&writer, request->reason, 2);
    tr_writer_number(&writer, request->unix_ms, 8);
    tr_writer_bytes(&writer, request->app, sizeof request->app);
    tr_writer_bytes(&writer, request->session, sizeof request->session);
    tr_writer_bytes(&writer, request->key, sizeof request->key);
    write_address(&writer, &request->address);
    tr_writer_number(&writer, request->local_count, 1);
    for (uint32_t i = 0; i < request->local_count; i++)
        write_address(&writer, &request->locals[i]);
    tr_writer_number(&writer, request->data_size, 1);
    tr_writer_bytes(&writer, request->data, request->data_size);
    tr_writer_number(&writer, request->participant_count, 2);
    for (uint32_t i = 0; i < request->participant_count; i++) {
        tr_writer_bytes(&writer, request->participants[i].key, 32);
        tr_writer_number(&writer, request->participants[i].present_ms, 4);
    }
    tr_writer_number(&writer, request->counter_count, 1);
    for (uint32_t i = 0; i < request->counter_count; i++) {
        tr_writer_bytes(&writer, request->counters[i].name, TRYST_POLICY_COUNTER_NAME_SIZE);
        tr_writer_number(&writer, request->counters[i].value, 8);
    }
    assert(!writer.fault);
    return tr_writer_used(&writer);
}

/* A count that is past the room for it, or past what follows, is a fault. */
static uint32_t read_count(struct tr_reader *reader, size_t size, uint32_t most)
{
    uint32_t count = (uint32_t)tr_reader_number(reader, size);

    if (count > most)
        reader->fault = true;
    return reader->fault ? 0 : count;
}

static void read_request(struct tr_reader *reader, struct tryst_policy_request *request)
{
    request->hook = (uint32_t)tr_reader_number(reader, 1);
    request->reason = (uint32_t)tr_reader_number(reader, 2);
    request->unix_ms = tr_reader_number(reader, 8);
    tr_reader_bytes(reader, request->app, sizeof request->app);
    tr_reader_bytes(reader, request->session, sizeof request->session);
    tr_reader_bytes(reader, request->key, sizeof request->key);
    read_address(reader, &request->address);
    request->local_count = read_count(reader, 1, TRYST_POLICY_LOCAL_MAX);
    for (uint32_t i = 0; i < request->local_count; i++)
        read_address(reader, &request->locals[i]);
    request->data_size = read_count(reader, 1, TRYST_USER_DATA_MAX);
    tr_reader_bytes(reader, request->data, request->data_size);
    request->participant_count = read_count(reader, 2, TRYST_POLICY_PARTICIPANTS_MAX);
    for (uint32_t i = 0; i < request->participant_count; i++) {
        tr_reader_bytes(reader, request->participants[i].key, 32);
        request->participants[i].present_ms = (uint32_t)tr_reader_number(reader, 4);
    }
    request->counter_count = read_count(reader, 1, TRYST_POLICY_COUNTERS_MAX);
    for (uint32_t i = 0; i < request->counter_count; i++) {
        tr_reader_bytes(reader, request->counters[i].name, TRYST_POLICY_COUNTER_NAME_SIZE);
        request->counters[i].name[TRYST_POLICY_COUNTER_NAME_SIZE - 1] = '\0';
        request->counters[i].value = tr_reader_number(reader, 8);
    }
}

tryst_result tryst_policy_request_decode(struct tryst_policy_request **request, const void *data,
                                         size_t size)
{
    struct tr_reader reader;

    if (request == NULL || data == NULL)
        return TRYST_E_ARGUMENT;

    struct tryst_policy_request *made = calloc(1, sizeof *made);

    if (made == NULL)
        return TRYST_E_MEMORY;
    tr_reader_init(&reader, data, size);
    if (tr_reader_number(&reader, 1) != FORMAT)
        reader.fault = true;
    read_request(&reader, made);
    if (reader.fault) {
        free(made);
        return TRYST_E_FORMAT;
    }
    *request = made;
    return TRYST_OK;
}

void tryst_policy_request_destroy(struct tryst_policy_request *request)
{
    free(request);
}

/* --- What is in them --------------------------------------------------------------------------- */

uint32_t tryst_policy_request_hook(const struct tryst_policy_request *request)
{
    return request != NULL ? request->hook : 0;
}

uint64_t tryst_policy_request_unix_ms(const struct tryst_policy_request *request)
{
    return request != NULL ? request->unix_ms : 0;
}

uint32_t tryst_policy_request_reason(const struct tryst_policy_request *request)
{
    return request != NULL ? request->reason : 0;
}

const uint8_t *tryst_policy_request_app(const struct tryst_policy_request *request)
{
    return request != NULL ? request->app : NULL;
}

const uint8_t *tryst_policy_request_session(const struct tryst_policy_request *request)
{
    return request != NULL ? request->session : NULL;
}

const uint8_t *tryst_policy_request_key(const struct tryst_policy_request *request)
{
    return request != NULL ? request->key : NULL;
}

struct tryst_address tryst_policy_request_address(const struct tryst_policy_request *request)
{
    static const struct tryst_address none;

    return request != NULL ? request->address : none;
}

tryst_result tryst_policy_request_local(const struct tryst_policy_request *request,
                                        struct tryst_address *addresses, size_t max)
{
    if (request == NULL || (addresses == NULL && max > 0))
        return TRYST_E_ARGUMENT;
    for (uint32_t i = 0; i < request->local_count && i < max; i++)
        addresses[i] = request->locals[i];
    return (tryst_result)request->local_count;
}

const void *tryst_policy_request_data(const struct tryst_policy_request *request, size_t *size)
{
    size_t found = request != NULL ? request->data_size : 0;

    if (size != NULL)
        *size = found;
    return found > 0 ? request->data : NULL;
}

uint32_t tryst_policy_request_participants(const struct tryst_policy_request *request)
{
    return request != NULL ? request->participant_count : 0;
}

const uint8_t *tryst_policy_request_participant_key(const struct tryst_policy_request *request,
                                                    uint32_t index)
{
    return index < tryst_policy_request_participants(request) ? request->participants[index].key
                                                              : NULL;
}

uint32_t tryst_policy_request_participant_ms(const struct tryst_policy_request *request,
                                             uint32_t index)
{
    return index < tryst_policy_request_participants(request)
               ? request->participants[index].present_ms
               : 0;
}

uint32_t tryst_policy_request_counters(const struct tryst_policy_request *request)
{
    return request != NULL ? request->counter_count : 0;
}

const char *tryst_policy_request_counter_name(const struct tryst_policy_request *request,
                                              uint32_t index)
{
    return index < tryst_policy_request_counters(request) ? request->counters[index].name : NULL;
}

uint64_t tryst_policy_request_counter_value(const struct tryst_policy_request *request,
                                            uint32_t index)
{
    return index < tryst_policy_request_counters(request) ? request->counters[index].value : 0;
}
