/* The datagram room on real sockets of the loopback interface.
 * SPDX-License-Identifier: MIT */
#include "lib/driver/datagram.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct tryst_address loopback4 = {.family = 4, .ip = {127, 0, 0, 1}};
static const struct tryst_address loopback6 = {.family = 6, .ip = {[15] = 1}};

static struct tryst_address at(struct tryst_address address, uint16_t port)
{
    address.port = port;
    return address;
}

static bool open_at(struct tr_datagram_socket *sock, struct tryst_address local)
{
    tryst_result result = tr_datagram_open(sock, &local, 1 << 20);
    return ASSERT_EQ_INT(result, TRYST_OK);
}

static bool has_ipv6(void)
{
    struct tr_datagram_socket sock;
    tryst_result result = tr_datagram_open(&sock, &loopback6, 0);
    if (result == TRYST_OK)
        tr_datagram_close(&sock);
    return result == TRYST_OK;
}

static void fill(struct tr_datagram *datagram, struct tryst_address to, uint32_t number)
{
    memset(datagram, 0, sizeof(*datagram));
    datagram->to = to;
    datagram->size = sizeof(number);
    memcpy(datagram->data, &number, sizeof(number));
}

static uint32_t number_of(const struct tr_arrival *arrival)
{
    uint32_t number = UINT32_MAX;
    if (arrival->size == sizeof(number))
        memcpy(&number, arrival->data, sizeof(number));
    return number;
}

/* Waits a second at most for the next batch. */
static uint32_t await(struct tr_datagram_socket *sock, struct tr_datagram_inbox *inbox,
                      struct tr_arrival **arrivals)
{
    struct pollfd polled = {.fd = sock->fd, .events = POLLIN};
    poll(&polled, 1, 1000);
    return tr_datagram_receive(sock, inbox, arrivals);
}

static void carry(struct tryst_address local)
{
    struct tr_datagram_socket a, b;
    struct tr_datagram_inbox *inbox = tr_datagram_inbox_create();
    if (!ASSERT_TRUE(inbox != NULL) || !open_at(&a, local) || !open_at(&b, local))
        return;
    ASSERT_TRUE(a.port != 0 && a.port != b.port);

    static struct tr_datagram datagram;
    struct tr_datagram *list[] = {&datagram};
    struct tr_arrival *arrivals;
    fill(&datagram, at(local, b.port), 7);
    ASSERT_EQ_UINT(tr_datagram_receive(&b, inbox, &arrivals), 0);
    ASSERT_EQ_UINT(tr_datagram_send(&a, list, 1), 1);
    if (ASSERT_EQ_UINT(await(&b, inbox, &arrivals), 1)) {
        ASSERT_EQ_UINT(number_of(&arrivals[0]), 7);
        ASSERT_EQ_INT(tryst_address_compare(&arrivals[0].from,
                                            &(struct tryst_address[]){at(local, a.port)}[0]),
                      0);
        ASSERT_EQ_INT(tryst_address_compare(&arrivals[0].to, &datagram.to), 0);
        ASSERT_EQ_UINT(arrivals[0].to.scope, if_nametoindex("lo"));
    }
    ASSERT_EQ_UINT(a.sent, 1);
    ASSERT_EQ_UINT(b.received, 1);
    ASSERT_EQ_UINT(a.refused, 0);
    tr_datagram_close(&a);
    tr_datagram_close(&a);
    tr_datagram_close(&b);
    tr_datagram_inbox_destroy(inbox);
}

static void datagram_carries_bytes_and_both_addresses(void)
{
    carry(loopback4);
    if (has_ipv6())
        carry(loopback6);
}

