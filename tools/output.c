/* What the tool shows: lines for people, or one JSON object a line for programs.
 * SPDX-License-Identifier: MIT */
#include "tools/output.h"
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

enum { SHORT_KEY = 8 }; /* characters of a key that tell people apart at a glance */

#define DIM "\x1b[2m"
#define BOLD "\x1b[1m"
#define PLAIN "\x1b[0m"

uint64_t output_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* The bytes of the UTF-8 character at text (RFC 3629), 0 when there is none; *point: which one. */
static size_t character(const uint8_t *text, size_t size, uint32_t *point)
{
    static const uint8_t lengths[16] = {1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 2, 2, 3, 4};
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = text[0] < 0xf8 ? lengths[text[0] >> 4] : 0;

    if (length == 0 || length > size)
        return 0;
    *point = length == 1 ? text[0] : (uint32_t)(text[0] & (0x7f >> length));
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        *point = *point << 6 | (text[i] & 0x3f);
    }
    if (*point < least[length] || *point > 0x10ffff || (*point >= 0xd800 && *point <= 0xdfff))
        return 0;
    return length;
}

/* A JSON string (RFC 8259, section 7). What is no UTF-8 becomes \u00XX, a byte each. */
static void write_json(FILE *stream, const void *data, size_t size)
{
    const uint8_t *text = data;

    putc('"', stream);
    while (size > 0) {
        uint32_t point = 0;
        size_t length = character(text, size, &point);
        if (length == 0 || point < 0x20 || point == 0x7f) {
            fprintf(stream, "\\u%04x", text[0]);
            length = 1;
        } else {
            if (point == '"' || point == '\\')
                putc('\\', stream);
            fwrite(text, 1, length, stream);
        }
        text += length;
        size -= length;
    }
    putc('"', stream);
}

/* Strangers' text must not steer a terminal: control characters and those that turn the direction of
 * writing are shown as \xXX, a byte each. */
