/* A few endpoints and a scripted server.
 * SPDX-License-Identifier: MIT */
#include "tests/unit/endpoint_world.h"

#include <tryst/pin.h>

enum { SPINS_MAX = 300 };

struct tryst_endpoint *world_endpoint(const struct scripted_server *server, unsigned number,
                                      uint64_t now_us, void (*change)(struct tryst_options *))
{
    struct tryst_pin pin = {.host = "20.0.0.1", .port = TRYST_PORT};
    struct tryst_options options;
    struct tryst_identity *identity = NULL;
    struct tryst_endpoint *endpoint = NULL;
    uint8_t seed[TRYST_KEY_SIZE] = {(uint8_t)(number + 1), 0xe0};
    char text[TRYST_PIN_TEXT_SIZE];

    memcpy(pin.key, server->root_key, sizeof pin.key);
    tryst_pin_format(&pin, text, sizeof text);
    tryst_options_init(&options);
    options.server = text;
    options.app = "test";
    if (change != NULL)
        change(&options);
    ASSERT_EQ_INT(tryst_identity_from_seed(&identity, seed, sizeof seed), TRYST_OK);
    seed[2] = 1;
    ASSERT_EQ_INT(tryst_endpoint_create(&endpoint, identity, &options, seed, now_us, 1500000),
                  TRYST_OK);
    tryst_identity_destroy(identity);
    return endpoint;
}

static void trace_on(struct tryst_options *options)
{
    options->trace = 1;
}

void world_init(struct endpoint_world *world, unsigned count)
{
    memset(world, 0, sizeof *world);
    scripted_init(&world->server, 1);
    world->server.certificate.not_after_s = UINT32_MAX; /* stories may take days */
    scripted_certify(&world->server);
    world->count = count;
    world->now_us = 1000 * TR_S;
    world->delay_us = 20 * TR_MS;
    for (unsigned i = 0; i < count; i++) {
        struct world_end *end = &world->end[i];

        end->endpoint = world_endpoint(&world->server, i, world->now_us, trace_on);
        end->address =
            (struct tryst_address){.family = 4, .port = 4000, .ip = {30, 0, 0, (uint8_t)(1 + i)}};
        tryst_endpoint_set_local(end->endpoint, world->now_us, &end->address, 1);
    }
}

void world_clear(struct endpoint_world *world)
{
    for (unsigned i = 0; i < world->count; i++)
        tryst_endpoint_destroy(world->end[i].endpoint);
    ASSERT_EQ_UINT(world->server.faults, 0);
    scripted_clear(&world->server);
}

uint64_t world_clock(const struct endpoint_world *world, unsigned end)
{
    return world->now_us - world->end[end].behind_us;
}

void world_join(struct endpoint_world *world, unsigned end)
{
    struct tryst_endpoint *endpoint = world->end[end].endpoint;
    uint64_t now_us = world_clock(world, end);

    ASSERT_EQ_INT(tryst_endpoint_set_server(endpoint, now_us, world->server.address, 1), TRYST_OK);
    ASSERT_EQ_INT(tryst_endpoint_join(endpoint, now_us, "room", "me", 2), TRYST_OK);
}

static void fly(struct endpoint_world *world, const struct tryst_address *from,
                const struct tryst_address *to, const void *data, size_t size)
{
    if (!ASSERT_TRUE(world->flight_count < WORLD_FLIGHTS))
        return;
    struct world_flight *flight = &world->flights[world->flight_count++];
    flight->us = world->now_us + world->delay_us;
    flight->from = *from;
    flight->to = *to;
    flight->size = (uint16_t)size;
    memcpy(flight->data, data, size);
}

static void event_take(struct endpoint_world *world, struct world_end *end,
                       const struct tryst_event *event)
{
    if (!ASSERT_TRUE(event->type < WORLD_EVENTS))
        return;
    end->told[event->type]++;
    end->last[event->type] = *event;
    end->last[event->type].data = NULL;
    if (event->type == TRYST_EVENT_MESSAGE) {
        end->bytes += (uint32_t)event->size;
        memcpy(end->text, event->data, event->size);
        end->text[event->size] = '\0';
    }
    for (unsigned i = 0; i < world->count && event->type == TRYST_EVENT_JOINED; i++)
        if (memcmp(world->end[i].key, event->key, TRYST_KEY_SIZE) == 0)
            end->peer[i] = event->peer;
    if (event->type == TRYST_EVENT_COOKIE)
        memcpy(end->key, event->key, TRYST_KEY_SIZE);
}

