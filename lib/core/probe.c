/* Sending, repeating and recognizing probes.
 * SPDX-License-Identifier: MIT */
#include "lib/core/probe.h"

#include "lib/base/bytes.h"
#include <string.h>

/* An answer takes a round trip, a quarter more where the line jitters, and a turn of the game's loop. */
#define WAIT_EXTRA_US (20 * TR_MS)
#define WAIT_MOST_US (1 * TR_S)
/* The nonce: a secret of the round, which probe it is, when it left. */
enum { NONCE_NAME = 11, NONCE_TIME = 12 };

void tr_prober_init(struct tr_prober *prober, const uint8_t app[TR_APP_BYTES], uint32_t rtt_us,
                    struct tr_random *random)
{
    memset(prober, 0, sizeof *prober);
    memcpy(prober->app, app, sizeof prober->app);
    tr_random_bytes(random, prober->secret, sizeof prober->secret);
    prober->rtt_us = rtt_us;
    for (unsigned i = 0; i < TR_PROBES; i++)
        prober->probes[i].next_us = TR_NEVER;
}

void tr_prober_ask(struct tr_prober *prober, unsigned name, const struct tr_probe *probe,
                   uint64_t now_us)
{
    prober->probes[name] = *probe;
    prober->probes[name].tries = 0;
    prober->probes[name].answered = 0;
    prober->probes[name].first_us = now_us;
    prober->probes[name].next_us = now_us;
}

uint64_t tr_prober_wait_us(const struct tr_prober *prober)
{
    uint64_t wait = (uint64_t)prober->rtt_us * 5 / 4 + WAIT_EXTRA_US;
    return wait < WAIT_MOST_US ? wait : WAIT_MOST_US;
}

static void send(struct tr_prober *prober, unsigned name, const struct tr_peer_kit *kit)
{
    struct tr_probe *probe = &prober->probes[name];
    struct tr_bind bind = {
        .type = TR_BIND, .version = TR_VERSION, .flags = probe->flags, .magic = TR_MAGIC};
    if (probe->flags >> TR_BIND_DELAY_SHIFT != 0)
        bind.cookie = probe->cookie;
    uint64_t wait = tr_prober_wait_us(prober);
    for (uint8_t i = 0; i < probe->tries; i++)
        wait = wait * 5 / 4;
    probe->tries++;
    probe->sent_us = kit->now_us;
    probe->next_us = kit->now_us + (probe->wait_us != 0 ? probe->wait_us : wait);
    struct tr_datagram *datagram = tr_outbox_push(kit->outbox);
    if (datagram == NULL)
        return;
    memcpy(bind.app, prober->app, sizeof bind.app);
    memcpy(bind.nonce, prober->secret, sizeof prober->secret);
    bind.nonce[NONCE_NAME] = (uint8_t)name;
    tr_put_u32(bind.nonce + NONCE_TIME, (uint32_t)kit->now_us);
    datagram->to = probe->to;
    datagram->from = probe->source;
    datagram->socket = probe->socket;
    datagram->size = (uint16_t)tr_envelope_clear(&tr_layout_bind, &bind, datagram->data);
    prober->sent++;
}

void tr_prober_tick(struct tr_prober *prober, const struct tr_peer_kit *kit)
{
    for (unsigned i = 0; i < TR_PROBES; i++) {
        struct tr_probe *probe = &prober->probes[i];
        if (!tr_is_due(probe->next_us, kit->now_us))
            continue;
        if (probe->tries >= probe->tries_most)
            probe->next_us = TR_NEVER;
        else
            send(prober, i, kit);
    }
}

/* The probe that a nonce is of. */
static struct tr_probe *find(struct tr_prober *prober, uint64_t now_us, const uint8_t nonce[16])
{
    if (memcmp(nonce, prober->secret, sizeof prober->secret) != 0 || nonce[NONCE_NAME] >= TR_PROBES)
        return NULL;
    struct tr_probe *probe = &prober->probes[nonce[NONCE_NAME]];
    uint32_t took = (uint32_t)now_us - tr_get_u32(nonce + NONCE_TIME);
    return probe->tries > 0 && took <= now_us - probe->first_us && took >= now_us - probe->sent_us
               ? probe
               : NULL;
}

static bool is_hairpin(const struct tr_prober *prober, const struct tr_probe *probe)
{
    return probe == &prober->probes[TR_PROBE_HAIRPIN_OUT] ||
           probe == &prober->probes[TR_PROBE_HAIRPIN_BACK];
}

static bool bind_take(struct tr_prober *prober, uint64_t now_us, const void *data, size_t size)
{
    struct tr_bind bind;
    if (!tr_envelope_head(&tr_layout_bind, &bind, data, size))
        return false;
    struct tr_probe *probe = find(prober, now_us, bind.nonce);
    if (probe == NULL || !is_hairpin(prober, probe))
        return false;
    probe->answered = probe->tries;
    probe->next_us = TR_NEVER;
    return true;
}

bool tr_prober_input(struct tr_prober *prober, uint64_t now_us, uint32_t socket,
                     const struct tryst_address *from, const void *data, size_t size)
{
    struct tr_cookie_reply reply;
    if (size > 0 && *(const uint8_t *)data == TR_BIND &&
        tr_envelope_check(data, size, TR_FROM_CLIENT) == TR_DROP_NONE)
        return bind_take(prober, now_us, data, size);
    if (size == 0 || *(const uint8_t *)data != TR_COOKIE ||
        tr_envelope_check(data, size, TR_FROM_SERVER) != TR_DROP_NONE ||
        !tr_envelope_head(&tr_layout_cookie_reply, &reply, data, size))
        return false;
    struct tr_probe *probe = find(prober, now_us, reply.nonce);
    /* A NAT may have let it in by another socket's mapping. */
    if (probe == NULL || is_hairpin(prober, probe) || probe->socket != socket ||
        tryst_address_compare(&probe->from, from) != 0)
        return false;
    if (probe->answered != 0)
        return true;
    tr_cookie_mask(&reply.seen, reply.nonce);
    probe->seen = tryst_address_canonical(&reply.seen.address);
    probe->cookie = reply.cookie;
    probe->answered = probe->tries;
    probe->next_us = TR_NEVER;
    return true;
}

bool tr_prober_is_settled(const struct tr_prober *prober, unsigned name)
{
    return prober->probes[name].next_us == TR_NEVER;
}

uint64_t tr_prober_deadline(const struct tr_prober *prober)
{
    uint64_t next = TR_NEVER;
    for (unsigned i = 0; i < TR_PROBES; i++)
        tr_sooner(&next, prober->probes[i].next_us);
    return next;
}
