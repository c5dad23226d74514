/* A server's own rules: what trystd asks of them, what they may answer, and what a plug-in exports that
 * holds them. Plug-ins for Lua and Python come with trystd; one in C is a shared object with one symbol.
 * SPDX-License-Identifier: MIT */
#ifndef TRYST_POLICY_H
#define TRYST_POLICY_H

#include <tryst/address.h>
#include <tryst/base.h>
#include <tryst/options.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TRYST_APP_ID_SIZE 8               /* bytes of what the wire says instead of an app's name */
#define TRYST_SESSION_ID_SIZE 16          /* and of a session's */
#define TRYST_POLICY_REQUEST_MAX 16384    /* bytes of any request */
#define TRYST_POLICY_REASON_MAX 63        /* bytes of the words that a refused player is shown */
#define TRYST_POLICY_DETAIL_MAX 191       /* bytes of the words for the log */
#define TRYST_POLICY_LOCAL_MAX 8          /* local addresses in a request */
#define TRYST_POLICY_PARTICIPANTS_MAX 256 /* participants in a request */
#define TRYST_POLICY_COUNTERS_MAX 64      /* counters in a request */
#define TRYST_POLICY_COUNTER_NAME_SIZE 24 /* bytes of a counter's name, and its NUL */
#define TRYST_POLICY_RELAY_KBPS_MAX 10000000         /* of an answer's relay_kbps */
#define TRYST_POLICY_ABI 1                           /* of struct tryst_policy_plugin */
#define TRYST_POLICY_SYMBOL "tryst_policy_plugin_v1" /* what a plug-in exports */

/* X(name, number, hook): when rules are asked. */
#define TRYST_POLICY_HOOKS(X)                                                                      \
    X(REGISTER, 0, "on_register")           /* somebody wants to register: who, from where */      \
    X(SESSION_OPEN, 1, "on_session_open")   /* its session is not there yet */                     \
    X(JOIN, 2, "on_join")                   /* it would join those who are */                      \
    X(LEAVE, 3, "on_leave")                 /* a participant has left; no answer is wanted */      \
    X(SESSION_CLOSE, 4, "on_session_close") /* the last one has left; no answer is wanted */       \
    X(TICK, 5, "on_tick")                   /* every second: counters; no answer is wanted */      \
    X(RELAY, 6, "on_relay") /* a participant and another one want to be relayed for */

enum tryst_policy_hook {
#define TRYST_POLICY_HOOK_ROW(name, number, hook) TRYST_POLICY_##name = (number),
    TRYST_POLICY_HOOKS(TRYST_POLICY_HOOK_ROW)
#undef TRYST_POLICY_HOOK_ROW
};

/* X(name, number, text): which addresses of a participant the others are told. */
#define TRYST_POLICY_ADDRESSES(X)                                                                  \
    X(ALL, 0, "all")                                                                               \
    X(SAME_PUBLIC, 1, "same-public") /* local ones only to those behind the same public one */     \
    X(RELAY_ONLY, 2, "relay-only")   /* none */

enum tryst_policy_addresses {
#define TRYST_POLICY_ADDRESSES_ROW(name, number, text) TRYST_POLICY_ADDRESSES_##name = (number),
    TRYST_POLICY_ADDRESSES(TRYST_POLICY_ADDRESSES_ROW)
#undef TRYST_POLICY_ADDRESSES_ROW
};

/* X(name, number, text): why there is no answer of the rules' own. All of them deny. */
#define TRYST_POLICY_FAILURES(X)                                                                   \
    X(NONE, 0, "none")                                                                             \
    X(ERROR, 1, "error")       /* the hook raised one */                                           \
    X(ANSWER, 2, "answer")     /* what it returned is no answer */                                 \
    X(LIMIT, 3, "limit")       /* it used up its time or memory, and was stopped */                \
    X(TIMEOUT, 4, "timeout")   /* nothing came by the deadline */                                  \
    X(CRASH, 5, "crash")       /* its process ended */                                             \
    X(OVERLOAD, 6, "overload") /* too many questions wait already */

enum tryst_policy_failure {
#define TRYST_POLICY_FAILURE_ROW(name, number, text) TRYST_POLICY_FAILURE_##name = (number),
    TRYST_POLICY_FAILURES(TRYST_POLICY_FAILURE_ROW)
#undef TRYST_POLICY_FAILURE_ROW
};

