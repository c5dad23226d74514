/* What answers say of a NAT, which answers count, and how much is asked.
 * SPDX-License-Identifier: MIT */
#include "lib/core/findings.h"
#include "lib/core/surveyor.h"
#include "tests/unit/kit_fixture.h"

static struct kit_fixture fixture;
static struct pair_side side;
static struct tr_rendezvous rendezvous;
static struct tr_survey survey;

static const struct tryst_address server = {.family = 4, .port = 7777, .ip = {20, 0, 0, 1}};
static const struct tryst_address outside = {.family = 4, .port = 5000, .ip = {30, 0, 0, 1}};

static struct tryst_address at(struct tryst_address address, uint16_t port)
{
    address.port = port;
    return address;
}

/* An endpoint with a cookie of a server that has another port and another address. */
static void begin(uint8_t sockets)
{
    pair_side_init(&side, 7);
    kit_fixture_init(&fixture, &side);
    fixture.sockets.limit = sockets;
    memset(&survey, 0, sizeof survey);
    memset(&rendezvous, 0, sizeof rendezvous);
    rendezvous.dirty_us = TR_NEVER;
    rendezvous.uplink_count = 1;
    rendezvous.uplinks[0] = (struct tr_uplink){.server = server,
                                               .is_live = true,
                                               .seen = {.address = outside},
                                               .other = server,
                                               .other_port = 7778,
                                               .rtt_us = 40 * TR_MS};
    rendezvous.uplinks[0].other.ip[3] = 2;
    rendezvous.local_count = 1;
    rendezvous.locals[0].address =
        (struct tryst_address){.family = 4, .port = 5000, .ip = {192, 168, 1, 2}};
}

/* The COOKIE that answers a BIND. */
static size_t answer(const struct tr_datagram *bind, const struct tryst_address *seen,
                     uint8_t out[TR_DATAGRAM_BYTES])
{
    struct tr_bind head;
    struct tr_cookie_reply reply = {.type = TR_COOKIE, .version = TR_VERSION, .magic = TR_MAGIC};
    ASSERT_TRUE(tr_envelope_head(&tr_layout_bind, &head, bind->data, bind->size));
    memcpy(reply.nonce, head.nonce, sizeof reply.nonce);
    reply.seen.address = *seen;
    tr_cookie_mask(&reply.seen, reply.nonce);
    return tr_envelope_clear(&tr_layout_cookie_reply, &reply, out);
}

/* Ticks until nothing is due for a minute; returns how many BINDs left. What a further socket sent is
 * answered as `further`, what the first one sent to another than the server's main address as `first`. */
static unsigned go_on(const struct tryst_address *first, const struct tryst_address *further)
{
    uint64_t until_us = fixture.kit.now_us + 60 * TR_S;
    unsigned count = 0;
    while (fixture.kit.now_us < until_us) {
        struct tr_datagram *out;
        uint8_t data[TR_DATAGRAM_BYTES];
        tr_survey_tick(&survey, &rendezvous, &fixture.kit);
        tr_survey_send(&survey, &rendezvous, &fixture.kit);
        while ((out = tr_outbox_pop(&fixture.outbox)) != NULL) {
            const struct tryst_address *seen = out->socket != 0 ? further : first;
            struct tr_bind head;
            count++;
            tr_envelope_head(&tr_layout_bind, &head, out->data, out->size);
            if (seen != NULL && head.flags == 0 && out->to.ip[0] == server.ip[0])
                tr_survey_input(&survey, fixture.kit.now_us, out->socket, &out->to, data,
                                answer(out, seen, data));
        }
        tr_survey_tick(&survey, &rendezvous, &fixture.kit); /* as after any input */
        tr_survey_send(&survey, &rendezvous, &fixture.kit);
        if (fixture.outbox.count > 0)
            continue;
        uint64_t next = tr_survey_deadline(&survey, &rendezvous);
        if (next > until_us)
            break;
        fixture.kit.now_us = next > fixture.kit.now_us ? next : fixture.kit.now_us + 1;
    }
    return count;
}

