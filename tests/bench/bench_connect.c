/* Time from both joining to the first application datagram each way, over the least that the scheme
 * allows, in the simulator.
 *
 * The least: a REGISTER reaches the server after half a trip (cold: after one and a half, the cookie
 * first); from there the roster goes to both, then hellos cross, and what answers them carries the
 * application's first words: max(both at the server) + half a server trip + one peer trip. With equal
 * distances that is server RTT + peer RTT.
 *
 * The application speaks from JOINED on, every 5 ms until the other has heard it, so that a lost
 * application datagram does not count. Loss is 10 % on every way from host to host.
 * SPDX-License-Identifier: MIT */
#include "tests/bench/bench_figures.h"

#include "tests/sim/sim_ledger.h"
#include "tests/sim/sim_server.h"
#include "tests/sim/sim_site.h"
#include "tests/sim/sim_world.h"

enum {
    LOSSY_RUNS = 400,
    CLEAN_RUNS = 5,
    RUNS_MAX = 5000,
    SAY_US = 5000,
    SAY_BYTES = 24,
    LOSS = 51317, /* of a million, on each of a way's two lines: together 10 % */
};
#define LIMIT_US (30 * SIM_S)

/* Round trips in milliseconds. The triangle inequality holds, so that a star of lines makes them. */
struct distances {
    uint32_t server[2]; /* of both */
    uint32_t peer;
};

static const struct distances equal[] = {
    {{10, 10}, 10}, {{20, 20}, 20}, {{50, 50}, 50}, {{100, 100}, 100}, {{200, 200}, 200}};

static const struct distances unequal[] = {
    {{10, 10}, 20},    {{20, 20}, 10},   {{50, 50}, 20},   {{50, 50}, 100}, {{100, 100}, 20},
    {{100, 100}, 200}, {{200, 200}, 50}, {{20, 100}, 100}, {{10, 50}, 50},  {{50, 200}, 200}};

struct talk {
    struct sim_client *from;
    struct sim_client *to;
    struct sim_pair *pair;
};

static void say(struct sim_world *w, void *object, uint64_t tag)
{
    struct talk *talk = object;
    if (talk->pair->first_us != 0)
        return;
    sim_client_say(talk->from, talk->to, SAY_BYTES);
    sim_after(w, SAY_US, say, talk, tag);
}

/* Half of a round trip crosses two lines: delay_us is one line's. */
static void set_lines(struct sim_link *link, uint32_t delay_us, uint32_t loss)
{
    link->up = (struct sim_line){.delay_us = delay_us, .loss = loss};
    link->down = link->up;
}

static uint64_t least_us(const struct distances *d, bool is_warm, int side)
{
    uint64_t far = d->server[d->server[0] > d->server[1] ? 0 : 1];
    return (far * (is_warm ? 1 : 3) + d->server[side]) * SIM_MS / 2 + d->peer * SIM_MS;
}

static bool run(uint64_t seed, enum sim_site_kind kind, const struct distances *d, uint32_t loss,
                bool is_warm, double ratio[2])
{
    struct sim_world w;
    struct talk talks[2];
    uint32_t quarter[2];
    /* A star: server RTT = 2 (mine + the server's), peer RTT = 2 (mine + the other's). */
    for (int i = 0; i < 2; i++)
        quarter[i] = (d->server[i] + d->peer - d->server[1 - i]) * (uint32_t)SIM_MS / 4;
    uint32_t server_us = d->server[0] * (uint32_t)SIM_MS / 2 - quarter[0];
    sim_world_init(&w, "bench", seed, false);
    sim_server_make(&w, server_us, false);
    set_lines(&w.server->host->ifaces[0]->link, server_us, loss);
    for (int i = 0; i < 2; i++) {
        talks[i].from = sim_client_at(&w, kind, quarter[i]);
        talks[1 - i].to = talks[i].from;
        set_lines(sim_client_uplink(talks[i].from), quarter[i], loss);
        sim_client_start(talks[i].from);
    }
    if (is_warm)
        sim_run_for(&w, 10 * SIM_S);
    uint64_t start_us = w.now_us;
    for (int i = 0; i < 2; i++) {
        talks[i].pair = sim_ledger_pair(&w, talks[i].from->index, talks[i].to->index);
        sim_client_join(talks[i].from, "bench");
    }
    for (int i = 0; i < 2; i++)
        say(&w, &talks[i], 0);
    while (!w.failed && w.now_us < start_us + LIMIT_US &&
           (talks[0].pair->first_us == 0 || talks[1].pair->first_us == 0))
        sim_run_for(&w, SIM_MS);
    for (int i = 0; i < 2; i++) { /* talks[1 - i] is what this side hears */
        uint64_t heard_us = talks[1 - i].pair->first_us;
        heard_us = heard_us != 0 ? heard_us - start_us : LIMIT_US;
        ratio[i] = (double)heard_us / (double)least_us(d, is_warm, i);
    }
    bool is_sound = !w.failed;
    sim_world_clear(&w);
    return is_sound;
}

static struct bench_figures survey(enum sim_site_kind kind, const struct distances *d,
                                   uint32_t loss, bool is_warm, uint32_t runs)
{
    static double ratios[2 * RUNS_MAX];
    for (uint32_t i = 0; i < runs; i++)
        if (!run(1000 * (uint64_t)d->peer + i, kind, d, loss, is_warm, &ratios[2 * i])) {
            fprintf(stderr, "bench_connect: the simulation found a fault\n");
            exit(1);
        }
    return bench_figures_of(ratios, 2 * (size_t)runs);
}

/* The figures are wanted of the warm start. */
static int row(enum sim_site_kind kind, const struct distances *d, bool is_warm, uint32_t runs)
{
    struct bench_figures clean = survey(kind, d, 0, is_warm, CLEAN_RUNS);
    struct bench_figures lossy = survey(kind, d, LOSS, is_warm, runs);
    bool is_reached = !is_warm || (clean.most <= 1.05 && lossy.median <= 1.3 && lossy.p99 <= 2.5);
    printf("%5u %5u %5u  %-16s %-5s %8.3f  %8.3f %8.3f %8.3f %8.3f%s\n", d->server[0], d->server[1],
           d->peer, sim_site_name(kind), is_warm ? "warm" : "cold", clean.most, lossy.least,
           lossy.median, lossy.p99, lossy.most, is_reached ? "" : "  missed");
    fflush(stdout);
    return !is_reached;
}

int main(int argc, char **argv)
{
    uint32_t runs = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : LOSSY_RUNS;
    int missed = 0;
    runs = runs < 1 ? 1 : runs > RUNS_MAX ? RUNS_MAX : runs;
    printf("time to the first datagram over the least, both sides, %u runs a row at 10 %% loss\n"
           "wanted of warm starts: no loss <= 1.05; 10 %% loss median <= 1.3, p99 <= 2.5\n"
           "RTT ms: servers, peer   sites            start  no loss  10 %%: min   median      p99"
           "      max\n",
           runs);
    for (int cold = 0; cold < 2; cold++)
        for (size_t i = 0; i < sizeof equal / sizeof equal[0]; i++)
            missed += row(SIM_SITE_PORT, &equal[i], !cold, runs);
    for (size_t i = 0; i < sizeof unequal / sizeof unequal[0]; i++)
        missed += row(SIM_SITE_PORT, &unequal[i], true, runs);
    for (size_t i = 0; i < sizeof equal / sizeof equal[0]; i++)
        missed += row(SIM_SITE_PUBLIC, &equal[i], true, runs);
    printf("%d rows missed\n", missed);
    return 0;
}
