/* The queue of events: order, growth, bounds, and no byte of anybody's data changed.
 * SPDX-License-Identifier: MIT */
#include "lib/core/notice.h"
#include "tests/unit/unit.h"

static uint8_t byte_of(uint32_t serial, size_t i)
{
    return (uint8_t)(serial * 31 + i * 7 + (i >> 8));
}

static bool put(struct tr_notice_queue *queue, uint32_t type, uint32_t serial, size_t size)
{
    uint8_t data[4096];
    struct tryst_event event = {.type = type, .peer = serial, .data = data, .size = size};

    for (size_t i = 0; i < size; i++)
        data[i] = byte_of(serial, i);
    if (size == 0)
        event.data = NULL;
    return tr_notice_put(queue, &event);
}

/* Takes one and checks it. */
static void take(struct tr_notice_queue *queue, uint32_t serial, size_t size)
{
    struct tryst_event event;
    size_t i = 0;

    if (!ASSERT_ROW(tr_notice_take(queue, &event), "event %u is missing", serial))
        return;
    ASSERT_EQ_UINT(event.peer, serial);
    if (!ASSERT_EQ_UINT(event.size, size))
        return;
    while (i < size && ((const uint8_t *)event.data)[i] == byte_of(serial, i))
        i++;
    ASSERT_ROW(i == size, "event %u: byte %zu of %zu changed", serial, i, size);
}

static void notice_queue_gives_nothing_at_first_and_holds_no_memory(void)
{
    struct tr_notice_queue queue;
    struct tryst_event event;

    tr_notice_init(&queue);
    ASSERT_FALSE(tr_notice_take(&queue, &event));
    ASSERT_TRUE(queue.events == NULL && queue.bytes == NULL);
    tr_notice_clear(&queue);
}

static void notice_queue_keeps_order_and_data_as_it_grows(void)
{
    struct tr_notice_queue queue;

    tr_notice_init(&queue);
    for (uint32_t i = 0; i < 700; i++)
        ASSERT_TRUE(put(&queue, TRYST_EVENT_MESSAGE, i, i % 3 == 0 ? 0 : i));
    for (uint32_t i = 0; i < 700; i++)
        take(&queue, i, i % 3 == 0 ? 0 : i);
    tr_notice_clear(&queue);
}

static void notice_data_outlives_the_events_behind_it(void)
{
    struct tr_notice_queue queue;
    struct tryst_event event;

    tr_notice_init(&queue);
    ASSERT_TRUE(put(&queue, TRYST_EVENT_MESSAGE, 1, 100));
    ASSERT_TRUE(put(&queue, TRYST_EVENT_LEFT, 2, 0));
    ASSERT_TRUE(tr_notice_take(&queue, &event));
    for (size_t i = 0; i < 100; i++)
        ASSERT_EQ_UINT(((const uint8_t *)event.data)[i], byte_of(1, i));
    take(&queue, 2, 0);
    ASSERT_FALSE(tr_notice_take(&queue, &event));
    tr_notice_clear(&queue);
}

static void notice_queue_reuses_its_room_when_it_is_drained(void)
{
    struct tr_notice_queue queue;

    tr_notice_init(&queue);
    for (uint32_t i = 0; i < 10000; i++) {
        ASSERT_TRUE(put(&queue, TRYST_EVENT_MESSAGE, i, 1150));
        take(&queue, i, 1150);
    }
    ASSERT_EQ_UINT(queue.room, 4096);
    ASSERT_EQ_UINT(queue.capacity, 16);
    tr_notice_clear(&queue);
}

/* The piece that was taken last still counts when the ring of bytes moves. */
static void notice_ring_may_grow_while_a_piece_is_out(void)
{
    struct tr_notice_queue queue;

    tr_notice_init(&queue);
    ASSERT_TRUE(put(&queue, TRYST_EVENT_MESSAGE, 0, 4000));
    ASSERT_TRUE(put(&queue, TRYST_EVENT_MESSAGE, 1, 1000));
    ASSERT_TRUE(put(&queue, TRYST_EVENT_MESSAGE, 2, 1000)); /* to 6000 of 8192 */
    take(&queue, 0, 4000);
    ASSERT_TRUE(put(&queue, TRYST_EVENT_MESSAGE, 3, 3000)); /* grows; 1, 2, 3 lie at 0 to 5000 */
    take(&queue, 1, 1000);
    ASSERT_TRUE(put(&queue, TRYST_EVENT_MESSAGE, 4, 4000));
    ASSERT_TRUE(put(&queue, TRYST_EVENT_MESSAGE, 5, 4000)); /* to 13000 of 16384 */
    ASSERT_TRUE(put(&queue, TRYST_EVENT_MESSAGE, 6, 3500)); /* must not fall upon 2 and 3 */
    take(&queue, 2, 1000);
    take(&queue, 3, 3000);
    take(&queue, 4, 4000);
    take(&queue, 5, 4000);
    take(&queue, 6, 3500);
    tr_notice_clear(&queue);
}

static void notice_ring_may_grow_when_only_the_piece_that_is_out_has_data(void)
{
    struct tr_notice_queue queue;

    tr_notice_init(&queue);
    ASSERT_TRUE(put(&queue, TRYST_EVENT_MESSAGE, 0, 3000));
    take(&queue, 0, 3000);
    ASSERT_TRUE(put(&queue, TRYST_EVENT_MESSAGE, 1, 3100));
    take(&queue, 1, 3100);
    tr_notice_clear(&queue);
}

