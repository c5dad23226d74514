/* The hello schedule.
 * SPDX-License-Identifier: MIT */
#include "lib/core/punch.h"

#include <assert.h>
#include <string.h>

/* Milliseconds after the start at which rounds go out; then the pause doubles, up to SLOWEST_MS. The
 * first ones are close, as an answered hello ends them and a lost one costs the whole wait. */
static const uint16_t rounds_ms[] = {0, 5, 15, 40, 80, 140, 220, 320, 450, 650, 900};
/* The slowest pause stays below the 30 s for which a filter remembers what went out (RFC 4787 allows
 * no less than 120 s; Linux keeps 30 s), or two slow sides may miss each other for ever. */
enum { ROUNDS = sizeof rounds_ms / sizeof rounds_ms[0], SLOWEST_MS = 20000 };

/* By way of the server both sides learn of a search and send at one time, so it may pause for longer: at
 * 2, 5, 15, 30 and 60 s, then every 60 s. */
static const uint16_t backed_ms[] = {1100, 3000, 10000, 15000, 30000, 60000};
enum { BACKED = sizeof backed_ms / sizeof backed_ms[0] };
static_assert((int)ROUNDS == (int)TR_PUNCH_QUICK_ROUNDS, "as the header says");

/* Rounds of both sides that are so close are one. */
enum { JOIN_MS = 500 };

/* Quick rounds that are finished although a path is proven already: a local path that lost its first
 * hello still gets its chance. */
enum { ROUNDS_WHEN_OPEN = 7 };

static void enter(struct tr_punch *punch, enum tr_punch_state state)
{
    punch->state = (uint8_t)state;
}

void tr_punch_init(struct tr_punch *punch, uint64_t limit_us)
{
    memset(punch, 0, sizeof *punch);
    punch->limit_us = limit_us;
    punch->next_us = TR_NEVER;
    enter(punch, TR_PUNCH_IDLE);
}

void tr_punch_start(struct tr_punch *punch, uint64_t now_us)
{
    if (punch->state != TR_PUNCH_PROBING)
        punch->probing_us = now_us;
    punch->round = 0;
    punch->is_joined = false;
    punch->started_us = now_us;
    punch->next_us = now_us;
    enter(punch, TR_PUNCH_PROBING);
}

void tr_punch_join(struct tr_punch *punch, uint64_t now_us)
{
    if (punch->round < ROUNDS || (uint32_t)(now_us / TR_MS) - punch->sent_ms < JOIN_MS)
        return; /* one is due soon anyway, or was sent a moment ago */
    punch->is_joined = true;
    punch->next_us = now_us;
}

bool tr_punch_is_due(const struct tr_punch *punch, uint64_t now_us)
{
    return tr_is_due(punch->next_us, now_us);
}

/* How long after a round the next one is due. */
static uint32_t pause_after(const struct tr_punch *punch, bool is_backed)
{
    uint32_t slow = punch->round >= ROUNDS ? punch->round - ROUNDS : 0;
    if (punch->round < ROUNDS)
        return (uint32_t)(rounds_ms[punch->round] - rounds_ms[punch->round - 1]);
    if (is_backed)
        return backed_ms[slow < BACKED ? slow : BACKED - 1];
    uint32_t pause_ms = slow < 6 ? 900U << slow : SLOWEST_MS;
    return pause_ms > SLOWEST_MS ? SLOWEST_MS : pause_ms;
}

void tr_punch_sent(struct tr_punch *punch, bool is_backed, bool is_complete, uint64_t now_us,
                   struct tr_random *random)
{
    punch->is_joined = false;
    punch->sent_ms = (uint32_t)(now_us / TR_MS);
    if (punch->round < UINT8_MAX)
        punch->round++;
    uint32_t pause_ms = pause_after(punch, is_backed);
    uint64_t pause = pause_ms * TR_MS;
    /* up to a fifth later, so that two sides that started as one do not stay in step */
    punch->next_us = now_us + pause + tr_random_below(random, pause / 5 + 1);
    if (punch->state == TR_PUNCH_OPEN && punch->round >= ROUNDS_WHEN_OPEN && is_complete)
        punch->next_us = TR_NEVER;
}

void tr_punch_opened(struct tr_punch *punch)
{
    enter(punch, TR_PUNCH_OPEN);
    if (punch->round >= ROUNDS_WHEN_OPEN)
        punch->next_us = TR_NEVER;
}

bool tr_punch_tick(struct tr_punch *punch, uint64_t now_us)
{
    if (punch->state != TR_PUNCH_PROBING || !tr_is_due(punch->started_us + punch->limit_us, now_us))
        return false;
    enter(punch, TR_PUNCH_CLOSED);
    return true;
}

uint64_t tr_punch_deadline(const struct tr_punch *punch)
{
    uint64_t next = punch->next_us;
    if (punch->state == TR_PUNCH_PROBING)
        tr_sooner(&next, punch->started_us + punch->limit_us);
    return next;
}
