/* Cryptography: published vectors, every flipped bit refused, and the random stream.
 * SPDX-License-Identifier: MIT */
#include "lib/seal/seal.h"
#include "tests/unit/unit.h"

static void fill(uint8_t *out, size_t size)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)i;
}

static bool is_all(const uint8_t *data, size_t size, uint8_t value)
{
    for (size_t i = 0; i < size; i++)
        if (data[i] != value)
            return false;
    return true;
}

static void seal_starts_again_and_again(void)
{
    ASSERT_EQ_INT(tr_seal_start(), TRYST_OK);
    ASSERT_EQ_INT(tr_seal_start(), TRYST_OK);
}

/* Computed with Python's hashlib.blake2b(person=...). */
static void hash_is_blake2b_with_a_personal_string(void)
{
    static const struct {
        const char *pers;
        size_t key_size, size; /* both 00 01 02 ...; at size 3 "abc" */
        const char *hash;
    } rows[] = {
        {"tryst1 pair.k0", 0, 3,
         "e7dc9d573d87234e9718ed32dabf6b9b713464378d735042d7bc979654c4ede4"},
        {"0123456789abcdef", 0, 0,
         "33adf6008b7464fdd96a484496adddf0656f068ec58dccd8ab3d4ab1dd0bbf35"
         "720604496ce96e53dca603fd7f9e3c858a5dda33d4c05b6e02d8ecea580983e4"},
        {"chan", 32, 200, "56988e517352135573422952b13b94dd2fa95888ac2826b9680c9d049dd6dc57"},
        {"", 64, 128, "e73ac67c730bc525224c1fe98561401b"},
    };

    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        uint8_t key[64], data[200], expected[64], hash[65];
        size_t size = unit_hex(expected, sizeof expected, rows[i].hash);

        fill(key, sizeof key);
        fill(data, sizeof data);
        if (rows[i].size == 3)
            memcpy(data, "abc", 3);
        hash[size] = 0xa5;
        tr_seal_hash(hash, size, rows[i].pers, rows[i].key_size > 0 ? key : NULL, rows[i].key_size,
                     rows[i].size > 0 ? data : NULL, rows[i].size);
        ASSERT_EQ_MEM(hash, expected, size);
        ASSERT_EQ_INT(hash[size], 0xa5);
    }
}

/* Computed with Python: blake2b(key=, salt= the number, person= the context). */
static void subkeys_are_crypto_kdf(void)
{
    static const struct {
        uint64_t id;
        const char *context, *subkey;
    } rows[] = {
        {0, "data", "17dd02ebdeae4243996d3e79990f47407269d91765dc5fac69e40d988440c5f3"},
        {1, "12345678",
         "252be9dbc04c31f26d8c570f7c92b544d566b7ed27cebe1516d92fbb4e84b50c"
         "f67a543c407a357004affcdcba9564da4cfd67f9c289385e5ac35bccd6e6aa74"},
        {UINT64_MAX, "", "6ae3896e61fb443d4069d268fc2fef46"},
        {UINT64_C(0x0102030405060708), "tryst",
         "e4e402dc01c8c23afaf0e810d6d7538380687cf713034a71c0b34dc160bc7dfd"},
    };
    uint8_t key[TR_KEY];

    fill(key, sizeof key);
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        uint8_t expected[64], subkey[64];
        size_t size = unit_hex(expected, sizeof expected, rows[i].subkey);

        tr_seal_subkey(subkey, size, rows[i].id, rows[i].context, key);
        ASSERT_EQ_MEM(subkey, expected, size);
    }
}

