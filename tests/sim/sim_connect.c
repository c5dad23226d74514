/* Time from both joining to the first message each way, against the least that the scheme allows.
 * SPDX-License-Identifier: MIT */
#include "tests/sim/sim_story.h"

#include <stdio.h>
#include <stdlib.h>

#define SEEDS_MAX 2000
#define LIMIT_US (30 * SIM_S)

struct figure {
    double median;
    double p99;
    double most;
};

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct sim_line line_of(uint32_t rtt_us, uint32_t loss)
{
    return (struct sim_line){.delay_us = rtt_us / 4, .loss = loss};
}

/* Both sides' times as multiples of the least. */
static bool measure(uint64_t seed, uint32_t rtt_us, uint32_t loss, bool is_warm, double ratio[2])
{
    struct sim_world w;
    sim_world_init(&w, "connect", seed * 7919 + rtt_us + loss, false);
    sim_server_make(&w, rtt_us / 4, false);
    struct sim_client *sides[2];
    for (int i = 0; i < 2; i++) {
        sides[i] = sim_client_at(&w, SIM_SITE_PORT, rtt_us / 4);
        struct sim_link *link = sim_client_uplink(sides[i]);
        link->up = link->down = line_of(rtt_us, loss);
        sim_client_start(sides[i]);
    }
    if (is_warm)
        sim_run_for(&w, 10 * SIM_S);
    uint64_t start_us = w.now_us;
    uint64_t least_us = (is_warm ? 2 : 3) * (uint64_t)rtt_us;
    for (int i = 0; i < 2; i++) {
        sim_client_join(sides[i], "party");
        /* The game's first words are said at once, and again until some came. */
        sides[i]->chatter_bytes = 32;
        sim_client_chatter(sides[i], loss != 0 ? rtt_us / 20 : 0);
    }
    struct sim_pair *pairs[2] = {sim_ledger_pair(&w, 0, 1), sim_ledger_pair(&w, 1, 0)};
    while (!w.failed && w.now_us < start_us + LIMIT_US &&
           (pairs[0]->first_us == 0 || pairs[1]->first_us == 0))
        sim_run_for(&w, 10 * SIM_MS);
    for (int i = 0; i < 2; i++) {
        uint64_t came_us = pairs[i]->first_us != 0 ? pairs[i]->first_us : start_us + LIMIT_US;
        ratio[i] = (double)(came_us - start_us) / (double)least_us;
    }
    bool is_sound = !w.failed;
    sim_world_clear(&w);
    return is_sound;
}

static struct figure survey(uint32_t seeds, uint32_t rtt_us, uint32_t loss, bool is_warm)
{
    static double ratios[2 * SEEDS_MAX];
    for (uint32_t i = 0; i < seeds; i++)
        if (!measure(i, rtt_us, loss, is_warm, &ratios[2 * i]))
            return (struct figure){0};
    qsort(ratios, 2 * (size_t)seeds, sizeof ratios[0], compare);
    return (struct figure){ratios[seeds], ratios[2 * seeds * 99 / 100], ratios[2 * seeds - 1]};
}

int sim_connect_report(uint32_t seeds)
{
    static const uint32_t rtts_ms[] = {10, 20, 50, 100, 200};
    /* Two lines a way: together 10 %. */
    static const uint32_t losses[] = {0, 51317};
    int missed = 0;
    seeds = seeds < 1 ? 1 : seeds > SEEDS_MAX ? SEEDS_MAX : seeds;
    printf(
        "time to the first message, both sides, over the least (server RTT + peer RTT; cold: one "
        "server RTT more), %u runs\n rtt ms  loss  start    median    p99    most\n",
        seeds);
    for (size_t l = 0; l < 2; l++)
        for (int cold = 0; cold < 2; cold++)
            for (size_t r = 0; r < sizeof rtts_ms / sizeof rtts_ms[0]; r++) {
                uint32_t runs = losses[l] == 0 && seeds > 5 ? 5 : seeds;
                struct figure f = survey(runs, rtts_ms[r] * 1000, losses[l], cold == 0);
                bool is_ok = f.most > 0 &&
                             (losses[l] == 0 ? f.most <= 1.05 : f.median <= 1.3 && f.p99 <= 2.5);
                missed += cold == 0 && !is_ok;
                printf("%7u  %3u%%  %-5s  %8.3f %7.3f %7.3f%s\n", rtts_ms[r],
                       losses[l] == 0 ? 0u : 10u, cold != 0 ? "cold" : "warm", f.median, f.p99,
                       f.most, cold == 0 && !is_ok ? "  missed" : "");
            }
    return missed != 0;
}
