/* Stories of NATs that forget, uplinks that die, and long lives.
 * SPDX-License-Identifier: MIT */
#include "tests/sim/sim_story.h"

static void talk(struct sim_world *w, uint64_t period_us)
{
    for (uint32_t i = 0; i < w->client_count; i++)
        sim_client_chatter(w->clients[i], period_us);
}

/* Runs until messages sent from now on came each way; fails after limit_us. */
static void await_talk(struct sim_world *w, struct sim_two two, uint64_t limit_us)
{
    struct sim_pair *out = sim_ledger_pair(w, two.a->index, two.b->index);
    struct sim_pair *back = sim_ledger_pair(w, two.b->index, two.a->index);
    uint64_t start_us = w->now_us;
    uint64_t since_us = start_us + SIM_RTT_US;
    while (!w->failed && w->now_us < start_us + limit_us &&
           (out->last_us < since_us || back->last_us < since_us))
        sim_run_for(w, 10 * SIM_MS);
    sim_expect(w, out->last_us >= since_us && back->last_us >= since_us,
               "no messages each way for %.3f s", (double)limit_us / 1e6);
}

void sim_story_rebind(struct sim_world *w)
{
    struct sim_two two = sim_two_make(w, w->seed % 3 == 0 ? SIM_SITE_CARRIER : SIM_SITE_PORT,
                                      w->seed % 2 == 0 ? SIM_SITE_PORT : SIM_SITE_PUBLIC);
    sim_two_join(w, two);
    sim_await_mesh(w, SIM_S);
    talk(w, 100 * SIM_MS);
    sim_run_for(w, 5 * SIM_S);
    for (int round = 0; round < 3 && !w->failed; round++) {
        struct sim_box *box = two.a->host->ifaces[0]->segment->gateway;
        sim_box_forget(round == 1 && box->outer->segment->gateway != NULL
                           ? box->outer->segment->gateway
                           : box);
        await_talk(w, two, 60 * SIM_S);
        sim_run_for(w, 60 * SIM_S);
        sim_events_check_mesh(w);
    }
    talk(w, 0);
    sim_expect_talk(w);
}

void sim_story_short_memory(struct sim_world *w)
{
    struct sim_two two = sim_two_make(w, SIM_SITE_PORT, SIM_SITE_PORT);
    for (uint32_t i = 0; i < 2; i++)
        w->clients[i]->host->ifaces[0]->segment->gateway->v4.timeout_us = 30 * SIM_S;
    sim_two_join(w, two);
    sim_await_mesh(w, SIM_S);
    sim_run_for(w, 300 * SIM_S);
    for (uint32_t i = 0; i < 2; i++)
        sim_expect(w,
                   w->clients[i]->counts[TRYST_EVENT_UNREACHABLE] == 0 &&
                       w->clients[i]->counts[TRYST_EVENT_SERVER_LOST] == 0,
                   "c%u lost something in an idle session", i);
    sim_events_check_mesh(w);
    sim_expect_talk(w);
}

void sim_story_cut(struct sim_world *w)
{
    struct sim_two two = sim_two_make(w, SIM_SITE_PORT, SIM_SITE_RESTRICTED);
    sim_two_join(w, two);
    sim_await_mesh(w, SIM_S);
    talk(w, 200 * SIM_MS);
    sim_run_for(w, 5 * SIM_S);
    struct sim_link *uplink = sim_client_uplink(two.a);
    uplink->up.cut = uplink->down.cut = true;
    sim_run_for(w, 40 * SIM_S);
    sim_expect(w, two.b->counts[TRYST_EVENT_UNREACHABLE] + two.b->counts[TRYST_EVENT_LEFT] >= 1,
               "c1 was not told that c0 is gone after 40 s");
    sim_run_for(w, 10 * SIM_S);
    uplink->up.cut = uplink->down.cut = false;
    sim_await_mesh(w, 90 * SIM_S);
    await_talk(w, two, 5 * SIM_S);
    talk(w, 0);
    sim_run_for(w, 60 * SIM_S);
    sim_events_check_mesh(w);
    sim_expect_talk(w);
}

/* Registered over IPv6, the IPv4 address is only a second one; its mapping must be kept or found
 * anew, or an IPv4 newcomer is sent to a port that is nobody's. */
