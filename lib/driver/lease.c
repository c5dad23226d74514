/* A port mapping's life.
 * SPDX-License-Identifier: MIT */
#include "lib/driver/lease.h"

#include "lib/base/deadline.h"

/* Between rounds in which nobody granted one, doubling. A router that does not map ports now rarely
 * does later; one that was switched on meanwhile changed our address most times, which starts anew. */
#define PAUSE_US (300 * TR_S)
#define PAUSE_MAX_US (3600 * TR_S)

/* RFC 6887, 11.2.1: "no more frequently than once per four seconds" */
#define RENEW_LEAST_US (4 * TR_S)

/* Lives are taken to be at least and at most so long, whatever the router says: a hostile one costs a
 * request every four seconds, and never 2^32 s of trust. RFC 6887, 15: a day at most is suggested. */
enum { LIFE_LEAST_S = 8, LIFE_MAX_S = 24 * 3600 };

static void enter(struct tr_lease *lease, uint32_t state, uint64_t next_us)
{
    lease->state = state;
    lease->next_us = next_us;
    if (state == TRYST_PORTMAP_HELD)
        return;
    lease->external = (struct tryst_address){0};
    lease->lifetime_s = 0;
    lease->expires_us = TR_NEVER;
    lease->protocol = state == TRYST_PORTMAP_ASKING ? TRYST_PORTMAP_PCP : TRYST_PORTMAP_NO_PROTOCOL;
}

void tr_lease_start(struct tr_lease *lease, uint64_t now_us)
{
    lease->why = TRYST_PORTMAP_FINE;
    lease->rounds = 0;
    enter(lease, TRYST_PORTMAP_ASKING, now_us);
}

static void wait(struct tr_lease *lease, uint64_t now_us)
{
    uint64_t pause_us = PAUSE_US;
    for (uint32_t i = 0; i < lease->rounds && pause_us < PAUSE_MAX_US; i++)
        pause_us *= 2;
    lease->rounds++;
    enter(lease, TRYST_PORTMAP_WAITING,
          now_us + (pause_us < PAUSE_MAX_US ? pause_us : PAUSE_MAX_US));
}

void tr_lease_no_router(struct tr_lease *lease, uint64_t now_us)
{
    lease->why = TRYST_PORTMAP_NO_ROUTER;
    wait(lease, now_us);
}

void tr_lease_stop(struct tr_lease *lease)
{
    *lease = (struct tr_lease){.next_us = TR_NEVER, .expires_us = TR_NEVER};
}

uint32_t tr_lease_due(struct tr_lease *lease, uint64_t now_us)
{
    if (lease->state == TRYST_PORTMAP_OFF || !tr_is_due(lease->next_us, now_us))
        return TRYST_PORTMAP_NO_PROTOCOL;
    if (lease->state == TRYST_PORTMAP_WAITING ||
        (lease->state == TRYST_PORTMAP_HELD && tr_is_due(lease->expires_us, now_us)))
        enter(lease, TRYST_PORTMAP_ASKING, now_us);
    return lease->protocol;
}

uint64_t tr_lease_deadline(const struct tr_lease *lease)
{
    return lease->state == TRYST_PORTMAP_OFF ? TR_NEVER : lease->next_us;
}

/* Only an address of one IPv4 host can be told to others. */
static bool is_usable(const struct tryst_address *external)
{
    switch (tryst_address_classify(external)) {
    case TRYST_ADDRESS_PUBLIC:
    case TRYST_ADDRESS_PRIVATE:
    case TRYST_ADDRESS_CARRIER:
    case TRYST_ADDRESS_RESERVED: /* documentation ranges, in laboratories */
        return external->family == 4 && external->port != 0;
    default:
        return false;
    }
}

static void hold(struct tr_lease *lease, uint64_t now_us, const struct tr_lease_answer *answer)
{
    int32_t class = tryst_address_classify(&answer->external);
    uint32_t life_s = answer->lifetime_s;
    life_s = life_s < LIFE_LEAST_S ? LIFE_LEAST_S : life_s > LIFE_MAX_S ? LIFE_MAX_S : life_s;
    lease->external = answer->external;
    lease->lifetime_s = life_s;
    lease->rounds = 0;
    lease->expires_us = now_us + life_s * TR_S;
    lease->why = class == TRYST_ADDRESS_PRIVATE || class == TRYST_ADDRESS_CARRIER
                     ? TRYST_PORTMAP_DOUBLE_NAT
                     : TRYST_PORTMAP_FINE;
    enter(lease, TRYST_PORTMAP_HELD, now_us + life_s * TR_S / 2);
}

/* RFC 6887, 11.2.1: after half the lifetime, then after half of what is left. */
static void renew_later(struct tr_lease *lease, uint64_t now_us)
{
    uint64_t left_us = lease->expires_us > now_us ? lease->expires_us - now_us : 0;
    uint64_t pause_us = left_us / 2 > RENEW_LEAST_US ? left_us / 2 : RENEW_LEAST_US;
    lease->next_us = now_us + pause_us;
    tr_sooner(&lease->next_us, lease->expires_us);
}

/* A protocol that is not spoken says less than one that is, and says no. */
static void note(struct tr_lease *lease, enum tr_lease_word word)
{
    static const enum tryst_portmap_why whys[] = {
        [TR_LEASE_SILENT] = TRYST_PORTMAP_NO_ROUTER,
        [TR_LEASE_GRANTED] = TRYST_PORTMAP_BROKEN, /* an address that is none */
        [TR_LEASE_SAYS_NO] = TRYST_PORTMAP_REFUSED,
        [TR_LEASE_NO_PORT] = TRYST_PORTMAP_CONFLICT,
        [TR_LEASE_NONSENSE] = TRYST_PORTMAP_BROKEN,
    };
    if (lease->why == TRYST_PORTMAP_FINE || lease->why == TRYST_PORTMAP_NO_ROUTER)
        lease->why = whys[word];
}

void tr_lease_input(struct tr_lease *lease, uint64_t now_us, const struct tr_lease_answer *answer)
{
    if (lease->state != TRYST_PORTMAP_ASKING && lease->state != TRYST_PORTMAP_HELD)
        return;
    if (answer->word == TR_LEASE_GRANTED && answer->lifetime_s > 0 &&
        is_usable(&answer->external)) {
        hold(lease, now_us, answer);
        return;
    }
    if (lease->state == TRYST_PORTMAP_HELD) {
        if (answer->word == TR_LEASE_SILENT && !tr_is_due(lease->expires_us, now_us))
            renew_later(lease, now_us);
        else
            tr_lease_start(lease, now_us);
        return;
    }
    if (lease->protocol == TRYST_PORTMAP_PCP) /* what an earlier round found is old */
        lease->why = TRYST_PORTMAP_FINE;
    note(lease, answer->word);
    if (lease->protocol == TRYST_PORTMAP_UPNP)
        wait(lease, now_us);
    else
        lease->protocol =
            lease->protocol == TRYST_PORTMAP_PCP ? TRYST_PORTMAP_NATPMP : TRYST_PORTMAP_UPNP;
}
