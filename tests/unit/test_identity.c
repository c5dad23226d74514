/* Identities, and public keys as text.
 * SPDX-License-Identifier: MIT */
#include "lib/seal/keypair.h"
#include "tests/unit/unit.h"

/* The seed and key of RFC 8032, section 7.1, TEST 1; text by Python's base64.urlsafe_b64encode. */
static const char seed_hex[] = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
static const char key_hex[] = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
static const char key_text[] = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

static void identity_comes_from_its_seed(void)
{
    uint8_t seed[TRYST_KEY_SIZE], key[TRYST_KEY_SIZE], expected[TRYST_KEY_SIZE];
    struct tryst_identity *a = NULL, *b = NULL;

    unit_hex(seed, sizeof seed, seed_hex);
    unit_hex(expected, sizeof expected, key_hex);
    ASSERT_EQ_INT(tryst_identity_from_seed(&a, seed, sizeof seed), TRYST_OK);
    ASSERT_EQ_INT(tryst_identity_from_seed(&b, seed, sizeof seed), TRYST_OK);
    memset(seed, 0, sizeof seed);
    if (ASSERT_TRUE(a != NULL && b != NULL && a != b)) {
        ASSERT_EQ_INT(tryst_identity_public_key(a, key), TRYST_OK);
        ASSERT_EQ_MEM(key, expected, sizeof key);
        ASSERT_EQ_MEM(a, b, sizeof *a);
        unit_hex(seed, sizeof seed, seed_hex);
        ASSERT_EQ_MEM(a->secret, seed, sizeof seed);
    }
    tryst_identity_destroy(a);
    tryst_identity_destroy(b);
}

static void identity_functions_refuse_wrong_arguments(void)
{
    static const size_t sizes[] = {0, 1, 31, 33, 64, SIZE_MAX};
    uint8_t seed[64] = {1}, key[TRYST_KEY_SIZE];
    struct tryst_identity *identity = NULL;

    for (size_t i = 0; i < UNIT_COUNT(sizes); i++)
        ASSERT_EQ_INT(tryst_identity_from_seed(&identity, seed, sizes[i]), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_identity_from_seed(NULL, seed, TRYST_KEY_SIZE), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_identity_from_seed(&identity, NULL, TRYST_KEY_SIZE), TRYST_E_ARGUMENT);
    ASSERT_TRUE(identity == NULL);
    ASSERT_EQ_INT(tryst_identity_public_key(NULL, key), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_identity_from_seed(&identity, seed, TRYST_KEY_SIZE), TRYST_OK);
    ASSERT_EQ_INT(tryst_identity_public_key(identity, NULL), TRYST_E_ARGUMENT);
    tryst_identity_destroy(identity);
    tryst_identity_destroy(NULL);
}

static void key_has_one_text(void)
{
    static const struct {
        const char *hex, *text;
    } rows[] = {
        {key_hex, key_text},
        {"0000000000000000000000000000000000000000000000000000000000000000",
         "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
        {"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
         "__________________________________________8"},
        {"fbefbefbefbefbefbefbefbefbefbefbefbefbefbefbefbefbefbefbefbefbef",
         "------------------------------------------8"},
    };

    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        uint8_t key[TRYST_KEY_SIZE], read[TRYST_KEY_SIZE];
        char text[TRYST_KEY_TEXT_SIZE + 1] = {[TRYST_KEY_TEXT_SIZE] = 'x'};

        unit_hex(key, sizeof key, rows[i].hex);
        ASSERT_EQ_INT(tryst_key_format(key, text, TRYST_KEY_TEXT_SIZE), TRYST_OK);
        ASSERT_EQ_STR(text, rows[i].text);
        ASSERT_EQ_INT(text[TRYST_KEY_TEXT_SIZE], 'x');
        ASSERT_EQ_INT(tryst_key_parse(read, text), TRYST_OK);
        ASSERT_EQ_MEM(read, key, sizeof key);
    }
}

static void key_text_survives_the_way_there_and_back(void)
{
    uint64_t seed = 3;

    for (int i = 0; i < 1000; i++) {
        uint8_t key[TRYST_KEY_SIZE], read[TRYST_KEY_SIZE];
        char text[TRYST_KEY_TEXT_SIZE];

        for (size_t byte = 0; byte < sizeof key; byte++)
            key[byte] = (uint8_t)unit_random(&seed);
        ASSERT_EQ_INT(tryst_key_format(key, text, sizeof text), TRYST_OK);
        ASSERT_EQ_INT(tryst_key_parse(read, text), TRYST_OK);
        ASSERT_EQ_MEM(read, key, sizeof key);
    }
}

static void parse_refuses_every_other_text(void)
{
    static const char *const rows[] = {
        "",
        "A",
        "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUR",   /* one short */
        "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURoA", /* one long */
        "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo=", /* padded */
        "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUR=",
        "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo", /* the other alphabet */
        "11qYAYKxCrfVS+7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURp", /* bits beyond the last byte */
        "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURr",
        " 11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUR",
        "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\n",
        "11qYAYKxCrfVS_7TyWQ Og7hcvPapiMlrwIaaPcHURo",
        "11qYAYKxCrfVS_7TyWQ.Og7hcvPapiMlrwIaaPcHURo",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    };
    uint8_t key[TRYST_KEY_SIZE], before[TRYST_KEY_SIZE];

    memset(before, 0xa5, sizeof before);
    memcpy(key, before, sizeof key);
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        ASSERT_ROW(tryst_key_parse(key, rows[i]) == TRYST_E_FORMAT, "%s", rows[i]);
        ASSERT_EQ_MEM(key, before, sizeof key);
    }
}

static void parse_knows_each_character_of_the_alphabet(void)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char text[TRYST_KEY_TEXT_SIZE];
    uint8_t key[TRYST_KEY_SIZE];

    for (int c = 1; c < 256; c++) {
        const char *found = strchr(alphabet, c);

        memcpy(text, key_text, sizeof text);
        text[0] = (char)c;
        ASSERT_ROW((tryst_key_parse(key, text) == TRYST_OK) == (found != NULL), "%d", c);
        if (found != NULL)
            ASSERT_EQ_INT(key[0] >> 2, found - alphabet);
    }
}

static void key_functions_refuse_missing_arguments_and_short_buffers(void)
{
    uint8_t key[TRYST_KEY_SIZE] = {0};
    char text[TRYST_KEY_TEXT_SIZE] = "x";

    ASSERT_EQ_INT(tryst_key_format(NULL, text, sizeof text), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_key_format(key, NULL, sizeof text), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_key_parse(NULL, key_text), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_key_parse(key, NULL), TRYST_E_ARGUMENT);
    for (size_t size = 0; size < TRYST_KEY_TEXT_SIZE; size++)
        ASSERT_EQ_INT(tryst_key_format(key, text, size), TRYST_E_SIZE);
    ASSERT_EQ_STR(text, "x");
}

UNIT_MAIN("identity", UNIT_CASE(identity_comes_from_its_seed),
          UNIT_CASE(identity_functions_refuse_wrong_arguments), UNIT_CASE(key_has_one_text),
          UNIT_CASE(key_text_survives_the_way_there_and_back),
          UNIT_CASE(parse_refuses_every_other_text),
          UNIT_CASE(parse_knows_each_character_of_the_alphabet),
          UNIT_CASE(key_functions_refuse_missing_arguments_and_short_buffers))
