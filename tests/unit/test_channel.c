/* CTRL: pings and their loss, pages and their order, the server's goodbyes, forgeries.
 * SPDX-License-Identifier: MIT */
#include "lib/core/channel.h"
#include "tests/unit/server_talk.h"

static struct server_talk talk;

/* A page without entries. */
static void page(struct scripted_client *client, uint64_t from, uint64_t to, uint64_t goal,
                 uint8_t reset)
{
    struct tr_page head = {.from = from, .to = to, .goal = goal, .reset = reset};

    scripted_page(&talk.server, client, &head, NULL, 0);
    talk_for(&talk, 100 * TR_MS);
}

static void channel_pings_at_the_servers_pace(void)
{
    struct scripted_client *client = talk_registered(&talk, 1);

    talk_for(&talk, 200 * TR_S);
    ASSERT_TRUE(client->pings >= 8 && client->pings <= 13);
    ASSERT_EQ_UINT(client->body.sequence, 1);
    ASSERT_EQ_UINT(talk.rendezvous.rtt_us, 40 * TR_MS);
    ASSERT_EQ_UINT(talk_count(&talk, TR_FACT_LOST), 0);
    talk_clear(&talk);
}

static void channel_keeps_a_least_pace_whatever_the_server_says(void)
{
    talk_init(&talk, 2, 1500);
    talk.server.keepalive_ms = 0;
    talk_begin(&talk);
    talk_join(&talk);
    talk_for(&talk, 20 * TR_S);
    ASSERT_TRUE(talk.server.clients[0].pings >= 15 && talk.server.clients[0].pings <= 26);
    talk_clear(&talk);
}

static void channel_survives_two_lost_pings(void)
{
    struct scripted_client *client = talk_registered(&talk, 3);

    talk.server.is_mute_to_pings = true;
    while (client->pings < 2)
        talk_for(&talk, 100 * TR_MS);
    talk.server.is_mute_to_pings = false;
    talk_for(&talk, 60 * TR_S);
    ASSERT_EQ_UINT(talk_count(&talk, TR_FACT_LOST), 0);
    ASSERT_EQ_UINT(client->body.sequence, 1);
    talk_clear(&talk);
}

static void channel_is_lost_after_three_pings_and_back_within_three_seconds(void)
{
    for (uint64_t seed = 4; seed < 14; seed++) {
        struct scripted_client *client = talk_registered(&talk, seed);
        uint64_t epoch = client->body.record.epoch;
        uint8_t ge[TR_KEY];

        memcpy(ge, client->body.record.ge, TR_KEY);
        talk.server.is_silent = true;
        uint64_t dead = talk.now_us;
        while (talk_count(&talk, TR_FACT_LOST) == 0 && talk.now_us < dead + 60 * TR_S)
            talk_for(&talk, 10 * TR_MS);
        ASSERT_EQ_UINT(client->pings, 3);
        ASSERT_TRUE(talk.now_us - dead < 28 * TR_S);
        ASSERT_EQ_UINT(talk_last_fact(&talk).stage, TRYST_STAGE_SERVER);
        ASSERT_EQ_UINT(talk_last_fact(&talk).reason, TRYST_REASON_SILENT);
        talk.server.is_silent = false;
        scripted_restart(&talk.server);
        talk_for(&talk, 3100 * TR_MS);
        ASSERT_EQ_UINT(talk_last_fact(&talk).kind, TR_FACT_REGISTERED);
        ASSERT_TRUE(talk_last_fact(&talk).is_return);
        ASSERT_EQ_UINT(talk_count(&talk, TR_FACT_LOST), 1);
        client = &talk.server.clients[0];
        ASSERT_EQ_UINT(client->body.record.epoch, epoch);
        ASSERT_EQ_MEM(client->body.record.ge, ge, TR_KEY);
        talk_clear(&talk);
    }
}

