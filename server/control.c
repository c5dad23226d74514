/* Items from participants, and what answers them.
 * SPDX-License-Identifier: MIT */
#include "server/control.h"

#include "lib/wire/envelope.h"
#include "server/admission.h"
#include "server/announce.h"
#include "server/outcomes.h"
#include "server/telling.h"
#include <string.h>

/* What one CTRL asks for. */
struct wishes {
    bool leaves;
    bool pings;
    bool acks;
    bool tells; /* outcomes */
    struct tr_item_ping ping;
    struct tr_item_ack ack;
};

static bool read_content(const struct tr_layout *layout, void *message,
                         const struct tr_item_view *item)
{
    struct tr_reader reader;

    tr_reader_init(&reader, item->content, item->size);
    tr_layout_decode(layout, message, &reader);
    return !reader.fault;
}

/* false: malformed. Items that are unknown are passed over, so that the format can grow. */
static bool read_wishes(struct wishes *wishes, const void *body, size_t size)
{
    struct tr_reader reader;
    struct tr_item_view item;
    struct tr_item_leave leave;
    struct tr_item_outcome outcome;

    memset(wishes, 0, sizeof *wishes);
    tr_reader_init(&reader, body, size);
    while (tr_item_read(&reader, &item)) {
        bool is_read = true;

        if (item.type == TR_ITEM_PING)
            wishes->pings = is_read = read_content(&tr_layout_item_ping, &wishes->ping, &item);
        else if (item.type == TR_ITEM_ACK)
            wishes->acks = is_read = read_content(&tr_layout_item_ack, &wishes->ack, &item);
        else if (item.type == TR_ITEM_LEAVE)
            wishes->leaves = is_read = read_content(&tr_layout_item_leave, &leave, &item);
        else if (item.type == TR_ITEM_OUTCOME)
            wishes->tells = is_read = read_content(&tr_layout_item_outcome, &outcome, &item);
        if (!is_read)
            return false;
    }
    return !reader.fault;
}

/* To where the ping came from, which need not be where the participant is registered: so it learns
 * that it moved. That place has proven nothing, so the answer is no longer than the ping. */
static void answer_ping(struct tr_service *service, const struct tr_arrival *arrival,
                        struct tr_participant *participant, const struct tr_item_ping *ping)
{
    enum { ANSWER_BYTES = 1 + 8 + 20 + 8 + 8 + 16 };
    const struct tr_membership *membership = participant->membership;
    struct tr_item_pong pong = {.seen = tr_admission_seen(&arrival->source)};
    struct tr_item_status status = {.fence = membership->fence, .version = membership->version};
    uint8_t body[ANSWER_BYTES];
    struct tr_writer writer;

    if (arrival->size < TR_DATAGRAM_BYTES - TR_TELLING_ROOM + sizeof body)
        return;
    memcpy(pong.pong, ping->ping, TR_PING_BYTES);
    tr_membership_hash(membership, &participant->entry, status.hash);
    tr_writer_init(&writer, body, sizeof body);
    tr_writer_number(&writer, TR_ITEM_PONG | TR_ITEM_LAST, 1);
    tr_layout_encode(&tr_layout_item_pong, &pong, &writer);
    tr_layout_encode(&tr_layout_item_status, &status, &writer);
    tr_telling_send(service, participant, arrival->from, arrival->to, body,
                    tr_writer_used(&writer));
}

/* A datagram may tell of many. */
static void take_outcomes(struct tr_service *service, struct tr_participant *participant,
                          const void *body, size_t size)
{
    struct tr_reader reader;
    struct tr_item_view item;
    struct tr_item_outcome outcome;

    tr_reader_init(&reader, body, size);
    while (tr_item_read(&reader, &item))
        if (item.type == TR_ITEM_OUTCOME && read_content(&tr_layout_item_outcome, &outcome, &item))
            tr_outcomes_take(service, participant, &outcome);
}

static void serve(struct tr_service *service, const struct tr_arrival *arrival,
                  struct tr_participant *participant, uint32_t counter, const struct wishes *wishes)
{
    if (wishes->leaves) {
        service->stats.left++;
        tr_announce_departure(service, participant, TRYST_REASON_LEAVE, arrival->now_us);
        return;
    }
    if (wishes->acks && wishes->ack.fence == participant->membership->fence)
        tr_feed_ack(&participant->feed, participant->membership, wishes->ack.version, counter,
                    arrival->now_us);
    if (wishes->pings) {
        answer_ping(service, arrival, participant, &wishes->ping);
        tr_feed_wake(&participant->feed);
    }
    tr_announce_pump(service, participant, arrival->now_us);
}

enum tr_drop tr_control_input(struct tr_service *service, const struct tr_arrival *arrival)
{
    struct tr_ctrl head;
    struct wishes wishes;
    uint8_t body[TR_DATAGRAM_BYTES];
    size_t size;

    if (!tr_envelope_head(&tr_layout_ctrl, &head, arrival->data, arrival->size))
        return TR_DROP_SHORT;

    struct tr_participant *participant = tr_registry_find_channel(&service->registry, head.channel);

    if (participant == NULL) {
        tr_telling_stranger(service, arrival, head.channel, TR_CHANNEL_BYTES);
        return TR_DROP_UNKNOWN;
    }
    if (!tr_replay_is_fresh(&participant->replay, participant->replay_bits, TR_REPLAY_CTRL,
                            head.counter))
        return TR_DROP_REPLAY;
    if (!tr_envelope_open(tr_layout_size_min(&tr_layout_ctrl), arrival->data, arrival->size,
                          TR_LANE_STREAM, head.counter, participant->keys.to_server, body, &size))
        return TR_DROP_SEAL;
    tr_replay_mark(&participant->replay, participant->replay_bits, TR_REPLAY_CTRL, head.counter);
    tr_registry_hear(&service->registry, participant, arrival->now_us);
    if (!read_wishes(&wishes, body, size))
        return TR_DROP_MALFORMED;
    if (wishes.tells && !wishes.leaves)
        take_outcomes(service, participant, body, size);
    serve(service, arrival, participant, head.counter, &wishes);
    return TR_DROP_NONE;
}
