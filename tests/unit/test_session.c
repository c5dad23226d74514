/* The participants of a session: seats, handles, indexes, and messages out of DATA.
 * SPDX-License-Identifier: MIT */
#include "lib/core/session.h"
#include "tests/unit/kit_fixture.h"

static struct {
    struct pair_side own;
    struct tr_session session;
    struct tr_notice_queue notices;
    struct tr_rendezvous rendezvous; /* idle */
    struct kit_fixture with;
} t;

static const struct tryst_address somewhere = {.family = 4, .port = 9, .ip = {1, 2, 3, 4}};

static void begin(void)
{
    memset(&t, 0, sizeof t);
    pair_side_init(&t.own, 1);
    tr_session_init(&t.session, &t.own.random);
    tr_notice_init(&t.notices);
    kit_fixture_init(&t.with, &t.own);
}

static void end(void)
{
    tr_session_clear(&t.session);
    tr_notice_clear(&t.notices);
    kit_fixture_clear(&t.with);
}

static struct tr_peer *add(const struct pair_side *other)
{
    return tr_seats_add(&t.session.seats, &t.own.record, t.own.e, &other->record, &t.with.kit);
}

/* The other side's view of us. */
static void mirror(struct pair_side *other)
{
    ASSERT_TRUE(tr_handshake_init(&other->handshake, &other->record, other->e, &t.own.record, 0, 5,
                                  &other->random));
}

/* A hello of the other side, taken by the session; the answers of the session are read by it. */
static enum tr_drop greet(struct pair_side *other)
{
    uint8_t data[TR_DATAGRAM_BYTES];
    struct tr_hello_extra extra = {.ping = {1}};
    struct tr_datagram *answer = NULL;
    size_t size =
        tr_handshake_write(&other->handshake, &other->identity, &extra, 10, &other->random, data);
    enum tr_drop drop =
        tr_session_hello(&t.session, &somewhere, TR_LOCAL_ANY, data, size, &t.with.kit, &t.notices);

    while ((answer = tr_outbox_pop(&t.with.outbox)) != NULL) {
        struct tr_hello_outcome outcome;

        if (answer->data[0] == TR_HELLO)
            tr_handshake_read(&other->handshake, answer->data, answer->size, &other->random,
                              &outcome);
    }
    return drop;
}

static enum tr_drop say_either(struct pair_side *other, const void *body, size_t size,
                               bool is_single)
{
    uint8_t data[TR_DATAGRAM_BYTES];

    memcpy(data + TR_DATA_HEAD, body, size);
    size = tr_handshake_seal(&other->handshake, data, size, is_single);
    return tr_session_data(&t.session, &somewhere, TR_LOCAL_ANY, data, size, &t.with.kit,
                           &t.notices);
}

static enum tr_drop say(struct pair_side *other, const void *items, size_t size)
{
    return say_either(other, items, size, false);
}

static void session_seats_as_many_as_a_session_may_have_and_no_more(void)
{
    static struct pair_side others[TR_SEATS + 1];

    begin();
    for (unsigned i = 0; i < TR_SEATS; i++) {
        pair_side_init(&others[i], 100 + i);
        struct tr_peer *peer = add(&others[i]);

        if (!ASSERT_TRUE(peer != NULL))
            break;
        ASSERT_TRUE(tr_seats_find(&t.session.seats, peer->handle) == peer);
    }
    pair_side_init(&others[TR_SEATS], 999);
    ASSERT_TRUE(add(&others[TR_SEATS]) == NULL);
    ASSERT_EQ_UINT(t.session.seats.count, TR_SEATS);
    ASSERT_EQ_UINT(t.session.seats.by_hello.count, TR_SEATS);
    uint32_t seat = tr_seats_find_identity(&t.session.seats, others[7].record.identity);
    tr_seats_remove(&t.session.seats, seat);
    ASSERT_TRUE(add(&others[TR_SEATS]) != NULL);
    ASSERT_EQ_UINT(tr_seats_find_identity(&t.session.seats, others[7].record.identity), TR_SEATS);
    end();
}

