/* Cases of server/roster_feed.
 * SPDX-License-Identifier: MIT */
#include "server/roster_feed.h"

#include "lib/base/deadline.h"
#include "tests/unit/unit.h"

enum { MANY = 100, MS = 1000 };

static const uint8_t app[TR_APP_BYTES];
static const uint8_t session[TR_SESSION_BYTES];
static struct tr_membership membership;
static struct tr_entry entries[MANY];
static struct tr_entry nobody;
static struct tr_feed feed;

static void set_member(int i, uint8_t user_data)
{
    struct tr_member member = {.user_data_size = 1, .user_data = {user_data}};

    if (entries[i].version == 0)
        entries[i].slot = tr_membership_free_slot(&membership);
    entries[i].identity[0] = (uint8_t)i;
    member.slot = entries[i].slot;
    tr_membership_set(&membership, &entries[i], &member);
}

static void start(int count)
{
    memset(entries, 0, sizeof entries);
    tr_membership_init(&membership, app, session, 9);
    for (int i = 0; i < count; i++)
        set_member(i, 1);
}

static void end(void)
{
    while (membership.oldest != NULL)
        tr_membership_remove(&membership, membership.oldest, 0);
    tr_membership_clear(&membership);
}

static struct tr_page page_at(uint64_t now_us, bool *again)
{
    uint8_t bytes[1000];
    struct tr_page page;
    struct tr_writer writer;
    bool sent_before;

    tr_writer_init(&writer, bytes, sizeof bytes);
    sent_before = tr_feed_page(&feed, &membership, &nobody, now_us, &page, &writer);
    if (again != NULL)
        *again = sent_before;
    return page;
}

static int pages_at(uint64_t now_us)
{
    int count = 0;

    while (tr_feed_is_open(&feed, membership.version)) {
        page_at(now_us, NULL);
        count++;
    }
    return count;
}

static void feed_of_a_newcomer_starts_anew(void)
{
    start(3);
    tr_feed_start(&feed, &membership, 0, 0);

    struct tr_page page = page_at(0, NULL);

    ASSERT_EQ_UINT(page.reset, 1);
    ASSERT_EQ_UINT(page.from, 0);
    ASSERT_EQ_UINT(page.to, 3);
    ASSERT_FALSE(tr_feed_is_open(&feed, 3));
    end();
}

static void feed_goes_on_from_what_is_known(void)
{
    static const struct {
        uint64_t known;
        uint64_t from;
        uint8_t reset;
    } rows[] = {{2, 2, 0}, {3, 3, 0}, {4, 0, 1}, {0, 0, 1}};

    start(3);
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        tr_feed_start(&feed, &membership, rows[i].known, 0);

        struct tr_page page = page_at(0, NULL);

        ASSERT_ROW(page.from == rows[i].from && page.reset == rows[i].reset && page.to == 3,
                   "row %zu", i);
    }
    end();
}

static void feed_keeps_to_its_window(void)
{
    start(MANY);
    tr_feed_start(&feed, &membership, 0, 0);
    ASSERT_EQ_INT(pages_at(0), TR_FEED_WINDOW);
    tr_feed_ack(&feed, &membership, feed.ends[1], 0, 10 * MS);
    ASSERT_EQ_INT(pages_at(10 * MS), 2);
    tr_feed_ack(&feed, &membership, feed.ends[TR_FEED_WINDOW - 1], 1, 20 * MS);
    ASSERT_EQ_UINT(feed.under_way, 0);
    ASSERT_EQ_UINT(feed.due_us, TR_NEVER);
    end();
}

static void feed_waits_by_the_round_trip(void)
{
    static const struct {
        uint32_t rtt_us;
        uint64_t wait_us;
    } rows[] = {
        {0, 100 * MS},        {1, 12 * MS},       {6400, 12 * MS},      {8 * MS, 14 * MS},
        {100 * MS, 129 * MS}, {196800, 250 * MS}, {900 * MS, 250 * MS},
    };

    start(1);
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        tr_feed_start(&feed, &membership, 0, rows[i].rtt_us);
        page_at(5, NULL);
        ASSERT_ROW(feed.due_us == 5 + rows[i].wait_us, "row %zu: %" PRIu64, i, feed.due_us);
    }
    end();
}

static void feed_measures_what_was_sent_once(void)
{
    bool again;

    start(2);
    tr_feed_start(&feed, &membership, 0, 0);
    page_at(1, &again);
    ASSERT_FALSE(again);
    tr_feed_ack(&feed, &membership, 2, 0, 1 + 40 * MS);
    ASSERT_EQ_UINT(feed.rtt_us, 40 * MS);
    set_member(0, 2);
    page_at(TR_S, &again);
    for (unsigned copies = 1; copies <= 2; copies++) {
        tr_feed_tick(&feed, TR_S + copies * 10 * MS);
        page_at(TR_S + copies * 10 * MS, &again);
    }
    tr_feed_tick(&feed, TR_S + 90 * MS); /* and a loss */
    page_at(TR_S + 90 * MS, &again);
    ASSERT_TRUE(again);
    tr_feed_ack(&feed, &membership, 3, 1, TR_S + 91 * MS);
    ASSERT_EQ_UINT(feed.rtt_us, 40 * MS);
    end();
}

