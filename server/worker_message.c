/* Judging what a worker process says.
 * SPDX-License-Identifier: MIT */
#include "server/worker_message.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static_assert(sizeof(struct tr_worker_question) == 8 &&
                  sizeof(struct tr_worker_reply) == 40 + TRYST_USER_DATA_MAX +
                                                        TRYST_POLICY_REASON_MAX +
                                                        TRYST_POLICY_DETAIL_MAX + 2,
              "policy_worker.py packs them without gaps");

/* Bytes of the character that starts here, and its number; 0: none that may stand in a text. RFC 3629,
 * section 4: no longer form than needed, no surrogates, nothing past U+10FFFF. Controls could forge lines
 * of a log and drive terminals. */
static size_t character(const unsigned char *text, size_t left)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = text[0];
    size_t size = first < 0x80             ? 1
                  : (first & 0xe0) == 0xc0 ? 2
                  : (first & 0xf0) == 0xe0 ? 3
                  : (first & 0xf8) == 0xf0 ? 4
                                           : 0;

    if (size == 0 || size > left)
        return 0;

    uint32_t number = size == 1 ? first : first & (0x7fu >> size);

    for (size_t i = 1; i < size; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        number = number << 6 | (text[i] & 0x3fu);
    }
    if (number < 0x20 || (number >= 0x7f && number < 0xa0) || (number >= 0xd800 && number < 0xe000))
        return 0;
    return number < least[size] || number > 0x10ffff ? 0 : size;
}

static bool is_text(const char *text, size_t room)
{
    const char *end = memchr(text, '\0', room);

    while (end != NULL && text < end) {
        size_t size = character((const unsigned char *)text, (size_t)(end - text));

        if (size == 0)
            return false;
        text += size;
    }
    return end != NULL;
}

static const char *answer_fault(const struct tr_worker_reply *reply)
{
    if (reply->failure > TRYST_POLICY_FAILURE_LIMIT ||
        (reply->failure != 0 && reply->is_allowed != 0))
        return "a failure that it cannot know of";
    if (reply->max_participants > TRYST_POLICY_PARTICIPANTS_MAX ||
        reply->addresses > TRYST_POLICY_ADDRESSES_RELAY_ONLY || reply->expires_s > INT32_MAX ||
        reply->relay_kbps > TRYST_POLICY_RELAY_KBPS_MAX || reply->data_size > TRYST_USER_DATA_MAX)
        return "a number out of its bounds";
    return NULL;
}

const char *tr_worker_reply_fault(const struct tr_worker_reply *reply, size_t size,
                                  uint32_t sequence)
{
    if (size != sizeof *reply)
        return "a message of another size";
    if (reply->word < TR_WORKER_READY || reply->word > TR_WORKER_DUMPED)
        return "a message that nobody knows";
    if (reply->sequence != sequence)
        return "a reply to another question";
    if (reply->is_allowed > 1)
        return "a number out of its bounds";
    if (!is_text(reply->reason, sizeof reply->reason) ||
        !is_text(reply->detail, sizeof reply->detail))
        return "a text that is none";
    if (reply->word == TR_WORKER_DUMPED && reply->value > TR_WORKER_STATE_MAX)
        return "too much state";
    return reply->word == TR_WORKER_ANSWER ? answer_fault(reply) : NULL;
}

void tr_worker_reply_answer(const struct tr_worker_reply *reply, struct tryst_policy_answer *answer)
{
    *answer = (struct tryst_policy_answer){.struct_size = sizeof *answer,
                                           .is_allowed = reply->is_allowed,
                                           .failure = reply->failure,
                                           .max_participants = reply->max_participants,
                                           .addresses = reply->addresses,
                                           .expires_s = reply->expires_s,
                                           .data_size = reply->data_size,
                                           .relay_kbps = reply->relay_kbps};
    memcpy(answer->data, reply->data, sizeof answer->data);
    memcpy(answer->reason, reply->reason, sizeof answer->reason);
    memcpy(answer->detail, reply->detail, sizeof answer->detail);
}

void tr_worker_fail(struct tryst_policy_answer *answer, enum tryst_policy_failure failure,
                    const char *detail)
{
    *answer =
        (struct tryst_policy_answer){.struct_size = sizeof *answer, .failure = (uint32_t)failure};
    snprintf(answer->detail, sizeof answer->detail, "%s", detail);
}
