/* One non-blocking UDP socket of one family: batches in, batches out, source address and TTL each.
 * SPDX-License-Identifier: MIT */
#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include "lib/driver/datagram.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Where the batch calls are missing, a loop of single ones does the same work. */
#if defined(HAVE_RECVMMSG) && defined(HAVE_SENDMMSG)
#define packet mmsghdr
#else
struct packet {
    struct msghdr msg_hdr;
    unsigned int msg_len;
};
#endif

/* A call is tried again when it reports what may be somebody else's error: an ICMP message that waits
 * on the socket is told once, to whoever comes first. */
enum { SEND_TRIES = 2, RECEIVE_TRIES = 8 };

/* Most turns of a client find one datagram or none, for which a plain call is cheaper by a tenth of
 * the whole trip (measured) than a batch of one. */
enum { SINGLES = 2 };

union name {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

struct control {
    _Alignas(struct cmsghdr)
        uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int))];
};

struct tr_datagram_inbox {
    uint32_t used; /* packets to be made ready again before the next receive */
    struct packet packets[TR_DATAGRAM_BATCH];
    struct iovec vectors[TR_DATAGRAM_BATCH];
    union name names[TR_DATAGRAM_BATCH];
    struct control controls[TR_DATAGRAM_BATCH];
    struct tr_arrival arrivals[TR_DATAGRAM_BATCH];
    uint8_t data[TR_DATAGRAM_BATCH][TR_DATAGRAM_ROOM];
};

struct outgoing {
    struct packet packets[TR_DATAGRAM_BATCH];
    struct iovec vectors[TR_DATAGRAM_BATCH];
    union name names[TR_DATAGRAM_BATCH];
    struct control controls[TR_DATAGRAM_BATCH];
};

#if defined(HAVE_RECVMMSG) && defined(HAVE_SENDMMSG)

static int receive_packets(int fd, struct packet *packets, uint32_t count)
{
    return recvmmsg(fd, packets, count, 0, NULL);
}

static int send_packets(int fd, struct packet *packets, uint32_t count)
{
    return sendmmsg(fd, packets, count, 0);
}

#else

static int receive_packets(int fd, struct packet *packets, uint32_t count)
{
    uint32_t done = 0;
    for (; done < count; done++) {
        ssize_t size = recvmsg(fd, &packets[done].msg_hdr, 0);
        if (size < 0)
            break;
        packets[done].msg_len = (unsigned int)size;
    }
    return done > 0 ? (int)done : -1;
}

static int send_packets(int fd, struct packet *packets, uint32_t count)
{
    uint32_t done = 0;
    while (done < count && sendmsg(fd, &packets[done].msg_hdr, 0) >= 0)
        done++;
    return done > 0 ? (int)done : -1;
}

#endif

bool tr_datagram_from_name(struct tryst_address *address, const struct sockaddr *name)
{
    memset(address, 0, sizeof(*address));
    if (name == NULL)
        return false;
    if (name->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, name, sizeof(in));
        address->family = 4;
        address->port = ntohs(in.sin_port);
        memcpy(address->ip, &in.sin_addr, 4);
        return true;
    }
    if (name->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, name, sizeof(in6));
        address->family = 6;
        address->port = ntohs(in6.sin6_port);
        address->scope = in6.sin6_scope_id;
        memcpy(address->ip, &in6.sin6_addr, 16);
        return true;
    }
    return false;
}

static socklen_t write_name(const struct tryst_address *address, union name *name)
{
    if (address->family == 4) {
        name->in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(address->port)};
        memcpy(&name->in.sin_addr, address->ip, 4);
        return sizeof(name->in);
    }
    if (address->family == 6) {
        name->in6 = (struct sockaddr_in6){.sin6_family = AF_INET6,
                                          .sin6_port = htons(address->port),
                                          .sin6_scope_id = address->scope};
        memcpy(&name->in6.sin6_addr, address->ip, 16);
        return sizeof(name->in6);
    }
    return 0;
}

