/* Node keys, certificate, cookies.
 * SPDX-License-Identifier: MIT */
#include "server/certify.h"

#include "lib/base/bytes.h"
#include "lib/base/deadline.h"
#include "lib/wire/envelope.h"
#include <string.h>

enum { SUBKEY_SIGN = 1, SUBKEY_KX = 2, SUBKEY_COOKIE = 3 };

static void make_certificate(struct tr_certify *certify, uint64_t unix_s)
{
    struct tr_certificate *certificate = &certify->certificate;
    uint8_t keys[2 * TR_KEY];
    uint8_t id[TR_KEY];

    memset(certificate, 0, sizeof *certificate);
    certificate->version = TR_VERSION;
    memcpy(keys, certify->sign_key, TR_KEY);
    memcpy(keys + TR_KEY, certify->kx_key, TR_KEY);
    tr_seal_hash(id, sizeof id, "tryst1 node.id", NULL, 0, keys, sizeof keys);
    memcpy(certificate->key_id, id, TR_KEY_ID_BYTES);
    certificate->not_before_s = unix_s > TR_CERTIFICATE_BACK_S ? unix_s - TR_CERTIFICATE_BACK_S : 0;
    certificate->not_after_s = unix_s + TR_CERTIFICATE_LIFE_S;
    memcpy(certificate->sign_key, certify->sign_key, TR_KEY);
    memcpy(certificate->kx_key, certify->kx_key, TR_KEY);
    tr_certificate_sign(certificate, certify->root_secret);
}

void tr_certify_init(struct tr_certify *certify, const uint8_t root_seed[TR_KEY],
                     const uint8_t node_seed[TR_KEY], uint64_t unix_s)
{
    uint8_t sign_seed[TR_KEY];

    memset(certify, 0, sizeof *certify);
    tr_seal_sign_pair(certify->root_key, certify->root_secret, root_seed);
    tr_seal_subkey(sign_seed, sizeof sign_seed, SUBKEY_SIGN, "trystnod", node_seed);
    tr_seal_sign_pair(certify->sign_key, certify->sign_secret, sign_seed);
    tr_seal_wipe(sign_seed, sizeof sign_seed);
    tr_seal_subkey(certify->kx_secret, TR_KEY, SUBKEY_KX, "trystnod", node_seed);
    tr_seal_dh_public(certify->kx_key, certify->kx_secret);
    tr_seal_subkey(certify->cookie_key, TR_MAC_KEY, SUBKEY_COOKIE, "trystnod", node_seed);
    make_certificate(certify, unix_s);
}

void tr_certify_clear(struct tr_certify *certify)
{
    tr_seal_wipe(certify, sizeof *certify);
}

const struct tr_certificate *tr_certify_certificate(struct tr_certify *certify, uint64_t unix_s)
{
    if (unix_s + TR_CERTIFICATE_LIFE_S / 2 >= certify->certificate.not_after_s)
        make_certificate(certify, unix_s);
    return &certify->certificate;
}

static void cookie_mac(const struct tr_certify *certify, uint8_t mac[TR_MAC], uint32_t time_s,
                       const struct tryst_address *address, const uint8_t app[TR_APP_BYTES])
{
    uint8_t bytes[4 + 16 + 1 + 2 + TR_APP_BYTES];

    tr_put_u32(bytes, time_s);
    memcpy(bytes + 4, address->ip, 16);
    bytes[20] = (uint8_t)(address->family | address->transport << 4);
    tr_put_u16(bytes + 21, address->port);
    memcpy(bytes + 23, app, TR_APP_BYTES);
    tr_seal_mac(mac, bytes, sizeof bytes, certify->cookie_key);
}

void tr_certify_cookie(const struct tr_certify *certify, struct tr_cookie *cookie, uint64_t unix_s,
                       const struct tryst_address *address, const uint8_t app[TR_APP_BYTES])
{
    cookie->time_s = (uint32_t)unix_s;
    cookie_mac(certify, cookie->mac, cookie->time_s, address, app);
}

bool tr_certify_cookie_is_good(const struct tr_certify *certify, const struct tr_cookie *cookie,
                               uint64_t unix_s, const struct tryst_address *address,
                               const uint8_t app[TR_APP_BYTES])
{
    uint8_t mac[TR_MAC];

    /* A cookie of the future gives a number near 2^32. */
    if ((uint32_t)unix_s - cookie->time_s > TR_COOKIE_LIFE_S)
        return false;
    cookie_mac(certify, mac, cookie->time_s, address, app);
    return tr_seal_equal(mac, cookie->mac, sizeof mac);
}

void tr_certify_renew_ephemeral(struct tr_certify *certify, struct tr_random *random,
                                uint64_t now_us)
{
    if (now_us < certify->ephemeral_until_us)
        return;
    tr_random_bytes(random, certify->ephemeral_secret, TR_KEY);
    tr_seal_dh_public(certify->ephemeral_key, certify->ephemeral_secret);
    certify->ephemeral_until_us = now_us + TR_S;
}

void tr_certify_drop_ephemeral(struct tr_certify *certify)
{
    tr_seal_wipe(certify->ephemeral_secret, TR_KEY);
    certify->ephemeral_until_us = 0;
}
