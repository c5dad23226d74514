/* BIND and COOKIE: when they are sent, which answers count, what a cookie is good for.
 * SPDX-License-Identifier: MIT */
#include "lib/core/uplink.h"
#include "tests/unit/server_talk.h"

static struct server_talk talk;

static void uplink_has_a_cookie_in_one_round_trip(void)
{
    talk_init(&talk, 1, 1500);
    uint64_t start = talk.now_us;
    talk_begin(&talk);
    talk_for(&talk, TR_S);
    ASSERT_TRUE(talk.server.binds <= 3); /* two follow, after 15 and 40 ms */
    ASSERT_EQ_UINT(talk.fact_count, 1);
    ASSERT_EQ_UINT(talk.facts[0].kind, TR_FACT_COOKIE);
    ASSERT_EQ_UINT(talk.fact_us[0], start + 40 * TR_MS);
    struct tr_candidate seen = tr_rendezvous_public(&talk.rendezvous);
    ASSERT_EQ_INT(tryst_address_compare(&seen.address, &talk.public[0]), 0);
    ASSERT_EQ_UINT(talk.rendezvous.uplinks[0].rtt_us, 40 * TR_MS);
    talk_clear(&talk);
}

static void uplink_repeats_its_bind_ever_slower_and_says_lost_once(void)
{
    static const uint32_t pause_ms[] = {15, 25, 50, 100, 250, 500, 1000};

    for (uint64_t seed = 2; seed < 12; seed++) {
        talk_init(&talk, seed, 1500);
        talk.server.is_silent = true;
        talk_begin(&talk);
        talk_for(&talk, 200 * TR_S);
        ASSERT_TRUE(talk.bind_count >= UNIT_COUNT(pause_ms) + 1);
        for (size_t i = 0; i < UNIT_COUNT(pause_ms); i++) {
            uint64_t pause = talk.bind_us[i + 1] - talk.bind_us[i];
            ASSERT_ROW(pause >= pause_ms[i] * 800 && pause <= pause_ms[i] * 1201 + 1000,
                       "pause %zu is %" PRIu64 " us", i, pause);
        }
        /* A server that is lost is looked for each second at first. */
        for (uint32_t i = UNIT_COUNT(pause_ms) + 1; i < talk.bind_count; i++) {
            uint64_t pause = talk.bind_us[i] - talk.bind_us[i - 1];
            bool is_close = talk.bind_us[i - 1] - talk.bind_us[0] < 60 * TR_S;
            ASSERT_ROW(is_close ? pause >= 800 * TR_MS && pause <= 1201 * TR_MS
                                : pause >= 4 * TR_S && pause <= 6 * TR_S + 1,
                       "pause %u is %" PRIu64 " us", i, pause);
        }
        ASSERT_EQ_UINT(talk.fact_count, 1);
        ASSERT_EQ_UINT(talk.facts[0].kind, TR_FACT_LOST);
        ASSERT_EQ_UINT(talk.facts[0].stage, TRYST_STAGE_COOKIE);
        ASSERT_EQ_UINT(talk.facts[0].reason, TRYST_REASON_SILENT);
        talk.server.is_silent = false;
        talk_for(&talk, 20 * TR_S);
        ASSERT_EQ_UINT(talk.fact_count, 2);
        ASSERT_EQ_UINT(talk.facts[1].kind, TR_FACT_COOKIE);
        talk_clear(&talk);
    }
}

static void uplink_measures_the_trip_of_the_bind_that_was_answered(void)
{
    talk_init(&talk, 12, 1500);
    talk.delay_us = 300 * TR_MS; /* longer than the first pauses */
    talk_begin(&talk);
    talk_for(&talk, 3 * TR_S);
    ASSERT_TRUE(talk.bind_count > 1);
    ASSERT_EQ_UINT(talk.rendezvous.uplinks[0].rtt_us, 600 * TR_MS);
    ASSERT_EQ_UINT(talk.fact_count, 1);
    talk_clear(&talk);
}

