/* Cases of server/certify.
 * SPDX-License-Identifier: MIT */
#include "server/certify.h"

#include "lib/base/deadline.h"
#include "lib/wire/envelope.h"
#include "tests/unit/unit.h"

static const uint8_t root_seed[TR_KEY] = {1};
static const uint8_t node_seed[TR_KEY] = {2};
static const uint8_t app[TR_APP_BYTES] = "testgame";
enum { NOW_S = 1800000000 };

static void certificate_is_signed_by_the_root_and_names_the_keys(void)
{
    struct tr_certify certify;
    uint8_t keys[2 * TR_KEY];
    uint8_t id[TR_KEY];

    tr_certify_init(&certify, root_seed, node_seed, NOW_S);

    const struct tr_certificate *certificate = tr_certify_certificate(&certify, NOW_S);

    ASSERT_TRUE(tr_certificate_verify(certificate, certify.root_key));
    ASSERT_EQ_MEM(certificate->sign_key, certify.sign_key, TR_KEY);
    ASSERT_EQ_MEM(certificate->kx_key, certify.kx_key, TR_KEY);
    ASSERT_EQ_UINT(certificate->not_before_s, NOW_S - 86400);
    ASSERT_EQ_UINT(certificate->not_after_s, NOW_S + 30 * 86400);
    memcpy(keys, certificate->sign_key, TR_KEY);
    memcpy(keys + TR_KEY, certificate->kx_key, TR_KEY);
    tr_seal_hash(id, sizeof id, "tryst1 node.id", NULL, 0, keys, sizeof keys);
    ASSERT_EQ_MEM(certificate->key_id, id, TR_KEY_ID_BYTES);
}

static void certificate_is_made_anew_at_half_its_life(void)
{
    struct tr_certify certify;
    uint64_t half_s = NOW_S + 15 * 86400;

    tr_certify_init(&certify, root_seed, node_seed, NOW_S);
    ASSERT_EQ_UINT(tr_certify_certificate(&certify, half_s - 1)->not_after_s, NOW_S + 30 * 86400);
    ASSERT_EQ_UINT(tr_certify_certificate(&certify, half_s)->not_after_s, half_s + 30 * 86400);
    ASSERT_TRUE(tr_certificate_verify(&certify.certificate, certify.root_key));
}

static void cookie_is_good_for_what_it_was_made_for_alone(void)
{
    static const struct {
        const char *address;
        int64_t age_s;
        const char *app;
        bool is_good;
    } rows[] = {
        {"1.2.3.4:5", 0, "testgame", true},          {"1.2.3.4:5", 120, "testgame", true},
        {"1.2.3.4:5", 121, "testgame", false},       {"1.2.3.4:5", -1, "testgame", false},
        {"1.2.3.4:6", 0, "testgame", false},         {"1.2.3.5:5", 0, "testgame", false},
        {"1.2.3.4:5", 0, "testgamf", false},         {"[102:304::]:5", 0, "testgame", false},
        {"1.2.3.4:5", 4294967296, "testgame", true}, /* 136 years: the number is the same again */
    };
    struct tr_certify certify;
    struct tr_cookie cookie;
    struct tryst_address address = {0};

    tr_certify_init(&certify, root_seed, node_seed, NOW_S);
    tryst_address_parse(&address, "1.2.3.4:5");
    tr_certify_cookie(&certify, &cookie, NOW_S, &address, app);
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        tryst_address_parse(&address, rows[i].address);
        ASSERT_ROW(tr_certify_cookie_is_good(&certify, &cookie, (uint64_t)(NOW_S + rows[i].age_s),
                                             &address,
                                             (const uint8_t *)rows[i].app) == rows[i].is_good,
                   "row %zu", i);
    }
}

static void cookie_with_any_bit_changed_is_bad(void)
{
    struct tr_certify certify;
    struct tr_cookie cookie;
    struct tryst_address address = {0};

    tr_certify_init(&certify, root_seed, node_seed, NOW_S);
    tryst_address_parse(&address, "1.2.3.4:5");
    tr_certify_cookie(&certify, &cookie, NOW_S, &address, app);
    for (int bit = 0; bit < 128; bit++) {
        struct tr_cookie other = cookie;

        other.mac[bit / 8] ^= (uint8_t)(1 << bit % 8);
        ASSERT_ROW(!tr_certify_cookie_is_good(&certify, &other, NOW_S, &address, app), "bit %d",
                   bit);
    }
    cookie.time_s--;
    ASSERT_FALSE(tr_certify_cookie_is_good(&certify, &cookie, NOW_S, &address, app));
}

static void keys_come_from_the_seed(void)
{
    static const uint8_t other_seed[TR_KEY] = {3};
    struct tr_certify a, b, c;

    tr_certify_init(&a, root_seed, node_seed, NOW_S);
    tr_certify_init(&b, root_seed, node_seed, NOW_S + 5);
    tr_certify_init(&c, root_seed, other_seed, NOW_S);
    ASSERT_EQ_MEM(a.kx_key, b.kx_key, TR_KEY);
    ASSERT_EQ_MEM(a.cookie_key, b.cookie_key, TR_MAC_KEY);
    ASSERT_TRUE(memcmp(a.kx_key, c.kx_key, TR_KEY) != 0);
    ASSERT_TRUE(memcmp(a.cookie_key, c.cookie_key, TR_MAC_KEY) != 0);
    ASSERT_TRUE(memcmp(a.sign_key, c.sign_key, TR_KEY) != 0);
}

static void ephemeral_key_lives_a_second(void)
{
    struct tr_certify certify;
    struct tr_random random;
    uint8_t key[TR_KEY];

    tr_certify_init(&certify, root_seed, node_seed, NOW_S);
    tr_random_init(&random, node_seed);
    tr_certify_renew_ephemeral(&certify, &random, 7);
    memcpy(key, certify.ephemeral_key, TR_KEY);
    tr_certify_renew_ephemeral(&certify, &random, 6 + TR_S);
    ASSERT_EQ_MEM(certify.ephemeral_key, key, TR_KEY);
    tr_certify_renew_ephemeral(&certify, &random, 7 + TR_S);
    ASSERT_TRUE(memcmp(certify.ephemeral_key, key, TR_KEY) != 0);
}

UNIT_MAIN("certify", UNIT_CASE(certificate_is_signed_by_the_root_and_names_the_keys),
          UNIT_CASE(certificate_is_made_anew_at_half_its_life),
          UNIT_CASE(cookie_is_good_for_what_it_was_made_for_alone),
          UNIT_CASE(cookie_with_any_bit_changed_is_bad), UNIT_CASE(keys_come_from_the_seed),
          UNIT_CASE(ephemeral_key_lives_a_second))