uint32_t tr_datagram_to_name(const struct tryst_address *address, struct sockaddr_storage *name)
{
    union name plain;
    socklen_t size = write_name(address, &plain);
    memset(name, 0, sizeof(*name));
    memcpy(name, &plain, size);
    return size;
}

static bool set_option(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

/* Every datagram fits the least MTU of IPv6. DF stays off and forged "fragmentation needed" messages
 * are not believed (OMIT): a narrow tunnel splits a datagram rather than losing it for ever. */
static void set_fragmentation(int fd, uint8_t family)
{
#ifdef IP_PMTUDISC_OMIT
    if (family == 4 && !set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT))
        set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
#endif
#ifdef IPV6_PMTUDISC_OMIT
    if (family == 6 && !set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT))
        set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT);
#endif
}

static bool ask_destination(int fd, uint8_t family, bool is_asked)
{
    return family == 4 ? set_option(fd, IPPROTO_IP, IP_PKTINFO, is_asked)
                       : set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, is_asked);
}

void tr_datagram_set_plain(struct tr_datagram_socket *sock, bool is_plain)
{
    if (sock->fd >= 0 && sock->is_plain != is_plain)
        ask_destination(sock->fd, sock->family, !is_plain);
    sock->is_plain = is_plain;
}

static bool set_up(int fd, const struct tryst_address *local, uint32_t buffer_bytes)
{
    if (local->family == 6 && !set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1))
        return false;
    if (!ask_destination(fd, local->family, true))
        return false;
    set_fragmentation(fd, local->family);
    if (buffer_bytes > 0 && buffer_bytes <= INT32_MAX) {
        set_option(fd, SOL_SOCKET, SO_RCVBUF, (int)buffer_bytes);
        set_option(fd, SOL_SOCKET, SO_SNDBUF, (int)buffer_bytes);
    }
    union name name;
    socklen_t size = write_name(local, &name);
    return bind(fd, &name.any, size) == 0;
}

tryst_result tr_datagram_open(struct tr_datagram_socket *sock, const struct tryst_address *local,
                              uint32_t buffer_bytes)
{
    memset(sock, 0, sizeof(*sock));
    sock->fd = -1;
    if (local->family != 4 && local->family != 6) {
        errno = EAFNOSUPPORT;
        return TRYST_E_NETWORK;
    }
    int fd = socket(local->family == 4 ? AF_INET : AF_INET6,
                    SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
    if (fd < 0)
        return TRYST_E_NETWORK;
    union name name;
    socklen_t size = sizeof(name);
    if (!set_up(fd, local, buffer_bytes) || getsockname(fd, &name.any, &size) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return TRYST_E_NETWORK;
    }
    sock->fd = fd;
    sock->family = local->family;
    sock->port = ntohs(local->family == 4 ? name.in.sin_port : name.in6.sin6_port);
    return TRYST_OK;
}

void tr_datagram_close(struct tr_datagram_socket *sock)
{
    if (sock->fd >= 0)
        close(sock->fd);
    sock->fd = -1;
}

struct tr_datagram_inbox *tr_datagram_inbox_create(void)
{
    struct tr_datagram_inbox *inbox = calloc(1, sizeof(*inbox));
    if (inbox == NULL)
        return NULL;
    for (uint32_t i = 0; i < TR_DATAGRAM_BATCH; i++) {
        inbox->vectors[i] = (struct iovec){inbox->data[i], TR_DATAGRAM_ROOM};
        inbox->packets[i].msg_hdr = (struct msghdr){.msg_name = &inbox->names[i],
                                                    .msg_iov = &inbox->vectors[i],
                                                    .msg_iovlen = 1,
                                                    .msg_control = &inbox->controls[i]};
        inbox->arrivals[i].data = inbox->data[i];
    }
    inbox->used = TR_DATAGRAM_BATCH;
    return inbox;
}

void tr_datagram_inbox_destroy(struct tr_datagram_inbox *inbox)
{
    free(inbox);
}

static void read_destination(struct tryst_address *to, struct msghdr *header)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof(info));
            to->family = 4;
            to->scope = (uint32_t)info.ipi_ifindex;
            memcpy(to->ip, &info.ipi_spec_dst, 4);
            return;
        }
        if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof(info));
            to->family = 6;
            to->scope = info.ipi6_ifindex;
            memcpy(to->ip, &info.ipi6_addr, 16);
            return;
        }
    }
}

