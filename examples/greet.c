/* The whole of a peer-to-peer program: joins a session, greets everyone, prints what it hears.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <tryst/tryst.h>

int main(int argc, char **argv)
{
    struct tryst_options options = {.struct_size = sizeof options, .server = argv[argc - 1]};
    struct tryst_client *client = NULL; /* the server is HOST:PORT#KEY, the line trystd prints */
    struct tryst_event event;
    tryst_client_create(&client, NULL, &options);
    tryst_client_join(client, "duel", NULL, 0);
    while (tryst_client_run(client, -1) >= 0)
        while (tryst_client_poll(client, &event) > 0)
            if (event.type == TRYST_EVENT_JOINED)
                tryst_client_send(client, event.peer, "hello", 5);
            else if (event.type == TRYST_EVENT_MESSAGE)
                printf("%.*s\n", (int)event.size, (const char *)event.data);
}
