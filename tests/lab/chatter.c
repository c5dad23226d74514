/* A participant for the lab: says a numbered message to everybody every few milliseconds, and tells what
 * happened and what came, one JSON object a line, in microseconds of CLOCK_MONOTONIC.
 *
 * chatter --server HOST:PORT#KEY --session NAME [OPTION]...
 *
 * Its lines: {"event": "join"} when it joins; the events of tryst/event.h but for messages; "first", the
 * first message from a peer; for SIGUSR1 or the command "tell" a "sum" for each peer since the last one,
 * and "told" after them. Commands come on the standard input, one a line:
 *
 *     tell       the sums, and a new window; gaps go on over its start
 *     start      a new window, whose gaps count from now; answered by "started"
 *     period MS  how often it speaks from now on, 0 never
 *     size N     of its messages; 0: 40 to 1100, mixed
 *
 * A sum says: sent, and last (the number of the newest one sent, in all); highest and base (the highest
 * number received, now and when the window began), received, lost (of those between), duplicates, behind
 * (came after one with a higher number), gap_us (the longest time without one, up to now), first_us (when
 * the first one came, 0 none), age_us (the longest that one was under way).
 *
 * SIGTERM leaves. Ends with 0, 1 for an error, 2 for a wrong call.
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <tryst/tryst.h>
#include <unistd.h>

/* SEEN: numbers that are told from duplicates, in bits; at 50 a second, those of 20 minutes. */
enum { OTHERS_MAX = 16, SEEN = 65536, IDLE_MS = 50, MIXED_LEAST = 40, MIXED_MOST = 1100 };

/* What every message starts with. */
struct said {
    uint32_t run; /* of its sender: another one counts from 1 again */
    uint32_t reserved;
    uint64_t number;
    uint64_t us;
};

struct heard {
    uint32_t run;
    uint64_t highest, base, received, duplicates, behind;
    uint64_t last_us, gap_us, first_us, age_us;
    uint64_t seen[SEEN / 64]; /* by number modulo SEEN, those up to SEEN below the highest */
};

struct other {
    uint32_t handle; /* 0: it left */
    char key[TRYST_KEY_TEXT_SIZE];
    uint64_t said, said_base;
    struct heard heard;
};

struct chatter {
    struct tryst_client *client;
    struct other others[OTHERS_MAX];
    size_t count;
    uint32_t run;
    uint32_t period_ms;
    uint32_t size; /* 0: mixed */
    uint64_t next_us;
    char line[128]; /* of the standard input, so far */
    size_t typed;
    bool is_deaf; /* the standard input ended */
};

static volatile sig_atomic_t is_over, is_asked;

static void on_signal(int number)
{
    if (number == SIGUSR1)
        is_asked = 1;
    else
        is_over = 1;
}

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

static void tell(const char *event)
{
    printf("{\"event\":\"%s\",\"us\":%" PRIu64 "}\n", event, now());
}

static struct other *find(struct chatter *chatter, uint32_t handle)
{
    for (size_t i = 0; i < chatter->count; i++)
        if (chatter->others[i].handle == handle)
            return &chatter->others[i];
    return NULL;
}

static void join_take(struct chatter *chatter, const struct tryst_event *event)
{
    struct other *other = find(chatter, event->peer);

    if (other == NULL)
        other = find(chatter, 0);
    if (other == NULL && chatter->count < OTHERS_MAX)
        other = &chatter->others[chatter->count++];
    if (other == NULL)
        return;
    memset(other, 0, sizeof *other);
    other->handle = event->peer;
    tryst_key_format(event->key, other->key, sizeof other->key);
    other->heard.last_us = now();
}

static void number_take(struct heard *heard, uint64_t number)
{
    uint64_t *word = &heard->seen[number % SEEN / 64];
    uint64_t bit = UINT64_C(1) << (number % 64);

    if (number + SEEN <= heard->highest) {
        heard->behind++;
        return;
    }
    for (uint64_t i = heard->highest + 1; i <= number && i <= heard->highest + SEEN; i++)
        heard->seen[i % SEEN / 64] &= ~(UINT64_C(1) << (i % 64));
    if (number <= heard->highest && (*word & bit) != 0) {
        heard->duplicates++;
        return;
    }
    *word |= bit;
    if (number < heard->highest)
        heard->behind++;
    else
        heard->highest = number;
    if (number > heard->base)
        heard->received++;
}

