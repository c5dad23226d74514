/* REGISTER and its answers: one round trip, repetition, refusals, forgeries, changed addresses.
 * SPDX-License-Identifier: MIT */
#include "lib/core/registration.h"
#include "tests/unit/server_talk.h"
#include <tryst/options.h>

static struct server_talk talk;

static void registration_takes_one_round_trip_with_a_cookie_at_hand(void)
{
    talk_init(&talk, 1, 1500);
    talk_begin(&talk);
    talk_for(&talk, TR_S);
    uint64_t start = talk.now_us;
    talk_join(&talk);
    talk_for(&talk, TR_S);
    ASSERT_EQ_UINT(talk_last_fact(&talk).kind, TR_FACT_REGISTERED);
    ASSERT_FALSE(talk_last_fact(&talk).is_return);
    ASSERT_EQ_UINT(talk.fact_us[1], start + 40 * TR_MS);
    ASSERT_EQ_UINT(talk.server.clients[0].body.sequence, 1);
    ASSERT_EQ_UINT(talk.server.clients[0].body.user_data_size, 2);
    ASSERT_EQ_UINT(talk.server.clients[0].body.rtt_ms, 40);
    struct tr_candidate seen = tr_rendezvous_public(&talk.rendezvous);
    ASSERT_EQ_INT(tryst_address_compare(&seen.address, &talk.public[0]), 0);
    talk_clear(&talk);
}

static void registration_takes_two_round_trips_without_a_cookie(void)
{
    talk_init(&talk, 2, 1500);
    uint64_t start = talk.now_us;
    talk_begin(&talk);
    talk_join(&talk);
    talk_for(&talk, TR_S);
    ASSERT_EQ_UINT(talk_last_fact(&talk).kind, TR_FACT_REGISTERED);
    ASSERT_EQ_UINT(talk.fact_us[talk.fact_count - 1], start + 80 * TR_MS);
    talk_clear(&talk);
}

static void registration_names_local_addresses_once_and_at_most_eight_in_all(void)
{
    struct tryst_address locals[TRYST_LOCAL_MAX];

    for (size_t count = 0; count <= TRYST_LOCAL_MAX; count++) {
        talk_init(&talk, 3, 1500);
        for (size_t i = 0; i < count; i++)
            locals[i] = (struct tryst_address){
                .family = 4, .port = 4000, .ip = {192, 168, 1, (uint8_t)(1 + i)}};
        if (count > 2)
            locals[2] = talk.public[0]; /* a host without NAT sees its public address itself */
        tr_rendezvous_set_locals(&talk.rendezvous, talk.now_us, locals, count);
        talk_begin(&talk);
        talk_join(&talk);
        talk_for(&talk, TR_S);
        size_t expected = count > 2 ? count - 1 : count;
        ASSERT_EQ_UINT(talk.server.clients[0].body.local_count, expected > 7 ? 7 : expected);
        talk_clear(&talk);
    }
}

static void registration_repeats_the_same_bytes_ever_slower_then_says_lost_once(void)
{
    for (uint64_t seed = 4; seed < 10; seed++) {
        talk_init(&talk, seed, 1500);
        talk.server.is_mute_to_registers = true;
        talk_begin(&talk);
        talk_join(&talk);
        talk_for(&talk, 60 * TR_S);
        ASSERT_EQ_UINT(talk_count(&talk, TR_FACT_LOST), 1);
        ASSERT_EQ_UINT(talk_last_fact(&talk).stage, TRYST_STAGE_REGISTER);
        ASSERT_EQ_UINT(talk_last_fact(&talk).reason, TRYST_REASON_SILENT);
        uint64_t first = talk.register_us[0], lost = talk.fact_us[talk.fact_count - 1];
        ASSERT_ROW(lost - first < 8 * TR_S, "lost after %" PRIu64 " us", lost - first);
        ASSERT_TRUE(talk.register_us[1] - first <= 66 * TR_MS);
        ASSERT_TRUE(talk.register_count >= 24 && talk.register_count < 300);
        talk.server.is_mute_to_registers = false;
        talk_for(&talk, 15 * TR_S);
        ASSERT_EQ_UINT(talk_last_fact(&talk).kind, TR_FACT_REGISTERED);
        ASSERT_TRUE(talk_last_fact(&talk).is_return);
        talk_clear(&talk);
    }
}

static void registration_loses_an_answer_and_takes_the_next(void)
{
    talk_init(&talk, 10, 1500);
    talk.server.is_mute_to_registers = true;
    talk_begin(&talk);
    talk_join(&talk);
    talk_for(&talk, 100 * TR_MS);
    ASSERT_EQ_UINT(talk.rendezvous.state, TR_RENDEZVOUS_REGISTERING);
    talk.server.is_mute_to_registers = false;
    talk_for(&talk, 300 * TR_MS);
    ASSERT_EQ_UINT(talk.rendezvous.state, TR_RENDEZVOUS_REGISTERED);
    ASSERT_EQ_UINT(talk.server.clients[0].body.sequence,
                   1); /* the same request, so a cached answer */
    ASSERT_EQ_UINT(talk_count(&talk, TR_FACT_REGISTERED), 1);
    talk_clear(&talk);
}