void sim_story_second_family(struct sim_world *w)
{
    struct sim_server *server = sim_server_make(w, SIM_DELAY_US, true);
    struct tryst_address ip4 = server->addresses[0];
    server->addresses[0] = server->addresses[1];
    server->addresses[1] = ip4; /* the first of two equals is registered at */
    struct sim_site *site = sim_site_make_ipv6(w, SIM_SITE_PORT, SIM_DELAY_US);
    site->box->v4.ports = SIM_PORTS_RANDOM;
    site->box->v4.timeout_us = 30 * SIM_S;
    struct sim_client *dual = sim_site_client(w, site);
    struct sim_client *late = sim_client_at(w, SIM_SITE_PORT, SIM_DELAY_US);
    sim_start_all(w);
    sim_client_join(dual, "party");
    sim_run_for(w, 100 * SIM_S);
    if (w->seed % 2 == 0)
        sim_box_forget(site->box);
    sim_run_for(w, 100 * SIM_S);
    sim_client_join(late, "party");
    sim_await_mesh(w, SIM_S);
    sim_expect_talk(w);
}

static struct sim_two make_dual(struct sim_world *w)
{
    struct sim_two two;
    sim_server_make(w, SIM_DELAY_US, false);
    two.b = sim_client_at(w, SIM_SITE_PORT, SIM_DELAY_US);
    two.a = sim_client_at(w, SIM_SITE_PORT, SIM_DELAY_US);
    sim_site_attach(w, sim_site_make(w, SIM_SITE_PORT, SIM_DELAY_US), two.a->host);
    return two;
}

static struct sim_link *uplink_of(const struct sim_client *c, uint32_t iface)
{
    return &c->host->ifaces[iface]->segment->gateway->outer->link;
}

void sim_story_dual_homed(struct sim_world *w)
{
    struct sim_two two = make_dual(w);
    struct sim_link *dead = uplink_of(two.a, w->seed % 2);
    dead->up.cut = dead->down.cut = true;
    sim_two_join(w, two);
    uint64_t start_us = w->now_us;
    sim_await_mesh(w, 2 * SIM_S);
    sim_run_for(w, SIM_S);
    sim_expect(w, sim_ledger_pair(w, 0, 1)->first_us - start_us <= 2 * SIM_RTT_US * 21 / 20,
               "the first message to the dual-homed host came after %.3f ms",
               (double)(sim_ledger_pair(w, 0, 1)->first_us - start_us) / 1e3);
    sim_run_for(w, 60 * SIM_S);
    sim_events_check_mesh(w);
    sim_expect_talk(w);
}

void sim_story_move(struct sim_world *w)
{
    struct sim_two two = make_dual(w);
    sim_two_join(w, two);
    sim_await_mesh(w, 2 * SIM_S);
    talk(w, 100 * SIM_MS);
    sim_run_for(w, 30 * SIM_S);
    for (uint32_t round = 0; round < 2 && !w->failed; round++) {
        struct sim_link *dead = uplink_of(two.a, round);
        struct sim_link *back = uplink_of(two.a, 1 - round);
        back->up.cut = back->down.cut = false;
        sim_run_for(w, 60 * SIM_S);
        dead->up.cut = dead->down.cut = true;
        await_talk(w, two, 20 * SIM_S);
        sim_run_for(w, 90 * SIM_S);
        sim_events_check_mesh(w);
        sim_expect(w, two.b->counts[TRYST_EVENT_LEFT] == 0, "c0 was told that c1 left");
    }
    talk(w, 0);
    sim_expect_talk(w);
}

void sim_story_long_run(struct sim_world *w)
{
    struct sim_two two = sim_two_make(w, SIM_SITE_PORT, SIM_SITE_PORT);
    sim_two_join(w, two);
    sim_await_mesh(w, SIM_S);
    talk(w, 100 * SIM_MS);
    if (w->seed % 2 == 0) {
        sim_client_uplink(two.a)->up.loss = 50000;
        sim_client_uplink(two.b)->up.duplicate = 50000;
        sim_client_uplink(two.b)->down.reorder = 50000;
        sim_client_uplink(two.b)->down.reorder_us = 80000;
    }
    sim_run_for(w, 150 * SIM_S);
    struct sim_meter early[2] = {two.a->meter, two.b->meter};
    int64_t server_early = w->server->meter.bytes;
    sim_run_for(w, 450 * SIM_S);
    for (uint32_t i = 0; i < 2; i++) {
        const struct sim_client *c = w->clients[i];
        sim_expect(w, c->meter.bytes <= early[i].bytes + 4096,
                   "%s holds %lld bytes, %lld some minutes before", c->name,
                   (long long)c->meter.bytes, (long long)early[i].bytes);
        sim_expect(w, c->meter.calls <= early[i].calls + 64,
                   "%s allocated %llu times in steady state", c->name,
                   (unsigned long long)(c->meter.calls - early[i].calls));
        sim_expect(w,
                   c->counts[TRYST_EVENT_UNREACHABLE] == 0 && c->counts[TRYST_EVENT_CONNECTED] == 1,
                   "%s lost its peer", c->name);
        struct sim_pair *pair = sim_ledger_pair(w, i, 1 - i);
        sim_expect(w, pair->sent > 5900 && pair->got * 100 >= pair->sent * 90,
                   "of %u messages from c%u %u came", pair->sent, i, pair->got);
        sim_expect(w, w->seed % 2 == 0 || pair->got + 2 >= pair->sent,
                   "of %u messages from c%u %u came on clean lines", pair->sent, i, pair->got);
    }
    sim_expect(w, w->server->meter.bytes <= server_early + 4096, "the server's memory grows");
    talk(w, 0);
    struct sim_line clean = {.delay_us = SIM_DELAY_US};
    for (uint32_t i = 0; i < 2; i++)
        sim_client_uplink(w->clients[i])->up = sim_client_uplink(w->clients[i])->down = clean;
    sim_expect_talk(w);
}

