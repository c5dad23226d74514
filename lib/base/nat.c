/* The words of a NAT's tables.
 * SPDX-License-Identifier: MIT */
#include <assert.h>
#include <tryst/portmap.h>
#include <tryst/survey.h>

static_assert(sizeof(struct tryst_portmap) == TRYST_PORTMAP_SIZE, "bindings rely on this size");
static_assert(sizeof(struct tryst_survey) == TRYST_SURVEY_SIZE, "bindings rely on this size");

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

WORD_FUNCTION(tryst_mapping_name, TRYST_MAPPINGS)
WORD_FUNCTION(tryst_filtering_name, TRYST_FILTERINGS)
WORD_FUNCTION(tryst_port_pattern_name, TRYST_PORT_PATTERNS)
WORD_FUNCTION(tryst_survey_state_name, TRYST_SURVEY_STATES)
WORD_FUNCTION(tryst_finding_name, TRYST_FINDINGS)
WORD_FUNCTION(tryst_portmap_state_name, TRYST_PORTMAP_STATES)
WORD_FUNCTION(tryst_portmap_protocol_name, TRYST_PORTMAP_PROTOCOLS)
WORD_FUNCTION(tryst_portmap_why_text, TRYST_PORTMAP_WHYS)

#define OUTLOOK_NAME_ROW(name, number, text, sentence) WORD_ROW(name, number, text)
#define OUTLOOK_TEXT_ROW(name, number, text, sentence) WORD_ROW(name, number, sentence)
#define OUTLOOK_NAMES(X) TRYST_OUTLOOKS(OUTLOOK_NAME_ROW)
#define OUTLOOK_TEXTS(X) TRYST_OUTLOOKS(OUTLOOK_TEXT_ROW)

WORD_FUNCTION(tryst_outlook_name, OUTLOOK_NAMES)
WORD_FUNCTION(tryst_outlook_text, OUTLOOK_TEXTS)
