/* Stories of staying connected: the relay first, the best path by itself, through every change.
 * SPDX-License-Identifier: MIT */
#include "tests/sim/sim_story.h"
#include "tests/sim/sim_stream.h"

#include <string.h>

#define CHAT_US (20 * SIM_MS)
#define GAP_MAX_US (1 * SIM_S)

static struct sim_two pair_of(struct sim_world *w, enum sim_site_kind a, enum sim_site_kind b)
{
    w->has_relay = true;
    return sim_two_make(w, a, b);
}

static void chat(struct sim_world *w, uint32_t bytes)
{
    for (uint32_t i = 0; i < w->client_count; i++) {
        w->clients[i]->chatter_bytes = bytes;
        sim_client_chatter(w->clients[i], CHAT_US);
    }
}

static void mark(struct sim_world *w, struct sim_two two)
{
    sim_ledger_mark(w, two.a->index, two.b->index);
    sim_ledger_mark(w, two.b->index, two.a->index);
}

static bool is_on(const struct sim_client *c, const struct sim_client *other, uint32_t path)
{
    struct sim_peer *peer = sim_client_peer((struct sim_client *)(uintptr_t)c, other);
    return peer != NULL && peer->is_connected && peer->last.path == path;
}

static bool both_on(struct sim_two two, uint32_t path)
{
    return is_on(two.a, two.b, path) && is_on(two.b, two.a, path);
}

/* Runs until both sides use that kind of path; fails after limit_us. Returns how long it took. */
static uint64_t await_path(struct sim_world *w, struct sim_two two, uint32_t path,
                           uint64_t limit_us)
{
    uint64_t start_us = w->now_us;
    while (!w->failed && !both_on(two, path) && w->now_us < start_us + limit_us)
        sim_run_for(w, 5 * SIM_MS);
    sim_expect(w, both_on(two, path), "not both on a %s path after %.3f s", tryst_path_name(path),
               (double)limit_us / 1e6);
    return w->now_us - start_us;
}

static void expect_gap(struct sim_world *w, struct sim_two two, uint64_t limit_us)
{
    uint64_t out = sim_ledger_gap(w, two.a->index, two.b->index);
    uint64_t back = sim_ledger_gap(w, two.b->index, two.a->index);
    sim_expect(w, out <= limit_us && back <= limit_us,
               "a gap of %.3f s one way, %.3f s the other; the bound is %.3f", (double)out / 1e6,
               (double)back / 1e6, (double)limit_us / 1e6);
}

/* All that was sent has come, in order. */
static void expect_whole(struct sim_world *w, struct sim_two two)
{
    struct sim_client *sides[2] = {two.a, two.b};
    for (int i = 0; i < 2; i++)
        sim_client_chatter(sides[i], 0);
    sim_run_for(w, SIM_S);
    for (int i = 0; i < 2; i++) {
        struct sim_pair *pair = sim_ledger_pair(w, sides[i]->index, sides[1 - i]->index);
        uint32_t sent = pair->sent - pair->mark_sent;
        sim_expect(w, pair->came == sent && pair->behind == 0,
                   "of %u messages from %s %u came, %u of them out of order", sent, sides[i]->name,
                   pair->came, pair->behind);
    }
}

static struct sim_two talking(struct sim_world *w, enum sim_site_kind a, enum sim_site_kind b)
{
    struct sim_two two = pair_of(w, a, b);
    sim_two_join(w, two);
    await_path(w, two, TRYST_PATH_DIRECT, 3 * SIM_S);
    chat(w, 64);
    sim_run_for(w, 5 * SIM_S);
    mark(w, two);
    return two;
}

/* Two that no hole can be punched between talk as soon as the roster is there. */
void sim_story_relayed(struct sim_world *w)
{
    struct sim_two two =
        pair_of(w, SIM_SITE_SYMMETRIC, w->seed % 2 == 0 ? SIM_SITE_SYMMETRIC : SIM_SITE_PORT);
    sim_two_join(w, two);
    uint64_t start_us = w->now_us;
    sim_await_mesh(w, SIM_S);
    sim_run_for(w, 200 * SIM_MS);
    for (uint32_t i = 0; i < 2; i++) {
        uint64_t first_us = sim_ledger_pair(w, i, 1 - i)->first_us - start_us;
        /* the registration, the hello of the one whose roster came last, the answer */
        sim_expect(w, first_us <= 4 * SIM_RTT_US, "the first message of c%u took %.3f ms", i,
                   (double)first_us / 1e3);
    }
    await_path(w, two, TRYST_PATH_RELAY, SIM_S);
    chat(w, 0);
    mark(w, two);
    sim_run_for(w, 120 * SIM_S);
    sim_expect(w, two.a->counts[TRYST_EVENT_UNREACHABLE] == 0, "relayed, and called unreachable");
    expect_gap(w, two, 200 * SIM_MS);
    expect_whole(w, two);
    sim_expect_talk(w);
}

