/* What a script holds: a client or an endpoint that can be closed at any time and used after that
 * without harm. Written into the generated wrappers, behind the gate of their language.
 * SPDX-License-Identifier: MIT */
#ifndef TR_HANDLES_H
#define TR_HANDLES_H

/* A call's yes or no; below 0 a tryst_result. */
typedef int32_t tr_answer;

/* Microseconds on the caller's clock, or TRYST_NEVER. */
typedef uint64_t tr_moment;

/* Seconds; below 0: no limit. */
typedef double tr_seconds;

/* Values that a script gets as its own kind of bytes, text or list. */
struct tr_key_bytes {
    uint8_t bytes[TRYST_KEY_SIZE];
};

/* Somebody else's bytes, or a few of its own. */
struct tr_bytes {
    const void *data; /* NULL: own */
    size_t size;
    uint8_t own[TRYST_SESSION_ID_SIZE];
};

struct tr_text {
    tryst_result length; /* below 0: why there is no text */
    char text[TRYST_PIN_TEXT_SIZE];
};

/* A number that is not below 0; below 0 a tryst_result. */
typedef int32_t tr_answer_number;

struct tr_address_list {
    tryst_result count; /* below 0: why there is no list */
    struct tryst_address list[TRYST_LOCAL_MAX];
};

/* X(name): the counters of struct tryst_stats. */
#define TR_STATS(X)                                                                                \
    X(peers)                                                                                       \
    X(connected)                                                                                   \
    X(datagrams_sent)                                                                              \
    X(datagrams_received)                                                                          \
    X(bytes_sent)                                                                                  \
    X(bytes_received)                                                                              \
    X(messages_sent)                                                                               \
    X(messages_received)                                                                           \
    X(hellos_sent)                                                                                 \
    X(hellos_received)                                                                             \
    X(messages_dropped)                                                                            \
    X(output_dropped)                                                                              \
    X(dropped_short)                                                                               \
    X(dropped_unknown)                                                                             \
    X(dropped_version)                                                                             \
    X(dropped_seal)                                                                                \
    X(dropped_signature)                                                                           \
    X(dropped_replay)                                                                              \
    X(dropped_limit)

struct tr_client_handle {
    struct tryst_client *client; /* NULL: closed */
    struct tr_gate gate;         /* who may use it now */
    uint32_t watchers;           /* event loops that wait for its descriptor */
};

struct tr_endpoint_handle {
    struct tryst_endpoint *endpoint; /* NULL: closed */
};

/* Milliseconds of a wait: rounded up, so that a wait is never shorter than asked for. */
static int32_t tr_milliseconds(tr_seconds seconds)
{
    double ms = seconds * 1000.0;
    int32_t whole;
    if (ms < 0)
        return -1;
    if (ms >= 2147483647.0)
        return 2147483647;
    whole = (int32_t)ms;
    return (double)whole < ms ? whole + 1 : whole;
}

/* --- Values ----------------------------------------------------------------------------------- */

/* The IP alone, as text: the printed address without its port, and IPv6 without its brackets. */
static struct tr_text tryst_address_ip_text_get(const struct tryst_address *address)
{
    struct tr_text text = {0, ""};
    char *end;
    text.length = tryst_address_format(address, text.text, sizeof(text.text));
    end = strrchr(text.text, ':');
    if (end == NULL)
        return text;
    if (end > text.text && end[-1] == ']') {
        end--;
        memmove(text.text, text.text + 1, (size_t)(end - text.text));
        end--;
    }
    *end = 0;
    text.text[strcspn(text.text, "%")] = 0; /* the zone is the attribute scope */
    text.length = (tryst_result)strlen(text.text);
    return text;
}

static struct tr_text tr_address_text(const struct tryst_address *address)
{
    struct tr_text text = {0, ""};
    text.length = tryst_address_format(address, text.text, sizeof(text.text));
    return text;
}

/* port below 0: the text has one. */
static tryst_result tr_address_read(struct tryst_address *address, const char *text, int32_t port)
{
    char both[TRYST_ADDRESS_TEXT_SIZE];
    int length;
    if (port < 0)
        return tryst_address_parse(address, text);
    length = snprintf(both, sizeof(both), strchr(text, ':') != NULL ? "[%s]:%d" : "%s:%d", text,
                      (int)port);
    if (length < 0 || (size_t)length >= sizeof(both))
        return TRYST_E_FORMAT;
    return tryst_address_parse(address, both);
}

static struct tryst_address *tr_address_create(const char *text, int32_t port, tryst_result *result)
{
    struct tryst_address *address = (struct tryst_address *)calloc(1, sizeof(*address));
    *result = address != NULL ? tr_address_read(address, text, port) : TRYST_E_MEMORY;
    if (*result == TRYST_OK)
        return address;
    free(address);
    return NULL;
}

