/* The talk with the server as a whole: uplinks that die, addresses that change, joins and leaves.
 * SPDX-License-Identifier: MIT */
#include "lib/core/rendezvous.h"
#include "lib/core/uplink.h"
#include "tests/unit/server_talk.h"
#include <tryst/options.h>

static struct server_talk talk;

static void both_uplinks(void)
{
    tr_rendezvous_set_locals(&talk.rendezvous, talk.now_us, talk.local, 2);
    tr_rendezvous_set_uplinks(&talk.rendezvous, talk.now_us, talk.server.address, 1, talk.local + 1,
                              1);
}

static void rendezvous_does_nothing_before_it_knows_a_server(void)
{
    talk_init(&talk, 1, 1500);
    ASSERT_EQ_UINT(tr_rendezvous_deadline(&talk.rendezvous), TR_NEVER);
    talk_join(&talk);
    talk_for(&talk, TR_S);
    ASSERT_EQ_UINT(talk.bind_count + talk.register_count + talk.ctrl_count, 0);
    uint64_t start = talk.now_us;
    talk_begin(&talk);
    talk_for(&talk, TR_S);
    ASSERT_EQ_UINT(talk_last_fact(&talk).kind, TR_FACT_REGISTERED);
    ASSERT_EQ_UINT(talk.fact_us[talk.fact_count - 1], start + 80 * TR_MS);
    ASSERT_EQ_UINT(tr_rendezvous_public(&talk.rendezvous).address.family, 4);
    talk_clear(&talk);
}

static void rendezvous_proves_its_second_uplink_beside_the_first(void)
{
    talk_init(&talk, 2, 1500);
    both_uplinks();
    talk_for(&talk, TR_S);
    talk_join(&talk);
    talk_for(&talk, TR_S);
    const struct tr_register_body *body = &talk.server.clients[0].body;
    ASSERT_EQ_UINT(body->proven_count, 1);
    ASSERT_EQ_INT(tryst_address_compare(&body->seen.address, &talk.public[0]), 0);
    ASSERT_EQ_INT(tryst_address_compare(&body->proven[0].candidate.address, &talk.public[1]), 0);
    ASSERT_EQ_UINT(body->local_count, 2);
    talk_clear(&talk);
}

static void rendezvous_registers_over_the_uplink_that_works(void)
{
    for (unsigned dead = 0; dead < 2; dead++) {
        talk_init(&talk, 3, 1500);
        talk.is_dead[dead] = true;
        uint64_t start = talk.now_us;
        both_uplinks();
        talk_join(&talk);
        talk_for(&talk, TR_S);
        ASSERT_EQ_UINT(talk_last_fact(&talk).kind, TR_FACT_REGISTERED);
        ASSERT_EQ_UINT(talk.fact_us[talk.fact_count - 1], start + 80 * TR_MS);
        struct tr_candidate seen = tr_rendezvous_public(&talk.rendezvous);
        ASSERT_EQ_INT(tryst_address_compare(&seen.address, &talk.public[1 - dead]), 0);
        talk_for(&talk, 100 * TR_S);
        ASSERT_EQ_UINT(talk_count(&talk, TR_FACT_LOST), 0);
        talk_clear(&talk);
    }
}

static void rendezvous_moves_to_the_other_uplink_when_its_own_dies(void)
{
    for (unsigned dead = 0; dead < 2; dead++) {
        talk_init(&talk, 4, 1500);
        talk.is_dead[1 - dead] = true;
        both_uplinks();
        talk_join(&talk);
        talk_for(&talk, TR_S);
        ASSERT_EQ_UINT(talk.rendezvous.state, TR_RENDEZVOUS_REGISTERED);
        talk.is_dead[1 - dead] = false;
        talk_for(&talk, 20 * TR_S);
        talk.is_dead[dead] = true;
        talk_for(&talk, 60 * TR_S);
        ASSERT_EQ_UINT(talk.rendezvous.state, TR_RENDEZVOUS_REGISTERED);
        struct tr_candidate seen = tr_rendezvous_public(&talk.rendezvous);
        ASSERT_EQ_INT(tryst_address_compare(&seen.address, &talk.public[1 - dead]), 0);
        ASSERT_EQ_UINT(talk_count(&talk, TR_FACT_LOST), talk_count(&talk, TR_FACT_REGISTERED) - 1);
        talk_clear(&talk);
    }
}

