/* The wire's mistakes, by reason.
 * SPDX-License-Identifier: MIT */
#include "lib/core/drops.h"

void tr_counters_drop(struct tryst_stats *stats, enum tr_drop drop)
{
    switch (drop) {
    case TR_DROP_NONE:
        break;
    case TR_DROP_SHORT:
        stats->dropped_short++;
        break;
    case TR_DROP_VERSION:
        stats->dropped_version++;
        break;
    case TR_DROP_SEAL:
    case TR_DROP_MALFORMED:
        stats->dropped_seal++;
        break;
    case TR_DROP_SIGNATURE:
        stats->dropped_signature++;
        break;
    case TR_DROP_REPLAY:
        stats->dropped_replay++;
        break;
    case TR_DROP_LIMIT:
        stats->dropped_limit++;
        break;
    default:
        stats->dropped_unknown++;
    }
}