static bool gets_through(const struct endpoint_world *world, const struct tryst_address *to)
{
    bool is_stream = to->transport != TRYST_TRANSPORT_UDP;
    bool is_to_server = is_stream || to->port == TRYST_PORT;

    return (is_to_server || !world->is_walled) && (is_stream || !world->is_udp_dead);
}

static void drain(struct endpoint_world *world)
{
    struct tr_datagram *reply = NULL;

    for (unsigned i = 0; i < world->count; i++) {
        struct world_end *end = &world->end[i];
        struct tryst_datagram out;
        struct tryst_event event;

        while (!end->is_lazy &&
               tryst_endpoint_output(end->endpoint, world_clock(world, i), &out) == 1)
            if (!end->is_cut_off && gets_through(world, &out.to))
                fly(world, &end->address, &out.to, out.data, out.size);
        while (!end->is_lazy && tryst_endpoint_poll(end->endpoint, &event) == 1)
            event_take(world, end, &event);
    }
    while ((reply = tr_outbox_pop(&world->server.outbox)) != NULL)
        if (gets_through(world, &reply->from))
            fly(world, &reply->from, &reply->to, reply->data, reply->size);
}

static void arrive(struct endpoint_world *world)
{
    for (uint32_t i = 0; i < world->flight_count;) {
        struct world_flight *flight = &world->flights[i];

        if (flight->us > world->now_us) {
            i++;
            continue;
        }
        if (flight->to.port == TRYST_PORT || flight->to.transport != TRYST_TRANSPORT_UDP)
            scripted_input(&world->server, &flight->from, &flight->to, flight->data, flight->size);
        for (unsigned j = 0; j < world->count; j++)
            if (tryst_address_compare(&world->end[j].address, &flight->to) == 0 &&
                !world->end[j].is_cut_off)
                tryst_endpoint_input(world->end[j].endpoint, world_clock(world, j), &flight->from,
                                     NULL, flight->data, flight->size);
        world->flight_count--;
        memmove(flight, flight + 1, (world->flight_count - i) * sizeof *flight);
    }
}

/* When an end's next deadline is, by the world's clock. */
static uint64_t due_us(const struct endpoint_world *world, unsigned end)
{
    uint64_t next = tryst_endpoint_deadline(world->end[end].endpoint);

    return next == TR_NEVER ? next : next + world->end[end].behind_us;
}

void world_for(struct endpoint_world *world, uint64_t span_us)
{
    uint64_t until_us = world->now_us + span_us;
    unsigned spins = 0;

    drain(world);
    for (;;) {
        uint64_t next = TR_NEVER;

        for (unsigned i = 0; i < world->count; i++)
            if (!world->end[i].is_lazy)
                tr_sooner(&next, due_us(world, i));
        for (uint32_t i = 0; i < world->flight_count; i++)
            tr_sooner(&next, world->flights[i].us);
        if (next > until_us)
            break;
        spins = next > world->now_us ? 0 : spins + 1;
        if (!ASSERT_ROW(spins < SPINS_MAX, "deadline in the past at %" PRIu64, world->now_us))
            break;
        world->now_us = next > world->now_us ? next : world->now_us;
        arrive(world);
        for (unsigned i = 0; i < world->count; i++)
            if (!world->end[i].is_lazy)
                tryst_endpoint_tick(world->end[i].endpoint, world_clock(world, i));
        drain(world);
    }
    world->now_us = until_us;
}

void world_connect(struct endpoint_world *world)
{
    for (unsigned i = 0; i < world->count; i++)
        tryst_endpoint_set_server(world->end[i].endpoint, world->now_us, world->server.address, 1);
    world_for(world, 100 * TR_MS); /* every key is known by its cookie */
    for (unsigned i = 0; i < world->count; i++)
        world_join(world, i);
    world_for(world, TR_S);
    for (unsigned i = 0; i < world->count; i++)
        ASSERT_EQ_UINT(world_stats(world, i).connected, world->count - 1);
}

tryst_result world_send(struct endpoint_world *world, unsigned from, unsigned to, const void *data,
                        size_t size)
{
    return tryst_endpoint_send(world->end[from].endpoint, world_clock(world, from),
                               world->end[from].peer[to], data, size);
}

struct tryst_stats world_stats(const struct endpoint_world *world, unsigned end)
{
    struct tryst_stats stats = {0};

    ASSERT_EQ_INT(tryst_endpoint_stats(world->end[end].endpoint, &stats), TRYST_OK);
    return stats;
}
