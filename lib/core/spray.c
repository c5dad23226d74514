/* Plans of sprays, and the order of their datagrams.
 * SPDX-License-Identifier: MIT */
#include "lib/core/spray.h"

#include <string.h>

enum {
    PORT_LEAST = 1024, /* public ports start here: NATs keep those below to themselves */
    PORT_MOST = 65535,
    PORTS_ALL = PORT_MOST - PORT_LEAST + 1,
    /* 1,024 tries against 256 ports of 64,512 miss with exp(-4.06): 1.7 %. */
    PROBES = 1024,
    /* 6 s at 500 a second: two blocks of 1,024 miss with exp(-8.6), two of 512 in half the time alike. */
    PROBES_BOTH = 3000,
    SOCKETS_BLOCK = 64, /* 64 ports of 1,024: 1,024 tries find one for certain */
    SOCKETS_LADDER = 8,
    SOCKETS_BOTH = 8, /* so that a port tried again is tried from another */
    BLOCK_SMALL = 1024,
    /* Of a peer that claims a small block no port is tried more often: whoever has that address beside it,
     * as behind one carrier NAT, gets no more than 16 datagrams of a host's first seven sprays. In blocks of
     * n ports on both sides 4 n tries each miss with exp(-16), 2 n with exp(-4). */
    TRIES_OF_A_PORT = 2,
    TRIES_OF_A_PORT_BOTH = 4,
    /* Ladders on both sides: so many tries at each distance. */
    TRIES_OF_A_DISTANCE = 4,
    PASSES = 3,
    TTL_SHORT = 2,
};

/* Blocks whose product is larger are not worth 6 s: exp(-2.1) is a miss in eight. */
#define BLOCKS_MOST (UINT64_C(2048) * 2048)
/* 500 a second finds what there is in 2 s, and is 1 Mbit/s; from the hard side the first pass is quicker,
 * as its ports have to be there before they can be found. */
#define PERIOD_US (2 * TR_MS)
#define PERIOD_SOCKETS_US (1 * TR_MS)
/* The hard side's ports come first. */
#define LEAD_US (150 * TR_MS)
#define ANSWER_US (700 * TR_MS)
/* A game that was held catches up with so much of it; the rest takes its time. */
#define LATE_US (20 * TR_MS)
/* A datagram may be lost: all sockets send again, so long after the start. */
static const uint16_t passes_ms[PASSES] = {0, 700, 1600};

bool tr_nat_is_hard(const struct tr_nat *nat)
{
    return nat->mapping == TRYST_MAPPING_ADDRESS_DEPENDENT ||
           nat->mapping == TRYST_MAPPING_PORT_DEPENDENT;
}

/* How many ports a hard NAT may take next, as far as is known. */
static uint32_t width(const struct tr_nat *nat)
{
    if (nat->ports == TRYST_PORTS_SEQUENTIAL && nat->last != 0 && nat->stride != 0)
        return PROBES;
    if (nat->ports == TRYST_PORTS_RANDOM && nat->low >= PORT_LEAST && nat->high > nat->low)
        return (uint32_t)(nat->high - nat->low) + 1;
    return PORTS_ALL;
}

static bool is_beyond_reach(const struct tr_nat *own, const struct tr_nat *peer)
{
    return tr_nat_is_hard(own) && tr_nat_is_hard(peer) &&
           (uint64_t)width(own) * width(peer) > BLOCKS_MOST;
}

static bool is_mapped(const struct tr_nat *own, const struct tr_nat *peer)
{
    return ((own->flags | peer->flags) & TR_NAT_MAPPED) != 0;
}

bool tr_nat_is_hopeless(const struct tr_nat *own, const struct tr_nat *peer)
{
    return is_beyond_reach(own, peer) && !is_mapped(own, peer);
}

/* The ports that the peer's NAT may take. */
static void aim(struct tr_spray_plan *plan, const struct tr_nat *peer)
{
    uint32_t count = width(peer);
    plan->low = PORT_LEAST;
    plan->high = PORT_MOST;
    if (peer->ports == TRYST_PORTS_SEQUENTIAL && count == PROBES) {
        plan->is_ladder = true;
        plan->last = peer->last;
        plan->stride = (int16_t)peer->stride;
    } else if (count < PORTS_ALL) {
        plan->low = peer->low;
        plan->high = peer->high;
    }
}

static uint16_t at_most(uint32_t shots, uint32_t count, uint32_t tries)
{
    uint32_t most = count * tries;
    return (uint16_t)(shots < most ? shots : most);
}

