/* Lines that scripts print.
 * SPDX-License-Identifier: MIT */
#include "server/worker_output.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum {
    SECOND_US = 1000 * 1000,
    LAST_READS = 64 * 1024 / TR_OUTPUT_READ, /* what a pipe holds */
};

enum { WARNING = 1, INFO = 2 }; /* as tryst_policy_host counts levels */

static void tell_line(struct tr_output *output, const struct tryst_policy_host *host)
{
    output->line[output->size] = '\0';
    output->size = 0;
    if (output->lines < TR_OUTPUT_LINES) {
        output->lines++;
        host->log(host->context, INFO, output->line);
    } else {
        output->lost++;
    }
}

/* Nothing that a terminal or a log would obey. */
static void take(struct tr_output *output, const struct tryst_policy_host *host, const char *bytes,
                 size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)bytes[i];

        if (byte == '\n') {
            tell_line(output, host);
            continue;
        }
        if (output->size == TR_OUTPUT_LINE)
            tell_line(output, host);
        output->line[output->size++] = byte == '\t'                  ? ' '
                                       : byte < 0x20 || byte == 0x7f ? '?'
                                                                     : (char)byte;
    }
}

bool tr_output_is_wanted(const struct tr_output *output)
{
    return !output->is_paused && !output->has_ended;
}

bool tr_output_read(struct tr_output *output, const struct tryst_policy_host *host, uint64_t now_us)
{
    char bytes[TR_OUTPUT_READ];
    ssize_t got = read(output->descriptor, bytes, sizeof bytes);

    tr_output_tick(output, host, now_us);
    output->has_ended = got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
    if (got <= 0)
        return false;
    take(output, host, bytes, (size_t)got);
    output->bytes += (size_t)got;
    output->is_paused = output->bytes >= TR_OUTPUT_BYTES;
    return true;
}

void tr_output_tick(struct tr_output *output, const struct tryst_policy_host *host, uint64_t now_us)
{
    char text[64];

    if (now_us - output->second_us < SECOND_US)
        return;
    if (output->lost > 0) {
        snprintf(text, sizeof text, "%u more printed lines are left out", output->lost);
        host->log(host->context, WARNING, text);
    }
    output->second_us = now_us;
    output->bytes = 0;
    output->lines = 0;
    output->lost = 0;
    output->is_paused = false;
}

uint64_t tr_output_deadline(const struct tr_output *output)
{
    return output->lost > 0 || output->is_paused ? output->second_us + SECOND_US : UINT64_MAX;
}

void tr_output_close(struct tr_output *output, const struct tryst_policy_host *host,
                     uint64_t now_us)
{
    if (output->descriptor < 0)
        return;
    for (int i = 0; i < LAST_READS; i++)
        if (!tr_output_read(output, host, now_us))
            break;
    if (output->size > 0)
        tell_line(output, host);
    tr_output_tick(output, host, output->second_us + SECOND_US);
    close(output->descriptor);
    output->descriptor = -1;
}
