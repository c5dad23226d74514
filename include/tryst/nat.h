/* What a NAT does with a socket's datagrams, in the terms of RFC 4787.
 * SPDX-License-Identifier: MIT */
#ifndef TRYST_NAT_H
#define TRYST_NAT_H

#include <tryst/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* X(name, number, text): which public port a socket gets (RFC 4787, 4.1). The numbers are the wire's. */
#define TRYST_MAPPINGS(X)                                                                          \
    X(UNKNOWN, 0, "unknown")                                                                       \
    X(ENDPOINT_INDEPENDENT, 1, "endpoint-independent") /* one for all destinations */              \
    X(ADDRESS_DEPENDENT, 2, "address-dependent")       /* one for each destination's ip */         \
    X(PORT_DEPENDENT, 3, "address-and-port-dependent") /* one for each destination */              \
    X(NONE, 4, "none")                                 /* no NAT: the local address is public */

enum tryst_mapping {
#define TRYST_MAPPING_ROW(name, number, text) TRYST_MAPPING_##name = (number),
    TRYST_MAPPINGS(TRYST_MAPPING_ROW)
#undef TRYST_MAPPING_ROW
};

/* X(name, number, text): who may send to it (RFC 4787, 5). The numbers are the wire's. */
#define TRYST_FILTERINGS(X)                                                                        \
    X(UNKNOWN, 0, "unknown")                                                                       \
    X(ENDPOINT_INDEPENDENT, 1, "endpoint-independent") /* anybody */                               \
    X(ADDRESS_DEPENDENT, 2, "address-dependent")       /* whoever has an ip that was sent to */    \
    X(PORT_DEPENDENT, 3, "address-and-port-dependent") /* that very port alone */                  \
    X(DEPENDENT, 4, "dependent")                       /* one of the latter two */

enum tryst_filtering {
#define TRYST_FILTERING_ROW(name, number, text) TRYST_FILTERING_##name = (number),
    TRYST_FILTERINGS(TRYST_FILTERING_ROW)
#undef TRYST_FILTERING_ROW
};

/* X(name, number, text): how public ports are chosen. The numbers are the wire's. */
#define TRYST_PORT_PATTERNS(X)                                                                     \
    X(UNKNOWN, 0, "unknown")                                                                       \
    X(PRESERVED, 1, "preserved")   /* the local port */                                            \
    X(SEQUENTIAL, 2, "sequential") /* one after the other, in steps */                             \
    X(RANDOM, 3, "random")         /* any of a block, or of all */                                 \
    X(STEADY, 4, "steady")         /* another than the local port, and the same for all */

enum tryst_port_pattern {
#define TRYST_PORT_PATTERN_ROW(name, number, text) TRYST_PORTS_##name = (number),
    TRYST_PORT_PATTERNS(TRYST_PORT_PATTERN_ROW)
#undef TRYST_PORT_PATTERN_ROW
};

/* Their words; "unknown" for other numbers. Threads any. Since 0.1 */
TRYST_API const char *tryst_mapping_name(uint32_t mapping);
TRYST_API const char *tryst_filtering_name(uint32_t filtering);
TRYST_API const char *tryst_port_pattern_name(uint32_t pattern);

#ifdef __cplusplus
}
#endif

#endif
