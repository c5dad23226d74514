/* The pinned size of an event, and the words of its tables.
 * SPDX-License-Identifier: MIT */
#include <assert.h>
#include <tryst/event.h>

static_assert(sizeof(struct tryst_event) == TRYST_EVENT_SIZE, "bindings rely on this size");

#define WORD_ROW(name, number, text)                                                               \
    case number:                                                                                   \
        return text;
#define WORD_FUNCTION(function, ROWS)                                                              \
    const char *function(uint32_t number)                                                          \
    {                                                                                              \
        switch (number) {                                                                          \
            ROWS(WORD_ROW)                                                                         \
        default:                                                                                   \
            return "unknown";                                                                      \
        }                                                                                          \
    }

WORD_FUNCTION(tryst_event_name, TRYST_EVENTS)
WORD_FUNCTION(tryst_path_name, TRYST_PATHS)
WORD_FUNCTION(tryst_kind_name, TRYST_KINDS)
WORD_FUNCTION(tryst_stage_name, TRYST_STAGES)
WORD_FUNCTION(tryst_reason_text, TRYST_REASONS)
