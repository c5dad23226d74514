/* What the server says of who is there: joined, replaced, gone, reset, and what is not believed.
 * SPDX-License-Identifier: MIT */
#include "lib/core/roster.h"
#include "tests/unit/kit_fixture.h"

enum { MEMBERS = 4 };

static struct {
    struct pair_side own, others[MEMBERS];
    struct tr_rendezvous rendezvous;
    struct tr_seats seats;
    struct tr_roster roster;
    struct tr_notice_queue notices;
    struct kit_fixture with;
    uint8_t entries[TR_DATAGRAM_BYTES];
    struct tr_writer writer;
} t;

static struct tryst_address address_of(const char *text)
{
    struct tryst_address address = {0};

    tryst_address_parse(&address, text);
    return address;
}

static void begin(void)
{
    memset(&t, 0, sizeof t);
    pair_side_init(&t.own, 1);
    for (unsigned i = 0; i < MEMBERS; i++)
        pair_side_init(&t.others[i], 10 + i);
    t.rendezvous.record = t.own.record;
    memcpy(t.rendezvous.e, t.own.e, TR_KEY);
    t.rendezvous.state = TR_RENDEZVOUS_REGISTERED;
    t.rendezvous.uplink_count = 1;
    t.rendezvous.uplinks[0].server = address_of("20.0.0.1:7777");
    t.rendezvous.fence = 5;
    tr_seats_init(&t.seats, &t.own.random);
    tr_roster_init(&t.roster);
    tr_notice_init(&t.notices);
    kit_fixture_init(&t.with, &t.own);
    tr_writer_init(&t.writer, t.entries, sizeof t.entries);
}

static void end(void)
{
    tr_seats_clear(&t.seats);
    tr_notice_clear(&t.notices);
    kit_fixture_clear(&t.with);
}

static void member_add(const struct tr_record *record, const char *address, const char *user_data)
{
    struct tr_member member = {.record = *record, .candidate_count = 1};

    member.candidates[0].address = address_of(address);
    member.candidates[0].kind = TRYST_KIND_PUBLIC;
    member.user_data_size = (uint16_t)strlen(user_data);
    memcpy(member.user_data, user_data, member.user_data_size);
    tr_writer_number(&t.writer, TR_ENTRY_MEMBER, 1);
    tr_layout_encode(&tr_layout_member, &member, &t.writer);
}

static void gone_add(const struct pair_side *side, uint64_t epoch, uint16_t reason)
{
    struct tr_gone gone = {.epoch = epoch, .reason = reason};

    memcpy(gone.identity, side->record.identity, TR_KEY);
    tr_writer_number(&t.writer, TR_ENTRY_GONE, 1);
    tr_layout_encode(&tr_layout_gone, &gone, &t.writer);
}

/* Hands in what was added as one page, as the channel does. */
static void page_read(uint64_t to, uint64_t goal, uint8_t reset)
{
    ASSERT_FALSE(t.writer.fault);
    t.rendezvous.page = (struct tr_page){.to = to, .goal = goal, .reset = reset};
    t.rendezvous.page_version = to;
    t.rendezvous.has_page = true;
    tr_reader_init(&t.rendezvous.entries, t.entries, tr_writer_used(&t.writer));
    ASSERT_TRUE(tr_roster_read(&t.roster, &t.seats, &t.rendezvous, 0, &t.with.kit, &t.notices));
    t.rendezvous.has_page = false;
    t.rendezvous.version = to;
    tr_writer_init(&t.writer, t.entries, sizeof t.entries);
}

/* The next event, which must be of this type and about this participant. */
static struct tryst_event told(uint32_t type, const struct pair_side *about)
{
    struct tryst_event event = {0};

    if (!ASSERT_TRUE(tr_notice_take(&t.notices, &event)))
        return event;
    ASSERT_EQ_UINT(event.type, type);
    ASSERT_EQ_MEM(event.key, about->record.identity, TR_KEY);
    return event;
}

static void told_nothing_more(void)
{
    struct tryst_event event;

    ASSERT_FALSE(tr_notice_take(&t.notices, &event));
}

static const struct tr_peer *peer_of(const struct pair_side *side)
{
    uint32_t seat = tr_seats_find_identity(&t.seats, side->record.identity);

    return seat < TR_SEATS ? t.seats.peers[seat] : NULL;
}

