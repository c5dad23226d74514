/* A server, two of one session that speak RELAY, and what they say: for the tests of server/relay.
 * SPDX-License-Identifier: MIT */
#ifndef RELAY_FIXTURE_H
#define RELAY_FIXTURE_H

#include "lib/base/deadline.h"
#include "lib/wire/detour.h"
#include "tests/unit/fake_client.h"
#include "tests/unit/unit.h"

struct relay_fixture {
    struct fake_world world;
    struct fake_client *a, *b;
    uint32_t counter;                /* of all legs: each sees it grow */
    uint8_t sent[TR_DATAGRAM_BYTES]; /* what was made last */
    size_t sent_size;
};

extern struct relay_fixture relay;

/* limits: NULL for the defaults. */
void relay_start(const struct tr_service_limits *limits);
struct fake_client *relay_enter(uint32_t number, uint8_t session, uint32_t caps);
const struct tr_server_stats *relay_stats(void);

struct tr_relay_keys relay_keys_of(const struct fake_client *client);
struct tr_relay_leg relay_leg_of(const struct fake_client *client, const struct fake_client *other);

/* The next datagram from one to the other. size: of what is inside, a frame of this type. */
void relay_make(const struct fake_client *from, const struct fake_client *to, uint8_t type,
                size_t size);
void relay_say(const struct fake_client *from, const struct fake_client *to, uint8_t type,
               size_t size);

/* Whether what came last is what was made last, with a head for its receiver. */
bool relay_is_passed_on(const struct fake_client *to, const struct fake_client *from);

/* Of what came last. */
uint32_t relay_counter_of(const struct fake_client *client);

/* Both say hello. */
void relay_open_pair(void);

#endif
