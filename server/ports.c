/* Opening sockets, and words for why one cannot be.
 * SPDX-License-Identifier: MIT */
#include "server/ports.h"

#include "lib/base/ip.h"
#include "lib/driver/datagram.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FLAG_LISTEN "--listen ADDRESS:PORT"

void tr_ports_format(const struct tryst_address *address, char text[TRYST_ADDRESS_TEXT_SIZE])
{
    if (tryst_address_format(address, text, TRYST_ADDRESS_TEXT_SIZE) < 0)
        memcpy(text, "?", 2);
}

static void explain_listen(const struct tryst_address *address, bool is_tcp, const char *flag)
{
    char text[TRYST_ADDRESS_TEXT_SIZE];
    int error = errno;

    tr_ports_format(address, text);
    fprintf(stderr, "trystd: cannot listen on %s %s: ", is_tcp ? "TCP" : "UDP", text);
    if (error == EADDRINUSE)
        fprintf(stderr,
                "port %u is in use, perhaps by another trystd; stop that one, or choose "
                "another with %s\n",
                address->port, flag);
    else if (error == EACCES)
        fprintf(stderr, "port %u needs root; choose one above 1023 with %s\n", address->port, flag);
    else if (error == EADDRNOTAVAIL)
        fprintf(stderr, "this machine does not have the address; choose another with %s\n", flag);
    else if (error == ENOSYS)
        fprintf(stderr, "this trystd was built without what %s needs\n", flag);
    else
        fprintf(stderr, "%s\n", strerror(error));
}

/* A machine without IPv6 (or IPv4) is served by the other, unless one address was asked for. */
static bool open_sockets(const struct tr_ports *ports)
{
    static const struct tryst_address everywhere[] = {{.family = 4, .port = TRYST_PORT},
                                                      {.family = 6, .port = TRYST_PORT}};
    const struct tr_settings *settings = ports->settings;
    const struct tryst_address *list = settings->listen_count ? settings->listen : everywhere;
    uint32_t count = settings->listen_count ? settings->listen_count : 2;

    for (uint32_t i = 0; i < count; i++) {
        char text[TRYST_ADDRESS_TEXT_SIZE];
        if (tr_listener_open(ports->listener, &list[i]) == TRYST_OK)
            continue;
        if (!tr_ip_is_any(&list[i]) || (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL) ||
            (i + 1 == count && tr_listener_local(ports->listener, 0).family == 0)) {
            explain_listen(&list[i], false, FLAG_LISTEN);
            return false;
        }
        tr_ports_format(&list[i], text);
        tr_log_say(ports->log, tr_listener_now(), TR_LOG_WARNING, "not-listening", "address", text);
    }
    return true;
}

struct tr_tunnel_tls *tr_ports_load_tls(const struct tr_settings_streams *streams,
                                        char error[TR_TUNNEL_ERROR])
{
    bool has_files = streams->certificate[0] != '\0';

    return tr_tunnel_tls_server(has_files ? streams->certificate : NULL,
                                has_files ? streams->key : NULL, error);
}

static bool add_streams(const struct tr_ports *ports)
{
    const struct tr_settings_streams *settings = &ports->settings->streams;
    struct tr_streams_limits limits = {.connections = settings->connections,
                                       .per_address = settings->per_address};
    char error[TR_TUNNEL_ERROR];
    struct tr_tunnel_tls *tls = NULL;

    if (tr_tunnel_has_tls() || settings->certificate[0] != '\0') {
        tls = tr_ports_load_tls(settings, error);
        if (tls == NULL) {
            fprintf(stderr, "trystd: cannot use TLS: %s\n", error);
            return false;
        }
    }
    if (tr_listener_add_streams(ports->listener, &limits, tls) == TRYST_OK)
        return true;
    tr_tunnel_tls_destroy(tls);
    fprintf(stderr, "trystd: %s\n", tryst_result_text(TRYST_E_MEMORY));
    return false;
}

/* Where UDP is served, TCP is too, as far as it can be; but where the operator chose, it must. */
static bool open_streams(const struct tr_ports *ports)
{
    const struct tr_settings_streams *settings = &ports->settings->streams;
    char text[TRYST_ADDRESS_TEXT_SIZE];
    struct tryst_address local;

    if (settings->is_off)
        return true;
    if (!add_streams(ports))
        return false;
    for (uint32_t i = 0; i < settings->listen_count; i++) {
        local = settings->listen[i];
        if (tr_streams_open(tr_listener_streams(ports->listener), &local) == TRYST_OK ||
            (tr_ip_is_any(&local) && errno == EAFNOSUPPORT))
            continue;
        explain_listen(&local, true, "--listen-tcp ADDRESS:PORT");
        return false;
    }
    for (uint32_t i = 0; settings->listen_count == 0; i++) {
        local = tr_listener_local(ports->listener, i);
        if (local.family == 0)
            break;
        if (tr_streams_open(tr_listener_streams(ports->listener), &local) == TRYST_OK)
            continue;
        local.transport = TRYST_TRANSPORT_TCP;
        tr_ports_format(&local, text);
        tr_log_say(ports->log, tr_listener_now(), TR_LOG_WARNING, "not-listening", "address", text);
    }
    return true;
}

