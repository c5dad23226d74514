/* The tunnel room: both ends back to back in every mode, whole and a byte at a time, and what hostile
 * ends say.
 * SPDX-License-Identifier: MIT */
#include "lib/driver/tunnel.h"
#include "tests/unit/unit.h"

enum { MANY = 40 };

static struct tr_tunnel_tls *client_tls;
static struct tr_tunnel_tls *server_tls;

struct pair {
    struct tr_tunnel *client;
    struct tr_tunnel *server;
};

static void need_tls(void)
{
    char error[TR_TUNNEL_ERROR] = "";
    if (client_tls == NULL)
        client_tls = tr_tunnel_tls_client();
    if (server_tls == NULL)
        server_tls = tr_tunnel_tls_server(NULL, NULL, error);
    ASSERT_EQ_STR(error, "");
}

static bool has_mode(enum tr_tunnel_mode mode)
{
    return mode == TR_TUNNEL_PLAIN || tr_tunnel_has_tls();
}

static struct pair make_pair(enum tr_tunnel_mode mode)
{
    struct pair pair;
    if (tr_tunnel_has_tls())
        need_tls();
    pair.client = tr_tunnel_create(TR_TUNNEL_CLIENT, mode, client_tls, "tryst.example", 443, 0, 0);
    pair.server = tr_tunnel_create(TR_TUNNEL_SERVER, TR_TUNNEL_UNKNOWN, server_tls, NULL, 0, 0, 0);
    ASSERT_TRUE(pair.client != NULL && pair.server != NULL);
    return pair;
}

static void destroy_pair(struct pair *pair)
{
    tr_tunnel_destroy(pair->client);
    tr_tunnel_destroy(pair->server);
}

/* Carries what one has to say, at most `step` bytes at once. Returns how many bytes. */
static size_t carry(struct tr_tunnel *from, struct tr_tunnel *to, size_t step)
{
    const uint8_t *bytes;
    size_t size, sum = 0;
    while ((bytes = tr_tunnel_output(from, &size)) != NULL) {
        if (size > step)
            size = step;
        tr_tunnel_received(to, bytes, size);
        tr_tunnel_consume(from, size);
        sum += size;
    }
    return sum;
}

static void shake(struct pair *pair, size_t step)
{
    while (carry(pair->client, pair->server, step) + carry(pair->server, pair->client, step) > 0)
        continue;
}

static size_t size_of(uint32_t number)
{
    static const size_t sizes[] = {1, 2, 30, 125, 126, 127, 404, 1199, 1200};
    return sizes[number % UNIT_COUNT(sizes)];
}

static void fill(uint8_t *data, uint32_t number)
{
    for (size_t i = 0; i < size_of(number); i++)
        data[i] = (uint8_t)(number * 7 + i);
}

static void expect(struct tr_tunnel *tunnel, uint32_t number)
{
    uint8_t wanted[TR_TUNNEL_DATAGRAM_MAX];
    const uint8_t *data = NULL;
    size_t size = 0;
    fill(wanted, number);
    if (ASSERT_TRUE(tr_tunnel_next_datagram(tunnel, &data, &size)) &&
        ASSERT_EQ_UINT(size, size_of(number)))
        ASSERT_EQ_MEM(data, wanted, size);
}

static void talk(struct tr_tunnel *from, struct tr_tunnel *to, size_t step)
{
    uint8_t data[TR_TUNNEL_DATAGRAM_MAX];
    const uint8_t *got;
    size_t size;
    for (uint32_t i = 0; i < MANY; i++) {
        fill(data, i);
        ASSERT_TRUE(tr_tunnel_send(from, data, size_of(i)));
    }
    carry(from, to, step);
    for (uint32_t i = 0; i < MANY; i++)
        expect(to, i);
    ASSERT_FALSE(tr_tunnel_next_datagram(to, &got, &size));
}

