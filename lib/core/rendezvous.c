/* What joins uplinks, registration and channel.
 * SPDX-License-Identifier: MIT */
#include "lib/core/rendezvous.h"

#include "lib/core/candidate.h"
#include "lib/core/channel.h"
#include "lib/core/registration.h"
#include "lib/core/uplink.h"
#include <string.h>

/* One uplink is left for a further socket. */
enum { UPLINKS_OWN = TR_UPLINKS_MAX - 1 };

/* A server that was heard so lately is not asked. */
#define CHECK_US (500 * TR_MS)

void tr_rendezvous_init(struct tr_rendezvous *rendezvous, const struct tryst_identity *identity,
                        const uint8_t root[TR_KEY], const uint8_t app[TR_APP_BYTES],
                        uint64_t now_us, uint64_t unix_ms)
{
    memset(rendezvous, 0, sizeof *rendezvous);
    rendezvous->identity = identity;
    memcpy(rendezvous->root, root, TR_KEY);
    memcpy(rendezvous->app, app, TR_APP_BYTES);
    rendezvous->created_us = now_us;
    rendezvous->unix_ms = unix_ms;
    rendezvous->dirty_us = TR_NEVER;
}

void tr_rendezvous_clear(struct tr_rendezvous *rendezvous)
{
    tr_seal_wipe(rendezvous, sizeof *rendezvous);
}

static bool has_uplink(const struct tr_rendezvous *rendezvous, const struct tryst_address *server,
                       const struct tryst_address *local)
{
    for (size_t i = 0; i < rendezvous->uplink_count; i++)
        if (rendezvous->uplinks[i].socket == 0 &&
            tryst_address_compare(&rendezvous->uplinks[i].server, server) == 0 &&
            tryst_address_compare(&rendezvous->uplinks[i].local, local) == 0 &&
            rendezvous->uplinks[i].local.scope == local->scope)
            return true;
    return false;
}

static void uplink_add(struct tr_rendezvous *rendezvous, uint64_t now_us,
                       const struct tryst_address *server, const struct tryst_address *local)
{
    if (rendezvous->uplink_count >= UPLINKS_OWN || has_uplink(rendezvous, server, local))
        return;
    rendezvous->uplinks[rendezvous->uplink_count++] =
        (struct tr_uplink){.server = *server, .local = *local, .next_us = now_us};
    if (server->transport != TRYST_TRANSPORT_UDP) /* where UDP fails */
        rendezvous->uplinks[rendezvous->uplink_count - 1].next_us = now_us + TR_STREAM_AFTER_US;
}

static bool is_among(const struct tr_uplink *uplink, const struct tryst_address *servers,
                     size_t server_count, const struct tryst_address *extra, size_t extra_count)
{
    bool has_server = false;
    bool has_local = uplink->local.family == 0;
    for (size_t i = 0; i < server_count; i++)
        has_server = has_server || tryst_address_compare(&uplink->server, &servers[i]) == 0;
    for (size_t i = 0; i < extra_count; i++)
        has_local = has_local || (tryst_address_compare(&uplink->local, &extra[i]) == 0 &&
                                  uplink->local.scope == extra[i].scope);
    return has_server && has_local;
}

void tr_rendezvous_set_uplinks(struct tr_rendezvous *rendezvous, uint64_t now_us,
                               const struct tryst_address *servers, size_t server_count,
                               const struct tryst_address *extra, size_t extra_count)
{
    const struct tryst_address any = {0};
    for (uint8_t i = rendezvous->uplink_count; i > 0; i--) {
        uint8_t index = (uint8_t)(i - 1);
        if (is_among(&rendezvous->uplinks[index], servers, server_count, extra, extra_count))
            continue;
        uint8_t last = --rendezvous->uplink_count;
        rendezvous->uplinks[index] = rendezvous->uplinks[last];
        if (rendezvous->uplink == index && rendezvous->state != TR_RENDEZVOUS_IDLE)
            tr_registration_start(rendezvous, now_us); /* the one we registered over is gone */
        else if (rendezvous->uplink == last)
            rendezvous->uplink = index;
    }
    for (size_t i = 0; i < server_count; i++)
        if (servers[i].transport == TRYST_TRANSPORT_UDP ||
            rendezvous->uplink_count + server_count - i <= UPLINKS_OWN)
            uplink_add(rendezvous, now_us, &servers[i], &any);
    for (size_t i = 0; i < server_count; i++)
        for (size_t j = 0; j < extra_count; j++)
            if (extra[j].family == servers[i].family && servers[i].transport == TRYST_TRANSPORT_UDP)
                uplink_add(rendezvous, now_us, &servers[i], &extra[j]);
    if (rendezvous->uplink >= rendezvous->uplink_count)
        rendezvous->uplink = 0;
}

