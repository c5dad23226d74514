/* Why a pair is as it is: the cause of every constellation, and the sentences that people read.
 * SPDX-License-Identifier: MIT */
#include "lib/core/verdict.h"
#include "tests/unit/unit.h"

#define EASY                                                                                       \
    {                                                                                              \
        .mapping = TRYST_MAPPING_ENDPOINT_INDEPENDENT,                                             \
        .filtering = TRYST_FILTERING_PORT_DEPENDENT, .ports = TRYST_PORTS_PRESERVED,               \
        .flags = TR_NAT_SPRAY                                                                      \
    }
#define OPEN                                                                                       \
    {                                                                                              \
        .mapping = TRYST_MAPPING_ENDPOINT_INDEPENDENT,                                             \
        .filtering = TRYST_FILTERING_ENDPOINT_INDEPENDENT, .flags = TR_NAT_SPRAY                   \
    }
#define RANDOM                                                                                     \
    {                                                                                              \
        .mapping = TRYST_MAPPING_PORT_DEPENDENT, .filtering = TRYST_FILTERING_PORT_DEPENDENT,      \
        .ports = TRYST_PORTS_RANDOM, .flags = TR_NAT_SPRAY                                         \
    }
#define BLOCK                                                                                      \
    {                                                                                              \
        .mapping = TRYST_MAPPING_PORT_DEPENDENT, .filtering = TRYST_FILTERING_PORT_DEPENDENT,      \
        .ports = TRYST_PORTS_RANDOM, .flags = TR_NAT_SPRAY, .low = 20480, .high = 21503            \
    }

