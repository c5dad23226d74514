/* Registrations: new, repeated, renewed, replaced, held for the operator's rules, refused.
 * SPDX-License-Identifier: MIT */
#include "server/enrolment.h"

#include "lib/wire/envelope.h"
#include "server/admission.h"
#include "server/relay.h"
#include "server/seating.h"
#include <string.h>

/* The order in which a newcomer's hooks are asked. */
static const uint32_t newcomer_hooks[] = {TRYST_POLICY_REGISTER, TRYST_POLICY_SESSION_OPEN,
                                          TRYST_POLICY_JOIN};

enum { NEWCOMER_HOOKS = sizeof newcomer_hooks / sizeof newcomer_hooks[0] };

/* The first hook to ask from a place in their order on; NEWCOMER_HOOKS: none. */
static uint32_t next_hook(const struct tr_rules *rules, uint32_t from,
                          const struct tr_membership *membership)
{
    for (uint32_t i = from; i < NEWCOMER_HOOKS; i++)
        if (tr_rules_has(rules, newcomer_hooks[i]) &&
            (newcomer_hooks[i] != TRYST_POLICY_SESSION_OPEN || membership == NULL))
            return i;
    return NEWCOMER_HOOKS;
}

static bool ask(struct tr_service *service, struct tr_pending *pending, uint32_t place,
                const struct tr_membership *membership, uint64_t now_us)
{
    return tr_rules_ask(service->rules, pending, newcomer_hooks[place], membership, now_us,
                        tr_service_unix_ms(service, now_us), &service->stats);
}

/* A newcomer for whom there is room. */
static void enter(struct tr_service *service, const struct tr_arrival *arrival,
                  const struct tr_admission *admission, const struct tr_membership *membership)
{
    uint32_t place = next_hook(service->rules, 0, membership);

    if (place == NEWCOMER_HOOKS) {
        tr_seating_admit(service, arrival, admission, NULL);
        return;
    }

    struct tr_pending *pending =
        tr_rules_hold(service->rules, admission, arrival->from, arrival->to);

    if (pending != NULL && ask(service, pending, place, membership, arrival->now_us))
        return;
    if (pending != NULL)
        tr_rules_release(service->rules, pending);
    service->stats.policy_overload++;
    tr_seating_refuse(service, arrival, admission, TRYST_REASON_SERVER_FULL, TR_RETRY_SERVER_MS,
                      "");
}

static bool is_repeated(const struct tr_admission *admission,
                        const struct tr_participant *participant)
{
    return admission->body.record.epoch == participant->entry.epoch &&
           admission->body.sequence == participant->sequence &&
           tr_seal_equal(admission->hash, participant->hash, TR_KEY);
}

static enum tr_drop enrol(struct tr_service *service, const struct tr_arrival *arrival,
                          struct tr_admission *admission)
{
    const struct tr_record *record = &admission->body.record;
    const struct tr_membership *membership =
        tr_registry_session(&service->registry, admission->head.app, record->session);
    struct tr_participant *participant =
        membership == NULL ? NULL
                           : tr_registry_find(&service->registry, membership, record->identity);

    /* The same bytes were verified before. */
    if (participant != NULL && is_repeated(admission, participant)) {
        tr_seating_repeat(service, arrival, participant);
        return TR_DROP_NONE;
    }
    if (!tr_admission_is_signed(admission, &service->certify,
                                participant != NULL &&
                                    tr_entry_has_record(&participant->entry, record)))
        return TR_DROP_SIGNATURE;
    /* A late copy of what has left would stand in the roster until it expires. */
    if (participant == NULL && membership != NULL &&
        tr_membership_was_left(membership, record->identity, record->epoch))
        return TR_DROP_REPLAY;

    struct tryst_address to = tryst_address_canonical(arrival->to);

    if (!tr_admission_gather(admission, &service->certify,
                             tr_service_unix_s(service, arrival->now_us), &to)) {
        tr_seating_refuse(service, arrival, admission, TRYST_REASON_MALFORMED, TR_RETRY_NEVER_MS,
                          "");
        return TR_DROP_NONE;
    }
    service->stats.drop_address += admission->left_out;
    if (participant != NULL)
        return tr_seating_renew(service, arrival, admission, participant);
    if (tr_seating_has_room(service, arrival, admission, membership))
        enter(service, arrival, admission, membership);
    return TR_DROP_NONE;
}