/* Relayed while punching fails; then the way opens, and the move loses and reorders nothing. */
void sim_story_handover(struct sim_world *w)
{
    struct sim_two two = pair_of(w, SIM_SITE_PORT, SIM_SITE_PORT);
    sim_client_uplink(two.a)->up.delay_us = sim_client_uplink(two.a)->down.delay_us =
        (uint32_t)sim_random_between(&w->choice, 2000, 30000);
    w->server->host->ifaces[0]->link.up.delay_us = w->server->host->ifaces[0]->link.down.delay_us =
        (uint32_t)sim_random_between(&w->choice, 5000, 60000);
    w->net.fault.is_cut = true;
    sim_two_join(w, two);
    await_path(w, two, TRYST_PATH_RELAY, 2 * SIM_S);
    for (uint32_t i = 0; i < 2; i++) {
        w->clients[i]->chatter_bytes = 64;
        sim_client_chatter(w->clients[i], 5 * SIM_MS);
    }
    sim_run_for(w, sim_random_between(&w->choice, 1, 20) * SIM_S);
    mark(w, two);
    w->net.fault.is_cut = false;
    await_path(w, two, TRYST_PATH_DIRECT, 62 * SIM_S);
    sim_run_for(w, 2 * SIM_S);
    expect_whole(w, two);
}

/* One side wants no relay, or nothing else. */
void sim_story_relay_wish(struct sim_world *w)
{
    bool is_only = w->seed % 2 == 0;
    struct sim_two two;
    if (w->seed % 4 == 0) { /* in one home they could find each other, if they were told how */
        w->has_relay = true;
        sim_server_make(w, SIM_DELAY_US, false);
        struct sim_site *home = sim_site_make(w, SIM_SITE_PORT, SIM_DELAY_US);
        two = (struct sim_two){sim_site_client(w, home), sim_site_client(w, home)};
    } else {
        two = pair_of(w, SIM_SITE_PORT, SIM_SITE_PORT);
    }
    two.a->options.relay = is_only ? TRYST_RELAY_ONLY : TRYST_RELAY_DENY;
    w->net.fault.is_cut = !is_only;
    sim_two_join(w, two);
    sim_run_for(w, 30 * SIM_S);
    if (is_only) {
        await_path(w, two, TRYST_PATH_RELAY, SIM_S);
        sim_expect(w,
                   sim_client_peer(two.b, two.a)->direct_us == 0 &&
                       sim_client_peer(two.a, two.b)->direct_us == 0,
                   "a direct path to one who wants none");
        sim_expect(w, two.a->shown_to_peers == 0 && two.b->shown_to_peers == 0,
                   "a datagram to one who shall not be found, or from it");
        sim_expect_talk(w);
    } else {
        sim_expect(w, !sim_client_reaches(two.a, two.b) && !sim_client_reaches(two.b, two.a),
                   "relayed for one who denies it");
    }
}

/* The direct path fails in one of many ways, the server's does not: moved within 1.5 s. */
void sim_story_sick(struct sim_world *w)
{
    static const char *const names[] = {"one way", "DATA alone", "30 % loss", "all of it",
                                        "what is large"};
    struct sim_two two =
        talking(w, SIM_SITE_PORT, w->seed % 3 == 0 ? SIM_SITE_PUBLIC : SIM_SITE_PORT);
    struct sim_fault *fault = &w->net.fault;
    if (w->seed % 2 == 0) /* neighbours */
        for (uint32_t i = 0; i < 3; i++) {
            struct sim_link *link =
                i < 2 ? sim_client_uplink(w->clients[i]) : &w->server->host->ifaces[0]->link;
            link->up.delay_us = link->down.delay_us = 50;
        }
    uint32_t how = (uint32_t)(w->seed % 5);
    chat(w, how == 4 ? 0 : 64);
    sim_run_for(w, 2 * SIM_S);
    mark(w, two);
    if (how == 0)
        fault->from = two.a->public_address;
    fault->is_cut = how == 0 || how == 1 || how == 3;
    fault->frame = how == 1 ? 0x0b : 0;
    fault->loss = how == 2 ? 300000 : 0;
    fault->size_max = how == 4 ? 600 : 0;
    uint64_t took_us = 0;
    if (how == 0) { /* whoever sends into the hole */
        while (!is_on(two.a, two.b, TRYST_PATH_RELAY) && took_us < 2 * SIM_S) {
            sim_run_for(w, 5 * SIM_MS);
            took_us += 5 * SIM_MS;
        }
    } else {
        took_us = await_path(w, two, TRYST_PATH_RELAY, 3 * SIM_S);
    }
    sim_expect(w, took_us <= 1500 * SIM_MS, "%s: moved after %.3f s", names[how],
               (double)took_us / 1e6);
    if (how != 2 && how != 4)
        expect_gap(w, two, GAP_MAX_US);
    uint32_t moves = sim_client_peer(two.a, two.b)->moves;
    sim_run_for(w, 60 * SIM_S);
    sim_expect(w, sim_client_peer(two.a, two.b)->moves - moves <= 4, "%s: %u moves in a minute",
               names[how], sim_client_peer(two.a, two.b)->moves - moves);
    mark(w, two);
    memset(fault, 0, sizeof *fault);
    await_path(w, two, TRYST_PATH_DIRECT, 62 * SIM_S);
    sim_run_for(w, 2 * SIM_S);
    expect_whole(w, two);
}