static void channel_asks_at_once_after_an_unknown_and_stays_when_answered(void)
{
    struct scripted_client *client = talk_registered(&talk, 14);

    for (unsigned i = 0; i < 20; i++) {
        scripted_unknown(&talk.server, client, client->channel);
        talk_for(&talk, 100 * TR_MS);
    }
    ASSERT_EQ_UINT(client->pings, 20);
    ASSERT_EQ_UINT(client->body.sequence, 1);
    ASSERT_EQ_UINT(talk_count(&talk, TR_FACT_LOST), 0);
    talk_clear(&talk);
}

/* However far the server is: a forged UNKNOWN is not enough to lose it. */
static void channel_stays_after_an_unknown_on_a_slow_link(void)
{
    struct scripted_client *client = talk_registered(&talk, 15);

    talk.delay_us = 450 * TR_MS;
    talk.rendezvous.rtt_us = 900 * TR_MS; /* as measured on the way */
    scripted_unknown(&talk.server, client, client->channel);
    talk_for(&talk, 10 * TR_S);
    ASSERT_EQ_UINT(talk_count(&talk, TR_FACT_LOST), 0);
    ASSERT_EQ_UINT(client->body.sequence, 1);
    talk_clear(&talk);
}

static void channel_comes_back_quickly_after_an_unknown_from_a_server_that_forgot(void)
{
    struct scripted_client *client = talk_registered(&talk, 16);
    struct scripted_client forgotten = *client;
    uint64_t start = talk.now_us;

    scripted_restart(&talk.server);
    scripted_unknown(&talk.server, &forgotten, forgotten.channel);
    talk_for(&talk, 4 * TR_S);
    ASSERT_EQ_UINT(talk_last_fact(&talk).kind, TR_FACT_REGISTERED);
    ASSERT_TRUE(talk_last_fact(&talk).is_return);
    ASSERT_TRUE(talk.fact_us[talk.fact_count - 1] - start < 4 * TR_S);
    talk_clear(&talk);
}

/* Says UNKNOWN, and again `later_us` after the ping that follows; returns when the loss was told. */
static uint64_t lose_by_unknowns(uint64_t seed, uint64_t later_us, unsigned words)
{
    struct scripted_client *client = talk_registered(&talk, seed);
    struct scripted_client forgotten = *client;
    uint64_t start = talk.now_us;

    scripted_restart(&talk.server);
    for (unsigned i = 0; i < words; i++) {
        scripted_unknown(&talk.server, &forgotten, forgotten.channel);
        talk_for(&talk, 20 * TR_MS + later_us);
    }
    talk_run(&talk, start + 10 * TR_S);
    for (uint32_t i = 0; i < talk.fact_count; i++)
        if (talk.facts[i].kind == TR_FACT_LOST)
            return talk.fact_us[i] - start;
    return 0;
}

static void channel_needs_fewer_pings_where_an_unknown_answers_one(void)
{
    /* 20 ms each way: after the word three pings of 240 ms each, or two of 140. */
    ASSERT_EQ_UINT(lose_by_unknowns(18, 0, 1), 740 * TR_MS);
    talk_clear(&talk);
    ASSERT_EQ_UINT(lose_by_unknowns(18, 40 * TR_MS, 2), 300 * TR_MS);
    talk_clear(&talk);
    /* The server's own second word does not answer a ping. */
    ASSERT_EQ_UINT(lose_by_unknowns(18, 380 * TR_MS, 2), 740 * TR_MS);
    talk_clear(&talk);
    ASSERT_EQ_UINT(lose_by_unknowns(18, 5 * TR_MS, 9), 300 * TR_MS);
    talk_clear(&talk);
}

