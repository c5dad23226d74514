/* The interfaces room: what this host lists, and where it may, networks made for the purpose.
 * SPDX-License-Identifier: MIT */
#include "lib/driver/datagram.h"
#include "lib/driver/interfaces.h"
#include "tests/unit/unit.h"

#include <net/if.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

static int32_t class_of(struct tryst_address address)
{
    address.port = 1;
    return tryst_address_classify(&address);
}

static void interfaces_of_this_host_can_be_bound(void)
{
    struct tryst_address list[TR_INTERFACES_MAX];
    size_t count = tr_interfaces_list(list, TR_INTERFACES_MAX);
    ASSERT_TRUE(count <= TR_INTERFACES_MAX);
    for (size_t i = 0; i < count; i++) {
        char text[TRYST_ADDRESS_TEXT_SIZE];
        tryst_address_format(&list[i], text, sizeof(text));
        struct tr_datagram_socket sock;
        ASSERT_ROW(tr_datagram_open(&sock, &list[i], 0) == TRYST_OK, "%s", text);
        tr_datagram_close(&sock);
        char name[IF_NAMESIZE];
        ASSERT_ROW(if_indextoname(list[i].scope, name) != NULL, "scope of %s", text);
        ASSERT_EQ_UINT(list[i].port, 0);
        ASSERT_ROW((class_of(list[i]) == TRYST_ADDRESS_LOOPBACK) ==
                       (class_of(list[0]) == TRYST_ADDRESS_LOOPBACK),
                   "loopback among others: %s", text);
        for (size_t j = 0; j < i; j++)
            ASSERT_ROW(tryst_address_compare(&list[i], &list[j]) != 0 ||
                           list[i].scope != list[j].scope,
                       "%s twice", text);
    }
}

static void interfaces_listing_is_bounded_and_steady(void)
{
    struct tryst_address list[TR_INTERFACES_MAX], few[TR_INTERFACES_MAX] = {{0}};
    const struct tryst_address none = {0};
    size_t count = tr_interfaces_list(list, TR_INTERFACES_MAX);
    for (size_t max = 0; max <= count; max++) {
        memset(few, 0, sizeof(few));
        ASSERT_EQ_UINT(tr_interfaces_list(few, max), max);
        ASSERT_EQ_MEM(few, list, max * sizeof(list[0]));
        if (max < TR_INTERFACES_MAX)
            ASSERT_EQ_MEM(&few[max], &none, sizeof(none));
    }
}

static void interfaces_signature_differs_with_the_list(void)
{
    struct tryst_address list[2] = {{.family = 4, .scope = 2, .ip = {10, 0, 0, 1}},
                                    {.family = 4, .scope = 3, .ip = {10, 0, 0, 2}}};
    const struct tryst_address turned[2] = {list[1], list[0]};
    uint64_t signature = tr_interfaces_signature(list, 2);
    ASSERT_EQ_UINT(tr_interfaces_signature(list, 2), signature);
    ASSERT_TRUE(tr_interfaces_signature(list, 1) != signature);
    ASSERT_TRUE(tr_interfaces_signature(list, 0) != tr_interfaces_signature(list, 1));
    ASSERT_TRUE(tr_interfaces_signature(turned, 2) != signature);
    list[1].scope = 4;
    ASSERT_TRUE(tr_interfaces_signature(list, 2) != signature);
}

static bool run(const char *command)
{
    char line[512];
    snprintf(line, sizeof(line), "%s 2>/dev/null", command);
    return system(line) == 0;
}

/* What the listing is asked to prefer the way to. */
static const struct tryst_address *towards;
static size_t towards_count;

/* A network namespace for a process of its own, made by commands of ip(8), then listed as text. false:
 * this host lets us make none. */
static bool list_of(const char *const *commands, size_t count, char *text, size_t size)
{
    int ends[2];
    text[0] = '\0';
    if (pipe(ends) != 0)
        return false;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        if (unshare(CLONE_NEWNET) != 0)
            _exit(77);
        for (size_t i = 0; i < count; i++)
            if (!run(commands[i]))
                _exit(77);
        struct tryst_address list[TR_INTERFACES_MAX];
        size_t found = tr_interfaces_list(list, TR_INTERFACES_MAX);
        tr_interfaces_prefer(list, found, towards, towards_count);
        for (size_t i = 0; i < found; i++) {
            char line[TRYST_ADDRESS_TEXT_SIZE];
            list[i].scope = 0;
            tryst_address_format(&list[i], line, sizeof(line));
            dprintf(ends[1], "%s ", line);
        }
        _exit(0);
    }
    close(ends[1]);
    size_t used = 0;
    for (ssize_t got; used + 1 < size && (got = read(ends[0], text + used, size - used - 1)) > 0;)
        used += (size_t)got;
    text[used] = '\0';
    close(ends[0]);
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void expect(const char *const *commands, size_t count, const char *expected)
{
    char text[2048];
    if (list_of(commands, count, text, sizeof(text)))
        ASSERT_EQ_STR(text, expected);
    else
        printf("[left out: no network namespace may be made] ");
}

