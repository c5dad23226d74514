/* Token buckets under a keyed hash.
 * SPDX-License-Identifier: MIT */
#include "lib/core/budget.h"

#include "lib/base/bytes.h"
#include <string.h>

enum { MILLI = 1000 };

void tr_budget_init(struct tr_budget *budget, struct tr_random *random)
{
    tr_random_bytes(random, budget->hash_key, sizeof budget->hash_key);
    for (size_t i = 0; i < TR_BUDGET_BUCKETS; i++) {
        budget->ports[i] = (struct tr_bucket){.tokens_milli = TR_BUDGET_PORT_BURST * MILLI};
        budget->hosts[i] = (struct tr_bucket){.tokens_milli = TR_BUDGET_HOST_BURST * MILLI};
    }
}

static void fill(struct tr_bucket *bucket, uint32_t now_ms, uint32_t rate, uint32_t burst)
{
    uint64_t tokens = bucket->tokens_milli + (uint64_t)(now_ms - bucket->filled_ms) * rate;
    bucket->tokens_milli = tokens > burst * MILLI ? burst * MILLI : (uint32_t)tokens;
    bucket->filled_ms = now_ms;
}

bool tr_budget_take(struct tr_budget *budget, const struct tryst_address *to, uint32_t now_ms)
{
    uint8_t key[18];
    memcpy(key, to->ip, 16);
    tr_put_u16(key + 16, to->port);
    struct tr_bucket *port =
        &budget->ports[tr_seal_hash64(key, sizeof key, budget->hash_key) % TR_BUDGET_BUCKETS];
    struct tr_bucket *host =
        &budget->hosts[tr_seal_hash64(key, 16, budget->hash_key) % TR_BUDGET_BUCKETS];
    fill(port, now_ms, TR_BUDGET_PORT_RATE, TR_BUDGET_PORT_BURST);
    fill(host, now_ms, TR_BUDGET_HOST_RATE, TR_BUDGET_HOST_BURST);
    if (port->tokens_milli < MILLI || host->tokens_milli < MILLI)
        return false;
    port->tokens_milli -= MILLI;
    host->tokens_milli -= MILLI;
    return true;
}
