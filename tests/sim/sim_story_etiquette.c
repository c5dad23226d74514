/* Stories of sprays that shall not be.
 * SPDX-License-Identifier: MIT */
#include "lib/wire/message.h"
#include "tests/sim/sim_story.h"

struct tr_nat *sim_peek_nat(struct tryst_endpoint *endpoint);

enum {
    PACKETS_MOST = 16, /* to a port that is nobody's of the session */
    VICTIM_PORT = 40000,
    REJOINS = 15,
    SILENCES = 60,
};

static struct sim_client *client_behind(struct sim_world *w, enum sim_site_kind kind)
{
    struct sim_client *c = sim_client_at(w, kind, SIM_DELAY_US);
    c->options.sockets = TRYST_SOCKETS_MAX;
    return c;
}

static void claim(struct sim_client *c, uint16_t low, uint16_t high)
{
    *sim_peek_nat(c->endpoint) = (struct tr_nat){.mapping = TRYST_MAPPING_PORT_DEPENDENT,
                                                 .filtering = TRYST_FILTERING_PORT_DEPENDENT,
                                                 .ports = TRYST_PORTS_RANDOM,
                                                 .flags = TR_NAT_SPRAY,
                                                 .low = low,
                                                 .high = high};
}

/* How many ports of an ip somebody sent hellos to, but the one it registered from. */
static uint32_t ports_tried(struct sim_client *c, const struct sim_client *other)
{
    uint32_t ports = 0;
    for (uint32_t i = 0; i < c->party->count; i++) {
        const struct sim_record *r = &c->party->records[i];
        ports += r->hellos > 0 && sim_ip_equal(&r->address, &other->public_address) &&
                 r->address.port != other->public_address.port;
    }
    return ports;
}

/* Any port for each destination, on both sides: nothing is tried but the relay. */
void sim_story_hopeless(struct sim_world *w)
{
    w->has_relay = true;
    sim_server_make(w, SIM_DELAY_US, false);
    struct sim_client *a = client_behind(w, SIM_SITE_SYMMETRIC);
    struct sim_client *b = client_behind(w, SIM_SITE_SYMMETRIC);
    sim_start_all(w);
    sim_run_for(w, SIM_S);
    a->sockets_most = b->sockets_most = 0; /* the survey's are closed by now */
    sim_two_join(w, (struct sim_two){a, b});
    sim_run_for(w, 60 * SIM_S);
    sim_expect(w, ports_tried(a, b) == 0 && ports_tried(b, a) == 0,
               "in vain %u and %u ports were tried", ports_tried(a, b), ports_tried(b, a));
    sim_expect(w, a->sockets_most <= 1 && b->sockets_most <= 1, "in vain %u and %u sockets open",
               a->sockets_most, b->sockets_most);
    sim_expect_talk(w);
}

/* One side denies it. */
void sim_story_denied(struct sim_world *w)
{
    w->has_relay = true;
    sim_server_make(w, SIM_DELAY_US, false);
    struct sim_client *a = client_behind(w, SIM_SITE_SYMMETRIC);
    struct sim_client *b = client_behind(w, SIM_SITE_PORT);
    (w->seed % 2 != 0 ? a : b)->options.spray = TRYST_SPRAY_DENY;
    sim_start_all(w);
    sim_run_for(w, SIM_S);
    a->sockets_most = b->sockets_most = 0;
    sim_two_join(w, (struct sim_two){a, b});
    sim_run_for(w, 60 * SIM_S);
    sim_expect(w, ports_tried(b, a) <= 1, "%u ports were tried", ports_tried(b, a));
    sim_expect(w, a->sockets_most <= 1 && b->sockets_most <= 1, "%u and %u sockets open",
               a->sockets_most, b->sockets_most);
    sim_expect_talk(w);
}

/* Behind one carrier with a victim, a liar claims the victim's port as the one that its NAT takes next. It
 * never answers there, and comes again and again. */
void sim_story_aim(struct sim_world *w)
{
    w->has_relay = true;
    sim_server_make(w, SIM_DELAY_US, false);
    struct sim_client *liar = client_behind(w, SIM_SITE_SYMMETRIC);
    struct sim_client *honest =
        client_behind(w, w->seed % 2 != 0 ? SIM_SITE_PORT : SIM_SITE_SYMMETRIC);
    sim_start_all(w);
    sim_run_for(w, SIM_S);
    if (w->seed % 2 == 0)
        claim(honest, 20480, 20991);
    sim_client_join(honest, "aimed");
    for (uint32_t turn = 0; turn < REJOINS; turn++) {
        claim(liar, VICTIM_PORT, (uint16_t)(VICTIM_PORT + 1 + turn % 3));
        sim_client_join(liar, "aimed");
        sim_run_for(w, 60 * SIM_S);
        sim_client_leave(liar);
        sim_run_for(w, SIM_S);
    }
    struct tryst_address victim = liar->public_address;
    victim.port = VICTIM_PORT;
    const struct sim_record *r = sim_watch_record(honest->party, &victim);
    sim_expect(w, r->hellos > 0 && r->hellos <= PACKETS_MOST, "%u packets went to the victim",
               r->hellos);
}

/* A liar that is reached by hellos claims a few ports. It falls silent until they were tried, answers in time,
 * and again: sprays that led to their peer. */
void sim_story_aim_again(struct sim_world *w)
{
    w->has_relay = true;
    sim_server_make(w, SIM_DELAY_US, false);
    struct sim_client *liar = client_behind(w, SIM_SITE_PORT);
    struct sim_client *honest = client_behind(w, SIM_SITE_PORT);
    sim_start_all(w);
    sim_run_for(w, SIM_S);
    claim(liar, VICTIM_PORT, VICTIM_PORT + 39);
    sim_client_join(honest, "aimed");
    sim_client_join(liar, "aimed");
    sim_run_for(w, 3 * SIM_S);
    sim_client_chatter(honest, 50 * SIM_MS);
    for (uint32_t turn = 0; turn < SILENCES; turn++) {
        sim_client_freeze(liar);
        sim_run_for(w, (1100 + w->seed % 3 * 200) * SIM_MS);
        sim_client_thaw(liar);
        sim_run_for(w, 1500 * SIM_MS);
    }
    struct tryst_address victim = liar->public_address;
    victim.port = VICTIM_PORT;
    const struct sim_record *r = sim_watch_record(honest->party, &victim);
    sim_expect(w, r->hellos > 0 && r->hellos <= PACKETS_MOST, "%u packets went to the victim",
               r->hellos);
}
