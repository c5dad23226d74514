/* Registrations that wait for the operator's rules, and the questions about them.
 * SPDX-License-Identifier: MIT */
#include "server/rules.h"

#include "lib/base/bytes.h"
#include "lib/base/deadline.h"
#include "lib/wire/policy_request.h"
#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
    PROBES = 16,             /* places where a registration may be held */
    DENIED_US = 1000 * 1000, /* copies of a REGISTER come within a round trip */
    TICK_US = 1000 * 1000,
};

static_assert(TRYST_APP_ID_SIZE == TR_APP_BYTES && TRYST_SESSION_ID_SIZE == TR_SESSION_BYTES &&
                  TRYST_POLICY_LOCAL_MAX >= TR_CANDIDATES_MAX &&
                  TRYST_POLICY_PARTICIPANTS_MAX >= TR_PARTICIPANTS_MAX,
              "a request has room for what the wire has");

struct tr_rules {
    uint32_t hooks;
    uint64_t deadline_us;
    uint64_t tick_us; /* the next one */
    uint32_t life;    /* makes tickets of a place differ from each other */
    struct tr_pending *held[TR_RULES_PENDING];
    struct tr_alarms alarms;
    struct tr_question questions[TR_RULES_QUESTIONS]; /* a ring */
    uint32_t first_question;
    uint32_t question_count;
    struct tr_verdict verdicts[TR_RULES_VERDICTS]; /* a ring */
    uint32_t first_verdict;
    uint32_t verdict_count;
    struct tryst_policy_request request; /* being put together */
    uint8_t room[TRYST_POLICY_REQUEST_MAX];
};

struct tr_rules *tr_rules_create(uint32_t hooks, uint32_t deadline_ms, uint64_t now_us)
{
    struct tr_rules *rules = calloc(1, sizeof *rules);

    if (rules == NULL)
        return NULL;
    tr_alarms_init(&rules->alarms);
    if (!tr_alarms_reserve(&rules->alarms, TR_RULES_PENDING)) {
        free(rules);
        return NULL;
    }
    tr_rules_set_hooks(rules, hooks, deadline_ms);
    rules->tick_us = now_us + TICK_US;
    return rules;
}

void tr_rules_destroy(struct tr_rules *rules)
{
    struct tr_question question;

    if (rules == NULL)
        return;
    for (uint32_t i = 0; i < TR_RULES_PENDING; i++)
        if (rules->held[i] != NULL)
            tr_rules_release(rules, rules->held[i]);
    while (tr_rules_take_question(rules, &question))
        free(question.data);
    tr_alarms_clear(&rules->alarms);
    free(rules);
}

void tr_rules_set_hooks(struct tr_rules *rules, uint32_t hooks, uint32_t deadline_ms)
{
    rules->hooks = hooks;
    rules->deadline_us = deadline_ms * (uint64_t)TR_MS;
}

bool tr_rules_has(const struct tr_rules *rules, uint32_t hook)
{
    return rules != NULL && (rules->hooks >> hook & 1) != 0;
}

/* --- What is held ------------------------------------------------------------------------------ */

/* The place of a registration is near where its hash says, so that its copies are found. */
static uint32_t place_of(const uint8_t hash[TR_KEY], uint32_t probe)
{
    return (tr_get_u16(hash) + probe) % TR_RULES_PENDING;
}

struct tr_pending *tr_rules_find(const struct tr_rules *rules, const uint8_t hash[TR_KEY])
{
    for (uint32_t probe = 0; rules != NULL && probe < PROBES; probe++) {
        struct tr_pending *held = rules->held[place_of(hash, probe)];

        if (held != NULL && tr_seal_equal(held->admission.hash, hash, TR_KEY))
            return held;
    }
    return NULL;
}

struct tr_pending *tr_rules_find_ticket(const struct tr_rules *rules, uint32_t ticket)
{
    struct tr_pending *held = rules->held[ticket % TR_RULES_PENDING];

    return ticket != 0 && held != NULL && held->ticket == ticket && !held->is_denied ? held : NULL;
}

/* Each question has a ticket of its own: a late answer to one is not taken for the next one's. */
static uint32_t next_ticket(struct tr_rules *rules, uint32_t place)
{
    rules->life = (rules->life + 1) % (TR_TICKET_RELAY / TR_RULES_PENDING);
    if (rules->life == 0)
        rules->life = 1;
    return rules->life * TR_RULES_PENDING + place;
}

