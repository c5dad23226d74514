/* Heads in clear, bodies sealed, items, signatures and the keys of the registration.
 * SPDX-License-Identifier: MIT */
#include "lib/wire/envelope.h"
#include "tests/unit/unit.h"

static uint8_t key[TR_KEY] = {1, 2, 3};

static void fill(void *out, size_t size, unsigned start)
{
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)out)[i] = (uint8_t)(start + i);
}

static struct tr_candidate address(unsigned port)
{
    return (struct tr_candidate){
        .kind = TRYST_KIND_HOST,
        .address = {.family = 4, .port = (uint16_t)port, .ip = {10, 0, 0, 1}}};
}

/* A datagram of every sealed kind, at its smallest and at its largest. */
struct sealed {
    const char *name;
    size_t size, head_size;
    bool is_random; /* the head ends in a random nonce; else counter 9 in lane 0 */
    uint8_t data[TR_DATAGRAM_BYTES];
};

enum { SEALED_COUNT = 10 };

static void seal_random(struct sealed *sealed, const char *name, const struct tr_layout *layout,
                        const void *head, const struct tr_layout *body_layout, const void *body,
                        size_t least)
{
    sealed->name = name;
    sealed->is_random = true;
    sealed->head_size = tr_layout_size_min(layout);
    sealed->size = tr_envelope_xseal(layout, head, body_layout, body, least, key, sealed->data);
}

static void seal_counted(struct sealed *sealed, const char *name, const struct tr_layout *layout,
                         const void *head, size_t body_size)
{
    static const uint8_t body[TR_DATAGRAM_BYTES] = {TR_ITEM_MESSAGE | TR_ITEM_LAST, 1, 2, 3};
    sealed->name = name;
    sealed->head_size = tr_layout_size_min(layout);
    sealed->size =
        tr_envelope_seal(layout, head, body, body_size, TR_LANE_STREAM, 9, key, sealed->data);
}

static struct sealed *make_all(void)
{
    struct sealed *all = calloc(SEALED_COUNT, sizeof *all);
    struct tr_register reg = {.type = TR_REGISTER, .version = 1, .magic = TR_MAGIC};
    struct tr_register_body body = {.record.version = 1};
    struct tr_refused refused = {.type = TR_REFUSED, .version = 1};
    struct tr_refused_body reason = {.reason = 5};
    struct tr_hello hello = {.type = TR_HELLO, .version = 1};
    struct tr_hello_body said = {.sequence = 1};
    struct tr_registered registered = {.type = TR_REGISTERED, .version = 1};
    struct tr_ctrl ctrl = {.type = TR_CTRL, .counter = 9};
    struct tr_data data = {.type = TR_DATA, .counter = 9};

    seal_random(&all[0], "REGISTER", &tr_layout_register, &reg, &tr_layout_register_body, &body,
                TR_DATAGRAM_BYTES);
    body.local_count = TR_CANDIDATES_MAX;
    body.proven_count = TR_PROVEN_MAX;
    body.token_size = sizeof body.token;
    body.invite_size = sizeof body.invite;
    body.user_data_size = sizeof body.user_data;
    body.app_data_size = sizeof body.app_data;
    seal_random(&all[1], "full REGISTER", &tr_layout_register, &reg, &tr_layout_register_body,
                &body, TR_DATAGRAM_BYTES);
    seal_random(&all[2], "REFUSED", &tr_layout_refused, &refused, &tr_layout_refused_body, &reason,
                0);
    reason.detail_size = TR_DETAIL_MAX;
    seal_random(&all[3], "full REFUSED", &tr_layout_refused, &refused, &tr_layout_refused_body,
                &reason, 0);
    seal_random(&all[4], "HELLO", &tr_layout_hello, &hello, &tr_layout_hello_body, &said, 0);
    said.local_count = TR_CANDIDATES_MAX - 1;
    seal_random(&all[5], "full HELLO", &tr_layout_hello, &hello, &tr_layout_hello_body, &said, 0);
    seal_counted(&all[6], "REGISTERED", &tr_layout_registered, &registered, 155);
    seal_counted(&all[7], "CTRL", &tr_layout_ctrl, &ctrl, 1);
    seal_counted(&all[8], "DATA", &tr_layout_data, &data, 1);
    seal_counted(&all[9], "full DATA", &tr_layout_data, &data, TR_DATAGRAM_BYTES - 25);
    return all;
}

