/* A NAT in user space for the lab, of the kind that netfilter cannot be brought to: each new flow gets the
 * port after the last one's (address-and-port-dependent mapping and filtering, RFC 4787).
 *
 * seqnat --lan DEVICE --wan DEVICE [--stride N] [--cross N] [--seed N] [--first PORT]
 *
 *   --stride   from one flow's port to the next one's, 1; -1 counts down
 *   --cross    flows of others that take ports meanwhile, a second, at random times
 *   --seed     of these times and of the first port; the same seed gives the same ports
 *   --first    the first flow's port instead
 *
 * It runs in the gateway, reads UDP and the ICMP errors about it from both devices by packet sockets and
 * sends by a raw one, so that the kernel routes and resolves neighbours. The gateway's own forwarding has to
 * be shut for UDP, and its INPUT on the WAN side, or the kernel answers for ports that it does not know; both
 * untracked, or conntrack maps what was mapped here (natrules.py has these rules). TTLs are counted down as
 * by any router; what ends here ends in silence. Fragments are dropped; there is no hairpinning.
 * It says "ready" and its address when it works. SIGHUP: all flows are forgotten, the ports go on.
 * SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <math.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PORT_LOW = 1024, PORT_HIGH = 65535, BUCKETS = 4096, OWN_MAX = 16, BURST = 64 };
enum { IP_HEAD = 20, UDP_HEAD = 8, ICMP_HEAD = 8, FRAGMENT_BITS = 0x3fff };
enum { ICMP_UNREACHABLE = 3, ICMP_TIME_EXCEEDED = 11 };

/* What netfilter grants a flow: nf_conntrack_udp_timeout, and _stream once it was answered. */
#define FLOW_US 30000000ULL
#define ANSWERED_US 120000000ULL

/* Addresses as in the packet, ports as numbers. */
struct ends {
    uint32_t inside, remote;
    uint16_t inside_port, remote_port;
};

/* One for each port of ours. A flow of cross traffic has no inside. */
struct flow {
    struct ends ends;
    uint64_t until_us; /* 0 for none */
    uint16_t next;     /* port of the next flow in its bucket, 0 for none */
};

struct nat {
    struct flow flows[PORT_HIGH + 1];
    uint16_t buckets[BUCKETS];
    uint16_t last;
    int32_t stride;
    uint32_t public;
    uint32_t own[OWN_MAX];
    size_t own_count;
    double cross; /* a second */
    uint64_t cross_us;
    uint64_t random;
    int lan, wan, out;
};

static struct nat nat;
static volatile sig_atomic_t is_over, is_to_forget;

static void on_signal(int number)
{
    if (number == SIGHUP)
        is_to_forget = 1;
    else
        is_over = 1;
}

static uint64_t now_us(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016. */
static uint64_t random_next(void)
{
    nat.random ^= nat.random >> 12;
    nat.random ^= nat.random << 25;
    nat.random ^= nat.random >> 27;
    return nat.random * UINT64_C(0x2545f4914f6cdd1d);
}

/* ---- bytes and checksums ---- */

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static void put16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static uint32_t get_address(const uint8_t *at)
{
    uint32_t address;
    memcpy(&address, at, sizeof(address));
    return address;
}

static void put_address(uint8_t *at, uint32_t address)
{
    memcpy(at, &address, sizeof(address));
}

/* RFC 1071, not yet folded. */
static uint32_t sum_of(uint32_t sum, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i + 1 < size; i += 2)
        sum += get16(data + i);
    return size % 2 == 0 ? sum : sum + (uint32_t)(data[size - 1] << 8);
}