static void session_never_gives_a_handle_twice(void)
{
    enum { ROUNDS = 300 };
    uint32_t handles[ROUNDS];
    struct pair_side other;

    begin();
    pair_side_init(&other, 2);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct tr_peer *peer = add(&other);

        handles[i] = peer->handle;
        ASSERT_TRUE(handles[i] != 0);
        for (unsigned j = 0; j < i; j++)
            ASSERT_TRUE(handles[i] != handles[j]);
        if (i > 0)
            ASSERT_TRUE(tr_seats_find(&t.session.seats, handles[i - 1]) == NULL);
        tr_seats_remove(&t.session.seats, tr_seats_of(handles[i]));
        ASSERT_EQ_INT(tr_session_send(&t.session, handles[i], "x", 1, &t.with.kit), TRYST_E_PEER);
    }
    ASSERT_EQ_UINT(t.session.seats.by_hello.count + t.session.seats.by_index.count, 0);
    end();
}

static void session_finds_a_peer_by_its_hello_and_by_its_index(void)
{
    struct pair_side others[3];
    static const uint8_t message[] = {TR_ITEM_MESSAGE | TR_ITEM_LAST, 'h', 'i'};
    struct tryst_event event;

    begin();
    for (unsigned i = 0; i < 3; i++) {
        pair_side_init(&others[i], 10 + i);
        mirror(&others[i]);
        if (i < 2)
            ASSERT_TRUE(add(&others[i]) != NULL);
    }
    ASSERT_EQ_INT(greet(&others[2]), TR_DROP_UNKNOWN); /* nobody named it */
    for (unsigned i = 0; i < 2; i++) {
        ASSERT_EQ_INT(greet(&others[i]), TR_DROP_NONE);
        ASSERT_EQ_INT(say(&others[i], message, sizeof message), TR_DROP_NONE);
        if (ASSERT_TRUE(tr_notice_take(&t.notices, &event))) {
            ASSERT_EQ_UINT(event.type, TRYST_EVENT_MESSAGE);
            ASSERT_EQ_MEM(event.key, others[i].record.identity, TR_KEY);
            ASSERT_EQ_UINT(event.size, 2);
            ASSERT_EQ_MEM(event.data, "hi", 2);
        }
    }
    ASSERT_FALSE(tr_notice_take(&t.notices, &event));
    end();
}

static void session_listens_to_two_generations_of_a_peer_and_forgets_the_third(void)
{
    struct pair_side other;
    static const uint8_t message[] = {TR_ITEM_MESSAGE | TR_ITEM_LAST, '!'};
    uint8_t kept[3][TR_DATAGRAM_BYTES];
    size_t size[3] = {0};

    begin();
    pair_side_init(&other, 20);
    mirror(&other);
    add(&other);
    for (unsigned i = 0; i < 3; i++) {
        if (i > 0)
            tr_handshake_renew(&other.handshake, 0, &other.random);
        for (unsigned j = 0; j < 4; j++)
            ASSERT_EQ_INT(greet(&other), TR_DROP_NONE);
        ASSERT_TRUE(tr_handshake_is_settled(&other.handshake));
        memcpy(kept[i] + TR_DATA_HEAD, message, sizeof message);
        size[i] = tr_handshake_seal(&other.handshake, kept[i], sizeof message, false);
        ASSERT_TRUE(t.session.seats.by_index.count <= 2);
    }
    static const enum tr_drop expected[] = {TR_DROP_UNKNOWN, TR_DROP_NONE, TR_DROP_NONE};
    for (unsigned i = 0; i < 3; i++)
        ASSERT_EQ_INT(tr_session_data(&t.session, &somewhere, TR_LOCAL_ANY, kept[i], size[i],
                                      &t.with.kit, &t.notices),
                      expected[i]);
    end();
}

static void session_tells_every_message_of_a_datagram_in_order(void)
{
    struct pair_side other;
    uint8_t items[TR_DATA_ROOM];
    struct tr_writer writer;
    struct tryst_event event;

    begin();
    pair_side_init(&other, 30);
    mirror(&other);
    add(&other);
    greet(&other);
    tr_writer_init(&writer, items, sizeof items);
    for (uint8_t i = 0; i < 50; i++) {
        tr_item_write(&writer, TR_ITEM_MESSAGE, &i, 1);
        tr_item_write(&writer, TR_ITEM_PADDING, "zz", 2);
        tr_item_write(&writer, 0x55, "future", 6); /* of a later version: passed over */
    }
    tr_item_write(&writer, TR_ITEM_MESSAGE, NULL, 0); /* nothing said */
    ASSERT_EQ_INT(say(&other, items, tr_writer_used(&writer)), TR_DROP_NONE);
    for (uint8_t i = 0; i < 50; i++)
        if (ASSERT_TRUE(tr_notice_take(&t.notices, &event))) {
            ASSERT_EQ_UINT(event.size, 1);
            ASSERT_EQ_UINT(*(const uint8_t *)event.data, i);
        }
    ASSERT_FALSE(tr_notice_take(&t.notices, &event));
    ASSERT_EQ_UINT(t.with.stats.messages_received, 50);
    end();
}