struct tr_pending *tr_rules_hold(struct tr_rules *rules, const struct tr_admission *admission,
                                 const struct tryst_address *from, const struct tryst_address *to)
{
    for (uint32_t probe = 0; probe < PROBES; probe++) {
        uint32_t place = place_of(admission->hash, probe);

        if (rules->held[place] != NULL)
            continue;

        struct tr_pending *pending = calloc(1, sizeof *pending);

        if (pending == NULL)
            return NULL;
        pending->ticket = next_ticket(rules, place);
        pending->from = *from;
        pending->to = *to;
        pending->admission = *admission;
        rules->held[place] = pending;
        return pending;
    }
    return NULL;
}

void tr_rules_release(struct tr_rules *rules, struct tr_pending *pending)
{
    tr_alarms_set(&rules->alarms, &pending->due, TR_NEVER);
    rules->held[pending->ticket % TR_RULES_PENDING] = NULL;
    tr_seal_wipe(pending, sizeof *pending);
    free(pending);
}

void tr_rules_keep_denied(struct tr_rules *rules, struct tr_pending *pending, uint64_t now_us)
{
    pending->is_denied = true;
    tr_alarms_set(&rules->alarms, &pending->due, now_us + DENIED_US);
}

uint64_t tr_rules_deadline(const struct tr_rules *rules)
{
    uint64_t next = TR_NEVER;

    if (rules == NULL)
        return next;
    tr_sooner(&next, tr_alarms_next(&rules->alarms));
    if (tr_rules_has(rules, TRYST_POLICY_TICK))
        tr_sooner(&next, rules->tick_us);
    return next;
}

struct tr_pending *tr_rules_take_due(struct tr_rules *rules, uint64_t now_us)
{
    struct tr_alarm *alarm = tr_alarms_take(&rules->alarms, now_us);

    return alarm == NULL
               ? NULL
               : (struct tr_pending *)(void *)((char *)alarm - offsetof(struct tr_pending, due));
}

/* --- Questions --------------------------------------------------------------------------------- */

/* Puts what rules->request says. false: no room. */
static bool put_question(struct tr_rules *rules, uint32_t ticket)
{
    uint8_t *data = NULL;
    size_t size = 0;

    if (rules->question_count < TR_RULES_QUESTIONS) {
        size = tr_policy_request_encode(&rules->request, rules->room);
        data = malloc(size);
    }
    if (data == NULL)
        return false;
    memcpy(data, rules->room, size);

    uint32_t at = (rules->first_question + rules->question_count++) % TR_RULES_QUESTIONS;

    rules->questions[at] = (struct tr_question){
        .ticket = ticket, .hook = rules->request.hook, .size = size, .data = data};
    return true;
}

bool tr_rules_take_question(struct tr_rules *rules, struct tr_question *question)
{
    if (rules == NULL || rules->question_count == 0)
        return false;
    *question = rules->questions[rules->first_question];
    rules->first_question = (rules->first_question + 1) % TR_RULES_QUESTIONS;
    rules->question_count--;
    return true;
}

static struct tryst_policy_request *begin(struct tr_rules *rules, uint32_t hook,
                                          const uint8_t app[TR_APP_BYTES],
                                          const uint8_t session[TR_SESSION_BYTES], uint64_t unix_ms)
{
    struct tryst_policy_request *request = &rules->request;

    memset(request, 0, offsetof(struct tryst_policy_request, locals));
    request->hook = hook;
    request->unix_ms = unix_ms;
    if (app != NULL)
        memcpy(request->app, app, TR_APP_BYTES);
    if (session != NULL)
        memcpy(request->session, session, TR_SESSION_BYTES);
    return request;
}

static void add_participant(struct tryst_policy_request *request,
                            const struct tr_participant *participant, uint64_t now_us)
{
    uint64_t present_ms = (now_us - participant->joined_us) / TR_MS;
    struct tr_policy_participant *told = &request->participants[request->participant_count++];

    memcpy(told->key, participant->entry.identity, TR_KEY);
    told->present_ms = present_ms < UINT32_MAX ? (uint32_t)present_ms : UINT32_MAX;
}

static void add_participants(struct tryst_policy_request *request,
                             const struct tr_membership *membership,
                             const struct tr_participant *without, uint64_t now_us)
{
    for (struct tr_entry *entry = membership->oldest; entry != NULL; entry = entry->newer)
        if (tr_participant_of(entry) != without)
            add_participant(request, tr_participant_of(entry), now_us);
}

bool tr_rules_ask(struct tr_rules *rules, struct tr_pending *pending, uint32_t hook,
                  const struct tr_membership *membership, uint64_t now_us, uint64_t unix_ms,
                  struct tr_server_stats *stats)
{
    const struct tr_admission *admission = &pending->admission;
    const struct tr_record *record = &admission->body.record;
    struct tryst_policy_request *request =
        begin(rules, hook, admission->head.app, record->session, unix_ms);

