/* A host name asked for until it has addresses, off the caller's thread.
 * SPDX-License-Identifier: MIT */
#include "lib/driver/resolver.h"

#include "lib/base/deadline.h"
#include "lib/driver/datagram.h"
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>

/* A failure is told after this many in a row (0.75 s when each is quick), or at once if there is no
 * such name; the tries go on, 250 ms apart at first and 30 s at last. */
enum { SERIES = 3, DOUBLINGS = 7, ANSWERS_MAX = 16 };
#define RETRY_FIRST_US (250 * TR_MS)
#define RETRY_LAST_US (30 * TR_S)

static void enter(struct tr_resolver *resolver, enum tr_resolver_state state)
{
    resolver->state = state;
}

static bool is_known(const struct tryst_address *list, uint32_t count,
                     const struct tryst_address *address)
{
    for (uint32_t i = 0; i < count; i++)
        if (tryst_address_compare(&list[i], address) == 0)
            return true;
    return false;
}

static uint32_t read_answer(struct tryst_address *list, const struct addrinfo *answer,
                            uint16_t port)
{
    uint32_t count = 0;
    for (; answer != NULL && count < ANSWERS_MAX; answer = answer->ai_next) {
        struct tryst_address address;
        if (!tr_datagram_from_name(&address, answer->ai_addr))
            continue;
        address.port = port;
        if (!is_known(list, count, &address))
            list[count++] = address;
    }
    return count;
}

/* Keeps the system's order, but lets the families take turns, so that a name with many addresses of
 * one family does not hide its only one of the other. false: no address in it, nothing changed. */
static bool keep_answer(struct tr_resolver *resolver, const struct addrinfo *answer)
{
    struct tryst_address list[ANSWERS_MAX];
    uint32_t count = read_answer(list, answer, resolver->port);
    if (count == 0)
        return false;
    uint8_t family = list[0].family;
    resolver->count = 0;
    while (resolver->count < count && resolver->count < TR_RESOLVER_MAX) {
        uint32_t next = 0;
        while (next < count && list[next].family != family)
            next++;
        if (next < count) {
            resolver->found[resolver->count++] = list[next];
            list[next].family = 0;
        }
        family = family == 4 ? 6 : 4;
    }
    return true;
}

static void answered(uv_getaddrinfo_t *request, int status, struct addrinfo *answer)
{
    struct tr_resolver *resolver = request->data;
    bool is_answer = status == 0 && keep_answer(resolver, answer);
    resolver->is_hopeless = status == UV_EAI_NONAME;
    enter(resolver, is_answer ? TR_RESOLVER_ANSWERED : TR_RESOLVER_FAILED);
    uv_freeaddrinfo(answer);
}

static void ask(struct tr_resolver *resolver)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM};
    enter(resolver, TR_RESOLVER_ASKING);
    resolver->request.data = resolver;
    if (uv_getaddrinfo(resolver->loop, &resolver->request, answered, resolver->host, NULL,
                       &hints) != 0)
        enter(resolver, TR_RESOLVER_FAILED);
}

void tr_resolver_init(struct tr_resolver *resolver, uv_loop_t *loop, const char *host,
                      uint16_t port)
{
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST};
    struct addrinfo *answer;
    memset(resolver, 0, sizeof(*resolver));
    resolver->loop = loop;
    resolver->port = port;
    strncpy(resolver->host, host, sizeof(resolver->host) - 1);
    enter(resolver, TR_RESOLVER_WAITING);
    if (getaddrinfo(host, NULL, &hints, &answer) != 0)
        return;
    keep_answer(resolver, answer);
    freeaddrinfo(answer);
    resolver->is_numeric = true;
    enter(resolver, TR_RESOLVER_ANSWERED);
}

void tr_resolver_clear(struct tr_resolver *resolver)
{
    if (resolver->state == TR_RESOLVER_ASKING)
        uv_cancel((uv_req_t *)&resolver->request);
    while (resolver->state == TR_RESOLVER_ASKING)
        uv_run(resolver->loop, UV_RUN_ONCE);
    enter(resolver, TR_RESOLVER_RESTING);
}

static void count_failure(struct tr_resolver *resolver, uint64_t now_us)
{
    uint64_t pause_us = RETRY_FIRST_US << resolver->failures;
    resolver->retry_us = now_us + (pause_us < RETRY_LAST_US ? pause_us : RETRY_LAST_US);
    if (resolver->failures < DOUBLINGS)
        resolver->failures++;
    if (!resolver->is_told && (resolver->is_hopeless || resolver->failures >= SERIES)) {
        resolver->is_told = true;
        resolver->has_failed = true;
    }
    enter(resolver, TR_RESOLVER_WAITING);
}

void tr_resolver_tick(struct tr_resolver *resolver, uint64_t now_us)
{
    if (resolver->state == TR_RESOLVER_WAITING && tr_is_due(resolver->retry_us, now_us))
        ask(resolver);
    if (resolver->state == TR_RESOLVER_ANSWERED) {
        resolver->is_fresh = true;
        resolver->has_failed = false;
        resolver->is_told = false;
        resolver->failures = 0;
        enter(resolver, TR_RESOLVER_RESTING);
    }
    if (resolver->state == TR_RESOLVER_FAILED)
        count_failure(resolver, now_us);
}

uint64_t tr_resolver_deadline(const struct tr_resolver *resolver)
{
    switch (resolver->state) {
    case TR_RESOLVER_WAITING:
        return resolver->retry_us;
    case TR_RESOLVER_ANSWERED:
    case TR_RESOLVER_FAILED:
        return 0;
    default:
        return TR_NEVER;
    }
}

void tr_resolver_again(struct tr_resolver *resolver)
{
    if (resolver->is_numeric ||
        (resolver->state != TR_RESOLVER_RESTING && resolver->state != TR_RESOLVER_WAITING))
        return;
    resolver->retry_us = 0;
    enter(resolver, TR_RESOLVER_WAITING);
}

bool tr_resolver_take(struct tr_resolver *resolver)
{
    bool is_fresh = resolver->is_fresh;
    resolver->is_fresh = false;
    return is_fresh;
}

bool tr_resolver_take_failure(struct tr_resolver *resolver)
{
    bool has_failed = resolver->has_failed;
    resolver->has_failed = false;
    return has_failed;
}
