/* Pairs in a table of legs, and in a list at each participant.
 * SPDX-License-Identifier: MIT */
#include "server/detours.h"

#include "lib/base/bytes.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

void tr_detours_init(struct tr_detours *detours, const uint8_t key[TR_MAC_KEY])
{
    memset(detours, 0, sizeof *detours);
    memcpy(detours->key, key, TR_MAC_KEY);
    tr_table_init(&detours->by_leg, UINT32_MAX - 1);
    tr_alarms_init(&detours->alarms);
}

void tr_detours_clear(struct tr_detours *detours)
{
    tr_alarms_clear(&detours->alarms);
    assert(detours->count == 0);
    tr_table_clear(&detours->by_leg);
    free(detours->slots.slots);
    memset(detours, 0, sizeof *detours);
}

static uint64_t leg_hash(const struct tr_detours *detours, const uint8_t route[TR_ROUTE_BYTES],
                         uint16_t slot)
{
    uint8_t name[TR_ROUTE_BYTES + 2];

    memcpy(name, route, TR_ROUTE_BYTES);
    tr_put_u16(name + TR_ROUTE_BYTES, slot);
    return tr_seal_hash64(name, sizeof name, detours->key);
}

static uint64_t side_hash(const struct tr_detours *detours, struct tr_detour_side *side)
{
    return leg_hash(detours, side->participant->relay.route,
                    tr_detour_other(side)->participant->entry.slot);
}

struct tr_detour_side *tr_detours_find(const struct tr_detours *detours,
                                       const uint8_t route[TR_ROUTE_BYTES], uint16_t slot)
{
    uint64_t hash = leg_hash(detours, route, slot);
    uint32_t cursor = 0;
    uint32_t value;

    while (tr_table_next(&detours->by_leg, hash, &cursor, &value)) {
        struct tr_detour *detour = detours->slots.slots[value / 2].thing;
        struct tr_detour_side *side = &detour->sides[value % 2];

        if (memcmp(side->participant->relay.route, route, TR_ROUTE_BYTES) == 0 &&
            tr_detour_other(side)->participant->entry.slot == slot)
            return side;
    }
    return NULL;
}

static bool list(struct tr_detours *detours, struct tr_detour *detour)
{
    uint32_t value;

    if (!tr_alarms_reserve(&detours->alarms, detours->count + 1) ||
        !tr_slots_take(&detours->slots, detour, &detour->index))
        return false;
    value = detour->index * 2;
    if (tr_table_put(&detours->by_leg, side_hash(detours, &detour->sides[0]), value)) {
        if (tr_table_put(&detours->by_leg, side_hash(detours, &detour->sides[1]), value + 1))
            return true;
        tr_table_remove(&detours->by_leg, side_hash(detours, &detour->sides[0]), value);
    }
    tr_slots_give(&detours->slots, detour->index);
    return false;
}

static void link_side(struct tr_detour_side *side)
{
    side->next = side->participant->detours;
    if (side->next != NULL)
        side->next->previous = side;
    side->participant->detours = side;
}

static void unlink_side(struct tr_detour_side *side)
{
    *(side->previous != NULL ? &side->previous->next : &side->participant->detours) = side->next;
    if (side->next != NULL)
        side->next->previous = side->previous;
}

struct tr_detour *tr_detours_add(struct tr_detours *detours, struct tr_participant *sender,
                                 struct tr_participant *addressee, const uint32_t sent[2],
                                 uint64_t now_us)
{
    struct tr_detour *detour = calloc(1, sizeof *detour);

    if (detour == NULL)
        return NULL;
    detour->sides[0].participant = sender;
    detour->sides[1].participant = addressee;
    for (int i = 0; i < 2; i++)
        detour->sides[i].detour = detour;
    if (!list(detours, detour)) {
        free(detour);
        return NULL;
    }
    for (int i = 0; i < 2; i++) {
        struct tr_detour_side *side = &detour->sides[i];
        const struct tr_participant *other = tr_detour_other(side)->participant;

        tr_relay_derive_leg(&side->keys, side->participant->relay.secret, other->entry.identity,
                            other->entry.epoch);
        tr_replay_init(&side->replay, side->replay_bits, TR_DETOUR_REPLAY);
        side->sent = sent[i];
        link_side(side);
    }
    detours->count++;
    tr_detours_wake(detours, detour, now_us + TR_DETOUR_ASK_US);
    return detour;
}

void tr_detours_remove(struct tr_detours *detours, struct tr_detour *detour)
{
    tr_alarms_set(&detours->alarms, &detour->alarm, TR_NEVER);
    tr_detours_release(detours, detour);
    for (uint32_t i = 0; i < 2; i++) {
        struct tr_detour_side *side = &detour->sides[i];

        if (side->sent > side->participant->relay_floor)
            side->participant->relay_floor = side->sent;
        tr_table_remove(&detours->by_leg, side_hash(detours, side), detour->index * 2 + i);
        unlink_side(side);
        tr_detour_forget(side);
    }
    tr_slots_give(&detours->slots, detour->index);
    detours->count--;
    tr_seal_wipe(detour, sizeof *detour);
    free(detour);
}

void tr_detours_leave(struct tr_detours *detours, struct tr_participant *participant)
{
    while (participant->detours != NULL)
        tr_detours_remove(detours, participant->detours->detour);
}

/* The place of a ticket is the number modulo the places; each place is tried in turn. */
bool tr_detours_hold(struct tr_detours *detours, struct tr_detour *detour)
{
    for (uint32_t i = 0; i < TR_DETOURS_HELD; i++) {
        uint32_t ticket = ++detours->tickets | TR_TICKET_RELAY;

        if (detours->held[ticket % TR_DETOURS_HELD] != NULL)
            continue;
        detours->held[ticket % TR_DETOURS_HELD] = detour;
        detour->ticket = ticket;
        return true;
    }
    return false;
}

void tr_detours_release(struct tr_detours *detours, struct tr_detour *detour)
{
    if (detour->ticket != 0)
        detours->held[detour->ticket % TR_DETOURS_HELD] = NULL;
    detour->ticket = 0;
}

struct tr_detour *tr_detours_find_held(const struct tr_detours *detours, uint32_t ticket)
{
    struct tr_detour *detour = detours->held[ticket % TR_DETOURS_HELD];

    return detour != NULL && detour->ticket == ticket ? detour : NULL;
}

void tr_detours_wake(struct tr_detours *detours, struct tr_detour *detour, uint64_t due_us)
{
    if (detour->alarm.place == 0 || due_us < detour->alarm.due_us)
        tr_alarms_set(&detours->alarms, &detour->alarm, due_us);
}

struct tr_detour *tr_detours_take_due(struct tr_detours *detours, uint64_t now_us)
{
    struct tr_alarm *alarm = tr_alarms_take(&detours->alarms, now_us);

    return alarm == NULL
               ? NULL
               : (struct tr_detour *)(void *)((char *)alarm - offsetof(struct tr_detour, alarm));
}

bool tr_detour_keep(struct tr_detour_side *side, const void *data, size_t size, uint64_t until_us)
{
    bool is_lost = side->kept != NULL;

    assert(size <= TR_DETOUR_KEPT);
    if (side->kept == NULL)
        side->kept = malloc(sizeof *side->kept);
    if (side->kept == NULL)
        return true;
    side->kept->until_us = until_us;
    side->kept->size = (uint16_t)size;
    memcpy(side->kept->data, data, size);
    return is_lost;
}

void tr_detour_forget(struct tr_detour_side *side)
{
    free(side->kept);
    side->kept = NULL;
}
