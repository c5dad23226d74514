/* Pings: when they go out, and what they tell of life, loss, width and the memory of NATs.
 * SPDX-License-Identifier: MIT */
#include "lib/core/gauge.h"
#include "tests/unit/unit.h"

enum { LARGE = 1000, WHOLE = 1179 };

static const struct tr_path_times learnt = {.path_us = 15 * TR_S};
static const struct tr_path_times fixed = {.keepalive_us = 5 * TR_S, .path_us = 15 * TR_S};
static const struct tr_path_times *times;
static struct tr_random random_state;
static struct tr_path_set paths;
static struct tr_path *path;
static uint64_t now;
static uint8_t newest[TR_PING_BYTES]; /* ping */
static size_t newest_size;
static bool is_wanted;

/* A proven path with a round trip of 40 ms, on which nothing is sent. */
static void begin(uint8_t seed)
{
    struct tryst_address remote = {.family = 4, .port = 1000, .ip = {1, 2, 3, 4}};
    uint8_t bytes[TR_KEY] = {seed};

    tr_random_init(&random_state, bytes);
    tr_paths_init(&paths);
    now = 1000 * TR_S;
    times = &learnt;
    is_wanted = true;
    path = &paths.list[tr_paths_add(&paths, &remote, TR_LOCAL_ANY, TRYST_KIND_PUBLIC)];
    paths.chosen = 0;
    path->is_proven = true;
    path->is_heard = true;
    path->heard_us = now;
    path->rtt_us = 40 * TR_MS;
    path->width = TR_WIDTH_FULL;
    path->next_us = now;
}

/* Sends the ping that is due; whether it made the path doubtful. */
static bool ping(void)
{
    newest_size = tr_gauge_size(path, is_wanted);
    tr_path_ping(path, now, &random_state, newest);
    tr_path_carried(path, newest_size > 0 ? newest_size : 71, false, now);
    return tr_gauge_pinged(path, true, newest_size, times, now, &random_state);
}

/* Its pong, when `received` of what was sent has come. */
static void pong(uint16_t received)
{
    struct tr_item_report report = {.sent = path->sent,
                                    .received = received,
                                    .size = (uint16_t)(newest_size > 0 ? newest_size : 71),
                                    .quiet = UINT16_MAX}; /* the peer said nothing before */

    now += 40 * TR_MS;
    ASSERT_TRUE(tr_paths_pong(&paths, 0, newest, now));
    path->heard_us = now;
    tr_gauge_told(path, &report);
    tr_gauge_rest(path, true, is_wanted, times, now, &random_state);
}

static void talk(unsigned count, size_t size)
{
    for (unsigned i = 0; i < count; i++)
        tr_path_carried(path, size, true, now);
}

static void gauge_wants_the_pings_of_proven_paths_when_they_are_due(void)
{
    begin(1);
    path->next_us = now + TR_S;
    ASSERT_EQ_UINT(tr_gauge_wanting(&paths, now + TR_S - 1), TR_PATH_NONE);
    ASSERT_EQ_UINT(tr_gauge_wanting(&paths, now + TR_S), 0);
    path->is_proven = false;
    ASSERT_EQ_UINT(tr_gauge_wanting(&paths, now + TR_S), TR_PATH_NONE);
}

/* Three, and up to three more where the path is known to lose; they follow each other quickly. */
static void gauge_doubts_after_three_to_six_unanswered_pings(void)
{
    static const struct {
        uint8_t loss;
        unsigned unanswered;
    } rows[] = {{0, 3}, {2, 3}, {5, 4}, {14, 5}, {40, 6}};

    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        begin(2);
        path->loss = rows[i].loss;
        uint64_t start = now;
        unsigned unanswered = 0;
        while (!ping() && unanswered < 20) {
            uint64_t pause = path->next_us - now;
            ASSERT_TRUE(pause >= 50 * TR_MS && pause <= 100 * TR_MS);
            unanswered++;
            now = path->next_us;
        }
        ASSERT_ROW(unanswered == rows[i].unanswered, "loss %u: %u", rows[i].loss, unanswered);
        ASSERT_TRUE(path->is_doubted);
        ASSERT_TRUE(now - start < 600 * TR_MS);
        ASSERT_FALSE(ping()); /* said once */
    }
}

