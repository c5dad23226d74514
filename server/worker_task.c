/* The line in front of the workers.
 * SPDX-License-Identifier: MIT */
#include "server/worker_task.h"

#include <stdlib.h>
#include <string.h>

struct tr_task *tr_tasks_put(struct tr_tasks *tasks, uint32_t ticket, uint32_t hook,
                             const void *data, size_t size)
{
    struct tr_task *task = tasks->count < TR_TASKS ? malloc(sizeof *task + size) : NULL;

    if (task == NULL)
        return NULL;
    *task = (struct tr_task){.ticket = ticket,
                             .hook = hook,
                             .is_waiting = true,
                             .answer = {.struct_size = sizeof task->answer, .is_allowed = 1},
                             .size = size};
    if (size > 0)
        memcpy(task->data, data, size);
    *(tasks->first == NULL ? &tasks->first : &tasks->last->next) = task;
    tasks->last = task;
    tasks->count++;
    return task;
}

struct tr_task *tr_tasks_take(struct tr_tasks *tasks, struct tr_task *previous)
{
    struct tr_task **place = previous == NULL ? &tasks->first : &previous->next;
    struct tr_task *task = *place;

    *place = task->next;
    task->next = NULL;
    task->is_waiting = false;
    if (tasks->last == task)
        tasks->last = previous;
    tasks->count--;
    return task;
}

void tr_tasks_forget_seat(struct tr_tasks *tasks, uint32_t seat)
{
    for (struct tr_task *task = tasks->first; task != NULL; task = task->next)
        task->hearers &= ~(1u << seat);
}