static void rendezvous_tries_the_other_uplink_within_a_registration(void)
{
    talk_init(&talk, 5, 1500);
    both_uplinks();
    talk_for(&talk, TR_S);
    talk.is_dead[0] = true; /* after its cookie came */
    uint64_t start = talk.now_us;
    talk_join(&talk);
    talk_for(&talk, 2 * TR_S);
    ASSERT_EQ_UINT(talk_last_fact(&talk).kind, TR_FACT_REGISTERED);
    ASSERT_TRUE(talk.fact_us[talk.fact_count - 1] - start < TR_S);
    talk_clear(&talk);
}

/* The NAT gave another address: the pong tells, a new cookie proves it, a new REGISTER names it. */
static void rendezvous_registers_again_when_its_address_changed(void)
{
    struct scripted_client *client = talk_registered(&talk, 6);
    uint32_t binds = talk.server.binds, sequence = client->body.sequence;

    talk.public[0].port++;
    talk_for(&talk, 30 * TR_S);
    ASSERT_EQ_UINT(client->body.sequence, sequence + 1);
    ASSERT_EQ_UINT(talk.server.binds, binds + 1);
    ASSERT_EQ_INT(tryst_address_compare(&client->body.seen.address, &talk.public[0]), 0);
    struct tr_candidate seen = tr_rendezvous_public(&talk.rendezvous);
    ASSERT_EQ_INT(tryst_address_compare(&seen.address, &talk.public[0]), 0);
    ASSERT_EQ_UINT(talk_count(&talk, TR_FACT_LOST), 0);
    ASSERT_EQ_UINT(talk_count(&talk, TR_FACT_REGISTERED), 1);
    talk_for(&talk, 100 * TR_S);
    ASSERT_EQ_UINT(client->body.sequence, sequence + 1);
    talk_clear(&talk);
}

static void rendezvous_does_not_register_again_for_the_same_address_in_another_form(void)
{
    struct scripted_client *client = talk_registered(&talk, 7);

    talk.server.told = talk.public[0];
    talk.server.told.family = 6; /* ::ffff:30.0.0.1 */
    memset(talk.server.told.ip, 0, sizeof talk.server.told.ip);
    talk.server.told.ip[10] = talk.server.told.ip[11] = 0xff;
    memcpy(talk.server.told.ip + 12, talk.public[0].ip, 4);
    talk_for(&talk, 100 * TR_S);
    ASSERT_TRUE(client->pings > 3);
    ASSERT_EQ_UINT(client->body.sequence, 1);
    talk_clear(&talk);
}

static void rendezvous_asks_for_a_page_when_a_peer_knows_a_newer_one(void)
{
    struct scripted_client *client = talk_registered(&talk, 8);
    uint32_t acks = client->acks;

    tr_rendezvous_roster_hint(&talk.rendezvous, 77, talk.rendezvous.version);
    tr_rendezvous_roster_hint(&talk.rendezvous, 76, 99);
    talk_for(&talk, 100 * TR_MS);
    ASSERT_EQ_UINT(client->acks, acks);
    tr_rendezvous_roster_hint(&talk.rendezvous, 77, talk.rendezvous.version + 1);
    talk_for(&talk, 100 * TR_MS);
    ASSERT_EQ_UINT(client->acks, acks + 1);
    talk_clear(&talk);
}

static void rendezvous_starts_a_new_roster_with_a_new_fence(void)
{
    talk_registered(&talk, 9);
    ASSERT_EQ_UINT(talk.rendezvous.fence, 77);
    talk.server.version = 500;
    struct tr_page page = {.from = 2, .to = 500, .goal = 500};
    scripted_page(&talk.server, &talk.server.clients[0], &page, NULL, 0);
    talk_for(&talk, 100 * TR_MS);
    ASSERT_EQ_UINT(talk.rendezvous.version, 500);
    struct scripted_client forgotten = talk.server.clients[0];
    scripted_restart(&talk.server);
    scripted_leave(&talk.server, &forgotten, TRYST_REASON_SHUTDOWN);
    talk_for(&talk, 5 * TR_S);
    ASSERT_EQ_UINT(talk.rendezvous.state, TR_RENDEZVOUS_REGISTERED);
    ASSERT_EQ_UINT(talk.rendezvous.fence, 78);
    ASSERT_TRUE(talk.rendezvous.version < 10);
    talk_clear(&talk);
}

