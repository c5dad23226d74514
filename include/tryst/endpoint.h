/* The core without sockets, clock or randomness: for engines that own their socket.
 *
 * The contract: hand in what arrives (input), say what time it is (tick, at deadline or later), send
 * what comes out (output, until it returns 0), read what happened (poll, until it returns 0). Any
 * order is safe; what is skipped is late, never wrong. Time may stand still; where it goes back by more
 * than a second, as a clock that was set does, all goes on from where it was.
 * SPDX-License-Identifier: MIT */
#ifndef TRYST_ENDPOINT_H
#define TRYST_ENDPOINT_H

#include <tryst/address.h>
#include <tryst/counters.h>
#include <tryst/event.h>
#include <tryst/identity.h>
#include <tryst/insight.h>
#include <tryst/options.h>
#include <tryst/survey.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Opaque. */
struct tryst_endpoint;

/* A datagram to send. data stays the endpoint's, and readable until the next call on it. With the options
 * tcp_port and tls_port 0 all go by UDP; else to.transport says how to get to the server, and what comes
 * that way is handed to tryst_endpoint_input with this address as from. */
struct tryst_datagram {
    struct tryst_address to;
    struct tryst_address from; /* source to use (ip, and interface index in scope); none: any */
    const void *data;
    size_t size;
    uint32_t ttl; /* hops, 0: the system's default */
    uint32_t
        socket; /* 0: the one that the local addresses name. Others, up to the option `sockets`,
                        are opened when they are first named, IPv4, on ports that the system chooses;
                        tryst_endpoint_sockets says how long they are wanted */
};

/* Makes an endpoint.
 *
 * endpoint  receives the handle; the caller destroys it
 * identity  who this is; copied
 * options   NULL is refused: the server's key must be pinned
 * seed      TRYST_SEED_SIZE secret random bytes, never used twice: all its randomness
 * unix_ms   wall-clock milliseconds since 1970, to judge the server's certificate and to order this
 *           join after all before it of the same identity; 0 leaves the certificate's dates unjudged
 *
 * Returns   TRYST_OK; TRYST_E_ARGUMENT; TRYST_E_FORMAT for a bad pin; TRYST_E_MEMORY; TRYST_E_CRYPTO.
 * Threads   one at a time per endpoint; different endpoints are free of each other. So for all below.
 * Since     0.1 */
TRYST_API tryst_result tryst_endpoint_create(struct tryst_endpoint **endpoint,
                                             const struct tryst_identity *identity,
                                             const struct tryst_options *options,
                                             const uint8_t seed[TRYST_SEED_SIZE], uint64_t now_us,
                                             uint64_t unix_ms);

/* Wipes and frees; NULL is fine. Tells nobody: call tryst_endpoint_leave and send its output first.
 * Since 0.1 */
TRYST_API void tryst_endpoint_destroy(struct tryst_endpoint *endpoint);

/* Says where the server is: all addresses its name has. Hello to it goes out at once (BIND).
 *
 * addresses  count of them; those past TRYST_SERVER_MAX are not used
 *
 * Returns    TRYST_OK; TRYST_E_ARGUMENT.
 * Since      0.1 */
TRYST_API tryst_result tryst_endpoint_set_server(struct tryst_endpoint *endpoint, uint64_t now_us,
                                                 const struct tryst_address *addresses,
                                                 size_t count);

/* Says which local addresses the socket can be reached at: ip, port, interface index in scope; best
 * first. May be called again when they change.
 *
 * addresses  count of them; those past TRYST_LOCAL_MAX are not used
 *
 * Returns    TRYST_OK; TRYST_E_ARGUMENT.
 * Since      0.1 */
TRYST_API tryst_result tryst_endpoint_set_local(struct tryst_endpoint *endpoint, uint64_t now_us,
                                                const struct tryst_address *addresses,
                                                size_t count);

/* Says which public address and port the home router leads to the first socket: told to the participants,
 * as long as the server sees the endpoint at that ip, or it is a private or a carrier's.
 *
 * external  IPv4; NULL, or family 0: there is none (any more)
 *
 * Returns   TRYST_OK; TRYST_E_ARGUMENT.
 * Since     0.1 */
TRYST_API tryst_result tryst_endpoint_set_mapped(struct tryst_endpoint *endpoint, uint64_t now_us,
                                                 const struct tryst_address *external);

/* Copies the local addresses in use.
 *
 * Returns  how many there are; at most max are copied. TRYST_E_ARGUMENT.
 * Since    0.1 */
TRYST_API tryst_result tryst_endpoint_local(const struct tryst_endpoint *endpoint,
                                            struct tryst_address *addresses, size_t max);

/* Joins a session; the answer is an event: REGISTERED, REFUSED or SERVER_LOST.
 *
 * session    1 to TRYST_SESSION_NAME_MAX bytes, NUL-terminated
 * data       up to TRYST_USER_DATA_MAX bytes shown to the other participants; NULL with size 0
 *
 * Returns    TRYST_OK; TRYST_E_ARGUMENT; TRYST_E_SIZE; TRYST_E_STATE when already in a session.
 * Since      0.1 */
TRYST_API tryst_result tryst_endpoint_join(struct tryst_endpoint *endpoint, uint64_t now_us,
                                           const char *session, const void *data, size_t size);

/* Leaves: tells the server and every peer, and forgets them. Fine when in no session.
 * Returns TRYST_OK; TRYST_E_ARGUMENT. Since 0.1 */
TRYST_API tryst_result tryst_endpoint_leave(struct tryst_endpoint *endpoint, uint64_t now_us);

