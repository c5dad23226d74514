/* The symmetric HELLO. States and their order are those of the Spin model: what it calls acc, conf,
 * sendf and prevf are is_accepted, is_confirmed, sending and previous here.
 * SPDX-License-Identifier: MIT */
#include "lib/core/handshake.h"

#include "lib/base/bytes.h"
#include <assert.h>
#include <string.h>

/* The counter's share of its field in DATA. */
enum { COUNTER_MAX = TR_DATA_SINGLE - 1 };

static const uint8_t zeros[TR_KEY];

static void generation_start(struct tr_generation *generation, struct tr_random *random)
{
    memset(generation, 0, sizeof *generation);
    while (generation->index == 0) /* 0 stands for none */
        generation->index = tr_random_u32(random);
    generation->is_live = true;
    tr_replay_init(&generation->replay, generation->seen, TR_REPLAY_PEER);
}

/* K1 of the pair (f, peer_gf), whose shared secret is given. */
static void derive(struct tr_handshake *handshake, const uint8_t shared[TR_KEY])
{
    uint8_t key[2 * TR_KEY];
    uint8_t in[3 * TR_KEY];
    uint8_t k1[TR_KEY];
    memcpy(key, handshake->k0, TR_KEY);
    memcpy(key + TR_KEY, shared, TR_KEY);
    memcpy(in, handshake->th0, TR_KEY);
    memcpy(in + TR_KEY, handshake->role == 0 ? handshake->gf : handshake->peer_gf, TR_KEY);
    memcpy(in + 2 * TR_KEY, handshake->role == 0 ? handshake->peer_gf : handshake->gf, TR_KEY);
    tr_seal_hash(k1, sizeof k1, "tryst1 pair.k1", key, sizeof key, in, sizeof in);
    struct tr_generation *current = &handshake->current;
    tr_seal_subkey(current->send_key, TR_KEY, 1U + handshake->role, "trystdat", k1);
    tr_seal_subkey(current->receive_key, TR_KEY, 2U - handshake->role, "trystdat", k1);
    current->has_keys = true;
    tr_seal_wipe(key, sizeof key);
    tr_seal_wipe(k1, sizeof k1);
}

/* Makes room for a new pair. The present one is kept for receiving when it was accepted, and for
 * sending until the peer holds the new one. */
static void generation_turn(struct tr_handshake *handshake, struct tr_random *random)
{
    if (handshake->is_accepted) {
        handshake->previous = handshake->current;
        if (handshake->sending == TR_SENDING_CURRENT)
            handshake->sending = TR_SENDING_PREVIOUS;
    } else if (handshake->sending == TR_SENDING_CURRENT) {
        handshake->sending = TR_SENDING_NONE; /* early data on a pair that never was accepted */
    }
    generation_start(&handshake->current, random);
    handshake->is_accepted = false;
    handshake->is_confirmed = false;
    handshake->is_signed = false;
}

static void key_make(struct tr_handshake *handshake, uint64_t now_us, struct tr_random *random)
{
    tr_random_bytes(random, handshake->f, TR_KEY);
    tr_seal_dh_public(handshake->gf, handshake->f);
    handshake->renewed_us = now_us;
}

static void record_hash(uint8_t hash[TR_KEY], const struct tr_record *record)
{
    uint8_t bytes[256];
    struct tr_writer writer;
    tr_writer_init(&writer, bytes, sizeof bytes);
    tr_layout_encode(&tr_layout_record, record, &writer);
    tr_seal_hash(hash, TR_KEY, "tryst1 rec.hash", NULL, 0, bytes, tr_writer_used(&writer));
}

