/* A client's rendezvous and a scripted server.
 * SPDX-License-Identifier: MIT */
#include "tests/unit/server_talk.h"

enum { SPINS_MAX = 200 };

void talk_init(struct server_talk *talk, uint64_t seed, uint64_t unix_s)
{
    static const uint8_t app[TR_APP_BYTES] = {9};

    memset(talk, 0, sizeof *talk);
    pair_side_init(&talk->self, seed);
    scripted_init(&talk->server, seed);
    tr_outbox_init(&talk->outbox, 256);
    talk->now_us = 50 * TR_S;
    talk->delay_us = 20 * TR_MS;
    for (unsigned i = 0; i < 2; i++) {
        talk->local[i] =
            (struct tryst_address){.family = 4, .port = 4000, .ip = {192, 168, (uint8_t)i, 2}};
        talk->public[i] = (struct tryst_address){
            .family = 4, .port = (uint16_t)(6000 + i), .ip = {30, 0, 0, (uint8_t)(1 + i)}};
    }
    tr_rendezvous_init(&talk->rendezvous, &talk->self.identity, talk->server.root_key, app,
                       talk->now_us, unix_s * 1000);
}

void talk_clear(struct server_talk *talk)
{
    ASSERT_EQ_UINT(talk->server.faults, 0);
    tr_rendezvous_clear(&talk->rendezvous);
    scripted_clear(&talk->server);
    tr_outbox_clear(&talk->outbox);
}

void talk_begin(struct server_talk *talk)
{
    tr_rendezvous_set_uplinks(&talk->rendezvous, talk->now_us, talk->server.address, 1, NULL, 0);
}

void talk_begin_all(struct server_talk *talk)
{
    struct tryst_address servers[3];

    for (uint8_t i = 0; i < 3; i++) {
        servers[i] = talk->server.address[0];
        servers[i].transport = (uint8_t)(TRYST_TRANSPORT_UDP + i);
        servers[i].port = (uint16_t)(i < 2 ? 7777 + i : 443);
    }
    tr_rendezvous_set_uplinks(&talk->rendezvous, talk->now_us, servers, 3, NULL, 0);
}

void talk_join(struct server_talk *talk)
{
    static const uint8_t session[TR_SESSION_BYTES] = {7};

    tr_rendezvous_join(&talk->rendezvous, talk->now_us, session, "hi", 2, &talk->self.random);
}

static void fly(struct server_talk *talk, const struct talk_flight *flight)
{
    if (ASSERT_TRUE(talk->flight_count < TALK_FLIGHTS))
        talk->flights[talk->flight_count++] = *flight;
}

static void times_note(struct server_talk *talk, uint8_t type, bool is_stream)
{
    if (type == TR_BIND && is_stream) {
        if (talk->stream_count < TALK_TIMES)
            talk->stream_us[talk->stream_count++] = talk->now_us;
        return;
    }
    if (type == TR_BIND && talk->bind_count < TALK_TIMES)
        talk->bind_us[talk->bind_count++] = talk->now_us;
    else if (type == TR_REGISTER && talk->register_count < TALK_TIMES)
        talk->register_us[talk->register_count++] = talk->now_us;
    else
        talk->ctrl_count++;
}

static void outboxes_empty(struct server_talk *talk)
{
    struct tr_datagram *datagram = NULL;

    while ((datagram = tr_outbox_pop(&talk->outbox)) != NULL) {
        unsigned way = tryst_address_compare(&datagram->from, &talk->local[1]) == 0 ? 1 : 0;
        struct talk_flight flight = {.us = talk->now_us + talk->delay_us,
                                     .is_to_server = true,
                                     .from = talk->public[way],
                                     .to = datagram->to,
                                     .size = datagram->size};

        bool is_stream = datagram->to.transport != TRYST_TRANSPORT_UDP;

        times_note(talk, datagram->data[0], is_stream);
        memcpy(flight.data, datagram->data, datagram->size);
        if (!talk->is_dead[way] && (is_stream || !talk->is_udp_dead))
            fly(talk, &flight);
    }
    while ((datagram = tr_outbox_pop(&talk->server.outbox)) != NULL) {
        struct talk_flight flight = {.us = talk->now_us + talk->delay_us,
                                     .from = datagram->from,
                                     .to = datagram->to,
                                     .size = datagram->size};
        unsigned way = 0;

        while (way < 2 && tryst_address_compare(&datagram->to, &talk->public[way]) != 0)
            way++;
        memcpy(flight.data, datagram->data, datagram->size);
        bool is_stream = datagram->from.transport != TRYST_TRANSPORT_UDP;
        if (way < 2 && !talk->is_dead[way] && (is_stream || !talk->is_udp_dead))
            fly(talk, &flight);
    }
}

