/* The endpoint and the relay: whom a RELAY reaches, what is refused, what the options ask for.
 * SPDX-License-Identifier: MIT */
#include "tests/unit/endpoint_world.h"

static struct endpoint_world world;

/* All connected, by the server alone. */
static void connect_by_relay(unsigned count)
{
    world_init(&world, count);
    world.server.relay_kbps = 2000;
    world.is_walled = true;
    world_connect(&world);
}

/* Takes the oldest datagram of a type on its way to an end out of the air; false: there is none. */
static bool take(unsigned end, uint8_t type, struct world_flight *taken)
{
    for (uint32_t i = 0; i < world.flight_count; i++) {
        struct world_flight *flight = &world.flights[i];

        if (flight->data[0] != type ||
            tryst_address_compare(&flight->to, &world.end[end].address) != 0)
            continue;
        *taken = *flight;
        world.flight_count--;
        memmove(flight, flight + 1, (world.flight_count - i) * sizeof *flight);
        return true;
    }
    return false;
}

static void hand(unsigned end, const struct world_flight *flight)
{
    ASSERT_EQ_INT(tryst_endpoint_input(world.end[end].endpoint, world_clock(&world, end),
                                       &flight->from, NULL, flight->data, flight->size),
                  TRYST_OK);
}

static void relay_reaches_the_right_one_of_several_peers(void)
{
    connect_by_relay(4);
    for (unsigned i = 0; i < 4; i++) {
        const struct tryst_event *event = &world.end[i].last[TRYST_EVENT_CONNECTED];

        ASSERT_EQ_UINT(world.end[i].told[TRYST_EVENT_CONNECTED], 3);
        ASSERT_EQ_UINT(event->path, TRYST_PATH_RELAY);
        ASSERT_EQ_INT(tryst_address_compare(&event->address, &world.server.address[0]), 0);
    }
    for (unsigned from = 0; from < 4; from++)
        for (unsigned to = 0; to < 4; to++) {
            if (from == to)
                continue;
            uint32_t told[4];
            for (unsigned i = 0; i < 4; i++)
                told[i] = world.end[i].told[TRYST_EVENT_MESSAGE];
            ASSERT_EQ_INT(world_send(&world, from, to, "to one", 7), TRYST_OK);
            world_for(&world, 50 * TR_MS); /* two trips: to the server, and from there */
            for (unsigned i = 0; i < 4; i++)
                ASSERT_EQ_UINT(world.end[i].told[TRYST_EVENT_MESSAGE], told[i] + (i == to));
            ASSERT_EQ_UINT(world.end[to].last[TRYST_EVENT_MESSAGE].peer, world.end[to].peer[from]);
        }
    world_clear(&world);
}

static void relay_is_left_when_the_wall_is_gone(void)
{
    connect_by_relay(2);
    world.is_walled = false;
    world_for(&world, 20 * TR_S);
    for (unsigned i = 0; i < 2; i++) {
        ASSERT_EQ_UINT(world.end[i].told[TRYST_EVENT_PATH], 1);
        ASSERT_EQ_UINT(world.end[i].last[TRYST_EVENT_PATH].path, TRYST_PATH_DIRECT);
        ASSERT_EQ_UINT(world.end[i].told[TRYST_EVENT_CONNECTED], 1);
    }
    world_clear(&world);
}

/* One bit in each byte of the head, another length, and a second time: counted, and nothing is told. */
static void relay_with_a_wrong_head_is_counted_and_not_read(void)
{
    struct world_flight flight, forged;

    connect_by_relay(2);
    ASSERT_EQ_INT(world_send(&world, 1, 0, "genuine", 8), TRYST_OK);
    world_for(&world, 25 * TR_MS);
    if (!ASSERT_TRUE(take(0, TR_RELAY, &flight)))
        return;
    uint32_t told = world.end[0].told[TRYST_EVENT_MESSAGE];
    for (size_t byte = 0; byte <= TR_RELAY_HEAD; byte++) {
        struct tryst_stats before = world_stats(&world, 0);

        forged = flight;
        if (byte < TR_RELAY_HEAD)
            forged.data[byte] ^= 0x40;
        else
            forged.size--;
        hand(0, &forged);
        struct tryst_stats after = world_stats(&world, 0);
        uint64_t seal = after.dropped_seal - before.dropped_seal;
        uint64_t unknown = after.dropped_unknown - before.dropped_unknown;
        bool is_named = byte < 9; /* its type, route and slot say whose it is */
        ASSERT_ROW(is_named ? unknown + seal == 1 : seal == 1, "byte %zu", byte);
    }
    world_for(&world, TR_MS);
    ASSERT_EQ_UINT(world.end[0].told[TRYST_EVENT_MESSAGE], told);
    hand(0, &flight);
    world_for(&world, TR_MS);
    ASSERT_EQ_UINT(world.end[0].told[TRYST_EVENT_MESSAGE], told + 1);
    ASSERT_EQ_STR(world.end[0].text, "genuine");
    uint64_t replays = world_stats(&world, 0).dropped_replay;
    hand(0, &flight);
    ASSERT_EQ_UINT(world_stats(&world, 0).dropped_replay, replays + 1);
    world_clear(&world);
}

