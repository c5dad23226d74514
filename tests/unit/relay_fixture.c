/* Two clients and what they relay.
 * SPDX-License-Identifier: MIT */
#include "tests/unit/relay_fixture.h"

struct relay_fixture relay;

const struct tr_server_stats *relay_stats(void)
{
    return tr_service_stats(relay.world.service);
}

struct fake_client *relay_enter(uint32_t number, uint8_t session, uint32_t caps)
{
    struct fake_client *client = fake_world_add(&relay.world, number, session);

    client->body.record.caps = caps;
    fake_join(&relay.world, client);
    return client;
}

void relay_start(const struct tr_service_limits *limits)
{
    fake_world_init(&relay.world, limits);
    relay.counter = 0;
    relay.a = relay_enter(1, 1, TR_CAP_RELAY);
    relay.b = relay_enter(2, 1, TR_CAP_RELAY);
}

struct tr_relay_keys relay_keys_of(const struct fake_client *client)
{
    struct tr_relay_keys keys;

    tr_relay_derive(&keys, client->shared, client->ge);
    return keys;
}

struct tr_relay_leg relay_leg_of(const struct fake_client *client, const struct fake_client *other)
{
    struct tr_relay_keys keys = relay_keys_of(client);
    struct tr_relay_leg leg;

    tr_relay_derive_leg(&leg, keys.secret, other->identity, other->body.record.epoch);
    return leg;
}

void relay_make(const struct fake_client *from, const struct fake_client *to, uint8_t type,
                size_t size)
{
    struct tr_relay head = {
        .type = TR_RELAY, .slot = to->registered.slot, .counter = ++relay.counter};
    struct tr_relay_keys keys = relay_keys_of(from);
    struct tr_relay_leg leg = relay_leg_of(from, to);

    memcpy(head.route, keys.route, TR_ROUTE_BYTES);
    relay.sent_size = TR_RELAY_HEAD + size;
    memset(relay.sent, (int)relay.counter, sizeof relay.sent);
    relay.sent[TR_RELAY_HEAD] = type;
    relay.sent[TR_RELAY_HEAD + 1] = TR_VERSION;
    tr_relay_seal(relay.sent, relay.sent_size, &head, leg.to_server);
}

void relay_say(const struct fake_client *from, const struct fake_client *to, uint8_t type,
               size_t size)
{
    relay_make(from, to, type, size);
    fake_input(&relay.world, &from->address, relay.sent, relay.sent_size);
}

bool relay_is_passed_on(const struct fake_client *to, const struct fake_client *from)
{
    struct tr_relay_keys keys = relay_keys_of(to);
    struct tr_relay_leg leg = relay_leg_of(to, from);
    struct tr_relay head;

    return to->relayed.size == relay.sent_size &&
           tr_envelope_head(&tr_layout_relay, &head, to->relayed.data, to->relayed.size) &&
           memcmp(head.route, keys.route, TR_ROUTE_BYTES) == 0 &&
           head.slot == from->registered.slot &&
           tr_relay_check(to->relayed.data, to->relayed.size, leg.to_client) &&
           memcmp(to->relayed.data + TR_RELAY_HEAD, relay.sent + TR_RELAY_HEAD,
                  relay.sent_size - TR_RELAY_HEAD) == 0;
}

uint32_t relay_counter_of(const struct fake_client *client)
{
    struct tr_relay head;

    tr_envelope_head(&tr_layout_relay, &head, client->relayed.data, client->relayed.size);
    return head.counter;
}

void relay_open_pair(void)
{
    relay_say(relay.a, relay.b, TR_HELLO, 264);
    relay_say(relay.b, relay.a, TR_HELLO, 264);
}