/* A message alone goes without an item's head; a type's value in its first byte means nothing. */
static void session_tells_a_single_message_of_any_bytes_and_none_past_the_limit(void)
{
    static const struct {
        size_t size;
        bool is_single;
        bool is_told;
    } rows[] = {{1, true, true},
                {64, true, true},
                {TR_MESSAGE_MAX, true, true},
                {TR_MESSAGE_MAX + 1, true, false},
                {TR_DATA_ROOM, true, false},
                {1 + TR_MESSAGE_MAX, false, true},
                {1 + TR_MESSAGE_MAX + 1, false, false}};
    struct pair_side other;
    uint8_t body[TR_DATA_ROOM];
    struct tryst_event event;

    begin();
    pair_side_init(&other, 31);
    mirror(&other);
    add(&other);
    greet(&other);
    for (size_t i = 0; i < UNIT_COUNT(rows); i++)
        for (unsigned type = 0; type < (rows[i].is_single ? 7 : 1); type++) {
            size_t at = rows[i].is_single ? 0 : 1;

            memset(body, 's', sizeof body);
            body[0] = (uint8_t)(rows[i].is_single ? type : (TR_ITEM_MESSAGE | TR_ITEM_LAST));
            ASSERT_EQ_INT(say_either(&other, body, rows[i].size, rows[i].is_single), TR_DROP_NONE);
            bool is_told = tr_notice_take(&t.notices, &event);
            ASSERT_ROW(is_told == rows[i].is_told, "row %zu", i);
            if (is_told && ASSERT_EQ_UINT(event.size, rows[i].size - at))
                ASSERT_EQ_MEM(event.data, body + at, event.size);
            ASSERT_FALSE(tr_notice_take(&t.notices, &event));
        }
    ASSERT_EQ_UINT(t.with.stats.messages_received, 3 * 7 + 1);
    ASSERT_EQ_UINT(t.with.stats.messages_dropped, 2 * 7 + 1);
    ASSERT_EQ_UINT(t.session.seats.count, 1); /* 4 was no leave */
    end();
}

/* The peer itself writes nonsense under a good seal: what comes before it counts, nothing after. */
static void session_survives_items_of_a_hostile_peer(void)
{
    struct pair_side other;
    uint64_t seed = 40;

    begin();
    pair_side_init(&other, 40);
    mirror(&other);
    add(&other);
    greet(&other);
    for (unsigned i = 0; i < 5000 && t.session.seats.count > 0; i++) {
        uint8_t items[TR_DATA_ROOM];
        size_t size = 1 + unit_random(&seed) % 60;
        struct tryst_event event;

        for (size_t j = 0; j < size; j++)
            items[j] = (uint8_t)(unit_random(&seed) % (j % 3 == 0 ? 8 : 4));
        if ((items[0] & 0x7f) == TR_ITEM_LEAVE)
            items[0] = TR_ITEM_PING;
        ASSERT_EQ_INT(say(&other, items, size), TR_DROP_NONE);
        while (tr_outbox_pop(&t.with.outbox) != NULL)
            continue;
        while (tr_notice_take(&t.notices, &event))
            ASSERT_TRUE(event.type != TRYST_EVENT_MESSAGE || event.size < 60);
    }
    end();
}

static void session_leaves_with_a_word_to_each_and_is_empty(void)
{
    struct pair_side others[2];

    begin();
    for (unsigned i = 0; i < 2; i++) {
        pair_side_init(&others[i], 50 + i);
        mirror(&others[i]);
        add(&others[i]);
    }
    ASSERT_TRUE(tr_session_deadline(&t.session, &t.rendezvous, &t.with.kit) == TR_NEVER);
    tr_session_leave(&t.session, &t.rendezvous, &t.with.kit);
    ASSERT_EQ_UINT(t.session.seats.count, 0);
    ASSERT_EQ_UINT(tr_session_connected(&t.session), 0);
    ASSERT_EQ_INT(greet(&others[0]), TR_DROP_UNKNOWN);
    end();
}

