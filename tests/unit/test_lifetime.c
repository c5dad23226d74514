/* How long a NAT remembers, against one that remembers for as long as it is told.
 * SPDX-License-Identifier: MIT */
#include "lib/core/lifetime.h"
#include "tests/unit/kit_fixture.h"

static struct kit_fixture fixture;
static struct pair_side side;
static struct tr_lifetime lifetime;
static const struct tryst_address server = {.family = 4, .port = 7777, .ip = {20, 0, 0, 1}};
static const uint8_t app[TR_APP_BYTES] = {1};

/* An answer on its way. */
struct flight {
    uint64_t us;
    uint8_t socket;
    size_t size;
    uint8_t data[TR_DATAGRAM_BYTES];
};

static struct flight flights[64];
static size_t flight_count;
static unsigned sent;

/* The server answers after the delay that is asked for, if that shows the cookie it gave before. */
static void answer(const struct tr_datagram *out, uint32_t memory_s)
{
    struct tr_bind head;
    struct tr_cookie_reply reply = {.type = TR_COOKIE, .version = TR_VERSION, .magic = TR_MAGIC};
    ASSERT_TRUE(tr_envelope_head(&tr_layout_bind, &head, out->data, out->size));
    uint32_t delay_s = head.flags >> TR_BIND_DELAY_SHIFT;
    sent++;
    if (delay_s > memory_s || flight_count == UNIT_COUNT(flights))
        return;
    if (delay_s > 0)
        ASSERT_EQ_UINT(head.cookie.time_s, 1000U + out->socket);
    memcpy(reply.nonce, head.nonce, sizeof reply.nonce);
    reply.cookie.time_s = 1000U + out->socket;
    struct flight *flight = &flights[flight_count++];
    flight->us = fixture.kit.now_us + delay_s * TR_S + 20 * TR_MS;
    flight->socket = out->socket;
    flight->size = tr_envelope_clear(&tr_layout_cookie_reply, &reply, flight->data);
}

static void run(uint32_t memory_s)
{
    struct tr_datagram *out;
    for (unsigned turns = 0; lifetime.state == TRYST_SURVEY_RUNNING && turns < 1000; turns++) {
        uint64_t next = tr_lifetime_deadline(&lifetime);
        for (size_t i = 0; i < flight_count; i++)
            tr_sooner(&next, flights[i].us);
        fixture.kit.now_us = next > fixture.kit.now_us ? next : fixture.kit.now_us;
        for (size_t i = 0; i < flight_count; i++)
            if (tr_is_due(flights[i].us, fixture.kit.now_us)) {
                tr_prober_input(&lifetime.prober, fixture.kit.now_us, flights[i].socket, &server,
                                flights[i].data, flights[i].size);
                flights[i--] = flights[--flight_count];
            }
        tr_lifetime_tick(&lifetime, &fixture.kit);
        while ((out = tr_outbox_pop(&fixture.outbox)) != NULL)
            answer(out, memory_s);
    }
    ASSERT_EQ_UINT(lifetime.state, TRYST_SURVEY_DONE);
}

static bool begin(uint8_t sockets, uint8_t seconds)
{
    pair_side_init(&side, 9);
    kit_fixture_init(&fixture, &side);
    fixture.sockets.limit = sockets;
    memset(&lifetime, 0, sizeof lifetime);
    flight_count = 0;
    sent = 0;
    return tr_lifetime_start(&lifetime, &server, app, 20 * TR_MS, seconds, &fixture.kit);
}

static void the_memory_is_found_between_two_pauses(void)
{
    static const struct {
        uint8_t memory, borne, lost;
    } rows[] = {{255, 235, 0}, {180, 175, 235}, {120, 115, 175}, {30, 28, 55}, {20, 0, 28}};
    for (size_t row = 0; row < UNIT_COUNT(rows); row++) {
        uint8_t bits[(TRYST_SOCKETS_MAX + 1) / 8];
        ASSERT_TRUE(begin(TRYST_SOCKETS_MAX, 240));
        uint64_t start_us = fixture.kit.now_us;
        run(rows[row].memory);
        ASSERT_EQ_UINT(tr_lifetime_borne(&lifetime), rows[row].borne);
        ASSERT_EQ_UINT(tr_lifetime_lost(&lifetime), rows[row].lost);
        ASSERT_ROW(sent <= 18, "%u datagrams", sent);
        ASSERT_TRUE(fixture.kit.now_us - start_us < 245 * TR_S);
        ASSERT_EQ_UINT(tr_sockets_list(&fixture.sockets, bits), 0);
        kit_fixture_clear(&fixture);
    }
}

static void no_pause_is_longer_than_asked_for(void)
{
    ASSERT_TRUE(begin(TRYST_SOCKETS_MAX, 16));
    uint64_t start_us = fixture.kit.now_us;
    run(12);
    ASSERT_EQ_UINT(tr_lifetime_borne(&lifetime), 10);
    ASSERT_EQ_UINT(tr_lifetime_lost(&lifetime), 15);
    ASSERT_TRUE(fixture.kit.now_us - start_us < 20 * TR_S);
    kit_fixture_clear(&fixture);
}

static void without_sockets_it_does_not_begin(void)
{
    ASSERT_FALSE(begin(0, 240));
    ASSERT_EQ_UINT(lifetime.state, TRYST_SURVEY_NONE);
    ASSERT_EQ_UINT(tr_lifetime_deadline(&lifetime), TR_NEVER);
    kit_fixture_clear(&fixture);
}

static void one_that_is_stopped_gives_its_sockets_back(void)
{
    uint8_t bits[(TRYST_SOCKETS_MAX + 1) / 8];
    ASSERT_TRUE(begin(3, 240));
    ASSERT_EQ_UINT(tr_sockets_list(&fixture.sockets, bits), 3);
    tr_lifetime_stop(&lifetime, &fixture.kit);
    ASSERT_EQ_UINT(tr_sockets_list(&fixture.sockets, bits), 0);
    ASSERT_EQ_UINT(tr_lifetime_deadline(&lifetime), TR_NEVER);
    kit_fixture_clear(&fixture);
}

UNIT_MAIN("lifetime", UNIT_CASE(the_memory_is_found_between_two_pauses),
          UNIT_CASE(no_pause_is_longer_than_asked_for),
          UNIT_CASE(without_sockets_it_does_not_begin),
          UNIT_CASE(one_that_is_stopped_gives_its_sockets_back))
