/* One peer and the relay: talked to at once, left for a direct path that is well, there when that fails.
 * SPDX-License-Identifier: MIT */
#include "tests/unit/small_net.h"

static struct small_net net;

/* Both know each other on way 0, and the server relays. */
static void meet(uint64_t seed, bool is_walled)
{
    net_init(&net, seed);
    net_wall(&net, 0, is_walled);
    net_relay(&net);
    for (unsigned i = 0; i < 2; i++)
        net_introduce(&net, i, 1);
}

/* Both say something so often, for so long. */
static void talk_for(uint64_t span_us, uint64_t each_us, size_t size)
{
    for (uint64_t us = 0; us < span_us; us += each_us) {
        for (unsigned i = 0; i < 2; i++)
            net_say(&net, i, size);
        net_run(&net, net.now_us + each_us);
        net.log_count = net.log_count > NET_LOG / 2 ? 0 : net.log_count;
    }
}

static void relay_carries_both_while_no_direct_path_is_there(void)
{
    meet(1, true);
    uint64_t start = net.now_us;
    net_run(&net, start + TR_S);
    for (unsigned i = 0; i < 2; i++) {
        ASSERT_TRUE(net.end[i].connected_us - start >= 50 * TR_MS); /* a round trip, ... */
        ASSERT_TRUE(net.end[i].connected_us - start <= 60 * TR_MS); /* ... and the second round */
        ASSERT_TRUE(net_is_on(&net, i, NET_RELAY));
        ASSERT_TRUE(tr_handshake_is_settled(&net.end[i].peer.handshake));
    }
    uint32_t since = net.log_count;
    uint64_t said = net.now_us;
    ASSERT_EQ_INT(net_send(&net, 0, "by the server", 14), TRYST_OK);
    net_run(&net, said + TR_S);
    ASSERT_EQ_STR(net.end[1].text, "by the server");
    ASSERT_EQ_UINT(net.end[1].message_us - said, 25 * TR_MS);
    ASSERT_TRUE(net_count(&net, since, 0, NET_RELAY, TR_DATA) >= 1);
    net_run(&net, start + 100 * TR_S);
    for (unsigned i = 0; i < 2; i++)
        ASSERT_EQ_UINT(net.end[i].news[UNREACHABLE] + net.end[i].news[PATH], 0);
    net_clear(&net);
}

static void relay_takes_the_largest_message_and_no_datagram_grows_past_the_limit(void)
{
    static uint8_t large[TR_MESSAGE_MAX];

    meet(2, true);
    net_run(&net, net.now_us + TR_S);
    ASSERT_EQ_INT(net_send(&net, 0, large, sizeof large), TRYST_OK);
    ASSERT_EQ_INT(net_send(&net, 0, large, 900), TRYST_OK);
    ASSERT_EQ_INT(net_send(&net, 0, large, 200), TRYST_OK);
    net_run(&net, net.now_us + TR_S);
    ASSERT_EQ_UINT(net.end[1].message_bytes, sizeof large + 1100);
    for (uint32_t i = 0; i < net.log_count; i++)
        ASSERT_TRUE(net.log[i].size <= TR_DATAGRAM_BYTES);
    net_clear(&net);
}

/* Where hellos get through at once, nobody has to go by the server, though it was ready first. */
static void relay_is_not_used_where_a_direct_path_is_there_at_once(void)
{
    meet(3, false);
    net_run(&net, net.now_us + 2 * TR_S);
    for (unsigned i = 0; i < 2; i++)
        ASSERT_TRUE(net_is_on(&net, i, 0));
    net_clear(&net);
}

static void relay_is_left_as_soon_as_a_direct_path_is_found_and_carries_all(void)
{
    meet(4, true);
    net_run(&net, net.now_us + 3 * TR_S);
    ASSERT_TRUE(net_is_on(&net, 0, NET_RELAY) && net_is_on(&net, 1, NET_RELAY));
    net_wall(&net, 0, false);
    net_run(&net, net.now_us + 4 * TR_S); /* the round at 5 s, and a round trip or two */
    for (unsigned i = 0; i < 2; i++) {
        ASSERT_TRUE(net_is_on(&net, i, 0));
        ASSERT_EQ_UINT(net.end[i].news[PATH], 1);
        ASSERT_EQ_UINT(net.end[i].news[CONNECTED], 1);
    }
    net_clear(&net);
}

