/* Path MTU discovery (RFC 1191) is the kernel's; this only makes it do it.
 * SPDX-License-Identifier: MIT */
#include "tools/pathmtu.h"
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEADERS4 = 28, HEADERS6 = 48, MOST = 9000 };

static socklen_t name_of(const struct tryst_address *address, struct sockaddr_storage *name)
{
    memset(name, 0, sizeof *name);
    if (address->family == 4) {
        struct sockaddr_in *in = (struct sockaddr_in *)name;
        in->sin_family = AF_INET;
        in->sin_port = htons(address->port);
        memcpy(&in->sin_addr, address->ip, sizeof in->sin_addr);
        return sizeof *in;
    }
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)name;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(address->port);
    memcpy(&in6->sin6_addr, address->ip, sizeof in6->sin6_addr);
    return sizeof *in6;
}

static uint32_t known(const struct pathmtu *pathmtu)
{
    int mtu = 0;
    socklen_t size = sizeof mtu;
    int done = pathmtu->family == 4
                   ? getsockopt(pathmtu->descriptor, IPPROTO_IP, IP_MTU, &mtu, &size)
                   : getsockopt(pathmtu->descriptor, IPPROTO_IPV6, IPV6_MTU, &mtu, &size);
    return done == 0 && mtu > 0 ? (uint32_t)mtu : 0;
}

struct pathmtu pathmtu_ask(const struct tryst_address *address)
{
    static const uint8_t data[MOST]; /* zeros are no frame: the server drops them unread */
    struct pathmtu pathmtu = {.descriptor = -1, .family = address->family};
    struct sockaddr_storage name;
    int is_whole = address->family == 4 ? IP_PMTUDISC_DO : IPV6_PMTUDISC_DO;
    if (address->family != 4 && address->family != 6)
        return pathmtu;
    socklen_t size = name_of(address, &name);
    pathmtu.descriptor =
        socket(address->family == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (pathmtu.descriptor < 0)
        return pathmtu;
    if (address->family == 4)
        setsockopt(pathmtu.descriptor, IPPROTO_IP, IP_MTU_DISCOVER, &is_whole, sizeof is_whole);
    else
        setsockopt(pathmtu.descriptor, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &is_whole, sizeof is_whole);
    if (connect(pathmtu.descriptor, (struct sockaddr *)&name, size) == 0) {
        uint32_t headers = address->family == 4 ? HEADERS4 : HEADERS6;
        uint32_t mtu = known(&pathmtu);
        if (mtu > headers && mtu - headers <= MOST)
            (void)send(pathmtu.descriptor, data, mtu - headers, MSG_DONTWAIT);
    }
    return pathmtu;
}

uint32_t pathmtu_answer(struct pathmtu *pathmtu)
{
    uint32_t mtu = pathmtu->descriptor >= 0 ? known(pathmtu) : 0;
    if (pathmtu->descriptor >= 0)
        close(pathmtu->descriptor);
    pathmtu->descriptor = -1;
    return mtu;
}
