/* Heads in clear, bodies sealed.
 * SPDX-License-Identifier: MIT */
#include "lib/wire/envelope.h"

#include "lib/base/bytes.h"
#include <assert.h>
#include <string.h>

enum tr_drop tr_envelope_check(const void *data, size_t size, uint8_t senders)
{
    const uint8_t *bytes = data;
    if (size == 0)
        return TR_DROP_SHORT;
    const struct tr_frame_rule *rule = tr_frame_rule(bytes[0]);
    if (rule == NULL || (rule->senders & senders) == 0)
        return TR_DROP_UNKNOWN;
    if (size < rule->least)
        return TR_DROP_SHORT;
    if (size > rule->most)
        return TR_DROP_LIMIT;
    if (bytes[0] == TR_CTRL || bytes[0] == TR_DATA || bytes[0] == TR_RELAY)
        return TR_DROP_NONE;
    if (bytes[1] != TR_VERSION)
        return TR_DROP_VERSION;
    if ((bytes[0] == TR_BIND || bytes[0] == TR_REGISTER || bytes[0] == TR_COOKIE) &&
        tr_get_u32(bytes + 4) != TR_MAGIC)
        return TR_DROP_UNKNOWN;
    return TR_DROP_NONE;
}

static size_t head_write(const struct tr_layout *layout, const void *head, uint8_t *out)
{
    struct tr_writer writer;
    tr_writer_init(&writer, out, TR_DATAGRAM_BYTES);
    tr_layout_encode(layout, head, &writer);
    assert(!writer.fault);
    return tr_writer_used(&writer);
}

size_t tr_envelope_clear(const struct tr_layout *layout, const void *head, uint8_t *out)
{
    size_t size = head_write(layout, head, out);
    size_t least = tr_frame_rule(out[0])->least;
    if (size < least)
        memset(out + size, 0, least - size);
    return size < least ? least : size;
}

bool tr_envelope_head(const struct tr_layout *layout, void *head, const void *data, size_t size)
{
    struct tr_reader reader;
    tr_reader_init(&reader, data, size);
    tr_layout_decode(layout, head, &reader);
    return !reader.fault;
}

size_t tr_envelope_seal(const struct tr_layout *layout, const void *head, const void *body,
                        size_t body_size, uint32_t lane, uint64_t counter,
                        const uint8_t key[TR_KEY], uint8_t *out)
{
    size_t size = head_write(layout, head, out);
    assert(size + body_size + TR_TAG <= TR_DATAGRAM_BYTES);
    tr_seal_seal(out + size, body, body_size, out, size, lane, counter, key);
    return size + body_size + TR_TAG;
}

bool tr_envelope_open(size_t head_size, const void *data, size_t size, uint32_t lane,
                      uint64_t counter, const uint8_t key[TR_KEY], uint8_t *body, size_t *body_size)
{
    if (size < head_size + TR_TAG ||
        !tr_seal_open(body, (const uint8_t *)data + head_size, size - head_size, data, head_size,
                      lane, counter, key))
        return false;
    *body_size = size - head_size - TR_TAG;
    return true;
}

size_t tr_envelope_xseal(const struct tr_layout *layout, const void *head,
                         const struct tr_layout *body_layout, const void *body, size_t least,
                         const uint8_t key[TR_KEY], uint8_t *out)
{
    size_t size = head_write(layout, head, out);
    struct tr_writer writer;
    tr_writer_init(&writer, out + size, TR_DATAGRAM_BYTES - size - TR_TAG);
    tr_layout_encode(body_layout, body, &writer);
    assert(!writer.fault);
    size_t used = tr_writer_used(&writer);
    size_t wanted = least > size + TR_TAG ? least - size - TR_TAG : 0;
    if (used < wanted) {
        memset(out + size + used, 0, wanted - used);
        used = wanted;
    }
    tr_seal_xseal(out + size, out + size, used, out, size, out + size - TR_XNONCE, key);
    return size + used + TR_TAG;
}

bool tr_envelope_xopen(size_t head_size, const void *data, size_t size, const uint8_t key[TR_KEY],
                       uint8_t *body, size_t *body_size)
{
    const uint8_t *bytes = data;
    if (size < head_size + TR_TAG ||
        !tr_seal_xopen(body, bytes + head_size, size - head_size, bytes, head_size,
                       bytes + head_size - TR_XNONCE, key))
        return false;
    *body_size = size - head_size - TR_TAG;
    return true;
}

