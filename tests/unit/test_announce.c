/* Cases of server/announce: what changed reaches everybody, whatever is lost.
 * SPDX-License-Identifier: MIT */
#include "lib/base/deadline.h"
#include "tests/unit/fake_client.h"
#include "tests/unit/unit.h"

static struct fake_world world;

static const struct tr_server_stats *stats(void)
{
    return tr_service_stats(world.service);
}

/* Until it is answered; a REGISTER's answer may be lost. */
static void insist(struct fake_client *client)
{
    uint32_t cookies = client->cookies;
    uint32_t answers = client->answers;

    while (client->cookies == cookies)
        fake_bind(&world, client);
    fake_make_register(client);
    while (client->answers == answers)
        fake_input(&world, &client->address, client->request, sizeof client->request);
}

static bool all_agree(uint32_t count)
{
    uint32_t loss = world.loss;
    bool agree = true;

    world.loss = 0;
    for (uint32_t i = 0; i < world.count; i++) {
        agree = agree && world.clients[i]->peer_count == count - 1 &&
                fake_roster_is_right(&world, world.clients[i]);
        agree = agree && world.clients[i]->faults == 0;
    }
    world.loss = loss;
    return agree;
}

static void full_session_is_paged_to_a_newcomer(void)
{
    fake_world_init(&world, NULL);
    for (uint32_t i = 0; i < TR_PARTICIPANTS_MAX; i++) {
        struct fake_client *client = fake_world_add(&world, i, 1);

        client->body.user_data_size = 100;
        fake_bind(&world, client);
        client->is_deaf = i < TR_PARTICIPANTS_MAX - 1;
        fake_register(&world, client);
    }

    struct fake_client *newcomer = world.clients[TR_PARTICIPANTS_MAX - 1];

    ASSERT_EQ_UINT(newcomer->peer_count, TR_PARTICIPANTS_MAX - 1);
    ASSERT_TRUE(newcomer->pages > 60);
    ASSERT_EQ_UINT(newcomer->resets, 1);
    ASSERT_TRUE(fake_roster_is_right(&world, newcomer));

    struct fake_client *late = fake_world_add(&world, 1000, 1);

    fake_join(&world, late);
    ASSERT_EQ_UINT(late->refused.reason, TRYST_REASON_SESSION_FULL);
    fake_world_clear(&world);
}

static void paging_gets_over_loss(void)
{
    for (uint32_t loss = 100; loss <= 500; loss += 200) {
        fake_world_init(&world, NULL);
        for (uint32_t i = 0; i < 100; i++)
            fake_join(&world, fake_world_add(&world, i, 1));
        fake_run(&world, TR_S); /* all were told */
        world.seed = loss;
        world.loss = loss;

        struct fake_client *newcomer = fake_world_add(&world, 1000, 1);

        insist(newcomer);
        for (int i = 0; i < 100 && newcomer->peer_count < 100; i++)
            fake_run(&world, TR_S / 10);
        ASSERT_ROW(newcomer->peer_count == 100, "loss %u: %u peers", loss, newcomer->peer_count);
        fake_run(&world, 10 * TR_S);
        ASSERT_TRUE(stats()->resent > 0);
        ASSERT_ROW(all_agree(101), "loss %u", loss);
        fake_world_clear(&world);
    }
}

