/* Which path carries what is said to a peer: the best of those that are well, direct before relayed.
 * SPDX-License-Identifier: MIT */
#ifndef TR_CHOICE_H
#define TR_CHOICE_H

#include "lib/core/path.h"

/* How well a path is; lower is better. */
enum tr_health {
    TR_HEALTH_DIRECT,  /* direct and well */
    TR_HEALTH_RELAY,   /* by the server, and well */
    TR_HEALTH_SICK,    /* it loses much, or whatever is large, or did so a moment ago */
    TR_HEALTH_DOUBTED, /* its pings stay unanswered */
    TR_HEALTH_NONE,    /* not proven */
};

enum tr_health tr_choice_health(const struct tr_path *path, uint32_t now_ms);

/* Leaves silent paths and chooses anew where that is better. is_talking: something is to be sent, so
 * that a path in doubt is not waited for. Returns whether chosen changed. */
bool tr_choice_make(struct tr_path_set *paths, const struct tr_path_times *times, bool is_talking,
                    uint64_t now_us, uint32_t now_ms);

/* Whether a direct path is proven and not in doubt. */
bool tr_choice_has_direct(const struct tr_path_set *paths);

/* When the set wants to be looked at again. */
uint64_t tr_choice_deadline(const struct tr_path_set *paths, const struct tr_path_times *times,
                            uint64_t now_us);

#endif
