/* Registering, again and again where needed, over whichever uplink answers.
 * SPDX-License-Identifier: MIT */
#include "lib/core/registration.h"

#include "lib/core/candidate.h"
#include "lib/core/channel.h"
#include "lib/core/uplink.h"
#include <string.h>

/* A REGISTER is sent in fours, its copies a quarter of the cookie's round trip apart: at 10 % loss one
 * in five would wait a whole timeout otherwise, of three still one in 146, and it takes two players to
 * meet. The server knows the copies by their hash. The next four follow a quarter over the round trip later, or
 * 250 ms where that is less; x 1.6, 8 times. A server three milliseconds away has answered before a
 * copy is due. */
#define COPY_LEAST_US (3 * TR_MS)
#define RETRY_MAX_US (250 * TR_MS)
#define RETRY_EXTRA_US (4 * TR_MS)
#define SLOW_RETRY_US (5 * TR_S)
/* Changed addresses are told after this, so that several changes make one REGISTER. */
#define DIRTY_US (50 * TR_MS)
/* A server that says UNKNOWN is there: its participants come within a second. */
#define RETURN_SPREAD_US (3 * TR_S)
#define RETURN_HINTED_US (1 * TR_S)
enum { COPIES = 4, TRIES = 8 * COPIES, TRIES_BEFORE_OTHER = 2 * COPIES };

void tr_registration_start(struct tr_rendezvous *rendezvous, uint64_t start_us)
{
    rendezvous->state = TR_RENDEZVOUS_REGISTERING;
    rendezvous->is_asking = false;
    rendezvous->is_dirty = false;
    rendezvous->is_waiting_cookie = false;
    rendezvous->channel_end = TRYST_REASON_NONE;
    rendezvous->dirty_us = TR_NEVER;
    rendezvous->tries = 0;
    rendezvous->start_us = start_us;
    rendezvous->ask_next_us = start_us;
}

void tr_registration_lose(struct tr_rendezvous *rendezvous, uint64_t now_us, uint8_t stage,
                          uint16_t reason, struct tr_random *random)
{
    if (!rendezvous->is_lost)
        tr_rendezvous_fact(
            rendezvous, &(struct tr_fact){.kind = TR_FACT_LOST, .stage = stage, .reason = reason});
    rendezvous->is_lost = true;
    uint64_t spread = rendezvous->is_hinted ? RETURN_HINTED_US : RETURN_SPREAD_US;
    tr_registration_start(rendezvous, now_us + tr_random_below(random, spread));
    for (size_t i = 0; i < rendezvous->uplink_count; i++) {
        struct tr_uplink *uplink = &rendezvous->uplinks[i];
        uplink->is_live = false; /* a restarted server may not take old cookies */
        if (uplink->next_us == TR_NEVER && uplink->server.transport == TRYST_TRANSPORT_UDP)
            uplink->next_us =
                rendezvous->start_us; /* though another one may have a cookie by then */
    }
}

/* The usable uplink with the shortest trip, but for `not`; the count when there is none. */
static uint8_t uplink_choose(const struct tr_rendezvous *rendezvous, uint64_t now_us, uint8_t not )
{
    uint8_t best = rendezvous->uplink_count;
    for (uint8_t i = 0; i < rendezvous->uplink_count; i++) {
        const struct tr_uplink *uplink = &rendezvous->uplinks[i];
        if (i == not || uplink->socket != 0 || !tr_uplink_is_usable(uplink, now_us))
            continue;
        const struct tr_uplink *other = &rendezvous->uplinks[best];
        bool is_stream = uplink->server.transport != TRYST_TRANSPORT_UDP;
        if (best == rendezvous->uplink_count ||
            (is_stream == (other->server.transport != TRYST_TRANSPORT_UDP)
                 ? uplink->rtt_us < other->rtt_us
                 : !is_stream))
            best = i;
    }
    return best;
}

/* The other uplinks' addresses with their cookies: those of further sockets, which somebody waits for, or
 * those of the first one. */
static size_t proven_fill(struct tr_rendezvous *rendezvous, uint64_t now_us, bool is_further,
                          struct tr_candidate known[TR_CANDIDATES_MAX], size_t count,
                          struct tr_register_body *body)
{
    for (uint8_t i = 0; i < rendezvous->uplink_count; i++) {
        const struct tr_uplink *uplink = &rendezvous->uplinks[i];
        size_t before = count;
        if ((uplink->socket != 0) != is_further || !tr_uplink_is_usable(uplink, now_us) ||
            body->proven_count == TR_PROVEN_MAX || uplink->server.transport != TRYST_TRANSPORT_UDP)
            continue;
        count = tr_candidate_add(known, count, TR_CANDIDATES_MAX, &uplink->seen, true);
        if (count == before)
            continue;
        body->proven[body->proven_count].candidate = uplink->seen;
        body->proven[body->proven_count++].cookie = uplink->cookie;
        rendezvous->proven[rendezvous->proven_count++] = uplink->seen;
    }
    return count;
}

