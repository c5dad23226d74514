/* What scripts see of a pair, a path and a NAT: the fields of the structs of insight.h,
 * survey.h and portmap.h, one table for both languages. Written into the generated wrappers.
 * SPDX-License-Identifier: MIT */
#ifndef TR_INSIGHT_VIEW_H
#define TR_INSIGHT_VIEW_H

enum tr_view_kind {
    TR_VIEW_NUMBER,     /* unsigned, of 1 to 8 bytes */
    TR_VIEW_SIGNED,     /* of 4 bytes */
    TR_VIEW_FLAG,       /* a number that is true or false */
    TR_VIEW_WORD,       /* a number with its word, by a function */
    TR_VIEW_OUTLOOK,    /* of a whole struct tryst_survey, by a function */
    TR_VIEW_PATH,       /* enum tryst_path_type */
    TR_VIEW_KIND,       /* enum tryst_kind */
    TR_VIEW_REASON,     /* enum tryst_reason */
    TR_VIEW_ADDRESS,    /* struct tryst_address */
    TR_VIEW_TEXT,       /* NUL-terminated, in place */
    TR_VIEW_SIDE,       /* struct tryst_side */
    TR_VIEW_CANDIDATES, /* struct tryst_candidate, candidate_count of them */
};

struct tr_view_field {
    const char *name; /* NULL ends a table */
    enum tr_view_kind kind;
    size_t offset;
    size_t size;
    const char *(*word)(uint32_t);
};

/* What the functions that return several write. */
struct tr_path_list {
    tryst_result count; /* below 0: why there is no list */
    struct tryst_path_stats list[TRYST_CANDIDATES_MAX];
};

static const char *tr_view_sides(uint32_t bits)
{
    static const char *const words[] = {"none", "own", "peer", "both"};
    return words[bits & 3];
}

static const char *tr_view_class(uint32_t number)
{
    return tryst_address_class_name((int32_t)number);
}

#define TR_VIEW_SIZE(owner, field) sizeof(((struct owner *)NULL)->field)
#define TR_VIEW_AS(owner, name, field, kind, word)                                                 \
    {                                                                                              \
        name, TR_VIEW_##kind, offsetof(struct owner, field), TR_VIEW_SIZE(owner, field), word      \
    }
#define TR_VIEW(owner, field, kind) TR_VIEW_AS(owner, #field, field, kind, NULL)
#define TR_VIEW_END                                                                                \
    {                                                                                              \
        NULL, TR_VIEW_NUMBER, 0, 0, NULL                                                           \
    }

static const struct tr_view_field tr_view_side[] = {
    TR_VIEW_AS(tryst_side, "mapping", mapping, WORD, tryst_mapping_name),
    TR_VIEW_AS(tryst_side, "filtering", filtering, WORD, tryst_filtering_name),
    TR_VIEW_AS(tryst_side, "ports", ports, WORD, tryst_port_pattern_name),
    TR_VIEW(tryst_side, stride, SIGNED),
    TR_VIEW(tryst_side, low, NUMBER),
    TR_VIEW(tryst_side, high, NUMBER),
    TR_VIEW(tryst_side, spray, FLAG),
    TR_VIEW(tryst_side, hairpin, FLAG),
    TR_VIEW(tryst_side, no_udp, FLAG),
    TR_VIEW(tryst_side, is_hidden, FLAG),
    TR_VIEW_END};

static const struct tr_view_field tr_view_candidate[] = {
    TR_VIEW(tryst_candidate, kind, KIND),
    TR_VIEW(tryst_candidate, path, PATH),
    TR_VIEW(tryst_candidate, family, NUMBER),
    TR_VIEW_AS(tryst_candidate, "trial", trial, WORD, tryst_trial_name),
    TR_VIEW(tryst_candidate, sent, NUMBER),
    TR_VIEW(tryst_candidate, first_ms, NUMBER),
    TR_VIEW(tryst_candidate, is_current, FLAG),
    TR_VIEW_END};

static const struct tr_view_field tr_view_why[] = {
    TR_VIEW_AS(tryst_why, "pair", pair, WORD, tryst_pair_name),
    TR_VIEW(tryst_why, reason, REASON),
    TR_VIEW(tryst_why, relay_reason, REASON),
    TR_VIEW_AS(tryst_why, "side", side, WORD, tr_view_sides),
    TR_VIEW(tryst_why, path, PATH),
    TR_VIEW(tryst_why, kind, KIND),
    TR_VIEW(tryst_why, known_ms, NUMBER),
    TR_VIEW(tryst_why, connected_ms, NUMBER),
    TR_VIEW(tryst_why, rounds, NUMBER),
    TR_VIEW(tryst_why, sprays, NUMBER),
    TR_VIEW(tryst_why, is_spraying, FLAG),
    TR_VIEW(tryst_why, own, SIDE),
    TR_VIEW(tryst_why, peer, SIDE),
    TR_VIEW(tryst_why, candidates, CANDIDATES),
    TR_VIEW(tryst_why, sentence, TEXT),
    TR_VIEW_END};