static void relay_of_anything_but_hello_and_data_is_refused(void)
{
    struct world_flight flight;

    connect_by_relay(2);
    ASSERT_EQ_INT(world_send(&world, 1, 0, "x", 1), TRYST_OK);
    world_for(&world, 25 * TR_MS);
    if (!ASSERT_TRUE(take(0, TR_RELAY, &flight)))
        return;
    struct tryst_stats before = world_stats(&world, 0);
    for (unsigned type = 0; type < 256; type++) {
        flight.data[TR_RELAY_HEAD] = (uint8_t)type;
        if (type != TR_DATA && type != TR_HELLO)
            hand(0, &flight);
    }
    ASSERT_EQ_UINT(world_stats(&world, 0).dropped_unknown, before.dropped_unknown + 254);
    world_clear(&world);
}

/* Only the server is talked to by streams: a peer that comes by one is none. */
static void stream_brings_no_hello_and_no_data(void)
{
    struct world_flight flight;

    world_init(&world, 2);
    world_connect(&world);
    ASSERT_EQ_INT(world_send(&world, 1, 0, "direct", 7), TRYST_OK);
    world_for(&world, TR_MS);
    if (!ASSERT_TRUE(take(0, TR_DATA, &flight)))
        return;
    for (uint8_t transport = TRYST_TRANSPORT_TCP; transport <= TRYST_TRANSPORT_TLS; transport++) {
        struct world_flight hello = {.size = 264, .data = {TR_HELLO, TR_VERSION}};
        uint64_t unknown = world_stats(&world, 0).dropped_unknown;

        flight.from.transport = transport;
        hello.from = flight.from;
        hand(0, &flight);
        hand(0, &hello);
        ASSERT_EQ_UINT(world_stats(&world, 0).dropped_unknown, unknown + 2);
    }
    world_for(&world, TR_MS);
    ASSERT_EQ_UINT(world.end[0].told[TRYST_EVENT_MESSAGE], 0);
    flight.from.transport = TRYST_TRANSPORT_UDP;
    hand(0, &flight);
    world_for(&world, TR_MS);
    ASSERT_EQ_STR(world.end[0].text, "direct");
    world_clear(&world);
}

static void relay_is_asked_for_anew_when_the_server_lost_its_memory(void)
{
    connect_by_relay(2);
    world_for(&world, 5 * TR_S);
    scripted_restart(&world.server);
    world_for(&world, 5 * TR_S); /* RELAY of nobody's are among its faults now */
    world.server.faults = 0;
    for (unsigned i = 0; i < 120 && world.server.client_count < 2; i++)
        world_for(&world, TR_S);
    world.server.faults = 0;
    world_for(&world, 5 * TR_S);
    for (unsigned i = 0; i < 2; i++) {
        ASSERT_EQ_UINT(world_stats(&world, i).connected, 1);
        ASSERT_EQ_INT(world_send(&world, i, 1 - i, "again", 6), TRYST_OK);
    }
    world_for(&world, 100 * TR_MS);
    for (unsigned i = 0; i < 2; i++)
        ASSERT_EQ_STR(world.end[i].text, "again");
    world_clear(&world);
}

/* What the server says of one pair. */
static void relay_that_is_refused_to_one_pair_is_not_used_by_it(void)
{
    connect_by_relay(2);
    for (unsigned i = 0; i < 2; i++) {
        const struct tr_record *other = &world.server.clients[1 - i].body.record;
        struct tr_item_relay told = {
            .slot = (uint16_t)(1 - i), .epoch = other->epoch, .reason = TRYST_REASON_DENIED};
        uint8_t content[16];
        struct tr_writer writer;

        tr_writer_init(&writer, content, sizeof content);
        tr_layout_encode(&tr_layout_item_relay, &told, &writer);
        scripted_ctrl(&world.server, &world.server.clients[i], TR_ITEM_RELAY, content,
                      sizeof content);
    }
    world_for(&world, 100 * TR_MS);
    uint32_t relayed = world.server.clients[0].relayed;
    world_for(&world, 60 * TR_S);
    ASSERT_EQ_UINT(world.server.clients[0].relayed, relayed);
    for (unsigned i = 0; i < 2; i++) {
        ASSERT_EQ_UINT(world.end[i].told[TRYST_EVENT_UNREACHABLE], 1);
        ASSERT_EQ_UINT(world_stats(&world, i).connected, 0);
    }
    world_clear(&world);
}

static uint8_t use;

static void use_set(struct tryst_options *options)
{
    options->relay = use;
}

