/* What waits for the operator's rules: questions out, registrations that are held until the answer, and
 * what became of them, for the log. Knows neither languages nor threads.
 * SPDX-License-Identifier: MIT */
#ifndef TR_RULES_H
#define TR_RULES_H

#include "server/admission.h"
#include "server/registry.h"
#include "server/stats.h"
#include <tryst/policy.h>

enum {
    TR_RULES_PENDING = 1024,   /* registrations that wait at a time */
    TR_RULES_QUESTIONS = 2048, /* that nobody has fetched yet */
    TR_RULES_VERDICTS = 256,
};

/* Of tickets: the question is about relaying, and not about a registration. */
#define TR_TICKET_RELAY (UINT32_C(1) << 31)

/* For the rules: what tryst_policy_request_decode reads. */
struct tr_question {
    uint32_t ticket; /* 0: whatever is answered, nobody waits for it */
    uint32_t hook;
    size_t size;
    uint8_t *data;
};

/* For the log, and for who works on the question. */
struct tr_verdict {
    uint32_t ticket; /* of a question that is too late now; 0: none */
    uint32_t hook;
    uint8_t key[TR_KEY]; /* whom it was about */
    struct tryst_policy_answer answer;
};

/* A registration that is held. */
struct tr_pending {
    uint32_t ticket;
    uint32_t hook;       /* asked now */
    bool is_denied;      /* decided; kept for a moment, for its copies */
    uint32_t retry_ms;   /* what the refusal said */
    struct tr_alarm due; /* the deadline, or the end of that moment */
    struct tryst_address from;
    struct tryst_address to;
    struct tr_admission admission;
    struct tryst_policy_answer granted; /* by the hooks so far */
};

struct tr_rules;

/* hooks: bits 1 << enum tryst_policy_hook. NULL: no memory. */
struct tr_rules *tr_rules_create(uint32_t hooks, uint32_t deadline_ms, uint64_t now_us);
void tr_rules_destroy(struct tr_rules *rules);

/* The script changed; what waits goes on waiting. */
void tr_rules_set_hooks(struct tr_rules *rules, uint32_t hooks, uint32_t deadline_ms);
bool tr_rules_has(const struct tr_rules *rules, uint32_t hook);

/* Holds a registration; the admission is copied. NULL: too many are held. */
struct tr_pending *tr_rules_hold(struct tr_rules *rules, const struct tr_admission *admission,
                                 const struct tryst_address *from, const struct tryst_address *to);

/* The one whose REGISTER has this hash, or that waits under this ticket; NULL. */
struct tr_pending *tr_rules_find(const struct tr_rules *rules, const uint8_t hash[TR_KEY]);
struct tr_pending *tr_rules_find_ticket(const struct tr_rules *rules, uint32_t ticket);
void tr_rules_release(struct tr_rules *rules, struct tr_pending *pending);

/* Keeps a denial for a moment. */
void tr_rules_keep_denied(struct tr_rules *rules, struct tr_pending *pending, uint64_t now_us);

/* Puts the question of a hook about a held registration. membership: its session, NULL for none yet.
 * false: no room; nothing was put. */
bool tr_rules_ask(struct tr_rules *rules, struct tr_pending *pending, uint32_t hook,
                  const struct tr_membership *membership, uint64_t now_us, uint64_t unix_ms,
                  struct tr_server_stats *stats);

/* Puts the question whether two may be relayed for: the one who asked last, and the other. The ticket is
 * the caller's, with TR_TICKET_RELAY in it. false: no room; nothing was put. */
bool tr_rules_ask_relay(struct tr_rules *rules, uint32_t ticket, const struct tr_participant *asker,
                        const struct tr_participant *other, uint64_t now_us, uint64_t unix_ms,
                        struct tr_server_stats *stats);

/* How long an answer is waited for. */
uint64_t tr_rules_patience_us(const struct tr_rules *rules);

/* Tells of a participant that left, of a session that closed, of the counters. Does nothing where the
 * rules have no such hook; rules may be NULL. */
void tr_rules_tell_leave(struct tr_rules *rules, const struct tr_participant *participant,
                         uint16_t reason, uint64_t now_us, uint64_t unix_ms,
                         struct tr_server_stats *stats);
void tr_rules_tell_close(struct tr_rules *rules, const uint8_t app[TR_APP_BYTES],
                         const uint8_t session[TR_SESSION_BYTES], uint64_t unix_ms,
                         struct tr_server_stats *stats);
void tr_rules_tell_tick(struct tr_rules *rules, uint64_t now_us, uint64_t unix_ms,
                        struct tr_server_stats *stats);

/* The next question; its data is the taker's to free. false: none. */
bool tr_rules_take_question(struct tr_rules *rules, struct tr_question *question);

/* What is to be told. A verdict that finds no room is lost: the counters have it. */
void tr_rules_put_verdict(struct tr_rules *rules, const struct tr_verdict *verdict);
bool tr_rules_take_verdict(struct tr_rules *rules, struct tr_verdict *verdict);

/* When something is due next; what is due, one by one (NULL: nothing more). */
uint64_t tr_rules_deadline(const struct tr_rules *rules);
struct tr_pending *tr_rules_take_due(struct tr_rules *rules, uint64_t now_us);

#endif
