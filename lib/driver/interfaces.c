/* The addresses that this host can be reached at, best first.
 * SPDX-License-Identifier: MIT */
#include "lib/driver/interfaces.h"
#include "lib/base/ip.h"
#include "lib/driver/datagram.h"
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The flags of /proc/net/if_inet6 (linux/if_addr.h): not, not yet or no longer to be used. */
enum {
    FLAG_DADFAILED = 0x08,
    FLAG_DEPRECATED = 0x20,
    FLAG_TENTATIVE = 0x40,
    FLAGS_UNFIT = FLAG_DADFAILED | FLAG_DEPRECATED | FLAG_TENTATIVE,
};

/* Lower is better. A second address of an interface leads where its first one does; those of containers'
 * adapters are of use on this host alone. */
enum rank {
    RANK_ROUTED,
    RANK_PRIVATE,
    RANK_PHYSICAL,
    RANK_TUNNEL,
    RANK_MORE,
    RANK_CONTAINER,
    RANK_LOOPBACK
};

struct entry {
    struct tryst_address address;
    enum rank rank;
};

struct listing {
    struct entry entries[TR_INTERFACES_MAX];
    size_t count;
};

struct unfit {
    uint8_t ips[TR_INTERFACES_MAX][16];
    size_t count;
};

static bool has_prefix(const char *name, const char *const *prefixes)
{
    for (; *prefixes != NULL; prefixes++)
        if (strncmp(name, *prefixes, strlen(*prefixes)) == 0)
            return true;
    return false;
}

static bool is_container(const char *name)
{
    static const char *const prefixes[] = {"docker", "br-",     "veth", "virbr",
                                           "vmnet",  "vboxnet", "lxc",  "podman",
                                           "cni",    "flannel", "cali", NULL};
    return has_prefix(name, prefixes);
}

/* Of virtual private networks: whoever is in the same one is reached by it. */
static bool is_tunnel(const char *name)
{
    static const char *const prefixes[] = {"tun", "tap", "wg", "zt", "tailscale", "nordlynx", NULL};
    return has_prefix(name, prefixes);
}

static void list_unfit(struct unfit *unfit)
{
    unfit->count = 0;
    FILE *file = fopen("/proc/net/if_inet6", "re");
    if (file == NULL)
        return;
    char hex[33];
    unsigned flags;
    while (unfit->count < TR_INTERFACES_MAX &&
           fscanf(file, "%32[0-9a-f] %*x %*x %*x %x %*s ", hex, &flags) == 2) {
        if ((flags & FLAGS_UNFIT) == 0)
            continue;
        for (size_t i = 0; i < 16; i++) {
            unsigned byte = 0;
            sscanf(hex + 2 * i, "%2x", &byte);
            unfit->ips[unfit->count][i] = (uint8_t)byte;
        }
        unfit->count++;
    }
    fclose(file);
}

static bool is_unfit(const struct unfit *unfit, const struct tryst_address *address)
{
    for (size_t i = 0; address->family == 6 && i < unfit->count; i++)
        if (memcmp(unfit->ips[i], address->ip, 16) == 0)
            return true;
    return false;
}

/* The source that the kernel would choose: a connected UDP socket knows it, and nothing is sent. */
static struct tryst_address find_source(const struct tryst_address *towards)
{
    struct tryst_address found = {0};
    int fd =
        socket(towards->family == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP);
    if (fd < 0)
        return found;
    struct sockaddr_storage name;
    socklen_t size = tr_datagram_to_name(towards, &name);
    if (connect(fd, (struct sockaddr *)&name, size) == 0) {
        size = sizeof(name);
        if (getsockname(fd, (struct sockaddr *)&name, &size) == 0)
            tr_datagram_from_name(&found, (struct sockaddr *)&name);
    }
    close(fd);
    return found;
}

/* The one towards the Internet: a root name server stands for any far address. */
static struct tryst_address find_routed(uint8_t family)
{
    static const struct tryst_address far[2] = {
        {.family = 4, .port = 53, .ip = {198, 41, 0, 4}},
        {.family = 6,
         .port = 53,
         .ip = {0x20, 0x01, 0x05, 0x03, 0xba, 0x3e, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0x30}}};
    return find_source(&far[family == 6]);
}

static bool is_usable(const struct tryst_address *address, bool loopback)
{
    struct tryst_address probe = *address;
    probe.port = 1; /* a class needs a port */
    switch (tryst_address_classify(&probe)) {
    case TRYST_ADDRESS_LOOPBACK:
        return loopback;
    case TRYST_ADDRESS_NONE:
    case TRYST_ADDRESS_LINK_LOCAL:
    case TRYST_ADDRESS_MULTICAST:
    case TRYST_ADDRESS_BROADCAST:
    case TRYST_ADDRESS_UNSPECIFIED:
    case TRYST_ADDRESS_METADATA:
        return false;
    default:
        return !loopback;
    }
}

