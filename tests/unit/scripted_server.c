/* A server that does what it is told.
 * SPDX-License-Identifier: MIT */
#include "tests/unit/scripted_server.h"

#include "lib/base/bytes.h"
#include <string.h>

enum { CTRL_HEAD = 13, REGISTERED_HEAD = 44, OUTBOX = 256, PAGE_ROOM = 900 };

void scripted_certify(struct scripted_server *server)
{
    tr_certificate_sign(&server->certificate, server->root_secret);
}

void scripted_init(struct scripted_server *server, uint64_t seed)
{
    uint8_t bytes[TR_KEY] = {0x5e};

    memset(server, 0, sizeof *server);
    tr_seal_start();
    tr_put_u64(bytes + 8, seed);
    tr_random_init(&server->random, bytes);
    tr_outbox_init(&server->outbox, OUTBOX);
    for (unsigned i = 0; i < 2; i++)
        server->address[i] =
            (struct tryst_address){.family = 4, .port = 7777, .ip = {20, 0, 0, (uint8_t)(1 + i)}};
    tr_random_bytes(&server->random, bytes, sizeof bytes);
    tr_seal_sign_pair(server->root_key, server->root_secret, bytes);
    tr_random_bytes(&server->random, bytes, sizeof bytes);
    tr_seal_sign_pair(server->sign_key, server->sign_secret, bytes);
    tr_random_bytes(&server->random, server->kx_secret, TR_KEY);
    tr_seal_dh_public(server->kx_key, server->kx_secret);
    tr_random_bytes(&server->random, server->es, TR_KEY);
    tr_seal_dh_public(server->ges, server->es);
    server->certificate =
        (struct tr_certificate){.version = TR_VERSION, .not_before_s = 1000, .not_after_s = 2000};
    memcpy(server->certificate.sign_key, server->sign_key, TR_KEY);
    memcpy(server->certificate.kx_key, server->kx_key, TR_KEY);
    scripted_certify(server);
    server->fence = 77;
    server->version = 1;
    server->keepalive_ms = 20000;
    server->versions = 1U << TR_VERSION;
    server->tells_others = true;
}

void scripted_clear(struct scripted_server *server)
{
    tr_outbox_clear(&server->outbox);
}

void scripted_restart(struct scripted_server *server)
{
    memset(server->clients, 0, sizeof server->clients);
    server->client_count = 0;
    server->fence++;
    server->version = 1;
}

static struct tr_datagram *answer(struct scripted_server *server, const struct tryst_address *to,
                                  const struct tryst_address *from)
{
    struct tr_datagram *datagram = tr_outbox_push(&server->outbox);

    if (datagram == NULL) {
        server->faults++;
        return NULL;
    }
    datagram->to = *to;
    datagram->from = *from;
    return datagram;
}

static struct tr_cookie cookie_of(const struct scripted_server *server,
                                  const struct tryst_address *address)
{
    struct tr_cookie cookie = {.time_s = 5};
    uint8_t in[18];

    memcpy(in, address->ip, 16);
    tr_put_u16(in + 16, address->port);
    tr_seal_mac(cookie.mac, in, sizeof in, server->es);
    return cookie;
}

static void bind_take(struct scripted_server *server, const struct tryst_address *from,
                      const struct tryst_address *to, const void *data, size_t size)
{
    server->binds++;
    server->bind_from = *from;
    server->bind_to = *to;
    if (!tr_envelope_head(&tr_layout_bind, &server->bind, data, size))
        server->faults++;
    struct tr_datagram *datagram =
        server->is_silent || server->is_mute_to_binds ? NULL : answer(server, from, to);
    if (datagram == NULL)
        return;
    struct tr_cookie_reply reply = {.type = TR_COOKIE,
                                    .version = TR_VERSION,
                                    .magic = TR_MAGIC,
                                    .cookie = cookie_of(server, from),
                                    .seen = {.address = *from, .kind = TRYST_KIND_PUBLIC},
                                    .versions = server->versions,
                                    .certificate = server->certificate};
    memcpy(reply.nonce, server->bind.nonce, sizeof reply.nonce);
    tr_cookie_mask(&reply.seen, reply.nonce);
    datagram->size = (uint16_t)tr_envelope_clear(&tr_layout_cookie_reply, &reply, datagram->data);
}

