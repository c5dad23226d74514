/* One peer from first hello to goodbye: connecting, choosing, keeping, losing, renewing.
 * SPDX-License-Identifier: MIT */
#include "lib/base/table.h"
#include "tests/unit/small_net.h"

static void peer_connects_in_one_round_trip_when_both_begin(void)
{
    static struct small_net net;

    net_init(&net, 1);
    uint64_t start = net.now_us;
    net_connect(&net);
    for (unsigned i = 0; i < 2; i++) {
        ASSERT_EQ_UINT(net.end[i].connected_us - start, 40 * TR_MS);
        ASSERT_EQ_UINT(net.end[i].news[CONNECTED], 1);
        ASSERT_EQ_UINT(net.end[i].news[PUNCH], 1);
        ASSERT_EQ_UINT(net.end[i].news[HELLO], 1);
        ASSERT_EQ_UINT(net.end[i].news[UNREACHABLE], 0);
        ASSERT_EQ_UINT(net_chosen(&net, i)->kind, TRYST_KIND_PUBLIC);
        ASSERT_EQ_UINT(net_chosen(&net, i)->rtt_us, 40 * TR_MS);
    }
    net_clear(&net);
}

static void peer_connects_when_only_one_side_knows_an_address(void)
{
    static struct small_net net;

    net_init(&net, 2);
    uint64_t start = net.now_us;
    net_introduce(&net, 0, 1);
    net_run(&net, start + TR_S);
    ASSERT_EQ_UINT(net.end[0].connected_us - start, 40 * TR_MS);
    ASSERT_EQ_UINT(net.end[1].connected_us - start, 60 * TR_MS);
    ASSERT_EQ_UINT(net_chosen(&net, 1)->kind, TRYST_KIND_OBSERVED);
    net_clear(&net);
}

static void peer_keeps_the_hello_schedule_to_a_silent_address(void)
{
    static const uint64_t plan_ms[] = {0, 5, 15, 40, 80, 140, 220, 320, 450, 650, 900};
    static struct small_net net;

    net_init(&net, 3);
    uint64_t start = net.now_us;
    net_wall(&net, 0, true);
    net_wall(&net, 1, true);
    net_introduce(&net, 0, 3);
    net_run(&net, start + TR_S * 11 / 10);
    for (unsigned way = 0; way < 2; way++) {
        unsigned round = 0;

        for (uint32_t i = 0; i < net.log_count; i++) {
            uint64_t after = net.log[i].us - start;

            if (net.log[i].way != way || round == UNIT_COUNT(plan_ms))
                continue;
            ASSERT_ROW(after >= plan_ms[round] * TR_MS && after <= plan_ms[round] * 1200 + 9,
                       "way %u, round %u after %" PRIu64 " us", way, round, after);
            round++;
        }
        ASSERT_TRUE(round >= 10);
    }
    net_run(&net, start + 60 * TR_S);
    ASSERT_TRUE(net_count(&net, 0, 0, 0, TR_HELLO) < 24);
    ASSERT_EQ_UINT(net.end[0].news[UNREACHABLE], 1);
    ASSERT_EQ_UINT(net.end[0].peer.stage, TRYST_STAGE_PUNCH);
    ASSERT_EQ_UINT(net.end[0].peer.reason, TRYST_REASON_SILENT);
    net_clear(&net);
}