/* Joins, leaves, renewals and silent ones, with loss: in the end everybody knows the same. */
static void rosters_converge_after_any_story(void)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct fake_client *list[24];
        bool is_in[24] = {false};
        uint64_t random = seed;
        uint32_t count = 0;

        fake_world_init(&world, NULL);
        world.seed = seed;
        for (uint32_t i = 0; i < 24; i++)
            list[i] = fake_world_add(&world, i, 1);
        for (int step = 0; step < 300; step++) {
            uint64_t n = unit_random(&random);
            struct fake_client *client = list[n % 24];

            world.loss = (uint32_t)(n >> 8 & 1) * 300;
            if (!is_in[n % 24] || (n >> 16 & 7) == 0) {
                if (!is_in[n % 24])
                    fake_renew_epoch(client);
                client->body.user_data_size = (uint16_t)(n >> 24 & 127);
                insist(client);
                is_in[n % 24] = true;
            } else if ((n >> 16 & 7) < 4) {
                world.loss = 0;
                fake_leave(&world, client);
                is_in[n % 24] = false;
            } else {
                client->is_deaf = !client->is_deaf && (n >> 30 & 3) == 0;
            }
            for (uint32_t i = 0; i < 24; i++)
                list[i]->is_deaf = list[i]->is_deaf && i != n % 24;
            fake_run(&world, n >> 40 & 0x3ffff);
        }
        world.loss = 0;
        for (uint32_t i = 0; i < 24; i++) {
            list[i]->is_deaf = false;
            if (is_in[i])
                insist(list[i]);
            count += is_in[i];
        }
        fake_run(&world, 10 * TR_S);
        for (uint32_t i = 0; i < 24; i++) {
            if (!is_in[i])
                continue;
            ASSERT_ROW(list[i]->peer_count == count - 1 && fake_roster_is_right(&world, list[i]),
                       "seed %" PRIu64 ": client %u has %u of %u", seed, i, list[i]->peer_count,
                       count - 1);
            ASSERT_ROW(list[i]->faults == 0, "seed %" PRIu64 ": %u faults", seed, list[i]->faults);
        }
        fake_world_clear(&world);
    }
}

static void announcements_are_at_once_then_ten_a_second(void)
{
    fake_world_init(&world, NULL);

    struct fake_client *watcher = fake_world_add(&world, 0, 1);

    fake_join(&world, watcher);

    uint32_t pages = watcher->pages;

    for (uint32_t i = 1; i <= 40; i++) {
        fake_join(&world, fake_world_add(&world, i, 1));
        if (i < 10)
            ASSERT_EQ_UINT(watcher->peer_count, i);
    }
    ASSERT_EQ_UINT(watcher->pages - pages, 9); /* its own joining was the first round */
    fake_run(&world, TR_S / 10);
    ASSERT_EQ_UINT(watcher->peer_count, 40);
    ASSERT_TRUE(watcher->pages - pages < 9 + 12);
    ASSERT_TRUE(all_agree(41));
    fake_world_clear(&world);
}

static void departures_at_one_time_are_told_in_one_round(void)
{
    fake_world_init(&world, NULL);

    struct fake_client *watcher = fake_world_add(&world, 0, 1);

    for (uint32_t i = 1; i <= 20; i++)
        fake_join(&world, fake_world_add(&world, i, 1));
    fake_run(&world, 30 * TR_S);
    for (uint32_t i = 1; i <= 20; i++) {
        fake_ping(&world, world.clients[i]);
        world.clients[i]->is_silent = true;
    }
    fake_run(&world, TR_S);
    fake_join(&world, watcher);

    uint32_t pages = watcher->pages;

    ASSERT_EQ_UINT(watcher->peer_count, 20);
    fake_run(&world, 89 * TR_S + TR_S / 2);
    ASSERT_EQ_UINT(stats()->expired, 20);
    ASSERT_EQ_UINT(watcher->peer_count, 0);
    ASSERT_EQ_UINT(watcher->departures, 20);
    ASSERT_EQ_UINT(watcher->departure_reason, TRYST_REASON_EXPIRED);
    ASSERT_EQ_UINT(watcher->pages - pages, 1);
    fake_world_clear(&world);
}

static void what_becomes_known_of_a_nat_is_told(void)
{
    fake_world_init(&world, NULL);

    struct fake_client *one = fake_world_add(&world, 1, 1);
    struct fake_client *other = fake_world_add(&world, 2, 1);

    fake_join(&world, one);
    fake_join(&world, other);
    fake_run(&world, TR_S);
    ASSERT_EQ_UINT(fake_find(other, one)->member.nat.mapping, 0);
    one->body.nat = (struct tr_nat){.mapping = 3, .filtering = 2, .ports = 2, .stride = 1};
    fake_register(&world, one);
    fake_run(&world, TR_S);

    const struct tr_nat *nat = &fake_find(other, one)->member.nat;
    uint64_t changes = tr_service_stats(world.service)->changes;

    ASSERT_TRUE(nat->mapping == 3 && nat->filtering == 2 && nat->ports == 2 && nat->stride == 1);
    ASSERT_TRUE(fake_roster_is_right(&world, other));
    fake_register(&world, one); /* and the same again is no change */
    fake_run(&world, TR_S);
    ASSERT_EQ_UINT(tr_service_stats(world.service)->changes, changes);
    fake_world_clear(&world);
}

