/* The checks of a REGISTER, the cheap ones first.
 * SPDX-License-Identifier: MIT */
#include "server/admission.h"

#include "lib/base/ip.h"
#include "lib/wire/envelope.h"
#include <assert.h>
#include <string.h>

struct tr_candidate tr_admission_seen(const struct tryst_address *address)
{
    struct tr_candidate candidate = {.address = *address};

    candidate.address.scope = 0;
    candidate.address.transport = TRYST_TRANSPORT_UDP;
    candidate.kind = address->family == 6 ? TRYST_KIND_IPV6 : TRYST_KIND_PUBLIC;
    return candidate;
}

enum tr_drop tr_admission_read(struct tr_admission *admission, const struct tr_certify *certify,
                               uint64_t unix_s, const struct tryst_address *from, const void *data,
                               size_t size)
{
    memset(admission, 0, sizeof *admission);
    admission->from = *from;
    if (!tr_envelope_head(&tr_layout_register, &admission->head, data, size))
        return TR_DROP_SHORT;
    if (!tr_certify_cookie_is_good(certify, &admission->head.cookie, unix_s, from,
                                   admission->head.app))
        return TR_DROP_COOKIE;
    tr_register_hash(admission->hash, data);
    return TR_DROP_NONE;
}

enum tr_drop tr_admission_open(struct tr_admission *admission, const struct tr_certify *certify,
                               const void *data, size_t size)
{
    const struct tr_register *head = &admission->head;
    uint8_t body[TR_DATAGRAM_BYTES];
    uint8_t key[TR_KEY];
    size_t body_size;

    if (memcmp(head->key_id, certify->certificate.key_id, TR_KEY_ID_BYTES) != 0 ||
        !tr_seal_dh_shared(admission->shared, certify->kx_secret, head->ge))
        return TR_DROP_SEAL;
    tr_register_key(key, admission->shared, head->ge, certify->kx_key, certify->sign_key);

    bool is_open = tr_envelope_xopen(tr_layout_size_min(&tr_layout_register), data, size, key, body,
                                     &body_size);

    tr_seal_wipe(key, sizeof key);
    if (!is_open)
        return TR_DROP_SEAL;

    struct tr_reader reader;

    tr_reader_init(&reader, body, body_size);
    tr_layout_decode(&tr_layout_register_body, &admission->body, &reader);
    if (reader.fault || memcmp(admission->body.record.ge, head->ge, TR_KEY) != 0)
        return TR_DROP_MALFORMED;
    if (admission->body.record.version != TR_VERSION)
        return TR_DROP_VERSION;
    return TR_DROP_NONE;
}

bool tr_admission_is_signed(const struct tr_admission *admission, const struct tr_certify *certify,
                            bool knows_record)
{
    return (knows_record || tr_record_verify(&admission->body.record)) &&
           tr_register_verify(&admission->body, &admission->head, certify->sign_key);
}

/* Whether it was seen at this ip, by whatever transport. */
static bool has_ip(const struct tr_admission *admission, const struct tryst_address *address)
{
    for (size_t i = 0; i < admission->candidate_count; i++) {
        const struct tr_candidate *known = &admission->candidates[i];

        if (known->kind != TRYST_KIND_HOST && tr_ip_is_same(&known->address, address))
            return true;
    }
    return tr_ip_is_same(&admission->from, address);
}

/* An address that is listed already is listed once. */
static void add(struct tr_admission *admission, const struct tr_candidate *candidate)
{
    for (size_t i = 0; i < admission->candidate_count; i++)
        if (tryst_address_compare(&admission->candidates[i].address, &candidate->address) == 0)
            return;
    assert(admission->candidate_count < TR_CANDIDATES_MAX);
    admission->candidates[admission->candidate_count++] = *candidate;
}

/* A participant names no address that others could be aimed at: only what is near it, or what it
 * was seen at. `address` is canonical. */
static bool is_allowed(const struct tr_admission *admission, const struct tryst_address *address,
                       const struct tryst_address *to)
{
    if (tr_ip_is_same(address, to) && address->port == to->port)
        return false;
    switch (tryst_address_classify(address)) {
    case TRYST_ADDRESS_PRIVATE:
    case TRYST_ADDRESS_CARRIER:
    case TRYST_ADDRESS_LINK_LOCAL:
        return true;
    case TRYST_ADDRESS_LOOPBACK:
        return tryst_address_classify(&admission->from) == TRYST_ADDRESS_LOOPBACK;
    case TRYST_ADDRESS_PUBLIC:
    case TRYST_ADDRESS_RESERVED: /* documentation ranges, in laboratories */
        return has_ip(admission, address);
    default:
        return false;
    }
}

bool tr_admission_gather(struct tr_admission *admission, const struct tr_certify *certify,
                         uint64_t unix_s, const struct tryst_address *to)
{
    const struct tr_register_body *body = &admission->body;
    struct tr_candidate candidate = tr_admission_seen(&admission->from);

    if (1 + body->proven_count + body->local_count > TR_CANDIDATES_MAX)
        return false;
    /* No hello gets to where a stream came from. */
    if (admission->from.transport == TRYST_TRANSPORT_UDP)
        add(admission, &candidate);
    for (size_t i = 0; i < body->proven_count; i++) {
        const struct tr_proven *proven = &body->proven[i];
        struct tryst_address address = tryst_address_canonical(&proven->candidate.address);

        candidate = tr_admission_seen(&address);
        if (tr_certify_cookie_is_good(certify, &proven->cookie, unix_s, &address,
                                      admission->head.app))
            add(admission, &candidate);
        else
            admission->left_out++;
    }
    for (size_t i = 0; i < body->local_count; i++) {
        candidate.address = tryst_address_canonical(&body->local[i].address);
        candidate.address.scope = 0;
        candidate.kind = body->local[i].kind == TRYST_KIND_MAPPED && candidate.address.family == 4
                             ? TRYST_KIND_MAPPED
                             : TRYST_KIND_HOST;
        if (is_allowed(admission, &candidate.address, to))
            add(admission, &candidate);
        else
            admission->left_out++;
    }
    return true;
}

void tr_admission_clear(struct tr_admission *admission)
{
    tr_seal_wipe(admission->shared, sizeof admission->shared);
}
