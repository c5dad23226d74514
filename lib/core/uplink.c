/* BIND out, COOKIE in.
 * SPDX-License-Identifier: MIT */
#include "lib/core/uplink.h"

#include "lib/base/bytes.h"
#include "lib/core/candidate.h"
#include <string.h>

/* Pauses after each of 8 tries, give or take a fifth; then slowly for ever. No round trip is known yet,
 * so the first ones are close: a player waits behind them. */
static const uint16_t retry_ms[] = {15, 25, 50, 100, 250, 500, 1000, 1600};
#define SLOW_RETRY_US (5 * TR_S)
#define SLOW_RETRY_LEAST_US (1 * TR_S) /* however often it is asked for */
#define SPARE_RETRY_US (15 * TR_S)     /* where another uplink answers */
/* A server that was lost is looked for closely at first, as one that was killed is soon back. */
#define LOST_RETRY_US (1 * TR_S)
#define LOST_CLOSE_US (60 * TR_S)
/* A cookie that took longer lay in the socket of a game that was held: all pauses go by its trip. */
#define TRIP_MAX_US (2 * TR_S)
enum { TRIES = sizeof retry_ms / sizeof retry_ms[0], NONCE_FIXED = 12 };

static uint64_t jittered(uint64_t pause, struct tr_random *random)
{
    return pause * 4 / 5 + tr_random_below(random, pause * 2 / 5 + 1);
}

bool tr_uplink_is_usable(const struct tr_uplink *uplink, uint64_t now_us)
{
    return uplink->is_live && now_us - uplink->cookie_us < TR_COOKIE_VALID_US;
}

void tr_uplink_doubt(struct tr_uplink *uplink, uint64_t now_us)
{
    uplink->is_live = false;
    uplink->tries = 0;
    uplink->next_us = now_us;
}

static bool has_datagrams(const struct tr_rendezvous *rendezvous, uint64_t now_us)
{
    for (size_t i = 0; i < rendezvous->uplink_count; i++)
        if (rendezvous->uplinks[i].server.transport == TRYST_TRANSPORT_UDP &&
            tr_uplink_is_usable(&rendezvous->uplinks[i], now_us))
            return true;
    return false;
}

/* A stream waits for what UDP does; the one that carries the registration does not. */
static void stream_refresh(struct tr_rendezvous *rendezvous, struct tr_uplink *uplink, bool is_used,
                           uint64_t now_us, bool all)
{
    bool is_asked = uplink->tries > 0 && uplink->tries < TRIES && uplink->next_us != TR_NEVER;
    if (all || !tr_uplink_is_usable(uplink, now_us))
        uplink->is_live = false;
    if (is_asked || uplink->is_live)
        return;
    uplink->tries = 0;
    bool is_now = is_used && rendezvous->state == TR_RENDEZVOUS_REGISTERED;
    uplink->next_us = is_now ? now_us : now_us + TR_STREAM_AFTER_US;
}

void tr_uplinks_refresh(struct tr_rendezvous *rendezvous, uint64_t now_us, bool all)
{
    for (size_t i = 0; i < rendezvous->uplink_count; i++) {
        struct tr_uplink *uplink = &rendezvous->uplinks[i];
        if (uplink->server.transport != TRYST_TRANSPORT_UDP) {
            stream_refresh(rendezvous, uplink, i == rendezvous->uplink, now_us, all);
            continue;
        }
        bool is_fresh = uplink->is_live && now_us - uplink->cookie_us < TR_COOKIE_FRESH_US;
        bool is_asked = uplink->tries > 0 && uplink->tries < TRIES && uplink->next_us != TR_NEVER;
        if (all)
            uplink->is_live = false; /* its address may be another by now */
        if (is_fresh && !all)        /* the channel that kept it is gone: renew it in time */
            tr_sooner(&uplink->next_us, uplink->cookie_us + TR_COOKIE_FRESH_US);
        if (is_asked || (is_fresh && !all))
            continue;
        if (uplink->tries == TRIES) { /* silent so far: one more try, not another series */
            uint64_t soon = uplink->sent_us + SLOW_RETRY_LEAST_US;
            tr_sooner(&uplink->next_us, soon > now_us ? soon : now_us);
            continue;
        }
        uplink->tries = 0;
        uplink->next_us = now_us;
    }
}