static uint16_t port_near(int32_t port)
{
    return (uint16_t)(port < PORT_LEAST ? PORT_LEAST : port > PORT_MOST ? PORT_MOST : port);
}

/* Both choose a port for each destination. */
static void plan_both(struct tr_spray_plan *plan, const struct tr_nat *own,
                      const struct tr_nat *peer, bool is_lower, bool is_again)
{
    bool is_ladder = own->ports == TRYST_PORTS_SEQUENTIAL && width(own) == PROBES;
    uint32_t tries = is_again ? TRIES_OF_A_PORT : TRIES_OF_A_PORT_BOTH;
    plan->role = TR_SPRAY_BOTH;
    plan->sockets = SOCKETS_BOTH;
    aim(plan, peer);
    plan->shots = at_most(PROBES_BOTH, width(peer), tries);
    if (plan->is_ladder && is_ladder) {
        /* With the j-th datagram each takes its j-th port, unless others behind the NAT took some
         * meanwhile. It fits where both sides' guesses of that add up: one side guesses none. */
        plan->sockets = 1;
        plan->is_sweeping = !is_lower;
        plan->shots = PROBES;
    } else if (plan->is_ladder) { /* its ports go on while we try: all that it takes, alike */
        plan->is_ladder = false;
        uint16_t from = port_near(plan->last);
        uint16_t to = port_near(plan->last + plan->stride * PROBES);
        plan->low = from < to ? from : to;
        plan->high = from < to ? to : from;
        /* near the end of the ports there are few */
        plan->shots = at_most(PROBES_BOTH, (uint32_t)(plan->high - plan->low) + 1, tries);
    }
}

struct tr_spray_plan tr_spray_plan(const struct tr_nat *own, const struct tr_nat *peer,
                                   uint8_t sockets, bool is_lower, bool is_again)
{
    struct tr_spray_plan plan = {.period_us = PERIOD_US};
    bool is_willing = (own->flags & TR_NAT_SPRAY) != 0 && (peer->flags & TR_NAT_SPRAY) != 0;
    bool is_own_hard = tr_nat_is_hard(own);
    if (!is_willing || (!is_own_hard && !tr_nat_is_hard(peer)) || is_beyond_reach(own, peer))
        return plan;
    if (is_own_hard && tr_nat_is_hard(peer)) {
        plan_both(&plan, own, peer, is_lower, is_again);
    } else if (is_own_hard) {
        bool is_ladder = own->ports == TRYST_PORTS_SEQUENTIAL;
        uint8_t block = width(own) <= BLOCK_SMALL ? SOCKETS_BLOCK : TRYST_SOCKETS_MAX;
        plan.role = TR_SPRAY_SOCKETS;
        plan.sockets = is_ladder ? SOCKETS_LADDER : block;
        plan.period_us = PERIOD_SOCKETS_US;
        plan.is_waiting = peer->filtering < TRYST_FILTERING_PORT_DEPENDENT;
    } else {
        plan.role = TR_SPRAY_PORTS;
        aim(&plan, peer);
        plan.shots = at_most(PROBES, width(peer), TRIES_OF_A_PORT);
        plan.is_waiting = own->filtering < TRYST_FILTERING_PORT_DEPENDENT;
    }
    plan.is_waiting = plan.is_waiting || is_mapped(own, peer);
    if (plan.sockets > sockets)
        plan.sockets = sockets;
    if (plan.role == TR_SPRAY_SOCKETS)
        plan.shots = (uint16_t)(plan.sockets * PASSES);
    if (plan.role != TR_SPRAY_PORTS && plan.sockets == 0)
        plan.role = TR_SPRAY_NONE;
    return plan;
}

