/* Pings of a path, and what comes of them.
 * SPDX-License-Identifier: MIT */
#include "lib/core/gauge.h"

/* Unanswered pings that make a path doubtful: three, and more where it is known to lose. */
enum { DOUBT = 3, DOUBT_LOSS_LOW = 3, DOUBT_LOSS_MIDDLE = 10, DOUBT_LOSS_HIGH = 20 };
/* They follow each other by a round trip and a half of the like, ... */
#define RETRY_LEAST_US (60 * TR_MS)
#define RETRY_EXTRA_US (30 * TR_MS)
#define RETRY_UNKNOWN_US (200 * TR_MS) /* where none is known */
/* ... those of a path in doubt after this, ever slower. */
#define DOUBTED_US (500 * TR_MS)
enum { DOUBTED_SHIFT_MAX = 4 };
/* A path that was left for being sick is asked so often whether it is well, ... */
#define SICK_US (250 * TR_MS)
enum { SICK_SHIFT_MAX = 4 };
/* ... and a path that others do as well as, with a fixed keepalive. */
enum { STANDBY_FACTOR = 3 };

/* Loss is judged over at least so many datagrams. Above so many percent a path is lossy, below it is
 * well again. */
#define SUSPECT_US (100 * TR_MS) /* between pings where it may be so */
enum { LOSS_SPAN = 12, LOSS_SICK = 15, LOSS_WELL = 4 };

/* A ping of full size: of what may be sent at most; later of what is sent, and that only where it is
 * large. So many that get lost while small ones come back make a path narrow. */
enum { SIZED_BYTES = 1179, SIZED_LEAST = 300, SIZED_TRIES = 3, SIZED_EVERY = 4, NARROW_EVERY = 8 };
#define SIZED_PAUSE_US (30 * TR_MS)

/* Pauses that NATs may bear, in milliseconds: RFC 4787 wants 120 s, some keep 30, a few 20; a little
 * less, as a datagram takes its time. */
static const uint32_t pauses_ms[] = {14000, 28000, 56000, 112000};
/* A silence that every NAT bears; and the part of a pause that a ping has tried at least. */
#define SURE_US (16 * TR_S)
#define TRIED_PART 9 / 10
enum { RELAY_USED_MS = 28000, RELAY_IDLE_MS = 57000 };
enum { PAUSES = sizeof pauses_ms / sizeof pauses_ms[0], STEP_ANEW = 64 };

static uint8_t doubt_after(const struct tr_path *path)
{
    return (uint8_t)(DOUBT + (path->loss >= DOUBT_LOSS_LOW) + (path->loss >= DOUBT_LOSS_MIDDLE) +
                     (path->loss >= DOUBT_LOSS_HIGH));
}

uint8_t tr_gauge_wanting(const struct tr_path_set *paths, uint64_t now_us)
{
    for (uint8_t i = 0; i < paths->count; i++)
        if (paths->list[i].is_proven && tr_is_due(paths->list[i].next_us, now_us))
            return i;
    return TR_PATH_NONE;
}

size_t tr_gauge_size(const struct tr_path *path, bool is_wanted)
{
    if (tr_path_is_relay(path) || path->was_sized || path->is_doubted)
        return 0;
    if (path->width == TR_WIDTH_NARROW)
        return path->turn % NARROW_EVERY == 0 ? SIZED_BYTES : 0;
    if (path->width == TR_WIDTH_UNKNOWN)
        return is_wanted ? SIZED_BYTES : 0;
    if (path->sized > 0)
        return SIZED_BYTES; /* the last one was not answered */
    bool is_turn = is_wanted && path->turn % SIZED_EVERY == 0;
    return is_turn && path->largest >= SIZED_LEAST ? path->largest : 0;
}

/* The pause of a path that nothing is sent on. */
static uint64_t idle_pause(const struct tr_path *path, bool is_chosen,
                           const struct tr_path_times *times)
{
    if (times->keepalive_us != 0 && !tr_path_is_relay(path))
        return is_chosen ? times->keepalive_us : times->keepalive_us * STANDBY_FACTOR;
    if (tr_path_is_relay(path)) /* what keeps the way to the server open is the channel */
        return (is_chosen ? RELAY_USED_MS : RELAY_IDLE_MS) * TR_MS;
    if (!path->is_backed)
        return pauses_ms[0] * TR_MS;
    return pauses_ms[path->step < PAUSES ? path->step : PAUSES - 1] * TR_MS;
}

static uint64_t retry_pause(const struct tr_path *path)
{
    uint8_t doubt = doubt_after(path);
    if (path->losses > doubt || path->is_doubted) {
        uint8_t shift = path->losses > doubt ? (uint8_t)(path->losses - doubt) : 0;
        return DOUBTED_US << (shift > DOUBTED_SHIFT_MAX ? DOUBTED_SHIFT_MAX : shift);
    }
    uint64_t pause =
        path->rtt_us != 0 ? (uint64_t)path->rtt_us * 5 / 4 + RETRY_EXTRA_US : RETRY_UNKNOWN_US;
    return pause > RETRY_LEAST_US ? pause : RETRY_LEAST_US;
}

/* The NATs of a path did not keep it through its last pause. */
static void step_back(struct tr_path *path)
{
    if (!path->is_idle_ping)
        return;
    path->is_idle_ping = false;
    path->step = path->step > 0 ? (uint8_t)(path->step - 1) : 0;
    path->step_good = path->step_max = path->step;
}

