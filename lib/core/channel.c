/* CTRL, the client's side.
 * SPDX-License-Identifier: MIT */
#include "lib/core/channel.h"

#include "lib/core/candidate.h"
#include "lib/core/uplink.h"
#include <assert.h>
#include <string.h>

/* Pings without an answer follow each other at a second, or sooner where the server said that it does
 * not know the channel; after three the server counts as lost, and after two where it said so to such
 * a ping. Nobody signs those words: without unanswered pings they end nothing. */
#define PING_RETRY_US (1 * TR_S)
#define PING_HINTED_US (200 * TR_MS)
#define PING_DENIED_US (100 * TR_MS)
/* A word that comes this much later than a round trip after a ping does not answer it. */
#define ANSWER_SLACK_US (20 * TR_MS)
enum {
    PINGS = 3,
    PINGS_DENIED = 2,
    CTRL_HEAD = 13,
    OUTCOME_ITEM = 3 + 14,
    /* what the server's pong is longer than a bare ping: padded, so that it may answer any address */
    PONG_EXTRA = TR_ADDRESS_BYTES + 8 + 8 + 16,
};

static uint64_t ping_pause(const struct tr_rendezvous *rendezvous, struct tr_random *random)
{
    uint64_t pause = rendezvous->keepalive_ms * TR_MS;
    return pause * 4 / 5 + tr_random_below(random, pause * 2 / 5 + 1);
}

static void page_start(struct tr_rendezvous *rendezvous, const struct tr_page *page,
                       const uint8_t *entries, size_t size)
{
    rendezvous->page = *page;
    rendezvous->has_page = true;
    bool is_next = page->reset != 0 || page->from <= rendezvous->version;
    bool is_news = page->reset != 0 || page->to > rendezvous->version;
    tr_reader_init(&rendezvous->entries, entries, is_next && is_news ? size : 0);
    rendezvous->page_version = is_next && is_news ? page->to : rendezvous->version;
}

void tr_channel_open(struct tr_rendezvous *rendezvous, uint64_t now_us,
                     const struct tr_channel_keys *keys, const struct tr_registered_body *body,
                     const uint8_t *plain, size_t at, size_t size, struct tr_random *random)
{
    rendezvous->state = TR_RENDEZVOUS_REGISTERED;
    rendezvous->keys = *keys;
    memcpy(rendezvous->channel, body->channel, TR_CHANNEL_BYTES);
    rendezvous->sent = 0;
    tr_replay_init(&rendezvous->replay, rendezvous->seen_counters, TR_REPLAY_CTRL);
    rendezvous->seen = tr_candidate_canonical(&body->seen);
    rendezvous->granted_size = body->data_size;
    memcpy(rendezvous->granted, body->data, body->data_size);
    rendezvous->keepalive_ms = body->keepalive_ms > 1000 ? body->keepalive_ms : 1000;
    rendezvous->heard_us = now_us;
    rendezvous->pings = 0;
    rendezvous->ping_us = 0;
    rendezvous->is_hinted = false;
    rendezvous->is_denied = false;
    rendezvous->ping_next_us = now_us + ping_pause(rendezvous, random);
    rendezvous->relay_kbps = body->relay_kbps;
    rendezvous->counts_outcomes = (body->flags & TR_REGISTERED_OUTCOMES) != 0;
    if (rendezvous->fence != body->fence) {
        rendezvous->version = 0;
        rendezvous->life++;
    }
    rendezvous->fence = body->fence;
    for (size_t i = 0; i < rendezvous->uplink_count; i++) /* the channel keeps the mapping alive */
        if (rendezvous->uplinks[i].tries == 0)
            rendezvous->uplinks[i].next_us = TR_NEVER;
    memcpy(rendezvous->plain, plain, size);
    page_start(rendezvous, &body->page, rendezvous->plain + at, size - at);
}

static void items_send_over(struct tr_rendezvous *rendezvous, const struct tr_writer *items,
                            uint8_t index, struct tr_outbox *outbox)
{
    const struct tr_uplink *uplink = &rendezvous->uplinks[index];
    struct tr_datagram *datagram = tr_outbox_push(outbox);
    if (datagram == NULL)
        return;
    struct tr_ctrl head = {.type = TR_CTRL, .counter = rendezvous->sent};
    memcpy(head.channel, rendezvous->channel, TR_CHANNEL_BYTES);
    datagram->to = uplink->server;
    datagram->from = uplink->local;
    datagram->socket = uplink->socket;
    datagram->size = (uint16_t)tr_envelope_seal(
        &tr_layout_ctrl, &head, items->start, tr_writer_used(items), TR_LANE_STREAM,
        rendezvous->sent, rendezvous->keys.to_server, datagram->data);
    rendezvous->sent++;
}

