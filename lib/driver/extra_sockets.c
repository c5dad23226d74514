/* Further sockets, and the one descriptor that watches them.
 * SPDX-License-Identifier: MIT */
#include "lib/driver/extra_sockets.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* What one peer may send between two frames. The kernel takes the memory only for what waits. */
#define BUFFER_BYTES (64u << 10)

enum { READY_MAX = 64 };

void tr_extra_init(struct tr_extra_sockets *extra)
{
    *extra = (struct tr_extra_sockets){.fd = -1};
}

/* The watch lives until the loop has let go of it. */
static void free_watch(uv_handle_t *handle)
{
    free(handle);
}

static void close_epoll(struct tr_extra_sockets *extra)
{
    if (extra->watch != NULL) {
        uv_close((uv_handle_t *)extra->watch, free_watch);
        extra->is_stirred = true;
    }
    extra->watch = NULL;
    if (extra->fd >= 0)
        close(extra->fd);
    extra->fd = -1;
    extra->is_readable = false;
}

void tr_extra_clear(struct tr_extra_sockets *extra)
{
    static const uint8_t none[(TRYST_SOCKETS_MAX + 1) / 8];
    tr_extra_keep(extra, none);
    close_epoll(extra);
    free(extra->list);
    extra->list = NULL;
}

static void became_readable(uv_poll_t *watch, int status, int events)
{
    struct tr_extra_sockets *extra = watch->data;
    (void)events;
    extra->is_readable = true;
    if (status < 0)
        uv_poll_start(watch, UV_READABLE, became_readable);
}

static void watch(struct tr_extra_sockets *extra)
{
    if (extra->loop == NULL || extra->fd < 0 || extra->watch != NULL)
        return;
    extra->watch = calloc(1, sizeof(*extra->watch));
    if (extra->watch == NULL)
        return;
    if (uv_poll_init(extra->loop, extra->watch, extra->fd) != 0) {
        free(extra->watch);
        extra->watch = NULL;
        return;
    }
    extra->watch->data = extra;
    uv_poll_start(extra->watch, UV_READABLE, became_readable);
    extra->is_stirred = true;
}

void tr_extra_watch(struct tr_extra_sockets *extra, uv_loop_t *loop)
{
    extra->loop = loop;
    watch(extra);
}

void tr_extra_settle(struct tr_extra_sockets *extra)
{
    if (!extra->is_stirred || extra->loop == NULL)
        return;
    extra->is_stirred = false;
    uv_run(extra->loop, UV_RUN_NOWAIT);
}

static bool open_list(struct tr_extra_sockets *extra)
{
    if (extra->list != NULL)
        return true;
    extra->list = calloc(TRYST_SOCKETS_MAX + 1, sizeof(extra->list[0]));
    for (uint32_t i = 0; extra->list != NULL && i <= TRYST_SOCKETS_MAX; i++)
        extra->list[i].fd = -1;
    return extra->list != NULL;
}

static bool open_socket(struct tr_extra_sockets *extra, uint8_t number)
{
    static const struct tryst_address any = {.family = 4};
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = number};
    if (!open_list(extra))
        return false;
    struct tr_datagram_socket *sock = &extra->list[number];
    if (extra->fd < 0)
        extra->fd = epoll_create1(EPOLL_CLOEXEC);
    if (extra->fd < 0)
        return false;
    if (tr_datagram_open(sock, &any, BUFFER_BYTES) == TRYST_OK &&
        epoll_ctl(extra->fd, EPOLL_CTL_ADD, sock->fd, &event) == 0) {
        tr_datagram_set_plain(sock, true); /* each has one use: where it was sent to is not asked */
        extra->count++;
        watch(extra);
        return true;
    }
    tr_datagram_close(sock);
    if (extra->count == 0)
        close_epoll(extra);
    return false;
}

uint32_t tr_extra_send(struct tr_extra_sockets *extra, uint8_t number,
                       struct tr_datagram *const *list, uint32_t count)
{
    bool is_open = extra->list != NULL && extra->list[number].fd >= 0;
    if (!is_open && !open_socket(extra, number)) {
        extra->refused += count;
        return count;
    }
    struct tr_datagram_socket *sock = &extra->list[number];
    uint32_t done = tr_datagram_send(sock, list, count);
    extra->refused += sock->refused;
    sock->refused = 0;
    return done;
}

uint32_t tr_extra_ready(struct tr_extra_sockets *extra, uint8_t *numbers, uint32_t max)
{
    struct epoll_event events[READY_MAX];
    if (extra->fd < 0)
        return 0;
    int count = epoll_wait(extra->fd, events, (int)(max < READY_MAX ? max : READY_MAX), 0);
    for (int i = 0; i < count; i++)
        numbers[i] = (uint8_t)events[i].data.u32;
    return count > 0 ? (uint32_t)count : 0;
}

struct tr_datagram_socket *tr_extra_socket(struct tr_extra_sockets *extra, uint8_t number)
{
    return &extra->list[number];
}

void tr_extra_keep(struct tr_extra_sockets *extra, const uint8_t bits[(TRYST_SOCKETS_MAX + 1) / 8])
{
    if (extra->count == 0)
        return;
    for (uint32_t i = 1; i <= TRYST_SOCKETS_MAX; i++) {
        if (extra->list[i].fd < 0 || (bits[i / 8] >> i % 8 & 1) != 0)
            continue;
        tr_datagram_close(&extra->list[i]); /* which takes it out of the epoll */
        extra->count--;
    }
    if (extra->count == 0)
        close_epoll(extra);
}