static void channel_is_back_within_a_second_of_a_loss_that_was_hinted(void)
{
    uint64_t latest = 0;

    for (uint64_t seed = 20; seed < 60; seed++) {
        uint64_t lost = lose_by_unknowns(seed, 40 * TR_MS, 2);
        ASSERT_EQ_UINT(talk_last_fact(&talk).kind, TR_FACT_REGISTERED);
        uint64_t took = talk.fact_us[talk.fact_count - 1] - talk.fact_us[talk.fact_count - 2];
        ASSERT_TRUE(lost == 300 * TR_MS && took >= 80 * TR_MS && took <= 1100 * TR_MS);
        latest = took > latest ? took : latest;
        talk_clear(&talk);
    }
    ASSERT_TRUE(latest > 700 * TR_MS); /* it is spread */
}

/* The server was given up before it came back: its word is heard in that pause too. */
static void channel_unknown_shortens_the_pause_after_a_loss(void)
{
    unsigned shortened = 0;

    for (uint64_t seed = 20; seed < 40; seed++) {
        struct scripted_client *client = talk_registered(&talk, seed);
        struct scripted_client forgotten = *client;

        talk.server.is_silent = true;
        while (talk_count(&talk, TR_FACT_LOST) == 0)
            talk_for(&talk, 10 * TR_MS);
        talk.server.is_silent = false;
        scripted_restart(&talk.server);
        uint64_t before = talk.rendezvous.start_us;
        uint64_t now = talk.now_us;
        for (unsigned i = 0; i < 3; i++)
            scripted_unknown(&talk.server, &forgotten, forgotten.channel);
        talk_for(&talk, 20 * TR_MS);
        if (before > now + 20 * TR_MS) {
            uint64_t left = (before - now - 20 * TR_MS) / 3;
            ASSERT_TRUE(talk.rendezvous.start_us <= now + 30 * TR_MS + left);
            shortened++;
        }
        talk_for(&talk, 1100 * TR_MS);
        ASSERT_EQ_UINT(talk_last_fact(&talk).kind, TR_FACT_REGISTERED);
        talk_clear(&talk);
    }
    ASSERT_TRUE(shortened > 10);
}

static void channel_ignores_unknowns_of_other_channels_and_from_elsewhere(void)
{
    struct scripted_client *client = talk_registered(&talk, 17);
    struct tryst_address stranger = {.family = 4, .port = 7777, .ip = {20, 0, 0, 9}};
    uint8_t other[TR_CHANNEL_BYTES];

    memcpy(other, client->channel, sizeof other);
    other[7] ^= 1;
    scripted_unknown(&talk.server, client, other);
    talk_for(&talk, 100 * TR_MS);
    ASSERT_EQ_UINT(talk.drops[TR_DROP_UNKNOWN], 1);
    struct talk_flight unknown = talk.last;
    memcpy(unknown.data + 4, client->channel, sizeof client->channel);
    ASSERT_EQ_INT(talk_hand(&talk, &stranger, unknown.data, unknown.size), TR_DROP_UNKNOWN);
    talk_for(&talk, TR_S);
    ASSERT_EQ_UINT(client->pings, 0);
    talk_clear(&talk);
}

static void channel_takes_pages_in_order_and_acknowledges_what_it_has(void)
{
    static const struct {
        uint64_t from, to, goal;
        uint8_t reset;
        uint64_t known; /* afterwards */
    } rows[] = {
        {2, 3, 5, 0, 3},    /* the next */
        {2, 3, 5, 0, 3},    /* again */
        {4, 5, 5, 0, 3},    /* a gap: 3 to 4 is missing */
        {3, 4, 5, 0, 4},    /* the missing one */
        {3, 5, 5, 0, 5},    /* overlaps */
        {0, 2, 5, 0, 5},    /* old news */
        {0, 9, 12, 1, 9},   /* anew */
        {9, 12, 12, 0, 12}, /* and its rest */
        {0, 3, 3, 1, 3},    /* anew, from a shorter history */
    };
    struct scripted_client *client = talk_registered(&talk, 18);

    ASSERT_EQ_UINT(talk.rendezvous.version, 2);
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        uint32_t acks = client->acks;

        page(client, rows[i].from, rows[i].to, rows[i].goal, rows[i].reset);
        ASSERT_ROW(talk.rendezvous.version == rows[i].known, "row %zu: %" PRIu64, i,
                   talk.rendezvous.version);
        ASSERT_EQ_UINT(client->acks, acks + 1);
        ASSERT_EQ_UINT(client->ack.version, rows[i].known);
        ASSERT_EQ_UINT(client->ack.fence, 77);
    }
    talk_clear(&talk);
}

