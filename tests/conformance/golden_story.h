/* One short story of tryst/1 with fixed secrets, every datagram of it as bytes and as words: the
 * text of golden.txt. The C tests hold it against that file, a reader in Python opens it alone.
 * SPDX-License-Identifier: MIT */
#ifndef GOLDEN_STORY_H
#define GOLDEN_STORY_H

#include "lib/core/handshake.h"
#include "lib/seal/keypair.h"
#include "lib/wire/envelope.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GOLDEN_TEXT_BYTES = 256 * 1024 };

/* What the story is made of. */
struct golden {
    char *text;
    size_t used;
    uint8_t app[TR_APP_BYTES];
    uint8_t session[TR_SESSION_BYTES];
    uint8_t root_secret[TR_SIGN_SECRET];
    uint8_t node_secret[TR_SIGN_SECRET];
    uint8_t kx_secret[TR_KEY];
    uint8_t cookie_key[TR_MAC_KEY];
    uint8_t e[2][TR_KEY]; /* of the participants a and b */
    struct tr_certificate certificate;
    struct tryst_identity identity[2];
    struct tr_record record[2];
    struct tr_candidate public[2]; /* where they are seen */
    struct tr_cookie cookie;
    uint8_t shared[TR_KEY];
    uint8_t register_hash[TR_KEY];
    struct tr_channel_keys channel_keys;
    uint8_t channel[TR_CHANNEL_BYTES];
    struct tr_handshake hand[2];
    struct tr_random random;
};

__attribute__((format(printf, 2, 3))) static void golden_print(struct golden *golden,
                                                               const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int length =
        vsnprintf(golden->text + golden->used, GOLDEN_TEXT_BYTES - golden->used, format, list);
    va_end(list);
    golden->used += (size_t)length;
    if (golden->used >= GOLDEN_TEXT_BYTES)
        abort();
}

/* "KIND NAME HEX": secret, public and derived keys, and frames. */
static void golden_bytes(struct golden *golden, const char *kind, const char *name,
                         const void *data, size_t size)
{
    golden_print(golden, "%s %s ", kind, name);
    for (size_t i = 0; i < size; i++)
        golden_print(golden, "%02x", ((const uint8_t *)data)[i]);
    golden_print(golden, "\n");
}

/* "words NAME name{field=value ...}": what the last frame says, opened. */
static void golden_words(struct golden *golden, const char *name, const struct tr_layout *layout,
                         const void *message)
{
    char words[8192];
    tr_layout_print(layout, message, words, sizeof words);
    golden_print(golden, "words %s %s\n", name, words);
}

static void golden_fill(void *out, size_t size, unsigned start)
{
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)out)[i] = (uint8_t)(start + 3 * i);
}

static struct tr_candidate golden_address(const char *text, uint8_t kind)
{
    struct tr_candidate candidate = {.kind = kind};
    if (tryst_address_parse(&candidate.address, text) != TRYST_OK)
        abort();
    return candidate;
}

static void golden_secret(struct golden *golden, const char *name, uint8_t secret[TR_KEY],
                          unsigned start)
{
    golden_fill(secret, TR_KEY, start);
    golden_bytes(golden, "secret", name, secret, TR_KEY);
}

static void golden_node(struct golden *golden)
{
    struct tr_certificate *certificate = &golden->certificate;
    uint8_t seed[TR_KEY];
    uint8_t root[TR_KEY];
    golden_secret(golden, "root_seed", seed, 0x10);
    tr_seal_sign_pair(root, golden->root_secret, seed);
    golden_bytes(golden, "public", "root", root, TR_KEY);
    *certificate = (struct tr_certificate){
        .version = TR_VERSION, .not_before_s = 1700000000, .not_after_s = 1702592000};
    golden_fill(certificate->key_id, TR_KEY_ID_BYTES, 0xc0);
    golden_secret(golden, "node_sign_seed", seed, 0x20);
    tr_seal_sign_pair(certificate->sign_key, golden->node_secret, seed);
    golden_secret(golden, "node_kx", golden->kx_secret, 0x30);
    tr_seal_dh_public(certificate->kx_key, golden->kx_secret);
    tr_certificate_sign(certificate, golden->root_secret);
    golden_fill(golden->cookie_key, TR_MAC_KEY, 0x40);
    golden_bytes(golden, "secret", "cookie_key", golden->cookie_key, TR_MAC_KEY);
}

