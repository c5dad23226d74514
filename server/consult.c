/* Questions to the desk, answers to the service, verdicts to the log.
 * SPDX-License-Identifier: MIT */
#include "server/consult.h"

#include <stdlib.h>
#include <tryst/identity.h>

static void log_verdict(struct tr_log *log, const struct tr_verdict *verdict, uint64_t now_us)
{
    const struct tryst_policy_answer *answer = &verdict->answer;
    bool has_failed = answer->failure != TRYST_POLICY_FAILURE_NONE;
    char key[TRYST_KEY_TEXT_SIZE];
    struct tr_log_line line;

    tr_log_begin(&line, log, now_us, has_failed ? TR_LOG_WARNING : TR_LOG_INFO,
                 has_failed ? "policy-failed" : "policy-denied");
    tr_log_text(&line, "hook", tryst_policy_hook_name(verdict->hook));
    if (has_failed) {
        tr_log_text(&line, "failure", tryst_policy_failure_name(answer->failure));
        tr_log_text(&line, "why", answer->detail);
    } else {
        tr_log_text(&line, "reason", answer->reason);
    }
    if (tryst_key_format(verdict->key, key, sizeof key) == TRYST_OK)
        tr_log_text(&line, "participant", key);
    tr_log_end(&line);
}

static void log_reload(struct tr_log *log, const struct tr_desk_note *note, uint64_t now_us)
{
    if (note->is_good)
        tr_log_say(log, now_us, TR_LOG_INFO, "policy-reloaded", NULL, NULL);
    else
        tr_log_say(log, now_us, TR_LOG_ERROR, "policy-kept", "why", note->text);
}

static bool ask_all(struct tr_desk *desk, struct tr_service *service, uint64_t now_us)
{
    static const struct tryst_policy_answer overload = {
        .failure = TRYST_POLICY_FAILURE_OVERLOAD, .detail = "too many questions wait already"};
    struct tr_question question;
    bool any = false;

    while (tr_service_question(service, &question)) {
        any = true;
        if (tr_desk_ask(desk, &question))
            continue;
        free(question.data);
        tr_service_answered(service, now_us, question.ticket, question.hook, &overload);
    }
    return any;
}

static bool take_all(struct tr_desk *desk, struct tr_service *service, struct tr_log *log,
                     uint32_t deadline_ms, uint64_t now_us)
{
    struct tr_desk_note note;
    bool any = false;

    while (tr_desk_take(desk, &note)) {
        any = true;
        switch (note.news) {
        case TR_DESK_ANSWER:
            tr_service_answered(service, now_us, note.ticket, note.hook, &note.answer);
            break;
        case TR_DESK_LINE:
            tr_log_say(log, now_us,
                       note.level < TR_LOG_LEVEL_COUNT ? (enum tr_log_level)note.level
                                                       : TR_LOG_INFO,
                       "policy", "said", note.text);
            break;
        case TR_DESK_RELOAD:
            log_reload(log, &note, now_us);
            tr_service_set_rules(service, note.hooks, deadline_ms, now_us);
            break;
        }
    }
    return any;
}

void tr_consult(struct tr_desk *desk, struct tr_service *service, struct tr_log *log,
                uint32_t deadline_ms, uint64_t now_us)
{
    struct tr_verdict verdict;

    if (desk == NULL)
        return;
    /* An answer may lead to the next hook's question. */
    while (ask_all(desk, service, now_us) || take_all(desk, service, log, deadline_ms, now_us))
        continue;
    while (tr_service_verdict(service, &verdict)) {
        if (verdict.ticket != 0)
            tr_desk_expire(desk, verdict.ticket);
        log_verdict(log, &verdict, now_us);
    }
}
