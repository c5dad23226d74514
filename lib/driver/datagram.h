/* One non-blocking UDP socket of one family: batches in, batches out, source address and TTL each.
 * SPDX-License-Identifier: MIT */
#ifndef TR_DATAGRAM_H
#define TR_DATAGRAM_H

#include "lib/base/outbox.h"
#include <stdbool.h>
#include <stdint.h>
#include <tryst/address.h>
#include <tryst/base.h>

struct sockaddr;
struct sockaddr_storage;

#define TR_DATAGRAM_BATCH 64  /* datagrams a system call; more gains nothing (measured) */
#define TR_DATAGRAM_ROOM 2048 /* bytes of a receive buffer: any frame, and what is too long shows */

struct tr_datagram_socket {
    int fd;         /* -1: closed */
    uint8_t family; /* 4 or 6 */
    uint16_t port;  /* the local port in host order */
    bool is_plain;  /* arrivals do not say to which own address they came */
    uint64_t sent;
    uint64_t received;
    uint64_t refused;   /* datagrams the system would not send, each skipped alone */
    uint64_t truncated; /* datagrams longer than TR_DATAGRAM_ROOM */
};

/* A received datagram. */
struct tr_arrival {
    struct tryst_address from;
    struct tryst_address to; /* the own address it came to, port and interface index (scope) too;
                                none when the socket is plain */
    uint8_t *data;           /* the inbox's; may be written to until the next receive */
    size_t size;             /* 0 for an empty datagram and for a truncated one */
};

/* The buffers of one receive call; sockets that are read in turn share one. Opaque. */
struct tr_datagram_inbox;

/* Opens and binds. IPv6 sockets never take IPv4.
 *
 * local         family, and ip and port to bind to; zeroes: any
 * buffer_bytes  wished room in the kernel's queues, which caps it silently; 0 leaves its default
 *
 * Returns       TRYST_OK; TRYST_E_NETWORK, and errno says why; the socket is closed then. */
tryst_result tr_datagram_open(struct tr_datagram_socket *sock, const struct tryst_address *local,
                              uint32_t buffer_bytes);

/* Fine when closed; the counters stay. */
void tr_datagram_close(struct tr_datagram_socket *sock);

/* Whether the addresses that datagrams come to are left out, which makes receiving cheaper. */
void tr_datagram_set_plain(struct tr_datagram_socket *sock, bool is_plain);

/* NULL: no memory. 150 KB, of which only what datagrams fill is ever touched. */
struct tr_datagram_inbox *tr_datagram_inbox_create(void);
void tr_datagram_inbox_destroy(struct tr_datagram_inbox *inbox);

/* Takes what waits, without blocking.
 *
 * arrivals  receives a pointer to them, the inbox's, good until the next receive
 *
 * Returns   how many, 0 when nothing waits; TR_DATAGRAM_BATCH means that there may be more. */
uint32_t tr_datagram_receive(struct tr_datagram_socket *sock, struct tr_datagram_inbox *inbox,
                             struct tr_arrival **arrivals);

/* Sends in order, without blocking, each from the ip and the interface (scope) in its from; an ip of
 * zeroes leaves the choice among that interface's to the system. One that the system refuses (a
 * forbidden destination, another family, no route) is skipped and counted, and harms no other.
 *
 * Returns  how many are done with, sent or skipped; fewer than count only when the system's buffer
 *          is full: offer the rest again later. */
uint32_t tr_datagram_send(struct tr_datagram_socket *sock, struct tr_datagram *const *list,
                          uint32_t count);

/* Between the system's addresses and ours. from_name: false and "none" for any other family.
 * to_name gives the length, 0 for "none". */
bool tr_datagram_from_name(struct tryst_address *address, const struct sockaddr *name);
uint32_t tr_datagram_to_name(const struct tryst_address *address, struct sockaddr_storage *name);

#endif
