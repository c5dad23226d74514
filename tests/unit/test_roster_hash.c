/* Endpoints and the real service: what they hold of the roster has the hash that the server tells.
 * SPDX-License-Identifier: MIT */
#include "lib/base/deadline.h"
#include "server/service.h"
#include "tests/unit/unit.h"
#include <tryst/endpoint.h>
#include <tryst/pin.h>

enum { ENDS = 3, FLIGHTS = 512, EVENTS = 16, DELAY_US = 20000 };

static struct {
    struct tr_service *service;
    struct tryst_address server;
    struct tryst_endpoint *ends[ENDS];
    struct tryst_address address[ENDS];
    uint32_t told[ENDS][EVENTS];
    uint64_t now_us;
    struct {
        uint64_t us;
        struct tryst_address from, to;
        size_t size;
        uint8_t data[TRYST_DATAGRAM_MAX];
    } flights[FLIGHTS];
    uint32_t flight_count;
    uint32_t asked, answered; /* datagrams to the server, and from it */
    size_t shortest, longest; /* of the answers */
} t;

static void fly(const struct tryst_address *from, const struct tryst_address *to, const void *data,
                size_t size)
{
    if (!ASSERT_TRUE(t.flight_count < FLIGHTS))
        return;
    uint32_t i = t.flight_count++;
    t.flights[i].us = t.now_us + DELAY_US;
    t.flights[i].from = *from;
    t.flights[i].to = *to;
    t.flights[i].size = size;
    memcpy(t.flights[i].data, data, size);
}

static void drain(void)
{
    const struct tr_datagram *reply = NULL;
    struct tryst_datagram out;
    struct tryst_event event;

    for (unsigned i = 0; i < ENDS; i++) {
        while (tryst_endpoint_output(t.ends[i], t.now_us, &out) == 1) {
            t.asked += tryst_address_compare(&out.to, &t.server) == 0;
            fly(&t.address[i], &out.to, out.data, out.size);
        }
        while (tryst_endpoint_poll(t.ends[i], &event) == 1)
            if (ASSERT_TRUE(event.type < EVENTS))
                t.told[i][event.type]++;
    }
    while ((reply = tr_service_output(t.service)) != NULL) {
        t.answered++;
        t.shortest = reply->size < t.shortest ? reply->size : t.shortest;
        t.longest = reply->size > t.longest ? reply->size : t.longest;
        fly(&reply->from, &reply->to, reply->data, reply->size);
    }
}

static void arrive(void)
{
    for (uint32_t i = 0; i < t.flight_count;) {
        if (t.flights[i].us > t.now_us) {
            i++;
            continue;
        }
        if (tryst_address_compare(&t.flights[i].to, &t.server) == 0)
            tr_service_input(t.service, t.now_us, &t.flights[i].from, &t.server, t.flights[i].data,
                             t.flights[i].size);
        for (unsigned j = 0; j < ENDS; j++)
            if (tryst_address_compare(&t.flights[i].to, &t.address[j]) == 0)
                tryst_endpoint_input(t.ends[j], t.now_us, &t.flights[i].from, NULL,
                                     t.flights[i].data, t.flights[i].size);
        t.flight_count--;
        memmove(&t.flights[i], &t.flights[i + 1], (t.flight_count - i) * sizeof t.flights[0]);
    }
}

static void run(uint64_t span_us)
{
    uint64_t until_us = t.now_us + span_us;

    drain();
    for (;;) {
        uint64_t next = tr_service_deadline(t.service);

        for (unsigned i = 0; i < ENDS; i++)
            tr_sooner(&next, tryst_endpoint_deadline(t.ends[i]));
        for (uint32_t i = 0; i < t.flight_count; i++)
            tr_sooner(&next, t.flights[i].us);
        if (next > until_us)
            break;
        t.now_us = next > t.now_us ? next : t.now_us;
        arrive();
        tr_service_tick(t.service, t.now_us);
        for (unsigned i = 0; i < ENDS; i++)
            tryst_endpoint_tick(t.ends[i], t.now_us);
        drain();
    }
    t.now_us = until_us;
}

