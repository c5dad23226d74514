/* The client's own part: arguments, sockets, waiting and waking. What it says on the wire is the
 * endpoint's.
 * SPDX-License-Identifier: MIT */
#include "lib/driver/datagram.h"
#include "tests/unit/unit.h"

#include <dirent.h>
#include <errno.h>
#include <netdb.h>
#include <nss.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <tryst/tryst.h>
#include <unistd.h>

static uint64_t now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static size_t count_entries(const char *path)
{
    size_t count = 0;
    DIR *dir = opendir(path);
    while (dir != NULL && readdir(dir) != NULL)
        count++;
    if (dir != NULL)
        closedir(dir);
    return count;
}

static const char *key_text(void)
{
    static char text[TRYST_KEY_TEXT_SIZE];
    uint8_t seed[TRYST_KEY_SIZE] = {1}, key[TRYST_KEY_SIZE];
    struct tryst_identity *identity;
    if (tryst_identity_from_seed(&identity, seed, sizeof(seed)) != TRYST_OK)
        abort();
    tryst_identity_public_key(identity, key);
    tryst_identity_destroy(identity);
    tryst_key_format(key, text, sizeof(text));
    return text;
}

/* Settings for a server that is named by host and port; the text lives until the next call. */
static struct tryst_options options_for(const char *host, uint16_t port)
{
    static char pin[TRYST_PIN_TEXT_SIZE];
    struct tryst_options options;
    tryst_options_init(&options);
    snprintf(pin, sizeof(pin), "%s:%u#%s", host, port, key_text());
    options.server = pin;
    return options;
}

/* A socket on loopback that listens and never answers. */
static struct tr_datagram_socket quiet_server(uint8_t family)
{
    struct tryst_address local = {.family = family, .ip = {127, 0, 0, 1}};
    struct tr_datagram_socket sock;
    if (family == 6)
        local = (struct tryst_address){.family = 6, .ip = {[15] = 1}};
    tr_datagram_open(&sock, &local, 0);
    return sock;
}

static struct tryst_client *client_of(const struct tr_datagram_socket *server)
{
    struct tryst_options options =
        options_for(server->family == 6 ? "[::1]" : "127.0.0.1", server->port);
    struct tryst_client *client = NULL;
    ASSERT_EQ_INT(tryst_client_create(&client, NULL, &options), TRYST_OK);
    return client;
}

static void client_refuses_missing_arguments(void)
{
    struct tryst_client *client = NULL;
    struct tryst_options options = options_for("127.0.0.1", 7777);
    struct tryst_event event;
    struct tryst_address address;
    struct tryst_stats stats;
    uint8_t key[TRYST_KEY_SIZE];
    ASSERT_EQ_INT(tryst_client_create(NULL, NULL, &options), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_client_create(&client, NULL, NULL), TRYST_E_ARGUMENT);
    options.struct_size = 4;
    ASSERT_EQ_INT(tryst_client_create(&client, NULL, &options), TRYST_E_ARGUMENT);
    tryst_options_init(&options);
    ASSERT_EQ_INT(tryst_client_create(&client, NULL, &options), TRYST_E_ARGUMENT);
    options = options_for("127.0.0.1", 7777);
    options.no_ipv4 = 1;
    options.no_ipv6 = 1;
    ASSERT_EQ_INT(tryst_client_create(&client, NULL, &options), TRYST_E_ARGUMENT);
    ASSERT_TRUE(client == NULL);
    tryst_client_destroy(NULL);
    ASSERT_EQ_INT(tryst_client_join(NULL, "s", NULL, 0), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_client_leave(NULL), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_client_send(NULL, 1, "x", 1), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_client_poll(NULL, &event), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_client_local(NULL, &address, 1), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_client_stats(NULL, &stats), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_client_flush(NULL), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_client_run(NULL, 0), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_client_fileno(NULL), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_client_timeout_ms(NULL), 0);
    ASSERT_EQ_INT(tryst_client_wake(NULL), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_client_public_key(NULL, key), TRYST_E_ARGUMENT);
}

