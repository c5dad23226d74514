/* One line per event, key=value, to one stream; what strangers wrote is escaped, floods are cut.
 * SPDX-License-Identifier: MIT */
#ifndef TR_LOG_H
#define TR_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* X(name, text), the gravest first */
#define TR_LOG_LEVELS(X)                                                                           \
    X(ERROR, "error")                                                                              \
    X(WARNING, "warning")                                                                          \
    X(INFO, "info")                                                                                \
    X(DEBUG, "debug")

enum tr_log_level {
#define TR_LOG_LEVEL_ROW(name, text) TR_LOG_##name,
    TR_LOG_LEVELS(TR_LOG_LEVEL_ROW)
#undef TR_LOG_LEVEL_ROW
        TR_LOG_LEVEL_COUNT
};

enum {
    TR_LOG_LINE = 2048, /* bytes of a line; what does not fit is cut, and "..." says so */
    TR_LOG_GATES = 32,  /* events told apart by the limit; those past it share the last gate */
    TR_LOG_BURST = 20,  /* lines of one event in one period */
    TR_LOG_PERIOD_S = 10,
};

/* How often one event was written. */
struct tr_log_gate {
    const char *event; /* a string constant */
    uint64_t since_us; /* start of the period */
    uint32_t written;  /* lines in the period */
    uint32_t held;     /* lines kept back since the last one written */
};

struct tr_log {
    FILE *stream;
    enum tr_log_level level; /* what is less grave is not written */
    struct tr_log_gate gates[TR_LOG_GATES];
};

/* A line that is being put together. */
struct tr_log_line {
    FILE *stream; /* NULL: nobody wants this line */
    size_t size;
    bool cut; /* something did not fit */
    char text[TR_LOG_LINE];
};

void tr_log_init(struct tr_log *log, FILE *stream, enum tr_log_level level);

/* NULL for a number that is no level. */
const char *tr_log_level_name(enum tr_log_level level);

/* event: a string constant, whose address may be kept. */
void tr_log_begin(struct tr_log_line *line, struct tr_log *log, uint64_t now_us,
                  enum tr_log_level level, const char *event);

/* A row of a table that the operator asked for: never held back, as a part of it would mislead. */
void tr_log_begin_row(struct tr_log_line *line, struct tr_log *log, enum tr_log_level level,
                      const char *event);
void tr_log_text(struct tr_log_line *line, const char *key, const char *text);
void tr_log_bytes(struct tr_log_line *line, const char *key, const void *data, size_t size);
void tr_log_number(struct tr_log_line *line, const char *key, uint64_t number);
void tr_log_end(struct tr_log_line *line);

/* A whole line with one text, or none when key is NULL. */
void tr_log_say(struct tr_log *log, uint64_t now_us, enum tr_log_level level, const char *event,
                const char *key, const char *text);

#endif
