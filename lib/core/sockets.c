/* Numbers of further sockets.
 * SPDX-License-Identifier: MIT */
#include "lib/core/sockets.h"

#include <string.h>

uint8_t tr_sockets_take(struct tr_sockets *sockets)
{
    uint8_t socket = sockets->newest;
    for (uint32_t i = 0; i < sockets->limit; i++) {
        socket = socket < sockets->limit ? (uint8_t)(socket + 1) : 1;
        if (tr_sockets_is_wanted(sockets, socket))
            continue;
        sockets->taken[socket / 64] |= UINT64_C(1) << socket % 64;
        sockets->newest = socket;
        return socket;
    }
    return 0;
}

void tr_sockets_give(struct tr_sockets *sockets, uint8_t socket)
{
    sockets->taken[socket / 64] &= ~(UINT64_C(1) << socket % 64);
}

uint32_t tr_sockets_list(const struct tr_sockets *sockets,
                         uint8_t bits[(TRYST_SOCKETS_MAX + 1) / 8])
{
    uint32_t count = 0;
    memset(bits, 0, (TRYST_SOCKETS_MAX + 1) / 8);
    for (uint32_t socket = 1; socket <= sockets->limit; socket++) {
        if (!tr_sockets_is_wanted(sockets, (uint8_t)socket))
            continue;
        bits[socket / 8] |= (uint8_t)(1U << socket % 8);
        count++;
    }
    return count;
}
