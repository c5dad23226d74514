/* Choosing among paths.
 * SPDX-License-Identifier: MIT */
#include "lib/core/choice.h"

/* For a path as well that is better by 20 % and 10 ms it is moved once soon, then so often at most: two
 * that jitter do not flap. */
#define MOVE_FIRST_US (2 * TR_S)
#define MOVE_PAUSE_US (60 * TR_S)
#define BETTER_US (10 * TR_MS)
/* Sick paths are told apart by loss: percents that matter. */
enum { LOSS_BETTER = 10 };
/* A path that was left because it was sick, comes back, and is left again is avoided for 2 s, 4, 8, ... */
enum { AVOID_MS = 1000, AVOID_SHIFT_MAX = 6 };
/* And where nothing is said, a path in doubt is waited for: its NATs may have to be opened anew. */
#define IDLE_DOUBT_US (1500 * TR_MS)
/* After so long without being left, a path is as good as a new one. */
#define FORGIVE_US (60 * TR_S)

enum tr_health tr_choice_health(const struct tr_path *path, uint32_t now_ms)
{
    if (!path->is_proven)
        return TR_HEALTH_NONE;
    if (path->is_doubted)
        return TR_HEALTH_DOUBTED;
    if (path->is_lossy || path->width == TR_WIDTH_NARROW ||
        (path->avoid_ms != 0 && (int32_t)(path->avoid_ms - now_ms) > 0))
        return TR_HEALTH_SICK;
    return tr_path_is_relay(path) ? TR_HEALTH_RELAY : TR_HEALTH_DIRECT;
}

static bool is_quicker(const struct tr_path *a, const struct tr_path *b)
{
    uint64_t gain = a->rtt_us < b->rtt_us ? b->rtt_us - a->rtt_us : 0;
    return gain >= BETTER_US && gain * 5 >= b->rtt_us;
}

/* Whether a path is to be taken before another one that is as well. */
static bool is_before(const struct tr_path *a, const struct tr_path *b, enum tr_health health)
{
    if (health == TR_HEALTH_SICK &&
        (a->loss + LOSS_BETTER <= b->loss || b->loss + LOSS_BETTER <= a->loss))
        return a->loss < b->loss;
    if (tr_path_is_relay(a) != tr_path_is_relay(b))
        return tr_path_is_relay(b);
    return a->rtt_us < b->rtt_us;
}

static void silent_drop(struct tr_path *path, const struct tr_path_times *times, uint64_t now_us)
{
    if (!path->is_proven || !tr_path_is_waiting(path) || now_us - path->ping_us < times->path_us)
        return;
    path->is_proven = false;
    path->is_heard = false;
    path->is_doubted = false;
    path->bytes_in = 0;
    path->bytes_out = 0;
    path->losses = 0;
    path->next_us = TR_NEVER;
}

static uint8_t best_of(const struct tr_path_set *paths, uint32_t now_ms)
{
    uint8_t best = TR_PATH_NONE;
    enum tr_health best_health = TR_HEALTH_NONE;
    for (uint8_t i = 0; i < paths->count; i++) {
        const struct tr_path *path = &paths->list[i];
        enum tr_health health = tr_choice_health(path, now_ms);
        if (health < best_health || (health == best_health && health != TR_HEALTH_NONE &&
                                     i != best && is_before(path, &paths->list[best], health))) {
            best = i;
            best_health = health;
        }
    }
    return best;
}

/* Nothing is proven: early data may use the first one heard. */
static uint8_t first_heard(const struct tr_path_set *paths)
{
    if (paths->chosen != TR_PATH_NONE && paths->list[paths->chosen].is_heard)
        return paths->chosen;
    for (uint8_t i = 0; i < paths->count; i++)
        if (paths->list[i].is_heard)
            return i;
    return TR_PATH_NONE;
}

static uint64_t move_pause(const struct tr_path_set *paths)
{
    return paths->moves == 0 ? MOVE_FIRST_US : MOVE_PAUSE_US;
}