static void interfaces_of_a_lone_host_are_its_loopback(void)
{
    static const char *const down[] = {"true"};
    static const char *const up[] = {"ip link set lo up"};
    static const char *const only_link_local[] = {
        "ip link set lo up", "ip link add eth7 type veth peer name eth8", "ip link set eth7 up",
        "ip link set eth8 up", "ip addr add 169.254.7.7/16 dev eth7"};
    expect(down, 1, "");
    expect(up, 1, "127.0.0.1:0 [::1]:0 ");
    expect(only_link_local, UNIT_COUNT(only_link_local), "127.0.0.1:0 [::1]:0 ");
}

#define PAIR(a, b)                                                                                 \
    "ip link add " a " type veth peer name " b, "ip link set " a " up", "ip link set " b " up"

static void interfaces_come_in_order_of_use(void)
{
    static const char *const commands[] = {
        "ip link set lo up",
        PAIR("docker0", "left0"),
        PAIR("eth1", "left1"),
        PAIR("eth2", "left2"),
        "ip addr add 172.17.0.1/16 dev docker0",
        "ip addr add 10.1.0.2/24 dev eth1",
        "ip addr add 10.1.0.3/24 dev eth1",
        "ip addr add 10.2.0.2/24 dev eth2",
        "ip -6 addr add fd01::2/64 dev eth1 nodad",
        "ip -6 addr add fd02::2/64 dev eth2 nodad",
        "ip route add default via 10.2.0.1",
        "ip -6 route add default via fd02::1",
    };
    expect(commands, UNIT_COUNT(commands),
           "10.2.0.2:0 [fd02::2]:0 10.1.0.2:0 [fd01::2]:0 10.1.0.3:0 172.17.0.1:0 ");
}

static void interfaces_leave_out_what_cannot_be_used(void)
{
    static const char *const commands[] = {
        "ip link set lo up",
        PAIR("eth1", "left1"),
        "ip link add eth2 type veth peer name left2", /* stays down */
        PAIR("eth3", "left3"),
        "ip link set left3 down", /* eth3 is up, without a carrier */
        "ip addr add 10.1.0.2/24 dev eth1",
        "ip addr add 169.254.3.4/16 dev eth1",
        "ip addr add 10.2.0.2/24 dev eth2",
        "ip addr add 10.3.0.2/24 dev eth3",
        "ip -6 addr add fd01::1/64 dev eth1 nodad",
        "ip -6 addr add fd01::2/64 dev eth1 nodad preferred_lft 0", /* deprecated */
        "ip -6 addr add fd01::3/64 dev eth1",                       /* still tentative */
        "ip addr add 198.51.100.1/32 dev lo",
    };
    expect(commands, UNIT_COUNT(commands), "10.1.0.2:0 [fd01::1]:0 ");
}

static void interfaces_that_lead_to_the_server_are_preferred_each_in_its_family(void)
{
    static const char *const commands[] = {
        "ip link set lo up",
        PAIR("eth1", "left1"),
        PAIR("eth2", "left2"),
        PAIR("eth3", "left3"),
        "ip addr add 10.1.0.2/24 dev eth1",
        "ip addr add 10.2.0.2/24 dev eth2",
        "ip addr add 10.3.0.2/24 dev eth3",
        "ip -6 addr add fd01::2/64 dev eth1 nodad",
        "ip -6 addr add fd02::2/64 dev eth2 nodad",
        "ip route add default via 10.1.0.1",
        "ip route add 203.0.113.0/24 via 10.3.0.1",
        "ip -6 route add default via fd01::1",
        "ip -6 route add 2a00:1::/32 via fd02::1",
    };
    static const struct tryst_address servers[] = {
        {.family = 4, .port = 7777, .ip = {203, 0, 113, 5}},
        {.family = 4, .port = 7777, .ip = {10, 2, 0, 9}},
        {.family = 6, .port = 7777, .ip = {0x2a, 0, 0, 1, [15] = 9}},
        {.family = 4, .port = 7777, .ip = {127, 0, 0, 1}}, /* from an address that is not listed */
    };
    static const char *const expected[] = {
        "10.1.0.2:0 [fd01::2]:0 10.2.0.2:0 [fd02::2]:0 10.3.0.2:0 ",
        "10.3.0.2:0 [fd01::2]:0 10.1.0.2:0 [fd02::2]:0 10.2.0.2:0 ",
        "10.3.0.2:0 [fd01::2]:0 10.2.0.2:0 [fd02::2]:0 10.1.0.2:0 ",
        "10.3.0.2:0 [fd02::2]:0 10.2.0.2:0 [fd01::2]:0 10.1.0.2:0 ",
        "10.3.0.2:0 [fd02::2]:0 10.2.0.2:0 [fd01::2]:0 10.1.0.2:0 ",
    };
    towards = servers;
    for (towards_count = 0; towards_count <= UNIT_COUNT(servers); towards_count++)
        expect(commands, UNIT_COUNT(commands), expected[towards_count]);
    towards_count = 0;
}

