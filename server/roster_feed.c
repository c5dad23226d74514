/* Pages of the roster, sent until they are acknowledged.
 * SPDX-License-Identifier: MIT */
#include "server/roster_feed.h"

#include "lib/base/deadline.h"
#include <string.h>

enum {
    WAIT_LEAST = 12000,
    WAIT_MOST = 250000,
    WAIT_UNKNOWN = 100000,
    WAIT_CAP = 2000000, /* after growing */
    WAIT_MARGIN = 4000,
    EARLY_LEAST = 3000,
    NEWS_COPIES = 2,
    EARLY_PAGES = 2, /* under way: more is a roster to be read, not news to be told */
};

/* News is said three times, a quarter of a round trip apart: one lost announcement would cost two
 * players the whole wait, where a copy costs one datagram. */
static uint64_t early_wait(const struct tr_feed *feed)
{
    uint32_t quarter = feed->rtt_us / 4;

    return quarter > EARLY_LEAST ? quarter : EARLY_LEAST;
}

static void reset_wait(struct tr_feed *feed)
{
    uint64_t wait = feed->rtt_us + (uint64_t)feed->rtt_us / 4 + WAIT_MARGIN;

    if (wait < WAIT_LEAST)
        wait = WAIT_LEAST;
    if (wait > WAIT_MOST)
        wait = WAIT_MOST;
    feed->wait_us = feed->rtt_us == 0 ? WAIT_UNKNOWN : (uint32_t)wait;
    feed->tries = 0;
}

static void go_back(struct tr_feed *feed)
{
    if (feed->is_anew)
        feed->base = 0;
    feed->sent = feed->acked;
    feed->under_way = 0;
    feed->is_anew = false;
    feed->copies = 0;
    feed->timed_us = 0;
    feed->due_us = TR_NEVER;
}

void tr_feed_start(struct tr_feed *feed, const struct tr_membership *membership, uint64_t known,
                   uint32_t rtt_us)
{
    memset(feed, 0, sizeof *feed);
    if (known >= membership->forgotten && known <= membership->version)
        feed->acked = known;
    feed->goal = membership->version;
    feed->rtt_us = rtt_us;
    feed->most = feed->acked;
    reset_wait(feed);
    go_back(feed);
}

bool tr_feed_is_open(const struct tr_feed *feed, uint64_t announced)
{
    uint64_t goal = announced > feed->goal ? announced : feed->goal;

    return feed->sent < goal && feed->under_way < TR_FEED_WINDOW && !feed->asleep && !feed->is_anew;
}

bool tr_feed_page(struct tr_feed *feed, const struct tr_membership *membership,
                  const struct tr_entry *asker, uint64_t now_us, struct tr_page *page,
                  struct tr_writer *writer)
{
    uint64_t from = feed->sent;
    bool reset = from == 0 || (from < membership->forgotten && feed->base < membership->forgotten);

    if (reset) {
        from = 0;
        feed->under_way = 0;
        feed->timed_us = 0;
        /* Sent again while nothing of it is forgotten, a beginning is the same beginning. */
        if (feed->most == 0 || feed->base < membership->forgotten) {
            feed->base = membership->version;
            feed->is_anew = feed->most != 0;
        }
    }

    uint64_t not_to = feed->is_anew ? feed->acked : UINT64_MAX;

    tr_membership_page(membership, asker, from, feed->base, not_to, page, writer);
    feed->sent = page->to;
    feed->ends[feed->under_way++] = page->to;

    bool again = from < feed->most;

    if (!again)
        feed->copies =
            feed->has_begun && feed->tries == 0 && feed->under_way <= EARLY_PAGES ? NEWS_COPIES : 0;
    if (feed->copies > 0)
        feed->due_us = now_us + early_wait(feed);
    else if (feed->due_us == TR_NEVER || !again)
        feed->due_us = now_us + feed->wait_us;
    feed->has_begun = true;

    /* Karn: what was sent twice measures nothing. */
    if (!again && feed->timed_us == 0) {
        feed->timed_us = now_us;
        feed->timed_end = page->to;
    }
    if (page->to > feed->most)
        feed->most = page->to;
    return again;
}

static void measure(struct tr_feed *feed, uint64_t version, uint64_t now_us)
{
    if (feed->timed_us == 0 || version < feed->timed_end)
        return;

    uint64_t rtt = now_us - feed->timed_us;

    if (rtt > WAIT_CAP)
        rtt = WAIT_CAP;
    feed->rtt_us = feed->rtt_us == 0 ? (uint32_t)rtt : (uint32_t)((3 * feed->rtt_us + rtt) / 4);
    feed->timed_us = 0;
}

/* The first pages under way that end at or before this version have come in. */
static void settle(struct tr_feed *feed, uint64_t version)
{
    uint8_t done = 0;

    while (done < feed->under_way && feed->ends[done] <= version)
        done++;
    feed->under_way = (uint8_t)(feed->under_way - done);
    memmove(feed->ends, feed->ends + done, feed->under_way * sizeof feed->ends[0]);
}

void tr_feed_ack(struct tr_feed *feed, const struct tr_membership *membership, uint64_t version,
                 uint32_t counter, uint64_t now_us)
{
    if (version > membership->version || (feed->was_acked && counter < feed->ack_counter))
        return;
    feed->was_acked = true;
    feed->ack_counter = counter;

    bool begins = feed->is_anew && version == feed->ends[0];

    if (version == feed->acked || (feed->is_anew && !begins && version != 0))
        return;
    if (version < feed->acked && !begins) {
        /* It lost what it knew. While pages are under way the clock sends again, not every word. */
        feed->acked = version;
        feed->base = 0;
        if (feed->under_way == 0)
            go_back(feed);
        return;
    }
    feed->acked = version;
    measure(feed, version, now_us);
    settle(feed, version);
    feed->is_anew = false;
    if (feed->sent < version)
        feed->sent = version;
    feed->asleep = false;
    reset_wait(feed);
    feed->copies = 0;
    feed->due_us = feed->under_way == 0 ? TR_NEVER : now_us + feed->wait_us;
}

void tr_feed_tick(struct tr_feed *feed, uint64_t now_us)
{
    if (!tr_is_due(feed->due_us, now_us))
        return;

    uint8_t copies = feed->copies;
    uint64_t timed_us = feed->timed_us;

    go_back(feed);
    if (copies > 0) {
        feed->copies = (uint8_t)(copies - 1);
        feed->timed_us = timed_us; /* the answer to the first copy is still to come */
        return;
    }
    feed->tries++;
    feed->asleep = feed->tries >= TR_FEED_TRIES;
    feed->wait_us = feed->wait_us * 8 / 5;
    if (feed->wait_us > WAIT_CAP)
        feed->wait_us = WAIT_CAP;
}

void tr_feed_wake(struct tr_feed *feed)
{
    if (feed->asleep)
        reset_wait(feed);
    feed->asleep = false;
}
