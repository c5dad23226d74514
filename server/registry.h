/* Who is where: every participant and session of this server, in memory, found by name, channel,
 * route or identity; and who was silent for longest.
 * SPDX-License-Identifier: MIT */
#ifndef TR_REGISTRY_H
#define TR_REGISTRY_H

#include "lib/base/table.h"
#include "lib/seal/replay.h"
#include "lib/wire/detour.h"
#include "lib/wire/envelope.h"
#include "server/membership.h"
#include "server/roster_feed.h"
#include "server/slots.h"

struct tr_detour_side;

/* One identity in one session. */
struct tr_participant {
    struct tr_entry entry;
    struct tr_membership *membership;
    uint32_t index; /* in the registry */

    /* The last REGISTER that was accepted, and what answers it. */
    uint32_t sequence;
    uint32_t reply; /* answers so far */
    uint8_t hash[TR_KEY];
    uint8_t ges[TR_KEY];
    uint8_t signature[TR_SIGNATURE];
    uint64_t known;   /* the version of this roster that it said it has, 0 none */
    uint32_t trip_us; /* the round trip that it measured, 0 unknown */
    uint32_t caps;    /* TR_CAP_*, of its record */

    /* The channel to it. */
    uint8_t channel[TR_CHANNEL_BYTES]; /* all zero: none yet */
    struct tr_channel_keys keys;
    struct tryst_address address; /* where it is */
    struct tryst_address local;   /* the server's address that it talks to */
    uint32_t counter;             /* of the next CTRL */
    struct tr_replay replay;
    uint64_t replay_bits[TR_REPLAY_WORDS(TR_REPLAY_CTRL)];
    struct tr_feed feed;

    /* Of the relay. */
    struct tr_relay_keys relay;
    bool has_route;                 /* it can be found by relay.route */
    struct tr_detour_side *detours; /* the pairs that it is in */
    struct tr_quota relayed;        /* of what it sends */
    uint32_t relay_floor;           /* counters to it go on above, in pairs that are made anew */
    uint64_t pointed_us;            /* when it may be pointed at its address again */

    /* By the operator's rules. */
    uint64_t joined_us;
    struct tr_alarm expiry; /* when they are asked anew */
    uint8_t hiding;         /* enum tryst_policy_addresses: what they want hidden */
    uint8_t *granted;       /* bytes handed to it with each answer, its own; NULL none */
    uint16_t granted_size;

    /* For the census. */
    bool is_counted;
    uint8_t nat_kind;  /* as which it is counted */
    uint8_t *outcomes; /* what it said of each slot, its own; NULL none */

    uint64_t heard_us;              /* when something authenticated last came */
    struct tr_participant *earlier; /* heard before this one */
    struct tr_participant *later;
};

struct tr_registry {
    struct tr_slots participants;
    struct tr_slots memberships;
    uint32_t participant_count;
    uint32_t membership_count;
    struct tr_table by_identity; /* one entry a session of the identity */
    struct tr_table by_channel;
    struct tr_table by_session;
    struct tr_table by_route;
    struct tr_participant *earliest; /* heard, of all */
    struct tr_participant *latest;
    uint8_t key[TR_MAC_KEY];
};

void tr_registry_init(struct tr_registry *registry, const uint8_t key[TR_MAC_KEY]);
void tr_registry_clear(struct tr_registry *registry);

/* NULL: there is none. */
struct tr_membership *tr_registry_session(const struct tr_registry *registry,
                                          const uint8_t app[TR_APP_BYTES],
                                          const uint8_t session[TR_SESSION_BYTES]);
struct tr_participant *tr_registry_find(const struct tr_registry *registry,
                                        const struct tr_membership *membership,
                                        const uint8_t identity[TR_KEY]);
struct tr_participant *tr_registry_find_channel(const struct tr_registry *registry,
                                                const uint8_t channel[TR_CHANNEL_BYTES]);
struct tr_participant *tr_registry_find_route(const struct tr_registry *registry,
                                              const uint8_t route[TR_ROUTE_BYTES]);
uint32_t tr_registry_count_sessions(const struct tr_registry *registry,
                                    const uint8_t identity[TR_KEY]);

/* A new participant, heard now, without channel and not yet a member; a new session, with this
 * fence, where there is none of that name. NULL: no memory. */
struct tr_participant *tr_registry_add(struct tr_registry *registry,
                                       const uint8_t app[TR_APP_BYTES],
                                       const uint8_t session[TR_SESSION_BYTES],
                                       const uint8_t identity[TR_KEY], uint64_t fence,
                                       uint64_t now_us);

/* Gives a participant its channel, or another one. false: no memory, nothing changed. */
bool tr_registry_set_channel(struct tr_registry *registry, struct tr_participant *participant,
                             const uint8_t channel[TR_CHANNEL_BYTES]);

/* Gives a participant the keys of its join. has_route tells whether it can be found by them: not when
 * somebody else has this route (made from the same secret, or one in 2^48), or memory is short. */
void tr_registry_set_route(struct tr_registry *registry, struct tr_participant *participant,
                           const struct tr_relay_keys *keys);

/* Takes away a participant that is no member any more, and its session when it stood empty.
 * Returns whether the session went too; its alarm must not be set then. */
bool tr_registry_remove(struct tr_registry *registry, struct tr_participant *participant);

/* Something authenticated came from it. */
void tr_registry_hear(struct tr_registry *registry, struct tr_participant *participant,
                      uint64_t now_us);

static inline struct tr_participant *tr_participant_of(struct tr_entry *entry)
{
    return (struct tr_participant *)(void *)((char *)entry -
                                             offsetof(struct tr_participant, entry));
}

#endif
