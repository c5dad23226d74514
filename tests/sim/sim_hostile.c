/* An attacker on the core, who sees what crosses it and may send with any source address.
 * SPDX-License-Identifier: MIT */
#include "tests/sim/sim_hostile.h"

#include "tests/sim/sim_server.h"
#include "tests/sim/sim_world.h"
#include <string.h>

#define HELLO 0x0a
#define DATA 0x0b

/* genuine: the very bytes of somebody, in his name, to whom he sent them. */
static void emit(struct sim_world *w, struct sim_hostile *h, const struct tryst_address *to,
                 const struct tryst_address *spoofed, bool genuine, const uint8_t *data,
                 size_t size)
{
    struct sim_sending sending = {.to = *to, .is_genuine = genuine, .data = data, .size = size};
    if (spoofed != NULL) {
        sending.from = *spoofed;
        sending.is_spoofed = true;
    }
    h->sent += size;
    sim_host_send(w, h->host, &sending);
}

static void tap(struct sim_world *w, void *object, const struct sim_packet *packet)
{
    struct sim_hostile *h = object;
    if (packet->origin == 0 || packet->dst.family != 4)
        return;
    h->captured[h->count++ % SIM_CAPTURED] = *packet;
    if ((packet->data[0] == HELLO || packet->data[0] == DATA) &&
        sim_random_hit(&w->choice, h->copy))
        emit(w, h, &packet->dst, NULL, false, packet->data, packet->size);
}

static void receive(struct sim_world *w, void *object, const struct sim_packet *packet,
                    const struct tryst_address *to)
{
    struct sim_hostile *h = object;
    (void)w;
    (void)to;
    h->received += packet->size;
}

struct sim_hostile *sim_hostile_make(struct sim_world *w, uint32_t delay_us)
{
    struct sim_hostile *h = sim_keep(w, sizeof *h);
    h->host = sim_host_make(w, 6666);
    h->host->object = h;
    h->host->receive = receive;
    sim_host_attach(w, h->host, &w->net.core, sim_net_public4(w), (struct tryst_address){0},
                    delay_us);
    w->net.tap = tap;
    w->net.tap_object = h;
    return h;
}

static void mutate(struct sim_random *r, uint8_t *data, uint32_t *size)
{
    switch (sim_random_below(r, 4)) {
    case 0: /* cut short */
        *size = 1 + sim_random_below(r, *size);
        break;
    case 1: /* made longer */
        while (*size < 1200 && sim_random_below(r, 16) != 0)
            data[(*size)++] = (uint8_t)sim_random_u64(r);
        break;
    case 2: /* another type */
        data[0] = (uint8_t)(4 + sim_random_below(r, 11));
        break;
    default:
        for (uint32_t i = 1 + sim_random_below(r, 8); i > 0; i--)
            data[sim_random_below(r, *size)] ^= (uint8_t)(1u << sim_random_below(r, 8));
        break;
    }
}

static void attack(struct sim_world *w, void *object, uint64_t tag)
{
    struct sim_hostile *h = object;
    struct sim_random *r = &w->choice;
    uint8_t data[SIM_PACKET_MAX];
    if (tag != h->tag || h->flood_us == 0)
        return;
    sim_after(w, h->flood_us, attack, h, h->tag);
    if (h->count == 0)
        return;
    uint32_t known = h->count < SIM_CAPTURED ? h->count : SIM_CAPTURED;
    const struct sim_packet *model = &h->captured[sim_random_below(r, known)];
    const struct sim_packet *other = &h->captured[sim_random_below(r, known)];
    uint32_t size = model->size;
    memcpy(data, model->data, size);
    /* One in four is garbage, one in two a mutant, the rest replays; a third of them go to another
     * than they were meant for, and half bear their true sender's address. */
    uint32_t how = sim_random_below(r, 4);
    if (how == 0) {
        size = 1 + sim_random_below(r, 1400);
        sim_random_bytes(r, data, size);
        data[0] = (uint8_t)sim_random_below(r, 16);
    } else if (how < 3) {
        mutate(r, data, &size);
    }
    const struct tryst_address *to = sim_random_below(r, 3) == 0 ? &other->dst : &model->dst;
    if (sim_random_below(r, 8) == 0)
        to = &w->server->addresses[0];
    bool is_spoofed = sim_random_below(r, 2) == 0;
    bool is_genuine = is_spoofed && model->is_genuine && size == model->size &&
                      memcmp(data, model->data, size) == 0 && sim_address_equal(to, &model->dst);
    emit(w, h, to, is_spoofed ? &model->src : NULL, is_genuine, data, size);
}

void sim_hostile_flood(struct sim_world *w, struct sim_hostile *h, uint64_t period_us)
{
    h->flood_us = period_us;
    h->tag++;
    if (period_us != 0)
        sim_after(w, period_us, attack, h, h->tag);
}

void sim_hostile_replay(struct sim_world *w, struct sim_hostile *h, uint8_t type)
{
    for (uint32_t back = 1; back <= SIM_CAPTURED && back <= h->count; back++) {
        const struct sim_packet *model = &h->captured[(h->count - back) % SIM_CAPTURED];
        if (model->data[0] != type)
            continue;
        emit(w, h, &model->dst, &model->src, model->is_genuine, model->data, model->size);
        return;
    }
}
