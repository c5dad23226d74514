/* The server's protocol: takes datagrams apart by type, keeps the time, hands out answers.
 * SPDX-License-Identifier: MIT */
#include "server/service.h"

#include "lib/base/deadline.h"
#include "lib/wire/envelope.h"
#include "server/admission.h"
#include "server/announce.h"
#include "server/control.h"
#include "server/enrolment.h"
#include "server/relay.h"
#include "server/service_state.h"
#include "server/telling.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A round to 16 sessions of 256; 5 MB when all of it was ever needed at once. */
enum { OUTBOX_CAPACITY = 4096 };

static void count_drop(struct tr_server_stats *stats, enum tr_drop drop)
{
    uint64_t *const counters[TR_DROP_COUNT] = {
        [TR_DROP_SHORT] = &stats->drop_short,     [TR_DROP_UNKNOWN] = &stats->drop_unknown,
        [TR_DROP_VERSION] = &stats->drop_version, [TR_DROP_COOKIE] = &stats->drop_cookie,
        [TR_DROP_SEAL] = &stats->drop_seal,       [TR_DROP_SIGNATURE] = &stats->drop_signature,
        [TR_DROP_REPLAY] = &stats->drop_replay,   [TR_DROP_MALFORMED] = &stats->drop_malformed,
        [TR_DROP_LIMIT] = &stats->drop_limit,
    };

    if (drop != TR_DROP_NONE)
        ++*counters[drop];
}

static void update_gauges(struct tr_service *service)
{
    service->stats.participants = service->registry.participant_count;
    service->stats.sessions = service->registry.membership_count;
    service->stats.relay_pairs = service->detours.count;
    service->stats.drop_output = service->outbox.dropped;
}

tryst_result tr_service_create(struct tr_service **service,
                               const struct tr_service_options *options, uint64_t now_us,
                               uint64_t unix_s)
{
    struct tr_service_limits limits = options->limits;
    uint8_t key[TR_MAC_KEY];

    if (!tr_limits_fill(&limits))
        return TRYST_E_ARGUMENT;
    if (tr_seal_start() != TRYST_OK)
        return TRYST_E_CRYPTO;

    struct tr_service *made = calloc(1, sizeof *made);

    if (made == NULL)
        return TRYST_E_MEMORY;
    made->limits = limits;
    made->vantage = options->vantage;
    made->created_us = now_us;
    made->created_unix_s = unix_s;
    tr_random_init(&made->random, options->seed);
    tr_certify_init(&made->certify, options->root_seed, options->node_seed, unix_s);
    tr_alarms_init(&made->alarms);
    tr_alarms_init(&made->expiries);
    tr_random_bytes(&made->random, key, sizeof key);
    tr_registry_init(&made->registry, key);
    tr_random_bytes(&made->random, key, sizeof key);
    tr_detours_init(&made->detours, made->registry.key);

    tryst_result result = TRYST_E_MEMORY;

    if (tr_limiter_init(&made->limiter, key) && tr_outbox_init(&made->outbox, OUTBOX_CAPACITY))
        result = TRYST_OK;
    /* No client would accept a certificate that another root signed than the one it pins. */
    if (result == TRYST_OK && memcmp(made->certify.root_key, options->root_key, TR_KEY) != 0)
        result = TRYST_E_ARGUMENT;
    if (result != TRYST_OK) {
        tr_service_destroy(made);
        return result;
    }
    *service = made;
    return TRYST_OK;
}

void tr_service_destroy(struct tr_service *service)
{
    if (service == NULL)
        return;
    tr_alarms_clear(&service->alarms);
    tr_alarms_clear(&service->expiries);
    tr_rules_destroy(service->rules);
    tr_recall_clear(&service->recall);
    for (struct tr_participant *p = service->registry.earliest; p != NULL; p = p->later)
        tr_detours_leave(&service->detours, p);
    tr_detours_clear(&service->detours);
    tr_registry_clear(&service->registry);
    tr_limiter_clear(&service->limiter);
    tr_outbox_clear(&service->outbox);
    tr_seal_wipe(service, sizeof *service);
    free(service);
}

tryst_result tr_service_set_limits(struct tr_service *service,
                                   const struct tr_service_limits *limits)
{
    struct tr_service_limits filled = *limits;

    if (!tr_limits_fill(&filled))
        return TRYST_E_ARGUMENT;
    service->limits = filled;
    return TRYST_OK;
}

uint32_t tr_service_recall(struct tr_service *service, struct tr_recall_row *rows, uint32_t count,
                           uint64_t now_us)
{
    return tr_recall_start(&service->recall, rows, count, now_us);
}

void tr_service_set_census(struct tr_service *service, struct tr_census *census)
{
    service->census = census;
}

tryst_result tr_service_set_rules(struct tr_service *service, uint32_t hooks, uint32_t deadline_ms,
                                  uint64_t now_us)
{
    if (service->rules == NULL)
        service->rules = tr_rules_create(hooks, deadline_ms, now_us);
    else
        tr_rules_set_hooks(service->rules, hooks, deadline_ms);
    return service->rules != NULL ? TRYST_OK : TRYST_E_MEMORY;
}

