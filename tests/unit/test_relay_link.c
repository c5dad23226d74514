/* The detour to one peer: when it may be used, what is put around a datagram, which RELAY is its own.
 * SPDX-License-Identifier: MIT */
#include "lib/core/relay_link.h"
#include "lib/wire/envelope.h"
#include "tests/unit/unit.h"

static const uint8_t identity[TR_KEY] = {7, 7};
static struct tr_relay_way way;
static struct tr_relay_link link;

static void begin(void)
{
    static const uint8_t shared[TR_KEY] = {1}, ge[TR_KEY] = {2};

    tr_seal_start();
    way = (struct tr_relay_way){.is_open = true,
                                .life = 1,
                                .server = {.family = 4, .port = 7777, .ip = {20, 0, 0, 1}},
                                .local = {.family = 4, .port = 5, .ip = {10, 0, 0, 1}}};
    tr_relay_derive(&way.keys, shared, ge);
    tr_relay_link_init(&link, identity, 99);
    link.is_able = true;
    link.slot = 12;
}

static struct tr_relay_leg leg(void)
{
    struct tr_relay_leg made;

    tr_relay_derive_leg(&made, way.keys.secret, identity, 99);
    return made;
}

static struct tr_relay wrap(struct tr_datagram *datagram, size_t size)
{
    struct tr_relay head = {0};

    datagram->size = (uint16_t)size;
    for (size_t i = 0; i < size; i++)
        datagram->data[i] = (uint8_t)(i * 3 + 1);
    tr_relay_link_wrap(&link, &way, datagram);
    ASSERT_EQ_UINT(datagram->size, size + TR_RELAY_HEAD);
    ASSERT_EQ_INT(tr_envelope_check(datagram->data, datagram->size, TR_FROM_CLIENT), TR_DROP_NONE);
    ASSERT_TRUE(tr_envelope_head(&tr_layout_relay, &head, datagram->data, datagram->size));
    for (size_t i = 0; i < size; i++)
        ASSERT_TRUE(datagram->data[TR_RELAY_HEAD + i] == (uint8_t)(i * 3 + 1));
    return head;
}

static void relay_link_is_open_when_all_three_take_part(void)
{
    for (unsigned row = 0; row < 8; row++) {
        begin();
        way.is_open = row & 1;
        link.is_able = row & 2;
        link.is_refused = row & 4;
        ASSERT_ROW(tr_relay_link_is_open(&link, &way) == (row == 3), "row %u", row);
    }
    tr_relay_link_init(&link, identity, 99);
    ASSERT_FALSE(tr_relay_link_is_open(&link, &way)); /* nobody said yet that the peer does */
}

static void relay_link_puts_its_head_around_what_goes_to_the_server(void)
{
    static const size_t sizes[] = {26, 300, TR_RELAY_ROOM};

    begin();
    struct tr_relay_leg made = leg();
    for (uint32_t i = 0; i < UNIT_COUNT(sizes); i++) {
        struct tr_datagram datagram = {.to = {.family = 4, .port = 1}};
        struct tr_relay head = wrap(&datagram, sizes[i]);

        ASSERT_EQ_UINT(head.slot, 12);
        ASSERT_EQ_UINT(head.counter, i + 1); /* from 1, none twice */
        ASSERT_EQ_MEM(head.route, way.keys.route, TR_ROUTE_BYTES);
        ASSERT_EQ_INT(tryst_address_compare(&datagram.to, &way.server), 0);
        ASSERT_EQ_INT(tryst_address_compare(&datagram.from, &way.local), 0);
        ASSERT_TRUE(tr_relay_check(datagram.data, datagram.size, made.to_server));
    }
}

static void relay_link_takes_what_the_server_sealed_for_it_alone(void)
{
    struct tr_relay head = {.type = TR_RELAY, .slot = 12, .counter = 1};
    uint8_t data[TR_DATAGRAM_BYTES] = {0};

    begin();
    struct tr_relay_leg made = leg(), foreign;
    memcpy(head.route, way.keys.route, TR_ROUTE_BYTES);
    tr_relay_seal(data, 100, &head, made.to_client);
    ASSERT_TRUE(tr_relay_link_check(&link, &way, data, 100));
    data[13] ^= 1;
    ASSERT_FALSE(tr_relay_link_check(&link, &way, data, 100));
    tr_relay_seal(data, 100, &head, made.to_server); /* our own, sent back to us */
    ASSERT_FALSE(tr_relay_link_check(&link, &way, data, 100));
    tr_relay_derive_leg(&foreign, way.keys.secret, identity, 98);
    tr_relay_seal(data, 100, &head, foreign.to_client);
    ASSERT_FALSE(tr_relay_link_check(&link, &way, data, 100));
}

/* The server may be another one, with other keys; the counter goes on, as none is taken twice. */
static void relay_link_derives_its_keys_anew_in_another_life_and_counts_on(void)
{
    static const uint8_t shared[TR_KEY] = {9}, ge[TR_KEY] = {2};
    struct tr_datagram datagram = {0};

    begin();
    ASSERT_EQ_UINT(wrap(&datagram, 50).counter, 1);
    struct tr_relay_leg old = leg();
    tr_relay_derive(&way.keys, shared, ge);
    way.life++;
    ASSERT_EQ_UINT(wrap(&datagram, 50).counter, 2);
    struct tr_relay_leg new = leg();
    ASSERT_FALSE(tr_relay_check(datagram.data, datagram.size, old.to_server));
    ASSERT_TRUE(tr_relay_check(datagram.data, datagram.size, new.to_server));
}

UNIT_MAIN("relay_link", UNIT_CASE(relay_link_is_open_when_all_three_take_part),
          UNIT_CASE(relay_link_puts_its_head_around_what_goes_to_the_server),
          UNIT_CASE(relay_link_takes_what_the_server_sealed_for_it_alone),
          UNIT_CASE(relay_link_derives_its_keys_anew_in_another_life_and_counts_on))