/* Rounds of hellos at 2, 5, 15, 30 and 60 s and then once a minute, on both sides at one time. */
static void relay_makes_a_search_pause_for_longer_and_keeps_both_in_step(void)
{
    static const unsigned at_s[] = {2, 5, 15, 30, 60, 120, 180, 240};

    meet(5, true);
    uint64_t start = net.now_us;
    net_run(&net, start + TR_S * 3 / 2);
    uint32_t since = net.log_count;
    net_run(&net, start + 300 * TR_S);
    unsigned rounds[2] = {0, 0};
    uint64_t newest[2] = {0, 0};
    for (uint32_t i = since; i < net.log_count; i++) {
        const struct net_entry *entry = &net.log[i];
        if (entry->type != TR_HELLO || entry->way != 0)
            continue;
        /* two of one end within a moment: both began one, and joined the other's */
        rounds[entry->from] += entry->us - newest[entry->from] > 200 * TR_MS;
        newest[entry->from] = entry->us;
        uint64_t other = newest[1 - entry->from];
        ASSERT_ROW(rounds[0] == rounds[1] || rounds[entry->from] == rounds[1 - entry->from] + 1,
                   "at %" PRIu64 " ms", (entry->us - start) / TR_MS);
        if (rounds[0] == rounds[1])
            ASSERT_ROW(entry->us - other < 100 * TR_MS, "round %u", rounds[0]);
    }
    for (unsigned i = 0; i < 2; i++)
        ASSERT_ROW(rounds[i] >= 5 && rounds[i] <= UNIT_COUNT(at_s), "%u rounds", rounds[i]);
    net_clear(&net);
}

/* A game that talks is moved within a second and a half; what was lost is what was on its way. */
static void relay_takes_over_when_the_direct_path_dies(void)
{
    meet(6, false);
    net_run(&net, net.now_us + 5 * TR_S);
    talk_for(5 * TR_S, 50 * TR_MS, 100);
    ASSERT_TRUE(net_is_on(&net, 0, 0) && net_is_on(&net, 1, 0));
    uint32_t lost = net.end[0].said - net.end[1].messages;
    ASSERT_TRUE(lost <= 1); /* the last one is on its way */
    net_wall(&net, 0, true);
    talk_for(TR_S * 3 / 2, 50 * TR_MS, 100);
    for (unsigned i = 0; i < 2; i++) {
        ASSERT_TRUE(net_is_on(&net, i, NET_RELAY));
        ASSERT_TRUE(net.end[i].news[DOUBT] >= 1);
    }
    talk_for(30 * TR_S, 50 * TR_MS, 100);
    for (unsigned i = 0; i < 2; i++) {
        lost = net.end[i].said - net.end[1 - i].messages;
        ASSERT_ROW(lost <= 30, "%" PRIu32 " lost", lost);
        ASSERT_EQ_UINT(net.end[i].news[UNREACHABLE], 0);
    }
    net_wall(&net, 0, false);
    talk_for(70 * TR_S, 50 * TR_MS, 100);
    for (unsigned i = 0; i < 2; i++) {
        ASSERT_TRUE(net_is_on(&net, i, 0));
        ASSERT_EQ_UINT(net.end[i].overtaken, 0);
    }
    net_clear(&net);
}

/* From a slow relay to a quick direct path: nothing overtakes what is still on its way, as long as what
 * waits for that fits into one datagram. */
