/* Who is in the session: a participant's handle, its key as text and what it calls itself.
 * SPDX-License-Identifier: MIT */
#include "tools/people.h"
#include <stdlib.h>
#include <string.h>

struct person *people_find(const struct people *people, uint32_t peer)
{
    for (size_t i = 0; i < people->count; i++)
        if (people->list[i].peer == peer)
            return &people->list[i];
    return NULL;
}

struct person *people_add(struct people *people, const struct tryst_event *joined)
{
    struct person *person;

    if (people->count == people->room) {
        size_t room = people->room ? people->room * 2 : 8;
        struct person *list = realloc(people->list, room * sizeof *list);
        if (!list)
            return NULL;
        people->list = list;
        people->room = room;
    }
    person = &people->list[people->count++];
    memset(person, 0, sizeof *person);
    person->peer = joined->peer;
    person->name_size = joined->size < sizeof person->name ? joined->size : sizeof person->name;
    if (person->name_size > 0)
        memcpy(person->name, joined->data, person->name_size);
    tryst_key_format(joined->key, person->key, sizeof person->key);
    return person;
}

void people_remove(struct people *people, uint32_t peer)
{
    struct person *person = people_find(people, peer);

    if (person)
        *person = people->list[--people->count];
}

void people_clear(struct people *people)
{
    free(people->list);
    memset(people, 0, sizeof *people);
}
