/* A client of the server's protocol as small as can be, and a world without distance in which many
 * talk to one service: for the tests of the server's rooms.
 * SPDX-License-Identifier: MIT */
#ifndef FAKE_CLIENT_H
#define FAKE_CLIENT_H

#include "lib/wire/envelope.h"
#include "server/service.h"
#include <stdbool.h>

struct fake_peer {
    uint8_t identity[TR_KEY];
    uint64_t epoch;
    uint8_t hash[16];
    bool is_named; /* since the roster began anew */
    struct tr_member member;
};

struct fake_client {
    struct tryst_address address;
    uint8_t app[TR_APP_BYTES];
    uint8_t identity[TR_KEY];
    uint8_t identity_secret[TR_SIGN_SECRET];
    uint8_t e[TR_KEY];
    uint8_t ge[TR_KEY];
    struct tr_register_body body; /* what the next REGISTER says; its signatures are made then */
    uint64_t seed;                /* of nonces */
    bool is_silent;               /* acknowledges nothing */
    bool is_deaf;                 /* nothing reaches it */

    /* From the COOKIE. */
    struct tr_cookie cookie;
    struct tr_cookie_reply cookie_reply;
    uint32_t cookies;

    /* From the answer to the last REGISTER. */
    uint8_t request[TR_DATAGRAM_BYTES];
    uint8_t shared[TR_KEY];
    uint8_t hash[TR_KEY];
    struct tr_channel_keys keys;
    struct tr_registered_body registered;
    uint32_t answers;
    uint32_t reply;
    uint32_t refusals;
    struct tr_refused_body refused;

    /* From CTRL. */
    uint32_t counter;
    uint32_t pongs;
    struct tr_item_pong pong;
    struct tr_item_status status;
    uint32_t leaves;
    uint16_t leave_reason;
    uint32_t unknowns;
    struct tr_unknown unknown;  /* the last one */
    uint32_t grants;            /* items of the relay */
    struct tr_item_relay grant; /* the last one */
    uint32_t relays;            /* RELAY that came */
    struct tr_datagram relayed; /* the last one */
    uint32_t faults;            /* datagrams that made no sense */
    uint32_t pages;
    uint32_t resets;
    uint32_t departures;
    uint16_t departure_reason; /* of the last one */

    /* The roster. */
    uint64_t fence;
    uint64_t version;
    bool is_anew;
    uint32_t peer_count;
    struct fake_peer *peers; /* TR_PARTICIPANTS_MAX + 1 */
};

struct fake_world {
    struct tr_service *service;
    struct tr_service_options options;
    uint64_t now_us;
    uint64_t unix_s;
    struct tryst_address server;
    struct fake_client **clients;
    uint32_t count;
    uint32_t loss; /* of 1,000 datagrams, each way */
    uint64_t seed;
    uint32_t outputs;          /* datagrams that the service gave out */
    struct tr_datagram last;   /* the last of them */
    size_t largest_from_input; /* largest output since fake_input was called */
    uint32_t outputs_from_input;
};

/* limits: NULL for the defaults. Ends the program when the service cannot be made. */
void fake_world_init(struct fake_world *world, const struct tr_service_limits *limits);
void fake_world_clear(struct fake_world *world);

/* The service again, with the same keys and an empty memory. */
void fake_world_restart(struct fake_world *world);

/* Clients that the world delivers to; numbered from 0, in the session of this number. */
struct fake_client *fake_world_add(struct fake_world *world, uint32_t number, uint8_t session);

/* Hands in a datagram and delivers all that comes of it. */
void fake_input(struct fake_world *world, const struct tryst_address *from, const void *data,
                size_t size);

/* Delivers what waits. */
void fake_deliver(struct fake_world *world);

/* Goes on in time, doing what is due. */
void fake_run(struct fake_world *world, uint64_t us);

void fake_bind(struct fake_world *world, struct fake_client *client);
size_t fake_make_bind(struct fake_client *client, uint8_t out[TR_DATAGRAM_BYTES]);

/* Makes the next REGISTER in client->request: its sequence is one more. */
void fake_make_register(struct fake_client *client);
/* The same from the body as it is, for what a good client would not say. */
void fake_seal_register(struct fake_client *client);
void fake_register(struct fake_world *world, struct fake_client *client);
void fake_join(struct fake_world *world, struct fake_client *client); /* bind and register */

/* A new epoch: another e. */
void fake_renew_epoch(struct fake_client *client);

size_t fake_make_ctrl(struct fake_client *client, const void *body, size_t size,
                      uint8_t out[TR_DATAGRAM_BYTES]);
size_t fake_make_ping(struct fake_client *client, uint8_t ping, size_t padding,
                      uint8_t out[TR_DATAGRAM_BYTES]);
void fake_ping(struct fake_world *world, struct fake_client *client);
void fake_ack(struct fake_world *world, struct fake_client *client, uint64_t version);
void fake_leave(struct fake_world *world, struct fake_client *client);

/* Of the two files only: one datagram reaches a client; an acknowledgement inside a delivery. */
void fake_receive(struct fake_world *world, struct fake_client *client,
                  const struct tr_datagram *datagram);
void fake_ack_nested(struct fake_world *world, struct fake_client *client);

/* Whether the client's roster is what the server says it is: asks by a ping. */
bool fake_roster_is_right(struct fake_world *world, struct fake_client *client);
const struct fake_peer *fake_find(const struct fake_client *client,
                                  const struct fake_client *other);

#endif
