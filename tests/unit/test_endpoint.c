/* The sans-I/O face: arguments, meeting, messages, any order of calls, strange time, strange bytes.
 * SPDX-License-Identifier: MIT */
#include "lib/core/driver_face.h"
#include "tests/unit/endpoint_world.h"

static struct endpoint_world world;

/* Counts allocations where the C library lets us stand before it. */
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__)
#define COUNTS_ALLOCATIONS 1
static uint64_t allocations;
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

void *malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    allocations++;
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    allocations++;
    return __libc_realloc(old, size);
}
#endif

static void endpoint_refuses_wrong_arguments_of_create(void)
{
    struct tryst_identity *identity = NULL;
    struct tryst_endpoint *endpoint = NULL;
    struct tryst_options options, wrong;
    uint8_t seed[TRYST_SEED_SIZE] = {1};
    static const char pin[] = "host#AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    tryst_options_init(&options);
    options.server = pin;
    ASSERT_EQ_INT(tryst_identity_from_seed(&identity, seed, sizeof seed), TRYST_OK);
    ASSERT_EQ_INT(tryst_endpoint_create(NULL, identity, &options, seed, 0, 0), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_endpoint_create(&endpoint, NULL, &options, seed, 0, 0), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_endpoint_create(&endpoint, identity, NULL, seed, 0, 0), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_endpoint_create(&endpoint, identity, &options, NULL, 0, 0),
                  TRYST_E_ARGUMENT);
    wrong = options;
    wrong.struct_size = 0;
    ASSERT_EQ_INT(tryst_endpoint_create(&endpoint, identity, &wrong, seed, 0, 0), TRYST_E_ARGUMENT);
    wrong = options;
    wrong.server = NULL;
    ASSERT_EQ_INT(tryst_endpoint_create(&endpoint, identity, &wrong, seed, 0, 0), TRYST_E_ARGUMENT);
    wrong.server = "host#short";
    ASSERT_EQ_INT(tryst_endpoint_create(&endpoint, identity, &wrong, seed, 0, 0), TRYST_E_FORMAT);
    ASSERT_TRUE(endpoint == NULL);
    ASSERT_EQ_INT(tryst_endpoint_create(&endpoint, identity, &options, seed, 0, 0), TRYST_OK);
    tryst_identity_destroy(identity);
    tryst_endpoint_destroy(endpoint);
    tryst_endpoint_destroy(NULL);
}

static const struct tryst_address good = {.family = 4, .port = 9, .ip = {1, 2, 3, 4}};
static uint8_t data[2000] = {1};

/* Each wrong call on a connected endpoint, and what it says. */
static tryst_result wrong_address(unsigned which, struct tryst_endpoint *e, uint64_t now)
{
    struct tryst_address no_port = good, no_family = good, none = {0};

    no_port.port = 0;
    no_family.family = 5;
    switch (which) {
    case 0:
        return tryst_endpoint_set_server(e, now, NULL, 1);
    case 1:
        return tryst_endpoint_set_server(e, now, &good, 0);
    case 2:
        return tryst_endpoint_set_server(e, now, &no_port, 1);
    case 3:
        return tryst_endpoint_set_server(NULL, now, &good, 1);
    case 4:
        return tryst_endpoint_set_local(e, now, NULL, 1);
    case 5:
        return tryst_endpoint_set_local(e, now, &no_family, 1);
    case 6:
        return tryst_endpoint_set_local(NULL, now, &good, 1);
    case 7:
        return tryst_endpoint_input(e, now, NULL, NULL, data, 10);
    case 8:
        return tryst_endpoint_input(e, now, &no_port, NULL, data, 10);
    case 9:
        return tryst_endpoint_input(e, now, &none, NULL, data, 10);
    case 10:
        return tryst_endpoint_input(e, now, &good, NULL, NULL, 10);
    default:
        return tryst_endpoint_input(NULL, now, &good, NULL, data, 10);
    }
}