static void datagram_batch_goes_on_past_what_is_refused(void)
{
    struct tr_datagram_socket a, b;
    struct tr_datagram_inbox *inbox = tr_datagram_inbox_create();
    if (!ASSERT_TRUE(inbox != NULL) || !open_at(&a, loopback4) || !open_at(&b, loopback4))
        return;

    enum { GOOD = 20, ALL = GOOD + 6 };
    const struct tryst_address broadcast = {.family = 4, .port = 9, .ip = {255, 255, 255, 255}};
    const struct tryst_address bad[] = {
        broadcast, at(loopback4, 0), at(loopback6, b.port), broadcast, {0}, broadcast};
    static const uint32_t places[] = {0, 5, 6, 13, 20, ALL - 1};
    struct tr_datagram *list[ALL];
    uint32_t number = 0;
    uint32_t next_bad = 0;
    for (uint32_t i = 0; i < ALL; i++) {
        list[i] = malloc(sizeof(*list[i]));
        bool is_bad = next_bad < UNIT_COUNT(places) && places[next_bad] == i;
        fill(list[i], is_bad ? bad[next_bad] : at(loopback4, b.port), is_bad ? 999 : number);
        if (is_bad)
            next_bad++;
        else
            number++;
    }
    ASSERT_EQ_UINT(number, GOOD);
    ASSERT_EQ_UINT(tr_datagram_send(&a, list, ALL), ALL);
    ASSERT_EQ_UINT(a.sent, GOOD);
    ASSERT_EQ_UINT(a.refused, ALL - GOOD);

    struct tr_arrival *arrivals;
    uint32_t count = await(&b, inbox, &arrivals);
    ASSERT_EQ_UINT(count, GOOD);
    for (uint32_t i = 0; i < count; i++)
        ASSERT_EQ_UINT(number_of(&arrivals[i]), i);

    for (uint32_t i = 0; i < ALL; i++)
        free(list[i]);
    tr_datagram_close(&a);
    tr_datagram_close(&b);
    tr_datagram_inbox_destroy(inbox);
}

static void datagram_single_that_is_refused_is_counted(void)
{
    struct tr_datagram_socket a;
    if (!open_at(&a, loopback4))
        return;
    static struct tr_datagram datagram;
    struct tr_datagram *list[] = {&datagram};
    fill(&datagram, at(loopback4, 0), 1);
    ASSERT_EQ_UINT(tr_datagram_send(&a, list, 1), 1);
    fill(&datagram, at(loopback6, 9), 1);
    ASSERT_EQ_UINT(tr_datagram_send(&a, list, 1), 1);
    fill(&datagram, at(loopback4, 9), 1);
    datagram.from = (struct tryst_address){.family = 4, .ip = {192, 0, 2, 99}}; /* not ours */
    ASSERT_EQ_UINT(tr_datagram_send(&a, list, 1), 1);
    ASSERT_EQ_UINT(a.refused, 3);
    ASSERT_EQ_UINT(a.sent, 0);
    ASSERT_EQ_UINT(tr_datagram_send(&a, list, 0), 0);
    tr_datagram_close(&a);
}

static void datagram_takes_more_than_one_batch(void)
{
    enum { ALL = 3 * TR_DATAGRAM_BATCH / 2 };
    struct tr_datagram_socket a, b;
    struct tr_datagram_inbox *inbox = tr_datagram_inbox_create();
    if (!ASSERT_TRUE(inbox != NULL) || !open_at(&a, loopback4) || !open_at(&b, loopback4))
        return;
    struct tr_datagram *list[ALL];
    for (uint32_t i = 0; i < ALL; i++) {
        list[i] = malloc(sizeof(*list[i]));
        fill(list[i], at(loopback4, b.port), i);
        list[i]->ttl = i % 3 == 0 ? 5 : 0;
    }
    ASSERT_EQ_UINT(tr_datagram_send(&a, list, ALL), ALL);
    struct tr_arrival *arrivals;
    ASSERT_EQ_UINT(await(&b, inbox, &arrivals), TR_DATAGRAM_BATCH);
    for (uint32_t i = 0; i < TR_DATAGRAM_BATCH; i++)
        ASSERT_EQ_UINT(number_of(&arrivals[i]), i);
    ASSERT_EQ_UINT(await(&b, inbox, &arrivals), ALL - TR_DATAGRAM_BATCH);
    for (uint32_t i = 0; i < ALL - TR_DATAGRAM_BATCH; i++) {
        ASSERT_EQ_UINT(number_of(&arrivals[i]), TR_DATAGRAM_BATCH + i);
        ASSERT_EQ_UINT(arrivals[i].from.port, a.port);
        ASSERT_EQ_UINT(arrivals[i].to.port, b.port);
    }
    for (uint32_t i = 0; i < ALL; i++)
        free(list[i]);
    tr_datagram_close(&a);
    tr_datagram_close(&b);
    tr_datagram_inbox_destroy(inbox);
}

