/* Datagrams that wait to be sent: a bounded ring whose buffers are made on first use and kept while
 * the like of them is used.
 * SPDX-License-Identifier: MIT */
#ifndef TR_OUTBOX_H
#define TR_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tryst/address.h>

#define TR_DATAGRAM_MAX 1200

struct tr_datagram {
    struct tryst_address to;
    struct tryst_address from; /* source to use, none: any */
    uint16_t size;
    uint8_t ttl;    /* 0: default */
    uint8_t socket; /* 0: the first; else a further one */
    uint8_t open;   /* not finished: its owner still writes data, and must finish before a pop */
    uint8_t data[TR_DATAGRAM_MAX];
};

struct tr_outbox {
    struct tr_datagram **ring;
    uint32_t capacity;
    uint32_t head;
    uint32_t count;
    uint32_t reach;   /* slots in use at most, since buffers were given back last */
    uint32_t runs;    /* pushes into an empty ring since then */
    uint64_t dropped; /* pushes refused because the ring was full or memory was short */
};

/* false: no memory. */
bool tr_outbox_init(struct tr_outbox *outbox, uint32_t capacity);
void tr_outbox_clear(struct tr_outbox *outbox);

/* A datagram at the end of the ring, its fields zero but for data; the caller fills it.
 * NULL: full. */
struct tr_datagram *tr_outbox_push(struct tr_outbox *outbox);

/* Takes back the newest push, which turned out not to be needed. */
void tr_outbox_unpush(struct tr_outbox *outbox);

/* The oldest datagram, gone from the ring; readable until the next push. NULL: empty. */
struct tr_datagram *tr_outbox_pop(struct tr_outbox *outbox);

#endif
