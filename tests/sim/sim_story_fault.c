/* Stories of bad lines, and of servers that go and come.
 * SPDX-License-Identifier: MIT */
#include "tests/sim/sim_story.h"

#include <stdio.h>
#include <string.h>

#define WHOLE_US (3 * SIM_S)
#define CROWD 200

static void make_three(struct sim_world *w)
{
    sim_server_make(w, SIM_DELAY_US, false);
    sim_client_at(w, SIM_SITE_PORT, SIM_DELAY_US);
    sim_client_at(w, SIM_SITE_RESTRICTED, SIM_DELAY_US);
    sim_client_at(w, SIM_SITE_FIREWALL, SIM_DELAY_US);
}

struct told {
    uint32_t joined;
    uint32_t left;
    uint32_t connected;
    uint32_t unreachable;
};

static struct told what_was_told(const struct sim_client *c)
{
    return (struct told){c->counts[TRYST_EVENT_JOINED], c->counts[TRYST_EVENT_LEFT],
                         c->counts[TRYST_EVENT_CONNECTED], c->counts[TRYST_EVENT_UNREACHABLE]};
}

static void expect_unmoved(struct sim_world *w, const struct told *before, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct told now = what_was_told(w->clients[i]);
        sim_expect(w, memcmp(&before[i], &now, sizeof now) == 0,
                   "c%u noticed: joined %u left %u connected %u unreachable %u more", i,
                   now.joined - before[i].joined, now.left - before[i].left,
                   now.connected - before[i].connected, now.unreachable - before[i].unreachable);
    }
}

/* All that was said while the server was away came: chatter of known size on clean lines. */
static void expect_all_came(struct sim_world *w, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t j = 0; j < count; j++) {
            struct sim_pair *pair = sim_ledger_pair(w, i, j);
            sim_expect(w, pair->got == pair->sent, "of %u messages from c%u to c%u %u came",
                       pair->sent, i, j, pair->got);
        }
}

/* As soon as it is back the server says UNKNOWN to whom it knew. They are back. */
static void expect_whole(struct sim_world *w, uint32_t count)
{
    uint64_t end_us = w->now_us + WHOLE_US;
    while (!w->failed && w->now_us < end_us &&
           tr_service_stats(w->server->service)->participants < count)
        sim_run_for(w, 10 * SIM_MS);
    sim_expect(w, tr_service_stats(w->server->service)->participants == count,
               "%.1f s after its restart the server knows %llu participants",
               (double)WHOLE_US / 1e6,
               (unsigned long long)tr_service_stats(w->server->service)->participants);
}

void sim_story_restart(struct sim_world *w)
{
    struct told before[3];
    make_three(w);
    sim_start_all(w);
    sim_join_all(w);
    sim_await_mesh(w, SIM_S);
    for (uint32_t i = 0; i < 3; i++)
        sim_client_chatter(w->clients[i], 100 * SIM_MS);
    sim_run_for(w, 2 * SIM_S + sim_random_below(&w->choice, 10000000));
    for (uint32_t i = 0; i < 3; i++)
        before[i] = what_was_told(w->clients[i]);
    sim_server_kill(w->server);
    sim_run_for(w, sim_random_below(&w->choice, 5000000));
    sim_server_start(w->server);
    expect_whole(w, 3);
    sim_run_for(w, sim_random_below(&w->choice, 60000000));
    struct sim_client *late = sim_client_at(w, SIM_SITE_CONE, SIM_DELAY_US);
    expect_unmoved(w, before, 3);
    sim_client_start(late);
    sim_run_for(w, SIM_S);
    sim_client_join(late, "party");
    sim_await_mesh(w, SIM_S);
    sim_run_for(w, 2 * SIM_S);
    sim_events_check_mesh(w);
    for (uint32_t i = 0; i < 3; i++)
        sim_client_chatter(w->clients[i], 0);
    sim_run_for(w, SIM_S);
    expect_all_came(w, 4);
    sim_expect_talk(w);
}

