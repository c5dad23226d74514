/* Token buckets in a table of fixed size: small sets, found by a keyed hash.
 * SPDX-License-Identifier: MIT */
#include "server/limiter.h"

#include "lib/base/deadline.h"
#include "lib/base/outbox.h"
#include <stdlib.h>
#include <string.h>

uint64_t tr_bucket_next(const struct tr_bucket *bucket, uint32_t rate, uint32_t burst)
{
    uint64_t slack = TR_S / rate * (burst - 1);

    return bucket->full_us > slack ? bucket->full_us - slack : 0;
}

bool tr_bucket_take(struct tr_bucket *bucket, uint32_t rate, uint32_t burst, uint64_t now_us)
{
    if (!tr_is_due(tr_bucket_next(bucket, rate, burst), now_us))
        return false;
    bucket->full_us = (bucket->full_us > now_us ? bucket->full_us : now_us) + TR_S / rate;
    return true;
}

enum { NS_US = 1000, QUOTA_BURST_NS = 250 * 1000 * 1000, QUOTA_BURST_DATAGRAMS = 16 };

/* A bit at a kilobit a second takes a million nanoseconds. */
static uint64_t quota_cost_ns(uint32_t kbps, size_t size)
{
    return (uint64_t)size * 8 * 1000000 / kbps;
}

bool tr_quota_has(const struct tr_quota *quota, uint32_t kbps, size_t size, uint64_t now_us)
{
    uint64_t slack_ns = quota_cost_ns(kbps, (size_t)QUOTA_BURST_DATAGRAMS * TR_DATAGRAM_MAX);

    if (slack_ns < QUOTA_BURST_NS)
        slack_ns = QUOTA_BURST_NS;
    return quota->full_ns + quota_cost_ns(kbps, size) <= now_us * NS_US + slack_ns;
}

void tr_quota_take(struct tr_quota *quota, uint32_t kbps, size_t size, uint64_t now_us)
{
    uint64_t now_ns = now_us * NS_US;

    quota->full_ns =
        (quota->full_ns > now_ns ? quota->full_ns : now_ns) + quota_cost_ns(kbps, size);
}

bool tr_limiter_init(struct tr_limiter *limiter, const uint8_t key[TR_MAC_KEY])
{
    memcpy(limiter->key, key, TR_MAC_KEY);
    limiter->entries = calloc((size_t)TR_LIMITER_SETS * TR_LIMITER_WAYS, sizeof *limiter->entries);
    return limiter->entries != NULL;
}

void tr_limiter_clear(struct tr_limiter *limiter)
{
    free(limiter->entries);
    memset(limiter, 0, sizeof *limiter);
}

/* The family, which is never 0, then the prefix. */
uint64_t tr_limiter_prefix(const struct tryst_address *address)
{
    uint64_t prefix = address->family;

    for (size_t i = 0; i < (address->family == 4 ? 4U : 7U); i++)
        prefix = prefix << 8 | address->ip[i];
    return prefix;
}

bool tr_limiter_take(struct tr_limiter *limiter, const struct tryst_address *address, uint32_t rate,
                     uint32_t burst, uint64_t now_us)
{
    uint64_t prefix = tr_limiter_prefix(address);
    uint64_t set = tr_seal_hash64(&prefix, sizeof prefix, limiter->key) % TR_LIMITER_SETS;
    struct tr_limiter_entry *entry = &limiter->entries[set * TR_LIMITER_WAYS];
    struct tr_limiter_entry *found = entry;

    for (size_t i = 0; i < TR_LIMITER_WAYS; i++) {
        if (entry[i].prefix == prefix)
            return tr_bucket_take(&entry[i].bucket, rate, burst, now_us);
        if (entry[i].bucket.full_us < found->bucket.full_us)
            found = &entry[i];
    }
    if (found->prefix != 0 && !tr_is_due(found->bucket.full_us, now_us))
        return false;
    *found = (struct tr_limiter_entry){.prefix = prefix};
    return tr_bucket_take(&found->bucket, rate, burst, now_us);
}
