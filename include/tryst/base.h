/* Version, export mark and the one table of results: the ground that every other header stands on.
 * SPDX-License-Identifier: MIT */
#ifndef TRYST_BASE_H
#define TRYST_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TRYST_VERSION_MAJOR 0
#define TRYST_VERSION_MINOR 1
#define TRYST_VERSION_PATCH 0

#if defined(TRYST_STATIC) /* compiled into something else, which shows what it likes */
#define TRYST_API
#elif defined(__GNUC__)
#define TRYST_API __attribute__((visibility("default")))
#else
#define TRYST_API
#endif

/* 0 or more: success (some calls return a count). Below 0: one of the rows below.
 * Since 0.1 */
typedef int32_t tryst_result;

/* X(name, number, text). Numbers are never reused. */
#define TRYST_RESULTS(X)                                                                           \
    X(OK, 0, "ok")                                                                                 \
    X(E_ARGUMENT, -1, "an argument is missing or out of range")                                    \
    X(E_MEMORY, -2, "no memory left")                                                              \
    X(E_STATE, -3, "this cannot be done in the present state")                                     \
    X(E_CLOSED, -4, "the object is closed")                                                        \
    X(E_TIMEOUT, -5, "the time ran out")                                                           \
    X(E_INTERRUPTED, -6, "the wait was interrupted")                                               \
    X(E_SIZE, -7, "the data is too large or the buffer too small")                                 \
    X(E_FULL, -8, "a queue or table is full; try again later")                                     \
    X(E_PEER, -9, "there is no such peer")                                                         \
    X(E_NOT_CONNECTED, -10, "there is no path to this peer yet")                                   \
    X(E_FORMAT, -11, "the text is not in the expected form")                                       \
    X(E_FILE, -12, "the file cannot be read or written")                                           \
    X(E_PERMISSION, -13, "permission denied")                                                      \
    X(E_NETWORK, -14, "the operating system refused a network operation")                          \
    X(E_RESOLVE, -15, "the host name cannot be resolved")                                          \
    X(E_CRYPTO, -16, "the cryptographic library cannot be started")

enum tryst_result_code {
#define TRYST_RESULT_ROW(name, number, text) TRYST_##name = (number),
    TRYST_RESULTS(TRYST_RESULT_ROW)
#undef TRYST_RESULT_ROW
};

/* The version of the library that is running, as "0.1.0".
 *
 * Returns  a constant string.
 * Threads  any.
 * Since    0.1 */
TRYST_API const char *tryst_version(void);

/* The name of a result, as "E_ARGUMENT"; "UNKNOWN" for a number that is in no row.
 *
 * Returns  a constant string, never NULL.
 * Threads  any.
 * Since    0.1 */
TRYST_API const char *tryst_result_name(tryst_result result);

/* One sentence for people about a result; counts (above 0) read as "ok".
 *
 * Returns  a constant string, never NULL.
 * Threads  any.
 * Since    0.1 */
TRYST_API const char *tryst_result_text(tryst_result result);

#ifdef __cplusplus
}
#endif

#endif
