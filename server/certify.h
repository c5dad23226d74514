/* Who the server is: its node keys, the certificate the root signs for them, and the cookies that
 * prove an address.
 * SPDX-License-Identifier: MIT */
#ifndef TR_CERTIFY_H
#define TR_CERTIFY_H

#include "lib/seal/seal.h"
#include "lib/wire/message.h"

enum {
    TR_COOKIE_LIFE_S = 120,
    TR_CERTIFICATE_BACK_S = 86400,      /* valid so long before it is made: clocks differ */
    TR_CERTIFICATE_LIFE_S = 30 * 86400, /* made anew when half of it is gone */
};

struct tr_certify {
    uint8_t root_key[TR_KEY];
    uint8_t root_secret[TR_SIGN_SECRET];
    uint8_t sign_key[TR_KEY];
    uint8_t sign_secret[TR_SIGN_SECRET];
    uint8_t kx_key[TR_KEY];
    uint8_t kx_secret[TR_KEY];
    uint8_t cookie_key[TR_MAC_KEY]; /* from the node's seed, so that cookies survive a restart */
    uint8_t ephemeral_key[TR_KEY];
    uint8_t ephemeral_secret[TR_KEY];
    uint64_t ephemeral_until_us; /* 0: none was made */
    struct tr_certificate certificate;
};

void tr_certify_init(struct tr_certify *certify, const uint8_t root_seed[TR_KEY],
                     const uint8_t node_seed[TR_KEY], uint64_t unix_s);
void tr_certify_clear(struct tr_certify *certify);

/* The certificate as it is to be handed out now. */
const struct tr_certificate *tr_certify_certificate(struct tr_certify *certify, uint64_t unix_s);

/* address: canonical. */
void tr_certify_cookie(const struct tr_certify *certify, struct tr_cookie *cookie, uint64_t unix_s,
                       const struct tryst_address *address, const uint8_t app[TR_APP_BYTES]);
bool tr_certify_cookie_is_good(const struct tr_certify *certify, const struct tr_cookie *cookie,
                               uint64_t unix_s, const struct tryst_address *address,
                               const uint8_t app[TR_APP_BYTES]);

/* Sees to it that the ephemeral pair is at most a second old. */
void tr_certify_renew_ephemeral(struct tr_certify *certify, struct tr_random *random,
                                uint64_t now_us);

/* The next one is made anew in any case. */
void tr_certify_drop_ephemeral(struct tr_certify *certify);

#endif
