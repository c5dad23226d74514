/* What a game learns of a pair: why it is as it is, when it is told, and the figures of its paths.
 * SPDX-License-Identifier: MIT */
#include "lib/core/endpoint_state.h"
#include "tests/unit/endpoint_world.h"
#include <stddef.h>
#include <tryst/insight.h>

static struct endpoint_world world;

static const struct tr_nat random_nat = {.mapping = TRYST_MAPPING_PORT_DEPENDENT,
                                         .filtering = TRYST_FILTERING_PORT_DEPENDENT,
                                         .ports = TRYST_PORTS_RANDOM,
                                         .flags = TR_NAT_SPRAY};

static void begin(bool is_walled, uint16_t relay_kbps)
{
    world_init(&world, 2);
    world.is_walled = is_walled;
    world.server.relay_kbps = relay_kbps;
    world.server.tells_others = true;
}

static void both_are_behind(const struct tr_nat *nat)
{
    world.server.nat = *nat;
    for (unsigned i = 0; i < 2; i++)
        world.end[i].endpoint->rendezvous.nat = *nat;
}

/* Endpoints look for themselves, and would find that there is no NAT here. */
static void run_behind(const struct tr_nat *nat, uint64_t span_us)
{
    for (uint64_t us = 0; us < span_us; us += TR_MS) {
        both_are_behind(nat);
        world_for(&world, TR_MS);
    }
}

static void join(void)
{
    for (unsigned i = 0; i < 2; i++)
        world_join(&world, i);
}

static struct tryst_why why(unsigned end)
{
    struct tryst_why answer;

    memset(&answer, 0xee, sizeof answer);
    tryst_endpoint_tick(world.end[end].endpoint, world_clock(&world, end));
    ASSERT_EQ_INT(
        tryst_endpoint_why(world.end[end].endpoint, world.end[end].peer[1 - end], &answer),
        TRYST_OK);
    return answer;
}

static struct tryst_path_stats in_use(unsigned end)
{
    struct tryst_path_stats list[TRYST_CANDIDATES_MAX];

    memset(list, 0xee, sizeof list);
    tryst_result count = tryst_endpoint_paths(world.end[end].endpoint, world.end[end].peer[1 - end],
                                              list, TRYST_CANDIDATES_MAX);
    ASSERT_TRUE(count > 0 && list[0].is_current == 1);
    for (tryst_result i = 1; i < count; i++)
        ASSERT_EQ_UINT(list[i].is_current, 0);
    return list[0];
}

static void insights_have_words(void)
{
    static const struct {
        const char *(*word)(uint32_t);
        uint32_t number;
        const char *text;
    } rows[] = {
#define PAIR(name, number, text) {tryst_pair_name, number, text},
#define TRIAL(name, number, text) {tryst_trial_name, number, text},
        TRYST_PAIRS(PAIR) TRYST_TRIALS(TRIAL){tryst_pair_name, 5, "unknown"},
        {tryst_trial_name, 6, "unknown"}};

    for (size_t i = 0; i < UNIT_COUNT(rows); i++)
        ASSERT_EQ_STR(rows[i].word(rows[i].number), rows[i].text);
}

static void insights_have_the_layout_that_bindings_rely_on(void)
{
    ASSERT_EQ_UINT(sizeof(struct tryst_why), 1024);
    ASSERT_EQ_UINT(offsetof(struct tryst_why, own), 48);
    ASSERT_EQ_UINT(offsetof(struct tryst_why, peer), 76);
    ASSERT_EQ_UINT(offsetof(struct tryst_why, candidates), 104);
    ASSERT_EQ_UINT(offsetof(struct tryst_why, sentence), 488);
    ASSERT_EQ_UINT(sizeof(struct tryst_path_stats), 256);
    ASSERT_EQ_UINT(offsetof(struct tryst_path_stats, bytes_out), 64);
    ASSERT_EQ_UINT(offsetof(struct tryst_path_stats, address), 96);
}