static struct scripted_client *client_of(struct scripted_server *server,
                                         const uint8_t identity[TR_KEY])
{
    for (uint32_t i = 0; i < server->client_count; i++)
        if (memcmp(server->clients[i].body.record.identity, identity, TR_KEY) == 0)
            return &server->clients[i];
    return server->client_count < SCRIPTED_CLIENTS ? &server->clients[server->client_count++]
                                                   : NULL;
}

size_t scripted_member(const struct tr_member *member, uint8_t *out)
{
    struct tr_writer writer;

    tr_writer_init(&writer, out, TR_DATAGRAM_BYTES);
    tr_writer_number(&writer, TR_ENTRY_MEMBER, 1);
    tr_layout_encode(&tr_layout_member, member, &writer);
    return tr_writer_used(&writer);
}

size_t scripted_gone(const uint8_t identity[TR_KEY], uint64_t epoch, uint16_t reason, uint8_t *out)
{
    struct tr_gone gone = {.epoch = epoch, .reason = reason};
    struct tr_writer writer;

    memcpy(gone.identity, identity, TR_KEY);
    tr_writer_init(&writer, out, TR_DATAGRAM_BYTES);
    tr_writer_number(&writer, TR_ENTRY_GONE, 1);
    tr_layout_encode(&tr_layout_gone, &gone, &writer);
    return tr_writer_used(&writer);
}

static size_t entry_of(const struct scripted_server *server, const struct scripted_client *client,
                       uint8_t *out)
{
    struct tr_member member = {.slot = (uint16_t)(client - server->clients),
                               .nat = server->nat,
                               .record = client->body.record,
                               .candidate_count = 1,
                               .user_data_size = client->body.user_data_size};

    memcpy(member.user_data, client->body.user_data, sizeof member.user_data);
    member.candidates[0] =
        (struct tr_candidate){.address = client->address, .kind = TRYST_KIND_PUBLIC};
    for (size_t i = 0; i < client->body.local_count && i < 4; i++)
        member.candidates[member.candidate_count++] = client->body.local[i];
    return scripted_member(&member, out);
}

static void registered_send(struct scripted_server *server, struct scripted_client *client,
                            const struct tryst_address *to)
{
    struct tr_datagram *datagram = answer(server, &client->address, to);
    uint8_t plain[TR_DATAGRAM_BYTES], entry[TR_DATAGRAM_BYTES];
    struct tr_registered head = {
        .type = TR_REGISTERED, .version = TR_VERSION, .reply = client->reply++};
    struct tr_registered_body body = {
        .seen = {.address = client->address, .kind = TRYST_KIND_PUBLIC},
        .keepalive_ms = server->keepalive_ms,
        .expire_ms = 60000,
        .participants_max = 256,
        .slot = (uint16_t)(client - server->clients),
        .relay_kbps = server->relay_kbps,
        .flags = server->counts_outcomes ? TR_REGISTERED_OUTCOMES : 0,
        .fence = server->fence,
        .page = {.to = server->version, .goal = server->version, .reset = 1}};
    if (datagram == NULL)
        return;
    memcpy(head.tag, client->hash, sizeof head.tag);
    memcpy(head.ges, server->ges, TR_KEY);
    memcpy(body.channel, client->channel, TR_CHANNEL_BYTES);
    tr_registered_sign(body.signature, client->hash, server->ges, server->sign_secret);
    struct tr_writer writer;
    tr_writer_init(&writer, plain, TR_DATAGRAM_BYTES - REGISTERED_HEAD - TR_TAG);
    tr_layout_encode(&tr_layout_registered_body, &body, &writer);
    for (uint32_t i = 0; i < server->client_count; i++)
        if (&server->clients[i] != client && server->clients[i].is_registered)
            tr_writer_bytes(&writer, entry, entry_of(server, &server->clients[i], entry));
    datagram->size = (uint16_t)tr_envelope_seal(&tr_layout_registered, &head, plain,
                                                tr_writer_used(&writer), TR_LANE_REGISTERED,
                                                head.reply, client->keys.to_client, datagram->data);
}

