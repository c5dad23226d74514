/* The answers to a registration: a seat with its channel, or a refusal.
 * SPDX-License-Identifier: MIT */
#include "server/seating.h"

#include "lib/base/bytes.h"
#include "lib/base/deadline.h"
#include "lib/wire/envelope.h"
#include "server/announce.h"
#include "server/outcomes.h"
#include "server/relay.h"
#include "server/telling.h"
#include <stdlib.h>
#include <string.h>

enum { MS_US = 1000 };

void tr_seating_refuse(struct tr_service *service, const struct tr_arrival *arrival,
                       const struct tr_admission *admission, uint16_t reason, uint32_t retry_ms,
                       const char *words)
{
    struct tr_refused head = {.type = TR_REFUSED, .version = TR_VERSION};
    struct tr_refused_body body = {.reason = reason, .retry_ms = retry_ms};
    struct tr_datagram *datagram = tr_service_answer(service, arrival);
    uint8_t key[TR_KEY];

    service->stats.refused++;
    if (datagram == NULL)
        return;
    body.detail_size = (uint16_t)strnlen(words, TR_DETAIL_MAX);
    memcpy(body.detail, words, body.detail_size);
    memcpy(head.tag, admission->hash, sizeof head.tag);
    tr_random_bytes(&service->random, head.nonce, sizeof head.nonce);
    tr_refused_key(key, admission->shared, admission->hash);
    datagram->size =
        (uint16_t)tr_envelope_xseal(&tr_layout_refused, &head, &tr_layout_refused_body, &body,
                                    tr_frame_rule(TR_REFUSED)->least, key, datagram->data);
    tr_seal_wipe(key, sizeof key);
}

/* Takes the counter of answers with it: each has a nonce of its own. */
static void answer(struct tr_service *service, const struct tr_arrival *arrival,
                   struct tr_participant *participant, struct tr_feed *feed)
{
    const struct tr_membership *membership = participant->membership;
    struct tr_registered head = {
        .type = TR_REGISTERED, .version = TR_VERSION, .reply = participant->reply};
    struct tr_registered_body body = {
        .slot = participant->entry.slot,
        .flags = service->census != NULL ? TR_REGISTERED_OUTCOMES : 0,
        .server_ms = tr_service_unix_ms(service, arrival->now_us),
        .seen = tr_admission_seen(&arrival->source),
        .keepalive_ms = service->limits.keepalive_ms,
        .expire_ms = service->limits.expire_ms,
        .participants_max = (uint16_t)tr_seating_room(service, membership),
        .relay_kbps = tr_relay_kbps(service, participant),
        .fence = membership->fence,
    };
    uint8_t room[TR_DATAGRAM_BYTES];
    size_t head_size = tr_layout_size_min(&tr_layout_registered);
    struct tr_datagram *datagram = tr_service_answer(service, arrival);
    struct tr_writer start;
    struct tr_writer entries;

    if (datagram == NULL)
        return;
    body.data_size = participant->granted_size;
    if (participant->granted_size > 0)
        memcpy(body.data, participant->granted, participant->granted_size);

    size_t fixed = tr_layout_size(&tr_layout_registered_body, &body);

    memcpy(head.tag, participant->hash, sizeof head.tag);
    memcpy(head.ges, participant->ges, TR_KEY);
    memcpy(body.channel, participant->channel, TR_CHANNEL_BYTES);
    memcpy(body.signature, participant->signature, sizeof body.signature);
    tr_writer_init(&start, room, fixed);
    tr_writer_init(&entries, room + fixed, sizeof room - head_size - TR_TAG - fixed);
    tr_feed_page(feed, membership, &participant->entry, arrival->now_us, &body.page, &entries);
    tr_layout_encode(&tr_layout_registered_body, &body, &start);
    datagram->size = (uint16_t)tr_envelope_seal(
        &tr_layout_registered, &head, room, fixed + tr_writer_used(&entries), TR_LANE_REGISTERED,
        participant->reply, participant->keys.to_client, datagram->data);
    participant->reply++;
}

struct tr_recent *tr_seating_recent(struct tr_service *service, const uint8_t hash[TR_KEY])
{
    return &service->recent[tr_get_u16(hash) % TR_RECENT];
}

/* The answer was lost, or the request came twice. What goes on over the channel by now is left as
 * it is, and so is news that is being said again anyway. */
void tr_seating_repeat(struct tr_service *service, const struct tr_arrival *arrival,
                       struct tr_participant *participant)
{
    struct tr_feed feed;

    if (participant->reply == UINT32_MAX)
        return;
    service->stats.repeated++;
    tr_feed_start(&feed, participant->membership, participant->known, participant->trip_us);
    answer(service, arrival, participant, &feed);
    if (participant->replay.next == 0 && participant->feed.copies == 0) {
        participant->feed = feed;
        tr_announce_pump(service, participant, arrival->now_us);
    }
}