/* Addresses for the body: the other uplinks', then the home router's port and local ones, 8 in all. */
static void addresses_fill(struct tr_rendezvous *rendezvous, uint64_t now_us,
                           struct tr_register_body *body)
{
    struct tr_candidate known[TR_CANDIDATES_MAX];
    size_t count = 1;
    known[0] = rendezvous->uplinks[rendezvous->uplink].seen;
    rendezvous->proven_count = 0;
    count = proven_fill(rendezvous, now_us, true, known, count, body);
    count = proven_fill(rendezvous, now_us, false, known, count, body);
    bool is_hidden = (rendezvous->record.caps & TR_CAP_RELAY_ONLY) != 0;
    struct tr_candidate mapped = {rendezvous->mapped, TRYST_KIND_MAPPED};
    if (mapped.address.family != 0 && !is_hidden) {
        size_t before = count;
        count = tr_candidate_add(known, count, TR_CANDIDATES_MAX, &mapped, true);
        if (count > before)
            body->local[body->local_count++] = mapped;
    }
    for (size_t i = 0; i < rendezvous->local_count && !is_hidden; i++) {
        size_t before = count;
        count = tr_candidate_add(known, count, TR_CANDIDATES_MAX, &rendezvous->locals[i], true);
        if (count > before)
            body->local[body->local_count++] = rendezvous->locals[i];
    }
}

static bool request_make(struct tr_rendezvous *rendezvous, uint64_t now_us, uint8_t uplink_index,
                         struct tr_random *random)
{
    const struct tr_certificate *node = &rendezvous->certificate;
    struct tr_uplink *uplink = &rendezvous->uplinks[uplink_index];
    if (!tr_seal_dh_shared(rendezvous->shared, rendezvous->e, node->kx_key))
        return false;
    tr_relay_derive(&rendezvous->relay_keys, rendezvous->shared, rendezvous->record.ge);
    rendezvous->uplink = uplink_index;
    rendezvous->seen = uplink->seen;
    uint32_t rtt_ms = (uplink->rtt_us + 999) / 1000;
    struct tr_register head = {.type = TR_REGISTER, .version = TR_VERSION, .magic = TR_MAGIC};
    struct tr_register_body body = {
        .record = rendezvous->record,
        .sequence = ++rendezvous->sequence,
        .seen = uplink->seen,
        .rtt_ms = (uint16_t)(rtt_ms > UINT16_MAX ? UINT16_MAX : rtt_ms),
        .nat = rendezvous->nat,
        .roster_fence = rendezvous->fence,
        .roster_version = rendezvous->version,
        .user_data_size = rendezvous->user_data_size,
    };
    memcpy(head.app, rendezvous->app, sizeof head.app);
    memcpy(head.key_id, node->key_id, sizeof head.key_id);
    memcpy(head.ge, rendezvous->record.ge, TR_KEY);
    head.cookie = uplink->cookie;
    tr_random_bytes(random, head.nonce, sizeof head.nonce);
    memcpy(body.user_data, rendezvous->user_data, sizeof body.user_data);
    addresses_fill(rendezvous, now_us, &body);
    tr_register_sign(&body, &head, node->sign_key, rendezvous->identity->secret);
    uint8_t key[TR_KEY];
    tr_register_key(key, rendezvous->shared, head.ge, node->kx_key, node->sign_key);
    tr_envelope_xseal(&tr_layout_register, &head, &tr_layout_register_body, &body,
                      TR_DATAGRAM_BYTES, key, rendezvous->request);
    tr_seal_wipe(key, sizeof key);
    tr_register_hash(rendezvous->request_hash, rendezvous->request);
    rendezvous->nat_told = body.nat;
    rendezvous->is_dirty = false;
    rendezvous->dirty_us = TR_NEVER;
    return true;
}