static void refused_send(struct scripted_server *server, const struct scripted_client *client,
                         const struct tryst_address *to)
{
    struct tr_datagram *datagram = answer(server, &client->address, to);
    struct tr_refused head = {.type = TR_REFUSED, .version = TR_VERSION};
    struct tr_refused_body body = {.reason = server->refusal, .retry_ms = 1234};
    uint8_t key[TR_KEY];

    if (datagram == NULL)
        return;
    memcpy(head.tag, client->hash, sizeof head.tag);
    tr_random_bytes(&server->random, head.nonce, sizeof head.nonce);
    if (server->refusal_text != NULL) {
        body.detail_size = (uint16_t)strlen(server->refusal_text);
        memcpy(body.detail, server->refusal_text, body.detail_size);
    }
    tr_refused_key(key, client->shared, client->hash);
    datagram->size = (uint16_t)tr_envelope_xseal(&tr_layout_refused, &head, &tr_layout_refused_body,
                                                 &body, 0, key, datagram->data);
}

static void others_tell(struct scripted_server *server, const struct scripted_client *client)
{
    uint8_t entry[TR_DATAGRAM_BYTES];
    size_t size = entry_of(server, client, entry);
    struct tr_page page = {
        .from = server->version, .to = server->version + 1, .goal = server->version + 1};

    server->version++;
    for (uint32_t i = 0; i < server->client_count; i++)
        if (&server->clients[i] != client && server->clients[i].is_registered)
            scripted_page(server, &server->clients[i], &page, entry, size);
}

/* Decrypts and checks a REGISTER. */
static struct scripted_client *register_read(struct scripted_server *server, const void *data,
                                             const struct tryst_address *from)
{
    struct tr_register head;
    struct tr_register_body body;
    uint8_t shared[TR_KEY], key[TR_KEY], plain[TR_DATAGRAM_BYTES];
    size_t plain_size = 0, head_size = tr_layout_size_min(&tr_layout_register);
    struct tr_reader reader;
    struct tr_cookie cookie = cookie_of(server, from);

    if (!tr_envelope_head(&tr_layout_register, &head, data, TR_DATAGRAM_BYTES) ||
        memcmp(head.cookie.mac, cookie.mac, sizeof cookie.mac) != 0 ||
        !tr_seal_dh_shared(shared, server->kx_secret, head.ge))
        return NULL;
    tr_register_key(key, shared, head.ge, server->kx_key, server->sign_key);
    if (!tr_envelope_xopen(head_size, data, TR_DATAGRAM_BYTES, key, plain, &plain_size))
        return NULL;
    tr_reader_init(&reader, plain, plain_size);
    tr_layout_decode(&tr_layout_register_body, &body, &reader);
    if (reader.fault || !tr_record_verify(&body.record) ||
        !tr_register_verify(&body, &head, server->sign_key))
        return NULL;
    struct scripted_client *client = client_of(server, body.record.identity);
    if (client == NULL)
        return NULL;
    client->head = head;
    client->body = body;
    memcpy(client->shared, shared, TR_KEY);
    return client;
}

static void register_take(struct scripted_server *server, const struct tryst_address *from,
                          const struct tryst_address *to, const void *data)
{
    uint8_t hash[TR_KEY], shared[TR_KEY];

    server->registers++;
    if (server->is_silent || server->is_mute_to_registers)
        return;
    struct scripted_client *client = register_read(server, data, from);
    if (client == NULL) {
        server->faults++;
        return;
    }
    client->registers++;
    tr_register_hash(hash, data);
    bool is_new = memcmp(hash, client->hash, TR_KEY) != 0;
    client->address = *from;
    client->at = *to;
    if (is_new) {
        memcpy(client->hash, hash, TR_KEY);
        client->reply = 0;
        client->sent = 0;
        tr_random_bytes(&server->random, client->channel, TR_CHANNEL_BYTES);
        tr_seal_dh_shared(shared, server->es, client->head.ge);
        tr_relay_derive(&client->relay, client->shared, client->head.ge);
        tr_channel_derive(&client->keys, client->shared, shared, hash, server->ges);
    }
    if (server->refusal != 0) {
        refused_send(server, client, to);
        return;
    }
    if (is_new && server->tells_others)
        others_tell(server, client);
    client->is_registered = true;
    registered_send(server, client, to);
}