static void insight_refuses_what_it_cannot_answer(void)
{
    struct tryst_why answer;
    struct tryst_path_stats stats;

    begin(false, 0);
    join();
    world_for(&world, TR_S);
    struct tryst_endpoint *endpoint = world.end[0].endpoint;
    uint32_t peer = world.end[0].peer[1];
    ASSERT_EQ_INT(tryst_endpoint_why(NULL, peer, &answer), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_endpoint_why(endpoint, peer, NULL), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_endpoint_why(endpoint, 0, &answer), TRYST_E_PEER);
    ASSERT_EQ_INT(tryst_endpoint_why(endpoint, peer + 1, &answer), TRYST_E_PEER);
    ASSERT_EQ_INT(tryst_endpoint_paths(NULL, peer, &stats, 1), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_endpoint_paths(endpoint, peer, NULL, 1), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_endpoint_paths(endpoint, 0, &stats, 1), TRYST_E_PEER);
    ASSERT_TRUE(tryst_endpoint_paths(endpoint, peer, NULL, 0) >= 1);
    ASSERT_TRUE(tryst_endpoint_paths(endpoint, peer, &stats, 1) >= 1);
    ASSERT_EQ_UINT(stats.is_current, 1);
    world_clear(&world);
}

static void insight_tells_how_a_direct_pair_met(void)
{
    begin(false, 2000);
    join();
    world_for(&world, 2 * TR_S);
    for (unsigned i = 0; i < 2; i++) {
        struct tryst_why answer = why(i);
        unsigned answered = 0;

        ASSERT_EQ_UINT(answer.pair, TRYST_PAIR_DIRECT);
        ASSERT_EQ_UINT(answer.reason, TRYST_REASON_NONE);
        ASSERT_EQ_UINT(answer.path, TRYST_PATH_DIRECT);
        ASSERT_TRUE(answer.connected_ms >= 20 && answer.connected_ms <= 80);
        ASSERT_TRUE(answer.known_ms > 1500 && answer.known_ms < 2100);
        for (uint32_t j = 0; j < answer.candidate_count; j++) {
            const struct tryst_candidate *candidate = &answer.candidates[j];

            if (candidate->path != TRYST_PATH_DIRECT)
                continue;
            answered += candidate->trial == TRYST_TRIAL_ANSWERED;
            ASSERT_TRUE(candidate->sent >= 1 && candidate->sent <= 16);
            ASSERT_TRUE(candidate->first_ms >= 20 && candidate->first_ms <= 80);
        }
        ASSERT_EQ_UINT(answered, 1);
        ASSERT_TRUE(strncmp(answer.sentence, "Connected directly, over ", 25) == 0);
        ASSERT_EQ_UINT(world.end[i].told[TRYST_EVENT_RELAYED], 0);
    }
    world_clear(&world);
}

static void insight_counts_what_goes_over_a_path(void)
{
    static char message[175] = "0"; /* 200 bytes as a datagram */

    begin(false, 0);
    join();
    world_for(&world, TR_S);
    struct tryst_path_stats before = in_use(0);
    for (unsigned i = 0; i < 300; i++) {
        ASSERT_EQ_INT(world_send(&world, 0, 1, message, sizeof message), TRYST_OK);
        world_for(&world, 10 * TR_MS);
    }
    struct tryst_path_stats after = in_use(0);
    struct tryst_path_stats other = in_use(1);
    ASSERT_TRUE(after.datagrams_out - before.datagrams_out >= 300);
    ASSERT_TRUE(after.bytes_out - before.bytes_out >= 300 * 200);
    ASSERT_TRUE(after.datagrams_out_s >= 99 && after.datagrams_out_s <= 112);
    ASSERT_TRUE(after.bytes_out_s >= 20000 && after.bytes_out_s < 24000);
    ASSERT_TRUE(other.datagrams_in_s >= 99 && other.bytes_in_s >= 20000);
    ASSERT_EQ_UINT(after.rtt_min_us, 40000);
    ASSERT_EQ_UINT(after.rtt_p50_us, 40000);
    ASSERT_EQ_UINT(after.rtt_p95_us, 40000);
    ASSERT_TRUE(after.jitter_us < 100);
    ASSERT_EQ_UINT(after.loss_out + after.loss_in + other.loss_in, 0);
    ASSERT_EQ_UINT(after.path, TRYST_PATH_DIRECT);
    ASSERT_EQ_INT(tryst_address_compare(&after.address, &world.end[1].address), 0);
    world_clear(&world);
}

