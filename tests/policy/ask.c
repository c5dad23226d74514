/* Asks a policy plug-in as the server does: loads it by path, hands it questions, and tells what it
 * answered and how long it held its thread.
 *
 * ask [OPTION]... PLUGIN SCRIPT STEP...        with "-" for the steps: one a line from standard input
 *
 * A step is a hook, with fields of the question: on_join:data=TEXT,participants=3,reason=2,times=100
 * (times: so many questions at once). Or "reload", or "wait:ms=100".
 *
 * Prints, with tabs between: an answer as "hook verdict failure reason detail milliseconds", a line of
 * the log as "log level text", a reload as "reload ok|failed error". And at last, in milliseconds, the
 * longest call of submit and the processor time of the one that used most.
 * SPDX-License-Identifier: MIT */
#include "lib/wire/policy_request.h"

#include <dlfcn.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TIMES_MAX = 1000, ERROR = 512 };

/* A question that was handed over. */
struct asked {
    bool is_open;
    bool is_expired;
    uint32_t hook;
    double start_ms;
};

struct asker {
    const struct tryst_policy_plugin *plugin;
    struct tryst_policy *policy;
    struct tryst_policy_settings settings;
    struct asked asked[TIMES_MAX]; /* by ticket; tickets start at 1 */
    uint32_t open_count;
    uint32_t first_ticket; /* of this step */
    bool is_quiet;
    double submit_ms; /* the longest */
    double submit_cpu_ms;
};

struct step {
    char hook[32];
    struct tryst_policy_request request;
    uint32_t times;
    uint32_t wait_ms;
};

