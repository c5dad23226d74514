/* The home router's port for the client's IPv4 socket, asked for on a thread.
 * SPDX-License-Identifier: MIT */
#include "lib/driver/mapper.h"

#ifdef TR_WITH_PORT_MAPPING

#include "lib/base/deadline.h"
#include "lib/driver/clock.h"
#include "lib/driver/igd.h"
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <uv.h>

/* For the router to take back its port, when somebody waits. */
#define END_US TR_S
/* What the router's XML is read with takes some KB; a reply is on the heap. */
#define STACK_BYTES (256u << 10)

struct tr_mapper {
    uv_thread_t thread;
    int wake_fd; /* readable: there are orders */
    int told_fd; /* readable: there are facts */

    bool has_lock;
    uv_mutex_t lock; /* of what follows, up to the worker's own */
    bool is_ended;
    bool is_ordered; /* local is news */
    bool is_told;    /* known is news */
    bool is_searching;
    bool is_through; /* the thread touches nothing of this any more, ... */
    bool is_orphan;  /* ... and nobody waits for it: it frees all */
    uv_cond_t through;
    struct tryst_address local;
    struct tryst_portmap known;

    struct tr_lease lease; /* the worker's own, as all below */
    struct tr_igd igd;
    struct tr_errand errand;
    uint32_t lease_s;
    uint32_t granted_by; /* what a removal goes by: it has granted, or may have */
};

static void drain(int fd)
{
    uint64_t count;
    while (read(fd, &count, sizeof(count)) > 0)
        ;
}

static void ring(int fd)
{
    const uint64_t one = 1;
    ssize_t done = write(fd, &one, sizeof(one)); /* a counter that is full is readable as well */
    (void)done;
}

static void tell(struct tr_mapper *mapper)
{
    const struct tr_lease *lease = &mapper->lease;
    const struct tryst_portmap known = {
        .state = lease->state,
        .protocol = lease->protocol,
        .why = lease->why,
        .external = lease->external,
        .lifetime_s = lease->lifetime_s,
    };
    uv_mutex_lock(&mapper->lock);
    mapper->known = known;
    mapper->is_told = true;
    uv_mutex_unlock(&mapper->lock);
    ring(mapper->told_fd);
}

static void set_searching(struct tr_mapper *mapper, bool is_searching)
{
    uv_mutex_lock(&mapper->lock);
    mapper->is_searching = is_searching;
    uv_mutex_unlock(&mapper->lock);
}

/* Nobody has to wait for this where no router owes us a port. */
static void find(struct tr_mapper *mapper)
{
    if (tr_igd_is_known(&mapper->igd) || mapper->errand.lifetime_s == 0)
        return;
    set_searching(mapper, mapper->granted_by == TRYST_PORTMAP_NO_PROTOCOL);
    tr_igd_find(&mapper->igd, &mapper->errand);
    set_searching(mapper, false);
}

static bool ask(struct tr_mapper *mapper, uint32_t protocol, struct tr_lease_answer *answer)
{
    switch (protocol) {
    case TRYST_PORTMAP_PCP:
        return tr_errand_pcp(&mapper->errand, answer);
    case TRYST_PORTMAP_NATPMP:
        return tr_errand_natpmp(&mapper->errand, answer);
    default:
        find(mapper);
        return tr_igd_ask(&mapper->igd, &mapper->errand, answer);
    }
}

/* Gives back what was granted, or may have been when we were woken over it. Woken or not, this is
 * carried through: it is bounded. */
static void give_back(struct tr_mapper *mapper)
{
    struct tr_lease_answer answer;
    int wake_fd = mapper->errand.wake_fd;
    if (mapper->granted_by != TRYST_PORTMAP_NO_PROTOCOL) {
        mapper->errand.lifetime_s = 0;
        mapper->errand.wake_fd = -1;
        ask(mapper, mapper->granted_by, &answer);
        mapper->errand.wake_fd = wake_fd;
    }
    mapper->granted_by = TRYST_PORTMAP_NO_PROTOCOL;
    mapper->igd = (struct tr_igd){.control = ""};
}

static void begin(struct tr_mapper *mapper, const struct tryst_address *local)
{
    struct tr_errand *errand = &mapper->errand;
    give_back(mapper);
    errand->local = *local;
    errand->external_port = local->port;
    if (local->family == 0)
        tr_lease_stop(&mapper->lease);
    else
        tr_lease_start(&mapper->lease, tr_clock_us());
    tell(mapper);
}

/* Takes orders; false: the end. */
static bool orders_take(struct tr_mapper *mapper)
{
    drain(mapper->wake_fd);
    uv_mutex_lock(&mapper->lock);
    bool is_ended = mapper->is_ended;
    bool is_ordered = mapper->is_ordered;
    struct tryst_address local = mapper->local;
    mapper->is_ordered = false;
    uv_mutex_unlock(&mapper->lock);
    if (is_ordered && !is_ended)
        begin(mapper, &local);
    return !is_ended;
}

/* A round of all protocols begins: the router may be another by now. */
static bool round_begin(struct tr_mapper *mapper)
{
    struct tr_errand *errand = &mapper->errand;
    if (!tr_errand_gateway(&errand->gateway, errand->local.scope)) {
        tr_lease_no_router(&mapper->lease, tr_clock_us());
        return false;
    }
    return true;
}

