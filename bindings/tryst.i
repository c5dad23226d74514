/* The one interface: what scripts see of tryst, in Python and in Lua. What a language does its own
 * way stands in python.i and lua.i, keyed on the types and parameter names used here:
 *
 *   tryst_result                              nothing, or the failure
 *   tr_answer                                 true or false, or the failure
 *   tr_moment, tr_seconds                     a time that may be "never"; a wait that may be endless,
 *                                             so that as an argument it is a pointer, or NULL
 *   tr_key_bytes, tr_bytes, tr_text           bytes, text
 *   tr_address_list, tr_path_list, tr_participants, tr_counters, tr_reason   what scripts have for it
 *   (const void *data, size_t size)           bytes in, also (seed, seed_size)
 *   const uint8_t key[TRYST_KEY_SIZE]         exactly so many bytes in
 *   const char *                              text in without NUL; app and path may be left out
 *   const struct tryst_address *              an Address, or its text
 *   (const struct tryst_address *addresses, size_t count)   a list of them
 *   tryst_event *event, tryst_datagram *datagram, tryst_stats *stats, tryst_why *why,
 *   tryst_survey *survey, tryst_portmap *portmap   the result, as a native value
 *   tryst_result *result                      why a constructor failed
 *
 * SPDX-License-Identifier: MIT */
#if defined(SWIGPYTHON)
%module(package="tryst") core
#elif defined(SWIGLUA)
%module tryst
#else
#error "tryst.i knows Python and Lua"
#endif

%begin %{
/* Made by SWIG from bindings/tryst.i. Compiled into a program or a module, it needs nothing else of
 * the bindings: the headers of tryst and of the language, libtryst and pthreads.
 * SPDX-License-Identifier: MIT */
#ifndef SWIG_TYPE_TABLE
#define SWIG_TYPE_TABLE tryst /* its own, so that other modules made by SWIG do not mix with it */
#endif
%}
#if defined(SWIGLUA)
%begin %{
#if !defined(_GNU_SOURCE) && !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L /* for clock_gettime */
#endif
%}
#endif

%include <stdint.i>

#if defined(SWIGPYTHON)
%include "python.i"
#else
%include "lua.i"
#endif

%nodefaultctor;
%nodefaultdtor;
%immutable;

/* What the headers say, without its prefix: E_PEER, EVENT_MESSAGE, MESSAGE_MAX, version. Of their
 * functions only those that turn numbers into words; the others come back below, as methods. */
%rename("%(strip:[TRYST_])s", regexmatch$name="^TRYST_") "";
%rename("$ignore", %$isfunction, regexmatch$name="^tryst_") "";
%rename("%(strip:[tryst_])s", %$isfunction, regexmatch$name="^tryst_([a-z_]+_(name|text)|version)$") "";
%rename("$ignore", %$isclass, regexmatch$name="^tryst_(options|event)$") "";
%ignore TRYST_NEVER;
%rename("$ignore", %$ismember, %$isvariable, regexmatch$name="^(local)$") ""; /* a word of Lua's */
%rename("$ignore", regexmatch$name="^TRYST_(.+_TEXT_SIZE|PIN_HOST_SIZE|EVENT_SIZE)$") "";

%rename(Address) tryst_address;
%ignore tryst_address::ip;
%ignore tryst_address::transport; /* the text says it */
%rename("$ignore", regexmatch$name="^TRYST_TRANSPORT_") "";
%ignore tryst_transport;
%rename("$ignore", regexmatch$name="^TRYST_(RELAY|PORT_MAPPING|SPRAY)_") ""; /* an option's word */
%ignore tryst_relay_use;
%ignore tryst_port_mapping_use;
%ignore tryst_spray_use;
%ignore TRYST_SOCKETS_MAX;
%rename(Pin) tryst_pin;
%ignore tryst_pin::key;
%rename(Identity) tryst_identity;
%rename(Client) tr_client_handle;
%rename(Endpoint) tr_endpoint_handle;
%rename(PolicyRequest) tryst_policy_request;


