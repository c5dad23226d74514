/* What the smallest client reads: answers, pages, pongs.
 * SPDX-License-Identifier: MIT */
#include "tests/unit/fake_client.h"

#include <string.h>

const struct fake_peer *fake_find(const struct fake_client *client, const struct fake_client *other)
{
    for (uint32_t i = 0; i < client->peer_count; i++)
        if (memcmp(client->peers[i].identity, other->identity, TR_KEY) == 0)
            return &client->peers[i];
    return NULL;
}

static struct fake_peer *find_identity(struct fake_client *client, const uint8_t identity[TR_KEY])
{
    for (uint32_t i = 0; i < client->peer_count; i++)
        if (memcmp(client->peers[i].identity, identity, TR_KEY) == 0)
            return &client->peers[i];
    return NULL;
}

static void put_peer(struct fake_client *client, const struct tr_member *member,
                     const uint8_t *bytes, size_t size)
{
    struct fake_peer *peer = find_identity(client, member->record.identity);

    if (!tr_record_verify(&member->record) ||
        memcmp(member->record.identity, client->identity, TR_KEY) == 0) {
        client->faults++;
        return;
    }
    if (peer == NULL && client->peer_count <= TR_PARTICIPANTS_MAX)
        peer = &client->peers[client->peer_count++];
    if (peer == NULL) {
        client->faults++;
        return;
    }
    memcpy(peer->identity, member->record.identity, TR_KEY);
    peer->epoch = member->record.epoch;
    peer->is_named = true;
    peer->member = *member;
    tr_seal_hash(peer->hash, sizeof peer->hash, "tryst1 entry", NULL, 0, bytes, size);
}

static void remove_peer(struct fake_client *client, struct fake_peer *peer)
{
    *peer = client->peers[--client->peer_count];
}

static void read_entries(struct fake_client *client, struct tr_reader *reader)
{
    while (tr_reader_left(reader) > 0 && !reader->fault) {
        uint64_t kind = tr_reader_number(reader, 1);
        const uint8_t *at = reader->at;
        struct tr_member member;
        struct tr_gone gone;

        if (kind == TR_ENTRY_MEMBER) {
            tr_layout_decode(&tr_layout_member, &member, reader);
            if (!reader->fault)
                put_peer(client, &member, at, (size_t)(reader->at - at));
        } else if (kind == TR_ENTRY_GONE) {
            tr_layout_decode(&tr_layout_gone, &gone, reader);

            struct fake_peer *peer = find_identity(client, gone.identity);

            client->departures++;
            client->departure_reason = gone.reason;
            if (peer != NULL && peer->epoch <= gone.epoch)
                remove_peer(client, peer);
        } else {
            reader->fault = true;
        }
    }
    client->faults += reader->fault;
}

static void read_page(struct fake_client *client, const struct tr_page *page,
                      struct tr_reader *reader)
{
    client->pages++;
    if (page->to < page->from || page->goal < page->to || (page->reset && page->from != 0)) {
        client->faults++;
        return;
    }
    if (page->reset) {
        client->resets++;
        client->is_anew = true;
        client->version = 0;
        for (uint32_t i = 0; i < client->peer_count; i++)
            client->peers[i].is_named = false;
    }
    if (page->from > client->version || page->to < client->version)
        return;
    read_entries(client, reader);
    client->version = page->to;
    if (!client->is_anew || page->to < page->goal)
        return;
    client->is_anew = false;
    for (uint32_t i = client->peer_count; i > 0; i--)
        if (!client->peers[i - 1].is_named)
            remove_peer(client, &client->peers[i - 1]);
}

static void receive_registered(struct fake_world *world, struct fake_client *client,
                               const struct tr_datagram *datagram)
{
    const struct tr_certificate *node = &client->cookie_reply.certificate;
    struct tr_registered head;
    struct tr_channel_keys keys;
    struct tr_reader reader;
    uint8_t shared[TR_KEY];
    uint8_t body[TR_DATAGRAM_BYTES];
    size_t size = 0;

    if (!tr_envelope_head(&tr_layout_registered, &head, datagram->data, datagram->size) ||
        memcmp(head.tag, client->hash, sizeof head.tag) != 0) {
        client->faults++;
        return;
    }
    tr_seal_dh_shared(shared, client->e, head.ges);
    tr_channel_derive(&keys, client->shared, shared, client->hash, head.ges);
    if (!tr_envelope_open(tr_layout_size_min(&tr_layout_registered), datagram->data, datagram->size,
                          TR_LANE_REGISTERED, head.reply, keys.to_client, body, &size)) {
        client->faults++;
        return;
    }
    tr_reader_init(&reader, body, size);
    tr_layout_decode(&tr_layout_registered_body, &client->registered, &reader);
    if (reader.fault || !tr_registered_verify(client->registered.signature, client->hash, head.ges,
                                              node->sign_key)) {
        client->faults++;
        return;
    }
    if (memcmp(&keys, &client->keys, sizeof keys) != 0)
        client->counter = 0;
    client->keys = keys;
    client->answers++;
    client->reply = head.reply;
    if (client->fence != client->registered.fence)
        client->version = 0;
    client->fence = client->registered.fence;
    read_page(client, &client->registered.page, &reader);
    if (!client->is_silent)
        fake_ack_nested(world, client);
}

