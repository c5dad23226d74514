/* TCP sockets, never blocking, and what moves between one and its tunnel.
 * SPDX-License-Identifier: MIT */
#ifndef TR_STREAM_SOCKET_H
#define TR_STREAM_SOCKET_H

#include "lib/driver/tunnel.h"
#include <tryst/address.h>

/* Begins to connect; the socket turns writable when that is done or has failed. Returns the descriptor;
 * -1, and errno says why. */
int tr_stream_socket_connect(const struct tryst_address *to);

/* Whether what was begun has succeeded; once the socket is writable. */
bool tr_stream_socket_is_connected(int fd);

/* Listens; IPv6 sockets never take IPv4. Returns the descriptor; -1, and errno says why. */
int tr_stream_socket_listen(const struct tryst_address *local);

/* The address a socket is bound to, with its port. */
struct tryst_address tr_stream_socket_local(int fd);

/* Takes a connection that waits. Returns the descriptor; -1, and errno says why. */
int tr_stream_socket_accept(int fd, struct tryst_address *from);

/* Hands the tunnel what waits, TR_TUNNEL_CHUNK at most. */
enum tr_stream_read {
    TR_STREAM_READ_NONE, /* nothing waits */
    TR_STREAM_READ_SOME, /* there may be more */
    TR_STREAM_READ_END,  /* of the stream, or an error */
};
enum tr_stream_read tr_stream_socket_read(int fd, struct tr_tunnel *tunnel);

/* Writes what the tunnel has to say, as far as the system takes it. false: the connection is broken. */
bool tr_stream_socket_write(int fd, struct tr_tunnel *tunnel);

/* Fine when fd is -1. */
void tr_stream_socket_close(int fd);

#endif
