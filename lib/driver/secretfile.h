/* Secret seeds in files: one line of text, private, each file whole or not there.
 * SPDX-License-Identifier: MIT */
#ifndef TR_SECRETFILE_H
#define TR_SECRETFILE_H

#include "lib/seal/seal.h"
#include <stdbool.h>

enum { TR_SECRETFILE_PREFIX_MAX = 31 }; /* characters of a prefix */

/* Reads a line that is the prefix, the seed in base64url and a newline, and nothing else. Never
 * waits, should the path be a pipe's.
 *
 * prefix         says what the secret is for, so that files do not swap roles
 * needs_newline  false: the line may also end with the file
 * seed           written on TRYST_OK only; the caller wipes it
 *
 * Returns  TRYST_OK; TRYST_E_FILE, and errno says why (EISDIR, EINVAL: no regular file);
 *          TRYST_E_PERMISSION when its mode gives group or others anything; TRYST_E_FORMAT. */
tryst_result tr_secretfile_read(const char *path, const char *prefix, bool needs_newline,
                                uint8_t seed[TR_KEY]);

/* Writes such a line, mode 0600, beside its place, and then puts it there.
 *
 * may_replace  true: renames a file of a new name, in place of whatever is there. false: links
 *              PATH.new, which an earlier try may have left, and fails when something is there
 *
 * Returns  TRYST_OK; TRYST_E_STATE when PATH.new cannot be made; TRYST_E_FILE. errno says why. */
tryst_result tr_secretfile_write(const char *path, const char *prefix, const uint8_t seed[TR_KEY],
                                 bool may_replace);

#endif
