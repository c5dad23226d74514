/* Who was here, in memory that outlives a server which is killed.
 * SPDX-License-Identifier: MIT */
#include "server/recall.h"

#include "lib/base/deadline.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define AGAIN_US (400 * TR_MS) /* the least between the two words to one */
#define FULL_US (10 * TR_MS)   /* while the outbox is full */
#define CROWDS_US (30 * TR_S)
enum { RATE = 2000, BURST = 64, ROUNDS = 2 };

_Static_assert(sizeof(struct tr_recall_row) == 64, "a file of them outlives the server's build");

struct tr_recalled {
    struct tr_recall_row row;    /* a copy: a newcomer may have the place by now */
    struct tryst_address source; /* its address, canonical: what the list is in order of */
    uint32_t index;
    bool is_back;
    uint64_t due_us;
};

struct tr_recall_crowd {
    uint64_t prefix;
    uint32_t left;
};

/* Against chance, not against malice: who writes here may as well stop the server. */
static void make_check(uint8_t check[8], const struct tr_recall_row *row)
{
    static const uint8_t key[TR_MAC_KEY] = "tryst recall 1";
    uint64_t hash =
        tr_seal_hash64((const uint8_t *)row, offsetof(struct tr_recall_row, check), key);

    memcpy(check, &hash, sizeof hash);
}

static bool is_set(const struct tr_recall_row *row)
{
    static const uint8_t none[TR_CHANNEL_BYTES];

    return memcmp(row->channel, none, sizeof none) != 0;
}

static bool is_whole(const struct tr_recall_row *row)
{
    uint8_t check[8];

    if (!is_set(row))
        return false;
    make_check(check, row);
    return memcmp(check, row->check, sizeof check) == 0 &&
           tryst_address_classify(&row->address) != TRYST_ADDRESS_NONE &&
           row->address.transport == TRYST_TRANSPORT_UDP;
}

static int compare_crowds(const void *a, const void *b)
{
    uint64_t first = ((const struct tr_recall_crowd *)a)->prefix;
    uint64_t second = ((const struct tr_recall_crowd *)b)->prefix;

    return first < second ? -1 : first > second;
}

static int compare_recalled(const void *a, const void *b)
{
    return tryst_address_compare(&((const struct tr_recalled *)a)->source,
                                 &((const struct tr_recalled *)b)->source);
}

/* One row a prefix, in order, as the list is in the order of addresses. Without memory nobody is
 * excused. */
static void count_crowds(struct tr_recall *recall, uint64_t now_us)
{
    struct tr_recall_crowd *crowds = calloc(recall->size, sizeof *crowds);
    uint32_t count = 0;

    if (crowds == NULL)
        return;
    for (uint32_t i = 0; i < recall->size; i++) {
        uint64_t prefix = tr_limiter_prefix(&recall->list[i].source);

        if (count == 0 || crowds[count - 1].prefix != prefix)
            crowds[count++].prefix = prefix;
        crowds[count - 1].left++;
    }
    recall->crowds = crowds;
    recall->crowd_count = count;
    recall->crowds_us = now_us + CROWDS_US;
}

static void forget_crowds(struct tr_recall *recall)
{
    free(recall->crowds);
    recall->crowds = NULL;
    recall->crowd_count = 0;
}

uint32_t tr_recall_start(struct tr_recall *recall, struct tr_recall_row *rows, uint32_t count,
                         uint64_t now_us)
{
    uint32_t found = 0;

    *recall = (struct tr_recall){.rows = rows, .count = count};
    for (uint32_t i = 0; i < count; i++)
        found += is_whole(&rows[i]);
    if (found > 0)
        recall->list = calloc(found, sizeof *recall->list);
    for (uint32_t i = 0; i < count; i++) {
        if (recall->list != NULL && is_whole(&rows[i]))
            recall->list[recall->size++] = (struct tr_recalled){
                .row = rows[i], .source = tryst_address_canonical(&rows[i].address), .index = i};
        else if (is_set(&rows[i]))
            memset(&rows[i], 0, sizeof rows[i]);
    }
    if (recall->size > 0) {
        qsort(recall->list, recall->size, sizeof *recall->list, compare_recalled);
        count_crowds(recall, now_us);
    }
    return recall->size;
}

void tr_recall_clear(struct tr_recall *recall)
{
    free(recall->list);
    forget_crowds(recall);
    memset(recall, 0, sizeof *recall);
}

/* Who was told twice, or is back, stands in that row no longer, unless a newcomer stands there. Until
 * then a server that is killed again finds it there. */