static void insight_says_once_that_a_pair_is_relayed_and_why(void)
{
    begin(true, 2000);
    join();
    world_for(&world, 700 * TR_MS);
    for (unsigned i = 0; i < 2; i++) {
        ASSERT_EQ_UINT(world.end[i].told[TRYST_EVENT_CONNECTED], 1);
        ASSERT_EQ_UINT(world.end[i].told[TRYST_EVENT_RELAYED], 0); /* hellos still go out */
        ASSERT_EQ_UINT(why(i).pair, TRYST_PAIR_RELAYED);
        ASSERT_EQ_UINT(why(i).reason, TRYST_REASON_TRYING);
    }
    world_for(&world, 30 * TR_S);
    for (unsigned i = 0; i < 2; i++) {
        const struct tryst_event *event = &world.end[i].last[TRYST_EVENT_RELAYED];
        struct tryst_path_stats stats = in_use(i);
        struct tryst_why answer = why(i);

        ASSERT_EQ_UINT(world.end[i].told[TRYST_EVENT_RELAYED], 1);
        ASSERT_EQ_UINT(world.end[i].told[TRYST_EVENT_UNREACHABLE], 0);
        ASSERT_EQ_UINT(event->peer, world.end[i].peer[1 - i]);
        ASSERT_EQ_UINT(event->stage, TRYST_STAGE_PUNCH);
        ASSERT_EQ_UINT(event->reason, TRYST_REASON_SILENT);
        ASSERT_EQ_UINT(answer.reason, TRYST_REASON_SILENT);
        ASSERT_EQ_UINT(answer.relay_reason, TRYST_REASON_NONE);
        ASSERT_EQ_UINT(answer.path, TRYST_PATH_RELAY);
        ASSERT_EQ_UINT(stats.path, TRYST_PATH_RELAY);
        ASSERT_TRUE(stats.datagrams_out > 0 && stats.bytes_in > 0);
        ASSERT_EQ_UINT(stats.rtt_min_us, 80000);
        ASSERT_EQ_INT(tryst_address_compare(&stats.address, &world.server.address[0]), 0);
    }
    world.is_walled = false;
    world_for(&world, 65 * TR_S); /* the search goes on */
    for (unsigned i = 0; i < 2; i++) {
        ASSERT_EQ_UINT(why(i).pair, TRYST_PAIR_DIRECT);
        ASSERT_EQ_UINT(in_use(i).rtt_p50_us, 40000); /* of the path in use alone */
    }
    world.is_walled = true;
    world_for(&world, 60 * TR_S);
    for (unsigned i = 0; i < 2; i++) {
        ASSERT_EQ_UINT(why(i).pair, TRYST_PAIR_RELAYED);
        ASSERT_EQ_UINT(world.end[i].told[TRYST_EVENT_RELAYED], 2);
    }
    world_clear(&world);
}

static void insight_decides_the_hopeless_within_50_ms(void)
{
    begin(true, 2000);
    join();
    uint64_t known_us[2] = {0};
    uint64_t told_us[2] = {0};
    for (unsigned ms = 0; ms < 400; ms++) {
        run_behind(&random_nat, TR_MS);
        for (unsigned i = 0; i < 2; i++) {
            if (known_us[i] == 0 && world.end[i].told[TRYST_EVENT_JOINED] > 0)
                known_us[i] = world.now_us;
            if (told_us[i] == 0 && world.end[i].told[TRYST_EVENT_RELAYED] > 0)
                told_us[i] = world.now_us;
        }
    }
    world_for(&world, 20 * TR_S);
    for (unsigned i = 0; i < 2; i++) {
        struct tryst_why answer = why(i);

        ASSERT_TRUE(known_us[i] != 0 && told_us[i] != 0);
        ASSERT_TRUE(told_us[i] - known_us[i] <= 50 * TR_MS);
        ASSERT_EQ_UINT(world.end[i].told[TRYST_EVENT_RELAYED], 1);
        ASSERT_EQ_UINT(world.end[i].last[TRYST_EVENT_RELAYED].reason, TRYST_REASON_BOTH_RANDOM);
        ASSERT_EQ_UINT(answer.side, TRYST_SIDE_OWN | TRYST_SIDE_PEER);
        ASSERT_EQ_UINT(answer.own.mapping, TRYST_MAPPING_PORT_DEPENDENT);
        ASSERT_EQ_UINT(answer.peer.ports, TRYST_PORTS_RANDOM);
        ASSERT_EQ_UINT(answer.peer.spray, 1);
    }
    world_clear(&world);
}