static void peer_says_why_it_is_not_reached_and_still_connects_later(void)
{
    static const struct {
        unsigned ways;
        bool may_come;
        uint8_t reason;
    } rows[] = {{0, false, TRYST_REASON_NO_CANDIDATE},
                {1, false, TRYST_REASON_SILENT},
                {1, true, TRYST_REASON_ONE_WAY}};
    static struct small_net net;

    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        net_init(&net, 4);
        net.way[0][0].is_walled = true;
        net.way[1][0].is_walled = !rows[i].may_come;
        net_introduce(&net, 0, rows[i].ways);
        net_introduce(&net, 1, 1);
        net_run(&net, net.now_us + 15 * TR_S);
        ASSERT_EQ_UINT(net.end[0].news[UNREACHABLE], 1);
        ASSERT_EQ_UINT(net.end[0].peer.stage, TRYST_STAGE_PUNCH);
        ASSERT_ROW(net.end[0].peer.reason == rows[i].reason, "row %zu: reason %u", i,
                   net.end[0].peer.reason);
        net_wall(&net, 0, false);
        net_run(&net, net.now_us + 70 * TR_S);
        ASSERT_EQ_UINT(net.end[0].news[CONNECTED], 1);
        ASSERT_EQ_UINT(net.end[1].news[CONNECTED], 1);
        net_clear(&net);
    }
}

static void peer_takes_the_quicker_of_two_addresses(void)
{
    static struct small_net net;

    net_init(&net, 5);
    for (unsigned i = 0; i < 2; i++)
        net.way[i][1].delay_us = TR_MS;
    net_introduce(&net, 0, 3);
    net_introduce(&net, 1, 3);
    net_run(&net, net.now_us + TR_S);
    for (unsigned i = 0; i < 2; i++) {
        ASSERT_TRUE(net_is_on(&net, i, 1));
        ASSERT_EQ_UINT(net_chosen(&net, i)->kind, TRYST_KIND_HOST);
        ASSERT_EQ_UINT(net.end[i].news[PATH], 0);
    }
    net_clear(&net);
}

/* The first hello over the better path is lost: it still gets its chance. */
static void peer_moves_to_a_much_better_path_that_answers_later(void)
{
    static struct small_net net;

    net_init(&net, 6);
    net_wall(&net, 1, true);
    for (unsigned i = 0; i < 2; i++) {
        net.way[i][1].delay_us = TR_MS;
        net.way[i][0].delay_us = 50 * TR_MS;
        net_introduce(&net, i, 3);
    }
    net_run(&net, net.now_us + 150 * TR_MS);
    ASSERT_TRUE(net_is_on(&net, 0, 0));
    net_wall(&net, 1, false);
    net_run(&net, net.now_us + 4 * TR_S);
    for (unsigned i = 0; i < 2; i++) {
        ASSERT_TRUE(net_is_on(&net, i, 1));
        ASSERT_EQ_UINT(net.end[i].news[PATH], 1);
        ASSERT_EQ_UINT(net.end[i].news[CONNECTED], 1);
    }
    net_clear(&net);
}

static void peer_is_kept_alive_by_pings_in_silence(void)
{
    static struct small_net net;

    net_init(&net, 7);
    net_connect(&net);
    uint32_t since = net.log_count;
    uint64_t start = net.now_us;
    net_run(&net, start + 100 * TR_S);
    for (unsigned i = 0; i < 2; i++) {
        uint32_t sent = net_count(&net, since, i, 0, TR_DATA);

        ASSERT_ROW(sent >= 20 && sent <= 2 * 27, "%u pings and pongs in 100 s", sent);
        ASSERT_EQ_UINT(net_count(&net, since, i, 0, TR_HELLO), 0);
        ASSERT_TRUE(net.end[i].peer.is_connected);
        ASSERT_EQ_UINT(net.end[i].news[UNREACHABLE], 0);
    }
    for (uint32_t i = since; i < net.log_count; i++) /* no pong is longer than its ping */
        ASSERT_EQ_UINT(net.log[i].size, net.log[since].size);
    net_clear(&net);
}

