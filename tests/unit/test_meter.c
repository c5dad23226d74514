/* Figures of the way to one peer: rates, percentiles, jitter, loss.
 * SPDX-License-Identifier: MIT */
#include "lib/core/meter.h"
#include "tests/unit/unit.h"

static struct tr_meter meter;

static void begin(void)
{
    memset(&meter, 0, sizeof meter);
}

static void meter_counts_each_way_and_direction_by_itself(void)
{
    begin();
    for (uint32_t i = 0; i < 10; i++)
        tr_meter_count(&meter, false, TR_METER_OUT, 100, i);
    tr_meter_count(&meter, true, TR_METER_IN, 1000, 10);
    ASSERT_EQ_UINT(meter.bytes[TR_METER_DIRECT][TR_METER_OUT], 1000);
    ASSERT_EQ_UINT(meter.datagrams[TR_METER_DIRECT][TR_METER_OUT], 10);
    ASSERT_EQ_UINT(meter.bytes[TR_METER_RELAY][TR_METER_IN], 1000);
    ASSERT_EQ_UINT(meter.datagrams[TR_METER_RELAY][TR_METER_IN], 1);
    ASSERT_EQ_UINT(meter.bytes[TR_METER_RELAY][TR_METER_OUT], 0);
    ASSERT_EQ_UINT(meter.bytes[TR_METER_DIRECT][TR_METER_IN], 0);
}

/* 60 datagrams of 200 bytes a second out, 20 of 50 in, by both ways in turn. */
static void meter_tells_rates_a_second(void)
{
    begin();
    for (uint32_t ms = 0; ms < 5000; ms += 50) {
        for (unsigned i = 0; i < 3; i++)
            tr_meter_count(&meter, i == 1, TR_METER_OUT, 200, ms);
        tr_meter_count(&meter, ms % 100 == 0, TR_METER_IN, 50, ms);
        if (ms < 2000)
            continue;
        struct tr_meter_rates rates = tr_meter_rates(&meter, ms + 20);
        ASSERT_EQ_UINT(rates.bytes[TR_METER_OUT], 12000);
        ASSERT_EQ_UINT(rates.datagrams[TR_METER_OUT], 60);
        ASSERT_EQ_UINT(rates.bytes[TR_METER_IN], 1000);
        ASSERT_EQ_UINT(rates.datagrams[TR_METER_IN], 20);
    }
    struct tr_meter_rates rates = tr_meter_rates(&meter, 5000 + 3000);
    ASSERT_EQ_UINT(rates.datagrams[TR_METER_OUT], 0); /* silence counts, too */
    ASSERT_EQ_UINT(rates.bytes[TR_METER_OUT], 0);
    tr_meter_count(&meter, false, TR_METER_OUT, 200, 5000 + 60000); /* one after a long pause */
    rates = tr_meter_rates(&meter, 5000 + 60000);
    ASSERT_EQ_UINT(rates.bytes[TR_METER_OUT], 0);
    rates = tr_meter_rates(&meter, 5000 + 600000);
    ASSERT_EQ_UINT(rates.datagrams[TR_METER_OUT], 0);
}

static void meter_knows_percentiles_to_a_fifth(void)
{
    static const struct {
        uint32_t least, most, share, rare; /* of a hundred, so many take `rare` */
    } rows[] = {{40000, 40000, 0, 0},     {38000, 42000, 0, 0},   {500, 700, 0, 0},
                {20000, 200000, 0, 0},    {300000, 320000, 0, 0}, {9000, 11000, 10, 150000},
                {60000, 65000, 7, 400000}};

    for (size_t row = 0; row < UNIT_COUNT(rows); row++) {
        uint32_t sorted[100];

        begin();
        for (uint32_t i = 0; i < 100; i++) {
            uint32_t span = rows[row].most - rows[row].least;
            sorted[i] =
                i >= 100 - rows[row].share ? rows[row].rare : rows[row].least + span * i / 99;
        }
        for (uint32_t i = 0; i < 100; i++)
            tr_meter_trip(&meter, sorted[i * 37 % 100]);
        static const uint32_t percents[] = {50, 95};
        for (unsigned i = 0; i < 2; i++) {
            uint32_t told = tr_meter_percentile(&meter, percents[i]);
            uint32_t exact = sorted[percents[i] - 1];
            ASSERT_ROW(told * UINT64_C(5) >= exact * UINT64_C(4) &&
                           told * UINT64_C(5) <= exact * UINT64_C(6),
                       "row %zu: %u %% are below %u us, told %u", row, percents[i], exact, told);
        }
        ASSERT_EQ_UINT(meter.rtt_least_us, sorted[0]);
        ASSERT_EQ_UINT(meter.rtt_most_us, sorted[99]);
    }
    begin();
    ASSERT_EQ_UINT(tr_meter_percentile(&meter, 50), 0);
}

