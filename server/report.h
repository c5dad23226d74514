/* The counters, as lines of the log.
 * SPDX-License-Identifier: MIT */
#ifndef TR_REPORT_H
#define TR_REPORT_H

#include "server/census.h"
#include "server/log.h"
#include "server/stats.h"

/* All of them, and of the census how pairs came out by their mappings. census: NULL, there is none. */
void tr_report_stats(struct tr_log *log, uint64_t now_us, const struct tr_server_stats *stats,
                     const struct tr_census *census);

/* What was dropped since `told`, a line for each reason. */
void tr_report_drops(struct tr_log *log, uint64_t now_us, const struct tr_server_stats *stats,
                     const struct tr_server_stats *told);

#endif
