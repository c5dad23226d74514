/* Two peers on a small network.
 * SPDX-License-Identifier: MIT */
#include "tests/unit/small_net.h"

#include "lib/base/bytes.h"

enum { SPINS_MAX = 200 };

void net_init(struct small_net *net, uint64_t seed)
{
    memset(net, 0, sizeof *net);
    pair_init(&net->pair, seed);
    net->now_us = 100 * TR_S;
    net->loss_seed = seed;
    for (unsigned i = 0; i < 2; i++) {
        struct net_end *end = &net->end[i];
        struct pair_side *side = &net->pair.side[i];

        for (unsigned way = 0; way < NET_WAYS; way++) {
            net->way[i][way].delay_us = 20 * TR_MS;
            net->address[i][way] = (struct tryst_address){
                .family = 4,
                .port = (uint16_t)(4000 + i),
                .ip = {way == 1 ? 10 : 20, (uint8_t)way, 0, (uint8_t)(1 + i)}};
        }
        net->way[i][NET_RELAY].delay_us = 25 * TR_MS;
        tr_outbox_init(&end->outbox, 64);
        tr_budget_init(&end->budget, &side->random);
        end->kit = (struct tr_peer_kit){
            .identity = &side->identity,
            .outbox = &end->outbox,
            .random = &side->random,
            .stats = &end->stats,
            .budget = &end->budget,
            .relay = &end->relay,
            .nat = &end->nat,
            .sockets = &end->sockets,
            .locals = end->locals,
            .hello = &end->hello,
            .times = {.keepalive_us = 5 * TR_S, .path_us = 15 * TR_S},
            .peer_us = 30 * TR_S,
            .punch_us = 10 * TR_S,
            .rekey_us = 120 * TR_S,
            .now_us = net->now_us,
            .now_ms = 1,
        };
        ASSERT_TRUE(tr_peer_init(&end->peer, 256 + i, &side->record, side->e,
                                 &net->pair.side[1 - i].record, &end->kit));
    }
}

void net_clear(struct small_net *net)
{
    for (unsigned i = 0; i < 2; i++) {
        tr_peer_clear(&net->end[i].peer);
        tr_outbox_clear(&net->end[i].outbox);
    }
}

static void news_read(struct small_net *net, unsigned end)
{
    struct tr_peer *peer = &net->end[end].peer;

    for (unsigned bit = 0; bit < NET_NEWS; bit++)
        net->end[end].news[bit] += peer->news >> bit & 1;
    if ((peer->news & TR_NEWS_CONNECTED) && net->end[end].connected_us == 0)
        net->end[end].connected_us = net->now_us;
    peer->news = 0;
}

void net_introduce(struct small_net *net, unsigned end, unsigned ways)
{
    struct tr_candidate list[NET_WAYS];
    size_t count = 0;

    for (unsigned way = 0; way < NET_WAYS; way++)
        if (ways >> way & 1)
            list[count++] =
                (struct tr_candidate){.address = net->address[1 - end][way],
                                      .kind = way == 1 ? TRYST_KIND_HOST : TRYST_KIND_PUBLIC};
    tr_peer_set_candidates(&net->end[end].peer, list, count, 0, &net->end[end].kit);
}

static uint16_t slot_of(unsigned end)
{
    return (uint16_t)(5 + end);
}

void net_relay(struct small_net *net)
{
    for (unsigned i = 0; i < 2; i++) {
        struct net_end *end = &net->end[i];
        uint8_t shared[TR_KEY] = {(uint8_t)(i + 1)};

        end->relay.is_open = true;
        end->relay.life++;
        end->relay.server = (struct tryst_address){.family = 4, .port = 7777, .ip = {20, 9, 9, 9}};
        tr_relay_derive(&end->relay.keys, shared, net->pair.side[i].record.ge);
    }
    for (unsigned i = 0; i < 2; i++)
        tr_peer_set_relay(&net->end[i].peer, slot_of(1 - i), true, &net->end[i].kit);
}

/* The leg of an end, as server and end derive it. */
static struct tr_relay_leg leg_of(const struct small_net *net, unsigned end)
{
    const struct tr_record *other = &net->pair.side[1 - end].record;
    struct tr_relay_leg leg;

    tr_relay_derive_leg(&leg, net->end[end].relay.keys.secret, other->identity, other->epoch);
    return leg;
}