static void registration_is_refused_with_the_servers_words(void)
{
    talk_init(&talk, 11, 1500);
    talk.server.refusal = TRYST_REASON_DENIED;
    talk.server.refusal_text = "not tonight";
    talk_begin(&talk);
    talk_join(&talk);
    talk_for(&talk, TR_S);
    struct tr_fact fact = talk_last_fact(&talk);
    ASSERT_EQ_UINT(fact.kind, TR_FACT_REFUSED);
    ASSERT_EQ_UINT(fact.reason, TRYST_REASON_DENIED);
    ASSERT_EQ_UINT(fact.retry_ms, 1234);
    ASSERT_EQ_STR(fact.detail, "not tonight");
    ASSERT_EQ_UINT(talk.rendezvous.state, TR_RENDEZVOUS_IDLE);
    uint32_t registers = talk.server.registers;
    talk_for(&talk, 30 * TR_S);
    ASSERT_EQ_UINT(talk.server.registers, registers);
    talk.server.refusal = 0;
    talk_join(&talk);
    talk_for(&talk, TR_S);
    ASSERT_EQ_UINT(talk_last_fact(&talk).kind, TR_FACT_REGISTERED);
    talk_clear(&talk);
}

static void registration_takes_the_longest_words_of_a_refusal(void)
{
    char words[TR_DETAIL_MAX + 1];

    memset(words, 'w', TR_DETAIL_MAX);
    words[TR_DETAIL_MAX] = '\0';
    talk_init(&talk, 12, 1500);
    talk.server.refusal = TRYST_REASON_SESSION_FULL;
    talk.server.refusal_text = words;
    talk_begin(&talk);
    talk_join(&talk);
    talk_for(&talk, TR_S);
    ASSERT_EQ_STR(talk_last_fact(&talk).detail, words);
    talk_clear(&talk);
}

/* Waits for an answer whose bytes are in talk.last, with the client put back as it was before it. */
static void answer_catch(uint64_t seed, uint16_t refusal)
{
    static struct tr_rendezvous before;

    talk_init(&talk, seed, 1500);
    talk.server.refusal = refusal;
    talk_begin(&talk);
    talk_for(&talk, 100 * TR_MS);
    talk_join(&talk);
    talk_for(&talk, TR_MS);
    before = talk.rendezvous;
    talk_for(&talk, 39 * TR_MS);
    talk.rendezvous = before;
    talk.fact_count = 0;
}

static void registration_refuses_answers_with_any_byte_changed_or_missing(void)
{
    for (unsigned kind = 0; kind < 2; kind++) {
        uint8_t forged[TR_DATAGRAM_BYTES];

        answer_catch(13, kind == 0 ? 0 : TRYST_REASON_DENIED);
        struct talk_flight answer = talk.last;
        ASSERT_EQ_UINT(answer.data[0], kind == 0 ? TR_REGISTERED : TR_REFUSED);
        for (size_t i = 0; i < answer.size; i++) {
            memcpy(forged, answer.data, answer.size);
            forged[i] ^= 0x20;
            ASSERT_ROW(talk_hand(&talk, &answer.from, forged, answer.size) != TR_DROP_NONE,
                       "byte %zu", i);
        }
        for (size_t size = 0; size < answer.size; size++)
            ASSERT_ROW(talk_hand(&talk, &answer.from, answer.data, size) != TR_DROP_NONE,
                       "%zu bytes", size);
        ASSERT_EQ_UINT(talk.fact_count, 0);
        ASSERT_EQ_UINT(talk.rendezvous.state, TR_RENDEZVOUS_REGISTERING);
        ASSERT_EQ_INT(talk_hand(&talk, &answer.from, answer.data, answer.size), TR_DROP_NONE);
        ASSERT_EQ_UINT(talk.fact_count, 1);
        ASSERT_EQ_INT(talk_hand(&talk, &answer.from, answer.data, answer.size), TR_DROP_REPLAY);
        ASSERT_EQ_UINT(talk.fact_count, 1);
        talk_clear(&talk);
    }
}

static void registration_refuses_answers_from_elsewhere(void)
{
    struct tryst_address stranger = {.family = 4, .port = 7777, .ip = {20, 0, 0, 9}};

    answer_catch(14, 0);
    struct talk_flight answer = talk.last;
    ASSERT_EQ_INT(talk_hand(&talk, &stranger, answer.data, answer.size), TR_DROP_UNKNOWN);
    ASSERT_EQ_INT(talk_hand(&talk, &answer.from, answer.data, answer.size), TR_DROP_NONE);
    talk_clear(&talk);
}

