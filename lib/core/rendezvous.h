/* The talk with the server: cookie, register, roster, ping, leave; over every uplink that answers.
 * SPDX-License-Identifier: MIT */
#ifndef TR_RENDEZVOUS_H
#define TR_RENDEZVOUS_H

#include "lib/core/rendezvous_state.h"

void tr_rendezvous_init(struct tr_rendezvous *rendezvous, const struct tryst_identity *identity,
                        const uint8_t root[TR_KEY], const uint8_t app[TR_APP_BYTES],
                        uint64_t now_us, uint64_t unix_ms);
void tr_rendezvous_clear(struct tr_rendezvous *rendezvous);

/* Which server addresses to ask from which local ones. locals: what the roster shall name; extra: the
 * ones to ask from beside the kernel's own choice. */
void tr_rendezvous_set_uplinks(struct tr_rendezvous *rendezvous, uint64_t now_us,
                               const struct tryst_address *servers, size_t server_count,
                               const struct tryst_address *extra, size_t extra_count);
void tr_rendezvous_set_locals(struct tr_rendezvous *rendezvous, uint64_t now_us,
                              const struct tryst_address *locals, size_t count);

/* One more uplink, by a further socket: its cookie proves its public address, which is registered beside the
 * others. false: not now. */
bool tr_rendezvous_open_socket(struct tr_rendezvous *rendezvous, uint8_t socket, uint64_t now_us);
void tr_rendezvous_close_socket(struct tr_rendezvous *rendezvous, uint8_t socket);

/* Whether the cookie came. */
bool tr_rendezvous_has_socket(struct tr_rendezvous *rendezvous, uint8_t socket);

/* session: its 16-byte id. */
/* A port of the home router that leads to the first socket; family 0: none. */
void tr_rendezvous_set_mapped(struct tr_rendezvous *rendezvous, const struct tryst_address *mapped);

void tr_rendezvous_join(struct tr_rendezvous *rendezvous, uint64_t now_us,
                        const uint8_t session[TR_SESSION_BYTES], const void *data, size_t size,
                        struct tr_random *random);
void tr_rendezvous_leave(struct tr_rendezvous *rendezvous, uint64_t now_us,
                         struct tr_outbox *outbox);

/* A COOKIE, REGISTERED, REFUSED, CTRL or UNKNOWN that passed tr_envelope_check. */
enum tr_drop tr_rendezvous_input(struct tr_rendezvous *rendezvous, uint64_t now_us,
                                 const struct tryst_address *from, const void *data, size_t size,
                                 struct tr_random *random);
void tr_rendezvous_tick(struct tr_rendezvous *rendezvous, uint64_t now_us, struct tr_outbox *outbox,
                        struct tr_random *random);
uint64_t tr_rendezvous_deadline(const struct tr_rendezvous *rendezvous);

/* Roster entries of the datagram that just came in; read them all before the next input. */
struct tr_entry {
    uint8_t kind;     /* enum tr_entry_kind */
    uint8_t hash[16]; /* MEMBER: its part of the roster's hash */
    struct tr_member member;
    struct tr_gone gone;
};
bool tr_rendezvous_next_entry(struct tr_rendezvous *rendezvous, struct tr_entry *entry);

/* After the entries were read: acknowledges the page. */
void tr_rendezvous_page_done(struct tr_rendezvous *rendezvous, struct tr_outbox *outbox);

/* Whether the server just told the hash of the roster at exactly the version that is known. */
bool tr_rendezvous_take_hash(struct tr_rendezvous *rendezvous, uint8_t hash[16]);

/* Our own addresses may be others by now, as peers fell silent: asks the server, unless it was just heard. */
void tr_rendezvous_check(struct tr_rendezvous *rendezvous, uint64_t now_us);

/* Time went on without us: what was known of our addresses counts no more. */
void tr_rendezvous_awake(struct tr_rendezvous *rendezvous, uint64_t now_us);

/* The roster that is known is wrong: asks for all of it. */
void tr_rendezvous_resync(struct tr_rendezvous *rendezvous);

/* Whether the server counts how pairs come out; and telling it: count of them, TR_OUTCOMES_TOLD_MAX at most. */
bool tr_rendezvous_wants_outcomes(const struct tr_rendezvous *rendezvous);
void tr_rendezvous_tell_outcomes(struct tr_rendezvous *rendezvous,
                                 const struct tr_item_outcome *list, size_t count,
                                 struct tr_outbox *outbox);

bool tr_rendezvous_next_fact(struct tr_rendezvous *rendezvous, struct tr_fact *fact);

/* A peer's hello named a newer roster than ours: asks for it. */
void tr_rendezvous_roster_hint(struct tr_rendezvous *rendezvous, uint64_t fence, uint64_t version);

/* Own public address: as registered, else as the first cookie told; family 0 when unknown. Where it was
 * seen by a stream it has that transport: peers cannot use it. */
struct tr_candidate tr_rendezvous_public(const struct tr_rendezvous *rendezvous);

#endif