static void options_say_what_the_relay_is_used_for(void)
{
    static const struct {
        uint32_t caps;
        uint8_t local_count;
        uint8_t path;
    } rows[] = {{TR_CAP_RELAY, 1, TRYST_PATH_DIRECT},
                {0, 1, TRYST_PATH_DIRECT},
                {TR_CAP_RELAY | TR_CAP_RELAY_ONLY, 0, TRYST_PATH_RELAY}};

    for (use = TRYST_RELAY_ALLOW; use <= TRYST_RELAY_ONLY; use++) {
        world_init(&world, 2);
        world.server.relay_kbps = 2000;
        tryst_endpoint_destroy(world.end[0].endpoint);
        world.end[0].endpoint = world_endpoint(&world.server, 0, world.now_us, use_set);
        struct tryst_address local = {.family = 4, .port = 4000, .ip = {192, 168, 0, 1}};
        tryst_endpoint_set_local(world.end[0].endpoint, world.now_us, &local, 1);
        world_connect(&world);
        world_for(&world, 60 * TR_S);
        const struct tr_register_body *body = &world.server.clients[0].body;
        ASSERT_EQ_UINT(body->record.caps, rows[use].caps);
        ASSERT_EQ_UINT(body->local_count, rows[use].local_count);
        for (unsigned i = 0; i < 2; i++) {
            const struct world_end *end = &world.end[i];
            uint32_t path = end->told[TRYST_EVENT_PATH] > 0 ? end->last[TRYST_EVENT_PATH].path
                                                            : end->last[TRYST_EVENT_CONNECTED].path;

            ASSERT_ROW(path == rows[use].path, "use %u, end %u", use, i);
            if (use == TRYST_RELAY_DENY)
                ASSERT_EQ_UINT(world.server.clients[i].relayed, 0);
        }
        world_clear(&world);
    }
}

static void options_refuse_a_use_of_the_relay_that_there_is_not(void)
{
    struct tryst_identity *identity = NULL;
    struct tryst_endpoint *endpoint = NULL;
    struct tryst_options options;
    uint8_t seed[TRYST_SEED_SIZE] = {1};

    tryst_options_init(&options);
    ASSERT_EQ_UINT(options.relay, TRYST_RELAY_ALLOW);
    options.server = "host#AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    ASSERT_EQ_INT(tryst_identity_from_seed(&identity, seed, sizeof seed), TRYST_OK);
    for (unsigned value = 0; value < 256; value++) {
        options.relay = (uint8_t)value;
        tryst_result result = tryst_endpoint_create(&endpoint, identity, &options, seed, 0, 0);
        ASSERT_ROW(result == (value <= TRYST_RELAY_ONLY ? TRYST_OK : TRYST_E_ARGUMENT), "%u",
                   value);
        if (result == TRYST_OK)
            tryst_endpoint_destroy(endpoint);
    }
    tryst_identity_destroy(identity);
}

static void ports_set(struct tryst_options *options)
{
    options->tcp_port = 7443;
    options->tls_port = 443;
}

/* UDP is blocked: registered by a stream, and connected by the relay. */
static void streams_carry_all_where_udp_is_blocked(void)
{
    world_init(&world, 2);
    world.server.relay_kbps = 2000;
    tryst_endpoint_destroy(world.end[0].endpoint);
    world.end[0].endpoint = world_endpoint(&world.server, 0, world.now_us, ports_set);
    tryst_endpoint_destroy(world.end[1].endpoint);
    world.end[1].endpoint = world_endpoint(&world.server, 1, world.now_us, ports_set);
    world.is_udp_dead = true;
    for (unsigned i = 0; i < 2; i++)
        tryst_endpoint_set_server(world.end[i].endpoint, world.now_us, world.server.address, 1);
    world_for(&world, TR_S);
    for (unsigned i = 0; i < 2; i++) {
        ASSERT_EQ_UINT(world.end[i].told[TRYST_EVENT_COOKIE], 1);
        world_join(&world, i);
    }
    world_for(&world, 2 * TR_S);
    for (unsigned i = 0; i < 2; i++) {
        ASSERT_TRUE(world.server.clients[i].at.transport != TRYST_TRANSPORT_UDP);
        ASSERT_EQ_UINT(world.server.clients[i].at.port,
                       world.server.clients[i].at.transport == TRYST_TRANSPORT_TCP ? 7443 : 443);
        ASSERT_EQ_UINT(world.end[i].last[TRYST_EVENT_CONNECTED].path, TRYST_PATH_RELAY);
        ASSERT_EQ_INT(world_send(&world, i, 1 - i, "by streams", 11), TRYST_OK);
    }
    world_for(&world, 100 * TR_MS);
    for (unsigned i = 0; i < 2; i++)
        ASSERT_EQ_STR(world.end[i].text, "by streams");
    world_clear(&world);
}

UNIT_MAIN("endpoint_relay", UNIT_CASE(relay_reaches_the_right_one_of_several_peers),
          UNIT_CASE(relay_is_left_when_the_wall_is_gone),
          UNIT_CASE(relay_with_a_wrong_head_is_counted_and_not_read),
          UNIT_CASE(relay_of_anything_but_hello_and_data_is_refused),
          UNIT_CASE(stream_brings_no_hello_and_no_data),
          UNIT_CASE(relay_is_asked_for_anew_when_the_server_lost_its_memory),
          UNIT_CASE(relay_that_is_refused_to_one_pair_is_not_used_by_it),
          UNIT_CASE(options_say_what_the_relay_is_used_for),
          UNIT_CASE(options_refuse_a_use_of_the_relay_that_there_is_not),
          UNIT_CASE(streams_carry_all_where_udp_is_blocked))
