/* What is relayed, for whom, and how much of it.
 * SPDX-License-Identifier: MIT */
#include "server/relay.h"

#include "lib/wire/envelope.h"
#include "server/telling.h"
#include <string.h>

#define KEPT_US (2 * TR_S) /* the first hellos of two come together; a later one comes by itself */
#define REFUSED_US (60 * TR_S)   /* what was refused is not looked at again for so long */
#define POINTED_US (100 * TR_MS) /* between two hints to somebody that it has moved */

/* The counters to a participant grow over the lives of a pair and of this server, as its keys are of the
 * whole join: they begin at the age of the join, by its epoch (microseconds since 1970), in 256ths of a
 * second, which is more than are relayed of full datagrams. The middle leaves room for clocks that
 * differ; who has no clock has just any beginning, which grows as well. */
static uint32_t first_counter(const struct tr_service *service,
                              const struct tr_participant *participant, uint64_t now_us)
{
    uint64_t unix_us = tr_service_unix_ms(service, now_us) * TR_MS;
    int64_t age_us = (int64_t)(unix_us - participant->entry.epoch);
    uint32_t counter = (uint32_t)(age_us / (int64_t)(TR_S / 256) + (1 << 30)) & INT32_MAX;

    return counter > participant->relay_floor ? counter : participant->relay_floor;
}

static uint32_t leg_kbps(const struct tr_service *service, const struct tr_detour *detour)
{
    return detour->kbps != 0 ? detour->kbps : service->limits.relay_leg_kbps;
}

uint16_t tr_relay_kbps(const struct tr_service *service, const struct tr_participant *participant)
{
    uint32_t kbps = service->limits.relay_kbps;

    if (service->limits.relay == TR_RELAY_DENY || (participant->caps & TR_CAP_RELAY) == 0 ||
        !participant->has_route)
        return 0;
    return kbps < UINT16_MAX ? (uint16_t)kbps : UINT16_MAX;
}

/* --- Words to participants --------------------------------------------------------------------- */

/* Tells a side what was decided about the pair. */
static void tell(struct tr_service *service, struct tr_detour_side *side)
{
    const struct tr_entry *other = &tr_detour_other(side)->participant->entry;
    struct tr_item_relay item = {.slot = other->slot, .epoch = other->epoch};

    if (side->detour->state == TR_DETOUR_REFUSED)
        item.reason = TRYST_REASON_DENIED;
    else
        item.kbps = leg_kbps(service, side->detour);
    tr_telling_relay(service, side->participant, &item);
}

static void tell_both(struct tr_service *service, struct tr_detour *detour)
{
    for (int i = 0; i < 2; i++)
        tell(service, &detour->sides[i]);
}

/* A datagram of its own came in, from where it is registered or from elsewhere: then its client does not
 * know that its mapping has changed, and is hinted to look. */
static void hear(struct tr_service *service, const struct tr_arrival *arrival,
                 struct tr_participant *participant)
{
    if (tryst_address_compare(arrival->from, &participant->address) == 0) {
        tr_registry_hear(&service->registry, participant, arrival->now_us);
    } else if (tr_is_due(participant->pointed_us, arrival->now_us)) {
        participant->pointed_us = arrival->now_us + POINTED_US;
        tr_telling_unknown(service, arrival, participant->channel);
    }
}

/* --- Datagrams --------------------------------------------------------------------------------- */

