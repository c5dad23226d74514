/* Cases of server/relay and server/detours: who is relayed to whom, how much, and what is remembered.
 * SPDX-License-Identifier: MIT */
#include "lib/base/deadline.h"
#include "lib/wire/detour.h"
#include "tests/unit/fake_client.h"
#include "tests/unit/unit.h"

enum { HELLO = 264, DATA = 1179 };

static struct fake_world world;
static struct fake_client *a, *b;
static uint32_t counter; /* of all legs: each sees it grow */
static uint8_t sent[TR_DATAGRAM_BYTES];
static size_t sent_size;

static const struct tr_server_stats *stats(void)
{
    return tr_service_stats(world.service);
}

static struct fake_client *enter(uint32_t number, uint8_t session, uint32_t caps)
{
    struct fake_client *client = fake_world_add(&world, number, session);

    client->body.record.caps = caps;
    fake_join(&world, client);
    return client;
}

static void start(const struct tr_service_limits *limits)
{
    fake_world_init(&world, limits);
    counter = 0;
    a = enter(1, 1, TR_CAP_RELAY);
    b = enter(2, 1, TR_CAP_RELAY);
}

static struct tr_relay_keys keys_of(const struct fake_client *client)
{
    struct tr_relay_keys keys;

    tr_relay_derive(&keys, client->shared, client->ge);
    return keys;
}

static struct tr_relay_leg leg_of(const struct fake_client *client, const struct fake_client *other)
{
    struct tr_relay_keys keys = keys_of(client);
    struct tr_relay_leg leg;

    tr_relay_derive_leg(&leg, keys.secret, other->identity, other->body.record.epoch);
    return leg;
}

/* The next datagram from one to the other, in `sent`. size: of what is inside. */
static void make(const struct fake_client *from, const struct fake_client *to, uint8_t type,
                 size_t size)
{
    struct tr_relay head = {.type = TR_RELAY, .slot = to->registered.slot, .counter = ++counter};
    struct tr_relay_keys keys = keys_of(from);
    struct tr_relay_leg leg = leg_of(from, to);

    memcpy(head.route, keys.route, TR_ROUTE_BYTES);
    sent_size = TR_RELAY_HEAD + size;
    memset(sent, (int)counter, sizeof sent);
    sent[TR_RELAY_HEAD] = type;
    sent[TR_RELAY_HEAD + 1] = TR_VERSION;
    tr_relay_seal(sent, sent_size, &head, leg.to_server);
}

static void say(const struct fake_client *from, const struct fake_client *to, uint8_t type,
                size_t size)
{
    make(from, to, type, size);
    fake_input(&world, &from->address, sent, sent_size);
}

/* Whether what came last is what was sent last, made anew for its receiver. */
static bool is_passed_on(const struct fake_client *to, const struct fake_client *from)
{
    struct tr_relay_keys keys = keys_of(to);
    struct tr_relay_leg leg = leg_of(to, from);
    struct tr_relay head;

    return to->relayed.size == sent_size &&
           tr_envelope_head(&tr_layout_relay, &head, to->relayed.data, to->relayed.size) &&
           memcmp(head.route, keys.route, TR_ROUTE_BYTES) == 0 &&
           head.slot == from->registered.slot &&
           tr_relay_check(to->relayed.data, to->relayed.size, leg.to_client) &&
           memcmp(to->relayed.data + TR_RELAY_HEAD, sent + TR_RELAY_HEAD,
                  sent_size - TR_RELAY_HEAD) == 0;
}

static uint32_t counter_of(const struct fake_client *client)
{
    struct tr_relay head;

    tr_envelope_head(&tr_layout_relay, &head, client->relayed.data, client->relayed.size);
    return head.counter;
}

static void open_pair(void)
{
    say(a, b, TR_HELLO, HELLO);
    say(b, a, TR_HELLO, HELLO);
}

