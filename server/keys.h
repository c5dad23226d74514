/* The server's secrets: root and node seed, made on the first start, kept in the state directory.
 * SPDX-License-Identifier: MIT */
#ifndef TR_KEYS_H
#define TR_KEYS_H

#include "lib/seal/seal.h"
#include <stdbool.h>

enum { TR_KEYS_ERROR = 1400 }; /* bytes of a complaint: a path, and what is wrong with it */

struct tr_keys {
    uint8_t root_seed[TR_KEY];
    uint8_t root_public[TR_KEY]; /* what clients pin */
    uint8_t node_seed[TR_KEY];
    bool made_root; /* this start made it */
    bool made_node;
};

/* Reads DIR/root.key and DIR/node.key, or makes what is missing: directory 0700, files 0600, each
 * whole or not there. Never overwrites, and refuses what others may read.
 *
 * fresh    2 * TR_KEY random bytes that nobody else has: the seeds, if they are to be made
 * error    receives TR_KEYS_ERROR bytes: on false, why
 *
 * Needs tr_seal_start. */
bool tr_keys_load(struct tr_keys *keys, const char *directory, const uint8_t fresh[2 * TR_KEY],
                  char *error);

void tr_keys_wipe(struct tr_keys *keys);

#endif