static const struct {
    struct tr_verdict_facts facts;
    uint8_t reason;
    uint8_t relay_reason;
    uint8_t side;
    bool is_certain;
    const char *sentence;
} rows[] = {
    /* what options and rules say comes first, and no hello changes it */
    {{.pair = TRYST_PAIR_RELAYED, .candidates = 1, .own = {.traits = TR_TRAIT_RELAY_ONLY}},
     TRYST_REASON_RELAY_ONLY,
     0,
     TRYST_SIDE_OWN,
     true,
     "Relayed by the server: this side's options show its address to nobody but the server."},
    {{.pair = TRYST_PAIR_RELAYED, .peer = {.traits = TR_TRAIT_RELAY_ONLY}},
     TRYST_REASON_RELAY_ONLY,
     0,
     TRYST_SIDE_PEER,
     true,
     "Relayed by the server: the other side's options show its address to nobody but the server."},
    {{.pair = TRYST_PAIR_RELAYED, .peer = {.traits = TR_TRAIT_HIDDEN}},
     TRYST_REASON_HIDDEN,
     0,
     0,
     true,
     "Relayed by the server: the server's rules tell neither side the other's addresses."},
    {{.pair = TRYST_PAIR_UNREACHABLE, .is_relay_closed = true},
     TRYST_REASON_NO_CANDIDATE,
     TRYST_REASON_NO_RELAY,
     0,
     false,
     "Not reachable: no address of the other side is known, and the server relays nothing."},
    {{.pair = TRYST_PAIR_RELAYED, .candidates = 1, .is_foreign = true},
     TRYST_REASON_NO_FAMILY,
     0,
     0,
     false,
     "Relayed by the server: one side has only IPv4 and the other only IPv6."},
    /* both take any port for each destination: decided at once, unless there is another way */
    {{.pair = TRYST_PAIR_RELAYED,
      .candidates = 2,
      .is_early = true,
      .own = {.nat = RANDOM},
      .peer = {.nat = RANDOM}},
     TRYST_REASON_BOTH_RANDOM,
     0,
     TRYST_SIDE_OWN | TRYST_SIDE_PEER,
     true,
     "Relayed by the server: both routers take a new port for each destination, out of too many to "
     "guess."},
    {{.candidates = 2,
      .is_early = true,
      .has_other_way = true,
      .known_ms = 340,
      .own = {.nat = RANDOM},
      .peer = {.nat = RANDOM}},
     TRYST_REASON_TRYING,
     0,
     0,
     false,
     "Connecting: direct ways are still being tried, 2 addresses, for 0.3 s so far."},
    {{.pair = TRYST_PAIR_RELAYED,
      .candidates = 2,
      .has_other_way = true,
      .own = {.nat = RANDOM},
      .peer = {.nat = RANDOM}},
     TRYST_REASON_BOTH_RANDOM,
     0,
     TRYST_SIDE_OWN | TRYST_SIDE_PEER,
     false,
     "Relayed by the server: both routers take a new port for each destination, out of too many to "
     "guess."},
    /* ports that can be guessed at */
    {{.candidates = 1,
      .sockets = 255,
      .is_early = true,
      .is_spraying = true,
      .sprays = 1,
      .known_ms = 1260,
      .own = {.nat = RANDOM},
      .peer = {.nat = EASY}},
     TRYST_REASON_TRYING,
     0,
     0,
     false,
     "Connecting: many ports are being tried at once, 1 address, for 1.2 s so far."},
    {{.pair = TRYST_PAIR_RELAYED,
      .candidates = 1,
      .sockets = 255,
      .sprays = 1,
      .own = {.nat = BLOCK},
      .peer = {.nat = BLOCK}},
     TRYST_REASON_SPRAY_VAIN,
     0,
     TRYST_SIDE_OWN | TRYST_SIDE_PEER,
     false,
     "Relayed by the server: the ports that both routers take were guessed at in vain."},
    {{.pair = TRYST_PAIR_RELAYED,
      .candidates = 1,
      .sockets = 255,
      .own = {.nat = EASY},
      .peer = {.nat = {.mapping = TRYST_MAPPING_PORT_DEPENDENT, .ports = TRYST_PORTS_RANDOM}}},
     TRYST_REASON_SPRAY_DENIED,
     0,
     TRYST_SIDE_PEER,
     false,
     "Relayed by the server: the routers' ports would have to be guessed, which the other side's "
     "options forbid."},
    {{.pair = TRYST_PAIR_RELAYED, .candidates = 1, .own = {.nat = RANDOM}, .peer = {.nat = EASY}},
     TRYST_REASON_RANDOM_FILTERED,
     0,
     TRYST_SIDE_OWN,
     false,
     "Relayed by the server: this side's router takes a new port for each destination, and the "
     "other's lets in none that it does not know."},
    /* a hard NAT, and one that lets anybody in: plain hellos may do, and it is no fault of the NATs */
    {{.pair = TRYST_PAIR_RELAYED,
      .candidates = 1,
      .sockets = 255,
      .own = {.nat = RANDOM},
      .peer = {.nat = OPEN}},
     TRYST_REASON_SILENT,
     0,
     0,
     false,
     "Relayed by the server: no packet gets through between the two, though neither router is "
     "known "
     "to be a hard one."},
    /* the network */
    {{.pair = TRYST_PAIR_STREAMED, .candidates = 1, .own = {.traits = TR_TRAIT_NO_UDP}},
     TRYST_REASON_NO_UDP,
     0,
     TRYST_SIDE_OWN,
     false,
     "Relayed by the server, over TCP: this side's network lets no UDP through."},
    {{.pair = TRYST_PAIR_RELAYED,
      .candidates = 1,
      .own = {.nat = RANDOM},
      .peer = {.nat = RANDOM, .traits = TR_TRAIT_NO_UDP}},
     TRYST_REASON_NO_UDP,
     0,
     TRYST_SIDE_PEER,
     false,
     "Relayed by the server: the other side's network lets no UDP through."},
    {{.pair = TRYST_PAIR_UNREACHABLE,
      .candidates = 3,
      .is_same_nat = true,
      .is_relay_denied = true,
      .own = {.nat = EASY},
      .peer = {.nat = EASY}},
     TRYST_REASON_NO_HAIRPIN,
     TRYST_REASON_RELAY_DENIED,
     0,
     false,
     "Not reachable: both are behind one router or carrier, which leads nothing back in to them, "
     "and "
     "this side's options forbid the way by the server."},
    {{.pair = TRYST_PAIR_UNREACHABLE,
      .candidates = 1,
      .is_greeted = true,
      .is_relay_unwanted = true,
      .own = {.nat = EASY},
      .peer = {.nat = EASY}},
     TRYST_REASON_ONE_WAY,
     TRYST_REASON_RELAY_DENIED,
     0,
     false,
     "Not reachable: the other side's packets come in, but none of this side's is answered, and "
     "the "
     "other side's options forbid the way by the server."},
    {{.pair = TRYST_PAIR_UNREACHABLE, .candidates = 1, .is_relay_refused = true},
     TRYST_REASON_SILENT,
     TRYST_REASON_RELAY_REFUSED,
     0,
     false,
     "Not reachable: no packet gets through between the two, though neither router is known to be "
     "a "
     "hard one, and the server does not relay between these two."},
    /* connected */
    {{.pair = TRYST_PAIR_DIRECT, .kind = TRYST_KIND_HOST, .candidates = 2},
     TRYST_REASON_SILENT,
     0,
     0,
     false,
     "Connected directly, over a local address."},
    {{.pair = TRYST_PAIR_DIRECT, .kind = TRYST_KIND_OBSERVED, .candidates = 2, .sprays = 1},
     TRYST_REASON_SILENT,
     0,
     0,
     false,
     "Connected directly, over an address found by its packets, after many ports were tried."},
};

