/* The sans-I/O face: checks every argument, finds whom a datagram belongs to, tells what happened.
 * SPDX-License-Identifier: MIT */
#include "lib/core/driver_face.h"

#include "lib/core/drops.h"
#include "lib/core/endpoint_state.h"
#include "lib/wire/names.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <tryst/pin.h>

static_assert(TRYST_DATAGRAM_MAX == TR_DATAGRAM_BYTES && TRYST_DATAGRAM_MAX == TR_DATAGRAM_MAX,
              "one size of datagram");
static_assert(TRYST_MESSAGE_MAX == TR_MESSAGE_MAX && TRYST_USER_DATA_MAX == TR_USER_DATA_MAX,
              "one size of message");
static_assert(TRYST_SEED_SIZE == TR_KEY && TRYST_KEY_SIZE == TR_KEY, "one size of key");

/* Datagrams that wait for output; made on first use. A join storm of 255 peers with a few addresses
 * each fits; what does not is sent in a later round. */
enum { OUTBOX_MAX = 1024 };

/* What a spray goes by is looked at again so long before it. */
#define SPRAY_SOON_US (2 * TR_S)

static uint64_t ms_or(uint32_t ms, uint32_t normal_ms)
{
    return (ms > 0 ? ms : normal_ms) * TR_MS;
}

static void kit_init(struct tryst_endpoint *endpoint, const struct tryst_options *options)
{
    endpoint->kit = (struct tr_peer_kit){
        .identity = &endpoint->identity,
        .outbox = &endpoint->outbox,
        .random = &endpoint->random,
        .stats = &endpoint->stats,
        .budget = &endpoint->budget,
        .relay = &endpoint->relay,
        .sockets = &endpoint->sockets,
        .nat = &endpoint->rendezvous.nat,
        .locals = endpoint->locals.slots,
        .hello = &endpoint->hello,
        .times = {.keepalive_us = options->keepalive_ms * TR_MS,
                  .path_us = ms_or(options->path_ms, 15000)},
        .peer_us = ms_or(options->peer_ms, 30000),
        .punch_us = ms_or(options->punch_ms, 10000),
        .rekey_us = (options->rekey_s > 0 ? options->rekey_s : 120) * TR_S,
        .trace = options->trace != 0,
        .now_us = endpoint->created_us,
    };
}

tryst_result tryst_endpoint_create(struct tryst_endpoint **endpoint,
                                   const struct tryst_identity *identity,
                                   const struct tryst_options *options,
                                   const uint8_t seed[TRYST_SEED_SIZE], uint64_t now_us,
                                   uint64_t unix_ms)
{
    struct tryst_pin pin;
    if (endpoint == NULL || identity == NULL || options == NULL || seed == NULL ||
        options->struct_size != sizeof *options || options->server == NULL ||
        options->relay > TRYST_RELAY_ONLY || options->spray > TRYST_SPRAY_DENY)
        return TRYST_E_ARGUMENT;
    if (tryst_pin_parse(&pin, options->server) != TRYST_OK)
        return TRYST_E_FORMAT;
    if (tr_seal_start() != TRYST_OK)
        return TRYST_E_CRYPTO;
    struct tryst_endpoint *made = calloc(1, sizeof *made);
    if (made == NULL || !tr_outbox_init(&made->outbox, OUTBOX_MAX)) {
        free(made);
        return TRYST_E_MEMORY;
    }
    tryst_app_id(made->app, options->app);
    made->identity = *identity;
    made->created_us = now_us;
    tr_random_init(&made->random, seed);
    tr_notice_init(&made->notices);
    tr_rendezvous_init(&made->rendezvous, &made->identity, pin.key, made->app, now_us, unix_ms);
    tr_session_init(&made->session, &made->random);
    tr_budget_init(&made->budget, &made->random);
    made->relay_use = options->relay;
    made->sockets.limit = options->sockets;
    made->relay.is_only = made->survey.is_off = options->relay == TRYST_RELAY_ONLY;
    made->rendezvous.nat.flags = options->spray == TRYST_SPRAY_ALLOW ? TR_NAT_SPRAY : 0;
    made->ports[0] = options->tcp_port;
    made->ports[1] = options->tls_port;
    made->rendezvous.caps = (options->relay != TRYST_RELAY_DENY ? TR_CAP_RELAY : 0) |
                            (options->relay == TRYST_RELAY_ONLY ? TR_CAP_RELAY_ONLY : 0);
    kit_init(made, options);
    made->stats.struct_size = sizeof made->stats;
    *endpoint = made;
    return TRYST_OK;
}