bool tr_item_write(struct tr_writer *writer, uint8_t type, const void *content, size_t size)
{
    if (tr_writer_left(writer) < 3 + size)
        return false;
    tr_writer_number(writer, type, 1);
    tr_writer_number(writer, size, 2);
    tr_writer_bytes(writer, content, size);
    return true;
}

bool tr_item_write_layout(struct tr_writer *writer, uint8_t type, const struct tr_layout *layout,
                          const void *message)
{
    uint8_t content[TR_DATAGRAM_BYTES];
    struct tr_writer inner;
    tr_writer_init(&inner, content, sizeof content);
    tr_layout_encode(layout, message, &inner);
    assert(!inner.fault);
    return tr_item_write(writer, type, content, tr_writer_used(&inner));
}

void tr_item_close(struct tr_writer *writer, uint8_t *at)
{
    size_t size = tr_get_u16(at + 1);
    assert(at + 3 + size == writer->at);
    at[0] |= TR_ITEM_LAST;
    memmove(at + 1, at + 3, size);
    writer->at -= 2;
}

bool tr_item_read(struct tr_reader *reader, struct tr_item_view *item)
{
    if (tr_reader_left(reader) == 0)
        return false;
    uint8_t type = (uint8_t)tr_reader_number(reader, 1);
    item->type = (uint8_t)(type & ~TR_ITEM_LAST);
    item->size =
        (type & TR_ITEM_LAST) != 0 ? tr_reader_left(reader) : (size_t)tr_reader_number(reader, 2);
    item->content = tr_reader_take(reader, item->size);
    return !reader->fault;
}

/* Encodes a struct whose last field is its signature; returns the size before the signature. */
static size_t signed_part(const struct tr_layout *layout, const void *message, uint8_t *out,
                          size_t room)
{
    struct tr_writer writer;
    tr_writer_init(&writer, out, room);
    tr_layout_encode(layout, message, &writer);
    assert(!writer.fault);
    return tr_writer_used(&writer) - TR_SIGNATURE;
}

void tr_record_sign(struct tr_record *record, const uint8_t secret[TR_SIGN_SECRET])
{
    uint8_t bytes[256];
    size_t size = signed_part(&tr_layout_record, record, bytes, sizeof bytes);
    tr_seal_sign(record->signature, "tryst1 record", bytes, size, secret);
}

bool tr_record_verify(const struct tr_record *record)
{
    uint8_t bytes[256];
    size_t size = signed_part(&tr_layout_record, record, bytes, sizeof bytes);
    return tr_seal_verify(record->signature, "tryst1 record", bytes, size, record->identity);
}

void tr_certificate_sign(struct tr_certificate *certificate, const uint8_t secret[TR_SIGN_SECRET])
{
    uint8_t bytes[256];
    size_t size = signed_part(&tr_layout_certificate, certificate, bytes, sizeof bytes);
    tr_seal_sign(certificate->signature, "tryst1 node", bytes, size, secret);
}

bool tr_certificate_verify(const struct tr_certificate *certificate, const uint8_t root[TR_KEY])
{
    uint8_t bytes[256];
    size_t size = signed_part(&tr_layout_certificate, certificate, bytes, sizeof bytes);
    return tr_seal_verify(certificate->signature, "tryst1 node", bytes, size, root);
}

void tr_certificate_hash(uint8_t hash[16], const struct tr_certificate *certificate)
{
    uint8_t bytes[256];
    size_t size = signed_part(&tr_layout_certificate, certificate, bytes, sizeof bytes);
    tr_seal_hash(hash, 16, "tryst1 node.ok", NULL, 0, bytes, size + TR_SIGNATURE);
}

static size_t register_signed_part(const struct tr_register_body *body,
                                   const struct tr_register *head, const uint8_t node[TR_KEY],
                                   uint8_t out[TR_SIGNED_MAX])
{
    memcpy(out, node, TR_KEY);
    struct tr_writer writer;
    tr_writer_init(&writer, out + TR_KEY, TR_SIGNED_MAX - TR_KEY);
    tr_layout_encode(&tr_layout_register, head, &writer);
    size_t size = TR_KEY + tr_writer_used(&writer);
    return size + signed_part(&tr_layout_register_body, body, out + size, TR_SIGNED_MAX - size);
}