/* Whether all quotas allow it; it is taken from each then. */
static bool take_quotas(struct tr_service *service, struct tr_detour_side *side, size_t size,
                        uint64_t now_us)
{
    struct tr_participant *participant = side->participant;
    struct {
        struct tr_quota *quota;
        uint32_t kbps;
        uint64_t *drops;
    } rows[] = {
        {&side->quota, leg_kbps(service, side->detour), &service->stats.drop_relay_leg},
        {&participant->relayed, service->limits.relay_kbps, &service->stats.drop_relay_participant},
        {&participant->membership->relayed, service->limits.relay_session_kbps,
         &service->stats.drop_relay_session},
        {&service->relayed, service->limits.relay_node_kbps, &service->stats.drop_relay_node},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (!tr_quota_has(rows[i].quota, rows[i].kbps, size, now_us)) {
            ++*rows[i].drops;
            return false;
        }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        tr_quota_take(rows[i].quota, rows[i].kbps, size, now_us);
    return true;
}

/* Hands what a side sent to the other: inner, without the head that it came with. */
static void pass_on(struct tr_service *service, struct tr_detour_side *side, const void *inner,
                    size_t inner_size, uint64_t now_us)
{
    struct tr_detour_side *other = tr_detour_other(side);
    const struct tr_participant *receiver = other->participant;
    size_t size = TR_RELAY_HEAD + inner_size;
    struct tr_relay head = {.type = TR_RELAY, .slot = side->participant->entry.slot};

    if (other->sent == UINT32_MAX || !take_quotas(service, side, size, now_us))
        return;

    struct tr_datagram *datagram = tr_outbox_push(&service->outbox);

    if (datagram == NULL)
        return;
    datagram->to = receiver->address;
    datagram->from = receiver->local;
    datagram->size = (uint16_t)size;
    memcpy(head.route, receiver->relay.route, TR_ROUTE_BYTES);
    head.counter = ++other->sent;
    memcpy(datagram->data + TR_RELAY_HEAD, inner, inner_size);
    tr_relay_seal(datagram->data, size, &head, other->keys.to_client);
    service->stats.relayed++;
    service->stats.relayed_bytes += size;
}

/* Passes on what a side sent before the other asked. */
static void pass_kept(struct tr_service *service, struct tr_detour_side *side, uint64_t now_us)
{
    if (side->kept == NULL)
        return;
    if (tr_is_due(side->kept->until_us, now_us))
        service->stats.drop_relay_asked++;
    else
        pass_on(service, side, side->kept->data, side->kept->size, now_us);
    tr_detour_forget(side);
}

/* The other has not asked, or the rules have not answered: the newest hello waits, all else is lost. */
static void keep(struct tr_service *service, struct tr_detour_side *side, const uint8_t *inner,
                 size_t inner_size, uint64_t now_us)
{
    uint64_t until_us = now_us + KEPT_US;

    if (inner[0] != TR_HELLO || tr_detour_keep(side, inner, inner_size, until_us))
        service->stats.drop_relay_asked++;
    if (side->kept != NULL)
        tr_detours_wake(&service->detours, side->detour, side->kept->until_us);
}

/* --- Pairs ------------------------------------------------------------------------------------- */

static void refuse(struct tr_service *service, struct tr_detour *detour, uint64_t now_us)
{
    detour->state = TR_DETOUR_REFUSED;
    detour->until_us = now_us + REFUSED_US;
    for (int i = 0; i < 2; i++) {
        service->stats.drop_relay_denied += detour->sides[i].kept != NULL;
        tr_detour_forget(&detour->sides[i]);
    }
}

static void open_pair(struct tr_service *service, struct tr_detour *detour, uint64_t now_us)
{
    detour->state = TR_DETOUR_OPEN;
    tell_both(service, detour);
    for (int i = 0; i < 2; i++)
        pass_kept(service, &detour->sides[i], now_us);
}

/* Both ask, this side was the last: the rules are to say whether they may. Where there are too many
 * questions, the next datagram asks again. */
static void hold(struct tr_service *service, struct tr_detour_side *side, uint64_t now_us)
{
    struct tr_detour *detour = side->detour;

    if (!tr_detours_hold(&service->detours, detour) ||
        !tr_rules_ask_relay(service->rules, detour->ticket, side->participant,
                            tr_detour_other(side)->participant, now_us,
                            tr_service_unix_ms(service, now_us), &service->stats)) {
        tr_detours_release(&service->detours, detour);
        service->stats.policy_overload++;
        return;
    }
    detour->state = TR_DETOUR_HELD;
    detour->asker = side == &detour->sides[1];
    detour->until_us = now_us + tr_rules_patience_us(service->rules);
    tr_detours_wake(&service->detours, detour, detour->until_us);
}

static void decide(struct tr_service *service, struct tr_detour *detour,
                   const struct tryst_policy_answer *answer, uint64_t now_us)
{
    struct tr_verdict verdict = {.hook = TRYST_POLICY_RELAY, .answer = *answer};

    if (answer->failure == TRYST_POLICY_FAILURE_TIMEOUT)
        verdict.ticket = detour->ticket;
    tr_detours_release(&service->detours, detour);
    if (answer->is_allowed && answer->failure == 0) {
        detour->kbps = answer->relay_kbps;
        open_pair(service, detour, now_us);
        return;
    }
    memcpy(verdict.key, detour->sides[detour->asker].participant->entry.identity, TR_KEY);
    tr_rules_put_verdict(service->rules, &verdict);
    service->stats.policy_denied++;
    refuse(service, detour, now_us);
    tell_both(service, detour);
}

void tr_relay_answered(struct tr_service *service, uint32_t ticket,
                       const struct tryst_policy_answer *answer, uint64_t now_us)
{
    struct tr_detour *detour = tr_detours_find_held(&service->detours, ticket);

    if (detour != NULL)
        decide(service, detour, answer, now_us);
}

/* A side has asked, be it for the first time or again. is_anew: after a silence. */
static void consider(struct tr_service *service, struct tr_detour_side *side, bool is_anew,
                     uint64_t now_us)
{
    struct tr_detour *detour = side->detour;
    struct tr_detour_side *other = tr_detour_other(side);
    uint32_t caps = side->participant->caps & other->participant->caps;

    if (detour->state == TR_DETOUR_REFUSED && tr_is_due(detour->until_us, now_us))
        detour->state = TR_DETOUR_WAITING;
    if (detour->state == TR_DETOUR_WAITING && (caps & TR_CAP_RELAY) == 0) {
        refuse(service, detour, now_us);
        tell(service, side);
    }
    if (!tr_detour_is_asking(other, now_us))
        return;
    if (detour->state == TR_DETOUR_WAITING && tr_rules_has(service->rules, TRYST_POLICY_RELAY))
        hold(service, side, now_us);
    else if (detour->state == TR_DETOUR_WAITING || (detour->state == TR_DETOUR_OPEN && is_anew))
        open_pair(service, detour, now_us);
}

/* A datagram of a pair, authentic and fresh. */
static void serve(struct tr_service *service, const struct tr_arrival *arrival,
                  struct tr_detour_side *side)
{
    const struct tr_detour *detour = side->detour;
    const uint8_t *inner = (const uint8_t *)arrival->data + TR_RELAY_HEAD;
    size_t inner_size = arrival->size - TR_RELAY_HEAD;
    uint64_t now_us = arrival->now_us;
    bool is_anew = !tr_detour_is_asking(side, now_us);

    side->asks_until_us = now_us + TR_DETOUR_ASK_US;
    hear(service, arrival, side->participant);
    if (is_anew || detour->state != TR_DETOUR_OPEN)
        consider(service, side, is_anew, now_us);
    if (detour->state == TR_DETOUR_REFUSED)
        service->stats.drop_relay_denied++;
    else if (detour->state == TR_DETOUR_OPEN && tr_detour_is_asking(tr_detour_other(side), now_us))
        pass_on(service, side, inner, inner_size, now_us);
    else
        keep(service, side, inner, inner_size, now_us);
}

/* The first datagram of a pair. What has not the right tag leaves nothing behind. */
static enum tr_drop begin(struct tr_service *service, const struct tr_arrival *arrival,
                          const struct tr_relay *head, struct tr_detour_side **side)
{
    struct tr_participant *sender = tr_registry_find_route(&service->registry, head->route);
    struct tr_relay_leg keys;

    if (sender == NULL) {
        tr_telling_stranger(service, arrival, head->route, TR_ROUTE_BYTES);
        return TR_DROP_UNKNOWN;
    }

    struct tr_entry *entry = tr_membership_at(sender->membership, head->slot);
    struct tr_participant *addressee = entry == NULL ? NULL : tr_participant_of(entry);

    if (addressee == NULL || addressee == sender || !addressee->has_route)
        return TR_DROP_UNKNOWN;
    tr_relay_derive_leg(&keys, sender->relay.secret, entry->identity, entry->epoch);

    bool is_good = tr_relay_check(arrival->data, arrival->size, keys.to_server);

    tr_seal_wipe(&keys, sizeof keys);
    if (!is_good)
        return TR_DROP_SEAL;
    if (service->detours.count >= service->limits.relay_pairs)
        return TR_DROP_LIMIT;

    uint32_t sent[2] = {first_counter(service, sender, arrival->now_us),
                        first_counter(service, addressee, arrival->now_us)};
    struct tr_detour *detour =
        tr_detours_add(&service->detours, sender, addressee, sent, arrival->now_us);

    if (detour == NULL)
        return TR_DROP_LIMIT;
    *side = &detour->sides[0];
    return TR_DROP_NONE;
}

enum tr_drop tr_relay_input(struct tr_service *service, const struct tr_arrival *arrival)
{
    const uint8_t *inner = (const uint8_t *)arrival->data + TR_RELAY_HEAD;
    enum tr_drop drop = TR_DROP_NONE;
    struct tr_relay head;

    if (!tr_envelope_head(&tr_layout_relay, &head, arrival->data, arrival->size))
        return TR_DROP_SHORT;
    if (service->limits.relay == TR_RELAY_DENY) {
        service->stats.drop_relay_denied++;
        return TR_DROP_NONE;
    }
    if (tr_envelope_check(inner, arrival->size - TR_RELAY_HEAD, TR_FROM_PEER) != TR_DROP_NONE)
        return TR_DROP_MALFORMED;

    struct tr_detour_side *side = tr_detours_find(&service->detours, head.route, head.slot);

    if (side == NULL)
        drop = begin(service, arrival, &head, &side);
    else if (!tr_replay_is_fresh(&side->replay, side->replay_bits, TR_DETOUR_REPLAY, head.counter))
        drop = TR_DROP_REPLAY;
    else if (!tr_relay_check(arrival->data, arrival->size, side->keys.to_server))
        drop = TR_DROP_SEAL;
    if (drop != TR_DROP_NONE)
        return drop;
    tr_replay_mark(&side->replay, side->replay_bits, TR_DETOUR_REPLAY, head.counter);
    serve(service, arrival, side);
    return TR_DROP_NONE;
}

/* --- Time -------------------------------------------------------------------------------------- */

uint64_t tr_relay_deadline(const struct tr_service *service)
{
    return tr_alarms_next(&service->detours.alarms);
}

/* Looks whether a pair is still of use, and sets its alarm anew: seldom, not with every datagram. */
static void review(struct tr_service *service, struct tr_detour *detour, uint64_t now_us)
{
    static const struct tryst_policy_answer late = {.failure = TRYST_POLICY_FAILURE_TIMEOUT,
                                                    .detail = "no answer by the deadline"};
    uint64_t next_us = TR_NEVER;

    if (detour->state == TR_DETOUR_HELD && tr_is_due(detour->until_us, now_us)) {
        service->stats.policy_late++;
        decide(service, detour, &late, now_us);
    }
    if (detour->state == TR_DETOUR_HELD)
        tr_sooner(&next_us, detour->until_us);

    uint64_t last_us = detour->state == TR_DETOUR_REFUSED ? detour->until_us : 0;

    for (int i = 0; i < 2; i++) {
        struct tr_detour_side *side = &detour->sides[i];

        if (side->kept != NULL && tr_is_due(side->kept->until_us, now_us)) {
            service->stats.drop_relay_asked++;
            tr_detour_forget(side);
        }
        if (side->kept != NULL)
            tr_sooner(&next_us, side->kept->until_us);
        if (side->asks_until_us > last_us)
            last_us = side->asks_until_us;
    }
    tr_sooner(&next_us, last_us);
    if (tr_is_due(last_us, now_us))
        tr_detours_remove(&service->detours, detour);
    else
        tr_detours_wake(&service->detours, detour, next_us);
}

void tr_relay_tick(struct tr_service *service, uint64_t now_us)
{
    struct tr_detour *detour;

    while ((detour = tr_detours_take_due(&service->detours, now_us)) != NULL)
        review(service, detour, now_us);
}