static void first_hello_waits_for_the_other_to_ask(void)
{
    start(NULL);
    say(a, b, TR_HELLO, HELLO);
    ASSERT_EQ_UINT(world.outputs_from_input, 0);
    ASSERT_EQ_UINT(stats()->relay_pairs, 1);
    world.now_us += 2 * TR_S - 1;

    size_t kept_size = sent_size;
    uint8_t kept[TR_DATAGRAM_BYTES];

    memcpy(kept, sent, sizeof kept);
    say(b, a, TR_HELLO, HELLO + 40);
    ASSERT_EQ_UINT(a->relays, 1);
    ASSERT_TRUE(is_passed_on(a, b));
    ASSERT_EQ_UINT(b->relays, 1);
    memcpy(sent, kept, sizeof kept);
    sent_size = kept_size;
    ASSERT_TRUE(is_passed_on(b, a));
    say(a, b, TR_DATA, DATA);
    ASSERT_TRUE(is_passed_on(b, a));
    ASSERT_EQ_INT(tryst_address_compare(&world.last.to, &b->address), 0);
    ASSERT_EQ_INT(tryst_address_compare(&world.last.from, &world.server), 0);
    ASSERT_EQ_UINT(stats()->relayed, 3);
    ASSERT_EQ_UINT(stats()->relayed_bytes, kept_size + kept_size + 40 + sent_size);
    ASSERT_EQ_UINT(stats()->drop_relay_asked, 0);
    ASSERT_EQ_UINT(a->faults + b->faults, 0);
    fake_world_clear(&world);
}

static void newest_hello_waits_for_two_seconds_and_nothing_else(void)
{
    start(NULL);
    say(a, b, TR_DATA, 100);
    ASSERT_EQ_UINT(stats()->drop_relay_asked, 1);
    say(a, b, TR_HELLO, HELLO);
    say(a, b, TR_HELLO, HELLO + 1);
    ASSERT_EQ_UINT(stats()->drop_relay_asked, 2);
    say(b, a, TR_HELLO, HELLO);
    ASSERT_EQ_UINT(b->relays, 1);
    ASSERT_EQ_UINT(b->relayed.size, TR_RELAY_HEAD + HELLO + 1);
    fake_run(&world, 61 * TR_S);
    fake_ping(&world, a);
    fake_ping(&world, b);
    say(a, b, TR_HELLO, HELLO);
    fake_run(&world, 2 * TR_S);
    ASSERT_EQ_UINT(stats()->drop_relay_asked, 3);
    say(b, a, TR_HELLO, HELLO);
    ASSERT_EQ_UINT(b->relays, 1);
    ASSERT_TRUE(is_passed_on(a, b));
    fake_world_clear(&world);
}

static void wrong_tag_leaves_nothing_behind(void)
{
    start(NULL);
    make(a, b, TR_HELLO, HELLO + 1);
    for (size_t at = 1; at < TR_RELAY_HEAD; at++) {
        sent[at] ^= 1;
        fake_input(&world, &a->address, sent, sent_size);
        sent[at] ^= 1;
    }
    fake_input(&world, &a->address, sent, sent_size - 1); /* the length is under the tag */
    ASSERT_EQ_UINT(stats()->relay_pairs, 0);
    ASSERT_EQ_UINT(stats()->drop_seal, 4 + 8 + 1);
    ASSERT_EQ_UINT(stats()->drop_unknown, 6 + 2);
    fake_input(&world, &a->address, sent, sent_size);
    ASSERT_EQ_UINT(stats()->relay_pairs, 1);
    make(a, b, TR_HELLO, HELLO);
    sent[TR_RELAY_HEAD - 1] ^= 1;
    fake_input(&world, &a->address, sent, sent_size);
    ASSERT_EQ_UINT(stats()->drop_seal, 14);
    sent[TR_RELAY_HEAD - 1] ^= 1; /* the forgery has not used its number up */
    fake_input(&world, &a->address, sent, sent_size);
    ASSERT_EQ_UINT(stats()->drop_replay, 0);
    fake_world_clear(&world);
}

