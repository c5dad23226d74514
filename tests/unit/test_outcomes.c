/* Cases of server/outcomes, in the service.
 * SPDX-License-Identifier: MIT */
#include "tests/unit/census_fixture.h"
#include "tests/unit/fake_client.h"
#include "tests/unit/unit.h"
#include <string.h>

static struct tr_census census;
static struct fake_world world;
static struct fake_client *a, *b;
static const struct tr_nat easy = {.mapping = 1, .filtering = 3, .ports = 1};
static const struct tr_nat hard = {.mapping = 3, .filtering = 3, .ports = 3};

static const struct tr_server_stats *stats(void)
{
    return tr_service_stats(world.service);
}

static void start(void)
{
    memset(&census, 0, sizeof census);
    fake_world_init(&world, NULL);
    tr_service_set_census(world.service, &census);
    a = fake_world_add(&world, 1, 1);
    b = fake_world_add(&world, 2, 1);
    a->body.nat = easy;
    b->body.nat = hard;
    fake_join(&world, a);
    fake_join(&world, b);
}

static struct tr_item_outcome outcome_with(const struct fake_client *other, uint8_t row_path)
{
    return (struct tr_item_outcome){.slot = other->registered.slot,
                                    .epoch = other->body.record.epoch,
                                    .path = row_path,
                                    .kind = row_path == TRYST_PATH_DIRECT ? TRYST_KIND_PUBLIC : 0,
                                    .took_ms = 120};
}

/* Several items in one CTRL. */
static void tell(struct fake_client *client, const struct tr_item_outcome *items, size_t count)
{
    uint8_t body[512], out[TR_DATAGRAM_BYTES];
    struct tr_writer writer;
    tr_writer_init(&writer, body, sizeof body);
    for (size_t i = 0; i < count; i++) {
        tr_writer_number(&writer, TR_ITEM_OUTCOME, 1);
        tr_writer_number(&writer, tr_layout_size_min(&tr_layout_item_outcome), 2);
        tr_layout_encode(&tr_layout_item_outcome, &items[i], &writer);
    }
    fake_input(&world, &client->address, out,
               fake_make_ctrl(client, body, tr_writer_used(&writer), out));
}

static void tell_one(struct fake_client *client, const struct fake_client *other, uint8_t row_path)
{
    struct tr_item_outcome item = outcome_with(other, row_path);
    tell(client, &item, 1);
}

static uint64_t counted(const struct tr_nat *one, const struct tr_nat *other, uint8_t row_path)
{
    return count_of(&census, tr_census_kind(one), tr_census_kind(other), row_path);
}

static void outcomes_are_wanted_where_they_are_counted(void)
{
    start();
    ASSERT_EQ_UINT(a->registered.flags, TR_REGISTERED_OUTCOMES);
    fake_world_clear(&world);
    fake_world_init(&world, NULL);
    a = fake_world_add(&world, 1, 1);
    b = fake_world_add(&world, 2, 1);
    fake_join(&world, a);
    fake_join(&world, b);
    ASSERT_EQ_UINT(a->registered.flags, 0);
    tell_one(a, b, TRYST_PATH_DIRECT); /* nobody asked */
    ASSERT_EQ_UINT(stats()->pairs_direct + stats()->drop_outcome, 0);
    fake_world_clear(&world);
}

static void both_sides_of_a_pair_are_counted_once_each(void)
{
    start();
    ASSERT_EQ_UINT(census.participants[tr_census_kind(&easy)], 1);
    ASSERT_EQ_UINT(census.participants[tr_census_kind(&hard)], 1);
    for (int i = 0; i < 50; i++)
        tell_one(a, b, TRYST_PATH_DIRECT);
    ASSERT_EQ_UINT(counted(&easy, &hard, TRYST_PATH_DIRECT), 1);
    tell_one(b, a, TRYST_PATH_RELAY);
    ASSERT_EQ_UINT(counted(&easy, &hard, TRYST_PATH_DIRECT), 1);
    ASSERT_EQ_UINT(counted(&easy, &hard, TRYST_PATH_RELAY), 1);
    ASSERT_EQ_UINT(stats()->pairs_direct, 1);
    ASSERT_EQ_UINT(stats()->pairs_relayed, 1);
    ASSERT_EQ_UINT(count_all(&census, true), 2);
    fake_world_clear(&world);
}

static void better_outcome_takes_the_place_of_a_worse_one(void)
{
    start();
    tell_one(a, b, TRYST_PATH_NONE);
    ASSERT_EQ_UINT(stats()->pairs_none, 1);
    tell_one(a, b, TRYST_PATH_RELAY);
    tell_one(a, b, TRYST_PATH_DIRECT);
    tell_one(a, b, TRYST_PATH_RELAY);
    tell_one(a, b, TRYST_PATH_NONE);
    ASSERT_EQ_UINT(counted(&easy, &hard, TRYST_PATH_DIRECT), 1);
    ASSERT_EQ_UINT(count_all(&census, true), 1);
    ASSERT_EQ_UINT(stats()->pairs_none + stats()->pairs_relayed, 0);
    fake_world_clear(&world);
}

