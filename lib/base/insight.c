/* The pinned sizes of insights, and their words.
 * SPDX-License-Identifier: MIT */
#include "lib/base/words.h"
#include <assert.h>
#include <tryst/insight.h>

static_assert(sizeof(struct tryst_why) == TRYST_WHY_SIZE, "bindings rely on this size");
static_assert(sizeof(struct tryst_path_stats) == TRYST_PATH_STATS_SIZE,
              "bindings rely on this size");
static_assert(sizeof(struct tryst_side) == 28 && sizeof(struct tryst_candidate) == 32,
              "as the room that is reserved reckons");

TR_WORD_FUNCTION(tryst_pair_name, TRYST_PAIRS)
TR_WORD_FUNCTION(tryst_trial_name, TRYST_TRIALS)