/* The first ones of a turn, one call each. is_empty: nothing is left. Returns how many came. */
static uint32_t receive_singles(struct tr_datagram_socket *sock, struct tr_datagram_inbox *inbox,
                                bool *is_empty)
{
    uint32_t count = 0;
    for (; count < SINGLES; count++) {
        union name *name = &inbox->names[count];
        socklen_t name_size = sizeof(*name);
        ssize_t size = recvfrom(sock->fd, inbox->data[count], TR_DATAGRAM_ROOM, MSG_TRUNC,
                                &name->any, &name_size);
        if (size < 0) {
            *is_empty = errno == EAGAIN || errno == EWOULDBLOCK;
            break;
        }
        struct tr_arrival *arrival = &inbox->arrivals[count];
        tr_datagram_from_name(&arrival->from, &name->any);
        memset(&arrival->to, 0, sizeof(arrival->to));
        arrival->size = size <= TR_DATAGRAM_ROOM ? (size_t)size : 0;
        sock->truncated += size > TR_DATAGRAM_ROOM;
    }
    return count;
}

/* The others, from the place `first` on. */
static uint32_t receive_batch(struct tr_datagram_socket *sock, struct tr_datagram_inbox *inbox,
                              uint32_t first)
{
    for (uint32_t i = 0; i < inbox->used; i++) {
        inbox->packets[i].msg_hdr.msg_namelen = sizeof(inbox->names[i]);
        inbox->packets[i].msg_hdr.msg_controllen = sizeof(inbox->controls[i]);
    }
    inbox->used = 0;
    uint32_t room = TR_DATAGRAM_BATCH - first;
    int count = receive_packets(sock->fd, inbox->packets + first, room);
    for (int tries = 1; count < 0 && tries < RECEIVE_TRIES; tries++) {
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return 0;
        count = receive_packets(sock->fd, inbox->packets + first, room);
    }
    if (count <= 0)
        return 0;
    inbox->used = first + (uint32_t)count;
    for (uint32_t i = first; i < inbox->used; i++) {
        struct tr_arrival *arrival = &inbox->arrivals[i];
        struct msghdr *header = &inbox->packets[i].msg_hdr;
        tr_datagram_from_name(&arrival->from, &inbox->names[i].any);
        memset(&arrival->to, 0, sizeof(arrival->to));
        read_destination(&arrival->to, header);
        if (arrival->to.family != 0)
            arrival->to.port = sock->port;
        arrival->size = inbox->packets[i].msg_len;
        if (header->msg_flags & MSG_TRUNC) {
            arrival->size = 0;
            sock->truncated++;
        }
    }
    return (uint32_t)count;
}

uint32_t tr_datagram_receive(struct tr_datagram_socket *sock, struct tr_datagram_inbox *inbox,
                             struct tr_arrival **arrivals)
{
    bool is_empty = false;
    uint32_t count = sock->is_plain ? receive_singles(sock, inbox, &is_empty) : 0;
    if (!is_empty)
        count += receive_batch(sock, inbox, count);
    sock->received += count;
    *arrivals = inbox->arrivals;
    return count;
}

static size_t add_control(struct control *control, size_t used, int level, int type,
                          const void *data, size_t size)
{
    struct cmsghdr header = {.cmsg_level = level, .cmsg_type = type, .cmsg_len = CMSG_LEN(size)};
    memcpy(control->bytes + used, &header, sizeof(header));
    memcpy(control->bytes + used + CMSG_LEN(0), data, size);
    return used + CMSG_SPACE(size);
}

