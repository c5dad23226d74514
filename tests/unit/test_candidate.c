/* Which named addresses hellos may go to, whatever way they are written.
 * SPDX-License-Identifier: MIT */
#include "lib/core/candidate.h"
#include "tests/unit/unit.h"

static struct tr_candidate candidate_of(const char *text, uint8_t kind)
{
    struct tr_candidate candidate = {.kind = kind};

    if (tryst_address_parse(&candidate.address, text) != TRYST_OK) {
        fprintf(stderr, "candidate_of: %s\n", text);
        abort();
    }
    return candidate;
}

/* N: never; L: only where loopback may be used; Y: always. */
static const struct {
    const char *text;
    char usable;
} rows[] = {
    {"1.2.3.4:5", 'Y'},
    {"8.8.8.8:65535", 'Y'},
    {"10.0.0.1:1", 'Y'},
    {"172.16.0.1:1", 'Y'},
    {"192.168.255.254:9", 'Y'},
    {"100.64.0.1:9", 'Y'},
    {"169.254.1.1:9", 'Y'},
    {"[2001:db9::1]:9", 'Y'},
    {"[fd00::1]:9", 'Y'},
    {"[fe80::1]:9", 'Y'},
    {"[fe80::1%3]:9", 'Y'},
    {"[::ffff:1.2.3.4]:5", 'Y'},
    {"[64:ff9b::1.2.3.4]:5", 'Y'},
    {"[2002:0102:0304::1]:5", 'Y'},
    {"127.0.0.1:5", 'L'},
    {"127.255.255.254:5", 'L'},
    {"[::1]:5", 'L'},
    {"[::ffff:127.0.0.1]:5", 'L'},
    {"[64:ff9b::127.0.0.1]:5", 'L'},
    {"[2002:7f00:1::1]:5", 'L'},
    {"[::127.0.0.1]:5", 'L'},
    {"0.0.0.0:5", 'N'},
    {"0.1.2.3:5", 'N'},
    {"[::]:5", 'N'},
    {"[::ffff:0.0.0.0]:5", 'N'},
    {"[2002::1]:5", 'N'},
    {"1.2.3.4:0", 'N'},
    {"[2001:db9::1]:0", 'N'},
    {"127.0.0.1:0", 'N'},
    {"224.0.0.1:5", 'N'},
    {"239.255.255.255:5", 'N'},
    {"[::ffff:224.0.0.1]:5", 'N'},
    {"[2002:e000:1::1]:5", 'N'},
    {"[ff02::1]:5", 'N'},
    {"255.255.255.255:5", 'N'},
    {"[::ffff:255.255.255.255]:5", 'N'},
    {"169.254.169.254:80", 'N'},
    {"[::ffff:169.254.169.254]:80", 'N'},
    {"[fd00:ec2::254]:80", 'N'},
    {"240.0.0.1:5", 'N'},
    {"192.0.2.1:5", 'N'},
    {"[2001:db8::1]:5", 'N'},
};

static void candidate_is_judged_in_its_canonical_form(void)
{
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct tr_candidate as_written = candidate_of(rows[i].text, TRYST_KIND_HOST);
        struct tr_candidate canonical = tr_candidate_canonical(&as_written);

        for (unsigned form = 0; form < 2; form++) {
            const struct tr_candidate *candidate = form == 0 ? &as_written : &canonical;

            ASSERT_ROW(tr_candidate_is_usable(candidate, false) == (rows[i].usable == 'Y'),
                       "%s, form %u, without loopback", rows[i].text, form);
            ASSERT_ROW(tr_candidate_is_usable(candidate, true) == (rows[i].usable != 'N'),
                       "%s, form %u, with loopback", rows[i].text, form);
        }
    }
}