/* What the server does with a RELAY: takes it by its tag, and puts the other leg's head before it. */
static void relay_pass(struct small_net *net, unsigned from, struct tr_datagram *datagram)
{
    struct net_end *end = &net->end[from];
    struct tr_relay_leg leg = leg_of(net, from), other = leg_of(net, 1 - from);
    struct tr_relay head, next = {.type = TR_RELAY, .slot = slot_of(from)};

    ASSERT_EQ_INT(tr_envelope_check(datagram->data, datagram->size, TR_FROM_CLIENT), TR_DROP_NONE);
    tr_envelope_head(&tr_layout_relay, &head, datagram->data, datagram->size);
    ASSERT_TRUE(tr_relay_check(datagram->data, datagram->size, leg.to_server));
    ASSERT_EQ_MEM(head.route, end->relay.keys.route, TR_ROUTE_BYTES);
    ASSERT_EQ_UINT(head.slot, slot_of(1 - from));
    ASSERT_EQ_UINT(head.counter, end->relay_counter + 1);
    end->relay_counter = head.counter;
    next.counter = head.counter;
    memcpy(next.route, net->end[1 - from].relay.keys.route, TR_ROUTE_BYTES);
    tr_relay_seal(datagram->data, datagram->size, &next, other.to_client);
}

static bool is_lost(struct small_net *net, unsigned from, unsigned way, size_t size)
{
    const struct net_way *is = &net->way[from][way];
    bool is_next = (net->lose_next & 1) != 0;

    net->lose_next >>= 1;
    return is->is_walled || is_next || (is->width != 0 && size > is->width) ||
           (is->loss != 0 && unit_random(&net->loss_seed) % 100 < is->loss);
}

static void leave(struct small_net *net, unsigned from, struct tr_datagram *datagram)
{
    bool is_relay = datagram->data[0] == TR_RELAY;
    unsigned way = 0;

    while (!is_relay && way < NET_WAYS &&
           tryst_address_compare(&datagram->to, &net->address[1 - from][way]) != 0)
        way++;
    if (is_relay) {
        way = NET_RELAY;
        ASSERT_EQ_INT(tryst_address_compare(&datagram->to, &net->end[from].relay.server), 0);
        relay_pass(net, from, datagram);
    } else if (!ASSERT_TRUE(way < NET_WAYS)) {
        return;
    }
    bool lost = is_lost(net, from, way, datagram->size);
    if (net->log_count < NET_LOG)
        net->log[net->log_count++] =
            (struct net_entry){.us = net->now_us,
                               .from = (uint8_t)from,
                               .way = (uint8_t)way,
                               .type = datagram->data[is_relay ? TR_RELAY_HEAD : 0],
                               .is_lost = lost,
                               .size = datagram->size};
    if (lost || !ASSERT_TRUE(net->flight_count < NET_FLIGHTS))
        return;
    uint32_t i = net->flight_count++;
    net->flights[i].us = net->now_us + net->way[from][way].delay_us;
    net->flights[i].to = (uint8_t)(1 - from);
    net->flights[i].way = (uint8_t)way;
    net->flights[i].from = is_relay ? tr_path_relay() : net->address[from][way];
    net->flights[i].size = datagram->size;
    memcpy(net->flights[i].data, datagram->data, datagram->size);
}

void net_flush(struct small_net *net)
{
    for (unsigned i = 0; i < 2; i++) {
        struct tr_datagram *datagram = NULL;

        tr_peer_flush(&net->end[i].peer, &net->end[i].kit);
        while ((datagram = tr_outbox_pop(&net->end[i].outbox)) != NULL)
            if (datagram->size > 0)
                leave(net, i, datagram);
        news_read(net, i);
    }
}

static void message_read(const struct small_net *net, struct net_end *end, const uint8_t *message,
                         size_t size)
{
    if (!ASSERT_TRUE(size <= TR_MESSAGE_MAX))
        return;
    end->messages++;
    end->message_bytes += (uint32_t)size;
    end->message_us = net->now_us;
    if (net->end[0].said + net->end[1].said > 0) {
        uint32_t number = tr_get_u32(message);

        end->overtaken += number < end->number;
        end->number = number > end->number ? number : end->number;
    }
    memcpy(end->text, message, size);
    end->text[size < TR_MESSAGE_MAX ? size : TR_MESSAGE_MAX - 1] = '\0';
}

static void items_read(const struct small_net *net, struct net_end *end, const uint8_t *items,
                       size_t size)
{
    struct tr_reader reader;
    struct tr_item_view item;

    tr_reader_init(&reader, items, size);
    while (tr_item_read(&reader, &item))
        if (item.type == TR_ITEM_MESSAGE)
            message_read(net, end, item.content, item.size);
    ASSERT_FALSE(reader.fault);
}