/* Whichever uplink the list loses, also the last one, which is the one in use. */
static void rendezvous_registers_again_when_the_uplink_in_use_is_taken_away(void)
{
    for (unsigned keep = 0; keep < 2; keep++) {
        talk_init(&talk, 10, 1500);
        tr_rendezvous_set_uplinks(&talk.rendezvous, talk.now_us, talk.server.address, 2, NULL, 0);
        talk_join(&talk);
        talk_for(&talk, TR_S);
        ASSERT_EQ_UINT(talk.rendezvous.state, TR_RENDEZVOUS_REGISTERED);
        ASSERT_EQ_UINT(talk.rendezvous.uplink_count, 2);
        unsigned used =
            tryst_address_compare(&talk.rendezvous.uplinks[talk.rendezvous.uplink].server,
                                  &talk.server.address[0]) == 0
                ? 0
                : 1;
        uint32_t sequence = talk.server.clients[0].body.sequence;
        tr_rendezvous_set_uplinks(&talk.rendezvous, talk.now_us, talk.server.address + keep, 1,
                                  NULL, 0);
        ASSERT_EQ_UINT(talk.rendezvous.uplink_count, 1);
        talk_for(&talk, 30 * TR_S);
        ASSERT_EQ_UINT(talk.rendezvous.state, TR_RENDEZVOUS_REGISTERED);
        ASSERT_EQ_UINT(talk.server.clients[0].body.sequence,
                       used == keep ? sequence : sequence + 1);
        ASSERT_EQ_INT(tryst_address_compare(&talk.rendezvous.uplinks[talk.rendezvous.uplink].server,
                                            &talk.server.address[keep]),
                      0);
        talk_clear(&talk);
    }
}

/* The same, with the last one of the list in use. */
static void rendezvous_registers_again_when_the_last_uplink_is_in_use_and_taken_away(void)
{
    talk_init(&talk, 11, 1500);
    talk.is_dead[0] = true;
    both_uplinks();
    talk_join(&talk);
    talk_for(&talk, TR_S);
    ASSERT_EQ_UINT(talk.rendezvous.uplink, 1);
    ASSERT_EQ_UINT(talk.rendezvous.uplink_count, 2);
    talk.is_dead[0] = false;
    uint32_t sequence = talk.server.clients[0].body.sequence;
    tr_rendezvous_set_uplinks(&talk.rendezvous, talk.now_us, talk.server.address, 1, NULL, 0);
    ASSERT_EQ_UINT(talk.rendezvous.state, TR_RENDEZVOUS_REGISTERING);
    talk_for(&talk, 10 * TR_S);
    ASSERT_EQ_UINT(talk.rendezvous.state, TR_RENDEZVOUS_REGISTERED);
    ASSERT_TRUE(talk.server.clients[0].body.sequence > sequence);
    struct tr_candidate seen = tr_rendezvous_public(&talk.rendezvous);
    ASSERT_EQ_INT(tryst_address_compare(&seen.address, &talk.public[0]), 0);
    talk_clear(&talk);
}

/* Nobody signs a cookie: a flipped bit in it must not cost the address that it proves for good. */
static void rendezvous_fetches_another_cookie_where_one_was_damaged(void)
{
    talk_init(&talk, 13, 1500);
    both_uplinks();
    talk_for(&talk, TR_S);
    struct tr_cookie whole = talk.rendezvous.uplinks[0].cookie;
    talk.rendezvous.uplinks[0].cookie.mac[3] ^= 1;
    talk_join(&talk);
    talk_for(&talk, 5 * TR_S);
    ASSERT_TRUE(talk.server.faults > 0); /* the damaged one was shown, */
    talk.server.faults = 0;
    ASSERT_EQ_UINT(talk.rendezvous.state, TR_RENDEZVOUS_REGISTERED);
    ASSERT_EQ_UINT(talk.server.clients[0].body.proven_count, 1); /* and then whole ones, */
    ASSERT_TRUE(talk.server.clients[0].body.sequence > 2);       /* after it went over the other */
    ASSERT_EQ_MEM(talk.rendezvous.uplinks[0].cookie.mac, whole.mac, sizeof whole.mac);
    talk_clear(&talk);
}