void tryst_endpoint_destroy(struct tryst_endpoint *endpoint)
{
    if (endpoint == NULL)
        return;
    tr_session_clear(&endpoint->session);
    tr_rendezvous_clear(&endpoint->rendezvous);
    tr_outbox_clear(&endpoint->outbox);
    tr_notice_clear(&endpoint->notices);
    tr_seal_wipe(endpoint, sizeof *endpoint);
    free(endpoint);
}

/* When something is due, on our clock. */
static uint64_t due_us(struct tryst_endpoint *endpoint)
{
    uint64_t next = tr_rendezvous_deadline(&endpoint->rendezvous);
    tr_sooner(&next, tr_survey_deadline(&endpoint->survey, &endpoint->rendezvous));
    tr_sooner(&next,
              tr_session_deadline(&endpoint->session, &endpoint->rendezvous, &endpoint->kit));
    return next;
}

/* Time stands still rather than going back. */
static void now_set(struct tryst_endpoint *endpoint, uint64_t told_us)
{
    uint64_t now_us = tr_pace_ours(&endpoint->pace, told_us);
    if (now_us <= endpoint->kit.now_us)
        return;
    if (now_us - endpoint->kit.now_us > TR_PACE_SLEPT_US &&
        tr_pace_is_overslept(due_us(endpoint), now_us))
        endpoint->is_awake = true;
    endpoint->kit.now_us = now_us;
    endpoint->kit.now_ms = (uint32_t)((now_us - endpoint->created_us) / TR_MS);
    endpoint->kit.hello_clock = (uint32_t)((now_us - endpoint->created_us) >> 16);
}

/* What hellos say of us follows what the server told. */
static void hello_update(struct tryst_endpoint *endpoint)
{
    struct tr_hello_extra *hello = &endpoint->hello;
    hello->seen = tr_rendezvous_public(&endpoint->rendezvous);
    hello->roster_fence = endpoint->rendezvous.fence;
    hello->roster_version = endpoint->rendezvous.version;
    hello->local_count = 0;
    bool is_hidden = endpoint->relay_use == TRYST_RELAY_ONLY;
    for (size_t i = 0;
         i < endpoint->rendezvous.local_count && i < TR_CANDIDATES_MAX - 1 && !is_hidden; i++)
        hello->local[hello->local_count++] = endpoint->rendezvous.locals[i];
}

static void relay_update(struct tryst_endpoint *endpoint)
{
    const struct tr_rendezvous *rendezvous = &endpoint->rendezvous;
    const struct tr_uplink *uplink = &rendezvous->uplinks[rendezvous->uplink];
    struct tr_relay_way *way = &endpoint->relay;
    bool is_anew = way->life != rendezvous->life;
    way->is_only = endpoint->relay_use == TRYST_RELAY_ONLY;
    way->is_open = endpoint->relay_use != TRYST_RELAY_DENY && rendezvous->relay_kbps > 0;
    way->life = rendezvous->life;
    way->server = uplink->server;
    way->local = uplink->local;
    way->keys = rendezvous->relay_keys;
    if (is_anew)
        tr_session_relay_anew(&endpoint->session, &endpoint->kit);
}

static void fact_tell(struct tryst_endpoint *endpoint, const struct tr_fact *fact)
{
    struct tryst_event event = {
        .stage = fact->stage,
        .reason = fact->reason,
        .retry_ms = fact->retry_ms,
        .address = tr_rendezvous_public(&endpoint->rendezvous).address,
        .rtt_us = endpoint->rendezvous.rtt_us,
    };
    memcpy(event.text, fact->detail, sizeof fact->detail);
    switch (fact->kind) {
    case TR_FACT_COOKIE:
        event.type = TRYST_EVENT_COOKIE;
        break;
    case TR_FACT_REGISTERED:
        event.type = fact->is_return ? TRYST_EVENT_SERVER_BACK : TRYST_EVENT_REGISTERED;
        event.data = endpoint->rendezvous.granted;
        event.size = endpoint->rendezvous.granted_size;
        break;
    case TR_FACT_LOST:
        event.type = TRYST_EVENT_SERVER_LOST;
        break;
    default:
        event.type = TRYST_EVENT_REFUSED;
        endpoint->is_joined = false;
        tr_session_leave(&endpoint->session, &endpoint->rendezvous, &endpoint->kit);
    }
    if (event.type == TRYST_EVENT_SERVER_LOST || event.type == TRYST_EVENT_REFUSED) {
        memset(&event.address, 0, sizeof event.address);
        event.rtt_us = 0;
    }
    memcpy(event.key, endpoint->identity.public_key, TR_KEY);
    tr_notice_put(&endpoint->notices, &event);
}

