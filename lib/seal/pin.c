/* The line HOST:PORT#KEY, read and printed.
 * SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <tryst/address.h>
#include <tryst/pin.h>

enum {
    LABEL_MAX = 63 /* RFC 1035, section 2.3.4 */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name_char(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

static bool is_address(const char *format, const char *host)
{
    char text[TRYST_PIN_HOST_SIZE + 8];
    struct tryst_address address;

    snprintf(text, sizeof text, format, host);
    return tryst_address_parse(&address, text) == TRYST_OK;
}

/* A name of labels, or an address. What ends in a number is meant as IPv4 and must be one, lest a
 * resolver takes 010.1 for something else. */
static bool is_host(const char *host)
{
    const char *label = host;

    if (strchr(host, ':') != NULL)
        return is_address("[%s]:0", host);
    for (;;) {
        size_t size = 0;
        size_t digits = 0;

        for (; is_name_char(label[size]); size++)
            digits += is_digit(label[size]);
        if (size == 0 || size > LABEL_MAX || label[0] == '-' || label[size - 1] == '-')
            return false;
        if (label[size] == '\0')
            return digits < size || is_address("%s:0", host);
        if (label[size] != '.')
            return false;
        label += size + 1;
    }
}

/* ":PORT#", or "#" alone. */
static const char *read_port(const char *p, uint16_t *port)
{
    uint32_t value = 0;

    *port = TRYST_PORT;
    if (*p == ':') {
        if (p[1] == '0')
            return NULL;
        for (p++; is_digit(*p) && value <= UINT16_MAX; p++)
            value = value * 10 + (uint32_t)(*p - '0');
        if (value == 0 || value > UINT16_MAX)
            return NULL;
        *port = (uint16_t)value;
    }
    return *p == '#' ? p + 1 : NULL;
}

tryst_result tryst_pin_parse(struct tryst_pin *pin, const char *text)
{
    struct tryst_pin read = {0};

    if (pin == NULL || text == NULL)
        return TRYST_E_ARGUMENT;

    bool is_bracketed = *text == '[';
    const char *host = text + is_bracketed;
    size_t size = strcspn(host, is_bracketed ? "]" : ":#");
    const char *p = host + size;

    if (size >= sizeof read.host || *p == '\0')
        return TRYST_E_FORMAT;
    memcpy(read.host, host, size);
    if (is_bracketed != (strchr(read.host, ':') != NULL) || !is_host(read.host))
        return TRYST_E_FORMAT;
    p = read_port(p + is_bracketed, &read.port);
    if (p == NULL || tryst_key_parse(read.key, p) != TRYST_OK)
        return TRYST_E_FORMAT;
    *pin = read;
    return TRYST_OK;
}

tryst_result tryst_pin_format(const struct tryst_pin *pin, char *text, size_t size)
{
    char key[TRYST_KEY_TEXT_SIZE];

    if (pin == NULL || text == NULL || pin->port == 0 ||
        memchr(pin->host, '\0', sizeof pin->host) == NULL || !is_host(pin->host))
        return TRYST_E_ARGUMENT;
    tryst_key_format(pin->key, key, sizeof key);

    bool is_bracketed = strchr(pin->host, ':') != NULL;
    int length =
        snprintf(text, size, is_bracketed ? "[%s]:%u#%s" : "%s:%u#%s", pin->host, pin->port, key);

    if ((size_t)length >= size) {
        if (size > 0)
            text[0] = '\0';
        return TRYST_E_SIZE;
    }
    return length;
}
