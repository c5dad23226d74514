/* What tryst weighs: the library stripped, a client and each of its peers, the server's participants;
 * allocations a packet and threads in steady state.
 *
 * Bytes are what malloc gave, with its own header of a word each; kernel and stacks are not counted.
 * SPDX-License-Identifier: MIT */
#include "tests/bench/bench_server.h"

#include <dirent.h>
#include <malloc.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PEERS_MAX = 64, PARTICIPANTS = 1024, STEADY_TURNS = 2000, JOIN_PAUSE_US = 100000 };

#define UNIX_S UINT64_C(1750000000)

static struct count {
    int64_t bytes;
    uint64_t calls;
} counts[3], *counted; /* whose memory it is now; NULL: nobody's */

enum { CLIENT, SERVER, STEADY };

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__)
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void __libc_free(void *p);

static void *add(void *p)
{
    if (counted != NULL && p != NULL) {
        counted->calls++;
        counted->bytes += (int64_t)(malloc_usable_size(p) + sizeof(size_t));
    }
    return p;
}

static void subtract(void *p)
{
    if (counted != NULL && p != NULL)
        counted->bytes -= (int64_t)(malloc_usable_size(p) + sizeof(size_t));
}

void *malloc(size_t size)
{
    return add(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return add(__libc_calloc(count, size));
}

void *realloc(void *old, size_t size)
{
    subtract(old);
    return add(__libc_realloc(old, size));
}

void free(void *p)
{
    subtract(p);
    __libc_free(p);
}
#define COUNTS 1
#else
#define COUNTS 0
#endif

static void give_up(const char *why)
{
    fprintf(stderr, "bench_footprint: %s\n", why);
    exit(1);
}

static void row(const char *what, double value, const char *unit, double at_most)
{
    printf("%-52s %10.0f %-6s", what, value, unit);
    if (at_most >= 0)
        printf("  <= %.0f%s", at_most, value <= at_most ? "" : "  missed");
    printf("\n");
    fflush(stdout);
}

/* A world without distance: endpoints and a service, each at an address of its own. */
struct world {
    uint64_t now_us;
    struct tr_service *service;
    struct tryst_address server;
    char pin[TRYST_PIN_TEXT_SIZE];
    struct tryst_endpoint *endpoints[PEERS_MAX + 1];
    uint32_t base; /* number of the first endpoint, in its address */
    uint32_t count;
};

static struct tryst_address address_of(uint32_t number)
{
    return (struct tryst_address){
        .family = 4,
        .port = 5000,
        .ip = {60, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number}};
}

static void world_make(struct world *world)
{
    struct tr_service_options options = {
        .limits = {.register_rate = 1000000, .register_burst = 1000000}};
    uint8_t secret[TR_SIGN_SECRET];
    struct tryst_pin pin = {.host = "server.example", .port = TRYST_PORT};
    *world = (struct world){.now_us = 1000000, .server = address_of(0)};
    tr_seal_entropy(options.seed, TR_KEY);
    tr_seal_entropy(options.root_seed, TR_KEY);
    tr_seal_entropy(options.node_seed, TR_KEY);
    tr_seal_sign_pair(options.root_key, secret, options.root_seed);
    memcpy(pin.key, options.root_key, sizeof pin.key);
    tryst_pin_format(&pin, world->pin, sizeof world->pin);
    counted = &counts[SERVER];
    *counted = (struct count){0};
    if (tr_service_create(&world->service, &options, world->now_us, UNIX_S) != TRYST_OK)
        give_up("no service");
    counted = NULL;
}

static struct count *count_of(uint32_t index)
{
    return index == 0 ? &counts[CLIENT] : NULL;
}

static void to_endpoint(struct world *world, const struct tryst_address *from,
                        const struct tryst_address *to, const void *data, size_t size)
{
    uint32_t number = (uint32_t)to->ip[1] << 16 | (uint32_t)to->ip[2] << 8 | to->ip[3];
    uint32_t index = number - world->base;
    if (index >= world->count || world->endpoints[index] == NULL)
        return;
    counted = count_of(index);
    tryst_endpoint_input(world->endpoints[index], world->now_us, from, to, data, size);
    counted = NULL;
}

static bool deliver_from(struct world *world, uint32_t index)
{
    struct tryst_address from = address_of(world->base + index);
    struct tryst_datagram out;
    struct tryst_event event;
    uint8_t data[TRYST_DATAGRAM_MAX];
    counted = count_of(index);
    bool has_output = tryst_endpoint_output(world->endpoints[index], world->now_us, &out) == 1;
    while (tryst_endpoint_poll(world->endpoints[index], &event) == 1)
        ;
    counted = NULL;
    if (!has_output)
        return false;
    memcpy(data, out.data, out.size); /* out's bytes last until the next call only */
    if (tryst_address_compare(&out.to, &world->server) == 0) {
        counted = &counts[SERVER];
        tr_service_input(world->service, world->now_us, &from, &world->server, data, out.size);
        counted = NULL;
    } else {
        to_endpoint(world, &from, &out.to, data, out.size);
    }
    return true;
}

static bool deliver_from_server(struct world *world)
{
    counted = &counts[SERVER];
    const struct tr_datagram *next = tr_service_output(world->service);
    counted = NULL;
    if (next == NULL)
        return false;
    struct tr_datagram datagram = *next;
    to_endpoint(world, &world->server, &datagram.to, datagram.data, datagram.size);
    return true;
}

static void world_run(struct world *world, uint64_t span_us)
{
    for (uint64_t end_us = world->now_us + span_us; world->now_us <= end_us;
         world->now_us += 1000) {
        for (uint32_t i = 0; i < world->count; i++) {
            counted = count_of(i);
            tryst_endpoint_tick(world->endpoints[i], world->now_us);
        }
        counted = &counts[SERVER];
        tr_service_tick(world->service, world->now_us);
        counted = NULL;
        for (bool is_busy = true; is_busy;) {
            is_busy = false;
            for (uint32_t i = 0; i < world->count; i++)
                while (deliver_from(world, i))
                    is_busy = true;
            while (deliver_from_server(world))
                is_busy = true;
        }
    }
}

static void world_add(struct world *world, const char *session)
{
    uint32_t index = world->count++;
    uint32_t number = world->base + index;
    struct tryst_address address = address_of(number);
    struct tryst_identity *identity = NULL;
    struct tryst_options options;
    uint8_t seed[TRYST_SEED_SIZE] = {3, (uint8_t)(number >> 8), (uint8_t)number};
    tryst_options_init(&options);
    options.server = world->pin;
    if (tryst_identity_from_seed(&identity, seed, sizeof seed) != TRYST_OK)
        give_up("no identity");
    counted = count_of(index);
    if (counted != NULL)
        *counted = (struct count){0};
    struct tryst_endpoint **endpoint = &world->endpoints[index];
    if (tryst_endpoint_create(endpoint, identity, &options, seed, world->now_us, UNIX_S * 1000) !=
        TRYST_OK)
        give_up("no endpoint");
    tryst_endpoint_set_local(*endpoint, world->now_us, &address, 1);
    tryst_endpoint_set_server(*endpoint, world->now_us, &world->server, 1);
    tryst_endpoint_join(*endpoint, world->now_us, session, "a player", 8);
    counted = NULL;
    tryst_identity_destroy(identity);
}

static void world_drop_endpoints(struct world *world)
{
    for (uint32_t i = 0; i < world->count; i++) {
        tryst_endpoint_destroy(world->endpoints[i]);
        world->endpoints[i] = NULL;
    }
    world->base += world->count;
    world->count = 0;
}

/* pause_us: between two joins. When all join at once, buffers for their first hellos stay behind. */
static void survey_peers(uint32_t peers, uint64_t pause_us, double wanted)
{
    static struct world world;
    struct tryst_stats stats;
    char what[64];
    world_make(&world);
    world.base = 1;
    world_add(&world, "bench");
    world_run(&world, 500000);
    int64_t alone = counts[CLIENT].bytes;
    world_add(&world, "bench"); /* with the first come the rings that all share */
    world_run(&world, 500000);
    int64_t first = counts[CLIENT].bytes;
    for (uint32_t i = 1; i < peers; i++) {
        world_add(&world, "bench");
        if (pause_us > 0)
            world_run(&world, pause_us);
    }
    world_run(&world, 2000000);
    tryst_endpoint_stats(world.endpoints[0], &stats);
    if (stats.connected != peers)
        give_up("not all peers are connected");
    if (peers == 2) {
        row("an endpoint, registered, alone", (double)alone, "bytes", -1);
        row("and with its first peer", (double)first, "bytes", -1);
    }
    snprintf(what, sizeof what, "each further peer in a client, %u %s", peers - 1,
             pause_us > 0 ? "joined singly" : "joined at once");
    row(what, (double)(counts[CLIENT].bytes - first) / (peers - 1), "bytes", wanted);
    world_drop_endpoints(&world);
    tr_service_destroy(world.service);
}

static void survey_server(uint32_t session_size)
{
    static struct world world;
    char what[64];
    world_make(&world);
    world.base = 1;
    int64_t empty = counts[SERVER].bytes;
    for (uint32_t i = 0; i < PARTICIPANTS; i += session_size) {
        char session[16];
        snprintf(session, sizeof session, "s%u", i);
        for (uint32_t j = 0; j < session_size; j++)
            world_add(&world, session);
        world_run(&world, 3000);
        world_drop_endpoints(&world);
    }
    if (tr_service_stats(world.service)->participants != PARTICIPANTS)
        give_up("not all participants are registered");
    snprintf(what, sizeof what, "a participant in the server, %u a session", session_size);
    row(what, (double)(counts[SERVER].bytes - empty) / PARTICIPANTS, "bytes", 2048);
    tr_service_destroy(world.service);
}

static uint32_t count_threads(void)
{
    uint32_t count = 0;
    DIR *dir = opendir("/proc/self/task");
    while (dir != NULL && readdir(dir) != NULL)
        count++;
    if (dir != NULL)
        closedir(dir);
    return count > 2 ? count - 2 : 0;
}

/* Messages both ways, one and sixteen a turn, through the public API. */
static void survey_steady(void)
{
    static struct bench_server server;
    static uint8_t message[64];
    struct tryst_client *clients[2];
    struct tryst_event event;
    uint32_t peers[2];
    uint64_t got = 0;
    if (!bench_server_open(&server) || !bench_server_pair(&server, clients, peers))
        give_up("the clients do not connect");
    uint32_t threads = count_threads();
    for (int turn = -STEADY_TURNS; turn < STEADY_TURNS; turn++) {
        counted = turn < 0 ? NULL : &counts[STEADY];
        for (int i = 0; i < 2; i++) {
            for (int j = 0; j < (turn % 2 == 0 ? 1 : 16); j++)
                tryst_client_send(clients[i], peers[i], message, sizeof message);
            tryst_client_run(clients[i], 0);
            while (tryst_client_poll(clients[i], &event) == 1)
                got += event.type == TRYST_EVENT_MESSAGE;
        }
    }
    counted = NULL;
    if (got < STEADY_TURNS)
        give_up("messages do not arrive");
    row("allocations, 34,000 messages in steady state", (double)counts[STEADY].calls, "", 0);
    row("threads of two connected clients, beyond the game's", threads - 1, "", 0);
    for (int i = 0; i < 2; i++)
        tryst_client_destroy(clients[i]);
    bench_server_close(&server);
}

/* A client that has its cookie and has joined nothing. */
static void survey_client(void)
{
    static struct bench_server server;
    struct tryst_client *client = NULL;
    struct tryst_options options;
    struct count alone = {0};
    if (!bench_server_open(&server))
        give_up("no server");
    tryst_options_init(&options);
    options.server = server.pin;
    counted = &alone;
    if (tryst_client_create(&client, NULL, &options) != TRYST_OK)
        give_up("no client");
    for (int i = 0; i < 20; i++) {
        counted = &alone;
        tryst_client_run(client, 1);
        counted = NULL;
        bench_server_turn(&server);
    }
    row("a client with its sockets' buffers, alone", (double)alone.bytes, "bytes", -1);
    tryst_client_destroy(client);
    bench_server_close(&server);
}

static void survey_library(const char *path)
{
    char copy[] = "/tmp/tryst-bench-XXXXXX";
    char command[512];
    struct stat status;
    int fd = mkstemp(copy);
    snprintf(command, sizeof command, "strip -o %s '%s' 2>/dev/null", copy, path);
    if (fd < 0 || system(command) != 0 || stat(copy, &status) != 0)
        printf("%-52s %10s\n", "the library, stripped", "not found");
    else
        row("the library, stripped", (double)status.st_size, "bytes", 150 * 1024);
    if (fd >= 0)
        close(fd);
    unlink(copy);
}

int main(int argc, char **argv)
{
    static const uint32_t session_sizes[] = {2, 8, 64};
    if (tr_seal_start() != TRYST_OK)
        give_up("no libsodium");
    survey_library(argc > 1 ? argv[1] : ".libs/libtryst.so");
    if (!COUNTS) {
        printf("memory is not counted with this C library or under a sanitizer\n");
        return 0;
    }
    survey_client();
    survey_peers(2, JOIN_PAUSE_US, 4096);
    survey_peers(8, JOIN_PAUSE_US, 4096);
    survey_peers(PEERS_MAX, JOIN_PAUSE_US, 4096);
    survey_peers(PEERS_MAX, 0, -1);
    for (size_t i = 0; i < sizeof session_sizes / sizeof session_sizes[0]; i++)
        survey_server(session_sizes[i]);
    survey_steady();
    return 0;
}