/* A path that drops what is large is not kept from the start. */
void sim_story_narrow(struct sim_world *w)
{
    struct sim_two two = pair_of(w, SIM_SITE_PORT, SIM_SITE_PORT);
    w->net.fault.size_max = 600;
    sim_two_join(w, two);
    sim_await_mesh(w, SIM_S);
    chat(w, 0);
    sim_run_for(w, 1500 * SIM_MS);
    await_path(w, two, TRYST_PATH_RELAY, 5 * SIM_MS);
    sim_run_for(w, 5 * SIM_S);
    mark(w, two);
    sim_run_for(w, 120 * SIM_S);
    expect_whole(w, two);
}

/* Two ways that jitter by 20 ms: at most one move in a minute. */
void sim_story_jitter(struct sim_world *w)
{
    struct sim_two two = pair_of(w, SIM_SITE_PORT, SIM_SITE_PORT);
    sim_site_attach(w, sim_site_make(w, SIM_SITE_PORT, SIM_DELAY_US), two.a->host);
    for (uint32_t i = 0; i < 2; i++) {
        struct sim_link *link = &two.a->host->ifaces[i]->segment->gateway->outer->link;
        link->up.jitter_us = link->down.jitter_us = 20000;
    }
    sim_two_join(w, two);
    sim_await_mesh(w, 2 * SIM_S);
    chat(w, 64);
    sim_run_for(w, 60 * SIM_S);
    for (uint32_t minute = 0; minute < 10 && !w->failed; minute++) {
        uint32_t before[2] = {sim_client_peer(two.a, two.b)->moves,
                              sim_client_peer(two.b, two.a)->moves};
        sim_run_for(w, 60 * SIM_S);
        sim_expect(w,
                   sim_client_peer(two.a, two.b)->moves - before[0] <= 1 &&
                       sim_client_peer(two.b, two.a)->moves - before[1] <= 1,
                   "%u and %u moves in a minute of jitter",
                   sim_client_peer(two.a, two.b)->moves - before[0],
                   sim_client_peer(two.b, two.a)->moves - before[1]);
    }
}

/* Takes a client's cable out of its home and puts it into another one. */
static void move_to(struct sim_world *w, struct sim_client *c, struct sim_site *site)
{
    sim_stream_close(c);
    struct sim_host *host = c->host;
    host->count = 0;
    sim_site_attach(w, site, host);
}

static void expect_same(struct sim_world *w, struct sim_two two, const uint32_t handles[2])
{
    struct sim_client *sides[2] = {two.a, two.b};
    for (int i = 0; i < 2; i++) {
        struct sim_peer *peer = sim_client_peer(sides[i], sides[1 - i]);
        sim_expect(w, peer != NULL && peer->handle == handles[i], "%s knows %s by another handle",
                   sides[i]->name, sides[1 - i]->name);
    }
}