static void roster_member_joins_with_its_data_and_addresses(void)
{
    begin();
    member_add(&t.others[0].record, "1.2.3.4:5", "hello");
    page_read(1, 1, 0);
    struct tryst_event event = told(TRYST_EVENT_JOINED, &t.others[0]);
    ASSERT_EQ_UINT(event.size, 5);
    ASSERT_EQ_MEM(event.data, "hello", 5);
    ASSERT_TRUE(event.peer != 0);
    told_nothing_more();
    const struct tr_peer *peer = peer_of(&t.others[0]);
    ASSERT_EQ_UINT(peer->handle, event.peer);
    ASSERT_EQ_UINT(peer->paths.count, 1);
    ASSERT_EQ_UINT(peer->punch.state, TR_PUNCH_PROBING);
    end();
}

static void roster_does_not_list_oneself(void)
{
    begin();
    member_add(&t.own.record, "1.2.3.4:5", "");
    page_read(1, 1, 1);
    told_nothing_more();
    ASSERT_EQ_UINT(t.seats.count, 0);
    end();
}

static void roster_names_only_addresses_that_may_be_sent_to(void)
{
    static const struct {
        const char *text;
        bool is_used, is_used_on_loopback;
    } rows[] = {
        {"1.2.3.4:5", true, true},      {"192.168.1.2:5", true, true},
        {"127.0.0.1:5", false, true},   {"[::ffff:127.0.0.1]:5", false, true},
        {"224.0.0.1:5", false, false},  {"255.255.255.255:5", false, false},
        {"0.0.0.0:5", false, false},    {"169.254.169.254:80", false, false},
        {"20.0.0.1:7777", false, true}, {"[::ffff:20.0.0.1]:7777", false, true},
        {"20.0.0.1:7778", true, true},  {"127.0.0.1:7777", false, false},
    };

    for (unsigned loopback = 0; loopback < 2; loopback++)
        for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
            begin();
            if (loopback)
                t.rendezvous.uplinks[0].server = address_of("127.0.0.1:7777");
            member_add(&t.others[0].record, rows[i].text, "");
            page_read(1, 1, 0);
            ASSERT_ROW(peer_of(&t.others[0])->paths.count ==
                           (loopback ? rows[i].is_used_on_loopback : rows[i].is_used),
                       "%s, server on loopback: %u", rows[i].text, loopback);
            end();
        }
}

static void roster_member_with_new_addresses_is_the_same_peer(void)
{
    begin();
    member_add(&t.others[0].record, "1.2.3.4:5", "");
    page_read(1, 1, 0);
    uint32_t handle = told(TRYST_EVENT_JOINED, &t.others[0]).peer;
    member_add(&t.others[0].record, "1.2.3.4:6", "");
    page_read(2, 2, 0);
    told_nothing_more();
    ASSERT_EQ_UINT(peer_of(&t.others[0])->handle, handle);
    ASSERT_EQ_UINT(peer_of(&t.others[0])->paths.count, 2);
    end();
}

static void roster_replaces_an_older_epoch_and_ignores_one(void)
{
    begin();
    struct tr_record old = t.others[0].record, new = t.others[0].record;
    old.epoch = 4;
    new.epoch = 9;
    tr_record_sign(&old, t.others[0].identity.secret);
    tr_record_sign(&new, t.others[0].identity.secret);
    member_add(&old, "1.2.3.4:5", "");
    page_read(1, 1, 0);
    uint32_t first = told(TRYST_EVENT_JOINED, &t.others[0]).peer;
    member_add(&new, "1.2.3.4:5", "");
    page_read(2, 2, 0);
    struct tryst_event left = told(TRYST_EVENT_LEFT, &t.others[0]);
    ASSERT_EQ_UINT(left.peer, first);
    ASSERT_EQ_UINT(left.reason, TRYST_REASON_REPLACED);
    uint32_t second = told(TRYST_EVENT_JOINED, &t.others[0]).peer;
    ASSERT_TRUE(second != first);
    member_add(&old, "9.9.9.9:9", "");
    page_read(3, 3, 0);
    told_nothing_more();
    ASSERT_EQ_UINT(peer_of(&t.others[0])->paths.count, 1);
    ASSERT_EQ_UINT(t.seats.count, 1);
    end();
}