    memcpy(request->key, record->identity, TR_KEY);
    request->address = admission->from;
    for (uint32_t i = 0; i < admission->candidate_count; i++)
        if (admission->candidates[i].kind == TRYST_KIND_HOST)
            request->locals[request->local_count++] = admission->candidates[i].address;
    request->data_size = admission->body.user_data_size;
    memcpy(request->data, admission->body.user_data, request->data_size);
    if (membership != NULL)
        add_participants(request, membership, NULL, now_us);
    pending->hook = hook;
    pending->ticket = next_ticket(rules, pending->ticket % TR_RULES_PENDING);
    if (!put_question(rules, pending->ticket))
        return false;
    stats->policy_asked++;
    tr_alarms_set(&rules->alarms, &pending->due, now_us + rules->deadline_us);
    return true;
}

bool tr_rules_ask_relay(struct tr_rules *rules, uint32_t ticket, const struct tr_participant *asker,
                        const struct tr_participant *other, uint64_t now_us, uint64_t unix_ms,
                        struct tr_server_stats *stats)
{
    const struct tr_membership *membership = asker->membership;
    struct tryst_policy_request *request =
        begin(rules, TRYST_POLICY_RELAY, membership->app, membership->session, unix_ms);

    memcpy(request->key, asker->entry.identity, TR_KEY);
    request->address = tryst_address_canonical(&asker->address);
    add_participant(request, other, now_us);
    if (!put_question(rules, ticket))
        return false;
    stats->policy_asked++;
    return true;
}

uint64_t tr_rules_patience_us(const struct tr_rules *rules)
{
    return rules->deadline_us;
}

static void tell(struct tr_rules *rules, struct tr_server_stats *stats)
{
    if (put_question(rules, 0))
        stats->policy_asked++;
    else
        stats->policy_overload++;
}

void tr_rules_tell_leave(struct tr_rules *rules, const struct tr_participant *participant,
                         uint16_t reason, uint64_t now_us, uint64_t unix_ms,
                         struct tr_server_stats *stats)
{
    const struct tr_membership *membership = participant->membership;

    if (!tr_rules_has(rules, TRYST_POLICY_LEAVE))
        return;

    struct tryst_policy_request *request =
        begin(rules, TRYST_POLICY_LEAVE, membership->app, membership->session, unix_ms);

    request->reason = reason;
    memcpy(request->key, participant->entry.identity, TR_KEY);
    request->address = tryst_address_canonical(&participant->address);
    add_participants(request, membership, participant, now_us);
    tell(rules, stats);
}

void tr_rules_tell_close(struct tr_rules *rules, const uint8_t app[TR_APP_BYTES],
                         const uint8_t session[TR_SESSION_BYTES], uint64_t unix_ms,
                         struct tr_server_stats *stats)
{
    if (!tr_rules_has(rules, TRYST_POLICY_SESSION_CLOSE))
        return;
    begin(rules, TRYST_POLICY_SESSION_CLOSE, app, session, unix_ms);
    tell(rules, stats);
}

static void add_counter(struct tryst_policy_request *request, const char *name, uint64_t value)
{
    struct tr_policy_counter *counter = &request->counters[request->counter_count++];

    memset(counter->name, 0, sizeof counter->name);
    strncpy(counter->name, name, sizeof counter->name - 1);
    counter->value = value;
}

/* Ticks that the clock jumped over are not made up for. */
void tr_rules_tell_tick(struct tr_rules *rules, uint64_t now_us, uint64_t unix_ms,
                        struct tr_server_stats *stats)
{
    if (!tr_rules_has(rules, TRYST_POLICY_TICK) || !tr_is_due(rules->tick_us, now_us))
        return;
    rules->tick_us = now_us + TICK_US;

    struct tryst_policy_request *request = begin(rules, TRYST_POLICY_TICK, NULL, NULL, unix_ms);

#define COUNTER_ROW(field, text) add_counter(request, #field, stats->field);
    TR_SERVER_STATS(COUNTER_ROW)
#undef COUNTER_ROW
    tell(rules, stats);
}

/* --- Verdicts ---------------------------------------------------------------------------------- */

void tr_rules_put_verdict(struct tr_rules *rules, const struct tr_verdict *verdict)
{
    if (rules->verdict_count == TR_RULES_VERDICTS)
        return;
    rules->verdicts[(rules->first_verdict + rules->verdict_count++) % TR_RULES_VERDICTS] = *verdict;
}

bool tr_rules_take_verdict(struct tr_rules *rules, struct tr_verdict *verdict)
{
    if (rules == NULL || rules->verdict_count == 0)
        return false;
    *verdict = rules->verdicts[rules->first_verdict];
    rules->first_verdict = (rules->first_verdict + 1) % TR_RULES_VERDICTS;
    rules->verdict_count--;
    return true;
}
