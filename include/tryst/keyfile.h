/* Identities made from the system's randomness, saved to a file and loaded from it.
 * SPDX-License-Identifier: MIT */
#ifndef TRYST_KEYFILE_H
#define TRYST_KEYFILE_H

#include <tryst/identity.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Makes a new identity from the operating system's random numbers.
 *
 * identity  receives the handle; the caller destroys it
 *
 * Returns   TRYST_OK; TRYST_E_ARGUMENT; TRYST_E_MEMORY; TRYST_E_CRYPTO.
 * Threads   any.
 * Since     0.1 */
TRYST_API tryst_result tryst_identity_create(struct tryst_identity **identity);

/* Writes the secret seed as one line of text, mode 0600. The file appears whole or not at all
 * (written beside it, then renamed); an existing file is replaced.
 *
 * Returns  TRYST_OK; TRYST_E_ARGUMENT; TRYST_E_FILE, and errno says why.
 * Threads  any.
 * Since    0.1 */
TRYST_API tryst_result tryst_identity_save(const struct tryst_identity *identity, const char *path);

/* Reads what tryst_identity_save wrote. A file that others may read is refused.
 *
 * Returns  TRYST_OK; TRYST_E_FILE, and errno says why; TRYST_E_PERMISSION when its mode gives group
 *          or others anything; TRYST_E_FORMAT; TRYST_E_ARGUMENT; TRYST_E_MEMORY; TRYST_E_CRYPTO.
 * Threads  any.
 * Since    0.1 */
TRYST_API tryst_result tryst_identity_load(struct tryst_identity **identity, const char *path);

#ifdef __cplusplus
}
#endif

#endif