bool tr_handshake_init(struct tr_handshake *handshake, const struct tr_record *own,
                       const uint8_t own_e[TR_KEY], const struct tr_record *peer, uint64_t now_us,
                       uint32_t clock, struct tr_random *random)
{
    memset(handshake, 0, sizeof *handshake);
    int order = memcmp(own->identity, peer->identity, TR_KEY);
    uint8_t shared[TR_KEY];
    if (order == 0 || !tr_seal_dh_shared(shared, own_e, peer->ge))
        return false;
    handshake->role = order < 0 ? 0 : 1;
    memcpy(handshake->peer_identity, peer->identity, TR_KEY);
    uint8_t in[TR_SESSION_BYTES + 2 * TR_KEY];
    memcpy(in, own->session, TR_SESSION_BYTES);
    record_hash(in + TR_SESSION_BYTES, handshake->role == 0 ? own : peer);
    record_hash(in + TR_SESSION_BYTES + TR_KEY, handshake->role == 0 ? peer : own);
    tr_seal_hash(handshake->th0, TR_KEY, "tryst1 pair.th0", NULL, 0, in, sizeof in);
    uint8_t bound[2 * TR_KEY] = {0}; /* th0 | psk; the psk is zeros in an open session */
    memcpy(bound, handshake->th0, TR_KEY);
    tr_seal_hash(handshake->k0, TR_KEY, "tryst1 pair.k0", shared, TR_KEY, bound, sizeof bound);
    tr_seal_wipe(shared, sizeof shared);
    for (unsigned i = 0; i < 2; i++) {
        uint8_t id[16];
        tr_seal_subkey(handshake->hello_key[i], TR_KEY, 1 + i, "trysthel", handshake->k0);
        tr_seal_subkey(id, sizeof id, 3 + i, "trysthel", handshake->k0);
        memcpy(handshake->hello_id[i], id, 8);
    }
    handshake->sequence = clock;
    key_make(handshake, now_us, random);
    generation_start(&handshake->current, random);
    return true;
}

void tr_handshake_clear(struct tr_handshake *handshake)
{
    tr_seal_wipe(handshake, sizeof *handshake);
}

/* What a hello's signature covers: th0 | role | sequence | gf | echo | index. */
enum { SIGNED_SIZE = TR_KEY + 1 + 4 + 2 * TR_KEY + 4 };

static void signed_part(const struct tr_handshake *handshake, uint8_t role,
                        const struct tr_hello_body *body, uint8_t out[SIGNED_SIZE])
{
    memcpy(out, handshake->th0, TR_KEY);
    out[TR_KEY] = role;
    tr_put_u32(out + TR_KEY + 1, body->sequence);
    memcpy(out + TR_KEY + 5, body->gf, TR_KEY);
    memcpy(out + 2 * TR_KEY + 5, body->echo, TR_KEY);
    tr_put_u32(out + 3 * TR_KEY + 5, body->index);
}

size_t tr_handshake_write(struct tr_handshake *handshake, const struct tryst_identity *identity,
                          const struct tr_hello_extra *extra, uint32_t clock,
                          struct tr_random *random, uint8_t *out)
{
    if (!handshake->is_signed)
        handshake->sequence = clock > handshake->sequence ? clock : handshake->sequence + 1;
    struct tr_hello head = {.type = TR_HELLO, .version = TR_VERSION};
    struct tr_hello_body body = {
        .sequence = handshake->sequence,
        .state = handshake->is_confirmed  ? TR_HELLO_CONFIRMED
                 : handshake->is_accepted ? TR_HELLO_ACCEPTED
                                          : TR_HELLO_NEW,
        .flags = extra->flags,
        .index = handshake->current.index,
        .to = extra->to,
        .seen = extra->seen,
        .roster_version = extra->roster_version,
        .roster_fence = extra->roster_fence,
        .local_count = extra->local_count,
    };
    memcpy(body.gf, handshake->gf, TR_KEY);
    memcpy(body.echo, handshake->peer_gf, TR_KEY);
    memcpy(body.ping, extra->ping, TR_PING_BYTES);
    memcpy(body.pong, extra->pong, TR_PING_BYTES);
    memcpy(body.local, extra->local, sizeof body.local);
    if (!handshake->is_signed) {
        uint8_t part[SIGNED_SIZE];
        signed_part(handshake, handshake->role, &body, part);
        tr_seal_sign(handshake->signature, "tryst1 hello", part, sizeof part, identity->secret);
        handshake->is_signed = true;
    }
    memcpy(body.signature, handshake->signature, TR_SIGNATURE);
    memcpy(head.id, handshake->hello_id[handshake->role], sizeof head.id);
    tr_random_bytes(random, head.nonce, sizeof head.nonce);
    return tr_envelope_xseal(&tr_layout_hello, &head, &tr_layout_hello_body, &body, 0,
                             handshake->hello_key[handshake->role], out);
}

/* Whether the peer signed it. A repetition of what was verified last is known by its hash, so that a
 * retransmitted hello costs no signature check. */