static void what_is_inside_must_be_between_peers(void)
{
    static const struct {
        uint8_t type;
        size_t size;
        bool is_good;
    } rows[] = {{TR_DATA, 26, true},   {TR_HELLO, 264, true},  {TR_HELLO, 404, true},
                {TR_HELLO, 26, false}, {TR_HELLO, 405, false}, {TR_CTRL, 60, false},
                {TR_RELAY, 60, false}, {TR_BIND, 1179, false}};

    start(NULL);
    open_pair();
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        uint64_t before = stats()->relayed;

        say(a, b, rows[i].type, rows[i].size);
        ASSERT_ROW(stats()->relayed - before == rows[i].is_good, "row %zu", i);
    }
    ASSERT_EQ_UINT(stats()->drop_malformed, 5);
    make(a, b, TR_DATA, 26);
    fake_input(&world, &a->address, sent, sent_size - 1);
    ASSERT_EQ_UINT(stats()->drop_short, 1);
    fake_world_clear(&world);
}

static void each_counter_counts_once(void)
{
    uint8_t old[TR_DATAGRAM_BYTES];
    size_t old_size;

    start(NULL);
    open_pair();
    make(a, b, TR_DATA, 100);
    memcpy(old, sent, sizeof old);
    old_size = sent_size;
    say(a, b, TR_DATA, 100);
    fake_input(&world, &a->address, old, old_size);
    ASSERT_EQ_UINT(b->relays, 3); /* out of order, and fresh */
    fake_input(&world, &a->address, old, old_size);
    fake_input(&world, &a->address, sent, sent_size);
    ASSERT_EQ_UINT(b->relays, 3);
    ASSERT_EQ_UINT(stats()->drop_replay, 2);
    counter += 1000;
    say(a, b, TR_DATA, 100);
    counter -= 999;
    say(a, b, TR_DATA, 100);
    ASSERT_EQ_UINT(stats()->drop_replay, 3);
    fake_world_clear(&world);
}

/* To the client as well: its keys are those of its join, whatever the server forgets. */
static void counters_to_a_participant_grow_over_all(void)
{
    uint32_t last;

    start(NULL);
    open_pair();
    last = counter_of(b);
    for (int i = 0; i < 3000; i++) {
        world.now_us += 10 * TR_MS;
        say(a, b, TR_DATA, 100);
        ASSERT_EQ_UINT(counter_of(b), last + 1);
        last++;
    }
    /* Faster than the counters of a new life go on by time. */
    for (int i = 0; i < 20000; i++) {
        world.now_us += TR_MS;
        say(a, b, TR_DATA, 26);
        last++;
    }
    ASSERT_EQ_UINT(counter_of(b), last);
    fake_ping(&world, b);
    fake_run(&world, 61 * TR_S);
    ASSERT_EQ_UINT(stats()->relay_pairs, 0);
    ASSERT_EQ_UINT(stats()->participants, 2);
    open_pair();
    ASSERT_TRUE(counter_of(b) > last);
    last = counter_of(b);
    fake_run(&world, TR_S);
    world.unix_s += (world.now_us - 5 * TR_S) / TR_S;
    fake_world_restart(&world);
    fake_join(&world, a);
    fake_join(&world, b);
    open_pair();
    ASSERT_TRUE(is_passed_on(a, b));
    ASSERT_TRUE(counter_of(b) > last);
    fake_world_clear(&world);
}

static void pair_that_opens_is_told_to_both(void)
{
    struct tr_service_limits limits = {.relay_leg_kbps = 777, .relay_kbps = 100000};

    start(&limits);
    ASSERT_EQ_UINT(a->registered.relay_kbps, 65535);
    say(a, b, TR_HELLO, HELLO);
    ASSERT_EQ_UINT(a->grants + b->grants, 0);
    say(b, a, TR_HELLO, HELLO);
    say(a, b, TR_DATA, 100);
    say(b, a, TR_DATA, 100);
    ASSERT_EQ_UINT(a->grants, 1);
    ASSERT_EQ_UINT(b->grants, 1);
    ASSERT_EQ_UINT(a->grant.slot, b->registered.slot);
    ASSERT_EQ_UINT(a->grant.epoch, b->body.record.epoch);
    ASSERT_EQ_UINT(a->grant.reason, 0);
    ASSERT_EQ_UINT(a->grant.kbps, 777);
    ASSERT_EQ_UINT(b->grant.slot, a->registered.slot);
    fake_ping(&world, b);
    for (int i = 0; i < 7; i++) {
        fake_run(&world, 10 * TR_S);
        say(a, b, TR_DATA, 100); /* its wish goes on, the other's is over after a minute */
    }
    ASSERT_EQ_UINT(stats()->relay_pairs, 1);
    ASSERT_EQ_UINT(stats()->drop_relay_asked, 2);
    ASSERT_EQ_UINT(a->grants, 1);
    say(b, a, TR_DATA, 100);
    ASSERT_TRUE(is_passed_on(a, b));
    ASSERT_EQ_UINT(a->grants, 2);
    ASSERT_EQ_UINT(b->grants, 2);
    fake_world_clear(&world);
}

