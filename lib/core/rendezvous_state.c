/* What happened is kept here until the endpoint asks for it.
 * SPDX-License-Identifier: MIT */
#include "lib/core/rendezvous_state.h"

void tr_rendezvous_fact(struct tr_rendezvous *rendezvous, const struct tr_fact *fact)
{
    if (rendezvous->fact_count < TR_FACTS_MAX)
        rendezvous->facts[rendezvous->fact_count++] = *fact;
}