static void insight_says_why_nobody_is_reached(void)
{
    begin(true, 0);
    join();
    run_behind(&random_nat, 15 * TR_S);
    for (unsigned i = 0; i < 2; i++) {
        struct tryst_why answer = why(i);

        ASSERT_EQ_UINT(world.end[i].told[TRYST_EVENT_RELAYED], 0);
        ASSERT_EQ_UINT(world.end[i].told[TRYST_EVENT_UNREACHABLE], 1);
        ASSERT_EQ_UINT(world.end[i].last[TRYST_EVENT_UNREACHABLE].stage, TRYST_STAGE_PUNCH);
        ASSERT_EQ_UINT(world.end[i].last[TRYST_EVENT_UNREACHABLE].reason, TRYST_REASON_BOTH_RANDOM);
        ASSERT_EQ_UINT(answer.pair, TRYST_PAIR_UNREACHABLE);
        ASSERT_EQ_UINT(answer.relay_reason, TRYST_REASON_NO_RELAY);
        ASSERT_EQ_STR(
            answer.sentence,
            "Not reachable: both routers take a new port for each destination, out of too "
            "many to guess, and the server relays nothing.");
        for (uint32_t j = 0; j < answer.candidate_count; j++)
            ASSERT_EQ_UINT(answer.candidates[j].trial, TRYST_TRIAL_SILENT);
    }
    world_clear(&world);
}

static void insight_tells_the_server_that_counts_how_pairs_came_out(void)
{
    begin(true, 2000);
    world.server.counts_outcomes = true;
    join();
    world_for(&world, 600 * TR_MS);
    for (unsigned i = 0; i < 2; i++)
        ASSERT_EQ_UINT(world.server.clients[i].outcomes, 0); /* hellos still go out */
    world_for(&world, 20 * TR_S);
    for (unsigned i = 0; i < 2; i++) {
        const struct scripted_client *client = &world.server.clients[i];
        const struct scripted_client *other = &world.server.clients[1 - i];

        ASSERT_EQ_UINT(client->outcomes, 1);
        ASSERT_EQ_UINT(client->outcome.slot, 1 - i);
        ASSERT_TRUE(client->outcome.epoch == other->body.record.epoch);
        ASSERT_EQ_UINT(client->outcome.path, TRYST_PATH_RELAY);
        ASSERT_EQ_UINT(client->outcome.kind, TRYST_KIND_NONE);
        ASSERT_TRUE(client->outcome.took_ms >= 80 && client->outcome.took_ms < 300);
    }
    world.is_walled = false;
    world_for(&world, 65 * TR_S);
    for (unsigned i = 0; i < 2; i++) {
        ASSERT_EQ_UINT(world.server.clients[i].outcomes, 2);
        ASSERT_EQ_UINT(world.server.clients[i].outcome.path, TRYST_PATH_DIRECT);
        ASSERT_EQ_UINT(world.server.clients[i].outcome.kind, TRYST_KIND_PUBLIC);
        ASSERT_TRUE(world.server.clients[i].outcome.took_ms > 20000);
    }
    world_clear(&world);
}

/* Without a relay too, and again when the server lost its memory. No other server hears of it: an outcome
 * would be a fault there. */
static void insight_tells_the_server_of_pairs_that_do_not_meet(void)
{
    for (unsigned row = 0; row < 2; row++) {
        begin(true, 0);
        world.server.counts_outcomes = row == 0;
        join();
        world_for(&world, 60 * TR_S);
        for (unsigned i = 0; i < 2; i++) {
            ASSERT_EQ_UINT(world.server.clients[i].outcomes, row == 0);
            ASSERT_EQ_UINT(world.server.clients[i].outcome.path, TRYST_PATH_NONE);
            ASSERT_EQ_UINT(world.server.clients[i].outcome.took_ms / 1000, row == 0 ? 10 : 0);
        }
        scripted_restart(&world.server);
        world_for(&world, 60 * TR_S);
        for (unsigned i = 0; i < 2; i++)
            ASSERT_EQ_UINT(world.server.clients[i].outcomes, row == 0);
        world_clear(&world);
    }
}

UNIT_MAIN("insight", UNIT_CASE(insights_have_words),
          UNIT_CASE(insights_have_the_layout_that_bindings_rely_on),
          UNIT_CASE(insight_refuses_what_it_cannot_answer),
          UNIT_CASE(insight_tells_how_a_direct_pair_met),
          UNIT_CASE(insight_counts_what_goes_over_a_path),
          UNIT_CASE(insight_says_once_that_a_pair_is_relayed_and_why),
          UNIT_CASE(insight_decides_the_hopeless_within_50_ms),
          UNIT_CASE(insight_says_why_nobody_is_reached),
          UNIT_CASE(insight_tells_the_server_that_counts_how_pairs_came_out),
          UNIT_CASE(insight_tells_the_server_of_pairs_that_do_not_meet))
