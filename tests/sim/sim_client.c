/* A participant in a world: an endpoint on a host, driven as a game's loop would drive it.
 * SPDX-License-Identifier: MIT */
#include "tests/sim/sim_client.h"

#include "tests/sim/sim_events.h"
#include "tests/sim/sim_ledger.h"
#include "tests/sim/sim_server.h"
#include "tests/sim/sim_stream.h"
#include "tests/sim/sim_world.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tryst/identity.h>

/* Memory of a client alone (rings of datagrams and events) and of each peer, with what is held for it for a
 * moment after a move. */
#define MEMORY_BASE (192 << 10)
#define MEMORY_PEER (5120 + 4 * 1154)

static void wake(struct sim_world *w, void *object, uint64_t tag);
static void drain_later(struct sim_world *w, void *object, uint64_t tag);

/* What its clock says. */
static uint64_t clock_of(const struct sim_client *c)
{
    return c->world->now_us + (uint64_t)c->skew_us;
}

/* Whether a source address is one of the host's; a kernel refuses any other. */
static bool is_own(const struct sim_client *c, const struct tryst_address *from)
{
    for (uint32_t i = 0; i < c->host->count; i++)
        if (sim_ip_equal(&c->host->ifaces[i]->ip4, from) ||
            sim_ip_equal(&c->host->ifaces[i]->ip6, from))
            return true;
    return false;
}

static void put_on_wire(struct sim_client *c, const struct tryst_datagram *out)
{
    if (out->to.transport != TRYST_TRANSPORT_UDP) {
        sim_stream_send(c, out);
        return;
    }
    if (out->from.family != 0 && !is_own(c, &out->from)) {
        sim_expect(c->world, c->local_count != 0, "%s sends from an address that is not its own",
                   c->name);
        return;
    }
    sim_expect(c->world, out->from.family == 0 || out->from.family == out->to.family,
               "%s sends from one family to the other", c->name);
    sim_expect(c->world,
               out->socket <= c->options.sockets && (out->socket == 0 || out->to.family == 4),
               "%s sends from socket %u of %u", c->name, out->socket, c->options.sockets);
    if (out->ttl == 0) /* else it is to die on its way */
        sim_watch_sent(c->world, c->party, &out->to, out->data, out->size);
    const uint8_t first = *(const uint8_t *)out->data;
    c->shown_to_peers += first == 0x0a || first == 0x0b;
    c->said_to_peers += first == 0x0a || first == 0x0b || first == 0x0c;
    struct sim_sending sending = {.to = out->to,
                                  .from = out->from,
                                  .ttl = out->ttl,
                                  .socket = out->socket,
                                  .origin = c->party->id,
                                  .is_genuine = true,
                                  .data = out->data,
                                  .size = out->size};
    sim_host_send(c->world, c->host, &sending);
}

static bool take_output(struct sim_client *c)
{
    struct tryst_datagram out;
    sim_meter_now = &c->meter;
    tryst_result result = tryst_endpoint_output(c->endpoint, clock_of(c), &out);
    sim_meter_now = NULL;
    sim_expect(c->world, result >= 0, "%s: output says %d", c->name, result);
    if (result == 1)
        put_on_wire(c, &out);
    return result == 1;
}

static bool take_event(struct sim_client *c)
{
    struct tryst_event event;
    sim_meter_now = &c->meter;
    tryst_result result = tryst_endpoint_poll(c->endpoint, &event);
    sim_meter_now = NULL;
    sim_expect(c->world, result >= 0, "%s: poll says %d", c->name, result);
    if (result == 1)
        sim_events_take(c, &event);
    return result == 1;
}

/* Closes what is not wanted any more. */
static void close_sockets(struct sim_client *c)
{
    uint8_t bits[(TRYST_SOCKETS_MAX + 1) / 8];
    tryst_result count = tryst_endpoint_sockets(c->endpoint, bits);
    c->sockets = count > 0 ? (uint32_t)count : 0;
    c->sockets_most = c->sockets > c->sockets_most ? c->sockets : c->sockets_most;
    for (int i = 1; i <= TRYST_SOCKETS_MAX && c->host->newest_port != 0; i++)
        if ((bits[i / 8] >> i % 8 & 1) == 0)
            c->host->ports[i] = 0;
}