static void golden_participant(struct golden *golden, unsigned i)
{
    struct tr_record *record = &golden->record[i];
    uint8_t seed[TR_KEY];
    golden_secret(golden, i == 0 ? "identity_seed_a" : "identity_seed_b", seed, 0x50 + 0x11 * i);
    tr_seal_sign_pair(golden->identity[i].public_key, golden->identity[i].secret, seed);
    golden_secret(golden, i == 0 ? "e_a" : "e_b", golden->e[i], 0x70 + 0x11 * i);
    *record = (struct tr_record){.version = TR_VERSION,
                                 .versions = 1U << TR_VERSION,
                                 .caps = TR_CAP_RELAY,
                                 .epoch = UINT64_C(1700000000000001) + i};
    memcpy(record->session, golden->session, TR_SESSION_BYTES);
    memcpy(record->identity, golden->identity[i].public_key, TR_KEY);
    tr_seal_dh_public(record->ge, golden->e[i]);
    tr_record_sign(record, golden->identity[i].secret);
}

static void golden_names(struct golden *golden)
{
    static const char app[] = "golden";
    static const char session[] = "lobby";
    uint8_t hash[16];
    uint8_t named[TR_APP_BYTES + sizeof session - 1];
    tr_seal_hash(hash, sizeof hash, "tryst1 app", NULL, 0, app, sizeof app - 1);
    memcpy(golden->app, hash, TR_APP_BYTES);
    memcpy(named, golden->app, TR_APP_BYTES);
    memcpy(named + TR_APP_BYTES, session, sizeof session - 1);
    tr_seal_hash(golden->session, TR_SESSION_BYTES, "tryst1 session", NULL, 0, named, sizeof named);
    golden_bytes(golden, "public", "app_name", app, sizeof app - 1);
    golden_bytes(golden, "public", "session_name", session, sizeof session - 1);
    golden_bytes(golden, "derived", "app", golden->app, TR_APP_BYTES);
    golden_bytes(golden, "derived", "session", golden->session, TR_SESSION_BYTES);
}

static struct tr_cookie golden_cookie(const struct golden *golden,
                                      const struct tr_candidate *candidate)
{
    const struct tryst_address *address = &candidate->address;
    struct tr_cookie cookie = {.time_s = 1700001234};
    uint8_t bytes[31];
    struct tr_writer writer;
    tr_writer_init(&writer, bytes, sizeof bytes);
    tr_writer_number(&writer, cookie.time_s, 4);
    tr_writer_bytes(&writer, address->ip, 16);
    tr_writer_number(&writer, address->family, 1);
    tr_writer_number(&writer, address->port, 2);
    tr_writer_bytes(&writer, golden->app, TR_APP_BYTES);
    tr_seal_mac(cookie.mac, bytes, sizeof bytes, golden->cookie_key);
    return cookie;
}

static void golden_bind(struct golden *golden)
{
    uint8_t out[TR_DATAGRAM_BYTES];
    struct tr_bind bind = {.type = TR_BIND, .version = TR_VERSION, .magic = TR_MAGIC};
    memcpy(bind.app, golden->app, TR_APP_BYTES);
    golden_fill(bind.nonce, sizeof bind.nonce, 0x90);
    golden_bytes(golden, "frame", "bind", out, tr_envelope_clear(&tr_layout_bind, &bind, out));
    golden_words(golden, "bind", &tr_layout_bind, &bind);

    struct tr_cookie_reply reply = {.type = TR_COOKIE,
                                    .version = TR_VERSION,
                                    .magic = TR_MAGIC,
                                    .seen = golden->public[0],
                                    .server_ms = UINT64_C(1700001234567),
                                    .versions = 1U << TR_VERSION,
                                    .other_port = 7778,
                                    .certificate = golden->certificate,
                                    .other = golden_address("5.9.1.3:7777", TRYST_KIND_NONE)};
    memcpy(reply.nonce, bind.nonce, sizeof reply.nonce);
    golden->cookie = golden_cookie(golden, &golden->public[0]);
    reply.cookie = golden->cookie;
    tr_cookie_mask(&reply.seen, reply.nonce);
    golden_bytes(golden, "frame", "cookie", out,
                 tr_envelope_clear(&tr_layout_cookie_reply, &reply, out));
    tr_cookie_mask(&reply.seen, reply.nonce);
    golden_words(golden, "cookie", &tr_layout_cookie_reply, &reply);
}