/* Whether an earlier socket has the ip of this one. */
static bool is_repeated(const struct tr_ports *ports, uint32_t index)
{
    struct tryst_address local = tr_listener_local(ports->listener, index);

    for (uint32_t i = 0; i < index; i++) {
        struct tryst_address earlier = tr_listener_local(ports->listener, i);
        if (tr_ip_is_same(&earlier, &local))
            return true;
    }
    return false;
}

static void say_not_listening(const struct tr_ports *ports, const struct tryst_address *address)
{
    char text[TRYST_ADDRESS_TEXT_SIZE];

    tr_ports_format(address, text);
    tr_log_say(ports->log, tr_listener_now(), TR_LOG_WARNING, "not-listening", "address", text);
}

/* The port beside the first one, unless the operator says which. */
static uint16_t other_port(const struct tr_settings *settings, uint16_t port)
{
    bool is_any_port = settings->listen_count > 0 && settings->listen[0].port == 0;

    if (settings->other_port != TR_SETTINGS_PORT_NEXT)
        return (uint16_t)settings->other_port;
    if (is_any_port)
        return 0;
    return port < UINT16_MAX ? (uint16_t)(port + 1) : (uint16_t)(port - 1);
}

/* Whether nobody else has the port on any of these ips: it is taken on all of them or on none, as what is
 * left open would serve what a second port does not. */
static bool is_free(const struct tr_ports *ports, uint32_t count, uint16_t port)
{
    for (uint32_t i = 0; i < count; i++) {
        struct tr_datagram_socket probe;
        struct tryst_address local = tr_listener_local(ports->listener, i);
        local.port = port;
        if (tr_datagram_open(&probe, &local, 0) != TRYST_OK) {
            say_not_listening(ports, &local);
            return false;
        }
        tr_datagram_close(&probe);
    }
    return true;
}

/* A second port on every ip. Where the operator did not choose it, it may be another's. */
static bool open_other_port(const struct tr_ports *ports, uint32_t count,
                            struct tr_vantage *vantage)
{
    uint16_t port = other_port(ports->settings, vantage->port);

    if (ports->settings->other_port == TR_SETTINGS_PORT_NEXT && !is_free(ports, count, port))
        return true;
    for (uint32_t i = 0; i < count; i++) {
        struct tryst_address local = tr_listener_local(ports->listener, i);
        if (is_repeated(ports, i))
            continue;
        local.port = port;
        if (tr_listener_open(ports->listener, &local) != TRYST_OK) {
            vantage->other_port = 0;
            if (ports->settings->other_port != TR_SETTINGS_PORT_NEXT) {
                explain_listen(&local, false, "--other-port PORT");
                return false;
            }
            say_not_listening(ports, &local);
            return true;
        }
        for (uint32_t k = 0; (local = tr_listener_local(ports->listener, k)).family != 0; k++)
            port = local.port;
        vantage->other_port = port;
    }
    return true;
}

/* Whether a socket for all of a family's addresses is open. */
static bool is_served(const struct tr_ports *ports, const struct tryst_address *address)
{
    struct tryst_address local;

    for (uint32_t i = 0; (local = tr_listener_local(ports->listener, i)).family != 0; i++)
        if (local.family == address->family &&
            (tr_ip_is_any(&local) || tr_ip_is_same(&local, address)))
            return true;
    return false;
}

/* A second ip, on both ports. */
static bool open_other_address(const struct tr_ports *ports, struct tryst_address address,
                               struct tr_vantage *vantage, uint32_t index)
{
    struct tr_datagram_socket probe;
    const uint16_t list[] = {vantage->port, vantage->other_port};

    if (tr_datagram_open(&probe, &address, 0) != TRYST_OK) {
        explain_listen(&address, false, "--other-address ADDRESS");
        return false;
    }
    tr_datagram_close(&probe);
    bool is_open = is_served(ports, &address);
    for (uint32_t i = 0; i < 2 && !is_open; i++) {
        address.port = list[i];
        if (list[i] == 0 || tr_listener_open(ports->listener, &address) == TRYST_OK)
            continue;
        explain_listen(&address, false, "--other-address ADDRESS");
        return false;
    }
    address.port = vantage->port;
    vantage->other[index] = address;
    return true;
}

bool tr_ports_open(const struct tr_ports *ports, struct tr_vantage *vantage)
{
    const struct tr_settings *settings = ports->settings;
    uint32_t count = 0;

    *vantage = (struct tr_vantage){0};
    if (!open_sockets(ports) || !open_streams(ports))
        return false;
    while (tr_listener_local(ports->listener, count).family != 0)
        count++;
    vantage->port = tr_listener_local(ports->listener, 0).port;
    if (settings->other_port != TR_SETTINGS_PORT_NONE && !open_other_port(ports, count, vantage))
        return false;
    for (uint32_t i = 0; i < settings->other_count; i++)
        if (!open_other_address(ports, settings->other[i], vantage, i))
            return false;
    return true;
}

bool tr_ports_open_admin(const struct tr_ports *ports, const struct tr_admin_view *view,
                         struct tr_admin **admin)
{
    const struct tryst_address *local = &ports->settings->metrics;

    *admin = NULL;
    if (local->family == 0)
        return true;
    *admin = tr_admin_open(tr_listener_loop(ports->listener), local, view);
    if (*admin == NULL)
        explain_listen(local, true, "--metrics ADDRESS:PORT");
    return *admin != NULL;
}
