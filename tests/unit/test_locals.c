/* Local addresses and their slots.
 * SPDX-License-Identifier: MIT */
#include "lib/core/locals.h"
#include "lib/core/path.h"
#include "tests/unit/unit.h"

static struct tryst_address address_of(const char *text)
{
    struct tryst_address address = {0};

    ASSERT_ROW(tryst_address_parse(&address, text) == TRYST_OK, "%s", text);
    return address;
}

/* Takes what the texts say, up to NULL; returns whether it changed anything. */
static bool set(struct tr_locals *locals, uint8_t *dropped, const char *const *texts)
{
    struct tryst_address given[16], list[TRYST_LOCAL_MAX];
    size_t count = 0;

    while (texts[count] != NULL) {
        given[count] = address_of(texts[count]);
        count++;
    }
    return tr_locals_set(locals, list, tr_locals_clean(list, given, count), dropped);
}

static void locals_are_canonical_each_once_and_eight_at_most(void)
{
    struct tryst_address given[12], list[TRYST_LOCAL_MAX];

    given[0] = address_of("[::ffff:10.0.0.1]:5");
    given[1] = address_of("10.0.0.1:5");
    given[2] = address_of("[fd00::1]:5");
    ASSERT_EQ_UINT(tr_locals_clean(list, given, 3), 2);
    ASSERT_EQ_INT(tryst_address_compare(&list[0], &given[1]), 0);
    ASSERT_EQ_INT(tryst_address_compare(&list[1], &given[2]), 0);
    ASSERT_EQ_UINT(tr_locals_clean(list, NULL, 0), 0);
    for (uint8_t i = 0; i < 12; i++) {
        given[i] = address_of("10.0.0.1:5");
        given[i].ip[3] = i;
    }
    ASSERT_EQ_UINT(tr_locals_clean(list, given, 12), TRYST_LOCAL_MAX);
    ASSERT_EQ_UINT(list[7].ip[3], 7);
}

static void locals_keep_their_slots_while_others_come_and_go(void)
{
    struct tr_locals locals = {0};
    struct tryst_address list[TRYST_LOCAL_MAX];
    uint8_t dropped = 0;

    ASSERT_TRUE(set(&locals, &dropped,
                    (const char *const[]){"10.0.0.1:5", "10.0.0.2:5", "10.0.0.3:5", NULL}));
    ASSERT_EQ_UINT(dropped, 0);
    ASSERT_EQ_UINT(locals.extra, 6); /* all but the first of a family */
    ASSERT_TRUE(set(&locals, &dropped,
                    (const char *const[]){"[fd00::1]:5", "10.0.0.1:5", "10.0.0.3:5", NULL}));
    ASSERT_EQ_UINT(dropped, 2);
    ASSERT_EQ_UINT(locals.slots[2].ip[3], 3);
    ASSERT_EQ_UINT(locals.slots[1].family, 6); /* in the one that became empty */
    ASSERT_EQ_UINT(locals.extra, 4);
    ASSERT_EQ_UINT(tr_locals_list(&locals, list, TRYST_LOCAL_MAX), 3);
    ASSERT_EQ_UINT(list[0].family, 6);
    ASSERT_EQ_UINT(list[1].ip[3], 1);
    ASSERT_EQ_UINT(list[2].ip[3], 3);
    ASSERT_EQ_UINT(tr_locals_list(&locals, list, 2), 2);
    ASSERT_EQ_UINT(tr_locals_extra(&locals, list), 1);
    ASSERT_EQ_UINT(list[0].ip[3], 3);
}

static void locals_tell_a_change_where_only_the_order_is_another(void)
{
    struct tr_locals locals = {0};
    uint8_t dropped = 0;
    static const char *const rows[] = {"10.0.0.1:5", "[fd00::1]:5", NULL};
    static const char *const other[] = {"[fd00::1]:5", "10.0.0.1:5", NULL};

    ASSERT_TRUE(set(&locals, &dropped, rows));
    ASSERT_FALSE(set(&locals, &dropped, rows));
    ASSERT_TRUE(set(&locals, &dropped, other));
    ASSERT_EQ_UINT(dropped, 0);
    ASSERT_EQ_UINT(locals.order[0], 1);
}

/* The kernel takes it from now on: paths over its slot are those over no slot. */
static void locals_drop_the_slot_of_what_becomes_the_kernels_choice(void)
{
    struct tr_locals locals = {0};
    uint8_t dropped = 0;

    ASSERT_TRUE(set(&locals, &dropped, (const char *const[]){"10.0.0.1:5", "10.0.0.2:5", NULL}));
    ASSERT_EQ_UINT(locals.extra, 2);
    ASSERT_TRUE(set(&locals, &dropped, (const char *const[]){"10.0.0.2:5", NULL}));
    ASSERT_EQ_UINT(dropped, 3);
    ASSERT_EQ_UINT(locals.extra, 0);
    ASSERT_TRUE(set(&locals, &dropped, (const char *const[]){NULL}));
    ASSERT_EQ_UINT(dropped, 2);
    ASSERT_EQ_UINT(locals.count, 0);
}

static void locals_find_where_a_datagram_came_to(void)
{
    struct tr_locals locals = {0};
    uint8_t dropped = 0;
    struct tryst_address first = address_of("10.0.0.1:5"), second = address_of("10.0.0.2:99");

    ASSERT_EQ_UINT(tr_locals_find(&locals, &first), TR_LOCAL_ANY);
    set(&locals, &dropped, (const char *const[]){"10.0.0.1:5", "10.0.0.2:5", NULL});
    ASSERT_EQ_UINT(tr_locals_find(&locals, NULL), TR_LOCAL_ANY);
    ASSERT_EQ_UINT(tr_locals_find(&locals, &first), TR_LOCAL_ANY); /* the kernel's choice */
    ASSERT_EQ_UINT(tr_locals_find(&locals, &second), 1);           /* whatever the port */
    second.ip[0] = 11;
    ASSERT_EQ_UINT(tr_locals_find(&locals, &second), TR_LOCAL_ANY);
}

UNIT_MAIN("locals", UNIT_CASE(locals_are_canonical_each_once_and_eight_at_most),
          UNIT_CASE(locals_keep_their_slots_while_others_come_and_go),
          UNIT_CASE(locals_tell_a_change_where_only_the_order_is_another),
          UNIT_CASE(locals_drop_the_slot_of_what_becomes_the_kernels_choice),
          UNIT_CASE(locals_find_where_a_datagram_came_to))
