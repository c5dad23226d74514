/* Participants and sessions, and the tables that find them.
 * SPDX-License-Identifier: MIT */
#include "server/registry.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static struct tr_participant *participant_at(const struct tr_registry *registry, uint32_t index)
{
    return registry->participants.slots[index].thing;
}

static uint64_t identity_hash(const struct tr_registry *registry, const uint8_t identity[TR_KEY])
{
    return tr_seal_hash64(identity, TR_KEY, registry->key);
}

static uint64_t channel_hash(const struct tr_registry *registry,
                             const uint8_t channel[TR_CHANNEL_BYTES])
{
    return tr_seal_hash64(channel, TR_CHANNEL_BYTES, registry->key);
}

static uint64_t route_hash(const struct tr_registry *registry, const uint8_t route[TR_ROUTE_BYTES])
{
    return tr_seal_hash64(route, TR_ROUTE_BYTES, registry->key);
}

static uint64_t session_hash(const struct tr_registry *registry, const uint8_t app[TR_APP_BYTES],
                             const uint8_t session[TR_SESSION_BYTES])
{
    uint8_t name[TR_APP_BYTES + TR_SESSION_BYTES];

    memcpy(name, app, TR_APP_BYTES);
    memcpy(name + TR_APP_BYTES, session, TR_SESSION_BYTES);
    return tr_seal_hash64(name, sizeof name, registry->key);
}

void tr_registry_init(struct tr_registry *registry, const uint8_t key[TR_MAC_KEY])
{
    memset(registry, 0, sizeof *registry);
    memcpy(registry->key, key, TR_MAC_KEY);
    /* The service's limits are the bounds; these only keep table values in their range. */
    tr_table_init(&registry->by_identity, UINT32_MAX - 1);
    tr_table_init(&registry->by_channel, UINT32_MAX - 1);
    tr_table_init(&registry->by_session, UINT32_MAX - 1);
    tr_table_init(&registry->by_route, UINT32_MAX - 1);
}

void tr_registry_clear(struct tr_registry *registry)
{
    while (registry->earliest != NULL) {
        struct tr_participant *participant = registry->earliest;

        tr_membership_remove(participant->membership, &participant->entry, 0);
        tr_registry_remove(registry, participant);
    }
    tr_table_clear(&registry->by_identity);
    tr_table_clear(&registry->by_channel);
    tr_table_clear(&registry->by_session);
    tr_table_clear(&registry->by_route);
    free(registry->participants.slots);
    free(registry->memberships.slots);
    memset(registry, 0, sizeof *registry);
}

struct tr_membership *tr_registry_session(const struct tr_registry *registry,
                                          const uint8_t app[TR_APP_BYTES],
                                          const uint8_t session[TR_SESSION_BYTES])
{
    uint64_t hash = session_hash(registry, app, session);
    uint32_t cursor = 0;
    uint32_t index;

    while (tr_table_next(&registry->by_session, hash, &cursor, &index)) {
        struct tr_membership *membership = registry->memberships.slots[index].thing;

        if (memcmp(membership->app, app, TR_APP_BYTES) == 0 &&
            memcmp(membership->session, session, TR_SESSION_BYTES) == 0)
            return membership;
    }
    return NULL;
}

struct tr_participant *tr_registry_find(const struct tr_registry *registry,
                                        const struct tr_membership *membership,
                                        const uint8_t identity[TR_KEY])
{
    uint64_t hash = identity_hash(registry, identity);
    uint32_t cursor = 0;
    uint32_t index;

    while (tr_table_next(&registry->by_identity, hash, &cursor, &index)) {
        struct tr_participant *participant = participant_at(registry, index);

        if (participant->membership == membership &&
            memcmp(participant->entry.identity, identity, TR_KEY) == 0)
            return participant;
    }
    return NULL;
}

struct tr_participant *tr_registry_find_channel(const struct tr_registry *registry,
                                                const uint8_t channel[TR_CHANNEL_BYTES])
{
    uint64_t hash = channel_hash(registry, channel);
    uint32_t cursor = 0;
    uint32_t index;

    while (tr_table_next(&registry->by_channel, hash, &cursor, &index)) {
        struct tr_participant *participant = participant_at(registry, index);

        if (memcmp(participant->channel, channel, TR_CHANNEL_BYTES) == 0)
            return participant;
    }
    return NULL;
}

struct tr_participant *tr_registry_find_route(const struct tr_registry *registry,
                                              const uint8_t route[TR_ROUTE_BYTES])
{
    uint64_t hash = route_hash(registry, route);
    uint32_t cursor = 0;
    uint32_t index;

    while (tr_table_next(&registry->by_route, hash, &cursor, &index)) {
        struct tr_participant *participant = participant_at(registry, index);

        if (memcmp(participant->relay.route, route, TR_ROUTE_BYTES) == 0)
            return participant;
    }
    return NULL;
}

uint32_t tr_registry_count_sessions(const struct tr_registry *registry,
                                    const uint8_t identity[TR_KEY])
{
    uint64_t hash = identity_hash(registry, identity);
    uint32_t cursor = 0;
    uint32_t count = 0;
    uint32_t index;

    while (tr_table_next(&registry->by_identity, hash, &cursor, &index))
        count += memcmp(participant_at(registry, index)->entry.identity, identity, TR_KEY) == 0;
    return count;
}

