/* The golden story's second half: the channel, the handshake and the data; and the whole of it.
 * SPDX-License-Identifier: MIT */
#ifndef GOLDEN_TALK_H
#define GOLDEN_TALK_H

#include "lib/wire/detour.h"
#include "tests/conformance/golden_story.h"

static void golden_channel(struct golden *golden)
{
    static const uint8_t zeros[49];
    uint8_t room[TR_DATAGRAM_BYTES];
    struct tr_writer items;
    struct tr_item_ping ping;
    struct tr_item_pong pong = {.seen = golden->public[0]};
    struct tr_item_status status = {.fence = UINT64_C(0xfedcba9876543210), .version = 4};
    struct tr_item_ack ack = {.fence = UINT64_C(0xfedcba9876543210), .version = 2};
    struct tr_item_leave leave = {.reason = TRYST_REASON_LEAVE};
    struct tr_page page = {.from = 2, .to = 4, .goal = 4};
    struct tr_item_relay granted = {.slot = 1, .epoch = golden->record[1].epoch, .kbps = 2000};
    struct tr_item_relay refused = {.slot = 3, .epoch = 88, .reason = TRYST_REASON_RATE};

    golden_fill(ping.ping, TR_PING_BYTES, 0x66);
    memcpy(pong.pong, ping.ping, TR_PING_BYTES);
    golden_fill(status.hash, sizeof status.hash, 0x77);
    tr_writer_init(&items, room, sizeof room);
    tr_item_write_layout(&items, TR_ITEM_ACK, &tr_layout_item_ack, &ack);
    golden_ctrl(golden, "ctrl_ack", false, 0, &items);
    tr_writer_init(&items, room, sizeof room);
    tr_item_write_layout(&items, TR_ITEM_PING, &tr_layout_item_ping, &ping);
    tr_item_write(&items, TR_ITEM_PADDING, zeros, sizeof zeros);
    golden_ctrl(golden, "ctrl_ping", false, 1, &items);
    tr_writer_init(&items, room, sizeof room);
    tr_writer_number(&items, TR_ITEM_PONG | TR_ITEM_LAST, 1);
    tr_layout_encode(&tr_layout_item_pong, &pong, &items);
    tr_layout_encode(&tr_layout_item_status, &status, &items);
    golden_ctrl(golden, "ctrl_pong", true, 0, &items);
    tr_writer_init(&items, room, sizeof room);
    tr_writer_number(&items, TR_ITEM_ROSTER | TR_ITEM_LAST, 1);
    tr_layout_encode(&tr_layout_page, &page, &items);
    golden_entries(golden, &items);
    golden_ctrl(golden, "ctrl_roster", true, 1, &items);
    tr_writer_init(&items, room, sizeof room);
    tr_item_write_layout(&items, TR_ITEM_RELAY, &tr_layout_item_relay, &granted);
    tr_item_write_layout(&items, TR_ITEM_RELAY, &tr_layout_item_relay, &refused);
    golden_ctrl(golden, "ctrl_relay", true, 2, &items);
    tr_writer_init(&items, room, sizeof room);
    tr_item_write_layout(&items, TR_ITEM_LEAVE, &tr_layout_item_leave, &leave);
    golden_ctrl(golden, "ctrl_leave", false, 2, &items);

    struct tr_unknown unknown = {.type = TR_UNKNOWN, .version = TR_VERSION};
    memcpy(unknown.channel, golden->channel, TR_CHANNEL_BYTES);
    golden_bytes(golden, "frame", "unknown", room,
                 tr_envelope_clear(&tr_layout_unknown, &unknown, room));
    golden_words(golden, "unknown", &tr_layout_unknown, &unknown);
}

