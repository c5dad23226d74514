/* Handing out tasks, hearing workers, replacing those that broke.
 * SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "server/worker_pool.h"

#include "server/worker_seat.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

enum {
    EVENTS = 64,
    REAP_US = 5 * 1000, /* how often it is looked whether a killed process is gone */
    DUMP_US = 500 * 1000,
};

/* --- Tasks ------------------------------------------------------------------------------------- */

static void conclude(struct tr_pool *pool, struct tr_task *task,
                     const struct tryst_policy_answer *answer)
{
    if (!task->is_answered)
        pool->host->answer(pool->host->context, task->ticket, answer);
    free(task);
}

/* A worker is through with its task, or will not be. */
static void finish(struct tr_pool *pool, struct tr_worker *worker,
                   const struct tryst_policy_answer *answer)
{
    struct tr_task *task = worker->task;

    worker->task = NULL;
    task->running--;
    if (task->hook == TR_WORKER_DUMP) {
        if (pool->dump == TR_POOL_UNDERWAY) {
            pool->dump = TR_POOL_FAILED;
            snprintf(pool->error, sizeof pool->error, "%s",
                     answer->detail[0] != '\0' ? answer->detail : "no memory left");
        }
        free(task);
        return;
    }
    if (!task->is_telling) {
        conclude(pool, task, answer);
        return;
    }
    if (answer->failure != 0 && task->answer.failure == 0)
        task->answer = *answer;
    if (!task->is_waiting && task->running == 0)
        conclude(pool, task, &task->answer);
}

void tr_pool_end_worker(struct tr_pool *pool, struct tr_worker *worker,
                        enum tryst_policy_failure failure, const char *detail, uint64_t now_us)
{
    struct tryst_policy_answer answer;

    tr_worker_end(worker, pool->host, now_us);
    tr_pool_leave_seat(pool, worker, now_us);
    if (worker == pool->tried) {
        pool->tried = NULL;
        pool->trial = TR_POOL_FAILED;
        snprintf(pool->error, sizeof pool->error, "%s", detail);
    }
    tr_worker_fail(&answer, failure, detail);
    if (worker->task != NULL)
        finish(pool, worker, &answer);
}

static bool give(struct tr_pool *pool, struct tr_worker *worker, struct tr_task *task,
                 uint64_t now_us)
{
    uint64_t limit_us = task->hook == TR_WORKER_DUMP ? DUMP_US : pool->deadline_us;

    if (tr_worker_ask(worker, task->hook, task->data, task->size, now_us + limit_us)) {
        worker->task = task;
        task->running++;
        return true;
    }
    worker->is_unasked = true;
    tr_pool_end_worker(pool, worker, TRYST_POLICY_FAILURE_CRASH, "its process ended", now_us);
    return false;
}

/* Whether the task is with all who get it. */
static bool hand_out(struct tr_pool *pool, struct tr_task *task, uint64_t now_us)
{
    struct tr_worker *worker;

    if (!task->is_telling) {
        while ((worker = tr_pool_idle_worker(pool)) != NULL)
            if (give(pool, worker, task, now_us))
                return true;
        return false;
    }
    for (uint32_t i = 0; i < pool->seat_count; i++) {
        worker = pool->seats[i].worker;
        if ((task->hearers >> i & 1) == 0 || worker->state != TR_WORKER_IDLE)
            continue;
        if (give(pool, worker, task, now_us))
            task->hearers &= ~(1u << i);
    }
    return task->hearers == 0;
}

/* In the order in which they came, so that each worker hears of things in that order. */
static void hand_out_all(struct tr_pool *pool, uint64_t now_us)
{
    struct tr_task *previous = NULL;
    struct tr_task *task = pool->tasks.first;
    bool is_nobody_idle = false;

    while (task != NULL && !pool->is_held) {
        struct tr_task *next = task->next;

        if ((is_nobody_idle && !task->is_telling) || !hand_out(pool, task, now_us)) {
            is_nobody_idle = is_nobody_idle || !task->is_telling;
            previous = task;
        } else {
            tr_tasks_take(&pool->tasks, previous);
            if (task->running == 0)
                conclude(pool, task, &task->answer);
        }
        task = next;
    }
}

