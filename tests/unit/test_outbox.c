/* The outbox: order, bound, buffers kept, and what a popped datagram may be used for.
 * SPDX-License-Identifier: MIT */
#include "lib/base/outbox.h"
#include "tests/unit/unit.h"

static uint32_t buffers(const struct tr_outbox *outbox)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < outbox->capacity; i++)
        count += outbox->ring[i] != NULL;
    return count;
}

static bool push(struct tr_outbox *outbox, uint32_t number)
{
    struct tr_datagram *datagram = tr_outbox_push(outbox);

    if (datagram == NULL)
        return false;
    datagram->size = sizeof number;
    memcpy(datagram->data, &number, sizeof number);
    return true;
}

static bool pop(struct tr_outbox *outbox, uint32_t *number)
{
    struct tr_datagram *datagram = tr_outbox_pop(outbox);

    if (datagram == NULL)
        return false;
    memcpy(number, datagram->data, sizeof *number);
    return true;
}

static void outbox_is_empty_at_first(void)
{
    struct tr_outbox outbox;

    ASSERT_TRUE(tr_outbox_init(&outbox, 4));
    ASSERT_TRUE(tr_outbox_pop(&outbox) == NULL);
    ASSERT_EQ_UINT(buffers(&outbox), 0);
    ASSERT_EQ_UINT(outbox.dropped, 0);
    tr_outbox_clear(&outbox);
    tr_outbox_clear(&outbox);
}

static void outbox_hands_out_in_order_and_refuses_past_its_bound(void)
{
    static const uint32_t capacities[] = {1, 2, 3, 7, 64};

    for (size_t i = 0; i < UNIT_COUNT(capacities); i++) {
        uint32_t capacity = capacities[i], in = 0, out = 0, number = 0;
        struct tr_outbox outbox;

        ASSERT_TRUE(tr_outbox_init(&outbox, capacity));
        for (int round = 0; round < 5; round++) {
            while (in - out < capacity)
                ASSERT_TRUE(push(&outbox, in++));
            ASSERT_FALSE(push(&outbox, 0));
            ASSERT_EQ_UINT(outbox.dropped, round + 1);
            ASSERT_EQ_UINT(outbox.count, capacity);
            for (uint32_t n = 0; n < (capacity + 1) / 2; n++) {
                ASSERT_TRUE(pop(&outbox, &number));
                ASSERT_EQ_UINT(number, out++);
            }
        }
        while (pop(&outbox, &number))
            ASSERT_EQ_UINT(number, out++);
        ASSERT_EQ_UINT(out, in);
        tr_outbox_clear(&outbox);
    }
}

static void push_gives_clean_fields(void)
{
    struct tr_datagram clean = {0};
    struct tr_outbox outbox;

    ASSERT_TRUE(tr_outbox_init(&outbox, 1));
    for (int i = 0; i < 3; i++) {
        struct tr_datagram *datagram = tr_outbox_push(&outbox);

        if (!ASSERT_TRUE(datagram != NULL))
            break;
        ASSERT_EQ_MEM(datagram, &clean, offsetof(struct tr_datagram, data));
        memset(datagram, 0xff, sizeof *datagram);
        datagram->open = 0;
        ASSERT_TRUE(tr_outbox_pop(&outbox) == datagram);
    }
    tr_outbox_clear(&outbox);
}

static void popped_datagram_is_readable_until_the_next_push(void)
{
    struct tr_outbox outbox;

    ASSERT_TRUE(tr_outbox_init(&outbox, 3));
    for (uint32_t i = 0; i < 3; i++)
        ASSERT_TRUE(push(&outbox, i));
    for (uint32_t i = 0; i < 3; i++) {
        struct tr_datagram *datagram = tr_outbox_pop(&outbox);
        uint32_t number = UINT32_MAX;

        if (!ASSERT_TRUE(datagram != NULL))
            break;
        memcpy(&number, datagram->data, sizeof number);
        ASSERT_EQ_UINT(number, i);
        ASSERT_EQ_UINT(datagram->size, sizeof number);
    }
    tr_outbox_clear(&outbox);
}

static void unpush_takes_back_the_newest(void)
{
    struct tr_outbox outbox;
    uint32_t number = 0;

    ASSERT_TRUE(tr_outbox_init(&outbox, 2));
    ASSERT_TRUE(push(&outbox, 1));
    ASSERT_TRUE(push(&outbox, 2));
    tr_outbox_unpush(&outbox);
    ASSERT_TRUE(push(&outbox, 3));
    ASSERT_TRUE(pop(&outbox, &number));
    ASSERT_EQ_UINT(number, 1);
    ASSERT_TRUE(pop(&outbox, &number));
    ASSERT_EQ_UINT(number, 3);
    ASSERT_TRUE(push(&outbox, 4));
    tr_outbox_unpush(&outbox);
    ASSERT_FALSE(pop(&outbox, &number));
    ASSERT_EQ_UINT(outbox.dropped, 0);
    tr_outbox_clear(&outbox);
}

