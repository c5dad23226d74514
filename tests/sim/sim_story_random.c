/* The story that chance writes: random topology, faults and deeds, then quiet, then all is well.
 * SPDX-License-Identifier: MIT */
#include "tests/sim/sim_hostile.h"
#include "tests/sim/sim_story.h"

#define QUIET_US (100 * SIM_S)

struct actor {
    struct sim_site *site;
    struct sim_site *second; /* of a host with two uplinks */
    uint64_t uncut_us;
};

struct cast {
    struct actor actors[5];
    uint32_t count;
    uint64_t restart_us; /* when the killed server comes again, 0: it runs */
    struct sim_hostile *hostile;
};

static struct sim_site *random_site(struct sim_world *w, bool has_ipv6)
{
    struct sim_random *r = &w->choice;
    enum sim_site_kind kind = sim_random_below(r, SIM_SITE_COUNT);
    uint32_t delay_us = (uint32_t)sim_random_between(r, 500, 60000);
    struct sim_site *site =
        has_ipv6 ? sim_site_make_ipv6(w, kind, delay_us) : sim_site_make(w, kind, delay_us);
    if (site->box != NULL && kind != SIM_SITE_SYMMETRIC_ADM && kind != SIM_SITE_SYMMETRIC)
        site->box->v4.ports = sim_random_below(r, 3);
    if (site->box != NULL) {
        site->box->v4.hairpin = sim_random_below(r, 2) != 0;
        site->box->v4.timeout_us = sim_random_between(r, 30, 180) * SIM_S;
        site->box->v6.timeout_us = site->box->v4.timeout_us;
    }
    return site;
}

static struct sim_line random_line(struct sim_world *w)
{
    struct sim_random *r = &w->choice;
    struct sim_line line = {0};
    uint32_t badness = sim_random_below(r, 4);
    if (badness == 0)
        return line;
    line.jitter_us = sim_random_below(r, badness * 10000);
    line.loss = sim_random_below(r, badness * 50000);
    line.duplicate = sim_random_below(r, badness * 20000);
    line.corrupt = sim_random_below(r, badness * 10000);
    line.reorder = sim_random_below(r, badness * 50000);
    line.reorder_us = sim_random_below(r, badness * 30000);
    if (sim_random_below(r, 4) == 0) {
        line.burst_begin = 5000;
        line.burst_end = 100000;
        line.burst_loss = 900000;
    }
    return line;
}

static void set_lines(struct sim_world *w, bool is_quiet)
{
    for (uint32_t i = 0; i < w->client_count; i++) {
        for (uint32_t j = 0; j < w->clients[i]->host->count; j++) {
            struct sim_attach *attach = w->clients[i]->host->ifaces[j];
            struct sim_box *box = attach->segment->gateway;
            struct sim_link *link = box != NULL ? &box->outer->link : &attach->link;
            uint32_t delay_us = link->up.delay_us;
            link->up = is_quiet ? (struct sim_line){0} : random_line(w);
            link->down = is_quiet ? (struct sim_line){0} : random_line(w);
            link->up.delay_us = link->down.delay_us = delay_us;
        }
    }
}

static void make_cast(struct sim_world *w, struct cast *cast)
{
    struct sim_random *r = &w->choice;
    bool has_ipv6 = sim_random_below(r, 4) == 0;
    w->has_relay = w->seed % 2 == 0; /* then everybody meets */
    sim_server_make(w, (uint32_t)sim_random_between(r, 500, 50000), has_ipv6);
    if (sim_random_below(r, 2) == 0) {
        w->server->options.limits.keepalive_ms = 5000;
        w->server->options.limits.expire_ms = 20000;
        tr_service_set_limits(w->server->service, &w->server->options.limits);
    }
    cast->count = 2 + sim_random_below(r, 4);
    for (uint32_t i = 0; i < cast->count; i++) {
        struct actor *actor = &cast->actors[i];
        if (i > 0 && sim_random_below(r, 5) == 0)
            actor->site = cast->actors[sim_random_below(r, i)].site;
        else
            actor->site = random_site(w, has_ipv6 && sim_random_below(r, 2) == 0);
        struct sim_client *c = sim_site_client(w, actor->site);
        if (sim_random_below(r, 8) == 0) {
            actor->second = random_site(w, false);
            sim_site_attach(w, actor->second, c->host);
        }
        c->lazy = sim_random_below(r, 4) == 0 ? sim_random_below(r, 500000) : 0;
        c->stutter = sim_random_below(r, 4) == 0 ? 2 : 0;
        c->options.rekey_s = sim_random_below(r, 3) == 0 ? 10 : 0;
    }
    if (sim_random_below(r, 5) == 0)
        cast->hostile = sim_hostile_make(w, (uint32_t)sim_random_between(r, 500, 30000));
    set_lines(w, false);
}

static void cut(struct sim_client *c, bool is_cut)
{
    struct sim_link *link = sim_client_uplink(c);
    link->up.cut = link->down.cut = is_cut;
}

