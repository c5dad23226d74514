/* Entries of the roster become peers.
 * SPDX-License-Identifier: MIT */
#include "lib/core/roster.h"

#include "lib/core/candidate.h"
#include <string.h>

/* A server that lost its memory hears of the others one by one: nobody is let go before all had time
 * to come back (3 s of spread, and their tries). */
#define RESET_GRACE_US (30 * TR_S)

void tr_roster_drop(struct tr_session *session, uint32_t slot, uint32_t reason,
                    struct tr_notice_queue *notices)
{
    struct tryst_event event = {
        .type = TRYST_EVENT_LEFT, .peer = session->peers[slot]->handle, .reason = reason};
    memcpy(event.key, session->peers[slot]->identity, TR_KEY);
    tr_session_remove(session, slot);
    tr_notice_put(notices, &event);
}

static uint32_t find(const struct tr_session *session, const uint8_t identity[TR_KEY])
{
    for (uint32_t slot = 0; slot < TR_SESSION_SLOTS; slot++)
        if (session->peers[slot] != NULL &&
            memcmp(session->peers[slot]->identity, identity, TR_KEY) == 0)
            return slot;
    return TR_SESSION_SLOTS;
}

static void bad_record(const struct tr_member *member, struct tr_notice_queue *notices)
{
    struct tryst_event event = {.type = TRYST_EVENT_UNREACHABLE,
                                .stage = TRYST_STAGE_ROSTER,
                                .reason = TRYST_REASON_BAD_RECORD};
    memcpy(event.key, member->record.identity, TR_KEY);
    tr_notice_put(notices, &event);
}

static void candidates_set(struct tr_session *session, struct tr_peer *peer,
                           const struct tr_member *member, const struct tr_rendezvous *rendezvous,
                           const struct tr_peer_kit *kit)
{
    struct tr_candidate list[TR_CANDIDATES_MAX];
    size_t count = 0;
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
    tr_peer_set_candidates(peer, list, count, session->extra, kit);
}

static void member_take(struct tr_session *session, const struct tr_member *member,
                        const struct tr_rendezvous *rendezvous, const struct tr_peer_kit *kit,
                        struct tr_notice_queue *notices)
{
    const struct tr_record *record = &member->record;
    if (memcmp(record->identity, rendezvous->record.identity, TR_KEY) == 0)
        return;
    uint32_t slot = find(session, record->identity);
    if (slot < TR_SESSION_SLOTS && record->epoch < session->peers[slot]->epoch)
        return;
    if (slot < TR_SESSION_SLOTS && record->epoch == session->peers[slot]->epoch) {
        session->peers[slot]->is_listed = true;
        candidates_set(session, session->peers[slot], member, rendezvous, kit);
        return;
    }
    if (record->version != TR_VERSION || !tr_record_verify(record) ||
        memcmp(record->session, rendezvous->record.session, TR_SESSION_BYTES) != 0) {
        bad_record(member, notices);
        return;
    }
    if (slot < TR_SESSION_SLOTS)
        tr_roster_drop(session, slot, TRYST_REASON_REPLACED, notices);
    struct tr_peer *peer = tr_session_add(session, &rendezvous->record, rendezvous->e, record, kit);
    if (peer == NULL) {
        bad_record(member, notices);
        return;
    }
    struct tryst_event event = {.type = TRYST_EVENT_JOINED,
                                .peer = peer->handle,
                                .data = member->user_data,
                                .size = member->user_data_size};
    memcpy(event.key, peer->identity, TR_KEY);
    tr_notice_put(notices, &event);
    candidates_set(session, peer, member, rendezvous, kit);
}

static void gone_take(struct tr_session *session, const struct tr_gone *gone,
                      struct tr_notice_queue *notices)
{
    uint32_t slot = find(session, gone->identity);
    if (slot < TR_SESSION_SLOTS && gone->epoch >= session->peers[slot]->epoch)
        tr_roster_drop(session, slot, gone->reason, notices);
}

static void reset_start(struct tr_session *session, const struct tr_rendezvous *rendezvous,
                        const struct tr_peer_kit *kit)
{
    bool is_new_life = session->fence != 0 && session->fence != rendezvous->fence;
    for (uint32_t slot = 0; slot < TR_SESSION_SLOTS; slot++)
        if (session->peers[slot] != NULL)
            session->peers[slot]->is_listed = false;
    session->is_resetting = true;
    session->reset_goal = rendezvous->page.goal;
    session->reset_us = is_new_life ? kit->now_us + RESET_GRACE_US : kit->now_us;
}

void tr_session_read_page(struct tr_session *session, struct tr_rendezvous *rendezvous,
                          const struct tr_peer_kit *kit, struct tr_notice_queue *notices)
{
    struct tr_entry entry;
    if (!rendezvous->has_page)
        return;
    session->deadline_us = 0;
    if (rendezvous->page.reset != 0)
        reset_start(session, rendezvous, kit);
    session->fence = rendezvous->fence;
    while (tr_rendezvous_next_entry(rendezvous, &entry)) {
        if (entry.kind == TR_ENTRY_MEMBER)
            member_take(session, &entry.member, rendezvous, kit, notices);
        else
            gone_take(session, &entry.gone, notices);
    }
}

void tr_roster_prune(struct tr_session *session, const struct tr_rendezvous *rendezvous,
                     const struct tr_peer_kit *kit, struct tr_notice_queue *notices)
{
    if (!session->is_resetting || rendezvous->version < session->reset_goal ||
        !tr_is_due(session->reset_us, kit->now_us))
        return;
    session->is_resetting = false;
    session->reset_us = TR_NEVER;
    for (uint32_t slot = 0; slot < TR_SESSION_SLOTS; slot++)
        if (session->peers[slot] != NULL && !session->peers[slot]->is_listed)
            tr_roster_drop(session, slot, TRYST_REASON_EXPIRED, notices);
}
