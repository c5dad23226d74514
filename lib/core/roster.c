/* Entries of the roster become peers.
 * SPDX-License-Identifier: MIT */
#include "lib/core/roster.h"

#include "lib/core/candidate.h"
#include <string.h>

/* A server that lost its memory hears of the others one by one: nobody is let go before all had time
 * to come back (3 s of spread, and their tries). */
#define RESET_GRACE_US (30 * TR_S)
/* A roster that the server contradicts is asked for anew, but not again and again where an entry of it
 * cannot be used here. */
#define CHECK_PAUSE_US (60 * TR_S)

void tr_roster_farewell(struct tr_roster *roster, const struct tr_peer *peer)
{
    struct tr_farewell *farewell = &roster->farewells[roster->farewell_next];
    roster->farewell_next = (uint8_t)((roster->farewell_next + 1) % TR_FAREWELLS);
    memcpy(farewell->identity, peer->handshake.peer_identity, TR_KEY);
    farewell->epoch = peer->epoch;
}

static bool has_said_farewell(const struct tr_roster *roster, const struct tr_record *record)
{
    for (size_t i = 0; i < TR_FAREWELLS; i++)
        if (roster->farewells[i].epoch == record->epoch &&
            memcmp(roster->farewells[i].identity, record->identity, TR_KEY) == 0)
            return true;
    return false;
}

void tr_roster_drop(struct tr_seats *seats, uint32_t seat, uint32_t reason,
                    struct tr_notice_queue *notices)
{
    struct tryst_event event = {
        .type = TRYST_EVENT_LEFT, .peer = seats->peers[seat]->handle, .reason = reason};
    memcpy(event.key, seats->peers[seat]->handshake.peer_identity, TR_KEY);
    tr_seats_remove(seats, seat);
    tr_notice_put(notices, &event);
}

static void bad_record(const struct tr_member *member, struct tr_notice_queue *notices)
{
    struct tryst_event event = {.type = TRYST_EVENT_UNREACHABLE,
                                .stage = TRYST_STAGE_ROSTER,
                                .reason = TRYST_REASON_BAD_RECORD};
    memcpy(event.key, member->record.identity, TR_KEY);
    tr_notice_put(notices, &event);
}

/* What the addresses that it is listed with tell beside the way to it. */
static uint8_t traits_of(const struct tr_member *member)
{
    bool is_seen = false;
    if ((member->record.caps & TR_CAP_RELAY_ONLY) != 0)
        return TR_TRAIT_RELAY_ONLY;
    if (member->candidate_count == 0)
        return TR_TRAIT_HIDDEN;
    for (size_t i = 0; i < member->candidate_count; i++)
        is_seen = is_seen || member->candidates[i].kind != TRYST_KIND_HOST;
    return is_seen ? 0 : TR_TRAIT_NO_UDP;
}

static void candidates_set(struct tr_peer *peer, const struct tr_member *member, uint8_t extra,
                           const struct tr_rendezvous *rendezvous, const struct tr_peer_kit *kit)
{
    struct tr_candidate list[TR_CANDIDATES_MAX];
    size_t count = 0;
    tr_peer_set_nat(peer, &member->nat);
    peer->traits = traits_of(member);
    tr_peer_set_relay(peer, member->slot, (member->record.caps & TR_CAP_RELAY) != 0, kit);
    if (kit->relay->is_only || (member->record.caps & TR_CAP_RELAY_ONLY) != 0)
        return;
    const struct tr_uplink *uplink = &rendezvous->uplinks[rendezvous->uplink];
    bool is_loopback = tryst_address_classify(&uplink->server) == TRYST_ADDRESS_LOOPBACK;
    for (size_t i = 0; i < member->candidate_count; i++) {
        struct tr_candidate candidate = tr_candidate_canonical(&member->candidates[i]);
        bool is_server = false;
        for (size_t j = 0; j < rendezvous->uplink_count; j++)
            is_server = is_server || tryst_address_compare(&rendezvous->uplinks[j].server,
                                                           &candidate.address) == 0;
        if (!is_server)
            count = tr_candidate_add(list, count, TR_CANDIDATES_MAX, &candidate, is_loopback);
    }
    tr_peer_set_candidates(peer, list, count, extra, kit);
}

