/* What the stories share: making pairs, waiting for a mesh, talking.
 * SPDX-License-Identifier: MIT */
#include "tests/sim/sim_story.h"

#include <string.h>

struct sim_two sim_two_make(struct sim_world *w, enum sim_site_kind a, enum sim_site_kind b)
{
    struct sim_two two;
    if (w->server == NULL)
        sim_server_make(w, SIM_DELAY_US, false);
    two.a = sim_client_at(w, a, SIM_DELAY_US);
    two.b = sim_client_at(w, b, SIM_DELAY_US);
    return two;
}

void sim_start_all(struct sim_world *w)
{
    for (uint32_t i = 0; i < w->client_count; i++)
        sim_client_start(w->clients[i]);
    sim_run_for(w, SIM_S);
    for (uint32_t i = 0; i < w->client_count; i++)
        sim_expect(w, w->clients[i]->cookie_us != 0, "%s has no cookie after a second",
                   w->clients[i]->name);
}

void sim_join_all(struct sim_world *w)
{
    for (uint32_t i = 0; i < w->client_count && !w->failed; i++)
        sim_client_join(w->clients[i], "party");
}

void sim_two_join(struct sim_world *w, struct sim_two two)
{
    sim_client_start(two.a);
    sim_client_start(two.b);
    sim_run_for(w, SIM_S);
    sim_client_join(two.a, "party");
    sim_client_join(two.b, "party");
}

bool sim_is_mesh(struct sim_world *w)
{
    for (uint32_t i = 0; i < w->client_count; i++)
        for (uint32_t j = 0; j < w->client_count; j++)
            if (i != j && w->clients[i]->session[0] != '\0' &&
                strcmp(w->clients[i]->session, w->clients[j]->session) == 0 &&
                !sim_client_reaches(w->clients[i], w->clients[j]))
                return false;
    return true;
}

void sim_await_mesh(struct sim_world *w, uint64_t limit_us)
{
    uint64_t end_us = w->now_us + limit_us;
    while (!w->failed && !sim_is_mesh(w) && w->now_us < end_us)
        sim_run_for(w, 5 * SIM_MS);
    if (!sim_is_mesh(w))
        sim_events_check_mesh(w);
}

void sim_expect_talk(struct sim_world *w)
{
    uint32_t before[SIM_CLIENTS_MAX];
    sim_run_for(w, SIM_S);
    for (uint32_t i = 0; i < w->client_count && !w->failed; i++) {
        struct sim_client *from = w->clients[i];
        for (uint32_t j = 0; j < w->client_count; j++) {
            before[j] = sim_ledger_pair(w, i, j)->got;
            if (sim_client_knows(from, w->clients[j]))
                sim_expect(w, sim_client_say(from, w->clients[j], 24 + (i * 131 + j * 17) % 1127),
                           "%s cannot send to %s", from->name, w->clients[j]->name);
        }
        sim_run_for(w, SIM_S);
        for (uint32_t j = 0; j < w->client_count; j++)
            if (sim_client_knows(from, w->clients[j]))
                sim_expect(w, sim_ledger_pair(w, i, j)->got == before[j] + 1,
                           "a message of %s to %s did not come on a quiet line", from->name,
                           w->clients[j]->name);
    }
}