static void roster_tells_of_records_that_it_cannot_believe(void)
{
    for (unsigned fault = 0; fault < 5; fault++) {
        begin();
        struct tr_record record = t.others[0].record;
        if (fault == 0)
            record.signature[0] ^= 1;
        if (fault == 1)
            record.ge[0] ^= 1;
        if (fault == 2)
            record.session[0] ^= 1; /* of another session, well signed */
        if (fault == 3)
            memset(record.ge, 0, TR_KEY);
        if (fault == 4)
            record.version = 9;
        if (fault >= 2)
            tr_record_sign(&record, t.others[0].identity.secret);
        member_add(&record, "1.2.3.4:5", "");
        member_add(&t.others[1].record, "1.2.3.4:6", ""); /* the rest of the page is good */
        page_read(1, 1, 0);
        struct tryst_event event = told(TRYST_EVENT_UNREACHABLE, &t.others[0]);
        ASSERT_EQ_UINT(event.stage, TRYST_STAGE_ROSTER);
        ASSERT_EQ_UINT(event.reason, TRYST_REASON_BAD_RECORD);
        ASSERT_EQ_UINT(event.peer, 0);
        told(TRYST_EVENT_JOINED, &t.others[1]);
        ASSERT_EQ_UINT(t.seats.count, 1);
        end();
    }
}

/* A server cannot drop a live peer by naming a newer epoch that its identity did not sign. */
static void roster_keeps_a_peer_though_a_forged_record_would_replace_it(void)
{
    begin();
    member_add(&t.others[0].record, "1.2.3.4:5", "");
    page_read(1, 1, 0);
    uint32_t handle = told(TRYST_EVENT_JOINED, &t.others[0]).peer;
    struct tr_record forged = t.others[0].record;
    forged.epoch++;
    member_add(&forged, "1.2.3.4:5", "");
    page_read(2, 2, 0);
    told(TRYST_EVENT_UNREACHABLE, &t.others[0]);
    told_nothing_more();
    ASSERT_EQ_UINT(peer_of(&t.others[0])->handle, handle);
    end();
}

static void roster_lets_go_of_who_is_gone_by_reason_and_epoch(void)
{
    begin();
    struct tr_record record = t.others[0].record;
    record.epoch = 5;
    tr_record_sign(&record, t.others[0].identity.secret);
    member_add(&record, "1.2.3.4:5", "");
    page_read(1, 1, 0);
    told(TRYST_EVENT_JOINED, &t.others[0]);
    gone_add(&t.others[0], 4, TRYST_REASON_EXPIRED); /* an earlier self of it */
    gone_add(&t.others[1], 4, TRYST_REASON_EXPIRED); /* never heard of */
    page_read(2, 2, 0);
    told_nothing_more();
    gone_add(&t.others[0], 5, TRYST_REASON_KICKED);
    page_read(3, 3, 0);
    ASSERT_EQ_UINT(told(TRYST_EVENT_LEFT, &t.others[0]).reason, TRYST_REASON_KICKED);
    ASSERT_EQ_UINT(t.seats.count, 0);
    end();
}

static void joined_three(void)
{
    begin();
    for (unsigned i = 0; i < 3; i++)
        member_add(&t.others[i].record, "1.2.3.4:5", "");
    page_read(3, 3, 1);
    for (unsigned i = 0; i < 3; i++)
        told(TRYST_EVENT_JOINED, &t.others[i]);
    tr_roster_prune(&t.roster, &t.seats, t.with.kit.now_us, &t.notices);
    told_nothing_more();
    ASSERT_EQ_UINT(tr_roster_deadline(&t.roster), TR_NEVER);
}

static void roster_reset_lets_go_of_the_unnamed_when_it_is_complete(void)
{
    joined_three();
    member_add(&t.others[0].record, "1.2.3.4:5", "");
    page_read(7, 9, 1);
    tr_roster_prune(&t.roster, &t.seats, t.with.kit.now_us + 1000 * TR_S, &t.notices);
    told_nothing_more();
    ASSERT_EQ_UINT(tr_roster_deadline(&t.roster), TR_NEVER); /* the next page leads on */
    member_add(&t.others[2].record, "1.2.3.4:5", "");
    page_read(9, 9, 0);
    ASSERT_TRUE(tr_roster_deadline(&t.roster) <= t.with.kit.now_us);
    tr_roster_prune(&t.roster, &t.seats, t.with.kit.now_us, &t.notices);
    ASSERT_EQ_UINT(told(TRYST_EVENT_LEFT, &t.others[1]).reason, TRYST_REASON_EXPIRED);
    told_nothing_more();
    ASSERT_EQ_UINT(tr_roster_deadline(&t.roster), TR_NEVER);
    end();
}