/* Another network, another public address, another port, or two of these at once. */
void sim_story_roam(struct sim_world *w)
{
    enum sim_site_kind other = w->seed % 2 == 0 ? SIM_SITE_PORT : SIM_SITE_RESTRICTED;
    struct sim_two two = talking(w, SIM_SITE_PORT, other);
    uint32_t handles[2] = {sim_client_peer(two.a, two.b)->handle,
                           sim_client_peer(two.b, two.a)->handle};
    uint64_t start_us = w->now_us;
    struct sim_box *box = two.a->host->ifaces[0]->segment->gateway;
    switch (w->seed % 4) {
    case 0: /* the system tells of another address */
        move_to(w, two.a, sim_site_make(w, SIM_SITE_PORT, SIM_DELAY_US));
        sim_client_tell_local(two.a);
        break;
    case 1: /* the NAT forgets */
        box->v4.ports = SIM_PORTS_RANDOM;
        sim_box_forget(box);
        break;
    case 2: { /* the provider gives another public address, the home stays as it is */
        struct sim_site *site = sim_site_make(w, SIM_SITE_PORT, SIM_DELAY_US);
        struct tryst_address ip = two.a->host->ifaces[0]->ip4;
        two.a->host->count = 0;
        sim_host_attach(w, two.a->host, site->lan, ip, (struct tryst_address){0}, 0);
        break;
    }
    default: /* both move at once */
        move_to(w, two.a, sim_site_make(w, SIM_SITE_PORT, SIM_DELAY_US));
        move_to(w, two.b, sim_site_make(w, SIM_SITE_PORT, SIM_DELAY_US));
        sim_client_tell_local(two.a);
        sim_client_tell_local(two.b);
    }
    sim_run_for(w, 2 * SIM_S);
    expect_gap(w, two, GAP_MAX_US);
    await_path(w, two, TRYST_PATH_DIRECT, 5 * SIM_MS);
    const struct sim_peer *known =
        sim_client_peer(two.b, two.a); /* a's own end may look the same */
    sim_expect(w, known->direct_us >= start_us, "c1 has no new direct path to c0");
    expect_same(w, two, handles);
    sim_run_for(w, 5 * SIM_S);
    mark(w, two);
    sim_run_for(w, 30 * SIM_S);
    expect_whole(w, two);
}

/* A minute asleep, or a clock that jumps. */
void sim_story_sleep(struct sim_world *w)
{
    struct sim_two two = talking(w, SIM_SITE_PORT, SIM_SITE_PORT);
    uint32_t handles[2] = {sim_client_peer(two.a, two.b)->handle,
                           sim_client_peer(two.b, two.a)->handle};
    switch (w->seed % 4) {
    case 0:
    case 1:
        sim_client_freeze(two.a);
        if (w->seed % 4 == 1) /* and wakes elsewhere */
            move_to(w, two.a, sim_site_make(w, SIM_SITE_PORT, SIM_DELAY_US));
        sim_run_for(w, (w->seed % 8 < 4 ? 60 : sim_random_between(&w->choice, 6, 45)) * SIM_S);
        sim_client_thaw(two.a);
        if (w->seed % 4 == 1)
            sim_client_tell_local(two.a);
        break;
    case 2:
        two.a->skew_us = 3600 * (int64_t)SIM_S;
        break;
    default:
        sim_run_for(w, 3600 * SIM_S);
        two.a->skew_us = -1800 * (int64_t)SIM_S;
    }
    mark(w, two);
    sim_run_for(w, 2 * SIM_S);
    expect_gap(w, two, GAP_MAX_US);
    await_path(w, two, TRYST_PATH_DIRECT, 5 * SIM_MS);
    expect_same(w, two, handles);
    sim_run_for(w, 5 * SIM_S);
    mark(w, two);
    sim_run_for(w, 30 * SIM_S);
    expect_whole(w, two);
}

/* NATs with a memory of 20 s and of 120: an idle pair loses nothing, and says little where it may. */
void sim_story_quiet(struct sim_world *w)
{
    uint64_t memory_us = (w->seed % 2 == 0 ? 120 : 20) * SIM_S;
    struct sim_two two = pair_of(w, SIM_SITE_PORT, SIM_SITE_PORT);
    for (uint32_t i = 0; i < 2; i++)
        w->clients[i]->host->ifaces[0]->segment->gateway->v4.timeout_us = memory_us;
    sim_two_join(w, two);
    await_path(w, two, TRYST_PATH_DIRECT, 3 * SIM_S);
    sim_run_for(w, 30 * SIM_S);
    uint32_t moves[2] = {sim_client_peer(two.a, two.b)->moves,
                         sim_client_peer(two.b, two.a)->moves};
    uint64_t said = two.a->said_to_peers + two.b->said_to_peers;
    sim_run_for(w, 1800 * SIM_S);
    said = two.a->said_to_peers + two.b->said_to_peers - said;
    for (uint32_t i = 0; i < 2; i++) {
        struct sim_peer *peer = sim_client_peer(w->clients[i], w->clients[1 - i]);
        sim_expect(w,
                   peer->is_connected && peer->moves == moves[i] &&
                       w->clients[i]->counts[TRYST_EVENT_UNREACHABLE] == 0,
                   "c%u lost its path in an idle session", i);
    }
    /* a ping and its pong every 5 s */
    uint64_t fixed = 1800 / 5 * 2;
    sim_expect(w, memory_us != 120 * SIM_S || said * 3 <= fixed,
               "%llu datagrams to peers in half an hour, %llu with a fixed 5 s",
               (unsigned long long)said, (unsigned long long)fixed);
    mark(w, two);
    chat(w, 64);
    sim_run_for(w, 5 * SIM_S);
    expect_whole(w, two);
}

