/* What is known of the NAT, for the game.
 * SPDX-License-Identifier: MIT */
#include "lib/core/endpoint_state.h"
#include "lib/core/findings.h"

/* Two blocks of so many ports still find each other (spray.c). */
enum { BLOCK_MOST = 2048 };

tryst_result tryst_endpoint_survey(const struct tryst_endpoint *endpoint,
                                   struct tryst_survey *survey)
{
    if (endpoint == NULL || survey == NULL)
        return TRYST_E_ARGUMENT;
    const struct tr_survey *known = &endpoint->survey;
    const struct tr_nat *nat = &endpoint->rendezvous.nat;
    *survey = (struct tryst_survey){.state = TRYST_SURVEY_NONE};
    if (known->stage == TR_SURVEY_IDLE)
        return TRYST_OK;
    bool is_done = known->stage == TR_SURVEY_READY;
    survey->state = is_done ? TRYST_SURVEY_DONE : TRYST_SURVEY_RUNNING;
    survey->mapping = nat->mapping;
    survey->filtering = nat->filtering;
    survey->ports = nat->ports;
    survey->stride = (int16_t)nat->stride;
    survey->low = nat->low;
    survey->high = nat->high;
    survey->last = nat->last;
    survey->samples = known->samples;
    survey->hairpin = tr_findings_hairpin(&known->prober);
    survey->poison = tr_findings_poison(&known->prober);
    survey->other_port = tr_findings_answered(&known->prober, TR_PROBE_PORT);
    survey->other_address = tr_findings_answered(&known->prober, TR_PROBE_ADDRESS);
    survey->public_class = (uint32_t)tryst_address_classify(&known->seen);
    survey->datagrams = known->prober.sent;
    survey->took_us =
        (uint32_t)(is_done ? known->took_us : endpoint->kit.now_us - known->started_us);
    survey->lifetime_state = known->lifetime.state;
    survey->lifetime_s = tr_lifetime_borne(&known->lifetime);
    survey->lifetime_lost_s = tr_lifetime_lost(&known->lifetime);
    survey->rtt_us = known->prober.rtt_us;
    survey->public_address = known->seen;
    survey->server = known->server;
    return TRYST_OK;
}

tryst_result tryst_endpoint_lifetime(struct tryst_endpoint *endpoint, uint64_t now_us,
                                     uint32_t seconds)
{
    if (endpoint == NULL || seconds < TRYST_LIFETIME_LEAST || seconds > TRYST_LIFETIME_MOST)
        return TRYST_E_ARGUMENT;
    tryst_endpoint_tick(endpoint, now_us);
    if (!tr_survey_lifetime(&endpoint->survey, &endpoint->rendezvous, (uint8_t)seconds,
                            &endpoint->kit))
        return TRYST_E_STATE;
    return tryst_endpoint_tick(endpoint, now_us);
}

uint32_t tryst_survey_outlook(const struct tryst_survey *survey)
{
    switch (survey != NULL ? survey->mapping : TRYST_MAPPING_UNKNOWN) {
    case TRYST_MAPPING_NONE:
        return TRYST_OUTLOOK_OPEN;
    case TRYST_MAPPING_ENDPOINT_INDEPENDENT:
        return TRYST_OUTLOOK_EASY;
    case TRYST_MAPPING_ADDRESS_DEPENDENT:
    case TRYST_MAPPING_PORT_DEPENDENT:
        if (survey->ports == TRYST_PORTS_SEQUENTIAL)
            return TRYST_OUTLOOK_FORESEEN;
        return survey->ports == TRYST_PORTS_RANDOM && survey->high - survey->low < BLOCK_MOST
                   ? TRYST_OUTLOOK_GUESSED
                   : TRYST_OUTLOOK_HARD;
    default:
        return TRYST_OUTLOOK_UNKNOWN;
    }
}