static void carry_both_ways(enum tr_tunnel_mode mode, size_t step)
{
    if (!has_mode(mode))
        return;
    struct pair pair = make_pair(mode);
    uint8_t first[] = {4};
    shake(&pair, step);
    if (mode == TR_TUNNEL_PLAIN) /* which says nothing until there is something to say */
        ASSERT_TRUE(tr_tunnel_send(pair.client, first, 1));
    shake(&pair, step);
    ASSERT_TRUE(tr_tunnel_is_open(pair.client) && tr_tunnel_is_open(pair.server));
    ASSERT_EQ_INT(tr_tunnel_mode(pair.server), mode);
    ASSERT_EQ_UINT(tr_tunnel_deadline(pair.server), UINT64_MAX);
    const uint8_t *data;
    size_t size;
    ASSERT_EQ_INT(tr_tunnel_next_datagram(pair.server, &data, &size), mode == TR_TUNNEL_PLAIN);
    for (int round = 0; round < 3; round++) {
        talk(pair.client, pair.server, step);
        talk(pair.server, pair.client, step);
    }
    ASSERT_TRUE(tr_tunnel_failure(pair.client) == NULL && tr_tunnel_failure(pair.server) == NULL);
    destroy_pair(&pair);
}

static void datagrams_go_both_ways(void)
{
    carry_both_ways(TR_TUNNEL_PLAIN, TR_TUNNEL_CHUNK);
    carry_both_ways(TR_TUNNEL_TLS, TR_TUNNEL_CHUNK);
    carry_both_ways(TR_TUNNEL_WS, TR_TUNNEL_CHUNK);
}

static void datagrams_go_a_byte_at_a_time(void)
{
    for (size_t step = 1; step < 4; step++) {
        carry_both_ways(TR_TUNNEL_PLAIN, step);
        carry_both_ways(TR_TUNNEL_TLS, step);
        carry_both_ways(TR_TUNNEL_WS, step);
    }
}

static void sizes_past_the_bound_are_refused(void)
{
    static const uint8_t data[TR_TUNNEL_DATAGRAM_MAX + 1];
    for (enum tr_tunnel_mode mode = TR_TUNNEL_PLAIN; mode <= TR_TUNNEL_WS; mode++) {
        if (!has_mode(mode))
            continue;
        struct pair pair = make_pair(mode);
        shake(&pair, TR_TUNNEL_CHUNK);
        ASSERT_FALSE(tr_tunnel_send(pair.client, data, 0));
        ASSERT_FALSE(tr_tunnel_send(pair.client, data, sizeof data));
        ASSERT_TRUE(tr_tunnel_send(pair.client, data, sizeof data - 1));
        destroy_pair(&pair);
    }
}

/* What a server makes of bytes: why it failed, "" when it did not. answer: what it says, or NULL. */
static const char *judge(const void *bytes, size_t size, char *answer, size_t room)
{
    if (tr_tunnel_has_tls())
        need_tls();
    struct tr_tunnel *server =
        tr_tunnel_create(TR_TUNNEL_SERVER, TR_TUNNEL_UNKNOWN, server_tls, NULL, 0, 0, 0);
    size_t said;
    tr_tunnel_received(server, bytes, size);
    const char *failure = tr_tunnel_failure(server);
    const uint8_t *output = tr_tunnel_output(server, &said);
    if (answer != NULL)
        snprintf(answer, room, "%.*s", (int)said, output != NULL ? (const char *)output : "");
    tr_tunnel_destroy(server);
    return failure != NULL ? failure : "";
}

static void plain_sizes_are_1_to_1200(void)
{
    static const uint8_t none[] = {0, 0};
    static const uint8_t long_one[] = {0x04, 0xb1};
    static const uint8_t most[] = {0x04, 0xb0};
    static const uint8_t strange[] = {0x05};
    ASSERT_TRUE(judge(none, 2, NULL, 0)[0] != '\0');
    ASSERT_TRUE(judge(long_one, 2, NULL, 0)[0] != '\0');
    ASSERT_EQ_STR(judge(most, 2, NULL, 0), "");
    ASSERT_TRUE(judge(strange, 1, NULL, 0)[0] != '\0');
}

