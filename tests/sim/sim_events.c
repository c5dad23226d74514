/* What an endpoint says, checked against what it said before.
 * SPDX-License-Identifier: MIT */
#include "tests/sim/sim_events.h"

#include "tests/sim/sim_ledger.h"
#include "tests/sim/sim_world.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sim_peer *find_handle(struct sim_client *c, uint32_t handle)
{
    for (uint32_t i = c->peer_count; i-- > 0;)
        if (c->peers[i].handle == handle)
            return &c->peers[i];
    return NULL;
}

static struct sim_client *find_client(struct sim_world *w, const uint8_t *key)
{
    for (uint32_t i = 0; i < w->client_count; i++)
        if (memcmp(w->clients[i]->key, key, TRYST_KEY_SIZE) == 0)
            return w->clients[i];
    return NULL;
}

static void say_first_words(struct sim_client *c, struct sim_peer *peer)
{
    uint32_t said = 0;
    const struct sim_client *other = find_client(c->world, peer->key);
    if (peer->is_addressed)
        return;
    peer->is_addressed = true; /* before it is said: saying may bring further events */
    while (said < c->first_words && sim_client_say(c, other, 64))
        said++;
    peer = sim_client_peer(c, other);
    if (peer != NULL)
        peer->is_addressed = said == c->first_words;
}

static void take_joined(struct sim_client *c, const struct tryst_event *event)
{
    struct sim_world *w = c->world;
    const struct sim_client *other = find_client(w, event->key);
    sim_expect(w, event->peer != 0 && find_handle(c, event->peer) == NULL,
               "%s: JOINED with handle %u, which is 0 or was used", c->name, event->peer);
    sim_expect(w, other != NULL, "%s: JOINED with a key that nobody has", c->name);
    sim_expect(w, memcmp(event->key, c->key, sizeof c->key) != 0, "%s: JOINED names itself",
               c->name);
    if (w->failed)
        return;
    sim_expect(w, sim_client_peer(c, other) == NULL, "%s: JOINED names %s, who is there", c->name,
               other->name);
    if (c->peer_count == c->peer_room) {
        c->peer_room = c->peer_room != 0 ? c->peer_room * 2 : 8;
        c->peers = realloc(c->peers, c->peer_room * sizeof *c->peers);
        if (c->peers == NULL)
            abort();
    }
    struct sim_peer *peer = &c->peers[c->peer_count++];
    *peer = (struct sim_peer){.handle = event->peer, .is_present = true, .joined_us = w->now_us};
    memcpy(peer->key, event->key, sizeof peer->key);
    say_first_words(c, peer);
}

static void take_connected(struct sim_client *c, struct sim_peer *peer,
                           const struct tryst_event *event)
{
    struct sim_world *w = c->world;
    sim_expect(w,
               event->address.port != 0 &&
                   (event->path == TRYST_PATH_DIRECT
                        ? event->kind != TRYST_KIND_NONE
                        : event->path == TRYST_PATH_RELAY && event->kind == TRYST_KIND_NONE),
               "%s: CONNECTED without path, kind or address", c->name);
    sim_expect(w, event->path == TRYST_PATH_DIRECT || c->options.relay != TRYST_RELAY_DENY,
               "%s: relayed, which it denies", c->name);
    if (event->path == TRYST_PATH_DIRECT)
        peer->direct_us = w->now_us;
    peer->moves++;
    peer->is_connected = true;
    peer->last = *event;
    if (peer->connected_us == 0)
        peer->connected_us = w->now_us;
    say_first_words(c, peer);
}

/* Who asks why at once is told the same as by the event. */
static void check_unreachable(struct sim_client *c, const struct sim_peer *peer)
{
    struct tryst_why why;
    if (tryst_endpoint_why(c->endpoint, peer->handle, &why) == TRYST_OK)
        sim_expect(c->world, why.pair == TRYST_PAIR_UNREACHABLE,
                   "%s: UNREACHABLE, but why says: %s", c->name, why.sentence);
}

