/* Filling the seats of a pool; loading and swapping scripts.
 * SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "server/worker_seat.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    BACKOFF_US = 50 * 1000, /* before the third in a row that never answered; doubles */
    BACKOFF_MAX_US = 5 * 1000 * 1000,
    UNREAPED_MAX = 64, /* processes that do not end though killed, as with a dead disk */
    CLEAR_ROUNDS = 400,
    CLEAR_ROUND_NS = 1000 * 1000,
};

/* --- Who is there ------------------------------------------------------------------------------ */

static bool is_up(const struct tr_worker *worker)
{
    return worker != NULL && (worker->state == TR_WORKER_IDLE || worker->state == TR_WORKER_BUSY);
}

struct tr_worker *tr_pool_idle_worker(const struct tr_pool *pool)
{
    if (pool->has_state)
        return pool->leader != NULL && pool->leader->state == TR_WORKER_IDLE ? pool->leader : NULL;
    for (uint32_t i = 0; i < pool->seat_count; i++)
        if (pool->seats[i].worker != NULL && pool->seats[i].worker->state == TR_WORKER_IDLE)
            return pool->seats[i].worker;
    return NULL;
}

uint32_t tr_pool_seats_taken(const struct tr_pool *pool)
{
    uint32_t taken = 0;

    for (uint32_t i = 0; i < pool->seat_count; i++)
        taken |= (uint32_t)is_up(pool->seats[i].worker) << i;
    return taken;
}

void tr_pool_seek_leader(struct tr_pool *pool)
{
    for (uint32_t i = 0; i < pool->seat_count && pool->has_state && pool->leader == NULL; i++)
        if (is_up(pool->seats[i].worker))
            pool->leader = pool->seats[i].worker;
}

/* --- Coming and going -------------------------------------------------------------------------- */

static uint64_t backoff_us(uint32_t died_young)
{
    uint64_t wait_us = BACKOFF_US;

    if (died_young < 2)
        return 0;
    for (uint32_t i = 2; i < died_young && wait_us < BACKOFF_MAX_US; i++)
        wait_us *= 2;
    return wait_us < BACKOFF_MAX_US ? wait_us : BACKOFF_MAX_US;
}

void tr_pool_leave_seat(struct tr_pool *pool, struct tr_worker *worker, uint64_t now_us)
{
    if (worker->seat == TR_POOL_NO_SEAT)
        return;

    struct tr_pool_seat *seat = &pool->seats[worker->seat];

    seat->worker = NULL;
    seat->died_young = worker->answered > 0 ? 0 : seat->died_young + 1;
    seat->start_us = now_us + backoff_us(seat->died_young);
    tr_tasks_forget_seat(&pool->tasks, worker->seat);
    worker->seat = TR_POOL_NO_SEAT;
    if (pool->leader == worker) {
        pool->leader = NULL;
        tr_pool_seek_leader(pool);
    }
}

struct tr_worker *tr_pool_add_worker(struct tr_pool *pool, struct tr_worker *worker)
{
    if (worker == NULL)
        return NULL;

    struct epoll_event event = {.events = EPOLLIN, .data = {.u64 = (uintptr_t)worker}};

    worker->seat = TR_POOL_NO_SEAT;
    worker->next = pool->workers;
    pool->workers = worker;
    /* One that cannot be heard is late soon. */
    epoll_ctl(pool->epoll, EPOLL_CTL_ADD, worker->channel, &event);
    tr_pool_watch_output(pool, worker, true);
    return worker;
}

void tr_pool_watch_output(struct tr_pool *pool, struct tr_worker *worker, bool is_watched)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.u64 = (uintptr_t)worker | 1}};

    if (worker->is_output_watched == is_watched)
        return;
    worker->is_output_watched = is_watched;
    epoll_ctl(pool->epoll, is_watched ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, worker->output.descriptor,
              &event);
}

static void fill_seat(struct tr_pool *pool, uint32_t number, uint64_t now_us)
{
    struct tr_pool_seat *seat = &pool->seats[number];
    struct tr_worker *worker =
        tr_pool_add_worker(pool, tr_worker_create(&pool->paths, &pool->script, pool->memory_bytes,
                                                  now_us + pool->load_us));
    char text[128];

    if (worker != NULL) {
        worker->seat = number;
        seat->worker = worker;
        return;
    }
    snprintf(text, sizeof text, "no worker can be started: %s", strerror(errno));
    pool->host->log(pool->host->context, 0, text);
    seat->died_young = seat->died_young < 2 ? 2 : seat->died_young + 1;
    seat->start_us = now_us + backoff_us(seat->died_young);
}

void tr_pool_fill_seats(struct tr_pool *pool, uint64_t now_us)
{
    uint32_t count = 0;

    for (const struct tr_worker *worker = pool->workers; worker != NULL; worker = worker->next)
        count++;
    for (uint32_t i = 0; i < pool->seat_count; i++) {
        if (pool->seats[i].worker != NULL || pool->seats[i].start_us > now_us)
            continue;
        if (count++ < UNREAPED_MAX)
            fill_seat(pool, i, now_us);
        else
            pool->seats[i].start_us = now_us + BACKOFF_MAX_US;
    }
}

