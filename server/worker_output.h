/* What a script prints: a pipe from its worker, read into lines for the server's log, so many a second.
 * SPDX-License-Identifier: MIT */
#ifndef TR_WORKER_OUTPUT_H
#define TR_WORKER_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tryst/policy.h>

enum {
    TR_OUTPUT_LINE = 400,              /* bytes; a longer one is told in parts */
    TR_OUTPUT_LINES = 50,              /* a second; more are counted */
    TR_OUTPUT_READ = 16 * 1024,        /* bytes at once */
    TR_OUTPUT_BYTES = 4 * 1024 * 1024, /* a second; then who prints waits */
};

struct tr_output {
    int descriptor; /* -1: closed */
    size_t size;    /* bytes of the line so far */
    uint64_t second_us;
    size_t bytes; /* in this second, as the next two */
    uint32_t lines;
    uint32_t lost;
    bool is_paused; /* enough for this second: not to be read */
    bool has_ended;
    char line[TR_OUTPUT_LINE + 1];
};

/* Whether it is to be read when there is something. */
bool tr_output_is_wanted(const struct tr_output *output);

/* Reads once. false: there was nothing. */
bool tr_output_read(struct tr_output *output, const struct tryst_policy_host *host,
                    uint64_t now_us);

/* Tells what was left out when the second is over, and reads on. */
void tr_output_tick(struct tr_output *output, const struct tryst_policy_host *host,
                    uint64_t now_us);

/* When tick has something to do; UINT64_MAX: never. */
uint64_t tr_output_deadline(const struct tr_output *output);

/* Tells what is still in the pipe, and closes it. */
void tr_output_close(struct tr_output *output, const struct tryst_policy_host *host,
                     uint64_t now_us);

#endif
