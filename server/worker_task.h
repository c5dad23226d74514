/* What waits for a worker: questions, which one of them answers, and tellings, which all of them hear.
 * SPDX-License-Identifier: MIT */
#ifndef TR_WORKER_TASK_H
#define TR_WORKER_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <tryst/policy.h>

enum { TR_TASKS = 1024 }; /* that wait; at 16 KiB each they hold 16 MiB */

struct tr_task {
    struct tr_task *next;
    uint32_t ticket;
    uint32_t hook;
    bool is_waiting; /* in the line */
    bool is_telling;
    bool is_answered;                  /* too late: the server has said no by itself */
    uint32_t hearers;                  /* a telling: bits of the seats that are still to be told */
    uint32_t running;                  /* workers that are at it */
    struct tryst_policy_answer answer; /* a telling's: the first failure, or none */
    size_t size;
    uint8_t data[];
};

struct tr_tasks {
    struct tr_task *first;
    struct tr_task *last;
    uint32_t count;
};

/* Puts a task at the end, and copies the data. NULL: no room, or no memory. */
struct tr_task *tr_tasks_put(struct tr_tasks *tasks, uint32_t ticket, uint32_t hook,
                             const void *data, size_t size);

/* Takes one out that is behind previous, NULL for the first. It is the caller's. */
struct tr_task *tr_tasks_take(struct tr_tasks *tasks, struct tr_task *previous);

/* Takes a seat out of all tellings. */
void tr_tasks_forget_seat(struct tr_tasks *tasks, uint32_t seat);

#endif
