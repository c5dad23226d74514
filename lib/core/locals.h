/* The host's own addresses, in slots that they keep: paths name a local address by its slot.
 * SPDX-License-Identifier: MIT */
#ifndef TR_LOCALS_H
#define TR_LOCALS_H

#include <stdbool.h>
#include <tryst/address.h>
#include <tryst/options.h>

/* All zeros at the start. */
struct tr_locals {
    struct tryst_address slots[TRYST_LOCAL_MAX]; /* family 0 where empty */
    uint8_t order[TRYST_LOCAL_MAX];              /* slots, best first */
    uint8_t count;
    uint8_t extra; /* bits: slots that are not the kernel's first choice of their family */
};

/* The canonical form of addresses of family 4 or 6, each once, in their order: of the first
 * TRYST_LOCAL_MAX. Returns how many. */
size_t tr_locals_clean(struct tryst_address list[TRYST_LOCAL_MAX],
                       const struct tryst_address *addresses, size_t count);

/* Takes a clean list; what stays keeps its slot. dropped: bits of the slots whose paths go, as their
 * address is gone, or is reached by the kernel's choice from now on. Returns whether anything but the
 * order changed. */
bool tr_locals_set(struct tr_locals *locals, const struct tryst_address *list, size_t count,
                   uint8_t *dropped);

/* Best first, at most max; returns how many were written. */
size_t tr_locals_list(const struct tr_locals *locals, struct tryst_address *list, size_t max);

/* The extra ones, best first; returns how many. */
size_t tr_locals_extra(const struct tr_locals *locals, struct tryst_address list[TRYST_LOCAL_MAX]);

/* The slot whose address a datagram came to, when it is one that we choose by ourselves; else
 * TR_LOCAL_ANY. to: NULL where that is not known. */
uint8_t tr_locals_find(const struct tr_locals *locals, const struct tryst_address *to);

#endif
