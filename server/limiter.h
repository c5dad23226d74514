/* Who asks too often: token buckets, one by one or in a bounded table by address prefix.
 * SPDX-License-Identifier: MIT */
#ifndef TR_LIMITER_H
#define TR_LIMITER_H

#include "lib/seal/seal.h"
#include <tryst/address.h>

/* A bucket as its one number (GCRA, ITU-T I.371): when it will be full again. All zero: full. */
struct tr_bucket {
    uint64_t full_us;
};

/* Takes a token; false when there is none. rate: tokens a second, at most a million. */
bool tr_bucket_take(struct tr_bucket *bucket, uint32_t rate, uint32_t burst, uint64_t now_us);

/* When there will be a token. */
uint64_t tr_bucket_next(const struct tr_bucket *bucket, uint32_t rate, uint32_t burst);

/* The same for bytes at a rate of kilobits, in nanoseconds: a quarter of a second's worth at once, and
 * at least 16 datagrams. kbps: not 0. */
struct tr_quota {
    uint64_t full_ns;
};

bool tr_quota_has(const struct tr_quota *quota, uint32_t kbps, size_t size, uint64_t now_us);
void tr_quota_take(struct tr_quota *quota, uint32_t kbps, size_t size, uint64_t now_us);

enum {
    /* A bucket is in use for 1 / rate seconds a token: the 7,000 registrations a second that one
     * core can verify keep 350 of them busy at 20 a second, and 7,000 at 1 a second. */
    TR_LIMITER_SETS = 1024,
    TR_LIMITER_WAYS = 8,
};

struct tr_limiter_entry {
    uint64_t prefix; /* 0: free */
    struct tr_bucket bucket;
};

struct tr_limiter {
    struct tr_limiter_entry *entries;
    uint8_t key[TR_MAC_KEY];
};

/* What addresses that share a bucket have in common; never 0. */
uint64_t tr_limiter_prefix(const struct tryst_address *address);

/* false: no memory. */
bool tr_limiter_init(struct tr_limiter *limiter, const uint8_t key[TR_MAC_KEY]);
void tr_limiter_clear(struct tr_limiter *limiter);

/* Takes a token of the address's /32 or /56. A prefix that is new takes the place of the one that
 * has been full for longest; where none is full, the answer is no. address: canonical. */
bool tr_limiter_take(struct tr_limiter *limiter, const struct tryst_address *address, uint32_t rate,
                     uint32_t burst, uint64_t now_us);

#endif
