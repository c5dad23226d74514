/* Who is in the session: a participant's handle, its key as text and what it calls itself.
 * SPDX-License-Identifier: MIT */
#ifndef TOOL_PEOPLE_H
#define TOOL_PEOPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tryst/tryst.h>

struct person {
    uint32_t peer;
    bool is_connected;
    bool is_greeted; /* got the text of --send */
    size_t name_size;
    char name[TRYST_USER_DATA_MAX]; /* as it came over the network */
    char key[TRYST_KEY_TEXT_SIZE];
};

struct people {
    struct person *list;
    size_t count;
    size_t room;
};

/* NULL: no memory. The pointer is good until the next add or remove. */
struct person *people_add(struct people *people, const struct tryst_event *joined);
struct person *people_find(const struct people *people, uint32_t peer);
void people_remove(struct people *people, uint32_t peer);
void people_clear(struct people *people);

#endif
