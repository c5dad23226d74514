/* Filling, sealing and holding DATA.
 * SPDX-License-Identifier: MIT */
#include "lib/core/bundle.h"

#include "lib/base/bytes.h"
#include <stdlib.h>
#include <string.h>

enum {
    ITEM_HEAD = 3,
    PONG_SIZE = TR_PING_BYTES + TR_ADDRESS_BYTES + 8,
    PING_SIZE = TR_PING_BYTES + 2,
    PING_PADDING = PONG_SIZE - PING_SIZE - ITEM_HEAD, /* a ping is as long as its pong */
    HELD_ROOM =
        8 * TR_DATA_ROOM, /* after a move; before there is a path a datagram's worth waits */
    PING_LEAST = TR_DATA_HEAD + ITEM_HEAD + PONG_SIZE + TR_TAG,
};

/* Where the item at `at` ends. */
static size_t item_end(const uint8_t *items, size_t at)
{
    return at + ITEM_HEAD + tr_get_u16(items + at + 1);
}

/* Fills in where a DATA goes and seals its items. A message alone goes without its head. Returns whether
 * its path is to be pinged sooner. */
static bool finish(const struct tr_bundle_way *way, struct tr_datagram *datagram, uint8_t index,
                   size_t size, const struct tr_peer_kit *kit)
{
    uint8_t *items = datagram->data + TR_DATA_HEAD;
    uint8_t first = items[0] & (uint8_t)~TR_ITEM_LAST;
    bool is_talk = first != TR_ITEM_PING && (first != TR_ITEM_PONG || size > ITEM_HEAD + PONG_SIZE);
    bool is_single = items[0] == TR_ITEM_MESSAGE && item_end(items, 0) == size;
    if (is_single) {
        size -= ITEM_HEAD;
        memmove(items, items + ITEM_HEAD, size);
    }
    struct tr_path *path = &way->paths->list[index];
    datagram->to = path->remote;
    tr_kit_from(kit, path->local, datagram);
    datagram->size = (uint16_t)tr_handshake_seal(way->handshake, datagram->data, size, is_single);
    datagram->open = 0;
    bool is_sooner = tr_path_carried(path, datagram->size, is_talk, kit->now_us);
    if (tr_path_is_relay(path))
        tr_relay_link_wrap(way->relay, kit->relay, datagram);
    tr_meter_count(&way->paths->meter, tr_path_is_relay(path), TR_METER_OUT, datagram->size,
                   kit->now_ms);
    return is_sooner;
}

/* Drops the two length bytes of the last item: it reaches to the end. Returns the new size. */
static size_t last_close(uint8_t *items, size_t last, size_t size)
{
    items[last] |= TR_ITEM_LAST;
    memmove(items + last + 1, items + last + ITEM_HEAD, size - last - ITEM_HEAD);
    return size - 2;
}

/* Whether `size` bytes more find room among what is held, up to a bound of `most` bytes. */
static bool held_fits(struct tr_bundle *bundle, size_t size, size_t most)
{
    size_t room = bundle->held_size + size <= TR_DATA_ROOM ? TR_DATA_ROOM : HELD_ROOM;
    if (bundle->held_size + size > most)
        return false;
    if (bundle->held != NULL && room <= bundle->held_room)
        return true;
    uint8_t *held = realloc(bundle->held, room);
    if (held == NULL)
        return false;
    bundle->held = held;
    bundle->held_room = (uint16_t)room;
    return true;
}

static void hold(struct tr_bundle *bundle, const uint8_t *items, size_t size,
                 const struct tr_peer_kit *kit)
{
    if (!held_fits(bundle, size, HELD_ROOM)) {
        kit->stats->messages_dropped++;
        return;
    }
    memcpy(bundle->held + bundle->held_size, items, size);
    bundle->held_size = (uint16_t)(bundle->held_size + size);
}

void tr_bundle_flush(struct tr_bundle *bundle, const struct tr_bundle_way *way,
                     const struct tr_peer_kit *kit)
{
    struct tr_datagram *datagram = bundle->datagram;
    if (datagram == NULL)
        return;
    bundle->datagram = NULL;
    uint8_t chosen = way->paths->chosen;
    uint8_t *items = datagram->data + TR_DATA_HEAD;
    size_t size = datagram->size;
    if (chosen == TR_PATH_NONE || !tr_handshake_can_send(way->handshake) ||
        bundle->hold_us > kit->now_us ||
        !tr_path_may_carry(&way->paths->list[chosen], TR_DATAGRAM_BYTES)) {
        hold(bundle, items, size, kit); /* the path was lost within the turn, or has just changed */
        datagram->open = 0;
        datagram->size = 0;
        return;
    }
    if (bundle->last > 0)
        size = last_close(items, bundle->last, size);
    bundle->is_sooner |= finish(way, datagram, chosen, size, kit);
}

