/* The protocol's cryptography in terms of libsodium.
 * SPDX-License-Identifier: MIT */
#include "lib/seal/seal.h"

#include "lib/base/bytes.h"
#include <assert.h>
#include <sodium.h>
#include <string.h>

enum { DOMAIN_SIZE = 16, NONCE = 12 };

static_assert(TR_KEY == crypto_aead_chacha20poly1305_ietf_KEYBYTES, "AEAD key");
static_assert(TR_KEY == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "AEAD key");
static_assert(TR_KEY == crypto_kdf_KEYBYTES && TR_KEY == crypto_stream_chacha20_ietf_KEYBYTES, "");
static_assert(TR_KEY == crypto_scalarmult_BYTES && TR_KEY == crypto_scalarmult_SCALARBYTES, "");
static_assert(TR_KEY == crypto_sign_PUBLICKEYBYTES && TR_KEY == crypto_sign_SEEDBYTES, "");
static_assert(TR_SIGN_SECRET == crypto_sign_SECRETKEYBYTES, "Ed25519 secret");
static_assert(TR_SIGNATURE == crypto_sign_BYTES, "Ed25519 signature");
static_assert(TR_TAG == crypto_aead_chacha20poly1305_ietf_ABYTES, "AEAD tag");
static_assert(TR_TAG == crypto_aead_xchacha20poly1305_ietf_ABYTES, "AEAD tag");
static_assert(NONCE == crypto_aead_chacha20poly1305_ietf_NPUBBYTES, "AEAD nonce");
static_assert(TR_XNONCE == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "AEAD nonce");
static_assert(TR_MAC == crypto_shorthash_siphashx24_BYTES, "SipHash tag");
static_assert(TR_MAC_KEY == crypto_shorthash_siphashx24_KEYBYTES, "SipHash key");

tryst_result tr_seal_start(void)
{
    return sodium_init() < 0 ? TRYST_E_CRYPTO : TRYST_OK;
}

void tr_seal_entropy(void *data, size_t size)
{
    randombytes_buf(data, size);
}

void tr_seal_wipe(void *data, size_t size)
{
    sodium_memzero(data, size);
}

bool tr_seal_equal(const void *a, const void *b, size_t size)
{
    return sodium_memcmp(a, b, size) == 0;
}

static void pad(uint8_t *out, size_t out_size, const char *text)
{
    size_t size = strlen(text);

    assert(size <= out_size);
    memset(out, 0, out_size);
    memcpy(out, text, size);
}

void tr_seal_hash(void *out, size_t out_size, const char *pers, const void *key, size_t key_size,
                  const void *data, size_t size)
{
    static const uint8_t salt[crypto_generichash_blake2b_SALTBYTES];
    uint8_t padded[crypto_generichash_blake2b_PERSONALBYTES];

    assert(out_size > 0 && out_size <= crypto_generichash_blake2b_BYTES_MAX);
    assert(key_size <= crypto_generichash_blake2b_KEYBYTES_MAX);
    pad(padded, sizeof padded, pers);
    crypto_generichash_blake2b_salt_personal(out, out_size, data, size, key, key_size, salt,
                                             padded);
}

void tr_seal_subkey(void *out, size_t out_size, uint64_t id, const char *context,
                    const uint8_t key[TR_KEY])
{
    char padded[crypto_kdf_CONTEXTBYTES];

    assert(out_size >= crypto_kdf_BYTES_MIN && out_size <= crypto_kdf_BYTES_MAX);
    pad((uint8_t *)padded, sizeof padded, context);
    crypto_kdf_derive_from_key(out, out_size, id, padded, key);
}

void tr_seal_sign_pair(uint8_t public_key[TR_KEY], uint8_t secret[TR_SIGN_SECRET],
                       const uint8_t seed[TR_KEY])
{
    crypto_sign_seed_keypair(public_key, secret, seed);
}

/* The domain keeps a signature of one kind of message from passing for one of another kind. */
static size_t join_domain(uint8_t out[DOMAIN_SIZE + TR_SIGNED_MAX], const char *domain,
                          const void *data, size_t size)
{
    pad(out, DOMAIN_SIZE, domain);
    if (size > 0)
        memcpy(out + DOMAIN_SIZE, data, size);
    return DOMAIN_SIZE + size;
}

void tr_seal_sign(uint8_t signature[TR_SIGNATURE], const char *domain, const void *data,
                  size_t size, const uint8_t secret[TR_SIGN_SECRET])
{
    uint8_t joined[DOMAIN_SIZE + TR_SIGNED_MAX];

    assert(size <= TR_SIGNED_MAX);
    size = join_domain(joined, domain, data, size);
    crypto_sign_detached(signature, NULL, joined, size, secret);
}

bool tr_seal_verify(const uint8_t signature[TR_SIGNATURE], const char *domain, const void *data,
                    size_t size, const uint8_t public_key[TR_KEY])
{
    uint8_t joined[DOMAIN_SIZE + TR_SIGNED_MAX];

    if (size > TR_SIGNED_MAX)
        return false;
    size = join_domain(joined, domain, data, size);
    return crypto_sign_verify_detached(signature, joined, size, public_key) == 0;
}