#define HEAD_END "Sec-WebSocket-Protocol: tryst.1\r\n\r\n"
#define HEAD_MIDDLE                                                                                \
    "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n"       \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static void upgrades_are_strict(void)
{
    static const struct {
        const char *head;
        const char *status;
    } rows[] = {
        {"GET /tryst HTTP/1.1\r\nHost: a\r\n" HEAD_MIDDLE HEAD_END, "101"},
        {"GET /tryst HTTP/1.1\r\nhost: a\r\nX-Real-IP:\t1.2.3.4 \r\n" HEAD_MIDDLE
         "sec-websocket-protocol: other,tryst.1\r\n\r\n",
         "101"},
        {"GET /tryst HTTP/1.1\r\n" HEAD_MIDDLE HEAD_END, "400"},
        {"GET /other HTTP/1.1\r\nHost: a\r\n" HEAD_MIDDLE HEAD_END, "404"},
        {"GET /tryst?a HTTP/1.1\r\nHost: a\r\n" HEAD_MIDDLE HEAD_END, "404"},
        {"GET /tryst HTTP/1.0\r\nHost: a\r\n" HEAD_MIDDLE HEAD_END, "400"},
        {"GETS /tryst HTTP/1.1\r\nHost: a\r\n" HEAD_MIDDLE HEAD_END, "400"},
        {"GET /tryst HTTP/1.1\r\nHost: a\r\nHost: b\r\n" HEAD_MIDDLE HEAD_END, "400"},
        {"GET /tryst HTTP/1.1\r\nHost: a\r\n" HEAD_MIDDLE HEAD_MIDDLE HEAD_END, "400"},
        {"GET /tryst HTTP/1.1\r\nHost : a\r\n" HEAD_MIDDLE HEAD_END, "400"},
        {"GET /tryst HTTP/1.1\r\nHost: a\r\n b\r\n" HEAD_MIDDLE HEAD_END, "400"},
        {"GET /tryst HTTP/1.1\r\nHost: a\n" HEAD_MIDDLE HEAD_END, "400"},
        {"GET /tryst HTTP/1.1\r\nHost: a\x01\r\n" HEAD_MIDDLE HEAD_END, "400"},
        {"GET /tryst HTTP/1.1\r\nHost: a\r\n" HEAD_MIDDLE "\r\n", "400"},
        {"GET /tryst HTTP/1.1\r\nHost: a\r\n" HEAD_MIDDLE
         "Sec-WebSocket-Protocol: tryst.10\r\n\r\n",
         "400"},
        {"GET /tryst HTTP/1.1\r\nHost: a\r\n\r\n", "426"},
        {"GET /tryst HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Version: 12\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" HEAD_END,
         "426"},
        {"GET /tryst HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==\r\n" HEAD_END,
         "400"},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows) && tr_tunnel_has_tls(); i++) {
        char answer[4096];
        const char *failure = judge(rows[i].head, strlen(rows[i].head), answer, sizeof answer);
        ASSERT_ROW(strncmp(answer, "HTTP/1.1 ", 9) == 0 &&
                       strncmp(answer + 9, rows[i].status, 3) == 0,
                   "row %zu: %s", i, answer);
        ASSERT_ROW((failure[0] == '\0') == (rows[i].status[0] == '1'), "row %zu: %s", i, failure);
    }
}

