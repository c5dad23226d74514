/* A look into an endpoint, for stories that tell lies in its name.
 * SPDX-License-Identifier: MIT */
#include "lib/core/endpoint_state.h"
struct tr_nat *sim_peek_nat(struct tryst_endpoint *endpoint);
struct tr_nat *sim_peek_nat(struct tryst_endpoint *endpoint)
{
    return &endpoint->rendezvous.nat;
}