static void feed_says_news_three_times_a_quarter_of_a_trip_apart(void)
{
    bool again;

    start(2);
    tr_feed_start(&feed, &membership, 0, 40 * MS);
    page_at(1, &again);
    ASSERT_EQ_UINT(feed.due_us, 1 + 54 * MS); /* the beginning is no news: REGISTERED carried it */
    tr_feed_ack(&feed, &membership, 2, 0, 1 + 40 * MS);
    set_member(0, 2);
    page_at(TR_S, &again);
    for (unsigned copies = 1; copies <= 2; copies++) {
        ASSERT_EQ_UINT(feed.due_us, TR_S + copies * 10 * MS);
        tr_feed_tick(&feed, TR_S + copies * 10 * MS);
        page_at(TR_S + copies * 10 * MS, &again);
        ASSERT_TRUE(again);
        ASSERT_EQ_UINT(feed.tries, 0);
    }
    ASSERT_EQ_UINT(feed.due_us, TR_S + 74 * MS); /* from here on as for any loss */
    tr_feed_ack(&feed, &membership, 3, 1, TR_S + 44 * MS);
    ASSERT_EQ_UINT(feed.rtt_us, 41 * MS); /* counted from the first copy */
    ASSERT_TRUE(feed.due_us == TR_NEVER);
    end();
}

static void feed_sends_again_ten_times_then_sleeps(void)
{
    uint64_t now_us = 0;
    uint64_t wait_us = 100 * MS;
    int tries = 0;

    start(1);
    tr_feed_start(&feed, &membership, 0, 0);
    page_at(now_us, NULL);
    while (feed.due_us != TR_NEVER && tries < 99) {
        ASSERT_EQ_UINT(feed.due_us - now_us, wait_us);
        now_us = feed.due_us;
        tr_feed_tick(&feed, now_us - 1);
        ASSERT_FALSE(tr_feed_is_open(&feed, 1));
        tr_feed_tick(&feed, now_us);
        wait_us = wait_us * 8 / 5 > 2000 * MS ? 2000 * MS : wait_us * 8 / 5;
        tries++;
        if (tr_feed_is_open(&feed, 1))
            page_at(now_us, NULL);
    }
    ASSERT_EQ_INT(tries, TR_FEED_TRIES);
    ASSERT_FALSE(tr_feed_is_open(&feed, 1));
    tr_feed_wake(&feed);
    ASSERT_TRUE(tr_feed_is_open(&feed, 1));
    page_at(now_us, NULL);
    ASSERT_EQ_UINT(feed.due_us - now_us, 100 * MS);
    end();
}

static void feed_goes_back_when_the_participant_says_so(void)
{
    start(20);
    tr_feed_start(&feed, &membership, 0, 0);
    pages_at(0);
    tr_feed_ack(&feed, &membership, 20, 4, MS);
    ASSERT_FALSE(tr_feed_is_open(&feed, 20));
    tr_feed_ack(&feed, &membership, 5, 3, MS); /* an old one that comes late */
    ASSERT_EQ_UINT(feed.acked, 20);
    tr_feed_ack(&feed, &membership, 21, 5, MS); /* of nothing that is */
    ASSERT_EQ_UINT(feed.acked, 20);
    tr_feed_ack(&feed, &membership, 5, 6, MS);
    ASSERT_TRUE(tr_feed_is_open(&feed, 20));
    ASSERT_EQ_UINT(page_at(MS, NULL).from, 5);
    tr_feed_ack(&feed, &membership, 0, 7, MS);
    ASSERT_TRUE(page_at(MS, NULL).from != 0); /* not yet, as a page is under way */
    tr_feed_tick(&feed, TR_S);
    ASSERT_EQ_UINT(page_at(TR_S, NULL).reset, 1);
    end();
}

/* Versions of the old roster and of the one begun anew look alike. */
static void feed_begins_anew_where_departures_are_forgotten(void)
{
    start(20);
    tr_feed_start(&feed, &membership, 0, 0);
    pages_at(0);
    tr_feed_ack(&feed, &membership, 20, 0, MS);
    for (int i = 0; i < 200; i++) {
        tr_membership_remove(&membership, &entries[7], 1);
        set_member(7, (uint8_t)i);
    }
    ASSERT_TRUE(membership.forgotten > 20);

    struct tr_page page = page_at(MS, NULL);

    ASSERT_EQ_UINT(page.reset, 1);
    ASSERT_TRUE(page.to != 20);
    ASSERT_FALSE(tr_feed_is_open(&feed, membership.version));
    tr_feed_ack(&feed, &membership, 20, 1, 2 * MS);
    ASSERT_FALSE(tr_feed_is_open(&feed, membership.version));
    tr_feed_tick(&feed, TR_S);
    page = page_at(TR_S, NULL);
    ASSERT_EQ_UINT(page.reset, 1);
    tr_feed_ack(&feed, &membership, page.to, 2, TR_S);

    uint64_t from = page.to;

    while (tr_feed_is_open(&feed, membership.version)) {
        page = page_at(TR_S, NULL);
        ASSERT_EQ_UINT(page.reset, 0);
        ASSERT_EQ_UINT(page.from, from);
        from = page.to;
    }
    ASSERT_EQ_UINT(from, membership.version);
    end();
}

UNIT_MAIN("roster_feed", UNIT_CASE(feed_of_a_newcomer_starts_anew),
          UNIT_CASE(feed_goes_on_from_what_is_known), UNIT_CASE(feed_keeps_to_its_window),
          UNIT_CASE(feed_waits_by_the_round_trip), UNIT_CASE(feed_measures_what_was_sent_once),
          UNIT_CASE(feed_says_news_three_times_a_quarter_of_a_trip_apart),
          UNIT_CASE(feed_sends_again_ten_times_then_sleeps),
          UNIT_CASE(feed_goes_back_when_the_participant_says_so),
          UNIT_CASE(feed_begins_anew_where_departures_are_forgotten))