static const struct tr_view_field tr_view_path_stats[] = {
    TR_VIEW(tryst_path_stats, path, PATH),
    TR_VIEW(tryst_path_stats, kind, KIND),
    TR_VIEW(tryst_path_stats, is_current, FLAG),
    TR_VIEW_AS(tryst_path_stats, "trial", trial, WORD, tryst_trial_name),
    TR_VIEW(tryst_path_stats, rtt_us, NUMBER),
    TR_VIEW(tryst_path_stats, loss_out, NUMBER),
    TR_VIEW(tryst_path_stats, rtt_min_us, NUMBER),
    TR_VIEW(tryst_path_stats, rtt_p50_us, NUMBER),
    TR_VIEW(tryst_path_stats, rtt_p95_us, NUMBER),
    TR_VIEW(tryst_path_stats, jitter_us, NUMBER),
    TR_VIEW(tryst_path_stats, loss_in, NUMBER),
    TR_VIEW(tryst_path_stats, bytes_out_s, NUMBER),
    TR_VIEW(tryst_path_stats, bytes_in_s, NUMBER),
    TR_VIEW(tryst_path_stats, datagrams_out_s, NUMBER),
    TR_VIEW(tryst_path_stats, datagrams_in_s, NUMBER),
    TR_VIEW(tryst_path_stats, moves, NUMBER),
    TR_VIEW(tryst_path_stats, bytes_out, NUMBER),
    TR_VIEW(tryst_path_stats, bytes_in, NUMBER),
    TR_VIEW(tryst_path_stats, datagrams_out, NUMBER),
    TR_VIEW(tryst_path_stats, datagrams_in, NUMBER),
    TR_VIEW(tryst_path_stats, address, ADDRESS),
    TR_VIEW_AS(tryst_path_stats, "local_address", local, ADDRESS, NULL),
    TR_VIEW_END};

static const struct tr_view_field tr_view_survey[] = {
    TR_VIEW_AS(tryst_survey, "state", state, WORD, tryst_survey_state_name),
    TR_VIEW_AS(tryst_survey, "mapping", mapping, WORD, tryst_mapping_name),
    TR_VIEW_AS(tryst_survey, "filtering", filtering, WORD, tryst_filtering_name),
    TR_VIEW_AS(tryst_survey, "ports", ports, WORD, tryst_port_pattern_name),
    TR_VIEW(tryst_survey, stride, SIGNED),
    TR_VIEW(tryst_survey, low, NUMBER),
    TR_VIEW(tryst_survey, high, NUMBER),
    TR_VIEW(tryst_survey, last, NUMBER),
    TR_VIEW(tryst_survey, samples, NUMBER),
    TR_VIEW_AS(tryst_survey, "hairpin", hairpin, WORD, tryst_finding_name),
    TR_VIEW_AS(tryst_survey, "poison", poison, WORD, tryst_finding_name),
    TR_VIEW_AS(tryst_survey, "other_port", other_port, WORD, tryst_finding_name),
    TR_VIEW_AS(tryst_survey, "other_address", other_address, WORD, tryst_finding_name),
    TR_VIEW_AS(tryst_survey, "public_class", public_class, WORD, tr_view_class),
    TR_VIEW(tryst_survey, datagrams, NUMBER),
    TR_VIEW(tryst_survey, took_us, NUMBER),
    TR_VIEW(tryst_survey, rtt_us, NUMBER),
    TR_VIEW(tryst_survey, public_address, ADDRESS),
    TR_VIEW(tryst_survey, server, ADDRESS),
    TR_VIEW(tryst_survey, lifetime_s, NUMBER),
    TR_VIEW(tryst_survey, lifetime_lost_s, NUMBER),
    TR_VIEW_AS(tryst_survey, "lifetime_state", lifetime_state, WORD, tryst_survey_state_name),
    TR_VIEW_AS(tryst_survey, "outlook", state, OUTLOOK, tryst_outlook_name),
    TR_VIEW_AS(tryst_survey, "outlook_text", state, OUTLOOK, tryst_outlook_text),
    TR_VIEW_END};

static const struct tr_view_field tr_view_portmap[] = {
    TR_VIEW_AS(tryst_portmap, "state", state, WORD, tryst_portmap_state_name),
    TR_VIEW_AS(tryst_portmap, "protocol", protocol, WORD, tryst_portmap_protocol_name),
    TR_VIEW_AS(tryst_portmap, "why", why, WORD, tryst_portmap_why_text),
    TR_VIEW(tryst_portmap, lifetime_s, NUMBER),
    TR_VIEW(tryst_portmap, external, ADDRESS),
    TR_VIEW_END};

/* The number in a field, whatever its size. */
static uint64_t tr_view_number(const struct tr_view_field *field, const void *value)
{
    const char *at = (const char *)value + field->offset;
    uint64_t wide;
    uint32_t word;
    uint16_t half;
    uint8_t byte;
    switch (field->size) {
    case 1:
        memcpy(&byte, at, sizeof(byte));
        return byte;
    case 2:
        memcpy(&half, at, sizeof(half));
        return half;
    case 4:
        memcpy(&word, at, sizeof(word));
        return word;
    default:
        memcpy(&wide, at, sizeof(wide));
        return wide;
    }
}

static const char *tr_view_word(const struct tr_view_field *field, const void *value)
{
    if (field->kind == TR_VIEW_OUTLOOK)
        return field->word(tryst_survey_outlook((const struct tryst_survey *)value));
    return field->word((uint32_t)tr_view_number(field, value));
}

#endif
