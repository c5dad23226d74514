/* One direction of a cable and everything that may go wrong on it.
 * SPDX-License-Identifier: MIT */
#include "tests/sim/sim_link.h"

#include "tests/sim/sim_world.h"

static bool is_lost(struct sim_world *w, struct sim_line *line)
{
    if (line->burst_begin != 0) {
        uint32_t turn = line->burst ? line->burst_end : line->burst_begin;
        if (sim_random_hit(&w->chance, turn))
            line->burst = !line->burst;
        if (line->burst && sim_random_hit(&w->chance, line->burst_loss))
            return true;
    }
    return sim_random_hit(&w->chance, line->loss);
}

static void corrupt(struct sim_world *w, struct sim_packet *packet)
{
    uint32_t flips = 1 + sim_random_below(&w->chance, 4);
    while (flips-- > 0) {
        uint32_t bit = sim_random_below(&w->chance, packet->size * 8);
        packet->data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    packet->is_genuine = false;
}

static void carry_one(struct sim_world *w, struct sim_line *line, struct sim_packet *packet,
                      sim_action *arrive)
{
    uint64_t at_us = w->now_us + line->delay_us;
    if (line->jitter_us != 0)
        at_us += sim_random_below(&w->chance, line->jitter_us + 1);
    if (packet->size != 0 && sim_random_hit(&w->chance, line->corrupt))
        corrupt(w, packet);
    if (sim_random_hit(&w->chance, line->reorder)) {
        at_us += sim_random_below(&w->chance, line->reorder_us + 1);
    } else {
        if (at_us < line->last_us)
            at_us = line->last_us;
        line->last_us = at_us;
    }
    sim_queue_push(&w->queue, at_us, arrive, packet, 0);
}

void sim_line_carry(struct sim_world *w, struct sim_line *line, struct sim_packet *packet,
                    sim_action *arrive)
{
    uint32_t headers = packet->dst.family == 6 ? 48 : 28;
    if (line->cut) {
        sim_net_drop(w, packet, "cut");
    } else if (packet->size + headers > (line->mtu != 0 ? line->mtu : 1500)) {
        sim_net_drop(w, packet, "mtu");
    } else if (is_lost(w, line)) {
        sim_net_drop(w, packet, "lost");
    } else {
        if (sim_random_hit(&w->chance, line->duplicate))
            carry_one(w, line, sim_net_copy(w, packet), arrive);
        carry_one(w, line, packet, arrive);
    }
}
