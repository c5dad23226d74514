/* Members, departures and pages of one session.
 * SPDX-License-Identifier: MIT */
#include "server/membership.h"

#include "lib/seal/seal.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <tryst/policy.h>

enum {
    RECORD_AT = 2, /* in the bytes of an entry: behind the slot */
    GONE_LEAST = 4,
};

void tr_membership_init(struct tr_membership *membership, const uint8_t app[TR_APP_BYTES],
                        const uint8_t session[TR_SESSION_BYTES], uint64_t fence)
{
    memset(membership, 0, sizeof *membership);
    memcpy(membership->app, app, TR_APP_BYTES);
    memcpy(membership->session, session, TR_SESSION_BYTES);
    membership->fence = fence;
}

void tr_membership_clear(struct tr_membership *membership)
{
    assert(membership->count == 0);
    free(membership->gone);
    membership->gone = NULL;
}

uint16_t tr_membership_free_slot(const struct tr_membership *membership)
{
    uint16_t slot = 0;

    while (membership->slots[slot / 64] >> slot % 64 & 1)
        slot++;
    return slot;
}

struct tr_entry *tr_membership_at(const struct tr_membership *membership, uint16_t slot)
{
    struct tr_entry *entry = membership->oldest;

    if (slot >= TR_PARTICIPANTS_MAX || (membership->slots[slot / 64] >> slot % 64 & 1) == 0)
        return NULL;
    while (entry != NULL && entry->slot != slot)
        entry = entry->newer;
    return entry;
}

static void mix_hash(struct tr_membership *membership, const struct tr_entry *entry)
{
    for (size_t i = 0; i < TR_ENTRY_HASH; i++)
        membership->hash[i] ^= entry->hash[i];
}

static void take_out(struct tr_membership *membership, struct tr_entry *entry)
{
    *(entry->older != NULL ? &entry->older->newer : &membership->oldest) = entry->newer;
    *(entry->newer != NULL ? &entry->newer->older : &membership->newest) = entry->older;
}

static void append(struct tr_membership *membership, struct tr_entry *entry)
{
    entry->version = ++membership->version;
    entry->older = membership->newest;
    entry->newer = NULL;
    *(entry->older != NULL ? &entry->older->newer : &membership->oldest) = entry;
    membership->newest = entry;
}

int tr_membership_set(struct tr_membership *membership, struct tr_entry *entry,
                      const struct tr_member *member)
{
    uint8_t room[TR_DATAGRAM_BYTES];
    struct tr_writer writer;

    tr_writer_init(&writer, room, sizeof room);
    tr_layout_encode(&tr_layout_member, member, &writer);
    assert(!writer.fault);

    size_t size = tr_writer_used(&writer);

    if (entry->version != 0 && entry->size == size && memcmp(entry->bytes, room, size) == 0)
        return 0;

    uint8_t *bytes = malloc(size);

    if (bytes == NULL)
        return -1;
    memcpy(bytes, room, size);
    if (entry->version != 0) {
        mix_hash(membership, entry);
        take_out(membership, entry);
        free(entry->bytes);
    } else {
        membership->slots[entry->slot / 64] |= UINT64_C(1) << entry->slot % 64;
        membership->count++;
    }
    entry->bytes = bytes;
    entry->size = (uint16_t)size;
    tr_seal_hash(entry->hash, sizeof entry->hash, "tryst1 entry", NULL, 0, bytes, size);
    mix_hash(membership, entry);
    append(membership, entry);
    return 1;
}

static struct tr_departure *departure_at(const struct tr_membership *membership, uint32_t i)
{
    return &membership->gone[(membership->gone_first + i) % membership->gone_size];
}

static void forget_oldest(struct tr_membership *membership)
{
    membership->forgotten = departure_at(membership, 0)->version;
    membership->gone_first = (uint16_t)((membership->gone_first + 1) % membership->gone_size);
    membership->gone_count--;
}

static void resize_departures(struct tr_membership *membership, uint16_t size)
{
    struct tr_departure *gone = malloc(size * sizeof *gone);

    if (gone == NULL)
        return;
    while (membership->gone_count > size)
        forget_oldest(membership);
    for (uint32_t i = 0; i < membership->gone_count; i++)
        gone[i] = *departure_at(membership, i);
    free(membership->gone);
    membership->gone = gone;
    membership->gone_size = size;
    membership->gone_first = 0;
}

/* To start anew costs a page an entry; remembering four departures a member is as much as could
 * ever save that, and keeps the memory of small sessions small. */
static uint16_t departures_wanted(const struct tr_membership *membership)
{
    uint16_t size = GONE_LEAST;

    while (size < TR_DEPARTURES_MAX && size < 4 * membership->count)
        size = (uint16_t)(size * 2);
    return size;
}