/* One side writes, the other reads. ping, pong: where their bytes start, 0 for none. */
static void golden_hello(struct golden *golden, const char *name, unsigned writer, unsigned ping,
                         unsigned pong, uint8_t local_count, uint32_t now_ms)
{
    uint8_t out[TR_DATAGRAM_BYTES];
    struct tr_hello_outcome outcome;
    struct tr_hello_extra extra = {.to = golden->public[1 - writer],
                                   .seen = golden->public[writer],
                                   .roster_version = 4,
                                   .roster_fence = UINT64_C(0xfedcba9876543210),
                                   .local_count = local_count};
    struct tr_hello head;
    if (local_count > 0) /* the first of a search after a move */
        extra.flags = TR_HELLO_SEARCH | TR_HELLO_MOVED;
    if (ping != 0)
        golden_fill(extra.ping, TR_PING_BYTES, ping);
    if (pong != 0)
        golden_fill(extra.pong, TR_PING_BYTES, pong);
    for (uint8_t i = 0; i < local_count; i++) {
        extra.local[i] = golden_address("192.168.1.23:40001", TRYST_KIND_HOST);
        extra.local[i].address.ip[3] = (uint8_t)(23 + i);
    }
    size_t size = tr_handshake_write(&golden->hand[writer], &golden->identity[writer], &extra,
                                     now_ms, &golden->random, out);
    tr_handshake_read(&golden->hand[1 - writer], out, size, &golden->random, &outcome);
    if (outcome.drop != TR_DROP_NONE || !tr_envelope_head(&tr_layout_hello, &head, out, size))
        abort();
    golden_bytes(golden, "frame", name, out, size);
    golden_words(golden, name, &tr_layout_hello, &head);
    golden_words(golden, name, &tr_layout_hello_body, &outcome.body);
}

static void golden_data(struct golden *golden, const char *name, unsigned writer,
                        const struct tr_writer *body, bool is_single)
{
    uint8_t out[TR_DATAGRAM_BYTES];
    uint8_t plain[TR_DATAGRAM_BYTES];
    struct tr_data_outcome outcome;
    struct tr_data head;
    memcpy(out + TR_DATA_HEAD, body->start, tr_writer_used(body));
    size_t size = tr_handshake_seal(&golden->hand[writer], out, tr_writer_used(body), is_single);
    if (tr_handshake_open(&golden->hand[1 - writer], out, size, plain, &outcome) != TR_DROP_NONE ||
        outcome.is_single != is_single || !tr_envelope_head(&tr_layout_data, &head, out, size))
        abort();
    golden_bytes(golden, "frame", name, out, size);
    golden_words(golden, name, &tr_layout_data, &head);
    if (is_single)
        golden_print(golden, "words %s message{%.*s}\n", name, (int)outcome.size,
                     (const char *)plain);
    else
        golden_item_words(golden, name, plain, outcome.size, false);
}

static void golden_handshake_keys(struct golden *golden)
{
    const struct tr_handshake *hand = &golden->hand[0];
    golden_bytes(golden, "derived", "th0", hand->th0, TR_KEY);
    golden_bytes(golden, "derived", "k0", hand->k0, TR_KEY);
    golden_bytes(golden, "derived", "hello_key_lo", hand->hello_key[0], TR_KEY);
    golden_bytes(golden, "derived", "hello_key_hi", hand->hello_key[1], TR_KEY);
    golden_bytes(golden, "derived", "hello_id_lo", hand->hello_id[0], 8);
    golden_bytes(golden, "derived", "hello_id_hi", hand->hello_id[1], 8);
}

static void golden_pair_keys(struct golden *golden)
{
    const struct tr_handshake *hand = &golden->hand[0];
    const uint8_t *send = hand->current.send_key;
    const uint8_t *receive = hand->current.receive_key;
    golden_bytes(golden, "derived", "data_key_lo", hand->role == 0 ? send : receive, TR_KEY);
    golden_bytes(golden, "derived", "data_key_hi", hand->role == 0 ? receive : send, TR_KEY);
}

