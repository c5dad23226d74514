/* Cases of server/service: what it drops and counts, cookies, expiry, restart, shutdown, memory.
 * SPDX-License-Identifier: MIT */
#include "lib/base/deadline.h"
#include "tests/unit/fake_client.h"
#include "tests/unit/unit.h"
#include <malloc.h>

/* There under AddressSanitizer alone, which counts in the place of mallinfo2. */
extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static struct fake_world world;
static struct fake_client *a;

static const struct tr_server_stats *stats(void)
{
    return tr_service_stats(world.service);
}

static void start(void)
{
    fake_world_init(&world, NULL);
    a = fake_world_add(&world, 1, 1);
}

static uint64_t drops(void)
{
    const struct tr_server_stats *s = stats();

    return s->drop_short + s->drop_unknown + s->drop_version + s->drop_cookie + s->drop_seal +
           s->drop_signature + s->drop_replay + s->drop_malformed + s->drop_limit;
}

static void service_refuses_options_that_make_no_sense(void)
{
    struct tr_service *service = NULL;
    struct tr_service_limits wrong[] = {
        {.participants = 10000001}, {.session_participants = 257}, {.identity_sessions = 257},
        {.keepalive_ms = 99},       {.keepalive_ms = 90000},       {.expire_ms = 3600001},
        {.register_rate = 1000001}, {.register_burst = 1000001},
    };

    start();
    for (size_t i = 0; i < UNIT_COUNT(wrong); i++) {
        struct tr_service_options options = world.options;

        options.limits = wrong[i];
        ASSERT_ROW(tr_service_create(&service, &options, 0, 0) == TRYST_E_ARGUMENT, "row %zu", i);
        ASSERT_ROW(tr_service_set_limits(world.service, &wrong[i]) == TRYST_E_ARGUMENT, "row %zu",
                   i);
    }
    world.options.root_key[0] ^= 1;
    ASSERT_EQ_INT(tr_service_create(&service, &world.options, 0, 0), TRYST_E_ARGUMENT);
    ASSERT_TRUE(service == NULL);
    fake_world_clear(&world);
}

static void bind_gets_a_cookie(void)
{
    start();
    fake_bind(&world, a);
    ASSERT_EQ_UINT(a->cookies, 1);
    ASSERT_EQ_UINT(world.last.size, 248);
    ASSERT_TRUE(tr_certificate_verify(&a->cookie_reply.certificate, world.options.root_key));
    ASSERT_EQ_UINT(a->cookie_reply.server_ms, world.unix_s * 1000);
    ASSERT_EQ_UINT(a->cookie_reply.versions, 2);
    ASSERT_EQ_UINT(a->cookie_reply.seen.kind, TRYST_KIND_PUBLIC);
    ASSERT_EQ_INT(tryst_address_compare(&a->cookie_reply.seen.address, &a->address), 0);
    tryst_address_parse(&a->address, "[::ffff:31.0.0.1]:9");
    fake_bind(&world, a);
    ASSERT_EQ_UINT(a->cookie_reply.seen.address.family, 4);
    ASSERT_EQ_INT(tryst_address_compare(&world.last.to, &a->address), 0);
    tryst_address_parse(&a->address, "[2a00::1]:9");
    fake_bind(&world, a);
    ASSERT_EQ_UINT(a->cookie_reply.seen.kind, TRYST_KIND_IPV6);
    ASSERT_EQ_INT(tryst_address_compare(&a->cookie_reply.seen.address, &a->address), 0);
    ASSERT_EQ_UINT(stats()->binds, 3);
    ASSERT_EQ_UINT(stats()->participants, 0);
    fake_world_clear(&world);
}

static void cookie_is_good_for_two_minutes_at_one_address_in_one_app(void)
{
    start();
    fake_bind(&world, a);
    world.now_us += 120 * TR_S + 999999;
    fake_register(&world, a);
    ASSERT_EQ_UINT(a->answers, 1);
    world.now_us += 1;
    fake_register(&world, a);
    ASSERT_EQ_UINT(stats()->drop_cookie, 1);
    fake_bind(&world, a);
    a->address.port++;
    fake_register(&world, a);
    ASSERT_EQ_UINT(stats()->drop_cookie, 2);
    a->address.port--;
    a->app[0]++;
    fake_register(&world, a);
    ASSERT_EQ_UINT(stats()->drop_cookie, 3);
    a->app[0]--;
    fake_register(&world, a);
    ASSERT_EQ_UINT(a->answers, 2);
    ASSERT_EQ_UINT(drops(), 3);
    fake_world_clear(&world);
}