static void uplink_refuses_a_certificate_that_the_pinned_root_did_not_sign(void)
{
    for (unsigned byte = 0; byte < 4; byte++) {
        talk_init(&talk, 13, 1500);
        if (byte == 0)
            talk.server.certificate.sign_key[5] ^= 1;
        if (byte == 1)
            talk.server.certificate.kx_key[5] ^= 1;
        if (byte == 2)
            talk.server.certificate.not_after_s++;
        if (byte == 3)
            talk.rendezvous.root[0] ^= 1;
        talk_begin(&talk);
        talk_for(&talk, TR_S);
        ASSERT_TRUE(talk.drops[TR_DROP_SIGNATURE] > 0);
        ASSERT_EQ_UINT(talk_last_fact(&talk).kind, TR_FACT_LOST);
        ASSERT_EQ_UINT(talk_last_fact(&talk).stage, TRYST_STAGE_COOKIE);
        ASSERT_EQ_UINT(talk_last_fact(&talk).reason, TRYST_REASON_BAD_CERTIFICATE);
        ASSERT_FALSE(talk.rendezvous.uplinks[0].is_live);
        talk_join(&talk);
        talk_for(&talk, 5 * TR_S);
        ASSERT_EQ_UINT(talk.server.registers, 0);
        talk_clear(&talk);
    }
}

static void uplink_judges_the_certificates_dates_where_it_knows_the_time(void)
{
    static const struct {
        uint64_t unix_s;
        uint16_t reason; /* 0: fine */
    } rows[] = {{0, 0},
                {1000, 0},
                {999, TRYST_REASON_STALE_CERTIFICATE},
                {2000, 0},
                {2001, TRYST_REASON_STALE_CERTIFICATE}};

    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        talk_init(&talk, 14, rows[i].unix_s);
        talk_begin(&talk);
        talk_for(&talk, 500 * TR_MS);
        ASSERT_EQ_INT(talk.rendezvous.uplinks[0].is_live, rows[i].reason == 0);
        ASSERT_EQ_UINT(talk_last_fact(&talk).reason, rows[i].reason);
        ASSERT_EQ_UINT(talk_last_fact(&talk).kind,
                       rows[i].reason == 0 ? TR_FACT_COOKIE : TR_FACT_LOST);
        talk_clear(&talk);
    }
}

static void uplink_refuses_a_server_of_another_version(void)
{
    talk_init(&talk, 15, 1500);
    talk.server.versions = 1U << 2;
    talk_begin(&talk);
    talk_for(&talk, TR_S);
    ASSERT_EQ_UINT(talk_last_fact(&talk).kind, TR_FACT_LOST);
    ASSERT_EQ_UINT(talk_last_fact(&talk).reason, TRYST_REASON_VERSION);
    talk_clear(&talk);
}

static void uplink_takes_a_cookie_only_for_its_nonce_and_from_its_server(void)
{
    struct tryst_address stranger = {.family = 4, .port = 7777, .ip = {20, 0, 0, 9}};
    uint8_t forged[TR_DATAGRAM_BYTES];

    talk_init(&talk, 16, 1500);
    talk.server.is_mute_to_binds = true;
    talk_begin(&talk);
    talk_for(&talk, 100 * TR_MS);
    talk.server.is_mute_to_binds = false;
    talk_for(&talk, 240 * TR_MS); /* the second BIND is answered */
    ASSERT_EQ_UINT(talk_count(&talk, TR_FACT_COOKIE), 1);
    struct talk_flight cookie = talk.last;
    /* Once is enough: no BIND waits now. */
    ASSERT_EQ_INT(talk_hand(&talk, &cookie.from, cookie.data, cookie.size), TR_DROP_COOKIE);
    tr_uplinks_refresh(&talk.rendezvous, talk.now_us, true);
    talk.server.is_silent = true;
    talk_for(&talk, 50 * TR_MS);
    ASSERT_EQ_INT(talk_hand(&talk, &cookie.from, cookie.data, cookie.size), TR_DROP_COOKIE);
    memcpy(forged, cookie.data, cookie.size);
    memcpy(forged + 8, talk.server.bind.nonce, 16);
    ASSERT_EQ_INT(talk_hand(&talk, &stranger, forged, cookie.size), TR_DROP_UNKNOWN);
    for (unsigned byte = 0; byte < 12; byte++) {
        forged[8 + byte] ^= 1;
        ASSERT_EQ_INT(talk_hand(&talk, &cookie.from, forged, cookie.size), TR_DROP_COOKIE);
        forged[8 + byte] ^= 1;
    }
    ASSERT_FALSE(talk.rendezvous.uplinks[0].is_live);
    ASSERT_EQ_INT(talk_hand(&talk, &cookie.from, forged, cookie.size), TR_DROP_NONE);
    talk_clear(&talk);
}

