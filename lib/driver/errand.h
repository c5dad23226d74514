/* One question to the home router: who asks whom for what, how long an answer is awaited, and who may
 * cut the waiting short.
 * SPDX-License-Identifier: MIT */
#ifndef TR_ERRAND_H
#define TR_ERRAND_H

#include "lib/driver/lease.h"
#include "lib/driver/pcp.h"
#include <stdbool.h>
#include <stdint.h>

struct tr_errand {
    int wake_fd;                  /* readable: give up at once; -1: none */
    struct tryst_address gateway; /* the default one, port 0 */
    struct tryst_address local;   /* the socket to be mapped, as the router sees it */
    uint16_t external_port;       /* wished for; of the mapping that is renewed or removed */
    uint32_t lifetime_s;          /* 0: it is removed */
    uint8_t nonce[TR_PCP_NONCE_BYTES];
};

enum tr_errand_end {
    TR_ERRAND_READY,
    TR_ERRAND_LATE,
    TR_ERRAND_WOKEN,
};

/* Waits for events of poll(2) on a descriptor (-1: none), until a time. */
enum tr_errand_end tr_errand_wait(const struct tr_errand *errand, int fd, short events,
                                  uint64_t until_us);

/* The IPv4 default route over an interface (its index; 0: any): where it leads. false: there is none
 * with a gateway. */
bool tr_errand_gateway(struct tryst_address *gateway, uint32_t interface);

/* Asks the gateway by PCP, and by NAT-PMP. `false` when woken; what was asked may have been granted. */
bool tr_errand_pcp(const struct tr_errand *errand, struct tr_lease_answer *answer);
bool tr_errand_natpmp(const struct tr_errand *errand, struct tr_lease_answer *answer);

#endif
