/* The rendezvous server in a world: a service on a host of the core, killed and restarted at will.
 * SPDX-License-Identifier: MIT */
#include "tests/sim/sim_server.h"

#include "tests/sim/sim_stream.h"
#include "tests/sim/sim_world.h"
#include <stdio.h>
#include <string.h>
#include <tryst/identity.h>
#include <tryst/pin.h>

#define PORT 7777
#define OTHER_PORT 7778
/* Memory of a server that nobody uses, and of each participant: fixed rings and tables first. */
#define MEMORY_BASE (512 << 10)
#define MEMORY_PARTICIPANT 4096

static void wake(struct sim_world *w, void *object, uint64_t tag);

static void check_memory(struct sim_server *server)
{
    const struct tr_server_stats *stats = tr_service_stats(server->service);
    int64_t bound = MEMORY_BASE + (int64_t)stats->participants * MEMORY_PARTICIPANT;
    sim_expect(server->world, server->meter.bytes <= bound,
               "the server holds %lld bytes for %llu participants", (long long)server->meter.bytes,
               (unsigned long long)stats->participants);
}

static void drain(struct sim_server *server)
{
    struct sim_world *w = server->world;
    if (server->service == NULL || w->failed)
        return;
    for (;;) {
        sim_meter_now = &server->meter;
        const struct tr_datagram *out = tr_service_output(server->service);
        sim_meter_now = NULL;
        if (out == NULL)
            break;
        if (out->to.transport != TRYST_TRANSPORT_UDP) {
            sim_stream_reply(w, &out->to, &out->from, out->data, out->size);
            continue;
        }
        sim_watch_sent(w, server->party, &out->to, out->data, out->size);
        struct sim_sending sending = {.to = out->to,
                                      .from = out->from,
                                      .socket = out->from.port == OTHER_PORT,
                                      .ttl = out->ttl,
                                      .origin = server->party->id,
                                      .is_genuine = true,
                                      .data = out->data,
                                      .size = out->size};
        sim_host_send(w, server->host, &sending);
    }
    check_memory(server);
    uint64_t deadline_us = tr_service_deadline(server->service);
    if (deadline_us < w->now_us)
        deadline_us = w->now_us;
    if (deadline_us != server->wake_us) {
        server->wake_us = deadline_us;
        server->wake_tag++;
        if (deadline_us != UINT64_MAX)
            sim_queue_push(&w->queue, deadline_us, wake, server, server->wake_tag);
    }
}

static void wake(struct sim_world *w, void *object, uint64_t tag)
{
    struct sim_server *server = object;
    if (tag != server->wake_tag || server->service == NULL)
        return;
    server->spins = server->spin_us == w->now_us ? server->spins + 1 : 0;
    server->spin_us = w->now_us;
    sim_expect(w, server->spins < 1000, "the server's deadline stays due after its tick");
    server->wake_us = UINT64_MAX;
    sim_meter_now = &server->meter;
    tr_service_tick(server->service, w->now_us);
    sim_meter_now = NULL;
    drain(server);
}

static void receive(struct sim_world *w, void *object, const struct sim_packet *packet,
                    const struct tryst_address *to)
{
    struct sim_server *server = object;
    if (server->service == NULL)
        return;
    sim_watch_arrived(w, server->party, packet);
    sim_meter_now = &server->meter;
    tr_service_input(server->service, w->now_us, &packet->src, to, packet->data, packet->size);
    sim_meter_now = NULL;
    drain(server);
}

void sim_server_take(struct sim_server *server, const struct tryst_address *from,
                     const struct tryst_address *to, const void *data, size_t size)
{
    if (server->service == NULL)
        return;
    sim_meter_now = &server->meter;
    tr_service_input(server->service, server->world->now_us, from, to, data, size);
    sim_meter_now = NULL;
    drain(server);
}