bool tr_service_question(struct tr_service *service, struct tr_question *question)
{
    return tr_rules_take_question(service->rules, question);
}

bool tr_service_verdict(struct tr_service *service, struct tr_verdict *verdict)
{
    return tr_rules_take_verdict(service->rules, verdict);
}

void tr_service_answered(struct tr_service *service, uint64_t now_us, uint32_t ticket,
                         uint32_t hook, const struct tryst_policy_answer *answer)
{
    if (service->is_closing || service->rules == NULL)
        return;
    tr_enrolment_answered(service, ticket, hook, answer, now_us);
    tr_announce_run(service, now_us);
    update_gauges(service);
}

/* Hands out a cookie; the head has passed all checks. */
static enum tr_drop answer_bind(struct tr_service *service, const struct tr_arrival *arrival,
                                const struct tr_bind *head)
{
    struct tryst_address from;
    uint64_t unix_s = tr_service_unix_s(service, arrival->now_us);

    if (!tr_vantage_from(&service->vantage, arrival->to, head->flags, &from))
        return TR_DROP_UNKNOWN;

    struct tr_datagram *datagram = tr_service_answer(service, arrival);

    if (datagram == NULL)
        return TR_DROP_NONE;

    struct tr_cookie_reply reply = {
        .type = TR_COOKIE,
        .version = TR_VERSION,
        .other_port = service->vantage.other_port,
        .magic = TR_MAGIC,
        .seen = tr_admission_seen(&arrival->source),
        .server_ms = tr_service_unix_ms(service, arrival->now_us),
        .versions = 1U << TR_VERSION,
        .certificate = *tr_certify_certificate(&service->certify, unix_s),
    };

    reply.other.address = tr_vantage_other(&service->vantage, arrival->to);
    datagram->from = from;
    memcpy(reply.nonce, head->nonce, sizeof reply.nonce);
    tr_certify_cookie(&service->certify, &reply.cookie, unix_s, &arrival->source, head->app);
    tr_cookie_mask(&reply.seen, head->nonce);
    datagram->size = (uint16_t)tr_envelope_clear(&tr_layout_cookie_reply, &reply, datagram->data);
    service->stats.binds++;
    return TR_DROP_NONE;
}

/* A cookie shows that the source can be reached, so that no stranger fills the list. */
static enum tr_drop postpone_bind(struct tr_service *service, const struct tr_arrival *arrival,
                                  const struct tr_bind *head)
{
    uint32_t delay_s = head->flags >> TR_BIND_DELAY_SHIFT;
    struct tr_postponed_bind bind = {.due_us = arrival->now_us + delay_s * TR_S,
                                     .from = *arrival->from,
                                     .to = *arrival->to,
                                     .flags = head->flags};

    struct tryst_address from;

    if (arrival->from->transport != TRYST_TRANSPORT_UDP ||
        !tr_vantage_from(&service->vantage, arrival->to, head->flags, &from))
        return TR_DROP_UNKNOWN;
    if (!tr_certify_cookie_is_good(&service->certify, &head->cookie,
                                   tr_service_unix_s(service, arrival->now_us), &arrival->source,
                                   head->app))
        return TR_DROP_COOKIE;
    memcpy(bind.app, head->app, sizeof bind.app);
    memcpy(bind.nonce, head->nonce, sizeof bind.nonce);
    if (!tr_postponed_put(&service->postponed, &bind))
        service->stats.drop_bind_later++;
    return TR_DROP_NONE;
}

static enum tr_drop input_bind(struct tr_service *service, const struct tr_arrival *arrival)
{
    struct tr_bind head;

    if (!tr_envelope_head(&tr_layout_bind, &head, arrival->data, arrival->size))
        return TR_DROP_SHORT;
    if (head.flags >> TR_BIND_DELAY_SHIFT != 0)
        return postpone_bind(service, arrival, &head);
    return answer_bind(service, arrival, &head);
}

static void answer_postponed(struct tr_service *service, uint64_t now_us)
{
    struct tr_postponed_bind bind;

    while (tr_postponed_take(&service->postponed, now_us, &bind)) {
        struct tr_bind head = {.flags = bind.flags};
        struct tr_arrival arrival = {.now_us = now_us,
                                     .from = &bind.from,
                                     .to = &bind.to,
                                     .source = tryst_address_canonical(&bind.from)};

        memcpy(head.app, bind.app, sizeof head.app);
        memcpy(head.nonce, bind.nonce, sizeof head.nonce);
        uint64_t before = service->stats.binds;
        answer_bind(service, &arrival, &head);
        service->stats.binds_later += service->stats.binds - before; /* the queue may be full */
    }
}

/* Whether an answer to this address would reach one host that could have asked. */
static bool is_answerable(const struct tryst_address *address)
{
    switch (tryst_address_classify(address)) {
    case TRYST_ADDRESS_NONE:
    case TRYST_ADDRESS_MULTICAST:
    case TRYST_ADDRESS_BROADCAST:
    case TRYST_ADDRESS_UNSPECIFIED:
        return false;
    default:
        return true;
    }
}