static void request_send(struct tr_rendezvous *rendezvous, uint64_t now_us,
                         struct tr_outbox *outbox, struct tr_random *random)
{
    const struct tr_uplink *uplink = &rendezvous->uplinks[rendezvous->uplink];
    struct tr_datagram *datagram = tr_outbox_push(outbox);
    if (datagram != NULL) {
        datagram->to = uplink->server;
        datagram->from = uplink->local;
        datagram->size = TR_DATAGRAM_BYTES;
        memcpy(datagram->data, rendezvous->request, TR_DATAGRAM_BYTES);
    }
    uint64_t copy = uplink->rtt_us / 4;
    copy = copy > COPY_LEAST_US ? copy : COPY_LEAST_US;
    uint64_t pause = (uint64_t)uplink->rtt_us * 5 / 4 + RETRY_EXTRA_US;
    pause = pause > RETRY_MAX_US ? RETRY_MAX_US : pause;
    for (unsigned rounds = rendezvous->tries / COPIES; rounds > 0; rounds--)
        pause = pause * 8 / 5;
    if ((rendezvous->tries + 1) % COPIES != 0)
        pause = copy;
    rendezvous->asked_us = now_us;
    rendezvous->ask_next_us = now_us + pause + tr_random_below(random, pause / 5 + 1);
    rendezvous->is_asking = true;
    rendezvous->tries++;
}

/* All tries were silent. A registration that stands stays as it is; else everything starts anew. */
static void give_up(struct tr_rendezvous *rendezvous, uint64_t now_us)
{
    rendezvous->is_asking = false;
    rendezvous->tries = 0;
    rendezvous->ask_next_us = now_us + SLOW_RETRY_US;
    rendezvous->start_us = rendezvous->ask_next_us;
    tr_uplinks_refresh(rendezvous, now_us, true);
    if (rendezvous->state == TR_RENDEZVOUS_REGISTERED) {
        rendezvous->is_dirty = true;
        rendezvous->dirty_us = rendezvous->ask_next_us;
        return;
    }
    if (!rendezvous->is_lost)
        tr_rendezvous_fact(rendezvous, &(struct tr_fact){.kind = TR_FACT_LOST,
                                                         .stage = TRYST_STAGE_REGISTER,
                                                         .reason = TRYST_REASON_SILENT});
    rendezvous->is_lost = true;
}

/* Over another uplink; the silent one's cookie does not go along as a proof. */
static bool request_move(struct tr_rendezvous *rendezvous, uint64_t now_us, uint8_t other,
                         struct tr_random *random)
{
    tr_uplink_doubt(&rendezvous->uplinks[rendezvous->uplink], now_us);
    return request_make(rendezvous, now_us, other, random);
}

static void request_repeat(struct tr_rendezvous *rendezvous, uint64_t now_us,
                           struct tr_outbox *outbox, struct tr_random *random)
{
    uint8_t other = uplink_choose(rendezvous, now_us, rendezvous->uplink);
    bool is_other_wanted = rendezvous->tries % TRIES_BEFORE_OTHER == 0;
    if (rendezvous->tries >= TRIES)
        give_up(rendezvous, now_us);
    else if (is_other_wanted && other < rendezvous->uplink_count &&
             !request_move(rendezvous, now_us, other, random))
        give_up(rendezvous, now_us);
    else
        request_send(rendezvous, now_us, outbox, random);
}

/* Whether the first REGISTER, or one with changed addresses, is to go out now. */
static bool is_wanted(struct tr_rendezvous *rendezvous, uint64_t now_us, bool has_uplink)
{
    if (rendezvous->state == TR_RENDEZVOUS_REGISTERING)
        return tr_is_due(rendezvous->start_us, now_us);
    if (!rendezvous->is_dirty)
        return false;
    if (has_uplink && rendezvous->dirty_us == TR_NEVER)
        rendezvous->dirty_us = now_us + DIRTY_US;
    return !has_uplink || tr_is_due(rendezvous->dirty_us, now_us);
}

void tr_registration_tick(struct tr_rendezvous *rendezvous, uint64_t now_us,
                          struct tr_outbox *outbox, struct tr_random *random)
{
    if (rendezvous->state == TR_RENDEZVOUS_IDLE)
        return;
    if (rendezvous->is_asking) {
        if (tr_is_due(rendezvous->ask_next_us, now_us))
            request_repeat(rendezvous, now_us, outbox, random);
        return;
    }
    uint8_t chosen = uplink_choose(rendezvous, now_us, UINT8_MAX);
    bool has_uplink = chosen < rendezvous->uplink_count;
    if (!is_wanted(rendezvous, now_us, has_uplink))
        return;
    bool was_waiting = rendezvous->is_waiting_cookie;
    rendezvous->is_waiting_cookie = !has_uplink;
    if (!has_uplink) { /* asked once; from there the uplinks go on by themselves */
        rendezvous->dirty_us = TR_NEVER;
        if (!was_waiting)
            tr_uplinks_refresh(rendezvous, now_us, false);
        return;
    }
    rendezvous->tries = 0;
    if (request_make(rendezvous, now_us, chosen, random))
        request_send(rendezvous, now_us, outbox, random);
    else
        give_up(rendezvous, now_us);
}

