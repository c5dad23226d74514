/* Numbers of the further sockets that an endpoint wants: the driver opens one when it is first named and
 * closes those that are not wanted any more.
 * SPDX-License-Identifier: MIT */
#ifndef TR_SOCKETS_H
#define TR_SOCKETS_H

#include <stdbool.h>
#include <stdint.h>
#include <tryst/options.h>

enum { TR_SOCKET_WORDS = (TRYST_SOCKETS_MAX + 1) / 64 };

/* All zeros at the start: there are none. */
struct tr_sockets {
    uint8_t limit;                   /* the highest number */
    uint8_t newest;                  /* the one that was taken last; 0: none yet */
    uint64_t taken[TR_SOCKET_WORDS]; /* bits, by those who send from them */
    uint64_t
        on_paths[TR_SOCKET_WORDS]; /* bits, of paths to peers, as the session last counted them */
};

static inline bool tr_sockets_has(const uint64_t bits[TR_SOCKET_WORDS], uint8_t socket)
{
    return (bits[socket / 64] >> socket % 64 & 1) != 0;
}

static inline bool tr_sockets_is_wanted(const struct tr_sockets *sockets, uint8_t socket)
{
    return tr_sockets_has(sockets->taken, socket) || tr_sockets_has(sockets->on_paths, socket);
}

/* A number that nobody uses; 0: there is none. A number that was given back is not handed out again
 * before all others, so that the driver has closed that socket by then. */
uint8_t tr_sockets_take(struct tr_sockets *sockets);
void tr_sockets_give(struct tr_sockets *sockets, uint8_t socket);

/* Writes bit n % 8 of byte n / 8 for each that is wanted. Returns how many. */
uint32_t tr_sockets_list(const struct tr_sockets *sockets,
                         uint8_t bits[(TRYST_SOCKETS_MAX + 1) / 8]);

#endif