static void bind_send(struct tr_rendezvous *rendezvous, struct tr_uplink *uplink, uint64_t now_us,
                      struct tr_outbox *outbox, struct tr_random *random)
{
    struct tr_datagram *datagram = tr_outbox_push(outbox);
    if (datagram == NULL)
        return;
    struct tr_bind bind = {.type = TR_BIND, .version = TR_VERSION, .magic = TR_MAGIC};
    if (uplink->tries == 0) {
        tr_random_bytes(random, uplink->nonce, sizeof uplink->nonce);
        uplink->asked_us = now_us;
    }
    /* The time of sending rides in the last four bytes, so that each try measures its own trip. */
    tr_put_u32(uplink->nonce + NONCE_FIXED, (uint32_t)now_us);
    memcpy(bind.app, rendezvous->app, sizeof bind.app);
    memcpy(bind.nonce, uplink->nonce, sizeof bind.nonce);
    datagram->to = uplink->server;
    datagram->from = uplink->local;
    datagram->socket = uplink->socket;
    datagram->size = (uint16_t)tr_envelope_clear(&tr_layout_bind, &bind, datagram->data);
    uplink->sent_us = now_us;
}

/* An uplink that answers, but not as it must, says more than others that are silent. */
static void say_lost(struct tr_rendezvous *rendezvous, uint16_t reason)
{
    for (size_t i = 0; i < rendezvous->uplink_count; i++) {
        const struct tr_uplink *uplink = &rendezvous->uplinks[i];
        if (uplink->is_live || uplink->tries < TRIES)
            return;
        if (reason == TRYST_REASON_SILENT && uplink->refusal != TRYST_REASON_NONE)
            reason = uplink->refusal;
    }
    if (rendezvous->is_lost)
        return;
    rendezvous->is_lost = true;
    tr_rendezvous_fact(
        rendezvous,
        &(struct tr_fact){.kind = TR_FACT_LOST, .stage = TRYST_STAGE_COOKIE, .reason = reason});
}

/* Counts a try and says how long to wait for its cookie. */
static uint64_t retry_pause(struct tr_rendezvous *rendezvous, struct tr_uplink *uplink,
                            uint64_t now_us)
{
    uint64_t pause = retry_ms[uplink->tries < TRIES ? uplink->tries : TRIES - 1] * TR_MS;
    uint64_t known = (uint64_t)uplink->rtt_us * 5 / 4; /* from an earlier cookie */
    if (uplink->tries < TRIES)
        uplink->tries++;
    if (uplink->tries < TRIES)
        return pause > known ? pause : known;
    uplink->is_live = uplink->is_live && now_us - uplink->cookie_us < TR_COOKIE_VALID_US;
    say_lost(rendezvous,
             uplink->refusal != TRYST_REASON_NONE ? uplink->refusal : TRYST_REASON_SILENT);
    for (size_t i = 0; i < rendezvous->uplink_count; i++)
        if (rendezvous->uplinks[i].is_live)
            return SPARE_RETRY_US;
    return now_us - uplink->asked_us < LOST_CLOSE_US ? LOST_RETRY_US : SLOW_RETRY_US;
}