/* A burst of more than the singles and a batch, in order, with or without the own address. */
static void take_burst(struct tr_datagram_socket *from, struct tr_datagram_socket *to,
                       struct tryst_address local, bool is_plain)
{
    enum { BURST = TR_DATAGRAM_BATCH + 5 };
    static struct tr_datagram datagrams[BURST];
    struct tr_datagram *list[BURST];
    struct tr_datagram_inbox *inbox = tr_datagram_inbox_create();
    struct tr_arrival *arrivals;
    uint32_t taken = 0;
    tr_datagram_set_plain(to, is_plain);
    for (uint32_t i = 0; i < BURST; i++) {
        fill(&datagrams[i], at(local, to->port), i);
        list[i] = &datagrams[i];
    }
    for (uint32_t sent = 0; sent < BURST;)
        sent += tr_datagram_send(from, list + sent, BURST - sent);
    for (uint32_t count = 1; count > 0 && taken < BURST;) {
        count = await(to, inbox, &arrivals);
        for (uint32_t i = 0; i < count; i++, taken++) {
            ASSERT_EQ_UINT(number_of(&arrivals[i]), taken);
            ASSERT_EQ_UINT(arrivals[i].from.port, from->port);
            ASSERT_EQ_UINT(arrivals[i].to.family, is_plain ? 0 : local.family);
        }
    }
    ASSERT_EQ_UINT(taken, BURST);
    ASSERT_EQ_UINT(tr_datagram_receive(to, inbox, &arrivals), 0);
    tr_datagram_inbox_destroy(inbox);
}

static void datagram_plain_socket_takes_the_same_without_its_own_address(void)
{
    const struct tryst_address locals[] = {loopback4, loopback6};
    for (size_t i = 0; i < (has_ipv6() ? 2U : 1U); i++) {
        struct tr_datagram_socket a, b;
        if (!open_at(&a, locals[i]) || !open_at(&b, locals[i]))
            return;
        take_burst(&a, &b, locals[i], true);
        take_burst(&a, &b, locals[i], false);
        take_burst(&a, &b, locals[i], true);
        tr_datagram_close(&a);
        tr_datagram_close(&b);
    }
}

static void datagram_source_is_the_one_asked_for(void)
{
    struct tr_datagram_socket a, b;
    struct tr_datagram_inbox *inbox = tr_datagram_inbox_create();
    const struct tryst_address any = {.family = 4};
    if (!ASSERT_TRUE(inbox != NULL) || !open_at(&a, any) || !open_at(&b, any))
        return;
    static struct tr_datagram datagrams[3];
    struct tr_datagram *list[] = {&datagrams[0], &datagrams[1], &datagrams[2]};
    for (uint32_t i = 0; i < 3; i++) {
        fill(&datagrams[i],
             (struct tryst_address){
                 .family = 4, .port = b.port, .ip = {127, 0, 0, (uint8_t)(9 + i)}},
             i);
        datagrams[i].from = (struct tryst_address){
            .family = 4, .scope = if_nametoindex("lo"), .ip = {127, 0, 0, (uint8_t)(2 + i)}};
    }
    struct tr_arrival *arrivals;
    ASSERT_EQ_UINT(tr_datagram_send(&a, list, 3), 3);
    if (ASSERT_EQ_UINT(await(&b, inbox, &arrivals), 3))
        for (uint32_t i = 0; i < 3; i++) {
            ASSERT_EQ_UINT(arrivals[i].from.ip[3], 2 + i);
            ASSERT_EQ_UINT(arrivals[i].to.ip[3], 9 + i);
        }
    ASSERT_EQ_UINT(tr_datagram_send(&a, list, 1), 1); /* the way of a single one */
    if (ASSERT_EQ_UINT(await(&b, inbox, &arrivals), 1))
        ASSERT_EQ_UINT(arrivals[0].from.ip[3], 2);
    tr_datagram_close(&a);
    tr_datagram_close(&b);
    tr_datagram_inbox_destroy(inbox);
}

