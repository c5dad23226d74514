/* Counts the memory that the product holds: malloc and its kin are wrapped by the linker.
 * SPDX-License-Identifier: MIT */
#ifndef SIM_METER_H
#define SIM_METER_H

#include <stdbool.h>
#include <stdint.h>

struct sim_meter {
    int64_t bytes; /* held now, as malloc_usable_size counts */
    int64_t peak;
    uint64_t calls; /* allocations so far */
};

/* Whose memory is counted; NULL between calls into the product. */
extern struct sim_meter *sim_meter_now;

/* Whether the program was linked so that anything is counted. */
bool sim_meter_works(void);

#endif