void tr_pool_submit(struct tr_pool *pool, uint32_t ticket, uint32_t hook, const void *data,
                    size_t size, uint64_t now_us)
{
    struct tr_task *task = tr_tasks_put(&pool->tasks, ticket, hook, data, size);
    struct tryst_policy_answer answer;

    if (task == NULL) {
        tr_worker_fail(&answer, TRYST_POLICY_FAILURE_OVERLOAD, "too many questions wait already");
        pool->host->answer(pool->host->context, ticket, &answer);
        return;
    }
    task->is_telling = !pool->has_state && hook >= TRYST_POLICY_LEAVE && hook <= TRYST_POLICY_TICK;
    if (task->is_telling) {
        task->hearers = tr_pool_seats_taken(pool);
        if (task->hearers == 0)
            tr_worker_fail(&task->answer, TRYST_POLICY_FAILURE_CRASH, "no worker is up");
    }
    hand_out_all(pool, now_us);
}

void tr_pool_expire(struct tr_pool *pool, uint32_t ticket)
{
    struct tr_task *previous = NULL;

    if (ticket == 0)
        return;

    for (struct tr_worker *worker = pool->workers; worker != NULL; worker = worker->next)
        if (worker->task != NULL && worker->task->ticket == ticket)
            worker->task->is_answered = true;
    for (struct tr_task *task = pool->tasks.first; task != NULL; task = task->next) {
        if (task->ticket == ticket) {
            if (task->is_telling)
                task->is_answered = true;
            else
                free(tr_tasks_take(&pool->tasks, previous));
            return;
        }
        previous = task;
    }
}

/* --- Hearing workers --------------------------------------------------------------------------- */

static void take_dump(struct tr_pool *pool, struct tr_worker *worker,
                      const struct tr_worker_reply *reply)
{
    struct tryst_policy_answer answer;

    tr_worker_reply_answer(reply, &answer);
    if (pool->dump == TR_POOL_UNDERWAY && reply->is_allowed != 0) {
        pool->state = malloc(reply->value + 1u);
        if (pool->state != NULL && tr_worker_copy_state(worker, pool->state, reply->value)) {
            pool->state_size = reply->value;
            pool->dump = TR_POOL_DONE;
            pool->is_held = true;
        }
    }
    finish(pool, worker, &answer);
}

static void hear_loaded(struct tr_pool *pool, struct tr_worker *worker,
                        const struct tr_worker_reply *reply, uint64_t now_us)
{
    if (reply->word == TR_WORKER_FAILED) {
        if (worker != pool->tried)
            pool->host->log(pool->host->context, 0, reply->detail);
        tr_pool_end_worker(pool, worker, TRYST_POLICY_FAILURE_ERROR, reply->detail, now_us);
        return;
    }
    if (worker == pool->tried && pool->trial == TR_POOL_UNDERWAY) {
        pool->tried_hooks = reply->value;
        pool->tried_has_state = reply->is_allowed != 0;
        pool->trial = TR_POOL_DONE;
        return;
    }
    tr_pool_seek_leader(pool);
}

static void hear(struct tr_pool *pool, struct tr_worker *worker, uint64_t now_us)
{
    struct tr_worker_reply reply;
    struct tryst_policy_answer answer;
    const char *fault;

    if (!tr_worker_take(worker, &reply, &fault)) {
        if (fault == NULL)
            return;
        worker->is_unasked = true;
        tr_pool_end_worker(pool, worker, TRYST_POLICY_FAILURE_CRASH, fault, now_us);
        return;
    }
    if (worker->task == NULL) {
        hear_loaded(pool, worker, &reply, now_us);
        return;
    }
    if ((worker->task->hook == TR_WORKER_DUMP) != (reply.word == TR_WORKER_DUMPED)) {
        worker->is_unasked = true;
        tr_pool_end_worker(pool, worker, TRYST_POLICY_FAILURE_CRASH, "a reply of another kind",
                           now_us);
        return;
    }
    worker->answered++;
    if (reply.word == TR_WORKER_DUMPED) {
        take_dump(pool, worker, &reply);
    } else {
        tr_worker_reply_answer(&reply, &answer);
        finish(pool, worker, &answer);
    }
    if (worker->is_retiring)
        tr_pool_end_worker(pool, worker, TRYST_POLICY_FAILURE_NONE, "", now_us);
}

