/* Stories of coming and going.
 * SPDX-License-Identifier: MIT */
#include "tests/sim/sim_story.h"

#define LEAST_US (2 * SIM_RTT_US)
/* What the server and the clients count as silence, by their defaults. */
#define EXPIRE_US (90 * SIM_S)

static void expect_within(struct sim_world *w, const struct sim_client *from,
                          const struct sim_client *to, uint64_t start_us, uint64_t least_us)
{
    uint64_t came_us = sim_ledger_pair(w, from->index, to->index)->first_us;
    sim_expect(w, came_us != 0 && came_us - start_us <= least_us + least_us / 20,
               "the first message from %s to %s came after %.3f ms, the least is %.3f", from->name,
               to->name, came_us == 0 ? -1.0 : (double)(came_us - start_us) / 1e3,
               (double)least_us / 1e3);
}

void sim_story_cold(struct sim_world *w)
{
    struct sim_two two = sim_two_make(w, SIM_SITE_PORT, SIM_SITE_RESTRICTED);
    sim_client_start(two.a);
    sim_client_start(two.b);
    sim_client_join(two.a, "party");
    sim_client_join(two.b, "party");
    sim_run_for(w, SIM_S);
    expect_within(w, two.a, two.b, 0, LEAST_US + SIM_RTT_US);
    expect_within(w, two.b, two.a, 0, LEAST_US + SIM_RTT_US);
    sim_expect_talk(w);
}

void sim_story_late_joiner(struct sim_world *w)
{
    sim_server_make(w, SIM_DELAY_US, false);
    for (uint32_t i = 0; i < 6; i++)
        sim_client_at(w, SIM_SITE_PUBLIC + i, SIM_DELAY_US);
    sim_start_all(w);
    struct sim_client *late = w->clients[w->seed % 6];
    for (uint32_t i = 0; i < 6; i++)
        if (w->clients[i] != late)
            sim_client_join(w->clients[i], "party");
    sim_await_mesh(w, 2 * SIM_S);
    sim_run_for(w, 10 * SIM_S);
    uint64_t start_us = w->now_us;
    sim_client_join(late, "party");
    sim_run_for(w, 2 * SIM_S);
    for (uint32_t i = 0; i < 6; i++) {
        if (w->clients[i] == late)
            continue;
        expect_within(w, late, w->clients[i], start_us, LEAST_US);
        expect_within(w, w->clients[i], late, start_us, LEAST_US);
    }
    sim_events_check_mesh(w);
    sim_expect_talk(w);
}

void sim_story_storm(struct sim_world *w)
{
    struct sim_server *server = sim_server_make(w, SIM_DELAY_US, false);
    for (uint32_t i = 0; i < 64; i++)
        sim_client_at(w, SIM_SITE_PUBLIC + i % (SIM_SITE_CARRIER + 1),
                      (uint32_t)sim_random_between(&w->choice, 5000, 40000));
    sim_start_all(w);
    sim_join_all(w);
    sim_await_mesh(w, 5 * SIM_S);
    sim_run_for(w, SIM_S);
    sim_events_check_mesh(w);
    for (uint32_t i = 0; i < 64 && !w->failed; i++)
        for (uint32_t j = 0; j < 64; j++)
            sim_expect(w, i == j || sim_ledger_pair(w, i, j)->got == 1,
                       "the first message from c%u to c%u did not come", i, j);
    const struct tr_server_stats *stats = tr_service_stats(server->service);
    sim_expect(w, stats->participants == 64, "the server counts %llu participants",
               (unsigned long long)stats->participants);
}

void sim_story_leave(struct sim_world *w)
{
    struct sim_two two = sim_two_make(w, SIM_SITE_PORT, SIM_SITE_CONE);
    sim_two_join(w, two);
    sim_await_mesh(w, SIM_S);
    sim_run_for(w, 3 * SIM_S);
    sim_client_leave(two.a);
    sim_run_for(w, SIM_RTT_US + 10 * SIM_MS);
    sim_expect(w, !sim_client_knows(two.b, two.a), "c1 was not told of the leave in a round trip");
    sim_expect(w, two.b->counts[TRYST_EVENT_LEFT] == 1, "c1 had %u LEFT",
               two.b->counts[TRYST_EVENT_LEFT]);
    sim_run_for(w, 5 * SIM_S);
    uint64_t start_us = w->now_us;
    sim_ledger_pair(w, 0, 1)->first_us = sim_ledger_pair(w, 1, 0)->first_us = 0;
    sim_client_join(two.a, "party");
    sim_run_for(w, SIM_S);
    expect_within(w, two.a, two.b, start_us, LEAST_US);
    sim_events_check_mesh(w);
    sim_expect_talk(w);
}

/* It died: nothing comes in from it, whatever came before. */
static void check_silent(struct sim_world *w, struct sim_client *c, struct sim_client *other)
{
    struct tryst_why why;
    struct sim_peer *peer = sim_client_peer(c, other);
    if (peer == NULL || tryst_endpoint_why(c->endpoint, peer->handle, &why) != TRYST_OK)
        return;
    sim_expect(w, why.reason == TRYST_REASON_SILENT && peer->last.reason == TRYST_REASON_SILENT,
               "%s says of a dead one: %s", c->name, why.sentence);
}