/* A copy of a REGISTER that was accepted a moment ago: known by its hash alone. */
static bool repeat_recent(struct tr_service *service, const struct tr_arrival *arrival,
                          const uint8_t hash[TR_KEY])
{
    const struct tr_recent *recent = tr_seating_recent(service, hash);

    if (!tr_seal_equal(recent->hash, hash, TR_KEY))
        return false;

    struct tr_participant *participant =
        tr_registry_find_channel(&service->registry, recent->channel);

    if (participant == NULL || !tr_seal_equal(participant->hash, hash, TR_KEY))
        return false;
    tr_seating_repeat(service, arrival, participant);
    return true;
}

/* A copy of one that waits for the rules, or that they denied a moment ago. */
static bool repeat_held(struct tr_service *service, const struct tr_arrival *arrival,
                        const uint8_t hash[TR_KEY])
{
    const struct tr_pending *pending = tr_rules_find(service->rules, hash);

    if (pending == NULL)
        return false;
    service->stats.repeated++;
    if (pending->is_denied)
        tr_seating_refuse(service, arrival, &pending->admission, TRYST_REASON_DENIED,
                          pending->retry_ms, pending->granted.reason);
    return true;
}

enum tr_drop tr_enrolment_input(struct tr_service *service, const struct tr_arrival *arrival)
{
    struct tr_admission admission;
    enum tr_drop drop = tr_admission_read(&admission, &service->certify,
                                          tr_service_unix_s(service, arrival->now_us),
                                          &arrival->source, arrival->data, arrival->size);

    if (drop == TR_DROP_NONE && (repeat_recent(service, arrival, admission.hash) ||
                                 repeat_held(service, arrival, admission.hash))) {
        tr_admission_clear(&admission);
        return TR_DROP_NONE;
    }
    if (drop == TR_DROP_NONE &&
        !tr_limiter_take(&service->limiter, &arrival->source, service->limits.register_rate,
                         service->limits.register_burst, arrival->now_us) &&
        !tr_recall_excuse(&service->recall, &arrival->source, arrival->now_us))
        drop = TR_DROP_LIMIT;
    if (drop == TR_DROP_NONE)
        drop = tr_admission_open(&admission, &service->certify, arrival->data, arrival->size);
    if (drop == TR_DROP_NONE)
        drop = enrol(service, arrival, &admission);
    tr_admission_clear(&admission);
    return drop;
}

/* --- The rules' answers ------------------------------------------------------------------------ */

static void deny(struct tr_service *service, const struct tr_arrival *arrival,
                 struct tr_pending *pending, const struct tryst_policy_answer *answer)
{
    struct tr_verdict verdict = {.hook = pending->hook, .answer = *answer};

    /* What failed may go well the next time; what the rules meant stands. */
    pending->retry_ms = answer->failure != 0 ? TR_RETRY_SESSION_MS : TR_RETRY_NEVER_MS;
    memcpy(pending->granted.reason, answer->reason, sizeof answer->reason);
    memcpy(verdict.key, pending->admission.body.record.identity, TR_KEY);
    if (answer->failure == TRYST_POLICY_FAILURE_TIMEOUT)
        verdict.ticket = pending->ticket;
    tr_rules_put_verdict(service->rules, &verdict);
    service->stats.policy_denied++;
    tr_seating_refuse(service, arrival, &pending->admission, TRYST_REASON_DENIED, pending->retry_ms,
                      pending->granted.reason);
    tr_rules_keep_denied(service->rules, pending, arrival->now_us);
}

/* What a later hook says stands above what an earlier one said. */
static void merge(struct tryst_policy_answer *granted, const struct tryst_policy_answer *answer)
{
    if (answer->max_participants != 0)
        granted->max_participants = answer->max_participants;
    if (answer->addresses != TRYST_POLICY_ADDRESSES_ALL)
        granted->addresses = answer->addresses;
    if (answer->expires_s != 0)
        granted->expires_s = answer->expires_s;
    if (answer->data_size != 0) {
        granted->data_size = answer->data_size;
        memcpy(granted->data, answer->data, answer->data_size);
    }
}

/* All hooks allowed it. Meanwhile it may have come in by another REGISTER, or others filled the
 * session. */
