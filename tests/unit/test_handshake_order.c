/* The handshake under every loss, duplication and reordering of its hellos, from every start: the
 * first one, from one side or both, and a renewal from either or both.
 * SPDX-License-Identifier: MIT */
#include "tests/unit/pair_fixture.h"

enum start {
    START_ONE_SIDED,
    START_BOTH,
    START_RENEW_LOWER,
    START_RENEW_HIGHER,
    START_RENEW_BOTH,
    START_COUNT
};

enum fate { FATE_GOES, FATE_LOST, FATE_TWICE, FATE_LATE };

enum { QUEUE = 64, ROUNDS = 100 };

struct flight {
    uint8_t data[TR_DATAGRAM_BYTES];
    size_t size;
    unsigned to;
    unsigned due; /* step at which it arrives */
};

struct story {
    struct pair pair;
    struct flight flights[QUEUE];
    unsigned count;
    unsigned step;
    unsigned hellos;      /* sent so far */
    const uint8_t *fates; /* of the first fate_count hellos; the rest go */
    unsigned fate_count;
};

static void flight_add(struct story *story, unsigned to, const uint8_t *data, size_t size,
                       unsigned due)
{
    if (story->count == QUEUE)
        return;
    struct flight *flight = &story->flights[story->count++];
    memcpy(flight->data, data, size);
    flight->size = size;
    flight->to = to;
    flight->due = due;
}

static void say_hello(struct story *story, unsigned from)
{
    uint8_t data[TR_DATAGRAM_BYTES];
    size_t size = pair_hello(&story->pair, from, data);
    enum fate fate =
        story->hellos < story->fate_count ? (enum fate)story->fates[story->hellos] : FATE_GOES;

    story->hellos++;
    if (fate == FATE_LOST)
        return;
    flight_add(story, 1 - from, data, size, story->step + (fate == FATE_LATE ? 4 : 1));
    if (fate == FATE_TWICE)
        flight_add(story, 1 - from, data, size, story->step + 3);
}

/* Nobody may seal what the other cannot open: the receive side holds what the send side uses. */
static bool is_heard(struct story *story)
{
    uint8_t data[TR_DATAGRAM_BYTES];

    for (unsigned from = 0; from < 2; from++) {
        if (!tr_handshake_can_send(&story->pair.side[from].handshake))
            continue;
        size_t size = pair_seal(&story->pair, from, "hear me", data);
        /* A copy: whether it could be opened, without helping the handshake on. */
        struct pair copy = story->pair;
        if (pair_open(&copy, 1 - from, data, size, "hear me") != TR_DROP_NONE)
            return false;
    }
    return true;
}

static void arrive(struct story *story)
{
    for (unsigned i = 0; i < story->count;) {
        if (story->flights[i].due > story->step) {
            i++;
            continue;
        }
        struct flight flight = story->flights[i];
        story->flights[i] = story->flights[--story->count];
        struct tr_hello_outcome outcome =
            pair_read(&story->pair, flight.to, flight.data, flight.size);
        if (outcome.drop == TR_DROP_NONE && outcome.wants_answer)
            say_hello(story, flight.to);
    }
}

static void begin(struct story *story, enum start start, const struct pair *fresh,
                  const struct pair *settled)
{
    story->pair = start < START_RENEW_LOWER ? *fresh : *settled;
    for (unsigned i = 0; i < 2; i++) {
        struct pair_side *side = &story->pair.side[i];
        bool renews = start == START_RENEW_BOTH || start == START_RENEW_LOWER + i;

        if (start >= START_RENEW_LOWER && renews)
            tr_handshake_renew(&side->handshake, 0, &side->random);
        if (renews || start == START_BOTH || (start == START_ONE_SIDED && i == 0))
            say_hello(story, i);
    }
}

/* Runs until both are settled; both repeat themselves now and then, as the peer does. Returns whether
 * they settled. may_listen: whether data sealed on the way has to open at the other side. */
static bool run(struct story *story, bool may_listen)
{
    for (story->step = 1; story->step < ROUNDS; story->step++) {
        arrive(story);
        if (may_listen && !is_heard(story))
            return ASSERT_ROW(false, "step %u: sealed for nobody", story->step);
        for (unsigned i = 0; i < 2; i++)
            if (story->step % 6 == 5 && !tr_handshake_is_settled(&story->pair.side[i].handshake))
                say_hello(story, i);
        if (story->count == 0 && pair_is_settled(&story->pair))
            return true;
    }
    return false;
}

static void check_end(struct story *story, enum start start, const struct pair *settled)
{
    ASSERT_TRUE(pair_is_settled(&story->pair));
    ASSERT_TRUE(pair_can_talk(&story->pair));
    for (unsigned i = 0; i < 2 && start >= START_RENEW_LOWER; i++) {
        const struct tr_handshake *now = &story->pair.side[i].handshake;
        const struct tr_handshake *then = &settled->side[i].handshake;

        ASSERT_TRUE(now->current.index != then->current.index);
        ASSERT_TRUE(memcmp(now->current.send_key, then->current.send_key, TR_KEY) != 0);
        ASSERT_EQ_UINT(now->previous.index, then->current.index);
        ASSERT_EQ_MEM(now->previous.receive_key, then->current.receive_key, TR_KEY);
    }
}

static void pairs_make(struct pair *fresh, struct pair *settled)
{
    pair_init(fresh, 1);
    pair_init(settled, 1);
    pair_exchange(settled, 0);
    ASSERT_TRUE(pair_is_settled(settled));
}

static void enumerate(unsigned choices, const uint8_t *fate_of, unsigned length)
{
    static struct story story;
    static struct pair fresh, settled;
    unsigned total = 1;

    pairs_make(&fresh, &settled);
    for (unsigned i = 0; i < length; i++)
        total *= choices;
    for (unsigned start = 0; start < START_COUNT; start++)
        for (unsigned pattern = 0; pattern < total; pattern++) {
            uint8_t fates[16];
            unsigned rest = pattern;

            for (unsigned i = 0; i < length; i++, rest /= choices)
                fates[i] = fate_of[rest % choices];
            memset(&story, 0, sizeof story);
            story.fates = fates;
            story.fate_count = length;
            begin(&story, (enum start)start, &fresh, &settled);
            if (start == START_ONE_SIDED && fates[0] == FATE_LOST)
                say_hello(&story, 0);
            if (!ASSERT_ROW(run(&story, start >= START_RENEW_LOWER),
                            "start %u, pattern %u of %u never settles", start, pattern, choices))
                return;
            check_end(&story, (enum start)start, &settled);
        }
}

static void handshake_settles_under_every_loss_of_its_first_eight_hellos(void)
{
    static const uint8_t fate_of[] = {FATE_GOES, FATE_LOST};

    enumerate(2, fate_of, 8);
}

static void handshake_settles_under_every_loss_delay_and_repetition_of_four_hellos(void)
{
    static const uint8_t fate_of[] = {FATE_GOES, FATE_LOST, FATE_TWICE, FATE_LATE};

    enumerate(4, fate_of, 4);
}

static void handshake_settles_under_every_delay_and_repetition_of_six_hellos(void)
{
    static const uint8_t fate_of[] = {FATE_TWICE, FATE_LATE};

    enumerate(2, fate_of, 6);
}

UNIT_MAIN("handshake order",
          UNIT_CASE(handshake_settles_under_every_loss_of_its_first_eight_hellos),
          UNIT_CASE(handshake_settles_under_every_loss_delay_and_repetition_of_four_hellos),
          UNIT_CASE(handshake_settles_under_every_delay_and_repetition_of_six_hellos))