static void candidate_of_no_family_is_not_usable(void)
{
    struct tr_candidate none = {0};
    struct tr_candidate strange = {.address = {.family = 5, .port = 5, .ip = {1, 2, 3, 4}}};

    ASSERT_FALSE(tr_candidate_is_usable(&none, true));
    ASSERT_FALSE(tr_candidate_is_usable(&strange, true));
    strange = tr_candidate_canonical(&strange);
    ASSERT_FALSE(tr_candidate_is_usable(&strange, true));
}

static void candidate_keeps_its_kind_and_loses_its_scope(void)
{
    struct tr_candidate scoped = candidate_of("[fe80::1%7]:9", TRYST_KIND_MAPPED);
    struct tr_candidate canonical = tr_candidate_canonical(&scoped);

    ASSERT_EQ_UINT(scoped.address.scope, 7);
    ASSERT_EQ_UINT(canonical.address.scope, 0);
    ASSERT_EQ_UINT(canonical.kind, TRYST_KIND_MAPPED);
    ASSERT_TRUE(tr_candidate_is_same(&scoped, &canonical));
}

static void candidate_is_the_same_by_address_and_port(void)
{
    struct tr_candidate a = candidate_of("1.2.3.4:5", TRYST_KIND_HOST);
    struct tr_candidate kind = candidate_of("1.2.3.4:5", TRYST_KIND_PUBLIC);
    struct tr_candidate port = candidate_of("1.2.3.4:6", TRYST_KIND_HOST);
    struct tr_candidate ip = candidate_of("1.2.3.5:5", TRYST_KIND_HOST);

    ASSERT_TRUE(tr_candidate_is_same(&a, &kind));
    ASSERT_FALSE(tr_candidate_is_same(&a, &port));
    ASSERT_FALSE(tr_candidate_is_same(&a, &ip));
}

static void candidate_list_takes_each_address_once_in_any_spelling(void)
{
    struct tr_candidate list[8];
    size_t count = 0;
    const char *spellings[] = {"1.2.3.4:5", "[::ffff:1.2.3.4]:5", "[64:ff9b::1.2.3.4]:5"};

    for (size_t i = 0; i < UNIT_COUNT(spellings); i++) {
        struct tr_candidate candidate = candidate_of(spellings[i], TRYST_KIND_PUBLIC);

        count = tr_candidate_add(list, count, 8, &candidate, false);
        ASSERT_EQ_UINT(count, 1);
    }
    ASSERT_EQ_UINT(list[0].address.family, 4);
}

static void candidate_list_ends_at_its_bound(void)
{
    struct tr_candidate list[4];
    struct tr_candidate guard = candidate_of("9.9.9.9:9", TRYST_KIND_HOST);
    size_t count = 0;

    list[3] = guard;
    for (uint16_t port = 1; port <= 10; port++) {
        struct tr_candidate candidate = candidate_of("1.2.3.4:5", TRYST_KIND_HOST);

        candidate.address.port = port;
        count = tr_candidate_add(list, count, 3, &candidate, false);
        ASSERT_EQ_UINT(count, port < 3 ? port : 3);
    }
    ASSERT_TRUE(tr_candidate_is_same(&list[3], &guard));
}

static void candidate_list_refuses_what_is_not_usable(void)
{
    struct tr_candidate list[8];
    size_t count = 0;

    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct tr_candidate candidate = candidate_of(rows[i].text, TRYST_KIND_HOST);

        if (rows[i].usable == 'Y')
            continue;
        count = tr_candidate_add(list, count, 8, &candidate, false);
        ASSERT_ROW(count == 0, "%s", rows[i].text);
    }
}

UNIT_MAIN("candidate", UNIT_CASE(candidate_is_judged_in_its_canonical_form),
          UNIT_CASE(candidate_of_no_family_is_not_usable),
          UNIT_CASE(candidate_keeps_its_kind_and_loses_its_scope),
          UNIT_CASE(candidate_is_the_same_by_address_and_port),
          UNIT_CASE(candidate_list_takes_each_address_once_in_any_spelling),
          UNIT_CASE(candidate_list_ends_at_its_bound),
          UNIT_CASE(candidate_list_refuses_what_is_not_usable))
