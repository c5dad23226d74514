/* Homes and offices: a kind of NAT or firewall, and the hosts behind it.
 * SPDX-License-Identifier: MIT */
#include "tests/sim/sim_site.h"

#include "tests/sim/sim_world.h"

const char *sim_site_name(enum sim_site_kind kind)
{
    static const char *const names[] = {
#define SIM_SITE_TEXT(name, text) text,
        SIM_SITES(SIM_SITE_TEXT)
#undef SIM_SITE_TEXT
    };
    return kind < SIM_SITE_COUNT ? names[kind] : "?";
}

struct sim_behaviour sim_site_behaviour(enum sim_site_kind kind)
{
    struct sim_behaviour b = {.mapping = SIM_EIM, .filter = SIM_APDF, .ports = SIM_PORTS_KEEP};
    switch (kind) {
    case SIM_SITE_PUBLIC:
    case SIM_SITE_FIREWALL:
        b.mapping = SIM_NO_MAPPING;
        break;
    case SIM_SITE_CONE:
        b.filter = SIM_EIF;
        break;
    case SIM_SITE_RESTRICTED:
        b.filter = SIM_ADF;
        b.ports = SIM_PORTS_RANDOM;
        break;
    case SIM_SITE_SYMMETRIC_ADM:
        b.mapping = SIM_ADM;
        b.ports = SIM_PORTS_NEXT;
        break;
    case SIM_SITE_SYMMETRIC:
        b.mapping = SIM_APDM;
        b.ports = SIM_PORTS_RANDOM;
        break;
    default:
        break;
    }
    return b;
}

static struct sim_site *make(struct sim_world *w, enum sim_site_kind kind,
                             struct sim_segment *outer, struct tryst_address ip, uint32_t delay_us,
                             bool has_ipv6)
{
    struct sim_site *site = sim_keep(w, sizeof *site);
    struct sim_behaviour v4 = sim_site_behaviour(kind);
    /* RFC 6092: simple security of IPv6 homes is a stateful filter, nothing is translated. */
    struct sim_behaviour v6 = {.mapping = SIM_NO_MAPPING, .filter = SIM_APDF};
    site->kind = kind;
    site->delay_us = delay_us;
    site->has_ipv6 = has_ipv6;
    site->net6 = ++w->net.public6;
    if (kind == SIM_SITE_PUBLIC) {
        site->lan = outer;
        return site;
    }
    site->box = sim_box_make(w, outer, ip, &v4, &v6, delay_us);
    site->lan = site->box->inner;
    return site;
}

struct sim_site *sim_site_home(struct sim_world *w, struct sim_segment *outer, uint32_t delay_us)
{
    uint32_t n = ++w->net.public4;
    struct tryst_address ip = sim_ip4(100, 64, (uint8_t)(n >> 8), (uint8_t)n, 0);
    return make(w, SIM_SITE_PORT, outer, ip, delay_us, false);
}

static struct sim_site *make_any(struct sim_world *w, enum sim_site_kind kind, uint32_t delay_us,
                                 bool has_ipv6)
{
    if (kind != SIM_SITE_CARRIER)
        return make(w, kind, &w->net.core, sim_net_public4(w), delay_us, has_ipv6);
    struct sim_behaviour v4 = sim_site_behaviour(kind);
    struct sim_behaviour v6 = {.mapping = SIM_NO_MAPPING, .filter = SIM_EIF};
    v4.ports = SIM_PORTS_RANDOM;
    struct sim_box *carrier = sim_box_make(w, &w->net.core, sim_net_public4(w), &v4, &v6, 0);
    struct sim_site *site = sim_site_home(w, carrier->inner, delay_us);
    site->kind = kind;
    site->carrier = carrier;
    site->has_ipv6 = has_ipv6;
    return site;
}

struct sim_site *sim_site_make(struct sim_world *w, enum sim_site_kind kind, uint32_t delay_us)
{
    return make_any(w, kind, delay_us, false);
}

struct sim_site *sim_site_make_ipv6(struct sim_world *w, enum sim_site_kind kind, uint32_t delay_us)
{
    return make_any(w, kind, delay_us, true);
}

struct sim_attach *sim_site_attach(struct sim_world *w, struct sim_site *site,
                                   struct sim_host *host)
{
    struct tryst_address ip6 = {0};
    site->hosts++;
    if (site->has_ipv6)
        ip6 = sim_ip6(site->net6, site->hosts, 0);
    /* Most homes have the same few networks; strangers do share addresses, as in the world. */
    struct tryst_address ip4 =
        site->box != NULL && sim_box_translates(site->box, 4)
            ? sim_ip4(192, 168, 1, (uint8_t)(2 + (site->hosts * 37 + site->net6) % 250), 0)
            : sim_net_public4(w);
    return sim_host_attach(w, host, site->lan, ip4, ip6, site->box == NULL ? site->delay_us : 0);
}

struct sim_client *sim_site_client(struct sim_world *w, struct sim_site *site)
{
    struct sim_host *host = sim_host_make(w, (uint16_t)(5000 + site->hosts));
    sim_site_attach(w, site, host);
    return sim_client_make(w, host);
}

struct sim_client *sim_client_at(struct sim_world *w, enum sim_site_kind kind, uint32_t delay_us)
{
    return sim_site_client(w, sim_site_make(w, kind, delay_us));
}

uint64_t sim_client_line_us(const struct sim_client *c)
{
    uint64_t line_us = 0;
    for (const struct sim_attach *attach = c->host->ifaces[0]; attach != NULL;
         attach = attach->segment->gateway != NULL ? attach->segment->gateway->outer : NULL)
        line_us += attach->link.up.delay_us;
    return line_us;
}

struct sim_link *sim_client_uplink(struct sim_client *c)
{
    struct sim_attach *attach = c->host->ifaces[0];
    struct sim_box *box = attach->segment->gateway;
    return box != NULL ? &box->outer->link : &attach->link;
}
