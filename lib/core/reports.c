/* Outcomes on their way to the server.
 * SPDX-License-Identifier: MIT */
#include "lib/core/reports.h"

#include "lib/core/outreach.h"
#include <string.h>

/* Statistics wait; a full session of 255 is told in eight seconds. */
#define PAUSE_US (1 * TR_S)

/* From when the peer was known to the first answer on the path that the outcome is about. */
static uint32_t took_ms(const struct tr_peer *peer, const struct tr_peer_kit *kit)
{
    uint8_t index =
        peer->outcome == TRYST_PATH_RELAY ? tr_outreach_relay(peer) : peer->paths.chosen;
    if (peer->outcome == TRYST_PATH_NONE || index == TR_PATH_NONE)
        return kit->now_ms - peer->known_ms;
    return tr_path_answered_ms(&peer->paths.list[index]);
}

/* That anything was told. */
static void forget(struct tr_seats *seats)
{
    for (uint32_t seat = 0; seat < TR_SEATS; seat++)
        if (seats->peers[seat] != NULL && seats->peers[seat]->outcome != TR_OUTCOME_NONE)
            seats->peers[seat]->has_outcome = true;
}

void tr_reports_tick(struct tr_reports *reports, struct tr_rendezvous *rendezvous,
                     struct tr_seats *seats, const struct tr_peer_kit *kit)
{
    struct tr_item_outcome list[TR_OUTCOMES_TOLD_MAX];
    size_t count = 0;
    if (!tr_rendezvous_wants_outcomes(rendezvous) || !tr_is_due(reports->next_us, kit->now_us))
        return;
    if (memcmp(reports->channel, rendezvous->channel, TR_CHANNEL_BYTES) != 0)
        forget(seats);
    memcpy(reports->channel, rendezvous->channel, TR_CHANNEL_BYTES);
    for (uint32_t seat = 0; seat < TR_SEATS && count < TR_OUTCOMES_TOLD_MAX; seat++) {
        struct tr_peer *peer = seats->peers[seat];
        if (peer == NULL || !peer->has_outcome || !peer->is_listed)
            continue;
        uint32_t took = took_ms(peer, kit);
        peer->has_outcome = false;
        list[count++] = (struct tr_item_outcome){
            .slot = peer->relay.slot,
            .epoch = peer->epoch,
            .path = peer->outcome,
            .kind = peer->outcome_kind,
            .took_ms = (uint16_t)(took < UINT16_MAX ? took : UINT16_MAX),
        };
    }
    if (count == 0)
        return;
    reports->next_us = kit->now_us + PAUSE_US;
    tr_rendezvous_tell_outcomes(rendezvous, list, count, kit->outbox);
}

uint64_t tr_reports_deadline(const struct tr_reports *reports,
                             const struct tr_rendezvous *rendezvous, const struct tr_seats *seats)
{
    for (uint32_t seat = 0; seat < TR_SEATS && tr_rendezvous_wants_outcomes(rendezvous); seat++)
        if (seats->peers[seat] != NULL && seats->peers[seat]->has_outcome &&
            seats->peers[seat]->is_listed)
            return reports->next_us;
    return TR_NEVER;
}