static bool opens(const struct sealed *sealed, const uint8_t *data, size_t size, size_t *body_size)
{
    uint8_t body[TR_DATAGRAM_BYTES];

    if (sealed->is_random)
        return tr_envelope_xopen(sealed->head_size, data, size, key, body, body_size);
    return tr_envelope_open(sealed->head_size, data, size, TR_LANE_STREAM, 9, key, body, body_size);
}

static void sizes_are_those_of_the_document(void)
{
    static const size_t sizes[SEALED_COUNT] = {1200, 1200, 56, 119, 264, 404, 215, 30, 26, 1200};
    struct sealed *all = make_all();

    for (size_t i = 0; i < SEALED_COUNT; i++) {
        size_t body_size = 0;

        ASSERT_ROW(all[i].size == sizes[i], "%s has %zu bytes", all[i].name, all[i].size);
        ASSERT_ROW(all[i].size <= tr_frame_rule(all[i].data[0])->most, "%s", all[i].name);
        ASSERT_ROW(all[i].size >= tr_frame_rule(all[i].data[0])->least, "%s", all[i].name);
        ASSERT_ROW(opens(&all[i], all[i].data, all[i].size, &body_size), "%s", all[i].name);
        ASSERT_EQ_UINT(body_size, all[i].size - all[i].head_size - TR_TAG);
    }
    free(all);
}

static void clear_frames_have_their_whole_size(void)
{
    struct tr_bind bind = {.type = TR_BIND};
    struct tr_cookie_reply reply = {.type = TR_COOKIE};
    struct tr_unknown unknown = {.type = TR_UNKNOWN};
    uint8_t out[TR_DATAGRAM_BYTES];

    memset(out, 0xff, sizeof out);
    ASSERT_EQ_UINT(tr_envelope_clear(&tr_layout_bind, &bind, out), 1200);
    for (size_t i = 32; i < sizeof out; i++)
        ASSERT_ROW(out[i] == 0, "padding at %zu", i);
    ASSERT_EQ_UINT(tr_envelope_clear(&tr_layout_cookie_reply, &reply, out), 248);
    ASSERT_EQ_UINT(tr_envelope_clear(&tr_layout_unknown, &unknown, out), 16);
}

static void every_truncation_of_every_sealed_frame_is_refused(void)
{
    struct sealed *all = make_all();

    for (size_t i = 0; i < SEALED_COUNT; i++) {
        for (size_t size = 0; size < all[i].size; size++) {
            uint8_t *copy = malloc(size > 0 ? size : 1);
            size_t body_size = 0;
            memcpy(copy, all[i].data, size);
            ASSERT_ROW(!opens(&all[i], copy, size, &body_size), "%s cut to %zu", all[i].name, size);
            free(copy);
        }
    }
    free(all);
}

static void every_changed_byte_of_every_sealed_frame_is_refused(void)
{
    struct sealed *all = make_all();

    for (size_t i = 0; i < SEALED_COUNT; i++) {
        for (size_t at = 0; at < all[i].size; at++) {
            size_t body_size = 0;
            all[i].data[at] ^= (uint8_t)(1U << at % 8);
            ASSERT_ROW(!opens(&all[i], all[i].data, all[i].size, &body_size), "%s byte %zu",
                       all[i].name, at);
            all[i].data[at] ^= (uint8_t)(1U << at % 8);
        }
    }
    free(all);
}

static void lanes_and_counters_are_part_of_the_seal(void)
{
    struct sealed *all = make_all();
    const struct sealed *data = &all[8];
    uint8_t body[TR_DATAGRAM_BYTES];
    size_t size;

    ASSERT_TRUE(tr_envelope_open(9, data->data, data->size, TR_LANE_STREAM, 9, key, body, &size));
    ASSERT_FALSE(
        tr_envelope_open(9, data->data, data->size, TR_LANE_REGISTERED, 9, key, body, &size));
    ASSERT_FALSE(tr_envelope_open(9, data->data, data->size, TR_LANE_STREAM, 10, key, body, &size));
    free(all);
}

