/* The server's protocol without sockets or clock: datagrams in, datagrams out, counters beside.
 * SPDX-License-Identifier: MIT */
#ifndef TR_SERVICE_H
#define TR_SERVICE_H

#include "lib/base/outbox.h"
#include "lib/seal/seal.h"
#include "server/census.h"
#include "server/limits.h"
#include "server/recall.h"
#include "server/rules.h"
#include "server/stats.h"
#include "server/vantage.h"
#include <tryst/address.h>
#include <tryst/base.h>

struct tr_service_options {
    uint8_t seed[TR_KEY];      /* all its randomness: never used twice */
    uint8_t root_key[TR_KEY];  /* public: what clients pin */
    uint8_t root_seed[TR_KEY]; /* signs node certificates, now and later; root_key's */
    uint8_t node_seed[TR_KEY]; /* Ed25519 and X25519 node keys come from it; kept over restarts */
    struct tr_service_limits limits;
    struct tr_vantage vantage;
};

struct tr_service;

/* unix_s: wall-clock seconds now, for the certificate's dates; kept in step by now_us from then on.
 * TRYST_OK, TRYST_E_ARGUMENT (a limit out of range, or a root key that is not its seed's),
 * TRYST_E_MEMORY, TRYST_E_CRYPTO. */
tryst_result tr_service_create(struct tr_service **service,
                               const struct tr_service_options *options, uint64_t now_us,
                               uint64_t unix_s);
void tr_service_destroy(struct tr_service *service);

/* New limits from now on; participants that are there stay. TRYST_E_ARGUMENT: nothing changed. */
tryst_result tr_service_set_limits(struct tr_service *service,
                                   const struct tr_service_limits *limits);

/* Keeps who is here in these rows, 8-aligned and zeros when they are new, which stay the caller's and
 * may outlive this server. Whom they name from before is told UNKNOWN from now on. Before any input;
 * once a service. Returns how many will be told. */
uint32_t tr_service_recall(struct tr_service *service, struct tr_recall_row *rows, uint32_t count,
                           uint64_t now_us);

/* Counts in this from now on, which stays the caller's. Before any input; NULL: nothing is counted. */
void tr_service_set_census(struct tr_service *service, struct tr_census *census);

/* From now on newcomers are held until the operator's rules have answered, and denied after deadline_ms.
 * hooks: bits 1 << enum tryst_policy_hook. May be called again. TRYST_OK; TRYST_E_MEMORY. */
tryst_result tr_service_set_rules(struct tr_service *service, uint32_t hooks, uint32_t deadline_ms,
                                  uint64_t now_us);

/* The next question for the rules; its data is the taker's to free. false: none. */
bool tr_service_question(struct tr_service *service, struct tr_question *question);

/* The rules' answer to a question, at once or later. */
void tr_service_answered(struct tr_service *service, uint64_t now_us, uint32_t ticket,
                         uint32_t hook, const struct tryst_policy_answer *answer);

/* What the rules denied, or failed at, for the log. false: nothing more. */
bool tr_service_verdict(struct tr_service *service, struct tr_verdict *verdict);

/* to: the server's own address the datagram came to (replies leave from it). */
void tr_service_input(struct tr_service *service, uint64_t now_us, const struct tryst_address *from,
                      const struct tryst_address *to, const void *data, size_t size);
void tr_service_tick(struct tr_service *service, uint64_t now_us);
uint64_t tr_service_deadline(const struct tr_service *service);

/* The next datagram to send, NULL when there is none; readable until the next call. */
const struct tr_datagram *tr_service_output(struct tr_service *service);

/* Tells every participant that the server goes away, and recalls none of them; send the output, then
 * destroy. */
void tr_service_shutdown(struct tr_service *service, uint64_t now_us);

/* What the streams that carry datagrams here have counted so far, for the counters. */
void tr_service_set_streams(struct tr_service *service, const struct tr_stream_counts *counts);

const struct tr_server_stats *tr_service_stats(const struct tr_service *service);

#endif