static uint16_t folded(uint32_t sum)
{
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void seal_ip(uint8_t *ip)
{
    put16(ip + 10, 0);
    put16(ip + 10, folded(sum_of(0, ip, (size_t)(ip[0] & 15) * 4)));
}

/* In full, never from the old one: what comes over a veth has only the pseudo header's sum in it. */
static void seal_udp(uint8_t *ip, uint8_t *udp, size_t size)
{
    if (get16(udp + 6) == 0)
        return;
    put16(udp + 6, 0);
    uint16_t sum = folded(sum_of(sum_of(IPPROTO_UDP + (uint32_t)size, ip + 12, 8), udp, size));
    put16(udp + 6, sum == 0 ? 0xffff : sum);
}

/* RFC 1624, equation 3: a sum that goes along when one word changes. */
static void amend(uint8_t *sum, const uint8_t *old, const uint8_t *fresh, size_t size)
{
    uint32_t total = (uint16_t)~get16(sum);
    for (size_t i = 0; i < size; i += 2)
        total += (uint16_t)~get16(old + i) + (uint32_t)get16(fresh + i);
    put16(sum, folded(total));
}

/* ---- flows ---- */

static uint16_t *bucket_of(const struct ends *ends)
{
    uint32_t hash = ends->inside * 2654435761U ^ ends->remote * 2246822519U ^
                    ((uint32_t)ends->inside_port << 16 | ends->remote_port) * 3266489917U;
    return &nat.buckets[(hash ^ hash >> 15) % BUCKETS];
}

static bool is_same(const struct ends *a, const struct ends *b)
{
    return a->inside == b->inside && a->inside_port == b->inside_port && a->remote == b->remote &&
           a->remote_port == b->remote_port;
}

static void flow_forget(uint16_t port)
{
    uint16_t *link = bucket_of(&nat.flows[port].ends);
    while (*link != 0 && *link != port)
        link = &nat.flows[*link].next;
    if (*link == port)
        *link = nat.flows[port].next;
    memset(&nat.flows[port], 0, sizeof(nat.flows[port]));
}

/* The next free port in the stride's direction takes these ends. 0: none is free. */
static uint16_t flow_make(const struct ends *ends, uint64_t now)
{
    int32_t port = nat.last;
    for (int32_t tries = PORT_LOW; tries <= PORT_HIGH; tries++) {
        port += nat.stride;
        if (port > PORT_HIGH)
            port -= PORT_HIGH - PORT_LOW + 1;
        else if (port < PORT_LOW)
            port += PORT_HIGH - PORT_LOW + 1;
        struct flow *flow = &nat.flows[port];
        if (flow->until_us > now)
            continue;
        if (flow->until_us != 0)
            flow_forget((uint16_t)port);
        uint16_t *bucket = bucket_of(ends);
        *flow = (struct flow){*ends, now + FLOW_US, *bucket};
        *bucket = nat.last = (uint16_t)port;
        return nat.last;
    }
    return 0;
}

static uint16_t flow_find(const struct ends *ends, uint64_t now)
{
    uint16_t port = *bucket_of(ends);
    while (port != 0 && !is_same(&nat.flows[port].ends, ends))
        port = nat.flows[port].next;
    return port != 0 && nat.flows[port].until_us > now ? port : 0;
}

static void forget_all(void)
{
    memset(nat.flows, 0, sizeof(nat.flows));
    memset(nat.buckets, 0, sizeof(nat.buckets));
}

/* Others' flows come as a Poisson process. */
static void cross_plan(uint64_t from_us)
{
    double share = ((double)(random_next() >> 11) + 1) / 9007199254740993.0;
    nat.cross_us = nat.cross > 0 ? from_us + (uint64_t)(-log(share) / nat.cross * 1e6) : UINT64_MAX;
}

static void cross_traffic(uint64_t now)
{
    while (nat.cross_us <= now) {
        struct ends nobody = {.remote = (uint32_t)random_next()};
        flow_make(&nobody, now);
        cross_plan(nat.cross_us);
    }
}

/* ---- packets ---- */

/* Whether it is a whole IPv4 packet with room for a head of `least` bytes. Sets where that begins. */
static bool is_whole(const uint8_t *ip, size_t *size, size_t least, size_t *head)
{
    if (*size < IP_HEAD || ip[0] >> 4 != 4)
        return false;
    *head = (size_t)(ip[0] & 15) * 4;
    size_t total = get16(ip + 2);
    if (*head < IP_HEAD || total > *size || total < *head + least ||
        (get16(ip + 6) & FRAGMENT_BITS) != 0)
        return false;
    *size = total;
    return true;
}

static void send_on(uint8_t *ip, size_t size)
{
    if (ip[8] <= 1)
        return;
    ip[8]--;
    seal_ip(ip);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = get_address(ip + 16)};
    (void)sendto(nat.out, ip, size, 0, (struct sockaddr *)&to, sizeof(to));
}

