/* Counts the memory that the product holds: malloc and its kin are wrapped by the linker
 * (-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free).
 * SPDX-License-Identifier: MIT */
#include "tests/sim/sim_meter.h"

#include <malloc.h>
#include <stdlib.h>

struct sim_meter *sim_meter_now;

/* Weak, so that a program linked without the flags links too, and counts nothing. */
void *__real_malloc(size_t size) __attribute__((weak));
void *__real_calloc(size_t count, size_t size) __attribute__((weak));
void *__real_realloc(void *old, size_t size) __attribute__((weak));
void __real_free(void *p) __attribute__((weak));
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *p);

static void *add(void *p)
{
    if (sim_meter_now != NULL && p != NULL) {
        sim_meter_now->calls++;
        sim_meter_now->bytes += (int64_t)malloc_usable_size(p);
        if (sim_meter_now->bytes > sim_meter_now->peak)
            sim_meter_now->peak = sim_meter_now->bytes;
    }
    return p;
}

static void subtract(void *p)
{
    if (sim_meter_now != NULL && p != NULL)
        sim_meter_now->bytes -= (int64_t)malloc_usable_size(p);
}

void *__wrap_malloc(size_t size)
{
    return add(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return add(__real_calloc(count, size));
}

void *__wrap_realloc(void *old, size_t size)
{
    subtract(old);
    return add(__real_realloc(old, size));
}

void __wrap_free(void *p)
{
    subtract(p);
    __real_free(p);
}

bool sim_meter_works(void)
{
    struct sim_meter meter = {0};
    /* Not by name: a compiler knows that malloc reads no one's variables. */
    void *(*volatile get)(size_t) = malloc;
    sim_meter_now = &meter;
    void *p = get(100);
    sim_meter_now = NULL;
    free(p);
    return meter.bytes >= 100;
}