/* A DATA's ping or pong, with its item's head: a mark or report follows in it. */
static void golden_ping(unsigned ping, uint16_t sent, struct tr_writer *items)
{
    struct tr_item_mark mark = {.sent = sent};
    struct tr_item_ping asks;
    golden_fill(asks.ping, TR_PING_BYTES, ping);
    tr_writer_number(items, TR_ITEM_PING, 1);
    tr_writer_number(items, TR_PING_BYTES + 2, 2);
    tr_layout_encode(&tr_layout_item_ping, &asks, items);
    tr_layout_encode(&tr_layout_item_mark, &mark, items);
}

static void golden_pong(const struct golden *golden, unsigned writer,
                        const struct tr_item_report *report, unsigned ping, struct tr_writer *items)
{
    struct tr_item_pong pong = {.seen = golden->public[1 - writer]};
    pong.seen.kind = 0;
    golden_fill(pong.pong, TR_PING_BYTES, ping);
    tr_writer_number(items, TR_ITEM_PONG, 1);
    tr_writer_number(items, TR_PING_BYTES + TR_ADDRESS_BYTES + 8, 2);
    tr_layout_encode(&tr_layout_item_pong, &pong, items);
    tr_layout_encode(&tr_layout_item_report, report, items);
}

static void golden_messages(struct golden *golden, unsigned writer, const char *name, bool has_pong)
{
    static const char *const words[] = {"first", "second message"};
    uint8_t room[TR_DATAGRAM_BYTES];
    uint8_t *last = NULL;
    struct tr_writer items;
    tr_writer_init(&items, room, sizeof room);
    if (has_pong) /* to a hello's ping */
        golden_pong(golden, writer, &(struct tr_item_report){.received = 0}, 0x21, &items);
    for (unsigned i = 0; i < 2; i++) {
        last = items.at;
        tr_item_write(&items, TR_ITEM_MESSAGE, words[i], strlen(words[i]));
    }
    if (!has_pong)
        tr_item_close(&items, last);
    golden_data(golden, name, writer, &items, false);
}

/* A measures the path: a large ping, and what b has of a's traffic. */
static void golden_measure(struct golden *golden)
{
    static const uint8_t zeros[300];
    uint8_t room[TR_DATAGRAM_BYTES];
    struct tr_writer items;
    tr_writer_init(&items, room, sizeof room);
    golden_ping(0x41, 3, &items);
    tr_item_write(&items, TR_ITEM_PADDING, zeros, sizeof zeros);
    golden_data(golden, "data_a_ping", 0, &items, false);
    tr_writer_init(&items, room, sizeof room);
    golden_pong(golden, 1, &(struct tr_item_report){.sent = 3, .received = 2, .size = 341}, 0x41,
                &items);
    golden_data(golden, "data_b_pong", 1, &items, false);
}

/* What b says last to a comes by the server: on a's leg towards b, as is what a answers. */
static void golden_relay(struct golden *golden)
{
    static const char *const words[] = {"by the server", "and back"};
    struct tr_relay_keys keys;
    struct tr_relay_leg leg;
    tr_relay_derive(&keys, golden->shared, golden->record[0].ge);
    tr_relay_derive_leg(&leg, keys.secret, golden->record[1].identity, golden->record[1].epoch);
    golden_bytes(golden, "derived", "relay_secret", keys.secret, TR_KEY);
    golden_bytes(golden, "derived", "route", keys.route, TR_ROUTE_BYTES);
    golden_bytes(golden, "derived", "leg_to_server", leg.to_server, TR_MAC_KEY);
    golden_bytes(golden, "derived", "leg_to_client", leg.to_client, TR_MAC_KEY);
    for (unsigned writer = 0; writer < 2; writer++) {
        const char *name = writer == 0 ? "relay_to_server" : "relay_to_client";
        uint8_t out[TR_DATAGRAM_BYTES];
        struct tr_relay head = {.type = TR_RELAY, .slot = 1, .counter = 1};
        struct tr_data data;
        size_t size = strlen(words[writer]);
        memcpy(head.route, keys.route, TR_ROUTE_BYTES);
        memcpy(out + TR_RELAY_HEAD + TR_DATA_HEAD, words[writer], size);
        size = TR_RELAY_HEAD +
               tr_handshake_seal(&golden->hand[writer], out + TR_RELAY_HEAD, size, true);
        tr_relay_seal(out, size, &head, writer == 0 ? leg.to_server : leg.to_client);
        golden_bytes(golden, "frame", name, out, size);
        if (!tr_envelope_head(&tr_layout_relay, &head, out, size) ||
            !tr_envelope_head(&tr_layout_data, &data, out + TR_RELAY_HEAD, size - TR_RELAY_HEAD))
            abort();
        golden_words(golden, name, &tr_layout_relay, &head);
        golden_words(golden, name, &tr_layout_data, &data);
        golden_print(golden, "words %s message{%s}\n", name, words[writer]);
    }
}

