/* Questions to the default gateway, by PCP (RFC 6887) and NAT-PMP (RFC 6886, libnatpmp).
 * SPDX-License-Identifier: MIT */
#include "lib/driver/errand.h"

#ifdef TR_WITH_PORT_MAPPING

#include "lib/base/deadline.h"
#include "lib/driver/clock.h"
#include "lib/driver/datagram.h"
#include <errno.h>
#include <natpmp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* RFC 6887, 8.1.1 begins with 3 s, RFC 6886, 3.1 with 250 ms and goes on for a minute. A home router is
 * some milliseconds away, players wait, and UPnP is next: 4 tries within 750 ms, on a busy radio too. */
#define FIRST_TRY_US (50 * TR_MS)
enum { TRIES = 4, READS_MAX = 16 };

/* By NAT-PMP, when PCP was silent on the same port: two tries of libnatpmp's. */
#define NATPMP_US (400 * TR_MS)

/* For the answer to a removal, which is sent twice. */
#define REMOVAL_US (60 * TR_MS)

enum tr_errand_end tr_errand_wait(const struct tr_errand *errand, int fd, short events,
                                  uint64_t until_us)
{
    struct pollfd polled[2] = {{.fd = errand->wake_fd, .events = POLLIN},
                               {.fd = fd, .events = events}};
    for (;;) {
        uint64_t now_us = tr_clock_us();
        uint64_t left_us = until_us > now_us ? until_us - now_us : 0;
        const struct timespec left = {.tv_sec = (time_t)(left_us / TR_S),
                                      .tv_nsec = (long)(left_us % TR_S) * 1000};
        int count = ppoll(polled, 2, until_us != TR_NEVER ? &left : NULL, NULL);
        if (count < 0 && errno == EINTR)
            continue;
        if (polled[0].revents != 0)
            return TR_ERRAND_WOKEN;
        /* Who sends without an end does not hold us beyond the time. */
        return count > 0 && now_us < until_us ? TR_ERRAND_READY : TR_ERRAND_LATE;
    }
}

bool tr_errand_gateway(struct tryst_address *gateway, uint32_t interface)
{
    enum { UP_AND_GATEWAY = 3 }; /* RTF_UP | RTF_GATEWAY */
    char line[512], name[IF_NAMESIZE];
    unsigned long best = 0;
    bool is_found = false;
    FILE *routes = fopen("/proc/thread-self/net/route", "re");
    while (routes != NULL && fgets(line, sizeof(line), routes) != NULL) {
        unsigned long to, by, flags, metric, mask;
        if (sscanf(line, "%15s %lx %lx %lx %*s %*s %lu %lx", name, &to, &by, &flags, &metric,
                   &mask) != 6 ||
            to != 0 || mask != 0 || (flags & UP_AND_GATEWAY) != UP_AND_GATEWAY ||
            (interface != 0 && if_nametoindex(name) != interface) || (is_found && metric >= best))
            continue;
        uint32_t ip =
            (uint32_t)by; /* the kernel prints the four bytes as a number of its own order */
        *gateway = (struct tryst_address){.family = 4};
        memcpy(gateway->ip, &ip, sizeof(ip));
        best = metric;
        is_found = true;
    }
    if (routes != NULL)
        fclose(routes);
    return is_found;
}

/* A socket that hears the gateway alone: the kernel drops what others send, and tells when nobody
 * listens there. */
static int open_to(const struct tr_errand *errand)
{
    struct sockaddr_storage name;
    struct tryst_address from = errand->local, to = errand->gateway;
    from.port = 0;
    to.port = TR_PCP_PORT;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    socklen_t size = tr_datagram_to_name(&from, &name);
    if (bind(fd, (struct sockaddr *)&name, size) == 0) {
        size = tr_datagram_to_name(&to, &name);
        if (connect(fd, (struct sockaddr *)&name, size) == 0)
            return fd;
    }
    close(fd);
    return -1;
}

static enum tr_lease_word word_of(uint8_t result)
{
    switch (result) {
    case TR_PCP_NO_RESOURCES:
    case TR_PCP_USER_EX_QUOTA:
    case TR_PCP_CANNOT_PROVIDE_EXTERNAL:
        return TR_LEASE_NO_PORT;
    default:
        return TR_LEASE_SAYS_NO;
    }
}

/* Reads what has come; true: this was the answer, or there will be none. */
static bool pcp_take(int fd, const struct tr_pcp_map *map, struct tr_lease_answer *answer)
{
    uint8_t data[TR_PCP_MAX];
    struct tr_pcp_answer told;
    for (int reads = 0; reads < READS_MAX; reads++) {
        ssize_t size = recv(fd, data, sizeof(data), 0);
        if (size < 0)
            return errno != EAGAIN && errno != EINTR; /* ECONNREFUSED: nobody listens */
        switch (tr_pcp_read(map, data, (size_t)size, &told)) {
        case TR_PCP_GRANTED:
            *answer = (struct tr_lease_answer){TR_LEASE_GRANTED, told.external, told.lifetime_s};
            return true;
        case TR_PCP_REFUSED:
            answer->word = word_of(told.result);
            return true;
        case TR_PCP_OTHER_VERSION:
            return true;
        case TR_PCP_FOREIGN:
            break;
        }
    }
    return false;
}