static void client_refuses_a_pin_it_cannot_read(void)
{
    static const char *const rows[] = {"", "127.0.0.1:7777", "127.0.0.1:7777#short", "#", ":1#"};
    struct tryst_client *client = NULL;
    struct tryst_options options;
    tryst_options_init(&options);
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        options.server = rows[i];
        ASSERT_ROW(tryst_client_create(&client, NULL, &options) == TRYST_E_FORMAT, "%s", rows[i]);
    }
    ASSERT_TRUE(client == NULL);
}

static void client_is_known_by_its_identity(void)
{
    struct tryst_options options = options_for("127.0.0.1", 7777);
    struct tryst_client *a = NULL, *b = NULL, *c = NULL;
    struct tryst_identity *identity = NULL;
    uint8_t key[TRYST_KEY_SIZE], keys[3][TRYST_KEY_SIZE];
    ASSERT_EQ_INT(tryst_identity_create(&identity), TRYST_OK);
    tryst_identity_public_key(identity, key);
    ASSERT_EQ_INT(tryst_client_create(&a, identity, &options), TRYST_OK);
    tryst_identity_destroy(identity);
    ASSERT_EQ_INT(tryst_client_create(&b, NULL, &options), TRYST_OK);
    ASSERT_EQ_INT(tryst_client_create(&c, NULL, &options), TRYST_OK);
    ASSERT_EQ_INT(tryst_client_public_key(a, keys[0]), TRYST_OK);
    ASSERT_EQ_INT(tryst_client_public_key(b, keys[1]), TRYST_OK);
    ASSERT_EQ_INT(tryst_client_public_key(c, keys[2]), TRYST_OK);
    ASSERT_EQ_INT(tryst_client_public_key(a, NULL), TRYST_E_ARGUMENT);
    ASSERT_EQ_MEM(keys[0], key, sizeof(key));
    ASSERT_TRUE(memcmp(keys[1], keys[2], sizeof(key)) != 0);
    tryst_client_destroy(a);
    tryst_client_destroy(b);
    tryst_client_destroy(c);
}

static void client_uses_the_port_it_is_told_or_says_that_it_is_taken(void)
{
    struct tryst_address local = {.family = 4}, list[TRYST_LOCAL_MAX];
    struct tr_datagram_socket taken;
    struct tryst_client *client = NULL;
    struct tryst_options options = options_for("127.0.0.1", 7777);
    ASSERT_EQ_INT(tr_datagram_open(&taken, &local, 0), TRYST_OK);
    options.port = taken.port;
    ASSERT_EQ_INT(tryst_client_create(&client, NULL, &options), TRYST_E_NETWORK);
    ASSERT_EQ_INT(errno, EADDRINUSE);
    ASSERT_TRUE(client == NULL);
    tr_datagram_close(&taken);
    if (!ASSERT_EQ_INT(tryst_client_create(&client, NULL, &options), TRYST_OK))
        return;
    tryst_result count = tryst_client_local(client, list, TRYST_LOCAL_MAX);
    for (tryst_result i = 0; i < count; i++)
        ASSERT_EQ_UINT(list[i].port, taken.port);
    tryst_client_destroy(client);
}

static void client_lists_only_families_it_may_use(void)
{
    unsigned made = 0;
    for (uint8_t family = 4; family <= 6; family += 2) {
        struct tryst_options options = options_for(family == 4 ? "127.0.0.1" : "[::1]", 7777);
        struct tryst_client *client = NULL;
        struct tryst_address list[TRYST_LOCAL_MAX];
        options.no_ipv4 = family == 6;
        options.no_ipv6 = family == 4;
        if (tryst_client_create(&client, NULL, &options) != TRYST_OK)
            continue; /* a host without this family */
        tryst_result count = tryst_client_local(client, list, TRYST_LOCAL_MAX);
        for (tryst_result i = 0; i < count; i++)
            ASSERT_EQ_UINT(list[i].family, family);
        made++;
        tryst_client_destroy(client);
    }
    ASSERT_TRUE(made > 0);
}

