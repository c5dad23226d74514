/* IP addresses by value: text to address and back, the canonical form and its class.
 * SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <tryst/address.h>

static_assert(sizeof(struct tryst_address) == 24, "bindings and tables rely on this size");

/* Digits without a sign or a leading zero, which some readers take for octal. NULL: none, or more
 * than max. */
static const char *read_decimal(const char *text, uint32_t max, uint32_t *value)
{
    uint64_t sum = 0;
    const char *p = text;

    while (*p >= '0' && *p <= '9') {
        if (p > text && *text == '0')
            return NULL;
        sum = sum * 10 + (uint32_t)(*p++ - '0');
        if (sum > max)
            return NULL;
    }
    *value = (uint32_t)sum;
    return p > text ? p : NULL;
}

static const char *read_ipv4(const char *p, uint8_t ip[4])
{
    for (int i = 0; i < 4; i++) {
        uint32_t byte;

        if (i > 0 && *p++ != '.')
            return NULL;
        p = read_decimal(p, 255, &byte);
        if (p == NULL)
            return NULL;
        ip[i] = (uint8_t)byte;
    }
    return p;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static const char *read_group(const char *p, uint8_t group[2])
{
    unsigned value = 0;
    int digits = 0;

    while (hex_value(*p) >= 0) {
        if (++digits > 4)
            return NULL;
        value = value << 4 | (unsigned)hex_value(*p++);
    }
    group[0] = (uint8_t)(value >> 8);
    group[1] = (uint8_t)value;
    return digits > 0 ? p : NULL;
}

/* RFC 4291, section 2.2: eight groups, of which "::" stands for one or more once, and of which the
 * last two may be written as an IPv4 address. */
static const char *read_ipv6(const char *p, uint8_t ip[16])
{
    uint8_t bytes[16] = {0};
    int size = 0;
    int gap = -1;

    if (p[0] == ':' && p[1] == ':') {
        gap = 0;
        p += 2;
    }
    while (size < 16 && (gap != size || hex_value(*p) >= 0)) {
        const char *end = size <= 12 ? read_ipv4(p, bytes + size) : NULL;

        if (end != NULL) {
            p = end;
            size += 4;
            break;
        }
        p = read_group(p, bytes + size);
        if (p == NULL)
            return NULL;
        size += 2;
        if (*p != ':' || size == 16)
            break;
        p++;
        if (*p == ':') {
            if (gap >= 0)
                return NULL;
            gap = size;
            p++;
        }
    }
    if ((gap < 0) != (size == 16))
        return NULL;
    memset(ip, 0, 16);
    if (gap < 0)
        gap = size;
    memcpy(ip, bytes, (size_t)gap);
    memcpy(ip + 16 - (size - gap), bytes + gap, (size_t)(size - gap));
    return p;
}

static const char *read_bracketed(const char *p, struct tryst_address *address)
{
    p = read_ipv6(p, address->ip);
    if (p == NULL)
        return NULL;
    if (*p == '%') {
        p = read_decimal(p + 1, UINT32_MAX, &address->scope);
        if (p == NULL || address->scope == 0)
            return NULL;
    }
    return *p == ']' ? p + 1 : NULL;
}

tryst_result tryst_address_parse(struct tryst_address *address, const char *text)
{
    struct tryst_address read = {0};
    const char *p = text;
    uint32_t port = 0;

    if (address == NULL || text == NULL)
        return TRYST_E_ARGUMENT;
    if (strncmp(p, "tcp:", 4) == 0 || strncmp(p, "tls:", 4) == 0) {
        read.transport = p[1] == 'c' ? TRYST_TRANSPORT_TCP : TRYST_TRANSPORT_TLS;
        p += 4;
    }
    if (*p == '[') {
        read.family = 6;
        p = read_bracketed(p + 1, &read);
    } else {
        read.family = 4;
        p = read_ipv4(p, read.ip);
    }
    if (p == NULL || *p != ':')
        return TRYST_E_FORMAT;
    p = read_decimal(p + 1, UINT16_MAX, &port);
    if (p == NULL || *p != '\0')
        return TRYST_E_FORMAT;
    read.port = (uint16_t)port;
    *address = read;
    return TRYST_OK;
}

static bool is_mapped(const uint8_t ip[16])
{
    static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};

    return memcmp(ip, prefix, sizeof prefix) == 0;
}

static int group_at(const uint8_t ip[16], int group)
{
    return ip[group * 2] << 8 | ip[group * 2 + 1];
}

/* The longest run of two or more zero groups, the first of equals (RFC 5952, section 4.2). */
static int find_zeros(const uint8_t ip[16], int *length)
{
    int best = -1;

    *length = 1;
    for (int i = 0; i < 8; i++) {
        int run = 0;

        while (i + run < 8 && group_at(ip, i + run) == 0)
            run++;
        if (run > *length) {
            best = i;
            *length = run;
        }
        i += run;
    }
    return best;
}