static void every_truncation_is_dropped_without_an_answer(void)
{
    uint8_t bytes[3][TR_DATAGRAM_BYTES];
    size_t sizes[3];

    start();
    fake_join(&world, a);

    uint32_t outputs = world.outputs;
    uint64_t registered = stats()->registered;

    sizes[0] = fake_make_bind(a, bytes[0]);
    fake_make_register(a);
    memcpy(bytes[1], a->request, sizeof bytes[1]);
    sizes[1] = sizeof bytes[1];
    sizes[2] = fake_make_ping(a, 1, 60, bytes[2]);
    for (size_t row = 0; row < 3; row++)
        for (size_t size = 0; size < sizes[row]; size++) {
            uint64_t before = drops();
            uint8_t *exact = malloc(size + 1); /* so that a sanitizer sees a read past its end */

            memcpy(exact + 1, bytes[row], size);
            fake_input(&world, &a->address, exact + 1, size);
            free(exact);
            ASSERT_ROW(drops() == before + 1, "row %zu, %zu bytes", row, size);
        }
    ASSERT_EQ_UINT(world.outputs, outputs);
    ASSERT_EQ_UINT(stats()->registered, registered);
    ASSERT_EQ_UINT(stats()->participants, 1);
    for (size_t row = 0; row < 3; row++)
        fake_input(&world, &a->address, bytes[row], sizes[row]);
    ASSERT_EQ_UINT(world.outputs, outputs + 3);
    fake_world_clear(&world);
}

static void unproven_address_gets_no_more_than_it_sends(void)
{
    uint64_t random = 5;
    uint8_t out[TR_DATAGRAM_BYTES];

    start();
    fake_join(&world, a);
    fake_run(&world, TR_S);
    for (int i = 0; i < 3000; i++) {
        struct tryst_address from = a->address;
        size_t size = unit_random(&random) % (sizeof out + 1);

        for (size_t j = 0; j < sizeof out; j++)
            out[j] = (uint8_t)unit_random(&random);
        out[0] = (uint8_t)(unit_random(&random) % 16);
        out[1] = TR_VERSION;
        memcpy(out + 4, "TRY1", 4);
        if (i % 3 == 0)
            size = fake_make_bind(a, out);
        if (i % 7 == 0)
            size = fake_make_ping(a, 1, (size_t)i % 100 < 3 ? 0 : (size_t)i % 100, out);
        from.port = (uint16_t)(10000 + i);
        fake_input(&world, &from, out, size);
        ASSERT_TRUE(world.outputs_from_input <= 1);
        ASSERT_TRUE(world.largest_from_input <= size);
    }
    fake_world_clear(&world);
}

static void drop_is_counted_by_its_reason(void)
{
    uint8_t out[TR_DATAGRAM_BYTES + 1] = {0};

    start();
    fake_join(&world, a);

    fake_input(&world, &a->address, out, 0);
    ASSERT_EQ_UINT(stats()->drop_short, 1);
    fake_make_bind(a, out);
    fake_input(&world, &a->address, out, TR_DATAGRAM_BYTES - 1);
    ASSERT_EQ_UINT(stats()->drop_short, 2);
    fake_input(&world, &a->address, out, TR_DATAGRAM_BYTES + 1);
    ASSERT_EQ_UINT(stats()->drop_limit, 1);
    out[1] = 2;
    fake_input(&world, &a->address, out, TR_DATAGRAM_BYTES);
    ASSERT_EQ_UINT(stats()->drop_version, 1);
    out[1] = TR_VERSION;
    out[4] ^= 1;
    fake_input(&world, &a->address, out, TR_DATAGRAM_BYTES);
    ASSERT_EQ_UINT(stats()->drop_unknown, 1);
    for (int type = 0; type < 256; type++) {
        uint64_t before = stats()->drop_unknown;

        memset(out, 0, sizeof out);
        out[0] = (uint8_t)type;
        out[1] = TR_VERSION;
        fake_input(&world, &a->address, out, 300);
        ASSERT_ROW(stats()->drop_unknown - before ==
                       (type != TR_BIND && type != TR_REGISTER && type != TR_RELAY),
                   "type %d", type);
    }
    ASSERT_EQ_UINT(stats()->drop_short, 4);
    ASSERT_EQ_UINT(stats()->drop_malformed, 1); /* nothing fit for peers in a RELAY */

    fake_make_register(a);
    a->request[16]++;
    fake_input(&world, &a->address, a->request, TR_DATAGRAM_BYTES);
    ASSERT_EQ_UINT(stats()->drop_cookie, 1);
    fake_make_register(a);
    a->request[TR_DATAGRAM_BYTES - 1]++;
    fake_input(&world, &a->address, a->request, TR_DATAGRAM_BYTES);
    ASSERT_EQ_UINT(stats()->drop_seal, 1);
    fake_world_clear(&world);
}

