/* Who a participant is: an Ed25519 key pair, and its public key as text.
 * SPDX-License-Identifier: MIT */
#ifndef TRYST_IDENTITY_H
#define TRYST_IDENTITY_H

#include <tryst/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TRYST_KEY_SIZE 32      /* bytes of a public key or a seed */
#define TRYST_KEY_TEXT_SIZE 44 /* base64url without padding, and its NUL */

/* Opaque. Immutable once made, so that threads may share it. */
struct tryst_identity;

/* Makes an identity from a secret seed; the same seed makes the same identity.
 *
 * identity  receives the handle; the caller destroys it
 * seed      TRYST_KEY_SIZE secret bytes, copied
 * size      must be TRYST_KEY_SIZE
 *
 * Returns   TRYST_OK; TRYST_E_ARGUMENT; TRYST_E_MEMORY; TRYST_E_CRYPTO.
 * Threads   any.
 * Since     0.1 */
TRYST_API tryst_result tryst_identity_from_seed(struct tryst_identity **identity, const void *data,
                                                size_t size);

/* Wipes and frees an identity; NULL is fine. Clients and endpoints keep a copy of their own.
 *
 * Threads  once, when nobody else uses it.
 * Since    0.1 */
TRYST_API void tryst_identity_destroy(struct tryst_identity *identity);

/* Copies the public key.
 *
 * key      receives TRYST_KEY_SIZE bytes
 *
 * Returns  TRYST_OK; TRYST_E_ARGUMENT.
 * Threads  any.
 * Since    0.1 */
TRYST_API tryst_result tryst_identity_public_key(const struct tryst_identity *identity,
                                                 uint8_t key[TRYST_KEY_SIZE]);

/* A public key as 43 characters of base64url (RFC 4648, section 5, no padding), and back.
 *
 * text     receives TRYST_KEY_TEXT_SIZE bytes with the NUL
 *
 * Returns  TRYST_OK; TRYST_E_FORMAT; TRYST_E_SIZE; TRYST_E_ARGUMENT.
 * Threads  any.
 * Since    0.1 */
TRYST_API tryst_result tryst_key_format(const uint8_t key[TRYST_KEY_SIZE], char *text, size_t size);
TRYST_API tryst_result tryst_key_parse(uint8_t key[TRYST_KEY_SIZE], const char *text);

#ifdef __cplusplus
}
#endif

#endif