bool tr_gauge_pinged(struct tr_path *path, bool is_chosen, size_t size,
                     const struct tr_path_times *times, uint64_t now_us, struct tr_random *random)
{
    bool was_doubted = path->is_doubted;
    uint64_t idle = idle_pause(path, is_chosen, times);
    if (path->losses > 0)
        step_back(path); /* the first one was not answered */
    else
        path->is_idle_ping =
            times->keepalive_us == 0 && path->heard_us + idle * TRIED_PART <= now_us;
    if (path->losses < UINT8_MAX)
        path->losses++;
    path->turn++;
    path->was_sized = size > 0;
    if (size > 0) {
        path->sized++;
        path->largest = 0;
    }
    path->pinged_sent = path->sent;
    if (path->losses > doubt_after(path))
        path->is_doubted = true;
    uint64_t pause = retry_pause(path);
    path->next_us = now_us + pause - tr_random_below(random, pause / 10 + 1);
    return path->is_doubted && !was_doubted;
}

static void loss_take(struct tr_path *path, uint16_t sent, uint16_t received)
{
    uint16_t out = (uint16_t)(sent - path->mark_sent);
    uint16_t in = (uint16_t)(received - path->mark_received);
    if (path->is_measured && out < LOSS_SPAN)
        return;
    if (path->is_measured && in <= out * 2U) { /* else the other side counts anew */
        uint32_t lost = in < out ? (uint32_t)(out - in) * 100 / out : 0;
        path->loss = (uint8_t)((path->loss + lost + (lost > path->loss)) / 2);
        bool was_lossy = path->is_lossy;
        path->is_lossy = path->loss >= (was_lossy ? LOSS_WELL : LOSS_SICK);
        if (path->is_lossy && !was_lossy)
            path->width = TR_WIDTH_UNKNOWN; /* it may be what is large that is lost */
    }
    path->is_measured = true;
    path->mark_sent = sent;
    path->mark_received = received;
}

void tr_gauge_told(struct tr_path *path, const struct tr_item_report *report)
{
    uint64_t pause = pauses_ms[path->step < PAUSES ? path->step : PAUSES - 1] * TR_MS;
    if ((report->quiet + UINT64_C(1)) * 100 * TR_MS < pause * TRIED_PART)
        path->is_idle_ping = false; /* the peer had opened its own NAT by itself */
    /* A path that was in doubt is measured anew, from its newest ping on: older ones may have lain in a
     * socket, and what came behind them may have found no room there. */
    if (path->is_measured || report->sent == path->pinged_sent)
        loss_take(path, report->sent, report->received);
    if (path->sized > 0 && report->size >= SIZED_LEAST) {
        path->width = TR_WIDTH_FULL;
        path->sized = 0;
    } else if (path->sized >= SIZED_TRIES) {
        path->width = TR_WIDTH_NARROW;
        path->sized = 0;
    }
}

void tr_gauge_rest(struct tr_path *path, bool is_chosen, bool is_wanted,
                   const struct tr_path_times *times, uint64_t now_us, struct tr_random *random)
{
    if (path->is_idle_ping)
        path->step_good = path->step;
    if (path->is_idle_ping && path->step_max <= path->step &&
        tr_random_below(random, STEP_ANEW) == 0)
        path->step_max++; /* a lost ping looks like a forgetful NAT: it is tried again, rarely */
    if (path->is_idle_ping && path->step < PAUSES - 1 && path->step < path->step_max)
        path->step++;
    path->is_idle_ping = false;
    uint64_t pause = idle_pause(path, is_chosen, times);
    if (is_wanted && !tr_path_is_relay(path) && path->width == TR_WIDTH_UNKNOWN)
        pause = path->sized == 0 ? 0 : path->rtt_us / 4 + SIZED_PAUSE_US;
    else if (path->sized > 0)
        pause = path->rtt_us / 4 + SIZED_PAUSE_US;
    else if (path->is_lossy || path->width == TR_WIDTH_NARROW)
        pause = SICK_US << (path->left > SICK_SHIFT_MAX ? SICK_SHIFT_MAX : path->left);
    else if (path->sent != path->pinged_sent)
        pause = path->loss >= LOSS_SICK / 2 ? SUSPECT_US : TR_PATH_TALKING_US;
    else if (times->keepalive_us != 0) /* x 0.8 to 1.2, so that many clients do not beat as one */
        pause = pause * 4 / 5 + tr_random_below(random, pause * 2 / 5 + 1);
    else /* never longer than the NATs bear */
        pause -= tr_random_below(random, pause / 10 + 1);
    path->next_us = now_us + pause;
}

bool tr_gauge_is_stale(const struct tr_path *path, uint64_t now_us)
{
    uint8_t good = path->step_good < PAUSES ? path->step_good : PAUSES - 1;
    uint64_t sure = good == 0 ? SURE_US : pauses_ms[good] * TR_MS * TRIED_PART;
    return path->is_proven && !tr_path_is_relay(path) && now_us - path->heard_us > sure;
}

void tr_gauge_heard(struct tr_path *path, bool is_chosen, const struct tr_path_times *times,
                    uint64_t now_us)
{
    uint64_t pause = idle_pause(path, is_chosen, times);
    if (path->losses == 0 && path->sent == path->pinged_sent && !path->is_lossy &&
        path->sized == 0 && (path->width == TR_WIDTH_FULL || tr_path_is_relay(path)) &&
        path->next_us != TR_NEVER && path->next_us < now_us + pause * 9 / 10)
        path->next_us = now_us + pause * 9 / 10;
}
