/* What the parts of the service share: REGISTER (enrolment), CTRL (control), RELAY (relay), what changed
 * and whom to tell (announce); service.c joins them.
 * SPDX-License-Identifier: MIT */
#ifndef TR_SERVICE_STATE_H
#define TR_SERVICE_STATE_H

#include "lib/base/outbox.h"
#include "server/census.h"
#include "server/certify.h"
#include "server/detours.h"
#include "server/limiter.h"
#include "server/limits.h"
#include "server/postponed.h"
#include "server/recall.h"
#include "server/registry.h"
#include "server/rules.h"
#include "server/stats.h"
#include "server/vantage.h"

/* REGISTERs accepted a moment ago, by the first bytes of their hash: clients send each more than once,
 * and the copies cost no public-key operation. */
enum { TR_RECENT = 1024 };

struct tr_recent {
    uint8_t hash[TR_KEY];
    uint8_t channel[TR_CHANNEL_BYTES];
};

struct tr_service {
    struct tr_service_limits limits;
    struct tr_vantage vantage;
    struct tr_certify certify;
    struct tr_random random;
    struct tr_registry registry;
    struct tr_alarms alarms;   /* of sessions */
    struct tr_alarms expiries; /* of participants whose rules set an end */
    struct tr_rules *rules;    /* NULL: there are none */
    struct tr_limiter limiter;
    struct tr_postponed postponed;
    struct tr_census *census; /* the caller's; NULL: nothing is counted */
    struct tr_bucket unknown; /* for UNKNOWN replies */
    struct tr_recall recall;
    struct tr_detours detours;
    struct tr_quota relayed; /* of all that is relayed */
    struct tr_recent recent[TR_RECENT];
    struct tr_outbox outbox;
    struct tr_server_stats stats;
    uint64_t created_us;
    uint64_t created_unix_s;
    bool is_closing;
    struct tr_participant *farewell; /* the next to be told; NULL: all were */
};

/* One datagram that came in. */
struct tr_arrival {
    uint64_t now_us;
    const struct tryst_address *from;
    const struct tryst_address *to; /* the server's own */
    struct tryst_address source;    /* from, canonical */
    const void *data;
    size_t size;
};

static inline uint64_t tr_service_unix_ms(const struct tr_service *service, uint64_t now_us)
{
    return service->created_unix_s * 1000 + (now_us - service->created_us) / 1000;
}

static inline uint64_t tr_service_unix_s(const struct tr_service *service, uint64_t now_us)
{
    return tr_service_unix_ms(service, now_us) / 1000;
}

/* Pushes an answer to where a datagram came from. NULL: the outbox is full. */
static inline struct tr_datagram *tr_service_answer(struct tr_service *service,
                                                    const struct tr_arrival *arrival)
{
    struct tr_datagram *datagram = tr_outbox_push(&service->outbox);

    if (datagram != NULL) {
        datagram->to = *arrival->from;
        datagram->from = *arrival->to;
    }
    return datagram;
}

#endif