/* What a plain socket sees of the next datagram's hops; -1: nothing. */
static int read_ttl(int fd)
{
    char control[CMSG_SPACE(sizeof(int)) * 4];
    char data[16];
    struct iovec vector = {data, sizeof(data)};
    struct msghdr header = {.msg_iov = &vector,
                            .msg_iovlen = 1,
                            .msg_control = control,
                            .msg_controllen = sizeof(control)};
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    poll(&polled, 1, 1000);
    if (recvmsg(fd, &header, MSG_DONTWAIT) < 0)
        return -1;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&header); c != NULL; c = CMSG_NXTHDR(&header, c)) {
        int ttl;
        memcpy(&ttl, CMSG_DATA(c), sizeof(ttl));
        if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL) ||
            (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT))
            return ttl;
    }
    return -1;
}

static void send_ttls(struct tryst_address local, int level, int option)
{
    struct tr_datagram_socket a, b;
    if (!open_at(&a, local) || !open_at(&b, local))
        return;
    const int on = 1;
    ASSERT_EQ_INT(setsockopt(b.fd, level, option, &on, sizeof(on)), 0);
    static struct tr_datagram datagrams[4];
    struct tr_datagram *list[4];
    static const uint8_t ttls[] = {2, 0, 255, 1};
    for (uint32_t i = 0; i < 4; i++) {
        list[i] = &datagrams[i];
        fill(list[i], at(local, b.port), i);
        list[i]->ttl = ttls[i];
    }
    list[2]->from = local;
    ASSERT_EQ_UINT(tr_datagram_send(&a, list, 4), 4);
    ASSERT_EQ_INT(read_ttl(b.fd), 2);
    ASSERT_TRUE(read_ttl(b.fd) >= 32); /* the system's default */
    ASSERT_EQ_INT(read_ttl(b.fd), 255);
    ASSERT_EQ_INT(read_ttl(b.fd), 1);
    ASSERT_EQ_UINT(tr_datagram_send(&a, list, 1), 1);
    ASSERT_EQ_INT(read_ttl(b.fd), 2);
    tr_datagram_close(&a);
    tr_datagram_close(&b);
}

static void datagram_ttl_is_seen_by_the_receiver(void)
{
    send_ttls(loopback4, IPPROTO_IP, IP_RECVTTL);
    if (has_ipv6())
        send_ttls(loopback6, IPPROTO_IPV6, IPV6_RECVHOPLIMIT);
}

static void datagram_too_long_or_empty_has_no_bytes(void)
{
    static const struct {
        size_t sent, seen;
        bool is_truncated;
    } rows[] = {{TR_DATAGRAM_ROOM - 1, TR_DATAGRAM_ROOM - 1, false},
                {TR_DATAGRAM_ROOM, TR_DATAGRAM_ROOM, false},
                {TR_DATAGRAM_ROOM + 1, 0, true},
                {0, 0, false},
                {9000, 0, true},
                {1, 1, false}};
    struct tr_datagram_socket b;
    struct tr_datagram_inbox *inbox = tr_datagram_inbox_create();
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (!ASSERT_TRUE(inbox != NULL && fd >= 0) || !open_at(&b, loopback4))
        return;
    struct sockaddr_storage name;
    struct tryst_address to = at(loopback4, b.port);
    socklen_t size = tr_datagram_to_name(&to, &name);
    static uint8_t data[9000];
    uint64_t truncated = 0;
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct tr_arrival *arrivals;
        sendto(fd, data, rows[i].sent, 0, (struct sockaddr *)&name, size);
        if (!ASSERT_EQ_UINT(await(&b, inbox, &arrivals), 1))
            continue;
        truncated += rows[i].is_truncated;
        ASSERT_ROW(arrivals[0].size == rows[i].seen, "%zu bytes are seen as %zu", rows[i].sent,
                   arrivals[0].size);
        ASSERT_EQ_UINT(b.truncated, truncated);
    }
    close(fd);
    tr_datagram_close(&b);
    tr_datagram_inbox_destroy(inbox);
}

