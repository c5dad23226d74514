/* An IP address and port by value: parse, print, compare, one canonical form and one class.
 * SPDX-License-Identifier: MIT */
#ifndef TRYST_ADDRESS_H
#define TRYST_ADDRESS_H

#include <tryst/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes that hold any printed address with its end: "[...%4294967295]:65535". */
#define TRYST_ADDRESS_TEXT_SIZE 72

/* 24 bytes. All zero is "no address". Copy it freely; it owns nothing. */
struct tryst_address {
    uint8_t family;    /* 0 none, 4 or 6 */
    uint8_t transport; /* enum tryst_transport: 0 but for a server that is talked to by streams */
    uint16_t port;     /* host order */
    uint32_t scope;    /* interface index of a local or link-local address, else 0 */
    uint8_t ip[16];    /* network order; IPv4 uses the first 4, the rest is 0 */
};

/* X(name, number, text): how datagrams get to an address. */
#define TRYST_TRANSPORTS(X)                                                                        \
    X(UDP, 0, "udp")                                                                               \
    X(TCP, 1, "tcp") /* each behind its length, in a TCP connection */                             \
    X(TLS, 2, "tls") /* each a binary message of a WebSocket, in TLS */

enum tryst_transport {
#define TRYST_TRANSPORT_ROW(name, number, text) TRYST_TRANSPORT_##name = (number),
    TRYST_TRANSPORTS(TRYST_TRANSPORT_ROW)
#undef TRYST_TRANSPORT_ROW
};

/* X(name, text): what an address is good for (RFC 6890 and its kin), of the canonical form. */
#define TRYST_ADDRESS_CLASSES(X)                                                                   \
    X(NONE, "none")               /* no address at all, or port 0 */                               \
    X(PUBLIC, "public")           /* routed in the Internet */                                     \
    X(PRIVATE, "private")         /* RFC 1918, fc00::/7 */                                         \
    X(CARRIER, "carrier")         /* 100.64.0.0/10, RFC 6598 */                                    \
    X(LINK_LOCAL, "link-local")   /* 169.254.0.0/16, fe80::/10 */                                  \
    X(LOOPBACK, "loopback")       /* 127.0.0.0/8, ::1 */                                           \
    X(MULTICAST, "multicast")     /* 224.0.0.0/4, ff00::/8 */                                      \
    X(BROADCAST, "broadcast")     /* 255.255.255.255 */                                            \
    X(UNSPECIFIED, "unspecified") /* 0.0.0.0/8, :: */                                              \
    X(METADATA, "metadata")       /* cloud instance metadata: 169.254.169.254, fd00:ec2::254 */    \
    X(RESERVED, "reserved")       /* documentation, benchmarks, 240.0.0.0/4, discard and others */

enum tryst_address_class {
#define TRYST_ADDRESS_CLASS_ROW(name, text) TRYST_ADDRESS_##name,
    TRYST_ADDRESS_CLASSES(TRYST_ADDRESS_CLASS_ROW)
#undef TRYST_ADDRESS_CLASS_ROW
};

/* Reads "1.2.3.4:5", "[2001:db8::1]:5" or "[fe80::1%2]:5" (a numeric zone), with "tcp:" or "tls:" in
 * front where that is the transport. Names are not resolved.
 *
 * address  filled on success, untouched otherwise
 * text     NUL-terminated
 *
 * Returns  TRYST_OK; TRYST_E_FORMAT; TRYST_E_ARGUMENT for NULL.
 * Threads  any.
 * Since    0.1 */
TRYST_API tryst_result tryst_address_parse(struct tryst_address *address, const char *text);

/* Prints an address in the form that tryst_address_parse reads; RFC 5952 for IPv6; "none" for none.
 *
 * text     receives the text and its NUL
 * size     bytes of text; TRYST_ADDRESS_TEXT_SIZE always suffices
 *
 * Returns  the length without NUL; TRYST_E_SIZE, with nothing but a NUL written; TRYST_E_ARGUMENT.
 * Threads  any.
 * Since    0.1 */
TRYST_API tryst_result tryst_address_format(const struct tryst_address *address, char *text,
                                            size_t size);

/* Orders two addresses by family, transport, ip, port (not scope), as memcmp does; NULL counts as none.
 *
 * Returns  below 0, 0 or above 0.
 * Threads  any.
 * Since    0.1 */
TRYST_API int32_t tryst_address_compare(const struct tryst_address *a,
                                        const struct tryst_address *b);

/* The one form that is compared and classed: IPv4-mapped (::ffff:0:0/96) and NAT64 well-known
 * (64:ff9b::/96) become IPv4, unused bytes become 0. Everything else stays as it is.
 *
 * Returns  the canonical address; none for NULL or an unknown family.
 * Threads  any.
 * Since    0.1 */
TRYST_API struct tryst_address tryst_address_canonical(const struct tryst_address *address);

/* The class of the canonical form. 6to4 (2002::/16), Teredo (2001::/32) and IPv4-compatible (::/96)
 * addresses that carry an IPv4 address which is not public have that one's class, so that nobody
 * aims past a check by writing an address differently.
 *
 * Returns  one of enum tryst_address_class; TRYST_ADDRESS_NONE for NULL, family 0 or port 0.
 * Threads  any.
 * Since    0.1 */
TRYST_API int32_t tryst_address_classify(const struct tryst_address *address);

/* The word for a class, as "private"; "none" for a number that is in no row.
 *
 * Threads  any.
 * Since    0.1 */
TRYST_API const char *tryst_address_class_name(int32_t address_class);

#ifdef __cplusplus
}
#endif

#endif