/* The seed of RFC 8032, section 7.1, TEST 1; signatures computed with OpenSSL. */
static void sign_puts_the_domain_before_the_message(void)
{
    static const struct {
        const char *domain;
        size_t size; /* of 00 01 02 ...; at size 3 "abc" */
        const char *signature;
    } rows[] = {
        {"tryst1 record", 3,
         "7ed1fc6ef0b85ee413990eabc4033dc53d0610f6864b0e49dc2e9d4e7160a839"
         "d3cb5fab00206746ae695317da718ec5ec2171f21110f4eaabc16c8856b04e07"},
        {"", 0,
         "937c07c4531af3582fa6ef3d89963c1e962bc412a01f4b8bb47d801f36e9ccb9"
         "d348ad0960698a768b1b05b4f2cdf2ed8892bccc413b2ef7c33930d69f3ec60f"},
        {"0123456789abcdef", TR_SIGNED_MAX,
         "f20a29d09f1c348cc327a4ed75a1cddbb9a0ddac52c25d0639dd7341f1bf0997"
         "95275e7b9d9d2a34c043c18176a50400d002a438d40c30e3f855de6ba7035e02"},
    };
    uint8_t seed[TR_KEY], public_key[TR_KEY], expected_key[TR_KEY], secret[TR_SIGN_SECRET];
    static uint8_t data[TR_SIGNED_MAX + 1];

    unit_hex(seed, TR_KEY, "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
    unit_hex(expected_key, TR_KEY,
             "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    tr_seal_sign_pair(public_key, secret, seed);
    ASSERT_EQ_MEM(public_key, expected_key, TR_KEY);
    ASSERT_EQ_MEM(secret, seed, TR_KEY);
    ASSERT_EQ_MEM(secret + TR_KEY, public_key, TR_KEY);
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        uint8_t expected[TR_SIGNATURE], signature[TR_SIGNATURE];
        const void *message = rows[i].size == 0 ? NULL : rows[i].size == 3 ? (void *)"abc" : data;

        fill(data, sizeof data);
        unit_hex(expected, sizeof expected, rows[i].signature);
        tr_seal_sign(signature, rows[i].domain, message, rows[i].size, secret);
        ASSERT_EQ_MEM(signature, expected, TR_SIGNATURE);
        ASSERT_TRUE(tr_seal_verify(signature, rows[i].domain, message, rows[i].size, public_key));
        ASSERT_FALSE(tr_seal_verify(signature, "other", message, rows[i].size, public_key));
        ASSERT_FALSE(tr_seal_verify(signature, rows[i].domain, data, rows[i].size + 1, public_key));
    }
}

static void verify_refuses_every_flipped_bit(void)
{
    uint8_t seed[TR_KEY] = {9}, key[TR_KEY], secret[TR_SIGN_SECRET], signature[TR_SIGNATURE];
    uint8_t data[20];

    fill(data, sizeof data);
    tr_seal_sign_pair(key, secret, seed);
    tr_seal_sign(signature, "d", data, sizeof data, secret);
    for (size_t bit = 0; bit < 8 * (sizeof signature + sizeof data + sizeof key); bit++) {
        size_t byte = bit / 8;
        uint8_t *p = byte < TR_SIGNATURE                 ? signature + byte
                     : byte < TR_SIGNATURE + sizeof data ? data + byte - TR_SIGNATURE
                                                         : key + byte - TR_SIGNATURE - sizeof data;

        *p ^= (uint8_t)(1u << bit % 8);
        ASSERT_ROW(!tr_seal_verify(signature, "d", data, sizeof data, key), "bit %zu", bit);
        *p ^= (uint8_t)(1u << bit % 8);
    }
    ASSERT_TRUE(tr_seal_verify(signature, "d", data, sizeof data, key));
}

/* S + L signs the same; RFC 8032, section 5.1.7 wants S below L, so that there is one signature. */
static void verify_refuses_a_second_form_of_a_signature(void)
{
    uint8_t seed[TR_KEY] = {3}, key[TR_KEY], secret[TR_SIGN_SECRET], signature[TR_SIGNATURE];
    uint8_t order[32];
    unsigned carry = 0;

    unit_hex(order, 32, "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    tr_seal_sign_pair(key, secret, seed);
    tr_seal_sign(signature, "d", "m", 1, secret);
    for (int i = 0; i < 32; i++) {
        carry += (unsigned)signature[32 + i] + order[i];
        signature[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    ASSERT_EQ_UINT(carry, 0);
    ASSERT_FALSE(tr_seal_verify(signature, "d", "m", 1, key));
}

/* The neutral point as key and as R, with S = 0, would sign anything. */
static void verify_refuses_a_key_of_small_order(void)
{
    uint8_t key[TR_KEY] = {1}, signature[TR_SIGNATURE] = {1};

    ASSERT_FALSE(tr_seal_verify(signature, "d", "m", 1, key));
}

/* RFC 7748, sections 5.2 and 6.1. */
static void dh_is_x25519(void)
{
    static const char *const rows[][3] = {
        {"a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
         "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
         "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"},
        {"4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
         "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
         "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"},
        {"5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
         "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
         "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"},
    };
    uint8_t secret[TR_KEY], point[TR_KEY], out[TR_KEY], expected[TR_KEY];

    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        unit_hex(secret, TR_KEY, rows[i][0]);
        unit_hex(point, TR_KEY, rows[i][1]);
        unit_hex(expected, TR_KEY, rows[i][2]);
        ASSERT_TRUE(tr_seal_dh_shared(out, secret, point));
        ASSERT_EQ_MEM(out, expected, TR_KEY);
    }
    unit_hex(expected, TR_KEY, "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    tr_seal_dh_public(out, secret);
    ASSERT_EQ_MEM(out, expected, TR_KEY);
}

/* RFC 7748, section 5.2: the loop of a thousand. */
static void dh_survives_a_thousand_turns(void)
{
    uint8_t k[TR_KEY] = {9}, u[TR_KEY] = {9}, out[TR_KEY], expected[TR_KEY];

    for (int i = 0; i < 1000; i++) {
        ASSERT_TRUE(tr_seal_dh_shared(out, k, u));
        memcpy(u, k, TR_KEY);
        memcpy(k, out, TR_KEY);
    }
    unit_hex(expected, TR_KEY, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
    ASSERT_EQ_MEM(k, expected, TR_KEY);
}

/* The points of order 1, 2, 4 and 8 and their forms past p (cr.yp.to/ecdh.html#validate). */
static void dh_refuses_points_of_small_order(void)
{
    static const char *const points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    uint8_t secret[TR_KEY] = {77}, point[TR_KEY], shared[TR_KEY];

    for (size_t i = 0; i < 2 * UNIT_COUNT(points); i++) {
        unit_hex(point, TR_KEY, points[i / 2]);
        point[31] |= (uint8_t)(i % 2 << 7); /* X25519 looks past this bit */
        memset(shared, 0xa5, TR_KEY);
        ASSERT_ROW(!tr_seal_dh_shared(shared, secret, point), "%s, bit %zu", points[i / 2], i % 2);
        ASSERT_TRUE(is_all(shared, TR_KEY, 0));
    }
}

/* RFC 8439, section 2.8.2, and draft-irtf-cfrg-xchacha-03, appendix A.3.1: one text, key and ad. */
static const char sunscreen[] = "Ladies and Gentlemen of the class of '99: If I could offer you "
                                "only one tip for the future, sunscreen would be it.";

static void seal_is_chacha20_poly1305(void)
{
    enum { SIZE = sizeof sunscreen - 1 };
    uint8_t key[TR_KEY], ad[12], expected[SIZE + TR_TAG], out[SIZE + TR_TAG];

    fill(key, TR_KEY);
    for (size_t i = 0; i < TR_KEY; i++)
        key[i] |= 0x80;
    unit_hex(ad, sizeof ad, "50515253c0c1c2c3c4c5c6c7");
    ASSERT_EQ_UINT(unit_hex(expected, sizeof expected,
                            "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
                            "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
                            "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
                            "3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691"),
                   sizeof expected);
    tr_seal_seal(out, sunscreen, SIZE, ad, sizeof ad, 7, UINT64_C(0x4746454443424140), key);
    ASSERT_EQ_MEM(out, expected, sizeof expected);
    ASSERT_TRUE(tr_seal_open(out, expected, sizeof expected, ad, sizeof ad, 7,
                             UINT64_C(0x4746454443424140), key));
    ASSERT_EQ_MEM(out, sunscreen, SIZE);
}

static void xseal_is_xchacha20_poly1305(void)
{
    enum { SIZE = sizeof sunscreen - 1 };
    uint8_t key[TR_KEY], ad[12], nonce[TR_XNONCE], expected[SIZE + TR_TAG], out[SIZE + TR_TAG];

    fill(key, TR_KEY);
    for (size_t i = 0; i < TR_KEY; i++)
        key[i] |= 0x80;
    fill(nonce, TR_XNONCE);
    for (size_t i = 0; i < TR_XNONCE; i++)
        nonce[i] |= 0x40;
    unit_hex(ad, sizeof ad, "50515253c0c1c2c3c4c5c6c7");
    ASSERT_EQ_UINT(unit_hex(expected, sizeof expected,
                            "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb"
                            "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452"
                            "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9"
                            "21f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49"),
                   sizeof expected);
    tr_seal_xseal(out, sunscreen, SIZE, ad, sizeof ad, nonce, key);
    ASSERT_EQ_MEM(out, expected, sizeof expected);
    ASSERT_TRUE(tr_seal_xopen(out, expected, sizeof expected, ad, sizeof ad, nonce, key));
    ASSERT_EQ_MEM(out, sunscreen, SIZE);
}

/* Both seals behind one face: with is_x the lane and counter stand in the long nonce. */
struct envelope {
    bool is_x;
    size_t size, ad_size;
    uint32_t lane;
    uint64_t counter;
    uint8_t key[TR_KEY], ad[24], sealed[1200 + TR_TAG];
};

static bool open_envelope(uint8_t *out, const struct envelope *e)
{
    uint8_t nonce[TR_XNONCE] = {0};

    memcpy(nonce, &e->lane, 4);
    memcpy(nonce + 16, &e->counter, 8);
    return e->is_x ? tr_seal_xopen(out, e->sealed, e->size, e->ad, e->ad_size, nonce, e->key)
                   : tr_seal_open(out, e->sealed, e->size, e->ad, e->ad_size, e->lane, e->counter,
                                  e->key);
}

static struct envelope make_envelope(bool is_x, size_t size, size_t ad_size)
{
    struct envelope e = {.is_x = is_x,
                         .size = size + TR_TAG,
                         .ad_size = ad_size,
                         .lane = 0x1234,
                         .counter = UINT64_C(0x123456789abcdef0),
                         .key = {42},
                         .ad = {1, 2, 3}};
    uint8_t nonce[TR_XNONCE] = {0};

    memset(e.sealed, 0x5a, size); /* sealed in place */
    memcpy(nonce, &e.lane, 4);
    memcpy(nonce + 16, &e.counter, 8);
    if (is_x)
        tr_seal_xseal(e.sealed, e.sealed, size, e.ad, ad_size, nonce, e.key);
    else
        tr_seal_seal(e.sealed, e.sealed, size, e.ad, ad_size, e.lane, e.counter, e.key);
    return e;
}

/* Nothing of the text 5a 5a 5a ... may stand in out: it is as before (a5), or wiped. */
static bool is_refused(const struct envelope *e)
{
    uint8_t out[1200 + TR_TAG];

    memset(out, 0xa5, sizeof out);
    if (open_envelope(out, e))
        return false;
    for (size_t i = 0; i < sizeof out; i++)
        if (out[i] != 0xa5 && (out[i] != 0 || e->size < TR_TAG || i >= e->size - TR_TAG))
            return false;
    return true;
}

static void open_gives_back_what_was_sealed(void)
{
    static const size_t sizes[] = {0, 1, 15, 16, 17, 63, 64, 65, 127, 128, 129, 1150, 1200};

    for (size_t i = 0; i < 2 * UNIT_COUNT(sizes); i++) {
        struct envelope e = make_envelope(i % 2 == 1, sizes[i / 2], i % 3 == 0 ? 0 : 24);
        uint8_t out[1201] = {0};

        out[sizes[i / 2]] = 0xa5;
        ASSERT_TRUE(open_envelope(out, &e));
        ASSERT_TRUE(is_all(out, sizes[i / 2], 0x5a));
        ASSERT_EQ_INT(out[sizes[i / 2]], 0xa5);
        ASSERT_TRUE(open_envelope(e.sealed, &e));
        ASSERT_TRUE(is_all(e.sealed, sizes[i / 2], 0x5a));
    }
}

static void open_refuses_every_flipped_bit(void)
{
    static const size_t sizes[] = {0, 1, 64, 200};

    for (size_t i = 0; i < 2 * UNIT_COUNT(sizes); i++) {
        struct envelope e = make_envelope(i % 2 == 1, sizes[i / 2], 24);
        struct {
            void *data;
            size_t size;
        } parts[] = {
            {e.sealed, e.size}, {e.ad, 24}, {e.key, TR_KEY}, {&e.lane, 4}, {&e.counter, 8}};

        for (size_t part = 0; part < UNIT_COUNT(parts); part++)
            for (size_t bit = 0; bit < 8 * parts[part].size; bit++) {
                uint8_t *byte = (uint8_t *)parts[part].data + bit / 8;

                *byte ^= (uint8_t)(1u << bit % 8);
                ASSERT_ROW(is_refused(&e), "row %zu, part %zu, bit %zu", i, part, bit);
                *byte ^= (uint8_t)(1u << bit % 8);
            }
        ASSERT_FALSE(is_refused(&e));
    }
}

static void open_refuses_every_other_length(void)
{
    for (size_t i = 0; i < 2; i++) {
        struct envelope e = make_envelope(i == 1, 100, 24);

        for (size_t size = 0; size <= 200; size++) {
            e.size = size;
            ASSERT_EQ_INT(is_refused(&e), size != 100 + TR_TAG);
        }
        e.size = 100 + TR_TAG;
        for (e.ad_size = 0; e.ad_size < 24; e.ad_size++)
            ASSERT_TRUE(is_refused(&e));
    }
}

static void open_leaves_no_text_in_place(void)
{
    for (size_t i = 0; i < 2; i++) {
        struct envelope e = make_envelope(i == 1, 100, 24);
        uint8_t sealed[100];

        e.sealed[115] ^= 1;
        memcpy(sealed, e.sealed, sizeof sealed);
        ASSERT_FALSE(open_envelope(e.sealed, &e));
        ASSERT_TRUE(is_all(e.sealed, 100, 0) || memcmp(e.sealed, sealed, 100) == 0);
    }
}

/* The vectors of SipHash-2-4's reference code: 64 and 128 bits, of nothing, 00, 00 01. */
static void short_hashes_are_siphash(void)
{
    static const struct {
        size_t size;
        uint64_t hash;
        const char *mac;
    } rows[] = {
        {0, UINT64_C(0x726fdb47dd0e0e31), "a3817f04ba25a8e66df67214c7550293"},
        {1, UINT64_C(0x74f839c593dc67fd), "da87c1d86b99af44347659119b22fc45"},
        {2, UINT64_C(0x0d6c8009d9a94f5a), "8177228da4a45dc7fca38bdef60affe4"},
        {15, UINT64_C(0xa129ca6149be45e5), NULL},
    };
    uint8_t key[TR_MAC_KEY], data[16], mac[TR_MAC], expected[TR_MAC];

    fill(key, sizeof key);
    fill(data, sizeof data);
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        ASSERT_EQ_UINT(tr_seal_hash64(data, rows[i].size, key), rows[i].hash);
        tr_seal_mac(mac, data, rows[i].size, key);
        if (rows[i].mac != NULL) {
            unit_hex(expected, TR_MAC, rows[i].mac);
            ASSERT_EQ_MEM(mac, expected, TR_MAC);
        }
    }
}

static void memory_is_compared_and_wiped(void)
{
    uint8_t a[40], b[40];

    fill(a, sizeof a);
    for (size_t bit = 0; bit < 8 * sizeof a; bit++) {
        memcpy(b, a, sizeof b);
        ASSERT_TRUE(tr_seal_equal(a, b, sizeof a));
        b[bit / 8] ^= (uint8_t)(1u << bit % 8);
        ASSERT_FALSE(tr_seal_equal(a, b, sizeof a));
        ASSERT_TRUE(tr_seal_equal(a, b, bit / 8));
    }
    tr_seal_wipe(a + 1, sizeof a - 2);
    ASSERT_TRUE(is_all(a, sizeof a - 1, 0));
    ASSERT_EQ_INT(a[39], 39);
}

static void entropy_differs_each_time(void)
{
    uint8_t a[32] = {0}, b[32] = {0};

    tr_seal_entropy(a, sizeof a);
    tr_seal_entropy(b, sizeof b);
    ASSERT_FALSE(tr_seal_equal(a, b, sizeof a));
}

UNIT_MAIN("seal", UNIT_CASE(seal_starts_again_and_again),
          UNIT_CASE(hash_is_blake2b_with_a_personal_string), UNIT_CASE(subkeys_are_crypto_kdf),
          UNIT_CASE(sign_puts_the_domain_before_the_message),
          UNIT_CASE(verify_refuses_every_flipped_bit),
          UNIT_CASE(verify_refuses_a_second_form_of_a_signature),
          UNIT_CASE(verify_refuses_a_key_of_small_order), UNIT_CASE(dh_is_x25519),
          UNIT_CASE(dh_survives_a_thousand_turns), UNIT_CASE(dh_refuses_points_of_small_order),
          UNIT_CASE(seal_is_chacha20_poly1305), UNIT_CASE(xseal_is_xchacha20_poly1305),
          UNIT_CASE(open_gives_back_what_was_sealed), UNIT_CASE(open_refuses_every_flipped_bit),
          UNIT_CASE(open_refuses_every_other_length), UNIT_CASE(open_leaves_no_text_in_place),
          UNIT_CASE(short_hashes_are_siphash), UNIT_CASE(memory_is_compared_and_wiped),
          UNIT_CASE(entropy_differs_each_time))
