/* Cases of server/relay and server/detours: who is relayed to whom, and what is remembered of it.
 * SPDX-License-Identifier: MIT */
#include "tests/unit/relay_fixture.h"

enum { HELLO = 264, DATA = 1179 };

static void first_hello_waits_for_the_other_to_ask(void)
{
    relay_start(NULL);
    relay_say(relay.a, relay.b, TR_HELLO, HELLO);
    ASSERT_EQ_UINT(relay.world.outputs_from_input, 0);
    ASSERT_EQ_UINT(relay_stats()->relay_pairs, 1);
    relay.world.now_us += 2 * TR_S - 1;

    size_t kept_size = relay.sent_size;
    uint8_t kept[TR_DATAGRAM_BYTES];

    memcpy(kept, relay.sent, sizeof kept);
    relay_say(relay.b, relay.a, TR_HELLO, HELLO + 40);
    ASSERT_EQ_UINT(relay.a->relays, 1);
    ASSERT_TRUE(relay_is_passed_on(relay.a, relay.b));
    ASSERT_EQ_UINT(relay.b->relays, 1);
    memcpy(relay.sent, kept, sizeof kept);
    relay.sent_size = kept_size;
    ASSERT_TRUE(relay_is_passed_on(relay.b, relay.a));
    relay_say(relay.a, relay.b, TR_DATA, DATA);
    ASSERT_TRUE(relay_is_passed_on(relay.b, relay.a));
    ASSERT_EQ_INT(tryst_address_compare(&relay.world.last.to, &relay.b->address), 0);
    ASSERT_EQ_INT(tryst_address_compare(&relay.world.last.from, &relay.world.server), 0);
    ASSERT_EQ_UINT(relay_stats()->relayed, 3);
    ASSERT_EQ_UINT(relay_stats()->relayed_bytes, kept_size + kept_size + 40 + relay.sent_size);
    ASSERT_EQ_UINT(relay_stats()->drop_relay_asked, 0);
    ASSERT_EQ_UINT(relay.a->faults + relay.b->faults, 0);
    fake_world_clear(&relay.world);
}

static void newest_hello_waits_for_two_seconds_and_nothing_else(void)
{
    relay_start(NULL);
    relay_say(relay.a, relay.b, TR_DATA, 100);
    ASSERT_EQ_UINT(relay_stats()->drop_relay_asked, 1);
    relay_say(relay.a, relay.b, TR_HELLO, HELLO);
    relay_say(relay.a, relay.b, TR_HELLO, HELLO + 1);
    ASSERT_EQ_UINT(relay_stats()->drop_relay_asked, 2);
    relay_say(relay.b, relay.a, TR_HELLO, HELLO);
    ASSERT_EQ_UINT(relay.b->relays, 1);
    ASSERT_EQ_UINT(relay.b->relayed.size, TR_RELAY_HEAD + HELLO + 1);
    fake_run(&relay.world, 61 * TR_S);
    fake_ping(&relay.world, relay.a);
    fake_ping(&relay.world, relay.b);
    relay_say(relay.a, relay.b, TR_HELLO, HELLO);
    fake_run(&relay.world, 2 * TR_S);
    ASSERT_EQ_UINT(relay_stats()->drop_relay_asked, 3);
    relay_say(relay.b, relay.a, TR_HELLO, HELLO);
    ASSERT_EQ_UINT(relay.b->relays, 1);
    ASSERT_TRUE(relay_is_passed_on(relay.a, relay.b));
    fake_world_clear(&relay.world);
}

