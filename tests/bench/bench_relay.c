/* Datagrams relayed, one core: through the service alone, and through sockets against a program that only
 * forwards what it receives, a system call a datagram, and in the same batches.
 * SPDX-License-Identifier: MIT */
#include "tests/bench/bench_figures.h"

#include "lib/driver/datagram.h"
#include "lib/wire/detour.h"
#include "lib/wire/envelope.h"
#include "server/service.h"
#include <string.h>
#include <sys/socket.h>

enum {
    ROUNDS = 15,
    BATCHES = 64,       /* a round */
    PARTICIPANTS = 256, /* sessions of eight */
    SESSION = 8,
};

#define UNIX_S UINT64_C(1750000000)

struct participant {
    struct tr_relay_keys keys;
    uint8_t identity[TR_KEY];
    uint16_t slot;
    struct tr_relay_leg leg; /* to the one beside it */
};

/* What fills the server's socket and empties the client's is not counted. */
struct wire {
    struct tr_datagram_socket server;
    struct tr_datagram_socket client;
    struct tr_datagram_inbox *inbox;
    struct tr_datagram in[TR_DATAGRAM_BATCH];
    struct tr_datagram out[TR_DATAGRAM_BATCH];
    struct sockaddr_storage client_name;
    uint32_t client_name_size;
};

static struct tr_service *service;
static struct wire wire;
static struct tryst_address server = {.family = 4, .port = 7777, .ip = {127, 0, 0, 1}};
static struct tryst_address client = {.family = 4, .port = 4444, .ip = {127, 0, 0, 1}};
static struct participant participants[PARTICIPANTS];
static uint64_t now_us = 1000000;
static uint32_t counter;

static void give_up(const char *why)
{
    fprintf(stderr, "bench: %s\n", why);
    exit(1);
}

static void start_service(void)
{
    struct tr_service_options options = {
        .root_seed = {1},
        .node_seed = {2},
        .seed = {3},
        .limits = {.register_rate = 1000000,
                   .register_burst = 1000000,
                   .relay_leg_kbps = 10000000,
                   .relay_kbps = 10000000,
                   .relay_session_kbps = 100000000,
                   .relay_node_kbps = 100000000},
    };
    uint8_t secret[TR_SIGN_SECRET];
    tr_seal_sign_pair(options.root_key, secret, options.root_seed);
    if (tr_service_create(&service, &options, now_us, UNIX_S) != TRYST_OK)
        give_up("no service");
}

static void drain(void)
{
    while (tr_service_output(service) != NULL)
        continue;
}

static void ask_cookie(struct tr_cookie_reply *cookie)
{
    struct tr_bind bind = {.type = TR_BIND, .version = TR_VERSION, .magic = TR_MAGIC};
    uint8_t out[TR_DATAGRAM_BYTES];
    tr_service_input(service, now_us, &client, &server, out,
                     tr_envelope_clear(&tr_layout_bind, &bind, out));
    const struct tr_datagram *answer = tr_service_output(service);
    if (answer == NULL ||
        !tr_envelope_head(&tr_layout_cookie_reply, cookie, answer->data, answer->size))
        give_up("no COOKIE");
}

static void join(uint32_t number, const struct tr_cookie_reply *cookie)
{
    const struct tr_certificate *node = &cookie->certificate;
    struct participant *self = &participants[number];
    struct tr_register head = {.type = TR_REGISTER,
                               .version = TR_VERSION,
                               .magic = TR_MAGIC,
                               .cookie = cookie->cookie,
                               .nonce = {(uint8_t)number, (uint8_t)(number >> 8)}};
    struct tr_register_body body = {.sequence = 1};
    struct tr_record *record = &body.record;
    uint8_t seed[TR_KEY] = {4, (uint8_t)number, (uint8_t)(number >> 8)};
    uint8_t secret[TR_SIGN_SECRET];
    uint8_t shared[TR_KEY];
    uint8_t key[TR_KEY];
    uint8_t out[TR_DATAGRAM_BYTES];
    tr_seal_sign_pair(self->identity, secret, seed);
    tr_seal_dh_public(head.ge, seed);
    record->version = TR_VERSION;
    record->caps = TR_CAP_RELAY;
    record->epoch = 1;
    record->session[0] = (uint8_t)(number / SESSION);
    memcpy(record->identity, self->identity, TR_KEY);
    memcpy(record->ge, head.ge, TR_KEY);
    memcpy(head.key_id, node->key_id, TR_KEY_ID_BYTES);
    tr_seal_dh_shared(shared, seed, node->kx_key);
    tr_register_key(key, shared, head.ge, node->kx_key, node->sign_key);
    tr_record_sign(record, secret);
    tr_register_sign(&body, &head, node->sign_key, secret);
    tr_envelope_xseal(&tr_layout_register, &head, &tr_layout_register_body, &body,
                      TR_DATAGRAM_BYTES, key, out);
    tr_service_input(service, now_us, &client, &server, out, sizeof out);
    drain();
    tr_relay_derive(&self->keys, shared, head.ge);
    self->slot = (uint16_t)(number % SESSION);
}

