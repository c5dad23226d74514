/* Events that wait to be polled, with the bytes they point to: a ring that grows to a bound.
 * What the game must know (joined, left, ...) always finds room; messages are dropped past the bound.
 * SPDX-License-Identifier: MIT */
#ifndef TR_NOTICE_H
#define TR_NOTICE_H

#include <stdbool.h>
#include <tryst/event.h>

enum {
    TR_NOTICE_MESSAGES_MAX = 1024,        /* messages waiting, and */
    TR_NOTICE_BYTES_MAX = 1024 * 1024,    /* their bytes */
    TR_NOTICE_EVENTS_MAX = 16 * 1024,     /* everything waiting, and */
    TR_NOTICE_ROOM_MAX = 4 * 1024 * 1024, /* its bytes: messages, and user data at 128 an event */
};

struct tr_notice_queue {
    struct tryst_event *events; /* ring; data holds an offset into bytes until it is taken */
    uint32_t capacity;
    uint32_t head;
    uint32_t count;
    uint8_t *bytes; /* ring of the events' data, each in one piece */
    size_t room;
    size_t first;   /* offset of the oldest data that is in use */
    size_t next;    /* offset for the newest */
    uint32_t held;  /* pieces of data in use: of waiting events, and of the one taken last */
    bool has_taken; /* the one taken last has data, freed with the next take, */
    size_t taken;   /* which ends here */
};

void tr_notice_init(struct tr_notice_queue *queue);
void tr_notice_clear(struct tr_notice_queue *queue);

/* Adds an event and a copy of its data. false: past the bounds, or no memory. */
bool tr_notice_put(struct tr_notice_queue *queue, const struct tryst_event *event);

/* Takes the oldest; its data stays readable until the next call. false: none. */
bool tr_notice_take(struct tr_notice_queue *queue, struct tryst_event *event);

#endif
