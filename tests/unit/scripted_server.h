/* A server made of lib/wire and lib/seal alone, which does what a test's script says: for the tests of
 * the client's side of the protocol.
 * SPDX-License-Identifier: MIT */
#ifndef SCRIPTED_SERVER_H
#define SCRIPTED_SERVER_H

#include "lib/base/outbox.h"
#include "lib/wire/detour.h"
#include "lib/wire/envelope.h"

enum { SCRIPTED_CLIENTS = 8 };

struct scripted_client {
    bool is_registered;
    struct tryst_address address; /* where its REGISTER came from, */
    struct tryst_address at;      /* and to which of ours */
    struct tr_register head;
    struct tr_register_body body; /* of the last REGISTER, decrypted and verified */
    uint8_t hash[TR_KEY];         /* of its bytes */
    uint8_t shared[TR_KEY];
    struct tr_channel_keys keys;
    uint8_t channel[TR_CHANNEL_BYTES];
    uint32_t sent;  /* CTRL: the next counter */
    uint32_t reply; /* REGISTERED sent for this REGISTER */
    uint32_t registers, pings, acks, leaves;
    uint8_t ping[TR_PING_BYTES]; /* the last one */
    struct tr_item_ack ack;
    uint32_t outcomes;              /* told, */
    struct tr_item_outcome outcome; /* and the newest */
    struct tr_relay_keys relay;     /* of its join */
    uint32_t relayed;               /* RELAY from it, which is also the counter of the newest */
};

struct scripted_server {
    struct tryst_address address[2];
    uint8_t root_key[TR_KEY], root_secret[TR_SIGN_SECRET];
    uint8_t sign_key[TR_KEY], sign_secret[TR_SIGN_SECRET];
    uint8_t kx_key[TR_KEY], kx_secret[TR_KEY];
    uint8_t ges[TR_KEY], es[TR_KEY];
    struct tr_certificate certificate;
    struct tr_random random;
    struct tr_outbox outbox;
    struct scripted_client clients[SCRIPTED_CLIENTS];
    uint32_t client_count;
    uint64_t fence, version;
    uint32_t keepalive_ms;
    uint32_t versions;                 /* what the COOKIE says */
    struct tr_bind bind;               /* the last one, */
    struct tryst_address bind_from;    /* from where, */
    struct tryst_address bind_to;      /* and to which of ours */
    uint32_t binds, registers, faults; /* faults: datagrams that no honest client sends */
    struct tryst_address last_from;    /* of any datagram */
    bool is_silent;                    /* hears, and answers nothing */
    bool is_mute_to_binds, is_mute_to_registers, is_mute_to_pings;
    bool tells_others; /* a REGISTER becomes a page for the others */
    bool
        counts_outcomes; /* REGISTERED says so; else an outcome is no datagram of an honest client */
    uint16_t relay_kbps; /* what REGISTERED says; 0: RELAY is no datagram of an honest client */
    struct tr_nat nat;   /* what members are said to be behind */
    uint16_t refusal;    /* a reason: REFUSED instead of REGISTERED */
    const char *refusal_text;
    struct tryst_address told; /* family 0: the true one; else what PONGs say was seen */
};

void scripted_init(struct scripted_server *server, uint64_t seed);
void scripted_clear(struct scripted_server *server);

/* Signs the certificate anew, after a test changed it. */
void scripted_certify(struct scripted_server *server);

/* The server lost its memory: no client, another roster. Cookies and keys stay good. */
void scripted_restart(struct scripted_server *server);

/* A datagram from a client; answers go to the outbox, from the address it was sent to. */
void scripted_input(struct scripted_server *server, const struct tryst_address *from,
                    const struct tryst_address *to, const void *data, size_t size);

/* One CTRL with one item for a client. */
void scripted_ctrl(struct scripted_server *server, struct scripted_client *client, uint8_t type,
                   const void *content, size_t size);
void scripted_leave(struct scripted_server *server, struct scripted_client *client,
                    uint16_t reason);
void scripted_page(struct scripted_server *server, struct scripted_client *client,
                   const struct tr_page *page, const void *entries, size_t size);
void scripted_unknown(struct scripted_server *server, const struct scripted_client *client,
                      const uint8_t channel[TR_CHANNEL_BYTES]);

/* Entries of a page, as bytes; return their size. */
size_t scripted_member(const struct tr_member *member, uint8_t *out);
size_t scripted_gone(const uint8_t identity[TR_KEY], uint64_t epoch, uint16_t reason, uint8_t *out);

#endif