static void uplink_refuses_every_truncation_of_a_cookie(void)
{
    talk_init(&talk, 17, 1500);
    talk_begin(&talk);
    talk_for(&talk, 100 * TR_MS);
    struct talk_flight cookie = talk.last;
    for (size_t size = 0; size < cookie.size; size++)
        ASSERT_EQ_INT(talk_hand(&talk, &cookie.from, cookie.data, size), TR_DROP_SHORT);
    talk_clear(&talk);
}

static void uplink_keeps_its_cookie_fresh_while_nobody_joins(void)
{
    talk_init(&talk, 18, 0);
    talk_begin(&talk);
    talk_for(&talk, 600 * TR_S);
    ASSERT_TRUE(talk.server.binds >= 8 && talk.server.binds <= 14);
    ASSERT_EQ_UINT(talk.fact_count, 1);
    ASSERT_TRUE(tr_uplink_is_usable(&talk.rendezvous.uplinks[0], talk.now_us));
    talk_clear(&talk);
}

static void uplink_keeps_its_cookie_fresh_after_leaving_too(void)
{
    talk_registered(&talk, 19);
    tr_rendezvous_leave(&talk.rendezvous, talk.now_us, &talk.outbox);
    for (unsigned i = 0; i < 40; i++) {
        talk_for(&talk, 10 * TR_S);
        ASSERT_TRUE(tr_uplink_is_usable(&talk.rendezvous.uplinks[0], talk.now_us));
    }
    uint64_t start = talk.now_us;
    talk_join(&talk);
    talk_for(&talk, TR_S);
    ASSERT_EQ_UINT(talk_last_fact(&talk).kind, TR_FACT_REGISTERED);
    ASSERT_EQ_UINT(talk.fact_us[talk.fact_count - 1], start + 40 * TR_MS);
    talk_clear(&talk);
}

static void uplink_asks_every_server_from_every_further_address(void)
{
    talk_init(&talk, 20, 1500);
    tr_rendezvous_set_uplinks(&talk.rendezvous, talk.now_us, talk.server.address, 2, talk.local + 1,
                              1);
    ASSERT_EQ_UINT(talk.rendezvous.uplink_count, 4);
    talk_for(&talk, TR_S);
    uint32_t binds = talk.server.binds;
    ASSERT_TRUE(binds >= 4 && binds <= 12);
    for (unsigned i = 0; i < 4; i++)
        ASSERT_TRUE(talk.rendezvous.uplinks[i].is_live);
    ASSERT_EQ_UINT(talk.fact_count, 1);
    /* The same again changes nothing. */
    tr_rendezvous_set_uplinks(&talk.rendezvous, talk.now_us, talk.server.address, 2, talk.local + 1,
                              1);
    talk_for(&talk, TR_S);
    ASSERT_EQ_UINT(talk.server.binds, binds);
    talk_clear(&talk);
}