static void answers_have_their_meaning(void)
{
    enum { SAME = 1, OTHER = 2, LOCAL = 4 };
    static const struct {
        uint8_t port, address, is_local;
        uint8_t mapping;
    } rows[] = {
        {0, 0, 0, TRYST_MAPPING_UNKNOWN},
        {0, 0, 1, TRYST_MAPPING_NONE},
        {SAME, SAME, 1, TRYST_MAPPING_NONE},
        {SAME, 0, 0, TRYST_MAPPING_ENDPOINT_INDEPENDENT},
        {0, SAME, 0, TRYST_MAPPING_ENDPOINT_INDEPENDENT},
        {SAME, SAME, 0, TRYST_MAPPING_ENDPOINT_INDEPENDENT},
        {SAME, OTHER, 0, TRYST_MAPPING_ADDRESS_DEPENDENT},
        {0, OTHER, 0, TRYST_MAPPING_ADDRESS_DEPENDENT},
        {OTHER, 0, 0, TRYST_MAPPING_PORT_DEPENDENT},
        {OTHER, OTHER, 0, TRYST_MAPPING_PORT_DEPENDENT},
        {OTHER, SAME, 0, TRYST_MAPPING_PORT_DEPENDENT},
    };
    for (size_t row = 0; row < UNIT_COUNT(rows); row++) {
        struct tr_prober prober = {0};
        uint8_t answers[2] = {rows[row].port, rows[row].address};
        for (unsigned i = 0; i < 2; i++) {
            prober.probes[i].answered = answers[i] != 0;
            prober.probes[i].seen = answers[i] == OTHER ? at(outside, 6000) : outside;
        }
        uint8_t mapping = tr_findings_mapping(&prober, &outside, rows[row].is_local != 0);
        ASSERT_ROW(mapping == rows[row].mapping, "row %zu: %u", row, mapping);
    }
}

static void silence_says_something_only_of_who_has_spoken(void)
{
    static const struct {
        uint8_t plain, from_port, from_address, port, address;
        uint8_t filtering;
    } rows[] = {
        {0, 0, 0, 1, 1, TRYST_FILTERING_UNKNOWN},
        {1, 0, 0, 0, 0, TRYST_FILTERING_UNKNOWN},
        {1, 0, 0, 0, 1, TRYST_FILTERING_DEPENDENT},
        {1, 0, 0, 1, 0, TRYST_FILTERING_PORT_DEPENDENT},
        {1, 1, 0, 1, 1, TRYST_FILTERING_ADDRESS_DEPENDENT},
        {1, 0, 1, 1, 1, TRYST_FILTERING_ENDPOINT_INDEPENDENT},
        {1, 1, 1, 1, 1, TRYST_FILTERING_ENDPOINT_INDEPENDENT},
    };
    for (size_t row = 0; row < UNIT_COUNT(rows); row++) {
        struct tr_prober prober = {0};
        prober.probes[TR_PROBE_PLAIN].answered = rows[row].plain;
        prober.probes[TR_PROBE_FROM_PORT].answered = rows[row].from_port;
        prober.probes[TR_PROBE_FROM_ADDRESS].answered = rows[row].from_address;
        prober.probes[TR_PROBE_PORT].answered = rows[row].port;
        prober.probes[TR_PROBE_ADDRESS].answered = rows[row].address;
        uint8_t filtering = tr_findings_filtering(&prober);
        ASSERT_ROW(filtering == rows[row].filtering, "row %zu: %u", row, filtering);
    }
}

static void a_silent_server_costs_few_datagrams_and_is_asked_ever_less(void)
{
    begin(TRYST_SOCKETS_MAX);
    unsigned count = go_on(NULL, NULL);
    ASSERT_ROW(count >= 12 && count <= 32, "%u datagrams", count);
    ASSERT_EQ_UINT(survey.stage, TR_SURVEY_READY);
    ASSERT_EQ_UINT(rendezvous.nat.mapping, TRYST_MAPPING_UNKNOWN);
    ASSERT_EQ_UINT(go_on(NULL, NULL), 0); /* 61 s later */
    unsigned later = 0;
    for (unsigned minute = 0; minute < 240; minute++)
        later += go_on(NULL, NULL);
    ASSERT_ROW(later <= 12 * count, "%u datagrams in four hours", later);
    kit_fixture_clear(&fixture);
}

