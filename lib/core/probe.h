/* BINDs that ask how the NAT treats them: which leave from where, which are answered, and what they were
 * seen as.
 * SPDX-License-Identifier: MIT */
#ifndef TR_PROBE_H
#define TR_PROBE_H

#include "lib/core/kit.h"

/* In the order in which those of one moment leave. "Further": from a further socket, which has sent nowhere
 * but to the server's address. */
enum tr_probe_name {
    TR_PROBE_PORT,         /* to the server's other port */
    TR_PROBE_ADDRESS,      /* to its other address */
    TR_PROBE_BOTH,         /* to the other port there */
    TR_PROBE_PLAIN,        /* further: to where the first BIND went, */
    TR_PROBE_FROM_PORT,    /* to be answered from the other port, */
    TR_PROBE_FROM_ADDRESS, /* or from the other address */
    TR_PROBE_POISON,       /* further, later: to the other port, which was heard of by then */
    TR_PROBE_HAIRPIN_OUT,  /* to the further socket's public address */
    TR_PROBE_HAIRPIN_BACK, /* further: to the first one's */
    TR_PROBE_FRESH,        /* from a socket of its own, for the port that it gets; and these: */
    TR_PROBE_SAMPLE,
    TR_SAMPLES = 6,
    TR_PROBES = TR_PROBE_SAMPLE + TR_SAMPLES,
};

struct tr_probe {
    struct tryst_address to;
    struct tryst_address from;   /* where the answer comes from */
    struct tryst_address source; /* none: any */
    struct tryst_address seen;   /* what the answer says */
    uint8_t socket;
    uint8_t tries;
    uint8_t tries_most;      /* 0: it is not asked */
    uint8_t answered;        /* 0; else by how many tries */
    uint16_t flags;          /* TR_BIND_*, and a delay */
    struct tr_cookie cookie; /* the newest one of this socket, which a delay wants */
    uint64_t wait_us;        /* for the answer; 0: as for others */
    uint64_t first_us;
    uint64_t sent_us;
    uint64_t next_us; /* the next try, or the end of waiting for the last one; TR_NEVER: settled */
};

struct tr_prober {
    struct tr_probe probes[TR_PROBES];
    uint8_t app[TR_APP_BYTES];
    uint8_t secret[11]; /* of this round's nonces */
    uint32_t rtt_us;    /* to the server */
    uint32_t sent;
};

/* No probe is asked. */
void tr_prober_init(struct tr_prober *prober, const uint8_t app[TR_APP_BYTES], uint32_t rtt_us,
                    struct tr_random *random);

/* Asks from now on. probe: to, from, source, socket, flags and tries_most are set, for a delay cookie and
 * wait_us, too. */
void tr_prober_ask(struct tr_prober *prober, unsigned name, const struct tr_probe *probe,
                   uint64_t now_us);

/* How long an answer is waited for. */
uint64_t tr_prober_wait_us(const struct tr_prober *prober);

void tr_prober_tick(struct tr_prober *prober, const struct tr_peer_kit *kit);

/* Whether this COOKIE answers a probe of the socket that it came to, or this BIND is one that came back.
 * Neither was checked before. */
bool tr_prober_input(struct tr_prober *prober, uint64_t now_us, uint32_t socket,
                     const struct tryst_address *from, const void *data, size_t size);

/* Answered, or given up, or not asked. */
bool tr_prober_is_settled(const struct tr_prober *prober, unsigned name);
uint64_t tr_prober_deadline(const struct tr_prober *prober);

#endif
