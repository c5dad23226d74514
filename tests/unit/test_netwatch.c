/* Cases of driver/netwatch, and of a client that has one, in network namespaces made for the purpose.
 * SPDX-License-Identifier: MIT */
#include "lib/base/deadline.h"
#include "lib/driver/netwatch.h"
#include "tests/unit/unit.h"

#include <poll.h>
#include <sched.h>
#include <sys/wait.h>
#include <time.h>
#include <tryst/client.h>
#include <unistd.h>

/* What a case finds, in a process of its own with an empty network. */
enum { RIGHT = 0, NO_NETWORK = 77 };

static void run(const char *command)
{
    char line[512];
    snprintf(line, sizeof(line), "%s 2>/dev/null", command);
    if (system(line) != 0)
        _exit(NO_NETWORK);
}

static uint64_t now_us(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * TR_S + (uint64_t)time.tv_nsec / 1000;
}

/* Runs a case; it returns RIGHT or the line that was wrong. */
static void inside(int (*what)(void))
{
    int status = 0;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        if (unshare(CLONE_NEWNET) != 0)
            _exit(NO_NETWORK);
        run("ip link set lo up");
        for (const char *name = "ab"; *name != '\0'; name++) {
            char line[256];
            snprintf(line, sizeof(line),
                     "ip link add eth%c type veth peer name far%c && ip link set eth%c up && "
                     "ip link set far%c up",
                     *name, *name, *name, *name);
            run(line);
        }
        int line = what();
        if (line != RIGHT)
            fprintf(stderr, "wrong at line %d\n", line);
        _exit(line == RIGHT ? RIGHT : 1);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        status = -1;
    if (status >= 0 && WEXITSTATUS(status) == NO_NETWORK)
        printf("[left out: no network namespace may be made] ");
    else
        ASSERT_EQ_INT(status, 0);
}

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return __LINE__;                                                                       \
    } while (0)

static bool has_word(struct tr_netwatch *watch, int wait_ms)
{
    struct pollfd polled = {.fd = watch->fd, .events = POLLIN};
    watch->is_readable = poll(&polled, 1, wait_ms) == 1;
    return watch->is_readable;
}

/* Whatever the new links still have to say. */
static void settle(struct tr_netwatch *watch)
{
    while (has_word(watch, 300))
        tr_netwatch_read(watch, 0);
    tr_netwatch_done(watch);
}

static int words_come(void)
{
    static const char *const changes[] = {
        "ip addr add 10.1.0.2/24 dev etha",
        "ip route add default via 10.1.0.1",
        "ip -6 addr add fd01::2/64 dev etha nodad",
        "ip -6 route add default via fd01::1",
        "ip route del default",
        "ip addr del 10.1.0.2/24 dev etha",
        "ip link set etha down",
    };
    struct tr_netwatch watch;
    tr_netwatch_open(&watch);
    CHECK(watch.fd >= 0);
    settle(&watch);
    for (size_t i = 0; i < UNIT_COUNT(changes); i++) {
        CHECK(!has_word(&watch, 0));
        CHECK(tr_netwatch_deadline(&watch) == TR_NEVER);
        run(changes[i]);
        CHECK(has_word(&watch, 100));
        tr_netwatch_read(&watch, 5 * TR_S);
        CHECK(tr_netwatch_deadline(&watch) == 5 * TR_S + 10 * TR_MS);
        settle(&watch);
    }
    tr_netwatch_close(&watch);
    CHECK(watch.fd == -1);
    tr_netwatch_read(&watch, 6 * TR_S);
    CHECK(tr_netwatch_deadline(&watch) == TR_NEVER);
    return RIGHT;
}

static void netwatch_tells_of_addresses_routes_and_links(void)
{
    inside(words_come);
}

static int words_are_gathered(void)
{
    struct tr_netwatch watch;
    tr_netwatch_open(&watch);
    settle(&watch);
    for (uint64_t ms = 0; ms < 300; ms += 8) {
        char line[64];
        snprintf(line, sizeof(line), "ip addr add 10.2.0.%u/24 dev etha", (unsigned)(ms / 8 + 1));
        run(line);
        CHECK(has_word(&watch, 100));
        tr_netwatch_read(&watch, TR_S + ms * TR_MS);
        uint64_t due_ms = ms + 10 < 100 ? ms + 10 : 100;
        CHECK(tr_netwatch_deadline(&watch) == TR_S + due_ms * TR_MS);
    }
    tr_netwatch_done(&watch);
    CHECK(tr_netwatch_deadline(&watch) == TR_NEVER);
    /* Nobody said that there is word: it is looked for now and then. */
    run("ip addr add 10.3.0.1/24 dev etha");
    watch.looked_us = 3 * TR_S;
    watch.is_readable = false;
    tr_netwatch_read(&watch, 3 * TR_S + 500);
    CHECK(tr_netwatch_deadline(&watch) == TR_NEVER);
    tr_netwatch_read(&watch, 3 * TR_S + 1000);
    CHECK(tr_netwatch_deadline(&watch) == 3 * TR_S + 11 * TR_MS);
    tr_netwatch_close(&watch);
    return RIGHT;
}