/* The certificate was verified once; its signature alone does not say that it is the same. */
static void uplink_refuses_other_bytes_under_a_signature_that_it_knows(void)
{
    for (unsigned field = 0; field < 4; field++) {
        talk_init(&talk, 21, 1500);
        talk_begin(&talk);
        talk_for(&talk, TR_S);
        ASSERT_TRUE(talk.rendezvous.uplinks[0].is_live);
        ASSERT_EQ_UINT(talk.drops[TR_DROP_SIGNATURE], 0);
        if (field == 0)
            talk.server.certificate.key_id[0] ^= 1;
        if (field == 1)
            talk.server.certificate.not_before_s--;
        if (field == 2)
            talk.server.certificate.not_after_s++;
        uint32_t drops = field < 3 ? 1 : 0;
        struct tr_certificate known = talk.rendezvous.certificate;
        uint64_t cookie_us = talk.rendezvous.uplinks[0].cookie_us;
        talk_for(&talk, 90 * TR_S); /* the cookie is renewed meanwhile */
        ASSERT_ROW((talk.drops[TR_DROP_SIGNATURE] > 0) == (drops > 0), "field %u", field);
        ASSERT_ROW((talk.rendezvous.uplinks[0].cookie_us > cookie_us) == (drops == 0), "field %u",
                   field);
        ASSERT_EQ_MEM(&talk.rendezvous.certificate, &known, sizeof known);
        talk_clear(&talk);
    }
}

static void uplink_refuses_a_known_certificate_that_has_run_out_since(void)
{
    talk_init(&talk, 22, 1950);
    talk_begin(&talk);
    talk_for(&talk, 49 * TR_S);
    ASSERT_TRUE(talk.rendezvous.uplinks[0].is_live);
    ASSERT_EQ_UINT(talk.drops[TR_DROP_SIGNATURE], 0);
    talk_for(&talk, 200 * TR_S);
    ASSERT_TRUE(talk.drops[TR_DROP_SIGNATURE] > 0);
    ASSERT_FALSE(tr_uplink_is_usable(&talk.rendezvous.uplinks[0], talk.now_us));
    ASSERT_EQ_UINT(talk_last_fact(&talk).kind, TR_FACT_LOST);
    ASSERT_EQ_UINT(talk_last_fact(&talk).reason, TRYST_REASON_STALE_CERTIFICATE);
    talk_clear(&talk);
}

static void uplink_asks_by_streams_after_600_ms_of_silence(void)
{
    talk_init(&talk, 23, 1500);
    talk.is_udp_dead = true;
    uint64_t start = talk.now_us;
    talk_begin_all(&talk);
    talk_for(&talk, 3 * TR_S);
    ASSERT_EQ_UINT(talk.rendezvous.uplink_count, 3);
    if (!ASSERT_TRUE(talk.stream_count >= 2))
        return;
    for (unsigned i = 0; i < 2; i++) /* by both */
        ASSERT_EQ_UINT(talk.stream_us[i], start + TR_STREAM_AFTER_US);
    ASSERT_EQ_UINT(TR_STREAM_AFTER_US, 600 * TR_MS);
    ASSERT_EQ_UINT(talk_count(&talk, TR_FACT_COOKIE), 1);
    ASSERT_EQ_UINT(talk.fact_us[0], start + TR_STREAM_AFTER_US + 40 * TR_MS);
    ASSERT_TRUE(tr_uplink_is_usable(&talk.rendezvous.uplinks[1], talk.now_us));
    ASSERT_TRUE(tr_uplink_is_usable(&talk.rendezvous.uplinks[2], talk.now_us));
    talk_for(&talk, 20 * TR_S);
    ASSERT_EQ_UINT(talk_count(&talk, TR_FACT_LOST), 0); /* it is asked for and given */
    talk_clear(&talk);
}

static void uplink_asks_by_no_stream_while_udp_answers(void)
{
    talk_init(&talk, 24, 0);
    talk_begin_all(&talk);
    talk_for(&talk, 100 * TR_S);
    talk_join(&talk);
    talk_for(&talk, 100 * TR_S);
    tr_rendezvous_leave(&talk.rendezvous, talk.now_us, &talk.outbox);
    talk_for(&talk, 400 * TR_S);
    ASSERT_EQ_UINT(talk.stream_count, 0);
    ASSERT_TRUE(talk.bind_count > 3);
    talk_clear(&talk);
}