static void rendezvous_refuses_frames_that_servers_do_not_send(void)
{
    talk_registered(&talk, 12);
    for (unsigned type = 0; type < 256; type++)
        for (size_t size = 0; size <= TR_DATAGRAM_BYTES; size += 40) {
            uint8_t data[TR_DATAGRAM_BYTES] = {0};

            data[0] = (uint8_t)type;
            data[1] = TR_VERSION;
            memcpy(data + 4, "TRY1", 4);
            ASSERT_TRUE(talk_hand(&talk, &talk.server.address[0], data, size) != TR_DROP_NONE);
        }
    ASSERT_EQ_UINT(talk.rendezvous.state, TR_RENDEZVOUS_REGISTERED);
    talk_clear(&talk);
}

static void rendezvous_survives_random_joins_leaves_and_silences(void)
{
    uint64_t seed = 13;

    talk_init(&talk, 13, 1500);
    talk.server.certificate.not_after_s = UINT32_MAX; /* the story takes hours */
    scripted_certify(&talk.server);
    both_uplinks();
    for (unsigned step = 0; step < 400; step++) {
        switch (unit_random(&seed) % 8) {
        case 0:
            if (talk.rendezvous.state == TR_RENDEZVOUS_IDLE)
                talk_join(&talk);
            break;
        case 1:
            tr_rendezvous_leave(&talk.rendezvous, talk.now_us, &talk.outbox);
            break;
        case 2:
            talk.is_dead[unit_random(&seed) % 2] = unit_random(&seed) % 2 == 0;
            break;
        case 3:
            scripted_restart(&talk.server);
            break;
        case 4:
            tr_rendezvous_set_locals(&talk.rendezvous, talk.now_us, talk.local,
                                     unit_random(&seed) % 3);
            break;
        case 5:
            tr_rendezvous_set_uplinks(&talk.rendezvous, talk.now_us, talk.server.address,
                                      1 + unit_random(&seed) % 2, talk.local + 1,
                                      unit_random(&seed) % 2);
            break;
        default:
            break;
        }
        talk_for(&talk, unit_random(&seed) % (20 * TR_S));
        talk.fact_count = talk.fact_count > TALK_FACTS / 2 ? 0 : talk.fact_count;
    }
    talk.is_dead[0] = talk.is_dead[1] = false;
    talk_for(&talk, 60 * TR_S);
    if (talk.rendezvous.state == TR_RENDEZVOUS_IDLE)
        talk_join(&talk);
    talk_for(&talk, 30 * TR_S);
    ASSERT_EQ_UINT(talk.rendezvous.state, TR_RENDEZVOUS_REGISTERED);
    talk.server.faults = 0; /* cookies of an address that was never proven may be among them */
    talk_clear(&talk);
}

/* Ends the membership: by a kick, or by a refusal to who comes back or says a new address. */
static void put_out(struct scripted_client *client, unsigned how)
{
    struct scripted_client forgotten = *client;

    if (how == 0) {
        scripted_leave(&talk.server, client, TRYST_REASON_KICKED);
    } else if (how == 1) {
        scripted_restart(&talk.server);
        scripted_leave(&talk.server, &forgotten, TRYST_REASON_SHUTDOWN);
    } else {
        talk.public[0].port++;
    }
    talk.server.refusal = how == 0 ? 0 : TRYST_REASON_SESSION_FULL;
    talk_for(&talk, 30 * TR_S);
    talk.server.refusal = 0;
    ASSERT_EQ_UINT(talk_last_fact(&talk).kind, how == 0 ? TR_FACT_REMOVED : TR_FACT_REFUSED);
    ASSERT_EQ_UINT(talk.rendezvous.state, TR_RENDEZVOUS_IDLE);
}

