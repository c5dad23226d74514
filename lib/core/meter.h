/* Figures of the way to one peer, for the game: what went and came, how fast, and how round trips vary.
 * Small, as every peer has one: round trips are counted in 22 classes, two an octave.
 * SPDX-License-Identifier: MIT */
#ifndef TR_METER_H
#define TR_METER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TR_METER_CLASSES = 22 };

/* Indexes below: in, out; direct, by the relay. */
enum { TR_METER_IN, TR_METER_OUT };
enum { TR_METER_DIRECT, TR_METER_RELAY };

/* All zeros at the start. */
struct tr_meter {
    uint64_t bytes[2][2];       /* by way and direction, so far */
    uint32_t datagrams[2][2];   /*                              */
    uint32_t mark_bytes[2];     /* of both ways together, when the present second began */
    uint16_t mark_datagrams[2]; /* modulo 65,536 */
    uint32_t rate_bytes[2];     /* of the second before */
    uint16_t rate_datagrams[2]; /* 65,535: as many or more */
    uint32_t mark_ms;
    /* of the path in use: */
    uint32_t rtt_least_us;
    uint32_t rtt_most_us;
    uint32_t rtt_last_us; /* 0: none was taken */
    uint32_t jitter_us;   /* times 16 */
    uint16_t mark_sent;   /* of the peer's, when loss was last reckoned */
    uint16_t mark_received;
    uint8_t loss; /* of what it sends, in percent, smoothed */
    bool is_marked;
    uint8_t
        classes[TR_METER_CLASSES]; /* how many round trips were of each; halved when one is full */
};

/* A datagram went or came. */
void tr_meter_count(struct tr_meter *meter, bool is_relay, unsigned direction, size_t size,
                    uint32_t now_ms);

/* A round trip of the path in use. */
void tr_meter_trip(struct tr_meter *meter, uint32_t rtt_us);

/* The peer says how many it sent on the path in use; received: how many came. */
void tr_meter_told(struct tr_meter *meter, uint16_t sent, uint16_t received);

/* Another path is in use. */
void tr_meter_moved(struct tr_meter *meter);

/* The round trip that so many percent are below; 0: none was taken. */
uint32_t tr_meter_percentile(const struct tr_meter *meter, uint32_t percent);

struct tr_meter_rates {
    uint32_t bytes[2]; /* a second, by direction */
    uint32_t datagrams[2];
};
struct tr_meter_rates tr_meter_rates(const struct tr_meter *meter, uint32_t now_ms);

#endif
