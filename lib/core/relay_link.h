/* The detour to one peer by way of the server: its keys, and RELAY around what goes that way.
 * SPDX-License-Identifier: MIT */
#ifndef TR_RELAY_LINK_H
#define TR_RELAY_LINK_H

#include "lib/base/outbox.h"
#include "lib/wire/detour.h"

/* How RELAY gets to the server: of the whole endpoint, as its registration is now. */
struct tr_relay_way {
    bool is_open;  /* the server relays */
    bool is_only;  /* there shall be no other way */
    uint32_t life; /* another number when the server may have forgotten who asked for whom */
    struct tryst_address server;
    struct tryst_address local;
    struct tr_relay_keys keys;
};

struct tr_relay_link {
    bool is_able;            /* the peer takes part */
    bool is_refused;         /* the server said no */
    bool has_leg;            /* leg is derived */
    uint16_t slot;           /* the peer's, as the server numbers it */
    uint32_t life;           /* the way's, when the leg was derived */
    uint32_t sent;           /* RELAY so far: the newest counter */
    uint64_t epoch;          /* the peer's */
    const uint8_t *identity; /* the peer's, which stays where it is */
    struct tr_relay_leg leg;
};

/* identity: stays the caller's, and readable. */
void tr_relay_link_init(struct tr_relay_link *link, const uint8_t identity[TR_KEY], uint64_t epoch);

/* Whether something may be sent that way. */
static inline bool tr_relay_link_is_open(const struct tr_relay_link *link,
                                         const struct tr_relay_way *way)
{
    return way->is_open && link->is_able && !link->is_refused;
}

/* Puts RELAY around a finished datagram of at most TR_RELAY_ROOM bytes, and says where it goes. */
void tr_relay_link_wrap(struct tr_relay_link *link, const struct tr_relay_way *way,
                        struct tr_datagram *datagram);

/* Whether a RELAY from the server is of this link. */
bool tr_relay_link_check(struct tr_relay_link *link, const struct tr_relay_way *way,
                         const void *data, size_t size);

#endif