void tr_pool_tell_end(const struct tr_pool *pool, const struct tr_worker *worker, int status)
{
    char text[128];

    if (!worker->is_unasked)
        return;
    if (status != -1 && WIFEXITED(status))
        snprintf(text, sizeof text, "a worker ended: exit status %d", WEXITSTATUS(status));
    else if (status != -1 && WIFSIGNALED(status))
        snprintf(text, sizeof text, "a worker ended: %s", strsignal(WTERMSIG(status)));
    else
        snprintf(text, sizeof text, "a worker ended");
    pool->host->log(pool->host->context, 1, text);
}

/* --- Loading ----------------------------------------------------------------------------------- */

void tr_pool_begin_dump(struct tr_pool *pool, uint64_t now_us)
{
    struct tr_task *task = tr_tasks_put(&pool->tasks, 0, TR_WORKER_DUMP, NULL, 0);

    free(pool->state);
    pool->state = NULL;
    pool->state_size = 0;
    pool->dump = task != NULL ? TR_POOL_UNDERWAY : TR_POOL_FAILED;
    snprintf(pool->error, sizeof pool->error, "too many questions wait already");
    tr_pool_process(pool, now_us);
}

void tr_pool_begin_trial(struct tr_pool *pool, const struct tr_script *script, uint64_t now_us)
{
    pool->tried_script = *script;
    pool->tried = tr_pool_add_worker(
        pool, tr_worker_create(&pool->paths, script, pool->memory_bytes, now_us + pool->load_us));
    pool->trial = pool->tried != NULL ? TR_POOL_UNDERWAY : TR_POOL_FAILED;
    if (pool->tried == NULL)
        snprintf(pool->error, sizeof pool->error, "%s: %s", pool->paths.interpreter,
                 strerror(errno));
}

static void retire(struct tr_pool *pool, struct tr_worker *worker, uint64_t now_us)
{
    if (worker->state != TR_WORKER_BUSY) {
        tr_pool_end_worker(pool, worker, TRYST_POLICY_FAILURE_NONE, "", now_us);
        return;
    }
    worker->is_retiring = true;
    tr_pool_leave_seat(pool, worker, now_us);
}

void tr_pool_adopt(struct tr_pool *pool, uint64_t now_us)
{
    for (uint32_t i = 0; i < pool->seat_count; i++) {
        if (pool->seats[i].worker != NULL)
            retire(pool, pool->seats[i].worker, now_us);
        pool->seats[i] = (struct tr_pool_seat){.start_us = now_us};
    }
    tr_script_close(&pool->script);
    pool->script = pool->tried_script;
    pool->tried_script.descriptor = -1;
    pool->hooks = pool->tried_hooks;
    pool->has_state = pool->tried_has_state;
    pool->seats[0].worker = pool->tried;
    pool->tried->seat = 0;
    pool->tried = NULL;
    pool->trial = TR_POOL_NOTHING;
    pool->leader = NULL;
    tr_pool_seek_leader(pool);
    pool->is_held = false;
    tr_pool_process(pool, now_us);
}

void tr_pool_abandon(struct tr_pool *pool, uint64_t now_us)
{
    if (pool->tried != NULL)
        tr_pool_end_worker(pool, pool->tried, TRYST_POLICY_FAILURE_NONE, "", now_us);
    tr_script_close(&pool->tried_script);
    pool->trial = TR_POOL_NOTHING;
    pool->dump = TR_POOL_NOTHING;
    pool->is_held = false;
    tr_pool_process(pool, now_us);
}

/* --- First and last ---------------------------------------------------------------------------- */

bool tr_pool_init(struct tr_pool *pool)
{
    pool->script.descriptor = pool->tried_script.descriptor = -1;
    for (uint32_t i = 0; i < TR_POOL_SEATS; i++)
        pool->seats[i].start_us = UINT64_MAX; /* not before a script is adopted */
    pool->epoll = epoll_create1(EPOLL_CLOEXEC);
    return pool->epoll >= 0;
}

static void free_tasks(struct tr_pool *pool)
{
    while (pool->tasks.first != NULL)
        free(tr_tasks_take(&pool->tasks, NULL));
}

void tr_pool_clear(struct tr_pool *pool)
{
    const struct timespec round = {.tv_nsec = CLEAR_ROUND_NS};
    struct tr_worker *worker;
    int status;

    /* Nothing is started any more, and what the workers owed is owed to nobody. */
    pool->seat_count = 0;
    for (worker = pool->workers; worker != NULL; worker = worker->next)
        if (worker->state != TR_WORKER_ENDED)
            tr_pool_end_worker(pool, worker, TRYST_POLICY_FAILURE_CRASH, "the rules end", 0);
    for (uint32_t i = 0; (worker = pool->workers) != NULL;) {
        if (!tr_worker_reap(worker, &status) && i++ < CLEAR_ROUNDS) {
            nanosleep(&round, NULL);
            continue;
        }
        pool->workers = worker->next;
        tr_worker_destroy(worker);
    }
    free_tasks(pool);
    tr_script_close(&pool->script);
    tr_script_close(&pool->tried_script);
    free(pool->state);
    if (pool->epoll >= 0)
        close(pool->epoll);
}
