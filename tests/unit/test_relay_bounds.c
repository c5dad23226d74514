/* Cases of server/relay: how much is relayed, from and to which addresses.
 * SPDX-License-Identifier: MIT */
#include "tests/unit/relay_fixture.h"

enum { HELLO = 264, DATA = 1179 };

static void what_comes_from_elsewhere_is_relayed_and_answered_with_a_hint(void)
{
    struct tryst_address elsewhere, home;
    uint64_t heard_us;

    relay_start(NULL);
    relay_open_pair();
    heard_us = relay.world.now_us;
    home = relay.a->address;
    tryst_address_parse(&elsewhere, "55.5.5.5:5");
    fake_run(&relay.world, TR_S);
    relay.a->address = elsewhere;
    relay_say(relay.a, relay.b, TR_DATA, 26);
    ASSERT_TRUE(relay_is_passed_on(relay.b, relay.a));
    ASSERT_EQ_UINT(relay.a->unknowns, 1);
    ASSERT_EQ_MEM(relay.a->unknown.channel, relay.a->registered.channel, TR_CHANNEL_BYTES);
    relay.world.now_us += 100 * TR_MS - 1;
    relay_say(relay.a, relay.b, TR_DATA, 26);
    ASSERT_EQ_UINT(relay.a->unknowns, 1);
    relay.world.now_us += 1;
    relay_say(relay.a, relay.b, TR_DATA, 26);
    ASSERT_EQ_UINT(relay.a->unknowns, 2);
    relay.a->address = home;
    relay_say(relay.b, relay.a, TR_DATA, 26); /* to where it is registered */
    ASSERT_TRUE(relay_is_passed_on(relay.a, relay.b));
    relay.a->address = elsewhere; /* which is no sign of life */
    for (int i = 0; i < 17; i++) {
        fake_run(&relay.world, 5 * TR_S);
        relay_say(relay.a, relay.b, TR_DATA, 26);
        fake_ping(&relay.world, relay.b);
    }
    relay.a->address = home;
    fake_run(&relay.world, heard_us + 90 * TR_S - relay.world.now_us);
    ASSERT_EQ_UINT(relay_stats()->expired, 1);
    fake_world_clear(&relay.world);
}

static void what_is_relayed_is_a_sign_of_life(void)
{
    relay_start(NULL);
    relay_open_pair();
    for (int i = 0; i < 10; i++) {
        fake_run(&relay.world, 40 * TR_S);
        relay_say(relay.a, relay.b, TR_DATA, 26);
        relay_say(relay.b, relay.a, TR_DATA, 26);
    }
    ASSERT_EQ_UINT(relay_stats()->participants, 2);
    ASSERT_EQ_UINT(relay_stats()->expired, 0);
    fake_world_clear(&relay.world);
}

/* How many full datagrams go through at once, and in the ten seconds after. */
static void flood(const struct fake_client *from, const struct fake_client *to, uint64_t *drops,
                  uint64_t count[2])
{
    for (int part = 0; part < 2; part++) {
        uint64_t before = relay_stats()->relayed;

        for (int i = 0; i < 1000; i++) {
            relay.world.now_us += part == 1 ? 10 * TR_MS : 0;
            relay_make(from, to, TR_DATA, DATA);
            tr_service_input(relay.world.service, relay.world.now_us, &from->address,
                             &relay.world.server, relay.sent, relay.sent_size);
            fake_deliver(&relay.world);
        }
        count[part] = relay_stats()->relayed - before;
    }
    *drops = relay_stats()->drop_relay_leg + relay_stats()->drop_relay_participant +
             relay_stats()->drop_relay_session + relay_stats()->drop_relay_node;
}

static void every_quota_holds(void)
{
    static const struct {
        struct tr_service_limits limits;
        uint64_t burst, later;
        size_t drops; /* the counter of it */
    } rows[] = {
        /* A quarter of a second's worth, or 16 datagrams; then the rate. */
        {{.relay_leg_kbps = 960}, 25, 1000, offsetof(struct tr_server_stats, drop_relay_leg)},
        {{.relay_leg_kbps = 96}, 16, 100, offsetof(struct tr_server_stats, drop_relay_leg)},
        {{.relay_kbps = 96}, 16, 100, offsetof(struct tr_server_stats, drop_relay_participant)},
        {{.relay_session_kbps = 192},
         16,
         200,
         offsetof(struct tr_server_stats, drop_relay_session)},
        {{.relay_node_kbps = 480}, 16, 500, offsetof(struct tr_server_stats, drop_relay_node)},
    };

    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        uint64_t drops = 0;
        uint64_t count[2];

        relay_start(&rows[i].limits);
        relay_open_pair();
        fake_run(&relay.world, 10 * TR_S);
        flood(relay.a, relay.b, &drops, count);
        ASSERT_ROW(count[0] == rows[i].burst, "row %zu: %" PRIu64 " at once", i, count[0]);
        ASSERT_ROW(count[1] + 1 >= rows[i].later && count[1] <= rows[i].later + 1,
                   "row %zu: %" PRIu64 " later", i, count[1]);
        ASSERT_ROW(*(const uint64_t *)(const void *)((const char *)relay_stats() + rows[i].drops) ==
                       drops,
                   "row %zu", i);
        ASSERT_EQ_UINT(drops, 2000 - count[0] - count[1]);
        fake_world_clear(&relay.world);
    }
}

