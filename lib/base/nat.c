/* The words of a NAT's tables.
 * SPDX-License-Identifier: MIT */
#include "lib/base/words.h"
#include <assert.h>
#include <tryst/portmap.h>
#include <tryst/survey.h>

static_assert(sizeof(struct tryst_portmap) == TRYST_PORTMAP_SIZE, "bindings rely on this size");
static_assert(sizeof(struct tryst_survey) == TRYST_SURVEY_SIZE, "bindings rely on this size");

TR_WORD_FUNCTION(tryst_mapping_name, TRYST_MAPPINGS)
TR_WORD_FUNCTION(tryst_filtering_name, TRYST_FILTERINGS)
TR_WORD_FUNCTION(tryst_port_pattern_name, TRYST_PORT_PATTERNS)
TR_WORD_FUNCTION(tryst_survey_state_name, TRYST_SURVEY_STATES)
TR_WORD_FUNCTION(tryst_finding_name, TRYST_FINDINGS)
TR_WORD_FUNCTION(tryst_portmap_state_name, TRYST_PORTMAP_STATES)
TR_WORD_FUNCTION(tryst_portmap_protocol_name, TRYST_PORTMAP_PROTOCOLS)
TR_WORD_FUNCTION(tryst_portmap_why_text, TRYST_PORTMAP_WHYS)

#define OUTLOOK_NAME_ROW(name, number, text, sentence) TR_WORD_CASE(name, number, text)
#define OUTLOOK_TEXT_ROW(name, number, text, sentence) TR_WORD_CASE(name, number, sentence)
#define OUTLOOK_NAMES(X) TRYST_OUTLOOKS(OUTLOOK_NAME_ROW)
#define OUTLOOK_TEXTS(X) TRYST_OUTLOOKS(OUTLOOK_TEXT_ROW)

TR_WORD_FUNCTION(tryst_outlook_name, OUTLOOK_NAMES)
TR_WORD_FUNCTION(tryst_outlook_text, OUTLOOK_TEXTS)