/* Where the parts of a REGISTER disagree. */
static void register_that_lies_is_dropped(void)
{
    start();
    fake_join(&world, a);

    a->cookie_reply.certificate.key_id[0] ^= 1; /* for another node */
    fake_register(&world, a);
    ASSERT_EQ_UINT(stats()->drop_seal, 1);
    a->cookie_reply.certificate.key_id[0] ^= 1;

    memset(a->ge, 0, TR_KEY); /* a point of small order */
    fake_register(&world, a);
    ASSERT_EQ_UINT(stats()->drop_seal, 2);
    tr_seal_dh_public(a->ge, a->e);

    a->body.record.ge[0] ^= 1; /* another g^e in the record than in the head */
    fake_register(&world, a);
    ASSERT_EQ_UINT(stats()->drop_malformed, 1);
    a->body.record.ge[0] ^= 1;

    a->body.record.version = 2;
    fake_register(&world, a);
    ASSERT_EQ_UINT(stats()->drop_version, 1);
    a->body.record.version = TR_VERSION;

    a->body.record.identity[0] ^= 1; /* somebody else's name */
    fake_register(&world, a);
    ASSERT_EQ_UINT(stats()->drop_signature, 1);
    a->body.record.identity[0] ^= 1;

    a->identity_secret[0] ^= 1; /* somebody else's hand, the record being known */
    fake_register(&world, a);
    ASSERT_EQ_UINT(stats()->drop_signature, 2);
    a->identity_secret[0] ^= 1;

    ASSERT_EQ_UINT(a->answers, 1);
    fake_register(&world, a);
    ASSERT_EQ_UINT(a->answers, 2);
    fake_world_clear(&world);
}

static void sources_that_cannot_have_asked_get_nothing(void)
{
    static const char *const sources[] = {
        "31.0.0.1:0",         "224.0.0.1:5",
        "255.255.255.255:5",  "0.0.0.0:5",
        "0.1.2.3:5",          "[::]:5",
        "[ff02::1]:5",        "[::ffff:224.0.0.1]:5",
        "[::ffff:0.0.0.0]:5", "[::ffff:31.0.0.1]:0",
    };
    uint8_t out[TR_DATAGRAM_BYTES];
    struct tryst_address none = {0};

    start();
    for (size_t i = 0; i < UNIT_COUNT(sources); i++) {
        struct tryst_address from = {0};

        ASSERT_EQ_INT(tryst_address_parse(&from, sources[i]), TRYST_OK);
        fake_input(&world, &from, out, fake_make_bind(a, out));
        ASSERT_ROW(stats()->drop_limit == i + 1, "row %zu", i);
    }
    fake_input(&world, &none, out, fake_make_bind(a, out));
    ASSERT_EQ_UINT(stats()->drop_limit, UNIT_COUNT(sources) + 1);
    ASSERT_EQ_UINT(world.outputs, 0);
    fake_world_clear(&world);
}

