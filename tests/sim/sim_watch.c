/* The invariants of the wire: what no party may ever put on it, whatever happens.
 * SPDX-License-Identifier: MIT */
#include "tests/sim/sim_watch.h"

#include "tests/sim/sim_client.h"
#include "tests/sim/sim_nat.h"
#include "tests/sim/sim_server.h"
#include "tests/sim/sim_world.h"
#include <stdlib.h>
#include <string.h>
#include <tryst/endpoint.h>

enum {
    BIND = 0x04,
    REGISTER = 0x06,
    REGISTERED = 0x07,
    REFUSED = 0x08,
    CTRL = 0x09,
    HELLO = 0x0a,
    DATA = 0x0b,
    UNKNOWN = 0x0e,
    HELLO_SIZE = 264,
};

#define HELLOS_A_SPAN 24       /* to an address that never answered */
#define SPRAY_HELLOS (3 * 255) /* from many sockets, to where the server has seen one answer */
#define HELLO_SPAN_US (30 * SIM_S)
#define RECALL_BYTES (2 * 16)
#define BINDS_A_SPAN 48 /* one a second while the server is lost */

struct sim_party *sim_watch_party(struct sim_world *w, bool is_server)
{
    struct sim_watch *watch = &w->watch;
    if (watch->count == watch->room) {
        watch->room = watch->room != 0 ? watch->room * 2 : 64;
        watch->parties = realloc(watch->parties, watch->room * sizeof *watch->parties);
        if (watch->parties == NULL)
            abort();
    }
    struct sim_party *party = sim_keep(w, sizeof *party);
    party->is_server = is_server;
    watch->parties[watch->count++] = party;
    party->id = watch->count;
    return party;
}

void sim_watch_inherit(struct sim_party *party, const struct sim_party *before)
{
    for (uint32_t i = 0; i < before->count; i++)
        if (before->records[i].is_proven || before->records[i].is_recalled)
            sim_watch_record(party, &before->records[i].address)->is_recalled = true;
}

void sim_watch_clear(struct sim_watch *watch)
{
    for (uint32_t i = 0; i < watch->count; i++) {
        sim_map_clear(&watch->parties[i]->book);
        free(watch->parties[i]->records);
    }
    free(watch->parties);
    sim_map_clear(&watch->nonces);
}

struct sim_record *sim_watch_record(struct sim_party *party, const struct tryst_address *address)
{
    uint64_t *place = sim_map_at(&party->book, sim_address_hash(address));
    if (*place == 0) {
        if (party->count == party->room) {
            party->room = party->room != 0 ? party->room * 2 : 16;
            party->records = realloc(party->records, party->room * sizeof *party->records);
            if (party->records == NULL)
                abort();
        }
        party->records[party->count] = (struct sim_record){.address = *address};
        *place = ++party->count;
    }
    return &party->records[*place - 1];
}

/* What stands in clear names key and nonce; the same with other bytes is a nonce used twice.
 * Offsets as in the table of docs/PROTOCOL.md, on purpose not the product's. */
static uint64_t nonce_key(const struct sim_party *party, const uint8_t *data, size_t size)
{
    if (data[0] == HELLO && size >= 36) /* id, nonce */
        return sim_hash(1, data, 36);
    if (data[0] == REGISTER && size >= 96) /* g^e, nonce */
        return sim_hash(2, data + 40, 56);
    if (data[0] == DATA && size >= 9) { /* receive index, counter of 31 bits, of one sender */
        uint8_t head[9];
        memcpy(head, data, sizeof head);
        head[8] &= 0x7f;
        return sim_hash(UINT64_C(1) << 32 | party->id, head, sizeof head);
    }
    if (data[0] == CTRL && size >= 13) /* channel, counter */
        return sim_hash(UINT64_C(2) << 32 | party->id, data, 13);
    if (data[0] == REGISTERED && size >= 44) /* which REGISTER, how often answered, g^eS */
        return sim_hash(UINT64_C(3) << 32 | party->id, data, 44);
    if (data[0] == REFUSED && size >= 32) /* which REGISTER, nonce */
        return sim_hash(4, data, 32);
    return 0;
}

static void check_nonce(struct sim_world *w, const struct sim_party *party, const uint8_t *data,
                        size_t size)
{
    uint64_t key = nonce_key(party, data, size);
    if (key == 0)
        return;
    uint64_t bytes = sim_hash(3, data, size) | 1;
    uint64_t *seen = sim_map_at(&w->watch.nonces, key);
    if (*seen == 0)
        *seen = bytes;
    else
        sim_expect(w, *seen == bytes, "party %u used a nonce of %s twice", party->id,
                   sim_frame_name(data[0]));
}

/* Also where it answers BIND alone. */
static bool is_own_server(const struct sim_world *w, const struct sim_party *party,
                          const struct tryst_address *to, uint8_t type)
{
    const struct sim_server *server = w->server;
    if (type == BIND && server != NULL && sim_server_owns(server, to) &&
        (to->port == server->options.vantage.port ||
         to->port == server->options.vantage.other_port))
        return true;
    for (uint32_t i = 0; i < party->server_count; i++)
        if (sim_address_equal(&party->servers[i], to))
            return true;
    return false;
}

