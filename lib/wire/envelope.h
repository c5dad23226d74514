/* The outer form of every datagram: which frame it is, its clear head, and its sealed body.
 * SPDX-License-Identifier: MIT */
#ifndef TR_ENVELOPE_H
#define TR_ENVELOPE_H

#include "lib/seal/seal.h"
#include "lib/wire/message.h"

/* Nonce lanes of one key: nothing is ever sealed twice with the same key, lane and counter. */
enum { TR_LANE_STREAM = 0, TR_LANE_REGISTERED = 1 };

/* First look at a datagram: its type is known, its sender may send it, its length and version are
 * right. Nothing is decoded yet. senders: TR_FROM_* bits of who is listened to. */
enum tr_drop tr_envelope_check(const void *data, size_t size, uint8_t senders);

/* A clear frame (BIND, COOKIE, UNKNOWN), padded with zeros to its frame's least length.
 * Returns the size written to out, which holds TR_DATAGRAM_BYTES. */
size_t tr_envelope_clear(const struct tr_layout *layout, const void *head, uint8_t *out);

/* Reads a head; false when it is short. */
bool tr_envelope_head(const struct tr_layout *layout, void *head, const void *data, size_t size);

/* A frame sealed with a counter (REGISTERED, CTRL, DATA): the head in clear and authenticated, then
 * the body. body may stand where it will be sealed, at out + head size.
 * Returns the size written to out, which holds TR_DATAGRAM_BYTES. */
size_t tr_envelope_seal(const struct tr_layout *layout, const void *head, const void *body,
                        size_t body_size, uint32_t lane, uint64_t counter,
                        const uint8_t key[TR_KEY], uint8_t *out);

/* Opens it into `body`, which holds TR_DATAGRAM_BYTES.
 * false when the seal is wrong; *body_size is set when it is right. */
bool tr_envelope_open(size_t head_size, const void *data, size_t size, uint32_t lane,
                      uint64_t counter, const uint8_t key[TR_KEY], uint8_t *body,
                      size_t *body_size);

/* The same for a frame whose head ends in a random nonce (REGISTER, REFUSED, HELLO). The body is
 * encoded by its layout and padded with zeros so that the whole has at least `least` bytes. */
size_t tr_envelope_xseal(const struct tr_layout *layout, const void *head,
                         const struct tr_layout *body_layout, const void *body, size_t least,
                         const uint8_t key[TR_KEY], uint8_t *out);
bool tr_envelope_xopen(size_t head_size, const void *data, size_t size, const uint8_t key[TR_KEY],
                       uint8_t *body, size_t *body_size);

/* Items in a sealed body. Writing: false, and nothing written, when it does not fit. */
bool tr_item_write(struct tr_writer *writer, uint8_t type, const void *content, size_t size);
bool tr_item_write_layout(struct tr_writer *writer, uint8_t type, const struct tr_layout *layout,
                          const void *message);

/* Makes the last item written say that it reaches to the end, which saves its two length bytes.
 * at: where that item starts. */
void tr_item_close(struct tr_writer *writer, uint8_t *at);

struct tr_item_view {
    uint8_t type; /* without TR_ITEM_LAST */
    const uint8_t *content;
    size_t size;
};

/* The next item; false at the end or at a fault (see reader->fault). */
bool tr_item_read(struct tr_reader *reader, struct tr_item_view *item);

/* Signatures whose message is the encoded struct up to its signature: record and certificate. */
void tr_record_sign(struct tr_record *record, const uint8_t secret[TR_SIGN_SECRET]);
bool tr_record_verify(const struct tr_record *record);
void tr_certificate_sign(struct tr_certificate *certificate, const uint8_t secret[TR_SIGN_SECRET]);
bool tr_certificate_verify(const struct tr_certificate *certificate, const uint8_t root[TR_KEY]);

/* Of every byte of a certificate, to know it again. */
void tr_certificate_hash(uint8_t hash[16], const struct tr_certificate *certificate);

/* What the identity signs in a REGISTER: node key, head, body up to its signature. */
void tr_register_sign(struct tr_register_body *body, const struct tr_register *head,
                      const uint8_t node[TR_KEY], const uint8_t secret[TR_SIGN_SECRET]);
bool tr_register_verify(const struct tr_register_body *body, const struct tr_register *head,
                        const uint8_t node[TR_KEY]);

/* Keys between a client and the server, the same computation at both ends.
 * shared: dh(e, S_kx); node_kx, node_sign: the server's public keys. */
void tr_register_key(uint8_t key[TR_KEY], const uint8_t shared[TR_KEY], const uint8_t ge[TR_KEY],
                     const uint8_t node_kx[TR_KEY], const uint8_t node_sign[TR_KEY]);
void tr_register_hash(uint8_t hash[TR_KEY], const void *datagram); /* of all TR_DATAGRAM_BYTES */
void tr_refused_key(uint8_t key[TR_KEY], const uint8_t shared[TR_KEY], const uint8_t hash[TR_KEY]);

struct tr_channel_keys {
    uint8_t to_client[TR_KEY];
    uint8_t to_server[TR_KEY];
};
void tr_channel_derive(struct tr_channel_keys *keys, const uint8_t shared[TR_KEY],
                       const uint8_t shared_ephemeral[TR_KEY], const uint8_t hash[TR_KEY],
                       const uint8_t ges[TR_KEY]);
void tr_registered_sign(uint8_t signature[TR_SIGNATURE], const uint8_t hash[TR_KEY],
                        const uint8_t ges[TR_KEY], const uint8_t secret[TR_SIGN_SECRET]);
bool tr_registered_verify(const uint8_t signature[TR_SIGNATURE], const uint8_t hash[TR_KEY],
                          const uint8_t ges[TR_KEY], const uint8_t node_sign[TR_KEY]);

/* A COOKIE's seen address, hidden from NATs that rewrite addresses they find in payloads: its own
 * inverse. */
void tr_cookie_mask(struct tr_candidate *seen, const uint8_t nonce[16]);

#endif
