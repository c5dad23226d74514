/* What pings tell of a path: whether it lives, what it loses, how large a datagram it carries, and how
 * long a pause its NATs bear.
 *
 * A ping says how much was sent on the path so far, its pong how much of it has come, and how large the
 * datagram was that brought the ping. So loss is measured on the traffic itself, each way by its sender.
 * SPDX-License-Identifier: MIT */
#ifndef TR_GAUGE_H
#define TR_GAUGE_H

#include "lib/core/path.h"

/* A path that wants a ping for its own sake now, or TR_PATH_NONE. */
uint8_t tr_gauge_wanting(const struct tr_path_set *paths, uint64_t now_us);

/* How large the datagram of the next ping shall be; 0: as small as it comes. is_wanted: the path is in use,
 * or is about to take over from the relay. */
size_t tr_gauge_size(const struct tr_path *path, bool is_wanted);

/* Says that a ping left on it, in a datagram of tr_gauge_size: when the next one is due. Returns whether
 * the path is in doubt from now on. */
bool tr_gauge_pinged(struct tr_path *path, bool is_chosen, size_t size,
                     const struct tr_path_times *times, uint64_t now_us, struct tr_random *random);

/* What the pong to a DATA's ping says; tr_paths_pong took it. */
void tr_gauge_told(struct tr_path *path, const struct tr_item_report *report);

/* After a pong of any kind: when the next ping is due. */
void tr_gauge_rest(struct tr_path *path, bool is_chosen, bool is_wanted,
                   const struct tr_path_times *times, uint64_t now_us, struct tr_random *random);

/* Whether it was idle for longer than its NATs are known to bear: they may have forgotten it. */
bool tr_gauge_is_stale(const struct tr_path *path, uint64_t now_us);

/* Something authenticated came over it: it need not be pinged for being idle before that. */
void tr_gauge_heard(struct tr_path *path, bool is_chosen, const struct tr_path_times *times,
                    uint64_t now_us);

#endif