/* The words of the tables above; "unknown" for a number that is in no row.
 *
 * Returns  a constant string, never NULL.
 * Threads  any.
 * Since    0.1 */
TRYST_API const char *tryst_policy_hook_name(uint32_t hook);
TRYST_API const char *tryst_policy_addresses_name(uint32_t addresses);
TRYST_API const char *tryst_policy_failure_name(uint32_t failure);

/* What the wire, and so a request, says instead of an app's name; and instead of a session's.
 *
 * app      NUL-terminated; NULL is ""
 * session  NUL-terminated, 1 to TRYST_SESSION_NAME_MAX bytes
 * id       receives TRYST_APP_ID_SIZE, TRYST_SESSION_ID_SIZE bytes
 *
 * Returns  TRYST_OK; TRYST_E_ARGUMENT; TRYST_E_SIZE.
 * Threads  any.
 * Since    0.1 */
TRYST_API tryst_result tryst_app_id(uint8_t id[TRYST_APP_ID_SIZE], const char *app);
TRYST_API tryst_result tryst_session_id(uint8_t id[TRYST_SESSION_ID_SIZE], const char *app,
                                        const char *session);

/* Opaque. One question, read-only. */
struct tryst_policy_request;

/* Reads what a plug-in's submit was given. Bytes behind those that are known are passed over, so that
 * requests can grow.
 *
 * request  receives the handle; the caller destroys it
 * data     size bytes, read during the call only
 *
 * Returns  TRYST_OK; TRYST_E_FORMAT; TRYST_E_ARGUMENT; TRYST_E_MEMORY.
 * Threads  any; a request may be read by several at once. So for all below.
 * Since    0.1 */
TRYST_API tryst_result tryst_policy_request_decode(struct tryst_policy_request **request,
                                                   const void *data, size_t size);

/* Frees a request; NULL is fine. Since 0.1 */
TRYST_API void tryst_policy_request_destroy(struct tryst_policy_request *request);

/* The hook, enum tryst_policy_hook; milliseconds since 1970; why a participant left, enum tryst_reason,
 * with LEAVE. 0 for NULL. Since 0.1 */
TRYST_API uint32_t tryst_policy_request_hook(const struct tryst_policy_request *request);
TRYST_API uint64_t tryst_policy_request_unix_ms(const struct tryst_policy_request *request);
TRYST_API uint32_t tryst_policy_request_reason(const struct tryst_policy_request *request);

/* Whom it is about: app and session as ids (above), the participant's public key. All zero where the
 * hook is about none (TICK). The pointers live as long as the request; NULL for NULL. Since 0.1 */
TRYST_API const uint8_t *tryst_policy_request_app(const struct tryst_policy_request *request);
TRYST_API const uint8_t *tryst_policy_request_session(const struct tryst_policy_request *request);
TRYST_API const uint8_t *tryst_policy_request_key(const struct tryst_policy_request *request);

/* The address that the participant was seen at; none for NULL. tryst_address_classify says what it is
 * good for. Since 0.1 */
TRYST_API struct tryst_address
tryst_policy_request_address(const struct tryst_policy_request *request);

/* The local addresses that it names.
 *
 * Returns  how many there are; at most max are copied. TRYST_E_ARGUMENT.
 * Since    0.1 */
TRYST_API tryst_result tryst_policy_request_local(const struct tryst_policy_request *request,
                                                  struct tryst_address *addresses, size_t max);

/* The user data that it shows to the others: size bytes, which live as long as the request; NULL, and
 * size 0, for none. Since 0.1 */
TRYST_API const void *tryst_policy_request_data(const struct tryst_policy_request *request,
                                                size_t *size);

/* Who is in the session already, in no order; with RELAY the other one of the two alone: their number, the key of one, and for how many
 * milliseconds it has been there. NULL and 0 past the last. Since 0.1 */
TRYST_API uint32_t tryst_policy_request_participants(const struct tryst_policy_request *request);
TRYST_API const uint8_t *
tryst_policy_request_participant_key(const struct tryst_policy_request *request, uint32_t index);
TRYST_API uint32_t tryst_policy_request_participant_ms(const struct tryst_policy_request *request,
                                                       uint32_t index);

/* The server's counters, with TICK: their number, the name of one ("participants", "registered", ...),
 * its value. NULL and 0 past the last. Since 0.1 */
