/* Addresses: parse, print, compare, canonical form and class.
 * SPDX-License-Identifier: MIT */
#include "tests/unit/address_cases.h"
#include "tests/unit/unit.h"

static struct tryst_address read_address(const char *text)
{
    struct tryst_address address = {0};

    ASSERT_ROW(tryst_address_parse(&address, text) == TRYST_OK, "parse %s", text);
    return address;
}

static void address_has_one_canonical_form_and_class(void)
{
    ASSERT_TRUE(UNIT_COUNT(address_cases) >= 200);
    for (size_t i = 0; i < UNIT_COUNT(address_cases); i++) {
        const struct address_case *row = &address_cases[i];
        const char *expected = row->canonical != NULL ? row->canonical : row->text;
        struct tryst_address address = read_address(row->text);
        struct tryst_address canonical = tryst_address_canonical(&address);
        struct tryst_address again = tryst_address_canonical(&canonical);
        char text[TRYST_ADDRESS_TEXT_SIZE];
        int32_t found = tryst_address_classify(&address);

        ASSERT_EQ_INT(tryst_address_format(&canonical, text, sizeof text), strlen(expected));
        ASSERT_EQ_STR(text, expected);
        ASSERT_ROW(found == row->address_class, "%s is %s, not %s", row->text,
                   tryst_address_class_name(found), tryst_address_class_name(row->address_class));
        ASSERT_ROW(memcmp(&canonical, &again, sizeof again) == 0, "%s: canonical twice", row->text);
        ASSERT_EQ_INT(tryst_address_classify(&canonical), found);
    }
}

static void address_cases_are_distinct(void)
{
    for (size_t i = 0; i < UNIT_COUNT(address_cases); i++)
        for (size_t j = 0; j < i; j++)
            ASSERT_ROW(strcmp(address_cases[i].text, address_cases[j].text) != 0, "%s twice",
                       address_cases[i].text);
}

static void parse_refuses_what_is_no_address(void)
{
    struct tryst_address before;

    memset(&before, 0xa5, sizeof before);
    for (size_t i = 0; i < UNIT_COUNT(address_refusals); i++) {
        struct tryst_address address = before;
        tryst_result result = tryst_address_parse(&address, address_refusals[i]);

        ASSERT_ROW(result == TRYST_E_FORMAT, "\"%s\": %s", address_refusals[i],
                   tryst_result_name(result));
        ASSERT_ROW(memcmp(&address, &before, sizeof before) == 0, "\"%s\" changed it",
                   address_refusals[i]);
    }
}

static void parse_refuses_every_truncation_and_any_byte_after(void)
{
    static const char whole[] = "[fe80:1:2:3:4:5:6:7%89]:65535";
    char text[sizeof whole + 1];
    struct tryst_address address;

    for (size_t size = 0; size < sizeof whole - strlen("65535"); size++) {
        memcpy(text, whole, size);
        text[size] = '\0';
        ASSERT_ROW(tryst_address_parse(&address, text) == TRYST_E_FORMAT, "%s", text);
    }
    for (int c = 1; c < 256; c++) {
        snprintf(text, sizeof text, "%s%c", whole, c);
        ASSERT_ROW(tryst_address_parse(&address, text) == TRYST_E_FORMAT, "%s", text);
    }
}

static void parse_fills_every_field(void)
{
    static const uint8_t ip[16] = {0xfe, 0x80, [14] = 0x12, [15] = 0x34};
    struct tryst_address address = read_address("[fe80::1234%7]:4660");

    ASSERT_EQ_INT(address.family, 6);
    ASSERT_EQ_INT(address.transport, 0);
    ASSERT_EQ_INT(address.port, 0x1234);
    ASSERT_EQ_INT(address.scope, 7);
    ASSERT_EQ_MEM(address.ip, ip, 16);

    struct tryst_address v4 = read_address("1.2.3.255:65535");
    static const uint8_t ip4[16] = {1, 2, 3, 255};

    ASSERT_EQ_INT(v4.family, 4);
    ASSERT_EQ_INT(v4.port, 65535);
    ASSERT_EQ_INT(v4.scope, 0);
    ASSERT_EQ_MEM(v4.ip, ip4, 16);
}

