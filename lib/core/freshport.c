/* When a fresh port is taken, tried and given up.
 * SPDX-License-Identifier: MIT */
#include "lib/core/freshport.h"

#include "lib/core/choice.h"
#include "lib/core/outreach.h"

/* Hellos, and their answers, had seven rounds by then. */
#define DEAF_US (350 * TR_MS)
/* The side with the higher identity waits for what the other one does about it. That helps only where the
 * other one is the poisoned one: netfilter gives a poisoned socket's wrong port to every new destination
 * (measured), fresh or not. */
#define DEAF_HIGHER_US (450 * TR_MS)
#define ASKING_US (3 * TR_S)
/* Registered, told, tried, and nothing came of it. */
#define OPEN_US (10 * TR_S)
#define BACKOFF_US (60 * TR_S)
/* It led to a peer, and another one came that is deaf to it; or none could be had. */
#define AGAIN_US (2 * TR_S)
enum { BACKOFFS = 6 };

/* An address of the peer that the server saw, as path i leads to; NULL: none. */
static const struct tryst_address *public_at(const struct tr_peer *peer, uint8_t i)
{
    const struct tr_path *path = &peer->paths.list[i];
    return path->is_named && path->local == TR_LOCAL_ANY && path->kind == TRYST_KIND_PUBLIC &&
                   path->remote.family == 4
               ? &path->remote
               : NULL;
}

static bool has_public(const struct tr_peer *peer)
{
    for (uint8_t i = 0; i < peer->paths.count; i++)
        if (public_at(peer, i) != NULL)
            return true;
    return false;
}