static void write_safe(FILE *stream, const void *data, size_t size)
{
    const uint8_t *text = data;

    while (size > 0) {
        uint32_t point = 0;
        size_t length = character(text, size, &point);
        if (length == 0 || point < 0x20 || (point >= 0x7f && point < 0xa0) ||
            (point >= 0x200e && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
            (point >= 0x2066 && point <= 0x2069)) {
            fprintf(stream, "\\x%02x", text[0]);
            length = 1;
        } else {
            fwrite(text, 1, length, stream);
        }
        text += length;
        size -= length;
    }
}

static void json_begin(const struct output *output, const char *event)
{
    struct timespec wall;

    clock_gettime(CLOCK_REALTIME, &wall);
    fprintf(output->stream, "{\"event\":\"%s\",\"t_us\":%" PRIu64 ",\"unix_us\":%" PRIu64, event,
            output_now() - output->start_us,
            (uint64_t)wall.tv_sec * 1000000 + (uint64_t)wall.tv_nsec / 1000);
}

static void json_text(const struct output *output, const char *key, const void *data, size_t size)
{
    fprintf(output->stream, ",\"%s\":", key);
    write_json(output->stream, data, size);
}

static void json_word(const struct output *output, const char *key, const char *word)
{
    json_text(output, key, word, strlen(word));
}

static void json_number(const struct output *output, const char *key, uint64_t number)
{
    fprintf(output->stream, ",\"%s\":%" PRIu64, key, number);
}

static void json_address(const struct output *output, const char *key,
                         const struct tryst_address *address)
{
    char text[TRYST_ADDRESS_TEXT_SIZE];

    if (tryst_address_format(address, text, sizeof text) >= 0)
        json_word(output, key, text);
}

static void json_end(const struct output *output)
{
    fputs("}\n", output->stream);
    fflush(output->stream);
}

static void json_event(const struct output *output, const struct tryst_event *event,
                       const struct person *person)
{
    json_begin(output, tryst_event_name(event->type));
    if (person)
        json_word(output, "peer", person->key);
    switch (event->type) {
    case TRYST_EVENT_COOKIE:
    case TRYST_EVENT_SERVER_BACK:
        json_address(output, "public", &event->address);
        break;
    case TRYST_EVENT_JOINED:
        if (person && person->name_size > 0)
            json_text(output, "name", person->name, person->name_size);
        break;
    case TRYST_EVENT_LEFT:
        json_word(output, "reason", tryst_reason_text(event->reason));
        break;
    case TRYST_EVENT_CONNECTED:
    case TRYST_EVENT_PATH:
        json_word(output, "path", tryst_path_name(event->path));
        json_word(output, "kind", tryst_kind_name(event->kind));
        json_address(output, "address", &event->address);
        json_number(output, "rtt_us", event->rtt_us);
        break;
    case TRYST_EVENT_HELLO:
    case TRYST_EVENT_PUNCH:
        json_address(output, "address", &event->address);
        break;
    case TRYST_EVENT_MESSAGE:
        json_number(output, "size", event->size);
        json_text(output, "text", event->data, event->size);
        break;
    case TRYST_EVENT_RELAYED:
    case TRYST_EVENT_UNREACHABLE:
    case TRYST_EVENT_SERVER_LOST:
        json_word(output, "stage", tryst_stage_name(event->stage));
        json_word(output, "reason", tryst_reason_text(event->reason));
        break;
    case TRYST_EVENT_REFUSED:
        json_word(output, "reason", tryst_reason_text(event->reason));
        json_text(output, "text", event->text, strnlen(event->text, sizeof event->text));
        json_number(output, "retry_ms", event->retry_ms);
        break;
    default:
        break;
    }
    json_end(output);
}

static void write_time(const struct output *output)
{
    if (output->is_traced)
        fprintf(output->stream, "%9.1f ms  ", (double)(output_now() - output->start_us) / 1000);
}

static void begin_line(const struct output *output)
{
    write_time(output);
    if (output->is_colored)
        fputs(DIM, output->stream);
    fputs("* ", output->stream);
}

static void end_line(const struct output *output)
{
    fputs(output->is_colored ? PLAIN "\n" : "\n", output->stream);
    fflush(output->stream);
}

static void write_name(const struct output *output, const struct person *person)
{
    if (!person)
        fputs("somebody", output->stream);
    else if (person->name_size > 0)
        write_safe(output->stream, person->name, person->name_size);
    else
        fprintf(output->stream, "%.*s", SHORT_KEY, person->key);
}

static void write_path(const struct output *output, const struct tryst_event *event)
{
    char text[TRYST_ADDRESS_TEXT_SIZE] = "?";

    tryst_address_format(&event->address, text, sizeof text);
    if (event->path == TRYST_PATH_RELAY)
        fprintf(output->stream, "by way of the server, %s, %.1f ms", text,
                (double)event->rtt_us / 1000);
    else
        fprintf(output->stream, "%s, %s address %s, %.1f ms", tryst_path_name(event->path),
                tryst_kind_name(event->kind), text, (double)event->rtt_us / 1000);
}

static void show_message(const struct output *output, const struct tryst_event *event,
                         const struct person *person)
{
    write_time(output);
    fputs(output->is_colored ? BOLD "<" : "<", output->stream);
    write_name(output, person);
    fputs(output->is_colored ? ">" PLAIN " " : "> ", output->stream);
    write_safe(output->stream, event->data, event->size);
    putc('\n', output->stream);
    fflush(output->stream);
}

static void show_traced(const struct output *output, const struct tryst_event *event,
                        const struct person *person)
{
    char text[TRYST_ADDRESS_TEXT_SIZE] = "?";

    tryst_address_format(&event->address, text, sizeof text);
    begin_line(output);
    if (event->type == TRYST_EVENT_COOKIE) {
        fprintf(output->stream, "the server sees us at %s", text);
    } else {
        bool is_out = event->type == TRYST_EVENT_PUNCH;
        fputs(is_out ? "first hello to " : "first hello from ", output->stream);
        write_name(output, person);
        fprintf(output->stream, is_out ? " goes to %s" : " comes from %s", text);
    }
    end_line(output);
}

static void show_server(const struct output *output, const struct tryst_event *event)
{
    FILE *stream = output->stream;

    begin_line(output);
    if (event->type == TRYST_EVENT_SERVER_BACK) {
        fputs("the server is back", stream);
    } else if (event->type == TRYST_EVENT_SERVER_LOST) {
        fprintf(stream, "the server is lost (%s: %s); whoever is connected stays connected",
                tryst_stage_name(event->stage), tryst_reason_text(event->reason));
    } else {
        fprintf(stream, "refused: %s", tryst_reason_text(event->reason));
        if (event->text[0] != '\0') {
            fputs(" (", stream);
            write_safe(stream, event->text, strnlen(event->text, sizeof event->text));
            putc(')', stream);
        }
        if (event->retry_ms > 0)
            fprintf(stream, "; try again in %.1f s", (double)event->retry_ms / 1000);
    }
    end_line(output);
}

static void show_event(const struct output *output, const struct tryst_event *event,
                       const struct person *person)
{
    FILE *stream = output->stream;

    begin_line(output);
    write_name(output, person);
    switch (event->type) {
    case TRYST_EVENT_JOINED:
        fputs(" joined", stream);
        break;
    case TRYST_EVENT_LEFT:
        fprintf(stream, " left: %s", tryst_reason_text(event->reason));
        break;
    case TRYST_EVENT_CONNECTED:
        fputs(" is connected: ", stream);
        write_path(output, event);
        break;
    case TRYST_EVENT_PATH:
        fputs(" is now reached another way: ", stream);
        write_path(output, event);
        break;
    case TRYST_EVENT_UNREACHABLE:
        fprintf(stream, " cannot be reached (%s: %s); the search goes on",
                tryst_stage_name(event->stage), tryst_reason_text(event->reason));
        break;
    default:
        fprintf(stream, ": %s", tryst_event_name(event->type));
        break;
    }
    end_line(output);
}

static void json_side(const struct output *output, const char *key, const struct tryst_side *side)
{
    fprintf(output->stream,
            ",\"%s\":{\"mapping\":\"%s\",\"filtering\":\"%s\",\"ports\":\"%s\",\"spray\":%u,"
            "\"no_udp\":%u}",
            key, tryst_mapping_name(side->mapping), tryst_filtering_name(side->filtering),
            tryst_port_pattern_name(side->ports), side->spray, side->no_udp);
}

static void json_candidates(const struct output *output, const struct tryst_why *why)
{
    fputs(",\"candidates\":[", output->stream);
    for (uint32_t i = 0; i < why->candidate_count; i++) {
        const struct tryst_candidate *candidate = &why->candidates[i];
        fprintf(output->stream,
                "%s{\"path\":\"%s\",\"kind\":\"%s\",\"family\":%" PRIu32
                ",\"trial\":\"%s\",\"sent\":%" PRIu32 ",\"first_ms\":%" PRIu32 "}",
                i > 0 ? "," : "", tryst_path_name(candidate->path),
                tryst_kind_name(candidate->kind), candidate->family,
                tryst_trial_name(candidate->trial), candidate->sent, candidate->first_ms);
    }
    putc(']', output->stream);
}

void output_why(const struct output *output, const struct tryst_why *why,
                const struct person *person)
{
    if (!output->is_json) {
        begin_line(output);
        write_name(output, person);
        fprintf(output->stream, ": %s", why->sentence);
        end_line(output);
        return;
    }
    json_begin(output, "why");
    if (person)
        json_word(output, "peer", person->key);
    json_word(output, "pair", tryst_pair_name(why->pair));
    json_word(output, "reason", tryst_reason_text(why->reason));
    json_word(output, "relay_reason", tryst_reason_text(why->relay_reason));
    json_number(output, "known_ms", why->known_ms);
    json_number(output, "connected_ms", why->connected_ms);
    json_number(output, "sprays", why->sprays);
    json_side(output, "own", &why->own);
    json_side(output, "other", &why->peer);
    json_candidates(output, why);
    json_word(output, "sentence", why->sentence);
    json_end(output);
}

void output_event(const struct output *output, const struct tryst_event *event,
                  const struct person *person)
{
    bool is_trace = event->type == TRYST_EVENT_COOKIE || event->type == TRYST_EVENT_PUNCH ||
                    event->type == TRYST_EVENT_HELLO;

    if (output->is_json)
        json_event(output, event, person);
    else if (is_trace && output->is_traced)
        show_traced(output, event, person);
    else if (is_trace || event->type == TRYST_EVENT_RELAYED) /* its sentence says it */
        return;
    else if (event->type == TRYST_EVENT_MESSAGE)
        show_message(output, event, person);
    else if (event->type == TRYST_EVENT_REFUSED || event->type == TRYST_EVENT_SERVER_LOST ||
             event->type == TRYST_EVENT_SERVER_BACK)
        show_server(output, event);
    else
        show_event(output, event, person);
}

void output_registered(const struct output *output, const struct tryst_event *event,
                       const char *session, const char *own_key, const struct tryst_address *local,
                       size_t local_count)
{
    char text[TRYST_ADDRESS_TEXT_SIZE] = "?";

    if (!output->is_json) {
        tryst_address_format(&event->address, text, sizeof text);
        begin_line(output);
        fputs("in session ", output->stream);
        write_safe(output->stream, session, strlen(session));
        fprintf(output->stream, " as %.*s; the server, %.1f ms away, sees us at %s", SHORT_KEY,
                own_key, (double)event->rtt_us / 1000, text);
        end_line(output);
        return;
    }
    json_begin(output, tryst_event_name(event->type));
    json_word(output, "session", session);
    json_word(output, "self", own_key);
    json_address(output, "public", &event->address);
    json_number(output, "rtt_us", event->rtt_us);
    fputs(",\"local\":[", output->stream);
    for (size_t i = 0; i < local_count; i++) {
        tryst_address_format(&local[i], text, sizeof text);
        fprintf(output->stream, "%s\"%s\"", i ? "," : "", text);
    }
    putc(']', output->stream);
    json_end(output);
}

void output_stats(const struct output *output, const struct tryst_stats *stats)
{
    if (!output->is_json)
        return;
    json_begin(output, "stats");
    json_number(output, "sent", stats->messages_sent);
    json_number(output, "received", stats->messages_received);
#define FIELD(name) json_number(output, #name, stats->name)
    FIELD(peers);
    FIELD(connected);
    FIELD(datagrams_sent);
    FIELD(datagrams_received);
    FIELD(bytes_sent);
    FIELD(bytes_received);
    FIELD(messages_sent);
    FIELD(messages_received);
    FIELD(hellos_sent);
    FIELD(hellos_received);
    FIELD(messages_dropped);
    FIELD(output_dropped);
    FIELD(dropped_short);
    FIELD(dropped_unknown);
    FIELD(dropped_version);
    FIELD(dropped_seal);
    FIELD(dropped_signature);
    FIELD(dropped_replay);
    FIELD(dropped_limit);
#undef FIELD
    json_end(output);
}

void output_note(const struct output *output, const char *format, ...)
{
    va_list list;

    if (output->is_json)
        return;
    begin_line(output);
    va_start(list, format);
    vfprintf(output->stream, format, list);
    va_end(list);
    end_line(output);
}
