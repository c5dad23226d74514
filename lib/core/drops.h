/* Counting what was dropped.
 * SPDX-License-Identifier: MIT */
#ifndef TR_DROPS_H
#define TR_DROPS_H

#include "lib/wire/message.h"
#include <tryst/counters.h>

/* Counts one refused datagram under its reason; TR_DROP_NONE counts nothing. */
void tr_counters_drop(struct tryst_stats *stats, enum tr_drop drop);

#endif