static void finish(struct tr_recall *recall, const struct tr_recalled *recalled)
{
    if (memcmp(&recall->rows[recalled->index], &recalled->row, sizeof recalled->row) == 0)
        memset(&recall->rows[recalled->index], 0, sizeof recalled->row);
}

/* Who registers from an address is the one who was there: to be told no more. */
static void take_back(struct tr_recall *recall, const struct tryst_address *address)
{
    struct tr_recalled wanted = {.source = tryst_address_canonical(address)};
    struct tr_recalled *end = recall->list + recall->size;
    struct tr_recalled *found =
        bsearch(&wanted, recall->list, recall->size, sizeof wanted, compare_recalled);

    if (found == NULL)
        return;
    while (found > recall->list && compare_recalled(found - 1, &wanted) == 0)
        found--;
    for (; found < end && compare_recalled(found, &wanted) == 0; found++) {
        found->is_back = true;
        finish(recall, found);
    }
}

void tr_recall_keep(struct tr_recall *recall, uint32_t index, const struct tryst_address *address,
                    const struct tryst_address *local, const uint8_t channel[TR_CHANNEL_BYTES])
{
    struct tr_recall_row row = {.address = *address, .local = *local};

    if (recall->list != NULL)
        take_back(recall, address);
    if (index >= recall->count)
        return;
    if (address->transport != TRYST_TRANSPORT_UDP) {
        tr_recall_drop(recall, index);
        return;
    }
    memcpy(row.channel, channel, TR_CHANNEL_BYTES);
    make_check(row.check, &row);
    recall->rows[index] = row;
}

void tr_recall_drop(struct tr_recall *recall, uint32_t index)
{
    if (index < recall->count)
        memset(&recall->rows[index], 0, sizeof recall->rows[index]);
}

/* Pages that nobody wrote to are only read: they need not go to the disk. */
void tr_recall_drop_all(struct tr_recall *recall)
{
    for (uint32_t i = 0; i < recall->count; i++)
        if (is_set(&recall->rows[i]))
            tr_recall_drop(recall, i);
}

static void tell(const struct tr_recalled *recalled, struct tr_datagram *datagram)
{
    struct tr_unknown unknown = {.type = TR_UNKNOWN, .version = TR_VERSION};

    memcpy(unknown.channel, recalled->row.channel, TR_CHANNEL_BYTES);
    datagram->to = recalled->row.address;
    datagram->from = recalled->row.local;
    datagram->size = (uint16_t)tr_envelope_clear(&tr_layout_unknown, &unknown, datagram->data);
}

static void step(struct tr_recall *recall)
{
    if (++recall->next < recall->size)
        return;
    recall->next = 0;
    if (++recall->round < ROUNDS)
        return;
    free(recall->list);
    recall->list = NULL;
    recall->size = 0;
}

void tr_recall_tick(struct tr_recall *recall, uint64_t now_us, struct tr_outbox *outbox)
{
    while (recall->list != NULL) {
        struct tr_recalled *recalled = &recall->list[recall->next];

        if (recalled->is_back) {
            step(recall);
            continue;
        }
        if (!tr_is_due(tr_recall_deadline(recall), now_us))
            return;

        struct tr_datagram *datagram = tr_outbox_push(outbox);

        if (datagram == NULL) {
            recalled->due_us = now_us + FULL_US;
            return;
        }
        tell(recalled, datagram);
        tr_bucket_take(&recall->pace, RATE, BURST, now_us);
        recalled->due_us = now_us + AGAIN_US;
        if (recall->round + 1 == ROUNDS)
            finish(recall, recalled);
        step(recall);
    }
}

bool tr_recall_excuse(struct tr_recall *recall, const struct tryst_address *source, uint64_t now_us)
{
    struct tr_recall_crowd wanted = {.prefix = tr_limiter_prefix(source)};

    if (recall->crowds == NULL)
        return false;
    if (tr_is_due(recall->crowds_us, now_us)) {
        forget_crowds(recall);
        return false;
    }

    struct tr_recall_crowd *crowd =
        bsearch(&wanted, recall->crowds, recall->crowd_count, sizeof *crowd, compare_crowds);

    if (crowd == NULL || crowd->left == 0)
        return false;
    crowd->left--;
    return true;
}

uint64_t tr_recall_deadline(const struct tr_recall *recall)
{
    if (recall->list == NULL)
        return TR_NEVER;

    uint64_t due_us = recall->list[recall->next].due_us;
    uint64_t free_us = tr_bucket_next(&recall->pace, RATE, BURST);

    return due_us > free_us ? due_us : free_us;
}