bool tr_errand_pcp(const struct tr_errand *errand, struct tr_lease_answer *answer)
{
    struct tr_pcp_map map = {.client = errand->local,
                             .external = {.port = errand->external_port},
                             .lifetime_s = errand->lifetime_s};
    uint8_t request[TR_PCP_MAP_BYTES];
    bool is_removal = errand->lifetime_s == 0, is_done = false, is_woken = false;
    *answer = (struct tr_lease_answer){.word = TR_LEASE_SILENT};
    memcpy(map.nonce, errand->nonce, sizeof(map.nonce));
    tr_pcp_write(&map, request);
    int fd = open_to(errand);
    if (fd < 0)
        return true;
    uint64_t pause_us = is_removal ? REMOVAL_US : FIRST_TRY_US;
    for (int i = 0; i < (is_removal ? 2 : TRIES) && !is_done && !is_woken; i++) {
        uint64_t until_us = tr_clock_us() + pause_us;
        pause_us *= is_removal ? 1 : 2;
        is_done = send(fd, request, sizeof(request), MSG_NOSIGNAL) < 0 && errno != EAGAIN;
        while (!is_done && !is_woken) {
            enum tr_errand_end end = tr_errand_wait(errand, fd, POLLIN, until_us);
            is_woken = end == TR_ERRAND_WOKEN;
            if (end != TR_ERRAND_READY)
                break;
            is_done = pcp_take(fd, &map, answer);
        }
    }
    close(fd);
    return !is_woken;
}

/* One request of NAT-PMP's and its answer of a type; false when woken. result: 0, or below it an error.
 * A request that was repeated may be answered twice: the second answer is not that to the next one. */
static bool natpmp_ask(natpmp_t *natpmp, const struct tr_errand *errand, uint64_t until_us,
                       uint16_t type, natpmpresp_t *response, int *result)
{
    for (;;) {
        struct timeval left;
        *result = readnatpmpresponseorretry(natpmp, response);
        if (*result == 0 && response->type != type) {
            natpmp->has_pending_request = 1;
            *result = NATPMP_TRYAGAIN;
        }
        if (*result != NATPMP_TRYAGAIN)
            return true;
        uint64_t next_us = tr_clock_us() + 5 * TR_MS;
        if (getnatpmprequesttimeout(natpmp, &left) == 0 && left.tv_sec >= 0)
            next_us += (uint64_t)left.tv_sec * TR_S + (uint64_t)left.tv_usec;
        tr_sooner(&next_us, until_us);
        if (tr_errand_wait(errand, natpmp->s, POLLIN, next_us) == TR_ERRAND_WOKEN)
            return false;
        if (tr_clock_us() >= until_us)
            return true;
    }
}

static enum tr_lease_word natpmp_word(int result)
{
    switch (result) {
    case NATPMP_ERR_NOTAUTHORIZED:
    case NATPMP_ERR_NETWORKFAILURE:
        return TR_LEASE_SAYS_NO;
    case NATPMP_ERR_OUTOFRESOURCES:
        return TR_LEASE_NO_PORT;
    default:
        return TR_LEASE_SILENT;
    }
}

static bool natpmp_talk(natpmp_t *natpmp, const struct tr_errand *errand,
                        struct tr_lease_answer *answer)
{
    natpmpresp_t response;
    int result = 0;
    bool is_removal = errand->lifetime_s == 0;
    uint64_t until_us = tr_clock_us() + (is_removal ? 2 * REMOVAL_US : NATPMP_US);
    if (!is_removal) {
        if (sendpublicaddressrequest(natpmp) < 0)
            return true;
        if (!natpmp_ask(natpmp, errand, until_us, NATPMP_RESPTYPE_PUBLICADDRESS, &response,
                        &result))
            return false;
        answer->word = natpmp_word(result);
        if (result != 0)
            return true;
        answer->external.family = 4;
        memcpy(answer->external.ip, &response.pnu.publicaddress.addr, 4);
    }
    if (sendnewportmappingrequest(natpmp, NATPMP_PROTOCOL_UDP, errand->local.port,
                                  is_removal ? 0 : errand->external_port, errand->lifetime_s) < 0)
        return true;
    if (!natpmp_ask(natpmp, errand, until_us, NATPMP_RESPTYPE_UDPPORTMAPPING, &response, &result))
        return false;
    answer->word = natpmp_word(result);
    if (result != 0)
        return true;
    answer->word = response.pnu.newportmapping.privateport == errand->local.port
                       ? TR_LEASE_GRANTED
                       : TR_LEASE_NONSENSE;
    answer->external.port = response.pnu.newportmapping.mappedpublicport;
    answer->lifetime_s = response.pnu.newportmapping.lifetime;
    return true;
}

bool tr_errand_natpmp(const struct tr_errand *errand, struct tr_lease_answer *answer)
{
    natpmp_t natpmp;
    in_addr_t gateway;
    *answer = (struct tr_lease_answer){.word = TR_LEASE_SILENT};
    memcpy(&gateway, errand->gateway.ip, sizeof(gateway));
    if (initnatpmp(&natpmp, 1, gateway) != 0) {
        if (natpmp.s >= 0) /* it may have opened one before it failed */
            closenatpmp(&natpmp);
        return true;
    }
    bool is_through = natpmp_talk(&natpmp, errand, answer);
    closenatpmp(&natpmp);
    return is_through;
}

#endif
