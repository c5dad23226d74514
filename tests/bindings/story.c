/* One story told three times, in C: two players meet, talk, err and part, and a third one finds no room.
 * story.py and story.lua print the same lines.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tryst/tryst.h>

enum { ANN, BEN, CAT, PLAYERS };

static struct tryst_client *players[PLAYERS];

static void fail(const char *what)
{
    printf("failed: %s\n", what);
    exit(1);
}

/* Runs everybody until one of them has an event of a type. */
static struct tryst_event await(int who, uint32_t type)
{
    struct tryst_event event;
    for (int turn = 0; turn < 10000; turn++) {
        for (int each = 0; each < PLAYERS; each++)
            tryst_client_run(players[each], 1);
        while (tryst_client_poll(players[who], &event) > 0)
            if (event.type == type)
                return event;
    }
    fail(tryst_event_name(type));
    return event;
}

static void show_data(const char *what, const void *data, size_t size)
{
    printf("%s %u bytes:", what, (unsigned)size);
    for (size_t i = 0; i < size; i++)
        printf(" %02x", ((const uint8_t *)data)[i]);
    printf("\n");
}

static void show_key(const char *what, const uint8_t key[TRYST_KEY_SIZE])
{
    char text[TRYST_KEY_TEXT_SIZE];
    tryst_key_format(key, text, sizeof(text));
    printf("%s %s\n", what, text);
}

static void show_failure(const char *what, tryst_result result)
{
    printf("%s: %s\n", what, tryst_result_text(result));
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
    options.relay = TRYST_RELAY_DENY; /* one path, and so one line of it */
    if (tryst_identity_from_seed(&identity, secret, sizeof(secret)) != TRYST_OK ||
        tryst_client_create(&client, identity, &options) != TRYST_OK)
        fail("no player");
    tryst_identity_destroy(identity);
    return client;
}

static void values(void)
{
    struct tryst_address address = {0};
    char text[TRYST_ADDRESS_TEXT_SIZE];
    tryst_address_parse(&address, "[::ffff:192.168.1.2]:7");
    address = tryst_address_canonical(&address);
    tryst_address_format(&address, text, sizeof(text));
    printf("%s is %s\n", text, tryst_address_class_name(tryst_address_classify(&address)));
    show_failure("an address", tryst_address_parse(&address, "nowhere"));
    printf("a message of %d bytes at most, user data of %d\n", TRYST_MESSAGE_MAX,
           TRYST_USER_DATA_MAX);
}

/* Returns Ben's handle of Ann. */
static uint32_t meet(void)
{
    static const char name[] = "Ann"; /* its NUL is sent, too */
    uint8_t key[TRYST_KEY_SIZE], much[TRYST_USER_DATA_MAX + 1] = {0};
    struct tryst_event event;
    uint32_t to_ann;
    tryst_client_public_key(players[ANN], key);
    show_key("Ann is", key);
    show_failure("a send", tryst_client_send(players[ANN], 1, "x", 1));
    show_failure("much user data", tryst_client_join(players[ANN], "room", much, sizeof(much)));
    tryst_client_join(players[ANN], "room", name, sizeof(name));
    show_failure("a second join", tryst_client_join(players[ANN], "room", NULL, 0));
    event = await(ANN, TRYST_EVENT_REGISTERED);
    printf("Ann: %s from %s\n", tryst_event_name(event.type),
           tryst_address_class_name(tryst_address_classify(&event.address)));
    tryst_client_join(players[BEN], "room", NULL, 0);
    event = await(BEN, TRYST_EVENT_JOINED);
    to_ann = event.peer;
    show_key("Ben: joined by", event.key);
    show_data("Ben: joined with", event.data, event.size);
    event = await(BEN, TRYST_EVENT_CONNECTED);
    printf("Ben: %s, %s\n", tryst_event_name(event.type), tryst_path_name(event.path));
    return to_ann;
}

/* Returns Ann's handle of Ben. */
static uint32_t talk(uint32_t to_ann)
{
    static const uint8_t question[] = {0, 1, 0, 255}, answer[] = {'y', 0, 's', 0};
    static const uint8_t much[TRYST_MESSAGE_MAX + 1];
    struct tryst_stats stats;
    struct tryst_event event;
    uint32_t to_ben;
    tryst_client_send(players[BEN], to_ann, question, sizeof(question));
    event = await(ANN, TRYST_EVENT_MESSAGE);
    to_ben = event.peer;
    show_data("Ann: message of", event.data, event.size);
    tryst_client_send(players[ANN], to_ben, answer, sizeof(answer));
    event = await(BEN, TRYST_EVENT_MESSAGE);
    show_data("Ben: message of", event.data, event.size);
    tryst_client_send(players[ANN], to_ben, much, TRYST_MESSAGE_MAX);
    event = await(BEN, TRYST_EVENT_MESSAGE);
    printf("Ben: message of %u bytes\n", (unsigned)event.size);
    show_failure("too much", tryst_client_send(players[ANN], to_ben, much, sizeof(much)));
    show_failure("nothing", tryst_client_send(players[ANN], to_ben, "", 0));
    show_failure("a stranger", tryst_client_send(players[ANN], to_ben + 1000, "x", 1));
    tryst_client_stats(players[ANN], &stats);
    printf("Ann: %u connected, %u sent, %u received\n", stats.connected,
           (unsigned)stats.messages_sent, (unsigned)stats.messages_received);
    return to_ben;
}

static void part(uint32_t to_ben)
{
    struct tryst_event event;
    tryst_client_join(players[CAT], "room", NULL, 0);
    event = await(CAT, TRYST_EVENT_REFUSED);
    printf("Cat: %s, %s; again in %u ms\n", tryst_event_name(event.type),
           tryst_reason_text(event.reason), event.retry_ms);
    tryst_client_leave(players[BEN]);
    event = await(ANN, TRYST_EVENT_LEFT);
    printf("Ann: %s, %s\n", tryst_event_name(event.type), tryst_reason_text(event.reason));
    show_failure("a farewell", tryst_client_send(players[ANN], to_ben, "x", 1));
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    values();
    for (int who = 0; who < PLAYERS; who++)
        players[who] = player(argv[1], (uint8_t)(who + 1));
    part(talk(meet()));
    for (int who = 0; who < PLAYERS; who++)
        tryst_client_destroy(players[who]);
    printf("the end\n");
}