static void greet(uint8_t family)
{
    struct tr_datagram_socket server = quiet_server(family);
    if (server.fd < 0)
        return;
    struct tr_datagram_inbox *inbox = tr_datagram_inbox_create();
    struct tryst_client *client = client_of(&server);
    if (!ASSERT_TRUE(inbox != NULL && client != NULL))
        return;
    struct tr_arrival *arrivals;
    ASSERT_EQ_INT(tryst_client_run(client, 0), 0);
    struct pollfd polled = {.fd = server.fd, .events = POLLIN};
    ASSERT_EQ_INT(poll(&polled, 1, 1000), 1);
    ASSERT_TRUE(tr_datagram_receive(&server, inbox, &arrivals) > 0);
    tryst_client_destroy(client);
    tr_datagram_close(&server);
    tr_datagram_inbox_destroy(inbox);
}

static void client_asks_the_server_with_its_first_turn(void)
{
    greet(4);
    greet(6);
}

static void client_run_ends_when_its_time_is_over(void)
{
    static const int32_t rows[] = {0, 1, 40, 120};
    struct tr_datagram_socket server = quiet_server(4);
    struct tryst_client *client = client_of(&server);
    for (size_t i = 0; client != NULL && i < UNIT_COUNT(rows); i++) {
        uint64_t start = now_ms();
        tryst_result result = tryst_client_run(client, rows[i]);
        uint64_t taken = now_ms() - start;
        ASSERT_EQ_INT(result, 0);
        ASSERT_ROW(taken + 1 >= (uint64_t)rows[i] && taken < (uint64_t)rows[i] + 500,
                   "run(%d) took %u ms", rows[i], (unsigned)taken);
    }
    tryst_client_destroy(client);
    tr_datagram_close(&server);
}

static void on_alarm(int number)
{
    (void)number;
}

static void client_run_is_interrupted_by_a_signal(void)
{
    static const int flags[] = {0, SA_RESTART};
    struct tr_datagram_socket server = quiet_server(4);
    struct tryst_client *client = client_of(&server);
    struct sigaction before;
    for (size_t i = 0; client != NULL && i < UNIT_COUNT(flags); i++) {
        struct sigaction action = {.sa_handler = on_alarm, .sa_flags = flags[i]};
        sigaction(SIGALRM, &action, i == 0 ? &before : NULL);
        /* Again and again, as the first may come before the wait begins. */
        struct itimerval timer = {.it_value = {0, 30000}, .it_interval = {0, 30000}};
        const struct itimerval never = {{0, 0}, {0, 0}};
        uint64_t start = now_ms();
        setitimer(ITIMER_REAL, &timer, NULL);
        tryst_result result = tryst_client_run(client, 3000);
        setitimer(ITIMER_REAL, &never, NULL);
        ASSERT_EQ_INT(result, TRYST_E_INTERRUPTED);
        ASSERT_TRUE(now_ms() - start < 2000);
    }
    sigaction(SIGALRM, &before, NULL);
    tryst_client_destroy(client);
    tr_datagram_close(&server);
}

/* Names come from /etc/hosts alone, so that no question leaves this host. */
static void *wake_soon(void *client)
{
    usleep(30000);
    tryst_client_wake(client);
    return NULL;
}

static void client_run_is_woken_by_another_thread(void)
{
    struct tr_datagram_socket server = quiet_server(4);
    struct tryst_client *client = client_of(&server);
    pthread_t waker;
    uint64_t start_ms = now_ms();
    ASSERT_EQ_INT(pthread_create(&waker, NULL, wake_soon, client), 0);
    ASSERT_EQ_INT(tryst_client_run(client, 10000), TRYST_E_INTERRUPTED);
    ASSERT_TRUE(now_ms() - start_ms < 5000);
    pthread_join(waker, NULL);
    ASSERT_EQ_INT(tryst_client_run(client, 20), 0);
    tryst_client_destroy(client);
    tr_datagram_close(&server);
}