/* How much of what is held may leave over a path, in whole messages, beside `beside` bytes. */
static size_t held_fitting(const struct tr_bundle *bundle, const struct tr_path *path,
                           size_t beside)
{
    size_t fits = 0;
    while (fits < bundle->held_size) {
        size_t end = item_end(bundle->held, fits);
        if (beside + end > TR_DATA_ROOM ||
            !tr_path_may_carry(path, TR_DATA_HEAD + beside + end + TR_TAG))
            break;
        fits = end;
    }
    return fits;
}

static void held_remove(struct tr_bundle *bundle, size_t size)
{
    bundle->held_size = (uint16_t)(bundle->held_size - size);
    memmove(bundle->held, bundle->held + size, bundle->held_size);
    if (bundle->held_size == 0) {
        free(bundle->held); /* rare, and a kilobyte a peer otherwise */
        bundle->held = NULL;
        bundle->held_room = 0;
    }
}

/* What the other side measures by: where its ping came from, and what of its traffic has come. */
static void pong_write(struct tr_writer *writer, const struct tr_path *path,
                       const struct tr_bundle_answer *answer, uint64_t now_us)
{
    struct tr_item_pong pong = {0};
    uint32_t quiet = tr_path_tenths(now_us) - path->said_ds;
    struct tr_item_report report = {
        .sent = answer->sent,
        .received = path->received,
        .size = answer->size,
        .quiet = quiet < UINT16_MAX ? (uint16_t)quiet : UINT16_MAX,
    };
    if (!tr_path_is_relay(path))
        pong.seen.address = path->remote;
    memcpy(pong.pong, answer->ping, TR_PING_BYTES);
    tr_writer_number(writer, TR_ITEM_PONG, 1);
    tr_writer_number(writer, PONG_SIZE, 2);
    tr_layout_encode(&tr_layout_item_pong, &pong, writer);
    tr_layout_encode(&tr_layout_item_report, &report, writer);
}

/* One datagram of what is held. false: nothing left. */
static bool release_one(struct tr_bundle *bundle, const struct tr_bundle_way *way,
                        const uint8_t *pong, uint8_t index, const struct tr_peer_kit *kit)
{
    const struct tr_path *path = &way->paths->list[index];
    size_t fits = held_fitting(bundle, path, 0);
    bool has_pong = pong != NULL && held_fitting(bundle, path, ITEM_HEAD + PONG_SIZE) == fits;
    struct tr_datagram *datagram = fits > 0 ? tr_outbox_push(kit->outbox) : NULL;
    if (datagram == NULL)
        return false;
    struct tr_writer writer;
    tr_writer_init(&writer, datagram->data + TR_DATA_HEAD, TR_DATA_ROOM);
    if (has_pong) {
        pong_write(&writer, path, &(struct tr_bundle_answer){.ping = pong}, kit->now_us);
    }
    tr_writer_bytes(&writer, bundle->held, fits);
    bundle->is_sooner |= finish(way, datagram, index, tr_writer_used(&writer), kit);
    held_remove(bundle, fits);
    return bundle->held_size > 0;
}

void tr_bundle_release(struct tr_bundle *bundle, const struct tr_bundle_way *way,
                       const uint8_t *pong, uint8_t index, const struct tr_peer_kit *kit)
{
    if (bundle->held_size == 0 || index == TR_PATH_NONE || bundle->hold_us > kit->now_us ||
        !tr_handshake_can_send(way->handshake))
        return;
    while (release_one(bundle, way, pong, index, kit))
        pong = NULL;
}

static void single(const struct tr_bundle_way *way, uint8_t index, const struct tr_writer *items,
                   struct tr_datagram *datagram, const struct tr_peer_kit *kit)
{
    if (items->fault)
        tr_outbox_unpush(kit->outbox);
    else
        finish(way, datagram, index, tr_writer_used(items), kit);
}

void tr_bundle_ping(const struct tr_bundle_way *way, uint8_t index, size_t wished,
                    const struct tr_peer_kit *kit)
{
    static const uint8_t zeros[TR_DATA_ROOM];
    uint8_t ping[TR_PING_BYTES];
    struct tr_path *path = &way->paths->list[index];
    struct tr_item_mark mark = {.sent = (uint16_t)(path->sent + 1)}; /* with this one */
    size_t padding = PING_PADDING + (wished > PING_LEAST ? wished - PING_LEAST : 0);
    struct tr_datagram *datagram = tr_outbox_push(kit->outbox);
    if (datagram == NULL)
        return;
    struct tr_writer writer;
    tr_writer_init(&writer, datagram->data + TR_DATA_HEAD, TR_DATA_ROOM);
    tr_path_ping(path, kit->now_us, kit->random, ping);
    tr_writer_number(&writer, TR_ITEM_PING, 1);
    tr_writer_number(&writer, PING_SIZE, 2);
    tr_writer_bytes(&writer, ping, TR_PING_BYTES);
    tr_layout_encode(&tr_layout_item_mark, &mark, &writer);
    tr_item_write(&writer, TR_ITEM_PADDING, zeros, padding);
    single(way, index, &writer, datagram, kit);
}