static struct sim_two make_poisoned(struct sim_world *w)
{
    struct sim_two two = sim_two_make(w, SIM_SITE_PORT, SIM_SITE_PORT);
    for (uint32_t i = 0; i < 2; i++)
        w->clients[i]->host->ifaces[0]->segment->gateway->v4.is_poisoned = true;
    sim_start_all(w);
    sim_client_join(two.a, "party");
    sim_run_for(w, 3 * SIM_S);
    sim_client_join(two.b, "party");
    return two;
}

/* Both gateways' INPUT chains accept: whoever's hello comes before the other has sent poisons the
 * other's mapping. With both introductions in time each has sent when the other's hello comes. */
void sim_story_poison(struct sim_world *w)
{
    make_poisoned(w);
    sim_await_mesh(w, SIM_S);
    sim_run_for(w, 5 * SIM_S);
    sim_expect_talk(w);
}

/* The same with one introduction lost: its hello is late, and retransmission keeps the harm alive. */
/* One of two is introduced 200 ms late, so the other one's hellos come to its gateway before it has sent; the
 * gateway of one of them accepts packets for itself, or those of both. */
void sim_story_poison_late(struct sim_world *w)
{
    w->has_relay = w->seed / 6 % 2 == 0;
    struct sim_two two = sim_two_make(w, SIM_SITE_PORT, SIM_SITE_PORT);
    struct sim_client *late = w->seed % 2 == 1 ? two.a : two.b;
    for (uint32_t i = 0; i < 2; i++) {
        w->clients[i]->host->ifaces[0]->segment->gateway->v4.is_poisoned =
            w->seed / 2 % 3 == 2 || w->seed / 2 % 3 == i;
        w->clients[i]->options.sockets = 8;
    }
    sim_start_all(w);
    sim_client_join(two.a, "party");
    sim_client_join(two.b, "party");
    uint64_t start_us = w->now_us;
    w->net.fault.deaf = late->public_address;
    sim_run_for(w, SIM_RTT_US + 200 * SIM_MS);
    w->net.fault.deaf.family = 0;
    while (!w->failed && w->now_us < start_us + 5 * SIM_S) {
        struct sim_peer *a = sim_client_peer(two.a, two.b);
        struct sim_peer *b = sim_client_peer(two.b, two.a);
        if (a != NULL && b != NULL && a->direct_us != 0 && b->direct_us != 0)
            break;
        sim_run_for(w, 5 * SIM_MS);
    }
    sim_expect(w, w->now_us - start_us <= SIM_S + 3 * SIM_RTT_US, "direct only after %.3f s",
               (double)(w->now_us - start_us) / 1e6);
    sim_run_for(w, 20 * SIM_S);
    for (uint32_t i = 0; i < 2; i++)
        sim_expect(w, w->clients[i]->sockets <= 1, "%s keeps %u further sockets",
                   w->clients[i]->name, w->clients[i]->sockets);
    sim_expect_talk(w);
}

/* One has a poisoning gateway for IPv4, IPv6 to the server beside it, and every second time another uplink. */
void sim_story_poison_dual(struct sim_world *w)
{
    w->has_relay = true;
    struct sim_server *server = sim_server_make(w, SIM_DELAY_US, true);
    struct tryst_address ip4 = server->addresses[0];
    server->addresses[0] = server->addresses[1];
    server->addresses[1] = ip4;
    struct sim_site *site = sim_site_make_ipv6(w, SIM_SITE_PORT, SIM_DELAY_US);
    struct sim_client *a = sim_site_client(w, site);
    struct sim_client *b = sim_client_at(w, SIM_SITE_PORT, SIM_DELAY_US);
    if (w->seed % 2 == 0)
        sim_site_attach(w, sim_site_make(w, SIM_SITE_SYMMETRIC, 2 * SIM_DELAY_US), a->host);
    site->box->v4.is_poisoned = true;
    a->options.sockets = b->options.sockets = 8;
    sim_start_all(w);
    sim_run_for(w, 6 * SIM_S); /* the NAT is known */
    sim_join_all(w);
    w->net.fault.deaf = a->public_address;
    sim_run_for(w, SIM_RTT_US + 200 * SIM_MS);
    w->net.fault.deaf.family = 0;
    sim_run_for(w, 2 * SIM_S);
    struct sim_peer *peer = sim_client_peer(a, b);
    sim_expect(w, peer != NULL && peer->direct_us != 0, "not direct after 2 s");
    sim_expect_talk(w);
}

