/* What unit tests need over CUnit: a table of cases, a main, asserts that say both values.
 * SPDX-License-Identifier: MIT */
#ifndef UNIT_H
#define UNIT_H

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file of cases:
 *
 *     #include "tests/unit/unit.h"
 *
 *     static void table_refuses_past_its_bound(void)
 *     {
 *         ASSERT_EQ_INT(tr_thing(3), 4);
 *     }
 *
 *     UNIT_MAIN("table", UNIT_CASE(table_refuses_past_its_bound))
 *
 * All of CU_ASSERT... works too. ASSERT_... goes on after a failure and is true or false, so that a
 * case can stop: if (!ASSERT_TRUE(p != NULL)) return; */
struct unit_case {
    const char *name;
    void (*run)(void);
};

#define UNIT_CASE(function)                                                                        \
    {                                                                                              \
        .name = #function, .run = function                                                         \
    }
#define UNIT_MAIN(room, ...)                                                                       \
    int main(void)                                                                                 \
    {                                                                                              \
        static const struct unit_case cases[] = {__VA_ARGS__};                                     \
        return unit_run(room, cases, sizeof cases / sizeof cases[0]);                              \
    }

#define UNIT_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define ASSERT_TRUE(value) unit_check((value), __FILE__, __LINE__, "%s", #value)
#define ASSERT_FALSE(value) unit_check(!(value), __FILE__, __LINE__, "not: %s", #value)

/* For rows of data: the rest is a printf format that says which row. */
#define ASSERT_ROW(value, ...) unit_check((value), __FILE__, __LINE__, __VA_ARGS__)

#define ASSERT_EQ_INT(actual, expected)                                                            \
    unit_eq_int((int64_t)(actual), (int64_t)(expected), #actual, __FILE__, __LINE__)
#define ASSERT_EQ_UINT(actual, expected)                                                           \
    unit_eq_uint((uint64_t)(actual), (uint64_t)(expected), #actual, __FILE__, __LINE__)
#define ASSERT_EQ_STR(actual, expected)                                                            \
    unit_eq_str((actual), (expected), #actual, __FILE__, __LINE__)
#define ASSERT_EQ_MEM(actual, expected, size)                                                      \
    unit_eq_mem((actual), (expected), (size), #actual, __FILE__, __LINE__)

__attribute__((format(printf, 4, 5))) static inline bool
unit_check(bool value, const char *file, int line, const char *format, ...)
{
    char text[512];
    va_list list;

    if (!value) {
        va_start(list, format);
        vsnprintf(text, sizeof text, format, list);
        va_end(list);
    }
    CU_assertImplementation(value, (unsigned)line, value ? "" : text, file, "", CU_FALSE);
    return value;
}

static inline bool unit_eq_int(int64_t actual, int64_t expected, const char *what, const char *file,
                               int line)
{
    return unit_check(actual == expected, file, line, "%s is %" PRId64 ", not %" PRId64, what,
                      actual, expected);
}

static inline bool unit_eq_uint(uint64_t actual, uint64_t expected, const char *what,
                                const char *file, int line)
{
    return unit_check(actual == expected, file, line, "%s is %" PRIu64 ", not %" PRIu64, what,
                      actual, expected);
}

static inline bool unit_eq_str(const char *actual, const char *expected, const char *what,
                               const char *file, int line)
{
    return unit_check(actual != NULL && expected != NULL && strcmp(actual, expected) == 0, file,
                      line, "%s is \"%s\", not \"%s\"", what, actual != NULL ? actual : "(null)",
                      expected != NULL ? expected : "(null)");
}

static inline bool unit_eq_mem(const void *actual, const void *expected, size_t size,
                               const char *what, const char *file, int line)
{
    const uint8_t *a = actual, *e = expected;
    size_t i = 0;

    while (i < size && a[i] == e[i])
        i++;
    return unit_check(i == size, file, line, "%s differs at byte %zu of %zu: %02x, not %02x", what,
                      i, size, i < size ? a[i] : 0u, i < size ? e[i] : 0u);
}

static inline int unit_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Decodes hex, spaces and newlines between bytes being fine; returns the count of bytes. Aborts on
 * text that is not hex or does not fit: the test itself is wrong then. */
static inline size_t unit_hex(void *out, size_t capacity, const char *text)
{
    uint8_t *bytes = out;
    size_t size = 0;

    while (*text != '\0') {
        if (*text == ' ' || *text == '\n' || *text == ':') {
            text++;
            continue;
        }
        int high = unit_hex_digit(text[0]);
        int low = high < 0 ? -1 : unit_hex_digit(text[1]);

        if (low < 0 || size == capacity) {
            fprintf(stderr, "unit_hex: bad or long hex: %.40s\n", text);
            abort();
        }
        bytes[size++] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    return size;
}

/* A small seeded generator for tests (splitmix64): same seed, same story. */
static inline uint64_t unit_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Prints each case with its result, then CUnit's summary. 0: all passed; 1: some failed, or none
 * ran. */
static inline int unit_run(const char *room, const struct unit_case *cases, size_t count)
{
    int result = 1;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;

    CU_pSuite suite = CU_add_suite(room, NULL, NULL);

    if (suite == NULL)
        goto out;
    for (size_t i = 0; i < count; i++)
        if (CU_add_test(suite, cases[i].name, cases[i].run) == NULL)
            goto out;
    CU_basic_set_mode(CU_BRM_VERBOSE);
    if (CU_basic_run_tests() != CUE_SUCCESS)
        goto out;
    if (CU_get_number_of_tests_run() == count && CU_get_number_of_asserts() > 0 &&
        CU_get_number_of_failures() == 0)
        result = 0;
out:
    CU_cleanup_registry();
    return result;
}

#endif