static bool is_ours(const struct tr_rendezvous *rendezvous, const uint8_t tag[4])
{
    return rendezvous->is_asking && memcmp(tag, rendezvous->request_hash, 4) == 0;
}

enum tr_drop tr_registration_answer(struct tr_rendezvous *rendezvous, uint64_t now_us,
                                    const void *data, size_t size, struct tr_random *random)
{
    struct tr_registered head;
    struct tr_registered_body body;
    uint8_t shared[TR_KEY];
    uint8_t plain[TR_DATAGRAM_BYTES];
    size_t plain_size = 0;
    struct tr_channel_keys keys;
    if (!tr_envelope_head(&tr_layout_registered, &head, data, size))
        return TR_DROP_SHORT;
    if (!is_ours(rendezvous, head.tag))
        return TR_DROP_REPLAY; /* an answer to an older request, or a second one to this */
    if (!tr_seal_dh_shared(shared, rendezvous->e, head.ges))
        return TR_DROP_SEAL;
    tr_channel_derive(&keys, rendezvous->shared, shared, rendezvous->request_hash, head.ges);
    tr_seal_wipe(shared, sizeof shared);
    size_t head_size = tr_layout_size_min(&tr_layout_registered);
    if (!tr_envelope_open(head_size, data, size, TR_LANE_REGISTERED, head.reply, keys.to_client,
                          plain, &plain_size))
        return TR_DROP_SEAL;
    struct tr_reader reader;
    tr_reader_init(&reader, plain, plain_size);
    tr_layout_decode(&tr_layout_registered_body, &body, &reader);
    if (reader.fault || body.status != 0)
        return TR_DROP_MALFORMED;
    if (!tr_registered_verify(body.signature, rendezvous->request_hash, head.ges,
                              rendezvous->certificate.sign_key))
        return TR_DROP_SIGNATURE;
    bool was_registered = rendezvous->state == TR_RENDEZVOUS_REGISTERED;
    rendezvous->is_asking = false;
    rendezvous->rtt_us = rendezvous->tries == 1 ? (uint32_t)(now_us - rendezvous->asked_us)
                                                : rendezvous->uplinks[rendezvous->uplink].rtt_us;
    tr_channel_open(rendezvous, now_us, &keys, &body, plain, plain_size - tr_reader_left(&reader),
                    plain_size, random);
    tr_seal_wipe(&keys, sizeof keys);
    if (!was_registered)
        tr_rendezvous_fact(rendezvous, &(struct tr_fact){.kind = TR_FACT_REGISTERED,
                                                         .is_return = rendezvous->is_lost});
    rendezvous->is_lost = false;
    return TR_DROP_NONE;
}

enum tr_drop tr_registration_refusal(struct tr_rendezvous *rendezvous, const void *data,
                                     size_t size)
{
    struct tr_refused head;
    struct tr_refused_body body;
    uint8_t key[TR_KEY];
    uint8_t plain[TR_DATAGRAM_BYTES];
    size_t plain_size = 0;
    if (!tr_envelope_head(&tr_layout_refused, &head, data, size))
        return TR_DROP_SHORT;
    if (!is_ours(rendezvous, head.tag))
        return TR_DROP_REPLAY;
    tr_refused_key(key, rendezvous->shared, rendezvous->request_hash);
    size_t head_size = tr_layout_size_min(&tr_layout_refused);
    if (!tr_envelope_xopen(head_size, data, size, key, plain, &plain_size))
        return TR_DROP_SEAL;
    struct tr_reader reader;
    tr_reader_init(&reader, plain, plain_size);
    tr_layout_decode(&tr_layout_refused_body, &body, &reader);
    if (reader.fault)
        return TR_DROP_MALFORMED;
    struct tr_fact refused = {
        .kind = TR_FACT_REFUSED, .reason = body.reason, .retry_ms = body.retry_ms};
    memcpy(refused.detail, body.detail, body.detail_size);
    tr_rendezvous_fact(rendezvous, &refused);
    rendezvous->state = TR_RENDEZVOUS_IDLE;
    rendezvous->is_asking = false;
    return TR_DROP_NONE;
}

uint64_t tr_registration_deadline(const struct tr_rendezvous *rendezvous)
{
    if (rendezvous->state == TR_RENDEZVOUS_IDLE)
        return TR_NEVER;
    if (rendezvous->is_asking)
        return rendezvous->ask_next_us;
    if (rendezvous->state == TR_RENDEZVOUS_REGISTERED)
        return rendezvous->dirty_us;
    /* with no usable cookie the uplinks' own deadlines lead on */
    return rendezvous->is_waiting_cookie ? TR_NEVER : rendezvous->start_us;
}