static void gauge_asks_a_path_in_doubt_ever_slower(void)
{
    uint64_t before = 0;

    begin(3);
    while (!ping())
        now = path->next_us;
    for (unsigned i = 0; i < 12; i++) {
        uint64_t pause = path->next_us - now;
        ASSERT_ROW(pause >= 400 * TR_MS && pause <= 10 * TR_S && pause * 5 / 4 >= before,
                   "pause %u of %" PRIu64 " us", i, pause);
        before = pause;
        now = path->next_us;
        ASSERT_FALSE(ping());
        ASSERT_EQ_UINT(newest_size, 0); /* and with small ones */
    }
    pong(0);
    ASSERT_FALSE(path->is_doubted);
    ASSERT_EQ_UINT(path->losses, 0);
}

static void gauge_waits_a_round_trip_for_each_pong(void)
{
    static const uint32_t rtts_ms[] = {1, 40, 300, 1500};

    for (size_t i = 0; i < UNIT_COUNT(rtts_ms); i++) {
        begin(4);
        path->rtt_us = rtts_ms[i] * 1000;
        ping();
        uint64_t pause = path->next_us - now;
        ASSERT_ROW(pause > path->rtt_us && pause >= 50 * TR_MS &&
                       pause <= path->rtt_us * 3 / 2 + 100 * TR_MS,
                   "%u ms: %" PRIu64 " us", rtts_ms[i], pause);
    }
}

/* Sends so many, of which a share in percent gets lost, and a ping after each ten. */
static void traffic(unsigned count, unsigned lost_percent, uint16_t *received)
{
    for (unsigned i = 0; i < count; i += 10) {
        talk(10, 100);
        *received = (uint16_t)(*received + 10 - lost_percent / 10);
        ping();
        (*received)++;
        pong(*received);
    }
}

static void gauge_finds_a_path_lossy_by_what_is_sent_on_it(void)
{
    uint16_t received = 0;

    begin(5);
    traffic(200, 0, &received);
    ASSERT_EQ_UINT(path->loss, 0);
    ASSERT_FALSE(path->is_lossy);
    traffic(200, 10, &received);
    ASSERT_ROW(path->loss >= 7 && path->loss <= 12, "%u", path->loss);
    ASSERT_FALSE(path->is_lossy); /* a tenth is borne */
    traffic(60, 40, &received);
    ASSERT_TRUE(path->is_lossy);
    ASSERT_ROW(path->loss >= 15 && path->loss <= 45, "%u", path->loss);
    traffic(200, 10, &received);
    ASSERT_TRUE(path->is_lossy); /* not well before it is clearly better */
    traffic(200, 0, &received);
    ASSERT_FALSE(path->is_lossy);
    traffic(400, 0, &received);
    ASSERT_EQ_UINT(path->loss, 0); /* what was lost long ago is not told for ever */
}

/* A few datagrams prove nothing, and a side that counts anew loses nothing. */
static void gauge_judges_no_loss_over_a_few_or_over_another_count(void)
{
    uint16_t received = 0;

    begin(6);
    traffic(20, 0, &received);
    path->is_measured = false; /* the next pong begins a measurement */
    ping();
    pong(++received);
    ping(); /* only this one is lost */
    now += 100 * TR_MS;
    ping();
    pong(++received);
    ASSERT_EQ_UINT(path->loss, 0);
    path->is_measured = false;
    ping();
    pong(++received);
    received = 30000; /* the other side began anew */
    traffic(20, 0, &received);
    ASSERT_EQ_UINT(path->loss, 0);
    path->sent = 65500; /* over the end of 16 bits */
    path->is_measured = false;
    traffic(200, 0, &received);
    ASSERT_EQ_UINT(path->loss, 0);
    ASSERT_TRUE(path->sent < 1000);
}