void tr_bundle_pong(const struct tr_bundle_way *way, uint8_t index,
                    const struct tr_bundle_answer *answer, const struct tr_peer_kit *kit)
{
    struct tr_datagram *datagram = tr_outbox_push(kit->outbox);
    if (datagram == NULL)
        return;
    struct tr_writer writer;
    tr_writer_init(&writer, datagram->data + TR_DATA_HEAD, TR_DATA_ROOM);
    pong_write(&writer, &way->paths->list[index], answer, kit->now_us);
    single(way, index, &writer, datagram, kit);
}

static void item_append(uint8_t *at, const void *data, size_t size)
{
    at[0] = TR_ITEM_MESSAGE;
    tr_put_u16(at + 1, (uint16_t)size);
    memcpy(at + ITEM_HEAD, data, size);
}

/* Before there is a key or a path: one datagram's worth waits, so that a game may greet at once. */
static tryst_result add_held(struct tr_bundle *bundle, const void *data, size_t size, size_t room)
{
    if (bundle->held_size + ITEM_HEAD + size > room)
        return TRYST_E_NOT_CONNECTED;
    if (!held_fits(bundle, ITEM_HEAD + size, room))
        return TRYST_E_MEMORY;
    item_append(bundle->held + bundle->held_size, data, size);
    bundle->held_size = (uint16_t)(bundle->held_size + ITEM_HEAD + size);
    return TRYST_OK;
}

tryst_result tr_bundle_add(struct tr_bundle *bundle, const struct tr_bundle_way *way,
                           const void *data, size_t size, const struct tr_peer_kit *kit)
{
    uint8_t chosen = way->paths->chosen;
    if (bundle->hold_us > kit->now_us && bundle->held_size + ITEM_HEAD + size > HELD_ROOM) {
        bundle->hold_us = 0; /* there is no room to wait in: rather out of order than lost */
        tr_bundle_release(bundle, way, NULL, chosen, kit);
    }
    if (chosen == TR_PATH_NONE || bundle->hold_us > kit->now_us ||
        !way->paths->list[chosen].is_proven || !tr_handshake_can_send(way->handshake)) {
        size_t room = bundle->hold_us > kit->now_us ? HELD_ROOM : TR_DATA_ROOM;
        tryst_result result = add_held(bundle, data, size, room);
        tr_bundle_release(bundle, way, NULL, chosen, kit);
        return result;
    }
    struct tr_datagram *datagram = bundle->datagram;
    if (datagram != NULL && datagram->size + ITEM_HEAD + size > TR_DATA_ROOM) {
        tr_bundle_flush(bundle, way, kit);
        datagram = NULL;
    }
    if (datagram == NULL) {
        datagram = tr_outbox_push(kit->outbox);
        if (datagram == NULL)
            return TRYST_E_FULL;
        datagram->open = 1;
        bundle->datagram = datagram;
    }
    uint8_t *items = datagram->data + TR_DATA_HEAD;
    bundle->last = datagram->size;
    item_append(items + datagram->size, data, size);
    datagram->size = (uint16_t)(datagram->size + ITEM_HEAD + size);
    return TRYST_OK;
}

void tr_bundle_leave(const struct tr_bundle_way *way, uint8_t index, const struct tr_peer_kit *kit)
{
    struct tr_item_leave leave = {.reason = TRYST_REASON_LEAVE};
    for (unsigned copies = 0; copies < 2; copies++) { /* nobody waits for an answer */
        struct tr_datagram *datagram = tr_outbox_push(kit->outbox);
        if (datagram == NULL)
            return;
        struct tr_writer writer;
        tr_writer_init(&writer, datagram->data + TR_DATA_HEAD, TR_DATA_ROOM);
        tr_item_write_layout(&writer, TR_ITEM_LEAVE, &tr_layout_item_leave, &leave);
        single(way, index, &writer, datagram, kit);
    }
}

void tr_bundle_clear(struct tr_bundle *bundle)
{
    if (bundle->datagram != NULL) { /* nothing of it leaves */
        bundle->datagram->size = 0;
        bundle->datagram->open = 0;
    }
    if (bundle->held != NULL)
        tr_seal_wipe(bundle->held, bundle->held_room);
    free(bundle->held);
    memset(bundle, 0, sizeof *bundle);
}
