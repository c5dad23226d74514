/* What sealing and opening DATA costs over the bare cipher of libsodium, with keys of a real handshake.
 * SPDX-License-Identifier: MIT */
#include "tests/bench/bench_figures.h"

#include "lib/core/handshake.h"
#include <sodium.h>
#include <string.h>

enum { ROUNDS = 21, BATCH = 64, BATCHES = 40, HEAD = TR_DATA_HEAD };

struct end {
    struct tryst_identity *identity;
    uint8_t e[TR_KEY];
    struct tr_record record;
    struct tr_handshake handshake;
};

static struct end ends[2];
static struct tr_random chance;
static uint8_t datagrams[BATCH][TR_DATAGRAM_BYTES];
static uint8_t plain[TR_DATAGRAM_BYTES];

static void give_up(const char *why)
{
    fprintf(stderr, "bench_seal: %s\n", why);
    exit(1);
}

static void end_make(struct end *end, uint8_t number)
{
    uint8_t seed[TRYST_KEY_SIZE] = {number};
    if (tryst_identity_from_seed(&end->identity, seed, sizeof seed) != TRYST_OK)
        give_up("no identity");
    memset(end->e, 0x40 + number, sizeof end->e);
    end->record = (struct tr_record){.version = TR_VERSION, .epoch = 1};
    memcpy(end->record.identity, end->identity->public_key, TR_KEY);
    tr_seal_dh_public(end->record.ge, end->e);
    tr_record_sign(&end->record, end->identity->secret);
}

static void hello(struct end *from, struct end *to)
{
    struct tr_hello_extra extra = {.local_count = 0};
    struct tr_hello_outcome outcome;
    uint8_t datagram[TR_DATAGRAM_BYTES];
    size_t size =
        tr_handshake_write(&from->handshake, from->identity, &extra, 1, &chance, datagram);
    tr_handshake_read(&to->handshake, datagram, size, &chance, &outcome);
    if (outcome.drop != TR_DROP_NONE)
        give_up("a hello was refused");
}

static void meet(void)
{
    for (uint8_t i = 0; i < 2; i++)
        end_make(&ends[i], (uint8_t)(1 + i));
    for (int i = 0; i < 2; i++)
        if (!tr_handshake_init(&ends[i].handshake, &ends[i].record, ends[i].e, &ends[1 - i].record,
                               0, 1, &chance))
            give_up("no handshake");
    for (int i = 0; i < 8; i++)
        hello(&ends[i % 2], &ends[1 - i % 2]);
    if (!tr_handshake_is_settled(&ends[0].handshake) ||
        !tr_handshake_is_settled(&ends[1].handshake))
        give_up("the handshake does not settle");
}

struct cost {
    double seal;
    double open;
};

static struct cost ours(size_t size)
{
    uint64_t seal_ns = 0;
    uint64_t open_ns = 0;
    size_t opened = 0;
    struct tr_data_outcome outcome = {.size = 0};
    for (int batch = 0; batch < BATCHES; batch++) {
        size_t sealed = 0;
        uint64_t start_ns = bench_cpu_ns();
        for (int i = 0; i < BATCH; i++) {
            memcpy(datagrams[i] + HEAD, plain, size);
            sealed = tr_handshake_seal(&ends[0].handshake, datagrams[i], size, true);
        }
        uint64_t middle_ns = bench_cpu_ns();
        for (int i = 0; i < BATCH; i++) {
            uint8_t body[TR_DATAGRAM_BYTES];
            opened += tr_handshake_open(&ends[1].handshake, datagrams[i], sealed, body, &outcome) ==
                      TR_DROP_NONE;
        }
        open_ns += bench_cpu_ns() - middle_ns;
        seal_ns += middle_ns - start_ns;
    }
    if (opened != BATCH * BATCHES || outcome.size != size)
        give_up("a datagram did not open");
    return (struct cost){(double)seal_ns / (BATCH * BATCHES), (double)open_ns / (BATCH * BATCHES)};
}

static struct cost bare(size_t size)
{
    static const uint8_t key[crypto_aead_chacha20poly1305_IETF_KEYBYTES] = {1};
    uint8_t nonce[crypto_aead_chacha20poly1305_IETF_NPUBBYTES] = {0};
    unsigned long long length = 0;
    uint64_t seal_ns = 0;
    uint64_t open_ns = 0;
    size_t opened = 0;
    for (int batch = 0; batch < BATCHES; batch++) {
        uint64_t start_ns = bench_cpu_ns();
        for (int i = 0; i < BATCH; i++) {
            nonce[0] = (uint8_t)i;
            memcpy(datagrams[i] + HEAD, plain, size);
            crypto_aead_chacha20poly1305_ietf_encrypt(datagrams[i] + HEAD, &length,
                                                      datagrams[i] + HEAD, size, datagrams[i], HEAD,
                                                      NULL, nonce, key);
        }
        uint64_t middle_ns = bench_cpu_ns();
        for (int i = 0; i < BATCH; i++) {
            uint8_t items[TR_DATAGRAM_BYTES];
            nonce[0] = (uint8_t)i;
            opened += crypto_aead_chacha20poly1305_ietf_decrypt(
                          items, NULL, NULL, datagrams[i] + HEAD, length, datagrams[i], HEAD, nonce,
                          key) == 0;
        }
        open_ns += bench_cpu_ns() - middle_ns;
        seal_ns += middle_ns - start_ns;
    }
    if (opened != BATCH * BATCHES)
        give_up("libsodium does not open what it sealed");
    return (struct cost){(double)seal_ns / (BATCH * BATCHES), (double)open_ns / (BATCH * BATCHES)};
}

int main(void)
{
    static const size_t sizes[] = {64, TR_DATA_ROOM};
    static const char *const names[][2] = {
        {"seal 64 bytes", "open 64 bytes"},
        {"seal a datagram of 1,200", "open a datagram of 1,200"}};
    uint8_t seed[TR_KEY] = {7};
    if (tr_seal_start() != TRYST_OK)
        give_up("no libsodium");
    tr_random_init(&chance, seed);
    meet();
    bench_pair_heading("ns CPU each", "tryst", "libsodium");
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        struct bench_pair seal = {.rounds = 0};
        struct bench_pair open = {.rounds = 0};
        for (int round = -2; round < ROUNDS; round++) {
            struct cost tryst = ours(sizes[s]);
            struct cost sodium = bare(sizes[s]);
            if (round < 0)
                continue; /* caches and clock speed */
            bench_pair_add(&seal, tryst.seal, sodium.seal);
            bench_pair_add(&open, tryst.open, sodium.open);
        }
        bench_pair_print(names[s][0], &seal, 1, 0);
        bench_pair_print(names[s][1], &open, 1, 0);
    }
    for (int i = 0; i < 2; i++)
        tryst_identity_destroy(ends[i].identity);
    return 0;
}