static void member_take(const struct tr_roster *roster, struct tr_seats *seats,
                        const struct tr_entry *entry, uint8_t extra,
                        const struct tr_rendezvous *rendezvous, const struct tr_peer_kit *kit,
                        struct tr_notice_queue *notices)
{
    const struct tr_member *member = &entry->member;
    const struct tr_record *record = &member->record;
    if (memcmp(record->identity, rendezvous->record.identity, TR_KEY) == 0 ||
        has_said_farewell(roster, record))
        return;
    uint32_t seat = tr_seats_find_identity(seats, record->identity);
    if (seat < TR_SEATS && record->epoch < seats->peers[seat]->epoch)
        return;
    if (seat < TR_SEATS && record->epoch == seats->peers[seat]->epoch) {
        seats->peers[seat]->is_listed = true;
        memcpy(seats->peers[seat]->entry_hash, entry->hash, sizeof entry->hash);
        candidates_set(seats->peers[seat], member, extra, rendezvous, kit);
        return;
    }
    if (record->version != TR_VERSION || !tr_record_verify(record) ||
        memcmp(record->session, rendezvous->record.session, TR_SESSION_BYTES) != 0) {
        bad_record(member, notices);
        return;
    }
    if (seat < TR_SEATS)
        tr_roster_drop(seats, seat, TRYST_REASON_REPLACED, notices);
    struct tr_peer *peer = tr_seats_add(seats, &rendezvous->record, rendezvous->e, record, kit);
    if (peer == NULL) {
        bad_record(member, notices);
        return;
    }
    memcpy(peer->entry_hash, entry->hash, sizeof entry->hash);
    struct tryst_event event = {.type = TRYST_EVENT_JOINED,
                                .peer = peer->handle,
                                .data = member->user_data,
                                .size = member->user_data_size};
    memcpy(event.key, peer->handshake.peer_identity, TR_KEY);
    tr_notice_put(notices, &event);
    candidates_set(peer, member, extra, rendezvous, kit);
}

static void gone_take(struct tr_seats *seats, const struct tr_gone *gone,
                      struct tr_notice_queue *notices)
{
    uint32_t seat = tr_seats_find_identity(seats, gone->identity);
    if (seat < TR_SEATS && gone->epoch >= seats->peers[seat]->epoch)
        tr_roster_drop(seats, seat, gone->reason, notices);
}

static void reset_start(struct tr_roster *roster, struct tr_seats *seats,
                        const struct tr_rendezvous *rendezvous, uint64_t now_us)
{
    bool is_new_life = roster->fence != 0 && roster->fence != rendezvous->fence;
    uint64_t until_us = is_new_life ? now_us + RESET_GRACE_US : now_us;
    for (uint32_t seat = 0; seat < TR_SEATS; seat++)
        if (seats->peers[seat] != NULL)
            seats->peers[seat]->is_listed = false;
    if (!roster->is_resetting || roster->reset_us < until_us)
        roster->reset_us = until_us; /* the same start said again does not end the grace */
    roster->is_resetting = true;
    roster->reset_goal = rendezvous->page.goal;
}

void tr_roster_init(struct tr_roster *roster)
{
    *roster = (struct tr_roster){.reset_us = TR_NEVER};
}

bool tr_roster_read(struct tr_roster *roster, struct tr_seats *seats,
                    struct tr_rendezvous *rendezvous, uint8_t extra, const struct tr_peer_kit *kit,
                    struct tr_notice_queue *notices)
{
    struct tr_entry entry;
    if (!rendezvous->has_page)
        return false;
    if (rendezvous->page.reset != 0)
        reset_start(roster, seats, rendezvous, kit->now_us);
    roster->fence = rendezvous->fence;
    while (tr_rendezvous_next_entry(rendezvous, &entry)) {
        if (entry.kind == TR_ENTRY_MEMBER)
            member_take(roster, seats, &entry, extra, rendezvous, kit, notices);
        else
            gone_take(seats, &entry.gone, notices);
    }
    if (!rendezvous->entries.fault) /* else it comes again, and nobody is missed before */
        roster->version = rendezvous->page_version;
    return true;
}

uint64_t tr_roster_deadline(const struct tr_roster *roster)
{
    bool is_complete = roster->version >= roster->reset_goal; /* else the next page leads on */
    return roster->is_resetting && is_complete ? roster->reset_us : TR_NEVER;
}

void tr_roster_check(struct tr_roster *roster, const struct tr_seats *seats,
                     struct tr_rendezvous *rendezvous, uint64_t now_us)
{
    uint8_t expected[16];
    uint8_t hash[16] = {0};
    if (!tr_rendezvous_take_hash(rendezvous, expected) || roster->is_resetting ||
        rendezvous->has_page || /* another word on the roster came with it: the next pong tells */
        !tr_is_due(roster->check_us, now_us))
        return;
    for (uint32_t seat = 0; seat < TR_SEATS; seat++)
        for (size_t i = 0; seats->peers[seat] != NULL && i < sizeof hash; i++)
            hash[i] ^= seats->peers[seat]->entry_hash[i];
    if (memcmp(hash, expected, sizeof hash) == 0)
        return;
    roster->check_us = now_us + CHECK_PAUSE_US;
    tr_rendezvous_resync(rendezvous);
}

void tr_roster_prune(struct tr_roster *roster, struct tr_seats *seats, uint64_t now_us,
                     struct tr_notice_queue *notices)
{
    if (!tr_is_due(tr_roster_deadline(roster), now_us))
        return;
    roster->is_resetting = false;
    roster->reset_us = TR_NEVER;
    for (uint32_t seat = 0; seat < TR_SEATS; seat++)
        if (seats->peers[seat] != NULL && !seats->peers[seat]->is_listed)
            tr_roster_drop(seats, seat, TRYST_REASON_EXPIRED, notices);
}
