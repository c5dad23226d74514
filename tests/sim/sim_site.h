/* Homes and offices: a kind of NAT or firewall, and the hosts behind it.
 * SPDX-License-Identifier: MIT */
#ifndef SIM_SITE_H
#define SIM_SITE_H

#include "tests/sim/sim_client.h"
#include "tests/sim/sim_nat.h"

/* X(name, text). Filtering by address and port where nothing else is said. */
#define SIM_SITES(X)                                                                               \
    X(PUBLIC, "public")                                                                            \
    X(FIREWALL, "firewall")          /* stateful, public addresses behind it */                    \
    X(CONE, "full-cone")             /* EIM, EIF */                                                \
    X(RESTRICTED, "restricted")      /* EIM, ADF */                                                \
    X(PORT, "port-restricted")       /* EIM, APDF: plain masquerade */                             \
    X(CARRIER, "carrier")            /* port-restricted behind port-restricted */                  \
    X(SYMMETRIC_ADM, "symmetric-ip") /* ADM, APDF, sequential ports */                             \
    X(SYMMETRIC, "symmetric")        /* APDM, APDF, random ports */

enum sim_site_kind {
#define SIM_SITE_ROW(name, text) SIM_SITE_##name,
    SIM_SITES(SIM_SITE_ROW)
#undef SIM_SITE_ROW
        SIM_SITE_COUNT,
};

struct sim_site {
    enum sim_site_kind kind;
    struct sim_segment *lan;
    struct sim_box *box;     /* NULL: public */
    struct sim_box *carrier; /* NULL: none */
    uint32_t delay_us;
    bool has_ipv6;
    uint32_t net6;
    uint32_t hosts;
};

const char *sim_site_name(enum sim_site_kind kind);
struct sim_behaviour sim_site_behaviour(enum sim_site_kind kind);

/* A site whose uplink takes delay_us one way. */
struct sim_site *sim_site_make(struct sim_world *w, enum sim_site_kind kind, uint32_t delay_us);
struct sim_site *sim_site_make_ipv6(struct sim_world *w, enum sim_site_kind kind,
                                    uint32_t delay_us);

/* A port-restricted home in somebody's segment: a carrier's, say. */
struct sim_site *sim_site_home(struct sim_world *w, struct sim_segment *outer, uint32_t delay_us);

/* Gives a host one more interface, in a site. */
struct sim_attach *sim_site_attach(struct sim_world *w, struct sim_site *site,
                                   struct sim_host *host);

/* A client on a host of its own in a site; and the same in a new site. */
struct sim_client *sim_site_client(struct sim_world *w, struct sim_site *site);
struct sim_client *sim_client_at(struct sim_world *w, enum sim_site_kind kind, uint32_t delay_us);

/* The cable that carries all of a client's traffic to the Internet. */
struct sim_link *sim_client_uplink(struct sim_client *c);

#endif