static void channel_reads_the_entries_of_new_pages_only(void)
{
    struct scripted_client *client = talk_registered(&talk, 19);
    uint8_t entry[TR_DATAGRAM_BYTES], identity[TR_KEY] = {4};
    struct tr_page head = {.from = 2, .to = 3, .goal = 3};
    struct tr_page gap = {.from = 8, .to = 9, .goal = 9};
    size_t size = scripted_gone(identity, 6, TRYST_REASON_EXPIRED, entry);

    scripted_page(&talk.server, client, &gap, entry, size);
    talk_for(&talk, 50 * TR_MS);
    ASSERT_EQ_UINT(talk.entry_count, 0);
    for (unsigned i = 0; i < 3; i++) {
        scripted_page(&talk.server, client, &head, entry, size);
        talk_for(&talk, 50 * TR_MS);
        ASSERT_EQ_UINT(talk.entry_count, 1);
    }
    ASSERT_EQ_UINT(talk.entries[0].kind, TR_ENTRY_GONE);
    ASSERT_EQ_UINT(talk.entries[0].gone.epoch, 6);
    ASSERT_EQ_UINT(talk.entries[0].gone.reason, TRYST_REASON_EXPIRED);
    ASSERT_EQ_MEM(talk.entries[0].gone.identity, identity, TR_KEY);
    talk_clear(&talk);
}

static void channel_refuses_replays_and_any_changed_byte(void)
{
    struct scripted_client *client = talk_registered(&talk, 20);
    uint8_t forged[TR_DATAGRAM_BYTES];

    page(client, 2, 3, 3, 0);
    struct talk_flight ctrl = talk.last;
    ASSERT_EQ_UINT(ctrl.data[0], TR_CTRL);
    ASSERT_EQ_INT(talk_hand(&talk, &ctrl.from, ctrl.data, ctrl.size), TR_DROP_REPLAY);
    for (size_t i = 0; i < ctrl.size; i++) {
        memcpy(forged, ctrl.data, ctrl.size);
        forged[i] ^= 0x10;
        ASSERT_ROW(talk_hand(&talk, &ctrl.from, forged, ctrl.size) != TR_DROP_NONE, "byte %zu", i);
    }
    uint32_t pages = talk.pages;
    for (unsigned i = 0; i < 1100; i++) /* past the window of 1,024 */
        page(client, 0, 1, 3, 0);
    ASSERT_EQ_UINT(talk.pages, pages + 1100);
    ASSERT_EQ_INT(talk_hand(&talk, &ctrl.from, ctrl.data, ctrl.size), TR_DROP_REPLAY);
    talk_clear(&talk);
}

static void channel_ends_as_the_servers_reason_says(void)
{
    static const struct {
        uint16_t reason;
        bool returns;
    } rows[] = {{TRYST_REASON_SHUTDOWN, true},
                {TRYST_REASON_EXPIRED, true},
                {TRYST_REASON_KICKED, false},
                {TRYST_REASON_REPLACED, false}};

    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct scripted_client *client = talk_registered(&talk, 21);

        scripted_leave(&talk.server, client, rows[i].reason);
        talk_for(&talk, 4 * TR_S);
        ASSERT_EQ_UINT(talk_count(&talk, TR_FACT_LOST), rows[i].returns);
        ASSERT_EQ_UINT(talk_count(&talk, TR_FACT_REMOVED), !rows[i].returns);
        ASSERT_EQ_UINT(talk.facts[2].reason, rows[i].reason);
        ASSERT_EQ_UINT(talk_count(&talk, TR_FACT_REGISTERED), rows[i].returns ? 2 : 1);
        ASSERT_EQ_UINT(client->body.sequence > 1, rows[i].returns);
        talk_clear(&talk);
    }
}

