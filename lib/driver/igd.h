/* The home router asked by UPnP, by libminiupnpc. Its calls wait: up to a second for the search, up to three
 * for an exchange with a router that does not answer. Between them a wake is looked for.
 * SPDX-License-Identifier: MIT */
#ifndef TR_IGD_H
#define TR_IGD_H

#include "lib/driver/errand.h"

/* The service that granted the mapping; empty strings: none did. */
struct tr_igd {
    char control[256];
    char type[128];
    bool is_silent; /* when it was asked last: it may have begun anew, and listen elsewhere */
};

/* Whether it need not be searched. */
bool tr_igd_is_known(const struct tr_igd *igd);

/* Searches the gateway, if it is connected: a second, or some more. Nothing is asked of it. Answers of
 * other hosts are passed over; what was known before stays where none is found. */
void tr_igd_find(struct tr_igd *igd, const struct tr_errand *errand);

/* Asks for the mapping, its renewal or its removal; false when woken. */
bool tr_igd_ask(struct tr_igd *igd, const struct tr_errand *errand, struct tr_lease_answer *answer);

#endif
