/* The line HOST:PORT#KEY: read, printed, refused.
 * SPDX-License-Identifier: MIT */
#include "tests/unit/unit.h"
#include <tryst/pin.h>

/* 00 01 02 ... 1f */
#define KEY "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define L10 "abcdefghi."
#define L50 L10 L10 L10 L10 L10
#define N60 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff"
#define N63 N60 "ggg"

static void pin_reads_host_port_and_key(void)
{
    static const struct {
        const char *text, *host;
        int port;
    } rows[] = {
        {"example.org:1#" KEY, "example.org", 1},
        {"example.org:65535#" KEY, "example.org", 65535},
        {"example.org#" KEY, "example.org", TRYST_PORT},
        {"localhost:7777#" KEY, "localhost", 7777},
        {"a#" KEY, "a", TRYST_PORT},
        {"a-b_c.D9#" KEY, "a-b_c.D9", TRYST_PORT},
        {"9a:9#" KEY, "9a", 9},
        {"1.2.3.4.example:9#" KEY, "1.2.3.4.example", 9},
        {"xn--bcher-kva.example#" KEY, "xn--bcher-kva.example", TRYST_PORT},
        {"203.0.113.5:9#" KEY, "203.0.113.5", 9},
        {"203.0.113.5#" KEY, "203.0.113.5", TRYST_PORT},
        {"[2001:db8::5]:9#" KEY, "2001:db8::5", 9},
        {"[2001:db8::5]#" KEY, "2001:db8::5", TRYST_PORT},
        {"[::1]:9#" KEY, "::1", 9},
        {"[::ffff:1.2.3.4]:9#" KEY, "::ffff:1.2.3.4", 9},
        {"[fe80::1%3]:9#" KEY, "fe80::1%3", 9},
        {N63 ".org#" KEY, N63 ".org", TRYST_PORT},
        {L50 L50 L50 L50 L50 "abc:65535#" KEY, L50 L50 L50 L50 L50 "abc", 65535},
    };

    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct tryst_pin pin, again;
        char text[TRYST_PIN_TEXT_SIZE];

        memset(&pin, 0xa5, sizeof pin);
        if (!ASSERT_ROW(tryst_pin_parse(&pin, rows[i].text) == TRYST_OK, "%s", rows[i].text))
            continue;
        ASSERT_EQ_STR(pin.host, rows[i].host);
        ASSERT_EQ_INT(pin.port, rows[i].port);
        for (int byte = 0; byte < TRYST_KEY_SIZE; byte++)
            ASSERT_EQ_INT(pin.key[byte], byte);

        int length = tryst_pin_format(&pin, text, sizeof text);

        ASSERT_EQ_INT(length, strlen(text));
        ASSERT_EQ_INT(tryst_pin_parse(&again, text), TRYST_OK);
        ASSERT_EQ_MEM(&again, &pin, sizeof pin);
        if (strstr(rows[i].text, "]#") == NULL && strchr(rows[i].text, ':') != NULL)
            ASSERT_EQ_STR(text, rows[i].text);
    }
}

static const char *const refusals[] = {
    "",
    "#",
    "#" KEY,
    ":1#" KEY,
    ":#" KEY,
    "[]:1#" KEY,
    "[]#" KEY,
    KEY,
    /* the key */
    "example.org",
    "example.org:1",
    "example.org:1#",
    "example.org:1#short",
    "example.org:1#" KEY "A",
    "example.org:1#" KEY "=",
    "example.org:1#" KEY " ",
    "example.org:1#" KEY "\n",
    "example.org:1##" KEY,
    "example.org:1#" KEY "#",
    "example.org:1# " KEY,
    "example.org:1 " KEY,
    /* the port */
    "example.org:#" KEY,
    "example.org:0#" KEY,
    "example.org:00#" KEY,
    "example.org:01#" KEY,
    "example.org:65536#" KEY,
    "example.org:4294967297#" KEY,
    "example.org:99999999999#" KEY,
    "example.org:-1#" KEY,
    "example.org:+1#" KEY,
    "example.org: 1#" KEY,
    "example.org:1 #" KEY,
    "example.org:1a#" KEY,
    "example.org:1:2#" KEY,
    "example.org:http#" KEY,
    "example.org::1#" KEY,
    /* the name */
    " example.org#" KEY,
    "example .org#" KEY,
    "example.org #" KEY,
    ".#" KEY,
    ".org#" KEY,
    "example..org#" KEY,
    "example.org.#" KEY,
    "-a.org#" KEY,
    "a-.org#" KEY,
    "a.-#" KEY,
    "a/b#" KEY,
    "user@example.org#" KEY,
    "http://example.org#" KEY,
    "b\xc3\xbc"
    "cher.de#" KEY,
    "a%20b#" KEY,
    "a\tb#" KEY,
    "*#" KEY,
    N63 "g.org#" KEY,
    L50 L50 L50 L50 L50 "abcd#" KEY,
    L50 L50 L50 L50 L50 L50 L50 "a#" KEY,
    /* numbers that are no IPv4 address */
    "1#" KEY,
    "1.2.3#" KEY,
    "1.2.3.4.5#" KEY,
    "256.1.1.1#" KEY,
    "01.2.3.4#" KEY,
    "2130706433:1#" KEY,
    "0177.0.0.1:1#" KEY,
    "example.1#" KEY,
    /* IPv6 out of its brackets, and brackets around other things */
    "::1#" KEY,
    "2001:db8::5:9#" KEY,
    "[::1#" KEY,
    "::1]#" KEY,
    "[::1]9#" KEY,
    "[::1]9:9#" KEY,
    "[::1]:#" KEY,
    "[::1]:0#" KEY,
    "[::1]:65536#" KEY,
    "[[::1]]:9#" KEY,
    "[:::]:9#" KEY,
    "[::g]:9#" KEY,
    "[1.2.3.4]:9#" KEY,
    "[example.org]:9#" KEY,
    "[a:b]:9#" KEY,
    "[fe80::1%eth0]:9#" KEY,
    "[fe80::1%0]:9#" KEY,
    "[::1",
    "[::1]",
    "[",
    "]",
};