static struct tryst_pin *tr_pin_create(const char *text, tryst_result *result)
{
    struct tryst_pin *pin = (struct tryst_pin *)calloc(1, sizeof(*pin));
    *result = pin != NULL ? tryst_pin_parse(pin, text) : TRYST_E_MEMORY;
    if (*result == TRYST_OK)
        return pin;
    free(pin);
    return NULL;
}

static struct tr_text tr_pin_text(const struct tryst_pin *pin)
{
    struct tr_text text = {0, ""};
    text.length = tryst_pin_format(pin, text.text, sizeof(text.text));
    return text;
}

static struct tr_key_bytes tryst_pin_key_bytes_get(const struct tryst_pin *pin)
{
    struct tr_key_bytes key;
    memcpy(key.bytes, pin->key, sizeof(key.bytes));
    return key;
}

static struct tr_text format_key(const uint8_t key[TRYST_KEY_SIZE])
{
    struct tr_text text = {0, ""};
    text.length = tryst_key_format(key, text.text, sizeof(text.text));
    if (text.length == TRYST_OK)
        text.length = (tryst_result)strlen(text.text);
    return text;
}

static struct tr_key_bytes parse_key(const char *text, tryst_result *result)
{
    struct tr_key_bytes key = {{0}};
    *result = tryst_key_parse(key.bytes, text);
    return key;
}

static struct tryst_identity *tr_identity_create(const void *seed, size_t seed_size,
                                                 const char *path, tryst_result *result)
{
    struct tryst_identity *identity = NULL;
    *result = seed != NULL   ? tryst_identity_from_seed(&identity, seed, seed_size)
              : path != NULL ? tryst_identity_load(&identity, path)
                             : tryst_identity_create(&identity);
    return identity;
}

static struct tr_key_bytes tryst_identity_public_key_get(const struct tryst_identity *identity)
{
    struct tr_key_bytes key = {{0}};
    tryst_identity_public_key(identity, key.bytes);
    return key;
}

static struct tr_bytes app_id(const char *app, tryst_result *result)
{
    struct tr_bytes id = {NULL, TRYST_APP_ID_SIZE, {0}};
    *result = tryst_app_id(id.own, app);
    return id;
}

static struct tr_bytes session_id(const char *app, const char *session, tryst_result *result)
{
    struct tr_bytes id = {NULL, TRYST_SESSION_ID_SIZE, {0}};
    *result = tryst_session_id(id.own, app, session);
    return id;
}

/* --- Client ----------------------------------------------------------------------------------- */

/* Readers of an option's word; NULL is the default, which is the first of its list. */
#define TR_WORD_ROW(name, number, text)                                                            \
    if (word == NULL || strcmp(word, text) == 0) {                                                 \
        *option = (uint8_t)(number);                                                               \
        return true;                                                                               \
    }
#define TR_WORD_READER(function, WORDS)                                                            \
    static bool function(uint8_t *option, const char *word, tryst_result *result)                  \
    {                                                                                              \
        WORDS(TR_WORD_ROW)                                                                         \
        *result = TRYST_E_ARGUMENT;                                                                \
        return false;                                                                              \
    }
TR_WORD_READER(tr_relay_use_read, TRYST_RELAY_USES)
TR_WORD_READER(tr_port_mapping_use_read, TRYST_PORT_MAPPING_USES)
TR_WORD_READER(tr_spray_use_read, TRYST_SPRAY_USES)

static struct tr_client_handle *tr_client_handle_create(const struct tryst_options *options,
                                                        const struct tryst_identity *identity,
                                                        tryst_result *result)
{
    struct tr_client_handle *handle = (struct tr_client_handle *)calloc(1, sizeof(*handle));
    if (handle == NULL) {
        *result = TRYST_E_MEMORY;
        return NULL;
    }
    *result = tryst_client_create(&handle->client, identity, options);
    if (*result == TRYST_OK)
        *result = tr_gate_init(&handle->gate);
    if (*result != TRYST_OK) {
        tryst_client_destroy(handle->client);
        free(handle);
        return NULL;
    }
    return handle;
}

/* The client, which nobody else uses until this thread waits; NULL when it is closed. */
static struct tryst_client *tr_client_handle_enter(struct tr_client_handle *handle)
{
    tr_gate_enter(&handle->gate, &handle->client);
    return handle->client;
}

/* What the call queued is waited for by a loop that went to sleep before. */
static tryst_result tr_client_handle_queued(struct tr_client_handle *handle, tryst_result result)
{
    if (result == TRYST_OK && handle->watchers > 0)
        tryst_client_wake(handle->client);
    return result;
}