static void items_send(struct tr_rendezvous *rendezvous, const struct tr_writer *items,
                       struct tr_outbox *outbox)
{
    items_send_over(rendezvous, items, rendezvous->uplink, outbox);
}

void tr_channel_acknowledge(struct tr_rendezvous *rendezvous, struct tr_outbox *outbox)
{
    if (rendezvous->state != TR_RENDEZVOUS_REGISTERED)
        return;
    uint8_t room[64];
    struct tr_writer items;
    tr_writer_init(&items, room, sizeof room);
    struct tr_item_ack ack = {.fence = rendezvous->fence, .version = rendezvous->version};
    tr_item_write_layout(&items, TR_ITEM_ACK, &tr_layout_item_ack, &ack);
    items_send(rendezvous, &items, outbox);
}

void tr_channel_outcomes(struct tr_rendezvous *rendezvous, const struct tr_item_outcome *list,
                         size_t count, struct tr_outbox *outbox)
{
    uint8_t room[TR_OUTCOMES_TOLD_MAX * OUTCOME_ITEM];
    struct tr_writer items;
    tr_writer_init(&items, room, sizeof room);
    for (size_t i = 0; i < count; i++)
        tr_item_write_layout(&items, TR_ITEM_OUTCOME, &tr_layout_item_outcome, &list[i]);
    assert(!items.fault);
    items_send(rendezvous, &items, outbox);
}

void tr_channel_leave(struct tr_rendezvous *rendezvous, struct tr_outbox *outbox)
{
    if (rendezvous->state != TR_RENDEZVOUS_REGISTERED)
        return;
    uint8_t room[64];
    struct tr_writer items;
    struct tr_item_leave leave = {.reason = TRYST_REASON_LEAVE};
    for (unsigned copies = 0; copies < 2; copies++) { /* nobody waits for an answer */
        tr_writer_init(&items, room, sizeof room);
        tr_item_write_layout(&items, TR_ITEM_LEAVE, &tr_layout_item_leave, &leave);
        items_send(rendezvous, &items, outbox);
    }
}

static void ping_send_over(struct tr_rendezvous *rendezvous, uint8_t index,
                           struct tr_outbox *outbox)
{
    static const uint8_t zeros[PONG_EXTRA];
    uint8_t room[128];
    uint8_t ping[TR_PING_BYTES];
    struct tr_writer items;
    memcpy(ping, rendezvous->ping, sizeof ping);
    ping[0] ^= index; /* the pong tells which uplink it came through */
    tr_writer_init(&items, room, sizeof room);
    tr_item_write(&items, TR_ITEM_PING, ping, sizeof ping);
    tr_item_write(&items, TR_ITEM_PADDING, zeros, PONG_EXTRA - 3);
    items_send_over(rendezvous, &items, index, outbox);
}

static uint64_t retry_pause(const struct tr_rendezvous *rendezvous)
{
    if (!rendezvous->is_hinted)
        return PING_RETRY_US;
    return (rendezvous->is_denied ? PING_DENIED_US : PING_HINTED_US) + rendezvous->rtt_us;
}

static void ping_send(struct tr_rendezvous *rendezvous, uint64_t now_us, struct tr_outbox *outbox,
                      struct tr_random *random)
{
    if (rendezvous->pings == 0)
        tr_random_bytes(random, rendezvous->ping, TR_PING_BYTES);
    ping_send_over(rendezvous, rendezvous->uplink, outbox);
    /* The other addresses that the roster names for us live in NATs of their own: once a round each
     * is used too, or a newcomer is sent to a mapping that is gone. */
    for (uint8_t i = 0; rendezvous->pings == 0 && i < rendezvous->uplink_count; i++)
        if (rendezvous->uplinks[i].is_live &&
            rendezvous->uplinks[i].server.transport == TRYST_TRANSPORT_UDP &&
            !tr_candidate_is_same(&rendezvous->uplinks[i].seen, &rendezvous->seen))
            ping_send_over(rendezvous, i, outbox);
    rendezvous->ping_us = now_us;
    rendezvous->pings++;
    rendezvous->ping_next_us = now_us + retry_pause(rendezvous);
}

/* The NAT of an uplink gave us another address: prove it and register it. */
static void address_check(struct tr_rendezvous *rendezvous, uint64_t now_us,
                          const struct tr_candidate *before, const struct tr_candidate *told)
{
    struct tr_candidate seen = tr_candidate_canonical(told);
    if (tr_candidate_is_same(before, &seen) || rendezvous->is_asking || rendezvous->is_dirty)
        return; /* the same, or being told already */
    rendezvous->is_dirty = true;
    tr_uplinks_refresh(rendezvous, now_us, true);
}

