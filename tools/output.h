/* What the tool shows: lines for people, or one JSON object a line for programs.
 * SPDX-License-Identifier: MIT */
#ifndef TOOL_OUTPUT_H
#define TOOL_OUTPUT_H

#include "tools/people.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <tryst/tryst.h>

struct output {
    FILE *stream;
    uint64_t start_us; /* of the process, on the monotonic clock */
    bool is_json;
    bool is_traced; /* also cookie, punch and hello; lines carry the time */
    bool is_colored;
};

/* Monotonic microseconds. */
uint64_t output_now(void);

/* Any event but registered. person: whom it is about, NULL when nobody. */
void output_event(const struct output *output, const struct tryst_event *event,
                  const struct person *person);

/* Why somebody is relayed or not reached; after the event that says so. */
void output_why(const struct output *output, const struct tryst_why *why,
                const struct person *person);

/* The registered event: where we are known. */
void output_registered(const struct output *output, const struct tryst_event *event,
                       const char *session, const char *own_key, const struct tryst_address *local,
                       size_t local_count);

/* The last line of JSON. */
void output_stats(const struct output *output, const struct tryst_stats *stats);

/* A remark for people; JSON has none. */
__attribute__((format(printf, 2, 3))) void output_note(const struct output *output,
                                                       const char *format, ...);

#endif