static void a_hard_nat_is_told_at_once_and_costs_at_most_64_datagrams(void)
{
    begin(TRYST_SOCKETS_MAX);
    rendezvous.state = TR_RENDEZVOUS_REGISTERED;
    rendezvous.sequence = 1;
    struct tryst_address first = at(outside, 6000);
    struct tryst_address further = at(outside, 6001);
    unsigned count = go_on(&first, &further);
    ASSERT_ROW(count <= 64, "%u datagrams", count);
    ASSERT_EQ_UINT(rendezvous.nat.mapping, TRYST_MAPPING_PORT_DEPENDENT);
    ASSERT_EQ_UINT(rendezvous.nat.filtering, TRYST_FILTERING_PORT_DEPENDENT);
    ASSERT_TRUE(rendezvous.is_dirty);
    ASSERT_TRUE(rendezvous.dirty_us < 100 * TR_S + 10 * TR_MS);
    uint8_t bits[(TRYST_SOCKETS_MAX + 1) / 8];
    ASSERT_EQ_UINT(tr_sockets_list(&fixture.sockets, bits), 0);
    kit_fixture_clear(&fixture);
}

static void without_further_sockets_the_mapping_is_known_all_the_same(void)
{
    begin(0);
    ASSERT_EQ_UINT(go_on(&outside, NULL), 3);
    ASSERT_EQ_UINT(rendezvous.nat.mapping, TRYST_MAPPING_ENDPOINT_INDEPENDENT);
    ASSERT_EQ_UINT(rendezvous.nat.filtering, TRYST_FILTERING_UNKNOWN);
    ASSERT_EQ_UINT(rendezvous.nat.ports, TRYST_PORTS_PRESERVED);
    kit_fixture_clear(&fixture);
}

static void a_server_without_a_second_port_is_not_asked(void)
{
    begin(TRYST_SOCKETS_MAX);
    rendezvous.uplinks[0].other_port = 0;
    rendezvous.uplinks[0].other.family = 0;
    rendezvous.locals[0].address = outside;
    ASSERT_EQ_UINT(go_on(NULL, NULL), 0);
    ASSERT_EQ_UINT(rendezvous.nat.mapping, TRYST_MAPPING_NONE);
    kit_fixture_clear(&fixture);
}

static void who_is_only_relayed_looks_at_nothing(void)
{
    begin(TRYST_SOCKETS_MAX);
    survey.is_off = true;
    ASSERT_EQ_UINT(go_on(NULL, NULL), 0);
    ASSERT_EQ_UINT(survey.stage, TR_SURVEY_IDLE);
    kit_fixture_clear(&fixture);
}

static void forged_answers_are_not_taken(void)
{
    uint8_t data[TR_DATAGRAM_BYTES];
    struct tryst_address forged = at(outside, 6666);
    begin(TRYST_SOCKETS_MAX);
    tr_survey_tick(&survey, &rendezvous, &fixture.kit);
    tr_survey_send(&survey, &rendezvous, &fixture.kit);
    struct tr_datagram *out = tr_outbox_pop(&fixture.outbox);
    uint64_t now_us = fixture.kit.now_us + TR_MS;
    size_t size = answer(out, &forged, data);
    ASSERT_FALSE(tr_survey_input(&survey, now_us, 0, &outside, data, size)); /* from elsewhere */
    ASSERT_FALSE(tr_survey_input(&survey, now_us, 0, &out->to, data, size - 1));
    ASSERT_FALSE(tr_survey_input(&survey, now_us, 0, &out->to, data, 0));
    for (unsigned byte = 8; byte < 24; byte++) { /* the nonce; its last four bytes are a time */
        data[byte] ^= 0x80;
        ASSERT_ROW(!tr_survey_input(&survey, now_us, 0, &out->to, data, size), "byte %u", byte);
        data[byte] ^= 0x80;
    }
    ASSERT_FALSE(tr_survey_input(&survey, now_us, 0, &out->to, out->data, out->size));
    ASSERT_FALSE(tr_survey_input(&survey, now_us, 1, &out->to, data, size)); /* another socket */
    ASSERT_TRUE(tr_survey_input(&survey, now_us, 0, &out->to, data, size));
    kit_fixture_clear(&fixture);
}