static enum rank rank_of(const struct tryst_address *address, const char *name,
                         const struct tryst_address routed[2])
{
    struct tryst_address probe = *address;
    probe.port = 1;
    if (tr_ip_is_same(address, &routed[address->family == 6]))
        return RANK_ROUTED;
    if (is_container(name))
        return RANK_CONTAINER;
    if (is_tunnel(name))
        return RANK_TUNNEL;
    /* Who is on the same network talks to it there. IPv6 does so with any address. */
    return address->family == 4 && tryst_address_classify(&probe) == TRYST_ADDRESS_PRIVATE
               ? RANK_PRIVATE
               : RANK_PHYSICAL;
}

/* Where there is no room left, the worst one so far goes. */
static void add(struct listing *listing, const struct entry *entry)
{
    size_t worst = listing->count;
    if (listing->count < TR_INTERFACES_MAX) {
        listing->entries[listing->count++] = *entry;
        return;
    }
    for (size_t i = listing->count; i > 0; i--)
        if (listing->entries[i - 1].rank > entry->rank &&
            (worst == listing->count ||
             listing->entries[i - 1].rank > listing->entries[worst].rank))
            worst = i - 1;
    if (worst == listing->count)
        return;
    memmove(&listing->entries[worst], &listing->entries[worst + 1],
            (listing->count - worst - 1) * sizeof(listing->entries[0]));
    listing->entries[listing->count - 1] = *entry;
}

/* Of each interface's addresses of a family one keeps its rank, the best; the first of equals. Settled as
 * they come, so that many of one interface push out each other, and not those of another. */
static void put_back_second(struct listing *listing, struct entry *entry)
{
    for (size_t i = 0; i < listing->count; i++) {
        struct entry *other = &listing->entries[i];
        struct entry *second = other->rank <= entry->rank ? entry : other;
        if (other->address.scope == entry->address.scope &&
            other->address.family == entry->address.family && second->rank < RANK_MORE)
            second->rank = RANK_MORE;
    }
}

static void collect(struct listing *listing)
{
    struct ifaddrs *all;
    if (getifaddrs(&all) != 0)
        return;
    struct unfit unfit;
    list_unfit(&unfit);
    struct tryst_address routed[2] = {find_routed(4), find_routed(6)};
    for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
        bool loopback = (i->ifa_flags & IFF_LOOPBACK) != 0;
        struct tryst_address address;
        if ((i->ifa_flags & IFF_UP) == 0 || (i->ifa_flags & IFF_RUNNING) == 0 ||
            !tr_datagram_from_name(&address, i->ifa_addr) || !is_usable(&address, loopback) ||
            is_unfit(&unfit, &address))
            continue;
        address.port = 0;
        address.scope = if_nametoindex(i->ifa_name);
        struct entry entry = {address,
                              loopback ? RANK_LOOPBACK : rank_of(&address, i->ifa_name, routed)};
        put_back_second(listing, &entry);
        add(listing, &entry);
    }
    freeifaddrs(all);
}

/* The next of a family from *cursor on, which counts rank by rank through the entries. */
static const struct entry *next_of(const struct listing *listing, uint8_t family, size_t *cursor)
{
    while (*cursor < listing->count * RANK_LOOPBACK) {
        const struct entry *entry = &listing->entries[*cursor % listing->count];
        enum rank rank = (enum rank)(*cursor / listing->count);
        (*cursor)++;
        if (entry->address.family == family && entry->rank == rank)
            return entry;
    }
    return NULL;
}

size_t tr_interfaces_list(struct tryst_address *out, size_t max)
{
    struct listing listing = {.count = 0};
    collect(&listing);
    size_t count = 0;
    size_t cursors[2] = {0, 0};
    for (bool more = true; more;) {
        more = false;
        for (uint8_t i = 0; i < 2; i++) {
            const struct entry *entry = next_of(&listing, i == 0 ? 4 : 6, &cursors[i]);
            if (entry == NULL)
                continue;
            more = true;
            if (count < max)
                out[count++] = entry->address;
        }
    }
    for (size_t i = 0; count == 0 && i < listing.count && i < max; i++)
        out[i] = listing.entries[i].address;
    return count > 0 ? count : (listing.count < max ? listing.count : max);
}

void tr_interfaces_prefer(struct tryst_address *list, size_t count,
                          const struct tryst_address *towards, size_t towards_count)
{
    for (size_t i = towards_count; i > 0; i--) {
        struct tryst_address source = find_source(&towards[i - 1]);
        size_t at = 0;
        while (at < count && !tr_ip_is_same(&list[at], &source))
            at++;
        if (at == count)
            continue;
        source = list[at];
        for (size_t j = at; j > 0; j--) {
            if (list[j - 1].family != source.family)
                continue;
            list[at] = list[j - 1];
            at = j - 1;
        }
        list[at] = source;
    }
}

/* FNV-1a, 64 bits. */
uint64_t tr_interfaces_signature(const struct tryst_address *list, size_t count)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    const uint8_t *bytes = (const uint8_t *)list;
    for (size_t i = 0; i < count * sizeof(*list); i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}