static tryst_result wrong_handle(unsigned which, struct tryst_endpoint *e, uint64_t now)
{
    switch (which) {
    case 12:
        return tryst_endpoint_tick(NULL, now);
    case 13:
        return tryst_endpoint_leave(NULL, now);
    case 14:
        return tryst_endpoint_output(e, now, NULL);
    case 15:
        return tryst_endpoint_poll(e, NULL);
    case 16:
        return tryst_endpoint_stats(e, NULL);
    case 17:
        return tryst_endpoint_local(e, NULL, 1);
    case 18:
        return tryst_endpoint_join(NULL, now, "other", NULL, 0);
    case 19:
        return tryst_endpoint_join(e, now, NULL, NULL, 0);
    case 20:
        return tryst_endpoint_join(e, now, "", NULL, 0);
    default:
        return tryst_endpoint_join(e, now, "other", NULL, 3);
    }
}

static tryst_result wrong_call(unsigned which, struct tryst_endpoint *e, uint64_t now,
                               uint32_t peer)
{
    char name[TRYST_SESSION_NAME_MAX + 2];

    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    switch (which) {
    case 22:
        return tryst_endpoint_send(e, now, peer, NULL, 1);
    case 23:
        return tryst_endpoint_send(e, now, peer, data, 0);
    case 24:
        return tryst_endpoint_send(NULL, now, peer, data, 1);
    case 25:
        return tryst_endpoint_send(e, now, peer, data, TRYST_MESSAGE_MAX + 1);
    case 26:
        return tryst_endpoint_join(e, now, name, NULL, 0);
    case 27:
        return tryst_endpoint_join(e, now, "other", data, TRYST_USER_DATA_MAX + 1);
    case 28:
        return tryst_endpoint_join(e, now, "other", NULL, 0);
    case 29:
        return tryst_endpoint_send(e, now, peer + 256, data, 1);
    case 30:
        return tryst_endpoint_send(e, now, 0, data, 1);
    default:
        return which < 12 ? wrong_address(which, e, now) : wrong_handle(which, e, now);
    }
}

static tryst_result wrong_expected(unsigned which)
{
    return which < 25    ? TRYST_E_ARGUMENT
           : which <= 27 ? TRYST_E_SIZE
           : which == 28 ? TRYST_E_STATE
                         : TRYST_E_PEER;
}

static void endpoint_is_not_changed_by_wrong_arguments(void)
{
    world_init(&world, 2);
    world_connect(&world);
    struct tryst_endpoint *endpoint = world.end[0].endpoint;
    struct tryst_stats before = world_stats(&world, 0);
    uint64_t deadline = tryst_endpoint_deadline(endpoint);
    struct tryst_datagram datagram;
    struct tryst_event event;
    for (unsigned which = 0; which < 31; which++)
        ASSERT_ROW(wrong_call(which, endpoint, world.now_us, world.end[0].peer[1]) ==
                       wrong_expected(which),
                   "call %u", which);
    struct tryst_stats after = world_stats(&world, 0);
    ASSERT_EQ_MEM(&after, &before, sizeof before);
    ASSERT_EQ_UINT(tryst_endpoint_deadline(endpoint), deadline);
    ASSERT_EQ_INT(tryst_endpoint_output(endpoint, world.now_us, &datagram), 0);
    ASSERT_EQ_INT(tryst_endpoint_poll(endpoint, &event), 0);
    ASSERT_EQ_UINT(tryst_endpoint_deadline(NULL), 0);
    world_clear(&world);
}