void tr_membership_trim(struct tr_membership *membership)
{
    uint16_t wanted = departures_wanted(membership);

    if (membership->gone_size > 4 * wanted)
        resize_departures(membership, wanted);
}

static void remember(struct tr_membership *membership, const struct tr_departure *departure)
{
    if (membership->gone_count == membership->gone_size &&
        membership->gone_size < departures_wanted(membership))
        resize_departures(
            membership,
            (uint16_t)(membership->gone_size == 0 ? GONE_LEAST : membership->gone_size * 2));
    if (membership->gone_size == 0) { /* no memory */
        membership->forgotten = departure->version;
        return;
    }
    if (membership->gone_count == membership->gone_size)
        forget_oldest(membership);
    membership->gone_count++;
    *departure_at(membership, membership->gone_count - 1U) = *departure;
}

void tr_membership_remove(struct tr_membership *membership, struct tr_entry *entry, uint16_t reason)
{
    struct tr_departure departure = {
        .version = ++membership->version,
        .epoch = entry->epoch,
        .reason = reason,
    };

    memcpy(departure.identity, entry->identity, TR_KEY);
    remember(membership, &departure);
    mix_hash(membership, entry);
    take_out(membership, entry);
    membership->slots[entry->slot / 64] &= ~(UINT64_C(1) << entry->slot % 64);
    membership->count--;
    free(entry->bytes);
    entry->bytes = NULL;
    entry->version = 0;
    tr_membership_hide(membership, entry, TRYST_POLICY_ADDRESSES_ALL);
}

bool tr_membership_was_left(const struct tr_membership *membership, const uint8_t identity[TR_KEY],
                            uint64_t epoch)
{
    for (uint32_t i = 0; i < membership->gone_count; i++) {
        const struct tr_departure *departure = departure_at(membership, i);

        if (departure->reason == TRYST_REASON_LEAVE && departure->epoch >= epoch &&
            memcmp(departure->identity, identity, TR_KEY) == 0)
            return true;
    }
    return false;
}

void tr_membership_hide(struct tr_membership *membership, struct tr_entry *entry, uint8_t hiding)
{
    bool was = entry->hiding != TRYST_POLICY_ADDRESSES_ALL;
    bool is = hiding != TRYST_POLICY_ADDRESSES_ALL;

    membership->hiding_count += (uint32_t)is - (uint32_t)was;
    entry->hiding = hiding;
}

static void read_member(const struct tr_entry *entry, struct tr_member *member)
{
    struct tr_reader reader;

    tr_reader_init(&reader, entry->bytes, entry->size);
    tr_layout_decode(&tr_layout_member, member, &reader);
    assert(!reader.fault);
}

/* By us, and not said by the participant alone. */
static bool is_seen(const struct tr_candidate *candidate)
{
    return candidate->kind != TRYST_KIND_HOST && candidate->kind != TRYST_KIND_MAPPED;
}

/* Whether two were seen behind one public address. */
static bool is_same_public(const struct tr_member *one, const struct tr_member *other)
{
    for (size_t i = 0; i < one->candidate_count; i++)
        for (size_t k = 0; k < other->candidate_count; k++) {
            const struct tr_candidate *a = &one->candidates[i];
            const struct tr_candidate *b = &other->candidates[k];

            if (is_seen(a) && is_seen(b) && a->address.family == b->address.family &&
                memcmp(a->address.ip, b->address.ip, sizeof a->address.ip) == 0)
                return true;
        }
    return false;
}

/* Leaves out of a member what the asker is not told. */
static void leave_out(struct tr_member *member, const struct tr_entry *entry,
                      const struct tr_entry *asker)
{
    struct tr_member own;
    uint8_t hiding = entry->hiding > asker->hiding ? entry->hiding : asker->hiding;
    uint8_t kept = 0;

    if (hiding == TRYST_POLICY_ADDRESSES_ALL)
        return;
    read_member(asker, &own);
    if (hiding == TRYST_POLICY_ADDRESSES_SAME_PUBLIC && is_same_public(member, &own))
        return;
    for (uint8_t i = 0; i < member->candidate_count; i++)
        if (hiding == TRYST_POLICY_ADDRESSES_SAME_PUBLIC &&
            member->candidates[i].kind != TRYST_KIND_HOST)
            member->candidates[kept++] = member->candidates[i];
    member->candidate_count = kept;
    /* Its ports are its public address's, and of no use without. */
    if (hiding == TRYST_POLICY_ADDRESSES_RELAY_ONLY)
        memset(&member->nat, 0, sizeof member->nat);
}

