/* The policy plug-in for Python: the script runs in worker processes, which can be killed.
 *
 * In the server's own process nothing stops a Python script: it catches whatever is raised to end it,
 * and C code that it calls sees no such thing at all. So the interpreter is in the workers, and this
 * side hands out questions, and judges what comes back. See worker_pool.h for who gets what,
 * worker_jail.h for what a script cannot do, policy_worker.py for what it may answer.
 *
 * Each worker has globals of its own. They last until it is killed, or the rules are loaded again;
 * `state`, a dict of plain data, goes over to the new script.
 * SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <tryst/policy.h>

#include "server/worker_jail.h"
#include "server/worker_pool.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    DEADLINE_MS = 50,
    LOAD_MS = 5000,
    WORKERS = 2,
    MEMORY_BYTES = 256 * 1024 * 1024,
    DUMP_MS = 1000, /* time to get the state out of the old script */
};

struct tryst_policy {
    struct tr_pool pool;
    char *interpreter;
    char *program;
    char *modules;
    char *script;
};

static uint64_t clock_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

/* Milliseconds until then, up to the next whole one; -1: never. */
static int32_t wait_ms(uint64_t then_us, uint64_t now_us)
{
    if (then_us == UINT64_MAX)
        return -1;
    if (then_us <= now_us)
        return 0;

    uint64_t left_ms = (then_us - now_us + 999) / 1000;

    return left_ms > INT32_MAX ? INT32_MAX : (int32_t)left_ms;
}

/* Lives the pool until the errand is over, or until then. */
static void work_until(struct tr_pool *pool, const enum tr_pool_errand *errand, uint64_t until_us)
{
    struct pollfd polled = {.fd = pool->epoll, .events = POLLIN};
    uint64_t now_us = clock_us();

    while (*errand == TR_POOL_UNDERWAY && now_us < until_us) {
        uint64_t next_us = tr_pool_deadline(pool);

        poll(&polled, 1, wait_ms(next_us < until_us ? next_us : until_us, now_us));
        now_us = clock_us();
        tr_pool_process(pool, now_us);
    }
}

/* Tries the script, and takes it if it is good. */
static bool load(struct tryst_policy *policy, bool is_reload, char *error, size_t error_size)
{
    struct tr_pool *pool = &policy->pool;
    struct tr_script script;
    int fault = tr_script_open(&script, policy->script, pool->state, pool->state_size, is_reload);

    if (fault != 0) {
        snprintf(error, error_size, "%s: %s", pool->paths.name, strerror(fault));
        tr_pool_abandon(pool, clock_us());
        return false;
    }
    tr_pool_begin_trial(pool, &script, clock_us());
    work_until(pool, &pool->trial, UINT64_MAX);
    if (pool->trial == TR_POOL_DONE) {
        tr_pool_adopt(pool, clock_us());
        return true;
    }
    snprintf(error, error_size, "%s", pool->error);
    tr_pool_abandon(pool, clock_us());
    return false;
}

/* --- Opening ----------------------------------------------------------------------------------- */

/* Absolute, as a worker starts in another folder. */
static bool find(char **place, const char *path, const char *what, char *error, size_t error_size)
{
    *place = realpath(path, NULL);
    if (*place == NULL)
        snprintf(error, error_size, "%s %s: %s", what, path, strerror(errno));
    return *place != NULL;
}

/* What the build says, or who tries another one. */
static const char *or_else(const char *variable, const char *built_in)
{
    const char *path = secure_getenv(variable);

    return path != NULL && path[0] != '\0' ? path : built_in;
}

static bool find_all(struct tryst_policy *policy, const char *script, char *error,
                     size_t error_size)
{
    return find(&policy->script, script, "the rules", error, error_size) &&
           find(&policy->interpreter, or_else("TRYST_PYTHON", TRYST_PYTHON), "Python", error,
                error_size) &&
           find(&policy->program, or_else("TRYST_WORKER", TRYST_WORKER), "the worker's program",
                error, error_size) &&
           find(&policy->modules, or_else("TRYST_PYTHONDIR", TRYST_PYTHONDIR), "Python's modules",
                error, error_size);
}

static uint32_t or_default(uint32_t set, uint32_t usual)
{
    return set != 0 ? set : usual;
}

static void set_up(struct tryst_policy *policy, const struct tryst_policy_settings *settings,
                   const struct tryst_policy_host *host)
{
    struct tr_pool *pool = &policy->pool;
    uint32_t workers = or_default(settings->workers, WORKERS);

    pool->host = host;
    pool->paths = (struct tr_worker_paths){.interpreter = policy->interpreter,
                                           .program = policy->program,
                                           .modules = policy->modules,
                                           .script = policy->script,
                                           .name = settings->script};
    pool->memory_bytes = or_default(settings->memory_bytes, MEMORY_BYTES);
    pool->deadline_us = or_default(settings->deadline_ms, DEADLINE_MS) * (uint64_t)1000;
    pool->load_us = or_default(settings->load_ms, LOAD_MS) * (uint64_t)1000;
    pool->seat_count = workers < TR_POOL_SEATS ? workers : TR_POOL_SEATS;
}