static void peer_whose_chosen_path_dies_moves_to_the_standby(void)
{
    static struct small_net net;

    net_init(&net, 8);
    for (unsigned i = 0; i < 2; i++) {
        net.way[i][2].delay_us = 25 * TR_MS;
        net_introduce(&net, i, 5);
    }
    net_run(&net, net.now_us + 30 * TR_S);
    ASSERT_TRUE(net_is_on(&net, 0, 0) && net_is_on(&net, 1, 0));
    net_wall(&net, 0, true);
    net_run(&net, net.now_us + 16 * TR_S);
    for (unsigned i = 0; i < 2; i++) {
        ASSERT_TRUE(net_is_on(&net, i, 2));
        ASSERT_EQ_UINT(net.end[i].news[PATH], 1);
        ASSERT_EQ_UINT(net.end[i].news[UNREACHABLE], 0);
    }
    net_clear(&net);
}

/* The next ping, after 6 s at most, finds the path dead within a second; 30 s later it is said. */
static void peer_that_falls_silent_is_unreachable_once_and_comes_back(void)
{
    static struct small_net net;

    net_init(&net, 9);
    net_connect(&net);
    uint64_t dead = net.now_us;
    net_wall(&net, 0, true);
    net_run(&net, dead + 29 * TR_S);
    ASSERT_EQ_UINT(net.end[0].news[UNREACHABLE], 0);
    net_run(&net, dead + 38 * TR_S);
    for (unsigned i = 0; i < 2; i++) {
        ASSERT_EQ_UINT(net.end[i].news[UNREACHABLE], 1);
        ASSERT_EQ_UINT(net.end[i].peer.stage, TRYST_STAGE_PATH);
        ASSERT_EQ_UINT(net.end[i].peer.reason, TRYST_REASON_SILENT);
    }
    net_run(&net, dead + 300 * TR_S);
    ASSERT_EQ_UINT(net.end[0].news[UNREACHABLE], 1);
    net_wall(&net, 0, false);
    net_run(&net, dead + 345 * TR_S);
    for (unsigned i = 0; i < 2; i++) {
        ASSERT_EQ_UINT(net.end[i].news[CONNECTED], 2);
        ASSERT_TRUE(tr_handshake_is_settled(&net.end[i].peer.handshake));
    }
    net_clear(&net);
}

/* Keys that are due while no path is there wait for one, and nobody spins (small_net checks). */
static void peer_deadlines_lie_ahead_while_a_renewal_waits_for_a_path(void)
{
    static struct small_net net;

    for (uint64_t dead_s = 90; dead_s <= 121; dead_s++) {
        net_init(&net, 10);
        for (unsigned i = 0; i < 2; i++)
            net.end[i].kit.rekey_us = 120 * TR_S;
        net_connect(&net);
        net_run(&net, dead_s * TR_S + 100 * TR_S);
        net_wall(&net, 0, true);
        net_run(&net, net.now_us + 200 * TR_S);
        ASSERT_EQ_UINT(net.end[0].news[UNREACHABLE], 1);
        net_wall(&net, 0, false);
        net_run(&net, net.now_us + 60 * TR_S);
        ASSERT_TRUE(net.end[0].peer.is_connected && net.end[1].peer.is_connected);
        net_clear(&net);
    }
}

static void peer_renews_its_keys_every_two_minutes_under_traffic_without_loss(void)
{
    static struct small_net net;
    uint32_t sent = 0;

    net_init(&net, 11);
    net_connect(&net);
    uint32_t index = net.end[0].peer.handshake.current.index, renewals = 0;
    for (unsigned i = 0; i < 5000; i++) {
        for (unsigned j = 0; j < 2; j++)
            ASSERT_EQ_INT(net_send(&net, j, &i, sizeof i), TRYST_OK);
        sent++;
        net.log_count = 0;
        net_run(&net, net.now_us + 100 * TR_MS);
        uint32_t now = net.end[0].peer.handshake.current.index;
        renewals += now != index;
        index = now;
    }
    net_run(&net, net.now_us + TR_S);
    ASSERT_TRUE(renewals >= 3 && renewals <= 10);
    for (unsigned i = 0; i < 2; i++) {
        ASSERT_EQ_UINT(net.end[i].messages, sent);
        ASSERT_EQ_UINT(net.end[i].news[UNREACHABLE] + net.end[i].news[PATH], 0);
    }
    net_clear(&net);
}

