/* Choosing whom to spray for.
 * SPDX-License-Identifier: MIT */
#include "lib/core/traversal.h"

#include "lib/core/choice.h"
#include "lib/core/outreach.h"
#include <string.h>

/* Hellos alone take a round trip where they do at all, and the rounds up to here were seven. */
#define WAIT_US (300 * TR_MS)
/* Where the filter is known to look at ports they cannot: all that is waited for is the other side. */
#define WAIT_HOPELESS_US (60 * TR_MS)
/* After a spray that found nothing: 30 s, doubling up to 16 minutes; half of it for who is called by the
 * other side's. So no port hears more than 16 datagrams of ours in a quarter of an hour. */
#define BACKOFF_US (30 * TR_S)
enum { MISSES_MAX = 6 };
/* Found or not: 8 datagrams to a port at once, and one in 112.5 s; so 16 in any quarter of an hour. */
#define PAID_MAX_US (900 * TR_S)
#define PORT_US (PAID_MAX_US / 8)

/* The address of the peer that the server saw, IPv4: nobody else's word aims a spray. */
static const struct tryst_address *target_of(const struct tr_peer *peer)
{
    for (uint8_t i = 0; i < peer->paths.count; i++) {
        const struct tr_path *path = &peer->paths.list[i];
        if (path->is_named && path->kind == TRYST_KIND_PUBLIC && path->remote.family == 4 &&
            tryst_address_classify(&path->remote) == TRYST_ADDRESS_PUBLIC)
            return &path->remote;
    }
    return NULL;
}

static uint32_t host_of(const struct tryst_address *address, const struct tr_peer_kit *kit)
{
    return (uint32_t)(tr_seal_hash64(address->ip, sizeof address->ip, kit->budget->hash_key) %
                      TR_SPRAY_HOSTS);
}

static struct tr_spray_plan plan_for(const struct tr_peer *peer, const struct tr_spray_host *host,
                                     const struct tr_peer_kit *kit)
{
    return tr_spray_plan(kit->nat, &peer->nat, kit->sockets->limit, peer->handshake.role == 0,
                         host->misses > 0);
}

/* What so many shots cost: by how often they come to a port that is of those tried. */
static uint64_t cost_us(const struct tr_spray_plan *plan, uint32_t shots)
{
    if (plan->role == TR_SPRAY_SOCKETS)
        return 0; /* they go where it registered from */
    if (plan->is_ladder)
        return shots > 0 ? PORT_US : 0;
    return shots * PORT_US / ((uint32_t)(plan->high - plan->low) + 1);
}

/* When a spray for this peer is due. */
static uint64_t due_us(const struct tr_traversal *traversal, const struct tr_peer *peer,
                       const struct tr_peer_kit *kit)
{
    if (peer->punch.state == TR_PUNCH_OPEN || peer->punch.state == TR_PUNCH_IDLE ||
        !peer->is_listed || (!tr_nat_is_hard(kit->nat) && !tr_nat_is_hard(&peer->nat)) ||
        target_of(peer) == NULL)
        return TR_NEVER;
    const struct tr_spray_host *host = &traversal->hosts[host_of(target_of(peer), kit)];
    struct tr_spray_plan plan = plan_for(peer, host, kit);
    if (plan.role == TR_SPRAY_NONE)
        return TR_NEVER;
    uint64_t due = peer->punch.started_us + (plan.is_waiting ? WAIT_US : WAIT_HOPELESS_US);
    uint64_t paid_us = host->paid_us + cost_us(&plan, plan.shots);
    if (paid_us > PAID_MAX_US && paid_us - PAID_MAX_US > due)
        due = paid_us - PAID_MAX_US;
    if (host->misses == 0)
        return due;
    uint64_t again = (BACKOFF_US << (host->misses - 1)) / (peer->wants_spray ? 2 : 1);
    return due > host->since_us + again ? due : host->since_us + again;
}

/* Of the paths that a spray found the best one stays, and with it its socket. Where none is proven here, one
 * that was heard does: our answer may have proven it to the peer, which says all there then. */
static void paths_keep_one(struct tr_peer *peer)
{
    uint16_t kept = 0;
    bool is_proven = false;
    for (uint8_t i = 0; i < peer->paths.count; i++) {
        const struct tr_path *path = &peer->paths.list[i];
        if (path->local <= TR_LOCAL_SOCKET || (!path->is_proven && (is_proven || !path->is_heard)))
            continue;
        if (kept == 0 || i == peer->paths.chosen || (path->is_proven && !is_proven))
            kept = path->local;
        is_proven = is_proven || path->is_proven;
    }
    for (uint8_t i = peer->paths.count; i > 0; i--) {
        uint16_t local = peer->paths.list[i - 1].local;
        if (local > TR_LOCAL_SOCKET && local != kept && i <= peer->paths.count)
            tr_paths_drop_local(&peer->paths, local);
    }
}

