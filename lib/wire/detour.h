/* RELAY: a HELLO or DATA on its way by the server, and the keys that both ends of each leg derive.
 *
 * A leg is a participant, the server, and one other participant. Its keys come from what participant
 * and server share for one join, so they outlive registrations, and restarts of the server.
 * SPDX-License-Identifier: MIT */
#ifndef TR_DETOUR_H
#define TR_DETOUR_H

#include "lib/seal/seal.h"
#include "lib/wire/message.h"

enum {
    TR_RELAY_HEAD = 21,
    TR_RELAY_ROOM = TR_DATAGRAM_BYTES - TR_RELAY_HEAD, /* bytes of what is relayed */
};

/* Of one join. */
struct tr_relay_keys {
    uint8_t route[TR_ROUTE_BYTES];
    uint8_t secret[TR_KEY];
};

/* Of one leg. */
struct tr_relay_leg {
    uint8_t to_server[TR_MAC_KEY];
    uint8_t to_client[TR_MAC_KEY];
};

/* shared: dh(e, S_kx); ge: as in the record. */
void tr_relay_derive(struct tr_relay_keys *keys, const uint8_t shared[TR_KEY],
                     const uint8_t ge[TR_KEY]);

/* The leg towards one other participant: its identity, and its epoch. */
void tr_relay_derive_leg(struct tr_relay_leg *leg, const uint8_t secret[TR_KEY],
                         const uint8_t identity[TR_KEY], uint64_t epoch);

/* Writes a head, its tag included, in front of what stands at datagram + TR_RELAY_HEAD; size: of the
 * whole. head->tag is not read. */
void tr_relay_seal(uint8_t *datagram, size_t size, const struct tr_relay *head,
                   const uint8_t key[TR_MAC_KEY]);

/* Whether the tag of a datagram that passed tr_envelope_check is right. */
bool tr_relay_check(const void *datagram, size_t size, const uint8_t key[TR_MAC_KEY]);

#endif
