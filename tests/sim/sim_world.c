/* One simulated world: virtual time, one seed, everything that lives in it, and its trace.
 * SPDX-License-Identifier: MIT */
#include "tests/sim/sim_world.h"

#include "tests/sim/sim_client.h"
#include "tests/sim/sim_ledger.h"
#include "tests/sim/sim_server.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sim_world_init(struct sim_world *w, const char *story, uint64_t seed, bool trace)
{
    *w = (struct sim_world){.story = story, .seed = seed, .trace = trace};
    uint64_t mixed = sim_hash(seed, story, strlen(story));
    sim_random_init(&w->chance, mixed, 1);
    sim_random_init(&w->secret, mixed, 2);
    sim_random_init(&w->choice, mixed, 3);
    sim_net_init(w);
}

void sim_world_clear(struct sim_world *w)
{
    for (uint32_t i = 0; i < w->client_count; i++)
        sim_client_clear(w->clients[i]);
    if (w->server != NULL)
        sim_server_clear(w->server);
    sim_ledger_clear(w);
    sim_watch_clear(&w->watch);
    sim_net_clear(w);
    sim_queue_clear(&w->queue);
    for (uint32_t i = 0; i < w->kept_count; i++)
        free(w->kept[i]);
    free(w->kept);
}

void *sim_keep(struct sim_world *w, size_t size)
{
    if (w->kept_count == w->kept_room) {
        w->kept_room = w->kept_room != 0 ? w->kept_room * 2 : 64;
        w->kept = realloc(w->kept, w->kept_room * sizeof *w->kept);
        if (w->kept == NULL)
            abort();
    }
    void *p = calloc(1, size);
    if (p == NULL)
        abort();
    w->kept[w->kept_count++] = p;
    return p;
}

void sim_after(struct sim_world *w, uint64_t delay_us, sim_action *run, void *object, uint64_t tag)
{
    sim_queue_push(&w->queue, w->now_us + delay_us, run, object, tag);
}

void sim_run_until(struct sim_world *w, uint64_t until_us)
{
    struct sim_event event;
    while (!w->failed && sim_queue_next(&w->queue) <= until_us) {
        sim_queue_pop(&w->queue, &event);
        w->now_us = event.at_us;
        event.run(w, event.object, event.tag);
    }
    if (!w->failed && w->now_us < until_us)
        w->now_us = until_us;
}

void sim_run_for(struct sim_world *w, uint64_t span_us)
{
    sim_run_until(w, w->now_us + span_us);
}

const char *sim_frame_name(uint8_t first)
{
    static const char *const names[] = {
        [0x04] = "BIND",    [0x05] = "COOKIE",   [0x06] = "REGISTER", [0x07] = "REGISTERED",
        [0x08] = "REFUSED", [0x09] = "CTRL",     [0x0a] = "HELLO",    [0x0b] = "DATA",
        [0x0c] = "RELAY",   [0x0d] = "REDIRECT", [0x0e] = "UNKNOWN"};
    return first < sizeof names / sizeof names[0] && names[first] != NULL ? names[first] : "?";
}

void sim_trace(struct sim_world *w, const char *what, const struct sim_packet *packet,
               const char *note)
{
    uint64_t facts[4] = {w->now_us, packet->serial, packet->size, packet->ttl};
    w->events++;
    w->hash = sim_hash(w->hash, facts, sizeof facts);
    w->hash = sim_hash(w->hash, what, strlen(what));
    w->hash = sim_hash(w->hash, &packet->src, sizeof packet->src);
    w->hash = sim_hash(w->hash, &packet->dst, sizeof packet->dst);
    w->hash = sim_hash(w->hash, packet->data, packet->size);
    if (!w->trace)
        return;
    char src[TRYST_ADDRESS_TEXT_SIZE];
    char dst[TRYST_ADDRESS_TEXT_SIZE];
    sim_address_text(&packet->src, src);
    sim_address_text(&packet->dst, dst);
    printf("%12.6f %-7s #%-6llu %-10s %4u ttl %-3u %s > %s %s\n", (double)w->now_us / 1e6, what,
           (unsigned long long)packet->serial, sim_frame_name(packet->data[0]), packet->size,
           packet->ttl, src, dst, note);
}

void sim_fail(struct sim_world *w, const char *format, ...)
{
    if (w->failed)
        return;
    w->failed = true;
    va_list list;
    va_start(list, format);
    printf("FAILED %s, seed %llu, at %.6f s: ", w->story, (unsigned long long)w->seed,
           (double)w->now_us / 1e6);
    vprintf(format, list);
    printf("\n  replay: sim --story %s --seed %llu --trace\n", w->story,
           (unsigned long long)w->seed);
    fflush(stdout);
    va_end(list);
}