/* Five minutes later there is a cookie still. */
static void rendezvous_that_was_put_out_stays_ready_to_join(void)
{
    for (unsigned how = 0; how < 3; how++) {
        put_out(talk_registered(&talk, 14), how);
        for (unsigned i = 0; i < 30; i++) {
            talk_for(&talk, 10 * TR_S);
            ASSERT_ROW(tr_uplink_is_usable(&talk.rendezvous.uplinks[0], talk.now_us),
                       "way %u, after %u s", how, 10 * (i + 1));
        }
        uint64_t start = talk.now_us;
        talk_join(&talk);
        talk_for(&talk, TR_S);
        ASSERT_EQ_UINT(talk_last_fact(&talk).kind, TR_FACT_REGISTERED);
        ASSERT_EQ_UINT(talk.fact_us[talk.fact_count - 1], start + 2 * talk.delay_us);
        talk_clear(&talk);
    }
}

static uint8_t transport(void)
{
    return talk.rendezvous.uplinks[talk.rendezvous.uplink].server.transport;
}

static void rendezvous_registers_by_a_stream_and_by_udp_again_when_that_works(void)
{
    talk_init(&talk, 15, 1500);
    talk.is_udp_dead = true;
    uint64_t start = talk.now_us;
    talk_begin_all(&talk);
    talk_join(&talk);
    talk_for(&talk, 5 * TR_S);
    ASSERT_EQ_UINT(talk.rendezvous.state, TR_RENDEZVOUS_REGISTERED);
    ASSERT_TRUE(transport() != TRYST_TRANSPORT_UDP);
    ASSERT_EQ_UINT(talk_last_fact(&talk).kind, TR_FACT_REGISTERED);
    ASSERT_TRUE(talk.fact_us[talk.fact_count - 1] <= start + 700 * TR_MS);
    ASSERT_EQ_UINT(talk.server.clients[0].body.proven_count, 0); /* no peer gets there by UDP */
    talk_for(&talk, 60 * TR_S);
    ASSERT_EQ_UINT(talk.rendezvous.state, TR_RENDEZVOUS_REGISTERED);
    ASSERT_TRUE(talk.server.clients[0].pings >= 2);
    uint32_t sequence = talk.server.clients[0].body.sequence;
    talk.is_udp_dead = false;
    talk_for(&talk, 20 * TR_S);
    ASSERT_EQ_UINT(transport(), TRYST_TRANSPORT_UDP);
    ASSERT_EQ_UINT(talk.server.clients[0].body.sequence, sequence + 1);
    ASSERT_EQ_UINT(talk_count(&talk, TR_FACT_LOST), 0);
    talk_clear(&talk);
}

static void rendezvous_moves_to_a_stream_when_udp_dies(void)
{
    talk_init(&talk, 16, 1500);
    talk_begin_all(&talk);
    talk_join(&talk);
    talk_for(&talk, 5 * TR_S);
    ASSERT_EQ_UINT(transport(), TRYST_TRANSPORT_UDP);
    talk.is_udp_dead = true;
    talk_for(&talk, 60 * TR_S);
    ASSERT_EQ_UINT(talk.rendezvous.state, TR_RENDEZVOUS_REGISTERED);
    ASSERT_TRUE(transport() != TRYST_TRANSPORT_UDP);
    ASSERT_EQ_UINT(talk_count(&talk, TR_FACT_LOST), 1);
    ASSERT_TRUE(talk_last_fact(&talk).is_return);
    talk_clear(&talk);
}

/* Time went on without us: the server is asked at once, whatever was due. */
static void rendezvous_that_wakes_asks_at_once(void)
{
    talk_registered(&talk, 17);
    talk_for(&talk, TR_S);
    talk.now_us += 600 * TR_S;
    uint32_t pings = talk.server.clients[0].pings, binds = talk.bind_count;
    tr_rendezvous_awake(&talk.rendezvous, talk.now_us);
    talk_for(&talk, 30 * TR_MS);
    ASSERT_EQ_UINT(talk.server.clients[0].pings, pings + 1);
    ASSERT_TRUE(talk.bind_count > binds);
    talk_for(&talk, TR_S);
    ASSERT_EQ_UINT(talk.rendezvous.state, TR_RENDEZVOUS_REGISTERED);
    talk_clear(&talk);
}

