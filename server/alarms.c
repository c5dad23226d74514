/* The heap of alarms; every alarm knows its place, so that it can be moved.
 * SPDX-License-Identifier: MIT */
#include "server/alarms.h"

#include "lib/base/deadline.h"
#include <assert.h>
#include <stdlib.h>

void tr_alarms_init(struct tr_alarms *alarms)
{
    *alarms = (struct tr_alarms){0};
}

void tr_alarms_clear(struct tr_alarms *alarms)
{
    for (uint32_t i = 0; i < alarms->count; i++)
        alarms->heap[i]->place = 0;
    free(alarms->heap);
    tr_alarms_init(alarms);
}

bool tr_alarms_reserve(struct tr_alarms *alarms, uint32_t count)
{
    if (count <= alarms->size)
        return true;

    uint32_t size = alarms->size == 0 ? 16 : alarms->size * 2;

    if (size < count)
        size = count;

    struct tr_alarm **heap = realloc(alarms->heap, size * sizeof(struct tr_alarm *));

    if (heap == NULL)
        return false;
    alarms->heap = heap;
    alarms->size = size;
    return true;
}

static void put(struct tr_alarms *alarms, uint32_t place, struct tr_alarm *alarm)
{
    alarms->heap[place - 1] = alarm;
    alarm->place = place;
}

static void rise(struct tr_alarms *alarms, struct tr_alarm *alarm, uint32_t place)
{
    while (place > 1 && alarms->heap[place / 2 - 1]->due_us > alarm->due_us) {
        put(alarms, place, alarms->heap[place / 2 - 1]);
        place /= 2;
    }
    put(alarms, place, alarm);
}

static void sink(struct tr_alarms *alarms, struct tr_alarm *alarm, uint32_t place)
{
    for (;;) {
        uint32_t child = place * 2;

        if (child > alarms->count)
            break;
        if (child < alarms->count && alarms->heap[child]->due_us < alarms->heap[child - 1]->due_us)
            child++;
        if (alarms->heap[child - 1]->due_us >= alarm->due_us)
            break;
        put(alarms, place, alarms->heap[child - 1]);
        place = child;
    }
    put(alarms, place, alarm);
}

static void take_out(struct tr_alarms *alarms, struct tr_alarm *alarm)
{
    uint32_t place = alarm->place;
    struct tr_alarm *last = alarms->heap[--alarms->count];

    alarm->place = 0;
    if (last == alarm)
        return;
    if (place > 1 && alarms->heap[place / 2 - 1]->due_us > last->due_us)
        rise(alarms, last, place);
    else
        sink(alarms, last, place);
}

void tr_alarms_set(struct tr_alarms *alarms, struct tr_alarm *alarm, uint64_t due_us)
{
    if (alarm->place != 0)
        take_out(alarms, alarm);
    alarm->due_us = due_us;
    if (due_us == TR_NEVER)
        return;
    assert(alarms->count < alarms->size);
    rise(alarms, alarm, ++alarms->count);
}

uint64_t tr_alarms_next(const struct tr_alarms *alarms)
{
    return alarms->count == 0 ? TR_NEVER : alarms->heap[0]->due_us;
}

struct tr_alarm *tr_alarms_take(struct tr_alarms *alarms, uint64_t now_us)
{
    if (!tr_is_due(tr_alarms_next(alarms), now_us) || alarms->count == 0)
        return NULL;

    struct tr_alarm *alarm = alarms->heap[0];

    take_out(alarms, alarm);
    return alarm;
}
