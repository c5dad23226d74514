/* Loading a script at a desk as the server would, and asking it one request after the other.
 * SPDX-License-Identifier: MIT */
#include "server/rehearsal.h"

#include "server/desk.h"
#include "server/request_json.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct rehearsal {
    struct tr_desk *desk;
    uint32_t deadline_ms;
    uint32_t line;
    bool is_wrong;
};

static double now_ms(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

/* Waits for the answer to the question of this line; what the script prints meanwhile is shown. */
static void wait_answer(struct rehearsal *rehearsal, double until_ms,
                        struct tryst_policy_answer *answer)
{
    struct pollfd polled = {.fd = tr_desk_descriptor(rehearsal->desk), .events = POLLIN};
    struct tr_desk_note note;

    for (;;) {
        while (tr_desk_take(rehearsal->desk, &note)) {
            if (note.news == TR_DESK_LINE)
                fprintf(stderr, "script: %s\n", note.text);
            if (note.news == TR_DESK_ANSWER && note.ticket == rehearsal->line) {
                *answer = note.answer;
                return;
            }
        }
        double left_ms = until_ms - now_ms();
        if (left_ms <= 0)
            break;
        poll(&polled, 1, (int)left_ms + 1);
    }
    tr_desk_expire(rehearsal->desk, rehearsal->line);
    *answer = (struct tryst_policy_answer){.failure = TRYST_POLICY_FAILURE_TIMEOUT,
                                           .detail = "no answer by the deadline"};
}

static void ask(struct rehearsal *rehearsal, const struct tryst_policy_request *request)
{
    static const struct tryst_policy_answer allow = {.is_allowed = 1};
    struct tr_question question = {.ticket = rehearsal->line, .hook = request->hook};
    struct tryst_policy_answer answer = allow;
    double start_ms = now_ms();
    char *text;

    /* The server does not ask for what the script does not have. */
    if ((tr_desk_hooks(rehearsal->desk) >> request->hook & 1) != 0) {
        question.data = malloc(TRYST_POLICY_REQUEST_MAX);
        if (question.data == NULL)
            return;
        question.size = tr_policy_request_encode(request, question.data);
        start_ms = now_ms();
        if (!tr_desk_ask(rehearsal->desk, &question))
            free(question.data);
        wait_answer(rehearsal, start_ms + rehearsal->deadline_ms, &answer);
    }
    text = tr_answer_json(request->hook, &answer, rehearsal->line, now_ms() - start_ms);
    printf("%s\n", text != NULL ? text : "no memory left");
    free(text);
}

static void read_lines(struct rehearsal *rehearsal, const char *name, FILE *stream)
{
    static struct tryst_policy_request request;
    char error[TR_REQUEST_JSON_ERROR];
    char *line = NULL;
    size_t room = 0;

    while (getline(&line, &room, stream) >= 0) {
        rehearsal->line++;
        if (line[strspn(line, " \t\r\n")] == '\0')
            continue;
        if (tr_request_json_read(&request, line, error)) {
            ask(rehearsal, &request);
            continue;
        }
        fprintf(stderr, "%s:%u: %s\n", name, rehearsal->line, error);
        rehearsal->is_wrong = true;
    }
    free(line);
}

static void tell_hooks(const char *script, uint32_t hooks)
{
    printf("%s: ok, with", script);
    for (uint32_t hook = 0; hook <= TRYST_POLICY_RELAY; hook++)
        if ((hooks >> hook & 1) != 0)
            printf(" %s", tryst_policy_hook_name(hook));
    printf("%s\n", hooks == 0 ? " no hooks" : "");
}

bool tr_rehearse(const char *folder, const struct tryst_policy_settings *settings,
                 uint32_t deadline_ms, const char *requests)
{
    char error[TR_PLUGIN_ERROR];
    struct rehearsal rehearsal = {.desk = tr_desk_open(folder, settings, error),
                                  .deadline_ms = deadline_ms};
    bool is_stdin = strcmp(requests, "-") == 0;

    if (rehearsal.desk == NULL) {
        fprintf(stderr, "trystd: %s\n", error);
        return false;
    }
    if (requests[0] == '\0') {
        tell_hooks(settings->script, tr_desk_hooks(rehearsal.desk));
    } else {
        FILE *stream = is_stdin ? stdin : fopen(requests, "re");

        if (stream == NULL) {
            fprintf(stderr, "trystd: %s: %s\n", requests, strerror(errno));
            rehearsal.is_wrong = true;
        } else {
            read_lines(&rehearsal, requests, stream);
            if (!is_stdin)
                fclose(stream);
        }
    }
    tr_desk_close(rehearsal.desk);
    return !rehearsal.is_wrong;
}