/* The next datagram of a participant for the one beside it. */
static void make(struct tr_datagram *datagram, uint32_t number, uint8_t type, size_t size)
{
    struct participant *self = &participants[number];
    struct tr_relay head = {
        .type = TR_RELAY, .slot = participants[number ^ 1].slot, .counter = counter};
    memcpy(head.route, self->keys.route, TR_ROUTE_BYTES);
    datagram->to = server;
    datagram->size = (uint16_t)size;
    datagram->data[TR_RELAY_HEAD] = type;
    datagram->data[TR_RELAY_HEAD + 1] = TR_VERSION;
    tr_relay_seal(datagram->data, size, &head, self->leg.to_server);
}

static void make_batch(size_t size)
{
    static uint32_t next;
    now_us += 1000;
    for (uint32_t i = 0; i < TR_DATAGRAM_BATCH; i++) {
        counter += next == 0;
        make(&wire.in[i], next, TR_DATA, size);
        next = (next + 1) % PARTICIPANTS;
    }
}

static void hand_in(const struct tr_datagram *datagram)
{
    tr_service_input(service, now_us, &client, &server, datagram->data, datagram->size);
}

static void open_pairs(void)
{
    struct tr_cookie_reply cookie;
    ask_cookie(&cookie);
    for (uint32_t i = 0; i < PARTICIPANTS; i++)
        join(i, &cookie);
    for (uint32_t i = 0; i < PARTICIPANTS; i++)
        tr_relay_derive_leg(&participants[i].leg, participants[i].keys.secret,
                            participants[i ^ 1].identity, 1);
    counter = 1;
    for (uint32_t i = 0; i < PARTICIPANTS; i++) {
        make(&wire.in[0], i, TR_HELLO, TR_RELAY_HEAD + 264);
        hand_in(&wire.in[0]);
        drain();
    }
    /* What the roster still has to say is said. */
    for (int i = 0; i < 400; i++) {
        now_us += 10000;
        tr_service_tick(service, now_us);
        drain();
    }
    if (tr_service_stats(service)->relayed != PARTICIPANTS)
        give_up("pairs do not open");
}

static uint64_t handed_in(void)
{
    uint64_t start_ns = bench_cpu_ns();
    for (uint32_t i = 0; i < TR_DATAGRAM_BATCH; i++)
        hand_in(&wire.in[i]);
    drain();
    return bench_cpu_ns() - start_ns;
}

static void fill(void)
{
    struct tr_datagram *list[TR_DATAGRAM_BATCH];
    for (uint32_t i = 0; i < TR_DATAGRAM_BATCH; i++)
        list[i] = &wire.in[i];
    if (tr_datagram_send(&wire.client, list, TR_DATAGRAM_BATCH) != TR_DATAGRAM_BATCH)
        give_up("datagrams do not leave");
}

static void empty(void)
{
    struct tr_arrival *arrivals;
    uint32_t count = 0;
    uint32_t got;
    while ((got = tr_datagram_receive(&wire.client, wire.inbox, &arrivals)) > 0)
        count += got;
    if (count != TR_DATAGRAM_BATCH)
        give_up("datagrams do not come back");
}