static void ctrl_send(struct scripted_server *server, struct scripted_client *client,
                      const struct tryst_address *to, uint8_t type, const void *content,
                      size_t size)
{
    struct tr_datagram *datagram = answer(server, to, &client->at);
    struct tr_ctrl head = {.type = TR_CTRL, .counter = client->sent};
    uint8_t items[TR_DATAGRAM_BYTES];
    struct tr_writer writer;

    if (datagram == NULL)
        return;
    memcpy(head.channel, client->channel, TR_CHANNEL_BYTES);
    tr_writer_init(&writer, items, TR_DATAGRAM_BYTES - CTRL_HEAD - TR_TAG);
    tr_item_write(&writer, type, content, size);
    datagram->size = (uint16_t)tr_envelope_seal(
        &tr_layout_ctrl, &head, items, tr_writer_used(&writer), TR_LANE_STREAM, client->sent,
        client->keys.to_client, datagram->data);
    client->sent++;
}

void scripted_ctrl(struct scripted_server *server, struct scripted_client *client, uint8_t type,
                   const void *content, size_t size)
{
    ctrl_send(server, client, &client->address, type, content, size);
}

void scripted_leave(struct scripted_server *server, struct scripted_client *client, uint16_t reason)
{
    uint8_t content[2];

    tr_put_u16(content, reason);
    scripted_ctrl(server, client, TR_ITEM_LEAVE, content, sizeof content);
}

void scripted_page(struct scripted_server *server, struct scripted_client *client,
                   const struct tr_page *page, const void *entries, size_t size)
{
    uint8_t content[TR_DATAGRAM_BYTES];
    struct tr_writer writer;

    tr_writer_init(&writer, content, sizeof content);
    tr_layout_encode(&tr_layout_page, page, &writer);
    tr_writer_bytes(&writer, entries, size);
    scripted_ctrl(server, client, TR_ITEM_ROSTER, content, tr_writer_used(&writer));
}

void scripted_unknown(struct scripted_server *server, const struct scripted_client *client,
                      const uint8_t channel[TR_CHANNEL_BYTES])
{
    struct tr_datagram *datagram = answer(server, &client->address, &client->at);
    struct tr_unknown unknown = {.type = TR_UNKNOWN, .version = TR_VERSION};

    if (datagram == NULL)
        return;
    memcpy(unknown.channel, channel, TR_CHANNEL_BYTES);
    datagram->size = (uint16_t)tr_envelope_clear(&tr_layout_unknown, &unknown, datagram->data);
}

static void pong_send(struct scripted_server *server, struct scripted_client *client,
                      const struct tryst_address *from)
{
    struct tr_item_pong pong = {.seen = {.kind = TRYST_KIND_PUBLIC}};
    struct tr_item_status status = {.fence = server->fence, .version = 0};
    uint8_t content[128];
    struct tr_writer writer;

    memcpy(pong.pong, client->ping, TR_PING_BYTES);
    pong.seen.address = server->told.family != 0 ? server->told : *from;
    tr_writer_init(&writer, content, sizeof content);
    tr_layout_encode(&tr_layout_item_pong, &pong, &writer);
    tr_layout_encode(&tr_layout_item_status, &status, &writer);
    ctrl_send(server, client, from, TR_ITEM_PONG, content, tr_writer_used(&writer));
}

