/* What an endpoint is made of, for the files of its face.
 * SPDX-License-Identifier: MIT */
#ifndef TR_ENDPOINT_STATE_H
#define TR_ENDPOINT_STATE_H

#include "lib/core/locals.h"
#include "lib/core/notice.h"
#include "lib/core/pace.h"
#include "lib/core/session.h"
#include "lib/core/sockets.h"
#include "lib/core/surveyor.h"
#include <tryst/endpoint.h>

struct tryst_endpoint {
    struct tryst_identity identity;
    struct tr_random random;
    struct tr_outbox outbox;
    struct tr_notice_queue notices;
    struct tr_rendezvous rendezvous;
    struct tr_survey survey;
    struct tr_session session;
    struct tr_peer_kit kit;
    struct tr_budget budget;
    struct tr_relay_way relay; /* as the registration is now */
    uint8_t relay_use;         /* enum tryst_relay_use */
    uint16_t ports[2];         /* of the server's for TCP and TLS, 0: none */
    bool is_awake;             /* time went on without us */
    struct tr_pace pace;
    struct tr_hello_extra hello; /* what every hello says of us */
    struct tryst_stats stats;
    struct tr_locals locals;
    struct tr_sockets sockets;
    struct tryst_address servers[TRYST_SERVER_MAX];
    uint8_t server_count;
    uint8_t app[TR_APP_BYTES];
    uint64_t created_us;
    bool is_joined;
};

#endif