static void remove_session(struct tr_registry *registry, struct tr_membership *membership)
{
    assert(membership->alarm.place == 0);
    tr_table_remove(&registry->by_session,
                    session_hash(registry, membership->app, membership->session),
                    membership->index);
    tr_slots_give(&registry->memberships, membership->index);
    registry->membership_count--;
    tr_membership_clear(membership);
    free(membership);
}

static struct tr_membership *add_session(struct tr_registry *registry,
                                         const uint8_t app[TR_APP_BYTES],
                                         const uint8_t session[TR_SESSION_BYTES], uint64_t fence)
{
    struct tr_membership *membership = malloc(sizeof *membership);

    if (membership == NULL)
        return NULL;
    tr_membership_init(membership, app, session, fence);
    if (!tr_slots_take(&registry->memberships, membership, &membership->index)) {
        free(membership);
        return NULL;
    }
    if (!tr_table_put(&registry->by_session, session_hash(registry, app, session),
                      membership->index)) {
        tr_slots_give(&registry->memberships, membership->index);
        free(membership);
        return NULL;
    }
    registry->membership_count++;
    return membership;
}

static void unhear(struct tr_registry *registry, struct tr_participant *participant)
{
    *(participant->earlier != NULL ? &participant->earlier->later : &registry->earliest) =
        participant->later;
    *(participant->later != NULL ? &participant->later->earlier : &registry->latest) =
        participant->earlier;
}

static void hear(struct tr_registry *registry, struct tr_participant *participant, uint64_t now_us)
{
    participant->heard_us = now_us;
    participant->earlier = registry->latest;
    participant->later = NULL;
    *(participant->earlier != NULL ? &participant->earlier->later : &registry->earliest) =
        participant;
    registry->latest = participant;
}

void tr_registry_hear(struct tr_registry *registry, struct tr_participant *participant,
                      uint64_t now_us)
{
    unhear(registry, participant);
    hear(registry, participant, now_us);
}

static struct tr_participant *add(struct tr_registry *registry, struct tr_membership *membership,
                                  const uint8_t identity[TR_KEY])
{
    struct tr_participant *participant = calloc(1, sizeof *participant);

    if (participant == NULL)
        return NULL;
    participant->membership = membership;
    memcpy(participant->entry.identity, identity, TR_KEY);
    if (!tr_slots_take(&registry->participants, participant, &participant->index)) {
        free(participant);
        return NULL;
    }
    if (!tr_table_put(&registry->by_identity, identity_hash(registry, identity),
                      participant->index)) {
        tr_slots_give(&registry->participants, participant->index);
        free(participant);
        return NULL;
    }
    registry->participant_count++;
    return participant;
}

struct tr_participant *tr_registry_add(struct tr_registry *registry,
                                       const uint8_t app[TR_APP_BYTES],
                                       const uint8_t session[TR_SESSION_BYTES],
                                       const uint8_t identity[TR_KEY], uint64_t fence,
                                       uint64_t now_us)
{
    struct tr_membership *membership = tr_registry_session(registry, app, session);

    if (membership == NULL)
        membership = add_session(registry, app, session, fence);
    if (membership == NULL)
        return NULL;

    struct tr_participant *participant = add(registry, membership, identity);

    if (participant != NULL)
        hear(registry, participant, now_us);
    else if (membership->count == 0)
        remove_session(registry, membership);
    return participant;
}

static bool has_channel(const struct tr_participant *participant)
{
    static const uint8_t none[TR_CHANNEL_BYTES];

    return memcmp(participant->channel, none, TR_CHANNEL_BYTES) != 0;
}

bool tr_registry_set_channel(struct tr_registry *registry, struct tr_participant *participant,
                             const uint8_t channel[TR_CHANNEL_BYTES])
{
    if (!tr_table_put(&registry->by_channel, channel_hash(registry, channel), participant->index))
        return false;
    if (has_channel(participant))
        tr_table_remove(&registry->by_channel, channel_hash(registry, participant->channel),
                        participant->index);
    memcpy(participant->channel, channel, TR_CHANNEL_BYTES);
    return true;
}

static void unset_route(struct tr_registry *registry, struct tr_participant *participant)
{
    if (participant->has_route)
        tr_table_remove(&registry->by_route, route_hash(registry, participant->relay.route),
                        participant->index);
    participant->has_route = false;
}

void tr_registry_set_route(struct tr_registry *registry, struct tr_participant *participant,
                           const struct tr_relay_keys *keys)
{
    unset_route(registry, participant);
    participant->relay = *keys;
    participant->has_route =
        tr_registry_find_route(registry, keys->route) == NULL &&
        tr_table_put(&registry->by_route, route_hash(registry, keys->route), participant->index);
}

bool tr_registry_remove(struct tr_registry *registry, struct tr_participant *participant)
{
    struct tr_membership *membership = participant->membership;

    assert(participant->entry.version == 0);
    unhear(registry, participant);
    tr_table_remove(&registry->by_identity, identity_hash(registry, participant->entry.identity),
                    participant->index);
    if (has_channel(participant))
        tr_table_remove(&registry->by_channel, channel_hash(registry, participant->channel),
                        participant->index);
    unset_route(registry, participant);
    tr_slots_give(&registry->participants, participant->index);
    registry->participant_count--;
    assert(participant->expiry.place == 0 && participant->detours == NULL);
    free(participant->granted);
    free(participant->outcomes);
    tr_seal_wipe(&participant->keys, sizeof participant->keys);
    tr_seal_wipe(&participant->relay, sizeof participant->relay);
    free(participant);
    if (membership->count > 0)
        return false;
    remove_session(registry, membership);
    return true;
}
