/* The further sockets of a client, IPv4, each on a port that the system chooses: opened when they are first
 * sent from, watched by one descriptor, closed when they are not wanted any more.
 * SPDX-License-Identifier: MIT */
#ifndef TR_EXTRA_SOCKETS_H
#define TR_EXTRA_SOCKETS_H

#include "lib/driver/datagram.h"
#include <stdbool.h>
#include <stdint.h>
#include <tryst/options.h>
#include <uv.h>

struct tr_extra_sockets {
    int fd;              /* readable when one of them is; -1: none is open */
    uint32_t count;      /* of those that are open */
    bool is_readable;    /* fd was, and nobody has looked since */
    uint64_t looked_us;  /* when they were last read */
    uint64_t checked_us; /* when it was last asked which are wanted */
    bool is_unchecked;   /* output was taken since then */
    uint64_t refused;    /* datagrams that the system would not send, or had no socket for */
    struct tr_datagram_socket
        *list;       /* by number, of TRYST_SOCKETS_MAX + 1; NULL: none was ever open */
    uv_loop_t *loop; /* whose descriptor tells of them; NULL: none does */
    uv_poll_t *watch;
    bool is_stirred; /* the loop has to run once for what changed in it */
};

void tr_extra_init(struct tr_extra_sockets *extra);

/* Closes all. What the loop still holds is freed when it runs. */
void tr_extra_clear(struct tr_extra_sockets *extra);

/* From now on the loop's descriptor is readable when one of them is. */
void tr_extra_watch(struct tr_extra_sockets *extra, uv_loop_t *loop);

/* Runs that loop once where it has to learn of them; to be called after sending and closing. */
void tr_extra_settle(struct tr_extra_sockets *extra);

/* Sends from one of them, as tr_datagram_send; opens it first if it is not open. Where the system has no
 * more descriptors or ports, all are skipped and counted.
 *
 * number   1 to TRYST_SOCKETS_MAX
 *
 * Returns  how many are done with. */
uint32_t tr_extra_send(struct tr_extra_sockets *extra, uint8_t number,
                       struct tr_datagram *const *list, uint32_t count);

/* Which of them have something to read, without blocking; at most max, in turn.
 *
 * Returns  how many there are. */
uint32_t tr_extra_ready(struct tr_extra_sockets *extra, uint8_t *numbers, uint32_t max);

/* An open one, to receive from. */
struct tr_datagram_socket *tr_extra_socket(struct tr_extra_sockets *extra, uint8_t number);

/* Closes those whose bit (n % 8 of byte n / 8) is not set. */
void tr_extra_keep(struct tr_extra_sockets *extra, const uint8_t bits[(TRYST_SOCKETS_MAX + 1) / 8]);

#endif