void tr_seal_dh_public(uint8_t public_key[TR_KEY], const uint8_t secret[TR_KEY])
{
    crypto_scalarmult_base(public_key, secret);
}

bool tr_seal_dh_shared(uint8_t shared[TR_KEY], const uint8_t secret[TR_KEY],
                       const uint8_t public_key[TR_KEY])
{
    if (crypto_scalarmult(shared, secret, public_key) == 0)
        return true;
    /* RFC 7748, section 6.1: such a point would let its sender choose the shared secret. */
    sodium_memzero(shared, TR_KEY);
    return false;
}

static void put_nonce(uint8_t nonce[NONCE], uint32_t lane, uint64_t counter)
{
    tr_put_u32(nonce, lane);
    tr_put_u64(nonce + 4, counter);
}

void tr_seal_seal(uint8_t *out, const void *data, size_t size, const void *ad, size_t ad_size,
                  uint32_t lane, uint64_t counter, const uint8_t key[TR_KEY])
{
    uint8_t nonce[NONCE];

    put_nonce(nonce, lane, counter);
    crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, data, size, ad, ad_size, NULL, nonce, key);
}

/* libsodium checks the tag before it decrypts, and wipes out when the tag is wrong. */
bool tr_seal_open(uint8_t *out, const void *data, size_t size, const void *ad, size_t ad_size,
                  uint32_t lane, uint64_t counter, const uint8_t key[TR_KEY])
{
    uint8_t nonce[NONCE];

    if (size < TR_TAG)
        return false;
    put_nonce(nonce, lane, counter);
    return crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, data, size, ad, ad_size,
                                                     nonce, key) == 0;
}

void tr_seal_xseal(uint8_t *out, const void *data, size_t size, const void *ad, size_t ad_size,
                   const uint8_t nonce[TR_XNONCE], const uint8_t key[TR_KEY])
{
    crypto_aead_xchacha20poly1305_ietf_encrypt(out, NULL, data, size, ad, ad_size, NULL, nonce,
                                               key);
}

bool tr_seal_xopen(uint8_t *out, const void *data, size_t size, const void *ad, size_t ad_size,
                   const uint8_t nonce[TR_XNONCE], const uint8_t key[TR_KEY])
{
    if (size < TR_TAG)
        return false;
    return crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, data, size, ad, ad_size,
                                                      nonce, key) == 0;
}

void tr_seal_mac(uint8_t mac[TR_MAC], const void *data, size_t size, const uint8_t key[TR_MAC_KEY])
{
    crypto_shorthash_siphashx24(mac, data, size, key);
}

uint64_t tr_seal_hash64(const void *data, size_t size, const uint8_t key[TR_MAC_KEY])
{
    uint8_t hash[crypto_shorthash_siphash24_BYTES];

    crypto_shorthash_siphash24(hash, data, size, key);
    return tr_get_u64(hash);
}

void tr_random_init(struct tr_random *random, const uint8_t seed[TR_KEY])
{
    memcpy(random->key, seed, TR_KEY);
    memset(random->pool, 0, sizeof random->pool);
    random->used = sizeof random->pool;
}

/* Fast key erasure: the first 32 bytes of a block become the next key, which makes only one block,
 * so that the nonce may stay 0. */
static void refill(struct tr_random *random)
{
    static const uint8_t nonce[crypto_stream_chacha20_ietf_NONCEBYTES];
    uint8_t block[TR_KEY + sizeof random->pool];

    crypto_stream_chacha20_ietf(block, sizeof block, nonce, random->key);
    memcpy(random->key, block, TR_KEY);
    memcpy(random->pool, block + TR_KEY, sizeof random->pool);
    sodium_memzero(block, sizeof block);
    random->used = 0;
}

void tr_random_bytes(struct tr_random *random, void *out, size_t size)
{
    uint8_t *bytes = out;

    while (size > 0) {
        if (random->used == sizeof random->pool)
            refill(random);

        size_t part = sizeof random->pool - random->used;

        if (part > size)
            part = size;
        memcpy(bytes, random->pool + random->used, part);
        sodium_memzero(random->pool + random->used, part);
        random->used += (uint32_t)part;
        bytes += part;
        size -= part;
    }
}

uint32_t tr_random_u32(struct tr_random *random)
{
    uint8_t bytes[4];

    tr_random_bytes(random, bytes, sizeof bytes);
    return tr_get_u32(bytes);
}

uint64_t tr_random_below(struct tr_random *random, uint64_t bound)
{
    assert(bound > 0);

    /* 2^64 mod bound: the numbers below it would make the low results likelier. */
    uint64_t excess = (0 - bound) % bound;
    uint64_t number;

    do {
        uint8_t bytes[8];

        tr_random_bytes(random, bytes, sizeof bytes);
        number = tr_get_u64(bytes);
    } while (number < excess);
    return number % bound;
}