static void endpoint_tells_what_it_knows_of_its_nat(void)
{
    struct tryst_survey survey;
    world_init(&world, 1);
    struct tryst_endpoint *endpoint = world.end[0].endpoint;
    ASSERT_EQ_INT(tryst_endpoint_survey(NULL, &survey), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_endpoint_survey(endpoint, NULL), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_endpoint_survey(endpoint, &survey), TRYST_OK);
    ASSERT_EQ_UINT(survey.state, TRYST_SURVEY_NONE);
    ASSERT_EQ_UINT(tryst_survey_outlook(&survey), TRYST_OUTLOOK_UNKNOWN);
    ASSERT_EQ_UINT(tryst_survey_outlook(NULL), TRYST_OUTLOOK_UNKNOWN);
    world_join(&world, 0);
    world_for(&world, TR_S);
    ASSERT_EQ_INT(tryst_endpoint_survey(endpoint, &survey), TRYST_OK);
    ASSERT_EQ_UINT(survey.state, TRYST_SURVEY_DONE);
    ASSERT_EQ_UINT(survey.mapping, TRYST_MAPPING_NONE);
    ASSERT_EQ_UINT(survey.rtt_us, 2 * world.delay_us);
    ASSERT_EQ_UINT(tryst_survey_outlook(&survey), TRYST_OUTLOOK_OPEN);
    ASSERT_EQ_INT(tryst_endpoint_lifetime(NULL, world.now_us, 30), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_endpoint_lifetime(endpoint, world.now_us, 4), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_endpoint_lifetime(endpoint, world.now_us, 241), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_endpoint_lifetime(endpoint, world.now_us, 30),
                  TRYST_E_STATE); /* no sockets */
    world_clear(&world);
}

static void endpoint_meets_another_and_talks_both_ways(void)
{
    world_init(&world, 2);
    world_connect(&world);
    for (unsigned i = 0; i < 2; i++) {
        const struct world_end *end = &world.end[i];

        ASSERT_EQ_UINT(end->told[TRYST_EVENT_COOKIE], 1);
        ASSERT_EQ_UINT(end->told[TRYST_EVENT_REGISTERED], 1);
        ASSERT_EQ_INT(
            tryst_address_compare(&end->last[TRYST_EVENT_REGISTERED].address, &end->address), 0);
        ASSERT_EQ_UINT(end->told[TRYST_EVENT_JOINED], 1);
        ASSERT_EQ_UINT(end->told[TRYST_EVENT_PUNCH], 1);
        ASSERT_EQ_UINT(end->told[TRYST_EVENT_HELLO], 1);
        ASSERT_EQ_UINT(end->told[TRYST_EVENT_CONNECTED], 1);
        ASSERT_EQ_UINT(end->last[TRYST_EVENT_CONNECTED].path, TRYST_PATH_DIRECT);
        ASSERT_EQ_INT(tryst_address_compare(&end->last[TRYST_EVENT_CONNECTED].address,
                                            &world.end[1 - i].address),
                      0);
        ASSERT_EQ_UINT(end->last[TRYST_EVENT_CONNECTED].rtt_us, 40 * TR_MS);
        ASSERT_EQ_UINT(end->told[TRYST_EVENT_UNREACHABLE], 0);
        ASSERT_EQ_INT(world_send(&world, i, 1 - i, i == 0 ? "ping" : "pong", 5), TRYST_OK);
    }
    world_for(&world, 30 * TR_MS);
    ASSERT_EQ_STR(world.end[1].text, "ping");
    ASSERT_EQ_STR(world.end[0].text, "pong");
    ASSERT_EQ_UINT(world_stats(&world, 0).messages_sent, 1);
    ASSERT_EQ_UINT(world_stats(&world, 0).messages_received, 1);
    world_clear(&world);
}

static void endpoint_meets_three_others(void)
{
    world_init(&world, 4);
    world_connect(&world);
    for (unsigned i = 0; i < 4; i++)
        for (unsigned j = 0; j < 4; j++)
            if (i != j)
                ASSERT_EQ_INT(world_send(&world, i, j, &i, sizeof i), TRYST_OK);
    world_for(&world, 30 * TR_MS);
    for (unsigned i = 0; i < 4; i++)
        ASSERT_EQ_UINT(world.end[i].told[TRYST_EVENT_MESSAGE], 3);
    world_clear(&world);
}

static void endpoint_sends_messages_of_every_size(void)
{
    static uint8_t sized[TRYST_MESSAGE_MAX];
    uint32_t bytes = 0;

    world_init(&world, 2);
    world_connect(&world);
    memset(sized, 'x', sizeof sized);
    for (size_t size = 1; size <= sizeof sized; size++) {
        ASSERT_EQ_INT(world_send(&world, 0, 1, sized, size), TRYST_OK);
        bytes += (uint32_t)size;
        if (size % 16 == 0)
            world_for(&world, TR_MS);
    }
    world_for(&world, 30 * TR_MS);
    ASSERT_EQ_UINT(world.end[1].told[TRYST_EVENT_MESSAGE], sizeof sized);
    ASSERT_EQ_UINT(world.end[1].bytes, bytes);
    world_clear(&world);
}