TRYST_API uint32_t tryst_policy_request_counters(const struct tryst_policy_request *request);
TRYST_API const char *tryst_policy_request_counter_name(const struct tryst_policy_request *request,
                                                        uint32_t index);
TRYST_API uint64_t tryst_policy_request_counter_value(const struct tryst_policy_request *request,
                                                      uint32_t index);

/* What the rules say. All zero denies without words. Grows at the end. */
struct tryst_policy_answer {
    uint32_t struct_size; /* set by who makes it */
    uint32_t is_allowed;  /* 0 or 1 */
    uint32_t failure;     /* enum tryst_policy_failure: not 0 denies */
    uint32_t
        max_participants; /* SESSION_OPEN, JOIN: from now on so many in the session; 0: as it is */
    uint32_t addresses;   /* enum tryst_policy_addresses */
    uint32_t expires_s;   /* the participant is asked about anew after so long; 0 never */
    uint32_t data_size;   /* bytes of data */
    uint8_t data[TRYST_USER_DATA_MAX];        /* handed to the participant, with REGISTERED */
    char reason[TRYST_POLICY_REASON_MAX + 1]; /* denied: what the player is shown, UTF-8 */
    char detail[TRYST_POLICY_DETAIL_MAX + 1]; /* why it failed, for the operator's log */
    uint32_t relay_kbps; /* RELAY: kilobits a second from one to the other; 0: as the limits say */
};

/* --- Plug-ins ---------------------------------------------------------------------------------- */

struct tryst_policy; /* a plug-in's own */

/* What an operator set. Zero means the default. Grows at the end. */
struct tryst_policy_settings {
    uint32_t struct_size;
    uint32_t deadline_ms;  /* after so long a question is answered by the server: denied */
    uint32_t hook_ms;      /* processor time of one hook in process */
    uint32_t load_ms;      /* time to load a script */
    uint32_t memory_bytes; /* of a script in process; of each worker process */
    uint32_t workers;      /* processes */
    const char *script;    /* path; lives as long as the plug-in is open */
};

/* What a plug-in may call, from inside any of its functions, on the thread that they are called on. */
struct tryst_policy_host {
    uint32_t struct_size;
    void *context;
    /* Answers a question: inside submit or later, once. A ticket that is not open is passed over. */
    void (*answer)(void *context, uint32_t ticket, const struct tryst_policy_answer *answer);
    /* A line for the server's log. level: 0 error, 1 warning, 2 info, 3 debug. */
    void (*log)(void *context, uint32_t level, const char *text);
};

/* All functions are called on one thread, which is not the server's: a plug-in that is slow holds up
 * only its own answers. One that crashes takes the server with it; rules that may crash belong into a
 * process of their own. Grows at the end. */
struct tryst_policy_plugin {
    uint32_t struct_size;
    uint32_t abi; /* TRYST_POLICY_ABI */
    const char *name;

    /* Loads the script. NULL: not, and error says why (with file and line, where it knows them).
     * settings and host live until close. */
    struct tryst_policy *(*open)(const struct tryst_policy_settings *settings,
                                 const struct tryst_policy_host *host, char *error,
                                 size_t error_size);

    /* The hooks that the script has: bits 1 << enum tryst_policy_hook. Others are not asked. */
    uint32_t (*hooks)(struct tryst_policy *policy);

    /* A question. data: what tryst_policy_request_decode reads; gone after the call. */
    void (*submit)(struct tryst_policy *policy, uint32_t ticket, const void *data, size_t size);

    /* A question's deadline has passed: it is denied already, and its work may be stopped. May be
     * NULL. */
    void (*expire)(struct tryst_policy *policy, uint32_t ticket);

    /* Loads the script again; on failure the old one goes on, and error says why. TRYST_OK or below
     * 0. May be NULL. */
    tryst_result (*reload)(struct tryst_policy *policy, char *error, size_t error_size);

    /* A descriptor that turns readable when process shall be called, -1 for none; how long to wait for
     * it at most, in milliseconds, -1 without limit. All three may be NULL. */
    int32_t (*descriptor)(struct tryst_policy *policy);
    int32_t (*timeout_ms)(struct tryst_policy *policy);
    void (*process)(struct tryst_policy *policy);

    void (*close)(struct tryst_policy *policy);
};

/* The type of the one exported function. */
typedef const struct tryst_policy_plugin *(*tryst_policy_plugin_function)(void);

#ifdef __cplusplus
}
#endif

#endif