static tryst_result tr_client_handle_join(struct tr_client_handle *handle, const char *session,
                                          const void *data, size_t size)
{
    struct tryst_client *client = tr_client_handle_enter(handle);
    if (client == NULL)
        return TRYST_E_CLOSED;
    return tr_client_handle_queued(handle, tryst_client_join(client, session, data, size));
}

static tryst_result tr_client_handle_leave(struct tr_client_handle *handle)
{
    struct tryst_client *client = tr_client_handle_enter(handle);
    if (client == NULL)
        return TRYST_E_CLOSED;
    return tr_client_handle_queued(handle, tryst_client_leave(client));
}

static tryst_result tr_client_handle_send(struct tr_client_handle *handle, uint32_t peer,
                                          const void *data, size_t size)
{
    struct tryst_client *client = tr_client_handle_enter(handle);
    if (client == NULL)
        return TRYST_E_CLOSED;
    return tr_client_handle_queued(handle, tryst_client_send(client, peer, data, size));
}

static tryst_result tr_client_handle_poll(struct tr_client_handle *handle,
                                          struct tryst_event *event)
{
    struct tryst_client *client = tr_client_handle_enter(handle);
    return client != NULL ? tryst_client_poll(client, event) : TRYST_E_CLOSED;
}

static tryst_result tr_client_handle_flush(struct tr_client_handle *handle)
{
    struct tryst_client *client = tr_client_handle_enter(handle);
    return client != NULL ? tryst_client_flush(client) : TRYST_E_CLOSED;
}

static tr_answer tr_client_handle_run(struct tr_client_handle *handle, const tr_seconds *timeout)
{
    int32_t timeout_ms = timeout != NULL ? tr_milliseconds(*timeout) : -1;
    return tr_gate_run(&handle->gate, &handle->client, timeout_ms);
}

static tr_answer_number tr_client_handle_fileno(struct tr_client_handle *handle)
{
    struct tryst_client *client = tr_client_handle_enter(handle);
    return client != NULL ? tryst_client_fileno(client) : TRYST_E_CLOSED;
}

/* Milliseconds; -1 for no limit. A closed client has something to say at once. */
static tr_seconds tr_client_handle_timeout(struct tr_client_handle *handle)
{
    struct tryst_client *client = tr_client_handle_enter(handle);
    int32_t left_ms = client != NULL ? tryst_client_timeout_ms(client) : 0;
    return left_ms < 0 ? -1.0 : (double)left_ms / 1000.0;
}

static struct tr_address_list tr_client_handle_local_addresses(struct tr_client_handle *handle)
{
    struct tr_address_list addresses = {TRYST_E_CLOSED, {{0, 0, 0, 0, {0}}}};
    struct tryst_client *client = tr_client_handle_enter(handle);
    if (client != NULL)
        addresses.count = tryst_client_local(client, addresses.list, TRYST_LOCAL_MAX);
    return addresses;
}

static tryst_result tr_client_handle_stats(struct tr_client_handle *handle,
                                           struct tryst_stats *stats)
{
    struct tryst_client *client = tr_client_handle_enter(handle);
    return client != NULL ? tryst_client_stats(client, stats) : TRYST_E_CLOSED;
}

static tryst_result tr_client_handle_read_key(struct tr_client_handle *handle,
                                              struct tr_key_bytes *public_key)
{
    struct tryst_client *client = tr_client_handle_enter(handle);
    return client != NULL ? tryst_client_public_key(client, public_key->bytes) : TRYST_E_CLOSED;
}

static bool tr_client_handle_closed_get(const struct tr_client_handle *handle)
{
    return handle->client == NULL;
}

static void tr_client_handle_close(struct tr_client_handle *handle)
{
    struct tryst_client *client = tr_client_handle_enter(handle);
    handle->client = NULL;
    if (client != NULL)
        tr_gate_destroy_client(client);
}

static void tr_client_handle_destroy(struct tr_client_handle *handle)
{
    tr_client_handle_close(handle);
    tr_gate_clear(&handle->gate);
    free(handle);
}

/* --- Endpoint --------------------------------------------------------------------------------- */

static struct tr_endpoint_handle *tr_endpoint_handle_create(const struct tryst_options *options,
                                                            const struct tryst_identity *identity,
                                                            const void *seed, size_t seed_size,
                                                            uint64_t now_us, uint64_t unix_ms,
                                                            tryst_result *result)
{
    struct tr_endpoint_handle *handle = (struct tr_endpoint_handle *)calloc(1, sizeof(*handle));
    *result = handle == NULL                 ? TRYST_E_MEMORY
              : seed_size != TRYST_SEED_SIZE ? TRYST_E_ARGUMENT
                                             : TRYST_OK;
    if (*result == TRYST_OK)
        *result = tryst_endpoint_create(&handle->endpoint, identity, options, (const uint8_t *)seed,
                                        now_us, unix_ms);
    if (*result == TRYST_OK)
        return handle;
    free(handle);
    return NULL;
}