static void heads_are_read_as_they_were_written(void)
{
    struct tr_registered head = {.type = TR_REGISTERED, .version = 1, .reply = 0x01020304};
    struct tr_registered again;
    uint8_t out[TR_DATAGRAM_BYTES];

    fill(head.ges, sizeof head.ges, 7);
    tr_envelope_seal(&tr_layout_registered, &head, "", 0, TR_LANE_REGISTERED, head.reply, key, out);
    ASSERT_TRUE(tr_envelope_head(&tr_layout_registered, &again, out, 44));
    ASSERT_EQ_UINT(again.reply, head.reply);
    ASSERT_EQ_MEM(again.ges, head.ges, sizeof head.ges);
    for (size_t size = 0; size < 44; size++)
        ASSERT_ROW(!tr_envelope_head(&tr_layout_registered, &again, out, size), "%zu", size);
}

static void items_are_read_as_they_were_written(void)
{
    uint8_t room[64];
    struct tr_writer writer;
    struct tr_reader reader;
    struct tr_item_view item;

    tr_writer_init(&writer, room, sizeof room);
    ASSERT_TRUE(tr_item_write(&writer, TR_ITEM_PING, "12345678", 8));
    ASSERT_TRUE(tr_item_write(&writer, TR_ITEM_PADDING, NULL, 0));
    uint8_t *last = writer.at;
    ASSERT_TRUE(tr_item_write(&writer, TR_ITEM_MESSAGE, "hello", 5));
    ASSERT_EQ_UINT(tr_writer_used(&writer), 11 + 3 + 8);
    tr_item_close(&writer, last);
    ASSERT_EQ_UINT(tr_writer_used(&writer), 11 + 3 + 6);

    tr_reader_init(&reader, room, tr_writer_used(&writer));
    ASSERT_TRUE(tr_item_read(&reader, &item) && item.type == TR_ITEM_PING && item.size == 8);
    ASSERT_TRUE(tr_item_read(&reader, &item) && item.type == TR_ITEM_PADDING && item.size == 0);
    ASSERT_TRUE(tr_item_read(&reader, &item) && item.type == TR_ITEM_MESSAGE && item.size == 5);
    ASSERT_EQ_MEM(item.content, "hello", 5);
    ASSERT_FALSE(tr_item_read(&reader, &item));
    ASSERT_FALSE(reader.fault);
}

static void an_item_that_is_cut_is_a_fault(void)
{
    static const uint8_t whole[] = {TR_ITEM_PING, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8};
    struct tr_reader reader;
    struct tr_item_view item;

    for (size_t size = 1; size < sizeof whole; size++) {
        tr_reader_init(&reader, whole, size);
        ASSERT_ROW(!tr_item_read(&reader, &item) && reader.fault, "cut to %zu", size);
    }
    tr_reader_init(&reader, whole, 0);
    ASSERT_FALSE(tr_item_read(&reader, &item));
    ASSERT_FALSE(reader.fault);
}

/* What a later version says is passed over by its length. */
static void an_unknown_item_is_passed_over(void)
{
    static const uint8_t body[] = {0x7f, 2, 0, 9, 9, TR_ITEM_MESSAGE | TR_ITEM_LAST, 'x'};
    struct tr_reader reader;
    struct tr_item_view item;

    tr_reader_init(&reader, body, sizeof body);
    ASSERT_TRUE(tr_item_read(&reader, &item) && item.type == 0x7f);
    ASSERT_TRUE(tr_item_read(&reader, &item) && item.type == TR_ITEM_MESSAGE && item.size == 1);
    ASSERT_FALSE(tr_item_read(&reader, &item) || reader.fault);
}

static void an_item_that_does_not_fit_leaves_nothing_behind(void)
{
    uint8_t room[16];
    struct tr_writer writer;
    struct tr_item_ack ack = {.fence = 1, .version = 2};

    for (size_t size = 0; size < 19; size++) {
        tr_writer_init(&writer, room, size < sizeof room ? size : sizeof room);
        ASSERT_ROW(!tr_item_write_layout(&writer, TR_ITEM_ACK, &tr_layout_item_ack, &ack), "%zu",
                   size);
        ASSERT_EQ_UINT(tr_writer_used(&writer), 0);
        ASSERT_FALSE(writer.fault);
    }
    tr_writer_init(&writer, room, 6);
    ASSERT_FALSE(tr_item_write(&writer, TR_ITEM_MESSAGE, "1234", 4));
    ASSERT_TRUE(tr_item_write(&writer, TR_ITEM_MESSAGE, "123", 3));
}