static void notice_queue_agrees_with_a_list_for_a_long_time(void)
{
    enum { STEPS = 60000, LIST = 4096 };
    static struct {
        uint32_t serial;
        uint32_t size;
    } list[LIST];

    for (uint64_t story = 1; story <= 8; story++) {
        struct tr_notice_queue queue;
        uint32_t first = 0, last = 0, serial = 0;
        uint64_t seed = story;

        tr_notice_init(&queue);
        for (int step = 0; step < STEPS / 8; step++) {
            bool wants_put = unit_random(&seed) % 100 < (step / 500 % 2 == 0 ? 60u : 40u);
            uint32_t size = (uint32_t)(unit_random(&seed) % (story % 2 == 0 ? 1200 : 300));

            size = unit_random(&seed) % 4 == 0 ? 0 : size;
            if (wants_put && last - first < 1000) {
                ASSERT_ROW(put(&queue, TRYST_EVENT_MESSAGE, serial, size), "story %d, step %d",
                           (int)story, step);
                list[last % LIST].serial = serial++;
                list[last++ % LIST].size = size;
            } else if (first != last) {
                take(&queue, list[first % LIST].serial, list[first % LIST].size);
                first++;
            } else {
                struct tryst_event event;
                ASSERT_FALSE(tr_notice_take(&queue, &event));
            }
        }
        while (first != last) {
            take(&queue, list[first % LIST].serial, list[first % LIST].size);
            first++;
        }
        tr_notice_clear(&queue);
    }
}

static void notice_queue_refuses_messages_past_their_count(void)
{
    struct tr_notice_queue queue;

    tr_notice_init(&queue);
    for (uint32_t i = 0; i < TR_NOTICE_MESSAGES_MAX; i++)
        ASSERT_TRUE(put(&queue, TRYST_EVENT_MESSAGE, i, 8));
    ASSERT_FALSE(put(&queue, TRYST_EVENT_MESSAGE, 9999, 8));
    ASSERT_TRUE(put(&queue, TRYST_EVENT_LEFT, TR_NOTICE_MESSAGES_MAX, 0));
    ASSERT_TRUE(put(&queue, TRYST_EVENT_JOINED, TR_NOTICE_MESSAGES_MAX + 1, 128));
    for (uint32_t i = 0; i < TR_NOTICE_MESSAGES_MAX; i++)
        take(&queue, i, 8);
    take(&queue, TR_NOTICE_MESSAGES_MAX, 0);
    take(&queue, TR_NOTICE_MESSAGES_MAX + 1, 128);
    tr_notice_clear(&queue);
}

/* Full of messages, it still has room for what the game must know. */
static void notice_queue_refuses_messages_past_their_bytes_and_nothing_else(void)
{
    struct tr_notice_queue queue;
    uint32_t count = 0, others = 300;

    tr_notice_init(&queue);
    while (count < TR_NOTICE_MESSAGES_MAX && put(&queue, TRYST_EVENT_MESSAGE, count, 1150))
        count++;
    ASSERT_TRUE(count >= (uint32_t)TR_NOTICE_BYTES_MAX / 1150 - 1 &&
                count < TR_NOTICE_MESSAGES_MAX);
    for (uint32_t i = 0; i < others; i++)
        ASSERT_ROW(put(&queue, TRYST_EVENT_JOINED, count + i, 128), "joined %u is lost", i);
    for (uint32_t i = 0; i < count; i++)
        take(&queue, i, 1150);
    for (uint32_t i = 0; i < others; i++)
        take(&queue, count + i, 128);
    tr_notice_clear(&queue);
}

static void notice_queue_ends_at_its_last_bound(void)
{
    struct tr_notice_queue queue;

    tr_notice_init(&queue);
    for (uint32_t i = 0; i < TR_NOTICE_EVENTS_MAX; i++)
        if (!put(&queue, TRYST_EVENT_JOINED, i, 128)) {
            ASSERT_ROW(false, "event %u is refused", i);
            break;
        }
    ASSERT_FALSE(put(&queue, TRYST_EVENT_LEFT, 0, 0));
    for (uint32_t i = 0; i < TR_NOTICE_EVENTS_MAX; i++)
        take(&queue, i, 128);
    ASSERT_TRUE(put(&queue, TRYST_EVENT_LEFT, 7, 0));
    take(&queue, 7, 0);
    tr_notice_clear(&queue);
}

UNIT_MAIN("notice", UNIT_CASE(notice_queue_gives_nothing_at_first_and_holds_no_memory),
          UNIT_CASE(notice_queue_keeps_order_and_data_as_it_grows),
          UNIT_CASE(notice_data_outlives_the_events_behind_it),
          UNIT_CASE(notice_queue_reuses_its_room_when_it_is_drained),
          UNIT_CASE(notice_ring_may_grow_while_a_piece_is_out),
          UNIT_CASE(notice_ring_may_grow_when_only_the_piece_that_is_out_has_data),
          UNIT_CASE(notice_queue_agrees_with_a_list_for_a_long_time),
          UNIT_CASE(notice_queue_refuses_messages_past_their_count),
          UNIT_CASE(notice_queue_refuses_messages_past_their_bytes_and_nothing_else),
          UNIT_CASE(notice_queue_ends_at_its_last_bound))