static void endpoint_leaves_and_joins_again_as_somebody_new(void)
{
    world_init(&world, 2);
    world_connect(&world);
    for (unsigned round = 1; round <= 3; round++) {
        uint32_t handle = world.end[1].peer[0];

        ASSERT_EQ_INT(tryst_endpoint_leave(world.end[0].endpoint, world.now_us), TRYST_OK);
        ASSERT_EQ_INT(tryst_endpoint_leave(world.end[0].endpoint, world.now_us), TRYST_OK);
        ASSERT_EQ_UINT(world_stats(&world, 0).peers, 0);
        world_for(&world, TR_S);
        ASSERT_EQ_UINT(world.end[1].told[TRYST_EVENT_LEFT], round);
        ASSERT_EQ_UINT(world.end[1].last[TRYST_EVENT_LEFT].reason, TRYST_REASON_LEAVE);
        ASSERT_EQ_INT(world_send(&world, 1, 0, "?", 1), TRYST_E_PEER);
        world_join(&world, 0);
        world_for(&world, TR_S);
        ASSERT_EQ_UINT(world.end[1].told[TRYST_EVENT_CONNECTED], round + 1);
        ASSERT_TRUE(world.end[1].peer[0] != handle);
        ASSERT_EQ_INT(world_send(&world, 1, 0, "again", 6), TRYST_OK);
        world_for(&world, 30 * TR_MS);
        ASSERT_EQ_STR(world.end[0].text, "again");
    }
    world_clear(&world);
}

static void endpoint_tells_the_servers_refusal_in_its_words(void)
{
    world_init(&world, 1);
    world.server.refusal = TRYST_REASON_DENIED;
    world.server.refusal_text = "members only";
    world_join(&world, 0);
    world_for(&world, TR_S);
    const struct tryst_event *event = &world.end[0].last[TRYST_EVENT_REFUSED];
    ASSERT_EQ_UINT(world.end[0].told[TRYST_EVENT_REFUSED], 1);
    ASSERT_EQ_UINT(event->reason, TRYST_REASON_DENIED);
    ASSERT_EQ_UINT(event->retry_ms, 1234);
    ASSERT_EQ_STR(event->text, "members only");
    world.server.refusal = 0;
    world_join(&world, 0); /* it is in no session: it may try again */
    world_for(&world, TR_S);
    ASSERT_EQ_UINT(world.end[0].told[TRYST_EVENT_REGISTERED], 1);
    world_clear(&world);
}

static void endpoint_keeps_its_peers_while_the_server_is_away(void)
{
    world_init(&world, 2);
    world_connect(&world);
    world.server.is_silent = true;
    world_for(&world, 60 * TR_S);
    for (unsigned i = 0; i < 2; i++) {
        ASSERT_EQ_UINT(world.end[i].told[TRYST_EVENT_SERVER_LOST], 1);
        ASSERT_EQ_INT(world_send(&world, i, 1 - i, "still here", 11), TRYST_OK);
    }
    scripted_restart(&world.server);
    world.server.is_silent = false;
    world_for(&world, 60 * TR_S);
    for (unsigned i = 0; i < 2; i++) {
        ASSERT_EQ_UINT(world.end[i].told[TRYST_EVENT_SERVER_BACK], 1);
        ASSERT_EQ_UINT(world.end[i].told[TRYST_EVENT_REGISTERED], 1);
        ASSERT_EQ_UINT(world.end[i].told[TRYST_EVENT_LEFT], 0);
        ASSERT_EQ_UINT(world.end[i].told[TRYST_EVENT_JOINED], 1);
        ASSERT_EQ_UINT(world.end[i].told[TRYST_EVENT_CONNECTED], 1);
        ASSERT_EQ_STR(world.end[i].text, "still here");
    }
    world_clear(&world);
}