/* Which uplink a pong answers; their count when none. */
static uint8_t pong_uplink(const struct tr_rendezvous *rendezvous, const uint8_t *pong)
{
    uint8_t index = pong[0] ^ rendezvous->ping[0];
    bool is_ours = memcmp(pong + 1, rendezvous->ping + 1, TR_PING_BYTES - 1) == 0;
    return is_ours && index < rendezvous->uplink_count ? index : rendezvous->uplink_count;
}

static void pong_take(struct tr_rendezvous *rendezvous, uint64_t now_us,
                      const struct tr_item_view *item, struct tr_random *random)
{
    struct tr_item_pong pong;
    struct tr_item_status status;
    struct tr_reader reader;
    tr_reader_init(&reader, item->content, item->size);
    tr_layout_decode(&tr_layout_item_pong, &pong, &reader);
    tr_layout_decode(&tr_layout_item_status, &status, &reader);
    uint8_t index = pong_uplink(rendezvous, pong.pong);
    if (reader.fault || index == rendezvous->uplink_count)
        return;
    if (index != rendezvous->uplink) {
        address_check(rendezvous, now_us, &rendezvous->uplinks[index].seen, &pong.seen);
        return;
    }
    if (rendezvous->pings == 0)
        return;
    if (rendezvous->pings == 1) /* one ping left, so its trip is certain (Karn) */
        rendezvous->rtt_us = (uint32_t)(now_us - rendezvous->ping_us);
    rendezvous->pings = 0;
    rendezvous->is_hinted = false;
    rendezvous->is_denied = false;
    rendezvous->ping_next_us = now_us + ping_pause(rendezvous, random);
    if (status.fence == rendezvous->fence && status.version > rendezvous->version)
        rendezvous->wants_page = true;
    rendezvous->has_hash =
        status.fence == rendezvous->fence && status.version == rendezvous->version;
    memcpy(rendezvous->hash, status.hash, sizeof rendezvous->hash);
    address_check(rendezvous, now_us, &rendezvous->seen, &pong.seen);
}

/* The server ended it. A shutdown is not the end of the session: the peers stay, and a server comes
 * back. */
static void leave_take(struct tr_rendezvous *rendezvous, const struct tr_item_view *item)
{
    struct tr_item_leave leave;
    struct tr_reader reader;
    tr_reader_init(&reader, item->content, item->size);
    tr_layout_decode(&tr_layout_item_leave, &leave, &reader);
    if (reader.fault)
        return;
    if (leave.reason == TRYST_REASON_SHUTDOWN || leave.reason == TRYST_REASON_EXPIRED) {
        rendezvous->channel_end = (uint8_t)leave.reason;
        return;
    }
    rendezvous->state = TR_RENDEZVOUS_IDLE;
    rendezvous->is_asking = false;
    rendezvous->has_page = false; /* what came beside it counts no more */
    tr_rendezvous_fact(rendezvous, &(struct tr_fact){.kind = TR_FACT_REMOVED,
                                                     .stage = TRYST_STAGE_SERVER,
                                                     .reason = leave.reason});
}

static void relay_take(struct tr_rendezvous *rendezvous, const struct tr_item_view *item)
{
    struct tr_item_relay relay;
    struct tr_reader reader;
    tr_reader_init(&reader, item->content, item->size);
    tr_layout_decode(&tr_layout_item_relay, &relay, &reader);
    if (!reader.fault && rendezvous->told_count < TR_RELAYS_TOLD_MAX)
        rendezvous->told[rendezvous->told_count++] = relay;
}

static void roster_take(struct tr_rendezvous *rendezvous, const struct tr_item_view *item)
{
    struct tr_page page;
    struct tr_reader reader;
    tr_reader_init(&reader, item->content, item->size);
    tr_layout_decode(&tr_layout_page, &page, &reader);
    if (!reader.fault && !rendezvous->has_page)
        page_start(rendezvous, &page, reader.at, tr_reader_left(&reader));
}