static void peer_connects_and_renews_under_every_loss_of_six_datagrams(void)
{
    static struct small_net net;

    for (uint32_t lost = 0; lost < 64; lost++) {
        net_init(&net, 12 + lost);
        net.lose_next = lost;
        net_connect(&net);
        for (unsigned i = 0; i < 2; i++)
            net.end[i].kit.rekey_us = TR_S;
        net.lose_next = lost;
        net_run(&net, net.now_us + 900 * TR_MS);
        for (unsigned i = 0; i < 2; i++)
            net.end[i].kit.rekey_us = 120 * TR_S;
        net_run(&net, net.now_us + 4 * TR_S);
        for (unsigned i = 0; i < 2; i++) {
            ASSERT_EQ_INT(net_send(&net, i, "after", 6), TRYST_OK);
            ASSERT_ROW(tr_handshake_is_settled(&net.end[i].peer.handshake), "lost %x", lost);
        }
        net_run(&net, net.now_us + 30 * TR_MS);
        for (unsigned i = 0; i < 2; i++)
            ASSERT_ROW(net.end[i].messages == 1, "lost %x", lost);
        net_clear(&net);
    }
}

static void peer_that_leaves_says_goodbye_over_its_path(void)
{
    static struct small_net net;

    net_init(&net, 13);
    tr_peer_leave(&net.end[0].peer, &net.end[0].kit); /* to nobody: nothing to say */
    net_connect(&net);
    uint32_t since = net.log_count;
    net_send(&net, 0, "bye", 4);
    tr_peer_leave(&net.end[0].peer, &net.end[0].kit);
    net_run(&net, net.now_us + 30 * TR_MS);
    ASSERT_EQ_UINT(net_count(&net, since, 0, 0, TR_DATA), 3);
    ASSERT_EQ_UINT(net.end[1].messages, 1);
    ASSERT_TRUE(net.end[1].news[LEFT] >= 1);
    net_clear(&net);
}

static void peer_tells_of_a_newer_roster_only_when_it_is_the_same_one(void)
{
    static const struct {
        uint64_t fence, version;
        bool is_news;
    } rows[] = {{5, 11, true}, {5, 10, false}, {5, 9, false}, {6, 99, false}, {0, 0, false}};
    static struct small_net net;

    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        net_init(&net, 14);
        net.end[0].hello.roster_fence = 5;
        net.end[0].hello.roster_version = 10;
        net.end[1].hello.roster_fence = rows[i].fence;
        net.end[1].hello.roster_version = rows[i].version;
        net_connect(&net);
        ASSERT_ROW((net.end[0].news[ROSTER] > 0) == rows[i].is_news, "row %zu", i);
        net_clear(&net);
    }
}

static void peer_tries_local_addresses_of_a_hello_but_no_public_ones(void)
{
    static struct small_net net;
    static const char *const named[] = {"10.1.0.1:4000",      "9.9.9.9:53",  "127.0.0.1:4000",
                                        "169.254.169.254:80", "224.0.0.1:9", "100.64.0.1:5"};

    net_init(&net, 15);
    for (size_t i = 0; i < UNIT_COUNT(named); i++) {
        tryst_address_parse(&net.end[0].hello.local[i].address, named[i]);
        net.end[0].hello.local[i].kind = TRYST_KIND_HOST;
    }
    net.end[0].hello.local_count = UNIT_COUNT(named);
    net_introduce(&net, 0, 1);
    net_run(&net, net.now_us + TR_S);
    struct tr_path_set *paths = &net.end[1].peer.paths;
    ASSERT_EQ_UINT(paths->count, 2);
    ASSERT_TRUE(tr_paths_find(paths, &net.address[0][1], TR_LOCAL_ANY) != TR_PATH_NONE);
    net_clear(&net);
}

