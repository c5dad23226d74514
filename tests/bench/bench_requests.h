/* Registrations as real endpoints say them, made beforehand, and a service that takes them.
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_REQUESTS_H
#define BENCH_REQUESTS_H

#include "tests/bench/bench_figures.h"

#include "lib/seal/seal.h"
#include "server/service.h"
#include <string.h>
#include <tryst/endpoint.h>
#include <tryst/pin.h>

enum { REQUESTS = 512, PORT = 4444 };
#define NOW_US UINT64_C(1000000)
#define UNIX_S UINT64_C(1750000000)

static struct tr_service_options options;
static struct tryst_address server = {.family = 4, .port = 7777, .ip = {127, 0, 0, 1}};
static struct tryst_address client = {.family = 4, .port = PORT, .ip = {127, 0, 0, 1}};
static uint8_t requests[REQUESTS][TRYST_DATAGRAM_MAX];
static char pin_text[TRYST_PIN_TEXT_SIZE];

static void give_up(const char *why)
{
    fprintf(stderr, "bench: %s\n", why);
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

#endif
