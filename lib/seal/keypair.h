/* What an identity holds, for the rooms that sign with it.
 * SPDX-License-Identifier: MIT */
#ifndef TR_KEYPAIR_H
#define TR_KEYPAIR_H

#include "lib/seal/seal.h"
#include <tryst/identity.h>

struct tryst_identity {
    uint8_t public_key[TR_KEY];
    uint8_t secret[TR_SIGN_SECRET]; /* the first 32 bytes are the seed */
};

#endif