/* A word now and then, after pauses that the NATs may or may not bear: none of them is lost. */
void sim_story_sparse(struct sim_world *w)
{
    struct sim_two two = pair_of(w, SIM_SITE_PORT, SIM_SITE_PORT);
    for (uint32_t i = 0; i < 2; i++)
        w->clients[i]->host->ifaces[0]->segment->gateway->v4.timeout_us =
            sim_random_between(&w->choice, 17, 130) * SIM_S;
    sim_two_join(w, two);
    await_path(w, two, TRYST_PATH_DIRECT, 3 * SIM_S);
    sim_run_for(w, 5 * SIM_S);
    mark(w, two);
    for (uint32_t i = 0; i < 60 && !w->failed; i++) {
        sim_run_for(w, sim_random_below(&w->choice, 150000000));
        bool is_a = sim_random_below(&w->choice, 2) == 0;
        sim_expect(w, sim_client_say(is_a ? two.a : two.b, is_a ? two.b : two.a, 100),
                   "cannot send");
    }
    sim_expect(w, two.a->counts[TRYST_EVENT_UNREACHABLE] == 0, "called unreachable");
    expect_whole(w, two);
}

/* The server dies under a pair that it relays for, and comes back. */
void sim_story_relay_restart(struct sim_world *w)
{
    struct sim_two two = pair_of(w, SIM_SITE_SYMMETRIC, SIM_SITE_SYMMETRIC);
    sim_two_join(w, two);
    await_path(w, two, TRYST_PATH_RELAY, SIM_S);
    chat(w, 64);
    sim_run_for(w, 5 * SIM_S);
    sim_server_kill(w->server);
    sim_run_for(w, sim_random_between(&w->choice, 1, 20) * SIM_S);
    sim_server_start(w->server);
    uint64_t start_us = w->now_us;
    struct sim_pair *out = sim_ledger_pair(w, 0, 1);
    struct sim_pair *back = sim_ledger_pair(w, 1, 0);
    while (!w->failed && (out->last_us < start_us || back->last_us < start_us) &&
           w->now_us < start_us + 10 * SIM_S)
        sim_run_for(w, 5 * SIM_MS);
    sim_expect(w, w->now_us - start_us <= 3 * SIM_S, "relayed again %.3f s after its return",
               (double)(w->now_us - start_us) / 1e6);
    sim_run_for(w, 5 * SIM_S);
    mark(w, two);
    sim_run_for(w, 10 * SIM_S);
    expect_whole(w, two);
}

/* Networks that pass no UDP, on one side or both; or nothing but HTTPS. */
void sim_story_blocked(struct sim_world *w)
{
    struct sim_two two = pair_of(w, SIM_SITE_PORT, SIM_SITE_PORT);
    for (uint32_t i = 0; i < 2; i++) {
        struct sim_client *c = w->clients[i];
        c->options.tcp_port = SIM_TCP_PORT;
        c->options.tls_port = SIM_TLS_PORT;
        c->host->is_blocked = i == 0 || w->seed % 2 == 0;
        c->host->is_without_tcp = c->host->is_blocked && w->seed % 3 == 0;
    }
    uint64_t start_us = w->now_us;
    sim_client_start(two.a);
    sim_client_start(two.b);
    sim_client_join(two.a, "party");
    sim_client_join(two.b, "party");
    sim_await_mesh(w, 3 * SIM_S);
    sim_expect(w, w->now_us - start_us <= 1500 * SIM_MS, "connected after %.3f s",
               (double)(w->now_us - start_us) / 1e6);
    await_path(w, two, TRYST_PATH_RELAY, SIM_S);
    chat(w, 64);
    mark(w, two);
    sim_run_for(w, 300 * SIM_S);
    for (uint32_t i = 0; i < 2; i++) /* UDP is tried again for ever */
        w->clients[i]->host->is_blocked = false;
    await_path(w, two, TRYST_PATH_DIRECT, 70 * SIM_S);
    sim_run_for(w, 10 * SIM_S);
    expect_whole(w, two);
    sim_expect_talk(w);
}