#if defined(SWIGPYTHON)
%{
static void tr_client_handle_wake(struct tr_client_handle *handle)
{
    if (handle->client != NULL)
        tr_gate_wake(&handle->gate, handle->client);
}

static void tr_client_handle__watch(struct tr_client_handle *handle, int32_t more)
{
    handle->watchers += (uint32_t)more;
}
%}
#endif

%include "tryst/base.h"
%include "tryst/address.h"
%include "tryst/event.h"
%include "tryst/identity.h"
%include "tryst/options.h"
%include "tryst/pin.h"

/** What the wire, and so a PolicyRequest, says instead of an app's name and of a session's. */
struct tr_bytes app_id(const char *app, tryst_result *result);
struct tr_bytes session_id(const char *app, const char *session, tryst_result *result);

/** A public key as 43 characters, and back. */
struct tr_text format_key(const uint8_t key[TRYST_KEY_SIZE]);
struct tr_key_bytes parse_key(const char *text, tryst_result *result);

%extend tryst_address {
    /** An address and port by value, as "1.2.3.4:5" or "[2001:db8::1]:5"; also an IP and a port. */
    tryst_address(const char *text, int32_t port = -1, tryst_result *result = NULL)
    {
        return tr_address_create(text, port, result);
    }
    ~tryst_address() { free($self); }
    /** The one form that is compared and classed (IPv4-mapped becomes IPv4, and so on). */
    struct tryst_address canonical();
    %rename(_classify) classify;
    int32_t classify();
    %rename(_text) text;
    struct tr_text text() { return tr_address_text($self); }
    %rename(_compare) compare;
    int32_t compare(const struct tryst_address *other);
    %rename(ip) ip_text;
    struct tr_text ip_text;
}

%extend tryst_pin {
    /** Which server and which root key: HOST:PORT#KEY; ":PORT" may be left out. */
    tryst_pin(const char *text, tryst_result *result = NULL) { return tr_pin_create(text, result); }
    ~tryst_pin() { free($self); }
    %rename(_text) text;
    struct tr_text text() { return tr_pin_text($self); }
    %rename(key) key_bytes;
    struct tr_key_bytes key_bytes;
}

struct tryst_identity {};
%extend tryst_identity {
    /** Who a participant is: new, made from a secret seed, or read from a file. */
    tryst_identity(const void *seed = NULL, size_t seed_size = 0, const char *path = NULL,
                   tryst_result *result = NULL)
    {
        return tr_identity_create(seed, seed_size, path, result);
    }
    ~tryst_identity() { tryst_identity_destroy($self); }
    /** Writes the secret seed to a file that only its owner may read. */
    tryst_result save(const char *path);
#if defined(SWIGPYTHON)
    struct tr_key_bytes public_key;
#else
    %rename(public_key) read_key;
    struct tr_key_bytes read_key() { return tryst_identity_public_key_get($self); }
#endif
}

