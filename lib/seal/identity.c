/* Identities, and public keys as text.
 * SPDX-License-Identifier: MIT */
#include "lib/seal/keypair.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static_assert(TRYST_KEY_SIZE == TR_KEY, "one size of keys");
static_assert(TRYST_KEY_TEXT_SIZE ==
                  sodium_base64_ENCODED_LEN(TR_KEY, sodium_base64_VARIANT_URLSAFE_NO_PADDING),
              "base64url of a key");

tryst_result tryst_identity_from_seed(struct tryst_identity **identity, const void *data,
                                      size_t size)
{
    if (identity == NULL || data == NULL || size != TRYST_KEY_SIZE)
        return TRYST_E_ARGUMENT;
    if (tr_seal_start() != TRYST_OK)
        return TRYST_E_CRYPTO;

    struct tryst_identity *made = malloc(sizeof *made);

    if (made == NULL)
        return TRYST_E_MEMORY;
    tr_seal_sign_pair(made->public_key, made->secret, data);
    *identity = made;
    return TRYST_OK;
}

void tryst_identity_destroy(struct tryst_identity *identity)
{
    if (identity == NULL)
        return;
    tr_seal_wipe(identity, sizeof *identity);
    free(identity);
}

tryst_result tryst_identity_public_key(const struct tryst_identity *identity,
                                       uint8_t key[TRYST_KEY_SIZE])
{
    if (identity == NULL || key == NULL)
        return TRYST_E_ARGUMENT;
    memcpy(key, identity->public_key, TRYST_KEY_SIZE);
    return TRYST_OK;
}

tryst_result tryst_key_format(const uint8_t key[TRYST_KEY_SIZE], char *text, size_t size)
{
    if (key == NULL || text == NULL)
        return TRYST_E_ARGUMENT;
    if (size < TRYST_KEY_TEXT_SIZE)
        return TRYST_E_SIZE;
    sodium_bin2base64(text, size, key, TRYST_KEY_SIZE, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return TRYST_OK;
}

tryst_result tryst_key_parse(uint8_t key[TRYST_KEY_SIZE], const char *text)
{
    uint8_t read[TRYST_KEY_SIZE];
    char again[TRYST_KEY_TEXT_SIZE];
    size_t size;

    if (key == NULL || text == NULL)
        return TRYST_E_ARGUMENT;
    if (strlen(text) != TRYST_KEY_TEXT_SIZE - 1 ||
        sodium_base642bin(read, sizeof read, text, TRYST_KEY_TEXT_SIZE - 1, NULL, &size, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        size != sizeof read)
        return TRYST_E_FORMAT;
    /* libsodium 1.0.18 takes bytes above 127 for letters; a key has one text only. */
    sodium_bin2base64(again, sizeof again, read, sizeof read,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    if (strcmp(again, text) != 0)
        return TRYST_E_FORMAT;
    memcpy(key, read, sizeof read);
    return TRYST_OK;
}
