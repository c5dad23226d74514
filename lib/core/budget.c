/* Token buckets under a keyed hash.
 * SPDX-License-Identifier: MIT */
#include "lib/core/budget.h"

#include "lib/base/bytes.h"
#include <string.h>

enum {
    PORT_FULL_MS = TR_BUDGET_PORT_BURST * TR_BUDGET_PORT_PERIOD_MS,
    HOST_FULL_MS = TR_BUDGET_HOST_BURST * TR_BUDGET_HOST_PERIOD_MS,
};

void tr_budget_init(struct tr_budget *budget, struct tr_random *random)
{
    tr_random_bytes(random, budget->hash_key, sizeof budget->hash_key);
    for (size_t i = 0; i < TR_BUDGET_BUCKETS; i++) {
        budget->ports[i] = (struct tr_bucket){.credit_ms = PORT_FULL_MS};
        budget->hosts[i] = (struct tr_bucket){.credit_ms = HOST_FULL_MS};
    }
}

static void fill(struct tr_bucket *bucket, uint32_t now_ms, uint32_t full_ms)
{
    uint64_t credit = (uint64_t)bucket->credit_ms + (now_ms - bucket->filled_ms);
    bucket->credit_ms = credit > full_ms ? full_ms : (uint32_t)credit;
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
    fill(port, now_ms, PORT_FULL_MS);
    fill(host, now_ms, HOST_FULL_MS);
    if (port->credit_ms < TR_BUDGET_PORT_PERIOD_MS || host->credit_ms < TR_BUDGET_HOST_PERIOD_MS)
        return false;
    port->credit_ms -= TR_BUDGET_PORT_PERIOD_MS;
    host->credit_ms -= TR_BUDGET_HOST_PERIOD_MS;
    return true;
}