void sim_story_silence(struct sim_world *w)
{
    struct sim_two two = sim_two_make(w, SIM_SITE_PORT, SIM_SITE_PORT);
    sim_two_join(w, two);
    sim_await_mesh(w, SIM_S);
    sim_run_for(w, 20 * SIM_S);
    sim_client_stop(two.a);
    uint64_t died_us = w->now_us;
    sim_run_for(w, EXPIRE_US * 2 / 3);
    check_silent(w, two.b, two.a);
    while (!w->failed && sim_client_knows(two.b, two.a) && w->now_us < died_us + 2 * EXPIRE_US)
        sim_run_for(w, 100 * SIM_MS);
    sim_expect(w, !sim_client_knows(two.b, two.a), "the death was never announced");
    sim_expect(w,
               w->now_us >= died_us + EXPIRE_US / 2 && w->now_us <= died_us + EXPIRE_US + 5 * SIM_S,
               "the death was announced after %.1f s", (double)(w->now_us - died_us) / 1e6);
    for (uint32_t i = 0; i < two.b->peer_count; i++)
        sim_expect(w, two.b->peers[i].last.reason == TRYST_REASON_EXPIRED, "the reason was %s",
                   tryst_reason_text(two.b->peers[i].last.reason));
    sim_events_check_rosters(w);
}

void sim_story_crash(struct sim_world *w)
{
    struct sim_two two =
        sim_two_make(w, SIM_SITE_PORT, w->seed % 2 != 0 ? SIM_SITE_PORT : SIM_SITE_PUBLIC);
    sim_two_join(w, two);
    sim_await_mesh(w, SIM_S);
    sim_client_chatter(two.a, 50 * SIM_MS);
    sim_client_chatter(two.b, 50 * SIM_MS);
    sim_run_for(w, 3 * SIM_S);
    for (int round = 0; round < 3 && !w->failed; round++) {
        sim_client_stop(two.a);
        sim_run_for(w, sim_random_below(&w->choice, 4000000));
        sim_client_start(two.a);
        sim_run_for(w, sim_random_below(&w->choice, 2) * SIM_S);
        sim_client_join(two.a, "party");
        uint64_t start_us = w->now_us;
        sim_await_mesh(w, 5 * SIM_S);
        sim_expect(w, w->now_us - start_us <= SIM_S, "back after a crash only in %.3f s",
                   (double)(w->now_us - start_us) / 1e6);
        sim_run_for(w, 2 * SIM_S);
        sim_events_check_mesh(w);
    }
    sim_client_chatter(two.a, 0);
    sim_client_chatter(two.b, 0);
    sim_expect_talk(w);
}

void sim_story_twice(struct sim_world *w)
{
    sim_server_make(w, SIM_DELAY_US, false);
    struct sim_client *first = sim_client_at(w, SIM_SITE_PORT, SIM_DELAY_US);
    struct sim_client *other = sim_client_at(w, SIM_SITE_CONE, SIM_DELAY_US);
    struct sim_client *second = sim_client_at(w, SIM_SITE_RESTRICTED, SIM_DELAY_US);
    sim_client_impersonate(second, first);
    sim_start_all(w);
    sim_client_join(first, "party");
    sim_client_join(other, "party");
    sim_run_for(w, 5 * SIM_S);
    sim_client_join(second, "party");
    sim_run_for(w, 5 * SIM_S);
    sim_expect(w, first->session[0] == '\0' || first->refused.reason == TRYST_REASON_REPLACED,
               "the first was not told that it was replaced");
    first->session[0] = '\0';
    sim_expect(w, sim_client_reaches(second, other), "the second does not reach the other");
    sim_expect(w, sim_client_reaches(other, second), "the other does not reach the second");
    uint32_t present = 0;
    for (uint32_t i = 0; i < other->peer_count; i++)
        present += other->peers[i].is_present;
    sim_expect(w, present == 1, "the other knows %u participants", present);
    uint32_t got = sim_ledger_pair(w, second->index, other->index)->got;
    sim_expect(w, sim_client_say(second, other, 100), "the second cannot send");
    sim_run_for(w, SIM_S);
    sim_expect(w, sim_ledger_pair(w, second->index, other->index)->got == got + 1,
               "the second's message did not come");
    sim_run_for(w, 60 * SIM_S);
    sim_expect(w, sim_client_reaches(second, other), "the two instances fight: replaced later");
}

void sim_story_sessions(struct sim_world *w)
{
    sim_server_make(w, SIM_DELAY_US, false);
    for (uint32_t i = 0; i < 6; i++)
        sim_client_at(w, SIM_SITE_PUBLIC + i, SIM_DELAY_US);
    sim_start_all(w);
    for (uint32_t i = 0; i < 6; i++)
        sim_client_join(w->clients[i], i % 2 != 0 ? "odd" : "even");
    sim_run_for(w, 3 * SIM_S);
    sim_events_check_mesh(w);
    struct sim_client *mover = w->clients[0];
    sim_client_leave(mover);
    sim_client_join(mover, "odd");
    sim_run_for(w, 3 * SIM_S);
    sim_events_check_mesh(w);
    for (uint32_t i = 0; i < 6; i++)
        sim_expect(w, i == 0 || i == 5 || !sim_client_knows(w->clients[i], w->clients[i + 1]),
                   "c%u knows c%u of the other session", i, i + 1);
}
