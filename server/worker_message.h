/* What crosses between a pool and the worker processes that run a script: SOCK_SEQPACKET messages in
 * the machine's own byte order, one question and one reply at a time. policy_worker.py is the other end.
 *
 * To the worker:  struct tr_worker_question, and the request's bytes behind it.
 * Back:           struct tr_worker_reply, always whole. The script may have written it by itself, or
 *                 anything else: it is believed only as far as tr_worker_reply_fault finds nothing.
 * SPDX-License-Identifier: MIT */
#ifndef TR_WORKER_MESSAGE_H
#define TR_WORKER_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <tryst/policy.h>

enum {
    TR_WORKER_STATE_MAX = 1024 * 1024, /* bytes of what a script carries over a reload */
    TR_WORKER_DUMP = 255, /* a question's hook: put the state where tr_worker_state reads it */
};

struct tr_worker_question {
    uint32_t sequence;
    uint32_t hook; /* enum tryst_policy_hook or TR_WORKER_DUMP */
};

enum tr_worker_word {
    TR_WORKER_READY = 1,  /* value: the hooks; is_allowed: the script uses `state` */
    TR_WORKER_FAILED = 2, /* detail: why the script does not load */
    TR_WORKER_ANSWER = 3,
    TR_WORKER_DUMPED = 4, /* value: bytes of state; is_allowed 0: detail says why there are none */
};

struct tr_worker_reply {
    uint32_t word;     /* enum tr_worker_word */
    uint32_t sequence; /* of the question; 0 with READY and FAILED */
    uint32_t value;
    uint32_t is_allowed;
    uint32_t failure;
    uint32_t max_participants;
    uint32_t addresses;
    uint32_t expires_s;
    uint32_t relay_kbps;
    uint32_t data_size;
    uint8_t data[TRYST_USER_DATA_MAX];
    char reason[TRYST_POLICY_REASON_MAX + 1];
    char detail[TRYST_POLICY_DETAIL_MAX + 1];
};

/* What is wrong with a reply of so many bytes to a question with this sequence number; NULL: nothing,
 * and all of its fields are within their bounds and its texts printable UTF-8. */
const char *tr_worker_reply_fault(const struct tr_worker_reply *reply, size_t size,
                                  uint32_t sequence);

/* The answer that a sound reply holds. */
void tr_worker_reply_answer(const struct tr_worker_reply *reply,
                            struct tryst_policy_answer *answer);

/* An answer that denies. detail: why, for the log; cut where it is too long. */
void tr_worker_fail(struct tryst_policy_answer *answer, enum tryst_policy_failure failure,
                    const char *detail);

#endif