static int print_ipv4(char *out, size_t size, const uint8_t ip[4])
{
    return snprintf(out, size, "%u.%u.%u.%u", ip[0], ip[1], ip[2], ip[3]);
}

/* RFC 5952; only the mapped form shows its IPv4 address (section 5). */
static int print_ipv6(char *out, size_t size, const uint8_t ip[16])
{
    int zeros_length;
    int zeros = find_zeros(ip, &zeros_length);
    int length = 0;

    if (is_mapped(ip)) {
        length = snprintf(out, size, "::ffff:");
        return length + print_ipv4(out + length, size - (size_t)length, ip + 12);
    }
    for (int i = 0; i < 8; i++) {
        if (i == zeros) {
            length += snprintf(out + length, size - (size_t)length, "::");
            i += zeros_length - 1;
            continue;
        }

        bool is_first = i == 0 || (zeros >= 0 && i == zeros + zeros_length);

        length += snprintf(out + length, size - (size_t)length, is_first ? "%x" : ":%x",
                           (unsigned)group_at(ip, i));
    }
    return length;
}

static const char *transport_prefix(const struct tryst_address *address)
{
    switch (address->transport) {
    case TRYST_TRANSPORT_TCP:
        return "tcp:";
    case TRYST_TRANSPORT_TLS:
        return "tls:";
    default:
        return "";
    }
}

tryst_result tryst_address_format(const struct tryst_address *address, char *text, size_t size)
{
    const char *prefix = address != NULL ? transport_prefix(address) : "";
    char ip[TRYST_ADDRESS_TEXT_SIZE];
    char zone[12] = "";
    int length;

    if (address == NULL || text == NULL)
        return TRYST_E_ARGUMENT;
    switch (address->family) {
    case 0:
        length = snprintf(text, size, "none");
        break;
    case 4:
        print_ipv4(ip, sizeof ip, address->ip);
        length = snprintf(text, size, "%s%s:%u", prefix, ip, address->port);
        break;
    case 6:
        print_ipv6(ip, sizeof ip, address->ip);
        if (address->scope != 0)
            snprintf(zone, sizeof zone, "%%%u", (unsigned)address->scope);
        length = snprintf(text, size, "%s[%s%s]:%u", prefix, ip, zone, address->port);
        break;
    default:
        return TRYST_E_ARGUMENT;
    }
    if ((size_t)length >= size) {
        if (size > 0)
            text[0] = '\0';
        return TRYST_E_SIZE;
    }
    return length;
}

int32_t tryst_address_compare(const struct tryst_address *a, const struct tryst_address *b)
{
    static const struct tryst_address none;

    if (a == NULL)
        a = &none;
    if (b == NULL)
        b = &none;
    if (a->family != b->family)
        return a->family - b->family;
    if (a->transport != b->transport)
        return a->transport - b->transport;

    int order = memcmp(a->ip, b->ip, sizeof a->ip);

    return order != 0 ? order : a->port - b->port;
}

static struct tryst_address from_ipv4(const struct tryst_address *address, const uint8_t ip[4])
{
    struct tryst_address v4 = {.family = 4,
                               .transport = address->transport,
                               .port = address->port,
                               .scope = address->scope};

    memcpy(v4.ip, ip, 4);
    return v4;
}

struct tryst_address tryst_address_canonical(const struct tryst_address *address)
{
    static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b}; /* RFC 6052, section 2.1 */
    struct tryst_address canonical = {0};

    if (address == NULL || (address->family != 4 && address->family != 6))
        return canonical;
    if (address->family == 4)
        return from_ipv4(address, address->ip);
    if (is_mapped(address->ip) || memcmp(address->ip, nat64, sizeof nat64) == 0)
        return from_ipv4(address, address->ip + 12);
    canonical = *address;
    return canonical;
}

struct range {
    uint8_t prefix[16];
    uint8_t bits;
    uint8_t address_class;
};

/* The IANA special-purpose registries (RFC 6890 and later). The first row that holds an address
 * names its class. Blocks whose use ended (6to4 relays RFC 7526, ORCHID, site-local) are reserved:
 * no peer is there. */
static const struct range ipv4_ranges[] = {
    {{0}, 8, TRYST_ADDRESS_UNSPECIFIED},
    {{10}, 8, TRYST_ADDRESS_PRIVATE},
    {{100, 64}, 10, TRYST_ADDRESS_CARRIER},
    {{127}, 8, TRYST_ADDRESS_LOOPBACK},
    {{169, 254, 169, 254}, 32, TRYST_ADDRESS_METADATA},
    {{169, 254}, 16, TRYST_ADDRESS_LINK_LOCAL},
    {{172, 16}, 12, TRYST_ADDRESS_PRIVATE},
    {{192, 0, 0}, 24, TRYST_ADDRESS_RESERVED},   /* protocol assignments, DS-Lite, 464XLAT */
    {{192, 0, 2}, 24, TRYST_ADDRESS_RESERVED},   /* documentation, RFC 5737 */
    {{192, 88, 99}, 24, TRYST_ADDRESS_RESERVED}, /* 6to4 relay anycast, RFC 7526 */
    {{192, 168}, 16, TRYST_ADDRESS_PRIVATE},
    {{198, 18}, 15, TRYST_ADDRESS_RESERVED},      /* benchmarks, RFC 2544 */
    {{198, 51, 100}, 24, TRYST_ADDRESS_RESERVED}, /* documentation */
    {{203, 0, 113}, 24, TRYST_ADDRESS_RESERVED},  /* documentation */
    {{224}, 4, TRYST_ADDRESS_MULTICAST},
    {{255, 255, 255, 255}, 32, TRYST_ADDRESS_BROADCAST},
    {{240}, 4, TRYST_ADDRESS_RESERVED},
    {{0}, 0, TRYST_ADDRESS_PUBLIC},
};