static void outbox_makes_no_more_buffers_than_ever_waited_at_once(void)
{
    struct tr_outbox outbox;
    uint32_t number;

    ASSERT_TRUE(tr_outbox_init(&outbox, 1000));
    for (uint32_t round = 0; round < 1000; round++) {
        for (uint32_t i = 0; i < round % 4; i++)
            ASSERT_TRUE(push(&outbox, i));
        while (pop(&outbox, &number))
            continue;
    }
    ASSERT_EQ_UINT(buffers(&outbox), 3);
    tr_outbox_clear(&outbox);
}

/* One run: so many wait at once, then all leave. */
static void run(struct tr_outbox *outbox, uint32_t count)
{
    uint32_t number;

    for (uint32_t i = 0; i < count; i++)
        ASSERT_TRUE(push(outbox, i));
    while (pop(outbox, &number))
        continue;
}

static void outbox_gives_back_what_a_storm_left(void)
{
    static const struct {
        uint32_t usual;
        uint32_t kept;
    } rows[] = {{1, 16}, {7, 16}, {8, 16}, {9, 18}, {100, 200}, {300, 600}, {600, 1000}};

    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct tr_outbox outbox;

        ASSERT_TRUE(tr_outbox_init(&outbox, 1000));
        run(&outbox, 1000);
        for (uint32_t n = 0; n < 1024; n++) /* the storm counts for as many runs */
            run(&outbox, rows[i].usual);
        ASSERT_EQ_UINT(buffers(&outbox), 1000);
        for (uint32_t n = 0; n < 1023; n++)
            run(&outbox, rows[i].usual);
        ASSERT_EQ_UINT(buffers(&outbox), 1000);
        run(&outbox, rows[i].usual);
        ASSERT_EQ_UINT(buffers(&outbox), rows[i].kept);
        run(&outbox, 1000);
        tr_outbox_clear(&outbox);
    }
}

static void outbox_of_a_steady_sender_makes_no_buffer_anew(void)
{
    static const uint32_t turns[][4] = {
        {255, 255, 255, 255}, {255, 1, 1, 1}, {20, 40, 1, 16}, {1, 1, 2, 3}};

    for (size_t i = 0; i < UNIT_COUNT(turns); i++) {
        struct tr_datagram *made[255] = {NULL};
        struct tr_outbox outbox;

        ASSERT_TRUE(tr_outbox_init(&outbox, 1024));
        for (uint32_t n = 0; n < 5000; n++) {
            uint32_t waiting = turns[i][n % 4];

            for (uint32_t j = 0; j < waiting; j++) {
                struct tr_datagram *datagram = tr_outbox_push(&outbox);

                if (made[j] == NULL)
                    made[j] = datagram;
            }
            ASSERT_EQ_MEM(outbox.ring, made, sizeof made);
            while (tr_outbox_pop(&outbox) != NULL)
                continue;
        }
        tr_outbox_clear(&outbox);
    }
}

/* It sends while it fills: the ring comes round before it is empty. */
static void outbox_that_comes_round_keeps_what_it_uses(void)
{
    struct tr_outbox outbox;
    uint32_t number;

    ASSERT_TRUE(tr_outbox_init(&outbox, 64));
    for (uint32_t n = 0; n < 3000; n++) {
        ASSERT_TRUE(push(&outbox, 0));
        ASSERT_TRUE(n == 0 || buffers(&outbox) == 64);
        for (uint32_t i = 0; i < 100; i++) {
            ASSERT_TRUE(push(&outbox, i));
            ASSERT_TRUE(pop(&outbox, &number));
        }
        ASSERT_TRUE(pop(&outbox, &number));
        ASSERT_FALSE(pop(&outbox, &number));
    }
    tr_outbox_clear(&outbox);
}

static void popped_datagram_is_readable_until_the_next_push_even_when_buffers_go(void)
{
    struct tr_datagram *last = NULL, *next;
    struct tr_outbox outbox;

    ASSERT_TRUE(tr_outbox_init(&outbox, 64));
    run(&outbox, 64);
    for (uint32_t n = 0; n < 2100; n++) {
        if (last != NULL)
            ASSERT_EQ_UINT(last->size, sizeof n);
        uint32_t count = n % 1024 == 1023 ? 64 : 1; /* the last of a storm is the newest popped */
        for (uint32_t i = 0; i < count; i++)
            ASSERT_TRUE(push(&outbox, i));
        while ((next = tr_outbox_pop(&outbox)) != NULL)
            last = next;
    }
    tr_outbox_clear(&outbox);
}

UNIT_MAIN("outbox", UNIT_CASE(outbox_is_empty_at_first),
          UNIT_CASE(outbox_hands_out_in_order_and_refuses_past_its_bound),
          UNIT_CASE(push_gives_clean_fields),
          UNIT_CASE(popped_datagram_is_readable_until_the_next_push),
          UNIT_CASE(unpush_takes_back_the_newest),
          UNIT_CASE(outbox_makes_no_more_buffers_than_ever_waited_at_once),
          UNIT_CASE(outbox_gives_back_what_a_storm_left),
          UNIT_CASE(outbox_of_a_steady_sender_makes_no_buffer_anew),
          UNIT_CASE(outbox_that_comes_round_keeps_what_it_uses),
          UNIT_CASE(popped_datagram_is_readable_until_the_next_push_even_when_buffers_go))