static struct tr_uplink *uplink_of(struct tr_rendezvous *rendezvous, uint8_t socket)
{
    for (uint8_t i = 0; i < rendezvous->uplink_count; i++)
        if (rendezvous->uplinks[i].socket == socket)
            return &rendezvous->uplinks[i];
    return NULL;
}

static bool is_ipv4(const struct tr_uplink *uplink)
{
    return uplink->server.family == 4 && uplink->server.transport == TRYST_TRANSPORT_UDP;
}

bool tr_rendezvous_open_socket(struct tr_rendezvous *rendezvous, uint8_t socket, uint64_t now_us)
{
    const struct tr_uplink *used = &rendezvous->uplinks[rendezvous->uplink];
    for (uint8_t i = 0; i < rendezvous->uplink_count && !is_ipv4(used); i++)
        if (is_ipv4(&rendezvous->uplinks[i]) && rendezvous->uplinks[i].is_live)
            used = &rendezvous->uplinks[i]; /* IPv6 only carries the registration */
    if (rendezvous->state != TR_RENDEZVOUS_REGISTERED ||
        rendezvous->uplink_count == TR_UPLINKS_MAX || !is_ipv4(used))
        return false;
    rendezvous->uplinks[rendezvous->uplink_count++] =
        (struct tr_uplink){.server = used->server, .socket = socket, .next_us = now_us};
    return true;
}

void tr_rendezvous_close_socket(struct tr_rendezvous *rendezvous, uint8_t socket)
{
    struct tr_uplink *uplink = uplink_of(rendezvous, socket);
    if (uplink == NULL)
        return;
    bool was_told = uplink->is_live && rendezvous->state != TR_RENDEZVOUS_IDLE;
    uint8_t last = --rendezvous->uplink_count;
    if (rendezvous->uplink == last)
        rendezvous->uplink = (uint8_t)(uplink - rendezvous->uplinks);
    *uplink = rendezvous->uplinks[last];
    rendezvous->is_dirty = rendezvous->is_dirty || was_told;
}

bool tr_rendezvous_has_socket(struct tr_rendezvous *rendezvous, uint8_t socket)
{
    const struct tr_uplink *uplink = uplink_of(rendezvous, socket);
    return uplink != NULL && uplink->is_live;
}

void tr_rendezvous_set_locals(struct tr_rendezvous *rendezvous, uint64_t now_us,
                              const struct tryst_address *locals, size_t count)
{
    struct tr_candidate list[TR_CANDIDATES_MAX];
    size_t used = 0;
    for (size_t i = 0; i < count; i++)
        used = tr_candidate_add(list, used, TR_CANDIDATES_MAX,
                                &(struct tr_candidate){locals[i], TRYST_KIND_HOST}, true);
    bool is_same = used == rendezvous->local_count;
    for (size_t i = 0; is_same && i < used; i++)
        is_same = tr_candidate_is_same(&list[i], &rendezvous->locals[i]);
    if (is_same)
        return;
    memcpy(rendezvous->locals, list, sizeof list[0] * used);
    rendezvous->local_count = (uint8_t)used;
    if (rendezvous->state == TR_RENDEZVOUS_IDLE)
        return;
    rendezvous->is_dirty = true;
    tr_uplinks_refresh(rendezvous, now_us, true);
}

void tr_rendezvous_set_mapped(struct tr_rendezvous *rendezvous, const struct tryst_address *mapped)
{
    struct tr_nat *nat = &rendezvous->nat;
    if (tryst_address_compare(&rendezvous->mapped, mapped) == 0)
        return;
    rendezvous->mapped = *mapped;
    nat->flags =
        (uint8_t)((nat->flags & ~TR_NAT_MAPPED) | (mapped->family != 0 ? TR_NAT_MAPPED : 0));
    if (rendezvous->state != TR_RENDEZVOUS_IDLE)
        rendezvous->is_dirty = true;
}

