/* Token buckets under a keyed hash.
 * SPDX-License-Identifier: MIT */
#include "lib/core/budget.h"

#include "lib/base/bytes.h"
#include <string.h>

enum {
    PORT_FULL_MS = TR_BUDGET_PORT_BURST * TR_BUDGET_PORT_PERIOD_MS,
    HOST_FULL_MS = TR_BUDGET_HOST_BURST * TR_BUDGET_HOST_PERIOD_MS,
    WAYS = 4,
};

void tr_budget_init(struct tr_budget *budget, struct tr_random *random)
{
    tr_random_bytes(random, budget->hash_key, sizeof budget->hash_key);
    for (size_t i = 0; i < TR_BUDGET_PORTS; i++)
        budget->ports[i] = (struct tr_bucket){.credit_ms = PORT_FULL_MS};
    for (size_t i = 0; i < TR_BUDGET_HOSTS; i++)
        budget->hosts[i] = (struct tr_bucket){.credit_ms = HOST_FULL_MS};
}

static void fill(struct tr_bucket *bucket, uint32_t now_ms, uint32_t full_ms)
{
    uint64_t credit = (uint64_t)bucket->credit_ms + (now_ms - bucket->filled_ms);
    bucket->credit_ms = credit > full_ms ? full_ms : (uint32_t)credit;
    bucket->filled_ms = now_ms;
}

/* The bucket of an address, of the few that its hash allows: its own, or one that is full and so remembers
 * nothing of its owner. Where all are in use one is shared, so that whoever names many addresses gets no
 * more than the buckets hold. */
static struct tr_bucket *find(struct tr_bucket *buckets, uint32_t count, uint64_t hash,
                              uint32_t now_ms, uint32_t full_ms)
{
    struct tr_bucket *set = buckets + hash % (count / WAYS) * WAYS;
    struct tr_bucket *unused = NULL;
    uint32_t tag = (uint32_t)(hash >> 32);
    for (uint32_t i = 0; i < WAYS; i++) {
        fill(&set[i], now_ms, full_ms);
        if (set[i].tag == tag)
            return &set[i];
        if (set[i].credit_ms == full_ms)
            unused = &set[i];
    }
    if (unused == NULL)
        return &set[tag % WAYS];
    unused->tag = tag;
    return unused;
}

bool tr_budget_take(struct tr_budget *budget, const struct tryst_address *to, uint32_t now_ms)
{
    uint8_t key[18];
    memcpy(key, to->ip, 16);
    tr_put_u16(key + 16, to->port);
    struct tr_bucket *port =
        find(budget->ports, TR_BUDGET_PORTS, tr_seal_hash64(key, sizeof key, budget->hash_key),
             now_ms, PORT_FULL_MS);
    struct tr_bucket *host = find(budget->hosts, TR_BUDGET_HOSTS,
                                  tr_seal_hash64(key, 16, budget->hash_key), now_ms, HOST_FULL_MS);
    if (port->credit_ms < TR_BUDGET_PORT_PERIOD_MS || host->credit_ms < TR_BUDGET_HOST_PERIOD_MS)
        return false;
    port->credit_ms -= TR_BUDGET_PORT_PERIOD_MS;
    host->credit_ms -= TR_BUDGET_HOST_PERIOD_MS;
    return true;
}
