/* Numbers of further sockets.
 * SPDX-License-Identifier: MIT */
#include "lib/core/sockets.h"
#include "tests/unit/unit.h"

static void none_are_handed_out_where_there_are_none(void)
{
    struct tr_sockets sockets = {0};
    ASSERT_EQ_UINT(tr_sockets_take(&sockets), 0);
}

static void each_number_is_handed_out_once(void)
{
    struct tr_sockets sockets = {.limit = TRYST_SOCKETS_MAX};
    uint8_t bits[(TRYST_SOCKETS_MAX + 1) / 8];
    for (uint32_t i = 1; i <= TRYST_SOCKETS_MAX; i++)
        ASSERT_EQ_UINT(tr_sockets_take(&sockets), i);
    ASSERT_EQ_UINT(tr_sockets_take(&sockets), 0);
    ASSERT_EQ_UINT(tr_sockets_list(&sockets, bits), TRYST_SOCKETS_MAX);
    ASSERT_EQ_UINT(bits[0], 0xfe);
    ASSERT_EQ_UINT(bits[31], 0xff);
}

static void one_that_was_given_back_comes_last(void)
{
    struct tr_sockets sockets = {.limit = 3};
    uint8_t bits[(TRYST_SOCKETS_MAX + 1) / 8];
    ASSERT_EQ_UINT(tr_sockets_take(&sockets), 1);
    tr_sockets_give(&sockets, 1);
    ASSERT_EQ_UINT(tr_sockets_list(&sockets, bits), 0);
    ASSERT_EQ_UINT(tr_sockets_take(&sockets), 2);
    ASSERT_EQ_UINT(tr_sockets_take(&sockets), 3);
    ASSERT_EQ_UINT(tr_sockets_take(&sockets), 1);
    ASSERT_EQ_UINT(tr_sockets_take(&sockets), 0);
}

static void one_that_a_path_uses_is_wanted_and_not_handed_out(void)
{
    struct tr_sockets sockets = {.limit = 2, .on_paths = {UINT64_C(1) << 1}};
    uint8_t bits[(TRYST_SOCKETS_MAX + 1) / 8];
    ASSERT_EQ_UINT(tr_sockets_take(&sockets), 2);
    ASSERT_EQ_UINT(tr_sockets_take(&sockets), 0);
    tr_sockets_give(&sockets, 2);
    ASSERT_EQ_UINT(tr_sockets_list(&sockets, bits), 1);
    ASSERT_EQ_UINT(bits[0], 2);
}

UNIT_MAIN("sockets", UNIT_CASE(none_are_handed_out_where_there_are_none),
          UNIT_CASE(each_number_is_handed_out_once), UNIT_CASE(one_that_was_given_back_comes_last),
          UNIT_CASE(one_that_a_path_uses_is_wanted_and_not_handed_out))
