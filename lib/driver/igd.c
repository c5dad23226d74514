/* The home router asked by UPnP.
 * SPDX-License-Identifier: MIT */
#include "lib/driver/igd.h"

#ifdef TR_WITH_PORT_MAPPING

#include <arpa/inet.h>
#include <miniupnpc/miniupnpc.h>
#include <miniupnpc/upnpcommands.h>
#include <miniupnpc/upnperrors.h>
#include <stdio.h>
#include <string.h>

/* Who hears the search answers within its second (MX); the first who does ends it. */
#define SEARCH_MS 1000
/* UPnP Device Architecture, 1.3.2 */
#define SEARCH_TTL 2
/* Where the port is another's: the next ones, in large steps. */
enum { PORTS_TRIED = 4, PORT_STEP = 1013, PORT_LEAST = 1024 };
/* Of WANIPConnection:1, 2.4.16 */
enum { ERROR_CONFLICT = 718, ERROR_ONLY_PERMANENT = 725 };

static bool is_woken(const struct tr_errand *errand)
{
    return tr_errand_wait(errand, -1, 0, 0) == TR_ERRAND_WOKEN;
}

static void text_of(const struct tryst_address *address, char text[INET_ADDRSTRLEN])
{
    inet_ntop(AF_INET, address->ip, text, INET_ADDRSTRLEN);
}

/* http://GATEWAY:PORT/... */
static bool is_at(const char *url, const char *gateway)
{
    static const char scheme[] = "http://";
    size_t length = strlen(gateway);
    if (url == NULL || strncmp(url, scheme, sizeof(scheme) - 1) != 0)
        return false;
    url += sizeof(scheme) - 1;
    return strncmp(url, gateway, length) == 0 && (url[length] == ':' || url[length] == '/');
}

/* Anybody in the house answers a search, and tells any address as ours. Only the router that our packets
 * pass can map their port: takes its answers out of the list. */
static struct UPNPDev *take_from(struct UPNPDev **devices, const char *gateway)
{
    struct UPNPDev *taken = NULL;
    while (*devices != NULL) {
        struct UPNPDev *device = *devices;
        if (!is_at(device->descURL, gateway)) {
            devices = &device->pNext;
            continue;
        }
        *devices = device->pNext;
        device->pNext = taken;
        taken = device;
    }
    return taken;
}

bool tr_igd_is_known(const struct tr_igd *igd)
{
    return igd->control[0] != '\0' && !igd->is_silent;
}

void tr_igd_find(struct tr_igd *igd, const struct tr_errand *errand)
{
    char local[INET_ADDRSTRLEN], gateway[INET_ADDRSTRLEN], own[64];
    struct UPNPUrls urls = {0};
    struct IGDdatas data = {0};
    int error = 0;
    text_of(&errand->local, local);
    text_of(&errand->gateway, gateway);
    struct UPNPDev *others =
        upnpDiscover(SEARCH_MS, local, NULL, UPNP_LOCAL_PORT_ANY, 0, SEARCH_TTL, &error);
    struct UPNPDev *devices = take_from(&others, gateway);
    freeUPNPDevlist(others);
    if (devices == NULL)
        return;
#if MINIUPNPC_API_VERSION >= 18 /* of 2.2.8: it also tells the router's own address */
    char external[64];
    int found =
        UPNP_GetValidIGD(devices, &urls, &data, own, sizeof(own), external, sizeof(external));
#else
    int found = UPNP_GetValidIGD(devices, &urls, &data, own, sizeof(own));
#endif
    bool is_good = (found == 1 || found == 2) && is_at(urls.controlURL, gateway) &&
                   strlen(urls.controlURL) < sizeof(igd->control) &&
                   strlen(data.first.servicetype) < sizeof(igd->type);
    if (is_good) {
        memcpy(igd->control, urls.controlURL, strlen(urls.controlURL) + 1);
        memcpy(igd->type, data.first.servicetype, strlen(data.first.servicetype) + 1);
        igd->is_silent = false;
    }
    if (found != 0)
        FreeUPNPUrls(&urls);
    freeUPNPDevlist(devices);
}

static enum tr_lease_word word_of(int error)
{
    return error == ERROR_CONFLICT ? TR_LEASE_NO_PORT
           : error < 0             ? TR_LEASE_SILENT
                                   : TR_LEASE_SAYS_NO;
}

static uint16_t port_after(uint16_t port)
{
    return (uint16_t)(port < UINT16_MAX - PORT_STEP ? port + PORT_STEP
                                                    : PORT_LEAST + port % PORT_STEP);
}

/* One AddPortMapping; returns its error, 0 none. */
static int add(const struct tr_igd *igd, const struct tr_errand *errand, uint16_t port,
               uint32_t lease_s)
{
    char local[INET_ADDRSTRLEN], external[8], internal[8], lease[12];
    text_of(&errand->local, local);
    snprintf(external, sizeof(external), "%u", port);
    snprintf(internal, sizeof(internal), "%u", errand->local.port);
    snprintf(lease, sizeof(lease), "%u", lease_s);
    return UPNP_AddPortMapping(igd->control, igd->type, external, internal, local, "tryst", "UDP",
                               NULL, lease);
}

/* Asks the service that is known. */
static bool service_ask(const struct tr_igd *igd, const struct tr_errand *errand,
                        struct tr_lease_answer *answer)
{
    char text[64] = "";
    struct tryst_address external = {.family = 4, .port = errand->external_port};
    uint32_t lease_s = errand->lifetime_s;
    int error = UPNP_GetExternalIPAddress(igd->control, igd->type, text);
    answer->word = error != 0 ? word_of(error) : TR_LEASE_NONSENSE;
    if (error != 0 || inet_pton(AF_INET, text, external.ip) != 1)
        return true;
    for (int i = 0; i < PORTS_TRIED; i++) {
        if (is_woken(errand))
            return false;
        error = add(igd, errand, external.port, lease_s);
        if (error == ERROR_ONLY_PERMANENT && lease_s != 0)
            lease_s = 0; /* some know no leases: it is removed at the end, and asked for again */
        else if (error == ERROR_CONFLICT)
            external.port = port_after(external.port);
        else
            break;
    }
    answer->word = word_of(error);
    if (error == 0)
        *answer = (struct tr_lease_answer){TR_LEASE_GRANTED, external, errand->lifetime_s};
    return true;
}

static void service_remove(const struct tr_igd *igd, const struct tr_errand *errand)
{
    char port[8];
    snprintf(port, sizeof(port), "%u", errand->external_port);
    UPNP_DeletePortMapping(igd->control, igd->type, port, "UDP", NULL);
}

bool tr_igd_ask(struct tr_igd *igd, const struct tr_errand *errand, struct tr_lease_answer *answer)
{
    *answer = (struct tr_lease_answer){.word = TR_LEASE_SILENT};
    if (errand->lifetime_s == 0) {
        if (igd->control[0] != '\0')
            service_remove(igd, errand);
        return true;
    }
    if (is_woken(errand))
        return false;
    if (igd->control[0] == '\0')
        return true;
    bool is_through = service_ask(igd, errand, answer);
    igd->is_silent = is_through && answer->word == TR_LEASE_SILENT;
    return is_through;
}

#endif