/* Also when the silence comes later: a server that is asked anew and does not answer by UDP. */
static void uplink_asks_by_streams_when_udp_falls_silent(void)
{
    talk_init(&talk, 25, 0);
    talk_begin_all(&talk);
    talk_for(&talk, 10 * TR_S);
    ASSERT_EQ_UINT(talk.stream_count, 0);
    talk.is_udp_dead = true;
    uint64_t start = talk.now_us;
    tr_uplinks_refresh(&talk.rendezvous, talk.now_us, true);
    talk_for(&talk, TR_S);
    if (ASSERT_TRUE(talk.stream_count >= 2))
        ASSERT_EQ_UINT(talk.stream_us[0], start + TR_STREAM_AFTER_US);
    ASSERT_TRUE(tr_uplink_is_usable(&talk.rendezvous.uplinks[1], talk.now_us));
    talk_clear(&talk);
}

/* A game that was held for minutes finds a cookie in its socket: that is no round trip to wait for. */
static void uplink_takes_no_time_in_a_socket_for_a_trip(void)
{
    talk_init(&talk, 26, 0);
    talk_begin(&talk);
    talk_for(&talk, 30 * TR_MS);
    talk.now_us += 300 * TR_S;
    talk_for(&talk, TR_MS);
    ASSERT_TRUE(talk.rendezvous.uplinks[0].is_live);
    ASSERT_TRUE(talk.rendezvous.uplinks[0].rtt_us <= 2 * TR_S);
    talk.server.is_mute_to_binds = true;
    tr_uplinks_refresh(&talk.rendezvous, talk.now_us, true);
    uint32_t binds = talk.bind_count;
    talk_for(&talk, 30 * TR_S);
    ASSERT_ROW(talk.bind_count >= binds + 8, "%" PRIu32 " in 30 s", talk.bind_count - binds);
    talk.server.is_mute_to_binds = false;
    talk_for(&talk, 10 * TR_S);
    ASSERT_EQ_UINT(talk.rendezvous.uplinks[0].rtt_us, 40 * TR_MS);
    talk_clear(&talk);
}

UNIT_MAIN("uplink", UNIT_CASE(uplink_has_a_cookie_in_one_round_trip),
          UNIT_CASE(uplink_repeats_its_bind_ever_slower_and_says_lost_once),
          UNIT_CASE(uplink_measures_the_trip_of_the_bind_that_was_answered),
          UNIT_CASE(uplink_refuses_a_certificate_that_the_pinned_root_did_not_sign),
          UNIT_CASE(uplink_judges_the_certificates_dates_where_it_knows_the_time),
          UNIT_CASE(uplink_refuses_a_server_of_another_version),
          UNIT_CASE(uplink_takes_a_cookie_only_for_its_nonce_and_from_its_server),
          UNIT_CASE(uplink_refuses_every_truncation_of_a_cookie),
          UNIT_CASE(uplink_keeps_its_cookie_fresh_while_nobody_joins),
          UNIT_CASE(uplink_keeps_its_cookie_fresh_after_leaving_too),
          UNIT_CASE(uplink_asks_every_server_from_every_further_address),
          UNIT_CASE(uplink_refuses_other_bytes_under_a_signature_that_it_knows),
          UNIT_CASE(uplink_refuses_a_known_certificate_that_has_run_out_since),
          UNIT_CASE(uplink_asks_by_streams_after_600_ms_of_silence),
          UNIT_CASE(uplink_asks_by_no_stream_while_udp_answers),
          UNIT_CASE(uplink_asks_by_streams_when_udp_falls_silent),
          UNIT_CASE(uplink_takes_no_time_in_a_socket_for_a_trip))
