/* A port that the home router was asked for: what a client knows of it.
 * SPDX-License-Identifier: MIT */
#ifndef TRYST_PORTMAP_H
#define TRYST_PORTMAP_H

#include <tryst/address.h>
#include <tryst/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* X(name, number, text) */
#define TRYST_PORTMAP_STATES(X)                                                                    \
    X(OFF, 0, "off")         /* denied, not built in, or there is no NAT to be asked */            \
    X(ASKING, 1, "asking")   /* protocol: by which */                                              \
    X(HELD, 2, "held")       /* external leads here, for lifetime_s, renewed before that */        \
    X(WAITING, 3, "waiting") /* why says what went wrong; asked again later */

enum tryst_portmap_state {
#define TRYST_PORTMAP_STATE_ROW(name, number, text) TRYST_PORTMAP_##name = (number),
    TRYST_PORTMAP_STATES(TRYST_PORTMAP_STATE_ROW)
#undef TRYST_PORTMAP_STATE_ROW
};

/* X(name, number, text), in the order they are asked. */
#define TRYST_PORTMAP_PROTOCOLS(X)                                                                 \
    X(NO_PROTOCOL, 0, "none")                                                                      \
    X(PCP, 1, "PCP")        /* RFC 6887 */                                                         \
    X(NATPMP, 2, "NAT-PMP") /* RFC 6886 */                                                         \
    X(UPNP, 3, "UPnP-IGD")

enum tryst_portmap_protocol {
#define TRYST_PORTMAP_PROTOCOL_ROW(name, number, text) TRYST_PORTMAP_##name = (number),
    TRYST_PORTMAP_PROTOCOLS(TRYST_PORTMAP_PROTOCOL_ROW)
#undef TRYST_PORTMAP_PROTOCOL_ROW
};

/* X(name, number, text): why there is no mapping, or what is wrong with the one there is. */
#define TRYST_PORTMAP_WHYS(X)                                                                      \
    X(FINE, 0, "fine")                                                                             \
    X(NO_ROUTER, 1, "no default gateway, or nobody there speaks any of the protocols")             \
    X(REFUSED, 2, "the router says no")                                                            \
    X(CONFLICT, 3, "no port is free")                                                              \
    X(BROKEN, 4, "the router answers nonsense")                                                    \
    X(DOUBLE_NAT, 5, "the router's own address is private: another NAT is behind it")

enum tryst_portmap_why {
#define TRYST_PORTMAP_WHY_ROW(name, number, text) TRYST_PORTMAP_##name = (number),
    TRYST_PORTMAP_WHYS(TRYST_PORTMAP_WHY_ROW)
#undef TRYST_PORTMAP_WHY_ROW
};

/* Bytes of it, pinned: bindings may rely on it. */
#define TRYST_PORTMAP_SIZE 64

struct tryst_portmap {
    uint32_t state;      /* enum tryst_portmap_state */
    uint32_t protocol;   /* enum tryst_portmap_protocol: that holds it, or is asked just now */
    uint32_t why;        /* enum tryst_portmap_why */
    uint32_t lifetime_s; /* HELD: as granted */
    struct tryst_address external; /* HELD: the router's address and port; family 0 else */
    uint8_t reserved[TRYST_PORTMAP_SIZE - 4 * 4 - 24];
};

/* Words; "unknown" for other numbers. Threads any. Since 0.1 */
TRYST_API const char *tryst_portmap_state_name(uint32_t state);
TRYST_API const char *tryst_portmap_protocol_name(uint32_t protocol);
TRYST_API const char *tryst_portmap_why_text(uint32_t why);

#ifdef __cplusplus
}
#endif

#endif
