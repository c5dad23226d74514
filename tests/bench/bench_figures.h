/* What the benches share: clocks, and rounds boiled down to median, least and most.
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_FIGURES_H
#define BENCH_FIGURES_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline uint64_t bench_clock_ns(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000U + (uint64_t)time.tv_nsec;
}

/* CPU time of this thread, the kernel's work for it too: other load on the machine does not count. */
static inline uint64_t bench_cpu_ns(void)
{
    return bench_clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

struct bench_figures {
    double least;
    double median;
    double p99;
    double most;
};

static inline int bench_compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts the values. */
static inline struct bench_figures bench_figures_of(double *values, size_t count)
{
    qsort(values, count, sizeof values[0], bench_compare);
    return (struct bench_figures){
        .least = values[0],
        .median = (values[(count - 1) / 2] + values[count / 2]) / 2,
        .p99 = values[(count * 99 + 99) / 100 - 1],
        .most = values[count - 1],
    };
}

/* A measured thing against its reference, round by round, so that what disturbs one disturbs both. */
enum { BENCH_ROUNDS_MAX = 64 };

struct bench_pair {
    double ours[BENCH_ROUNDS_MAX];
    double reference[BENCH_ROUNDS_MAX];
    uint32_t rounds;
};

static inline void bench_pair_add(struct bench_pair *pair, double ours, double reference)
{
    if (pair->rounds == BENCH_ROUNDS_MAX)
        return;
    pair->ours[pair->rounds] = ours;
    pair->reference[pair->rounds++] = reference;
}

static inline void bench_pair_heading(const char *what, const char *ours, const char *reference)
{
    printf("%-34s %10s %10s %7s %7s %7s  %s\n", what, ours, reference, "ratio", "min", "max",
           "wanted");
}

/* One row of medians, and of the rounds' ratios; at_most: the ratio is wanted so, or at least so.
 * 0 for wanted: nothing is. */
static inline void bench_pair_print(const char *what, struct bench_pair *pair, int at_most,
                                    double wanted)
{
    double ratios[BENCH_ROUNDS_MAX];
    for (uint32_t i = 0; i < pair->rounds; i++)
        ratios[i] = pair->ours[i] / pair->reference[i];
    struct bench_figures ratio = bench_figures_of(ratios, pair->rounds);
    struct bench_figures ours = bench_figures_of(pair->ours, pair->rounds);
    struct bench_figures reference = bench_figures_of(pair->reference, pair->rounds);
    printf("%-34s %10.0f %10.0f %7.3f %7.3f %7.3f", what, ours.median, reference.median,
           ratio.median, ratio.least, ratio.most);
    if (wanted > 0)
        printf("  %s %.2f%s", at_most ? "<=" : ">=", wanted,
               (at_most ? ratio.median <= wanted : ratio.median >= wanted) ? "" : "  missed");
    printf("\n");
    fflush(stdout);
}

#endif
