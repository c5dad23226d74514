/* What the rooms of a peer work with: handed in for the length of one call, owned by the endpoint.
 * SPDX-License-Identifier: MIT */
#ifndef TR_KIT_H
#define TR_KIT_H

#include "lib/base/outbox.h"
#include "lib/core/budget.h"
#include "lib/core/handshake.h"
#include "lib/core/path.h"
#include "lib/core/relay_link.h"
#include "lib/core/sockets.h"
#include <tryst/counters.h>
#include <tryst/options.h>

struct tr_peer_kit {
    const struct tryst_identity *identity;
    struct tr_outbox *outbox;
    struct tr_random *random;
    struct tryst_stats *stats;
    struct tr_budget *budget;
    const struct tr_relay_way *relay;
    const struct tryst_address *locals; /* TRYST_LOCAL_MAX slots, family 0 where empty */
    struct tr_sockets *sockets;
    const struct tr_nat *nat;           /* ours */
    const struct tr_hello_extra *hello; /* seen, roster and local addresses of ours */
    struct tr_path_times times;
    uint64_t peer_us;
    uint64_t punch_us;
    uint64_t rekey_us;
    bool trace; /* PUNCH and HELLO are told */
    uint64_t now_us;
    uint32_t now_ms;      /* since the endpoint was made */
    uint32_t hello_clock; /* the same in steps of 65,536 us: 32 bits last for 8 years */
};

/* Where a datagram leaves from: what a path calls its local end. */
static inline void tr_kit_from(const struct tr_peer_kit *kit, uint16_t local,
                               struct tr_datagram *datagram)
{
    if (local >= TR_LOCAL_SOCKET)
        datagram->socket = (uint8_t)(local - TR_LOCAL_SOCKET);
    else if (local != TR_LOCAL_ANY)
        datagram->from = kit->locals[local];
}

#endif