static void arrive(struct small_net *net)
{
    for (uint32_t i = 0; i < net->flight_count;) {
        if (net->flights[i].us > net->now_us) {
            i++;
            continue;
        }
        struct net_end *end = &net->end[net->flights[i].to];
        const uint8_t *data = net->flights[i].data;
        uint8_t items[TR_DATAGRAM_BYTES];
        size_t size = net->flights[i].size;
        struct tr_data_outcome outcome;

        if (data[0] == TR_RELAY) {
            ASSERT_TRUE(tr_relay_link_check(&end->peer.relay, &end->relay, data, size));
            data += TR_RELAY_HEAD;
            size -= TR_RELAY_HEAD;
        }
        enum tr_drop drop = tr_envelope_check(data, size, TR_FROM_PEER);

        if (drop == TR_DROP_NONE && data[0] == TR_HELLO)
            drop = tr_peer_hello(&end->peer, &net->flights[i].from, TR_LOCAL_ANY, data, size,
                                 &end->kit);
        else if (drop == TR_DROP_NONE) {
            drop = tr_peer_data(&end->peer, &net->flights[i].from, TR_LOCAL_ANY, data, size, items,
                                &outcome, &end->kit);
            if (drop == TR_DROP_NONE && outcome.is_single)
                message_read(net, end, items, outcome.size);
            else if (drop == TR_DROP_NONE)
                items_read(net, end, items, outcome.size);
        }
        end->drops[drop]++;
        news_read(net, net->flights[i].to);
        net->flight_count--;
        memmove(&net->flights[i], &net->flights[i + 1],
                (net->flight_count - i) * sizeof net->flights[0]);
    }
}

static uint64_t next_event(const struct small_net *net)
{
    uint64_t next = TR_NEVER;

    for (unsigned i = 0; i < 2; i++)
        tr_sooner(&next, tr_peer_deadline(&net->end[i].peer, &net->end[i].kit));
    for (uint32_t i = 0; i < net->flight_count; i++)
        tr_sooner(&next, net->flights[i].us);
    return next;
}

static void clock_set(struct small_net *net, uint64_t now_us)
{
    net->now_us = now_us;
    for (unsigned i = 0; i < 2; i++) {
        net->end[i].kit.now_us = now_us;
        net->end[i].kit.now_ms = (uint32_t)(now_us / TR_MS);
    }
}

void net_run(struct small_net *net, uint64_t until_us)
{
    unsigned spins = 0;

    net_flush(net);
    for (;;) {
        uint64_t next = next_event(net);

        if (next > until_us)
            break;
        spins = next > net->now_us ? 0 : spins + 1;
        if (!ASSERT_ROW(spins < SPINS_MAX, "deadline in the past at %" PRIu64, net->now_us))
            break;
        clock_set(net, next > net->now_us ? next : net->now_us);
        arrive(net);
        for (unsigned i = 0; i < 2; i++) {
            tr_peer_tick(&net->end[i].peer, &net->end[i].kit);
            news_read(net, i);
        }
        net_flush(net);
    }
    clock_set(net, until_us);
}

void net_connect(struct small_net *net)
{
    net_introduce(net, 0, 1);
    net_introduce(net, 1, 1);
    net_run(net, net->now_us + TR_S);
    for (unsigned i = 0; i < 2; i++) {
        ASSERT_TRUE(net->end[i].peer.is_connected);
        ASSERT_TRUE(tr_handshake_is_settled(&net->end[i].peer.handshake));
    }
}

tryst_result net_send(struct small_net *net, unsigned from, const void *data, size_t size)
{
    return tr_peer_send(&net->end[from].peer, data, size, &net->end[from].kit);
}

tryst_result net_say(struct small_net *net, unsigned from, size_t size)
{
    uint8_t data[TR_MESSAGE_MAX] = {0};

    tr_put_u32(data, ++net->end[from].said);
    return net_send(net, from, data, size);
}

void net_wall(struct small_net *net, unsigned way, bool is_walled)
{
    net->way[0][way].is_walled = is_walled;
    net->way[1][way].is_walled = is_walled;
}

const struct tr_path *net_chosen(const struct small_net *net, unsigned end)
{
    const struct tr_path_set *paths = &net->end[end].peer.paths;

    return paths->chosen == TR_PATH_NONE ? NULL : &paths->list[paths->chosen];
}

bool net_is_on(const struct small_net *net, unsigned end, unsigned way)
{
    const struct tr_path *path = net_chosen(net, end);
    const struct tryst_address remote =
        way == NET_RELAY ? tr_path_relay() : net->address[1 - end][way];

    return path != NULL && tryst_address_compare(&path->remote, &remote) == 0;
}

uint32_t net_count(const struct small_net *net, uint32_t since, unsigned from, unsigned way,
                   uint8_t type)
{
    uint32_t count = 0;

    for (uint32_t i = since; i < net->log_count; i++)
        count += net->log[i].from == from && net->log[i].way == way && net->log[i].type == type;
    return count;
}