struct tr_client_handle {};
%extend tr_client_handle {
    /** A player: the sockets for the server and every peer, a clock, name resolution. */
    tr_client_handle(const char *server, struct tryst_identity *identity = NULL,
                     const char *app = NULL, uint32_t keepalive_ms = 0, uint32_t path_ms = 0,
                     uint32_t peer_ms = 0, uint32_t punch_ms = 0, uint32_t rekey_s = 0,
                     uint16_t port = 0, bool trace = false, bool no_ipv4 = false,
                     bool no_ipv6 = false, uint16_t tcp_port = 0, uint16_t tls_port = 0,
                     const char *relay = NULL, const char *port_mapping = NULL,
                     const char *spray = NULL, uint8_t sockets = 0, tryst_result *result = NULL)
    {
        struct tryst_options options;
        tryst_options_init(&options);
        options.server = server;
        options.app = app;
        options.keepalive_ms = keepalive_ms;
        options.path_ms = path_ms;
        options.peer_ms = peer_ms;
        options.punch_ms = punch_ms;
        options.rekey_s = rekey_s;
        options.port = port;
        options.trace = trace;
        options.no_ipv4 = no_ipv4;
        options.no_ipv6 = no_ipv6;
        options.tcp_port = tcp_port;
        options.tls_port = tls_port;
        options.sockets = sockets;
        if (!tr_relay_use_read(&options.relay, relay, result) ||
            !tr_port_mapping_use_read(&options.port_mapping, port_mapping, result) ||
            !tr_spray_use_read(&options.spray, spray, result))
            return NULL;
        return tr_client_handle_create(&options, identity, result);
    }
    ~tr_client_handle() { tr_client_handle_destroy($self); }
    /** Joins a session; the answer is an event: REGISTERED, REFUSED or SERVER_LOST. */
    tryst_result join(const char *session, const void *data = NULL, size_t size = 0);
    /** Leaves the session and forgets its participants. */
    tryst_result leave();
    /** Sends one message to a peer: encrypted, at most once, unordered, not repeated. */
    tryst_result send(uint32_t peer, const void *data, size_t size);
    /** The next event, or nothing. Does not look at the sockets: run does. */
    tryst_result poll(struct tryst_event *event);
    /** Sends, receives and waits until there is an event (true) or the time is over (false). */
    tr_answer run(const tr_seconds *timeout = NULL);
    /** Puts everything that is queued on the wire now. */
    tryst_result flush();
    /** A descriptor that turns readable when run(0) has work. It stays the client's. */
    tr_answer_number fileno();
    /** How long a loop of one's own may wait before it calls run(0), in seconds. */
    tr_seconds timeout();
    /** The local addresses in use, best first. */
    struct tr_address_list local_addresses();
    /** The counters. */
    tryst_result stats(struct tryst_stats *stats);
    /** Why a peer is connected as it is: cause, NATs, what was tried, and a sentence for people. */
    tryst_result why(uint32_t peer, struct tryst_why *why);
    /** The figures of the paths to a peer, the one in use first. */
    struct tr_path_list paths(uint32_t peer);
    /** What is known of the own NAT. */
    tryst_result survey(struct tryst_survey *survey);
    /** The port that the home router was asked for. */
    tryst_result portmap(struct tryst_portmap *portmap);
    /** Leaves and frees the sockets. May be called at any time, and again. */
    void close();
#if defined(SWIGPYTHON)
    bool closed;
    %rename(_read_key) read_key;
    tryst_result read_key(struct tr_key_bytes *public_key);
    /** Ends the run that waits in another thread, or the next one. */
    void wake();
    void _watch(int32_t more);
#else
    /* No attributes: with none, a call of a method costs one look into a table. */
    %rename(closed) is_closed;
    bool is_closed() { return tr_client_handle_closed_get($self); }
    %rename(public_key) read_key;
    tryst_result read_key(struct tr_key_bytes *public_key);
#endif
}