static void relay_that_is_left_delivers_before_the_quicker_path_does(void)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        meet(100 + seed, true);
        for (unsigned i = 0; i < 2; i++) {
            net.way[i][0].delay_us = 2 * TR_MS;
            net.way[i][NET_RELAY].delay_us = 120 * TR_MS;
        }
        net_run(&net, net.now_us + TR_S);
        talk_for(TR_S, 10 * TR_MS, 60);
        net_wall(&net, 0, false);
        talk_for(20 * TR_S, 10 * TR_MS, 60);
        net_run(&net, net.now_us + TR_S);
        for (unsigned i = 0; i < 2; i++) {
            ASSERT_TRUE(net_is_on(&net, i, 0));
            ASSERT_ROW(net.end[i].overtaken == 0, "seed %" PRIu64 ": %" PRIu32, seed,
                       net.end[i].overtaken);
            ASSERT_EQ_UINT(net.end[i].messages, net.end[1 - i].said);
        }
        net_clear(&net);
    }
}

static void relay_that_the_server_refuses_is_left_and_asked_for_in_another_life(void)
{
    meet(7, true);
    net_run(&net, net.now_us + TR_S);
    ASSERT_TRUE(net_is_on(&net, 0, NET_RELAY));
    for (unsigned i = 0; i < 2; i++)
        tr_peer_relay_told(&net.end[i].peer, TRYST_REASON_DENIED, &net.end[i].kit);
    uint32_t since = net.log_count;
    net_send(&net, 0, "kept", 5);
    net_run(&net, net.now_us + 3 * TR_S);
    for (unsigned i = 0; i < 2; i++) {
        ASSERT_EQ_UINT(net_count(&net, since, i, NET_RELAY, TR_DATA), 0);
        ASSERT_EQ_UINT(net_count(&net, since, i, NET_RELAY, TR_HELLO), 0);
    }
    for (unsigned i = 0; i < 2; i++) {
        net.end[i].relay.life++;
        tr_peer_relay_anew(&net.end[i].peer, &net.end[i].kit);
    }
    net_run(&net, net.now_us + TR_S);
    for (unsigned i = 0; i < 2; i++)
        ASSERT_TRUE(net_is_on(&net, i, NET_RELAY));
    ASSERT_EQ_STR(net.end[1].text, "kept");
    net_clear(&net);
}

static void relay_that_is_denied_by_one_side_is_used_by_none(void)
{
    meet(8, true);
    net.end[1].relay.is_open = false;
    tr_peer_set_relay(&net.end[0].peer, 6, false, &net.end[0].kit);
    net_run(&net, net.now_us + 12 * TR_S);
    for (unsigned i = 0; i < 2; i++) {
        ASSERT_EQ_UINT(net.end[i].news[UNREACHABLE], 1);
        ASSERT_FALSE(net.end[i].peer.is_connected);
        ASSERT_EQ_UINT(net_count(&net, 0, i, NET_RELAY, TR_HELLO), 0);
    }
    net_clear(&net);
}

/* A path that loses what is large, or much of all, is no better than none while the server relays. */
static void relay_stays_in_use_while_the_direct_path_is_narrow(void)
{
    meet(9, false);
    for (unsigned i = 0; i < 2; i++)
        net.way[i][0].width = 600;
    net_run(&net, net.now_us + 3 * TR_S);
    for (unsigned i = 0; i < 2; i++)
        ASSERT_TRUE(net_is_on(&net, i, NET_RELAY));
    talk_for(10 * TR_S, 100 * TR_MS, 1100);
    net_run(&net, net.now_us + TR_S);
    for (unsigned i = 0; i < 2; i++) {
        ASSERT_TRUE(net_is_on(&net, i, NET_RELAY));
        ASSERT_EQ_UINT(net.end[i].messages, net.end[1 - i].said);
        net.way[i][0].width = 0;
    }
    talk_for(60 * TR_S, 100 * TR_MS, 1100);
    for (unsigned i = 0; i < 2; i++)
        ASSERT_TRUE(net_is_on(&net, i, 0));
    net_clear(&net);
}

