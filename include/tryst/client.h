/* The batteries: one UDP socket a family for the server and every peer, further ones for a moment against
 * hard NATs (option `sockets`), a clock, name resolution.
 * No global state, and no thread but this: behind a NAT one asks the home router for a port, unless the
 * option port_mapping denies it; and names are resolved in libuv's pool.
 * SPDX-License-Identifier: MIT */
#ifndef TRYST_CLIENT_H
#define TRYST_CLIENT_H

#include <tryst/endpoint.h>
#include <tryst/portmap.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Opaque. */
struct tryst_client;

/* Makes a client: opens its socket, lists the local addresses, starts to resolve the server's name
 * and fetches its cookie, so that a later join is one round trip. Run it, or nothing happens.
 *
 * client    receives the handle; the caller destroys it
 * identity  who this is, copied; NULL makes a new identity
 * options   server is needed
 *
 * Returns   TRYST_OK; TRYST_E_ARGUMENT; TRYST_E_FORMAT for a bad pin; TRYST_E_NETWORK, and errno says
 *           why; TRYST_E_MEMORY; TRYST_E_CRYPTO.
 * Threads   one at a time per client; different clients are free of each other. So for all below.
 * Since     0.1 */
TRYST_API tryst_result tryst_client_create(struct tryst_client **client,
                                           const struct tryst_identity *identity,
                                           const struct tryst_options *options);

/* Leaves the session (one try to tell everyone), closes the socket, frees; NULL is fine. Waits for a
 * look-up of the server's name that is under way: the system offers no way to stop it; and for a home
 * router that is to take its port back, a second at most. Since 0.1 */
TRYST_API void tryst_client_destroy(struct tryst_client *client);

/* As tryst_endpoint_join, tryst_endpoint_leave, tryst_endpoint_send, tryst_endpoint_poll,
 * tryst_endpoint_local, tryst_endpoint_stats, tryst_endpoint_survey, tryst_endpoint_lifetime,
 * tryst_endpoint_why and tryst_endpoint_paths. What send queues leaves with the next tryst_client_run, or
 * at once with tryst_client_flush.
 * Since 0.1 */
TRYST_API tryst_result tryst_client_join(struct tryst_client *client, const char *session,
                                         const void *data, size_t size);
TRYST_API tryst_result tryst_client_leave(struct tryst_client *client);
TRYST_API tryst_result tryst_client_send(struct tryst_client *client, uint32_t peer,
                                         const void *data, size_t size);
TRYST_API tryst_result tryst_client_poll(struct tryst_client *client, struct tryst_event *event);
TRYST_API tryst_result tryst_client_local(const struct tryst_client *client,
                                          struct tryst_address *addresses, size_t max);
TRYST_API tryst_result tryst_client_stats(const struct tryst_client *client,
                                          struct tryst_stats *stats);
TRYST_API tryst_result tryst_client_survey(const struct tryst_client *client,
                                           struct tryst_survey *survey);
TRYST_API tryst_result tryst_client_lifetime(struct tryst_client *client, uint32_t seconds);
TRYST_API tryst_result tryst_client_why(const struct tryst_client *client, uint32_t peer,
                                        struct tryst_why *why);
TRYST_API tryst_result tryst_client_paths(const struct tryst_client *client, uint32_t peer,
                                          struct tryst_path_stats *paths, size_t max);

/* What is known of the home router's port (option port_mapping). It is asked for once the server sees an
 * IPv4 address that is none of ours, and given back when the client is destroyed, which a router that
 * hangs delays by a second at most.
 *
 * Returns  TRYST_OK; TRYST_E_ARGUMENT.
 * Since    0.1 */
TRYST_API tryst_result tryst_client_portmap(const struct tryst_client *client,
                                            struct tryst_portmap *portmap);

/* Puts everything that is queued on the wire now.
 * Returns TRYST_OK; TRYST_E_ARGUMENT. Since 0.1 */
TRYST_API tryst_result tryst_client_flush(struct tryst_client *client);

/* Sends, receives and waits until there is an event to poll or the time is over.
 *
 * timeout_ms  0 does what is due and does not wait; below 0 waits without end
 *
 * Returns     1 when there is an event, 0 when the time is over; TRYST_E_INTERRUPTED when a signal
 *             came or tryst_client_wake was called; TRYST_E_ARGUMENT; TRYST_E_NETWORK, and errno says why.
 * Since       0.1 */
TRYST_API tryst_result tryst_client_run(struct tryst_client *client, int32_t timeout_ms);

/* Ends the tryst_client_run that waits in another thread, or the next one; makes the descriptor of
 * tryst_client_fileno readable. Many before one run count as one.
 *
 * Returns  TRYST_OK; TRYST_E_ARGUMENT.
 * Threads  any, also while another uses the client; but not while one destroys it.
 * Since    0.1 */
TRYST_API tryst_result tryst_client_wake(struct tryst_client *client);

/* A descriptor that turns readable when tryst_client_run(client, 0) has work, for a game's own loop;
 * wait on it for at most tryst_client_timeout_ms. It stays the client's.
 *
 * Returns  the descriptor; TRYST_E_ARGUMENT.
 * Since    0.1 */
TRYST_API int32_t tryst_client_fileno(const struct tryst_client *client);

/* How long a game's own loop may wait before it calls tryst_client_run(client, 0).
 *
 * Returns  milliseconds; 0 for now, and for NULL; -1 for no limit.
 * Since    0.1 */
TRYST_API int32_t tryst_client_timeout_ms(const struct tryst_client *client);

/* The public key this client is known by. Returns TRYST_OK; TRYST_E_ARGUMENT. Since 0.1 */
TRYST_API tryst_result tryst_client_public_key(const struct tryst_client *client,
                                               uint8_t key[TRYST_KEY_SIZE]);

#ifdef __cplusplus
}
#endif

#endif
