/* The simulation's command line: all checks, one story, many seeds, or figures.
 * SPDX-License-Identifier: MIT */
#include "tests/sim/sim_story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct story {
    const char *name;
    void (*run)(struct sim_world *w);
    uint32_t seeds;
    const char *text;
};

static const struct story stories[] = {
#define SIM_STORY_ROW(function, name, seeds, text) {name, sim_story_##function, seeds, text},
    SIM_STORIES(SIM_STORY_ROW)
#undef SIM_STORY_ROW
};

#define STORY_COUNT (sizeof stories / sizeof stories[0])
/* Every so many seeds one is run twice: the same seed must leave the same trace. */
#define TWICE_EVERY 50

struct outcome {
    uint64_t hash;
    uint64_t events;
    uint64_t got_us[2];
    bool failed;
};

struct flags {
    const char *story;
    uint64_t first;
    uint64_t last; /* 0: as the story says */
    double seconds;
    bool trace;
    bool keep_going;
};

static double cpu_s(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

static int find_cell(const char *name)
{
    char cell[64];
    for (uint32_t i = 0; i < sim_matrix_count(); i++) {
        sim_matrix_name(i, cell, sizeof cell);
        if (strcmp(cell, name) == 0)
            return (int)i;
    }
    return -1;
}

static struct outcome run_once(const char *name, const struct story *story, int cell, uint64_t seed,
                               bool trace)
{
    struct sim_world *w = malloc(sizeof *w);
    struct outcome outcome = {0};
    if (w == NULL)
        abort();
    sim_world_init(w, name, seed, trace);
    if (story != NULL)
        story->run(w);
    else
        sim_matrix_run(w, (uint32_t)cell, outcome.got_us);
    outcome.hash = w->hash;
    outcome.events = w->events;
    sim_world_clear(w); /* a leak found here fails the world too */
    outcome.failed = w->failed;
    free(w);
    return outcome;
}

/* false: it failed, or did not come out the same the second time. */
static bool run_checked(const char *name, const struct story *story, int cell, uint64_t seed,
                        bool twice, struct outcome *outcome)
{
    *outcome = run_once(name, story, cell, seed, false);
    if (outcome->failed || !twice)
        return !outcome->failed;
    struct outcome again = run_once(name, story, cell, seed, false);
    if (again.hash == outcome->hash && again.events == outcome->events)
        return true;
    printf("FAILED %s, seed %llu: two runs differ, %016llx and %016llx\n", name,
           (unsigned long long)seed, (unsigned long long)outcome->hash,
           (unsigned long long)again.hash);
    return false;
}

static uint32_t run_seeds(const struct story *story, const struct flags *flags, uint64_t count)
{
    uint64_t last = flags->last != 0 ? flags->last : flags->first + count - 1;
    double start_s = cpu_s();
    uint32_t failures = 0;
    uint64_t events = 0;
    uint64_t runs = 0;
    uint64_t hash = 0;
    for (uint64_t seed = flags->first; seed <= last; seed++) {
        struct outcome outcome;
        bool twice = seed == flags->first || seed % TWICE_EVERY == 0;
        if (!run_checked(story->name, story, -1, seed, twice, &outcome))
            failures++;
        hash = sim_hash(hash, &outcome.hash, sizeof outcome.hash);
        events += outcome.events;
        runs++;
        if (failures != 0 && !flags->keep_going)
            break;
        if (flags->seconds > 0 && cpu_s() - start_s > flags->seconds)
            break;
    }
    printf("%-4s %-14s %6llu seeds %10llu events %7.2f s cpu  trace %016llx\n",
           failures != 0 ? "FAIL" : "ok", story->name, (unsigned long long)runs,
           (unsigned long long)events, cpu_s() - start_s, (unsigned long long)hash);
    fflush(stdout);
    return failures;
}

static void format_ms(char *text, size_t size, uint64_t us)
{
    if (us == 0)
        snprintf(text, size, "never");
    else
        snprintf(text, size, "%.1f", (double)us / 1e3);
}

static uint32_t run_matrix(void)
{
    uint32_t failures = 0;
    double start_s = cpu_s();
    printf("%-40s %10s %8s %10s %8s\n", "cell (ms; first message at a, at b)", "a", "bound", "b",
           "bound");
    for (uint32_t i = 0; i < sim_matrix_count(); i++) {
        struct outcome outcome;
        uint64_t bound_us[2];
        char name[64];
        char text[4][16];
        sim_matrix_name(i, name, sizeof name);
        sim_matrix_bounds(i, bound_us);
        bool is_ok = run_checked(name, NULL, (int)i, 1, true, &outcome);
        failures += !is_ok;
        for (int j = 0; j < 2; j++) {
            format_ms(text[2 * j], sizeof text[0], outcome.got_us[j]);
            format_ms(text[2 * j + 1], sizeof text[0], bound_us[j] + bound_us[j] / 20);
        }
        printf("%-4s %-35s %10s %8s %10s %8s\n", is_ok ? "ok" : "FAIL", name, text[0], text[1],
               text[2], text[3]);
        fflush(stdout);
    }
    printf("%-4s matrix, %u cells %.2f s cpu\n", failures != 0 ? "FAIL" : "ok", sim_matrix_count(),
           cpu_s() - start_s);
    return failures;
}

static uint32_t run_all(const struct flags *flags, uint64_t random_seeds)
{
    uint32_t failures = run_matrix();
    for (size_t i = 0; i < STORY_COUNT; i++) {
        struct flags one = *flags;
        bool is_random = strcmp(stories[i].name, "random") == 0;
        if (stories[i].seeds == 0)
            continue;
        if (!is_random)
            one.last = 0;
        failures += run_seeds(&stories[i], &one,
                              is_random && random_seeds != 0 ? random_seeds : stories[i].seeds);
    }
    return failures;
}

static int run_named(const struct flags *flags)
{
    int cell = find_cell(flags->story);
    if (cell >= 0) {
        struct outcome o = run_once(flags->story, NULL, cell, flags->first, flags->trace);
        printf("%s: %.3f ms and %.3f ms\n", o.failed ? "FAIL" : "ok", (double)o.got_us[0] / 1e3,
               (double)o.got_us[1] / 1e3);
        return o.failed;
    }
    for (size_t i = 0; i < STORY_COUNT; i++) {
        if (strcmp(stories[i].name, flags->story) != 0)
            continue;
        if (!flags->trace)
            return run_seeds(&stories[i], flags, stories[i].seeds != 0 ? stories[i].seeds : 10) !=
                   0;
        struct outcome o = run_once(flags->story, &stories[i], -1, flags->first, true);
        printf("%s: %llu events, trace %016llx\n", o.failed ? "FAIL" : "ok",
               (unsigned long long)o.events, (unsigned long long)o.hash);
        return o.failed;
    }
    fprintf(stderr, "there is no story %s; see --list\n", flags->story);
    return 2;
}

static void list(void)
{
    char name[64];
    for (size_t i = 0; i < STORY_COUNT; i++)
        printf("%-14s %5u seeds  %s\n", stories[i].name, stories[i].seeds, stories[i].text);
    for (uint32_t i = 0; i < sim_matrix_count(); i++) {
        sim_matrix_name(i, name, sizeof name);
        printf("%s\n", name);
    }
}

static int usage(void)
{
    fprintf(
        stderr,
        "usage: sim_main                          the matrix and every story, as in the checks\n"
        "       sim_main --list\n"
        "       sim_main --story NAME [--seed N | --seeds COUNT | --seeds FROM..TO]\n"
        "                [--seconds S] [--keep-going] [--trace]\n"
        "       sim_main --seeds COUNT            the checks with that many random seeds\n"
        "       sim_main --connect [RUNS]         time to connect against the least\n");
    return 2;
}

int main(int argc, char **argv)
{
    struct flags flags = {.first = 1};
    uint64_t seeds = 0;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--list") == 0) {
            list();
            return 0;
        } else if (strcmp(argv[i], "--trace") == 0) {
            flags.trace = true;
        } else if (strcmp(argv[i], "--keep-going") == 0) {
            flags.keep_going = true;
        } else if (strcmp(argv[i], "--connect") == 0) {
            return sim_connect_report(value != NULL ? (uint32_t)strtoul(value, NULL, 10) : 300);
        } else if (value == NULL) {
            return usage();
        } else if (strcmp(argv[i], "--story") == 0) {
            flags.story = argv[++i];
        } else if (strcmp(argv[i], "--seconds") == 0) {
            flags.seconds = strtod(argv[++i], NULL);
        } else if (strcmp(argv[i], "--seed") == 0) {
            flags.first = flags.last = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--seeds") == 0) {
            const char *dots = strstr(argv[++i], "..");
            seeds = strtoull(argv[i], NULL, 10);
            flags.first = dots != NULL ? seeds : 1;
            flags.last = dots != NULL ? strtoull(dots + 2, NULL, 10) : seeds;
        } else {
            return usage();
        }
    }
    if (!sim_meter_works()) {
        fprintf(stderr, "memory is not counted: link with "
                        "-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free\n");
        return 1;
    }
    if (flags.story != NULL)
        return run_named(&flags);
    return run_all(&flags, seeds) != 0;
}
