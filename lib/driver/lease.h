/* A port mapping's life, sans-I/O: which protocol is asked next, when it is renewed, and what is known.
 * SPDX-License-Identifier: MIT */
#ifndef TR_LEASE_H
#define TR_LEASE_H

#include <stdbool.h>
#include <stdint.h>
#include <tryst/portmap.h>

/* What is asked of the router: half of it later again. A router that was switched off is noticed after
 * ten minutes, and what a killed game left behind is gone after twenty. */
#define TR_LEASE_S 1200

struct tr_lease {
    uint32_t
        state; /* OFF: none is wanted. ASKING: a grant leads to HELD, the last protocol's no to WAITING,
                         which time leads back to ASKING. HELD: a no, or silence to its end, leads there */
    uint32_t protocol; /* asked next, or held by */
    uint32_t why;
    struct tryst_address external; /* HELD: the mapping; family 0 else */
    uint32_t lifetime_s;
    uint32_t rounds; /* in a row, of all protocols, without a grant */
    uint64_t next_us;
    uint64_t expires_us;
};

enum tr_lease_word {
    TR_LEASE_SILENT, /* no answer, or nobody who speaks the protocol */
    TR_LEASE_GRANTED,
    TR_LEASE_SAYS_NO,
    TR_LEASE_NO_PORT,
    TR_LEASE_NONSENSE,
};

struct tr_lease_answer {
    enum tr_lease_word word;
    struct tryst_address external; /* GRANTED: canonical */
    uint32_t lifetime_s;           /* GRANTED */
};

/* Begins anew, with the first protocol at once: also when the local address or the router is another. */
void tr_lease_start(struct tr_lease *lease, uint64_t now_us);

/* There is no router to ask now. */
void tr_lease_no_router(struct tr_lease *lease, uint64_t now_us);

/* None is wanted any more. */
void tr_lease_stop(struct tr_lease *lease);

/* The protocol to ask now: for a mapping, or its renewal when one is held. TRYST_PORTMAP_NO_PROTOCOL: nothing
 * to do
 * before the deadline. */
uint32_t tr_lease_due(struct tr_lease *lease, uint64_t now_us);
uint64_t tr_lease_deadline(const struct tr_lease *lease);

/* The answer to what was due. */
void tr_lease_input(struct tr_lease *lease, uint64_t now_us, const struct tr_lease_answer *answer);

#endif