static void wrong_tag_leaves_nothing_behind(void)
{
    relay_start(NULL);
    relay_make(relay.a, relay.b, TR_HELLO, HELLO + 1);
    for (size_t at = 1; at < TR_RELAY_HEAD; at++) {
        relay.sent[at] ^= 1;
        fake_input(&relay.world, &relay.a->address, relay.sent, relay.sent_size);
        relay.sent[at] ^= 1;
    }
    fake_input(&relay.world, &relay.a->address, relay.sent,
               relay.sent_size - 1); /* the length is under the tag */
    ASSERT_EQ_UINT(relay_stats()->relay_pairs, 0);
    ASSERT_EQ_UINT(relay_stats()->drop_seal, 4 + 8 + 1);
    ASSERT_EQ_UINT(relay_stats()->drop_unknown, 6 + 2);
    fake_input(&relay.world, &relay.a->address, relay.sent, relay.sent_size);
    ASSERT_EQ_UINT(relay_stats()->relay_pairs, 1);
    relay_make(relay.a, relay.b, TR_HELLO, HELLO);
    relay.sent[TR_RELAY_HEAD - 1] ^= 1;
    fake_input(&relay.world, &relay.a->address, relay.sent, relay.sent_size);
    ASSERT_EQ_UINT(relay_stats()->drop_seal, 14);
    relay.sent[TR_RELAY_HEAD - 1] ^= 1; /* the forgery has not used its number up */
    fake_input(&relay.world, &relay.a->address, relay.sent, relay.sent_size);
    ASSERT_EQ_UINT(relay_stats()->drop_replay, 0);
    fake_world_clear(&relay.world);
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

    relay_start(NULL);
    relay_open_pair();
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        uint64_t before = relay_stats()->relayed;

        relay_say(relay.a, relay.b, rows[i].type, rows[i].size);
        ASSERT_ROW(relay_stats()->relayed - before == rows[i].is_good, "row %zu", i);
    }
    ASSERT_EQ_UINT(relay_stats()->drop_malformed, 5);
    relay_make(relay.a, relay.b, TR_DATA, 26);
    fake_input(&relay.world, &relay.a->address, relay.sent, relay.sent_size - 1);
    ASSERT_EQ_UINT(relay_stats()->drop_short, 1);
    fake_world_clear(&relay.world);
}

static void each_counter_counts_once(void)
{
    uint8_t old[TR_DATAGRAM_BYTES];
    size_t old_size;

    relay_start(NULL);
    relay_open_pair();
    relay_make(relay.a, relay.b, TR_DATA, 100);
    memcpy(old, relay.sent, sizeof old);
    old_size = relay.sent_size;
    relay_say(relay.a, relay.b, TR_DATA, 100);
    fake_input(&relay.world, &relay.a->address, old, old_size);
    ASSERT_EQ_UINT(relay.b->relays, 3); /* out of order, and fresh */
    fake_input(&relay.world, &relay.a->address, old, old_size);
    fake_input(&relay.world, &relay.a->address, relay.sent, relay.sent_size);
    ASSERT_EQ_UINT(relay.b->relays, 3);
    ASSERT_EQ_UINT(relay_stats()->drop_replay, 2);
    relay.counter += 1000;
    relay_say(relay.a, relay.b, TR_DATA, 100);
    relay.counter -= 999;
    relay_say(relay.a, relay.b, TR_DATA, 100);
    ASSERT_EQ_UINT(relay_stats()->drop_replay, 3);
    fake_world_clear(&relay.world);
}

/* To the client as well: its keys are those of its join, whatever the server forgets. */
static void counters_to_a_participant_grow_over_all(void)
{
    uint32_t last;

    relay_start(NULL);
    relay_open_pair();
    last = relay_counter_of(relay.b);
    for (int i = 0; i < 3000; i++) {
        relay.world.now_us += 10 * TR_MS;
        relay_say(relay.a, relay.b, TR_DATA, 100);
        ASSERT_EQ_UINT(relay_counter_of(relay.b), last + 1);
        last++;
    }
    /* Faster than the counters of a new life go on by time. */
    for (int i = 0; i < 20000; i++) {
        relay.world.now_us += TR_MS;
        relay_say(relay.a, relay.b, TR_DATA, 26);
        last++;
    }
    ASSERT_EQ_UINT(relay_counter_of(relay.b), last);
    fake_ping(&relay.world, relay.b);
    fake_run(&relay.world, 61 * TR_S);
    ASSERT_EQ_UINT(relay_stats()->relay_pairs, 0);
    ASSERT_EQ_UINT(relay_stats()->participants, 2);
    relay_open_pair();
    ASSERT_TRUE(relay_counter_of(relay.b) > last);
    last = relay_counter_of(relay.b);
    fake_run(&relay.world, TR_S);
    relay.world.unix_s += (relay.world.now_us - 5 * TR_S) / TR_S;
    fake_world_restart(&relay.world);
    fake_join(&relay.world, relay.a);
    fake_join(&relay.world, relay.b);
    relay_open_pair();
    ASSERT_TRUE(relay_is_passed_on(relay.a, relay.b));
    ASSERT_TRUE(relay_counter_of(relay.b) > last);
    fake_world_clear(&relay.world);
}