static void advance(struct tryst_endpoint *endpoint)
{
    struct tr_fact fact;
    uint64_t now_us = endpoint->kit.now_us;
    if (endpoint->is_awake) {
        endpoint->is_awake = false;
        tr_rendezvous_awake(&endpoint->rendezvous, now_us);
        tr_survey_doubt(&endpoint->survey);
        tr_session_unsettle(&endpoint->session, true, &endpoint->kit);
    }
    tr_survey_tick(&endpoint->survey, &endpoint->rendezvous, &endpoint->kit);
    tr_rendezvous_tick(&endpoint->rendezvous, now_us, &endpoint->outbox, &endpoint->random);
    while (tr_rendezvous_next_fact(&endpoint->rendezvous, &fact))
        fact_tell(endpoint, &fact);
    tr_session_tick(&endpoint->session, &endpoint->rendezvous, &endpoint->kit, &endpoint->notices);
    if (endpoint->rendezvous.nat.ports == TRYST_PORTS_SEQUENTIAL &&
        tr_traversal_wanted(&endpoint->session.traversal, &endpoint->session.seats,
                            &endpoint->kit) < now_us + SPRAY_SOON_US)
        tr_survey_refresh(&endpoint->survey, &endpoint->rendezvous, &endpoint->kit);
    tr_survey_send(&endpoint->survey, &endpoint->rendezvous, &endpoint->kit);
}

static void uplinks_update(struct tryst_endpoint *endpoint)
{
    struct tryst_address extra[TRYST_LOCAL_MAX];
    struct tryst_address servers[3 * TRYST_SERVER_MAX];
    size_t count = tr_locals_extra(&endpoint->locals, extra);
    size_t server_count = 0;
    for (uint8_t i = 0; i < endpoint->server_count; i++)
        servers[server_count++] = endpoint->servers[i];
    for (uint8_t i = 0; i < endpoint->server_count; i++)
        for (uint8_t j = 0; j < 2; j++) {
            if (endpoint->ports[j] == 0)
                continue;
            servers[server_count] = endpoint->servers[i];
            servers[server_count].transport = (uint8_t)(TRYST_TRANSPORT_TCP + j);
            servers[server_count++].port = endpoint->ports[j];
        }
    tr_rendezvous_set_uplinks(&endpoint->rendezvous, endpoint->kit.now_us, servers, server_count,
                              extra, count);
}

tryst_result tryst_endpoint_set_server(struct tryst_endpoint *endpoint, uint64_t now_us,
                                       const struct tryst_address *addresses, size_t count)
{
    if (endpoint == NULL || addresses == NULL || count == 0)
        return TRYST_E_ARGUMENT;
    for (size_t i = 0; i < count; i++)
        if (tryst_address_classify(&addresses[i]) == TRYST_ADDRESS_NONE)
            return TRYST_E_ARGUMENT;
    now_set(endpoint, now_us);
    endpoint->server_count = 0;
    for (size_t i = 0; i < count && i < TRYST_SERVER_MAX; i++)
        endpoint->servers[endpoint->server_count++] = tryst_address_canonical(&addresses[i]);
    uplinks_update(endpoint);
    advance(endpoint);
    return TRYST_OK;
}

tryst_result tryst_endpoint_set_local(struct tryst_endpoint *endpoint, uint64_t now_us,
                                      const struct tryst_address *addresses, size_t count)
{
    struct tryst_address list[TRYST_LOCAL_MAX];
    uint8_t dropped = 0;
    if (endpoint == NULL || (addresses == NULL && count > 0))
        return TRYST_E_ARGUMENT;
    for (size_t i = 0; i < count; i++)
        if (addresses[i].family != 4 && addresses[i].family != 6)
            return TRYST_E_ARGUMENT;
    size_t used = tr_locals_clean(list, addresses, count);
    now_set(endpoint, now_us);
    if (!tr_locals_set(&endpoint->locals, list, used, &dropped))
        return TRYST_OK;
    tr_rendezvous_set_locals(&endpoint->rendezvous, endpoint->kit.now_us, list, used);
    uplinks_update(endpoint);
    tr_survey_doubt(&endpoint->survey);
    hello_update(endpoint);
    tr_session_locals_changed(&endpoint->session, dropped, endpoint->locals.extra, &endpoint->kit);
    advance(endpoint);
    return TRYST_OK;
}

