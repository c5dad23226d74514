/* One line per event, key=value, to one stream; what strangers wrote is escaped, floods are cut.
 * SPDX-License-Identifier: MIT */
#include "server/log.h"
#include "lib/base/deadline.h"
#include <inttypes.h>
#include <string.h>

/* Room for it is always kept: a cut line is still one line, and is seen to be cut. */
static const char ELLIPSIS[] = "...\n";

void tr_log_init(struct tr_log *log, FILE *stream, enum tr_log_level level)
{
    memset(log, 0, sizeof *log);
    log->stream = stream;
    log->level = level;
}

const char *tr_log_level_name(enum tr_log_level level)
{
    static const char *const names[] = {
#define LEVEL_NAME(name, text) text,
        TR_LOG_LEVELS(LEVEL_NAME)
#undef LEVEL_NAME
    };
    return (unsigned)level < TR_LOG_LEVEL_COUNT ? names[level] : NULL;
}

static struct tr_log_gate *gate_of(struct tr_log *log, const char *event)
{
    for (size_t i = 0; i < TR_LOG_GATES - 1; i++) {
        struct tr_log_gate *gate = &log->gates[i];
        if (!gate->event)
            gate->event = event;
        if (strcmp(gate->event, event) == 0)
            return gate;
    }
    return &log->gates[TR_LOG_GATES - 1];
}

static bool opens(struct tr_log_gate *gate, uint64_t now_us)
{
    if (now_us - gate->since_us >= TR_LOG_PERIOD_S * TR_S) {
        gate->since_us = now_us;
        gate->written = 0;
    }
    if (gate->written >= TR_LOG_BURST) {
        gate->held++;
        return false;
    }
    gate->written++;
    return true;
}

static void append(struct tr_log_line *line, const char *text, size_t size)
{
    size_t room = sizeof line->text - sizeof ELLIPSIS - line->size;

    if (line->cut)
        return;
    line->cut = size > room;
    size = line->cut ? room : size;
    memcpy(line->text + line->size, text, size);
    line->size += size;
}

static void append_key(struct tr_log_line *line, const char *key)
{
    if (line->size > 0)
        append(line, " ", 1);
    append(line, key, strlen(key));
    append(line, "=", 1);
}

static bool is_plain(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr("-_.:/[]%#+,@*", c));
}

void tr_log_bytes(struct tr_log_line *line, const char *key, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    bool plain = size > 0;

    if (!line->stream)
        return;
    for (size_t i = 0; i < size && plain; i++)
        plain = is_plain(bytes[i]);
    append_key(line, key);
    if (plain) {
        append(line, data, size);
        return;
    }
    append(line, "\"", 1);
    for (size_t i = 0; i < size && !line->cut; i++) {
        char escape[5];
        if (bytes[i] < ' ' || bytes[i] > '~' || bytes[i] == '"' || bytes[i] == '\\')
            append(line, escape, (size_t)snprintf(escape, sizeof escape, "\\x%02x", bytes[i]));
        else
            append(line, (const char *)&bytes[i], 1);
    }
    append(line, "\"", 1);
}

void tr_log_text(struct tr_log_line *line, const char *key, const char *text)
{
    tr_log_bytes(line, key, text, strlen(text));
}

void tr_log_number(struct tr_log_line *line, const char *key, uint64_t number)
{
    char digits[24];

    if (!line->stream)
        return;
    append_key(line, key);
    append(line, digits, (size_t)snprintf(digits, sizeof digits, "%" PRIu64, number));
}

static void begin(struct tr_log_line *line, struct tr_log *log, enum tr_log_level level,
                  const char *event)
{
    line->stream = log->stream;
    tr_log_text(line, "level", tr_log_level_name(level));
    tr_log_text(line, "event", event);
}

/* false: it is not grave enough. */
static bool is_wanted(struct tr_log_line *line, const struct tr_log *log, enum tr_log_level level)
{
    line->stream = NULL;
    line->size = 0;
    line->cut = false;
    return level <= log->level;
}

void tr_log_begin(struct tr_log_line *line, struct tr_log *log, uint64_t now_us,
                  enum tr_log_level level, const char *event)
{
    struct tr_log_gate *gate;

    if (!is_wanted(line, log, level))
        return;
    gate = gate_of(log, event);
    if (!opens(gate, now_us))
        return;
    begin(line, log, level, event);
    if (gate->held > 0)
        tr_log_number(line, "held_back", gate->held);
    gate->held = 0;
}

void tr_log_begin_row(struct tr_log_line *line, struct tr_log *log, enum tr_log_level level,
                      const char *event)
{
    if (is_wanted(line, log, level))
        begin(line, log, level, event);
}

void tr_log_end(struct tr_log_line *line)
{
    const char *end = line->cut ? ELLIPSIS : "\n";

    if (!line->stream)
        return;
    memcpy(line->text + line->size, end, strlen(end));
    line->size += strlen(end);
    /* One write a line, so that lines of several processes do not mix. */
    fwrite(line->text, 1, line->size, line->stream);
    fflush(line->stream);
    line->stream = NULL;
}

void tr_log_say(struct tr_log *log, uint64_t now_us, enum tr_log_level level, const char *event,
                const char *key, const char *text)
{
    struct tr_log_line line;

    tr_log_begin(&line, log, now_us, level, event);
    if (key)
        tr_log_text(&line, key, text);
    tr_log_end(&line);
}