static void silent_pair_is_let_go(void)
{
    start(NULL);
    open_pair();
    world.now_us += 30 * TR_S;
    fake_ping(&world, a);
    say(b, a, TR_DATA, 100);
    fake_run(&world, 60 * TR_S - 1);
    ASSERT_EQ_UINT(stats()->relay_pairs, 1);
    fake_run(&world, 1);
    ASSERT_EQ_UINT(stats()->relay_pairs, 0);
    ASSERT_EQ_UINT(stats()->participants, 2);
    fake_world_clear(&world);
}

static void pairs_are_bounded(void)
{
    struct tr_service_limits limits = {.relay_pairs = 1};
    struct fake_client *c;

    start(&limits);
    c = enter(3, 1, TR_CAP_RELAY);
    say(a, b, TR_HELLO, HELLO);
    say(c, b, TR_HELLO, HELLO);
    ASSERT_EQ_UINT(stats()->relay_pairs, 1);
    ASSERT_EQ_UINT(stats()->drop_limit, 1);
    fake_leave(&world, a);
    say(c, b, TR_HELLO, HELLO);
    ASSERT_EQ_UINT(stats()->relay_pairs, 1);
    ASSERT_EQ_UINT(stats()->drop_limit, 1);
    fake_world_clear(&world);
}

static void who_leaves_takes_its_pairs_along(void)
{
    struct fake_client *c;

    start(NULL);
    c = enter(3, 1, TR_CAP_RELAY);
    open_pair();
    say(b, c, TR_HELLO, HELLO);
    say(a, c, TR_HELLO, HELLO);
    ASSERT_EQ_UINT(stats()->relay_pairs, 3);
    fake_leave(&world, b);
    ASSERT_EQ_UINT(stats()->relay_pairs, 1);
    say(a, b, TR_DATA, 100);
    ASSERT_EQ_UINT(stats()->drop_unknown, 1);
    ASSERT_EQ_UINT(world.outputs_from_input, 0);
    say(c, a, TR_HELLO, HELLO);
    ASSERT_TRUE(is_passed_on(a, c));
    fake_world_clear(&world); /* with pairs that are open */
}

static void pair_is_of_two_members_of_one_session(void)
{
    struct fake_client *c;

    start(NULL);
    c = enter(3, 2, TR_CAP_RELAY); /* slot 0 of its own session */
    say(c, a, TR_HELLO, HELLO);    /* that is itself */
    say(c, b, TR_HELLO, HELLO);    /* nobody there has slot 1 */
    say(a, a, TR_HELLO, HELLO);
    ASSERT_EQ_UINT(stats()->relay_pairs, 0);
    ASSERT_EQ_UINT(stats()->drop_unknown, 3);
    fake_world_clear(&world);
}

static void new_epoch_has_other_keys(void)
{
    struct tr_relay_keys before;

    start(NULL);
    open_pair();
    before = keys_of(b);
    fake_register(&world, b); /* the same join: the pair stays */
    ASSERT_EQ_UINT(stats()->relay_pairs, 1);
    say(b, a, TR_DATA, 100);
    ASSERT_TRUE(is_passed_on(a, b));
    make(a, b, TR_HELLO, HELLO);
    fake_renew_epoch(b);
    fake_join(&world, b);
    ASSERT_EQ_UINT(stats()->relay_pairs, 0);
    ASSERT_TRUE(memcmp(before.route, keys_of(b).route, TR_ROUTE_BYTES) != 0);
    fake_input(&world, &a->address, sent, sent_size); /* for the epoch that is gone */
    ASSERT_EQ_UINT(stats()->drop_seal, 1);
    open_pair();
    ASSERT_TRUE(is_passed_on(a, b));
    fake_world_clear(&world);
}