/* Sends one message to a peer: encrypted, at most once, unordered, not repeated. Small messages of one
 * turn share a datagram, which leaves with the next output. From JOINED on, before there is a path, one
 * datagram's worth waits for it; more is TRYST_E_NOT_CONNECTED.
 *
 * data     1 to TRYST_MESSAGE_MAX bytes, copied
 *
 * Returns  TRYST_OK; TRYST_E_ARGUMENT; TRYST_E_SIZE; TRYST_E_PEER; TRYST_E_NOT_CONNECTED; TRYST_E_FULL.
 * Since    0.1 */
TRYST_API tryst_result tryst_endpoint_send(struct tryst_endpoint *endpoint, uint64_t now_us,
                                           uint32_t peer, const void *data, size_t size);

/* Hands one received datagram to the endpoint.
 *
 * from     who sent it
 * to       the local address it came to (ip, interface in scope), or NULL when unknown
 * data     read during the call only
 *
 * Returns  TRYST_OK even for a datagram that is refused: a stranger's bytes are not the caller's
 *          mistake. TRYST_E_ARGUMENT if from is no address.
 * Since    0.1 */
TRYST_API tryst_result tryst_endpoint_input(struct tryst_endpoint *endpoint, uint64_t now_us,
                                            const struct tryst_address *from,
                                            const struct tryst_address *to, const void *data,
                                            size_t size);

/* The same for a datagram that came to one of the further sockets (struct tryst_datagram); 0 is the first.
 * Since 0.1 */
TRYST_API tryst_result tryst_endpoint_input_on(struct tryst_endpoint *endpoint, uint64_t now_us,
                                               uint32_t socket, const struct tryst_address *from,
                                               const struct tryst_address *to, const void *data,
                                               size_t size);

/* Which further sockets are wanted now: those that are open and not among them are closed, after all
 * output was taken.
 *
 * bits     receives them: bit n % 8 of byte n / 8 for socket n; bit 0 is never set
 *
 * Returns  how many there are; TRYST_E_ARGUMENT.
 * Since    0.1 */
TRYST_API tryst_result tryst_endpoint_sockets(const struct tryst_endpoint *endpoint,
                                              uint8_t bits[(TRYST_SOCKETS_MAX + 1) / 8]);

/* Does what is due. Returns TRYST_OK; TRYST_E_ARGUMENT. Since 0.1 */
TRYST_API tryst_result tryst_endpoint_tick(struct tryst_endpoint *endpoint, uint64_t now_us);

/* When tick is next wanted, on the clock of now_us; TRYST_NEVER; at once (0) for NULL. Since 0.1 */
TRYST_API uint64_t tryst_endpoint_deadline(const struct tryst_endpoint *endpoint);

/* Takes the next datagram to send. Returns 1, 0 when there is none, TRYST_E_ARGUMENT. Since 0.1 */
TRYST_API tryst_result tryst_endpoint_output(struct tryst_endpoint *endpoint, uint64_t now_us,
                                             struct tryst_datagram *datagram);

/* Takes the next event. Returns 1, 0 when there is none, TRYST_E_ARGUMENT. Since 0.1 */
TRYST_API tryst_result tryst_endpoint_poll(struct tryst_endpoint *endpoint,
                                           struct tryst_event *event);

/* Copies the counters. Returns TRYST_OK; TRYST_E_ARGUMENT. Since 0.1 */
TRYST_API tryst_result tryst_endpoint_stats(const struct tryst_endpoint *endpoint,
                                            struct tryst_stats *stats);

/* Copies what is known of the NAT now. It is learnt without a call: from the first cookie on, in some five
 * round trips and at most 64 datagrams, which hold nothing else up; and anew when the addresses changed.
 * With the option `sockets` 0 filtering, hairpinning and most of how ports are chosen stay unknown.
 *
 * Returns  TRYST_OK; TRYST_E_ARGUMENT.
 * Since    0.1 */
TRYST_API tryst_result tryst_endpoint_survey(const struct tryst_endpoint *endpoint,
                                             struct tryst_survey *survey);

/* Says why a peer is connected as it is, as of the last call that told the time: what is known of both
 * NATs, what was tried, how long it took, and one sentence for people.
 *
 * Returns  TRYST_OK; TRYST_E_PEER; TRYST_E_ARGUMENT.
 * Since    0.1 */
TRYST_API tryst_result tryst_endpoint_why(const struct tryst_endpoint *endpoint, uint32_t peer,
                                          struct tryst_why *why);

/* Copies the figures of the paths to a peer, the one in use first.
 *
 * paths    room for max of them; may be NULL where max is 0
 *
 * Returns  how many there are, which may be more than max; TRYST_E_PEER; TRYST_E_ARGUMENT.
 * Since    0.1 */
TRYST_API tryst_result tryst_endpoint_paths(const struct tryst_endpoint *endpoint, uint32_t peer,
                                            struct tryst_path_stats *paths, size_t max);

/* Measures how long the NAT leads to an idle socket; the survey tells. Takes that long and some seconds,
 * with up to 6 further sockets and some 20 datagrams, beside all else.
 *
 * seconds  at most: TRYST_LIFETIME_LEAST to TRYST_LIFETIME_MOST
 *
 * Returns  TRYST_OK; TRYST_E_ARGUMENT; TRYST_E_STATE where the survey is not done, or there are no further
 *          sockets.
 * Since    0.1 */
TRYST_API tryst_result tryst_endpoint_lifetime(struct tryst_endpoint *endpoint, uint64_t now_us,
                                               uint32_t seconds);

#ifdef __cplusplus
}
#endif

#endif