/* Signs, seals and prints; the hash is that of the last one. */
static void golden_register_send(struct golden *golden, const char *name,
                                 struct tr_register_body *body, unsigned nonce)
{
    const struct tr_certificate *node = &golden->certificate;
    uint8_t out[TR_DATAGRAM_BYTES];
    uint8_t key[TR_KEY];
    struct tr_register head = {
        .type = TR_REGISTER, .version = TR_VERSION, .magic = TR_MAGIC, .cookie = golden->cookie};
    memcpy(head.app, golden->app, TR_APP_BYTES);
    memcpy(head.key_id, node->key_id, TR_KEY_ID_BYTES);
    memcpy(head.ge, golden->record[0].ge, TR_KEY);
    golden_fill(head.nonce, sizeof head.nonce, nonce);
    tr_register_sign(body, &head, node->sign_key, golden->identity[0].secret);
    tr_seal_dh_shared(golden->shared, golden->e[0], node->kx_key);
    tr_register_key(key, golden->shared, head.ge, node->kx_key, node->sign_key);
    size_t size = tr_envelope_xseal(&tr_layout_register, &head, &tr_layout_register_body, body,
                                    TR_DATAGRAM_BYTES, key, out);
    tr_register_hash(golden->register_hash, out);
    golden_bytes(golden, "frame", name, out, size);
    golden_words(golden, name, &tr_layout_register, &head);
    golden_words(golden, name, &tr_layout_register_body, body);
    golden_bytes(golden, "derived", "register_key", key, TR_KEY);
    golden_bytes(golden, "derived", "register_hash", golden->register_hash, TR_KEY);
}

static void golden_register(struct golden *golden)
{
    struct tr_register_body full = {.record = golden->record[0],
                                    .sequence = 1,
                                    .seen = golden->public[0],
                                    .rtt_ms = 65535,
                                    .local_count = TR_CANDIDATES_MAX,
                                    .proven_count = TR_PROVEN_MAX,
                                    .roster_fence = UINT64_MAX,
                                    .roster_version = UINT64_MAX,
                                    .token_size = TR_TOKEN_MAX,
                                    .invite_size = sizeof full.invite,
                                    .user_data_size = TR_USER_DATA_MAX,
                                    .app_data_size = TR_USER_DATA_MAX};
    for (uint16_t i = 0; i < TR_CANDIDATES_MAX; i++) {
        full.local[i] = golden_address("[fd00::1]:4000", TRYST_KIND_HOST);
        full.local[i].address.port = (uint16_t)(4000 + i);
    }
    for (size_t i = 0; i < TR_PROVEN_MAX; i++) {
        full.proven[i].candidate = golden->public[i];
        full.proven[i].cookie = golden_cookie(golden, &golden->public[i]);
    }
    golden_fill(full.token, sizeof full.token, 1);
    golden_fill(full.invite, sizeof full.invite, 2);
    golden_fill(full.user_data, sizeof full.user_data, 3);
    golden_fill(full.app_data, sizeof full.app_data, 4);
    golden_register_send(golden, "register_full", &full, 0xa0);

    struct tr_register_body body = {.record = golden->record[0],
                                    .sequence = 2,
                                    .seen = golden->public[0],
                                    .rtt_ms = 21,
                                    .nat = {.mapping = TRYST_MAPPING_PORT_DEPENDENT,
                                            .filtering = TRYST_FILTERING_PORT_DEPENDENT,
                                            .ports = TRYST_PORTS_RANDOM,
                                            .flags = TR_NAT_SPRAY,
                                            .low = 20480,
                                            .high = 20991,
                                            .last = 20777},
                                    .local_count = 2,
                                    .proven_count = 1,
                                    .user_data_size = 5};
    body.local[0] = golden_address("192.168.1.23:40001", TRYST_KIND_HOST);
    body.local[1] = golden_address("[fd00:1::2]:40001", TRYST_KIND_HOST);
    body.proven[0].candidate = golden_address("[2a01:4f8::7]:40001", TRYST_KIND_IPV6);
    body.proven[0].cookie = golden_cookie(golden, &body.proven[0].candidate);
    memcpy(body.user_data, "Alice", 5);
    golden_register_send(golden, "register", &body, 0xb0);
}