enum tr_drop tr_channel_input(struct tr_rendezvous *rendezvous, uint64_t now_us, const void *data,
                              size_t size, struct tr_random *random)
{
    struct tr_ctrl head;
    size_t plain_size = 0;
    if (!tr_envelope_head(&tr_layout_ctrl, &head, data, size))
        return TR_DROP_SHORT;
    if (rendezvous->state != TR_RENDEZVOUS_REGISTERED ||
        memcmp(head.channel, rendezvous->channel, TR_CHANNEL_BYTES) != 0)
        return TR_DROP_UNKNOWN;
    if (!tr_replay_is_fresh(&rendezvous->replay, rendezvous->seen_counters, TR_REPLAY_CTRL,
                            head.counter))
        return TR_DROP_REPLAY;
    if (!tr_envelope_open(CTRL_HEAD, data, size, TR_LANE_STREAM, head.counter,
                          rendezvous->keys.to_client, rendezvous->plain, &plain_size))
        return TR_DROP_SEAL;
    tr_replay_mark(&rendezvous->replay, rendezvous->seen_counters, TR_REPLAY_CTRL, head.counter);
    rendezvous->heard_us = now_us;
    rendezvous->has_page = false;
    rendezvous->told_count = 0;
    struct tr_reader reader;
    struct tr_item_view item;
    tr_reader_init(&reader, rendezvous->plain, plain_size);
    while (rendezvous->state == TR_RENDEZVOUS_REGISTERED && tr_item_read(&reader, &item)) {
        if (item.type == TR_ITEM_PONG)
            pong_take(rendezvous, now_us, &item, random);
        else if (item.type == TR_ITEM_LEAVE)
            leave_take(rendezvous, &item);
        else if (item.type == TR_ITEM_ROSTER)
            roster_take(rendezvous, &item);
        else if (item.type == TR_ITEM_RELAY)
            relay_take(rendezvous, &item);
    }
    return reader.fault ? TR_DROP_MALFORMED : TR_DROP_NONE;
}

/* The server was lost before it came back: the pause before we ask it anew is spread over a third. */
static enum tr_drop return_hasten(struct tr_rendezvous *rendezvous, uint64_t now_us)
{
    if (!rendezvous->is_lost || rendezvous->is_hinted || tr_is_due(rendezvous->start_us, now_us))
        return TR_DROP_UNKNOWN;
    rendezvous->is_hinted = true;
    rendezvous->start_us = now_us + (rendezvous->start_us - now_us) / 3;
    return TR_DROP_NONE;
}

enum tr_drop tr_channel_unknown(struct tr_rendezvous *rendezvous, uint64_t now_us, const void *data,
                                size_t size)
{
    struct tr_unknown unknown;
    if (!tr_envelope_head(&tr_layout_unknown, &unknown, data, size))
        return TR_DROP_SHORT;
    static const uint8_t rest[TR_CHANNEL_BYTES - TR_ROUTE_BYTES];
    bool is_channel = memcmp(unknown.channel, rendezvous->channel, TR_CHANNEL_BYTES) == 0;
    bool is_route = memcmp(unknown.channel, rendezvous->relay_keys.route, TR_ROUTE_BYTES) == 0 &&
                    memcmp(unknown.channel + TR_ROUTE_BYTES, rest, sizeof rest) == 0;
    if (rendezvous->is_asking || rendezvous->is_dirty || !(is_channel || is_route))
        return TR_DROP_UNKNOWN;
    if (rendezvous->state == TR_RENDEZVOUS_REGISTERING)
        return return_hasten(rendezvous, now_us);
    if (rendezvous->state != TR_RENDEZVOUS_REGISTERED || rendezvous->is_denied)
        return TR_DROP_UNKNOWN;
    if (!rendezvous->is_hinted) {
        rendezvous->is_hinted = true;
        tr_sooner(&rendezvous->ping_next_us, now_us);
        return TR_DROP_NONE;
    }
    uint64_t trip = (uint64_t)rendezvous->rtt_us * 5 / 4 + ANSWER_SLACK_US;
    if (rendezvous->pings == 0 || now_us - rendezvous->ping_us > trip)
        return TR_DROP_UNKNOWN;
    rendezvous->is_denied = true;
    tr_sooner(&rendezvous->ping_next_us, rendezvous->ping_us + retry_pause(rendezvous));
    return TR_DROP_NONE;
}

void tr_channel_tick(struct tr_rendezvous *rendezvous, uint64_t now_us, struct tr_outbox *outbox,
                     struct tr_random *random)
{
    if (rendezvous->state != TR_RENDEZVOUS_REGISTERED)
        return;
    if (rendezvous->wants_page) {
        rendezvous->wants_page = false;
        tr_channel_acknowledge(rendezvous, outbox); /* the server sends what is past it */
    }
    if (!tr_is_due(rendezvous->ping_next_us, now_us))
        return;
    if (rendezvous->pings < (rendezvous->is_denied ? PINGS_DENIED : PINGS)) {
        ping_send(rendezvous, now_us, outbox, random);
        return;
    }
    rendezvous->channel_end = TRYST_REASON_SILENT;
}

uint64_t tr_channel_deadline(const struct tr_rendezvous *rendezvous)
{
    if (rendezvous->state != TR_RENDEZVOUS_REGISTERED)
        return TR_NEVER;
    return rendezvous->wants_page ? 0 : rendezvous->ping_next_us;
}