/* A page beside a kick is of a session that is over. */
static void channel_forgets_a_page_that_a_kick_follows(void)
{
    struct scripted_client *client = talk_registered(&talk, 22);
    uint8_t items[64], reason[2] = {TRYST_REASON_KICKED, 0};
    struct tr_writer writer;
    struct tr_page head = {.from = 2, .to = 3, .goal = 3};
    struct tr_ctrl ctrl = {.type = TR_CTRL, .counter = client->sent};
    struct tr_datagram *datagram = tr_outbox_push(&talk.server.outbox);
    uint32_t pages = talk.pages;

    memcpy(ctrl.channel, client->channel, sizeof ctrl.channel);
    tr_writer_init(&writer, items, sizeof items);
    tr_item_write_layout(&writer, TR_ITEM_ROSTER, &tr_layout_page, &head);
    tr_item_write(&writer, TR_ITEM_LEAVE, reason, sizeof reason);
    datagram->to = client->address;
    datagram->from = talk.server.address[0];
    datagram->size = (uint16_t)tr_envelope_seal(
        &tr_layout_ctrl, &ctrl, items, tr_writer_used(&writer), TR_LANE_STREAM, client->sent++,
        client->keys.to_client, datagram->data);
    talk_for(&talk, 100 * TR_MS);
    ASSERT_EQ_UINT(talk_count(&talk, TR_FACT_REMOVED), 1);
    ASSERT_EQ_UINT(talk.pages, pages);
    talk_clear(&talk);
}

static void channel_says_goodbye_twice_when_leaving(void)
{
    struct scripted_client *client = talk_registered(&talk, 23);

    tr_rendezvous_leave(&talk.rendezvous, talk.now_us, &talk.outbox);
    talk_for(&talk, 100 * TR_MS);
    ASSERT_EQ_UINT(client->leaves, 2);
    talk_for(&talk, 100 * TR_S);
    ASSERT_EQ_UINT(client->pings, 0);
    ASSERT_EQ_UINT(talk_count(&talk, TR_FACT_LOST), 0);
    talk_clear(&talk);
}

UNIT_MAIN("channel", UNIT_CASE(channel_pings_at_the_servers_pace),
          UNIT_CASE(channel_keeps_a_least_pace_whatever_the_server_says),
          UNIT_CASE(channel_survives_two_lost_pings),
          UNIT_CASE(channel_is_lost_after_three_pings_and_back_within_three_seconds),
          UNIT_CASE(channel_asks_at_once_after_an_unknown_and_stays_when_answered),
          UNIT_CASE(channel_stays_after_an_unknown_on_a_slow_link),
          UNIT_CASE(channel_comes_back_quickly_after_an_unknown_from_a_server_that_forgot),
          UNIT_CASE(channel_needs_fewer_pings_where_an_unknown_answers_one),
          UNIT_CASE(channel_is_back_within_a_second_of_a_loss_that_was_hinted),
          UNIT_CASE(channel_unknown_shortens_the_pause_after_a_loss),
          UNIT_CASE(channel_ignores_unknowns_of_other_channels_and_from_elsewhere),
          UNIT_CASE(channel_takes_pages_in_order_and_acknowledges_what_it_has),
          UNIT_CASE(channel_reads_the_entries_of_new_pages_only),
          UNIT_CASE(channel_refuses_replays_and_any_changed_byte),
          UNIT_CASE(channel_ends_as_the_servers_reason_says),
          UNIT_CASE(channel_forgets_a_page_that_a_kick_follows),
          UNIT_CASE(channel_says_goodbye_twice_when_leaving))
