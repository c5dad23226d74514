/* Why two participants have no direct path, from what is known of both: pure, for the events, for the game
 * that asks, and for one sentence that people read.
 * SPDX-License-Identifier: MIT */
#ifndef TR_VERDICT_H
#define TR_VERDICT_H

#include "lib/wire/message.h"
#include <stdbool.h>
#include <tryst/insight.h>

enum tr_trait {
    TR_TRAIT_RELAY_ONLY = 1, /* by its own option */
    TR_TRAIT_HIDDEN = 2,     /* the server's rules hide its addresses */
    TR_TRAIT_NO_UDP = 4,     /* the server sees none of its addresses by UDP */
};

/* Of one side. */
struct tr_verdict_side {
    struct tr_nat nat;
    uint8_t traits; /* of enum tr_trait */
};

struct tr_verdict_facts {
    struct tr_verdict_side own;
    struct tr_verdict_side peer;
    uint8_t pair;           /* enum tryst_pair */
    uint8_t kind;           /* enum tryst_kind in use */
    uint8_t sockets;        /* further ones at hand */
    uint8_t candidates;     /* of the peer's addresses, how many are known */
    uint8_t sprays;         /* so far */
    bool is_spraying;       /* now */
    bool is_foreign;        /* no address of its is of a family that we have */
    bool is_same_nat;       /* both have one public address */
    bool has_other_way;     /* there is a candidate that no IPv4 NAT bears upon */
    bool is_greeted;        /* hellos of its came in this search */
    bool is_early;          /* the first rounds of hellos are not over */
    bool is_over;           /* all the time that a search has is over */
    bool is_relay_denied;   /* by our option */
    bool is_relay_unwanted; /* by its option */
    bool is_relay_closed;   /* the server does not relay for us */
    bool is_relay_refused;  /* nor between the two */
    uint32_t known_ms;      /* since it was known */
    uint32_t connected_ms;  /* from then until there was a path; 0: never yet */
};

struct tr_verdict {
    uint8_t reason;       /* enum tryst_reason why there is no direct path */
    uint8_t relay_reason; /* enum tryst_reason why there is no relay */
    uint8_t side;         /* TRYST_SIDE_* whose doing the reason is; 0: nobody's */
    bool is_certain;      /* no hello will change it */
};

/* pair and kind of the facts do not matter here. */
struct tr_verdict tr_verdict_reach(const struct tr_verdict_facts *facts);

/* One sentence without addresses into text, cut to size. */
void tr_verdict_sentence(const struct tr_verdict_facts *facts, const struct tr_verdict *verdict,
                         char *text, size_t size);

#endif