static void restart_with_the_same_node_keeps_cookies_and_keys(void)
{
    start();

    struct fake_client *b = fake_world_add(&world, 2, 1);

    fake_join(&world, a);
    fake_join(&world, b);
    fake_bind(&world, a);

    uint64_t fence = a->fence;

    world.now_us += 10 * TR_S;
    world.unix_s += 10;
    fake_world_restart(&world);
    fake_ping(&world, a);
    ASSERT_EQ_UINT(a->unknowns, 1);
    fake_register(&world, a);
    ASSERT_EQ_UINT(a->answers, 2);
    ASSERT_TRUE(a->fence != fence);
    ASSERT_EQ_UINT(a->registered.page.reset, 1);
    ASSERT_EQ_UINT(a->peer_count, 0);
    fake_join(&world, b);
    ASSERT_EQ_UINT(a->peer_count, 1);
    ASSERT_EQ_UINT(b->peer_count, 1);
    ASSERT_EQ_UINT(a->faults + b->faults, 0);
    world.options.node_seed[0] ^= 1;
    fake_world_restart(&world);
    fake_register(&world, a);
    ASSERT_EQ_UINT(stats()->drop_cookie, 1);
    fake_world_clear(&world);
}

static void silent_participant_leaves_when_its_time_is_over(void)
{
    start();

    struct fake_client *b = fake_world_add(&world, 2, 1);

    fake_join(&world, b);
    fake_join(&world, a);
    fake_run(&world, 30 * TR_S);
    fake_ping(&world, b);

    uint64_t joined_us = 5 * TR_S;

    ASSERT_EQ_UINT(tr_service_deadline(world.service), joined_us + 90 * TR_S);
    fake_run(&world, 60 * TR_S - 1);
    ASSERT_EQ_UINT(b->peer_count, 1);
    fake_run(&world, 1);
    ASSERT_EQ_UINT(b->peer_count, 0);
    ASSERT_EQ_UINT(b->departure_reason, TRYST_REASON_EXPIRED);
    ASSERT_EQ_UINT(stats()->expired, 1);
    fake_run(&world, 200 * TR_S);
    ASSERT_EQ_UINT(stats()->participants, 0);
    ASSERT_EQ_UINT(stats()->sessions, 0);
    ASSERT_EQ_UINT(tr_service_deadline(world.service), TR_NEVER);
    fake_world_clear(&world);
}

static void shutdown_tells_everybody_once(void)
{
    enum { MANY = 4200 }; /* more than the outbox holds */
    struct tr_service_limits limits = {.register_burst = 100000};

    fake_world_init(&world, &limits);
    for (uint32_t i = 0; i < MANY; i++) {
        struct fake_client *client = fake_world_add(&world, i, 0);

        memcpy(client->body.record.session, &i, sizeof i);
        fake_join(&world, client);
        fake_run(&world, TR_MS);
    }
    fake_run(&world, TR_S);

    uint32_t outputs = world.outputs;

    tr_service_shutdown(world.service, world.now_us);
    ASSERT_EQ_UINT(tr_service_deadline(world.service), TR_NEVER);
    fake_deliver(&world);
    ASSERT_EQ_UINT(world.outputs - outputs, MANY);
    for (uint32_t i = 0; i < MANY; i++)
        ASSERT_TRUE(world.clients[i]->leaves == 1 &&
                    world.clients[i]->leave_reason == TRYST_REASON_SHUTDOWN);
    fake_bind(&world, world.clients[0]);
    tr_service_shutdown(world.service, world.now_us);
    fake_run(&world, 100 * TR_S);
    ASSERT_EQ_UINT(world.outputs - outputs, MANY);
    fake_world_clear(&world);
}

/* Nobody drains: it goes on, and says what it lost. */
static void output_that_is_not_fetched_is_bounded(void)
{
    uint8_t out[TR_DATAGRAM_BYTES];

    start();
    for (int i = 0; i < 5000; i++) {
        size_t size = fake_make_bind(a, out);

        tr_service_input(world.service, world.now_us, &a->address, &world.server, out, size);
    }
    ASSERT_EQ_UINT(stats()->binds, 4096);
    ASSERT_EQ_UINT(stats()->drop_output, 5000 - 4096);
    fake_deliver(&world);
    ASSERT_EQ_UINT(a->cookies, 4096);
    ASSERT_EQ_UINT(stats()->sent, 4096);
    ASSERT_EQ_UINT(stats()->sent_bytes, 4096 * 248);
    fake_world_clear(&world);
}