/* Written apart from the product's classes, so that a slip there shows here. */
static bool is_nobody(const struct tryst_address *a)
{
    static const uint8_t zero[16];
    if (a->port == 0)
        return true;
    if (a->family == 4)
        return a->ip[0] == 0 || a->ip[0] == 127 || a->ip[0] >= 224 ||
               (a->ip[0] == 169 && a->ip[1] == 254 && a->ip[2] == 169 && a->ip[3] == 254);
    return a->family != 6 || a->ip[0] == 0xff || memcmp(a->ip, zero, 15) == 0 ||
           (memcmp(a->ip, zero, 10) == 0 && a->ip[10] == 0xff && a->ip[11] == 0xff);
}

/* Whether one of the gateways that a client is behind has that ip: it may look whether it leads back in. */
static bool is_own_gateway(const struct sim_world *w, const struct sim_party *party,
                           const struct tryst_address *to)
{
    for (uint32_t i = 0; i < w->client_count; i++) {
        const struct sim_host *host = w->clients[i]->host;
        for (uint32_t j = 0; w->clients[i]->party == party && j < host->count; j++)
            for (const struct sim_box *box = host->ifaces[j]->segment->gateway; box != NULL;
                 box = box->outer->segment->gateway)
                if (sim_ip_equal(&box->outer->ip4, to))
                    return true;
    }
    return false;
}

/* Whether a participant registered from that very address. */
static bool is_attested(struct sim_world *w, const struct tryst_address *address)
{
    return w->server != NULL && w->server->party != NULL &&
           sim_watch_record(w->server->party, address)->is_proven;
}

static void check_client_budget(struct sim_world *w, struct sim_party *party, struct sim_record *r,
                                uint8_t type, const char *text)
{
    if (r->is_proven)
        return;
    uint64_t spans = 1 + (w->now_us - r->first_us) / HELLO_SPAN_US;
    if (type == BIND) {
        sim_expect(
            w, is_own_server(w, party, &r->address, type) || is_own_gateway(w, party, &r->address),
            "party %u sent BIND to %s, not its server", party->id, text);
        sim_expect(w, r->binds <= BINDS_A_SPAN * spans * party->sources,
                   "party %u sent %u BIND to silent %s", party->id, r->binds, text);
    } else if (type == HELLO) {
        uint64_t answers = r->received * 3 / HELLO_SIZE;
        uint64_t most = HELLOS_A_SPAN * spans * party->sources + answers;
        if (r->hellos > most && is_attested(w, &r->address))
            most += SPRAY_HELLOS * spans;
        sim_expect(w, r->hellos <= most, "party %u sent %u hellos in %.3f s to unproven %s",
                   party->id, r->hellos, (double)(w->now_us - r->first_us) / 1e6, text);
    } else if (type != REGISTER ||
               !is_own_server(w, party, &r->address, type)) { /* a copy may fetch a cookie */
        sim_expect(w, r->other <= 3 * r->received,
                   "party %u sent %llu bytes (the last a %s) to unproven %s, which sent %llu",
                   party->id, (unsigned long long)r->other, sim_frame_name(type), text,
                   (unsigned long long)r->received);
    }
}

void sim_watch_sent(struct sim_world *w, struct sim_party *party, const struct tryst_address *to,
                    const uint8_t *data, size_t size)
{
    char text[TRYST_ADDRESS_TEXT_SIZE];
    sim_address_text(to, text);
    sim_expect(w, size > 0 && size <= TRYST_DATAGRAM_MAX, "party %u sent %zu bytes", party->id,
               size);
    sim_expect(w, !is_nobody(to), "party %u sent to %s", party->id, text);
    if (w->failed)
        return;
    sim_expect(w, data[0] >= BIND && data[0] <= UNKNOWN, "party %u sent first byte 0x%02x",
               party->id, data[0]);
    check_nonce(w, party, data, size);
    struct sim_record *r = sim_watch_record(party, to);
    if (r->sent == 0)
        r->first_us = w->now_us;
    r->sent += size;
    r->binds += data[0] == BIND;
    r->hellos += data[0] == HELLO;
    r->other += data[0] != BIND && data[0] != HELLO ? size : 0;
    if (!party->is_server)
        check_client_budget(w, party, r, data[0], text);
    else
        sim_expect(w, r->is_proven || r->sent <= r->received + (r->is_recalled ? RECALL_BYTES : 0),
                   "the server sent %llu bytes (the last a %s) to %s, which sent %llu",
                   (unsigned long long)r->sent, sim_frame_name(data[0]), text,
                   (unsigned long long)r->received);
}

void sim_watch_arrived(struct sim_world *w, struct sim_party *party,
                       const struct sim_packet *packet)
{
    struct sim_record *r = sim_watch_record(party, &packet->src);
    r->received += packet->size;
    if (party->is_server && packet->is_genuine && packet->data[0] == REGISTER)
        r->is_proven = true;
    if (!party->is_server && packet->origin != 0 && r->reached == packet->origin)
        r->is_proven = true;
    if (packet->origin != 0) {
        struct sim_party *sender = w->watch.parties[packet->origin - 1];
        sim_watch_record(sender, &packet->asked)->reached = party->id;
    }
}