tryst_result tryst_endpoint_set_mapped(struct tryst_endpoint *endpoint, uint64_t now_us,
                                       const struct tryst_address *external)
{
    struct tryst_address mapped = {0};
    if (endpoint == NULL)
        return TRYST_E_ARGUMENT;
    if (external != NULL && external->family != 0)
        mapped = tryst_address_canonical(external);
    if (mapped.family != 0 && (mapped.family != 4 || mapped.port == 0))
        return TRYST_E_ARGUMENT;
    now_set(endpoint, now_us);
    tr_rendezvous_set_mapped(&endpoint->rendezvous, &mapped);
    advance(endpoint);
    return TRYST_OK;
}

tryst_result tryst_endpoint_join(struct tryst_endpoint *endpoint, uint64_t now_us,
                                 const char *session, const void *data, size_t size)
{
    if (endpoint == NULL || session == NULL || session[0] == 0 || (data == NULL && size > 0))
        return TRYST_E_ARGUMENT;
    size_t length = strlen(session);
    if (length > TRYST_SESSION_NAME_MAX || size > TRYST_USER_DATA_MAX)
        return TRYST_E_SIZE;
    if (endpoint->is_joined)
        return TRYST_E_STATE;
    uint8_t id[TR_SESSION_BYTES];
    tr_names_session(id, endpoint->app, session, length);
    now_set(endpoint, now_us);
    endpoint->is_joined = true;
    tr_survey_refresh(&endpoint->survey, &endpoint->rendezvous, &endpoint->kit);
    tr_rendezvous_join(&endpoint->rendezvous, endpoint->kit.now_us, id, data, size,
                       &endpoint->random);
    advance(endpoint);
    return TRYST_OK;
}

tryst_result tryst_endpoint_leave(struct tryst_endpoint *endpoint, uint64_t now_us)
{
    if (endpoint == NULL)
        return TRYST_E_ARGUMENT;
    now_set(endpoint, now_us);
    if (!endpoint->is_joined)
        return TRYST_OK;
    endpoint->is_joined = false;
    tr_session_leave(&endpoint->session, &endpoint->rendezvous, &endpoint->kit);
    tr_rendezvous_leave(&endpoint->rendezvous, endpoint->kit.now_us, &endpoint->outbox);
    hello_update(endpoint);
    return TRYST_OK;
}

tryst_result tryst_endpoint_send(struct tryst_endpoint *endpoint, uint64_t now_us, uint32_t peer,
                                 const void *data, size_t size)
{
    if (endpoint == NULL || data == NULL || size == 0)
        return TRYST_E_ARGUMENT;
    if (size > TRYST_MESSAGE_MAX)
        return TRYST_E_SIZE;
    now_set(endpoint, now_us);
    tryst_result result = tr_session_send(&endpoint->session, peer, data, size, &endpoint->kit);
    endpoint->stats.messages_sent += result == TRYST_OK;
    return result;
}

static enum tr_drop server_input(struct tryst_endpoint *endpoint, const struct tryst_address *from,
                                 const void *data, size_t size)
{
    enum tr_drop drop = tr_rendezvous_input(&endpoint->rendezvous, endpoint->kit.now_us, from, data,
                                            size, &endpoint->random);
    if (drop != TR_DROP_NONE)
        return drop;
    hello_update(endpoint);
    relay_update(endpoint);
    struct tr_fact fact;
    while (tr_rendezvous_next_fact(&endpoint->rendezvous, &fact)) /* registered before joined */
        fact_tell(endpoint, &fact);
    tr_session_read_page(&endpoint->session, &endpoint->rendezvous, &endpoint->kit,
                         &endpoint->notices);
    tr_rendezvous_page_done(&endpoint->rendezvous, &endpoint->outbox);
    for (uint8_t i = 0; i < endpoint->rendezvous.told_count; i++)
        tr_session_relay_told(&endpoint->session, &endpoint->rendezvous.told[i], &endpoint->kit,
                              &endpoint->notices);
    endpoint->rendezvous.told_count = 0;
    return drop;
}

tryst_result tryst_endpoint_input(struct tryst_endpoint *endpoint, uint64_t now_us,
                                  const struct tryst_address *from, const struct tryst_address *to,
                                  const void *data, size_t size)
{
    return tryst_endpoint_input_on(endpoint, now_us, 0, from, to, data, size);
}

