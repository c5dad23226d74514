/* RFC 5780, 4.3 and 4.4, over answers that came side by side.
 * SPDX-License-Identifier: MIT */
#include "lib/core/findings.h"

#include <tryst/nat.h>

static bool is_other(const struct tr_probe *probe, const struct tryst_address *seen)
{
    return probe->answered != 0 && tryst_address_compare(&probe->seen, seen) != 0;
}

static bool is_same(const struct tr_probe *probe, const struct tryst_address *seen)
{
    return probe->answered != 0 && tryst_address_compare(&probe->seen, seen) == 0;
}

uint8_t tr_findings_mapping(const struct tr_prober *prober, const struct tryst_address *seen,
                            bool is_local)
{
    const struct tr_probe *port = &prober->probes[TR_PROBE_PORT];
    const struct tr_probe *address = &prober->probes[TR_PROBE_ADDRESS];
    if (is_other(port, seen))
        return TRYST_MAPPING_PORT_DEPENDENT;
    if (is_other(address, seen))
        return TRYST_MAPPING_ADDRESS_DEPENDENT;
    if (is_local)
        return TRYST_MAPPING_NONE;
    return is_same(port, seen) || is_same(address, seen) ? TRYST_MAPPING_ENDPOINT_INDEPENDENT
                                                         : TRYST_MAPPING_UNKNOWN;
}

uint8_t tr_findings_filtering(const struct tr_prober *prober)
{
    const struct tr_probe *probes = prober->probes;
    if (probes[TR_PROBE_FROM_ADDRESS].answered != 0)
        return TRYST_FILTERING_ENDPOINT_INDEPENDENT;
    if (probes[TR_PROBE_FROM_PORT].answered != 0)
        return TRYST_FILTERING_ADDRESS_DEPENDENT;
    if (probes[TR_PROBE_PLAIN].answered == 0)
        return TRYST_FILTERING_UNKNOWN;
    if (probes[TR_PROBE_PORT].answered != 0)
        return TRYST_FILTERING_PORT_DEPENDENT;
    return probes[TR_PROBE_ADDRESS].answered != 0 ? TRYST_FILTERING_DEPENDENT
                                                  : TRYST_FILTERING_UNKNOWN;
}

size_t tr_findings_samples(const struct tr_prober *prober, const struct tryst_address *seen,
                           uint8_t mapping, struct tr_port_sample samples[TR_PROBES + 1])
{
    size_t count = 0;
    samples[count++] = (struct tr_port_sample){.port = seen->port};
    for (unsigned i = 0; i < TR_PROBES; i++) {
        const struct tr_probe *probe = &prober->probes[i];
        bool is_one = i <= TR_PROBE_PLAIN || i >= TR_PROBE_SAMPLE;
        /* By address alone, these two go by mappings that are there already. */
        bool is_old = mapping == TRYST_MAPPING_ADDRESS_DEPENDENT &&
                      (i == TR_PROBE_PORT || i == TR_PROBE_BOTH);
        if (!is_one || is_old || probe->answered == 0)
            continue;
        samples[count].port = probe->seen.port;
        samples[count].place = (uint8_t)i;
        samples[count].burst = i >= TR_PROBE_SAMPLE ? 2 : 1;
        if (probe->answered > 1) /* whichever try it was that made the mapping */
            samples[count].burst = 0;
        count++;
    }
    return count;
}

uint8_t tr_findings_answered(const struct tr_prober *prober, unsigned name)
{
    const struct tr_probe *probe = &prober->probes[name];
    if (probe->answered != 0)
        return TRYST_FINDING_YES;
    return probe->tries > 0 && tr_prober_is_settled(prober, name) ? TRYST_FINDING_NO
                                                                  : TRYST_FINDING_UNKNOWN;
}

uint8_t tr_findings_hairpin(const struct tr_prober *prober)
{
    uint8_t out = tr_findings_answered(prober, TR_PROBE_HAIRPIN_OUT);
    uint8_t back = tr_findings_answered(prober, TR_PROBE_HAIRPIN_BACK);
    return out > back ? out : back;
}

uint8_t tr_findings_poison(const struct tr_prober *prober)
{
    const struct tr_probe *poison = &prober->probes[TR_PROBE_POISON];
    if (poison->answered == 0)
        return TRYST_FINDING_UNKNOWN;
    return is_other(poison, &prober->probes[TR_PROBE_PLAIN].seen) ? TRYST_FINDING_YES
                                                                  : TRYST_FINDING_NO;
}