static void plan_wake(struct sim_client *c)
{
    struct sim_world *w = c->world;
    uint64_t deadline_us = tryst_endpoint_deadline(c->endpoint);
    if (deadline_us != TRYST_NEVER) /* on its own clock, which may have been set back since */
        deadline_us = (int64_t)deadline_us > c->skew_us ? deadline_us - (uint64_t)c->skew_us : 0;
    if (deadline_us < w->now_us)
        deadline_us = w->now_us;
    if (deadline_us == c->wake_us)
        return;
    c->wake_us = deadline_us;
    c->wake_tag++;
    if (deadline_us != TRYST_NEVER)
        sim_queue_push(&w->queue, deadline_us, wake, c, c->wake_tag);
}

static void drain(struct sim_client *c)
{
    struct sim_world *w = c->world;
    while (!w->failed && c->endpoint != NULL && (take_output(c) || take_event(c)))
        ;
    if (c->endpoint == NULL || w->failed)
        return;
    close_sockets(c);
    int64_t bound = MEMORY_BASE + (int64_t)c->peer_count * MEMORY_PEER;
    if (c->was_stopped) /* it answers all that had waited at once */
        bound += (int64_t)(sizeof c->stopped / sizeof c->stopped[0]) * 1280;
    sim_expect(w, c->meter.bytes <= bound, "%s holds %lld bytes, %u participants known ever",
               c->name, (long long)c->meter.bytes, c->peer_count);
    plan_wake(c);
}

/* After every call into the endpoint. */
static void settle(struct sim_client *c)
{
    if (c->endpoint == NULL)
        return;
    if (sim_random_hit(&c->world->choice, c->lazy)) {
        if (!c->is_asleep)
            sim_after(c->world, sim_random_below(&c->world->choice, 30000), drain_later, c,
                      c->party->id);
        c->is_asleep = true;
        plan_wake(c);
    } else if (!c->is_asleep) {
        drain(c);
    } else {
        plan_wake(c);
    }
}

static void drain_later(struct sim_world *w, void *object, uint64_t tag)
{
    struct sim_client *c = object;
    (void)w;
    if (c->endpoint == NULL || c->party->id != tag)
        return;
    c->is_asleep = false;
    drain(c);
}

static void wake(struct sim_world *w, void *object, uint64_t tag)
{
    struct sim_client *c = object;
    if (tag != c->wake_tag || c->endpoint == NULL || c->is_stopped)
        return;
    c->spins = c->spin_us == w->now_us ? c->spins + 1 : 0;
    c->spin_us = w->now_us;
    sim_expect(w, c->spins < 1000, "%s: the deadline stays due after its tick", c->name);
    c->wake_us = TRYST_NEVER;
    sim_meter_now = &c->meter;
    for (uint32_t i = 0; i <= c->stutter; i++)
        tryst_endpoint_tick(c->endpoint, clock_of(c));
    sim_meter_now = NULL;
    settle(c);
}

static void receive(struct sim_world *w, void *object, const struct sim_packet *packet,
                    const struct tryst_address *to)
{
    struct sim_client *c = object;
    if (c->endpoint == NULL)
        return;
    if (c->is_stopped) {
        if (c->stopped_count < sizeof c->stopped / sizeof c->stopped[0])
            c->stopped[c->stopped_count++] = sim_net_copy(w, packet);
        return;
    }
    sim_watch_arrived(w, c->party, packet);
    int socket = sim_host_socket(c->host, packet->dst.port);
    if (socket < 0)
        return; /* it was closed while the datagram waited */
    sim_meter_now = &c->meter;
    tryst_endpoint_input_on(c->endpoint, clock_of(c), (uint32_t)socket, &packet->src, to,
                            packet->data, packet->size);
    for (uint32_t i = 0; i < c->stutter; i++)
        tryst_endpoint_tick(c->endpoint, clock_of(c));
    sim_meter_now = NULL;
    settle(c);
}

void sim_client_take(struct sim_client *c, const struct tryst_address *from, const void *data,
                     size_t size)
{
    if (c->endpoint == NULL || c->is_stopped)
        return;
    sim_meter_now = &c->meter;
    tryst_endpoint_input(c->endpoint, clock_of(c), from, NULL, data, size);
    sim_meter_now = NULL;
    settle(c);
}