static void upgrade_answers_the_key_of_the_rfc(void)
{
    static const char head[] = "GET /tryst HTTP/1.1\r\nHost: a\r\n" HEAD_MIDDLE HEAD_END;
    char answer[4096];
    if (!tr_tunnel_has_tls())
        return;
    judge(head, sizeof head - 1, answer, sizeof answer);
    ASSERT_TRUE(strstr(answer, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n") != NULL);
    ASSERT_TRUE(strstr(answer, "Sec-WebSocket-Protocol: tryst.1\r\n") != NULL);
}

static void heads_are_bounded(void)
{
    static char head[5000] = "GET /tryst HTTP/1.1\r\nX: ";
    if (!tr_tunnel_has_tls())
        return;
    memset(head + 24, 'a', sizeof head - 24);
    ASSERT_EQ_STR(judge(head, 4000, NULL, 0), "");
    ASSERT_TRUE(judge(head, sizeof head, NULL, 0)[0] != '\0');
    head[100] = '\0';
    memcpy(head + 200, "\r\n\r\n", 4);
    ASSERT_TRUE(judge(head, 204, NULL, 0)[0] != '\0');
}

static void clients_want_the_right_answer(void)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" HEAD_END,
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
    };
    for (size_t i = 0; i < UNIT_COUNT(answers) && tr_tunnel_has_tls(); i++) {
        struct tr_tunnel *client =
            tr_tunnel_create(TR_TUNNEL_CLIENT, TR_TUNNEL_WS, NULL, "::1", 80, 0, 0);
        size_t size;
        const uint8_t *output = tr_tunnel_output(client, &size);
        ASSERT_TRUE(memmem(output, size, "Host: [::1]:80\r\n", 16) != NULL);
        tr_tunnel_received(client, answers[i], strlen(answers[i]));
        ASSERT_ROW(tr_tunnel_failure(client) != NULL, "answer %zu is taken", i);
        tr_tunnel_destroy(client);
    }
}

/* Frames behind a good head: which of them a server takes. */
static void frames_are_strict(void)
{
    static const char head[] = "GET /tryst HTTP/1.1\r\nHost: a\r\n" HEAD_MIDDLE HEAD_END;
    static const struct {
        const char *what;
        const char *frame; /* hex */
        bool is_good;
    } rows[] = {
        {"binary", "82 81 00000000 04", true},
        {"in two fragments", "02 81 00000000 04  80 81 00000000 05", true},
        {"a ping", "89 81 00000000 04", true},
        {"a pong", "8a 80 00000000", true},
        {"not masked", "82 01 04", false},
        {"a ping not masked", "89 00", false},
        {"text", "81 81 00000000 41", false},
        {"empty", "82 80 00000000", false},
        {"close", "88 80 00000000", false},
        {"a reserved opcode", "83 81 00000000 04", false},
        {"a reserved bit", "c2 81 00000000 04", false},
        {"a long ping", "89 fe 007e 00000000", false},
        {"a ping in fragments", "09 81 00000000 04", false},
        {"a fragment of nothing", "80 81 00000000 04", false},
        {"1201 bytes", "82 fe 04b1 00000000 04", false},
        {"a size of 2^40", "82 ff 0000010000000000 00000000 04", false},
        {"a size of 2^63", "82 ff 8000000000000000 00000000 04", false},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows) && tr_tunnel_has_tls(); i++) {
        uint8_t bytes[sizeof head + 64];
        memcpy(bytes, head, sizeof head - 1);
        size_t size = unit_hex(bytes + sizeof head - 1, 64, rows[i].frame);
        const char *failure = judge(bytes, sizeof head - 1 + size, NULL, 0);
        ASSERT_ROW((failure[0] == '\0') == rows[i].is_good, "%s: %s", rows[i].what, failure);
    }
}

