/* One session as the server keeps it: its members in the order of their last change, who has gone,
 * and the pages that tell a participant what changed.
 * SPDX-License-Identifier: MIT */
#ifndef TR_MEMBERSHIP_H
#define TR_MEMBERSHIP_H

#include "lib/wire/message.h"
#include "server/alarms.h"
#include "server/limiter.h"

enum { TR_ENTRY_HASH = 16, TR_DEPARTURES_MAX = 256 };

/* A member as the others are told of it. Its participant owns the struct, this room the rest. */
struct tr_entry {
    struct tr_entry *older; /* changed before this one */
    struct tr_entry *newer;
    uint64_t version; /* of the last change; 0: in no session */
    uint64_t epoch;
    uint8_t identity[TR_KEY];
    uint8_t hash[TR_ENTRY_HASH]; /* of bytes */
    uint8_t *bytes;              /* struct tr_member as on the wire */
    uint16_t size;
    uint16_t slot;  /* unique in the session while it lasts */
    uint8_t hiding; /* enum tryst_policy_addresses: what the others are told */
};

struct tr_departure {
    uint64_t version;
    uint64_t epoch;
    uint8_t identity[TR_KEY];
    uint16_t reason;
};

struct tr_membership {
    uint8_t app[TR_APP_BYTES];
    uint8_t session[TR_SESSION_BYTES];
    uint32_t index;            /* in the registry */
    uint32_t count;            /* members */
    uint32_t hiding_count;     /* entries that hide some of their addresses */
    uint16_t participants_max; /* by the operator's rules; 0: as the limits say */
    uint64_t fence;            /* names this life of the session */
    uint64_t version;
    uint64_t slots[TR_PARTICIPANTS_MAX / 64]; /* bits of those taken */
    uint8_t hash[TR_ENTRY_HASH];              /* of all members, XORed */
    struct tr_entry *oldest;
    struct tr_entry *newest;
    struct tr_departure *gone; /* a ring, by version */
    uint16_t gone_size;
    uint16_t gone_first;
    uint16_t gone_count;
    uint64_t forgotten; /* departures up to this version are not remembered */
    uint64_t announced; /* changes up to this version were told to all */
    struct tr_bucket rounds;
    struct tr_quota relayed; /* of what its members send through the relay */
    struct tr_alarm alarm;
};

void tr_membership_init(struct tr_membership *membership, const uint8_t app[TR_APP_BYTES],
                        const uint8_t session[TR_SESSION_BYTES], uint64_t fence);
void tr_membership_clear(struct tr_membership *membership);

/* The lowest slot that nobody has; there must be one. */
uint16_t tr_membership_free_slot(const struct tr_membership *membership);

/* The member that has a slot; NULL. */
struct tr_entry *tr_membership_at(const struct tr_membership *membership, uint16_t slot);

/* Puts what the others shall know of a member in the place of what they knew; the entry's
 * identity, epoch and slot are set by the caller. Returns 1 for a change, 0 when nothing is new,
 * -1 when there is no memory and nothing was changed. */
int tr_membership_set(struct tr_membership *membership, struct tr_entry *entry,
                      const struct tr_member *member);

/* Sets which of its addresses the others are told (enum tryst_policy_addresses), and it of theirs: what
 * somebody hides, it does not see either, or its hellos would show it. Before anybody is told of the entry
 * as it is now. */
void tr_membership_hide(struct tr_membership *membership, struct tr_entry *entry, uint8_t hiding);

/* Takes a member out and remembers its departure. */
void tr_membership_remove(struct tr_membership *membership, struct tr_entry *entry,
                          uint16_t reason);

/* Whether this epoch of an identity is known to have left by its own word. */
bool tr_membership_was_left(const struct tr_membership *membership, const uint8_t identity[TR_KEY],
                            uint64_t epoch);

/* Gives back memory for departures that a session of this size need not remember. */
void tr_membership_trim(struct tr_membership *membership);

/* Writes the entries of a page: what changed after `from`, as far as it fits, without the asker,
 * and without departures up to `base`; from 0 the roster starts anew. not_to: the page shall not
 * end at this version. page is filled. */
void tr_membership_page(const struct tr_membership *membership, const struct tr_entry *asker,
                        uint64_t from, uint64_t base, uint64_t not_to, struct tr_page *page,
                        struct tr_writer *writer);

/* The hash of the roster, without the asker. */
void tr_membership_hash(const struct tr_membership *membership, const struct tr_entry *asker,
                        uint8_t hash[TR_ENTRY_HASH]);

/* Whether a member's record has exactly these contents. */
bool tr_entry_has_record(const struct tr_entry *entry, const struct tr_record *record);

#endif
