/* The smallest client.
 * SPDX-License-Identifier: MIT */
#include "tests/unit/fake_client.h"

#include "lib/base/bytes.h"
#include "lib/base/deadline.h"
#include "tests/unit/unit.h"
#include <stdlib.h>
#include <string.h>

static void fill(uint64_t *seed, void *out, size_t size)
{
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)out)[i] = (uint8_t)(unit_random(seed) >> 24);
}

static void create(struct fake_world *world)
{
    if (tr_service_create(&world->service, &world->options, world->now_us, world->unix_s) !=
        TRYST_OK) {
        fprintf(stderr, "fake_world: no service\n");
        abort();
    }
}

void fake_world_init(struct fake_world *world, const struct tr_service_limits *limits)
{
    uint8_t secret[TR_SIGN_SECRET];

    memset(world, 0, sizeof *world);
    world->now_us = 5 * TR_S;
    world->unix_s = 1800000000;
    world->seed = 1;
    tryst_address_parse(&world->server, "20.0.0.1:7777");
    fill(&world->seed, world->options.seed, TR_KEY);
    fill(&world->seed, world->options.root_seed, TR_KEY);
    fill(&world->seed, world->options.node_seed, TR_KEY);
    tr_seal_start();
    tr_seal_sign_pair(world->options.root_key, secret, world->options.root_seed);
    if (limits != NULL)
        world->options.limits = *limits;
    create(world);
}

void fake_world_clear(struct fake_world *world)
{
    tr_service_destroy(world->service);
    for (uint32_t i = 0; i < world->count; i++) {
        free(world->clients[i]->peers);
        free(world->clients[i]);
    }
    free(world->clients);
}

void fake_world_restart(struct fake_world *world)
{
    tr_service_destroy(world->service);
    fill(&world->seed, world->options.seed, TR_KEY);
    create(world);
}

struct fake_client *fake_world_add(struct fake_world *world, uint32_t number, uint8_t session)
{
    struct fake_client *client = calloc(1, sizeof *client);
    uint8_t seed[TR_KEY];

    world->clients = realloc(world->clients, (world->count + 1) * sizeof(struct fake_client *));
    world->clients[world->count++] = client;
    client->peers = calloc(TR_PARTICIPANTS_MAX + 1, sizeof *client->peers);
    client->seed = 1000 + number;
    client->address.family = 4;
    client->address.port = 4000;
    client->address.ip[0] = 31;
    client->address.ip[1] = (uint8_t)(number >> 16);
    client->address.ip[2] = (uint8_t)(number >> 8);
    client->address.ip[3] = (uint8_t)number;
    memcpy(client->app, "testgame", TR_APP_BYTES);
    fill(&client->seed, seed, sizeof seed);
    tr_seal_sign_pair(client->identity, client->identity_secret, seed);
    client->body.record.version = TR_VERSION;
    client->body.record.versions = 1U << TR_VERSION;
    memset(client->body.record.session, session, TR_SESSION_BYTES);
    memcpy(client->body.record.identity, client->identity, TR_KEY);
    client->body.record.epoch = 100;
    fake_renew_epoch(client);
    return client;
}

void fake_renew_epoch(struct fake_client *client)
{
    client->body.record.epoch++;
    client->body.sequence = 0;
    fill(&client->seed, client->e, TR_KEY);
    tr_seal_dh_public(client->ge, client->e);
    memcpy(client->body.record.ge, client->ge, TR_KEY);
}

size_t fake_make_bind(struct fake_client *client, uint8_t out[TR_DATAGRAM_BYTES])
{
    struct tr_bind bind = {.type = TR_BIND, .version = TR_VERSION, .magic = TR_MAGIC};

    memcpy(bind.app, client->app, TR_APP_BYTES);
    fill(&client->seed, bind.nonce, sizeof bind.nonce);
    return tr_envelope_clear(&tr_layout_bind, &bind, out);
}

void fake_bind(struct fake_world *world, struct fake_client *client)
{
    uint8_t out[TR_DATAGRAM_BYTES];

    fake_input(world, &client->address, out, fake_make_bind(client, out));
}

void fake_seal_register(struct fake_client *client)
{
    const struct tr_certificate *node = &client->cookie_reply.certificate;
    struct tr_register head = {.type = TR_REGISTER, .version = TR_VERSION, .magic = TR_MAGIC};
    uint8_t key[TR_KEY];

    head.cookie = client->cookie;
    memcpy(head.app, client->app, TR_APP_BYTES);
    memcpy(head.key_id, node->key_id, TR_KEY_ID_BYTES);
    memcpy(head.ge, client->ge, TR_KEY);
    fill(&client->seed, head.nonce, sizeof head.nonce);
    tr_seal_dh_shared(client->shared, client->e, node->kx_key);
    tr_register_key(key, client->shared, client->ge, node->kx_key, node->sign_key);
    tr_record_sign(&client->body.record, client->identity_secret);
    tr_register_sign(&client->body, &head, node->sign_key, client->identity_secret);
    tr_envelope_xseal(&tr_layout_register, &head, &tr_layout_register_body, &client->body,
                      TR_DATAGRAM_BYTES, key, client->request);
    tr_register_hash(client->hash, client->request);
}

void fake_make_register(struct fake_client *client)
{
    client->body.sequence++;
    client->body.roster_fence = client->fence;
    client->body.roster_version = client->version;
    fake_seal_register(client);
}

void fake_register(struct fake_world *world, struct fake_client *client)
{
    fake_make_register(client);
    fake_input(world, &client->address, client->request, sizeof client->request);
}

void fake_join(struct fake_world *world, struct fake_client *client)
{
    fake_bind(world, client);
    fake_register(world, client);
}