static void output_is_bounded(void)
{
    static const uint8_t data[TR_TUNNEL_DATAGRAM_MAX];
    for (enum tr_tunnel_mode mode = TR_TUNNEL_PLAIN; mode <= TR_TUNNEL_WS; mode++) {
        if (!has_mode(mode))
            continue;
        struct pair pair = make_pair(mode);
        uint32_t sent = 0;
        size_t size;
        shake(&pair, TR_TUNNEL_CHUNK);
        while (sent < 100 && tr_tunnel_send(pair.client, data, sizeof data))
            sent++;
        tr_tunnel_output(pair.client, &size);
        ASSERT_ROW(size <= TR_TUNNEL_ROOM && size > TR_TUNNEL_ROOM - 1400, "%zu bytes", size);
        ASSERT_TRUE(tr_tunnel_failure(pair.client) == NULL);
        carry(pair.client, pair.server, 4096);
        ASSERT_TRUE(tr_tunnel_send(pair.client, data, sizeof data));
        destroy_pair(&pair);
    }
}

/* Who asks and does not read is let go, before what is answered grows. */
static void pings_without_reading_end_it(void)
{
    static const char head[] = "GET /tryst HTTP/1.1\r\nHost: a\r\n" HEAD_MIDDLE HEAD_END;
    static uint8_t pings[TR_TUNNEL_CHUNK];
    static const uint8_t ping[] = {0x89, 0x84, 0, 0, 0, 0, 1, 2, 3, 4};
    size_t size = 0;
    if (!tr_tunnel_has_tls())
        return;
    struct tr_tunnel *server =
        tr_tunnel_create(TR_TUNNEL_SERVER, TR_TUNNEL_UNKNOWN, NULL, NULL, 0, 0, 0);
    tr_tunnel_received(server, head, sizeof head - 1);
    for (; size + sizeof ping <= sizeof pings; size += sizeof ping)
        memcpy(pings + size, ping, sizeof ping);
    for (int i = 0; i < 100 && tr_tunnel_failure(server) == NULL; i++) {
        tr_tunnel_received(server, pings, size);
        size_t held;
        tr_tunnel_output(server, &held);
        ASSERT_TRUE(held <= 128u << 10);
    }
    ASSERT_TRUE(tr_tunnel_failure(server) != NULL);
    tr_tunnel_destroy(server);
}

static void opening_has_a_time(void)
{
    for (enum tr_tunnel_mode mode = TR_TUNNEL_PLAIN; mode <= TR_TUNNEL_WS; mode++) {
        if (!has_mode(mode))
            continue;
        struct pair pair = make_pair(mode);
        ASSERT_EQ_UINT(tr_tunnel_deadline(pair.server), TR_TUNNEL_OPENING_US);
        tr_tunnel_tick(pair.server, TR_TUNNEL_OPENING_US - 1);
        tr_tunnel_tick(pair.client, TR_TUNNEL_OPENING_US - 1);
        ASSERT_TRUE(tr_tunnel_failure(pair.server) == NULL);
        ASSERT_TRUE(tr_tunnel_failure(pair.client) == NULL);
        tr_tunnel_tick(pair.server, TR_TUNNEL_OPENING_US);
        tr_tunnel_tick(pair.client, TR_TUNNEL_OPENING_US);
        ASSERT_TRUE(tr_tunnel_failure(pair.server) != NULL);
        /* A plain one has nothing to open. */
        ASSERT_EQ_INT(tr_tunnel_failure(pair.client) == NULL, mode == TR_TUNNEL_PLAIN);
        destroy_pair(&pair);
    }
}

/* Bytes of no meaning, and a good talk with some bytes changed: no crash, and no datagram of a size
 * that is none. */