static uint32_t divisor(uint32_t a, uint32_t b)
{
    while (b != 0) {
        uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

void tr_spray_start(struct tr_spray *spray, uint32_t peer, const struct tr_spray_plan *plan,
                    const struct tryst_address *to, const uint8_t *sockets, uint8_t count,
                    uint64_t now_us, struct tr_random *random)
{
    *spray = (struct tr_spray){
        .peer = peer, .plan = *plan, .to = *to, .socket_count = count, .started_us = now_us};
    memcpy(spray->sockets, sockets, count);
    if (plan->role == TR_SPRAY_SOCKETS)
        spray->plan.shots = (uint16_t)(count * PASSES);
    uint32_t ports = (uint32_t)(plan->high - plan->low) + 1;
    spray->first = (uint16_t)tr_random_below(random, ports);
    do /* every port once before any comes again */
        spray->step = (uint16_t)(1 + tr_random_below(random, ports > 1 ? ports - 1 : 1));
    while (divisor(spray->step, ports) != 1);
    spray->next_us = now_us + (plan->role == TR_SPRAY_PORTS ? LEAD_US : 0);
    spray->ends_us = TR_NEVER;
}

/* The port of a shot; 0: it would be none of a NAT's. */
static uint16_t port_of(const struct tr_spray *spray)
{
    const struct tr_spray_plan *plan = &spray->plan;
    if (!plan->is_ladder) {
        uint32_t ports = (uint32_t)(plan->high - plan->low) + 1;
        uint64_t place = (spray->first + (uint64_t)spray->shots * spray->step) % ports;
        return (uint16_t)(plan->low + place);
    }
    int32_t shots = spray->shots - spray->before;
    int32_t rung = 1 + shots;
    if (plan->role == TR_SPRAY_BOTH && plan->is_sweeping)
        rung += shots / TRIES_OF_A_DISTANCE;
    int32_t port = plan->last + rung * plan->stride;
    return port >= PORT_LEAST && port <= PORT_MOST ? (uint16_t)port : 0;
}

/* Each port is tried from another socket when it comes again. */
static uint8_t socket_of(const struct tr_spray *spray)
{
    uint32_t ports = (uint32_t)(spray->plan.high - spray->plan.low) + 1;
    uint32_t pass = spray->plan.role == TR_SPRAY_BOTH ? spray->shots / ports : 0;
    return spray->socket_count > 0 ? spray->sockets[(spray->shots + pass) % spray->socket_count]
                                   : 0;
}

/* A gateway that accepts packets for itself, and hears one of these before its host has sent to that very
 * port, maps the host to another port from then on (docs/NETFILTER.md). So they open our NAT and get no
 * further: behind two NATs every second one opens both, and the others do in the next pass. Only the last
 * pass gets there: it finds what was lost on the way. */
static uint8_t ttl_of(const struct tr_spray *spray)
{
    const struct tr_spray_plan *plan = &spray->plan;
    if (plan->role != TR_SPRAY_SOCKETS || plan->is_waiting)
        return 0;
    uint32_t pass = spray->shots / spray->socket_count;
    return pass == PASSES - 1 ? 0 : (uint8_t)(TTL_SHORT + (spray->shots + pass) % 2);
}

static uint64_t pause(const struct tr_spray *spray)
{
    uint32_t shots = spray->shots, count = spray->socket_count;
    uint32_t pass = spray->plan.role == TR_SPRAY_SOCKETS ? shots / count : 0;
    bool is_pass = pass > 0 && spray->shots % spray->socket_count == 0;
    uint64_t next_us = spray->next_us + spray->plan.period_us;
    if (is_pass && spray->started_us + passes_ms[pass] * TR_MS > next_us)
        next_us = spray->started_us + passes_ms[pass] * TR_MS;
    return next_us;
}

bool tr_spray_next(struct tr_spray *spray, uint64_t now_us, struct tr_shot *shot)
{
    while (spray->peer != 0 && spray->shots < spray->plan.shots &&
           tr_is_due(spray->next_us, now_us)) {
        shot->socket = socket_of(spray);
        shot->to = spray->to;
        shot->ttl = ttl_of(spray);
        if (spray->plan.role != TR_SPRAY_SOCKETS)
            shot->to.port = port_of(spray);
        spray->shots++;
        if (spray->shots == spray->plan.shots)
            spray->ends_us = now_us + ANSWER_US;
        else
            spray->next_us = pause(spray);
        if (spray->next_us + LATE_US < now_us)
            spray->next_us = now_us - LATE_US;
        if (shot->to.port != 0)
            return true;
    }
    return false;
}

void tr_spray_aim(struct tr_spray *spray, const struct tr_nat *peer, uint64_t now_us)
{
    if (spray->peer == 0 || !spray->plan.is_ladder || spray->before != 0 ||
        peer->ports != TRYST_PORTS_SEQUENTIAL || peer->stride == 0 || peer->last == 0 ||
        peer->last == spray->plan.last)
        return;
    spray->before = spray->shots;
    spray->plan.last = peer->last;
    spray->plan.stride = (int16_t)peer->stride;
    if (spray->shots == 0)
        return;
    spray->plan.shots = (uint16_t)(spray->shots + PROBES);
    spray->ends_us = TR_NEVER;
    if (spray->next_us < now_us)
        spray->next_us = now_us;
}

uint64_t tr_spray_deadline(const struct tr_spray *spray)
{
    if (spray->peer == 0)
        return TR_NEVER;
    return spray->shots < spray->plan.shots ? spray->next_us : spray->ends_us;
}
