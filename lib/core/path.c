/* Finding and proving paths.
 * SPDX-License-Identifier: MIT */
#include "lib/core/path.h"

#include <assert.h>
#include <string.h>
#include <tryst/insight.h>

struct tryst_address tr_path_relay(void)
{
    return (struct tryst_address){.family = 4, .transport = TR_TRANSPORT_RELAY};
}

void tr_paths_init(struct tr_path_set *paths)
{
    memset(paths, 0, sizeof *paths);
    paths->chosen = TR_PATH_NONE;
}

uint8_t tr_paths_find(const struct tr_path_set *paths, const struct tryst_address *remote,
                      uint16_t local)
{
    for (uint8_t i = 0; i < paths->count; i++)
        if (paths->list[i].local == local &&
            tryst_address_compare(&paths->list[i].remote, remote) == 0)
            return i;
    return TR_PATH_NONE;
}

static void remove_at(struct tr_path_set *paths, uint8_t index)
{
    paths->count--;
    if (paths->chosen == index)
        paths->chosen = TR_PATH_NONE;
    else if (paths->chosen == paths->count)
        paths->chosen = index;
    paths->list[index] = paths->list[paths->count];
}

void tr_paths_unname(struct tr_path_set *paths)
{
    for (uint8_t i = 0; i < paths->count; i++)
        paths->list[i].is_named = tr_path_is_relay(&paths->list[i]);
}

/* of_named: also named paths that were never heard may go. */
static bool make_room(struct tr_path_set *paths, bool of_named)
{
    uint8_t oldest = TR_PATH_NONE;
    for (uint8_t i = 0; i < paths->count; i++) {
        const struct tr_path *path = &paths->list[i];
        if (path->is_proven || i == paths->chosen || tr_path_is_relay(path) ||
            (path->is_named && !(of_named && !path->is_heard)))
            continue;
        if (oldest == TR_PATH_NONE || path->heard_us < paths->list[oldest].heard_us)
            oldest = i;
    }
    if (oldest == TR_PATH_NONE)
        return false;
    remove_at(paths, oldest);
    return true;
}

uint8_t tr_paths_add(struct tr_path_set *paths, const struct tryst_address *remote, uint16_t local,
                     uint8_t kind)
{
    uint8_t index = tr_paths_find(paths, remote, local);
    if (index != TR_PATH_NONE) {
        if (paths->list[index].kind == TRYST_KIND_OBSERVED)
            paths->list[index].kind = kind;
        if (kind != TRYST_KIND_OBSERVED)
            paths->list[index].is_named = true;
        return index;
    }
    if (paths->count == TR_PATHS_MAX && !make_room(paths, false) &&
        !(kind == TRYST_KIND_OBSERVED && make_room(paths, true)))
        return TR_PATH_NONE;
    index = paths->count++;
    paths->list[index] = (struct tr_path){
        .remote = *remote,
        .local = local,
        .kind = kind,
        .is_named = kind != TRYST_KIND_OBSERVED,
        .step_max = UINT8_MAX,
        .next_us = TR_NEVER,
    };
    return index;
}

bool tr_path_is_waiting(const struct tr_path *path)
{
    static const uint8_t none[TR_PING_BYTES];
    return memcmp(path->ping, none, sizeof none) != 0;
}

/* A ping is the path's secret with the time of sending xored into its first three bytes, so that each
 * repetition measures its own round trip. The other five bytes and the age must fit: a peer that wants
 * to pass off an address it does not hold has to guess 40 bits. */
enum { PING_TIME_BITS = 24, PING_UNIT_US = 4 };
#define PING_AGE_MAX_US (30 * TR_S)
/* A pong that took longer lay in the socket of a game that was held: it proves, and measures nothing. */
#define TRIP_MAX_US (2 * TR_S)

static uint32_t ping_time(uint64_t now_us)
{
    return (uint32_t)(now_us / PING_UNIT_US) & ((1U << PING_TIME_BITS) - 1);
}

void tr_path_ping(struct tr_path *path, uint64_t now_us, struct tr_random *random,
                  uint8_t ping[TR_PING_BYTES])
{
    if (!tr_path_is_waiting(path)) {
        tr_random_bytes(random, path->ping, TR_PING_BYTES);
        path->ping[7] |= 1; /* never zeros, which mean none */
        path->ping_us = now_us;
    }
    uint32_t time = ping_time(now_us);
    memcpy(ping, path->ping, TR_PING_BYTES);
    for (unsigned i = 0; i < 3; i++)
        ping[i] ^= (uint8_t)(time >> 8 * i);
}

/* How long ago the ping left that this pong answers; TR_NEVER when it answers none. */
static uint64_t pong_age(const struct tr_path *path, const uint8_t pong[TR_PING_BYTES],
                         uint64_t now_us)
{
    if (!tr_path_is_waiting(path) || !tr_seal_equal(path->ping + 3, pong + 3, TR_PING_BYTES - 3))
        return TR_NEVER;
    uint32_t sent = 0;
    for (unsigned i = 0; i < 3; i++)
        sent |= (uint32_t)(path->ping[i] ^ pong[i]) << 8 * i;
    uint32_t age = (ping_time(now_us) - sent) & ((1U << PING_TIME_BITS) - 1);
    uint64_t age_us = (uint64_t)age * PING_UNIT_US;
    return age_us <= PING_AGE_MAX_US ? age_us : TR_NEVER;
}

