/* What an endpoint shows of itself: local addresses, sockets, counters.
 * SPDX-License-Identifier: MIT */
#include "lib/core/driver_face.h"
#include "lib/core/endpoint_state.h"
#include <string.h>

tryst_result tryst_endpoint_local(const struct tryst_endpoint *endpoint,
                                  struct tryst_address *addresses, size_t max)
{
    if (endpoint == NULL || (addresses == NULL && max > 0))
        return TRYST_E_ARGUMENT;
    tr_locals_list(&endpoint->locals, addresses, max);
    return endpoint->locals.count;
}

tryst_result tryst_endpoint_sockets(const struct tryst_endpoint *endpoint,
                                    uint8_t bits[(TRYST_SOCKETS_MAX + 1) / 8])
{
    if (endpoint == NULL || bits == NULL)
        return TRYST_E_ARGUMENT;
    struct tr_sockets sockets = endpoint->sockets;
    tr_session_sockets(&endpoint->session, &sockets);
    return (tryst_result)tr_sockets_list(&sockets, bits);
}

tryst_result tryst_endpoint_stats(const struct tryst_endpoint *endpoint, struct tryst_stats *stats)
{
    if (endpoint == NULL || stats == NULL)
        return TRYST_E_ARGUMENT;
    *stats = endpoint->stats;
    stats->peers = endpoint->session.seats.count;
    stats->connected = tr_session_connected(&endpoint->session);
    stats->output_dropped = endpoint->outbox.dropped;
    return TRYST_OK;
}

static bool is_own(const struct tryst_endpoint *endpoint, const struct tryst_address *ip)
{
    for (uint32_t i = 0; i < TRYST_LOCAL_MAX; i++) {
        const struct tryst_address *local = &endpoint->locals.slots[i];
        if (local->family == ip->family && memcmp(local->ip, ip->ip, sizeof ip->ip) == 0)
            return true;
    }
    return false;
}

bool tr_endpoint_is_translated(const struct tryst_endpoint *endpoint)
{
    const struct tr_rendezvous *rendezvous = &endpoint->rendezvous;
    for (uint8_t i = 0; i < rendezvous->uplink_count; i++) {
        const struct tr_uplink *uplink = &rendezvous->uplinks[i];
        const struct tryst_address *seen = &uplink->seen.address;
        if (uplink->is_live && uplink->socket == 0 && seen->family == 4 &&
            tryst_address_classify(seen) != TRYST_ADDRESS_LOOPBACK && !is_own(endpoint, seen))
            return true;
    }
    return false;
}
