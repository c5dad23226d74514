/* RELAY around what goes by way of the server.
 * SPDX-License-Identifier: MIT */
#include "lib/core/relay_link.h"

#include <string.h>

void tr_relay_link_init(struct tr_relay_link *link, const uint8_t identity[TR_KEY], uint64_t epoch)
{
    *link = (struct tr_relay_link){.identity = identity, .epoch = epoch};
}

/* Another life may be one under other keys. The counter goes on: the server takes none twice. */
static void leg_derive(struct tr_relay_link *link, const struct tr_relay_way *way)
{
    if (link->has_leg && link->life == way->life)
        return;
    tr_relay_derive_leg(&link->leg, way->keys.secret, link->identity, link->epoch);
    link->has_leg = true;
    link->life = way->life;
}

void tr_relay_link_wrap(struct tr_relay_link *link, const struct tr_relay_way *way,
                        struct tr_datagram *datagram)
{
    struct tr_relay head = {.type = TR_RELAY, .slot = link->slot, .counter = ++link->sent};
    leg_derive(link, way);
    memcpy(head.route, way->keys.route, TR_ROUTE_BYTES);
    memmove(datagram->data + TR_RELAY_HEAD, datagram->data, datagram->size);
    datagram->size = (uint16_t)(datagram->size + TR_RELAY_HEAD);
    datagram->to = way->server;
    datagram->from = way->local;
    tr_relay_seal(datagram->data, datagram->size, &head, link->leg.to_server);
}

bool tr_relay_link_check(struct tr_relay_link *link, const struct tr_relay_way *way,
                         const void *data, size_t size)
{
    leg_derive(link, way);
    return tr_relay_check(data, size, link->leg.to_client);
}
