/* Strides and blocks.
 * SPDX-License-Identifier: MIT */
#include "lib/core/portguess.h"

#include <stdbool.h>
#include <tryst/nat.h>

enum {
    PORT_LEAST = 1024,
    PORT_MOST = 65535,
    STRIDE_MOST = 256,
    /* Ports that others may have taken between two of a burst. */
    CROSSING_MOST = 64,
    STEPS_MOST = 32,
    /* A quarter apart is no sequence, however few there are. */
    APART = 16384,
    BLOCK_LEAST = 64,
    /* With fewer samples the block may be twice what they fill: each halves the chance of that. */
    SAMPLES_SURE = 6,
};

/* From one sample of a burst to the next that is known. */
struct step {
    int32_t by;
    int32_t places;
};

static size_t steps_of(const struct tr_port_sample *samples, size_t count,
                       struct step steps[STEPS_MOST])
{
    size_t used = 0;
    for (size_t i = 1; i < count && used < STEPS_MOST; i++) {
        const struct tr_port_sample *before = &samples[i - 1];
        if (samples[i].burst != 0 && samples[i].burst == before->burst &&
            samples[i].place > before->place)
            steps[used++] = (struct step){.by = samples[i].port - before->port,
                                          .places = samples[i].place - before->place};
    }
    return used;
}

/* How many steps are exactly of this stride, and how many with ports of others between. */
static void score(const struct step *steps, size_t count, int32_t stride, size_t *exact,
                  size_t *near)
{
    *exact = *near = 0;
    for (size_t i = 0; i < count; i++) {
        int32_t strides = steps[i].by / stride;
        if (steps[i].by % stride != 0 || strides < steps[i].places)
            continue;
        *exact += strides == steps[i].places;
        *near += strides > steps[i].places && strides <= steps[i].places + CROSSING_MOST;
    }
}

/* The stride that leaves the fewest steps unexplained, and of such the smallest. */
static int16_t stride_of(const struct step *steps, size_t count)
{
    int32_t best = 0;
    size_t best_strange = count >= 4 ? 1 : 0;
    for (size_t i = 0; i < count; i++) {
        int32_t stride = steps[i].by / steps[i].places;
        size_t exact = 0;
        size_t near = 0;
        if (stride == 0 || steps[i].by % steps[i].places != 0 || stride > STRIDE_MOST ||
            stride < -STRIDE_MOST)
            continue;
        score(steps, count, stride, &exact, &near);
        size_t strange = count - exact - near;
        bool is_smaller = best == 0 || stride * stride < best * best;
        if (exact < 2 || strange > best_strange || (strange == best_strange && !is_smaller))
            continue;
        best = stride;
        best_strange = strange;
    }
    return (int16_t)best;
}

/* NATs cut ports into blocks at multiples of the size; where the samples fit into none that is much wider
 * than they are, the block lies otherwise, and ends a little beyond them. */
static void block_of(const struct tr_port_sample *samples, size_t count,
                     struct tr_port_guess *guess)
{
    uint32_t low = PORT_MOST;
    uint32_t high = 0;
    for (size_t i = 0; i < count; i++) {
        low = samples[i].port < low ? samples[i].port : low;
        high = samples[i].port > high ? samples[i].port : high;
    }
    uint32_t spread = high - low;
    uint32_t size = BLOCK_LEAST;
    while (low / size != high / size)
        size *= 2;
    if (count < SAMPLES_SURE)
        size *= 2;
    guess->low = PORT_LEAST;
    guess->high = PORT_MOST;
    if (low < PORT_LEAST || spread >= APART / 2)
        return;
    /* The ends of a block are as far from the outermost samples as these are from each other, twice as far
     * in one case of ten. */
    uint32_t margin = 1 + spread * 3 / (uint32_t)(count - 1);
    if (size > 4 * (spread + 1) && size > 4 * BLOCK_LEAST) {
        guess->low = (uint16_t)(low > PORT_LEAST + margin ? low - margin : PORT_LEAST);
        guess->high = (uint16_t)(high + margin < PORT_MOST ? high + margin : PORT_MOST);
        return;
    }
    guess->low = (uint16_t)(low / size * size > PORT_LEAST ? low / size * size : PORT_LEAST);
    guess->high = (uint16_t)(low / size * size + size - 1);
}

struct tr_port_guess tr_ports_guess(const struct tr_port_sample *samples, size_t count)
{
    struct tr_port_guess guess = {.pattern = TRYST_PORTS_UNKNOWN};
    struct step steps[STEPS_MOST];
    size_t step_count = steps_of(samples, count, steps);
    guess.stride = stride_of(steps, step_count);
    if (guess.stride != 0) {
        guess.pattern = TRYST_PORTS_SEQUENTIAL;
        return guess;
    }
    bool is_apart = false;
    for (size_t i = 1; i < count; i++) {
        int32_t by = samples[i].port - samples[i - 1].port;
        is_apart = is_apart || by > APART || by < -APART;
    }
    if (count >= SAMPLES_SURE || (count >= 3 && (is_apart || step_count >= 2))) {
        guess.pattern = TRYST_PORTS_RANDOM;
        block_of(samples, count, &guess);
    }
    return guess;
}