tryst_result tryst_endpoint_input_on(struct tryst_endpoint *endpoint, uint64_t now_us,
                                     uint32_t socket, const struct tryst_address *from,
                                     const struct tryst_address *to, const void *data, size_t size)
{
    if (endpoint == NULL || socket > endpoint->sockets.limit || from == NULL ||
        (data == NULL && size > 0) || (from->family != 4 && from->family != 6) || from->port == 0)
        return TRYST_E_ARGUMENT;
    now_set(endpoint, now_us);
    endpoint->stats.datagrams_received++;
    endpoint->stats.bytes_received += size;
    if (socket != 0 && !tr_sockets_is_wanted(&endpoint->sockets, (uint8_t)socket)) {
        tr_counters_drop(&endpoint->stats, TR_DROP_UNKNOWN); /* a path would keep it open */
        return TRYST_OK;
    }
    struct tryst_address source = tryst_address_canonical(from);
    source.scope = 0;
    uint16_t local =
        socket != 0 ? (uint16_t)(TR_LOCAL_SOCKET + socket) : tr_locals_find(&endpoint->locals, to);
    bool is_server = source.transport != TRYST_TRANSPORT_UDP || endpoint->relay.is_only;
    if (tr_survey_input(&endpoint->survey, endpoint->kit.now_us, socket, &source, data, size)) {
        advance(endpoint);
        return TRYST_OK;
    }
    enum tr_drop
        drop = /* only the server is talked to by a stream, or where there is no other way */
        tr_envelope_check(data, size, TR_FROM_SERVER | (is_server ? 0 : TR_FROM_PEER));
    uint8_t type = drop == TR_DROP_NONE ? *(const uint8_t *)data : 0;
    if (drop == TR_DROP_NONE && type == TR_DATA)
        drop = tr_session_data(&endpoint->session, &source, local, data, size, &endpoint->kit,
                               &endpoint->notices);
    else if (drop == TR_DROP_NONE && type == TR_HELLO)
        drop = tr_session_hello(&endpoint->session, &source, local, data, size, &endpoint->kit,
                                &endpoint->notices);
    else if (drop == TR_DROP_NONE && type == TR_RELAY)
        drop = tr_session_relay(&endpoint->session, data, size, &endpoint->kit, &endpoint->notices);
    else if (drop == TR_DROP_NONE)
        drop = server_input(endpoint, &source, data, size);
    tr_counters_drop(&endpoint->stats, drop);
    if (endpoint->is_awake || (drop == TR_DROP_NONE && type != TR_DATA))
        advance(endpoint);
    return TRYST_OK;
}

tryst_result tryst_endpoint_tick(struct tryst_endpoint *endpoint, uint64_t now_us)
{
    if (endpoint == NULL)
        return TRYST_E_ARGUMENT;
    now_set(endpoint, now_us);
    advance(endpoint);
    return TRYST_OK;
}

uint64_t tryst_endpoint_deadline(const struct tryst_endpoint *endpoint)
{
    if (endpoint == NULL)
        return 0;
    /* Only the session's cache of its soonest deadline changes. */
    struct tryst_endpoint *cached = (struct tryst_endpoint *)(uintptr_t)endpoint;
    return tr_pace_theirs(&endpoint->pace, due_us(cached));
}

tryst_result tryst_endpoint_output(struct tryst_endpoint *endpoint, uint64_t now_us,
                                   struct tryst_datagram *datagram)
{
    if (endpoint == NULL || datagram == NULL)
        return TRYST_E_ARGUMENT;
    now_set(endpoint, now_us);
    tr_session_flush(&endpoint->session, &endpoint->kit);
    const struct tr_datagram *next = NULL;
    do
        next = tr_outbox_pop(&endpoint->outbox);
    while (next != NULL && next->size == 0);
    if (next == NULL)
        return 0;
    *datagram = (struct tryst_datagram){.to = next->to,
                                        .from = next->from,
                                        .data = next->data,
                                        .size = next->size,
                                        .ttl = next->ttl,
                                        .socket = next->socket};
    endpoint->stats.datagrams_sent++;
    endpoint->stats.bytes_sent += next->size;
    return 1;
}

tryst_result tryst_endpoint_poll(struct tryst_endpoint *endpoint, struct tryst_event *event)
{
    if (endpoint == NULL || event == NULL)
        return TRYST_E_ARGUMENT;
    return tr_notice_take(&endpoint->notices, event) ? 1 : 0;
}

bool tr_endpoint_has_event(const struct tryst_endpoint *endpoint)
{
    return endpoint->notices.count > 0;
}

void tr_endpoint_server_failed(struct tryst_endpoint *endpoint, uint64_t now_us, uint32_t stage,
                               uint32_t reason)
{
    struct tryst_event event = {.type = TRYST_EVENT_SERVER_LOST, .stage = stage, .reason = reason};
    now_set(endpoint, now_us);
    memcpy(event.key, endpoint->identity.public_key, TR_KEY);
    tr_notice_put(&endpoint->notices, &event);
}