/* Whether the path in use is kept although another one comes first. */
static bool is_kept(const struct tr_path_set *paths, uint8_t best, bool is_talking, uint64_t now_us,
                    uint32_t now_ms)
{
    const struct tr_path *old = &paths->list[paths->chosen];
    enum tr_health health = tr_choice_health(old, now_ms);
    enum tr_health best_health = tr_choice_health(&paths->list[best], now_ms);
    if (health == TR_HEALTH_NONE)
        return false;
    if (health == TR_HEALTH_DOUBTED && !is_talking && tr_path_is_waiting(old) &&
        now_us - old->ping_us < IDLE_DOUBT_US)
        return true;
    if (health == TR_HEALTH_RELAY && best_health == TR_HEALTH_DIRECT &&
        paths->list[best].width == TR_WIDTH_UNKNOWN)
        return true; /* what is large might get lost there */
    if (best_health < health)
        return false;
    if (health == TR_HEALTH_SICK)
        return old->loss < paths->list[best].loss + LOSS_BETTER;
    return now_us - paths->moved_us < move_pause(paths) || !is_quicker(&paths->list[best], old);
}

/* The path in use is left; one that is left for being sick again and again is avoided ever longer. */
static void leave(struct tr_path_set *paths, uint64_t now_us, uint32_t now_ms)
{
    struct tr_path *path = &paths->list[paths->chosen];
    enum tr_health health = tr_choice_health(path, now_ms);
    if (health == TR_HEALTH_DIRECT || health == TR_HEALTH_RELAY) {
        paths->moves = paths->moves < UINT8_MAX ? (uint8_t)(paths->moves + 1) : UINT8_MAX;
        return;
    }
    if (!paths->is_well)
        return; /* nothing was better, as when the peer sleeps: that is no fault of the path */
    if (now_us - paths->moved_us > FORGIVE_US)
        path->left = 0;
    if (path->left > 0) {
        uint8_t shift = path->left > AVOID_SHIFT_MAX ? AVOID_SHIFT_MAX : path->left;
        path->avoid_ms = now_ms + ((uint32_t)AVOID_MS << shift);
    }
    path->left = path->left < UINT8_MAX ? (uint8_t)(path->left + 1) : UINT8_MAX;
}

bool tr_choice_make(struct tr_path_set *paths, const struct tr_path_times *times, bool is_talking,
                    uint64_t now_us, uint32_t now_ms)
{
    for (uint8_t i = 0; i < paths->count; i++)
        silent_drop(&paths->list[i], times, now_us);
    uint8_t best = best_of(paths, now_ms);
    uint8_t old = paths->chosen;
    if (best == TR_PATH_NONE)
        best = first_heard(paths);
    else if (old != TR_PATH_NONE && best != old && is_kept(paths, best, is_talking, now_us, now_ms))
        return false;
    if (best == old)
        return false;
    if (old != TR_PATH_NONE)
        leave(paths, now_us, now_ms);
    paths->chosen = best;
    paths->is_well =
        best != TR_PATH_NONE && tr_choice_health(&paths->list[best], now_ms) <= TR_HEALTH_RELAY;
    paths->moved_us = now_us;
    return true;
}

bool tr_choice_has_direct(const struct tr_path_set *paths)
{
    for (uint8_t i = 0; i < paths->count; i++)
        if (paths->list[i].is_proven && !paths->list[i].is_doubted &&
            !tr_path_is_relay(&paths->list[i]))
            return true;
    return false;
}

uint64_t tr_choice_deadline(const struct tr_path_set *paths, const struct tr_path_times *times,
                            uint64_t now_us)
{
    uint64_t next = TR_NEVER;
    const struct tr_path *chosen =
        paths->chosen != TR_PATH_NONE ? &paths->list[paths->chosen] : NULL;
    for (uint8_t i = 0; i < paths->count; i++) {
        const struct tr_path *path = &paths->list[i];
        if (!path->is_proven)
            continue;
        if (chosen != NULL && chosen->is_proven && is_quicker(path, chosen) &&
            tr_path_is_relay(path) == tr_path_is_relay(chosen))
            tr_sooner(&next, paths->moved_us + move_pause(paths) > now_us
                                 ? paths->moved_us + move_pause(paths)
                                 : TR_NEVER);
        tr_sooner(&next, path->next_us);
        if (tr_path_is_waiting(path))
            tr_sooner(&next, path->ping_us + times->path_us);
    }
    if (chosen != NULL && chosen->is_doubted && tr_path_is_waiting(chosen) &&
        chosen->ping_us + IDLE_DOUBT_US > now_us)
        tr_sooner(&next, chosen->ping_us + IDLE_DOUBT_US);
    return next;
}