static void nat_that_becomes_known_later_takes_its_pairs_along(void)
{
    static const struct tr_nat unknown;
    memset(&census, 0, sizeof census);
    fake_world_init(&world, NULL);
    tr_service_set_census(world.service, &census);
    a = fake_world_add(&world, 1, 1);
    b = fake_world_add(&world, 2, 1);
    fake_join(&world, a);
    fake_join(&world, b);
    tell_one(a, b, TRYST_PATH_DIRECT);
    tell_one(b, a, TRYST_PATH_DIRECT);
    ASSERT_EQ_UINT(counted(&unknown, &unknown, TRYST_PATH_DIRECT), 2);
    a->body.nat = easy;
    fake_register(&world, a);
    ASSERT_EQ_UINT(counted(&unknown, &easy, TRYST_PATH_DIRECT), 2);
    b->body.nat = hard;
    fake_register(&world, b);
    ASSERT_EQ_UINT(counted(&easy, &hard, TRYST_PATH_DIRECT), 2);
    ASSERT_EQ_UINT(count_all(&census, true), 2);
    ASSERT_EQ_UINT(count_all(&census, false), 2);
    ASSERT_EQ_UINT(stats()->pairs_direct, 2);
    fake_world_clear(&world);
}

/* A phone that leaves the house: what came out at home is no merit of the carrier's NAT. */
static void pair_that_moves_to_another_nat_is_counted_anew(void)
{
    start();
    tell_one(a, b, TRYST_PATH_DIRECT);
    tell_one(b, a, TRYST_PATH_DIRECT);
    a->body.nat = hard;
    fake_register(&world, a);
    ASSERT_EQ_UINT(counted(&easy, &hard, TRYST_PATH_DIRECT), 2);
    ASSERT_EQ_UINT(counted(&hard, &hard, TRYST_PATH_DIRECT), 0);
    tell_one(a, b, TRYST_PATH_RELAY);
    tell_one(b, a, TRYST_PATH_RELAY);
    ASSERT_EQ_UINT(counted(&hard, &hard, TRYST_PATH_RELAY), 2);
    ASSERT_EQ_UINT(count_all(&census, true), 4);
    ASSERT_EQ_UINT(count_all(&census, false), 2);
    a->body.nat = (struct tr_nat){0}; /* it looks anew, and finds the same */
    fake_register(&world, a);
    a->body.nat = hard;
    fake_register(&world, a);
    ASSERT_EQ_UINT(counted(&hard, &hard, TRYST_PATH_RELAY), 2);
    ASSERT_EQ_UINT(count_all(&census, true), 4);
    fake_world_clear(&world);
}

static void what_was_counted_stays_and_who_comes_next_is_counted_anew(void)
{
    start();
    tell_one(a, b, TRYST_PATH_DIRECT);
    tell_one(b, a, TRYST_PATH_DIRECT);
    fake_leave(&world, b);
    ASSERT_EQ_UINT(count_all(&census, true), 2);
    struct fake_client *c = fake_world_add(&world, 3, 1); /* takes the slot */
    c->body.nat = hard;
    fake_join(&world, c);
    ASSERT_EQ_UINT(c->registered.slot, b->registered.slot);
    tell_one(a, c, TRYST_PATH_DIRECT);
    ASSERT_EQ_UINT(counted(&easy, &hard, TRYST_PATH_DIRECT), 3);
    fake_renew_epoch(c);
    fake_register(&world, c);
    tell_one(a, c, TRYST_PATH_DIRECT);
    ASSERT_EQ_UINT(counted(&easy, &hard, TRYST_PATH_DIRECT), 4);
    ASSERT_EQ_UINT(count_all(&census, false), 4);
    fake_world_clear(&world);
}

static void lies_change_but_the_counts_of_their_teller(void)
{
    start();
    struct fake_client *elsewhere = fake_world_add(&world, 3, 2);
    fake_join(&world, elsewhere);
    tell_one(b, a, TRYST_PATH_RELAY);
    struct tr_item_outcome lies[] = {
        outcome_with(a, TRYST_PATH_DIRECT), /* itself */
        outcome_with(b, TRYST_PATH_DIRECT), outcome_with(b, TRYST_PATH_DIRECT),
        outcome_with(b, TRYST_PATH_DIRECT), outcome_with(b, TRYST_PATH_DIRECT),
    };
    lies[1].epoch++;
    lies[2].slot = 255;
    lies[3].slot = 65535;
    lies[4].path = 77;
    tell(a, lies, UNIT_COUNT(lies));
    ASSERT_EQ_UINT(stats()->drop_outcome, UNIT_COUNT(lies));
    ASSERT_EQ_UINT(count_all(&census, true), 1);
    ASSERT_EQ_UINT(counted(&easy, &hard, TRYST_PATH_RELAY), 1);
    a->body.nat = (struct tr_nat){.mapping = 200, .filtering = 201, .ports = 202};
    fake_register(&world, a);
    ASSERT_EQ_UINT(census.participants[0], 2); /* with the one elsewhere */
    ASSERT_EQ_UINT(count_all(&census, false), 3);
    fake_world_clear(&world);
}

static void outcome_that_is_cut_is_malformed(void)
{
    static const uint8_t cut[] = {TR_ITEM_OUTCOME, 13, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 5};
    uint8_t out[TR_DATAGRAM_BYTES];
    start();
    fake_input(&world, &a->address, out, fake_make_ctrl(a, cut, sizeof cut, out));
    ASSERT_EQ_UINT(stats()->drop_malformed, 1);
    ASSERT_EQ_UINT(count_all(&census, true), 0);
    fake_world_clear(&world);
}

UNIT_MAIN("outcomes", UNIT_CASE(outcomes_are_wanted_where_they_are_counted),
          UNIT_CASE(both_sides_of_a_pair_are_counted_once_each),
          UNIT_CASE(better_outcome_takes_the_place_of_a_worse_one),
          UNIT_CASE(nat_that_becomes_known_later_takes_its_pairs_along),
          UNIT_CASE(pair_that_moves_to_another_nat_is_counted_anew),
          UNIT_CASE(what_was_counted_stays_and_who_comes_next_is_counted_anew),
          UNIT_CASE(lies_change_but_the_counts_of_their_teller),
          UNIT_CASE(outcome_that_is_cut_is_malformed))