static void golden_entries(struct golden *golden, struct tr_writer *writer)
{
    struct tr_member member = {
        .slot = 1, .record = golden->record[1], .candidate_count = 2, .user_data_size = 3};
    member.nat = (struct tr_nat){.mapping = TRYST_MAPPING_ADDRESS_DEPENDENT,
                                 .filtering = TRYST_FILTERING_DEPENDENT,
                                 .ports = TRYST_PORTS_SEQUENTIAL,
                                 .stride = 0xffff,
                                 .last = 40123};
    struct tr_gone gone = {.epoch = 77, .reason = TRYST_REASON_EXPIRED};
    member.candidates[0] = golden->public[1];
    member.candidates[1] = golden_address("10.0.0.5:50000", TRYST_KIND_HOST);
    memcpy(member.user_data, "Bob", 3);
    golden_fill(gone.identity, TR_KEY, 0xd0);
    tr_writer_number(writer, TR_ENTRY_MEMBER, 1);
    tr_layout_encode(&tr_layout_member, &member, writer);
    tr_writer_number(writer, TR_ENTRY_GONE, 1);
    tr_layout_encode(&tr_layout_gone, &gone, writer);
}

static void golden_entry_words(struct golden *golden, const char *name, struct tr_reader *reader)
{
    struct tr_member member = {0};
    struct tr_gone gone;
    while (tr_reader_left(reader) > 0) {
        if (tr_reader_number(reader, 1) == TR_ENTRY_MEMBER) {
            tr_layout_decode(&tr_layout_member, &member, reader);
            golden_words(golden, name, &tr_layout_member, &member);
        } else {
            tr_layout_decode(&tr_layout_gone, &gone, reader);
            golden_words(golden, name, &tr_layout_gone, &gone);
        }
    }
}

static void golden_registered(struct golden *golden)
{
    uint8_t es[TR_KEY];
    uint8_t shared[TR_KEY];
    uint8_t plain[TR_DATAGRAM_BYTES];
    uint8_t out[TR_DATAGRAM_BYTES];
    struct tr_registered head = {.type = TR_REGISTERED, .version = TR_VERSION, .reply = 3};
    struct tr_registered_body body = {.server_ms = UINT64_C(1700001234600),
                                      .seen = golden->public[0],
                                      .keepalive_ms = 15000,
                                      .expire_ms = 45000,
                                      .participants_max = 256,
                                      .relay_kbps = 2000,
                                      .fence = UINT64_C(0xfedcba9876543210),
                                      .data_size = 5,
                                      .data = "a word",
                                      .page = {.to = 2, .goal = 4, .reset = 1}};
    struct tr_writer writer;
    struct tr_reader reader;
    golden_secret(golden, "eS", es, 0x3a);
    tr_seal_dh_public(head.ges, es);
    tr_seal_dh_shared(shared, es, golden->record[0].ge);
    tr_channel_derive(&golden->channel_keys, golden->shared, shared, golden->register_hash,
                      head.ges);
    memcpy(head.tag, golden->register_hash, sizeof head.tag);
    golden_fill(golden->channel, TR_CHANNEL_BYTES, 0xe0);
    memcpy(body.channel, golden->channel, TR_CHANNEL_BYTES);
    tr_registered_sign(body.signature, golden->register_hash, head.ges, golden->node_secret);
    tr_writer_init(&writer, plain, sizeof plain);
    tr_layout_encode(&tr_layout_registered_body, &body, &writer);
    size_t entries = tr_writer_used(&writer);
    golden_entries(golden, &writer);
    size_t size =
        tr_envelope_seal(&tr_layout_registered, &head, plain, tr_writer_used(&writer),
                         TR_LANE_REGISTERED, head.reply, golden->channel_keys.to_client, out);
    golden_bytes(golden, "frame", "registered", out, size);
    golden_words(golden, "registered", &tr_layout_registered, &head);
    golden_words(golden, "registered", &tr_layout_registered_body, &body);
    tr_reader_init(&reader, plain + entries, tr_writer_used(&writer) - entries);
    golden_entry_words(golden, "registered", &reader);
    golden_bytes(golden, "derived", "to_client", golden->channel_keys.to_client, TR_KEY);
    golden_bytes(golden, "derived", "to_server", golden->channel_keys.to_server, TR_KEY);
}

