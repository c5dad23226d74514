/* The operator's rules tried offline: a script is loaded, asked what a file says, and what it answers is
 * printed.
 * SPDX-License-Identifier: MIT */
#ifndef TR_REHEARSAL_H
#define TR_REHEARSAL_H

#include <stdbool.h>
#include <stdint.h>
#include <tryst/policy.h>

/* requests: JSON lines, "-" for standard input, "" for none: then only whether the script loads. Prints
 * to stdout, complaints to stderr. false: the script does not load, or a line is no request. */
bool tr_rehearse(const char *folder, const struct tryst_policy_settings *settings,
                 uint32_t deadline_ms, const char *requests);

#endif