static struct tryst_identity *make_identity(struct sim_client *c)
{
    struct tryst_identity *identity = NULL;
    tryst_result result =
        tryst_identity_from_seed(&identity, c->identity_seed, sizeof c->identity_seed);
    sim_expect(c->world, result == TRYST_OK, "tryst_identity_from_seed says %d", result);
    if (identity != NULL)
        tryst_identity_public_key(identity, c->key);
    return identity;
}

struct sim_client *sim_client_make(struct sim_world *w, struct sim_host *host)
{
    struct sim_client *c = sim_keep(w, sizeof *c);
    c->world = w;
    c->host = host;
    c->index = w->client_count;
    c->first_words = 1;
    snprintf(c->name, sizeof c->name, "c%u", c->index % 1000);
    if (w->client_count == SIM_CLIENTS_MAX)
        abort();
    w->clients[w->client_count++] = c;
    sim_random_bytes(&w->secret, c->identity_seed, sizeof c->identity_seed);
    tryst_identity_destroy(make_identity(c));
    tryst_options_init(&c->options);
    c->options.relay = w->has_relay ? TRYST_RELAY_ALLOW : TRYST_RELAY_DENY;
    host->object = c;
    host->receive = receive;
    return c;
}

void sim_client_impersonate(struct sim_client *c, const struct sim_client *other)
{
    memcpy(c->identity_seed, other->identity_seed, sizeof c->identity_seed);
    memcpy(c->key, other->key, sizeof c->key);
}

void sim_client_tell_local(struct sim_client *c)
{
    struct tryst_address local[2 * SIM_IFACES_MAX];
    size_t count = 0;
    for (uint32_t i = 0; i < c->host->count; i++) {
        const struct tryst_address *ips[2] = {&c->host->ifaces[i]->ip4, &c->host->ifaces[i]->ip6};
        for (int j = 0; j < 2; j++) {
            if (ips[j]->family == 0)
                continue;
            local[count] = *ips[j];
            local[count].port = c->host->port;
            local[count++].scope = c->host->ifaces[i]->index;
        }
    }
    bool own = c->local_count == 0;
    sim_meter_now = &c->meter;
    tryst_result result = tryst_endpoint_set_local(c->endpoint, clock_of(c), own ? local : c->local,
                                                   own ? count : c->local_count);
    sim_meter_now = NULL;
    sim_expect(c->world, result == TRYST_OK, "%s: set_local says %d", c->name, result);
    settle(c);
}

void sim_client_start(struct sim_client *c)
{
    struct sim_world *w = c->world;
    const struct sim_server *server = w->server;
    uint8_t seed[TRYST_SEED_SIZE];
    if (c->endpoint != NULL)
        return;
    sim_random_bytes(&w->secret, seed, sizeof seed);
    c->party = sim_watch_party(w, false);
    c->party->servers = server->addresses;
    c->party->server_count = server->address_count;
    c->party->sources = c->host->count;
    c->options.server = server->pin;
    c->wake_us = TRYST_NEVER;
    c->is_asleep = false;
    c->host->is_down = false;
    struct tryst_identity *identity = make_identity(c);
    sim_meter_now = &c->meter;
    tryst_result result =
        tryst_endpoint_create(&c->endpoint, identity, &c->options, seed, clock_of(c),
                              SIM_UNIX_S * 1000 + w->now_us / SIM_MS);
    sim_meter_now = NULL;
    tryst_identity_destroy(identity);
    sim_expect(w, result == TRYST_OK, "%s: tryst_endpoint_create says %d", c->name, result);
    if (result != TRYST_OK)
        return;
    sim_client_tell_local(c);
    sim_meter_now = &c->meter;
    result = tryst_endpoint_set_server(c->endpoint, clock_of(c), server->addresses,
                                       server->address_count);
    sim_meter_now = NULL;
    sim_expect(w, result == TRYST_OK, "%s: set_server says %d", c->name, result);
    settle(c);
}

void sim_client_join(struct sim_client *c, const char *session)
{
    struct sim_world *w = c->world;
    if (c->endpoint == NULL)
        return;
    c->join_us = w->now_us;
    c->registered_us = 0;
    snprintf(c->session, sizeof c->session, "%s", session);
    sim_meter_now = &c->meter;
    tryst_result result =
        tryst_endpoint_join(c->endpoint, clock_of(c), session, c->name, strlen(c->name));
    sim_meter_now = NULL;
    sim_expect(w, result == TRYST_OK, "%s: join says %d", c->name, result);
    settle(c);
}