static void message_take(struct chatter *chatter, const struct tryst_event *event)
{
    struct other *other = find(chatter, event->peer);
    struct said said;
    uint64_t now_us = now();

    if (other == NULL || event->size < sizeof said)
        return;
    memcpy(&said, event->data, sizeof said);
    struct heard *heard = &other->heard;
    if (heard->run != said.run) {
        printf("{\"event\":\"first\",\"us\":%" PRIu64 ",\"peer\":%" PRIu32 "}\n", now_us,
               other->handle);
        uint64_t last_us = heard->last_us;
        memset(heard, 0, sizeof *heard);
        heard->run = said.run;
        heard->last_us = last_us;
    }
    if (now_us - heard->last_us > heard->gap_us)
        heard->gap_us = now_us - heard->last_us;
    heard->last_us = now_us;
    if (heard->first_us == 0)
        heard->first_us = now_us;
    if (now_us > said.us && now_us - said.us > heard->age_us)
        heard->age_us = now_us - said.us;
    number_take(heard, said.number);
}

static void event_tell(const struct tryst_event *event, const char *key)
{
    char address[TRYST_ADDRESS_TEXT_SIZE];

    tryst_address_format(&event->address, address, sizeof address);
    printf("{\"event\":\"%s\",\"us\":%" PRIu64 ",\"peer\":%" PRIu32
           ",\"key\":\"%s\",\"path\":\"%s\","
           "\"kind\":\"%s\",\"address\":\"%s\",\"rtt_us\":%" PRIu32 ",\"stage\":\"%s\","
           "\"reason\":\"%s\"}\n",
           tryst_event_name(event->type), now(), event->peer, key, tryst_path_name(event->path),
           tryst_kind_name(event->kind), address, event->rtt_us, tryst_stage_name(event->stage),
           tryst_reason_text(event->reason));
}

static void event_take(struct chatter *chatter, const struct tryst_event *event)
{
    if (event->type == TRYST_EVENT_MESSAGE) {
        message_take(chatter, event);
        return;
    }
    if (event->type == TRYST_EVENT_JOINED)
        join_take(chatter, event);
    struct other *other = event->peer != 0 ? find(chatter, event->peer) : NULL;
    event_tell(event, other != NULL ? other->key : "");
    if (event->type == TRYST_EVENT_LEFT && other != NULL)
        other->handle = 0;
}

/* A new window of sums. is_fresh: what was before it is in no gap. */
static void window_begin(struct chatter *chatter, bool is_fresh)
{
    for (size_t i = 0; i < chatter->count; i++) {
        struct other *other = &chatter->others[i];
        struct heard *heard = &other->heard;
        other->said_base = other->said;
        heard->base = heard->highest;
        heard->received = heard->duplicates = heard->behind = 0;
        heard->gap_us = heard->first_us = heard->age_us = 0;
        if (is_fresh)
            heard->last_us = now();
    }
}

static void sums_tell(struct chatter *chatter)
{
    for (size_t i = 0; i < chatter->count; i++) {
        const struct other *other = &chatter->others[i];
        const struct heard *heard = &other->heard;
        uint64_t now_us = now();
        uint64_t gap_us =
            now_us - heard->last_us > heard->gap_us ? now_us - heard->last_us : heard->gap_us;
        if (other->handle == 0)
            continue;
        printf("{\"event\":\"sum\",\"us\":%" PRIu64 ",\"peer\":%" PRIu32 ",\"sent\":%" PRIu64
               ",\"last\":%" PRIu64 ",\"highest\":%" PRIu64 ",\"base\":%" PRIu64
               ",\"received\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"duplicates\":%" PRIu64
               ",\"behind\":%" PRIu64 ",\"gap_us\":%" PRIu64 ",\"first_us\":%" PRIu64
               ",\"age_us\":%" PRIu64 "}\n",
               now_us, other->handle, other->said - other->said_base, other->said, heard->highest,
               heard->base, heard->received, heard->highest - heard->base - heard->received,
               heard->duplicates, heard->behind, gap_us, heard->first_us, heard->age_us);
    }
    window_begin(chatter, false);
    tell("told");
}