static void hear_all(struct tr_pool *pool, uint64_t now_us)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(pool->epoll, events, EVENTS, 0);

    /* A worker is freed only by tick, so none of these is gone yet. Bit 0 tells its pipe from its
     * channel. */
    for (int i = 0; i < count; i++) {
        uintptr_t mark = (uintptr_t)events[i].data.u64;
        struct tr_worker *worker = (struct tr_worker *)(mark & ~(uintptr_t)1);

        if (worker->state == TR_WORKER_ENDED)
            continue;
        if ((mark & 1) == 0)
            hear(pool, worker, now_us);
        else
            tr_output_read(&worker->output, pool->host, now_us);
    }
}

/* --- Time -------------------------------------------------------------------------------------- */

static void end_late(struct tr_pool *pool, struct tr_worker *worker, uint64_t now_us)
{
    char detail[TRYST_POLICY_DETAIL_MAX + 1];
    bool is_loading = worker->state == TR_WORKER_STARTING;
    uint64_t limit_us = is_loading ? pool->load_us : pool->deadline_us;

    snprintf(detail, sizeof detail, "%s: not %s after %u ms, so its worker was killed",
             is_loading ? pool->paths.name : tryst_policy_hook_name(worker->task->hook),
             is_loading ? "loaded" : "done", (unsigned)(limit_us / 1000));
    if (worker != pool->tried)
        pool->host->log(pool->host->context, 1, detail);
    tr_pool_end_worker(pool, worker, TRYST_POLICY_FAILURE_TIMEOUT, detail, now_us);
}

static void reap(struct tr_pool *pool, uint64_t now_us)
{
    struct tr_worker **place = &pool->workers;
    struct tr_worker *worker;
    int status;

    while ((worker = *place) != NULL) {
        if (worker->state != TR_WORKER_ENDED || !tr_worker_reap(worker, &status)) {
            if (worker->state == TR_WORKER_ENDED)
                worker->deadline_us = now_us + REAP_US;
            place = &worker->next;
            continue;
        }
        *place = worker->next;
        tr_pool_tell_end(pool, worker, status);
        tr_worker_destroy(worker);
    }
}

static void tick(struct tr_pool *pool, uint64_t now_us)
{
    for (struct tr_worker *worker = pool->workers; worker != NULL; worker = worker->next) {
        bool is_owing = worker->state == TR_WORKER_STARTING || worker->state == TR_WORKER_BUSY;

        if (is_owing && now_us >= worker->deadline_us)
            end_late(pool, worker, now_us);
        if (worker->state == TR_WORKER_ENDED)
            continue;
        tr_output_tick(&worker->output, pool->host, now_us);
        tr_pool_watch_output(pool, worker, tr_output_is_wanted(&worker->output));
    }
    reap(pool, now_us);
    tr_pool_fill_seats(pool, now_us);
}

void tr_pool_process(struct tr_pool *pool, uint64_t now_us)
{
    hear_all(pool, now_us);
    tick(pool, now_us);
    hand_out_all(pool, now_us);
}

static void sooner(uint64_t *next_us, uint64_t then_us)
{
    if (then_us < *next_us)
        *next_us = then_us;
}

uint64_t tr_pool_deadline(const struct tr_pool *pool)
{
    uint64_t next_us = UINT64_MAX;

    for (const struct tr_worker *worker = pool->workers; worker != NULL; worker = worker->next) {
        if (worker->state != TR_WORKER_IDLE)
            sooner(&next_us, worker->deadline_us);
        if (worker->state != TR_WORKER_ENDED)
            sooner(&next_us, tr_output_deadline(&worker->output));
    }
    for (uint32_t i = 0; i < pool->seat_count; i++)
        if (pool->seats[i].worker == NULL)
            sooner(&next_us, pool->seats[i].start_us);
    return next_us;
}