static void peer_is_small_enough(void)
{
    /* 256 peers: 512 slots for 256 hello ids, 1,024 for 512 indexes (a table is 3/4 full at most) */
    size_t tables = (512 + 1024) * sizeof(struct tr_table_slot) / TR_PARTICIPANTS_MAX;
    size_t seat = sizeof(struct tr_peer *) + 2 * sizeof(uint32_t);
    size_t size = sizeof(struct tr_peer) + tables + seat;

    ASSERT_ROW(size <= 4096, "%zu bytes a peer", size);
}

/* Whoever recorded a peer's last hello sends it from the peer's address when the peer is gone. */
static void peer_is_not_kept_alive_by_a_hello_that_is_sent_again(void)
{
    static struct small_net net;
    static uint8_t hello[TR_DATAGRAM_BYTES];
    size_t size = 0;

    net_init(&net, 16);
    net_introduce(&net, 0, 1);
    net_introduce(&net, 1, 1);
    for (unsigned i = 0; i < 1000; i++) {
        net_run(&net, net.now_us + TR_MS);
        for (uint32_t j = 0; j < net.flight_count; j++)
            if (net.flights[j].to == 0 && net.flights[j].data[0] == TR_HELLO) {
                size = net.flights[j].size;
                memcpy(hello, net.flights[j].data, size);
            }
    }
    ASSERT_TRUE(net.end[0].peer.is_connected && net_is_on(&net, 0, 0));
    net_wall(&net, 0, true);
    net_run(&net, net.now_us + TR_S);
    uint64_t heard_us = net.end[0].peer.heard_us;
    for (unsigned i = 0; i < 45; i++) {
        const struct tr_path *path = net_chosen(&net, 0);
        uint64_t silence_us = net.now_us - heard_us;

        ASSERT_EQ_INT(tr_peer_hello(&net.end[0].peer, &net.address[1][0], TR_LOCAL_ANY, hello, size,
                                    &net.end[0].kit),
                      TR_DROP_NONE);
        bool is_proven = path != NULL && path->is_proven;
        ASSERT_ROW(silence_us < 15 * TR_S ? is_proven : silence_us < 22 * TR_S || !is_proven,
                   "after %" PRIu64 " us", silence_us);
        uint32_t told = net.end[0].news[UNREACHABLE];
        ASSERT_ROW(silence_us < 30 * TR_S ? told == 0 : silence_us < 38 * TR_S || told == 1,
                   "after %" PRIu64 " us", silence_us);
        ASSERT_EQ_UINT(net.end[0].peer.heard_us, heard_us);
        net_run(&net, net.now_us + TR_S);
    }
    ASSERT_FALSE(net.end[0].peer.is_connected);
    net_clear(&net);
}

/* Connected on way 0, with a way 2 that nobody got through; then end 0 searches. */
static void search(struct small_net *net, bool is_moved)
{
    net_init(net, 17);
    net_wall(net, 2, true);
    for (unsigned i = 0; i < 2; i++)
        net_introduce(net, i, 5);
    net_run(net, net->now_us + 60 * TR_S);
    ASSERT_TRUE(net_is_on(net, 0, 0) && net_is_on(net, 1, 0));
    uint32_t since = net->log_count;
    tr_peer_unsettle(&net->end[0].peer, is_moved, &net->end[0].kit);
    net_run(net, net->now_us + 21 * TR_MS);
    ASSERT_TRUE(net_count(net, since, 0, 2, TR_HELLO) >= 1);
    ASSERT_TRUE(net_count(net, since, 0, 0, TR_HELLO) >= 1); /* a path in doubt gets hellos, too */
}