/* An endpoint that nobody serves for a while is late, never wrong; its output is bounded. */
static void endpoint_that_is_neglected_recovers(void)
{
    world_init(&world, 2);
    world_connect(&world);
    world.end[0].is_lazy = true;
    tryst_result result = TRYST_OK;
    for (unsigned i = 0; i < 100000 && result == TRYST_OK; i++)
        result = world_send(&world, 0, 1, world.end[0].text, 1000);
    ASSERT_EQ_INT(result, TRYST_E_FULL);
    world_for(&world, 100 * TR_S);
    world.end[0].is_lazy = false;
    world_for(&world, 60 * TR_S);
    ASSERT_EQ_UINT(world_stats(&world, 0).connected, 1);
    ASSERT_EQ_INT(world_send(&world, 0, 1, "back", 5), TRYST_OK);
    world_for(&world, TR_S);
    ASSERT_EQ_STR(world.end[1].text, "back");
    world_clear(&world);
}

static void endpoint_drops_messages_that_nobody_polls_and_counts_them(void)
{
    world_init(&world, 2);
    world_connect(&world);
    world.end[1].is_lazy = true;
    for (unsigned i = 0; i < 1500; i++) {
        ASSERT_EQ_INT(world_send(&world, 0, 1, &i, sizeof i), TRYST_OK);
        world_for(&world, TR_MS);
    }
    world_for(&world, 100 * TR_MS);
    struct tryst_stats stats = world_stats(&world, 1);
    ASSERT_EQ_UINT(stats.messages_received, 1024);
    ASSERT_EQ_UINT(stats.messages_dropped, 1500 - 1024);
    world.end[1].is_lazy = false;
    world_for(&world, TR_S);
    ASSERT_EQ_UINT(world.end[1].told[TRYST_EVENT_MESSAGE], 1024);
    world_clear(&world);
}

static void endpoint_allocates_nothing_for_messages_in_steady_state(void)
{
#ifdef COUNTS_ALLOCATIONS
    enum { SIZE = 64 };

    world_init(&world, 2);
    world_connect(&world);
    for (unsigned round = 0; round < 11000; round++) {
        if (round == 1000)
            allocations = 0;
        struct tryst_datagram out;
        struct tryst_event event;
        unsigned from = round % 2;
        tryst_result result = world_send(&world, from, 1 - from, data, SIZE);
        uint64_t before = allocations;
        while (tryst_endpoint_output(world.end[from].endpoint, world.now_us, &out) == 1)
            tryst_endpoint_input(world.end[1 - from].endpoint, world.now_us,
                                 &world.end[from].address, NULL, out.data, out.size);
        tryst_result polled = tryst_endpoint_poll(world.end[1 - from].endpoint, &event);
        bool is_quiet = before == allocations;
        if (result != TRYST_OK || polled != 1 || event.size != SIZE || !is_quiet) {
            ASSERT_ROW(false, "round %u: %d, %d", round, (int)result, (int)polled);
            break;
        }
    }
    uint64_t counted = allocations;
    ASSERT_EQ_UINT(counted, 0);
    world_clear(&world);
#else
    ASSERT_TRUE(true); /* the sanitizer counts by itself */
#endif
}

UNIT_MAIN("endpoint", UNIT_CASE(endpoint_refuses_wrong_arguments_of_create),
          UNIT_CASE(endpoint_is_not_changed_by_wrong_arguments),
          UNIT_CASE(endpoint_tells_what_it_knows_of_its_nat),
          UNIT_CASE(endpoint_meets_another_and_talks_both_ways),
          UNIT_CASE(endpoint_meets_three_others), UNIT_CASE(endpoint_sends_messages_of_every_size),
          UNIT_CASE(endpoint_leaves_and_joins_again_as_somebody_new),
          UNIT_CASE(endpoint_tells_the_servers_refusal_in_its_words),
          UNIT_CASE(endpoint_keeps_its_peers_while_the_server_is_away),
          UNIT_CASE(endpoint_that_is_neglected_recovers),
          UNIT_CASE(endpoint_drops_messages_that_nobody_polls_and_counts_them),
          UNIT_CASE(endpoint_allocates_nothing_for_messages_in_steady_state))
