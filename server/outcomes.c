/* One byte is remembered of what one participant said of another.
 * SPDX-License-Identifier: MIT */
#include "server/outcomes.h"

#include "server/census.h"
#include <stdlib.h>
#include <tryst/event.h>
#include <tryst/nat.h>

static uint8_t said(const struct tr_participant *participant, const struct tr_participant *other)
{
    return participant->outcomes == NULL ? 0 : participant->outcomes[other->entry.slot];
}

static void count(struct tr_service *service, const struct tr_participant *participant,
                  const struct tr_participant *other, uint8_t outcome, bool is_less)
{
    struct tr_server_stats *stats = &service->stats;
    uint64_t *const sums[] = {
        [TRYST_PATH_NONE] = &stats->pairs_none,
        [TRYST_PATH_DIRECT] = &stats->pairs_direct,
        [TRYST_PATH_RELAY] = &stats->pairs_relayed,
    };

    tr_census_count_pair(service->census, participant->nat_kind, other->nat_kind, outcome, is_less);
    *sums[tr_census_outcome_path(outcome)] += is_less ? UINT64_MAX : 1;
}

/* What one of it said of its pairs, and others of their pairs with it. */
static void count_pairs_of(struct tr_service *service, struct tr_participant *participant,
                           bool is_less)
{
    struct tr_entry *entry = participant->membership->oldest;

    for (; entry != NULL; entry = entry->newer) {
        struct tr_participant *other = tr_participant_of(entry);

        if (other == participant)
            continue;
        if (said(participant, other) != 0)
            count(service, participant, other, said(participant, other), is_less);
        if (said(other, participant) != 0)
            count(service, other, participant, said(other, participant), is_less);
    }
}

void tr_outcomes_forget(struct tr_service *service, struct tr_participant *participant)
{
    struct tr_entry *entry = participant->membership->oldest;

    if (service->census == NULL)
        return;
    for (; entry != NULL; entry = entry->newer) {
        struct tr_participant *other = tr_participant_of(entry);

        if (other->outcomes != NULL)
            other->outcomes[participant->entry.slot] = 0;
    }
    free(participant->outcomes);
    participant->outcomes = NULL;
    participant->is_counted = false;
}

/* Whether it is not one NAT of which more is known now. */
static bool is_another_nat(uint8_t before, uint8_t kind)
{
    struct tr_nat old = tr_census_nat(before);
    struct tr_nat now = tr_census_nat(kind);
    bool is_vague =
        old.filtering == TRYST_FILTERING_UNKNOWN || now.filtering == TRYST_FILTERING_UNKNOWN ||
        old.filtering == TRYST_FILTERING_DEPENDENT || now.filtering == TRYST_FILTERING_DEPENDENT;

    return old.mapping != TRYST_MAPPING_UNKNOWN &&
           (old.mapping != now.mapping || (!is_vague && old.filtering != now.filtering));
}

void tr_outcomes_seat(struct tr_service *service, struct tr_participant *participant,
                      const struct tr_nat *nat)
{
    uint8_t kind = tr_census_kind(nat);

    if (service->census == NULL || (participant->is_counted && participant->nat_kind == kind))
        return;
    if (participant->is_counted) {
        tr_census_count_participant(service->census, participant->nat_kind, true);
        if (is_another_nat(participant->nat_kind, kind))
            tr_outcomes_forget(service, participant);
        else
            count_pairs_of(service, participant, true);
    }
    participant->nat_kind = kind;
    tr_census_count_participant(service->census, kind, false);
    if (participant->is_counted)
        count_pairs_of(service, participant, false);
    participant->is_counted = true;
}

/* Direct is better than by the relay, and that than none. */
static bool is_better(uint8_t outcome, uint8_t than)
{
    static const uint8_t ranks[] = {
        [TRYST_PATH_NONE] = 0, [TRYST_PATH_RELAY] = 1, [TRYST_PATH_DIRECT] = 2};

    return ranks[tr_census_outcome_path(outcome)] > ranks[tr_census_outcome_path(than)];
}

void tr_outcomes_take(struct tr_service *service, struct tr_participant *participant,
                      const struct tr_item_outcome *item)
{
    uint8_t outcome = tr_census_outcome(item);
    struct tr_entry *entry = tr_membership_at(participant->membership, item->slot);

    if (service->census == NULL)
        return;
    if (outcome == 0 || entry == NULL || entry == &participant->entry ||
        entry->epoch != item->epoch || !participant->is_counted ||
        !tr_participant_of(entry)->is_counted) {
        service->stats.drop_outcome++;
        return;
    }
    if (participant->outcomes == NULL)
        participant->outcomes = calloc(TR_PARTICIPANTS_MAX, 1);
    if (participant->outcomes == NULL)
        return;

    struct tr_participant *other = tr_participant_of(entry);
    uint8_t before = said(participant, other);

    if (before != 0 && !is_better(outcome, before))
        return;
    if (before != 0)
        count(service, participant, other, before, true);
    participant->outcomes[item->slot] = outcome;
    count(service, participant, other, outcome, false);
}
