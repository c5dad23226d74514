/* A question to the server's rules, as the server fills it in and a plug-in reads it.
 * SPDX-License-Identifier: MIT */
#ifndef TR_POLICY_REQUEST_H
#define TR_POLICY_REQUEST_H

#include <tryst/policy.h>

struct tr_policy_participant {
    uint8_t key[32];
    uint32_t present_ms;
};

struct tr_policy_counter {
    char name[TRYST_POLICY_COUNTER_NAME_SIZE];
    uint64_t value;
};

/* Only the first of the counted ones are read. */
struct tryst_policy_request {
    uint32_t hook;
    uint32_t reason;
    uint64_t unix_ms;
    uint8_t app[TRYST_APP_ID_SIZE];
    uint8_t session[TRYST_SESSION_ID_SIZE];
    uint8_t key[32];
    struct tryst_address address;
    uint32_t local_count;
    uint32_t data_size;
    uint32_t participant_count;
    uint32_t counter_count;
    struct tryst_address locals[TRYST_POLICY_LOCAL_MAX];
    uint8_t data[TRYST_USER_DATA_MAX];
    struct tr_policy_participant participants[TRYST_POLICY_PARTICIPANTS_MAX];
    struct tr_policy_counter counters[TRYST_POLICY_COUNTERS_MAX];
};

/* Writes the bytes that tryst_policy_request_decode reads. data: TRYST_POLICY_REQUEST_MAX bytes of room.
 * Returns how many were written. */
size_t tr_policy_request_encode(const struct tryst_policy_request *request, void *data);

#endif