static bool is_signed_by_peer(struct tr_handshake *handshake, const struct tr_hello_body *body)
{
    uint8_t part[SIGNED_SIZE + TR_SIGNATURE];
    uint8_t hash[sizeof handshake->verified];
    signed_part(handshake, 1 - handshake->role, body, part);
    memcpy(part + SIGNED_SIZE, body->signature, TR_SIGNATURE);
    tr_seal_hash(hash, sizeof hash, "tryst1 hello.ok", NULL, 0, part, sizeof part);
    if (memcmp(hash, handshake->verified, sizeof hash) == 0)
        return true;
    if (!tr_seal_verify(body->signature, "tryst1 hello", part, SIGNED_SIZE,
                        handshake->peer_identity))
        return false;
    memcpy(handshake->verified, hash, sizeof hash);
    return true;
}

/* The peer made a new handshake key: the pair changes. false, and nothing changed: it is of small
 * order. */
static bool peer_key_take(struct tr_handshake *handshake, const struct tr_hello_body *body,
                          struct tr_random *random)
{
    uint8_t shared[TR_KEY];
    if (!tr_seal_dh_shared(shared, handshake->f, body->gf))
        return false;
    if (handshake->has_peer_gf)
        generation_turn(handshake, random);
    memcpy(handshake->peer_gf, body->gf, TR_KEY);
    handshake->has_peer_gf = true;
    handshake->is_signed = false; /* our echo changed */
    derive(handshake, shared);
    tr_seal_wipe(shared, sizeof shared);
    return true;
}

/* Sending moves to the present pair. */
static void sending_move(struct tr_handshake *handshake)
{
    if (handshake->current.has_keys && handshake->current.has_peer_index)
        handshake->sending = TR_SENDING_CURRENT;
}

/* The Spin model's four branches, after a valid hello. Returns whether an answer is due. */
static bool advance(struct tr_handshake *handshake, const struct tr_hello_body *body)
{
    bool is_echo = memcmp(body->echo, handshake->gf, TR_KEY) == 0;
    bool is_first = memcmp(body->echo, zeros, TR_KEY) == 0;
    if (is_echo || (is_first && handshake->sending == TR_SENDING_NONE)) {
        handshake->current.peer_index = body->index;
        handshake->current.has_peer_index = true;
    }
    if (!is_echo) {
        if (is_first && handshake->sending == TR_SENDING_NONE)
            sending_move(handshake); /* first handshake: data may follow our answer */
        return true;
    }
    bool was_accepted = handshake->is_accepted;
    handshake->is_accepted = true;
    if (body->state != TR_HELLO_NEW)
        handshake->is_confirmed = true;
    if (handshake->sending == TR_SENDING_NONE || body->state != TR_HELLO_NEW)
        sending_move(handshake);
    return !was_accepted || body->state != TR_HELLO_CONFIRMED;
}

void tr_handshake_read(struct tr_handshake *handshake, const void *data, size_t size,
                       struct tr_random *random, struct tr_hello_outcome *outcome)
{
    uint8_t plain[TR_DATAGRAM_BYTES];
    size_t plain_size = 0;
    struct tr_hello_body *body = &outcome->body;
    outcome->wants_answer = false;
    outcome->is_changed = false;
    outcome->is_fresh = false;
    outcome->drop = TR_DROP_SEAL;
    if (!tr_envelope_xopen(TR_HELLO_HEAD, data, size, handshake->hello_key[1 - handshake->role],
                           plain, &plain_size))
        return;
    struct tr_reader reader;
    tr_reader_init(&reader, plain, plain_size);
    tr_layout_decode(&tr_layout_hello_body, body, &reader);
    outcome->drop = TR_DROP_MALFORMED;
    if (reader.fault || body->state > TR_HELLO_CONFIRMED)
        return;
    outcome->drop = TR_DROP_SIGNATURE;
    if (!is_signed_by_peer(handshake, body))
        return;
    outcome->drop = TR_DROP_REPLAY;
    bool is_new = !handshake->has_peer_gf || memcmp(body->gf, handshake->peer_gf, TR_KEY) != 0;
    if (body->sequence < handshake->peer_sequence && is_new)
        return;
    outcome->drop = TR_DROP_NONE;
    if (body->sequence < handshake->peer_sequence)
        return; /* an older word about the same key: good for its ping and pong, not for state */
    if (is_new) {
        if (!peer_key_take(handshake, body, random)) {
            outcome->drop = TR_DROP_MALFORMED;
            return;
        }
        outcome->is_changed = true;
    }
    outcome->is_fresh = is_new || body->sequence > handshake->peer_sequence;
    handshake->peer_sequence = body->sequence;
    outcome->wants_answer = advance(handshake, body);
}