static void pair_that_opens_is_told_to_both(void)
{
    struct tr_service_limits limits = {.relay_leg_kbps = 777, .relay_kbps = 100000};

    relay_start(&limits);
    ASSERT_EQ_UINT(relay.a->registered.relay_kbps, 65535);
    relay_say(relay.a, relay.b, TR_HELLO, HELLO);
    ASSERT_EQ_UINT(relay.a->grants + relay.b->grants, 0);
    relay_say(relay.b, relay.a, TR_HELLO, HELLO);
    relay_say(relay.a, relay.b, TR_DATA, 100);
    relay_say(relay.b, relay.a, TR_DATA, 100);
    ASSERT_EQ_UINT(relay.a->grants, 1);
    ASSERT_EQ_UINT(relay.b->grants, 1);
    ASSERT_EQ_UINT(relay.a->grant.slot, relay.b->registered.slot);
    ASSERT_EQ_UINT(relay.a->grant.epoch, relay.b->body.record.epoch);
    ASSERT_EQ_UINT(relay.a->grant.reason, 0);
    ASSERT_EQ_UINT(relay.a->grant.kbps, 777);
    ASSERT_EQ_UINT(relay.b->grant.slot, relay.a->registered.slot);
    fake_ping(&relay.world, relay.b);
    for (int i = 0; i < 7; i++) {
        fake_run(&relay.world, 10 * TR_S);
        relay_say(relay.a, relay.b, TR_DATA,
                  100); /* its wish goes on, the other's is over after a minute */
    }
    ASSERT_EQ_UINT(relay_stats()->relay_pairs, 1);
    ASSERT_EQ_UINT(relay_stats()->drop_relay_asked, 2);
    ASSERT_EQ_UINT(relay.a->grants, 1);
    relay_say(relay.b, relay.a, TR_DATA, 100);
    ASSERT_TRUE(relay_is_passed_on(relay.a, relay.b));
    ASSERT_EQ_UINT(relay.a->grants, 2);
    ASSERT_EQ_UINT(relay.b->grants, 2);
    fake_world_clear(&relay.world);
}

static void silent_pair_is_let_go(void)
{
    relay_start(NULL);
    relay_open_pair();
    relay.world.now_us += 30 * TR_S;
    fake_ping(&relay.world, relay.a);
    relay_say(relay.b, relay.a, TR_DATA, 100);
    fake_run(&relay.world, 60 * TR_S - 1);
    ASSERT_EQ_UINT(relay_stats()->relay_pairs, 1);
    fake_run(&relay.world, 1);
    ASSERT_EQ_UINT(relay_stats()->relay_pairs, 0);
    ASSERT_EQ_UINT(relay_stats()->participants, 2);
    fake_world_clear(&relay.world);
}