static bool make_channel(struct tr_service *service, struct tr_participant *participant)
{
    uint8_t channel[TR_CHANNEL_BYTES] = {0};

    /* The number of none is all zero. */
    while (memcmp(channel, (uint8_t[TR_CHANNEL_BYTES]){0}, sizeof channel) == 0 ||
           tr_registry_find_channel(&service->registry, channel) != NULL)
        tr_random_bytes(&service->random, channel, sizeof channel);
    return tr_registry_set_channel(&service->registry, participant, channel);
}

/* Everything that goes with a new channel. */
static void equip(struct tr_service *service, const struct tr_arrival *arrival,
                  const struct tr_admission *admission, struct tr_participant *participant)
{
    struct tr_certify *certify = &service->certify;
    const struct tr_register_body *body = &admission->body;
    uint64_t fence = participant->membership->fence;
    uint8_t shared[TR_KEY];

    participant->sequence = admission->body.sequence;
    participant->reply = 0;
    memcpy(participant->hash, admission->hash, TR_KEY);
    tr_certify_renew_ephemeral(certify, &service->random, arrival->now_us);
    memcpy(participant->ges, certify->ephemeral_key, TR_KEY);
    /* Its point passed dh with the node's key, so it is not of small order. */
    tr_seal_dh_shared(shared, certify->ephemeral_secret, admission->head.ge);
    tr_channel_derive(&participant->keys, admission->shared, shared, admission->hash,
                      participant->ges);
    tr_seal_wipe(shared, sizeof shared);
    participant->address = *arrival->from;
    participant->local = *arrival->to;
    tr_recall_keep(&service->recall, participant->index, &participant->address, &participant->local,
                   participant->channel);
    participant->counter = 0;
    tr_replay_init(&participant->replay, participant->replay_bits, TR_REPLAY_CTRL);
    tr_registry_hear(&service->registry, participant, arrival->now_us);
    tr_registered_sign(participant->signature, participant->hash, participant->ges,
                       certify->sign_secret);
    participant->known = body->roster_fence == fence ? body->roster_version : 0;
    participant->trip_us = body->rtt_ms * (uint32_t)MS_US;
    tr_feed_start(&participant->feed, participant->membership, participant->known,
                  participant->trip_us);

    struct tr_recent *recent = tr_seating_recent(service, participant->hash);

    memcpy(recent->hash, participant->hash, TR_KEY);
    memcpy(recent->channel, participant->channel, TR_CHANNEL_BYTES);
}

static int put_member(const struct tr_admission *admission, struct tr_participant *participant)
{
    struct tr_member member = {
        .slot = participant->entry.slot,
        .record = admission->body.record,
        .nat = admission->body.nat,
        .candidate_count = admission->candidate_count,
        .user_data_size = admission->body.user_data_size,
    };

    memcpy(member.candidates, admission->candidates, sizeof member.candidates);
    memcpy(member.user_data, admission->body.user_data, sizeof member.user_data);
    return tr_membership_set(participant->membership, &participant->entry, &member);
}

/* The keys of its join, by which others reach it through the relay. Pairs under other keys are over. */
static void lead(struct tr_service *service, const struct tr_admission *admission,
                 struct tr_participant *participant, bool is_new_epoch)
{
    struct tr_relay_keys keys;

    tr_relay_derive(&keys, admission->shared, admission->head.ge);
    if (is_new_epoch || !participant->has_route ||
        !tr_seal_equal(&keys, &participant->relay, sizeof keys)) {
        tr_detours_leave(&service->detours, participant);
        tr_registry_set_route(&service->registry, participant, &keys);
    }
    tr_seal_wipe(&keys, sizeof keys);
}

/* Who can only be relayed to shows no address, and is shown none, whatever the rules say. */
static void conceal(const struct tr_admission *admission, struct tr_participant *participant)
{
    participant->caps = admission->body.record.caps;
    tr_membership_hide(participant->membership, &participant->entry,
                       (participant->caps & TR_CAP_RELAY_ONLY) != 0
                           ? TRYST_POLICY_ADDRESSES_RELAY_ONLY
                           : participant->hiding);
}

/* false: no memory. */
static bool settle(struct tr_service *service, const struct tr_arrival *arrival,
                   const struct tr_admission *admission, struct tr_participant *participant)
{
    struct tr_entry *entry = &participant->entry;
    uint64_t epoch = entry->epoch;

    entry->epoch = admission->body.record.epoch;

    int change = put_member(admission, participant);

    if (change < 0) {
        entry->epoch = epoch;
        return false;
    }
    conceal(admission, participant);
    if (epoch != entry->epoch)
        tr_outcomes_forget(service, participant);
    tr_outcomes_seat(service, participant, &admission->body.nat);
    lead(service, admission, participant, epoch != entry->epoch);
    if (change > 0)
        tr_announce_change(service, participant->membership, arrival->now_us);
    if (!make_channel(service, participant))
        return false;
    equip(service, arrival, admission, participant);
    service->stats.registered++;
    answer(service, arrival, participant, &participant->feed);
    tr_announce_pump(service, participant, arrival->now_us);
    return true;
}

