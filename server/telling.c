/* Items sealed for one participant.
 * SPDX-License-Identifier: MIT */
#include "server/telling.h"

#include "lib/wire/envelope.h"
#include <string.h>

/* UNKNOWN replies a second, to all strangers: shorter than what they answer, and a crowd that pings a
 * server which forgot it is to hear of that. */
enum { UNKNOWN_RATE = 2000, UNKNOWN_BURST = 250 };

void tr_telling_send(struct tr_service *service, struct tr_participant *participant,
                     const struct tryst_address *to, const struct tryst_address *from,
                     const void *body, size_t size)
{
    struct tr_ctrl head = {.type = TR_CTRL, .counter = participant->counter};

    if (participant->counter == UINT32_MAX)
        return;

    struct tr_datagram *datagram = tr_outbox_push(&service->outbox);

    if (datagram == NULL)
        return;
    participant->counter++;
    memcpy(head.channel, participant->channel, TR_CHANNEL_BYTES);
    datagram->to = *to;
    datagram->from = *from;
    datagram->size =
        (uint16_t)tr_envelope_seal(&tr_layout_ctrl, &head, body, size, TR_LANE_STREAM, head.counter,
                                   participant->keys.to_client, datagram->data);
}

void tr_telling_leave(struct tr_service *service, struct tr_participant *participant,
                      uint16_t reason)
{
    struct tr_item_leave leave = {.reason = reason};
    uint8_t body[16];
    struct tr_writer writer;

    tr_writer_init(&writer, body, sizeof body);
    tr_item_write_layout(&writer, TR_ITEM_LEAVE, &tr_layout_item_leave, &leave);
    tr_telling_send(service, participant, &participant->address, &participant->local, body,
                    tr_writer_used(&writer));
}

void tr_telling_relay(struct tr_service *service, struct tr_participant *participant,
                      const struct tr_item_relay *item)
{
    uint8_t body[32];
    struct tr_writer writer;

    tr_writer_init(&writer, body, sizeof body);
    tr_item_write_layout(&writer, TR_ITEM_RELAY, &tr_layout_item_relay, item);
    tr_telling_send(service, participant, &participant->address, &participant->local, body,
                    tr_writer_used(&writer));
}

void tr_telling_unknown(struct tr_service *service, const struct tr_arrival *arrival,
                        const uint8_t channel[TR_CHANNEL_BYTES])
{
    struct tr_unknown unknown = {.type = TR_UNKNOWN, .version = TR_VERSION};
    struct tr_datagram *datagram = tr_service_answer(service, arrival);

    if (datagram == NULL)
        return;
    memcpy(unknown.channel, channel, TR_CHANNEL_BYTES);
    datagram->size = (uint16_t)tr_envelope_clear(&tr_layout_unknown, &unknown, datagram->data);
}

void tr_telling_stranger(struct tr_service *service, const struct tr_arrival *arrival,
                         const void *name, size_t size)
{
    uint8_t channel[TR_CHANNEL_BYTES] = {0};

    memcpy(channel, name, size);
    if (tr_bucket_take(&service->unknown, UNKNOWN_RATE, UNKNOWN_BURST, arrival->now_us))
        tr_telling_unknown(service, arrival, channel);
}