static void participant_that_hears_nothing_is_told_again_after_its_ping(void)
{
    fake_world_init(&world, NULL);

    struct fake_client *deaf = fake_world_add(&world, 0, 1);

    fake_join(&world, deaf);
    deaf->is_deaf = true;
    fake_join(&world, fake_world_add(&world, 1, 1));

    uint32_t outputs = world.outputs;

    fake_run(&world, 30 * TR_S);
    ASSERT_EQ_UINT(world.outputs - outputs,
                   11); /* two early copies, and ten tries with the first */
    deaf->is_deaf = false;
    fake_ping(&world, deaf);
    ASSERT_EQ_UINT(deaf->peer_count, 1);
    fake_world_clear(&world);
}

static void participant_that_missed_too_many_departures_starts_anew(void)
{
    fake_world_init(&world, NULL);

    struct fake_client *deaf = fake_world_add(&world, 0, 1), *stays = fake_world_add(&world, 1, 1);
    struct fake_client *restless = fake_world_add(&world, 2, 1);

    fake_join(&world, deaf);
    fake_join(&world, stays);
    fake_join(&world, restless);
    deaf->is_deaf = true;
    for (int i = 0; i < 300; i++) {
        fake_leave(&world, restless);
        fake_renew_epoch(restless);
        fake_join(&world, restless);
        fake_run(&world, TR_S / 4);
        fake_ping(&world, deaf);
        fake_ping(&world, stays);
    }
    fake_leave(&world, restless);
    deaf->is_deaf = false;
    fake_run(&world, 10 * TR_S);
    fake_ping(&world, deaf);
    fake_run(&world, TR_S);
    ASSERT_EQ_UINT(deaf->resets, 2);
    ASSERT_EQ_UINT(deaf->peer_count, 1);
    ASSERT_TRUE(fake_roster_is_right(&world, deaf));
    ASSERT_EQ_UINT(stays->resets, 1);
    ASSERT_TRUE(fake_roster_is_right(&world, stays));
    fake_world_clear(&world);
}

static void old_client_that_comes_back_starts_anew_or_goes_on(void)
{
    fake_world_init(&world, NULL);

    struct fake_client *a = fake_world_add(&world, 0, 1), *b = fake_world_add(&world, 1, 1);

    fake_join(&world, a);
    fake_join(&world, b);
    fake_leave(&world, b);
    fake_renew_epoch(b);
    fake_join(&world, b); /* its roster of the same fence is a little old */
    ASSERT_EQ_UINT(b->registered.page.reset, 0);
    ASSERT_EQ_UINT(b->registered.page.from, 2);
    ASSERT_TRUE(fake_roster_is_right(&world, b));
    b->fence++;
    fake_register(&world, b);
    ASSERT_EQ_UINT(b->registered.page.reset, 1);
    b->version = 99; /* of a future that was not */
    fake_register(&world, b);
    ASSERT_EQ_UINT(b->registered.page.reset, 1);
    ASSERT_TRUE(fake_roster_is_right(&world, b));
    fake_world_clear(&world);
}

UNIT_MAIN("announce", UNIT_CASE(full_session_is_paged_to_a_newcomer),
          UNIT_CASE(paging_gets_over_loss), UNIT_CASE(rosters_converge_after_any_story),
          UNIT_CASE(announcements_are_at_once_then_ten_a_second),
          UNIT_CASE(departures_at_one_time_are_told_in_one_round),
          UNIT_CASE(what_becomes_known_of_a_nat_is_told),
          UNIT_CASE(participant_that_hears_nothing_is_told_again_after_its_ping),
          UNIT_CASE(participant_that_missed_too_many_departures_starts_anew),
          UNIT_CASE(old_client_that_comes_back_starts_anew_or_goes_on))
