/* A host name asked for until it has addresses, off the caller's thread.
 * SPDX-License-Identifier: MIT */
#ifndef TR_RESOLVER_H
#define TR_RESOLVER_H

#include <stdbool.h>
#include <stdint.h>
#include <tryst/address.h>
#include <tryst/pin.h>
#include <uv.h>

#define TR_RESOLVER_MAX 4 /* addresses kept of a name */

enum tr_resolver_state {
    TR_RESOLVER_RESTING,  /* the answer is known; again leads to WAITING */
    TR_RESOLVER_WAITING,  /* asks at retry_us, which leads to ASKING */
    TR_RESOLVER_ASKING,   /* libuv's pool is at work; its answer leads to ANSWERED or FAILED */
    TR_RESOLVER_ANSWERED, /* the next tick leads to RESTING */
    TR_RESOLVER_FAILED,   /* the next tick leads to WAITING */
};

struct tr_resolver {
    enum tr_resolver_state state;
    uv_loop_t *loop; /* the owner runs it while the state is ASKING */
    uv_getaddrinfo_t request;
    char host[TRYST_PIN_HOST_SIZE];
    uint16_t port;
    bool is_numeric;   /* an address: known at once, never asked for */
    bool is_fresh;     /* an answer that was not taken yet */
    bool is_hopeless;  /* the last failure was "no such name" */
    bool has_failed;   /* a failed series that was not taken yet */
    bool is_told;      /* has_failed was set since the last answer */
    uint32_t failures; /* in a row, as far as they matter */
    uint64_t retry_us;
    uint32_t count; /* of found */
    struct tryst_address found[TR_RESOLVER_MAX];
};

/* Starts; the first tick asks, unless host is an address. */
void tr_resolver_init(struct tr_resolver *resolver, uv_loop_t *loop, const char *host,
                      uint16_t port);

/* Withdraws a question that has not begun, else waits for its end: the pool's thread writes into the
 * request, and a name server that keeps silent takes the time that resolv.conf gives it. */
void tr_resolver_clear(struct tr_resolver *resolver);

void tr_resolver_tick(struct tr_resolver *resolver, uint64_t now_us);
uint64_t tr_resolver_deadline(const struct tr_resolver *resolver);

/* Asks at the next tick, be it for a retry or because the address may have moved. */
void tr_resolver_again(struct tr_resolver *resolver);

/* Whether there are new addresses in found. True once an answer. */
bool tr_resolver_take(struct tr_resolver *resolver);

/* Whether a series of tries has failed. True once until an answer comes. */
bool tr_resolver_take_failure(struct tr_resolver *resolver);

#endif