/* Of odd seeds everybody is behind one address, more than may register there at once. */
static void make_crowd(struct sim_world *w)
{
    struct sim_site *all = NULL;
    char session[8];
    sim_server_make(w, SIM_DELAY_US, false);
    w->server->options.limits.register_burst = CROWD / 4; /* of its next life */
    if (w->seed % 2 != 0)
        all = sim_site_make(w, SIM_SITE_PORT, SIM_DELAY_US);
    for (uint32_t i = 0; i < CROWD; i++) {
        struct sim_client *c =
            all != NULL ? sim_site_client(w, all)
                        : sim_client_at(w, SIM_SITE_PUBLIC + i % (SIM_SITE_CARRIER + 1),
                                        (uint32_t)sim_random_between(&w->choice, 5000, 40000));
        c->first_words = 0;
        sim_client_start(c);
    }
    sim_run_for(w, SIM_S);
    for (uint32_t i = 0; i < CROWD; i++) {
        snprintf(session, sizeof session, "s%u", i / 4);
        sim_client_join(w->clients[i], session);
    }
    sim_await_mesh(w, 5 * SIM_S);
}

void sim_story_many_restart(struct sim_world *w)
{
    static struct told before[CROWD];
    make_crowd(w);
    for (uint32_t i = 0; i < CROWD; i++)
        sim_client_chatter(w->clients[i], 200 * SIM_MS);
    sim_run_for(w, 5 * SIM_S + sim_random_below(&w->choice, 10000000));
    for (uint32_t i = 0; i < CROWD; i++)
        before[i] = what_was_told(w->clients[i]);
    sim_server_kill(w->server);
    sim_run_for(w, 2 * SIM_S);
    sim_server_start(w->server);
    expect_whole(w, CROWD);
    sim_run_for(w, 4 * SIM_RTT_US); /* the last answer is on its way */
    expect_unmoved(w, before, CROWD);
    for (uint32_t i = 0; i < CROWD; i++) {
        uint32_t *counts = w->clients[i]->counts;
        sim_expect(w, counts[TRYST_EVENT_SERVER_BACK] == counts[TRYST_EVENT_SERVER_LOST],
                   "c%u was told %u times that the server is lost and %u times that it is back", i,
                   counts[TRYST_EVENT_SERVER_LOST], counts[TRYST_EVENT_SERVER_BACK]);
        sim_client_chatter(w->clients[i], 0);
    }
    sim_run_for(w, SIM_S);
    expect_all_came(w, CROWD);
    sim_events_check_mesh(w);
}

void sim_story_outage(struct sim_world *w)
{
    struct told before[3];
    make_three(w);
    sim_start_all(w);
    sim_join_all(w);
    sim_await_mesh(w, SIM_S);
    sim_run_for(w, 5 * SIM_S);
    for (uint32_t i = 0; i < 3; i++)
        before[i] = what_was_told(w->clients[i]);
    sim_server_kill(w->server);
    for (uint32_t i = 0; i < 3; i++)
        sim_client_chatter(w->clients[i], SIM_S);
    sim_run_for(w, 120 * SIM_S);
    for (uint32_t i = 0; i < 3; i++)
        sim_expect(w, w->clients[i]->counts[TRYST_EVENT_SERVER_LOST] >= 1,
                   "c%u was not told that the server is lost", i);
    sim_server_start(w->server);
    sim_run_for(w, 90 * SIM_S);
    for (uint32_t i = 0; i < 3; i++) {
        sim_expect(w, w->clients[i]->counts[TRYST_EVENT_SERVER_BACK] >= 1,
                   "c%u was not told that the server is back after 90 s", i);
        sim_client_chatter(w->clients[i], 0);
    }
    expect_unmoved(w, before, 3);
    sim_run_for(w, SIM_S);
    expect_all_came(w, 3);
    sim_events_check_mesh(w);
    sim_expect_talk(w);
}