static void netwatch_waits_until_it_is_quiet_but_not_for_long(void)
{
    inside(words_are_gathered);
}

/* --- A client that has one ------------------------------------------------------------------ */

static struct tryst_client *client;

static bool make_client(const char *server)
{
    struct tryst_options options;
    char pin[128];
    tryst_options_init(&options);
    snprintf(pin, sizeof(pin), "%s#AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", server);
    options.server = pin;
    options.no_ipv6 = true;
    return tryst_client_create(&client, NULL, &options) == TRYST_OK;
}

static uint8_t first_of_local(void)
{
    struct tryst_address list[8] = {{0}};
    tryst_client_local(client, list, 8);
    return list[0].family == 4 ? list[0].ip[1] : 0;
}

static void throw_events_away(void)
{
    struct tryst_event event;
    while (tryst_client_poll(client, &event) == 1)
        continue;
}

/* Whether the best local address is 10.NUMBER.x.x within 150 ms, in a game that waits in run. */
static bool wait_in_run(uint8_t number)
{
    uint64_t end_us = now_us() + 150 * TR_MS;
    while (first_of_local() != number && now_us() < end_us) {
        throw_events_away();
        tryst_client_run(client, (int32_t)((end_us - now_us()) / TR_MS));
    }
    return first_of_local() == number;
}

/* The same in a game that waits for the descriptor in a loop of its own. */
static bool wait_for_descriptor(uint8_t number)
{
    uint64_t end_us = now_us() + 150 * TR_MS;
    while (first_of_local() != number && now_us() < end_us) {
        struct pollfd polled = {.fd = tryst_client_fileno(client), .events = POLLIN};
        throw_events_away();
        poll(&polled, 1, tryst_client_timeout_ms(client));
        tryst_client_run(client, 0);
    }
    return first_of_local() == number && now_us() < end_us + 50 * TR_MS;
}

static bool (*wait_for)(uint8_t number);

static void let_run(uint64_t us)
{
    uint64_t end_us = now_us() + us;
    while (now_us() < end_us) {
        throw_events_away();
        tryst_client_run(client, 10);
    }
}

static int addresses_change(void)
{
    run("ip addr add 10.1.0.2/24 dev etha");
    CHECK(make_client("10.1.0.1:7777"));
    let_run(300 * TR_MS);
    CHECK(first_of_local() == 1);
    for (unsigned round = 0; round < 3; round++) {
        run("ip addr del 10.1.0.2/24 dev etha && ip addr add 10.2.0.2/24 dev etha");
        CHECK(wait_for(2));
        run("ip addr del 10.2.0.2/24 dev etha && ip addr add 10.1.0.2/24 dev etha");
        CHECK(wait_for(1));
    }
    run("ip link set etha down");
    CHECK(wait_for(0)); /* loopback is all there is */
    tryst_client_destroy(client);
    return RIGHT;
}

static void client_knows_of_another_address_within_200_ms(void)
{
    wait_for = wait_in_run;
    inside(addresses_change);
    wait_for = wait_for_descriptor;
    inside(addresses_change);
}

/* Both uplinks stay as they are, and only the way to the server changes. */
static int routes_change(void)
{
    run("ip addr add 10.1.0.2/24 dev etha && ip addr add 10.2.0.2/24 dev ethb");
    run("ip route add default via 10.1.0.1");
    CHECK(make_client("203.0.113.9:7777"));
    let_run(300 * TR_MS);
    CHECK(first_of_local() == 1);
    run("ip route replace default via 10.2.0.1");
    CHECK(wait_for(2));
    run("ip route add 203.0.113.0/24 via 10.1.0.1"); /* to the server alone */
    CHECK(wait_for(1));
    run("ip route del 203.0.113.0/24");
    CHECK(wait_for(2));
    tryst_client_destroy(client);
    return RIGHT;
}

static void client_knows_of_another_way_to_the_server_within_200_ms(void)
{
    wait_for = wait_in_run;
    inside(routes_change);
    wait_for = wait_for_descriptor;
    inside(routes_change);
}

UNIT_MAIN("netwatch", UNIT_CASE(netwatch_tells_of_addresses_routes_and_links),
          UNIT_CASE(netwatch_waits_until_it_is_quiet_but_not_for_long),
          UNIT_CASE(client_knows_of_another_address_within_200_ms),
          UNIT_CASE(client_knows_of_another_way_to_the_server_within_200_ms))
