/* TCP sockets, never blocking, and what moves between one and its tunnel.
 * SPDX-License-Identifier: MIT */
#include "lib/driver/stream_socket.h"

#include "lib/driver/datagram.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BACKLOG = 512,
    /* Bytes that the system holds unsent: more would only be late. */
    UNSENT_BYTES = 32 << 10,
};

static int close_saying_why(int fd)
{
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static void set(int fd, int level, int option, int value)
{
    setsockopt(fd, level, option, &value, sizeof(value));
}

static void set_up(int fd)
{
    set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
#ifdef TCP_NOTSENT_LOWAT
    set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_BYTES);
#endif
}

static int open_socket(const struct tryst_address *address)
{
    return socket(address->family == 6 ? AF_INET6 : AF_INET,
                  SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

int tr_stream_socket_connect(const struct tryst_address *to)
{
    struct sockaddr_storage name;
    socklen_t size = tr_datagram_to_name(to, &name);
    int fd = open_socket(to);
    if (fd < 0)
        return -1;
    set_up(fd);
    if (connect(fd, (struct sockaddr *)&name, size) != 0 && errno != EINPROGRESS)
        return close_saying_why(fd);
    return fd;
}

bool tr_stream_socket_is_connected(int fd)
{
    int error = 0;
    socklen_t size = sizeof(error);
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

int tr_stream_socket_listen(const struct tryst_address *local)
{
    struct sockaddr_storage name;
    socklen_t size = tr_datagram_to_name(local, &name);
    int fd = open_socket(local);
    if (fd < 0)
        return -1;
    /* Else a restart finds its port taken by connections that are gone. */
    set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (local->family == 6)
        set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (bind(fd, (struct sockaddr *)&name, size) != 0 || listen(fd, BACKLOG) != 0)
        return close_saying_why(fd);
    return fd;
}

struct tryst_address tr_stream_socket_local(int fd)
{
    struct tryst_address local = {0};
    struct sockaddr_storage name;
    socklen_t size = sizeof(name);
    if (getsockname(fd, (struct sockaddr *)&name, &size) == 0)
        tr_datagram_from_name(&local, (const struct sockaddr *)&name);
    return local;
}

int tr_stream_socket_accept(int fd, struct tryst_address *from)
{
    struct sockaddr_storage name;
    socklen_t size = sizeof(name);
    int made = accept4(fd, (struct sockaddr *)&name, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (made < 0)
        return -1;
    tr_datagram_from_name(from, (const struct sockaddr *)&name);
    set_up(made);
    return made;
}

enum tr_stream_read tr_stream_socket_read(int fd, struct tr_tunnel *tunnel)
{
    uint8_t bytes[TR_TUNNEL_CHUNK];
    ssize_t got = recv(fd, bytes, sizeof(bytes), 0);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR ? TR_STREAM_READ_NONE : TR_STREAM_READ_END;
    if (got == 0)
        return TR_STREAM_READ_END;
    tr_tunnel_received(tunnel, bytes, (size_t)got);
    return TR_STREAM_READ_SOME;
}

bool tr_stream_socket_write(int fd, struct tr_tunnel *tunnel)
{
    const uint8_t *bytes;
    size_t size;
    while ((bytes = tr_tunnel_output(tunnel, &size)) != NULL) {
        ssize_t put = send(fd, bytes, size, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return errno == EAGAIN;
        tr_tunnel_consume(tunnel, (size_t)put);
    }
    return true;
}

void tr_stream_socket_close(int fd)
{
    if (fd >= 0)
        close(fd);
}