static double clock_ms(clockid_t clock)
{
    struct timespec time;

    clock_gettime(clock, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static double now_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

/* --- What a plug-in may call ------------------------------------------------------------------- */

static void print_answer(uint32_t hook, const struct tryst_policy_answer *answer, double took_ms)
{
    printf("%s\t%s\t%s\t%s\t%s\t%.3f", tryst_policy_hook_name(hook),
           answer->is_allowed && answer->failure == 0 ? "allow" : "deny",
           tryst_policy_failure_name(answer->failure), answer->reason, answer->detail, took_ms);
    if (answer->max_participants != 0)
        printf("\tmax_participants=%" PRIu32, answer->max_participants);
    if (answer->addresses != 0)
        printf("\taddresses=%s", tryst_policy_addresses_name(answer->addresses));
    if (answer->expires_s != 0)
        printf("\texpires_s=%" PRIu32, answer->expires_s);
    if (answer->relay_kbps != 0)
        printf("\trelay_kbps=%" PRIu32, answer->relay_kbps);
    if (answer->data_size != 0) {
        printf("\tdata=");
        for (uint32_t i = 0; i < answer->data_size; i++)
            printf("%02x", answer->data[i]);
    }
    printf("\n");
}

static void take_answer(void *context, uint32_t ticket, const struct tryst_policy_answer *answer)
{
    struct asker *asker = context;
    uint32_t index = ticket - asker->first_ticket;

    if (index >= TIMES_MAX || !asker->asked[index].is_open) {
        printf("stray\t%" PRIu32 "\n", ticket);
        return;
    }
    asker->asked[index].is_open = false;
    asker->open_count--;
    if (!asker->is_quiet)
        print_answer(asker->asked[index].hook, answer, now_ms() - asker->asked[index].start_ms);
}

static void take_line(void *context, uint32_t level, const char *text)
{
    (void)context;
    printf("log\t%" PRIu32 "\t%s\n", level, text);
}

/* --- Asking ------------------------------------------------------------------------------------ */

static void submit(struct asker *asker, uint32_t ticket, const void *data, size_t size)
{
    double start_ms = now_ms();
    double start_cpu_ms, took_ms, took_cpu_ms;

    if (asker->is_quiet) { /* this clock takes longer than some hooks */
        asker->plugin->submit(asker->policy, ticket, data, size);
        return;
    }
    start_cpu_ms = clock_ms(CLOCK_THREAD_CPUTIME_ID);
    asker->plugin->submit(asker->policy, ticket, data, size);
    took_ms = now_ms() - start_ms;
    took_cpu_ms = clock_ms(CLOCK_THREAD_CPUTIME_ID) - start_cpu_ms;
    if (took_ms > asker->submit_ms)
        asker->submit_ms = took_ms;
    if (took_cpu_ms > asker->submit_cpu_ms)
        asker->submit_cpu_ms = took_cpu_ms;
}

/* Denies what is too late, as the server does, and tells the plug-in. */
static void expire(struct asker *asker)
{
    static const struct tryst_policy_answer late = {.failure = TRYST_POLICY_FAILURE_TIMEOUT,
                                                    .detail = "no answer by the deadline"};

    for (uint32_t i = 0; i < TIMES_MAX; i++) {
        struct asked *asked = &asker->asked[i];
        double took_ms = now_ms() - asked->start_ms;

        if (!asked->is_open || took_ms < asker->settings.deadline_ms)
            continue;
        asked->is_open = false;
        asker->open_count--;
        print_answer(asked->hook, &late, took_ms);
        if (asker->plugin->expire != NULL)
            asker->plugin->expire(asker->policy, asker->first_ticket + i);
    }
}

/* Waits for the plug-in's descriptor or time once, no longer than most_ms. */
static void turn(struct asker *asker, int most_ms)
{
    const struct tryst_policy_plugin *plugin = asker->plugin;
    struct pollfd polled = {.fd = -1, .events = POLLIN};
    int timeout_ms = -1;

    if (plugin->descriptor != NULL)
        polled.fd = plugin->descriptor(asker->policy);
    if (plugin->timeout_ms != NULL)
        timeout_ms = plugin->timeout_ms(asker->policy);
    if (timeout_ms < 0 || timeout_ms > most_ms)
        timeout_ms = most_ms;
    poll(&polled, 1, timeout_ms);
    if (plugin->process != NULL)
        plugin->process(asker->policy);
}

static void ask(struct asker *asker, const struct step *step)
{
    static uint8_t data[TRYST_POLICY_REQUEST_MAX];
    size_t size = tr_policy_request_encode(&step->request, data);
    double until_ms = now_ms() + asker->settings.deadline_ms;

    for (uint32_t i = 0; i < step->times; i++) {
        asker->asked[i] =
            (struct asked){.is_open = true, .hook = step->request.hook, .start_ms = now_ms()};
        asker->open_count++;
        submit(asker, asker->first_ticket + i, data, size);
    }
    while (asker->open_count > 0) {
        double left_ms = until_ms - now_ms();

        turn(asker, left_ms > 0 ? (int)left_ms + 1 : 0);
        expire(asker);
    }
    asker->first_ticket += TIMES_MAX;
}

static void reload(struct asker *asker)
{
    char error[ERROR] = "this plug-in loads its rules once";
    bool is_good = asker->plugin->reload != NULL &&
                   asker->plugin->reload(asker->policy, error, sizeof error) == TRYST_OK;

    printf("reload\t%s\t%s\n", is_good ? "ok" : "failed", is_good ? "" : error);
}

/* --- Steps ------------------------------------------------------------------------------------- */

/* A question as any other, so that a script has something to read. */
static void fill(struct tryst_policy_request *request)
{
    memset(request, 0, sizeof *request);
    request->unix_ms = 1700000000500;
    tryst_app_id(request->app, "ask");
    tryst_session_id(request->session, "ask", "lobby");
    memset(request->key, 0xa5, sizeof request->key);
    tryst_address_parse(&request->address, "198.51.100.7:4242");
    tryst_address_parse(&request->locals[0], "192.168.1.20:5000");
    tryst_address_parse(&request->locals[1], "[fd00::20]:5000");
    request->local_count = 2;
    snprintf(request->counters[0].name, sizeof request->counters[0].name, "participants");
    request->counters[0].value = 12;
    request->counter_count = 1;
}

static void set_participants(struct tryst_policy_request *request, uint32_t count)
{
    request->participant_count =
        count < TRYST_POLICY_PARTICIPANTS_MAX ? count : TRYST_POLICY_PARTICIPANTS_MAX;
    for (uint32_t i = 0; i < request->participant_count; i++) {
        memset(request->participants[i].key, (int)i + 1, sizeof request->participants[i].key);
        request->participants[i].present_ms = 1000 * (i + 1);
    }
}

static bool set_field(struct step *step, const char *name, const char *value)
{
    struct tryst_policy_request *request = &step->request;
    uint32_t number = (uint32_t)strtoul(value, NULL, 10);

    if (strcmp(name, "data") == 0) {
        size_t size = strlen(value);

        request->data_size = (uint32_t)(size < sizeof request->data ? size : sizeof request->data);
        memcpy(request->data, value, request->data_size);
    } else if (strcmp(name, "participants") == 0) {
        set_participants(request, number);
    } else if (strcmp(name, "reason") == 0) {
        request->reason = number;
    } else if (strcmp(name, "times") == 0) {
        step->times = number < TIMES_MAX ? number : TIMES_MAX;
    } else if (strcmp(name, "ms") == 0) {
        step->wait_ms = number;
    } else {
        return false;
    }
    return true;
}

static bool read_step(struct step *step, char *text)
{
    char *rest = strchr(text, ':');
    bool is_good = true;

    fill(&step->request);
    step->times = 1;
    step->wait_ms = 0;
    if (rest != NULL)
        *rest++ = '\0';
    snprintf(step->hook, sizeof step->hook, "%s", text);
    if (rest == NULL)
        return true;
    for (char *field = strtok(rest, ","); field != NULL; field = strtok(NULL, ",")) {
        char *value = strchr(field, '=');

        if (value != NULL)
            *value++ = '\0';
        is_good &= value != NULL && set_field(step, field, value);
    }
    return is_good;
}

static bool is_hook(struct step *step)
{
    for (uint32_t hook = 0; hook <= TRYST_POLICY_RELAY; hook++)
        if (strcmp(step->hook, tryst_policy_hook_name(hook)) == 0) {
            step->request.hook = hook;
            return true;
        }
    return false;
}

static bool take_step(struct asker *asker, char *text)
{
    struct step step;

    if (!read_step(&step, text)) {
        fprintf(stderr, "ask: %s: an unknown field\n", text);
        return false;
    }
    if (is_hook(&step)) {
        ask(asker, &step);
    } else if (strcmp(step.hook, "reload") == 0) {
        reload(asker);
    } else if (strcmp(step.hook, "wait") == 0) {
        for (double end = now_ms() + step.wait_ms; now_ms() < end;)
            turn(asker, (int)(end - now_ms()) + 1);
    } else {
        fprintf(stderr, "ask: %s: an unknown step\n", text);
        return false;
    }
    fflush(stdout);
    return true;
}

static bool read_steps(struct asker *asker)
{
    char line[512];
    bool is_good = true;

    while (is_good && fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\r\n")] = '\0';
        is_good = take_step(asker, line);
    }
    return is_good;
}

/* Nanoseconds of a question and its answer, and how many of them the processor was this program's. */
static void measure(struct asker *asker, char *text, uint32_t rounds)
{
    struct step step;
    double start_ms, start_cpu_ms, took_cpu_ms;

    if (!read_step(&step, text) || !is_hook(&step))
        return;
    asker->is_quiet = true;
    for (uint32_t i = 0; i < rounds / 10; i++)
        ask(asker, &step);
    start_ms = now_ms();
    start_cpu_ms = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
    for (uint32_t i = 0; i < rounds; i++)
        ask(asker, &step);
    took_cpu_ms = clock_ms(CLOCK_PROCESS_CPUTIME_ID) - start_cpu_ms;
    printf("bench\t%s\t%.0f\t%.0f\n", step.hook, (now_ms() - start_ms) * 1e6 / rounds,
           took_cpu_ms * 1e6 / rounds);
    asker->is_quiet = false;
}

/* --- The program ------------------------------------------------------------------------------- */

static const struct tryst_policy_plugin *load(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    tryst_policy_plugin_function function = NULL;

    if (library != NULL)
        *(void **)&function = dlsym(library, TRYST_POLICY_SYMBOL);
    if (function != NULL)
        return function();
    fprintf(stderr, "ask: %s\n", dlerror());
    return NULL;
}

static uint32_t read_options(struct asker *asker, int argc, char **argv)
{
    enum { DEADLINE, HOOK, LOAD, MEMORY, WORKERS, BENCH };
    static const struct option options[] = {{"deadline-ms", required_argument, NULL, DEADLINE},
                                            {"hook-ms", required_argument, NULL, HOOK},
                                            {"load-ms", required_argument, NULL, LOAD},
                                            {"memory", required_argument, NULL, MEMORY},
                                            {"workers", required_argument, NULL, WORKERS},
                                            {"bench", required_argument, NULL, BENCH},
                                            {NULL, 0, NULL, 0}};
    struct tryst_policy_settings *settings = &asker->settings;
    uint32_t rounds = 0, ignored = 0;
    uint32_t *const places[] = {&settings->deadline_ms,  &settings->hook_ms, &settings->load_ms,
                                &settings->memory_bytes, &settings->workers, &rounds};
    int option;

    while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1)
        *(option >= DEADLINE && option <= BENCH ? places[option] : &ignored) =
            (uint32_t)strtoul(optarg != NULL ? optarg : "", NULL, 10);
    return rounds;
}

int main(int argc, char **argv)
{
    static struct asker asker = {
        .settings = {.struct_size = sizeof asker.settings, .deadline_ms = 50}, .first_ticket = 1};
    struct tryst_policy_host host = {
        .struct_size = sizeof host, .context = &asker, .answer = take_answer, .log = take_line};
    uint32_t rounds = read_options(&asker, argc, argv);
    char error[ERROR] = "no reason given";
    bool is_good = true;

    if (argc - optind < 2) {
        fprintf(stderr, "usage: ask [OPTION]... PLUGIN SCRIPT STEP...\n");
        return 2;
    }
    asker.plugin = load(argv[optind]);
    if (asker.plugin == NULL)
        return 2;
    asker.settings.script = argv[optind + 1];
    asker.policy = asker.plugin->open(&asker.settings, &host, error, sizeof error);
    if (asker.policy == NULL) {
        printf("open\tfailed\t%s\n", error);
        return 1;
    }
    printf("open\tok\t%#" PRIx32 "\n", asker.plugin->hooks(asker.policy));
    fflush(stdout);
    for (int i = optind + 2; is_good && i < argc; i++)
        if (rounds > 0)
            measure(&asker, argv[i], rounds);
        else
            is_good = strcmp(argv[i], "-") == 0 ? read_steps(&asker) : take_step(&asker, argv[i]);
    asker.plugin->close(asker.policy);
    printf("submit\t%.3f\t%.3f\n", asker.submit_ms, asker.submit_cpu_ms);
    return is_good ? 0 : 2;
}