static void item_take(struct scripted_server *server, struct scripted_client *client,
                      const struct tryst_address *from, const struct tr_item_view *item)
{
    struct tr_reader reader;

    tr_reader_init(&reader, item->content, item->size);
    if (item->type == TR_ITEM_PING && item->size == TR_PING_BYTES) {
        client->pings++;
        memcpy(client->ping, item->content, TR_PING_BYTES);
        if (!server->is_silent && !server->is_mute_to_pings)
            pong_send(server, client, from);
    } else if (item->type == TR_ITEM_ACK) {
        client->acks++;
        tr_layout_decode(&tr_layout_item_ack, &client->ack, &reader);
    } else if (item->type == TR_ITEM_LEAVE) {
        client->leaves++;
        client->is_registered = false;
    } else if (item->type == TR_ITEM_OUTCOME && server->counts_outcomes) {
        client->outcomes++;
        tr_layout_decode(&tr_layout_item_outcome, &client->outcome, &reader);
    } else if (item->type != TR_ITEM_PADDING) {
        server->faults++;
    }
    server->faults += reader.fault;
}

static void ctrl_take(struct scripted_server *server, const struct tryst_address *from,
                      const void *data, size_t size)
{
    struct tr_ctrl head;
    struct tr_reader reader;
    struct tr_item_view item;
    uint8_t plain[TR_DATAGRAM_BYTES];
    size_t plain_size = 0;

    if (!tr_envelope_head(&tr_layout_ctrl, &head, data, size))
        server->faults++;
    for (uint32_t i = 0; i < server->client_count; i++) {
        struct scripted_client *client = &server->clients[i];

        if (memcmp(head.channel, client->channel, TR_CHANNEL_BYTES) != 0)
            continue;
        if (!tr_envelope_open(CTRL_HEAD, data, size, TR_LANE_STREAM, head.counter,
                              client->keys.to_server, plain, &plain_size)) {
            server->faults++;
            return;
        }
        tr_reader_init(&reader, plain, plain_size);
        while (tr_item_read(&reader, &item))
            item_take(server, client, from, &item);
        server->faults += reader.fault;
    }
}

static bool leg_of(const struct scripted_client *client, const struct scripted_client *other,
                   struct tr_relay_leg *leg)
{
    const struct tr_record *record = &other->body.record;

    tr_relay_derive_leg(leg, client->relay.secret, record->identity, record->epoch);
    return other != client && other->is_registered;
}

/* Takes a RELAY by its tag and passes it on in the other leg's head. */
static void relay_take(struct scripted_server *server, const void *data, size_t size)
{
    struct tr_relay head;
    struct tr_relay_leg leg, other_leg;
    uint32_t from = 0;

    tr_envelope_head(&tr_layout_relay, &head, data, size);
    while (from < server->client_count &&
           memcmp(server->clients[from].relay.route, head.route, TR_ROUTE_BYTES) != 0)
        from++;
    if (server->relay_kbps == 0 || from == server->client_count ||
        head.slot >= server->client_count) {
        server->faults++;
        return;
    }
    struct scripted_client *client = &server->clients[from];
    struct scripted_client *other = &server->clients[head.slot];
    if (!leg_of(client, other, &leg) || !leg_of(other, client, &other_leg) ||
        !tr_relay_check(data, size, leg.to_server)) {
        server->faults++;
        return;
    }
    client->relayed++;
    struct tr_datagram *datagram =
        server->is_silent ? NULL : answer(server, &other->address, &other->at);
    if (datagram == NULL)
        return;
    head.slot = (uint16_t)from;
    memcpy(head.route, other->relay.route, TR_ROUTE_BYTES);
    memcpy(datagram->data, data, size);
    datagram->size = (uint16_t)size;
    tr_relay_seal(datagram->data, size, &head, other_leg.to_client);
}

void scripted_input(struct scripted_server *server, const struct tryst_address *from,
                    const struct tryst_address *to, const void *data, size_t size)
{
    server->last_from = *from;
    if (tr_envelope_check(data, size, TR_FROM_CLIENT) != TR_DROP_NONE) {
        server->faults++;
        return;
    }
    switch (*(const uint8_t *)data) {
    case TR_BIND:
        bind_take(server, from, to, data, size);
        break;
    case TR_REGISTER:
        register_take(server, from, to, data);
        break;
    case TR_RELAY:
        relay_take(server, data, size);
        break;
    default:
        ctrl_take(server, from, data, size);
    }
}