static void say(struct chatter *chatter)
{
    uint8_t bytes[TRYST_MESSAGE_MAX] = {0};
    struct said said = {.run = chatter->run, .us = now()};

    for (size_t i = 0; i < chatter->count; i++) {
        struct other *other = &chatter->others[i];
        size_t size = chatter->size != 0
                          ? chatter->size
                          : MIXED_LEAST + (size_t)rand() % (MIXED_MOST - MIXED_LEAST + 1);
        if (other->handle == 0)
            continue;
        said.number = other->said + 1;
        memcpy(bytes, &said, sizeof said);
        if (tryst_client_send(chatter->client, other->handle, bytes, size) == TRYST_OK)
            other->said++;
    }
    tryst_client_flush(chatter->client);
}

static bool command_take(struct chatter *chatter, const char *line)
{
    unsigned int number = 0;

    if (strcmp(line, "tell") == 0) {
        sums_tell(chatter);
    } else if (strcmp(line, "start") == 0) {
        window_begin(chatter, true);
        tell("started");
    } else if (sscanf(line, "period %u", &number) == 1) {
        chatter->period_ms = number;
        chatter->next_us = now();
    } else if (sscanf(line, "size %u", &number) == 1 && number <= TRYST_MESSAGE_MAX) {
        chatter->size = number != 0 && number < sizeof(struct said) ? sizeof(struct said) : number;
    } else {
        fprintf(stderr, "chatter: not understood: %s\n", line);
        return false;
    }
    return true;
}

/* Whatever waits on the standard input. */
static bool commands_take(struct chatter *chatter)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    char *end;

    while (!chatter->is_deaf && poll(&input, 1, 0) == 1) {
        ssize_t got = read(STDIN_FILENO, chatter->line + chatter->typed,
                           sizeof chatter->line - 1 - chatter->typed);
        chatter->is_deaf = got <= 0;
        chatter->typed += got > 0 ? (size_t)got : 0;
        chatter->line[chatter->typed] = '\0';
        while ((end = strchr(chatter->line, '\n')) != NULL) {
            *end = '\0';
            if (!command_take(chatter, chatter->line))
                return false;
            chatter->typed -= (size_t)(end + 1 - chatter->line);
            memmove(chatter->line, end + 1, chatter->typed + 1);
        }
    }
    return true;
}

/* How long to wait for the network. Speaks when it is time; what sleep made it miss is not said. */
static int32_t pace(struct chatter *chatter)
{
    uint64_t now_us = now();

    if (chatter->period_ms == 0)
        return IDLE_MS;
    if (now_us >= chatter->next_us) {
        say(chatter);
        chatter->next_us += (uint64_t)chatter->period_ms * 1000;
        if (chatter->next_us < now_us)
            chatter->next_us = now_us + (uint64_t)chatter->period_ms * 1000;
    }
    uint64_t wait_ms = (chatter->next_us - now_us + 999) / 1000;
    return wait_ms < IDLE_MS ? (int32_t)wait_ms : IDLE_MS;
}

static bool work(struct chatter *chatter)
{
    struct tryst_event event;

    while (!is_over) {
        if (is_asked) {
            is_asked = 0;
            sums_tell(chatter);
        }
        if (!commands_take(chatter))
            return false;
        tryst_result result = tryst_client_run(chatter->client, pace(chatter));
        if (result < 0 && result != TRYST_E_INTERRUPTED) {
            fprintf(stderr, "chatter: %s (%s)\n", tryst_result_text(result), strerror(errno));
            return false;
        }
        while (tryst_client_poll(chatter->client, &event) == 1)
            event_take(chatter, &event);
        fflush(stdout);
    }
    return true;
}