static void verdict_names_cause_side_and_sentence(void)
{
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct tr_verdict verdict = tr_verdict_reach(&rows[i].facts);
        char text[sizeof((struct tryst_why *)NULL)->sentence];

        ASSERT_ROW(verdict.reason == rows[i].reason, "row %zu: reason %u", i, verdict.reason);
        ASSERT_ROW(verdict.relay_reason == rows[i].relay_reason, "row %zu: relay's reason %u", i,
                   verdict.relay_reason);
        ASSERT_ROW(verdict.side == rows[i].side, "row %zu: side %u", i, verdict.side);
        ASSERT_ROW(verdict.is_certain == rows[i].is_certain, "row %zu: certain", i);
        tr_verdict_sentence(&rows[i].facts, &verdict, text, sizeof text);
        ASSERT_EQ_STR(text, rows[i].sentence);
    }
}

/* Whatever is known, there is a reason, and what people read is whole. */
static void verdict_has_a_whole_sentence_for_everything(void)
{
    static const struct tr_nat nats[] = {{0}, EASY, OPEN, RANDOM, BLOCK};

    for (uint32_t bits = 0; bits < 1U << 13; bits++)
        for (uint32_t pair = 0; pair < 25; pair++) {
            char text[sizeof((struct tryst_why *)NULL)->sentence];
            struct tr_verdict_facts facts = {
                .own = {.nat = nats[pair % 5], .traits = bits & 7},
                .peer = {.nat = nats[pair / 5], .traits = bits >> 3 & 7},
                .candidates = bits >> 6 & 1,
                .sprays = bits >> 7 & 1,
                .is_same_nat = bits >> 8 & 1,
                .is_early = bits >> 9 & 1,
                .is_relay_closed = bits >> 10 & 1,
                .is_relay_unwanted = bits >> 11 & 1,
                .sockets = bits >> 12 & 1 ? 255 : 0,
                .pair = (uint8_t)(bits % 5),
            };
            struct tr_verdict verdict = tr_verdict_reach(&facts);

            tr_verdict_sentence(&facts, &verdict, text, sizeof text);
            size_t length = strlen(text);
            if (verdict.reason == TRYST_REASON_NONE || length + 1 >= sizeof text ||
                text[length - 1] != '.' ||
                strcmp(tryst_reason_text(verdict.reason), "unknown") == 0)
                ASSERT_ROW(false, "bits %u, pair %u: %s", bits, pair, text);
        }
}

UNIT_MAIN("verdict", UNIT_CASE(verdict_names_cause_side_and_sentence),
          UNIT_CASE(verdict_has_a_whole_sentence_for_everything))