static void datagram_to_a_closed_port_harms_no_other(void)
{
    struct tr_datagram_socket a, b, closed;
    struct tr_datagram_inbox *inbox = tr_datagram_inbox_create();
    if (!ASSERT_TRUE(inbox != NULL) || !open_at(&a, loopback4) || !open_at(&b, loopback4) ||
        !open_at(&closed, loopback4))
        return;
    tr_datagram_close(&closed);
    static struct tr_datagram datagram;
    struct tr_datagram *list[] = {&datagram};
    struct tr_arrival *arrivals;
    for (uint32_t i = 0; i < 5; i++) {
        fill(&datagram, at(loopback4, closed.port), i);
        ASSERT_EQ_UINT(tr_datagram_send(&a, list, 1), 1);
        ASSERT_EQ_UINT(tr_datagram_receive(&a, inbox, &arrivals), 0);
        fill(&datagram, at(loopback4, b.port), i);
        ASSERT_EQ_UINT(tr_datagram_send(&a, list, 1), 1);
        if (ASSERT_EQ_UINT(await(&b, inbox, &arrivals), 1))
            ASSERT_EQ_UINT(number_of(&arrivals[0]), i);
    }
    tr_datagram_close(&a);
    tr_datagram_close(&b);
    tr_datagram_inbox_destroy(inbox);
}

static void datagram_families_share_a_port_and_taken_ones_are_told(void)
{
    struct tr_datagram_socket a, b;
    struct tryst_address any = {.family = 4};
    if (!open_at(&a, any))
        return;
    any.port = a.port;
    ASSERT_EQ_INT(tr_datagram_open(&b, &any, 0), TRYST_E_NETWORK);
    ASSERT_EQ_INT(errno, EADDRINUSE);
    ASSERT_EQ_INT(b.fd, -1);
    if (has_ipv6()) {
        any.family = 6;
        ASSERT_EQ_INT(tr_datagram_open(&b, &any, 0), TRYST_OK);
        ASSERT_EQ_UINT(b.port, a.port);
        tr_datagram_close(&b);
    }
    any.family = 0;
    ASSERT_EQ_INT(tr_datagram_open(&b, &any, 0), TRYST_E_NETWORK);
    ASSERT_EQ_INT(errno, EAFNOSUPPORT);
    tr_datagram_close(&a);
}

static void datagram_names_go_there_and_back(void)
{
    static const struct tryst_address rows[] = {
        {.family = 4, .port = 65535, .ip = {192, 0, 2, 1}},
        {.family = 6, .port = 1, .ip = {0x20, 1, 0xd, 0xb8, [15] = 9}},
        {.family = 6, .port = 7777, .scope = 3, .ip = {0xfe, 0x80, [15] = 1}},
    };
    struct sockaddr_storage name;
    struct tryst_address back;
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        ASSERT_TRUE(tr_datagram_to_name(&rows[i], &name) > 0);
        ASSERT_TRUE(tr_datagram_from_name(&back, (struct sockaddr *)&name));
        ASSERT_EQ_MEM(&back, &rows[i], sizeof(back));
    }
    const struct tryst_address none = {0};
    ASSERT_EQ_UINT(tr_datagram_to_name(&none, &name), 0);
    ASSERT_FALSE(tr_datagram_from_name(&back, (struct sockaddr *)&name));
    ASSERT_FALSE(tr_datagram_from_name(&back, NULL));
    ASSERT_EQ_MEM(&back, &none, sizeof(back));
}

UNIT_MAIN("datagram", UNIT_CASE(datagram_carries_bytes_and_both_addresses),
          UNIT_CASE(datagram_batch_goes_on_past_what_is_refused),
          UNIT_CASE(datagram_single_that_is_refused_is_counted),
          UNIT_CASE(datagram_takes_more_than_one_batch),
          UNIT_CASE(datagram_plain_socket_takes_the_same_without_its_own_address),
          UNIT_CASE(datagram_source_is_the_one_asked_for),
          UNIT_CASE(datagram_ttl_is_seen_by_the_receiver),
          UNIT_CASE(datagram_too_long_or_empty_has_no_bytes),
          UNIT_CASE(datagram_to_a_closed_port_harms_no_other),
          UNIT_CASE(datagram_families_share_a_port_and_taken_ones_are_told),
          UNIT_CASE(datagram_names_go_there_and_back))
