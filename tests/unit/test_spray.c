/* Plans of sprays over what is known of both NATs, and the order of their datagrams.
 * SPDX-License-Identifier: MIT */
#include "lib/core/spray.h"
#include "tests/unit/unit.h"

enum { EASY, EASY_OPEN, NEXT, BLOCK, WIDE, ANY, KINDS };

static const struct tr_nat kinds[KINDS] = {
    [EASY] = {.mapping = TRYST_MAPPING_ENDPOINT_INDEPENDENT,
              .filtering = TRYST_FILTERING_PORT_DEPENDENT,
              .flags = TR_NAT_SPRAY},
    [EASY_OPEN] = {.mapping = TRYST_MAPPING_NONE,
                   .filtering = TRYST_FILTERING_ENDPOINT_INDEPENDENT,
                   .flags = TR_NAT_SPRAY},
    [NEXT] = {.mapping = TRYST_MAPPING_PORT_DEPENDENT,
              .ports = TRYST_PORTS_SEQUENTIAL,
              .flags = TR_NAT_SPRAY,
              .stride = 2,
              .last = 30000},
    [BLOCK] = {.mapping = TRYST_MAPPING_PORT_DEPENDENT,
               .ports = TRYST_PORTS_RANDOM,
               .flags = TR_NAT_SPRAY,
               .low = 20480,
               .high = 20991},
    [WIDE] = {.mapping = TRYST_MAPPING_ADDRESS_DEPENDENT,
              .ports = TRYST_PORTS_RANDOM,
              .flags = TR_NAT_SPRAY,
              .low = 32768,
              .high = 65535},
    [ANY] = {.mapping = TRYST_MAPPING_PORT_DEPENDENT, .flags = TR_NAT_SPRAY},
};

static struct tr_spray_plan plan(int own, int peer)
{
    return tr_spray_plan(&kinds[own], &kinds[peer], TRYST_SOCKETS_MAX, true, false);
}

/* Rows are what we have, columns what the peer has. */
static void every_pair_of_kinds_has_its_plan(void)
{
    enum { N = TR_SPRAY_NONE, S = TR_SPRAY_SOCKETS, P = TR_SPRAY_PORTS, B = TR_SPRAY_BOTH };
    static const uint8_t roles[KINDS][KINDS] = {
        /*           easy open next block wide any */
        [EASY] = {N, N, P, P, P, P},      /**/
        [EASY_OPEN] = {N, N, P, P, P, P}, /**/
        [NEXT] = {S, S, B, B, N, N},      /**/
        [BLOCK] = {S, S, B, B, N, N},     /**/
        [WIDE] = {S, S, N, N, N, N},      /**/
        [ANY] = {S, S, N, N, N, N},
    };
    static const uint16_t sockets[KINDS] = {[NEXT] = 8, [BLOCK] = 64, [WIDE] = 255, [ANY] = 255};
    for (int own = 0; own < KINDS; own++)
        for (int peer = 0; peer < KINDS; peer++) {
            struct tr_spray_plan made = plan(own, peer);
            ASSERT_ROW(made.role == roles[own][peer], "%d with %d: %u", own, peer, made.role);
            ASSERT_ROW(made.role != S || made.sockets == sockets[own], "%d with %d: %u sockets",
                       own, peer, made.sockets);
            ASSERT_ROW(made.role != B || made.sockets <= 8, "%d with %d", own, peer);
            ASSERT_ROW((own >= NEXT && peer >= NEXT && roles[own][peer] == N) ==
                           tr_nat_is_hopeless(&kinds[own], &kinds[peer]),
                       "%d with %d", own, peer);
        }
}

static void both_sides_have_to_be_willing(void)
{
    struct tr_nat mute = kinds[BLOCK];
    mute.flags = 0;
    ASSERT_EQ_UINT(tr_spray_plan(&kinds[EASY], &mute, 255, true, false).role, TR_SPRAY_NONE);
    ASSERT_EQ_UINT(tr_spray_plan(&mute, &kinds[EASY], 255, true, false).role, TR_SPRAY_NONE);
}

static void without_sockets_only_ports_can_be_tried(void)
{
    ASSERT_EQ_UINT(tr_spray_plan(&kinds[BLOCK], &kinds[EASY], 0, true, false).role, TR_SPRAY_NONE);
    ASSERT_EQ_UINT(tr_spray_plan(&kinds[BLOCK], &kinds[BLOCK], 0, true, false).role, TR_SPRAY_NONE);
    ASSERT_EQ_UINT(tr_spray_plan(&kinds[EASY], &kinds[BLOCK], 0, true, false).role, TR_SPRAY_PORTS);
}

static void only_where_hellos_may_do_they_get_their_time(void)
{
    ASSERT_FALSE(plan(EASY, BLOCK).is_waiting);
    ASSERT_TRUE(plan(EASY_OPEN, BLOCK).is_waiting);
    ASSERT_FALSE(plan(BLOCK, EASY).is_waiting);
    ASSERT_TRUE(plan(BLOCK, EASY_OPEN).is_waiting);
}