uint32_t tr_seating_room(const struct tr_service *service, const struct tr_membership *membership)
{
    uint32_t most = service->limits.session_participants;

    return membership != NULL && membership->participants_max != 0 &&
                   membership->participants_max < most
               ? membership->participants_max
               : most;
}

bool tr_seating_has_room(struct tr_service *service, const struct tr_arrival *arrival,
                         const struct tr_admission *admission,
                         const struct tr_membership *membership)
{
    if (tr_registry_count_sessions(&service->registry, admission->body.record.identity) >=
        service->limits.identity_sessions)
        tr_seating_refuse(service, arrival, admission, TRYST_REASON_TOO_MANY_SESSIONS,
                          TR_RETRY_SESSION_MS, "");
    else if (membership != NULL && membership->count >= tr_seating_room(service, membership))
        tr_seating_refuse(service, arrival, admission, TRYST_REASON_SESSION_FULL,
                          TR_RETRY_SESSION_MS, "");
    else
        return true;
    return false;
}

static struct tr_participant *make_participant(struct tr_service *service,
                                               const struct tr_arrival *arrival,
                                               const struct tr_admission *admission)
{
    const struct tr_record *record = &admission->body.record;
    struct tr_registry *registry = &service->registry;
    uint64_t fence = 0;

    while (fence == 0)
        tr_random_bytes(&service->random, &fence, sizeof fence);
    if (registry->participant_count >= service->limits.participants ||
        !tr_alarms_reserve(&service->alarms, registry->membership_count + 1) ||
        !tr_alarms_reserve(&service->expiries, registry->participant_count + 1))
        return NULL;

    struct tr_participant *participant = tr_registry_add(
        registry, admission->head.app, record->session, record->identity, fence, arrival->now_us);

    if (participant != NULL)
        participant->joined_us = arrival->now_us;
    return participant;
}

/* What the rules granted beyond the seat. false: no memory. */
static bool grant(struct tr_service *service, const struct tryst_policy_answer *granted,
                  struct tr_participant *participant, uint64_t now_us)
{
    struct tr_membership *membership = participant->membership;

    if (granted->max_participants != 0)
        membership->participants_max = (uint16_t)granted->max_participants;
    participant->hiding = (uint8_t)granted->addresses;
    if (granted->expires_s != 0)
        tr_alarms_set(&service->expiries, &participant->expiry,
                      now_us + granted->expires_s * (uint64_t)TR_S);
    if (granted->data_size == 0)
        return true;
    participant->granted = malloc(granted->data_size);
    if (participant->granted == NULL)
        return false;
    memcpy(participant->granted, granted->data, granted->data_size);
    participant->granted_size = (uint16_t)granted->data_size;
    return true;
}

void tr_seating_admit(struct tr_service *service, const struct tr_arrival *arrival,
                      const struct tr_admission *admission,
                      const struct tryst_policy_answer *granted)
{
    struct tr_participant *participant = make_participant(service, arrival, admission);

    if (participant != NULL) {
        participant->entry.slot = tr_membership_free_slot(participant->membership);
        if ((granted == NULL || grant(service, granted, participant, arrival->now_us)) &&
            settle(service, arrival, admission, participant))
            return;
        if (participant->entry.version != 0) {
            tr_announce_departure(service, participant, TRYST_REASON_NONE, arrival->now_us);
        } else {
            tr_alarms_set(&service->expiries, &participant->expiry, TR_NEVER);
            tr_registry_remove(&service->registry, participant);
        }
    }
    tr_seating_refuse(service, arrival, admission, TRYST_REASON_SERVER_FULL, TR_RETRY_SERVER_MS,
                      "");
}

enum tr_drop tr_seating_renew(struct tr_service *service, const struct tr_arrival *arrival,
                              const struct tr_admission *admission,
                              struct tr_participant *participant)
{
    uint64_t epoch = admission->body.record.epoch;

    if (epoch < participant->entry.epoch) {
        tr_seating_refuse(service, arrival, admission, TRYST_REASON_REPLACED, TR_RETRY_NEVER_MS,
                          "");
        return TR_DROP_NONE;
    }
    if (epoch == participant->entry.epoch && admission->body.sequence <= participant->sequence)
        return TR_DROP_REPLAY;
    if (epoch > participant->entry.epoch)
        tr_telling_leave(service, participant, TRYST_REASON_REPLACED);
    if (!settle(service, arrival, admission, participant))
        tr_seating_refuse(service, arrival, admission, TRYST_REASON_SERVER_FULL, TR_RETRY_SERVER_MS,
                          "");
    return TR_DROP_NONE;
}