/* A server with the right sealing key but not the certified signing key. */
static void registration_refuses_an_answer_that_the_node_did_not_sign(void)
{
    talk_init(&talk, 15, 1500);
    talk_begin(&talk);
    talk_for(&talk, TR_S);
    talk.server.sign_secret[3] ^= 1;
    talk_join(&talk);
    talk_for(&talk, TR_S);
    ASSERT_TRUE(talk.drops[TR_DROP_SIGNATURE] > 0);
    ASSERT_EQ_UINT(talk_count(&talk, TR_FACT_REGISTERED), 0);
    talk_clear(&talk);
}

static void registration_of_a_later_join_has_a_later_epoch_though_time_stands_still(void)
{
    uint64_t epoch = 0;
    uint8_t ge[TR_KEY] = {0};

    talk_init(&talk, 16, 1500);
    talk_begin(&talk);
    for (unsigned i = 0; i < 5; i++) {
        talk_join(&talk);
        ASSERT_TRUE(talk.rendezvous.record.epoch > epoch);
        ASSERT_TRUE(memcmp(talk.rendezvous.record.ge, ge, TR_KEY) != 0);
        epoch = talk.rendezvous.record.epoch;
        memcpy(ge, talk.rendezvous.record.ge, TR_KEY);
        tr_rendezvous_leave(&talk.rendezvous, talk.now_us, &talk.outbox);
    }
    ASSERT_TRUE(epoch >= 1500 * TR_S);
    talk_clear(&talk);
}

static void registration_follows_changed_local_addresses_and_tells_the_game_nothing(void)
{
    struct scripted_client *client = talk_registered(&talk, 17);
    uint64_t epoch = client->body.record.epoch;
    uint8_t signature[TR_SIGNATURE];
    uint32_t facts = talk.fact_count;

    memcpy(signature, client->body.record.signature, sizeof signature);
    talk_for(&talk, 5 * TR_S);
    tr_rendezvous_set_locals(&talk.rendezvous, talk.now_us, talk.local, 2);
    tr_rendezvous_set_locals(&talk.rendezvous, talk.now_us, talk.local, 2);
    tr_rendezvous_set_locals(&talk.rendezvous, talk.now_us, talk.local, 1);
    talk_for(&talk, TR_S);
    ASSERT_EQ_UINT(client->body.local_count, 1);
    ASSERT_EQ_UINT(client->body.sequence, 2); /* three changes, one REGISTER */
    ASSERT_EQ_UINT(client->body.record.epoch, epoch);
    ASSERT_EQ_MEM(client->body.record.signature, signature, sizeof signature);
    ASSERT_EQ_UINT(talk.fact_count, facts);
    ASSERT_EQ_UINT(talk.rendezvous.state, TR_RENDEZVOUS_REGISTERED);
    talk_clear(&talk);
}

static void registration_stands_when_a_change_cannot_be_told(void)
{
    talk_registered(&talk, 18);
    talk.server.is_mute_to_registers = true;
    tr_rendezvous_set_locals(&talk.rendezvous, talk.now_us, talk.local, 2);
    talk_for(&talk, 60 * TR_S);
    ASSERT_EQ_UINT(talk.rendezvous.state, TR_RENDEZVOUS_REGISTERED);
    ASSERT_EQ_UINT(talk_count(&talk, TR_FACT_LOST), 0);
    talk.server.is_mute_to_registers = false;
    talk_for(&talk, 20 * TR_S);
    ASSERT_EQ_UINT(talk.server.clients[0].body.local_count, 2);
    talk_clear(&talk);
}

UNIT_MAIN("registration", UNIT_CASE(registration_takes_one_round_trip_with_a_cookie_at_hand),
          UNIT_CASE(registration_takes_two_round_trips_without_a_cookie),
          UNIT_CASE(registration_names_local_addresses_once_and_at_most_eight_in_all),
          UNIT_CASE(registration_repeats_the_same_bytes_ever_slower_then_says_lost_once),
          UNIT_CASE(registration_loses_an_answer_and_takes_the_next),
          UNIT_CASE(registration_is_refused_with_the_servers_words),
          UNIT_CASE(registration_takes_the_longest_words_of_a_refusal),
          UNIT_CASE(registration_refuses_answers_with_any_byte_changed_or_missing),
          UNIT_CASE(registration_refuses_answers_from_elsewhere),
          UNIT_CASE(registration_refuses_an_answer_that_the_node_did_not_sign),
          UNIT_CASE(registration_of_a_later_join_has_a_later_epoch_though_time_stands_still),
          UNIT_CASE(registration_follows_changed_local_addresses_and_tells_the_game_nothing),
          UNIT_CASE(registration_stands_when_a_change_cannot_be_told))