static void roster_of_a_server_that_forgot_gives_everyone_half_a_minute(void)
{
    joined_three();
    t.rendezvous.fence = 6;
    member_add(&t.others[0].record, "1.2.3.4:5", "");
    page_read(1, 1, 1);
    uint64_t due = t.with.kit.now_us + 30 * TR_S;
    ASSERT_EQ_UINT(tr_roster_deadline(&t.roster), due);
    member_add(&t.others[1].record, "1.2.3.4:5", ""); /* comes back meanwhile */
    page_read(2, 2, 0);
    tr_roster_prune(&t.roster, &t.seats, due - 1, &t.notices);
    told_nothing_more();
    tr_roster_prune(&t.roster, &t.seats, due, &t.notices);
    ASSERT_EQ_UINT(told(TRYST_EVENT_LEFT, &t.others[2]).reason, TRYST_REASON_EXPIRED);
    told_nothing_more();
    ASSERT_EQ_UINT(t.seats.count, 2);
    end();
}

/* A page that breaks off comes again: who stood behind the break is not missed meanwhile. */
static void roster_reset_waits_for_a_page_that_could_not_be_read(void)
{
    joined_three();
    member_add(&t.others[0].record, "1.2.3.4:5", "");
    tr_writer_number(&t.writer, 9, 1); /* no kind of entry that is known */
    page_read(9, 9, 1);
    ASSERT_EQ_UINT(tr_roster_deadline(&t.roster), TR_NEVER);
    tr_roster_prune(&t.roster, &t.seats, t.with.kit.now_us + 1000 * TR_S, &t.notices);
    told_nothing_more();
    end();
}

static void roster_page_of_garbage_is_read_up_to_its_fault(void)
{
    uint64_t seed = 3;

    for (unsigned i = 0; i < 500; i++) {
        begin();
        member_add(&t.others[0].record, "1.2.3.4:5", "");
        size_t size = tr_writer_used(&t.writer);
        for (unsigned j = 0; j < 60; j++)
            tr_writer_number(&t.writer, unit_random(&seed) & 0xff, 1);
        t.entries[size] = (uint8_t)(unit_random(&seed) % 4);
        page_read(1, 1, 0);
        told(TRYST_EVENT_JOINED, &t.others[0]);
        ASSERT_EQ_UINT(t.seats.count, 1);
        end();
    }
}

static void roster_ignores_who_said_goodbye_until_it_joins_anew(void)
{
    joined_three();
    uint32_t seat = tr_seats_find_identity(&t.seats, t.others[0].record.identity);
    tr_roster_farewell(&t.roster, t.seats.peers[seat]);
    tr_roster_drop(&t.seats, seat, TRYST_REASON_LEAVE, &t.notices);
    told(TRYST_EVENT_LEFT, &t.others[0]);
    member_add(&t.others[0].record, "1.2.3.4:5", ""); /* the server has not heard of it yet */
    member_add(&t.others[1].record, "1.2.3.4:5", "");
    page_read(4, 4, 0);
    told_nothing_more();
    ASSERT_TRUE(peer_of(&t.others[0]) == NULL);
    ASSERT_EQ_UINT(t.seats.count, 2);
    struct tr_record again = t.others[0].record;
    again.epoch++;
    tr_record_sign(&again, t.others[0].identity.secret);
    member_add(&again, "1.2.3.4:5", "");
    page_read(5, 5, 0);
    told(TRYST_EVENT_JOINED, &t.others[0]);
    told_nothing_more();
    ASSERT_EQ_UINT(t.seats.count, 3);
    end();
}

UNIT_MAIN("roster", UNIT_CASE(roster_member_joins_with_its_data_and_addresses),
          UNIT_CASE(roster_does_not_list_oneself),
          UNIT_CASE(roster_names_only_addresses_that_may_be_sent_to),
          UNIT_CASE(roster_member_with_new_addresses_is_the_same_peer),
          UNIT_CASE(roster_replaces_an_older_epoch_and_ignores_one),
          UNIT_CASE(roster_tells_of_records_that_it_cannot_believe),
          UNIT_CASE(roster_keeps_a_peer_though_a_forged_record_would_replace_it),
          UNIT_CASE(roster_lets_go_of_who_is_gone_by_reason_and_epoch),
          UNIT_CASE(roster_reset_lets_go_of_the_unnamed_when_it_is_complete),
          UNIT_CASE(roster_of_a_server_that_forgot_gives_everyone_half_a_minute),
          UNIT_CASE(roster_reset_waits_for_a_page_that_could_not_be_read),
          UNIT_CASE(roster_page_of_garbage_is_read_up_to_its_fault),
          UNIT_CASE(roster_ignores_who_said_goodbye_until_it_joins_anew))