static void what_comes_from_elsewhere_is_relayed_and_answered_with_a_hint(void)
{
    struct tryst_address elsewhere, home;
    uint64_t heard_us;

    start(NULL);
    open_pair();
    heard_us = world.now_us;
    home = a->address;
    tryst_address_parse(&elsewhere, "55.5.5.5:5");
    fake_run(&world, TR_S);
    a->address = elsewhere;
    say(a, b, TR_DATA, 26);
    ASSERT_TRUE(is_passed_on(b, a));
    ASSERT_EQ_UINT(a->unknowns, 1);
    ASSERT_EQ_MEM(a->unknown.channel, a->registered.channel, TR_CHANNEL_BYTES);
    world.now_us += 100 * TR_MS - 1;
    say(a, b, TR_DATA, 26);
    ASSERT_EQ_UINT(a->unknowns, 1);
    world.now_us += 1;
    say(a, b, TR_DATA, 26);
    ASSERT_EQ_UINT(a->unknowns, 2);
    a->address = home;
    say(b, a, TR_DATA, 26); /* to where it is registered */
    ASSERT_TRUE(is_passed_on(a, b));
    a->address = elsewhere; /* which is no sign of life */
    for (int i = 0; i < 17; i++) {
        fake_run(&world, 5 * TR_S);
        say(a, b, TR_DATA, 26);
        fake_ping(&world, b);
    }
    a->address = home;
    fake_run(&world, heard_us + 90 * TR_S - world.now_us);
    ASSERT_EQ_UINT(stats()->expired, 1);
    fake_world_clear(&world);
}

static void what_is_relayed_is_a_sign_of_life(void)
{
    start(NULL);
    open_pair();
    for (int i = 0; i < 10; i++) {
        fake_run(&world, 40 * TR_S);
        say(a, b, TR_DATA, 26);
        say(b, a, TR_DATA, 26);
    }
    ASSERT_EQ_UINT(stats()->participants, 2);
    ASSERT_EQ_UINT(stats()->expired, 0);
    fake_world_clear(&world);
}

static void unknown_route_is_told_at_a_bounded_rate(void)
{
    struct tr_relay_keys keys;

    start(NULL);
    keys = keys_of(a);
    make(a, b, TR_DATA, 26);
    fake_leave(&world, a);
    for (int i = 0; i < 300; i++)
        fake_input(&world, &a->address, sent, sent_size);
    ASSERT_EQ_UINT(a->unknowns, 250);
    ASSERT_EQ_UINT(stats()->drop_unknown, 300);
    ASSERT_EQ_MEM(a->unknown.channel, keys.route, TR_ROUTE_BYTES);
    ASSERT_EQ_UINT(a->unknown.channel[6] | a->unknown.channel[7], 0);
    fake_join(&world, a);
    ASSERT_EQ_MEM(keys_of(a).route, keys.route, TR_ROUTE_BYTES);
    fake_world_clear(&world);
}

static void server_that_denies_relays_nothing(void)
{
    struct tr_service_limits limits = {.relay = TR_RELAY_DENY};

    start(&limits);
    ASSERT_EQ_UINT(a->registered.relay_kbps, 0);
    open_pair();
    ASSERT_EQ_UINT(stats()->drop_relay_denied, 2);
    ASSERT_EQ_UINT(stats()->relay_pairs, 0);
    ASSERT_EQ_UINT(world.outputs_from_input, 0);
    limits.relay = TR_RELAY_ALLOW;
    ASSERT_EQ_INT(tr_service_set_limits(world.service, &limits), TRYST_OK);
    fake_register(&world, a);
    ASSERT_EQ_UINT(a->registered.relay_kbps, 4000);
    open_pair();
    ASSERT_EQ_UINT(stats()->relayed, 2);
    limits.relay = 2;
    ASSERT_EQ_INT(tr_service_set_limits(world.service, &limits), TRYST_E_ARGUMENT);
    fake_world_clear(&world);
}

