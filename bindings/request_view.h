/* What the attributes of a PolicyRequest give. Written into the generated wrappers.
 * SPDX-License-Identifier: MIT */
#ifndef TR_REQUEST_VIEW_H
#define TR_REQUEST_VIEW_H

/* enum tryst_reason, as scripts say it. */
typedef uint32_t tr_reason;

/* The participants and the counters in a request, as a list and by name. */
struct tr_participants {
    const struct tryst_policy_request *request;
};

struct tr_counters {
    const struct tryst_policy_request *request;
};

struct tr_address_value {
    struct tryst_address value;
};

static struct tryst_policy_request *tr_policy_request_create(const void *data, size_t size,
                                                             tryst_result *result)
{
    struct tryst_policy_request *request = NULL;
    *result = tryst_policy_request_decode(&request, data, size);
    return request;
}

static const char *tryst_policy_request_hook_get(const struct tryst_policy_request *request)
{
    return tryst_policy_hook_name(tryst_policy_request_hook(request));
}

/* Seconds since 1970. */
static double tryst_policy_request_time_get(const struct tryst_policy_request *request)
{
    return (double)tryst_policy_request_unix_ms(request) / 1000.0;
}

static tr_reason tryst_policy_request_reason_get(const struct tryst_policy_request *request)
{
    return tryst_policy_request_reason(request);
}

static struct tr_bytes tryst_policy_request_app_get(const struct tryst_policy_request *request)
{
    struct tr_bytes id = {tryst_policy_request_app(request), TRYST_APP_ID_SIZE, {0}};
    return id;
}

static struct tr_bytes tryst_policy_request_session_get(const struct tryst_policy_request *request)
{
    struct tr_bytes id = {tryst_policy_request_session(request), TRYST_SESSION_ID_SIZE, {0}};
    return id;
}

static struct tr_bytes
tryst_policy_request_participant_get(const struct tryst_policy_request *request)
{
    struct tr_bytes key = {tryst_policy_request_key(request), TRYST_KEY_SIZE, {0}};
    return key;
}

static struct tr_bytes tryst_policy_request_data_get(const struct tryst_policy_request *request)
{
    struct tr_bytes bytes = {NULL, 0, {0}};
    bytes.data = tryst_policy_request_data(request, &bytes.size);
    return bytes;
}

static struct tr_address_list
tryst_policy_request_local_addresses_get(const struct tryst_policy_request *request)
{
    struct tr_address_list addresses = {0, {{0, 0, 0, 0, {0}}}};
    addresses.count = tryst_policy_request_local(request, addresses.list, TRYST_LOCAL_MAX);
    return addresses;
}

static struct tr_participants
tryst_policy_request_participants_get(const struct tryst_policy_request *request)
{
    struct tr_participants participants = {request};
    return participants;
}

static struct tr_counters
tryst_policy_request_counters_get(const struct tryst_policy_request *request)
{
    struct tr_counters counters = {request};
    return counters;
}

static struct tr_address_value
tryst_policy_request_address_get(const struct tryst_policy_request *request)
{
    struct tr_address_value address;
    address.value = tryst_policy_request_address(request);
    return address;
}

#endif