/* Thousands of quick ones, and then the way is slow: half a thousand later the median is, too. */
static void meter_forgets_what_is_old(void)
{
    begin();
    for (uint32_t i = 0; i < 5000; i++)
        tr_meter_trip(&meter, 20000);
    ASSERT_EQ_UINT(tr_meter_percentile(&meter, 50), 20000);
    for (uint32_t i = 0; i < 500; i++)
        tr_meter_trip(&meter, 90000);
    ASSERT_TRUE(tr_meter_percentile(&meter, 50) > 65000);
}

static void meter_reckons_jitter_as_rfc_3550_does(void)
{
    begin();
    for (uint32_t i = 0; i < 400; i++) /* each differs from the last by 3 ms */
        tr_meter_trip(&meter, i % 2 == 0 ? 30000 : 33000);
    ASSERT_TRUE(meter.jitter_us / 16 > 2900 && meter.jitter_us / 16 <= 3000);
    for (uint32_t i = 0; i < 400; i++)
        tr_meter_trip(&meter, 30000);
    ASSERT_TRUE(meter.jitter_us / 16 < 10);
}

static void meter_reckons_what_the_peer_loses(void)
{
    uint16_t sent = 65000; /* the counts go round */
    uint16_t received = 100;

    begin();
    for (uint32_t i = 0; i < 60; i++) {
        tr_meter_told(&meter, sent, received);
        sent = (uint16_t)(sent + 20);
        received = (uint16_t)(received + 18);
    }
    ASSERT_EQ_UINT(meter.loss, 10);
    tr_meter_told(&meter, 0, received); /* it counts anew: no loss follows from that */
    ASSERT_EQ_UINT(meter.loss, 10);
    tr_meter_moved(&meter);
    ASSERT_EQ_UINT(meter.loss, 0);
    ASSERT_EQ_UINT(tr_meter_percentile(&meter, 95), 0);
}

/* It lost something once: that is over when nothing more is lost. */
static void meter_forgets_a_loss(void)
{
    begin();
    tr_meter_told(&meter, 0, 0);
    tr_meter_told(&meter, 20, 10);
    ASSERT_EQ_UINT(meter.loss, 25);
    for (uint16_t i = 1; i <= 50; i++)
        tr_meter_told(&meter, (uint16_t)(20 + 20 * i), (uint16_t)(10 + 20 * i));
    ASSERT_EQ_UINT(meter.loss, 0);
    tr_meter_told(&meter, 1120, 1109); /* one of a hundred is not nothing */
    ASSERT_EQ_UINT(meter.loss, 1);
}

/* Nothing was lost: the ping at 100 came behind the one at 120. */
static void meter_takes_no_ping_that_was_overtaken_for_a_loss(void)
{
    begin();
    tr_meter_told(&meter, 80, 80);
    tr_meter_told(&meter, 120, 119);
    tr_meter_told(&meter, 100, 120);
    tr_meter_told(&meter, 140, 140);
    ASSERT_TRUE(meter.loss <= 1);
}

UNIT_MAIN("meter", UNIT_CASE(meter_counts_each_way_and_direction_by_itself),
          UNIT_CASE(meter_tells_rates_a_second), UNIT_CASE(meter_knows_percentiles_to_a_fifth),
          UNIT_CASE(meter_forgets_what_is_old), UNIT_CASE(meter_reckons_jitter_as_rfc_3550_does),
          UNIT_CASE(meter_forgets_a_loss), UNIT_CASE(meter_reckons_what_the_peer_loses),
          UNIT_CASE(meter_takes_no_ping_that_was_overtaken_for_a_loss))
