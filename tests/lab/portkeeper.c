/* Keeps a port of the home router open as a client does, with a lease of any length, and tells what it has.
 *
 * portkeeper --device NAME --local IPV4:PORT --lease SECONDS
 *
 * Each change is a line: the state, the protocol, the external address, how many seconds it is granted for.
 * SIGTERM gives the port back. Ends with 0, 1 for an error, 2 for a wrong call.
 * SPDX-License-Identifier: MIT */
#include "lib/driver/mapper.h"

#include <getopt.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <tryst/portmap.h>

enum { LEAST_S = 8, MOST_S = 3600, LOOK_MS = 500 };

static volatile sig_atomic_t is_ended;

static void end(int sign)
{
    (void)sign;
    is_ended = 1;
}

static int usage(void)
{
    fprintf(stderr, "usage: portkeeper --device NAME --local IPV4:PORT --lease SECONDS\n");
    return 2;
}

static void tell(const struct tryst_portmap *known)
{
    char text[TRYST_ADDRESS_TEXT_SIZE] = "-";
    if (known->external.family != 0)
        tryst_address_format(&known->external, text, sizeof text);
    printf("%s %s %s %u\n", tryst_portmap_state_name(known->state),
           tryst_portmap_protocol_name(known->protocol), text, known->lifetime_s);
    fflush(stdout);
}

static int keep(const struct tryst_address *local, uint32_t lease_s)
{
    uint8_t nonce[12];
    if (getrandom(nonce, sizeof nonce, 0) != (ssize_t)sizeof nonce)
        return 1;
    struct tr_mapper *mapper = tr_mapper_create(nonce, lease_s);
    if (mapper == NULL)
        return 1;
    tr_mapper_set_local(mapper, local);
    while (!is_ended) {
        struct tryst_portmap known;
        struct pollfd news = {.fd = tr_mapper_fd(mapper), .events = POLLIN};
        if (poll(&news, 1, LOOK_MS) > 0 && tr_mapper_take(mapper, &known))
            tell(&known);
    }
    tr_mapper_destroy(mapper);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"device", required_argument, NULL, 'd'},
                                            {"local", required_argument, NULL, 'o'},
                                            {"lease", required_argument, NULL, 'l'},
                                            {0}};
    struct tryst_address local = {0};
    unsigned long lease_s = 0;
    unsigned device = 0;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'd')
            device = if_nametoindex(optarg);
        else if (option == 'o' && tryst_address_parse(&local, optarg) != TRYST_OK)
            return usage();
        else if (option == 'l')
            lease_s = strtoul(optarg, NULL, 10);
        else if (option == '?')
            return usage();
    }
    if (optind != argc || device == 0 || local.family != 4 || local.port == 0 ||
        lease_s < LEAST_S || lease_s > MOST_S)
        return usage();
    local.scope = device;
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = end}, NULL);
    return keep(&local, (uint32_t)lease_s);
}
