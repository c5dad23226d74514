/* Pauses side by side.
 * SPDX-License-Identifier: MIT */
#include "lib/core/lifetime.h"

#include <string.h>

/* Below and above what NATs are set to: 20 s and 30 s are common, 60, 120 (RFC 4787, REQ-5: at least), 180. */
static const uint8_t pauses_s[] = {5, 10, 15, 20, 28, 55, 85, 115, 175, 235};
enum { PAUSES = sizeof pauses_s, TRIES = 5, OVER = 3 };

/* Linux remembers a flow for longer when datagrams went both ways more than 2 s after it began. */
#define SETTLE_US (2500 * TR_MS)
#define LATE_US (1 * TR_S)

static void ask(struct tr_lifetime *lifetime, unsigned i, const struct tryst_address *server,
                uint64_t now_us)
{
    const struct tr_lifetime_try *try = &lifetime->tries[i];
    struct tr_probe probe = {.to = *server,
                             .from = *server,
                             .socket = try->socket,
                             .tries_most = TRIES,
                             .cookie = lifetime->prober.probes[TR_PROBE_SAMPLE + i].cookie};
    if (try->round == 2) { /* once: another one would end the pause */
        probe.flags = (uint16_t)(try->seconds << TR_BIND_DELAY_SHIFT);
        probe.wait_us = try->seconds * TR_S + LATE_US + 2 * lifetime->prober.rtt_us;
        probe.tries_most = 1;
    }
    tr_prober_ask(&lifetime->prober, TR_PROBE_SAMPLE + i, &probe, now_us);
}

bool tr_lifetime_start(struct tr_lifetime *lifetime, const struct tryst_address *server,
                       const uint8_t app[TR_APP_BYTES], uint32_t rtt_us, uint8_t seconds,
                       const struct tr_peer_kit *kit)
{
    tr_lifetime_stop(lifetime, kit);
    *lifetime = (struct tr_lifetime){.state = TRYST_SURVEY_RUNNING, .started_us = kit->now_us};
    tr_prober_init(&lifetime->prober, app, rtt_us, kit->random);
    for (unsigned i = PAUSES; i > 0 && lifetime->count < TR_LIFETIME_SOCKETS; i--) {
        struct tr_lifetime_try *try = &lifetime->tries[lifetime->count];
        if (pauses_s[i - 1] > seconds || (try->socket = tr_sockets_take(kit->sockets)) == 0)
            continue;
        try->seconds = pauses_s[i - 1];
        ask(lifetime, lifetime->count++, server, kit->now_us);
    }
    if (lifetime->count == 0)
        lifetime->state = TRYST_SURVEY_NONE;
    return lifetime->count > 0;
}

static void end(struct tr_lifetime_try *try, const struct tr_peer_kit *kit)
{
    if (try->socket != 0)
        tr_sockets_give(kit->sockets, try->socket);
    try->socket = 0;
    try->round = OVER;
}

void tr_lifetime_stop(struct tr_lifetime *lifetime, const struct tr_peer_kit *kit)
{
    for (unsigned i = 0; i < lifetime->count; i++)
        end(&lifetime->tries[i], kit);
    lifetime->count = 0;
    lifetime->state = TRYST_SURVEY_NONE;
}

/* Whether the next round of this one may begin. */
static bool is_ready(const struct tr_lifetime *lifetime, unsigned i, uint64_t now_us)
{
    return tr_prober_is_settled(&lifetime->prober, TR_PROBE_SAMPLE + i) &&
           lifetime->tries[i].round != OVER &&
           (lifetime->tries[i].round != 0 || now_us - lifetime->started_us >= SETTLE_US);
}

void tr_lifetime_tick(struct tr_lifetime *lifetime, const struct tr_peer_kit *kit)
{
    bool is_over = true;
    if (lifetime->state != TRYST_SURVEY_RUNNING)
        return;
    tr_prober_tick(&lifetime->prober, kit);
    for (unsigned i = 0; i < lifetime->count; i++) {
        struct tr_lifetime_try *try = &lifetime->tries[i];
        const struct tr_probe *probe = &lifetime->prober.probes[TR_PROBE_SAMPLE + i];
        if (is_ready(lifetime, i, kit->now_us)) {
            if (probe->answered == 0 || try->round == 2) {
                end(try, kit);
            } else {
                const struct tryst_address server = probe->to;
                try->round++;
                ask(lifetime, i, &server, kit->now_us);
            }
        }
        is_over = is_over && try->round == OVER;
    }
    tr_prober_tick(&lifetime->prober, kit);
    if (is_over)
        lifetime->state = TRYST_SURVEY_DONE;
}

uint64_t tr_lifetime_deadline(const struct tr_lifetime *lifetime)
{
    if (lifetime->state != TRYST_SURVEY_RUNNING)
        return TR_NEVER;
    uint64_t next = tr_prober_deadline(&lifetime->prober);
    for (unsigned i = 0; i < lifetime->count; i++)
        if (lifetime->tries[i].round == 0 &&
            tr_prober_is_settled(&lifetime->prober, TR_PROBE_SAMPLE + i))
            tr_sooner(&next, lifetime->started_us + SETTLE_US);
    return next;
}

static bool is_borne(const struct tr_lifetime *lifetime, unsigned i)
{
    const struct tr_probe *probe = &lifetime->prober.probes[TR_PROBE_SAMPLE + i];
    return probe->answered != 0 && probe->flags >> TR_BIND_DELAY_SHIFT != 0;
}

static bool is_lost(const struct tr_lifetime *lifetime, unsigned i)
{
    const struct tr_probe *probe = &lifetime->prober.probes[TR_PROBE_SAMPLE + i];
    return lifetime->tries[i].round == OVER && probe->answered == 0 &&
           probe->flags >> TR_BIND_DELAY_SHIFT != 0;
}

uint8_t tr_lifetime_borne(const struct tr_lifetime *lifetime)
{
    uint8_t most = 0;
    for (unsigned i = 0; i < lifetime->count; i++)
        if (is_borne(lifetime, i) && lifetime->tries[i].seconds > most)
            most = lifetime->tries[i].seconds;
    return most;
}

uint8_t tr_lifetime_lost(const struct tr_lifetime *lifetime)
{
    uint8_t borne = tr_lifetime_borne(lifetime);
    uint8_t least = 0;
    for (unsigned i = 0; i < lifetime->count; i++) {
        uint8_t seconds = lifetime->tries[i].seconds;
        if (is_lost(lifetime, i) && seconds > borne && (least == 0 || seconds < least))
            least = seconds;
    }
    return least;
}