size_t fake_make_ctrl(struct fake_client *client, const void *body, size_t size,
                      uint8_t out[TR_DATAGRAM_BYTES])
{
    struct tr_ctrl head = {.type = TR_CTRL, .counter = client->counter++};

    memcpy(head.channel, client->registered.channel, TR_CHANNEL_BYTES);
    return tr_envelope_seal(&tr_layout_ctrl, &head, body, size, TR_LANE_STREAM, head.counter,
                            client->keys.to_server, out);
}

size_t fake_make_ping(struct fake_client *client, uint8_t ping, size_t padding,
                      uint8_t out[TR_DATAGRAM_BYTES])
{
    struct tr_item_ping item;
    uint8_t body[TR_DATAGRAM_BYTES];
    uint8_t zeros[TR_DATAGRAM_BYTES] = {0};
    struct tr_writer writer;

    memset(item.ping, ping, sizeof item.ping);
    tr_writer_init(&writer, body, sizeof body);
    tr_item_write_layout(&writer, TR_ITEM_PING, &tr_layout_item_ping, &item);
    if (padding > 0)
        tr_item_write(&writer, TR_ITEM_PADDING, zeros, padding - 3);
    return fake_make_ctrl(client, body, tr_writer_used(&writer), out);
}

void fake_ping(struct fake_world *world, struct fake_client *client)
{
    uint8_t out[TR_DATAGRAM_BYTES];

    fake_input(world, &client->address, out, fake_make_ping(client, 7, 60, out));
}

static void send_item(struct fake_world *world, struct fake_client *client, uint8_t type,
                      const struct tr_layout *layout, const void *message, bool is_nested)
{
    uint8_t body[TR_DATAGRAM_BYTES];
    uint8_t out[TR_DATAGRAM_BYTES];
    struct tr_writer writer;

    tr_writer_init(&writer, body, sizeof body);
    tr_item_write_layout(&writer, type, layout, message);

    size_t size = fake_make_ctrl(client, body, tr_writer_used(&writer), out);

    if (is_nested && unit_random(&world->seed) % 1000 < world->loss)
        return;
    if (is_nested)
        tr_service_input(world->service, world->now_us, &client->address, &world->server, out,
                         size);
    else
        fake_input(world, &client->address, out, size);
}

static void ack(struct fake_world *world, struct fake_client *client, uint64_t version,
                bool is_nested)
{
    struct tr_item_ack item = {.fence = client->fence, .version = version};

    send_item(world, client, TR_ITEM_ACK, &tr_layout_item_ack, &item, is_nested);
}

void fake_ack(struct fake_world *world, struct fake_client *client, uint64_t version)
{
    ack(world, client, version, false);
}

void fake_ack_nested(struct fake_world *world, struct fake_client *client)
{
    ack(world, client, client->version, true);
}

void fake_leave(struct fake_world *world, struct fake_client *client)
{
    struct tr_item_leave item = {.reason = TRYST_REASON_LEAVE};

    send_item(world, client, TR_ITEM_LEAVE, &tr_layout_item_leave, &item, false);
}

static bool is_at(const struct fake_client *client, const struct tryst_address *address)
{
    return !client->is_deaf && tryst_address_compare(&client->address, address) == 0;
}

static struct fake_client *find_address(const struct fake_world *world,
                                        const struct tryst_address *address)
{
    /* Mostly clients are added in the order of their numbers. */
    uint32_t guess = (uint32_t)(address->ip[1] << 16 | address->ip[2] << 8 | address->ip[3]);

    if (guess < world->count && is_at(world->clients[guess], address))
        return world->clients[guess];
    for (uint32_t i = 0; i < world->count; i++)
        if (is_at(world->clients[i], address))
            return world->clients[i];
    return NULL;
}

void fake_deliver(struct fake_world *world)
{
    const struct tr_datagram *datagram;

    while ((datagram = tr_service_output(world->service)) != NULL) {
        world->last = *datagram;
        world->outputs++;
        world->outputs_from_input++;
        if (datagram->size > world->largest_from_input)
            world->largest_from_input = datagram->size;
        if (unit_random(&world->seed) % 1000 < world->loss)
            continue;

        struct fake_client *client = find_address(world, &world->last.to);

        if (client != NULL)
            fake_receive(world, client, &world->last);
    }
}

void fake_input(struct fake_world *world, const struct tryst_address *from, const void *data,
                size_t size)
{
    world->largest_from_input = 0;
    world->outputs_from_input = 0;
    if (unit_random(&world->seed) % 1000 >= world->loss)
        tr_service_input(world->service, world->now_us, from, &world->server, data, size);
    fake_deliver(world);
}

void fake_run(struct fake_world *world, uint64_t us)
{
    uint64_t until_us = world->now_us + us;

    for (;;) {
        uint64_t next_us = tr_service_deadline(world->service);

        if (next_us > until_us)
            break;
        if (next_us > world->now_us)
            world->now_us = next_us;
        tr_service_tick(world->service, world->now_us);
        fake_deliver(world);
    }
    world->now_us = until_us;
    tr_service_tick(world->service, world->now_us);
    fake_deliver(world);
}

bool fake_roster_is_right(struct fake_world *world, struct fake_client *client)
{
    uint8_t hash[16] = {0};

    fake_ping(world, client);
    for (uint32_t i = 0; i < client->peer_count; i++)
        for (size_t j = 0; j < sizeof hash; j++)
            hash[j] ^= client->peers[i].hash[j];
    return client->status.fence == client->fence && client->status.version == client->version &&
           memcmp(hash, client->status.hash, sizeof hash) == 0;
}