static void who_does_not_relay_is_not_relayed_to(void)
{
    struct fake_client *c;

    start(NULL);
    c = enter(3, 1, 0);
    ASSERT_EQ_UINT(c->registered.relay_kbps, 0);
    say(a, c, TR_HELLO, HELLO);
    say(a, c, TR_HELLO, HELLO);
    say(c, a, TR_HELLO, HELLO);
    ASSERT_EQ_UINT(a->grants, 1);
    ASSERT_EQ_UINT(a->grant.slot, c->registered.slot);
    ASSERT_EQ_UINT(a->grant.reason, TRYST_REASON_DENIED);
    ASSERT_EQ_UINT(a->grant.kbps, 0);
    ASSERT_EQ_UINT(c->grants + c->relays + a->relays, 0);
    ASSERT_EQ_UINT(stats()->drop_relay_denied, 3);
    fake_run(&world, 60 * TR_S);
    say(a, c, TR_HELLO, HELLO); /* looked at again */
    ASSERT_EQ_UINT(a->grants, 2);
    fake_world_clear(&world);
}

/* How many full datagrams go through at once, and in the ten seconds after. */
static void flood(const struct fake_client *from, const struct fake_client *to, uint64_t *drops,
                  uint64_t count[2])
{
    for (int part = 0; part < 2; part++) {
        uint64_t before = stats()->relayed;

        for (int i = 0; i < 1000; i++) {
            world.now_us += part == 1 ? 10 * TR_MS : 0;
            make(from, to, TR_DATA, DATA);
            tr_service_input(world.service, world.now_us, &from->address, &world.server, sent,
                             sent_size);
            fake_deliver(&world);
        }
        count[part] = stats()->relayed - before;
    }
    *drops = stats()->drop_relay_leg + stats()->drop_relay_participant +
             stats()->drop_relay_session + stats()->drop_relay_node;
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

        start(&rows[i].limits);
        open_pair();
        fake_run(&world, 10 * TR_S);
        flood(a, b, &drops, count);
        ASSERT_ROW(count[0] == rows[i].burst, "row %zu: %" PRIu64 " at once", i, count[0]);
        ASSERT_ROW(count[1] + 1 >= rows[i].later && count[1] <= rows[i].later + 1,
                   "row %zu: %" PRIu64 " later", i, count[1]);
        ASSERT_ROW(*(const uint64_t *)(const void *)((const char *)stats() + rows[i].drops) ==
                       drops,
                   "row %zu", i);
        ASSERT_EQ_UINT(drops, 2000 - count[0] - count[1]);
        fake_world_clear(&world);
    }
}

/* The quota of a participant is of what it sends to all; a session's, of what all send. */
static void quotas_add_up(void)
{
    struct tr_service_limits limits = {.relay_kbps = 96, .relay_session_kbps = 96};
    struct fake_client *c;

    start(&limits);
    c = enter(3, 1, TR_CAP_RELAY);
    open_pair();
    say(a, c, TR_HELLO, HELLO);
    say(c, a, TR_HELLO, HELLO);
    fake_run(&world, 10 * TR_S);
    for (int i = 0; i < 10; i++) {
        say(a, b, TR_DATA, DATA);
        say(a, c, TR_DATA, DATA);
    }
    ASSERT_EQ_UINT(stats()->drop_relay_participant, 4);
    say(b, a, TR_DATA, DATA);
    ASSERT_EQ_UINT(stats()->drop_relay_session, 1);
    fake_world_clear(&world);
}

