/* libmicrohttpd, woken by the loop: all that it waits for is one descriptor and one time.
 * SPDX-License-Identifier: MIT */
#include "server/admin.h"

#include <errno.h>

#ifdef TR_WITH_MICROHTTPD

#include "lib/driver/stream_socket.h"
#include "server/metrics.h"
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

/* Scrapes come every few seconds from one or two places. Who opens more waits until others are gone. */
enum { CONNECTIONS = 16, SILENCE_S = 5, CONNECTION_BYTES = 16384, HANDLES = 2 };

struct tr_admin {
    struct MHD_Daemon *daemon;
    struct tr_admin_view view;
    struct tryst_address local;
    uv_poll_t poll;
    uv_timer_t timer;
    uint32_t handles; /* that are open */
};

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type,
                              struct MHD_Response *response)
{
    enum MHD_Result result = MHD_NO;

    if (response == NULL)
        return MHD_NO;
    if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type) == MHD_YES &&
        MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") == MHD_YES &&
        (status != MHD_HTTP_METHOD_NOT_ALLOWED ||
         MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD") == MHD_YES))
        result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer_line(struct MHD_Connection *connection, unsigned status,
                                   const char *line)
{
    return answer(connection, status, "text/plain; charset=utf-8",
                  MHD_create_response_from_buffer(strlen(line), (void *)(uintptr_t)line,
                                                  MHD_RESPMEM_PERSISTENT));
}

static enum MHD_Result answer_metrics(const struct tr_admin *admin,
                                      struct MHD_Connection *connection)
{
    size_t size = 0;
    char *text = tr_metrics_text(tr_service_stats(admin->view.service), admin->view.census, &size);
    struct MHD_Response *response;

    if (text == NULL)
        return answer_line(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "no memory\n");
    response = MHD_create_response_from_buffer(size, text, MHD_RESPMEM_MUST_FREE);
    if (response == NULL)
        free(text);
    return answer(connection, MHD_HTTP_OK, TR_METRICS_TYPE, response);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *body,
                                  size_t *body_size, void **request)
{
    static char is_seen;
    const struct tr_admin *admin = context;

    (void)version;
    (void)body;
    (void)body_size;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return answer_line(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET and HEAD only\n");
    if (*request == NULL) { /* asked again when all of it is here: the connection can stay then */
        *request = &is_seen;
        return MHD_YES;
    }
    if (strcmp(url, "/metrics") == 0)
        return answer_metrics(admin, connection);
    if (strcmp(url, "/healthz") == 0)
        return answer_line(connection, MHD_HTTP_OK, "ok\n");
    return answer_line(connection, MHD_HTTP_NOT_FOUND, "there are /metrics and /healthz\n");
}

static unsigned connections(const struct tr_admin *admin)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(admin->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

    return info != NULL ? info->num_connections : 0;
}

static void on_timer(uv_timer_t *timer);

/* Where all that may be connected are, nobody is listened for, and where some of them go, not before the
 * next run: nothing else would bring that about. */
static void turn(struct tr_admin *admin)
{
    MHD_UNSIGNED_LONG_LONG wait_ms;
    unsigned before;

    do {
        before = connections(admin);
        MHD_run(admin->daemon);
    } while (connections(admin) < before);
    if (MHD_get_timeout(admin->daemon, &wait_ms) == MHD_YES)
        uv_timer_start(&admin->timer, on_timer, wait_ms, 0);
    else
        uv_timer_stop(&admin->timer);
}

static void on_timer(uv_timer_t *timer)
{
    turn(timer->data);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    turn(poll->data);
}

static struct MHD_Daemon *start(struct tr_admin *admin, int fd)
{
    unsigned flags = MHD_USE_EPOLL | (admin->local.family == 6 ? MHD_USE_IPv6 : 0);

    return MHD_start_daemon(flags, 0, NULL, NULL, on_request, admin, MHD_OPTION_LISTEN_SOCKET, fd,
                            MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS,
                            MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SILENCE_S,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
                            MHD_OPTION_END);
}

static bool watch(struct tr_admin *admin, uv_loop_t *loop)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(admin->daemon, MHD_DAEMON_INFO_EPOLL_FD);

    admin->poll.data = admin;
    admin->timer.data = admin;
    if (info == NULL || uv_poll_init(loop, &admin->poll, info->epoll_fd) != 0)
        return false;
    uv_timer_init(loop, &admin->timer);
    admin->handles = HANDLES;
    return uv_poll_start(&admin->poll, UV_READABLE, on_poll) == 0;
}

struct tr_admin *tr_admin_open(struct uv_loop_s *loop, const struct tryst_address *local,
                               const struct tr_admin_view *view)
{
    struct tr_admin *admin = calloc(1, sizeof *admin);
    int fd;

    if (admin == NULL)
        return NULL;
    fd = tr_stream_socket_listen(local);
    if (fd < 0) {
        free(admin);
        return NULL;
    }
    admin->view = *view;
    admin->local = tr_stream_socket_local(fd);
    admin->daemon = start(admin, fd);
    if (admin->daemon == NULL)
        tr_stream_socket_close(fd);
    if (admin->daemon != NULL && watch(admin, loop))
        return admin;
    tr_admin_close(admin);
    errno = ENOMEM;
    return NULL;
}

struct tryst_address tr_admin_local(const struct tr_admin *admin)
{
    return admin->local;
}

static void on_closed(uv_handle_t *handle)
{
    struct tr_admin *admin = handle->data;

    if (--admin->handles == 0)
        free(admin);
}

void tr_admin_close(struct tr_admin *admin)
{
    if (admin == NULL)
        return;
    if (admin->handles > 0)
        uv_poll_stop(&admin->poll);
    if (admin->daemon != NULL)
        MHD_stop_daemon(admin->daemon); /* and its socket */
    if (admin->handles == 0) {
        free(admin);
        return;
    }
    uv_close((uv_handle_t *)&admin->poll, on_closed);
    uv_close((uv_handle_t *)&admin->timer, on_closed);
}

#else

#include <stddef.h>

struct tr_admin *tr_admin_open(struct uv_loop_s *loop, const struct tryst_address *local,
                               const struct tr_admin_view *view)
{
    (void)loop;
    (void)local;
    (void)view;
    errno = ENOSYS;
    return NULL;
}

struct tryst_address tr_admin_local(const struct tr_admin *admin)
{
    (void)admin;
    return (struct tryst_address){0};
}

void tr_admin_close(struct tr_admin *admin)
{
    (void)admin;
}

#endif