/* A wake before the wait is not lost, many are one, and the game's own loop hears of it. */
static void client_wake_is_kept_and_makes_the_descriptor_readable(void)
{
    struct tr_datagram_socket server = quiet_server(4);
    struct tryst_client *client = client_of(&server);
    tryst_client_run(client, 0);
    struct pollfd polled = {.fd = tryst_client_fileno(client), .events = POLLIN};
    ASSERT_EQ_INT(poll(&polled, 1, 0), 0);
    for (int i = 0; i < 3; i++)
        ASSERT_EQ_INT(tryst_client_wake(client), TRYST_OK);
    ASSERT_EQ_INT(poll(&polled, 1, 1000), 1);
    ASSERT_EQ_INT(tryst_client_timeout_ms(client), 0);
    ASSERT_EQ_INT(tryst_client_run(client, 10000), TRYST_E_INTERRUPTED);
    ASSERT_EQ_INT(poll(&polled, 1, 0), 0);
    ASSERT_EQ_INT(tryst_client_run(client, 0), 0);
    tryst_client_destroy(client);
    tr_datagram_close(&server);
}

static void keep_names_local(void)
{
#ifdef __GLIBC__
    __nss_configure_lookup("hosts", "files");
#endif
}

static void client_name_that_does_not_exist_is_told(void)
{
    keep_names_local();
    struct tryst_options options = options_for("no-such-host.invalid", 7777);
    struct tryst_client *client = NULL;
    struct tryst_event event = {0};
    if (!ASSERT_EQ_INT(tryst_client_create(&client, NULL, &options), TRYST_OK))
        return;
    uint64_t start = now_ms();
    ASSERT_EQ_INT(tryst_client_run(client, 30000), 1);
    ASSERT_EQ_INT(tryst_client_poll(client, &event), 1);
    ASSERT_EQ_UINT(event.type, TRYST_EVENT_SERVER_LOST);
    ASSERT_EQ_UINT(event.stage, TRYST_STAGE_RESOLVE);
    ASSERT_EQ_UINT(event.reason, TRYST_REASON_NO_NAME);
    ASSERT_TRUE(now_ms() - start < 30000);
    ASSERT_EQ_INT(tryst_client_poll(client, &event), 0);
    ASSERT_EQ_INT(tryst_client_run(client, 600), 0); /* told once; the tries go on in silence */
    tryst_client_destroy(client);
}

static void client_finds_a_server_by_its_name(void)
{
    keep_names_local();
    struct addrinfo *found = NULL;
    if (getaddrinfo("localhost", NULL, NULL, &found) != 0) {
        puts("left out: this host does not know localhost");
        return;
    }
    freeaddrinfo(found);
    struct tr_datagram_socket server = quiet_server(4);
    struct tryst_options options = options_for("localhost", server.port);
    struct tryst_client *client = NULL;
    if (!ASSERT_EQ_INT(tryst_client_create(&client, NULL, &options), TRYST_OK))
        return;
    struct pollfd polled = {.fd = server.fd, .events = POLLIN};
    for (int i = 0; i < 100 && poll(&polled, 1, 0) == 0; i++)
        tryst_client_run(client, 50);
    ASSERT_TRUE((polled.revents & POLLIN) != 0);
    tryst_client_destroy(client);
    tr_datagram_close(&server);
}