void tr_uplinks_tick(struct tr_rendezvous *rendezvous, uint64_t now_us, struct tr_outbox *outbox,
                     struct tr_random *random)
{
    for (size_t i = 0; i < rendezvous->uplink_count; i++) {
        struct tr_uplink *uplink = &rendezvous->uplinks[i];
        if (!tr_is_due(uplink->next_us, now_us))
            continue;
        if (uplink->server.transport != TRYST_TRANSPORT_UDP && has_datagrams(rendezvous, now_us)) {
            uplink->next_us = TR_NEVER; /* not needed */
            uplink->tries = 0;
            continue;
        }
        bind_send(rendezvous, uplink, now_us, outbox, random);
        uplink->next_us = now_us + jittered(retry_pause(rendezvous, uplink, now_us), random);
    }
}

/* Judges the certificate; the same bytes are judged once. */
static uint16_t certificate_judge(struct tr_rendezvous *rendezvous, uint64_t now_us,
                                  const struct tr_certificate *certificate)
{
    uint8_t hash[16];
    tr_certificate_hash(hash, certificate);
    bool is_known =
        rendezvous->has_certificate && memcmp(hash, rendezvous->certificate_hash, sizeof hash) == 0;
    if (!is_known && (certificate->version != TR_VERSION ||
                      !tr_certificate_verify(certificate, rendezvous->root)))
        return TRYST_REASON_BAD_CERTIFICATE;
    uint64_t unix_s = rendezvous->unix_ms / 1000 + (now_us - rendezvous->created_us) / TR_S;
    if (rendezvous->unix_ms != 0 &&
        (unix_s < certificate->not_before_s || unix_s > certificate->not_after_s))
        return TRYST_REASON_STALE_CERTIFICATE;
    rendezvous->certificate = *certificate;
    rendezvous->has_certificate = true;
    memcpy(rendezvous->certificate_hash, hash, sizeof hash);
    return TRYST_REASON_NONE;
}

/* The trip that a cookie tells of. Nothing protects those bytes on their way, so a time at which no
 * BIND left is no trip: UINT32_MAX. */
static uint32_t trip(const struct tr_uplink *uplink, uint64_t now_us, const uint8_t nonce[16])
{
    uint32_t took = (uint32_t)now_us - tr_get_u32(nonce + NONCE_FIXED);
    bool is_possible = took <= now_us - uplink->asked_us && took >= now_us - uplink->sent_us;
    return is_possible ? took : UINT32_MAX;
}

static struct tr_uplink *find(struct tr_rendezvous *rendezvous, const struct tryst_address *from,
                              const uint8_t nonce[16])
{
    for (size_t i = 0; i < rendezvous->uplink_count; i++) {
        struct tr_uplink *uplink = &rendezvous->uplinks[i];
        if (uplink->tries > 0 && memcmp(uplink->nonce, nonce, NONCE_FIXED) == 0 &&
            tryst_address_compare(&uplink->server, from) == 0)
            return uplink;
    }
    return NULL;
}

/* Whether a cookie's address is not among those that the server names for us. */
static bool is_news(const struct tr_rendezvous *rendezvous, const struct tr_uplink *uplink)
{
    const struct tr_uplink *used = &rendezvous->uplinks[rendezvous->uplink];
    if (used->server.transport != TRYST_TRANSPORT_UDP)
        return true; /* datagrams go through again */
    if (tr_candidate_is_same(&rendezvous->seen, &uplink->seen))
        return false;
    for (size_t i = 0; i < rendezvous->proven_count; i++)
        if (tr_candidate_is_same(&rendezvous->proven[i], &uplink->seen))
            return false;
    /* a further socket's goes before the others */
    return uplink->socket != 0 || rendezvous->proven_count < TR_PROVEN_MAX;
}

/* The server's other port and address. Nobody signs them: what a forger names gets a few BINDs. */
static void others_take(struct tr_uplink *uplink, const struct tr_cookie_reply *reply)
{
    struct tr_candidate other = tr_candidate_canonical(&reply->other);
    bool is_loopback = tryst_address_classify(&uplink->server) == TRYST_ADDRESS_LOOPBACK;
    uplink->other_port = reply->other_port != uplink->server.port ? reply->other_port : 0;
    uplink->other = other.address;
    if (other.address.family != uplink->server.family ||
        memcmp(other.address.ip, uplink->server.ip, sizeof other.address.ip) == 0 ||
        !tr_candidate_is_usable(&other, is_loopback))
        uplink->other = (struct tryst_address){0};
}