static bool is_own(uint32_t address)
{
    for (size_t i = 0; i < nat.own_count; i++)
        if (nat.own[i] == address)
            return true;
    return false;
}

static void outward(uint8_t *ip, size_t size, uint64_t now)
{
    size_t head;
    if (!is_whole(ip, &size, UDP_HEAD, &head) || ip[9] != IPPROTO_UDP ||
        is_own(get_address(ip + 16)))
        return;
    uint8_t *udp = ip + head;
    struct ends ends = {get_address(ip + 12), get_address(ip + 16), get16(udp), get16(udp + 2)};
    uint16_t port = flow_find(&ends, now);
    if (port == 0)
        port = flow_make(&ends, now);
    if (port == 0)
        return;
    if (nat.flows[port].until_us < now + FLOW_US)
        nat.flows[port].until_us = now + FLOW_US;
    put_address(ip + 12, nat.public);
    put16(udp, port);
    seal_udp(ip, udp, size - head);
    send_on(ip, size);
}

/* An error about what went out goes to the one who sent it (RFC 5508, section 4.2). */
static void inward_error(uint8_t *ip, size_t size, size_t head, uint64_t now)
{
    uint8_t *icmp = ip + head, *about = icmp + ICMP_HEAD;
    size_t left = size - head - ICMP_HEAD;
    if ((icmp[0] != ICMP_UNREACHABLE && icmp[0] != ICMP_TIME_EXCEEDED) || left < IP_HEAD + UDP_HEAD)
        return;
    size_t inner = (size_t)(about[0] & 15) * 4;
    if (inner < IP_HEAD || left < inner + UDP_HEAD || about[9] != IPPROTO_UDP)
        return;
    uint8_t *udp = about + inner;
    const struct flow *flow = &nat.flows[get16(udp)];
    if (flow->until_us <= now || flow->ends.inside == 0 ||
        flow->ends.remote != get_address(about + 16) || flow->ends.remote_port != get16(udp + 2))
        return;
    uint8_t old[6], fresh[6];
    memcpy(old, about + 12, 4);
    memcpy(old + 4, udp, 2);
    put_address(about + 12, flow->ends.inside);
    put16(udp, flow->ends.inside_port);
    memcpy(fresh, about + 12, 4);
    memcpy(fresh + 4, udp, 2);
    if (get16(udp + 6) != 0)
        amend(udp + 6, old, fresh, sizeof(old));
    seal_ip(about);
    put16(icmp + 2, 0);
    put16(icmp + 2, folded(sum_of(0, icmp, size - head)));
    put_address(ip + 16, flow->ends.inside);
    send_on(ip, size);
}

static void inward(uint8_t *ip, size_t size, uint64_t now)
{
    size_t head;
    if (!is_whole(ip, &size, UDP_HEAD, &head) || get_address(ip + 16) != nat.public)
        return;
    if (ip[9] == IPPROTO_ICMP)
        inward_error(ip, size, head, now);
    if (ip[9] != IPPROTO_UDP)
        return;
    uint8_t *udp = ip + head;
    struct flow *flow = &nat.flows[get16(udp + 2)];
    if (flow->until_us <= now || flow->ends.inside == 0 ||
        flow->ends.remote != get_address(ip + 12) || flow->ends.remote_port != get16(udp))
        return;
    flow->until_us = now + ANSWERED_US;
    put_address(ip + 16, flow->ends.inside);
    put16(udp + 2, flow->ends.inside_port);
    seal_udp(ip, udp, size - head);
    send_on(ip, size);
}

/* A few packets of one device, so that neither starves the other. */
static void read_some(int from, void (*then)(uint8_t *, size_t, uint64_t))
{
    static uint8_t packet[65536];
    for (int i = 0; i < BURST; i++) {
        struct sockaddr_ll link;
        socklen_t link_size = sizeof(link);
        ssize_t got = recvfrom(from, packet, sizeof(packet), MSG_DONTWAIT, (struct sockaddr *)&link,
                               &link_size);
        if (got < 0)
            return;
        if (link.sll_pkttype == PACKET_HOST)
            then(packet, (size_t)got, now_us());
    }
}

