/* Which server and which root key: the one line HOST:PORT#KEY that every API and tool takes.
 * SPDX-License-Identifier: MIT */
#ifndef TRYST_PIN_H
#define TRYST_PIN_H

#include <tryst/base.h>
#include <tryst/identity.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TRYST_PIN_HOST_SIZE 254 /* RFC 1035: 253 characters, and a NUL */
#define TRYST_PIN_TEXT_SIZE 320 /* any pin as text, and its NUL */
#define TRYST_PORT 7777         /* where trystd listens when nothing else is said */

struct tryst_pin {
    char host[TRYST_PIN_HOST_SIZE]; /* name or address, IPv6 without its brackets */
    uint16_t port;
    uint8_t key[TRYST_KEY_SIZE]; /* the server's root key */
};

/* Reads "HOST:PORT#KEY"; an IPv6 address stands in brackets; ":PORT" may be left out (7777).
 *
 * pin      filled on success, untouched otherwise
 *
 * Returns  TRYST_OK; TRYST_E_FORMAT; TRYST_E_ARGUMENT.
 * Threads  any.
 * Since    0.1 */
TRYST_API tryst_result tryst_pin_parse(struct tryst_pin *pin, const char *text);

/* Prints a pin in the form that tryst_pin_parse reads.
 *
 * Returns  the length without NUL; TRYST_E_SIZE; TRYST_E_ARGUMENT.
 * Threads  any.
 * Since    0.1 */
TRYST_API tryst_result tryst_pin_format(const struct tryst_pin *pin, char *text, size_t size);

#ifdef __cplusplus
}
#endif

#endif
