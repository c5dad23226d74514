/* Registrations a second on one core, against the public-key operations that the protocol prescribes
 * for one: two Ed25519 verifications, two X25519, one Ed25519 signature.
 * SPDX-License-Identifier: MIT */
#include "tests/bench/bench_figures.h"

#include "lib/driver/datagram.h"
#include "lib/seal/seal.h"
#include "server/service.h"
#include <sodium.h>
#include <string.h>
#include <tryst/endpoint.h>
#include <tryst/pin.h>

enum {
    ROUNDS = 11,
    REQUESTS = 512,
    BATCH = 32, /* requests between two looks at the reference */
    PORT = 4444,
    MESSAGE = 100, /* bytes signed in the reference: the least of those that the protocol signs */
};
#define NOW_US UINT64_C(1000000)
#define UNIX_S UINT64_C(1750000000)

static struct tr_service_options options;
static struct tryst_address server = {.family = 4, .port = 7777, .ip = {127, 0, 0, 1}};
static struct tryst_address client = {.family = 4, .port = PORT, .ip = {127, 0, 0, 1}};
static uint8_t requests[REQUESTS][TRYST_DATAGRAM_MAX];
static char pin_text[TRYST_PIN_TEXT_SIZE];

static void give_up(const char *why)
{
    fprintf(stderr, "bench_register: %s\n", why);
    exit(1);
}

static void make_keys(void)
{
    uint8_t secret[TR_SIGN_SECRET];
    struct tryst_pin pin = {.host = "127.0.0.1", .port = 7777};
    memset(options.root_seed, 1, sizeof options.root_seed);
    memset(options.node_seed, 2, sizeof options.node_seed);
    tr_seal_sign_pair(options.root_key, secret, options.root_seed);
    memcpy(pin.key, options.root_key, sizeof pin.key);
    tryst_pin_format(&pin, pin_text, sizeof pin_text);
    options.limits = (struct tr_service_limits){
        .participants = 1000000, .register_rate = 1000000, .register_burst = 1000000};
}

/* Every round has a server of its own, so that all registrations are first ones; its node keys, and
 * so its cookies, stay. */
static struct tr_service *make_service(void)
{
    struct tr_service *service = NULL;
    tr_seal_entropy(options.seed, sizeof options.seed);
    if (tr_service_create(&service, &options, NOW_US, UNIX_S) != TRYST_OK)
        give_up("no service");
    return service;
}

/* The next datagram of an endpoint that has this frame number. */
static bool take(struct tryst_endpoint *endpoint, uint8_t frame, struct tryst_datagram *out)
{
    while (tryst_endpoint_output(endpoint, NOW_US, out) == 1)
        if (*(const uint8_t *)out->data == frame)
            return true;
    return false;
}

/* What a real endpoint says to register, with a cookie of this service. */
static void prepare(struct tr_service *service, uint32_t number, uint32_t session_size,
                    const struct tryst_address *from)
{
    uint8_t seed[TRYST_SEED_SIZE] = {9, (uint8_t)number, (uint8_t)(number >> 8)};
    struct tryst_identity *identity = NULL;
    struct tryst_endpoint *endpoint = NULL;
    struct tryst_options settings;
    struct tryst_datagram out;
    char session[16];
    tryst_options_init(&settings);
    settings.server = pin_text;
    snprintf(session, sizeof session, "s%u", number / session_size);
    if (tryst_identity_from_seed(&identity, seed, sizeof seed) != TRYST_OK ||
        tryst_endpoint_create(&endpoint, identity, &settings, seed, NOW_US, UNIX_S * 1000) !=
            TRYST_OK)
        give_up("no endpoint");
    tryst_endpoint_set_local(endpoint, NOW_US, from, 1);
    tryst_endpoint_set_server(endpoint, NOW_US, &server, 1);
    if (!take(endpoint, 0x04, &out))
        give_up("no BIND");
    tr_service_input(service, NOW_US, from, &server, out.data, out.size);
    const struct tr_datagram *cookie = tr_service_output(service);
    if (cookie == NULL)
        give_up("no COOKIE");
    tryst_endpoint_input(endpoint, NOW_US, &server, from, cookie->data, cookie->size);
    tryst_endpoint_join(endpoint, NOW_US, session, "a player", 8);
    if (!take(endpoint, 0x06, &out) || out.size != sizeof requests[0])
        give_up("no REGISTER");
    memcpy(requests[number], out.data, out.size);
    tryst_endpoint_destroy(endpoint);
    tryst_identity_destroy(identity);
}

static void prepare_all(uint32_t session_size, const struct tryst_address *from)
{
    struct tr_service *service = make_service();
    for (uint32_t i = 0; i < REQUESTS; i++)
        prepare(service, i, session_size, from);
    tr_service_destroy(service);
}

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