void tr_rendezvous_join(struct tr_rendezvous *rendezvous, uint64_t now_us,
                        const uint8_t session[TR_SESSION_BYTES], const void *data, size_t size,
                        struct tr_random *random)
{
    struct tr_record *record = &rendezvous->record;
    /* grows with every join, over restarts too, as wall clocks do, and though time stands still */
    uint64_t epoch = rendezvous->unix_ms * TR_MS + (now_us - rendezvous->created_us) + 1;
    epoch = epoch > record->epoch ? epoch : record->epoch + 1;
    *record = (struct tr_record){.version = TR_VERSION,
                                 .versions = 1U << TR_VERSION,
                                 .caps = rendezvous->caps,
                                 .epoch = epoch};
    memcpy(record->session, session, TR_SESSION_BYTES);
    memcpy(record->identity, rendezvous->identity->public_key, TR_KEY);
    tr_random_bytes(random, rendezvous->e, TR_KEY);
    tr_seal_dh_public(record->ge, rendezvous->e);
    tr_record_sign(record, rendezvous->identity->secret);
    rendezvous->user_data_size = (uint16_t)size;
    if (size > 0)
        memcpy(rendezvous->user_data, data, size);
    rendezvous->sequence = 0;
    rendezvous->fence = 0;
    rendezvous->version = 0;
    rendezvous->is_lost = false;
    tr_registration_start(rendezvous, now_us);
}

void tr_rendezvous_leave(struct tr_rendezvous *rendezvous, uint64_t now_us,
                         struct tr_outbox *outbox)
{
    tr_channel_leave(rendezvous, outbox);
    rendezvous->state = TR_RENDEZVOUS_IDLE;
    rendezvous->is_asking = false;
    rendezvous->is_dirty = false;
    rendezvous->dirty_us = TR_NEVER;
    rendezvous->has_page = false;
    rendezvous->fact_count = 0;
    tr_seal_wipe(rendezvous->e, sizeof rendezvous->e);
    tr_seal_wipe(&rendezvous->keys, sizeof rendezvous->keys);
    tr_uplinks_refresh(rendezvous, now_us, false);
}

static bool is_server(const struct tr_rendezvous *rendezvous, const struct tryst_address *from)
{
    for (size_t i = 0; i < rendezvous->uplink_count; i++)
        if (tryst_address_compare(&rendezvous->uplinks[i].server, from) == 0)
            return true;
    return false;
}

/* The channel broke: registers again. */
static void mend(struct tr_rendezvous *rendezvous, uint64_t now_us, struct tr_random *random)
{
    if (rendezvous->channel_end != TRYST_REASON_NONE)
        tr_registration_lose(rendezvous, now_us, TRYST_STAGE_SERVER, rendezvous->channel_end,
                             random);
}

static enum tr_drop dispatch(struct tr_rendezvous *rendezvous, uint64_t now_us,
                             const struct tryst_address *from, const void *data, size_t size,
                             struct tr_random *random)
{
    enum tr_drop drop = TR_DROP_NONE;
    switch (*(const uint8_t *)data) {
    case TR_COOKIE:
        return tr_uplinks_input(rendezvous, now_us, from, data, size, random);
    case TR_REGISTERED:
        return tr_registration_answer(rendezvous, now_us, data, size, random);
    case TR_REFUSED:
        return tr_registration_refusal(rendezvous, data, size);
    case TR_CTRL:
        drop = tr_channel_input(rendezvous, now_us, data, size, random);
        mend(rendezvous, now_us, random);
        return drop;
    default:
        return tr_channel_unknown(rendezvous, now_us, data, size);
    }
}

enum tr_drop tr_rendezvous_input(struct tr_rendezvous *rendezvous, uint64_t now_us,
                                 const struct tryst_address *from, const void *data, size_t size,
                                 struct tr_random *random)
{
    uint8_t before = rendezvous->state;
    rendezvous->has_page = false;
    if (!is_server(rendezvous, from))
        return TR_DROP_UNKNOWN;
    enum tr_drop drop = dispatch(rendezvous, now_us, from, data, size, random);
    if (rendezvous->state == TR_RENDEZVOUS_IDLE && before != TR_RENDEZVOUS_IDLE)
        tr_uplinks_refresh(rendezvous, now_us, false); /* out of the session: ready for another */
    return drop;
}

void tr_rendezvous_tick(struct tr_rendezvous *rendezvous, uint64_t now_us, struct tr_outbox *outbox,
                        struct tr_random *random)
{
    tr_channel_tick(rendezvous, now_us, outbox, random);
    mend(rendezvous, now_us, random);
    tr_registration_tick(rendezvous, now_us, outbox, random);
    tr_uplinks_tick(rendezvous, now_us, outbox, random);
}

uint64_t tr_rendezvous_deadline(const struct tr_rendezvous *rendezvous)
{
    uint64_t next = tr_uplinks_deadline(rendezvous);
    tr_sooner(&next, tr_registration_deadline(rendezvous));
    tr_sooner(&next, tr_channel_deadline(rendezvous));
    return next;
}

