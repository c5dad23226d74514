/* The pinned size of an event, and the words of its tables.
 * SPDX-License-Identifier: MIT */
#include "lib/base/words.h"
#include <assert.h>
#include <tryst/event.h>

static_assert(sizeof(struct tryst_event) == TRYST_EVENT_SIZE, "bindings rely on this size");

TR_WORD_FUNCTION(tryst_event_name, TRYST_EVENTS)
TR_WORD_FUNCTION(tryst_path_name, TRYST_PATHS)
TR_WORD_FUNCTION(tryst_kind_name, TRYST_KINDS)
TR_WORD_FUNCTION(tryst_stage_name, TRYST_STAGES)
TR_WORD_FUNCTION(tryst_reason_text, TRYST_REASONS)