static void policy_close(struct tryst_policy *policy)
{
    tr_pool_clear(&policy->pool);
    free(policy->interpreter);
    free(policy->program);
    free(policy->modules);
    free(policy->script);
    free(policy);
}

static void warn_of_kernel(const struct tryst_policy_host *host)
{
    if (!tr_jail_has_seccomp())
        host->log(host->context, 1,
                  "this kernel does not keep scripts from making processes and sockets");
    if (!tr_jail_has_landlock())
        host->log(host->context, 1, "this kernel does not keep scripts from removing files");
}

/* The thread that calls this is the workers' parent: they end when it does. */
static struct tryst_policy *policy_open(const struct tryst_policy_settings *settings,
                                        const struct tryst_policy_host *host, char *error,
                                        size_t error_size)
{
    struct tryst_policy *policy = calloc(1, sizeof *policy);

    if (policy == NULL || !tr_pool_init(&policy->pool)) {
        snprintf(error, error_size, "no memory or descriptors left");
        free(policy);
        return NULL;
    }
    if (find_all(policy, settings->script, error, error_size)) {
        set_up(policy, settings, host);
        if (load(policy, false, error, error_size)) {
            warn_of_kernel(host);
            return policy;
        }
    }
    policy_close(policy);
    return NULL;
}

/* --- Running ----------------------------------------------------------------------------------- */

static uint32_t policy_hooks(struct tryst_policy *policy)
{
    return policy->pool.hooks;
}

static void policy_submit(struct tryst_policy *policy, uint32_t ticket, const void *data,
                          size_t size)
{
    struct tr_pool *pool = &policy->pool;
    struct tryst_policy_request *request = NULL;
    struct tryst_policy_answer answer = {.struct_size = sizeof answer, .is_allowed = 1};
    uint32_t hook;

    if (size > TRYST_POLICY_REQUEST_MAX ||
        tryst_policy_request_decode(&request, data, size) != TRYST_OK) {
        tr_worker_fail(&answer, TRYST_POLICY_FAILURE_ERROR, "a request that cannot be read");
        pool->host->answer(pool->host->context, ticket, &answer);
        return;
    }
    hook = tryst_policy_request_hook(request);
    tryst_policy_request_destroy(request);
    if (hook > TRYST_POLICY_RELAY || (pool->hooks >> hook & 1) == 0) {
        pool->host->answer(pool->host->context, ticket, &answer);
        return;
    }
    /* Who submits without end does not call process. */
    tr_pool_process(pool, clock_us());
    tr_pool_submit(pool, ticket, hook, data, size, clock_us());
}

static void policy_expire(struct tryst_policy *policy, uint32_t ticket)
{
    tr_pool_expire(&policy->pool, ticket);
    tr_pool_process(&policy->pool, clock_us());
}

static tryst_result policy_reload(struct tryst_policy *policy, char *error, size_t error_size)
{
    struct tr_pool *pool = &policy->pool;
    bool is_good;

    if (pool->has_state) {
        tr_pool_begin_dump(pool, clock_us());
        work_until(pool, &pool->dump, clock_us() + DUMP_MS * (uint64_t)1000);
        if (pool->dump == TR_POOL_FAILED) {
            snprintf(error, error_size, "%s", pool->error);
            tr_pool_abandon(pool, clock_us());
            return TRYST_E_STATE;
        }
        if (pool->dump == TR_POOL_UNDERWAY)
            pool->host->log(pool->host->context, 1,
                            "no worker is up: the state of the rules is lost");
    }
    is_good = load(policy, true, error, error_size);
    free(pool->state);
    pool->state = NULL;
    pool->state_size = 0;
    pool->dump = TR_POOL_NOTHING;
    return is_good ? TRYST_OK : TRYST_E_STATE;
}

static int32_t policy_descriptor(struct tryst_policy *policy)
{
    return policy->pool.epoll;
}

static int32_t policy_timeout_ms(struct tryst_policy *policy)
{
    return wait_ms(tr_pool_deadline(&policy->pool), clock_us());
}

static void policy_process(struct tryst_policy *policy)
{
    tr_pool_process(&policy->pool, clock_us());
}

/* --- What is exported -------------------------------------------------------------------------- */

__attribute__((visibility("default"))) const struct tryst_policy_plugin *
tryst_policy_plugin_v1(void);

const struct tryst_policy_plugin *tryst_policy_plugin_v1(void)
{
    static const struct tryst_policy_plugin plugin = {.struct_size = sizeof plugin,
                                                      .abi = TRYST_POLICY_ABI,
                                                      .name = "python",
                                                      .open = policy_open,
                                                      .hooks = policy_hooks,
                                                      .submit = policy_submit,
                                                      .expire = policy_expire,
                                                      .reload = policy_reload,
                                                      .descriptor = policy_descriptor,
                                                      .timeout_ms = policy_timeout_ms,
                                                      .process = policy_process,
                                                      .close = policy_close};

    return &plugin;
}
