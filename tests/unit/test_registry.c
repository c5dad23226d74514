/* Cases of server/registry.
 * SPDX-License-Identifier: MIT */
#include "server/registry.h"

#include "tests/unit/unit.h"

enum { MANY = 2000 };

static const uint8_t key[TR_MAC_KEY] = {7};
static const uint8_t app[TR_APP_BYTES] = "game";
static struct tr_registry registry;

static void number(uint8_t *out, size_t size, uint32_t n)
{
    memset(out, 0, size);
    memcpy(out, &n, sizeof n);
}

static struct tr_participant *put(uint32_t session_number, uint32_t identity_number)
{
    uint8_t session[TR_SESSION_BYTES], identity[TR_KEY], channel[TR_CHANNEL_BYTES];
    struct tr_member member = {0};

    number(session, sizeof session, session_number);
    number(identity, sizeof identity, identity_number);
    number(channel, sizeof channel, session_number * 1000000 + identity_number + 1);

    struct tr_participant *participant =
        tr_registry_add(&registry, app, session, identity, 5, identity_number);

    participant->entry.slot = tr_membership_free_slot(participant->membership);
    member.slot = participant->entry.slot;
    tr_membership_set(participant->membership, &participant->entry, &member);
    tr_registry_set_channel(&registry, participant, channel);
    return participant;
}

static struct tr_participant *get(uint32_t session_number, uint32_t identity_number)
{
    uint8_t session[TR_SESSION_BYTES], identity[TR_KEY];

    number(session, sizeof session, session_number);
    number(identity, sizeof identity, identity_number);

    struct tr_membership *membership = tr_registry_session(&registry, app, session);

    return membership == NULL ? NULL : tr_registry_find(&registry, membership, identity);
}

static bool drop(struct tr_participant *participant)
{
    tr_membership_remove(participant->membership, &participant->entry, 1);
    return tr_registry_remove(&registry, participant);
}

static void registry_finds_by_name_and_by_channel(void)
{
    tr_registry_init(&registry, key);
    for (uint32_t i = 0; i < MANY; i++)
        put(i / 10, i);
    ASSERT_EQ_UINT(registry.participant_count, MANY);
    ASSERT_EQ_UINT(registry.membership_count, MANY / 10);
    for (uint32_t i = 0; i < MANY; i++) {
        uint8_t channel[TR_CHANNEL_BYTES];

        number(channel, sizeof channel, i / 10 * 1000000 + i + 1);

        struct tr_participant *participant = tr_registry_find_channel(&registry, channel);

        ASSERT_TRUE(participant != NULL && participant == get(i / 10, i));
    }
    ASSERT_TRUE(get(1, 5) == NULL);
    ASSERT_TRUE(get(MANY, 5) == NULL);
    tr_registry_clear(&registry);
}

static void registry_counts_the_sessions_of_an_identity(void)
{
    uint8_t identity[TR_KEY];

    tr_registry_init(&registry, key);
    number(identity, sizeof identity, 3);
    for (uint32_t i = 0; i < 5; i++)
        put(i, 3);
    put(0, 4);
    ASSERT_EQ_UINT(tr_registry_count_sessions(&registry, identity), 5);
    drop(get(2, 3));
    ASSERT_EQ_UINT(tr_registry_count_sessions(&registry, identity), 4);
    ASSERT_TRUE(get(2, 3) == NULL);
    ASSERT_TRUE(get(4, 3) != NULL);
    tr_registry_clear(&registry);
}

static void session_goes_with_its_last_participant(void)
{
    tr_registry_init(&registry, key);
    put(1, 1);
    put(1, 2);
    ASSERT_FALSE(drop(get(1, 1)));
    ASSERT_TRUE(drop(get(1, 2)));
    ASSERT_EQ_UINT(registry.membership_count, 0);
    ASSERT_EQ_UINT(registry.participant_count, 0);
    put(1, 2);
    ASSERT_EQ_UINT(registry.participants.used, 2); /* places are used again */
    ASSERT_EQ_UINT(registry.memberships.used, 1);
    tr_registry_clear(&registry);
}

static void channel_that_was_replaced_is_unknown(void)
{
    uint8_t old[TR_CHANNEL_BYTES], fresh[TR_CHANNEL_BYTES];

    tr_registry_init(&registry, key);

    struct tr_participant *participant = put(1, 1);

    memcpy(old, participant->channel, sizeof old);
    number(fresh, sizeof fresh, 77);
    ASSERT_TRUE(tr_registry_set_channel(&registry, participant, fresh));
    ASSERT_TRUE(tr_registry_find_channel(&registry, old) == NULL);
    ASSERT_TRUE(tr_registry_find_channel(&registry, fresh) == participant);
    tr_registry_clear(&registry);
}

static void who_was_silent_longest_comes_first(void)
{
    tr_registry_init(&registry, key);

    struct tr_participant *a = put(1, 1), *b = put(1, 2), *c = put(1, 3);

    ASSERT_TRUE(registry.earliest == a);
    tr_registry_hear(&registry, a, 10);
    ASSERT_TRUE(registry.earliest == b && registry.latest == a);
    tr_registry_hear(&registry, a, 11);
    drop(b);
    ASSERT_TRUE(registry.earliest == c);
    drop(c);
    ASSERT_TRUE(registry.earliest == a && registry.latest == a);
    tr_registry_clear(&registry);
}

static void registry_stays_right_under_many_changes(void)
{
    static bool is_in[40][40];
    uint64_t random = 11;
    uint32_t count = 0;

    memset(is_in, 0, sizeof is_in);
    tr_registry_init(&registry, key);
    for (int i = 0; i < 20000; i++) {
        uint64_t n = unit_random(&random);
        uint32_t s = (uint32_t)(n % 40), p = (uint32_t)(n >> 16) % 40;
        struct tr_participant *participant = get(s, p);

        ASSERT_EQ_INT(participant != NULL, is_in[s][p]);
        if (participant == NULL)
            put(s, p);
        else
            drop(participant);
        is_in[s][p] = participant == NULL;
        count += participant == NULL ? 1U : UINT32_MAX;
        ASSERT_EQ_UINT(registry.participant_count, count);
    }
    tr_registry_clear(&registry);
}

UNIT_MAIN("registry", UNIT_CASE(registry_finds_by_name_and_by_channel),
          UNIT_CASE(registry_counts_the_sessions_of_an_identity),
          UNIT_CASE(session_goes_with_its_last_participant),
          UNIT_CASE(channel_that_was_replaced_is_unknown),
          UNIT_CASE(who_was_silent_longest_comes_first),
          UNIT_CASE(registry_stays_right_under_many_changes))