void tr_handshake_renew(struct tr_handshake *handshake, uint64_t now_us, struct tr_random *random)
{
    assert(handshake->is_accepted);
    generation_turn(handshake, random);
    key_make(handshake, now_us, random);
    uint8_t shared[TR_KEY];
    bool is_good = tr_seal_dh_shared(shared, handshake->f, handshake->peer_gf);
    assert(is_good); /* peer_gf passed the same check before */
    (void)is_good;
    derive(handshake, shared);
    tr_seal_wipe(shared, sizeof shared);
}

bool tr_handshake_is_settled(const struct tr_handshake *handshake)
{
    return handshake->is_accepted && handshake->is_confirmed;
}

bool tr_handshake_can_send(const struct tr_handshake *handshake)
{
    /* A counter never comes round: a pair that cannot be renewed falls silent first. */
    return (handshake->sending == TR_SENDING_CURRENT && handshake->current.sent < COUNTER_MAX) ||
           (handshake->sending == TR_SENDING_PREVIOUS && handshake->previous.sent < COUNTER_MAX);
}

static struct tr_generation *sending_generation(struct tr_handshake *handshake)
{
    return handshake->sending == TR_SENDING_CURRENT ? &handshake->current : &handshake->previous;
}

uint32_t tr_handshake_sent(const struct tr_handshake *handshake)
{
    return handshake->sending == TR_SENDING_CURRENT ? handshake->current.sent : 0;
}

size_t tr_handshake_seal(struct tr_handshake *handshake, uint8_t *datagram, size_t body_size,
                         bool is_single)
{
    assert(tr_handshake_can_send(handshake) && body_size <= TR_DATA_ROOM);
    struct tr_generation *generation = sending_generation(handshake);
    datagram[0] = TR_DATA;
    tr_put_u32(datagram + 1, generation->peer_index);
    tr_put_u32(datagram + 5, generation->sent | (is_single ? TR_DATA_SINGLE : 0));
    tr_seal_seal(datagram + TR_DATA_HEAD, datagram + TR_DATA_HEAD, body_size, datagram,
                 TR_DATA_HEAD, TR_LANE_STREAM, generation->sent, generation->send_key);
    generation->sent++;
    return TR_DATA_HEAD + body_size + TR_TAG;
}

enum tr_drop tr_handshake_open(struct tr_handshake *handshake, const void *data, size_t size,
                               uint8_t *body, struct tr_data_outcome *outcome)
{
    const uint8_t *bytes = data;
    uint32_t index = tr_get_u32(bytes + 1);
    uint32_t counter = tr_get_u32(bytes + 5) & COUNTER_MAX;
    struct tr_generation *generation = &handshake->current;
    outcome->is_single = (tr_get_u32(bytes + 5) & TR_DATA_SINGLE) != 0;
    outcome->is_changed = false;
    if (!generation->is_live || !generation->has_keys || generation->index != index)
        generation = &handshake->previous;
    if (!generation->is_live || !generation->has_keys || generation->index != index)
        return TR_DROP_UNKNOWN;
    if (!tr_replay_is_fresh(&generation->replay, generation->seen, TR_REPLAY_PEER, counter))
        return TR_DROP_REPLAY;
    if (!tr_envelope_open(TR_DATA_HEAD, data, size, TR_LANE_STREAM, counter,
                          generation->receive_key, body, &outcome->size))
        return TR_DROP_SEAL;
    tr_replay_mark(&generation->replay, generation->seen, TR_REPLAY_PEER, counter);
    if (generation == &handshake->current && generation->has_peer_index &&
        !tr_handshake_is_settled(handshake)) {
        /* Only who holds the pair can seal with it: as good as a hello that says so. */
        handshake->is_accepted = true;
        handshake->is_confirmed = true;
        sending_move(handshake);
        outcome->is_changed = true;
    }
    return TR_DROP_NONE;
}