static enum tr_drop input(struct tr_service *service, const struct tr_arrival *arrival)
{
    enum tr_drop drop = tr_envelope_check(arrival->data, arrival->size, TR_FROM_CLIENT);

    if (drop != TR_DROP_NONE)
        return drop;
    if (!is_answerable(&arrival->source))
        return TR_DROP_LIMIT;
    if (tr_vantage_is_other(&service->vantage, arrival->to) &&
        *(const uint8_t *)arrival->data != TR_BIND)
        return TR_DROP_UNKNOWN;
    switch (*(const uint8_t *)arrival->data) {
    case TR_BIND:
        return input_bind(service, arrival);
    case TR_REGISTER:
        return tr_enrolment_input(service, arrival);
    case TR_RELAY:
        return tr_relay_input(service, arrival);
    default:
        return tr_control_input(service, arrival);
    }
}

void tr_service_input(struct tr_service *service, uint64_t now_us, const struct tryst_address *from,
                      const struct tryst_address *to, const void *data, size_t size)
{
    struct tr_arrival arrival = {
        .now_us = now_us,
        .from = from,
        .to = to,
        .source = tryst_address_canonical(from),
        .data = data,
        .size = size,
    };

    if (service->is_closing)
        return;
    service->stats.received++;
    service->stats.received_bytes += size;
    count_drop(&service->stats, input(service, &arrival));
    tr_announce_run(service, now_us);
    update_gauges(service);
}

static uint64_t next_expiry(const struct tr_service *service)
{
    const struct tr_participant *silent = service->registry.earliest;

    return silent == NULL ? TR_NEVER
                          : silent->heard_us + service->limits.expire_ms * (uint64_t)TR_MS;
}

/* Whose time by the rules is over is told so, and asks anew. */
static void expire(struct tr_service *service, uint64_t now_us)
{
    struct tr_alarm *alarm;

    while ((alarm = tr_alarms_take(&service->expiries, now_us)) != NULL) {
        struct tr_participant *participant =
            (struct tr_participant *)(void *)((char *)alarm -
                                              offsetof(struct tr_participant, expiry));

        service->stats.expired++;
        tr_telling_leave(service, participant, TRYST_REASON_EXPIRED);
        tr_announce_departure(service, participant, TRYST_REASON_EXPIRED, now_us);
    }
}

void tr_service_tick(struct tr_service *service, uint64_t now_us)
{
    if (service->is_closing)
        return;
    while (service->registry.earliest != NULL && tr_is_due(next_expiry(service), now_us)) {
        service->stats.expired++;
        tr_announce_departure(service, service->registry.earliest, TRYST_REASON_EXPIRED, now_us);
    }
    expire(service, now_us);
    answer_postponed(service, now_us);
    tr_enrolment_tick(service, now_us);
    tr_recall_tick(&service->recall, now_us, &service->outbox);
    tr_relay_tick(service, now_us);
    tr_announce_run(service, now_us);
    update_gauges(service);
}

uint64_t tr_service_deadline(const struct tr_service *service)
{
    uint64_t next = TR_NEVER;

    if (service->is_closing)
        return next;
    tr_sooner(&next, next_expiry(service));
    tr_sooner(&next, tr_alarms_next(&service->alarms));
    tr_sooner(&next, tr_alarms_next(&service->expiries));
    tr_sooner(&next, tr_rules_deadline(service->rules));
    tr_sooner(&next, tr_postponed_deadline(&service->postponed));
    tr_sooner(&next, tr_recall_deadline(&service->recall));
    tr_sooner(&next, tr_relay_deadline(service));
    return next;
}

const struct tr_datagram *tr_service_output(struct tr_service *service)
{
    /* One farewell at a time, as the outbox may be smaller than the number of participants. */
    while (service->outbox.count == 0 && service->farewell != NULL) {
        tr_telling_leave(service, service->farewell, TRYST_REASON_SHUTDOWN);
        service->farewell = service->farewell->later;
    }

    const struct tr_datagram *datagram = tr_outbox_pop(&service->outbox);

    if (datagram != NULL) {
        service->stats.sent++;
        service->stats.sent_bytes += datagram->size;
    }
    return datagram;
}

void tr_service_shutdown(struct tr_service *service, uint64_t now_us)
{
    (void)now_us;
    if (service->is_closing)
        return;
    service->is_closing = true;
    service->farewell = service->registry.earliest;
    tr_recall_drop_all(&service->recall);
}

void tr_service_set_streams(struct tr_service *service, const struct tr_stream_counts *counts)
{
    service->stats.streams = counts->open;
    service->stats.stream_accepted = counts->accepted;
    service->stats.stream_refused = counts->refused;
    service->stats.drop_stream = counts->dropped;
}

const struct tr_server_stats *tr_service_stats(const struct tr_service *service)
{
    return &service->stats;
}