struct tr_endpoint_handle {};
%extend tr_endpoint_handle {
    /** The core without sockets, clock or randomness, for programs that own their socket. */
    tr_endpoint_handle(const char *server, struct tryst_identity *identity, const void *seed,
                       size_t seed_size, uint64_t now_us, uint64_t unix_ms = 0,
                       const char *app = NULL, uint32_t keepalive_ms = 0, uint32_t path_ms = 0,
                       uint32_t peer_ms = 0, uint32_t punch_ms = 0, uint32_t rekey_s = 0,
                       bool trace = false, const char *relay = NULL, const char *spray = NULL,
                       tryst_result *result = NULL)
    {
        struct tryst_options options;
        tryst_options_init(&options);
        options.server = server;
        options.app = app;
        options.keepalive_ms = keepalive_ms;
        options.path_ms = path_ms;
        options.peer_ms = peer_ms;
        options.punch_ms = punch_ms;
        options.rekey_s = rekey_s;
        options.trace = trace;
        if (!tr_relay_use_read(&options.relay, relay, result) ||
            !tr_spray_use_read(&options.spray, spray, result))
            return NULL;
        return tr_endpoint_handle_create(&options, identity, seed, seed_size, now_us, unix_ms,
                                         result);
    }
    ~tr_endpoint_handle() { tr_endpoint_handle_destroy($self); }
    /** Says where the server is: all addresses its name has. */
    tryst_result set_server(uint64_t now_us, const struct tryst_address *addresses, size_t count);
    /** Says which local addresses the socket can be reached at, best first. */
    tryst_result set_local(uint64_t now_us, const struct tryst_address *addresses, size_t count);
    /** The local addresses in use, best first. */
    struct tr_address_list local_addresses();
    /** Joins a session; the answer is an event: REGISTERED, REFUSED or SERVER_LOST. */
    tryst_result join(uint64_t now_us, const char *session, const void *data = NULL,
                      size_t size = 0);
    /** Leaves the session: what output gives after it tells everyone. */
    tryst_result leave(uint64_t now_us);
    /** Sends one message to a peer: encrypted, at most once, unordered, not repeated. */
    tryst_result send(uint64_t now_us, uint32_t peer, const void *data, size_t size);
    /** Hands one received datagram in: who sent it, its bytes, the local address it came to. */
    tryst_result input(uint64_t now_us, const struct tryst_address *source, const void *data,
                       size_t size, const struct tryst_address *to = NULL);
    /** Does what is due. */
    tryst_result tick(uint64_t now_us);
    /** When tick is next wanted, in microseconds on the clock of now_us; nothing for never. */
    tr_moment deadline();
    /** The next datagram to send, or nothing. */
    tryst_result output(uint64_t now_us, struct tryst_datagram *datagram);
    /** The next event, or nothing. */
    tryst_result poll(struct tryst_event *event);
    /** The counters. */
    tryst_result stats(struct tryst_stats *stats);
    /** Why a peer is connected as it is: cause, NATs, what was tried, and a sentence for people. */
    tryst_result why(uint32_t peer, struct tryst_why *why);
    /** The figures of the paths to a peer, the one in use first. */
    struct tr_path_list paths(uint32_t peer);
    /** What is known of the own NAT. */
    tryst_result survey(struct tryst_survey *survey);
    /** Wipes and frees. Tells nobody: leave first, and send what output gives. */
    void close();
#if defined(SWIGPYTHON)
    bool closed;
#else
    %rename(closed) is_closed;
    bool is_closed() { return tr_endpoint_handle_closed_get($self); }
#endif
}

struct tryst_policy_request {};
%extend tryst_policy_request {
    /** What a server's rules are asked: read-only, good until the hook returns. */
    tryst_policy_request(const void *data, size_t size, tryst_result *result = NULL)
    {
        return tr_policy_request_create(data, size, result);
    }
    ~tryst_policy_request() { tryst_policy_request_destroy($self); }
    const char *hook;
    double time;
    tr_reason reason;
    struct tr_bytes app;
    struct tr_bytes session;
    struct tr_bytes participant;
    struct tr_bytes data;
    struct tr_address_list local_addresses;
    struct tr_participants participants;
    struct tr_counters counters;
    struct tr_address_value address;
}

#if defined(SWIGLUA)
/* SWIG's luaopen_tryst writes process-wide tables without a lock, checks no version and gives the raw
 * module: it becomes the first step of ours. */
%wrapper %{
#undef SWIG_init
#define SWIG_init tr_lua_open_raw
static int tr_lua_open_raw(lua_State *L);
%}
%{
static const char tr_lua_prelude[] =
%}
%insert("header") "lua_prelude.h"
%{
;
%}
%insert("wrapper") "lua_open.h"
#endif