static void format_prints_what_parse_reads(void)
{
    uint64_t seed = 1;

    for (int i = 0; i < 20000; i++) {
        struct tryst_address address = {.family = (uint8_t)(i % 2 == 0 ? 4 : 6)}, read = {0};
        char text[TRYST_ADDRESS_TEXT_SIZE];
        uint64_t zeros = unit_random(&seed) & unit_random(&seed);

        address.port = (uint16_t)unit_random(&seed);
        for (int byte = 0; byte < (address.family == 4 ? 4 : 16); byte++)
            if ((zeros >> byte / 2 & 1) != 0)
                address.ip[byte] = (uint8_t)unit_random(&seed);
        if (address.family == 6 && i % 3 == 0)
            address.scope = (uint32_t)unit_random(&seed);
        ASSERT_TRUE(tryst_address_format(&address, text, sizeof text) > 0);
        ASSERT_ROW(tryst_address_parse(&read, text) == TRYST_OK, "%s", text);
        ASSERT_ROW(memcmp(&read, &address, sizeof read) == 0, "%s", text);
    }
}

static void format_keeps_the_form_it_is_given(void)
{
    static const char *const rows[] = {
        "[::ffff:10.0.0.1]:1", "[::ffff:10.0.0.1%7]:1", "[64:ff9b::a00:1]:1", "[::a00:1]:1",
        "[::fffe:a00:1]:1",    "[2001:0:a00:1::]:1",    "0.0.0.0:0",          "[::]:0",
    };

    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct tryst_address address = read_address(rows[i]);
        char text[TRYST_ADDRESS_TEXT_SIZE];

        tryst_address_format(&address, text, sizeof text);
        ASSERT_EQ_STR(text, rows[i]);
    }
}

static void format_refuses_one_byte_too_few(void)
{
    static const char *const rows[] = {
        "1.2.3.4:5",
        "255.255.255.255:65535",
        "[::1]:5",
        "[1111:2222:3333:4444:5555:6666:7777:8888%4294967295]:65535",
        "[::ffff:255.255.255.255%4294967295]:65535",
    };

    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct tryst_address address = read_address(rows[i]);
        size_t length = strlen(rows[i]);

        ASSERT_TRUE(length < TRYST_ADDRESS_TEXT_SIZE);
        for (size_t size = 0; size <= length + 1; size++) {
            char text[TRYST_ADDRESS_TEXT_SIZE + 1];
            tryst_result result;

            memset(text, 'x', sizeof text);
            result = tryst_address_format(&address, text, size);
            ASSERT_EQ_INT(result, size <= length ? TRYST_E_SIZE : (tryst_result)length);
            if (size > 0 && size <= length)
                ASSERT_EQ_INT(text[0], '\0');
            ASSERT_EQ_INT(text[size], 'x');
        }
    }
}

static void format_says_none(void)
{
    struct tryst_address none = {0};
    char text[8];

    ASSERT_EQ_INT(tryst_address_format(&none, text, sizeof text), 4);
    ASSERT_EQ_STR(text, "none");
    ASSERT_EQ_INT(tryst_address_format(&none, text, 5), 4);
    ASSERT_EQ_INT(tryst_address_format(&none, text, 4), TRYST_E_SIZE);
}

static void compare_orders_by_family_ip_port(void)
{
    static const char *const rows[] = {
        "0.0.0.0:1",   "1.2.3.4:1", "1.2.3.4:2", "1.2.3.4:65535", "1.2.3.5:0",
        "255.0.0.0:0", "[::]:0",    "[::1]:0",   "[::1]:9",       "[ff00::]:0",
    };
    struct tryst_address none = {0};

    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct tryst_address a = read_address(rows[i]);

        ASSERT_TRUE(tryst_address_compare(&none, &a) < 0);
        ASSERT_TRUE(tryst_address_compare(&a, NULL) > 0);
        for (size_t j = 0; j < UNIT_COUNT(rows); j++) {
            struct tryst_address b = read_address(rows[j]);
            int32_t order = tryst_address_compare(&a, &b);

            ASSERT_ROW((order > 0) == (i > j) && (order < 0) == (i < j), "%s, %s", rows[i],
                       rows[j]);
        }
    }
    ASSERT_EQ_INT(tryst_address_compare(NULL, NULL), 0);
    ASSERT_EQ_INT(tryst_address_compare(NULL, &none), 0);
}

