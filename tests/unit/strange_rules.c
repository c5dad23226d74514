/* A plug-in for the tests of the desk: what it does follows from a request's user data.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <tryst/policy.h>
#include <unistd.h>

TRYST_API const struct tryst_policy_plugin *tryst_policy_plugin_v1(void);

struct tryst_policy {
    const struct tryst_policy_host *host;
    uint32_t kept; /* a ticket that process answers */
    int pipe[2];
    uint32_t loads;
};

static struct tryst_policy *open_rules(const struct tryst_policy_settings *settings,
                                       const struct tryst_policy_host *host, char *error,
                                       size_t error_size)
{
    struct tryst_policy *policy = calloc(1, sizeof(*policy));
    if (settings->workers == 13) { /* what a test says that wants a load to fail */
        snprintf(error, error_size, "strange.lua:7: thirteen is too many");
        free(policy);
        return NULL;
    }
    policy->host = host;
    if (pipe(policy->pipe) != 0)
        abort();
    return policy;
}

static uint32_t hooks(struct tryst_policy *policy)
{
    return policy->loads == 0 ? 1u << TRYST_POLICY_JOIN | 1u << TRYST_POLICY_TICK
                              : 1u << TRYST_POLICY_REGISTER;
}

static void answer(struct tryst_policy *policy, uint32_t ticket, const char *reason)
{
    struct tryst_policy_answer said = {.struct_size = sizeof(said), .is_allowed = reason == NULL};
    if (reason != NULL)
        snprintf(said.reason, sizeof(said.reason), "%s", reason);
    policy->host->answer(policy->host->context, ticket, &said);
}

static void submit(struct tryst_policy *policy, uint32_t ticket, const void *data, size_t size)
{
    struct tryst_policy_request *request;
    size_t said_size;
    if (tryst_policy_request_decode(&request, data, size) != TRYST_OK)
        abort();
    const char *said = tryst_policy_request_data(request, &said_size);
    char wish = said != NULL ? *said : 'y';
    tryst_policy_request_destroy(request);
    switch (wish) {
    case 'n':
        answer(policy, ticket, "no");
        break;
    case 's': /* slow: the thread is held */
        nanosleep(&(struct timespec){.tv_nsec = 300 * 1000 * 1000}, NULL);
        answer(policy, ticket, NULL);
        break;
    case 'l': /* later, from process */
        policy->kept = ticket;
        if (write(policy->pipe[1], "", 1) != 1)
            abort();
        break;
    case 't': /* twice, and for tickets that are none */
        answer(policy, ticket, "first");
        answer(policy, ticket, NULL);
        answer(policy, ticket + 1, NULL);
        answer(policy, 0, NULL);
        break;
    case 'f': /* floods the log */
        for (int i = 0; i < 2000; i++)
            policy->host->log(policy->host->context, 2, "and another line");
        answer(policy, ticket, NULL);
        break;
    case '-': /* never */
        break;
    default:
        answer(policy, ticket, NULL);
    }
}

static void expire(struct tryst_policy *policy, uint32_t ticket)
{
    (void)ticket;
    policy->host->log(policy->host->context, 1, "expired");
}

static tryst_result reload(struct tryst_policy *policy, char *error, size_t error_size)
{
    if (policy->loads++ == 0)
        return TRYST_OK;
    snprintf(error, error_size, "strange.lua:9: not again");
    return TRYST_E_FORMAT;
}

static int32_t descriptor(struct tryst_policy *policy)
{
    return policy->pipe[0];
}

static void process(struct tryst_policy *policy)
{
    char byte;
    if (policy->kept != 0 && read(policy->pipe[0], &byte, 1) == 1)
        answer(policy, policy->kept, "later");
    policy->kept = 0;
}

static void close_rules(struct tryst_policy *policy)
{
    close(policy->pipe[0]);
    close(policy->pipe[1]);
    free(policy);
}

const struct tryst_policy_plugin *tryst_policy_plugin_v1(void)
{
    static const struct tryst_policy_plugin plugin = {.struct_size = sizeof(plugin),
                                                      .abi = TRYST_POLICY_ABI,
                                                      .name = "strange",
                                                      .open = open_rules,
                                                      .hooks = hooks,
                                                      .submit = submit,
                                                      .expire = expire,
                                                      .reload = reload,
                                                      .descriptor = descriptor,
                                                      .process = process,
                                                      .close = close_rules};
    return &plugin;
}