static void stop(struct tr_traversal *traversal, struct tr_seats *seats,
                 const struct tr_peer_kit *kit)
{
    struct tr_spray *spray = &traversal->spray;
    struct tr_peer *peer = spray->peer != 0 ? tr_seats_find(seats, spray->peer) : NULL;
    for (uint8_t i = 0; i < spray->socket_count; i++)
        tr_sockets_give(kit->sockets, spray->sockets[i]);
    struct tr_spray_host *host = &traversal->hosts[host_of(&spray->to, kit)];
    if (peer != NULL && peer->punch.state == TR_PUNCH_OPEN && host->misses > 0)
        host->misses--;
    uint64_t unsent_us =
        cost_us(&spray->plan, spray->plan.shots) - cost_us(&spray->plan, spray->shots);
    host->paid_us = host->paid_us > unsent_us ? host->paid_us - unsent_us : 0;
    if (spray->before != 0) /* a second ladder */
        host->paid_us += PORT_US;
    if (peer != NULL) {
        peer->is_spraying = false;
        paths_keep_one(peer);
    }
    spray->peer = 0;
}

static void start(struct tr_traversal *traversal, struct tr_peer *peer,
                  const struct tr_peer_kit *kit)
{
    struct tr_spray_host *host = &traversal->hosts[host_of(target_of(peer), kit)];
    struct tr_spray_plan plan = plan_for(peer, host, kit);
    uint8_t sockets[TRYST_SOCKETS_MAX];
    uint8_t count = 0;
    uint8_t relay = tr_outreach_relay(peer);
    peer->wants_spray = false;
    host->since_us = kit->now_us;
    if (host->misses < MISSES_MAX)
        host->misses++;
    while (count < plan.sockets && (sockets[count] = tr_sockets_take(kit->sockets)) != 0)
        count++;
    if (plan.role != TR_SPRAY_PORTS && count == 0)
        return;
    host->paid_us =
        (host->paid_us > kit->now_us ? host->paid_us : kit->now_us) + cost_us(&plan, plan.shots);
    tr_spray_start(&traversal->spray, peer->handle, &plan, target_of(peer), sockets, count,
                   kit->now_us, kit->random);
    peer->is_spraying = true;
    peer->sprays = peer->sprays < UINT8_MAX ? (uint8_t)(peer->sprays + 1) : UINT8_MAX;
    if (relay != TR_PATH_NONE && peer->paths.list[relay].is_proven)
        tr_outreach_hello(peer, relay, NULL, kit); /* tells it, so that both try at one time */
}

/* Starts the one that has been due for longest. */
static bool start_next(struct tr_traversal *traversal, struct tr_seats *seats,
                       const struct tr_peer_kit *kit)
{
    struct tr_peer *next = NULL;
    uint64_t next_us = TR_NEVER;
    for (uint32_t seat = 0; seat < TR_SEATS; seat++) {
        uint64_t due =
            seats->peers[seat] != NULL ? due_us(traversal, seats->peers[seat], kit) : TR_NEVER;
        if (due >= next_us || !tr_is_due(due, kit->now_us))
            continue;
        next = seats->peers[seat];
        next_us = due;
    }
    if (next != NULL)
        start(traversal, next, kit);
    return next != NULL;
}

bool tr_traversal_tick(struct tr_traversal *traversal, struct tr_seats *seats,
                       const struct tr_peer_kit *kit)
{
    struct tr_spray *spray = &traversal->spray;
    struct tr_shot shot;
    if (spray->peer == 0)
        return start_next(traversal, seats, kit);
    struct tr_peer *peer = tr_seats_find(seats, spray->peer);
    if (peer == NULL || peer->punch.state == TR_PUNCH_OPEN ||
        tr_spray_is_over(spray, kit->now_us)) {
        stop(traversal, seats, kit);
        return true;
    }
    tr_spray_aim(spray, &peer->nat, kit->now_us);
    while (tr_spray_next(spray, kit->now_us, &shot))
        tr_outreach_shot(peer, &shot, kit);
    return false;
}

uint64_t tr_traversal_wanted(const struct tr_traversal *traversal, const struct tr_seats *seats,
                             const struct tr_peer_kit *kit)
{
    uint64_t next = TR_NEVER;
    for (uint32_t seat = 0; seat < TR_SEATS && traversal->spray.peer == 0; seat++)
        if (seats->peers[seat] != NULL)
            tr_sooner(&next, due_us(traversal, seats->peers[seat], kit));
    return next;
}

void tr_traversal_anew(struct tr_traversal *traversal)
{
    memset(traversal->hosts, 0, sizeof traversal->hosts);
}

void tr_traversal_stop(struct tr_traversal *traversal, struct tr_seats *seats,
                       const struct tr_peer_kit *kit)
{
    if (traversal->spray.peer != 0)
        stop(traversal, seats, kit);
}