static void cookie_take(struct tr_rendezvous *rendezvous, struct tr_uplink *uplink, uint64_t now_us,
                        const struct tr_cookie_reply *reply, struct tr_random *random)
{
    bool was_live = uplink->is_live;
    struct tr_candidate seen = reply->seen;
    tr_cookie_mask(&seen, reply->nonce);
    uplink->seen = tr_candidate_canonical(&seen);
    others_take(uplink, reply);
    uplink->cookie = reply->cookie;
    uplink->cookie_us = now_us;
    uint32_t took = trip(uplink, now_us, reply->nonce);
    uplink->rtt_us = took < TRIP_MAX_US ? took : TRIP_MAX_US;
    uplink->tries = 0;
    uplink->refusal = TRYST_REASON_NONE;
    uplink->is_live = true;
    uplink->next_us = rendezvous->state == TR_RENDEZVOUS_REGISTERED
                          ? TR_NEVER
                          : now_us + jittered(TR_COOKIE_FRESH_US, random);
    if (rendezvous->state != TR_RENDEZVOUS_IDLE && rendezvous->sequence > 0 &&
        uplink->server.transport == TRYST_TRANSPORT_UDP && is_news(rendezvous, uplink))
        rendezvous->is_dirty = true;
    bool is_first = !was_live && rendezvous->state == TR_RENDEZVOUS_IDLE;
    for (size_t i = 0; i < rendezvous->uplink_count; i++)
        if (&rendezvous->uplinks[i] != uplink && rendezvous->uplinks[i].is_live)
            is_first = false;
    if (is_first || !rendezvous->is_welcome) {
        rendezvous->is_welcome = true;
        tr_rendezvous_fact(rendezvous, &(struct tr_fact){.kind = TR_FACT_COOKIE});
        if (rendezvous->state == TR_RENDEZVOUS_IDLE)
            rendezvous->is_lost = false;
    }
}

enum tr_drop tr_uplinks_input(struct tr_rendezvous *rendezvous, uint64_t now_us,
                              const struct tryst_address *from, const void *data, size_t size,
                              struct tr_random *random)
{
    struct tr_cookie_reply reply;
    if (!tr_envelope_head(&tr_layout_cookie_reply, &reply, data, size))
        return TR_DROP_SHORT;
    struct tr_uplink *uplink = find(rendezvous, from, reply.nonce);
    if (uplink == NULL || trip(uplink, now_us, reply.nonce) == UINT32_MAX)
        return TR_DROP_COOKIE;
    uint16_t reason = certificate_judge(rendezvous, now_us, &reply.certificate);
    if (reason == TRYST_REASON_NONE && (reply.versions & 1U << TR_VERSION) == 0)
        reason = TRYST_REASON_VERSION;
    if (reason != TRYST_REASON_NONE) {
        uplink->refusal = (uint8_t)reason;
        if (uplink->tries < TRIES)
            uplink->tries = TRIES; /* it answers, but nothing we may use: slowly from now on */
        uplink->next_us = now_us + SLOW_RETRY_US;
        say_lost(rendezvous, reason);
        return TR_DROP_SIGNATURE;
    }
    cookie_take(rendezvous, uplink, now_us, &reply, random);
    return TR_DROP_NONE;
}

uint64_t tr_uplinks_deadline(const struct tr_rendezvous *rendezvous)
{
    uint64_t next = TR_NEVER;
    for (size_t i = 0; i < rendezvous->uplink_count; i++)
        tr_sooner(&next, rendezvous->uplinks[i].next_us);
    return next;
}