static void message_of_n_bytes_makes_data_of_26_and_n(void)
{
    static const size_t sizes[] = {1, 64, TR_MESSAGE_MAX};
    uint8_t room[TR_DATAGRAM_BYTES];
    uint8_t out[TR_DATAGRAM_BYTES];
    uint8_t content[TR_MESSAGE_MAX] = {0};
    struct tr_data head = {.type = TR_DATA};
    struct tr_writer writer;

    for (size_t i = 0; i < UNIT_COUNT(sizes); i++) {
        tr_writer_init(&writer, room, sizeof room);
        tr_item_write(&writer, TR_ITEM_MESSAGE, content, sizes[i]);
        tr_item_close(&writer, room);
        ASSERT_EQ_UINT(tr_envelope_seal(&tr_layout_data, &head, room, tr_writer_used(&writer),
                                        TR_LANE_STREAM, 0, key, out),
                       sizes[i] + 26);
    }
}

static uint8_t secret[TR_SIGN_SECRET], signer[TR_KEY];

static void keys_make(void)
{
    uint8_t seed[TR_KEY];

    fill(seed, sizeof seed, 0x80);
    tr_seal_start();
    tr_seal_sign_pair(signer, secret, seed);
}

static void a_record_is_signed_in_every_byte(void)
{
    struct tr_record record = {.version = 1, .versions = 2, .epoch = 5};

    keys_make();
    memcpy(record.identity, signer, TR_KEY);
    tr_record_sign(&record, secret);
    ASSERT_TRUE(tr_record_verify(&record));
    for (unsigned at = 0; at < 164; at++) {
        uint8_t wire[164];
        struct tr_record changed;
        struct tr_writer writer;
        struct tr_reader reader;

        tr_writer_init(&writer, wire, sizeof wire);
        tr_layout_encode(&tr_layout_record, &record, &writer);
        wire[at] ^= 1;
        tr_reader_init(&reader, wire, sizeof wire);
        tr_layout_decode(&tr_layout_record, &changed, &reader);
        ASSERT_ROW(!tr_record_verify(&changed), "byte %u", at);
    }
}

static void a_certificate_is_signed_in_every_byte_and_by_its_root(void)
{
    struct tr_certificate certificate = {.version = 1, .not_after_s = 9};
    uint8_t other[TR_KEY] = {0};

    keys_make();
    tr_certificate_sign(&certificate, secret);
    ASSERT_TRUE(tr_certificate_verify(&certificate, signer));
    ASSERT_FALSE(tr_certificate_verify(&certificate, other));
    for (unsigned at = 0; at < 152; at++) {
        uint8_t wire[152];
        struct tr_certificate changed;
        struct tr_writer writer;
        struct tr_reader reader;

        tr_writer_init(&writer, wire, sizeof wire);
        tr_layout_encode(&tr_layout_certificate, &certificate, &writer);
        wire[at] ^= 1;
        tr_reader_init(&reader, wire, sizeof wire);
        tr_layout_decode(&tr_layout_certificate, &changed, &reader);
        ASSERT_ROW(!tr_certificate_verify(&changed, signer), "byte %u", at);
    }
}

static void a_registration_is_signed_for_one_node_and_one_head(void)
{
    struct tr_register head = {.type = TR_REGISTER, .version = 1, .magic = TR_MAGIC};
    struct tr_register_body body = {.sequence = 1, .local_count = 1, .user_data_size = 2};
    uint8_t node[TR_KEY] = {3};
    struct tr_register_body changed;

    keys_make();
    body.local[0] = address(40000);
    memcpy(body.record.identity, signer, TR_KEY);
    tr_register_sign(&body, &head, node, secret);
    ASSERT_TRUE(tr_register_verify(&body, &head, node));
    node[31] ^= 1;
    ASSERT_FALSE(tr_register_verify(&body, &head, node));
    node[31] ^= 1;
    head.nonce[0] ^= 1;
    ASSERT_FALSE(tr_register_verify(&body, &head, node));
    head.nonce[0] ^= 1;
    changed = body;
    changed.sequence++;
    ASSERT_FALSE(tr_register_verify(&changed, &head, node));
    changed = body;
    changed.local[0].address.port++;
    ASSERT_FALSE(tr_register_verify(&changed, &head, node));
    changed = body;
    changed.user_data[1]++;
    ASSERT_FALSE(tr_register_verify(&changed, &head, node));
    changed = body;
    changed.local_count = 0;
    ASSERT_FALSE(tr_register_verify(&changed, &head, node));
}