static void take_of_peer(struct sim_client *c, const struct tryst_event *event)
{
    struct sim_world *w = c->world;
    struct sim_peer *peer = find_handle(c, event->peer);
    if (event->type == TRYST_EVENT_LEFT && event->peer == 0) {
        c->removed = *event;
        c->session[0] = '\0';
        sim_events_forget(c);
        return;
    }
    if (peer == NULL || !peer->is_present) {
        sim_fail(w, "%s: %s for handle %u, who is not there", c->name,
                 tryst_event_name(event->type), event->peer);
        return;
    }
    switch (event->type) {
    case TRYST_EVENT_CONNECTED:
    case TRYST_EVENT_PATH:
        take_connected(c, peer, event);
        break;
    case TRYST_EVENT_UNREACHABLE:
        check_unreachable(c, peer);
        peer->is_connected = false;
        peer->unreachable_us = w->now_us;
        peer->last = *event;
        break;
    case TRYST_EVENT_RELAYED:
        sim_expect(w, event->reason != TRYST_REASON_NONE && event->reason != TRYST_REASON_TRYING,
                   "%s: RELAYED for reason %u", c->name, event->reason);
        peer->relayed_us = w->now_us;
        peer->relayed_reason = event->reason;
        break;
    case TRYST_EVENT_LEFT:
        peer->is_present = peer->is_connected = false;
        peer->last = *event;
        break;
    case TRYST_EVENT_MESSAGE:
        sim_ledger_receive(w, c, peer->key, event->data, event->size);
        break;
    default:
        break;
    }
}

static void print_event(const struct sim_client *c, const struct tryst_event *event)
{
    char text[TRYST_ADDRESS_TEXT_SIZE];
    sim_address_text(&event->address, text);
    printf("%12.6f event   %s %s peer %u path %u kind %s address %s stage %s reason %u rtt %u size "
           "%zu\n",
           (double)c->world->now_us / 1e6, c->name, tryst_event_name(event->type), event->peer,
           event->path, tryst_kind_name(event->kind), text, tryst_stage_name(event->stage),
           event->reason, event->rtt_us, event->size);
}

void sim_events_take(struct sim_client *c, const struct tryst_event *event)
{
    struct sim_world *w = c->world;
    if (w->trace)
        print_event(c, event);
    if (event->type < sizeof c->counts / sizeof c->counts[0])
        c->counts[event->type]++;
    switch (event->type) {
    case TRYST_EVENT_COOKIE:
        c->cookie_us = w->now_us;
        c->public_address = event->address;
        break;
    case TRYST_EVENT_REGISTERED:
        sim_expect(w, c->session[0] != '\0', "%s: REGISTERED, but it did not join", c->name);
        c->registered_us = w->now_us;
        c->public_address = event->address;
        break;
    case TRYST_EVENT_REFUSED:
        c->refused = *event;
        break;
    case TRYST_EVENT_JOINED:
        take_joined(c, event);
        break;
    case TRYST_EVENT_SERVER_LOST:
    case TRYST_EVENT_SERVER_BACK:
        break;
    default:
        take_of_peer(c, event);
        break;
    }
}

void sim_events_forget(struct sim_client *c)
{
    for (uint32_t i = 0; i < c->peer_count; i++)
        c->peers[i].is_present = c->peers[i].is_connected = false;
}

static bool is_in(const struct sim_client *c, const char *session)
{
    return c->endpoint != NULL && c->session[0] != '\0' && strcmp(c->session, session) == 0;
}

void sim_events_check_rosters(struct sim_world *w)
{
    for (uint32_t i = 0; i < w->client_count && !w->failed; i++) {
        struct sim_client *c = w->clients[i];
        uint32_t present = 0;
        uint32_t expected = 0;
        if (!is_in(c, c->session))
            continue;
        for (uint32_t j = 0; j < c->peer_count; j++)
            present += c->peers[j].is_present;
        for (uint32_t j = 0; j < w->client_count; j++) {
            struct sim_client *other = w->clients[j];
            if (j == i || !is_in(other, c->session))
                continue;
            expected++;
            sim_expect(w, sim_client_knows(c, other), "%s does not know %s", c->name, other->name);
        }
        sim_expect(w, present == expected, "%s knows %u participants of %u", c->name, present,
                   expected);
    }
}

void sim_events_check_mesh(struct sim_world *w)
{
    sim_events_check_rosters(w);
    for (uint32_t i = 0; i < w->client_count && !w->failed; i++)
        for (uint32_t j = 0; j < w->client_count; j++)
            if (i != j && is_in(w->clients[i], w->clients[i]->session) &&
                is_in(w->clients[j], w->clients[i]->session))
                sim_expect(w, sim_client_reaches(w->clients[i], w->clients[j]),
                           "%s does not reach %s", w->clients[i]->name, w->clients[j]->name);
}