uint64_t tr_path_trip(const struct tr_path *path, const uint8_t pong[TR_PING_BYTES],
                      uint64_t now_us)
{
    uint64_t age = pong_age(path, pong, now_us);
    return age < TRIP_MAX_US ? age : TR_NEVER;
}

void tr_paths_heard(struct tr_path_set *paths, uint8_t index, size_t size, uint64_t now_us)
{
    struct tr_path *path = &paths->list[index];
    path->is_heard = true;
    path->heard_us = now_us;
    path->hellos = 0;
    if (!path->is_proven && path->bytes_in < UINT16_MAX / 8)
        path->bytes_in = (uint16_t)(path->bytes_in + size);
}

bool tr_paths_pong(struct tr_path_set *paths, uint8_t index, const uint8_t pong[TR_PING_BYTES],
                   uint64_t now_us)
{
    struct tr_path *path = &paths->list[index];
    uint64_t age = pong_age(path, pong, now_us);
    if (age == TR_NEVER)
        return false;
    uint32_t rtt = age > 0 ? (uint32_t)age : 1;
    if (path->rtt_us == 0)
        path->rtt_us = rtt;
    else if (age < TRIP_MAX_US) /* a new sample moves the mean by an eighth (RFC 6298, 2.3) */
        path->rtt_us = (uint32_t)(((uint64_t)path->rtt_us * 7 + rtt) / 8);
    memset(path->ping, 0, sizeof path->ping);
    path->ping_us = 0;
    path->losses = 0;
    if (!path->is_proven ||
        path->is_doubted) { /* a hello came back: DATA has to show that it does, too */
        path->width = TR_WIDTH_UNKNOWN;
        path->sized = 0;
        path->is_measured = false;
    }
    path->is_proven = true;
    path->is_doubted = false;
    return true;
}

bool tr_path_may_carry(const struct tr_path *path, size_t size)
{
    return path->is_proven || path->bytes_out + size <= (uint64_t)TR_PATH_AMPLIFY * path->bytes_in;
}

bool tr_path_carried(struct tr_path *path, size_t size, bool is_talk, uint64_t now_us)
{
    bool is_first = path->sent == path->pinged_sent;
    path->sent++;
    path->said_ds = tr_path_tenths(now_us);
    if (!is_talk && is_first)
        path->pinged_sent = path->sent;
    if (path->largest < size)
        path->largest = (uint16_t)size;
    if (!path->is_proven) {
        if (path->bytes_out < UINT16_MAX / 2)
            path->bytes_out = (uint16_t)(path->bytes_out + size);
        return false;
    }
    if (!is_first || !is_talk || path->next_us <= now_us + TR_PATH_TALKING_US)
        return false;
    path->next_us = now_us + TR_PATH_TALKING_US;
    return true;
}

void tr_paths_doubt(struct tr_path_set *paths, uint64_t now_us)
{
    for (uint8_t i = 0; i < paths->count; i++) {
        struct tr_path *path = &paths->list[i];
        if (!path->is_proven || tr_path_is_relay(path))
            continue;
        path->is_doubted = true;
        path->next_us = now_us;
    }
}

uint8_t tr_path_trial(const struct tr_path *path)
{
    if (path->is_proven)
        return path->is_doubted ? TRYST_TRIAL_DOUBTED : TRYST_TRIAL_ANSWERED;
    if (path->answered != 0)
        return TRYST_TRIAL_LOST;
    if (path->is_heard)
        return TRYST_TRIAL_HEARD;
    return path->tried > 0 ? TRYST_TRIAL_SILENT : TRYST_TRIAL_UNTRIED;
}

/* 4 bits of mantissa behind a leading one, 4 of exponent; below 16 as it is. */
void tr_path_answer(struct tr_path *path, uint32_t after_ms)
{
    uint32_t shift = 0;
    if (path->answered != 0)
        return;
    while (after_ms >> shift >= 32)
        shift++;
    uint32_t code = after_ms < 16 ? after_ms : shift * 16 + (after_ms >> shift);
    path->answered = (uint8_t)(code == 0 ? 1 : code < UINT8_MAX ? code : UINT8_MAX);
}

uint32_t tr_path_answered_ms(const struct tr_path *path)
{
    if (path->answered < 16)
        return path->answered;
    return (uint32_t)(16 + path->answered % 16) << (path->answered / 16 - 1);
}

bool tr_paths_drop_local(struct tr_path_set *paths, uint16_t local)
{
    bool is_chosen_gone = false;
    for (uint8_t i = paths->count; i > 0; i--) {
        if (paths->list[i - 1].local != local)
            continue;
        is_chosen_gone = is_chosen_gone || paths->chosen == i - 1;
        remove_at(paths, (uint8_t)(i - 1));
    }
    return is_chosen_gone;
}

void tr_paths_search(struct tr_path_set *paths)
{
    for (uint8_t i = 0; i < paths->count; i++)
        paths->list[i].hellos = 0;
}