/* Asks what is due. */
static void step(struct tr_mapper *mapper, uint32_t protocol)
{
    struct tr_lease *lease = &mapper->lease;
    struct tr_lease_answer answer;
    mapper->errand.lifetime_s = mapper->lease_s;
    if (lease->state == TRYST_PORTMAP_HELD)
        mapper->errand.external_port = lease->external.port;
    else if (protocol == TRYST_PORTMAP_PCP && !round_begin(mapper)) {
        tell(mapper);
        return;
    }
    if (!ask(mapper, protocol, &answer)) {  /* there are orders, which come first */
        if (protocol != TRYST_PORTMAP_UPNP) /* whose calls are not cut short: nothing was granted */
            mapper->granted_by = protocol;
        return;
    }
    tr_lease_input(lease, tr_clock_us(), &answer);
    if (answer.word == TR_LEASE_GRANTED) {
        mapper->granted_by = protocol;
        mapper->errand.external_port = answer.external.port;
    }
    tell(mapper);
}

static void release(struct tr_mapper *mapper)
{
    if (mapper->wake_fd >= 0)
        close(mapper->wake_fd);
    if (mapper->told_fd >= 0)
        close(mapper->told_fd);
    if (mapper->has_lock) {
        uv_cond_destroy(&mapper->through);
        uv_mutex_destroy(&mapper->lock);
    }
    free(mapper);
}

static void work(void *argument)
{
    struct tr_mapper *mapper = argument;
    while (orders_take(mapper)) {
        uint32_t protocol = tr_lease_due(&mapper->lease, tr_clock_us());
        if (protocol != TRYST_PORTMAP_NO_PROTOCOL)
            step(mapper, protocol);
        else
            tr_errand_wait(&mapper->errand, -1, 0, tr_lease_deadline(&mapper->lease));
    }
    give_back(mapper);
    uv_mutex_lock(&mapper->lock);
    bool is_orphan = mapper->is_orphan;
    mapper->is_through = true;
    uv_cond_signal(&mapper->through);
    uv_mutex_unlock(&mapper->lock);
    if (is_orphan)
        release(mapper);
}

/* The game's signals are its own threads' business. */
static int start(struct tr_mapper *mapper)
{
    const uv_thread_options_t options = {.flags = UV_THREAD_HAS_STACK_SIZE,
                                         .stack_size = STACK_BYTES};
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = uv_thread_create_ex(&mapper->thread, &options, work, mapper);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

struct tr_mapper *tr_mapper_create(const uint8_t nonce[12], uint32_t lease_s)
{
    struct tr_mapper *mapper = calloc(1, sizeof(*mapper));
    if (mapper == NULL)
        return NULL;
    mapper->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    mapper->told_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    mapper->lease_s = lease_s;
    tr_lease_stop(&mapper->lease);
    mapper->errand.wake_fd = mapper->wake_fd;
    memcpy(mapper->errand.nonce, nonce, TR_PCP_NONCE_BYTES);
    bool is_good = mapper->wake_fd >= 0 && mapper->told_fd >= 0;
    if (is_good && uv_mutex_init(&mapper->lock) == 0) {
        mapper->has_lock = uv_cond_init(&mapper->through) == 0;
        if (!mapper->has_lock)
            uv_mutex_destroy(&mapper->lock);
    }
    if (mapper->has_lock && start(mapper) == 0)
        return mapper;
    release(mapper);
    return NULL;
}

void tr_mapper_destroy(struct tr_mapper *mapper)
{
    if (mapper == NULL)
        return;
    uint64_t until_us = tr_clock_us() + END_US, now_us = 0;
    uv_mutex_lock(&mapper->lock);
    mapper->is_ended = true;
    ring(mapper->wake_fd);
    while (!mapper->is_through && !mapper->is_searching && (now_us = tr_clock_us()) < until_us)
        uv_cond_timedwait(&mapper->through, &mapper->lock, (until_us - now_us) * 1000);
    mapper->is_orphan = !mapper->is_through;
    bool is_orphan = mapper->is_orphan;
    uv_thread_t thread = mapper->thread;
    uv_mutex_unlock(&mapper->lock);
    if (is_orphan) { /* the library is linked so that it is not unloaded under its feet */
        pthread_detach(thread);
        return;
    }
    uv_thread_join(&thread);
    release(mapper);
}

void tr_mapper_set_local(struct tr_mapper *mapper, const struct tryst_address *local)
{
    uv_mutex_lock(&mapper->lock);
    bool is_same = tryst_address_compare(&mapper->local, local) == 0 &&
                   mapper->local.family == local->family && mapper->local.scope == local->scope;
    if (!is_same) {
        mapper->local = *local;
        mapper->is_ordered = true;
    }
    uv_mutex_unlock(&mapper->lock);
    if (!is_same)
        ring(mapper->wake_fd);
}

int tr_mapper_fd(const struct tr_mapper *mapper)
{
    return mapper != NULL ? mapper->told_fd : -1;
}

bool tr_mapper_take(struct tr_mapper *mapper, struct tryst_portmap *known)
{
    if (mapper == NULL)
        return false;
    drain(mapper->told_fd);
    uv_mutex_lock(&mapper->lock);
    bool is_news = mapper->is_told;
    *known = mapper->known;
    mapper->is_told = false;
    uv_mutex_unlock(&mapper->lock);
    return is_news;
}

#else

#include <stddef.h>

struct tr_mapper *tr_mapper_create(const uint8_t nonce[12], uint32_t lease_s)
{
    (void)nonce;
    (void)lease_s;
    return NULL;
}

void tr_mapper_destroy(struct tr_mapper *mapper)
{
    (void)mapper;
}

void tr_mapper_set_local(struct tr_mapper *mapper, const struct tryst_address *local)
{
    (void)mapper;
    (void)local;
}

int tr_mapper_fd(const struct tr_mapper *mapper)
{
    (void)mapper;
    return -1;
}

bool tr_mapper_take(struct tr_mapper *mapper, struct tryst_portmap *known)
{
    (void)mapper;
    (void)known;
    return false;
}

#endif