static tryst_result tr_endpoint_handle_set_server(struct tr_endpoint_handle *handle,
                                                  uint64_t now_us,
                                                  const struct tryst_address *addresses,
                                                  size_t count)
{
    if (handle->endpoint == NULL)
        return TRYST_E_CLOSED;
    return tryst_endpoint_set_server(handle->endpoint, now_us, addresses, count);
}

static tryst_result tr_endpoint_handle_set_local(struct tr_endpoint_handle *handle, uint64_t now_us,
                                                 const struct tryst_address *addresses,
                                                 size_t count)
{
    if (handle->endpoint == NULL)
        return TRYST_E_CLOSED;
    return tryst_endpoint_set_local(handle->endpoint, now_us, addresses, count);
}

static struct tr_address_list tr_endpoint_handle_local_addresses(struct tr_endpoint_handle *handle)
{
    struct tr_address_list addresses = {TRYST_E_CLOSED, {{0, 0, 0, 0, {0}}}};
    if (handle->endpoint != NULL)
        addresses.count = tryst_endpoint_local(handle->endpoint, addresses.list, TRYST_LOCAL_MAX);
    return addresses;
}

static tryst_result tr_endpoint_handle_join(struct tr_endpoint_handle *handle, uint64_t now_us,
                                            const char *session, const void *data, size_t size)
{
    if (handle->endpoint == NULL)
        return TRYST_E_CLOSED;
    return tryst_endpoint_join(handle->endpoint, now_us, session, data, size);
}

static tryst_result tr_endpoint_handle_leave(struct tr_endpoint_handle *handle, uint64_t now_us)
{
    return handle->endpoint != NULL ? tryst_endpoint_leave(handle->endpoint, now_us)
                                    : TRYST_E_CLOSED;
}

static tryst_result tr_endpoint_handle_send(struct tr_endpoint_handle *handle, uint64_t now_us,
                                            uint32_t peer, const void *data, size_t size)
{
    if (handle->endpoint == NULL)
        return TRYST_E_CLOSED;
    return tryst_endpoint_send(handle->endpoint, now_us, peer, data, size);
}

static tryst_result tr_endpoint_handle_input(struct tr_endpoint_handle *handle, uint64_t now_us,
                                             const struct tryst_address *source, const void *data,
                                             size_t size, const struct tryst_address *to)
{
    if (handle->endpoint == NULL)
        return TRYST_E_CLOSED;
    return tryst_endpoint_input(handle->endpoint, now_us, source, to, data, size);
}

static tryst_result tr_endpoint_handle_tick(struct tr_endpoint_handle *handle, uint64_t now_us)
{
    return handle->endpoint != NULL ? tryst_endpoint_tick(handle->endpoint, now_us)
                                    : TRYST_E_CLOSED;
}

/* A closed endpoint wants nothing any more. */
static tr_moment tr_endpoint_handle_deadline(struct tr_endpoint_handle *handle)
{
    return handle->endpoint != NULL ? tryst_endpoint_deadline(handle->endpoint) : TRYST_NEVER;
}

static tryst_result tr_endpoint_handle_output(struct tr_endpoint_handle *handle, uint64_t now_us,
                                              struct tryst_datagram *datagram)
{
    return handle->endpoint != NULL ? tryst_endpoint_output(handle->endpoint, now_us, datagram)
                                    : TRYST_E_CLOSED;
}

static tryst_result tr_endpoint_handle_poll(struct tr_endpoint_handle *handle,
                                            struct tryst_event *event)
{
    return handle->endpoint != NULL ? tryst_endpoint_poll(handle->endpoint, event) : TRYST_E_CLOSED;
}

static tryst_result tr_endpoint_handle_stats(struct tr_endpoint_handle *handle,
                                             struct tryst_stats *stats)
{
    return handle->endpoint != NULL ? tryst_endpoint_stats(handle->endpoint, stats)
                                    : TRYST_E_CLOSED;
}

static bool tr_endpoint_handle_closed_get(const struct tr_endpoint_handle *handle)
{
    return handle->endpoint == NULL;
}

static void tr_endpoint_handle_close(struct tr_endpoint_handle *handle)
{
    tryst_endpoint_destroy(handle->endpoint);
    handle->endpoint = NULL;
}

static void tr_endpoint_handle_destroy(struct tr_endpoint_handle *handle)
{
    tr_endpoint_handle_close(handle);
    free(handle);
}

#endif
