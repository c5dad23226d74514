/* What the parts of the rendezvous share: uplinks, registration and channel; rendezvous.c joins them.
 *
 * An uplink is a server address asked from a local address. Each gets a cookie of its own, which is
 * also how the host learns its public address there; one carries the registration, the others prove
 * further addresses.
 * SPDX-License-Identifier: MIT */
#ifndef TR_RENDEZVOUS_STATE_H
#define TR_RENDEZVOUS_STATE_H

#include "lib/base/deadline.h"
#include "lib/base/outbox.h"
#include "lib/seal/keypair.h"
#include "lib/seal/replay.h"
#include "lib/wire/detour.h"
#include "lib/wire/envelope.h"

enum { TR_UPLINKS_MAX = 12, TR_RELAYS_TOLD_MAX = 8, TR_OUTCOMES_TOLD_MAX = 32 };

struct tr_uplink {
    struct tryst_address server;
    struct tryst_address local; /* source to use; none: the kernel's choice */
    uint8_t socket;             /* 0: the first; a further one only proves its address */
    bool is_live;               /* cookie and seen are set */
    uint8_t tries;              /* BINDs since the last cookie */
    uint8_t refusal;            /* enum tryst_reason why the last cookie was not taken, or none */
    uint8_t nonce[16];
    struct tr_cookie cookie;
    struct tr_candidate seen;
    struct tryst_address other; /* the server at another ip; family 0: none */
    uint16_t other_port;        /* its second port; 0: none */
    uint64_t cookie_us;         /* when the cookie came */
    uint64_t asked_us;          /* when the first BIND since the last cookie left, */
    uint64_t sent_us;           /* and the newest */
    uint64_t next_us;           /* next BIND; TR_NEVER when none is wanted */
    uint32_t rtt_us;
};

enum tr_rendezvous_state {
    TR_RENDEZVOUS_IDLE, /* in no session: cookies are kept fresh; a join leads to REGISTERING */
    TR_RENDEZVOUS_REGISTERING, /* waits for a cookie, then for the answer; the answer leads to
                                  REGISTERED, a refusal to IDLE or to WAITING */
    TR_RENDEZVOUS_REGISTERED,  /* the channel is open; three unanswered pings lead to REGISTERING */
};

/* What happened, for the endpoint to tell. */
enum tr_fact_kind {
    TR_FACT_COOKIE,     /* the first cookie came */
    TR_FACT_REGISTERED, /* joined, or back after the server was lost */
    TR_FACT_REFUSED,    /* and out of the session */
    TR_FACT_LOST,       /* no answer; said once, the tries go on */
    TR_FACT_REMOVED,    /* the server ended the membership: reason */
};

struct tr_fact {
    uint8_t kind;
    bool is_return; /* REGISTERED: was lost before */
    uint8_t stage;
    uint16_t reason;
    uint32_t retry_ms;
    char detail[TR_DETAIL_MAX + 1];
};

enum { TR_FACTS_MAX = 8 };

struct tr_rendezvous {
    const struct tryst_identity *identity;
    uint8_t root[TR_KEY];
    uint8_t app[TR_APP_BYTES];
    uint64_t created_us;
    uint64_t unix_ms; /* wall clock at created_us, 0: unknown */
    struct tr_uplink uplinks[TR_UPLINKS_MAX];
    uint8_t uplink_count;
    uint8_t uplink; /* index of the one that registers */
    struct tr_candidate locals[TR_CANDIDATES_MAX];
    uint8_t local_count;
    struct tryst_address mapped; /* a port of the home router that leads here; family 0: none */
    struct tr_nat nat;           /* what is known of ours */
    struct tr_nat nat_told;      /* as the newest REGISTER says */
    bool is_welcome;             /* COOKIE was said */
    bool has_certificate;
    struct tr_certificate certificate;
    uint8_t certificate_hash[16]; /* of the one that was verified, every byte of it */

    uint8_t state; /* enum tr_rendezvous_state */
    struct tr_record record;
    uint8_t e[TR_KEY];
    uint8_t shared[TR_KEY]; /* dh(e, S_kx) */
    uint16_t user_data_size;
    uint8_t user_data[TR_USER_DATA_MAX];

    bool is_asking; /* request is on its way */
    bool is_dirty;  /* addresses changed since the last request */
    bool is_lost;   /* LOST was said */
    uint8_t
        channel_end; /* enum tryst_reason why the channel broke, for the registration to mend it */
    bool is_waiting_cookie; /* REGISTERING, but no uplink is usable yet */
    uint8_t tries;
    uint32_t sequence;
    uint8_t request[TR_DATAGRAM_BYTES];
    uint8_t request_hash[TR_KEY];
    uint64_t asked_us;
    uint64_t ask_next_us;
    uint64_t dirty_us; /* when to register again because is_dirty; TR_NEVER: not */
    uint64_t start_us; /* not before this: spreads the return after the server was lost */

    struct tr_channel_keys keys;
    uint8_t channel[TR_CHANNEL_BYTES];
    uint32_t caps;        /* TR_CAP_*: what the next record says */
    bool counts_outcomes; /* the server wants to know how pairs come out */
    uint16_t relay_kbps;  /* what the server relays for us; 0: nothing */
    uint32_t life;        /* of the server's memory, counted */
    struct tr_relay_keys relay_keys;
    struct tr_item_relay told[TR_RELAYS_TOLD_MAX]; /* of single peers, by the newest CTRL */
    uint8_t told_count;
    uint32_t sent; /* CTRL sealed: the next counter */
    struct tr_replay replay;
    uint64_t seen_counters[TR_REPLAY_WORDS(TR_REPLAY_CTRL)];
    uint16_t granted_size;
    uint8_t granted[TR_USER_DATA_MAX];         /* what the server's rules handed to us */
    struct tr_candidate seen;                  /* own public address as registered */
    struct tr_candidate proven[TR_PROVEN_MAX]; /* the others in that registration */
    uint8_t proven_count;
    uint32_t keepalive_ms;
    uint32_t rtt_us;
    uint64_t heard_us;
    uint64_t ping_us; /* when the newest unanswered ping left */
    uint8_t ping[TR_PING_BYTES];
    uint8_t pings;  /* unanswered in a row */
    bool is_hinted; /* an UNKNOWN named our channel: the pings follow faster, */
    bool is_denied; /* and one answered a ping of those: fewer are enough */
    bool has_hash;  /* hash is the server's word on the roster at `version` */
    uint8_t hash[16];
    bool wants_page; /* the server has a newer roster: ask for it */
    uint64_t ping_next_us;

    uint64_t fence;
    uint64_t version;
    uint8_t plain[TR_DATAGRAM_BYTES]; /* the body that entries are read from */
    struct tr_reader entries;
    struct tr_page page;
    bool has_page;
    uint64_t page_version; /* what version will be when every entry was read */

    struct tr_fact facts[TR_FACTS_MAX];
    uint8_t fact_count;
};

/* Keeps a fact until it is taken; there is room for more than one call makes. */
void tr_rendezvous_fact(struct tr_rendezvous *rendezvous, const struct tr_fact *fact);

#endif