/* The bytes of a member as the asker is told of it. Returns how many. */
static size_t shown_to(const struct tr_entry *entry, const struct tr_entry *asker,
                       uint8_t room[TR_DATAGRAM_BYTES])
{
    struct tr_member member;
    struct tr_writer writer;

    read_member(entry, &member);
    leave_out(&member, entry, asker);
    tr_writer_init(&writer, room, TR_DATAGRAM_BYTES);
    tr_layout_encode(&tr_layout_member, &member, &writer);
    assert(!writer.fault);
    return tr_writer_used(&writer);
}

static bool write_member(const struct tr_membership *membership, const struct tr_entry *entry,
                         const struct tr_entry *asker, struct tr_writer *writer)
{
    uint8_t room[TR_DATAGRAM_BYTES];
    const uint8_t *bytes = entry->bytes;
    size_t size = entry->size;

    if (membership->hiding_count > 0) {
        size = shown_to(entry, asker, room);
        bytes = room;
    }
    if (tr_writer_left(writer) < 1U + size)
        return false;
    tr_writer_number(writer, TR_ENTRY_MEMBER, 1);
    tr_writer_bytes(writer, bytes, size);
    return true;
}

static bool write_departure(const struct tr_departure *departure, struct tr_writer *writer)
{
    struct tr_gone gone = {.epoch = departure->epoch, .reason = departure->reason};

    memcpy(gone.identity, departure->identity, TR_KEY);
    if (tr_writer_left(writer) < 1 + tr_layout_size_max(&tr_layout_gone))
        return false;
    tr_writer_number(writer, TR_ENTRY_GONE, 1);
    tr_layout_encode(&tr_layout_gone, &gone, writer);
    return true;
}

static const struct tr_entry *first_after(const struct tr_membership *membership, uint64_t version)
{
    const struct tr_entry *entry = membership->newest;
    const struct tr_entry *found = NULL;

    if (version == 0)
        return membership->oldest;
    for (; entry != NULL && entry->version > version; entry = entry->older)
        found = entry;
    return found;
}

static uint32_t first_departure_after(const struct tr_membership *membership, uint64_t version)
{
    uint32_t i = membership->gone_count;

    while (i > 0 && departure_at(membership, i - 1)->version > version)
        i--;
    return i;
}

void tr_membership_page(const struct tr_membership *membership, const struct tr_entry *asker,
                        uint64_t from, uint64_t base, uint64_t not_to, struct tr_page *page,
                        struct tr_writer *writer)
{
    const struct tr_entry *entry = first_after(membership, from);
    uint32_t left = first_departure_after(membership, from > base ? from : base);
    uint8_t *before = writer->at;
    uint64_t before_to = from;

    *page =
        (struct tr_page){.from = from, .to = from, .goal = membership->version, .reset = from == 0};
    while (entry != NULL || left < membership->gone_count) {
        const struct tr_departure *departure =
            left < membership->gone_count ? departure_at(membership, left) : NULL;
        bool is_member =
            departure == NULL || (entry != NULL && entry->version < departure->version);
        uint8_t *at = writer->at;
        bool fits = is_member ? entry == asker || write_member(membership, entry, asker, writer)
                              : write_departure(departure, writer);

        if (!fits) {
            if (page->to == not_to) {
                writer->at = before;
                page->to = before_to;
            }
            return;
        }
        before = at;
        before_to = page->to;
        page->to = is_member ? entry->version : departure->version;
        if (is_member)
            entry = entry->newer;
        else
            left++;
    }
    page->to = membership->version;
}

void tr_membership_hash(const struct tr_membership *membership, const struct tr_entry *asker,
                        uint8_t hash[TR_ENTRY_HASH])
{
    uint8_t room[TR_DATAGRAM_BYTES];
    uint8_t shown[TR_ENTRY_HASH];

    for (size_t i = 0; i < TR_ENTRY_HASH; i++)
        hash[i] = membership->hash[i] ^ asker->hash[i];
    if (membership->hiding_count == 0)
        return;
    for (const struct tr_entry *entry = membership->oldest; entry != NULL; entry = entry->newer) {
        if (entry == asker)
            continue;
        tr_seal_hash(shown, sizeof shown, "tryst1 entry", NULL, 0, room,
                     shown_to(entry, asker, room));
        for (size_t i = 0; i < TR_ENTRY_HASH; i++)
            hash[i] ^= entry->hash[i] ^ shown[i];
    }
}

bool tr_entry_has_record(const struct tr_entry *entry, const struct tr_record *record)
{
    uint8_t room[256];
    struct tr_writer writer;

    tr_writer_init(&writer, room, sizeof room);
    tr_layout_encode(&tr_layout_record, record, &writer);
    return memcmp(entry->bytes + RECORD_AT, room, tr_writer_used(&writer)) == 0;
}
