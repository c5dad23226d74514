/* Who was here, in memory that outlives a server which is killed: so that the next one, which knows
 * nobody, says UNKNOWN to each of them, and they are back in seconds rather than at their next ping.
 * The memory is handed in and stays its owner's; rows are written in place, 64 bytes a participant.
 * SPDX-License-Identifier: MIT */
#ifndef TR_RECALL_H
#define TR_RECALL_H

#include "lib/base/outbox.h"
#include "lib/wire/envelope.h"
#include "server/limiter.h"

/* As in memory of this machine. All zero: nobody. */
struct tr_recall_row {
    struct tryst_address address; /* where the participant is, */
    struct tryst_address local;   /* the server's address that it talks to, */
    uint8_t channel[TR_CHANNEL_BYTES];
    uint8_t check[8]; /* of all before, so that a row half written counts as nobody */
};

struct tr_recalled;     /* one who is to be told */
struct tr_recall_crowd; /* how many of a prefix are to be back */

struct tr_recall {
    struct tr_recall_row *rows; /* NULL: nothing is kept */
    uint32_t count;
    struct tr_recalled *list; /* NULL: nobody is to be told any more */
    uint32_t size;
    uint32_t next;  /* in the list */
    uint32_t round; /* of two */
    struct tr_bucket pace;
    struct tr_recall_crowd *crowds; /* by prefix; NULL: none */
    uint32_t crowd_count;
    uint64_t crowds_us; /* until when they count */
};

/* Takes the memory, 8-aligned, zeros when it is new; count: rows in it. Whoever stands in it from
 * before is told from now on. Returns how many those are; without memory for their list they are
 * forgotten. Once a recall. */
uint32_t tr_recall_start(struct tr_recall *recall, struct tr_recall_row *rows, uint32_t count,
                         uint64_t now_us);

/* Frees the list; what stands in the rows stays. */
void tr_recall_clear(struct tr_recall *recall);

/* Keeps a participant in the row of its index, or nothing where there is no such row, or where it is
 * reached by a stream, which ended with the server. */
void tr_recall_keep(struct tr_recall *recall, uint32_t index, const struct tryst_address *address,
                    const struct tryst_address *local, const uint8_t channel[TR_CHANNEL_BYTES]);

/* The participant of that index left; and all did. */
void tr_recall_drop(struct tr_recall *recall, uint32_t index);
void tr_recall_drop_all(struct tr_recall *recall);

/* Tells whose turn it is: 64 at once, 2,000 a second, all of them once, then those
 * who are not back once more. */
void tr_recall_tick(struct tr_recall *recall, uint64_t now_us, struct tr_outbox *outbox);

/* Whether one more of this source's prefix may register past its rate: in the first 30 s as many may as
 * were recalled there, so that a crowd behind one address is not kept waiting. source: canonical. */
bool tr_recall_excuse(struct tr_recall *recall, const struct tryst_address *source,
                      uint64_t now_us);

/* TR_NEVER: nobody is to be told. */
uint64_t tr_recall_deadline(const struct tr_recall *recall);

#endif