static void pairs_are_bounded(void)
{
    struct tr_service_limits limits = {.relay_pairs = 1};
    struct fake_client *c;

    relay_start(&limits);
    c = relay_enter(3, 1, TR_CAP_RELAY);
    relay_say(relay.a, relay.b, TR_HELLO, HELLO);
    relay_say(c, relay.b, TR_HELLO, HELLO);
    ASSERT_EQ_UINT(relay_stats()->relay_pairs, 1);
    ASSERT_EQ_UINT(relay_stats()->drop_limit, 1);
    fake_leave(&relay.world, relay.a);
    relay_say(c, relay.b, TR_HELLO, HELLO);
    ASSERT_EQ_UINT(relay_stats()->relay_pairs, 1);
    ASSERT_EQ_UINT(relay_stats()->drop_limit, 1);
    fake_world_clear(&relay.world);
}

static void who_leaves_takes_its_pairs_along(void)
{
    struct fake_client *c;

    relay_start(NULL);
    c = relay_enter(3, 1, TR_CAP_RELAY);
    relay_open_pair();
    relay_say(relay.b, c, TR_HELLO, HELLO);
    relay_say(relay.a, c, TR_HELLO, HELLO);
    ASSERT_EQ_UINT(relay_stats()->relay_pairs, 3);
    fake_leave(&relay.world, relay.b);
    ASSERT_EQ_UINT(relay_stats()->relay_pairs, 1);
    relay_say(relay.a, relay.b, TR_DATA, 100);
    ASSERT_EQ_UINT(relay_stats()->drop_unknown, 1);
    ASSERT_EQ_UINT(relay.world.outputs_from_input, 0);
    relay_say(c, relay.a, TR_HELLO, HELLO);
    ASSERT_TRUE(relay_is_passed_on(relay.a, c));
    fake_world_clear(&relay.world); /* with pairs that are open */
}

static void pair_is_of_two_members_of_one_session(void)
{
    struct fake_client *c;

    relay_start(NULL);
    c = relay_enter(3, 2, TR_CAP_RELAY);    /* slot 0 of its own session */
    relay_say(c, relay.a, TR_HELLO, HELLO); /* that is itself */
    relay_say(c, relay.b, TR_HELLO, HELLO); /* nobody there has slot 1 */
    relay_say(relay.a, relay.a, TR_HELLO, HELLO);
    ASSERT_EQ_UINT(relay_stats()->relay_pairs, 0);
    ASSERT_EQ_UINT(relay_stats()->drop_unknown, 3);
    fake_world_clear(&relay.world);
}

static void new_epoch_has_other_keys(void)
{
    struct tr_relay_keys before;

    relay_start(NULL);
    relay_open_pair();
    before = relay_keys_of(relay.b);
    fake_register(&relay.world, relay.b); /* the same join: the pair stays */
    ASSERT_EQ_UINT(relay_stats()->relay_pairs, 1);
    relay_say(relay.b, relay.a, TR_DATA, 100);
    ASSERT_TRUE(relay_is_passed_on(relay.a, relay.b));
    relay_make(relay.a, relay.b, TR_HELLO, HELLO);
    fake_renew_epoch(relay.b);
    fake_join(&relay.world, relay.b);
    ASSERT_EQ_UINT(relay_stats()->relay_pairs, 0);
    ASSERT_TRUE(memcmp(before.route, relay_keys_of(relay.b).route, TR_ROUTE_BYTES) != 0);
    fake_input(&relay.world, &relay.a->address, relay.sent,
               relay.sent_size); /* for the epoch that is gone */
    ASSERT_EQ_UINT(relay_stats()->drop_seal, 1);
    relay_open_pair();
    ASSERT_TRUE(relay_is_passed_on(relay.a, relay.b));
    fake_world_clear(&relay.world);
}