bool tr_rendezvous_next_entry(struct tr_rendezvous *rendezvous, struct tr_entry *entry)
{
    struct tr_reader *reader = &rendezvous->entries;
    if (!rendezvous->has_page || tr_reader_left(reader) == 0)
        return false;
    entry->kind = (uint8_t)tr_reader_number(reader, 1);
    const uint8_t *start = reader->at;
    if (entry->kind == TR_ENTRY_MEMBER)
        tr_layout_decode(&tr_layout_member, &entry->member, reader);
    else if (entry->kind == TR_ENTRY_GONE)
        tr_layout_decode(&tr_layout_gone, &entry->gone, reader);
    else
        reader->fault = true;
    if (entry->kind == TR_ENTRY_MEMBER && !reader->fault)
        tr_seal_hash(entry->hash, sizeof entry->hash, "tryst1 entry", NULL, 0, start,
                     (size_t)(reader->at - start));
    return !reader->fault;
}

bool tr_rendezvous_take_hash(struct tr_rendezvous *rendezvous, uint8_t hash[16])
{
    bool has_hash = rendezvous->has_hash;
    memcpy(hash, rendezvous->hash, sizeof rendezvous->hash);
    rendezvous->has_hash = false;
    return has_hash;
}

void tr_rendezvous_resync(struct tr_rendezvous *rendezvous)
{
    rendezvous->version = 0;
    rendezvous->wants_page = rendezvous->state == TR_RENDEZVOUS_REGISTERED;
}

void tr_rendezvous_page_done(struct tr_rendezvous *rendezvous, struct tr_outbox *outbox)
{
    if (!rendezvous->has_page)
        return;
    rendezvous->has_page = false;
    if (!rendezvous->entries.fault) /* what cannot be read is asked for again */
        rendezvous->version = rendezvous->page_version;
    tr_channel_acknowledge(rendezvous, outbox);
}

bool tr_rendezvous_wants_outcomes(const struct tr_rendezvous *rendezvous)
{
    return rendezvous->state == TR_RENDEZVOUS_REGISTERED && rendezvous->counts_outcomes;
}

void tr_rendezvous_tell_outcomes(struct tr_rendezvous *rendezvous,
                                 const struct tr_item_outcome *list, size_t count,
                                 struct tr_outbox *outbox)
{
    tr_channel_outcomes(rendezvous, list, count, outbox);
}

bool tr_rendezvous_next_fact(struct tr_rendezvous *rendezvous, struct tr_fact *fact)
{
    if (rendezvous->fact_count == 0)
        return false;
    *fact = rendezvous->facts[0];
    rendezvous->fact_count--;
    memmove(&rendezvous->facts[0], &rendezvous->facts[1],
            rendezvous->fact_count * sizeof rendezvous->facts[0]);
    return true;
}

void tr_rendezvous_roster_hint(struct tr_rendezvous *rendezvous, uint64_t fence, uint64_t version)
{
    if (rendezvous->state == TR_RENDEZVOUS_REGISTERED && fence == rendezvous->fence &&
        version > rendezvous->version)
        rendezvous->wants_page = true;
}

struct tr_candidate tr_rendezvous_public(const struct tr_rendezvous *rendezvous)
{
    struct tr_candidate seen = {0};
    size_t used = rendezvous->uplink;
    if (rendezvous->state != TR_RENDEZVOUS_REGISTERED)
        for (used = 0; used < rendezvous->uplink_count; used++)
            if (rendezvous->uplinks[used].is_live)
                break;
    if (used >= rendezvous->uplink_count)
        return seen;
    seen = rendezvous->state == TR_RENDEZVOUS_REGISTERED ? rendezvous->seen
                                                         : rendezvous->uplinks[used].seen;
    seen.address.transport = rendezvous->uplinks[used].server.transport;
    return seen;
}

void tr_rendezvous_check(struct tr_rendezvous *rendezvous, uint64_t now_us)
{
    if (rendezvous->state != TR_RENDEZVOUS_REGISTERED || rendezvous->pings > 0 ||
        now_us - rendezvous->heard_us < CHECK_US)
        return;
    rendezvous->is_hinted = true;
    tr_sooner(&rendezvous->ping_next_us, now_us);
}

void tr_rendezvous_awake(struct tr_rendezvous *rendezvous, uint64_t now_us)
{
    tr_uplinks_refresh(rendezvous, now_us, true);
    if (rendezvous->state != TR_RENDEZVOUS_REGISTERED)
        return;
    rendezvous->pings = 0;
    rendezvous->heard_us = 0;
    tr_rendezvous_check(rendezvous, now_us);
}