static struct tr_spray spray;
static struct tr_random chance;

static void start(const struct tr_spray_plan *made)
{
    static const uint8_t seed[TR_KEY] = {7};
    static const struct tryst_address to = {.family = 4, .port = 5000, .ip = {5, 6, 7, 8}};
    uint8_t sockets[TRYST_SOCKETS_MAX];
    for (uint32_t i = 0; i < made->sockets; i++)
        sockets[i] = (uint8_t)(i + 1);
    tr_random_init(&chance, seed);
    tr_spray_start(&spray, 77, made, &to, sockets, made->sockets, TR_S, &chance);
}

/* Fires all shots; hits counts them by port. Returns how long it took. */
static uint64_t fire(uint16_t hits[65536])
{
    uint64_t now_us = TR_S;
    struct tr_shot shot;
    memset(hits, 0, 65536 * sizeof hits[0]);
    while (!tr_spray_is_over(&spray, now_us)) {
        now_us = tr_spray_deadline(&spray);
        if (tr_spray_next(&spray, now_us, &shot))
            hits[shot.to.port]++;
        ASSERT_FALSE(tr_spray_deadline(&spray) <= now_us && !tr_spray_is_over(&spray, now_us));
    }
    return now_us - TR_S;
}

static uint16_t hits[65536];

static void a_wide_range_is_tried_at_1024_ports_in_two_seconds(void)
{
    struct tr_spray_plan made = plan(EASY, ANY);
    uint32_t tried = 0;
    start(&made);
    uint64_t took_us = fire(hits);
    for (uint32_t port = 0; port < 65536; port++) {
        ASSERT_ROW(hits[port] <= 1 && (hits[port] == 0 || port >= 1024), "port %u", port);
        tried += hits[port];
    }
    ASSERT_EQ_UINT(tried, 1024);
    ASSERT_TRUE(took_us < 3 * TR_S);
}

static void a_block_is_covered_and_no_port_of_it_tried_often(void)
{
    struct tr_spray_plan made = plan(EASY, BLOCK);
    start(&made);
    fire(hits);
    for (uint32_t port = 20480; port <= 20991; port++)
        ASSERT_EQ_UINT(hits[port], 2);
    ASSERT_EQ_UINT(hits[20479] + hits[20992], 0);
}

/* A participant claims a block of one port, or of a few: whoever has that port is not flooded. */
static void a_claimed_block_aims_at_most_16_datagrams_at_a_port(void)
{
    for (uint16_t size = 1; size < 40; size++)
        for (int own = EASY; own <= BLOCK; own++) {
            struct tr_nat claim = kinds[BLOCK];
            claim.high = (uint16_t)(claim.low + size - 1);
            struct tr_spray_plan made = tr_spray_plan(&kinds[own], &claim, 255, true, false);
            if (made.role == TR_SPRAY_NONE || made.role == TR_SPRAY_SOCKETS)
                continue;
            start(&made);
            fire(hits);
            for (uint32_t port = 0; port < 65536; port++)
                ASSERT_ROW(hits[port] <= 16, "%u at %u of %u", hits[port], port, size);
        }
}

/* The same with ports that are said to follow each other, and end soon, or begin where none is a NAT's. */
static void a_claimed_ladder_aims_at_most_16_datagrams_at_a_port(void)
{
    static const struct {
        uint16_t last, stride;
    } claims[] = {{65535, 1},     {65530, 1},  {65000, 256},   {65535, 32767}, {1024, 0xffff},
                  {1030, 0xffff}, {80, 1},     {500, 0xffff},  {1, 0xffff},    {1200, 0x8000},
                  {40000, 1},     {40000, 64}, {40000, 0x8000}};
    for (size_t row = 0; row < UNIT_COUNT(claims); row++)
        for (int again = 0; again < 2; again++)
            for (int own = EASY; own <= BLOCK; own++) {
                struct tr_nat claim = kinds[NEXT];
                claim.last = claims[row].last;
                claim.stride = claims[row].stride;
                struct tr_spray_plan made =
                    tr_spray_plan(&kinds[own], &claim, 255, true, again != 0);
                if (made.role == TR_SPRAY_NONE || made.role == TR_SPRAY_SOCKETS)
                    continue;
                start(&made);
                fire(hits);
                for (uint32_t port = 0; port < 65536; port++)
                    ASSERT_ROW(hits[port] <= (port >= 1024 ? 4 : 0), "%u at %u, row %zu, own %d",
                               hits[port], port, row, own);
            }
}

static void ports_that_follow_each_other_are_tried_in_their_order(void)
{
    struct tr_spray_plan made = plan(EASY, NEXT);
    struct tr_shot shot;
    start(&made);
    for (uint32_t i = 1; i <= 100; i++) {
        ASSERT_TRUE(tr_spray_next(&spray, tr_spray_deadline(&spray), &shot));
        ASSERT_EQ_UINT(shot.to.port, 30000 + 2 * i);
        ASSERT_EQ_UINT(shot.socket, 0);
    }
}