void sim_client_leave(struct sim_client *c)
{
    if (c->endpoint == NULL || c->session[0] == '\0')
        return;
    c->session[0] = '\0';
    sim_meter_now = &c->meter;
    tryst_result result = tryst_endpoint_leave(c->endpoint, clock_of(c));
    sim_meter_now = NULL;
    sim_expect(c->world, result == TRYST_OK, "%s: leave says %d", c->name, result);
    drain(c);
    sim_events_forget(c);
}

void sim_client_freeze(struct sim_client *c)
{
    c->is_stopped = c->was_stopped = true;
    c->chatter_was_us = c->chatter_us;
    sim_client_chatter(c, 0);
}

void sim_client_thaw(struct sim_client *c)
{
    c->is_stopped = false;
    sim_client_chatter(c, c->chatter_was_us);
    for (uint32_t i = 0; i < c->stopped_count; i++)
        receive(c->world, c, c->stopped[i], &c->stopped[i]->dst);
    c->stopped_count = 0;
    c->wake_us = TRYST_NEVER;
    plan_wake(c);
}

void sim_client_stop(struct sim_client *c)
{
    if (c->endpoint == NULL)
        return;
    sim_meter_now = &c->meter;
    tryst_endpoint_destroy(c->endpoint);
    sim_meter_now = NULL;
    c->endpoint = NULL;
    c->session[0] = '\0';
    c->host->is_down = true;
    c->wake_tag++;
    sim_events_forget(c);
    c->peer_count = 0; /* handles are an endpoint's */
    sim_expect(c->world, c->meter.bytes == 0, "%s: a destroyed endpoint holds %lld bytes", c->name,
               (long long)c->meter.bytes);
}

void sim_client_clear(struct sim_client *c)
{
    sim_client_stop(c);
    free(c->peers);
    c->peers = NULL;
}

bool sim_client_say(struct sim_client *c, const struct sim_client *to, size_t size)
{
    struct sim_world *w = c->world;
    struct sim_peer *peer = sim_client_peer(c, to);
    uint8_t data[TRYST_MESSAGE_MAX];
    if (c->endpoint == NULL || peer == NULL)
        return false;
    sim_ledger_compose(w, c->index, to->index, data, size);
    sim_meter_now = &c->meter;
    tryst_result result = tryst_endpoint_send(c->endpoint, clock_of(c), peer->handle, data, size);
    sim_meter_now = NULL;
    /* E_PEER: it left, and LEFT is not taken yet. */
    sim_expect(w,
               result == TRYST_OK || result == TRYST_E_NOT_CONNECTED || result == TRYST_E_FULL ||
                   result == TRYST_E_PEER,
               "%s: send says %d", c->name, result);
    if (result != TRYST_OK)
        return false;
    sim_ledger_note(w, c->index, to->index, size);
    settle(c);
    return true;
}

static void chatter(struct sim_world *w, void *object, uint64_t tag)
{
    struct sim_client *c = object;
    if (tag != c->chatter_tag || c->chatter_us == 0)
        return;
    for (uint32_t i = 0; i < w->client_count; i++)
        if (i != c->index && sim_client_reaches(c, w->clients[i]))
            sim_client_say(c, w->clients[i],
                           c->chatter_bytes != 0
                               ? c->chatter_bytes
                               : SIM_MESSAGE_MIN + sim_random_below(&w->choice, 1100));
    sim_after(w, c->chatter_us, chatter, c, c->chatter_tag);
}

void sim_client_chatter(struct sim_client *c, uint64_t period_us)
{
    c->chatter_us = period_us;
    c->chatter_tag++;
    if (period_us != 0)
        sim_after(c->world, sim_random_below(&c->world->choice, (uint32_t)period_us), chatter, c,
                  c->chatter_tag);
}

struct sim_peer *sim_client_peer(struct sim_client *c, const struct sim_client *other)
{
    for (uint32_t i = c->peer_count; i-- > 0;)
        if (c->peers[i].is_present && memcmp(c->peers[i].key, other->key, sizeof other->key) == 0)
            return &c->peers[i];
    return NULL;
}

bool sim_client_knows(struct sim_client *c, const struct sim_client *other)
{
    return sim_client_peer(c, other) != NULL;
}

bool sim_client_reaches(struct sim_client *c, const struct sim_client *other)
{
    struct sim_peer *peer = sim_client_peer(c, other);
    return peer != NULL && peer->is_connected;
}
