/* Joins a second without rules and with rules in each language, through the desk's thread; and what one
 * question costs there and back.
 * SPDX-License-Identifier: MIT */
#include "tests/bench/bench_requests.h"

#include "lib/wire/policy_request.h"
#include "server/consult.h"
#include <poll.h>

enum { ROUNDS = 7, QUESTIONS = 2000, DEADLINE_MS = 10000 };

static const char *folder; /* of the plug-ins and the scripts */

static struct tr_desk *open_desk(const char *script, char error[TR_PLUGIN_ERROR])
{
    static char path[4096];
    struct tryst_policy_settings settings = {.workers = 2, .load_ms = 5000, .script = path};
    snprintf(path, sizeof path, "%s/%s", folder, script);
    return tr_desk_open(folder, &settings, error);
}

/* Wall time: two threads share the work. */
static double joins_a_second(struct tr_desk *desk, struct tr_log *log)
{
    struct tr_service *service = make_service();
    if (desk != NULL)
        tr_service_set_rules(service, tr_desk_hooks(desk), DEADLINE_MS, NOW_US);
    uint64_t start_ns = bench_clock_ns(CLOCK_MONOTONIC);
    for (uint32_t i = 0; i < REQUESTS; i++) {
        tr_service_input(service, NOW_US, &client, &server, requests[i], sizeof requests[i]);
        tr_consult(desk, service, log, DEADLINE_MS, NOW_US);
        while (tr_service_output(service) != NULL)
            ;
    }
    while (tr_service_stats(service)->registered < REQUESTS) {
        struct pollfd polled = {.fd = desk != NULL ? tr_desk_descriptor(desk) : -1,
                                .events = POLLIN};
        if (desk == NULL || poll(&polled, 1, 5000) == 0)
            give_up("not all were registered");
        tr_consult(desk, service, log, DEADLINE_MS, NOW_US);
        while (tr_service_output(service) != NULL)
            ;
    }
    double spent_s = (double)(bench_clock_ns(CLOCK_MONOTONIC) - start_ns) / 1e9;
    tr_service_destroy(service);
    return REQUESTS / spent_s;
}

/* Microseconds of one question, asked when the last was answered. */
static double question_us(struct tr_desk *desk, uint32_t hook)
{
    static struct tryst_policy_request request;
    static double values[QUESTIONS];
    struct tr_desk_note note;
    memset(&request, 0, sizeof request);
    request.hook = hook;
    request.address = client;
    request.data_size = 8;
    for (uint32_t i = 0; i < QUESTIONS; i++) {
        struct tr_question question = {.ticket = i + 1, .hook = hook};
        question.data = malloc(TRYST_POLICY_REQUEST_MAX);
        if (question.data == NULL)
            give_up("no memory");
        uint64_t start_ns = bench_clock_ns(CLOCK_MONOTONIC);
        question.size = tr_policy_request_encode(&request, question.data);
        if (!tr_desk_ask(desk, &question))
            give_up("a question is not taken");
        for (bool is_answered = false; !is_answered;) {
            struct pollfd polled = {.fd = tr_desk_descriptor(desk), .events = POLLIN};
            if (poll(&polled, 1, 5000) == 0)
                give_up("no answer");
            while (tr_desk_take(desk, &note))
                is_answered = is_answered || note.news == TR_DESK_ANSWER;
        }
        values[i] = (double)(bench_clock_ns(CLOCK_MONOTONIC) - start_ns) / 1e3;
    }
    return bench_figures_of(values, QUESTIONS).median;
}

static void survey(const char *name, const char *script, struct tr_log *log)
{
    double values[ROUNDS];
    char error[TR_PLUGIN_ERROR];
    struct tr_desk *desk = script != NULL ? open_desk(script, error) : NULL;
    if (script != NULL && desk == NULL) {
        printf("%-12s left out: %s\n", name, error);
        return;
    }
    for (int round = 0; round < ROUNDS; round++)
        values[round] = joins_a_second(desk, log);
    printf("%-12s %12.0f", name, bench_figures_of(values, ROUNDS).median);
    for (uint32_t hook = 0; desk != NULL && hook < TRYST_POLICY_RELAY; hook++)
        if ((tr_desk_hooks(desk) >> hook & 1) != 0)
            printf(" %9.1f", question_us(desk, hook));
    printf("\n");
    tr_desk_close(desk);
}

int main(int argc, char **argv)
{
    static struct tr_log log;
    if (argc != 2 || tr_seal_start() != TRYST_OK) {
        fprintf(stderr, "usage: bench_policy FOLDER   (bench_policy.py makes it)\n");
        return 2;
    }
    folder = argv[1];
    tr_log_init(&log, stderr, TR_LOG_ERROR);
    make_keys();
    prepare_all(2, &client);
    printf("%-12s %12s  microseconds of on_register, on_session_open, on_join, on_leave,\n"
           "%-12s %12s  on_session_close, on_tick, there and back\n",
           "rules", "joins/s", "", "");
    survey("none", NULL, &log);
    survey("C, on_join", "rules.so", &log);
    survey("Lua, all", "rules.lua", &log);
    survey("Python, all", "rules.py", &log);
    return 0;
}