static void a_newer_port_is_gone_on_from_once(void)
{
    struct tr_spray_plan made = plan(EASY, NEXT);
    struct tr_nat newer = kinds[NEXT];
    struct tr_shot shot;
    uint32_t count = 0;
    start(&made);
    newer.last = 31000;
    tr_spray_aim(&spray, &newer, TR_S); /* nothing was sent yet */
    newer.last = 40000;
    for (uint32_t i = 1; i <= 10; i++) {
        ASSERT_TRUE(tr_spray_next(&spray, tr_spray_deadline(&spray), &shot));
        ASSERT_EQ_UINT(shot.to.port, 31000 + 2 * i);
    }
    for (uint32_t i = 1; i <= 10; i++) {
        tr_spray_aim(&spray, &newer, 2 * TR_S);
        ASSERT_TRUE(tr_spray_next(&spray, tr_spray_deadline(&spray), &shot));
        ASSERT_EQ_UINT(shot.to.port, 40000 + 2 * i);
        newer.last = 50000;
    }
    while (!tr_spray_is_over(&spray, tr_spray_deadline(&spray)))
        count += tr_spray_next(&spray, tr_spray_deadline(&spray), &shot);
    ASSERT_EQ_UINT(count, 1024 - 10);
}

static void what_is_late_does_not_leave_at_once(void)
{
    struct tr_spray_plan made = plan(EASY, WIDE);
    struct tr_shot shot;
    uint32_t count = 0;
    start(&made);
    while (tr_spray_next(&spray, 60 * TR_S, &shot))
        count++;
    ASSERT_ROW(count > 1 && count <= 12, "%u at once", count);
    ASSERT_TRUE(tr_spray_deadline(&spray) > 60 * TR_S);
}

static void a_ladder_that_ends_is_not_left(void)
{
    struct tr_nat down = kinds[NEXT];
    down.stride = 0xffff;
    down.last = 1030;
    struct tr_spray_plan made = tr_spray_plan(&kinds[EASY], &down, 255, true, false);
    start(&made);
    fire(hits);
    for (uint32_t port = 0; port < 65536; port++)
        ASSERT_ROW(hits[port] == (port >= 1024 && port < 1030), "port %u", port);
}

static void from_the_hard_side_each_socket_is_used_three_times(void)
{
    struct tr_spray_plan made = plan(ANY, EASY);
    uint32_t used[256] = {0};
    uint64_t now_us = TR_S;
    struct tr_shot shot;
    start(&made);
    for (; !tr_spray_is_over(&spray, now_us); now_us = tr_spray_deadline(&spray))
        while (tr_spray_next(&spray, now_us, &shot)) {
            used[shot.socket]++;
            ASSERT_EQ_UINT(shot.to.port, 5000);
            ASSERT_TRUE(used[shot.socket] > 1 || now_us - TR_S < 300 * TR_MS);
        }
    ASSERT_EQ_UINT(used[0], 0);
    for (uint32_t i = 1; i <= 255; i++)
        ASSERT_EQ_UINT(used[i], 3);
}

/* The birthday paradox needs each pair of socket and port once. */
static void of_two_blocks_no_socket_tries_a_port_twice(void)
{
    static uint8_t tried[9][512];
    struct tr_spray_plan made = plan(BLOCK, BLOCK);
    struct tr_shot shot;
    memset(tried, 0, sizeof tried);
    start(&made);
    for (uint32_t i = 0; i < 4 * 512; i++) {
        ASSERT_TRUE(tr_spray_next(&spray, tr_spray_deadline(&spray), &shot));
        ASSERT_EQ_UINT(tried[shot.socket][shot.to.port - 20480]++, 0);
    }
    ASSERT_FALSE(tr_spray_next(&spray, tr_spray_deadline(&spray), &shot));
}

UNIT_MAIN("spray", UNIT_CASE(every_pair_of_kinds_has_its_plan),
          UNIT_CASE(both_sides_have_to_be_willing),
          UNIT_CASE(without_sockets_only_ports_can_be_tried),
          UNIT_CASE(only_where_hellos_may_do_they_get_their_time),
          UNIT_CASE(a_wide_range_is_tried_at_1024_ports_in_two_seconds),
          UNIT_CASE(a_block_is_covered_and_no_port_of_it_tried_often),
          UNIT_CASE(a_claimed_block_aims_at_most_16_datagrams_at_a_port),
          UNIT_CASE(a_claimed_ladder_aims_at_most_16_datagrams_at_a_port),
          UNIT_CASE(ports_that_follow_each_other_are_tried_in_their_order),
          UNIT_CASE(a_newer_port_is_gone_on_from_once),
          UNIT_CASE(what_is_late_does_not_leave_at_once), UNIT_CASE(a_ladder_that_ends_is_not_left),
          UNIT_CASE(from_the_hard_side_each_socket_is_used_three_times),
          UNIT_CASE(of_two_blocks_no_socket_tries_a_port_twice))