static void unknown_route_is_told_at_a_bounded_rate(void)
{
    struct tr_relay_keys keys;

    relay_start(NULL);
    keys = relay_keys_of(relay.a);
    relay_make(relay.a, relay.b, TR_DATA, 26);
    fake_leave(&relay.world, relay.a);
    for (int i = 0; i < 300; i++)
        fake_input(&relay.world, &relay.a->address, relay.sent, relay.sent_size);
    ASSERT_EQ_UINT(relay.a->unknowns, 250);
    ASSERT_EQ_UINT(relay_stats()->drop_unknown, 300);
    ASSERT_EQ_MEM(relay.a->unknown.channel, keys.route, TR_ROUTE_BYTES);
    ASSERT_EQ_UINT(relay.a->unknown.channel[6] | relay.a->unknown.channel[7], 0);
    fake_join(&relay.world, relay.a);
    ASSERT_EQ_MEM(relay_keys_of(relay.a).route, keys.route, TR_ROUTE_BYTES);
    fake_world_clear(&relay.world);
}

static void server_that_denies_relays_nothing(void)
{
    struct tr_service_limits limits = {.relay = TR_RELAY_DENY};

    relay_start(&limits);
    ASSERT_EQ_UINT(relay.a->registered.relay_kbps, 0);
    relay_open_pair();
    ASSERT_EQ_UINT(relay_stats()->drop_relay_denied, 2);
    ASSERT_EQ_UINT(relay_stats()->relay_pairs, 0);
    ASSERT_EQ_UINT(relay.world.outputs_from_input, 0);
    limits.relay = TR_RELAY_ALLOW;
    ASSERT_EQ_INT(tr_service_set_limits(relay.world.service, &limits), TRYST_OK);
    fake_register(&relay.world, relay.a);
    ASSERT_EQ_UINT(relay.a->registered.relay_kbps, 4000);
    relay_open_pair();
    ASSERT_EQ_UINT(relay_stats()->relayed, 2);
    limits.relay = 2;
    ASSERT_EQ_INT(tr_service_set_limits(relay.world.service, &limits), TRYST_E_ARGUMENT);
    fake_world_clear(&relay.world);
}

static void who_does_not_relay_is_not_relayed_to(void)
{
    struct fake_client *c;

    relay_start(NULL);
    c = relay_enter(3, 1, 0);
    ASSERT_EQ_UINT(c->registered.relay_kbps, 0);
    relay_say(relay.a, c, TR_HELLO, HELLO);
    relay_say(relay.a, c, TR_HELLO, HELLO);
    relay_say(c, relay.a, TR_HELLO, HELLO);
    ASSERT_EQ_UINT(relay.a->grants, 1);
    ASSERT_EQ_UINT(relay.a->grant.slot, c->registered.slot);
    ASSERT_EQ_UINT(relay.a->grant.reason, TRYST_REASON_DENIED);
    ASSERT_EQ_UINT(relay.a->grant.kbps, 0);
    ASSERT_EQ_UINT(c->grants + c->relays + relay.a->relays, 0);
    ASSERT_EQ_UINT(relay_stats()->drop_relay_denied, 3);
    fake_run(&relay.world, 60 * TR_S);
    relay_say(relay.a, c, TR_HELLO, HELLO); /* looked at again */
    ASSERT_EQ_UINT(relay.a->grants, 2);
    fake_world_clear(&relay.world);
}

UNIT_MAIN("relay", UNIT_CASE(first_hello_waits_for_the_other_to_ask),
          UNIT_CASE(newest_hello_waits_for_two_seconds_and_nothing_else),
          UNIT_CASE(wrong_tag_leaves_nothing_behind),
          UNIT_CASE(what_is_inside_must_be_between_peers), UNIT_CASE(each_counter_counts_once),
          UNIT_CASE(counters_to_a_participant_grow_over_all),
          UNIT_CASE(pair_that_opens_is_told_to_both), UNIT_CASE(silent_pair_is_let_go),
          UNIT_CASE(pairs_are_bounded), UNIT_CASE(who_leaves_takes_its_pairs_along),
          UNIT_CASE(pair_is_of_two_members_of_one_session), UNIT_CASE(new_epoch_has_other_keys),
          UNIT_CASE(unknown_route_is_told_at_a_bounded_rate),
          UNIT_CASE(server_that_denies_relays_nothing),
          UNIT_CASE(who_does_not_relay_is_not_relayed_to))