static void pin_refuses_what_is_no_pin(void)
{
    struct tryst_pin pin, before;

    memset(&before, 0xa5, sizeof before);
    memcpy(&pin, &before, sizeof pin);
    for (size_t i = 0; i < UNIT_COUNT(refusals); i++) {
        ASSERT_ROW(tryst_pin_parse(&pin, refusals[i]) == TRYST_E_FORMAT, "%s", refusals[i]);
        ASSERT_EQ_MEM(&pin, &before, sizeof pin);
    }
}

static void pin_refuses_every_truncation(void)
{
    static const char *const rows[] = {"[2001:db8::5%7]:65535#" KEY, "example.org:65535#" KEY};

    for (size_t i = 0; i < UNIT_COUNT(rows); i++)
        for (size_t size = 0; size < strlen(rows[i]); size++) {
            struct tryst_pin pin;
            char text[128];

            memcpy(text, rows[i], size);
            text[size] = '\0';
            ASSERT_ROW(tryst_pin_parse(&pin, text) == TRYST_E_FORMAT, "%s", text);
        }
}

static void format_refuses_one_byte_too_few(void)
{
    static const char whole[] = "[2001:db8::5]:9#" KEY;
    struct tryst_pin pin = {0};
    char text[sizeof whole + 1];

    ASSERT_EQ_INT(tryst_pin_parse(&pin, whole), TRYST_OK);
    for (size_t size = 0; size <= sizeof whole; size++) {
        memset(text, 'x', sizeof text);
        ASSERT_EQ_INT(tryst_pin_format(&pin, text, size),
                      size < sizeof whole ? TRYST_E_SIZE : (int)sizeof whole - 1);
        if (size > 0 && size < sizeof whole)
            ASSERT_EQ_INT(text[0], '\0');
        ASSERT_EQ_INT(text[size], 'x');
    }
}

static void format_refuses_a_pin_that_parse_would_not_give(void)
{
    static const char *const hosts[] = {"",      "a b", "a#b", "1.2.3", "::g",
                                        "[::1]", "a:1", "a.",  "::1]:5"};
    struct tryst_pin pin = {.port = 1, .host = "example.org"};
    char text[TRYST_PIN_TEXT_SIZE];

    ASSERT_TRUE(tryst_pin_format(&pin, text, sizeof text) > 0);
    pin.port = 0;
    ASSERT_EQ_INT(tryst_pin_format(&pin, text, sizeof text), TRYST_E_ARGUMENT);
    pin.port = 1;
    for (size_t i = 0; i < UNIT_COUNT(hosts); i++) {
        snprintf(pin.host, sizeof pin.host, "%s", hosts[i]);
        ASSERT_ROW(tryst_pin_format(&pin, text, sizeof text) == TRYST_E_ARGUMENT, "%s", hosts[i]);
    }
    memset(pin.host, 'a', sizeof pin.host);
    ASSERT_EQ_INT(tryst_pin_format(&pin, text, sizeof text), TRYST_E_ARGUMENT);
}

static void functions_refuse_missing_arguments(void)
{
    struct tryst_pin pin = {.port = 1, .host = "a"};
    char text[TRYST_PIN_TEXT_SIZE];

    ASSERT_EQ_INT(tryst_pin_parse(NULL, "a#" KEY), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_pin_parse(&pin, NULL), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_pin_format(NULL, text, sizeof text), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_pin_format(&pin, NULL, sizeof text), TRYST_E_ARGUMENT);
}

UNIT_MAIN("pin", UNIT_CASE(pin_reads_host_port_and_key), UNIT_CASE(pin_refuses_what_is_no_pin),
          UNIT_CASE(pin_refuses_every_truncation), UNIT_CASE(format_refuses_one_byte_too_few),
          UNIT_CASE(format_refuses_a_pin_that_parse_would_not_give),
          UNIT_CASE(functions_refuse_missing_arguments))