void tr_register_sign(struct tr_register_body *body, const struct tr_register *head,
                      const uint8_t node[TR_KEY], const uint8_t secret[TR_SIGN_SECRET])
{
    uint8_t bytes[TR_SIGNED_MAX];
    size_t size = register_signed_part(body, head, node, bytes);
    tr_seal_sign(body->signature, "tryst1 register", bytes, size, secret);
}

bool tr_register_verify(const struct tr_register_body *body, const struct tr_register *head,
                        const uint8_t node[TR_KEY])
{
    uint8_t bytes[TR_SIGNED_MAX];
    size_t size = register_signed_part(body, head, node, bytes);
    return tr_seal_verify(body->signature, "tryst1 register", bytes, size, body->record.identity);
}

void tr_register_key(uint8_t key[TR_KEY], const uint8_t shared[TR_KEY], const uint8_t ge[TR_KEY],
                     const uint8_t node_kx[TR_KEY], const uint8_t node_sign[TR_KEY])
{
    uint8_t in[3 * TR_KEY];
    memcpy(in, ge, TR_KEY);
    memcpy(in + TR_KEY, node_kx, TR_KEY);
    memcpy(in + 2 * TR_KEY, node_sign, TR_KEY);
    tr_seal_hash(key, TR_KEY, "tryst1 reg.seal", shared, TR_KEY, in, sizeof in);
}

void tr_register_hash(uint8_t hash[TR_KEY], const void *datagram)
{
    tr_seal_hash(hash, TR_KEY, "tryst1 reg.hash", NULL, 0, datagram, TR_DATAGRAM_BYTES);
}

void tr_refused_key(uint8_t key[TR_KEY], const uint8_t shared[TR_KEY], const uint8_t hash[TR_KEY])
{
    tr_seal_hash(key, TR_KEY, "tryst1 reg.no", shared, TR_KEY, hash, TR_KEY);
}

void tr_channel_derive(struct tr_channel_keys *keys, const uint8_t shared[TR_KEY],
                       const uint8_t shared_ephemeral[TR_KEY], const uint8_t hash[TR_KEY],
                       const uint8_t ges[TR_KEY])
{
    uint8_t secret[2 * TR_KEY];
    uint8_t in[2 * TR_KEY];
    uint8_t out[2 * TR_KEY];
    memcpy(secret, shared, TR_KEY);
    memcpy(secret + TR_KEY, shared_ephemeral, TR_KEY);
    memcpy(in, hash, TR_KEY);
    memcpy(in + TR_KEY, ges, TR_KEY);
    tr_seal_hash(out, sizeof out, "tryst1 reg.chan", secret, sizeof secret, in, sizeof in);
    memcpy(keys->to_client, out, TR_KEY);
    memcpy(keys->to_server, out + TR_KEY, TR_KEY);
    tr_seal_wipe(secret, sizeof secret);
    tr_seal_wipe(out, sizeof out);
}

void tr_registered_sign(uint8_t signature[TR_SIGNATURE], const uint8_t hash[TR_KEY],
                        const uint8_t ges[TR_KEY], const uint8_t secret[TR_SIGN_SECRET])
{
    uint8_t in[2 * TR_KEY];
    memcpy(in, hash, TR_KEY);
    memcpy(in + TR_KEY, ges, TR_KEY);
    tr_seal_sign(signature, "tryst1 answer", in, sizeof in, secret);
}

bool tr_registered_verify(const uint8_t signature[TR_SIGNATURE], const uint8_t hash[TR_KEY],
                          const uint8_t ges[TR_KEY], const uint8_t node_sign[TR_KEY])
{
    uint8_t in[2 * TR_KEY];
    memcpy(in, hash, TR_KEY);
    memcpy(in + TR_KEY, ges, TR_KEY);
    return tr_seal_verify(signature, "tryst1 answer", in, sizeof in, node_sign);
}

void tr_cookie_mask(struct tr_candidate *seen, const uint8_t nonce[16])
{
    seen->address.port ^= tr_get_u16(nonce);
    for (size_t i = 0; i < (seen->address.family == 4 ? 4U : 16U); i++)
        seen->address.ip[i] ^= nonce[i];
}
