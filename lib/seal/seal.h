/* Cryptography in the protocol's terms; libsodium lives here, alone.
 * SPDX-License-Identifier: MIT */
#ifndef TR_SEAL_H
#define TR_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tryst/base.h>

enum {
    TR_KEY = 32,         /* public and secret keys, seeds, symmetric keys */
    TR_SIGN_SECRET = 64, /* Ed25519 seed and public key, as libsodium keeps them */
    TR_SIGNATURE = 64,
    TR_TAG = 16,    /* what sealing adds */
    TR_XNONCE = 24, /* XChaCha20-Poly1305 */
    TR_MAC = 16,    /* SipHash-2-4-128 */
    TR_MAC_KEY = 16,
    TR_SIGNED_MAX = 1200, /* longest message that is signed */
};

/* Starts libsodium; every caller may ask again. TRYST_OK or TRYST_E_CRYPTO. */
tryst_result tr_seal_start(void);

/* The operating system's random bytes: for the driver and the server's main, never for the core. */
void tr_seal_entropy(void *data, size_t size);

void tr_seal_wipe(void *data, size_t size);
bool tr_seal_equal(const void *a, const void *b, size_t size); /* in constant time */

/* H(n, pers, key, in) of the protocol: BLAKE2b with a personal string of at most 16 bytes. */
void tr_seal_hash(void *out, size_t out_size, const char *pers, const void *key, size_t key_size,
                  const void *data, size_t size);

/* Subkey `id` of a key, in a context of at most 8 bytes (crypto_kdf). 16 to 64 bytes. */
void tr_seal_subkey(void *out, size_t out_size, uint64_t id, const char *context,
                    const uint8_t key[TR_KEY]);

/* Ed25519 over a 16-byte domain, zero-padded, and a message of at most TR_SIGNED_MAX bytes. */
void tr_seal_sign_pair(uint8_t public_key[TR_KEY], uint8_t secret[TR_SIGN_SECRET],
                       const uint8_t seed[TR_KEY]);
void tr_seal_sign(uint8_t signature[TR_SIGNATURE], const char *domain, const void *data,
                  size_t size, const uint8_t secret[TR_SIGN_SECRET]);
bool tr_seal_verify(const uint8_t signature[TR_SIGNATURE], const char *domain, const void *data,
                    size_t size, const uint8_t public_key[TR_KEY]);

/* X25519. shared is false on a point of small order. */
void tr_seal_dh_public(uint8_t public_key[TR_KEY], const uint8_t secret[TR_KEY]);
bool tr_seal_dh_shared(uint8_t shared[TR_KEY], const uint8_t secret[TR_KEY],
                       const uint8_t public_key[TR_KEY]);

/* ChaCha20-Poly1305-IETF; nonce = 4 bytes of lane, 8 bytes of counter, little-endian. out may be
 * data. seal writes size + TR_TAG bytes, open size - TR_TAG; open is false, out untouched or wiped,
 * when the tag is wrong or size is below TR_TAG. */
void tr_seal_seal(uint8_t *out, const void *data, size_t size, const void *ad, size_t ad_size,
                  uint32_t lane, uint64_t counter, const uint8_t key[TR_KEY]);
bool tr_seal_open(uint8_t *out, const void *data, size_t size, const void *ad, size_t ad_size,
                  uint32_t lane, uint64_t counter, const uint8_t key[TR_KEY]);

/* XChaCha20-Poly1305-IETF with a random nonce; else as above. */
void tr_seal_xseal(uint8_t *out, const void *data, size_t size, const void *ad, size_t ad_size,
                   const uint8_t nonce[TR_XNONCE], const uint8_t key[TR_KEY]);
bool tr_seal_xopen(uint8_t *out, const void *data, size_t size, const void *ad, size_t ad_size,
                   const uint8_t nonce[TR_XNONCE], const uint8_t key[TR_KEY]);

/* Keyed short hashes: a cookie's tag, and a table's hash. */
void tr_seal_mac(uint8_t mac[TR_MAC], const void *data, size_t size, const uint8_t key[TR_MAC_KEY]);
uint64_t tr_seal_hash64(const void *data, size_t size, const uint8_t key[TR_MAC_KEY]);

/* A random stream from a seed (ChaCha20): the core's only randomness. The seed is erased as it goes
 * (each refill replaces the key), so that yesterday's output is safe from today's state. */
struct tr_random {
    uint8_t key[TR_KEY];
    uint8_t pool[256];
    uint32_t used; /* bytes of pool handed out */
};
void tr_random_init(struct tr_random *random, const uint8_t seed[TR_KEY]);
void tr_random_bytes(struct tr_random *random, void *out, size_t size);
uint32_t tr_random_u32(struct tr_random *random);
uint64_t tr_random_below(struct tr_random *random, uint64_t bound); /* 0 to bound - 1, unbiased */

#endif
