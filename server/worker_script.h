/* A script as it was when it was loaded, for each worker that is started with it: a file that is changed
 * meanwhile is not run before the rules are loaded again.
 * SPDX-License-Identifier: MIT */
#ifndef TR_WORKER_SCRIPT_H
#define TR_WORKER_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TR_SCRIPT_MAX = 1024 * 1024 }; /* bytes */

struct tr_script {
    int descriptor; /* sealed: its bytes, and behind them the state that it starts with */
    size_t size;
    size_t state_size;
    bool is_reload; /* on_reload is called at the end of each load */
};

/* Reads the file. state: what a script before it left; NULL and 0 for none.
 *
 * Returns  0, or an errno; EFBIG is for more than TR_SCRIPT_MAX bytes. */
int tr_script_open(struct tr_script *script, const char *path, const void *state, size_t state_size,
                   bool is_reload);
void tr_script_close(struct tr_script *script);

#endif
