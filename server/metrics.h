/* The counters and the census as text that Prometheus reads. No label holds what a client chose, and there
 * are so many series at most as there are words for NATs.
 * SPDX-License-Identifier: MIT */
#ifndef TR_METRICS_H
#define TR_METRICS_H

#include "server/census.h"
#include "server/stats.h"

/* Of the text, for HTTP. */
#define TR_METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* The text in memory of its own, NUL-terminated, to be freed by the caller; size: without the NUL.
 * census: NULL, nothing is counted. NULL: no memory. */
char *tr_metrics_text(const struct tr_server_stats *stats, const struct tr_census *census,
                      size_t *size);

#endif