static void hostile_bytes_do_no_harm(void)
{
    static const uint8_t firsts[] = {0x00, 0x04, 0x16, 'G', 0x80};
    for (uint64_t seed = 1; seed <= 300; seed++) {
        uint64_t state = seed;
        struct pair pair = make_pair(has_mode(TR_TUNNEL_TLS) ? 1 + seed % 3 : TR_TUNNEL_PLAIN);
        uint8_t bytes[3000];
        const uint8_t *data;
        size_t size;
        for (int round = 0; round < 6; round++) {
            struct tr_tunnel *to = round % 2 == 0 ? pair.server : pair.client;
            struct tr_tunnel *from = round % 2 == 0 ? pair.client : pair.server;
            const uint8_t *output = tr_tunnel_output(from, &size);
            if (size > sizeof bytes)
                size = sizeof bytes;
            if (output != NULL)
                memcpy(bytes, output, size);
            tr_tunnel_consume(from, size);
            if (output == NULL || seed % 5 == 0) {
                size = 1 + unit_random(&state) % sizeof bytes;
                for (size_t i = 0; i < size; i++)
                    bytes[i] = (uint8_t)unit_random(&state);
                if (round == 0)
                    bytes[0] = firsts[unit_random(&state) % UNIT_COUNT(firsts)];
            } else if (unit_random(&state) % 3 == 0) {
                bytes[unit_random(&state) % size] ^= (uint8_t)(1u << unit_random(&state) % 8);
            }
            tr_tunnel_received(to, bytes, size);
            while (tr_tunnel_next_datagram(to, &data, &size))
                ASSERT_TRUE(size >= 1 && size <= TR_TUNNEL_DATAGRAM_MAX);
        }
        destroy_pair(&pair);
    }
}

static void what_is_not_taken_is_dropped(void)
{
    static uint8_t stream[TR_TUNNEL_CHUNK];
    const uint8_t *data;
    size_t size, count = 0;
    struct pair pair = make_pair(TR_TUNNEL_PLAIN);
    for (size_t i = 0; i + 3 <= sizeof stream; i += 3)
        memcpy(stream + i, "\0\1\4", 3);
    for (int i = 0; i < 20; i++)
        tr_tunnel_received(pair.server, stream, sizeof stream - sizeof stream % 3);
    ASSERT_TRUE(tr_tunnel_failure(pair.server) == NULL);
    while (tr_tunnel_next_datagram(pair.server, &data, &size))
        count++;
    ASSERT_EQ_UINT(count, 4 * TR_TUNNEL_CHUNK / 3);
    destroy_pair(&pair);
}

static void builds_without_tls_say_so(void)
{
    char error[TR_TUNNEL_ERROR] = "";
    struct tr_tunnel_tls *tls =
        tr_tunnel_tls_server("/nowhere/cert.pem", "/nowhere/key.pem", error);
    ASSERT_TRUE(tls == NULL && error[0] != '\0');
    ASSERT_EQ_INT(tr_tunnel_has_tls(), (tls = tr_tunnel_tls_client()) != NULL);
    tr_tunnel_tls_destroy(tls);
    /* A server without a certificate takes no TLS. */
    struct tr_tunnel *server =
        tr_tunnel_create(TR_TUNNEL_SERVER, TR_TUNNEL_UNKNOWN, NULL, NULL, 0, 0, 0);
    tr_tunnel_received(server, "\x16\x03\x01", 3);
    ASSERT_TRUE(tr_tunnel_failure(server) != NULL);
    tr_tunnel_destroy(server);
    tr_tunnel_tls_destroy(client_tls);
    tr_tunnel_tls_destroy(server_tls);
}

UNIT_MAIN("tunnel", UNIT_CASE(datagrams_go_both_ways), UNIT_CASE(datagrams_go_a_byte_at_a_time),
          UNIT_CASE(sizes_past_the_bound_are_refused), UNIT_CASE(plain_sizes_are_1_to_1200),
          UNIT_CASE(upgrades_are_strict), UNIT_CASE(upgrade_answers_the_key_of_the_rfc),
          UNIT_CASE(heads_are_bounded), UNIT_CASE(clients_want_the_right_answer),
          UNIT_CASE(frames_are_strict), UNIT_CASE(output_is_bounded),
          UNIT_CASE(pings_without_reading_end_it), UNIT_CASE(opening_has_a_time),
          UNIT_CASE(hostile_bytes_do_no_harm), UNIT_CASE(what_is_not_taken_is_dropped),
          UNIT_CASE(builds_without_tls_say_so))