static void receive_refused(struct fake_client *client, const struct tr_datagram *datagram)
{
    struct tr_refused head;
    struct tr_reader reader;
    uint8_t key[TR_KEY];
    uint8_t body[TR_DATAGRAM_BYTES];
    size_t size = 0;

    tr_refused_key(key, client->shared, client->hash);
    if (!tr_envelope_head(&tr_layout_refused, &head, datagram->data, datagram->size) ||
        memcmp(head.tag, client->hash, sizeof head.tag) != 0 ||
        !tr_envelope_xopen(tr_layout_size_min(&tr_layout_refused), datagram->data, datagram->size,
                           key, body, &size)) {
        client->faults++;
        return;
    }
    tr_reader_init(&reader, body, size);
    tr_layout_decode(&tr_layout_refused_body, &client->refused, &reader);
    client->faults += reader.fault;
    client->refusals++;
}

static void receive_item(struct fake_world *world, struct fake_client *client,
                         const struct tr_item_view *item)
{
    struct tr_reader reader;
    struct tr_page page;
    struct tr_item_leave leave;

    tr_reader_init(&reader, item->content, item->size);
    switch (item->type) {
    case TR_ITEM_PONG:
        tr_layout_decode(&tr_layout_item_pong, &client->pong, &reader);
        tr_layout_decode(&tr_layout_item_status, &client->status, &reader);
        client->pongs++;
        break;
    case TR_ITEM_LEAVE:
        tr_layout_decode(&tr_layout_item_leave, &leave, &reader);
        client->leaves++;
        client->leave_reason = leave.reason;
        break;
    case TR_ITEM_RELAY:
        tr_layout_decode(&tr_layout_item_relay, &client->grant, &reader);
        client->grants++;
        break;
    case TR_ITEM_ROSTER:
        tr_layout_decode(&tr_layout_page, &page, &reader);
        read_page(client, &page, &reader);
        if (!client->is_silent)
            fake_ack_nested(world, client);
        break;
    default:
        client->faults++;
    }
    client->faults += reader.fault;
}

static void receive_ctrl(struct fake_world *world, struct fake_client *client,
                         const struct tr_datagram *datagram)
{
    struct tr_ctrl head;
    struct tr_reader reader;
    struct tr_item_view item;
    uint8_t body[TR_DATAGRAM_BYTES];
    size_t size = 0;

    tr_envelope_head(&tr_layout_ctrl, &head, datagram->data, datagram->size);
    /* A channel whose REGISTERED was lost. */
    if (memcmp(head.channel, client->registered.channel, TR_CHANNEL_BYTES) != 0)
        return;
    if (!tr_envelope_open(tr_layout_size_min(&tr_layout_ctrl), datagram->data, datagram->size,
                          TR_LANE_STREAM, head.counter, client->keys.to_client, body, &size)) {
        client->faults++;
        return;
    }
    tr_reader_init(&reader, body, size);
    while (tr_item_read(&reader, &item))
        receive_item(world, client, &item);
}

void fake_receive(struct fake_world *world, struct fake_client *client,
                  const struct tr_datagram *datagram)
{
    if (tr_envelope_check(datagram->data, datagram->size, TR_FROM_SERVER) != TR_DROP_NONE)
        client->faults++;
    switch (datagram->data[0]) {
    case TR_COOKIE:
        tr_envelope_head(&tr_layout_cookie_reply, &client->cookie_reply, datagram->data,
                         datagram->size);
        tr_cookie_mask(&client->cookie_reply.seen, client->cookie_reply.nonce);
        client->cookie = client->cookie_reply.cookie;
        client->cookies++;
        break;
    case TR_REGISTERED:
        receive_registered(world, client, datagram);
        break;
    case TR_REFUSED:
        receive_refused(client, datagram);
        break;
    case TR_CTRL:
        receive_ctrl(world, client, datagram);
        break;
    case TR_UNKNOWN:
        client->unknowns++;
        tr_envelope_head(&tr_layout_unknown, &client->unknown, datagram->data, datagram->size);
        break;
    case TR_RELAY:
        client->relays++;
        client->relayed = *datagram;
        break;
    default:
        client->faults++;
    }
}