/* The identity of a file, made where there is none; none without a file: the client makes one. */
static tryst_result identity_get(struct tryst_identity **identity, const char *path)
{
    *identity = NULL;
    if (path == NULL)
        return TRYST_OK;
    if (access(path, F_OK) == 0)
        return tryst_identity_load(identity, path);
    tryst_result result = tryst_identity_create(identity);
    return result == TRYST_OK ? tryst_identity_save(*identity, path) : result;
}

struct wish {
    struct tryst_options options;
    const char *session;
    const char *name;
    const char *key;
};

static bool relay_read(struct tryst_options *options, const char *word)
{
    static const char *const words[] = {
#define TRYST_RELAY_WORD(name, number, text) [number] = (text),
        TRYST_RELAY_USES(TRYST_RELAY_WORD)
#undef TRYST_RELAY_WORD
    };

    for (uint8_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(word, words[i]) == 0) {
            options->relay = i;
            return true;
        }
    return false;
}

static bool wish_read(struct wish *wish, struct chatter *chatter, int argc, char **argv)
{
    static const struct option flags[] = {
        {"server", required_argument, NULL, 's'},
        {"session", required_argument, NULL, 'S'},
        {"name", required_argument, NULL, 'n'},
        {"key", required_argument, NULL, 'k'},
        {"period-ms", required_argument, NULL, 'p'},
        {"size", required_argument, NULL, 'z'},
        {"relay", required_argument, NULL, 'r'},
        {"keepalive", required_argument, NULL, 'a'},
        {NULL, 0, NULL, 0},
    };
    int flag;

    while ((flag = getopt_long(argc, argv, "", flags, NULL)) != -1) {
        char command[64];
        if (flag == 's')
            wish->options.server = optarg;
        else if (flag == 'S')
            wish->session = optarg;
        else if (flag == 'n')
            wish->name = optarg;
        else if (flag == 'k')
            wish->key = optarg;
        else if (flag == 'a') /* "learned", or milliseconds */
            wish->options.keepalive_ms = (uint32_t)strtoul(optarg, NULL, 10);
        else if (flag == 'p' || flag == 'z') {
            snprintf(command, sizeof command, "%s %s", flag == 'p' ? "period" : "size", optarg);
            if (!command_take(chatter, command))
                return false;
        } else if (flag != 'r' || !relay_read(&wish->options, optarg))
            return false;
    }
    return optind == argc && wish->options.server != NULL && wish->session != NULL;
}

int main(int argc, char **argv)
{
    static struct chatter chatter = {.period_ms = 20, .size = 64};
    struct sigaction action = {.sa_handler = on_signal};
    struct tryst_identity *identity;
    struct wish wish = {.name = ""};

    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    tryst_options_init(&wish.options);
    if (!wish_read(&wish, &chatter, argc, argv)) {
        fputs("usage: chatter --server HOST:PORT#KEY --session NAME [--name NAME] [--key FILE]\n"
              "               [--period-ms MS] [--size BYTES] [--relay allow|deny|only]\n"
              "               [--keepalive learned|MS]\n",
              stderr);
        return 2;
    }
    if (getrandom(&chatter.run, sizeof chatter.run, 0) != sizeof chatter.run || chatter.run == 0)
        chatter.run = 1;
    srand(chatter.run);
    tryst_result result = identity_get(&identity, wish.key);
    if (result == TRYST_OK)
        result = tryst_client_create(&chatter.client, identity, &wish.options);
    tryst_identity_destroy(identity);
    tell("join");
    if (result == TRYST_OK)
        result = tryst_client_join(chatter.client, wish.session, wish.name, strlen(wish.name));
    if (result != TRYST_OK)
        fprintf(stderr, "chatter: %s (%s)\n", tryst_result_text(result), strerror(errno));
    bool is_good = result == TRYST_OK && work(&chatter);
    tryst_client_destroy(chatter.client);
    return is_good ? 0 : 1;
}
