/* The addresses that this host can be reached at, best first.
 * SPDX-License-Identifier: MIT */
#ifndef TR_INTERFACES_H
#define TR_INTERFACES_H

#include <stddef.h>
#include <stdint.h>
#include <tryst/address.h>

#define TR_INTERFACES_MAX 64 /* addresses in one listing, the best of those that there are */

/* Lists the usable addresses of running interfaces: neither loopback, link-local nor multicast, and
 * no IPv6 address that is tentative or deprecated. The one that the default route uses comes first,
 * then one of each other physical interface, private ones first, then tunnels', then what else those
 * interfaces have, then bridges' and containers'; IPv4 and IPv6 take turns. A host that has nothing but loopback lists that, so that two programs on it can meet.
 *
 * out      filled: ip, interface index in scope, port 0
 *
 * Returns  how many there are in out. */
size_t tr_interfaces_list(struct tryst_address *out, size_t max);

/* Puts the addresses that the kernel would send from to these, now, before the others of their family; the
 * first one's before the second one's. */
void tr_interfaces_prefer(struct tryst_address *list, size_t count,
                          const struct tryst_address *towards, size_t towards_count);

/* A number that differs when a list does: for a look whether anything changed. */
uint64_t tr_interfaces_signature(const struct tryst_address *list, size_t count);

#endif