static void client_descriptor_and_timeout_serve_a_loop_of_the_games_own(void)
{
    struct tr_datagram_socket server = quiet_server(4);
    struct tr_datagram_inbox *inbox = tr_datagram_inbox_create();
    struct tryst_client *client = client_of(&server);
    if (!ASSERT_TRUE(inbox != NULL && client != NULL))
        return;
    ASSERT_EQ_INT(tryst_client_timeout_ms(client), 0); /* the first turn is due */
    ASSERT_EQ_INT(tryst_client_run(client, 0), 0);
    int32_t timeout_ms = tryst_client_timeout_ms(client);
    ASSERT_TRUE(timeout_ms > 0 && timeout_ms <= 5000);
    struct pollfd polled = {.fd = tryst_client_fileno(client), .events = POLLIN};
    if (!ASSERT_TRUE(polled.fd >= 0))
        return;
    ASSERT_EQ_INT(poll(&polled, 1, 0), 0);

    struct tr_arrival *arrivals;
    struct pollfd served = {.fd = server.fd, .events = POLLIN};
    ASSERT_EQ_INT(poll(&served, 1, 1000), 1);
    if (ASSERT_TRUE(tr_datagram_receive(&server, inbox, &arrivals) > 0)) {
        static struct tr_datagram noise;
        struct tr_datagram *list[] = {&noise};
        noise.to = arrivals[0].from;
        noise.size = 3; /* nothing of the protocol */
        struct tryst_stats was = {0}, is = {0};
        tryst_client_stats(client, &was);
        ASSERT_EQ_UINT(tr_datagram_send(&server, list, 1), 1);
        ASSERT_EQ_INT(poll(&polled, 1, 1000), 1);
        ASSERT_EQ_INT(tryst_client_run(client, 0), 0);
        tryst_client_stats(client, &is);
        ASSERT_EQ_UINT(is.datagrams_received, was.datagrams_received + 1);
        ASSERT_EQ_INT(poll(&polled, 1, 0), 0);
    }
    tryst_client_destroy(client);
    tr_datagram_close(&server);
    tr_datagram_inbox_destroy(inbox);
}

/* Runs first, before a name makes libuv's pool. */
static void client_has_no_thread_and_leaves_no_descriptor(void)
{
    struct tr_datagram_socket server = quiet_server(4);
    tryst_client_destroy(client_of(&server)); /* libuv keeps some things from its first loop on */
    size_t before = count_entries("/proc/self/fd");
    size_t threads = count_entries("/proc/self/task");
    for (int i = 0; i < 20; i++) {
        struct tryst_client *client = client_of(&server);
        tryst_client_run(client, 0);
        ASSERT_EQ_UINT(count_entries("/proc/self/task"), threads);
        tryst_client_destroy(client);
    }
    ASSERT_EQ_UINT(count_entries("/proc/self/fd"), before);
    tr_datagram_close(&server);
}

/* As many clients as there are descriptors for: the one that finds none left gives back all of its own. */
static void client_that_finds_no_descriptor_leaves_none(void)
{
    struct rlimit before, few;
    struct tryst_client *clients[64] = {NULL};
    struct tryst_options options = options_for("127.0.0.1", 7777);
    getrlimit(RLIMIT_NOFILE, &before);
    few = before;
    size_t used = count_entries("/proc/self/fd");
    for (rlim_t spare = 0; spare < 12; spare++) {
        size_t count = 0;
        few.rlim_cur = used + 24 + spare;
        setrlimit(RLIMIT_NOFILE, &few);
        while (count < 64 && tryst_client_create(&clients[count], NULL, &options) == TRYST_OK)
            count++;
        ASSERT_TRUE(count > 0 && count < 64);
        while (count > 0)
            tryst_client_destroy(clients[--count]);
        setrlimit(RLIMIT_NOFILE, &before);
        ASSERT_EQ_UINT(count_entries("/proc/self/fd"), used);
    }
}

UNIT_MAIN("client", UNIT_CASE(client_has_no_thread_and_leaves_no_descriptor),
          UNIT_CASE(client_that_finds_no_descriptor_leaves_none),
          UNIT_CASE(client_refuses_missing_arguments),
          UNIT_CASE(client_refuses_a_pin_it_cannot_read),
          UNIT_CASE(client_is_known_by_its_identity),
          UNIT_CASE(client_uses_the_port_it_is_told_or_says_that_it_is_taken),
          UNIT_CASE(client_lists_only_families_it_may_use),
          UNIT_CASE(client_asks_the_server_with_its_first_turn),
          UNIT_CASE(client_run_ends_when_its_time_is_over),
          UNIT_CASE(client_run_is_interrupted_by_a_signal),
          UNIT_CASE(client_run_is_woken_by_another_thread),
          UNIT_CASE(client_wake_is_kept_and_makes_the_descriptor_readable),
          UNIT_CASE(client_name_that_does_not_exist_is_told),
          UNIT_CASE(client_finds_a_server_by_its_name),
          UNIT_CASE(client_descriptor_and_timeout_serve_a_loop_of_the_games_own))