static size_t allocated(void)
{
    if (__sanitizer_get_current_allocated_bytes != NULL)
        return __sanitizer_get_current_allocated_bytes();

    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

/* Everything that grows with the participants, the largest entries, the worst moment for tables
 * that have just doubled; a session of one each, and sessions of 256. */
static void participant_takes_at_most_two_kibibytes(void)
{
    static const struct {
        uint32_t count;
        uint32_t a_session;
    } rows[] = {{770, 1}, {1540, 256}};

    for (size_t row = 0; row < UNIT_COUNT(rows); row++) {
        struct fake_client *client;
        size_t fixed, used;

        fake_world_init(&world, NULL);
        client = fake_world_add(&world, 1, 1);
        client->is_silent = true;
        client->body.user_data_size = TR_USER_DATA_MAX;
        client->body.local_count = 7;
        for (uint8_t i = 0; i < 7; i++) {
            tryst_address_parse(&client->body.local[i].address, "10.0.0.0:4000");
            client->body.local[i].address.ip[3] = i;
        }
        fake_join(&world, client); /* the outbox has a buffer now */
        fixed = allocated();
        for (uint32_t i = 0; i < rows[row].count; i++) {
            uint32_t session = i / rows[row].a_session + 2;
            uint8_t seed[TR_KEY] = {1};

            memcpy(client->body.record.session, &session, sizeof session);
            memcpy(seed + 1, &i, sizeof i);
            tr_seal_sign_pair(client->identity, client->identity_secret, seed);
            memcpy(client->body.record.identity, client->identity, TR_KEY);
            client->address.ip[1] = (uint8_t)(i >> 8);
            client->address.ip[2] = (uint8_t)i;
            fake_bind(&world, client);
            fake_make_register(client);
            client->is_deaf = true;
            fake_input(&world, &client->address, client->request, sizeof client->request);
            client->is_deaf = false;
            world.now_us += TR_MS;
        }
        ASSERT_EQ_UINT(stats()->participants, rows[row].count + 1);
        used = allocated() - fixed;
        printf("    %zu bytes a participant, %u a session\n", used / rows[row].count,
               rows[row].a_session);
        ASSERT_ROW(used / rows[row].count <= 2048, "row %zu", row);
        fake_world_clear(&world);
    }
}

/* Before a cookie is shown there is nothing to allocate but the first buffer for an answer. */
static void stranger_costs_no_memory(void)
{
    uint8_t out[TR_DATAGRAM_BYTES];
    size_t before;

    start();
    fake_bind(&world, a);
    before = allocated();
    for (uint32_t i = 1; i < 2000; i++) {
        struct tryst_address from = a->address;

        from.ip[1] = (uint8_t)(i >> 8);
        from.ip[2] = (uint8_t)i;
        fake_input(&world, &from, out, fake_make_bind(a, out));
        fake_make_register(a);
        fake_input(&world, &from, a->request, sizeof a->request);
    }
    ASSERT_TRUE(stats()->drop_cookie > 1900);
    ASSERT_EQ_UINT(allocated(), before);
    fake_world_clear(&world);
}

UNIT_MAIN("service", UNIT_CASE(service_refuses_options_that_make_no_sense),
          UNIT_CASE(bind_gets_a_cookie),
          UNIT_CASE(cookie_is_good_for_two_minutes_at_one_address_in_one_app),
          UNIT_CASE(every_truncation_is_dropped_without_an_answer),
          UNIT_CASE(unproven_address_gets_no_more_than_it_sends),
          UNIT_CASE(drop_is_counted_by_its_reason), UNIT_CASE(register_that_lies_is_dropped),
          UNIT_CASE(sources_that_cannot_have_asked_get_nothing),
          UNIT_CASE(restart_with_the_same_node_keeps_cookies_and_keys),
          UNIT_CASE(silent_participant_leaves_when_its_time_is_over),
          UNIT_CASE(shutdown_tells_everybody_once),
          UNIT_CASE(output_that_is_not_fetched_is_bounded),
          UNIT_CASE(participant_takes_at_most_two_kibibytes), UNIT_CASE(stranger_costs_no_memory))