/* When a fresh port may help with this peer. */
static uint64_t due_us(const struct tr_peer *peer, const struct tr_peer_kit *kit)
{
    if (peer->punch.state != TR_PUNCH_PROBING || !peer->is_listed || tr_nat_is_hard(kit->nat) ||
        tr_nat_is_hard(&peer->nat) || kit->nat->mapping == TRYST_MAPPING_NONE || !has_public(peer))
        return TR_NEVER;
    return peer->punch.probing_us + (peer->handshake.role == 0 ? DEAF_US : DEAF_HIGHER_US);
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Whoever was tried in vain waits for long; that is no fault of others. */
static uint64_t wanted_us(uint64_t least_us, uint64_t least_again_us, const struct tr_seats *seats,
                          const struct tr_peer_kit *kit)
{
    uint64_t next = TR_NEVER;
    for (uint32_t seat = 0; seat < TR_SEATS; seat++) {
        const struct tr_peer *peer = seats->peers[seat];
        if (peer != NULL)
            tr_sooner(&next, later(due_us(peer, kit), peer->had_fresh ? least_again_us : least_us));
    }
    return next;
}

static void leave(struct tr_freshport *fresh, struct tr_rendezvous *rendezvous,
                  const struct tr_peer_kit *kit)
{
    tr_rendezvous_close_socket(rendezvous, fresh->socket);
    tr_sockets_give(kit->sockets, fresh->socket);
    fresh->again_us = kit->now_us + (fresh->state == TR_FRESHPORT_OPEN ? 0 : AGAIN_US);
    fresh->state = TR_FRESHPORT_IDLE;
    fresh->socket = 0;
    if (fresh->tries < BACKOFFS)
        fresh->tries++;
    fresh->next_us = kit->now_us + (BACKOFF_US << (fresh->tries - 1));
}

static void ask(struct tr_freshport *fresh, struct tr_rendezvous *rendezvous,
                const struct tr_peer_kit *kit)
{
    uint8_t socket = tr_sockets_take(kit->sockets);
    fresh->next_us = kit->now_us + BACKOFF_US;
    fresh->again_us = kit->now_us + AGAIN_US;
    fresh->state = TR_FRESHPORT_IDLE;
    fresh->socket = 0;
    if (socket == 0)
        return;
    fresh->socket = socket;
    fresh->since_us = kit->now_us;
    fresh->state = TR_FRESHPORT_ASKING;
    if (!tr_rendezvous_open_socket(rendezvous, socket, kit->now_us))
        leave(fresh, rendezvous, kit);
}

/* Paths from it to a peer that is searched for, to its fresh port, too: where the first ports of both are
 * poisoned nothing else does. false: it had them, or none is possible. */
static bool add_paths(const struct tr_freshport *fresh, struct tr_peer *peer,
                      const struct tr_peer_kit *kit)
{
    uint16_t local = (uint16_t)(TR_LOCAL_SOCKET + fresh->socket);
    bool is_new = false;
    if (peer == NULL || due_us(peer, kit) == TR_NEVER)
        return false;
    for (uint8_t i = 0; i < peer->paths.count; i++) {
        if (public_at(peer, i) == NULL)
            continue;
        struct tryst_address remote = *public_at(peer, i);
        if (tr_paths_find(&peer->paths, &remote, local) == TR_PATH_NONE &&
            tr_paths_add(&peer->paths, &remote, local, TRYST_KIND_PUBLIC) != TR_PATH_NONE)
            is_new = true;
    }
    return is_new;
}

/* Its address is known, and about to be registered: whoever is deaf is tried from it, before it knows. */
static void try(struct tr_freshport *fresh, struct tr_seats *seats, const struct tr_peer_kit *kit)
{
    for (uint32_t seat = 0; seat < TR_SEATS; seat++) {
        struct tr_peer *peer = seats->peers[seat];
        if (peer == NULL || due_us(peer, kit) == TR_NEVER)
            continue;
        peer->had_fresh = true;
        if (add_paths(fresh, peer, kit))
            tr_outreach_search(peer, kit->now_us);
    }
    fresh->state = TR_FRESHPORT_OPEN;
    fresh->since_us = kit->now_us;
}

/* Whether a peer is reached by it. */
static bool is_used(const struct tr_freshport *fresh, const struct tr_seats *seats)
{
    for (uint32_t seat = 0; seat < TR_SEATS; seat++) {
        const struct tr_peer *peer = seats->peers[seat];
        for (uint8_t i = 0; peer != NULL && i < peer->paths.count; i++)
            if (peer->paths.list[i].local == TR_LOCAL_SOCKET + fresh->socket &&
                peer->paths.list[i].is_proven)
                return true;
    }
    return false;
}

static void drop_paths(const struct tr_freshport *fresh, struct tr_seats *seats)
{
    for (uint32_t seat = 0; seat < TR_SEATS; seat++)
        if (seats->peers[seat] != NULL)
            tr_paths_drop_local(&seats->peers[seat]->paths,
                                (uint16_t)(TR_LOCAL_SOCKET + fresh->socket));
}

/* When the next one is wanted while one is open: by all that are deaf where it leads to somebody, else by who
 * came later and was heard at it before anything was sent there. */
static uint64_t more_wanted_us(const struct tr_freshport *fresh, const struct tr_seats *seats,
                               const struct tr_peer_kit *kit)
{
    uint64_t least_us = fresh->since_us + AGAIN_US;
    return wanted_us(least_us, is_used(fresh, seats) ? least_us : TR_NEVER, seats, kit);
}

void tr_freshport_offer(const struct tr_freshport *fresh, struct tr_seats *seats,
                        const struct tr_peer_kit *kit)
{
    for (uint32_t seat = 0; seat < TR_SEATS && fresh->state == TR_FRESHPORT_OPEN; seat++)
        add_paths(fresh, seats->peers[seat], kit);
}

void tr_freshport_tick(struct tr_freshport *fresh, struct tr_rendezvous *rendezvous,
                       struct tr_seats *seats, const struct tr_peer_kit *kit)
{
    if (fresh->state == TR_FRESHPORT_IDLE) {
        if (kit->sockets->limit > 0 &&
            tr_is_due(wanted_us(fresh->again_us, fresh->next_us, seats, kit), kit->now_us))
            ask(fresh, rendezvous, kit);
        return;
    }
    if (fresh->state == TR_FRESHPORT_OPEN &&
        tr_is_due(more_wanted_us(fresh, seats, kit), kit->now_us)) {
        if (!is_used(fresh, seats))
            drop_paths(fresh, seats);
        tr_rendezvous_close_socket(rendezvous, fresh->socket);
        tr_sockets_give(kit->sockets, fresh->socket); /* its paths keep it */
        ask(fresh, rendezvous, kit);
        return;
    }
    if (fresh->state == TR_FRESHPORT_ASKING && tr_rendezvous_has_socket(rendezvous, fresh->socket))
        try(fresh, seats, kit);
    uint64_t limit_us = fresh->state == TR_FRESHPORT_ASKING ? ASKING_US : OPEN_US;
    if (!tr_is_due(fresh->since_us + limit_us, kit->now_us))
        return;
    if (is_used(fresh, seats)) {
        fresh->tries = 0;
        fresh->since_us = kit->now_us;
        return;
    }
    drop_paths(fresh, seats);
    leave(fresh, rendezvous, kit);
}

uint64_t tr_freshport_deadline(const struct tr_freshport *fresh, const struct tr_seats *seats,
                               const struct tr_peer_kit *kit)
{
    if (fresh->state == TR_FRESHPORT_IDLE)
        return kit->sockets->limit > 0 ? wanted_us(fresh->again_us, fresh->next_us, seats, kit)
                                       : TR_NEVER;
    if (fresh->state == TR_FRESHPORT_ASKING)
        return fresh->since_us + ASKING_US;
    uint64_t next = fresh->since_us + OPEN_US;
    tr_sooner(&next, more_wanted_us(fresh, seats, kit));
    return next;
}

void tr_freshport_stop(struct tr_freshport *fresh, struct tr_rendezvous *rendezvous,
                       const struct tr_peer_kit *kit)
{
    if (fresh->state != TR_FRESHPORT_IDLE)
        leave(fresh, rendezvous, kit);
    *fresh = (struct tr_freshport){0};
}
