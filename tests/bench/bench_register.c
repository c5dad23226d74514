/* Registrations a second on one core, against the public-key operations that the protocol prescribes
 * for one: two Ed25519 verifications, two X25519, one Ed25519 signature.
 * SPDX-License-Identifier: MIT */
#include "tests/bench/bench_requests.h"

#include "lib/driver/datagram.h"
#include <sodium.h>

enum {
    ROUNDS = 11,
    BATCH = 32,    /* requests between two looks at the reference */
    MESSAGE = 100, /* bytes signed in the reference: the least of those that the protocol signs */
};

/* The public-key operations of a batch, bare. */
static uint64_t prescribed(void)
{
    static uint8_t key[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES];
    static uint8_t message[MESSAGE], signature[crypto_sign_BYTES];
    static uint8_t scalar[crypto_scalarmult_SCALARBYTES] = {8}, point[crypto_scalarmult_BYTES];
    uint8_t shared[crypto_scalarmult_BYTES];
    int wrong = 0;
    if (key[0] == 0) {
        crypto_sign_keypair(key, secret);
        crypto_scalarmult_base(point, scalar);
    }
    uint64_t start_ns = bench_cpu_ns();
    for (int i = 0; i < BATCH; i++) {
        message[0] = (uint8_t)i;
        wrong |= crypto_sign_detached(signature, NULL, message, sizeof message, secret);
        wrong |= crypto_sign_verify_detached(signature, message, sizeof message, key);
        wrong |= crypto_sign_verify_detached(signature, message, sizeof message, key);
        wrong |= crypto_scalarmult(shared, scalar, point);
        wrong |= crypto_scalarmult(shared, shared, point);
    }
    uint64_t spent_ns = bench_cpu_ns() - start_ns;
    if (wrong != 0)
        give_up("libsodium is wrong");
    return spent_ns;
}

static uint64_t handed_in(struct tr_service *service, uint32_t first)
{
    uint64_t start_ns = bench_cpu_ns();
    for (uint32_t i = first; i < first + BATCH; i++) {
        tr_service_input(service, NOW_US, &client, &server, requests[i], sizeof requests[i]);
        while (tr_service_output(service) != NULL)
            ;
    }
    return bench_cpu_ns() - start_ns;
}

/* The same through sockets: what fills the server's and empties the client's is not counted. */
struct wire {
    struct tr_datagram_socket server;
    struct tr_datagram_socket client;
    struct tr_datagram_inbox *inbox;
    struct tr_datagram out[TR_DATAGRAM_BATCH];
};

static uint64_t through_sockets(struct wire *wire, struct tr_service *service, uint32_t first)
{
    struct tr_datagram *list[TR_DATAGRAM_BATCH];
    struct tr_arrival *arrivals;
    uint32_t handled = 0;
    for (uint32_t i = 0; i < BATCH; i++) {
        struct tr_datagram *datagram = &wire->out[i];
        *datagram = (struct tr_datagram){.to = server, .size = sizeof requests[0]};
        memcpy(datagram->data, requests[first + i], sizeof requests[0]);
        list[i] = datagram;
    }
    if (tr_datagram_send(&wire->client, list, BATCH) != BATCH)
        give_up("the requests do not leave");
    uint64_t start_ns = bench_cpu_ns();
    while (handled < BATCH) {
        uint32_t count = tr_datagram_receive(&wire->server, wire->inbox, &arrivals);
        if (count == 0)
            give_up("the requests do not arrive");
        for (uint32_t i = 0; i < count; i++)
            tr_service_input(service, NOW_US, &arrivals[i].from, &arrivals[i].to, arrivals[i].data,
                             arrivals[i].size);
        handled += count;
        const struct tr_datagram *next = NULL;
        uint32_t filled = 0;
        while ((next = tr_service_output(service)) != NULL) {
            wire->out[filled] = *next;
            list[filled] = &wire->out[filled];
            if (++filled == TR_DATAGRAM_BATCH)
                filled -= tr_datagram_send(&wire->server, list, filled);
        }
        tr_datagram_send(&wire->server, list, filled);
    }
    uint64_t spent_ns = bench_cpu_ns() - start_ns;
    while (tr_datagram_receive(&wire->client, wire->inbox, &arrivals) > 0)
        ;
    return spent_ns;
}

static void survey(const char *name, uint32_t session_size, struct wire *wire, double wanted)
{
    struct bench_pair pair = {.rounds = 0};
    prepare_all(session_size, &client);
    for (int round = -1; round < ROUNDS; round++) {
        struct tr_service *service = make_service();
        uint64_t ours_ns = 0;
        uint64_t least_ns = 0;
        for (uint32_t first = 0; first < REQUESTS; first += BATCH) {
            ours_ns +=
                wire != NULL ? through_sockets(wire, service, first) : handed_in(service, first);
            least_ns += prescribed();
        }
        if (tr_service_stats(service)->registered != REQUESTS)
            give_up("not all were registered");
        if (round >= 0)
            bench_pair_add(&pair, REQUESTS * 1e9 / (double)ours_ns,
                           REQUESTS * 1e9 / (double)least_ns);
        tr_service_destroy(service);
    }
    bench_pair_print(name, &pair, 0, wanted);
}

static void wire_open(struct wire *wire)
{
    struct tryst_address any = {.family = 4, .ip = {127, 0, 0, 1}};
    wire->inbox = tr_datagram_inbox_create();
    if (wire->inbox == NULL || tr_datagram_open(&wire->server, &any, 1 << 20) != TRYST_OK ||
        tr_datagram_open(&wire->client, &any, 1 << 20) != TRYST_OK)
        give_up("no sockets");
    server.port = wire->server.port;
    client.port = wire->client.port;
}

int main(void)
{
    static struct wire wire;
    if (tr_seal_start() != TRYST_OK)
        give_up("no libsodium");
    make_keys();
    bench_pair_heading("registrations a second, one core", "tryst", "limit");
    survey("one a session", 1, NULL, 0);
    survey("two a session", 2, NULL, 0.85);
    survey("eight a session", 8, NULL, 0.85);
    survey("64 a session", 64, NULL, 0);
    wire_open(&wire);
    survey("two a session, through sockets", 2, &wire, 0.85);
    tr_datagram_close(&wire.server);
    tr_datagram_close(&wire.client);
    tr_datagram_inbox_destroy(wire.inbox);
    return 0;
}