static void gauge_shows_a_new_path_that_all_fits_before_it_is_counted_on(void)
{
    begin(7);
    path->width = TR_WIDTH_UNKNOWN;
    is_wanted = false;
    ping();
    ASSERT_EQ_UINT(newest_size, 0); /* nobody wants it: a small one */
    pong(1);
    ASSERT_TRUE(path->next_us > now + 5 * TR_S);
    ASSERT_EQ_UINT(path->width, TR_WIDTH_UNKNOWN);
    is_wanted = true;
    tr_gauge_rest(path, true, true, times, now, &random_state);
    ASSERT_TRUE(path->next_us <= now + 100 * TR_MS); /* soon */
    now = path->next_us;
    ping();
    ASSERT_EQ_UINT(newest_size, WHOLE);
    pong(2);
    ASSERT_EQ_UINT(path->width, TR_WIDTH_FULL);
    ASSERT_TRUE(path->next_us > now + 5 * TR_S);
}

/* Answers the small pings and not the large ones, over so many. */
static void narrow(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        now = path->next_us;
        ping();
        if (newest_size == 0)
            pong(0);
    }
}

static void gauge_finds_a_path_narrow_that_loses_only_what_is_large(void)
{
    begin(8);
    path->width = TR_WIDTH_UNKNOWN;
    path->next_us = now;
    uint64_t start = now;
    narrow(7);
    ASSERT_EQ_UINT(path->width, TR_WIDTH_NARROW);
    ASSERT_FALSE(path->is_doubted);
    ASSERT_TRUE(now - start < 2 * TR_S);
    unsigned large = 0;
    for (unsigned i = 0; i < 64; i++) { /* it is tried again, now and then */
        now = path->next_us;
        ping();
        large += newest_size > 0;
        if (newest_size == 0)
            pong(0);
    }
    ASSERT_ROW(large >= 2 && large <= 16, "%u", large);
    for (unsigned i = 0; i < 20 && path->width != TR_WIDTH_FULL; i++) {
        now = path->next_us;
        ping();
        pong(0);
    }
    ASSERT_EQ_UINT(path->width, TR_WIDTH_FULL);
}

static void gauge_goes_on_showing_that_what_is_sent_fits(void)
{
    unsigned large = 0;
    uint16_t received = 0;

    begin(9);
    for (unsigned i = 0; i < 40; i++) {
        talk(5, LARGE);
        received = (uint16_t)(received + 6);
        ping();
        large += newest_size == LARGE;
        ASSERT_TRUE(newest_size == 0 || newest_size == LARGE);
        pong(received);
    }
    ASSERT_ROW(large >= 5 && large <= 20, "%u of 40", large);
    for (unsigned i = 0; i < 10; i++) {
        path->largest = 0;
        talk(5, 120); /* small ones fit anywhere */
        received = (uint16_t)(received + 6);
        ping();
        ASSERT_EQ_UINT(newest_size, 0);
        pong(received);
    }
}

static void gauge_never_pads_what_goes_by_the_relay(void)
{
    begin(10);
    path->remote = tr_path_relay();
    path->width = TR_WIDTH_UNKNOWN;
    for (unsigned i = 0; i < 20; i++) {
        talk(5, LARGE);
        ping();
        ASSERT_EQ_UINT(newest_size, 0);
        pong(0);
    }
}

static void gauge_measures_soon_while_something_is_sent(void)
{
    begin(11);
    talk(1, 100);
    ping();
    talk(3, 100);
    pong(0);
    ASSERT_EQ_UINT(path->next_us, now + TR_PATH_TALKING_US);
}

/* One idle ping after another is answered: the pauses grow as NATs are known to bear them. */
static void gauge_learns_how_long_a_pause_nats_bear(void)
{
    uint64_t before = 14 * TR_S;
    unsigned pings = 0;

    begin(12);
    path->is_backed = true;
    ping();
    pong(0);
    while (before < 100 * TR_S && pings++ < 20) {
        uint64_t pause = path->next_us - now;
        ASSERT_ROW(pause >= before * 8 / 10 && pause <= before * 9 / 4, "%" PRIu64 " us", pause);
        before = pause;
        now = path->next_us;
        ping();
        pong(0);
    }
    ASSERT_TRUE(pings < 10);
    ASSERT_TRUE(path->next_us - now <= 112 * TR_S); /* RFC 4787 wants 120 s */
}

