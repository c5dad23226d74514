/* Copies of a REGISTER that was accepted: answered past the limit, and the roster goes its way.
 * SPDX-License-Identifier: MIT */
#include "lib/base/deadline.h"
#include "tests/unit/fake_client.h"
#include "tests/unit/unit.h"

static struct fake_world world;

static const struct tr_server_stats *stats(void)
{
    return tr_service_stats(world.service);
}

static void input(const struct fake_client *client)
{
    fake_input(&world, &client->address, client->request, sizeof client->request);
}

/* A lost answer costs a client nothing, however many others share its address. */
static void copy_of_what_was_accepted_is_answered_past_the_limit(void)
{
    struct tr_service_limits limits = {.register_rate = 1, .register_burst = 1};

    fake_world_init(&world, &limits);

    struct fake_client *a = fake_world_add(&world, 1, 1);
    uint8_t accepted[TR_DATAGRAM_BYTES];

    a->is_silent = true;
    fake_join(&world, a);
    memcpy(accepted, a->request, sizeof accepted);
    for (uint32_t i = 1; i <= 5; i++) {
        input(a);
        ASSERT_EQ_UINT(a->answers, 1 + i);
        ASSERT_EQ_UINT(stats()->repeated, i);
    }
    ASSERT_EQ_UINT(stats()->drop_limit, 0);
    fake_register(&world, a); /* any other one is not */
    ASSERT_EQ_UINT(stats()->drop_limit, 1);
    fake_input(&world, &a->address, accepted, sizeof accepted - 1);
    accepted[sizeof accepted - 1] ^= 1;
    fake_input(&world, &a->address, accepted, sizeof accepted);
    ASSERT_EQ_UINT(a->answers, 6);
    ASSERT_EQ_UINT(stats()->repeated, 5);
    ASSERT_EQ_UINT(stats()->registered, 1);
    fake_world_clear(&world);
}

static void copy_leaves_news_that_is_being_said_again(void)
{
    enum { COPIES = 2, COPY_MS = 3 };

    for (unsigned repeats = 0; repeats < 3; repeats++) {
        fake_world_init(&world, NULL);

        struct fake_client *a = fake_world_add(&world, 1, 1), *b = fake_world_add(&world, 2, 1);

        a->is_silent = true;
        fake_join(&world, a);
        fake_join(&world, b);
        fake_run(&world, TR_MS);
        ASSERT_EQ_UINT(a->peer_count, 1);
        for (unsigned i = 0; i < repeats; i++) {
            input(a);
            ASSERT_EQ_UINT(world.outputs_from_input, 1);
        }
        ASSERT_EQ_UINT(stats()->repeated, repeats);

        uint32_t before = world.outputs;

        fake_run(&world, (COPIES + 1) * COPY_MS * TR_MS);
        ASSERT_ROW(world.outputs - before == COPIES, "%u after %u repetitions",
                   world.outputs - before, repeats);
        fake_world_clear(&world);
    }
}

UNIT_MAIN("enrolment_copy", UNIT_CASE(copy_of_what_was_accepted_is_answered_past_the_limit),
          UNIT_CASE(copy_leaves_news_that_is_being_said_again))