static void facts_read(struct server_talk *talk)
{
    struct tr_fact fact;

    while (tr_rendezvous_next_fact(&talk->rendezvous, &fact))
        if (talk->fact_count < TALK_FACTS) {
            talk->fact_us[talk->fact_count] = talk->now_us;
            talk->facts[talk->fact_count++] = fact;
        }
}

enum tr_drop talk_hand(struct server_talk *talk, const struct tryst_address *from, const void *data,
                       size_t size)
{
    struct tr_entry entry;
    enum tr_drop drop = tr_envelope_check(data, size, TR_FROM_SERVER);

    if (drop == TR_DROP_NONE)
        drop = tr_rendezvous_input(&talk->rendezvous, talk->now_us, from, data, size,
                                   &talk->self.random);
    talk->drops[drop]++;
    facts_read(talk);
    talk->pages += drop == TR_DROP_NONE && talk->rendezvous.has_page;
    while (drop == TR_DROP_NONE && tr_rendezvous_next_entry(&talk->rendezvous, &entry))
        if (talk->entry_count < TALK_ENTRIES)
            talk->entries[talk->entry_count++] = entry;
    if (drop == TR_DROP_NONE)
        tr_rendezvous_page_done(&talk->rendezvous, &talk->outbox);
    return drop;
}

static void arrive(struct server_talk *talk)
{
    for (uint32_t i = 0; i < talk->flight_count;) {
        if (talk->flights[i].us > talk->now_us) {
            i++;
            continue;
        }
        struct talk_flight flight = talk->flights[i];
        talk->flight_count--;
        memmove(&talk->flights[i], &talk->flights[i + 1], (talk->flight_count - i) * sizeof flight);
        if (flight.is_to_server) {
            scripted_input(&talk->server, &flight.from, &flight.to, flight.data, flight.size);
        } else {
            talk->last = flight;
            talk_hand(talk, &flight.from, flight.data, flight.size);
        }
    }
}

void talk_run(struct server_talk *talk, uint64_t until_us)
{
    unsigned spins = 0;

    outboxes_empty(talk);
    for (;;) {
        uint64_t next = tr_rendezvous_deadline(&talk->rendezvous);

        for (uint32_t i = 0; i < talk->flight_count; i++)
            tr_sooner(&next, talk->flights[i].us);
        if (next > until_us)
            break;
        spins = next > talk->now_us ? 0 : spins + 1;
        if (!ASSERT_ROW(spins < SPINS_MAX, "deadline in the past at %" PRIu64, talk->now_us))
            break;
        talk->now_us = next > talk->now_us ? next : talk->now_us;
        arrive(talk);
        tr_rendezvous_tick(&talk->rendezvous, talk->now_us, &talk->outbox, &talk->self.random);
        facts_read(talk);
        outboxes_empty(talk);
    }
    talk->now_us = until_us;
}

void talk_for(struct server_talk *talk, uint64_t span_us)
{
    talk_run(talk, talk->now_us + span_us);
}

struct tr_fact talk_last_fact(const struct server_talk *talk)
{
    return talk->fact_count > 0 ? talk->facts[talk->fact_count - 1] : (struct tr_fact){.kind = 99};
}

uint32_t talk_count(const struct server_talk *talk, uint8_t kind)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < talk->fact_count; i++)
        count += talk->facts[i].kind == kind;
    return count;
}

struct scripted_client *talk_registered(struct server_talk *talk, uint64_t seed)
{
    talk_init(talk, seed, 1500);
    talk_begin(talk);
    talk_join(talk);
    talk_for(talk, 200 * TR_MS);
    ASSERT_EQ_UINT(talk->rendezvous.state, TR_RENDEZVOUS_REGISTERED);
    ASSERT_EQ_UINT(talk->server.client_count, 1);
    return &talk->server.clients[0];
}