static void session_does_not_seat_again_who_said_goodbye(void)
{
    static struct tr_rendezvous rendezvous;
    struct pair_side other;
    static const uint8_t goodbye[] = {TR_ITEM_LEAVE | TR_ITEM_LAST, 0, 0};
    struct tryst_event event;

    begin();
    pair_side_init(&other, 60);
    mirror(&other);
    for (unsigned i = 0; i < 2; i++) { /* named, leaves by its own word, named again */
        struct tr_member member = {.record = other.record};
        struct tr_writer writer;

        memset(&rendezvous, 0, sizeof rendezvous);
        rendezvous.record = t.own.record;
        memcpy(rendezvous.e, t.own.e, TR_KEY);
        rendezvous.page = (struct tr_page){.to = i + 1, .goal = i + 1};
        rendezvous.page_version = i + 1;
        rendezvous.has_page = true;
        tr_writer_init(&writer, rendezvous.plain, sizeof rendezvous.plain);
        tr_writer_number(&writer, TR_ENTRY_MEMBER, 1);
        tr_layout_encode(&tr_layout_member, &member, &writer);
        tr_reader_init(&rendezvous.entries, rendezvous.plain, tr_writer_used(&writer));
        tr_session_read_page(&t.session, &rendezvous, &t.with.kit, &t.notices);
        ASSERT_EQ_UINT(t.session.seats.count, i == 0 ? 1 : 0);
        if (i > 0)
            break;
        ASSERT_TRUE(tr_notice_take(&t.notices, &event) && event.type == TRYST_EVENT_JOINED);
        ASSERT_EQ_INT(greet(&other), TR_DROP_NONE);
        ASSERT_EQ_INT(say(&other, goodbye, sizeof goodbye), TR_DROP_NONE);
        ASSERT_TRUE(tr_notice_take(&t.notices, &event) && event.type == TRYST_EVENT_LEFT);
        ASSERT_EQ_UINT(event.reason, TRYST_REASON_LEAVE);
    }
    ASSERT_FALSE(tr_notice_take(&t.notices, &event));
    end();
}

static void session_tries_known_candidates_from_a_local_address_it_gains(void)
{
    static const struct tryst_address seen = {.family = 4, .port = 9, .ip = {5, 6, 7, 8}};
    struct tr_candidate named[2] = {{.address = somewhere, .kind = TRYST_KIND_PUBLIC}};
    struct pair_side other;

    begin();
    tryst_address_parse(&named[1].address, "[2001:db8::1]:9");
    pair_side_init(&other, 61);
    struct tr_peer *peer = add(&other);
    struct tr_path_set *paths = &peer->paths;
    tr_peer_set_candidates(peer, named, 2, 0, &t.with.kit);
    tr_paths_add(paths, &seen, TR_LOCAL_ANY, TRYST_KIND_OBSERVED);
    ASSERT_EQ_UINT(paths->count, 3);
    tryst_address_parse(&t.with.locals[0], "192.168.0.2:4000");
    tryst_address_parse(&t.with.locals[2], "192.168.1.2:4000");
    tr_session_locals_changed(&t.session, 0, 1U << 2, &t.with.kit);
    uint8_t index = tr_paths_find(paths, &somewhere, 2);
    if (ASSERT_TRUE(index != TR_PATH_NONE))
        ASSERT_EQ_UINT(paths->list[index].kind, TRYST_KIND_PUBLIC);
    ASSERT_EQ_UINT(paths->count, 4); /* of its own family, and none for who only called */
    tr_session_locals_changed(&t.session, 0, 1U << 2, &t.with.kit);
    ASSERT_EQ_UINT(paths->count, 4);
    tr_session_locals_changed(&t.session, 1U << 2, 0, &t.with.kit);
    ASSERT_EQ_UINT(paths->count, 3);
    end();
}

UNIT_MAIN("session", UNIT_CASE(session_seats_as_many_as_a_session_may_have_and_no_more),
          UNIT_CASE(session_never_gives_a_handle_twice),
          UNIT_CASE(session_finds_a_peer_by_its_hello_and_by_its_index),
          UNIT_CASE(session_listens_to_two_generations_of_a_peer_and_forgets_the_third),
          UNIT_CASE(session_tells_every_message_of_a_datagram_in_order),
          UNIT_CASE(session_tells_a_single_message_of_any_bytes_and_none_past_the_limit),
          UNIT_CASE(session_survives_items_of_a_hostile_peer),
          UNIT_CASE(session_leaves_with_a_word_to_each_and_is_empty),
          UNIT_CASE(session_does_not_seat_again_who_said_goodbye),
          UNIT_CASE(session_tries_known_candidates_from_a_local_address_it_gains))