static void golden_talk(struct golden *golden)
{
    const uint8_t seed[TR_KEY] = {0x5e, 0xed};
    tr_random_init(&golden->random, seed);
    for (unsigned i = 0; i < 2; i++)
        if (!tr_handshake_init(&golden->hand[i], &golden->record[i], golden->e[i],
                               &golden->record[1 - i], 0, 1000, &golden->random))
            abort();
    golden_handshake_keys(golden);
    golden_bytes(golden, "secret", "f_a", golden->hand[0].f, TR_KEY);
    golden_bytes(golden, "secret", "f_b", golden->hand[1].f, TR_KEY);
    golden_hello(golden, "hello_a_first", 0, 0x21, 0, TR_CANDIDATES_MAX - 1, 1000);
    golden_hello(golden, "hello_b_answer", 1, 0x31, 0x21, 0, 1012);
    golden_pair_keys(golden);
    golden_messages(golden, 1, "data_b_early", true);
    golden_hello(golden, "hello_a_confirms", 0, 0, 0x31, 0, 1024);
    golden_messages(golden, 0, "data_a_bundle", false);

    static const char lone[] = "one alone";
    uint8_t room[TR_DATAGRAM_BYTES];
    struct tr_writer items;
    tr_writer_init(&items, room, sizeof room);
    tr_writer_bytes(&items, lone, sizeof lone - 1);
    golden_data(golden, "data_a_single", 0, &items, true);
    golden_measure(golden);
    golden_relay(golden);

    struct tr_item_leave leave = {.reason = TRYST_REASON_LEAVE};
    tr_handshake_renew(&golden->hand[0], 0, &golden->random);
    golden_bytes(golden, "secret", "f_a_renewed", golden->hand[0].f, TR_KEY);
    golden_hello(golden, "hello_a_renews", 0, 0, 0, 0, 121000);
    golden_hello(golden, "hello_b_accepts", 1, 0, 0, 0, 121012);
    golden_pair_keys(golden);
    tr_writer_init(&items, room, sizeof room);
    tr_item_write_layout(&items, TR_ITEM_LEAVE, &tr_layout_item_leave, &leave);
    golden_data(golden, "data_a_leaves", 0, &items, false);
}

/* The whole text, to be freed by the caller. */
static char *golden_text(void)
{
    struct golden *golden = calloc(1, sizeof *golden);
    char *text = malloc(GOLDEN_TEXT_BYTES);
    if (golden == NULL || text == NULL || tr_seal_start() != TRYST_OK)
        abort();
    golden->text = text;
    golden->public[0] = golden_address("81.2.69.142:61234", TRYST_KIND_PUBLIC);
    golden->public[1] = golden_address("[2a02:cf40::1:2]:5555", TRYST_KIND_IPV6);
    golden_print(golden, "# One story of tryst/1, made by make_golden; docs/PROTOCOL.md says how "
                         "to read it.\n# SPDX-License-Identifier: MIT\n");
    golden_names(golden);
    golden_node(golden);
    golden_participant(golden, 0);
    golden_participant(golden, 1);
    golden_bind(golden);
    golden_register(golden);
    golden_registered(golden);
    golden_refused(golden);
    golden_channel(golden);
    golden_talk(golden);
    tr_seal_wipe(golden, sizeof *golden);
    free(golden);
    return text;
}

#endif
