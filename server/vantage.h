/* Where the server answers BIND from: also from another port and another address, so that a client learns
 * how its NAT maps and filters (RFC 5780, 4.3 and 4.4). Nothing else is answered there.
 * SPDX-License-Identifier: MIT */
#ifndef TR_VANTAGE_H
#define TR_VANTAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <tryst/address.h>

enum { TR_VANTAGE_OTHERS = 2 };

/* All zeros: there is but one port and one address. */
struct tr_vantage {
    uint16_t port;       /* where clients register */
    uint16_t other_port; /* on each address; 0: none */
    struct tryst_address
        other[TR_VANTAGE_OTHERS]; /* ip and port, of one family each; family 0: none */
};

/* Whether this own address, where a datagram came to, is one of the further ones. */
bool tr_vantage_is_other(const struct tr_vantage *vantage, const struct tryst_address *to);

/* The server at another ip than that; family 0: there is none. */
struct tryst_address tr_vantage_other(const struct tr_vantage *vantage,
                                      const struct tryst_address *to);

/* Where the answer to a BIND with these flags leaves from, which came to this address. false: we have no
 * such. */
bool tr_vantage_from(const struct tr_vantage *vantage, const struct tryst_address *to,
                     uint16_t flags, struct tryst_address *from);

#endif