static void forget_any(struct sim_world *w, struct actor *actor)
{
    struct sim_box *box = actor->site->box;
    if (box == NULL)
        return;
    if (actor->site->carrier != NULL && sim_random_below(&w->choice, 2) == 0)
        box = actor->site->carrier;
    sim_box_forget(box);
}

static void do_deed(struct sim_world *w, struct cast *cast)
{
    struct sim_random *r = &w->choice;
    uint32_t who = sim_random_below(r, cast->count);
    struct sim_client *c = w->clients[who];
    switch (sim_random_below(r, 10)) {
    case 0:
        sim_server_kill(w->server);
        cast->restart_us = w->now_us + sim_random_below(r, 8000000);
        break;
    case 1:
        forget_any(w, &cast->actors[who]);
        break;
    case 2:
        sim_client_leave(c);
        break;
    case 3:
        sim_client_stop(c);
        break;
    case 4:
        cut(c, true);
        cast->actors[who].uncut_us = w->now_us + sim_random_below(r, 25000000);
        break;
    case 5:
        set_lines(w, false);
        break;
    case 6:
        sim_client_chatter(c, sim_random_between(r, 20, 1000) * SIM_MS);
        break;
    case 7:
        if (cast->hostile != NULL)
            sim_hostile_flood(w, cast->hostile, sim_random_between(r, 2, 50) * SIM_MS);
        break;
    case 8: /* sleeps */
        sim_client_freeze(c);
        sim_run_for(w, sim_random_below(r, 70000000));
        sim_client_thaw(c);
        break;
    default: /* comes, or comes again */
        sim_client_start(c);
        if (c->session[0] == '\0' && c->endpoint != NULL)
            sim_client_join(c, "party");
        break;
    }
}

static void mend(struct sim_world *w, struct cast *cast, bool all)
{
    if (w->server->service == NULL && (all || w->now_us >= cast->restart_us))
        sim_server_start(w->server);
    for (uint32_t i = 0; i < cast->count; i++)
        if (all || w->now_us >= cast->actors[i].uncut_us)
            cut(w->clients[i], false);
}

/* What must work in the end: on one LAN, by IPv6, or by the table of kinds. */
static bool can_meet(const struct actor *a, const struct actor *b)
{
    if (a->site == b->site)
        return true;
    if (a->site->has_ipv6 && b->site->has_ipv6)
        return true;
    return sim_matrix_is_direct(a->site->kind, b->site->kind);
}

static void check_end(struct sim_world *w, const struct cast *cast)
{
    sim_events_check_rosters(w);
    for (uint32_t i = 0; i < cast->count; i++)
        for (uint32_t j = 0; j < cast->count; j++)
            sim_expect(w,
                       i == j || !(w->has_relay || can_meet(&cast->actors[i], &cast->actors[j])) ||
                           sim_client_reaches(w->clients[i], w->clients[j]),
                       "c%u (%s) does not reach c%u (%s)", i,
                       sim_site_name(cast->actors[i].site->kind), j,
                       sim_site_name(cast->actors[j].site->kind));
    for (uint32_t i = 0; i < cast->count; i++)
        for (uint32_t j = 0; j < cast->count && !w->failed; j++) {
            if (i == j || !sim_client_reaches(w->clients[i], w->clients[j]))
                continue;
            uint32_t got = sim_ledger_pair(w, i, j)->got;
            sim_expect(w, sim_client_say(w->clients[i], w->clients[j], 700),
                       "c%u cannot send to c%u", i, j);
            sim_run_for(w, 2 * SIM_S);
            sim_expect(w, sim_ledger_pair(w, i, j)->got == got + 1,
                       "c%u's message to c%u did not come on quiet lines", i, j);
        }
}

void sim_story_random_story(struct sim_world *w)
{
    struct cast cast = {0};
    make_cast(w, &cast);
    for (uint32_t i = 0; i < cast.count; i++) {
        sim_client_start(w->clients[i]);
        sim_run_for(w, sim_random_below(&w->choice, 1500000));
        sim_client_join(w->clients[i], "party");
        if (sim_random_below(&w->choice, 2) == 0)
            sim_client_chatter(w->clients[i], sim_random_between(&w->choice, 50, 2000) * SIM_MS);
    }
    uint32_t deeds = sim_random_below(&w->choice, 12);
    for (uint32_t i = 0; i < deeds && !w->failed; i++) {
        sim_run_for(w, sim_random_below(&w->choice, 6000000));
        mend(w, &cast, false);
        do_deed(w, &cast);
    }
    set_lines(w, true);
    mend(w, &cast, true);
    if (cast.hostile != NULL)
        sim_hostile_flood(w, cast.hostile, 0);
    for (uint32_t i = 0; i < cast.count && !w->failed; i++) {
        sim_client_chatter(w->clients[i], 0);
        sim_client_start(w->clients[i]);
        if (w->clients[i]->session[0] == '\0')
            sim_client_join(w->clients[i], "party");
    }
    sim_run_for(w, QUIET_US);
    check_end(w, &cast);
}