static void make_keys(struct sim_server *server)
{
    struct tr_service_options *options = &server->options;
    uint8_t secret[TR_SIGN_SECRET];
    struct tryst_pin pin = {.host = "server.example", .port = PORT};
    sim_random_bytes(&server->world->secret, options->root_seed, sizeof options->root_seed);
    sim_random_bytes(&server->world->secret, options->node_seed, sizeof options->node_seed);
    tr_seal_sign_pair(options->root_key, secret, options->root_seed);
    memcpy(pin.key, options->root_key, sizeof pin.key);
    tryst_result result = tryst_pin_format(&pin, server->pin, sizeof server->pin);
    sim_expect(server->world, result > 0, "tryst_pin_format says %d", result);
}

bool sim_server_owns(const struct sim_server *server, const struct tryst_address *ip)
{
    for (uint32_t i = 0; i < server->address_count; i++)
        if (sim_ip_equal(&server->addresses[i], ip))
            return true;
    return server->other.family != 0 && sim_ip_equal(&server->other, ip);
}

struct sim_server *sim_server_make(struct sim_world *w, uint32_t delay_us, bool has_ipv6)
{
    struct sim_server *server = sim_keep(w, sizeof *server);
    struct tryst_address ip4 = sim_net_public4(w);
    struct tryst_address ip6 = has_ipv6 ? sim_net_public6(w) : (struct tryst_address){0};
    server->world = w;
    server->host = sim_host_make(w, PORT);
    server->host->object = server;
    server->host->receive = receive;
    sim_host_attach(w, server->host, &w->net.core, ip4, ip6, delay_us);
    if (w->has_other_ip) {
        server->other = sim_net_public4(w);
        sim_host_attach(w, server->host, &w->net.core, server->other, (struct tryst_address){0},
                        delay_us);
        server->other.port = PORT;
    }
    server->host->ports[1] = OTHER_PORT;
    server->options.vantage =
        (struct tr_vantage){.port = PORT, .other_port = OTHER_PORT, .other = {server->other}};
    ip4.port = ip6.port = PORT;
    server->addresses[server->address_count++] = ip4;
    if (has_ipv6)
        server->addresses[server->address_count++] = ip6;
    tr_seal_start();
    make_keys(server);
    w->server = server;
    sim_server_start(server);
    return server;
}

void sim_server_start(struct sim_server *server)
{
    struct sim_world *w = server->world;
    if (server->service != NULL)
        return;
    sim_random_bytes(&w->secret, server->options.seed, sizeof server->options.seed);
    struct sim_party *before = server->party;
    server->party = sim_watch_party(w, true);
    if (before != NULL)
        sim_watch_inherit(server->party, before);
    server->lives++;
    struct tr_service_options options = server->options;
    sim_meter_now = &server->meter;
    tryst_result result =
        tr_service_create(&server->service, &options, w->now_us, SIM_UNIX_S + w->now_us / SIM_S);
    if (result == TRYST_OK)
        tr_service_recall(server->service, server->recall, SIM_RECALL_ROWS, w->now_us);
    sim_meter_now = NULL;
    sim_expect(w, result == TRYST_OK, "tr_service_create says %d", result);
    server->host->is_down = false;
    server->wake_us = UINT64_MAX;
    drain(server);
}

void sim_server_kill(struct sim_server *server)
{
    if (server->service == NULL)
        return;
    sim_meter_now = &server->meter;
    tr_service_destroy(server->service);
    sim_meter_now = NULL;
    server->service = NULL;
    server->host->is_down = true;
    server->wake_tag++;
    sim_expect(server->world, server->meter.bytes == 0, "a destroyed server holds %lld bytes",
               (long long)server->meter.bytes);
}

void sim_server_shutdown(struct sim_server *server)
{
    if (server->service == NULL)
        return;
    sim_meter_now = &server->meter;
    tr_service_shutdown(server->service, server->world->now_us);
    sim_meter_now = NULL;
    drain(server);
    sim_server_kill(server);
    server->party = NULL; /* it recalls nobody */
}

void sim_server_clear(struct sim_server *server)
{
    sim_server_kill(server);
}