static void golden_refused(struct golden *golden)
{
    uint8_t out[TR_DATAGRAM_BYTES];
    uint8_t key[TR_KEY];
    struct tr_refused head = {.type = TR_REFUSED, .version = TR_VERSION};
    struct tr_refused_body body = {
        .reason = TRYST_REASON_SESSION_FULL, .retry_ms = 5000, .detail_size = 9};
    memcpy(head.tag, golden->register_hash, sizeof head.tag);
    golden_fill(head.nonce, sizeof head.nonce, 0x0b);
    memcpy(body.detail, "come back", 9);
    tr_refused_key(key, golden->shared, golden->register_hash);
    golden_bytes(
        golden, "frame", "refused", out,
        tr_envelope_xseal(&tr_layout_refused, &head, &tr_layout_refused_body, &body, 0, key, out));
    golden_words(golden, "refused", &tr_layout_refused, &head);
    golden_words(golden, "refused", &tr_layout_refused_body, &body);
    golden_bytes(golden, "derived", "refused_key", key, TR_KEY);
}

/* What stands in the body of a CTRL or DATA. What follows in a ping or pong is not the same in both;
 * from_server: whose pong says what a server's does. */
static void golden_item_words(struct golden *golden, const char *name, const uint8_t *items,
                              size_t size, bool from_server)
{
    union {
        struct tr_item_ping ping;
        struct tr_item_pong pong;
        struct tr_item_mark mark;
        struct tr_item_report report;
        struct tr_item_status status;
        struct tr_item_relay relay;
        struct tr_item_leave leave;
        struct tr_item_ack ack;
        struct tr_page page;
    } any;
    static const struct tr_layout *const layouts[] = {
        [TR_ITEM_PING] = &tr_layout_item_ping,   [TR_ITEM_PONG] = &tr_layout_item_pong,
        [TR_ITEM_LEAVE] = &tr_layout_item_leave, [TR_ITEM_ACK] = &tr_layout_item_ack,
        [TR_ITEM_ROSTER] = &tr_layout_page,      [TR_ITEM_RELAY] = &tr_layout_item_relay,
    };
    struct tr_reader reader;
    struct tr_reader content;
    struct tr_item_view item;
    tr_reader_init(&reader, items, size);
    while (tr_item_read(&reader, &item)) {
        tr_reader_init(&content, item.content, item.size);
        if (item.type == TR_ITEM_PADDING) {
            golden_print(golden, "words %s padding{%zu}\n", name, item.size);
        } else if (item.type == TR_ITEM_MESSAGE) {
            golden_print(golden, "words %s message{%.*s}\n", name, (int)item.size,
                         (const char *)item.content);
        } else {
            tr_layout_decode(layouts[item.type], &any, &content);
            golden_words(golden, name, layouts[item.type], &any);
        }
        if (item.type == TR_ITEM_PONG && from_server) {
            tr_layout_decode(&tr_layout_item_status, &any, &content);
            golden_words(golden, name, &tr_layout_item_status, &any);
        }
        const struct tr_layout *more =
            item.type == TR_ITEM_PING ? &tr_layout_item_mark : &tr_layout_item_report;
        if ((item.type == TR_ITEM_PING || item.type == TR_ITEM_PONG) && !from_server &&
            tr_reader_left(&content) > 0) {
            tr_layout_decode(more, &any, &content);
            golden_words(golden, name, more, &any);
        }
        if (item.type == TR_ITEM_ROSTER)
            golden_entry_words(golden, name, &content);
    }
}

static void golden_ctrl(struct golden *golden, const char *name, bool from_server, uint32_t counter,
                        const struct tr_writer *items)
{
    uint8_t out[TR_DATAGRAM_BYTES];
    struct tr_ctrl head = {.type = TR_CTRL, .counter = counter};
    memcpy(head.channel, golden->channel, TR_CHANNEL_BYTES);
    size_t size = tr_envelope_seal(
        &tr_layout_ctrl, &head, items->start, tr_writer_used(items), TR_LANE_STREAM, counter,
        from_server ? golden->channel_keys.to_client : golden->channel_keys.to_server, out);
    golden_bytes(golden, "frame", name, out, size);
    golden_words(golden, name, &tr_layout_ctrl, &head);
    golden_item_words(golden, name, items->start, tr_writer_used(items), from_server);
}

#endif