static void stream_is_no_address_for_hellos(void)
{
    struct fake_client *c;
    const struct fake_peer *peer;

    start(NULL);
    c = fake_world_add(&world, 3, 1);
    c->body.record.caps = TR_CAP_RELAY;
    c->address.transport = TRYST_TRANSPORT_TCP;
    c->body.local_count = 3;
    tryst_address_parse(&c->body.local[0].address, "192.168.7.7:4000");
    tryst_address_parse(&c->body.local[1].address, "31.0.0.3:4000"); /* no NAT before it */
    tryst_address_parse(&c->body.local[2].address, "31.0.0.4:4000");
    fake_join(&world, c);
    ASSERT_EQ_UINT(c->answers, 1);
    ASSERT_EQ_UINT(c->registered.seen.address.port, c->address.port);
    peer = fake_find(a, c);
    if (!ASSERT_TRUE(peer != NULL))
        return;
    ASSERT_EQ_UINT(peer->member.candidate_count, 2);
    for (int i = 0; i < 2; i++)
        ASSERT_EQ_UINT(peer->member.candidates[i].kind, TRYST_KIND_HOST);
    ASSERT_EQ_UINT(peer->member.candidates[1].address.ip[3], 3);
    say(a, c, TR_HELLO, HELLO);
    say(c, a, TR_HELLO, HELLO);
    ASSERT_EQ_UINT(c->relays, 1);
    say(a, c, TR_DATA, 100);
    ASSERT_EQ_UINT(world.last.to.transport, TRYST_TRANSPORT_TCP);
    ASSERT_TRUE(is_passed_on(c, a));
    c->address.transport = TRYST_TRANSPORT_UDP; /* a cookie proves the transport, too */
    fake_register(&world, c);
    ASSERT_EQ_UINT(stats()->drop_cookie, 1);
    fake_join(&world, c);
    fake_run(&world, TR_S);
    ASSERT_EQ_UINT(fake_find(a, c)->member.candidate_count, 2);
    ASSERT_EQ_UINT(fake_find(a, c)->member.candidates[0].kind, TRYST_KIND_PUBLIC);
    fake_world_clear(&world);
}

static void who_is_only_relayed_to_shows_and_sees_no_address(void)
{
    struct fake_client *c;

    start(NULL);
    c = enter(3, 1, TR_CAP_RELAY | TR_CAP_RELAY_ONLY);
    fake_run(&world, TR_S);
    ASSERT_EQ_UINT(fake_find(a, c)->member.candidate_count, 0);
    ASSERT_EQ_UINT(fake_find(c, a)->member.candidate_count, 0);
    ASSERT_EQ_UINT(fake_find(a, b)->member.candidate_count, 1);
    ASSERT_TRUE(fake_roster_is_right(&world, a) && fake_roster_is_right(&world, c));
    fake_renew_epoch(c);
    c->body.record.caps = TR_CAP_RELAY;
    fake_join(&world, c);
    fake_run(&world, TR_S);
    ASSERT_EQ_UINT(fake_find(a, c)->member.candidate_count, 1);
    ASSERT_TRUE(fake_roster_is_right(&world, a));
    fake_world_clear(&world);
}

UNIT_MAIN("relay", UNIT_CASE(first_hello_waits_for_the_other_to_ask),
          UNIT_CASE(newest_hello_waits_for_two_seconds_and_nothing_else),
          UNIT_CASE(wrong_tag_leaves_nothing_behind),
          UNIT_CASE(what_is_inside_must_be_between_peers), UNIT_CASE(each_counter_counts_once),
          UNIT_CASE(counters_to_a_participant_grow_over_all),
          UNIT_CASE(pair_that_opens_is_told_to_both), UNIT_CASE(silent_pair_is_let_go),
          UNIT_CASE(pairs_are_bounded), UNIT_CASE(who_leaves_takes_its_pairs_along),
          UNIT_CASE(pair_is_of_two_members_of_one_session), UNIT_CASE(new_epoch_has_other_keys),
          UNIT_CASE(what_comes_from_elsewhere_is_relayed_and_answered_with_a_hint),
          UNIT_CASE(what_is_relayed_is_a_sign_of_life),
          UNIT_CASE(unknown_route_is_told_at_a_bounded_rate),
          UNIT_CASE(server_that_denies_relays_nothing),
          UNIT_CASE(who_does_not_relay_is_not_relayed_to), UNIT_CASE(every_quota_holds),
          UNIT_CASE(quotas_add_up), UNIT_CASE(stream_is_no_address_for_hellos),
          UNIT_CASE(who_is_only_relayed_to_shows_and_sees_no_address))