/* The quota of a participant is of what it sends to all; a session's, of what all send. */
static void quotas_add_up(void)
{
    struct tr_service_limits limits = {.relay_kbps = 96, .relay_session_kbps = 96};
    struct fake_client *c;

    relay_start(&limits);
    c = relay_enter(3, 1, TR_CAP_RELAY);
    relay_open_pair();
    relay_say(relay.a, c, TR_HELLO, HELLO);
    relay_say(c, relay.a, TR_HELLO, HELLO);
    fake_run(&relay.world, 10 * TR_S);
    for (int i = 0; i < 10; i++) {
        relay_say(relay.a, relay.b, TR_DATA, DATA);
        relay_say(relay.a, c, TR_DATA, DATA);
    }
    ASSERT_EQ_UINT(relay_stats()->drop_relay_participant, 4);
    relay_say(relay.b, relay.a, TR_DATA, DATA);
    ASSERT_EQ_UINT(relay_stats()->drop_relay_session, 1);
    fake_world_clear(&relay.world);
}

static void stream_is_no_address_for_hellos(void)
{
    struct fake_client *c;
    const struct fake_peer *peer;

    relay_start(NULL);
    c = fake_world_add(&relay.world, 3, 1);
    c->body.record.caps = TR_CAP_RELAY;
    c->address.transport = TRYST_TRANSPORT_TCP;
    c->body.local_count = 3;
    tryst_address_parse(&c->body.local[0].address, "192.168.7.7:4000");
    tryst_address_parse(&c->body.local[1].address, "31.0.0.3:4000"); /* no NAT before it */
    tryst_address_parse(&c->body.local[2].address, "31.0.0.4:4000");
    fake_join(&relay.world, c);
    ASSERT_EQ_UINT(c->answers, 1);
    ASSERT_EQ_UINT(c->registered.seen.address.port, c->address.port);
    peer = fake_find(relay.a, c);
    if (!ASSERT_TRUE(peer != NULL))
        return;
    ASSERT_EQ_UINT(peer->member.candidate_count, 2);
    for (int i = 0; i < 2; i++)
        ASSERT_EQ_UINT(peer->member.candidates[i].kind, TRYST_KIND_HOST);
    ASSERT_EQ_UINT(peer->member.candidates[1].address.ip[3], 3);
    relay_say(relay.a, c, TR_HELLO, HELLO);
    relay_say(c, relay.a, TR_HELLO, HELLO);
    ASSERT_EQ_UINT(c->relays, 1);
    relay_say(relay.a, c, TR_DATA, 100);
    ASSERT_EQ_UINT(relay.world.last.to.transport, TRYST_TRANSPORT_TCP);
    ASSERT_TRUE(relay_is_passed_on(c, relay.a));
    c->address.transport = TRYST_TRANSPORT_UDP; /* a cookie proves the transport, too */
    fake_register(&relay.world, c);
    ASSERT_EQ_UINT(relay_stats()->drop_cookie, 1);
    fake_join(&relay.world, c);
    fake_run(&relay.world, TR_S);
    ASSERT_EQ_UINT(fake_find(relay.a, c)->member.candidate_count, 2);
    ASSERT_EQ_UINT(fake_find(relay.a, c)->member.candidates[0].kind, TRYST_KIND_PUBLIC);
    fake_world_clear(&relay.world);
}

static void who_is_only_relayed_to_shows_and_sees_no_address(void)
{
    struct fake_client *c;

    relay_start(NULL);
    c = relay_enter(3, 1, TR_CAP_RELAY | TR_CAP_RELAY_ONLY);
    fake_run(&relay.world, TR_S);
    ASSERT_EQ_UINT(fake_find(relay.a, c)->member.candidate_count, 0);
    ASSERT_EQ_UINT(fake_find(c, relay.a)->member.candidate_count, 0);
    ASSERT_EQ_UINT(fake_find(relay.a, relay.b)->member.candidate_count, 1);
    ASSERT_TRUE(fake_roster_is_right(&relay.world, relay.a) &&
                fake_roster_is_right(&relay.world, c));
    fake_renew_epoch(c);
    c->body.record.caps = TR_CAP_RELAY;
    fake_join(&relay.world, c);
    fake_run(&relay.world, TR_S);
    ASSERT_EQ_UINT(fake_find(relay.a, c)->member.candidate_count, 1);
    ASSERT_TRUE(fake_roster_is_right(&relay.world, relay.a));
    fake_world_clear(&relay.world);
}

UNIT_MAIN("relay_bounds", UNIT_CASE(what_comes_from_elsewhere_is_relayed_and_answered_with_a_hint),
          UNIT_CASE(what_is_relayed_is_a_sign_of_life), UNIT_CASE(every_quota_holds),
          UNIT_CASE(quotas_add_up), UNIT_CASE(stream_is_no_address_for_hellos),
          UNIT_CASE(who_is_only_relayed_to_shows_and_sees_no_address))