static void finish(struct tr_service *service, const struct tr_arrival *arrival,
                   struct tr_pending *pending)
{
    const struct tr_admission *admission = &pending->admission;
    const struct tr_record *record = &admission->body.record;
    struct tr_membership *membership =
        tr_registry_session(&service->registry, admission->head.app, record->session);
    struct tr_participant *participant =
        membership == NULL ? NULL
                           : tr_registry_find(&service->registry, membership, record->identity);

    if (participant != NULL) {
        tr_seating_renew(service, arrival, admission, participant);
    } else {
        if (membership != NULL && pending->granted.max_participants != 0)
            membership->participants_max = (uint16_t)pending->granted.max_participants;
        if (tr_seating_has_room(service, arrival, admission, membership))
            tr_seating_admit(service, arrival, admission, &pending->granted);
    }
    tr_rules_release(service->rules, pending);
}

/* An answer that cannot be acted on is none. */
static bool is_sound(const struct tryst_policy_answer *answer)
{
    return answer->addresses <= TRYST_POLICY_ADDRESSES_RELAY_ONLY &&
           answer->data_size <= sizeof answer->data &&
           answer->max_participants <= TR_PARTICIPANTS_MAX &&
           answer->relay_kbps <= TRYST_POLICY_RELAY_KBPS_MAX;
}

static void decide(struct tr_service *service, struct tr_pending *pending,
                   const struct tryst_policy_answer *answer, uint64_t now_us)
{
    struct tr_arrival arrival = {.now_us = now_us,
                                 .from = &pending->from,
                                 .to = &pending->to,
                                 .source = pending->admission.from};
    const struct tr_admission *admission = &pending->admission;

    if (!answer->is_allowed || answer->failure != 0) {
        deny(service, &arrival, pending, answer);
        return;
    }
    merge(&pending->granted, answer);

    const struct tr_membership *membership = tr_registry_session(
        &service->registry, admission->head.app, admission->body.record.session);
    uint32_t place = 0;

    while (newcomer_hooks[place] != pending->hook)
        place++;
    place = next_hook(service->rules, place + 1, membership);
    if (place == NEWCOMER_HOOKS) {
        finish(service, &arrival, pending);
        return;
    }
    if (ask(service, pending, place, membership, now_us))
        return;
    service->stats.policy_overload++;
    tr_seating_refuse(service, &arrival, admission, TRYST_REASON_SERVER_FULL, TR_RETRY_SERVER_MS,
                      "");
    tr_rules_release(service->rules, pending);
}

void tr_enrolment_answered(struct tr_service *service, uint32_t ticket, uint32_t hook,
                           const struct tryst_policy_answer *given, uint64_t now_us)
{
    struct tryst_policy_answer answer = *given;
    struct tr_pending *pending =
        (ticket & TR_TICKET_RELAY) != 0 ? NULL : tr_rules_find_ticket(service->rules, ticket);

    answer.reason[sizeof answer.reason - 1] = '\0';
    answer.detail[sizeof answer.detail - 1] = '\0';
    if (!is_sound(&answer))
        answer = (struct tryst_policy_answer){.failure = TRYST_POLICY_FAILURE_ANSWER,
                                              .detail = "a number in the answer is out of range"};
    if (answer.failure != 0)
        service->stats.policy_failed++;
    if (pending != NULL) {
        decide(service, pending, &answer, now_us);
    } else if ((ticket & TR_TICKET_RELAY) != 0) {
        tr_relay_answered(service, ticket, &answer, now_us);
    } else if (answer.failure != 0 && ticket == 0) {
        struct tr_verdict verdict = {.hook = hook, .answer = answer};

        tr_rules_put_verdict(service->rules, &verdict);
    }
}

void tr_enrolment_tick(struct tr_service *service, uint64_t now_us)
{
    static const struct tryst_policy_answer late = {.failure = TRYST_POLICY_FAILURE_TIMEOUT,
                                                    .detail = "no answer by the deadline"};
    struct tr_pending *pending;

    if (service->rules == NULL)
        return;
    while ((pending = tr_rules_take_due(service->rules, now_us)) != NULL) {
        if (pending->is_denied) {
            tr_rules_release(service->rules, pending);
        } else {
            service->stats.policy_late++;
            decide(service, pending, &late, now_us);
        }
    }
    tr_rules_tell_tick(service->rules, now_us, tr_service_unix_ms(service, now_us),
                       &service->stats);
}