/* As the listener does it. relays: through the service; else only sent back in the same batches. */
static uint64_t in_batches(bool relays)
{
    struct tr_datagram *list[TR_DATAGRAM_BATCH];
    struct tr_arrival *arrivals;
    const struct tr_datagram *next;
    uint32_t filled = 0;
    fill();
    uint64_t start_ns = bench_cpu_ns();
    uint32_t count = tr_datagram_receive(&wire.server, wire.inbox, &arrivals);
    for (uint32_t i = 0; i < count; i++) {
        struct tr_datagram *out = &wire.out[i];
        if (relays) {
            tr_service_input(service, now_us, &arrivals[i].from, &arrivals[i].to, arrivals[i].data,
                             arrivals[i].size);
            continue;
        }
        memset(out, 0, offsetof(struct tr_datagram, data));
        out->to = client;
        out->size = (uint16_t)arrivals[i].size;
        memcpy(out->data, arrivals[i].data, arrivals[i].size);
        list[filled++] = out;
    }
    while (relays && filled < TR_DATAGRAM_BATCH && (next = tr_service_output(service)) != NULL) {
        memcpy(&wire.out[filled], next, offsetof(struct tr_datagram, data) + next->size);
        list[filled] = &wire.out[filled];
        filled++;
    }
    tr_datagram_send(&wire.server, list, filled);
    uint64_t spent_ns = bench_cpu_ns() - start_ns;
    empty();
    return spent_ns;
}

static uint64_t one_by_one(void)
{
    uint8_t data[TR_DATAGRAM_ROOM];
    struct sockaddr_storage from;
    fill();
    uint64_t start_ns = bench_cpu_ns();
    for (uint32_t i = 0; i < TR_DATAGRAM_BATCH; i++) {
        socklen_t from_size = sizeof from;
        ssize_t size =
            recvfrom(wire.server.fd, data, sizeof data, 0, (struct sockaddr *)&from, &from_size);
        if (size < 0 ||
            sendto(wire.server.fd, data, (size_t)size, 0,
                   (const struct sockaddr *)&wire.client_name, wire.client_name_size) != size)
            give_up("nothing to forward");
    }
    uint64_t spent_ns = bench_cpu_ns() - start_ns;
    empty();
    return spent_ns;
}

static void survey(size_t size, double wanted)
{
    const double count = (double)BATCHES * TR_DATAGRAM_BATCH;
    struct bench_pair alone = {.rounds = 0};
    struct bench_pair single = {.rounds = 0};
    struct bench_pair batched = {.rounds = 0};
    uint64_t relayed = tr_service_stats(service)->relayed;
    char name[64];
    for (int round = -1; round < ROUNDS; round++) {
        uint64_t ns[4] = {0};
        for (int i = 0; i < BATCHES; i++) {
            make_batch(size);
            ns[0] += handed_in();
            make_batch(size);
            ns[1] += in_batches(true);
            ns[2] += one_by_one();
            ns[3] += in_batches(false);
        }
        if (round < 0)
            continue;
        bench_pair_add(&alone, (double)ns[0] / count, (double)ns[2] / count);
        bench_pair_add(&single, (double)ns[1] / count, (double)ns[2] / count);
        bench_pair_add(&batched, (double)ns[1] / count, (double)ns[3] / count);
    }
    if (tr_service_stats(service)->relayed - relayed != (ROUNDS + 1) * 2 * (uint64_t)count)
        give_up("not all were relayed");
    snprintf(name, sizeof name, "%zu B, service alone", size);
    bench_pair_print(name, &alone, 1, 0);
    snprintf(name, sizeof name, "%zu B, sockets", size);
    bench_pair_print(name, &single, 1, wanted);
    snprintf(name, sizeof name, "%zu B, sockets, raw in batches", size);
    bench_pair_print(name, &batched, 1, 0);
}

int main(void)
{
    struct tryst_address any = {.family = 4, .ip = {127, 0, 0, 1}};
    wire.inbox = tr_datagram_inbox_create();
    if (tr_seal_start() != TRYST_OK || wire.inbox == NULL ||
        tr_datagram_open(&wire.server, &any, 1 << 20) != TRYST_OK ||
        tr_datagram_open(&wire.client, &any, 1 << 20) != TRYST_OK)
        give_up("no sockets");
    server.port = wire.server.port;
    client.port = wire.client.port;
    wire.client_name_size = tr_datagram_to_name(&client, &wire.client_name);
    start_service();
    open_pairs();
    bench_pair_heading("ns a relayed datagram, one core", "tryst", "forward");
    survey(64, 0.90);
    survey(1200, 0.95);
    tr_service_destroy(service);
    tr_datagram_close(&wire.server);
    tr_datagram_close(&wire.client);
    tr_datagram_inbox_destroy(wire.inbox);
    return 0;
}