/* One side's hellos open one side's filters only. */
static void peer_joins_the_search_of_the_other_and_doubts_who_moved(void)
{
    static struct small_net net;

    for (unsigned is_moved = 0; is_moved < 2; is_moved++) {
        search(&net, is_moved != 0);
        ASSERT_EQ_UINT(net_count(&net, 0, 1, 2, TR_HELLO) > 7, true);
        ASSERT_EQ_INT(net_chosen(&net, 1)->is_doubted, is_moved);
        uint32_t since = net.log_count;
        net_run(&net, net.now_us + 60 * TR_S);
        ASSERT_TRUE(net_count(&net, since, 1, 2, TR_HELLO) >= 4);
        ASSERT_TRUE(net_count(&net, since, 1, 2, TR_HELLO) <= 24);
        for (unsigned i = 0; i < 2; i++) { /* all is well as it was */
            ASSERT_TRUE(net_is_on(&net, i, 0));
            ASSERT_FALSE(net_chosen(&net, i)->is_doubted);
            ASSERT_EQ_UINT(net.end[i].news[PATH] + net.end[i].news[UNREACHABLE], 0);
        }
        net_clear(&net);
    }
}

/* Nothing that left by the slow path is overtaken by what leaves by the quick one. */
static void peer_keeps_the_order_of_messages_when_it_moves(void)
{
    static struct small_net net;

    for (uint64_t seed = 0; seed < 10; seed++) {
        net_init(&net, 200 + seed);
        net_wall(&net, 1, true);
        for (unsigned i = 0; i < 2; i++) {
            net.way[i][1].delay_us = TR_MS;
            net.way[i][0].delay_us = 80 * TR_MS;
            net_introduce(&net, i, 3);
        }
        net_run(&net, net.now_us + 200 * TR_MS);
        net_wall(&net, 1, false);
        for (unsigned turn = 0; turn < 1000; turn++) {
            for (unsigned i = 0; i < 2; i++)
                ASSERT_EQ_INT(net_say(&net, i, 40), TRYST_OK);
            net_run(&net, net.now_us + 7 * TR_MS);
            net.log_count = 0;
        }
        net_run(&net, net.now_us + TR_S);
        for (unsigned i = 0; i < 2; i++) {
            ASSERT_TRUE(net_is_on(&net, i, 1));
            ASSERT_ROW(net.end[i].overtaken == 0, "seed %" PRIu64 ": %" PRIu32, seed,
                       net.end[i].overtaken);
            ASSERT_EQ_UINT(net.end[i].messages, 1000);
        }
        net_clear(&net);
    }
}

UNIT_MAIN("peer", UNIT_CASE(peer_connects_in_one_round_trip_when_both_begin),
          UNIT_CASE(peer_connects_when_only_one_side_knows_an_address),
          UNIT_CASE(peer_keeps_the_hello_schedule_to_a_silent_address),
          UNIT_CASE(peer_says_why_it_is_not_reached_and_still_connects_later),
          UNIT_CASE(peer_takes_the_quicker_of_two_addresses),
          UNIT_CASE(peer_moves_to_a_much_better_path_that_answers_later),
          UNIT_CASE(peer_is_kept_alive_by_pings_in_silence),
          UNIT_CASE(peer_whose_chosen_path_dies_moves_to_the_standby),
          UNIT_CASE(peer_that_falls_silent_is_unreachable_once_and_comes_back),
          UNIT_CASE(peer_deadlines_lie_ahead_while_a_renewal_waits_for_a_path),
          UNIT_CASE(peer_renews_its_keys_every_two_minutes_under_traffic_without_loss),
          UNIT_CASE(peer_connects_and_renews_under_every_loss_of_six_datagrams),
          UNIT_CASE(peer_that_leaves_says_goodbye_over_its_path),
          UNIT_CASE(peer_tells_of_a_newer_roster_only_when_it_is_the_same_one),
          UNIT_CASE(peer_tries_local_addresses_of_a_hello_but_no_public_ones),
          UNIT_CASE(peer_is_small_enough),
          UNIT_CASE(peer_is_not_kept_alive_by_a_hello_that_is_sent_again),
          UNIT_CASE(peer_joins_the_search_of_the_other_and_doubts_who_moved),
          UNIT_CASE(peer_keeps_the_order_of_messages_when_it_moves))
