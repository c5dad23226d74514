/* Two questions about the ip of an address, whatever its port.
 * SPDX-License-Identifier: MIT */
#ifndef TR_IP_H
#define TR_IP_H

#include <stdbool.h>
#include <string.h>
#include <tryst/address.h>

static inline bool tr_ip_is_same(const struct tryst_address *a, const struct tryst_address *b)
{
    return a->family == b->family && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

/* Whether it stands for all addresses of a host. */
static inline bool tr_ip_is_any(const struct tryst_address *address)
{
    static const uint8_t any[16];
    return memcmp(address->ip, any, sizeof(any)) == 0;
}

#endif
