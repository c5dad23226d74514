/* The workers that run a script, the tasks that wait for them, and what happens when one of them breaks.
 *
 * A worker that is late, or says what it must not say, is killed; a new one takes its seat: at once if
 * the old one had answered before, else after a while that doubles each time. Late means: deadline_ms
 * after it was given the task. A question may be older than that, having waited for others; who gets it
 * last is not to blame.
 *
 * Whom a task goes to:
 *   a script without `state`  A question goes to any worker. What needs no answer (on_leave,
 *                             on_session_close, on_tick) goes to each that is up. So globals of the
 *                             workers may differ.
 *   a script with `state`     Everything goes to one worker, the same as long as it lives; the others
 *                             stand by, unasked, to take its place at once.
 * SPDX-License-Identifier: MIT */
#ifndef TR_WORKER_POOL_H
#define TR_WORKER_POOL_H

#include "server/worker.h"
#include "server/worker_task.h"

enum {
    TR_POOL_SEATS = 16,
    TR_POOL_NO_SEAT = TR_POOL_SEATS,
};

/* What is tried out on a worker that has no seat yet, or got from one that has. */
enum tr_pool_errand {
    TR_POOL_NOTHING, /* begun leads to UNDERWAY */
    TR_POOL_UNDERWAY,
    TR_POOL_DONE,
    TR_POOL_FAILED, /* error says why */
};

struct tr_pool_seat {
    struct tr_worker *worker; /* NULL: comes at start_us */
    uint64_t start_us;
    uint32_t died_young; /* workers in a row that never answered */
};

struct tr_pool {
    const struct tryst_policy_host *host;
    struct tr_worker_paths paths;
    uint32_t memory_bytes;
    uint64_t deadline_us; /* of a task */
    uint64_t load_us;
    uint32_t seat_count;
    int epoll;
    struct tr_script script;
    uint32_t hooks;
    bool has_state;           /* one worker does everything */
    struct tr_worker *leader; /* this one; NULL: none is up */
    bool is_held;             /* no tasks are handed out */
    struct tr_tasks tasks;
    struct tr_worker *workers; /* all, those too that are not reaped yet */
    struct tr_pool_seat seats[TR_POOL_SEATS];
    /* Loading. */
    enum tr_pool_errand trial;
    struct tr_worker *tried;
    struct tr_script tried_script;
    uint32_t tried_hooks;
    bool tried_has_state;
    enum tr_pool_errand dump;
    void *state;
    size_t state_size;
    char error[TRYST_POLICY_DETAIL_MAX + 1];
};

/* What the owner sets before is: host to seat_count. false: no descriptors left. */
bool tr_pool_init(struct tr_pool *pool);

/* Kills all workers, and waits a little for them to be gone. */
void tr_pool_clear(struct tr_pool *pool);

/* A question or telling; answered to the host, now or later. */
void tr_pool_submit(struct tr_pool *pool, uint32_t ticket, uint32_t hook, const void *data,
                    size_t size, uint64_t now_us);

/* Nobody waits for this answer any more. */
void tr_pool_expire(struct tr_pool *pool, uint32_t ticket);

/* Hears the workers, and does what is due. */
void tr_pool_process(struct tr_pool *pool, uint64_t now_us);

/* When something will be due; UINT64_MAX: nothing. */
uint64_t tr_pool_deadline(const struct tr_pool *pool);

/* Asks for the script's state: pool->dump goes to DONE, with state and state_size, or to FAILED. */
void tr_pool_begin_dump(struct tr_pool *pool, uint64_t now_us);

/* Tries a script, which is the pool's from now on, on one worker: pool->trial goes to DONE or FAILED. */
void tr_pool_begin_trial(struct tr_pool *pool, const struct tr_script *script, uint64_t now_us);

/* The trial is DONE: its worker takes the first seat, workers with the same script will take the
 * others, and those that are there leave as soon as they have answered. */
void tr_pool_adopt(struct tr_pool *pool, uint64_t now_us);

/* The trial is over without that. */
void tr_pool_abandon(struct tr_pool *pool, uint64_t now_us);

#endif