/* ---- start ---- */

static void fail(const char *what)
{
    fprintf(stderr, "seqnat: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int open_device(const char *device)
{
    int sock = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_IP));
    struct sockaddr_ll link = {.sll_family = AF_PACKET,
                               .sll_protocol = htons(ETH_P_IP),
                               .sll_ifindex = (int)if_nametoindex(device)};
    if (sock < 0 || link.sll_ifindex == 0 ||
        bind(sock, (struct sockaddr *)&link, sizeof(link)) != 0)
        fail(device);
    return sock;
}

static void know_addresses(const char *wan)
{
    struct ifaddrs *all;
    if (getifaddrs(&all) != 0)
        fail("getifaddrs");
    for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
        if (i->ifa_addr == NULL || i->ifa_addr->sa_family != AF_INET || nat.own_count == OWN_MAX)
            continue;
        uint32_t address = ((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr.s_addr;
        nat.own[nat.own_count++] = address;
        if (strcmp(i->ifa_name, wan) == 0 && nat.public == 0)
            nat.public = address;
    }
    freeifaddrs(all);
}

static void arguments(int argc, char **argv)
{
    static const struct option known[] = {{"lan", 1, NULL, 'l'},    {"wan", 1, NULL, 'w'},
                                          {"stride", 1, NULL, 's'}, {"cross", 1, NULL, 'c'},
                                          {"seed", 1, NULL, 'r'},   {"first", 1, NULL, 'f'},
                                          {NULL, 0, NULL, 0}};
    const char *lan = NULL, *wan = NULL;
    long first = 0, seed = 1;
    nat.stride = 1;
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (option) {
        case 'l':
            lan = optarg;
            break;
        case 'w':
            wan = optarg;
            break;
        case 's':
            nat.stride = (int32_t)strtol(optarg, NULL, 10);
            break;
        case 'c':
            nat.cross = strtod(optarg, NULL);
            break;
        case 'r':
            seed = strtol(optarg, NULL, 10);
            break;
        case 'f':
            first = strtol(optarg, NULL, 10);
            break;
        default:
            exit(2);
        }
    }
    if (lan == NULL || wan == NULL || nat.stride == 0 || abs(nat.stride) > 1024 || seed == 0) {
        fputs("seqnat: --lan and --wan are needed; a stride or seed of 0 is none\n", stderr);
        exit(2);
    }
    nat.random = (uint64_t)seed * UINT64_C(0x9e3779b97f4a7c15);
    nat.last = (uint16_t)(PORT_LOW + random_next() % (PORT_HIGH - PORT_LOW + 1));
    if (first >= PORT_LOW && first <= PORT_HIGH)
        nat.last = (uint16_t)(first - nat.stride);
    nat.lan = open_device(lan);
    nat.wan = open_device(wan);
    nat.out = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    if (nat.out < 0)
        fail("raw socket");
    know_addresses(wan);
}

int main(int argc, char **argv)
{
    arguments(argc, argv);
    struct sigaction act = {.sa_handler = on_signal};
    sigaction(SIGHUP, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    sigaction(SIGINT, &act, NULL);
    printf("ready %s\n", inet_ntoa((struct in_addr){nat.public}));
    fflush(stdout);
    cross_plan(now_us());
    while (!is_over) {
        uint64_t now = now_us();
        cross_traffic(now);
        if (is_to_forget) {
            is_to_forget = 0;
            forget_all();
        }
        struct pollfd fds[2] = {{nat.lan, POLLIN, 0}, {nat.wan, POLLIN, 0}};
        uint64_t wait = nat.cross_us - now < 1000000 ? nat.cross_us - now : 1000000;
        struct timespec limit = {(time_t)(wait / 1000000), (long)(wait % 1000000) * 1000};
        if (ppoll(fds, 2, &limit, NULL) <= 0)
            continue;
        if (fds[0].revents != 0)
            read_some(nat.lan, outward);
        if (fds[1].revents != 0)
            read_some(nat.wan, inward);
    }
    return 0;
}
