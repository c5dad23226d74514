/* A REGISTER read and judged by itself: seal, signatures, and the addresses that others may be
 * told.
 * SPDX-License-Identifier: MIT */
#ifndef TR_ADMISSION_H
#define TR_ADMISSION_H

#include "server/certify.h"

struct tr_admission {
    struct tr_register head;
    struct tr_register_body body;
    struct tryst_address from; /* canonical */
    uint8_t shared[TR_KEY];    /* dh(e, S_kx) */
    uint8_t hash[TR_KEY];      /* of the whole datagram */
    uint8_t candidate_count;
    struct tr_candidate candidates[TR_CANDIDATES_MAX];
    uint32_t left_out; /* addresses that were named and are not for others */
};

/* What an address that the server itself saw is called in the roster, and in answers. address:
 * canonical; its transport is left out. */
struct tr_candidate tr_admission_seen(const struct tryst_address *address);

/* Reads the head, checks the cookie and hashes the whole: nothing dearer than that. */
enum tr_drop tr_admission_read(struct tr_admission *admission, const struct tr_certify *certify,
                               uint64_t unix_s, const struct tryst_address *from, const void *data,
                               size_t size);

/* Opens the seal and reads the body. */
enum tr_drop tr_admission_open(struct tr_admission *admission, const struct tr_certify *certify,
                               const void *data, size_t size);

/* Whether the identity signed it. knows_record: its record was verified before. */
bool tr_admission_is_signed(const struct tr_admission *admission, const struct tr_certify *certify,
                            bool knows_record);

/* Makes the list of its addresses. to: the server's own address, canonical. false: it named more
 * addresses than a participant may have. */
bool tr_admission_gather(struct tr_admission *admission, const struct tr_certify *certify,
                         uint64_t unix_s, const struct tryst_address *to);

void tr_admission_clear(struct tr_admission *admission);

#endif