/* Peers fell silent: whether our own addresses are others now is asked, but not of a server just heard. */
static void rendezvous_checks_its_address_unless_the_server_was_just_heard(void)
{
    struct scripted_client *client = talk_registered(&talk, 18);
    uint32_t pings = client->pings;

    tr_rendezvous_check(&talk.rendezvous, talk.now_us);
    talk_for(&talk, 100 * TR_MS);
    ASSERT_EQ_UINT(client->pings, pings);
    talk_for(&talk, TR_S);
    tr_rendezvous_check(&talk.rendezvous, talk.now_us);
    talk_for(&talk, 30 * TR_MS);
    ASSERT_EQ_UINT(client->pings, pings + 1);
    talk_clear(&talk);
}

/* A fresh port gets its uplink and its place, whatever else the host has. */
static void rendezvous_has_room_for_a_further_socket(void)
{
    struct tryst_address many[TRYST_LOCAL_MAX], servers[2];
    struct tr_rendezvous *r = &talk.rendezvous;
    talk_registered(&talk, 19);
    servers[0] = servers[1] = talk.server.address[0];
    servers[1].ip[3] ^= 1;
    for (uint8_t i = 0; i < TRYST_LOCAL_MAX; i++) {
        many[i] = talk.local[1];
        many[i].ip[2] = i;
    }
    tr_rendezvous_set_uplinks(r, talk.now_us, servers, 2, many, TRYST_LOCAL_MAX);
    r->uplinks[r->uplink].server.family = 6; /* the registration goes another way */
    r->uplinks[1].is_live = true;
    ASSERT_TRUE(tr_rendezvous_open_socket(r, 3, talk.now_us));
    for (uint8_t i = 1; i < r->uplink_count; i++) { /* each has a cookie */
        r->uplinks[i].is_live = true;
        r->uplinks[i].cookie_us = talk.now_us;
        r->uplinks[i].next_us = TR_NEVER;
        r->uplinks[i].rtt_us = 2 * TR_S;
        r->uplinks[i].seen = r->uplinks[0].seen;
        r->uplinks[i].seen.address.port = (uint16_t)(2000 + i);
    }
    ASSERT_TRUE(tr_rendezvous_has_socket(r, 3));
    r->is_dirty = true;
    r->dirty_us = talk.now_us;
    tr_rendezvous_tick(r, talk.now_us, &talk.outbox, &talk.self.random);
    ASSERT_EQ_UINT(r->proven_count, TR_PROVEN_MAX);
    ASSERT_EQ_UINT(r->proven[0].address.port, 2000 + r->uplink_count - 1);
    talk_clear(&talk);
}

UNIT_MAIN("rendezvous", UNIT_CASE(rendezvous_does_nothing_before_it_knows_a_server),
          UNIT_CASE(rendezvous_proves_its_second_uplink_beside_the_first),
          UNIT_CASE(rendezvous_registers_over_the_uplink_that_works),
          UNIT_CASE(rendezvous_moves_to_the_other_uplink_when_its_own_dies),
          UNIT_CASE(rendezvous_tries_the_other_uplink_within_a_registration),
          UNIT_CASE(rendezvous_registers_again_when_its_address_changed),
          UNIT_CASE(rendezvous_does_not_register_again_for_the_same_address_in_another_form),
          UNIT_CASE(rendezvous_asks_for_a_page_when_a_peer_knows_a_newer_one),
          UNIT_CASE(rendezvous_starts_a_new_roster_with_a_new_fence),
          UNIT_CASE(rendezvous_registers_again_when_the_uplink_in_use_is_taken_away),
          UNIT_CASE(rendezvous_registers_again_when_the_last_uplink_is_in_use_and_taken_away),
          UNIT_CASE(rendezvous_fetches_another_cookie_where_one_was_damaged),
          UNIT_CASE(rendezvous_refuses_frames_that_servers_do_not_send),
          UNIT_CASE(rendezvous_survives_random_joins_leaves_and_silences),
          UNIT_CASE(rendezvous_that_was_put_out_stays_ready_to_join),
          UNIT_CASE(rendezvous_registers_by_a_stream_and_by_udp_again_when_that_works),
          UNIT_CASE(rendezvous_moves_to_a_stream_when_udp_dies),
          UNIT_CASE(rendezvous_that_wakes_asks_at_once),
          UNIT_CASE(rendezvous_checks_its_address_unless_the_server_was_just_heard),
          UNIT_CASE(rendezvous_has_room_for_a_further_socket))