static void gauge_stays_below_a_pause_that_was_too_long(void)
{
    begin(13);
    path->is_backed = true;
    ping();
    pong(0);
    for (unsigned i = 0; i < 2; i++) { /* 14 and 28 s are borne, */
        now = path->next_us;
        ping();
        pong(0);
    }
    now = path->next_us; /* 56 are not: only the ping after it comes through */
    ping();
    now = path->next_us;
    ping();
    pong(0);
    for (unsigned i = 0; i < 8; i++) {
        uint64_t pause = path->next_us - now;
        ASSERT_ROW(pause <= 28 * TR_S && pause >= 12 * TR_S, "%" PRIu64 " us", pause);
        now = path->next_us;
        ping();
        pong(0);
    }
}

/* Without the relay nobody could open its NATs again at once: it keeps to what all bear. */
static void gauge_tries_no_long_pause_without_the_relay(void)
{
    begin(14);
    for (unsigned i = 0; i < 10; i++) {
        ping();
        pong(0);
        uint64_t pause = path->next_us - now;
        ASSERT_TRUE(pause <= 14 * TR_S && pause >= 12 * TR_S);
        now = path->next_us;
    }
}

static void gauge_keeps_to_a_keepalive_that_the_game_chose(void)
{
    for (uint8_t seed = 0; seed < 100; seed++) {
        begin(seed);
        times = &fixed;
        path->is_backed = true;
        ping();
        pong(0);
        uint64_t pause = path->next_us - now;
        ASSERT_TRUE(pause >= 4 * TR_S && pause <= 6 * TR_S);
        tr_gauge_rest(path, false, false, times, now, &random_state);
        pause = path->next_us - now;
        ASSERT_TRUE(pause >= 12 * TR_S && pause <= 18 * TR_S);
    }
}

static void gauge_puts_an_idle_ping_off_when_something_is_heard(void)
{
    begin(15);
    ping();
    pong(0);
    now += 10 * TR_S;
    tr_gauge_heard(path, true, times, now);
    ASSERT_TRUE(path->next_us > now + 10 * TR_S && path->next_us <= now + 14 * TR_S);
    uint64_t next = path->next_us;
    now = next;
    ping();
    next = path->next_us;
    tr_gauge_heard(path, true, times, now); /* a ping waits: its pong is what counts */
    ASSERT_EQ_UINT(path->next_us, next);
}

UNIT_MAIN("gauge", UNIT_CASE(gauge_wants_the_pings_of_proven_paths_when_they_are_due),
          UNIT_CASE(gauge_doubts_after_three_to_six_unanswered_pings),
          UNIT_CASE(gauge_asks_a_path_in_doubt_ever_slower),
          UNIT_CASE(gauge_waits_a_round_trip_for_each_pong),
          UNIT_CASE(gauge_finds_a_path_lossy_by_what_is_sent_on_it),
          UNIT_CASE(gauge_judges_no_loss_over_a_few_or_over_another_count),
          UNIT_CASE(gauge_shows_a_new_path_that_all_fits_before_it_is_counted_on),
          UNIT_CASE(gauge_finds_a_path_narrow_that_loses_only_what_is_large),
          UNIT_CASE(gauge_goes_on_showing_that_what_is_sent_fits),
          UNIT_CASE(gauge_never_pads_what_goes_by_the_relay),
          UNIT_CASE(gauge_measures_soon_while_something_is_sent),
          UNIT_CASE(gauge_learns_how_long_a_pause_nats_bear),
          UNIT_CASE(gauge_stays_below_a_pause_that_was_too_long),
          UNIT_CASE(gauge_tries_no_long_pause_without_the_relay),
          UNIT_CASE(gauge_keeps_to_a_keepalive_that_the_game_chose),
          UNIT_CASE(gauge_puts_an_idle_ping_off_when_something_is_heard))
