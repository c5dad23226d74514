/* How large a datagram may be on the way to an address, as far as this machine gets to know.
 * SPDX-License-Identifier: MIT */
#ifndef TOOL_PATHMTU_H
#define TOOL_PATHMTU_H

#include <stdint.h>
#include <tryst/address.h>

/* A question to the network; descriptor below 0: it could not be asked. */
struct pathmtu {
    int descriptor;
    int family;
};

/* Sends one datagram that fills the interface and must not be cut, IPv4 or IPv6. Whoever on the way cannot
 * pass it says so to the kernel, if it says anything. */
struct pathmtu pathmtu_ask(const struct tryst_address *address);

/* Some time later: bytes of an IP packet, 0 when nothing is known. Closes. */
uint32_t pathmtu_answer(struct pathmtu *pathmtu);

#endif
