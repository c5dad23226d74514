/* Counting what goes to a peer and comes from it.
 * SPDX-License-Identifier: MIT */
#include "lib/core/meter.h"

#include <string.h>

/* Classes start at 0, 768 us, 1,024, 1,536, 2,048 and so on: the last one at 786 ms. */
enum { OCTAVE_FIRST = 9, CLASS_FULL = UINT8_MAX, SECOND_MS = 1000 };
/* As where a path loses what is sent (lib/core/gauge.c). */
enum { LOSS_SPAN = 12, LATE = 256 };

static uint32_t both_bytes(const struct tr_meter *meter, unsigned direction)
{
    return (uint32_t)(meter->bytes[TR_METER_DIRECT][direction] +
                      meter->bytes[TR_METER_RELAY][direction]);
}

static uint32_t both_datagrams(const struct tr_meter *meter, unsigned direction)
{
    return meter->datagrams[TR_METER_DIRECT][direction] +
           meter->datagrams[TR_METER_RELAY][direction];
}

static uint32_t per_second(uint32_t count, uint32_t span_ms)
{
    return (uint32_t)((uint64_t)count * SECOND_MS / span_ms);
}

/* What the time since the mark came to. All of it was within its first second, or there were another
 * mark: after two seconds it is old, and nothing went or came since. */
static struct tr_meter_rates rates_since(const struct tr_meter *meter, uint32_t span_ms)
{
    struct tr_meter_rates rates = {{0}, {0}};
    if (span_ms >= 2 * SECOND_MS)
        return rates;
    for (unsigned i = 0; i < 2; i++) {
        rates.bytes[i] = per_second(both_bytes(meter, i) - meter->mark_bytes[i], span_ms);
        rates.datagrams[i] =
            per_second((uint16_t)(both_datagrams(meter, i) - meter->mark_datagrams[i]), span_ms);
    }
    return rates;
}

void tr_meter_count(struct tr_meter *meter, bool is_relay, unsigned direction, size_t size,
                    uint32_t now_ms)
{
    uint32_t span_ms = now_ms - meter->mark_ms;
    if (span_ms >= SECOND_MS) {
        struct tr_meter_rates rates = rates_since(meter, span_ms);
        for (unsigned i = 0; i < 2; i++) {
            meter->rate_bytes[i] = rates.bytes[i];
            meter->rate_datagrams[i] =
                (uint16_t)(rates.datagrams[i] < UINT16_MAX ? rates.datagrams[i] : UINT16_MAX);
            meter->mark_bytes[i] = both_bytes(meter, i);
            meter->mark_datagrams[i] = (uint16_t)both_datagrams(meter, i);
        }
        meter->mark_ms = now_ms;
    }
    meter->bytes[is_relay][direction] += size;
    meter->datagrams[is_relay][direction]++;
}

struct tr_meter_rates tr_meter_rates(const struct tr_meter *meter, uint32_t now_ms)
{
    uint32_t span_ms = now_ms - meter->mark_ms;
    if (span_ms >= SECOND_MS)
        return rates_since(meter, span_ms);
    struct tr_meter_rates rates;
    for (unsigned i = 0; i < 2; i++) {
        rates.bytes[i] = meter->rate_bytes[i];
        rates.datagrams[i] = meter->rate_datagrams[i];
    }
    return rates;
}

/* Where a class begins. */
static uint32_t class_start(unsigned class)
{
    if (class == 0)
        return 0;
    uint32_t octave = UINT32_C(1) << (OCTAVE_FIRST + class / 2);
    return octave + (class % 2) * octave / 2;
}

static unsigned class_of(uint32_t rtt_us)
{
    unsigned class = 0;
    while (class + 1 < TR_METER_CLASSES && class_start(class + 1) <= rtt_us)
        class ++;
    return class;
}

void tr_meter_trip(struct tr_meter *meter, uint32_t rtt_us)
{
    unsigned class = class_of(rtt_us);
    if (meter->classes[class] == CLASS_FULL)
        for (unsigned i = 0; i < TR_METER_CLASSES; i++)
            meter->classes[i] /= 2; /* what is old counts for less */
    meter->classes[class]++;
    bool is_first = meter->rtt_last_us == 0;
    if (is_first || rtt_us < meter->rtt_least_us)
        meter->rtt_least_us = rtt_us;
    if (is_first || rtt_us > meter->rtt_most_us)
        meter->rtt_most_us = rtt_us;
    if (!is_first) { /* RFC 3550, A.8: J += |D| - ((J + 8) >> 4), J kept times 16 */
        uint32_t last = meter->rtt_last_us;
        uint32_t difference = rtt_us > last ? rtt_us - last : last - rtt_us;
        meter->jitter_us += difference - ((meter->jitter_us + 8) >> 4);
    }
    meter->rtt_last_us = rtt_us;
}

void tr_meter_told(struct tr_meter *meter, uint16_t sent, uint16_t received)
{
    uint16_t out = (uint16_t)(sent - meter->mark_sent);
    uint16_t in = (uint16_t)(received - meter->mark_received);
    /* A few more, or a few less, as a ping that a younger one overtook says. */
    if (meter->is_marked && (out < LOSS_SPAN || out > UINT16_MAX - LATE))
        return;
    bool is_anew =
        out > INT16_MAX || in > out * 2U; /* the path is a new one to the peer, or to us */
    if (meter->is_marked && !is_anew) {
        uint32_t lost = in < out ? (uint32_t)(out - in) * 100 / out : 0;
        meter->loss = (uint8_t)((meter->loss + lost + (lost > meter->loss)) / 2);
    }
    meter->is_marked = true;
    meter->mark_sent = sent;
    meter->mark_received = received;
}

void tr_meter_moved(struct tr_meter *meter)
{
    memset(meter->classes, 0, sizeof meter->classes);
    meter->rtt_least_us = meter->rtt_most_us = meter->rtt_last_us = 0;
    meter->jitter_us = 0;
    meter->is_marked = false;
    meter->loss = 0;
}

uint32_t tr_meter_percentile(const struct tr_meter *meter, uint32_t percent)
{
    uint32_t count = 0;
    uint32_t below = 0;
    unsigned class = 0;
    for (unsigned i = 0; i < TR_METER_CLASSES; i++)
        count += meter->classes[i];
    if (count == 0)
        return 0;
    uint32_t wanted = (count * percent + 99) / 100; /* the so-manieth, from 1 on */
    while (below + meter->classes[class] < wanted)
        below += meter->classes[class ++];
    /* Those of a class are taken to be spread over it evenly, but never beyond the least and the most. */
    uint32_t start = class_start(class);
    uint32_t end = class + 1 < TR_METER_CLASSES ? class_start(class + 1) : meter->rtt_most_us;
    start = start > meter->rtt_least_us ? start : meter->rtt_least_us;
    end = end < meter->rtt_most_us ? end : meter->rtt_most_us;
    uint64_t span = end > start ? end - start : 0;
    return start + (uint32_t)(span * (wanted - below) / meter->classes[class]);
}
