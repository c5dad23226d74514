/* Cases of server/vantage, alone and in the service.
 * SPDX-License-Identifier: MIT */
#include "server/vantage.h"

#include "lib/wire/envelope.h"
#include "tests/unit/fake_client.h"
#include "tests/unit/unit.h"

enum { MAIN = 7777, OTHER = 7778, PORT = TR_BIND_OTHER_PORT, IP = TR_BIND_OTHER_ADDRESS };

static struct tryst_address at(const char *text)
{
    struct tryst_address address = {0};
    tryst_address_parse(&address, text);
    return address;
}

static struct tr_vantage vantage_of(uint16_t other_port, const char *other)
{
    struct tr_vantage vantage = {.port = MAIN, .other_port = other_port};
    if (other != NULL)
        vantage.other[0] = at(other);
    return vantage;
}

static void answer_leaves_from_where_it_is_asked_for(void)
{
    static const struct {
        const char *to, *from; /* NULL: there is no such */
        uint16_t flags, other_port;
        const char *other;
    } rows[] = {
        {"9.0.0.1:7777", "9.0.0.1:7777", 0, 0, NULL},
        {"9.0.0.1:7777", "9.0.0.1:7777", 0xfffc, OTHER, "9.0.0.2:7777"},
        {"9.0.0.1:7777", NULL, PORT, 0, NULL},
        {"9.0.0.1:7777", NULL, IP, OTHER, NULL},
        {"9.0.0.1:7777", "9.0.0.1:7778", PORT, OTHER, NULL},
        {"9.0.0.1:7778", "9.0.0.1:7777", PORT, OTHER, NULL},
        {"9.0.0.1:7777", "9.0.0.2:7777", IP, OTHER, "9.0.0.2:7777"},
        {"9.0.0.1:7777", "9.0.0.2:7778", IP | PORT, OTHER, "9.0.0.2:7777"},
        {"9.0.0.1:7778", "9.0.0.2:7778", IP, OTHER, "9.0.0.2:7777"},
        {"9.0.0.2:7777", NULL, IP, OTHER, "9.0.0.2:7777"},
        {"[2a00::1]:7777", NULL, IP, OTHER, "9.0.0.2:7777"},
        {"[2a00::1]:7777", "[2a00::2]:7777", IP, OTHER, "[2a00::2]:7777"},
        {"tcp:9.0.0.1:7777", "tcp:9.0.0.1:7777", 0, OTHER, "9.0.0.2:7777"},
        {"tcp:9.0.0.1:7777", NULL, PORT, OTHER, "9.0.0.2:7777"},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct tr_vantage vantage = vantage_of(rows[i].other_port, rows[i].other);
        struct tryst_address to = at(rows[i].to), from = {0};
        bool is_there = tr_vantage_from(&vantage, &to, rows[i].flags, &from);
        ASSERT_ROW(is_there == (rows[i].from != NULL), "row %zu", i);
        if (is_there) {
            struct tryst_address wanted = at(rows[i].from);
            ASSERT_ROW(tryst_address_compare(&from, &wanted) == 0, "row %zu", i);
        }
    }
}

static void further_ones_are_told_from_the_first(void)
{
    struct tr_vantage vantage = vantage_of(OTHER, "9.0.0.2:7777"), none = {.port = MAIN};
    struct tryst_address first = at("9.0.0.1:7777"), port = at("9.0.0.1:7778"),
                         ip = at("9.0.0.2:7777"), tcp = at("tcp:9.0.0.1:7778");
    ASSERT_FALSE(tr_vantage_is_other(&vantage, &first));
    ASSERT_TRUE(tr_vantage_is_other(&vantage, &port));
    ASSERT_TRUE(tr_vantage_is_other(&vantage, &ip));
    ASSERT_FALSE(tr_vantage_is_other(&vantage, &tcp));
    ASSERT_FALSE(tr_vantage_is_other(&none, &port));
    ASSERT_EQ_UINT(tr_vantage_other(&vantage, &first).family, 4);
    ASSERT_EQ_UINT(tr_vantage_other(&vantage, &ip).family, 0);
    ASSERT_EQ_UINT(tr_vantage_other(&none, &first).family, 0);
}

static struct fake_world world;

/* Hands a client's BIND with these flags to one of the server's addresses. */
static const struct tr_datagram *bind_at(struct fake_client *client, const char *to, uint16_t flags)
{
    uint8_t out[TR_DATAGRAM_BYTES];
    size_t size = fake_make_bind(client, out);
    struct tryst_address local = at(to);
    out[2] = (uint8_t)flags;
    out[3] = (uint8_t)(flags >> 8);
    tr_service_input(world.service, world.now_us, &client->address, &local, out, size);
    return tr_service_output(world.service);
}

static void service_answers_from_there_and_nothing_but_bind(void)
{
    fake_world_init(&world, NULL);
    struct fake_client *a = fake_world_add(&world, 1, 1);
    struct tr_service_options options = world.options;
    struct tr_cookie_reply reply;
    options.vantage = vantage_of(OTHER, "9.0.0.2:7777");
    tr_service_destroy(world.service);
    world.service = NULL;
    ASSERT_EQ_INT(tr_service_create(&world.service, &options, world.now_us, world.unix_s),
                  TRYST_OK);
    const struct tr_datagram *datagram = bind_at(a, "9.0.0.1:7777", 0);
    ASSERT_TRUE(datagram != NULL && datagram->size == 248);
    ASSERT_TRUE(tr_envelope_head(&tr_layout_cookie_reply, &reply, datagram->data, datagram->size));
    ASSERT_EQ_UINT(reply.other_port, OTHER);
    ASSERT_EQ_UINT(reply.other.address.ip[3], 2);
    datagram = bind_at(a, "9.0.0.1:7777", IP | PORT);
    ASSERT_TRUE(datagram != NULL && datagram->from.port == OTHER && datagram->from.ip[3] == 2);
    ASSERT_EQ_INT(tryst_address_compare(&datagram->to, &a->address), 0);
    datagram = bind_at(a, "9.0.0.2:7778", 0);
    ASSERT_TRUE(datagram != NULL && datagram->from.port == OTHER && datagram->from.ip[3] == 2);
    ASSERT_TRUE(bind_at(a, "9.0.0.2:7777", IP) == NULL);
    uint64_t unknown = tr_service_stats(world.service)->drop_unknown;
    ASSERT_EQ_UINT(unknown, 1);
    fake_make_register(a);
    struct tryst_address other = at("9.0.0.1:7778");
    tr_service_input(world.service, world.now_us, &a->address, &other, a->request,
                     sizeof a->request);
    ASSERT_TRUE(tr_service_output(world.service) == NULL);
    ASSERT_EQ_UINT(tr_service_stats(world.service)->drop_unknown, unknown + 1);
    fake_world_clear(&world);
}

UNIT_MAIN("vantage", UNIT_CASE(answer_leaves_from_where_it_is_asked_for),
          UNIT_CASE(further_ones_are_told_from_the_first),
          UNIT_CASE(service_answers_from_there_and_nothing_but_bind))