static size_t write_control(struct control *control, const struct tr_datagram *datagram)
{
    size_t used = 0;
    bool is_ipv4 = datagram->to.family == 4;
    if (datagram->from.family == 4 && is_ipv4) {
        struct in_pktinfo info = {.ipi_ifindex = (int)datagram->from.scope};
        memcpy(&info.ipi_spec_dst, datagram->from.ip, 4);
        used = add_control(control, used, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
    } else if (datagram->from.family == 6 && !is_ipv4) {
        struct in6_pktinfo info = {.ipi6_ifindex = datagram->from.scope};
        memcpy(&info.ipi6_addr, datagram->from.ip, 16);
        used = add_control(control, used, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
    }
    if (datagram->ttl != 0) {
        int ttl = datagram->ttl;
        used = add_control(control, used, is_ipv4 ? IPPROTO_IP : IPPROTO_IPV6,
                           is_ipv4 ? IP_TTL : IPV6_HOPLIMIT, &ttl, sizeof(ttl));
    }
    return used;
}

/* Whether an error is of this datagram, which another try would not mend. */
static bool is_lasting(int error)
{
    return error != EINTR && error != ECONNREFUSED && error != EHOSTUNREACH;
}

/* Sends one; plain ones without the cost of a message header. false: the buffer is full. */
static bool send_one(struct tr_datagram_socket *sock, const struct tr_datagram *datagram)
{
    union name name;
    socklen_t size = write_name(&datagram->to, &name);
    for (int tries = 0; tries < SEND_TRIES; tries++) {
        if (sendto(sock->fd, datagram->data, datagram->size, 0, &name.any, size) >= 0) {
            sock->sent++;
            return true;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return false;
        if (is_lasting(errno))
            break;
    }
    sock->refused++;
    return true;
}

/* A row for each datagram of this socket's family. */
static uint32_t fill(struct outgoing *out, uint8_t family, struct tr_datagram *const *list,
                     uint32_t count)
{
    uint32_t filled = 0;
    for (uint32_t i = 0; i < count && list[i]->to.family == family; i++, filled++) {
        struct tr_datagram *datagram = list[i];
        out->vectors[i] = (struct iovec){datagram->data, datagram->size};
        out->packets[i].msg_hdr =
            (struct msghdr){.msg_name = &out->names[i],
                            .msg_namelen = write_name(&datagram->to, &out->names[i]),
                            .msg_iov = &out->vectors[i],
                            .msg_iovlen = 1};
        size_t used = write_control(&out->controls[i], datagram);
        if (used > 0) {
            out->packets[i].msg_hdr.msg_control = &out->controls[i];
            out->packets[i].msg_hdr.msg_controllen = used;
        }
    }
    return filled;
}

/* Sends a filled batch past every datagram that is refused. Returns how many are done with. */
static uint32_t send_batch(struct tr_datagram_socket *sock, struct outgoing *out, uint32_t count)
{
    uint32_t done = 0;
    int tries = 0;
    while (done < count) {
        int sent = send_packets(sock->fd, out->packets + done, count - done);
        if (sent > 0) {
            done += (uint32_t)sent;
            sock->sent += (uint32_t)sent;
            tries = 0;
            continue;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            break;
        if (is_lasting(errno) || ++tries >= SEND_TRIES) {
            sock->refused++;
            done++;
            tries = 0;
        }
    }
    return done;
}

uint32_t tr_datagram_send(struct tr_datagram_socket *sock, struct tr_datagram *const *list,
                          uint32_t count)
{
    struct outgoing out;
    uint32_t done = 0;
    while (done < count) {
        const struct tr_datagram *next = list[done];
        if (next->to.family != sock->family) {
            sock->refused++;
            done++;
            continue;
        }
        if (done + 1 == count && next->from.family == 0 && next->ttl == 0) {
            if (!send_one(sock, next))
                return done;
            done++;
            continue;
        }
        uint32_t room = count - done < TR_DATAGRAM_BATCH ? count - done : TR_DATAGRAM_BATCH;
        uint32_t filled = fill(&out, sock->family, list + done, room);
        uint32_t handled = send_batch(sock, &out, filled);
        done += handled;
        if (handled < filled)
            return done;
    }
    return done;
}