static const struct range ipv6_ranges[] = {
    {{0}, 128, TRYST_ADDRESS_UNSPECIFIED},
    {{[15] = 1}, 128, TRYST_ADDRESS_LOOPBACK},
    {{0x20, 0x01}, 32, TRYST_ADDRESS_PUBLIC},               /* Teredo, RFC 4380 */
    {{0x20, 0x01}, 23, TRYST_ADDRESS_RESERVED},             /* protocol assignments, RFC 2928 */
    {{0x20, 0x01, 0x0d, 0xb8}, 32, TRYST_ADDRESS_RESERVED}, /* documentation, RFC 3849 */
    {{0x3f, 0xff}, 20, TRYST_ADDRESS_RESERVED},             /* documentation, RFC 9637 */
    {{0x20}, 3, TRYST_ADDRESS_PUBLIC},                      /* all that IANA hands out, RFC 4291 */
    {{0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, 0x54}, 128, TRYST_ADDRESS_METADATA},
    {{0xfc}, 7, TRYST_ADDRESS_PRIVATE},
    {{0xfe, 0x80}, 10, TRYST_ADDRESS_LINK_LOCAL},
    {{0xff}, 8, TRYST_ADDRESS_MULTICAST},
    {{0}, 0, TRYST_ADDRESS_RESERVED}, /* discard 100::/64, NAT64 64:ff9b:1::/48, unassigned */
};

static bool is_within(const uint8_t *ip, const struct range *range)
{
    size_t whole = range->bits / 8;
    unsigned rest = range->bits % 8;

    if (memcmp(ip, range->prefix, whole) != 0)
        return false;
    return rest == 0 || ((ip[whole] ^ range->prefix[whole]) >> (8 - rest)) == 0;
}

/* The last row of a list holds every address. */
static int32_t find_class(const uint8_t *ip, const struct range *ranges)
{
    while (!is_within(ip, ranges))
        ranges++;
    return ranges->address_class;
}

/* The class of an IPv4 address that tunnels hide in an IPv6 one; public when there is none. */
static int32_t classify_embedded(const uint8_t ip[16])
{
    static const uint8_t teredo[4] = {0x20, 0x01}; /* RFC 4380, section 4 */
    static const uint8_t compatible[12] = {0};     /* RFC 4291, section 2.5.5.1 */
    int32_t found = TRYST_ADDRESS_PUBLIC;

    if (ip[0] == 0x20 && ip[1] == 0x02) /* 6to4, RFC 3056, section 2 */
        return find_class(ip + 2, ipv4_ranges);
    if (memcmp(ip, compatible, sizeof compatible) == 0)
        return find_class(ip + 12, ipv4_ranges);
    if (memcmp(ip, teredo, sizeof teredo) == 0) {
        uint8_t client[4];

        /* The client's address is stored inverted, so that no NAT rewrites it. */
        for (int i = 0; i < 4; i++)
            client[i] = (uint8_t)~ip[12 + i];
        found = find_class(client, ipv4_ranges);
        if (found == TRYST_ADDRESS_PUBLIC)
            found = find_class(ip + 4, ipv4_ranges);
    }
    return found;
}

int32_t tryst_address_classify(const struct tryst_address *address)
{
    struct tryst_address canonical = tryst_address_canonical(address);

    if (canonical.family == 0 || canonical.port == 0)
        return TRYST_ADDRESS_NONE;
    if (canonical.family == 4)
        return find_class(canonical.ip, ipv4_ranges);

    int32_t own = find_class(canonical.ip, ipv6_ranges);

    if (own == TRYST_ADDRESS_LOOPBACK) /* ::1, which is no IPv4-compatible 0.0.0.1 */
        return own;

    int32_t embedded = classify_embedded(canonical.ip);

    return embedded != TRYST_ADDRESS_PUBLIC ? embedded : own;
}

const char *tryst_address_class_name(int32_t address_class)
{
    switch (address_class) {
#define NAME_ROW(name, text)                                                                       \
    case TRYST_ADDRESS_##name:                                                                     \
        return text;
        TRYST_ADDRESS_CLASSES(NAME_ROW)
#undef NAME_ROW
    default:
        return "none";
    }
}
