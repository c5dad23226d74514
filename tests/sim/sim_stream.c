/* Streams between clients and the server.
 * SPDX-License-Identifier: MIT */
#include "tests/sim/sim_stream.h"

#include "tests/sim/sim_server.h"
#include "tests/sim/sim_site.h"
#include "tests/sim/sim_world.h"
#include <string.h>

#define NUMBERED 0x80000000u /* the scope of a connection's far end, as the server sees it */

struct sim_stream {
    struct sim_client *client;
    struct sim_stream *next;
    struct tryst_address server; /* as the client knows it */
    struct tryst_address far;    /* as the server knows the client's end */
    uint64_t up_us;              /* when the newest datagram arrives, each way */
    uint64_t down_us;
    bool is_open;
};

struct cargo {
    struct sim_stream *stream;
    bool is_up;
    uint32_t size;
    uint8_t data[TRYST_DATAGRAM_MAX];
};

static uint64_t one_way_us(const struct sim_client *c)
{
    return sim_client_line_us(c) + c->world->server->host->ifaces[0]->link.up.delay_us;
}

static bool is_passable(const struct sim_client *c, uint8_t transport)
{
    const struct sim_link *uplink = sim_client_uplink((struct sim_client *)(uintptr_t)c);
    return !uplink->up.cut && !c->host->is_down &&
           !(c->host->is_without_tcp && transport == TRYST_TRANSPORT_TCP) &&
           c->world->server->service != NULL;
}

static void arrive(struct sim_world *w, void *object, uint64_t tag)
{
    struct cargo *cargo = object;
    struct sim_stream *stream = cargo->stream;
    (void)tag;
    if (!stream->is_open || !is_passable(stream->client, stream->server.transport)) {
        stream->is_open = false;
        return;
    }
    if (cargo->is_up)
        sim_server_take(w->server, &stream->far, &stream->server, cargo->data, cargo->size);
    else
        sim_client_take(stream->client, &stream->server, cargo->data, cargo->size);
}

static void carry(struct sim_world *w, struct sim_stream *stream, bool is_up, const void *data,
                  size_t size)
{
    struct cargo *cargo = sim_keep(w, sizeof *cargo);
    uint64_t *newest = is_up ? &stream->up_us : &stream->down_us;
    uint64_t at_us = w->now_us + one_way_us(stream->client);
    *newest = at_us > *newest ? at_us : *newest;
    *cargo = (struct cargo){.stream = stream, .is_up = is_up, .size = (uint32_t)size};
    memcpy(cargo->data, data, size);
    sim_queue_push(&w->queue, *newest, arrive, cargo, 0);
}

static struct sim_stream *open_stream(struct sim_client *c, const struct tryst_address *server)
{
    struct sim_world *w = c->world;
    struct sim_stream *stream = sim_keep(w, sizeof *stream);
    uint64_t trips = server->transport == TRYST_TRANSPORT_TCP ? 1 : 3;
    stream->client = c;
    stream->server = *server;
    stream->far = c->host->ifaces[0]->segment->gateway != NULL
                      ? c->host->ifaces[0]->segment->gateway->outer->ip4
                      : c->host->ifaces[0]->ip4;
    stream->far.transport = server->transport;
    stream->far.port = (uint16_t)(40000 + ++w->streams % 20000);
    stream->far.scope = NUMBERED | w->streams;
    stream->up_us = w->now_us + (2 * trips + 1) * one_way_us(c);
    stream->is_open = true;
    stream->next = w->stream_list;
    w->stream_list = stream;
    return stream;
}

void sim_stream_send(struct sim_client *c, const struct tryst_datagram *out)
{
    struct sim_world *w = c->world;
    struct sim_stream *stream = w->stream_list;
    if (!is_passable(c, out->to.transport))
        return;
    while (stream != NULL && !(stream->is_open && stream->client == c &&
                               tryst_address_compare(&stream->server, &out->to) == 0))
        stream = stream->next;
    if (stream == NULL)
        stream = open_stream(c, &out->to);
    carry(w, stream, true, out->data, out->size);
}

void sim_stream_reply(struct sim_world *w, const struct tryst_address *to,
                      const struct tryst_address *from, const void *data, size_t size)
{
    (void)from;
    for (struct sim_stream *stream = w->stream_list; stream != NULL; stream = stream->next)
        if (stream->is_open && stream->far.scope == to->scope)
            carry(w, stream, false, data, size);
}

void sim_stream_close(struct sim_client *c)
{
    for (struct sim_stream *stream = c->world->stream_list; stream != NULL; stream = stream->next)
        if (stream->client == c)
            stream->is_open = false;
}
