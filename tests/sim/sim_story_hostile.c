/* Stories of people who mean harm.
 * SPDX-License-Identifier: MIT */
#include "tests/sim/sim_hostile.h"
#include "tests/sim/sim_story.h"

static void make_four(struct sim_world *w)
{
    sim_server_make(w, SIM_DELAY_US, false);
    sim_client_at(w, SIM_SITE_PUBLIC, SIM_DELAY_US);
    sim_client_at(w, SIM_SITE_CONE, SIM_DELAY_US);
    sim_client_at(w, SIM_SITE_PORT, SIM_DELAY_US);
    sim_client_at(w, SIM_SITE_FIREWALL, SIM_DELAY_US);
}

static void expect_share(struct sim_world *w, uint32_t percent)
{
    for (uint32_t i = 0; i < w->client_count; i++)
        for (uint32_t j = 0; j < w->client_count; j++) {
            struct sim_pair *pair = sim_ledger_pair(w, i, j);
            sim_expect(w, i == j || (pair->sent > 100 && pair->got * 100 >= pair->sent * percent),
                       "of %u messages from c%u to c%u %u came", pair->sent, i, j, pair->got);
        }
}

void sim_story_flood(struct sim_world *w)
{
    make_four(w);
    struct sim_hostile *h = sim_hostile_make(w, 5000);
    sim_hostile_flood(w, h, 2 * SIM_MS);
    sim_start_all(w);
    sim_join_all(w);
    sim_await_mesh(w, 5 * SIM_S);
    for (uint32_t i = 0; i < 4; i++)
        sim_client_chatter(w->clients[i], 100 * SIM_MS);
    sim_run_for(w, 30 * SIM_S);
    sim_server_kill(w->server);
    sim_run_for(w, 2 * SIM_S);
    sim_server_start(w->server);
    sim_run_for(w, 60 * SIM_S);
    expect_share(w, 99);
    sim_events_check_mesh(w);
    sim_expect(w, h->received <= h->sent * 3, "the attacker sent %llu bytes and got %llu",
               (unsigned long long)h->sent, (unsigned long long)h->received);
    sim_hostile_flood(w, h, 0);
    for (uint32_t i = 0; i < 4; i++)
        sim_client_chatter(w->clients[i], 0);
    sim_run_for(w, 30 * SIM_S);
    sim_events_check_mesh(w);
    sim_expect_talk(w);
}

/* Copies arrive before or after the true ones. A path through the attacker needs his forwarding
 * both ways; with copies alone nobody may be drawn away for long, and nothing comes twice. */
void sim_story_hijack(struct sim_world *w)
{
    make_four(w);
    struct sim_hostile *h = sim_hostile_make(w, w->seed % 2 == 0 ? 1000 : 30000);
    h->copy = 500000;
    sim_start_all(w);
    sim_join_all(w);
    sim_await_mesh(w, 5 * SIM_S);
    for (uint32_t i = 0; i < 4; i++)
        sim_client_chatter(w->clients[i], 100 * SIM_MS);
    sim_run_for(w, 60 * SIM_S);
    expect_share(w, 90);
    sim_events_check_mesh(w);
    for (uint32_t i = 0; i < 4; i++)
        for (uint32_t j = 0; j < 4; j++) {
            struct sim_peer *peer = sim_client_peer(w->clients[i], w->clients[j]);
            sim_expect(w,
                       peer == NULL || !sim_ip_equal(&peer->last.address, &h->host->ifaces[0]->ip4),
                       "c%u's path to c%u goes to the attacker", i, j);
        }
    h->copy = 0;
    for (uint32_t i = 0; i < 4; i++)
        sim_client_chatter(w->clients[i], 0);
    sim_run_for(w, 30 * SIM_S);
    sim_expect_talk(w);
}

/* A REGISTER is said again after its sender left, while all that went into its keys still lives: the
 * keys must not live again with their counters at 0, nor the one who left. */
void sim_story_ghost(struct sim_world *w)
{
    struct sim_two two = sim_two_make(w, SIM_SITE_PUBLIC, SIM_SITE_CONE);
    struct sim_hostile *h = sim_hostile_make(w, 1000);
    sim_client_start(two.a);
    sim_client_start(two.b);
    sim_run_for(w, SIM_S);
    sim_client_join(two.b, "party");
    sim_run_for(w, SIM_S + sim_random_below(&w->choice, 1000000));
    sim_client_join(two.a, "party");
    sim_run_for(w, 60 * SIM_MS + sim_random_below(&w->choice, 100000));
    sim_client_leave(two.a);
    for (int i = 0; i < 5; i++) {
        sim_run_for(w, 60 * SIM_MS + sim_random_below(&w->choice, 200000));
        sim_hostile_replay(w, h, 0x06);
    }
    sim_run_for(w, SIM_S);
    sim_expect(w, two.b->counts[TRYST_EVENT_JOINED] == 1, "who left was brought back by a replay");
    sim_run_for(w, 60 * SIM_S);
    sim_events_check_rosters(w);
    sim_client_join(two.a, "party");
    sim_await_mesh(w, SIM_S);
    sim_expect_talk(w);
}

static uint64_t heard_of(struct sim_world *w, const struct tryst_address *ip)
{
    uint64_t sent = 0;
    for (uint32_t i = 0; i < w->watch.count; i++)
        for (uint32_t j = 0; j < w->watch.parties[i]->count; j++)
            if (sim_ip_equal(&w->watch.parties[i]->records[j].address, ip))
                sent += w->watch.parties[i]->records[j].sent;
    return sent;
}

/* The watch refuses whatever goes to multicast, loopback and their kin, and counts hellos. */
void sim_story_victim(struct sim_world *w)
{
    make_four(w);
    struct tryst_address victim = sim_net_public4(w);
    struct tryst_address names[] = {
        victim,
        sim_ip4(127, 0, 0, 1, 5000),
        sim_ip4(224, 0, 0, 1, 5000),
        sim_ip4(255, 255, 255, 255, 5000),
        sim_ip4(169, 254, 169, 254, 80),
        sim_ip4(0, 0, 0, 0, 5000),
        sim_ip4(10, 9, 9, 9, 53),
        {.family = 6, .port = 5000, .ip = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}},
    };
    names[0].port = 53;
    struct sim_client *liar = w->clients[w->seed % 4];
    for (uint32_t i = 0; i < sizeof names / sizeof names[0]; i++)
        liar->local[liar->local_count++] = names[i];
    sim_start_all(w);
    sim_join_all(w);
    sim_await_mesh(w, 5 * SIM_S);
    sim_run_for(w, 120 * SIM_S);
    sim_expect(w, heard_of(w, &victim) == 0, "%llu bytes went to a public address that is nobody's",
               (unsigned long long)heard_of(w, &victim));
    sim_events_check_mesh(w);
    sim_expect_talk(w);
}