static void compare_looks_past_the_scope(void)
{
    struct tryst_address a = read_address("[fe80::1%1]:5");
    struct tryst_address b = read_address("[fe80::1%2]:5");

    ASSERT_EQ_INT(tryst_address_compare(&a, &b), 0);
}

static void canonical_clears_unused_bytes(void)
{
    struct tryst_address address, plain = read_address("10.0.0.1:5");

    memset(&address, 0xff, sizeof address);
    memcpy(address.ip, plain.ip, 4);
    address.family = 4;
    address.port = 5;
    address.scope = 0;
    address = tryst_address_canonical(&address);
    ASSERT_EQ_MEM(&address, &plain, sizeof plain);
}

static void canonical_of_no_address_is_none(void)
{
    struct tryst_address none = {0}, address = read_address("1.2.3.4:5");

    for (int family = 0; family < 256; family++) {
        if (family == 4 || family == 6)
            continue;
        address.family = (uint8_t)family;

        struct tryst_address canonical = tryst_address_canonical(&address);

        ASSERT_EQ_MEM(&canonical, &none, sizeof none);
        ASSERT_EQ_INT(tryst_address_classify(&address), TRYST_ADDRESS_NONE);
    }
    address = tryst_address_canonical(NULL);
    ASSERT_EQ_MEM(&address, &none, sizeof none);
}

static void functions_refuse_missing_arguments(void)
{
    struct tryst_address address = read_address("1.2.3.4:5");
    struct tryst_address unknown = {.family = 5, .port = 1};
    char text[TRYST_ADDRESS_TEXT_SIZE] = "x";

    ASSERT_EQ_INT(tryst_address_parse(NULL, "1.2.3.4:5"), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_address_parse(&address, NULL), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_address_format(NULL, text, sizeof text), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_address_format(&address, NULL, 10), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_address_format(&unknown, text, sizeof text), TRYST_E_ARGUMENT);
    ASSERT_EQ_STR(text, "x");
    ASSERT_EQ_INT(tryst_address_classify(NULL), TRYST_ADDRESS_NONE);
}

static void classes_have_words(void)
{
    static const char *const words[] = {"none",        "public",   "private",   "carrier",
                                        "link-local",  "loopback", "multicast", "broadcast",
                                        "unspecified", "metadata", "reserved"};

    for (int32_t i = 0; i < (int32_t)UNIT_COUNT(words); i++)
        ASSERT_EQ_STR(tryst_address_class_name(i), words[i]);
    ASSERT_EQ_STR(tryst_address_class_name(-1), "none");
    ASSERT_EQ_STR(tryst_address_class_name((int32_t)UNIT_COUNT(words)), "none");
}

UNIT_MAIN("address", UNIT_CASE(address_has_one_canonical_form_and_class),
          UNIT_CASE(address_cases_are_distinct), UNIT_CASE(parse_refuses_what_is_no_address),
          UNIT_CASE(parse_refuses_every_truncation_and_any_byte_after),
          UNIT_CASE(parse_fills_every_field), UNIT_CASE(format_prints_what_parse_reads),
          UNIT_CASE(format_keeps_the_form_it_is_given), UNIT_CASE(format_refuses_one_byte_too_few),
          UNIT_CASE(format_says_none), UNIT_CASE(compare_orders_by_family_ip_port),
          UNIT_CASE(compare_looks_past_the_scope), UNIT_CASE(canonical_clears_unused_bytes),
          UNIT_CASE(canonical_of_no_address_is_none), UNIT_CASE(functions_refuse_missing_arguments),
          UNIT_CASE(classes_have_words))