void sim_story_shutdown(struct sim_world *w)
{
    make_three(w);
    sim_start_all(w);
    sim_join_all(w);
    sim_await_mesh(w, SIM_S);
    sim_run_for(w, 5 * SIM_S);
    sim_server_shutdown(w->server);
    sim_run_for(w, SIM_S);
    for (uint32_t i = 0; i < 3; i++)
        sim_expect(w, w->clients[i]->counts[TRYST_EVENT_SERVER_LOST] == 1,
                   "c%u was not told of the shutdown in a second", i);
    sim_events_check_mesh(w);
    sim_expect_talk(w);
    sim_server_start(w->server);
    sim_run_for(w, 60 * SIM_S);
    sim_events_check_mesh(w);
    sim_expect(w, tr_service_stats(w->server->service)->participants == 3,
               "a minute after its restart the server knows %llu participants",
               (unsigned long long)tr_service_stats(w->server->service)->participants);
}

static void spoil(struct sim_world *w, const struct sim_line *fault)
{
    for (uint32_t i = 0; i < w->client_count; i++) {
        struct sim_link *link = sim_client_uplink(w->clients[i]);
        uint32_t delay_us = link->up.delay_us;
        link->up = link->down = *fault;
        link->up.delay_us = link->down.delay_us = delay_us;
    }
}

/* The lines are spoiled from the start; everything still connects, says most, and is whole. */
static void live_on(struct sim_world *w, const struct sim_line *fault, uint64_t bound_us,
                    uint32_t percent)
{
    make_three(w);
    spoil(w, fault);
    for (uint32_t i = 0; i < 3; i++)
        sim_client_start(w->clients[i]);
    sim_run_for(w, 10 * SIM_S);
    sim_join_all(w);
    uint64_t start_us = w->now_us;
    sim_await_mesh(w, bound_us);
    sim_run_until(w, start_us + bound_us);
    for (uint32_t i = 0; i < 3; i++) {
        w->clients[i]->first_words = 0;
        sim_client_chatter(w->clients[i], 40 * SIM_MS);
    }
    sim_run_for(w, 60 * SIM_S);
    for (uint32_t i = 0; i < 3; i++)
        for (uint32_t j = 0; j < 3; j++) {
            struct sim_pair *pair = sim_ledger_pair(w, i, j);
            sim_expect(w, i == j || (pair->sent > 1000 && pair->got * 100 >= pair->sent * percent),
                       "of %u messages from c%u to c%u %u came", pair->sent, i, j, pair->got);
            sim_client_chatter(w->clients[i], 0);
        }
    struct sim_line clean = {0};
    spoil(w, &clean);
    sim_run_for(w, 60 * SIM_S);
    sim_events_check_mesh(w);
    sim_expect_talk(w);
}

void sim_story_lossy(struct sim_world *w)
{
    struct sim_line fault = {.loss = 163340}; /* twice on a way: (1 - p)^2 = 0.7 */
    live_on(w, &fault, 8 * SIM_S, 60);
}

void sim_story_burst(struct sim_world *w)
{
    struct sim_line fault = {.burst_begin = 10000, .burst_end = 150000, .burst_loss = 900000};
    live_on(w, &fault, 8 * SIM_S, 75);
}

void sim_story_dirty(struct sim_world *w)
{
    struct sim_line fault = {.jitter_us = 20000,
                             .loss = 10000,
                             .duplicate = 50000,
                             .corrupt = 30000,
                             .reorder = 100000,
                             .reorder_us = 60000};
    live_on(w, &fault, 4 * SIM_S, 80);
}

void sim_story_still(struct sim_world *w)
{
    make_three(w);
    for (uint32_t i = 0; i < 3; i++) {
        w->clients[i]->stutter = 1 + i;
        w->clients[i]->lazy = i * 300000;
    }
    sim_start_all(w);
    sim_join_all(w);
    sim_await_mesh(w, SIM_S);
    for (uint32_t i = 0; i < 3; i++)
        sim_client_chatter(w->clients[i], 50 * SIM_MS);
    sim_run_for(w, 150 * SIM_S);
    for (uint32_t i = 0; i < 3; i++)
        sim_client_chatter(w->clients[i], 0);
    sim_run_for(w, SIM_S);
    sim_events_check_mesh(w);
    expect_all_came(w, 3);
    sim_expect_talk(w);
}
