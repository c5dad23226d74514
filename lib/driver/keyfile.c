/* Identities made from the system's randomness, saved to a file and loaded from it.
 * SPDX-License-Identifier: MIT */
#include <tryst/keyfile.h>

#include "lib/driver/secretfile.h"
#include "lib/seal/keypair.h"
#include "lib/seal/seal.h"

static const char prefix[] = "tryst-identity-1 ";

tryst_result tryst_identity_create(struct tryst_identity **identity)
{
    if (identity == NULL)
        return TRYST_E_ARGUMENT;
    if (tr_seal_start() != TRYST_OK)
        return TRYST_E_CRYPTO;
    uint8_t seed[TRYST_KEY_SIZE];
    tr_seal_entropy(seed, sizeof(seed));
    tryst_result result = tryst_identity_from_seed(identity, seed, sizeof(seed));
    tr_seal_wipe(seed, sizeof(seed));
    return result;
}

tryst_result tryst_identity_save(const struct tryst_identity *identity, const char *path)
{
    if (identity == NULL || path == NULL || path[0] == '\0')
        return TRYST_E_ARGUMENT;
    return tr_secretfile_write(path, prefix, identity->secret, true);
}

tryst_result tryst_identity_load(struct tryst_identity **identity, const char *path)
{
    if (identity == NULL || path == NULL)
        return TRYST_E_ARGUMENT;
    uint8_t seed[TRYST_KEY_SIZE];
    tryst_result result = tr_secretfile_read(path, prefix, true, seed);
    if (result != TRYST_OK)
        return result;
    result = tryst_identity_from_seed(identity, seed, sizeof(seed));
    tr_seal_wipe(seed, sizeof(seed));
    return result;
}