static void an_answer_is_signed_for_one_request_and_one_ephemeral_key(void)
{
    uint8_t signature[TR_SIGNATURE];
    uint8_t hash[TR_KEY] = {1};
    uint8_t ges[TR_KEY] = {2};

    keys_make();
    tr_registered_sign(signature, hash, ges, secret);
    ASSERT_TRUE(tr_registered_verify(signature, hash, ges, signer));
    ASSERT_FALSE(tr_registered_verify(signature, ges, hash, signer));
    hash[0]++;
    ASSERT_FALSE(tr_registered_verify(signature, hash, ges, signer));
}

static void keys_differ_by_purpose_and_direction(void)
{
    struct tr_channel_keys channel;
    uint8_t keys[5][TR_KEY];
    uint8_t shared[TR_KEY] = {1};
    uint8_t hash[TR_KEY] = {2};

    tr_channel_derive(&channel, shared, hash, hash, hash);
    memcpy(keys[0], channel.to_client, TR_KEY);
    memcpy(keys[1], channel.to_server, TR_KEY);
    tr_register_key(keys[2], shared, hash, hash, hash);
    tr_refused_key(keys[3], shared, hash);
    tr_refused_key(keys[4], hash, hash);
    for (unsigned i = 0; i < 5; i++)
        for (unsigned j = 0; j < i; j++)
            ASSERT_ROW(memcmp(keys[i], keys[j], TR_KEY) != 0, "keys %u and %u", i, j);
}

static void the_cookies_mask_is_its_own_inverse(void)
{
    static const uint8_t families[] = {0, 4, 6};
    uint8_t nonce[16];

    fill(nonce, sizeof nonce, 0xa1);
    for (unsigned i = 0; i < UNIT_COUNT(families); i++) {
        struct tr_candidate seen = address(40000);
        struct tr_candidate masked;

        seen.address.family = families[i];
        masked = seen;
        tr_cookie_mask(&masked, nonce);
        ASSERT_EQ_UINT(masked.address.port, 40000 ^ 0xa2a1);
        ASSERT_EQ_UINT(masked.address.ip[0], 10 ^ 0xa1);
        ASSERT_EQ_UINT(masked.address.ip[4], families[i] == 4 ? 0 : 0xa5);
        tr_cookie_mask(&masked, nonce);
        ASSERT_EQ_MEM(&masked, &seen, sizeof seen);
    }
}

UNIT_MAIN("envelope", UNIT_CASE(sizes_are_those_of_the_document),
          UNIT_CASE(clear_frames_have_their_whole_size),
          UNIT_CASE(every_truncation_of_every_sealed_frame_is_refused),
          UNIT_CASE(every_changed_byte_of_every_sealed_frame_is_refused),
          UNIT_CASE(lanes_and_counters_are_part_of_the_seal),
          UNIT_CASE(heads_are_read_as_they_were_written),
          UNIT_CASE(items_are_read_as_they_were_written), UNIT_CASE(an_item_that_is_cut_is_a_fault),
          UNIT_CASE(an_unknown_item_is_passed_over),
          UNIT_CASE(an_item_that_does_not_fit_leaves_nothing_behind),
          UNIT_CASE(message_of_n_bytes_makes_data_of_26_and_n),
          UNIT_CASE(a_record_is_signed_in_every_byte),
          UNIT_CASE(a_certificate_is_signed_in_every_byte_and_by_its_root),
          UNIT_CASE(a_registration_is_signed_for_one_node_and_one_head),
          UNIT_CASE(an_answer_is_signed_for_one_request_and_one_ephemeral_key),
          UNIT_CASE(keys_differ_by_purpose_and_direction),
          UNIT_CASE(the_cookies_mask_is_its_own_inverse))