/* A developer's machine: its uplink comes last in the system's list, and is the first of ours. */
static void interfaces_of_a_host_with_many_are_the_useful_ones(void)
{
    static const char *const commands[] = {
        "ip link set lo up",
        "for i in 0 1 2 3 4 5 6 7 8 9; do "
        "ip link add docker$i type veth peer name left$i; ip link set docker$i up; "
        "ip link set left$i up; for j in 1 2 3 4 5 6 7; do "
        "ip addr add 172.2$i.$j.1/24 dev docker$i; done; done",
        PAIR("tun0", "lefttun"),
        "ip addr add 10.8.0.2/24 dev tun0",
        PAIR("eth1", "lefteth1"),
        "ip addr add 45.9.0.2/24 dev eth1",
        PAIR("eth2", "lefteth2"),
        "ip addr add 192.168.2.2/24 dev eth2",
        PAIR("eth3", "lefteth3"),
        "ip addr add 192.168.3.1/24 dev eth3",
        "ip addr add 192.168.3.2/24 dev eth3",
        "ip addr add 192.168.4.2/24 dev eth3",
        "ip route add default via 192.168.4.1 src 192.168.4.2",
    };
    static const char expected[] = "192.168.4.2:0 192.168.2.2:0 45.9.0.2:0 10.8.0.2:0 "
                                   "192.168.3.1:0 192.168.3.2:0 172.20.1.1:0 ";
    char text[4096];
    size_t count = 0;
    if (!list_of(commands, UNIT_COUNT(commands), text, sizeof(text))) {
        printf("[left out: no network namespace may be made] ");
        return;
    }
    for (const char *at = text; (at = strchr(at, ' ')) != NULL; at++)
        count++;
    ASSERT_EQ_UINT(count, TR_INTERFACES_MAX);
    text[sizeof(expected) - 1] = '\0';
    ASSERT_EQ_STR(text, expected);
}

/* A server's interface with more addresses than a listing holds leaves room for what leads elsewhere. */
static void interface_with_many_hides_no_other(void)
{
    static const char *const commands[] = {
        PAIR("eth1", "lefteth1"),
        "for i in $(seq 1 80); do ip addr add 10.7.$i.1/24 dev eth1; done",
        PAIR("wg0", "leftwg"),
        "ip addr add 10.8.0.2/24 dev wg0",
        PAIR("eth2", "lefteth2"),
        "ip addr add 45.9.0.2/24 dev eth2",
    };
    static const char expected[] = "10.7.1.1:0 45.9.0.2:0 10.8.0.2:0 10.7.";
    char text[4096];
    if (!list_of(commands, UNIT_COUNT(commands), text, sizeof(text))) {
        printf("[left out: no network namespace may be made] ");
        return;
    }
    text[sizeof(expected) - 1] = '\0';
    ASSERT_EQ_STR(text, expected);
}

UNIT_MAIN("interfaces", UNIT_CASE(interfaces_of_this_host_can_be_bound),
          UNIT_CASE(interfaces_listing_is_bounded_and_steady),
          UNIT_CASE(interfaces_signature_differs_with_the_list),
          UNIT_CASE(interfaces_of_a_lone_host_are_its_loopback),
          UNIT_CASE(interfaces_come_in_order_of_use),
          UNIT_CASE(interfaces_of_a_host_with_many_are_the_useful_ones),
          UNIT_CASE(interface_with_many_hides_no_other),
          UNIT_CASE(interfaces_leave_out_what_cannot_be_used),
          UNIT_CASE(interfaces_that_lead_to_the_server_are_preferred_each_in_its_family))