static void relay_takes_over_from_a_path_that_begins_to_lose(void)
{
    meet(10, false);
    net_run(&net, net.now_us + 2 * TR_S);
    talk_for(3 * TR_S, 20 * TR_MS, 100);
    ASSERT_TRUE(net_is_on(&net, 0, 0) && net_is_on(&net, 1, 0));
    for (unsigned i = 0; i < 2; i++)
        net.way[i][0].loss = 40;
    talk_for(5 * TR_S, 20 * TR_MS, 100);
    for (unsigned i = 0; i < 2; i++)
        ASSERT_TRUE(net_is_on(&net, i, NET_RELAY));
    uint32_t before = net.end[0].said - net.end[1].messages;
    talk_for(20 * TR_S, 20 * TR_MS, 100);
    uint32_t lost = net.end[0].said - net.end[1].messages - before;
    ASSERT_ROW(lost <= 1000 * 40 / 100 / 4, "%" PRIu32 " of 1000 lost", lost);
    for (unsigned i = 0; i < 2; i++)
        net.way[i][0].loss = 0;
    talk_for(80 * TR_S, 20 * TR_MS, 100);
    for (unsigned i = 0; i < 2; i++)
        ASSERT_TRUE(net_is_on(&net, i, 0));
    net_clear(&net);
}

/* The longest pause between two datagrams of both on a way, in an hour of silence. */
static uint64_t longest_pause(unsigned way)
{
    uint64_t start = net.now_us, newest = start, longest = 0;

    for (unsigned i = 0; i < 60; i++) {
        net.log_count = 0;
        net_run(&net, start + (i + 1) * 60 * TR_S);
        for (uint32_t j = 0; j < net.log_count; j++) {
            if (net.log[j].way != way)
                continue;
            uint64_t pause = net.log[j].us - newest;
            longest = pause > longest ? pause : longest;
            newest = net.log[j].us;
        }
    }
    return longest;
}

/* NATs here bear any pause: with the relay standing by it is found out, without it is not tried. */
static void relay_lets_longer_pauses_be_learnt(void)
{
    for (unsigned is_relayed = 0; is_relayed < 2; is_relayed++) {
        net_init(&net, 11);
        for (unsigned i = 0; i < 2; i++)
            net.end[i].kit.times.keepalive_us = 0;
        if (is_relayed)
            net_relay(&net);
        net_connect(&net);
        uint64_t longest = longest_pause(0);
        if (is_relayed)
            ASSERT_ROW(longest >= 50 * TR_S && longest <= 113 * TR_S, "%" PRIu64, longest);
        else
            ASSERT_ROW(longest >= 10 * TR_S && longest <= 15 * TR_S, "%" PRIu64, longest);
        for (unsigned i = 0; i < 2; i++) {
            ASSERT_TRUE(net_is_on(&net, i, 0));
            ASSERT_EQ_UINT(net.end[i].news[UNREACHABLE] + net.end[i].news[PATH], 0);
        }
        net_clear(&net);
    }
}

UNIT_MAIN("peer_relay", UNIT_CASE(relay_carries_both_while_no_direct_path_is_there),
          UNIT_CASE(relay_takes_the_largest_message_and_no_datagram_grows_past_the_limit),
          UNIT_CASE(relay_is_not_used_where_a_direct_path_is_there_at_once),
          UNIT_CASE(relay_is_left_as_soon_as_a_direct_path_is_found_and_carries_all),
          UNIT_CASE(relay_makes_a_search_pause_for_longer_and_keeps_both_in_step),
          UNIT_CASE(relay_takes_over_when_the_direct_path_dies),
          UNIT_CASE(relay_that_is_left_delivers_before_the_quicker_path_does),
          UNIT_CASE(relay_that_the_server_refuses_is_left_and_asked_for_in_another_life),
          UNIT_CASE(relay_that_is_denied_by_one_side_is_used_by_none),
          UNIT_CASE(relay_stays_in_use_while_the_direct_path_is_narrow),
          UNIT_CASE(relay_takes_over_from_a_path_that_begins_to_lose),
          UNIT_CASE(relay_lets_longer_pauses_be_learnt))
