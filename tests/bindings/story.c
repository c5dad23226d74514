/* One story told three times, in C: two players meet, talk, err and part. story.py and story.lua print
 * the same lines.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tryst/tryst.h>

static struct tryst_client *ann, *ben;

static void fail(const char *what)
{
    printf("failed: %s\n", what);
    exit(1);
}

/* Runs both until one of them has an event of a type. */
static struct tryst_event await(struct tryst_client *client, uint32_t type)
{
    struct tryst_event event;
    for (int turn = 0; turn < 10000; turn++) {
        tryst_client_run(ann, 1);
        tryst_client_run(ben, 1);
        while (tryst_client_poll(client, &event) > 0)
            if (event.type == type)
                return event;
    }
    fail(tryst_event_name(type));
    return event;
}

static void show_data(const char *what, const void *data, size_t size)
{
    printf("%s", what);
    for (size_t i = 0; i < size; i++)
        printf(" %02x", ((const uint8_t *)data)[i]);
    printf("\n");
}

static struct tryst_client *player(const char *pin, uint8_t seed)
{
    uint8_t secret[TRYST_KEY_SIZE];
    struct tryst_identity *identity;
    struct tryst_options options;
    struct tryst_client *client;
    memset(secret, seed, sizeof(secret));
    tryst_options_init(&options);
    options.server = pin;
    options.app = "story";
    if (tryst_identity_from_seed(&identity, secret, sizeof(secret)) != TRYST_OK ||
        tryst_client_create(&client, identity, &options) != TRYST_OK)
        fail("no player");
    tryst_identity_destroy(identity);
    return client;
}

static void show_key(const char *name, const struct tryst_client *client)
{
    uint8_t key[TRYST_KEY_SIZE];
    char text[TRYST_KEY_TEXT_SIZE];
    tryst_client_public_key(client, key);
    tryst_key_format(key, text, sizeof(text));
    printf("%s is %s\n", name, text);
}

static void show_failure(const char *what, tryst_result result)
{
    printf("%s: %s\n", what, tryst_result_text(result));
}

static void show_values(void)
{
    struct tryst_address address = {0};
    char text[TRYST_ADDRESS_TEXT_SIZE];
    tryst_address_parse(&address, "[::ffff:192.168.1.2]:7");
    address = tryst_address_canonical(&address);
    tryst_address_format(&address, text, sizeof(text));
    printf("%s is %s\n", text, tryst_address_class_name(tryst_address_classify(&address)));
    show_failure("an address", tryst_address_parse(&address, "nowhere"));
}

int main(int argc, char **argv)
{
    static const uint8_t bytes[] = {0, 1, 0, 255};
    struct tryst_stats stats;
    struct tryst_event event;
    uint32_t to_ann, to_ben;
    if (argc != 2)
        return 2;
    show_values();
    ann = player(argv[1], 1);
    ben = player(argv[1], 2);
    show_key("Ann", ann);
    show_failure("a send", tryst_client_send(ann, 1, "x", 1));
    tryst_client_join(ann, "room", "Ann\0", 4);
    show_failure("a second join", tryst_client_join(ann, "room", NULL, 0));
    event = await(ann, TRYST_EVENT_REGISTERED);
    printf("Ann: %s\n", tryst_event_name(event.type));
    tryst_client_join(ben, "room", NULL, 0);
    event = await(ben, TRYST_EVENT_JOINED);
    to_ann = event.peer;
    show_data("Ben: joined with", event.data, event.size);
    event = await(ben, TRYST_EVENT_CONNECTED);
    printf("Ben: %s, %s\n", tryst_event_name(event.type), tryst_path_name(event.path));
    tryst_client_send(ben, to_ann, bytes, sizeof(bytes));
    event = await(ann, TRYST_EVENT_MESSAGE);
    to_ben = event.peer;
    show_data("Ann: message", event.data, event.size);
    tryst_client_send(ann, to_ben, "answer", 6);
    event = await(ben, TRYST_EVENT_MESSAGE);
    printf("Ben: message %.*s\n", (int)event.size, (const char *)event.data);
    show_failure("too much", tryst_client_send(ann, to_ben, (uint8_t[1151]){0}, 1151));
    tryst_client_stats(ann, &stats);
    printf("Ann: %u connected, %u received\n", stats.connected, (unsigned)stats.messages_received);
    tryst_client_leave(ben);
    event = await(ann, TRYST_EVENT_LEFT);
    printf("Ann: %s, %s\n", tryst_event_name(event.type), tryst_reason_text(event.reason));
    tryst_client_destroy(ann);
    tryst_client_destroy(ben);
    printf("the end\n");
}
