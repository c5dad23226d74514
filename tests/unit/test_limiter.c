/* Cases of server/limiter.
 * SPDX-License-Identifier: MIT */
#include "server/limiter.h"

#include "lib/base/deadline.h"
#include "tests/unit/unit.h"

static const uint8_t key[TR_MAC_KEY] = {1, 2, 3};

static struct tryst_address at(const char *text)
{
    struct tryst_address address = {0};

    tryst_address_parse(&address, text);
    return address;
}

static void bucket_gives_its_burst_and_not_one_more(void)
{
    struct tr_bucket bucket = {0};

    for (int i = 0; i < 100; i++)
        ASSERT_ROW(tr_bucket_take(&bucket, 20, 100, 7), "token %d", i);
    ASSERT_FALSE(tr_bucket_take(&bucket, 20, 100, 7));
}

static void bucket_gives_its_rate_from_then_on(void)
{
    struct tr_bucket bucket = {0};
    uint64_t now_us = 9 * TR_S;

    while (tr_bucket_take(&bucket, 20, 100, now_us))
        continue;

    uint64_t next_us = tr_bucket_next(&bucket, 20, 100);

    ASSERT_EQ_UINT(next_us, now_us + TR_S / 20);
    ASSERT_FALSE(tr_bucket_take(&bucket, 20, 100, next_us - 1));
    ASSERT_TRUE(tr_bucket_take(&bucket, 20, 100, next_us));
    ASSERT_FALSE(tr_bucket_take(&bucket, 20, 100, next_us));
}

static void bucket_fills_to_its_burst_and_no_further(void)
{
    struct tr_bucket bucket = {0};
    int count = 0;

    while (tr_bucket_take(&bucket, 10, 3, TR_S))
        continue;
    while (tr_bucket_take(&bucket, 10, 3, 1000 * TR_S))
        count++;
    ASSERT_EQ_INT(count, 3);
}

static void bucket_of_one_gives_one(void)
{
    struct tr_bucket bucket = {0};

    ASSERT_TRUE(tr_bucket_take(&bucket, 1, 1, 0));
    ASSERT_FALSE(tr_bucket_take(&bucket, 1, 1, TR_S - 1));
    ASSERT_TRUE(tr_bucket_take(&bucket, 1, 1, TR_S));
}

static void limiter_counts_by_prefix(void)
{
    static const struct {
        const char *a;
        const char *b;
        bool is_same;
    } rows[] = {
        {"1.2.3.4:5", "1.2.3.4:6", true},
        {"1.2.3.4:5", "1.2.3.5:5", false},
        {"[2a00:1:2:300::1]:5", "[2a00:1:2:3ff:ffff::9]:9", true},
        {"[2a00:1:2:300::1]:5", "[2a00:1:2:400::1]:5", false},
        {"1.2.3.4:5", "[::102:304]:5", false},
    };

    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct tr_limiter limiter;
        struct tryst_address a = at(rows[i].a), b = at(rows[i].b);

        tr_limiter_init(&limiter, key);
        ASSERT_TRUE(tr_limiter_take(&limiter, &a, 20, 2, 0));
        ASSERT_TRUE(tr_limiter_take(&limiter, &a, 20, 2, 0));
        ASSERT_FALSE(tr_limiter_take(&limiter, &a, 20, 2, 0));
        ASSERT_ROW(tr_limiter_take(&limiter, &b, 20, 2, 0) != rows[i].is_same, "row %zu", i);
        tr_limiter_clear(&limiter);
    }
}

/* More prefixes than it has room for: it says no rather than forget who has asked too often. */
static void limiter_is_bounded_and_does_not_forget_the_busy(void)
{
    struct tr_limiter limiter;
    struct tryst_address busy = at("9.9.9.9:1");
    struct tryst_address other = at("10.0.0.0:1");
    uint32_t taken = 0;
    uint32_t tries = TR_LIMITER_SETS * TR_LIMITER_WAYS * 4;

    tr_limiter_init(&limiter, key);
    while (tr_limiter_take(&limiter, &busy, 1, 5, TR_S))
        continue;
    for (uint32_t i = 0; i < tries; i++) {
        memcpy(other.ip + 1, &i, 3);
        taken += tr_limiter_take(&limiter, &other, 1, 5, TR_S);
    }
    ASSERT_EQ_UINT(taken, TR_LIMITER_SETS * TR_LIMITER_WAYS - 1);
    ASSERT_FALSE(tr_limiter_take(&limiter, &busy, 1, 5, TR_S));

    /* A second later all but the busy one are full again, and give way. */
    taken = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        memcpy(other.ip + 1, &i, 3);
        other.ip[0] = 11;
        taken += tr_limiter_take(&limiter, &other, 1, 5, 2 * TR_S);
    }
    ASSERT_EQ_UINT(taken, 1000);
    ASSERT_TRUE(tr_limiter_take(&limiter, &busy, 1, 5, 2 * TR_S));
    ASSERT_FALSE(tr_limiter_take(&limiter, &busy, 1, 5, 2 * TR_S));
    tr_limiter_clear(&limiter);
}

UNIT_MAIN("limiter", UNIT_CASE(bucket_gives_its_burst_and_not_one_more),
          UNIT_CASE(bucket_gives_its_rate_from_then_on),
          UNIT_CASE(bucket_fills_to_its_burst_and_no_further), UNIT_CASE(bucket_of_one_gives_one),
          UNIT_CASE(limiter_counts_by_prefix),
          UNIT_CASE(limiter_is_bounded_and_does_not_forget_the_busy))