static void another_address_is_another_survey(void)
{
    begin(TRYST_SOCKETS_MAX);
    ASSERT_TRUE(go_on(&outside, &outside) > 0);
    ASSERT_EQ_UINT(go_on(&outside, &outside), 0);
    struct tryst_address moved = outside;
    moved.ip[3] = 9;
    rendezvous.uplinks[0].seen.address = moved;
    ASSERT_TRUE(go_on(&moved, &moved) > 0);
    ASSERT_EQ_INT(tryst_address_compare(&survey.seen, &moved), 0);
    tr_survey_doubt(&survey);
    ASSERT_TRUE(go_on(&moved, &moved) > 0);
    kit_fixture_clear(&fixture);
}

/* Of two families that of the NATs is looked at, though the other one's cookie comes first. */
static void ipv4_does_not_wait_for_ipv6(void)
{
    begin(TRYST_SOCKETS_MAX);
    struct tr_uplink ipv4 = rendezvous.uplinks[0];
    struct tryst_address own = {.family = 6, .port = 5000, .ip = {0x20, 1, 9}};
    rendezvous.uplinks[0].server =
        (struct tryst_address){.family = 6, .port = 7777, .ip = {0x20, 1, 8}};
    rendezvous.uplinks[0].other = (struct tryst_address){0};
    rendezvous.uplinks[0].seen.address = own;
    tr_survey_tick(&survey, &rendezvous, &fixture.kit);
    tr_survey_send(&survey, &rendezvous, &fixture.kit);
    ASSERT_EQ_UINT(survey.server.family, 6);
    fixture.kit.now_us += 10 * TR_MS;
    rendezvous.uplinks[rendezvous.uplink_count++] = ipv4;
    ASSERT_TRUE(tr_survey_deadline(&survey, &rendezvous) <= fixture.kit.now_us);
    tr_survey_tick(&survey, &rendezvous, &fixture.kit);
    ASSERT_EQ_UINT(survey.server.family, 4);
    ASSERT_EQ_INT(tryst_address_compare(&survey.seen, &outside), 0);
    kit_fixture_clear(&fixture);
}

/* Where the server, or who forges its answers, says that it sees us: that is asked whether packets come back. */
static void what_is_never_sent_to_is_not_asked(void)
{
    static const struct tryst_address rows[] = {
        {.family = 4, .port = 53, .ip = {127, 0, 0, 1}},
        {.family = 4, .port = 80, .ip = {169, 254, 169, 254}},
        {.family = 4, .port = 9, .ip = {255, 255, 255, 255}},
        {.family = 4, .port = 1900, .ip = {239, 255, 255, 250}},
        {.family = 4, .port = 0, .ip = {30, 0, 0, 1}},
        {.family = 6, .port = 9, .ip = {0x20, 1, 9}},
        {.family = 0},
    };
    for (size_t row = 0; row < UNIT_COUNT(rows); row++) {
        begin(TRYST_SOCKETS_MAX);
        go_on(&outside, &rows[row]);
        ASSERT_ROW(survey.prober.probes[TR_PROBE_PLAIN].answered != 0, "row %zu", row);
        ASSERT_ROW(survey.prober.probes[TR_PROBE_HAIRPIN_OUT].tries == 0, "row %zu", row);
        ASSERT_ROW(survey.stage == TR_SURVEY_READY, "row %zu", row);
        kit_fixture_clear(&fixture);
    }
}

UNIT_MAIN("surveyor", UNIT_CASE(answers_have_their_meaning),
          UNIT_CASE(silence_says_something_only_of_who_has_spoken),
          UNIT_CASE(a_silent_server_costs_few_datagrams_and_is_asked_ever_less),
          UNIT_CASE(a_hard_nat_is_told_at_once_and_costs_at_most_64_datagrams),
          UNIT_CASE(without_further_sockets_the_mapping_is_known_all_the_same),
          UNIT_CASE(a_server_without_a_second_port_is_not_asked),
          UNIT_CASE(who_is_only_relayed_looks_at_nothing), UNIT_CASE(forged_answers_are_not_taken),
          UNIT_CASE(another_address_is_another_survey), UNIT_CASE(ipv4_does_not_wait_for_ipv6),
          UNIT_CASE(what_is_never_sent_to_is_not_asked))
