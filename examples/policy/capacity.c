/* A server's rules in plain C: so many may be in a session, and no more.
 *
 *     cc -shared -fPIC -o capacity.so capacity.c $(pkg-config --cflags --libs tryst)
 *     trystd --policy ./capacity.so
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tryst/policy.h>

enum { CAPACITY = 2 };

/* The only symbol that trystd looks for. */
TRYST_API const struct tryst_policy_plugin *tryst_policy_plugin_v1(void);

struct tryst_policy {
    const struct tryst_policy_host *host;
    uint32_t refused;
};

static struct tryst_policy *open_rules(const struct tryst_policy_settings *settings,
                                       const struct tryst_policy_host *host, char *error,
                                       size_t error_size)
{
    struct tryst_policy *policy = calloc(1, sizeof(*policy));
    (void)settings;
    if (policy == NULL)
        snprintf(error, error_size, "no memory left");
    else
        policy->host = host;
    return policy;
}

static uint32_t hooks(struct tryst_policy *policy)
{
    (void)policy;
    return 1u << TRYST_POLICY_JOIN;
}

/* An answer may also come later, from process. */
static void submit(struct tryst_policy *policy, uint32_t ticket, const void *data, size_t size)
{
    struct tryst_policy_answer answer = {.struct_size = sizeof(answer)};
    struct tryst_policy_request *request;
    if (tryst_policy_request_decode(&request, data, size) != TRYST_OK) {
        answer.failure = TRYST_POLICY_FAILURE_ERROR;
        snprintf(answer.detail, sizeof(answer.detail), "this is no request");
        policy->host->answer(policy->host->context, ticket, &answer);
        return;
    }
    answer.is_allowed = tryst_policy_request_participants(request) < CAPACITY;
    if (!answer.is_allowed) {
        policy->refused++;
        snprintf(answer.reason, sizeof(answer.reason), "full; you are number %u to ask",
                 (unsigned)policy->refused);
    }
    tryst_policy_request_destroy(request);
    policy->host->answer(policy->host->context, ticket, &answer);
}

static void close_rules(struct tryst_policy *policy)
{
    free(policy);
}

const struct tryst_policy_plugin *tryst_policy_plugin_v1(void)
{
    static const struct tryst_policy_plugin plugin = {.struct_size = sizeof(plugin),
                                                      .abi = TRYST_POLICY_ABI,
                                                      .name = "capacity",
                                                      .open = open_rules,
                                                      .hooks = hooks,
                                                      .submit = submit,
                                                      .close = close_rules};
    return &plugin;
}