static void begin(void)
{
    struct tr_service_options options = {.seed = {1}, .root_seed = {2}, .node_seed = {3}};
    struct tryst_pin pin = {.host = "20.0.0.1", .port = TRYST_PORT};
    uint8_t secret[TR_SIGN_SECRET];
    char text[TRYST_PIN_TEXT_SIZE];

    memset(&t, 0, sizeof t);
    tr_seal_start();
    t.now_us = 1000 * TR_S;
    tryst_address_parse(&t.server, "20.0.0.1:7777");
    t.server.port = TRYST_PORT;
    tr_seal_sign_pair(options.root_key, secret, options.root_seed);
    ASSERT_EQ_INT(tr_service_create(&t.service, &options, t.now_us, 1800000000), TRYST_OK);
    memcpy(pin.key, options.root_key, sizeof pin.key);
    tryst_pin_format(&pin, text, sizeof text);
    for (unsigned i = 0; i < ENDS; i++) {
        struct tryst_options end_options;
        struct tryst_identity *identity = NULL;
        uint8_t seed[TRYST_KEY_SIZE] = {(uint8_t)(i + 1)};

        tryst_options_init(&end_options);
        end_options.relay = TRYST_RELAY_DENY; /* else the server is asked to relay now and then */
        end_options.server = text;
        end_options.app = "test";
        tryst_identity_from_seed(&identity, seed, sizeof seed);
        ASSERT_EQ_INT(tryst_endpoint_create(&t.ends[i], identity, &end_options, seed, t.now_us,
                                            UINT64_C(1800000000000)),
                      TRYST_OK);
        tryst_identity_destroy(identity);
        t.address[i] =
            (struct tryst_address){.family = 4, .port = 4000, .ip = {30, 0, 0, (uint8_t)(1 + i)}};
        tryst_endpoint_set_server(t.ends[i], t.now_us, &t.server, 1);
    }
}

static void end(void)
{
    for (unsigned i = 0; i < ENDS; i++)
        tryst_endpoint_destroy(t.ends[i]);
    tr_service_destroy(t.service);
}

/* Ten minutes in which the server is asked by pings alone, and answers each and nothing else. */
static void stays_quiet(unsigned present, const char *when)
{
    uint32_t left[ENDS];

    run(5 * TR_S);
    for (unsigned i = 0; i < ENDS; i++)
        left[i] = t.told[i][TRYST_EVENT_LEFT];
    run(TR_S);
    uint32_t asked = t.asked, answered = t.answered;
    uint64_t resent = tr_service_stats(t.service)->resent;
    t.shortest = SIZE_MAX;
    t.longest = 0;
    run(600 * TR_S);
    ASSERT_ROW(t.asked - asked >= present * 30, "%s: %u pings", when, t.asked - asked);
    ASSERT_ROW(t.asked - asked <= t.answered - answered + present &&
                   t.answered - answered <= t.asked - asked + present,
               "%s: %u asked, %u answered", when, t.asked - asked, t.answered - answered);
    ASSERT_ROW(t.shortest == t.longest, "%s: %zu to %zu bytes", when, t.shortest, t.longest);
    ASSERT_EQ_UINT(tr_service_stats(t.service)->resent, resent);
    for (unsigned i = 0; i < ENDS; i++)
        ASSERT_ROW(t.told[i][TRYST_EVENT_LEFT] == left[i], "%s: end %u told of a leave", when, i);
}

static void connected(uint32_t count)
{
    struct tryst_stats stats = {0};

    tryst_endpoint_stats(t.ends[0], &stats);
    ASSERT_EQ_UINT(stats.connected, count);
}

static void hash_of_an_endpoint_agrees_with_the_servers_through_every_change(void)
{
    static const char *const names[ENDS] = {"", "bob", "carol, with more to say of herself"};
    struct tryst_address local[2];

    begin();
    for (unsigned i = 0; i < ENDS; i++)
        tryst_endpoint_join(t.ends[i], t.now_us, "room", names[i], strlen(names[i]));
    stays_quiet(3, "joined");
    connected(2);
    local[0] = t.address[1];
    tryst_address_parse(&local[1], "192.168.7.7:4000");
    tryst_endpoint_set_local(t.ends[1], t.now_us, local, 2);
    stays_quiet(3, "changed");
    tryst_endpoint_leave(t.ends[2], t.now_us);
    run(TR_S);
    ASSERT_EQ_UINT(t.told[0][TRYST_EVENT_LEFT], 1);
    connected(1);
    tryst_endpoint_join(t.ends[2], t.now_us, "room", "again", 5);
    stays_quiet(3, "came back");
    connected(2);
    ASSERT_EQ_UINT(t.told[0][TRYST_EVENT_LEFT], 1);
    end();
}

UNIT_MAIN("roster_hash",
          UNIT_CASE(hash_of_an_endpoint_agrees_with_the_servers_through_every_change))
