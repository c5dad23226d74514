/* What the answers to probes say of a NAT.
 * SPDX-License-Identifier: MIT */
#ifndef TR_FINDINGS_H
#define TR_FINDINGS_H

#include "lib/core/portguess.h"
#include "lib/core/probe.h"
#include <tryst/survey.h>

/* seen: the first socket's public address, as the server's main one told it; is_local: it is one of ours.
 * Returns enum tryst_mapping. */
uint8_t tr_findings_mapping(const struct tr_prober *prober, const struct tryst_address *seen,
                            bool is_local);

/* Returns enum tryst_filtering. Silence counts where that end of the server has answered otherwise. */
uint8_t tr_findings_filtering(const struct tr_prober *prober);

/* The public ports of all mappings that were made, in the order in which they were. Returns how many. */
size_t tr_findings_samples(const struct tr_prober *prober, const struct tryst_address *seen,
                           uint8_t mapping, struct tr_port_sample samples[TR_PROBES + 1]);

/* Return enum tryst_finding. */
uint8_t tr_findings_answered(const struct tr_prober *prober, unsigned name);
uint8_t tr_findings_hairpin(const struct tr_prober *prober);
uint8_t tr_findings_poison(const struct tr_prober *prober);

#endif
