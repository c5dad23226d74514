/* PCP's MAP request and its answer as bytes (RFC 6887).
 * SPDX-License-Identifier: MIT */
#ifndef TR_PCP_H
#define TR_PCP_H

#include <stddef.h>
#include <stdint.h>
#include <tryst/address.h>

#define TR_PCP_PORT 5351      /* section 19.1; NAT-PMP's, too */
#define TR_PCP_NONCE_BYTES 12 /* section 11.1 */
#define TR_PCP_MAP_BYTES 60   /* a head of 24 and MAP's 36, without options */
#define TR_PCP_MAX 1100       /* section 7: of any message */

/* A UDP mapping that is asked for. */
struct tr_pcp_map {
    uint8_t nonce[TR_PCP_NONCE_BYTES]; /* the same for renewal and removal */
    struct tryst_address client;       /* own address and port, IPv4 */
    struct tryst_address external;     /* wished for; family 0: any address, its port counts */
    uint32_t lifetime_s;               /* 0 removes it */
};

enum tr_pcp_word {
    TR_PCP_FOREIGN,      /* no answer to this request: broken, another's, forged */
    TR_PCP_GRANTED,      /* lifetime_s and external count */
    TR_PCP_REFUSED,      /* result says why, lifetime_s for how long */
    TR_PCP_OTHER_VERSION /* the router speaks another version, be it NAT-PMP */
};

/* Result codes, section 7.4. */
enum tr_pcp_result {
    TR_PCP_UNSUPP_VERSION = 1,
    TR_PCP_NOT_AUTHORIZED = 2,
    TR_PCP_NO_RESOURCES = 8,
    TR_PCP_USER_EX_QUOTA = 10,
    TR_PCP_CANNOT_PROVIDE_EXTERNAL = 11,
};

struct tr_pcp_answer {
    uint8_t result;
    uint32_t lifetime_s;
    struct tryst_address external; /* canonical */
};

void tr_pcp_write(const struct tr_pcp_map *map, uint8_t data[TR_PCP_MAP_BYTES]);

/* Reads what came from the router that `map` was sent to. */
enum tr_pcp_word tr_pcp_read(const struct tr_pcp_map *map, const void *data, size_t size,
                             struct tr_pcp_answer *answer);

#endif
