/* Options: their size, and zero as the default.
 * SPDX-License-Identifier: MIT */
#include "tests/unit/unit.h"
#include <tryst/options.h>

static void options_say_their_size_and_zero_the_rest(void)
{
    struct tryst_options options, expected = {0};

    memset(&options, 0xff, sizeof options);
    ASSERT_EQ_INT(tryst_options_init(&options), TRYST_OK);
    ASSERT_EQ_UINT(options.struct_size, sizeof options);
    expected.struct_size = sizeof expected;
    ASSERT_EQ_MEM(&options, &expected, sizeof options);
    ASSERT_TRUE(options.server == NULL);
    ASSERT_TRUE(options.app == NULL);
}

static void options_keep_the_layout_that_old_callers_know(void)
{
    ASSERT_EQ_UINT(offsetof(struct tryst_options, struct_size), 0);
    ASSERT_EQ_UINT(offsetof(struct tryst_options, rekey_s), 20);
    ASSERT_EQ_UINT(offsetof(struct tryst_options, port), 24);
    ASSERT_EQ_UINT(offsetof(struct tryst_options, server), 32);
    ASSERT_EQ_UINT(offsetof(struct tryst_options, app), 32 + sizeof(void *));
    ASSERT_EQ_UINT(offsetof(struct tryst_options, tcp_port), 32 + 2 * sizeof(void *));
    ASSERT_EQ_UINT(offsetof(struct tryst_options, relay), 36 + 2 * sizeof(void *));
    ASSERT_EQ_UINT(sizeof(struct tryst_options), 40 + 2 * sizeof(void *));
}

static void options_refuse_nothing(void)
{
    ASSERT_EQ_INT(tryst_options_init(NULL), TRYST_E_ARGUMENT);
}

UNIT_MAIN("options", UNIT_CASE(options_say_their_size_and_zero_the_rest),
          UNIT_CASE(options_keep_the_layout_that_old_callers_know),
          UNIT_CASE(options_refuse_nothing))