/* Somebody who never answered was there before: that takes the fresh port from nobody who comes later. */
void sim_story_poison_after(struct sim_world *w)
{
    w->has_relay = true;
    struct sim_two two = sim_two_make(w, SIM_SITE_PORT, SIM_SITE_PORT);
    struct sim_client *dead = sim_client_at(w, SIM_SITE_PORT, SIM_DELAY_US);
    for (uint32_t i = 0; i < 2; i++) {
        w->clients[i]->host->ifaces[0]->segment->gateway->v4.is_poisoned = true;
        w->clients[i]->options.sockets = 8;
    }
    sim_start_all(w);
    sim_client_join(two.a, "party");
    sim_run_for(w, SIM_S);
    sim_client_join(dead, "party");
    sim_run_for(w, SIM_RTT_US / 2 + 5 * SIM_MS);
    sim_client_stop(dead);
    sim_run_for(w, (1 + w->seed * 4) * SIM_S);
    sim_client_join(two.b, "party");
    uint64_t start_us = w->now_us;
    w->net.fault.deaf = (w->seed % 2 != 0 ? two.a : two.b)->public_address;
    sim_run_for(w, SIM_RTT_US + 200 * SIM_MS);
    w->net.fault.deaf.family = 0;
    sim_run_for(w, 3 * SIM_S);
    struct sim_peer *peer = sim_client_peer(two.a, two.b);
    sim_expect(w, peer != NULL && peer->direct_us != 0 && peer->direct_us < start_us + 2 * SIM_S,
               "not direct within 2 s");
}

/* One after another joins, each time one of those that are there then is introduced late. */
void sim_story_poison_mesh(struct sim_world *w)
{
    enum { COUNT = 4 };
    w->has_relay = true;
    sim_server_make(w, SIM_DELAY_US, false);
    for (uint32_t i = 0; i < COUNT; i++) {
        struct sim_client *c = sim_client_at(w, SIM_SITE_PORT, SIM_DELAY_US);
        c->host->ifaces[0]->segment->gateway->v4.is_poisoned = true;
        c->options.sockets = 8;
    }
    sim_start_all(w);
    for (uint32_t i = 0; i < COUNT; i++) {
        uint32_t late = (uint32_t)sim_random_below(&w->choice, i + 1);
        sim_client_join(w->clients[i], "party");
        w->net.fault.deaf = w->clients[late]->public_address;
        sim_run_for(w, SIM_RTT_US + 200 * SIM_MS);
        w->net.fault.deaf.family = 0;
        sim_run_for(w, 20 * SIM_S);
    }
    for (uint32_t i = 0; i < COUNT; i++)
        for (uint32_t j = 0; j < COUNT; j++) {
            struct sim_peer *peer = sim_client_peer(w->clients[i], w->clients[j]);
            sim_expect(w, i == j || (peer != NULL && peer->direct_us != 0),
                       "%s and %s are not direct", w->clients[i]->name, w->clients[j]->name);
        }
}

void sim_story_mixed_mesh(struct sim_world *w)
{
    static const enum sim_site_kind kinds[6] = {SIM_SITE_PUBLIC, SIM_SITE_CONE,
                                                SIM_SITE_PORT,   SIM_SITE_RESTRICTED,
                                                SIM_SITE_PORT,   SIM_SITE_CARRIER};
    sim_server_make(w, SIM_DELAY_US, false);
    for (uint32_t i = 0; i < 6; i++)
        sim_client_at(w, kinds[i], (uint32_t)sim_random_between(&w->choice, 5000, 60000));
    struct sim_site *site = sim_site_make(w, SIM_SITE_PORT, SIM_DELAY_US);
    sim_site_client(w, site);
    sim_site_client(w, site);
    sim_start_all(w);
    sim_join_all(w);
    sim_await_mesh(w, SIM_S);
    sim_run_for(w, 5 * SIM_S);
    sim_events_check_mesh(w);
    sim_expect_talk(w);
    struct sim_peer *peer = sim_client_peer(w->clients[6], w->clients[7]);
    sim_expect(w, peer != NULL && peer->last.kind == TRYST_KIND_HOST,
               "two behind one NAT talk over another than the local address");
}
