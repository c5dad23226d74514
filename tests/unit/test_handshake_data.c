/* DATA under the keys of a handshake: what opens, once, in which form, and for how long.
 * SPDX-License-Identifier: MIT */
#include "tests/unit/pair_fixture.h"

#include "lib/base/bytes.h"

static void handshake_refuses_data_with_any_byte_changed_and_stays_as_it_was(void)
{
    struct pair pair;
    uint8_t data[TR_DATAGRAM_BYTES];

    pair_init(&pair, 17);
    pair_exchange(&pair, 0);
    size_t size = pair_seal(&pair, 0, "unchanged", data);
    for (size_t i = 0; i < size; i++) {
        data[i] ^= 0x40;
        enum tr_drop drop = pair_open(&pair, 1, data, size, "unchanged");
        ASSERT_ROW(drop == (i >= 1 && i <= 4 ? TR_DROP_UNKNOWN : TR_DROP_SEAL) || i == 0,
                   "byte %zu: %d", i, (int)drop);
        ASSERT_ROW(drop != TR_DROP_NONE, "byte %zu opens", i);
        data[i] ^= 0x40;
    }
    ASSERT_EQ_INT(pair_open(&pair, 1, data, size, "unchanged"), TR_DROP_NONE);
}

/* One counter for both forms, and the form under the seal. */
static void handshake_seals_a_single_message_or_items_and_tells_which(void)
{
    struct pair pair;
    uint8_t data[TR_DATAGRAM_BYTES], body[TR_DATAGRAM_BYTES];
    struct tr_data_outcome outcome;

    pair_init(&pair, 24);
    pair_exchange(&pair, 0);
    for (uint32_t i = 0; i < 6; i++) {
        bool is_single = i % 3 != 1;
        memcpy(data + TR_DATA_HEAD, "abc", 3);
        size_t size = tr_handshake_seal(&pair.side[0].handshake, data, 3, is_single);
        ASSERT_EQ_UINT(size, TR_DATA_HEAD + 3 + TR_TAG);
        ASSERT_EQ_UINT(tr_get_u32(data + 5), i + (is_single ? TR_DATA_SINGLE : 0));
        data[8] ^= 0x80;
        ASSERT_EQ_INT(tr_handshake_open(&pair.side[1].handshake, data, size, body, &outcome),
                      TR_DROP_SEAL);
        data[8] ^= 0x80;
        ASSERT_EQ_INT(tr_handshake_open(&pair.side[1].handshake, data, size, body, &outcome),
                      TR_DROP_NONE);
        ASSERT_EQ_INT(outcome.is_single, is_single);
        ASSERT_EQ_UINT(outcome.size, 3);
        ASSERT_EQ_MEM(body, "abc", 3);
        ASSERT_EQ_INT(tr_handshake_open(&pair.side[1].handshake, data, size, body, &outcome),
                      TR_DROP_REPLAY);
        data[8] ^= 0x80; /* the other form of a counter that was seen */
        ASSERT_EQ_INT(tr_handshake_open(&pair.side[1].handshake, data, size, body, &outcome),
                      TR_DROP_REPLAY);
    }
}

static void handshake_falls_silent_before_its_counter_comes_round(void)
{
    struct pair pair;
    uint8_t data[TR_DATAGRAM_BYTES];

    pair_init(&pair, 25);
    pair_exchange(&pair, 0);
    struct tr_handshake *handshake = &pair.side[0].handshake;
    handshake->current.sent = (UINT32_C(1) << 31) - 2;
    ASSERT_TRUE(tr_handshake_can_send(handshake));
    size_t size = pair_seal(&pair, 0, "the last", data);
    ASSERT_EQ_INT(pair_open(&pair, 1, data, size, "the last"), TR_DROP_NONE);
    ASSERT_FALSE(tr_handshake_can_send(handshake));
    tr_handshake_renew(handshake, 0, &pair.side[0].random);
    handshake->previous.sent--;
    ASSERT_EQ_INT(handshake->sending, TR_SENDING_PREVIOUS);
    ASSERT_TRUE(tr_handshake_can_send(handshake));
    pair_seal(&pair, 0, "again", data);
    ASSERT_FALSE(tr_handshake_can_send(handshake));
}

static void handshake_opens_data_once_and_in_any_order_within_its_window(void)
{
    enum { COUNT = 9000 };
    static uint8_t data[COUNT][40];
    static size_t size[COUNT];
    struct pair pair;

    pair_init(&pair, 18);
    pair_exchange(&pair, 0);
    for (unsigned i = 0; i < COUNT; i++) {
        uint8_t room[TR_DATAGRAM_BYTES];
        size[i] = pair_seal(&pair, 0, "n", room);
        memcpy(data[i], room, size[i]);
    }
    ASSERT_EQ_INT(pair_open(&pair, 1, data[COUNT - 1], size[0], "n"), TR_DROP_NONE);
    for (unsigned i = 0; i < COUNT; i++) {
        bool is_within = COUNT - 1 - i <= TR_REPLAY_PEER && i != COUNT - 1;
        enum tr_drop expected = is_within ? TR_DROP_NONE : TR_DROP_REPLAY;

        ASSERT_ROW(pair_open(&pair, 1, data[i], size[i], "n") == expected, "%u", i);
        ASSERT_EQ_INT(pair_open(&pair, 1, data[i], size[i], "n"), TR_DROP_REPLAY);
    }
}

UNIT_MAIN("handshake_data",
          UNIT_CASE(handshake_refuses_data_with_any_byte_changed_and_stays_as_it_was),
          UNIT_CASE(handshake_seals_a_single_message_or_items_and_tells_which),
          UNIT_CASE(handshake_falls_silent_before_its_counter_comes_round),
          UNIT_CASE(handshake_opens_data_once_and_in_any_order_within_its_window))
