/* Between the endpoint, which knows whether there is a NAT, and the thread that asks the router.
 * SPDX-License-Identifier: MIT */
#include "lib/driver/keeper.h"

#include "lib/base/deadline.h"
#include "lib/core/driver_face.h"
#include "lib/seal/seal.h"
#include <stdlib.h>

/* Whether there is a NAT is looked at so often: it is asked of each address of the server. */
#define LOOK_US (20 * TR_MS)

void tr_keeper_init(struct tr_keeper *keeper, uint32_t use)
{
    *keeper = (struct tr_keeper){.is_denied = use == TRYST_PORT_MAPPING_DENY};
}

static void became_readable(uv_poll_t *watch, int status, int events)
{
    struct tr_keeper *keeper = watch->data;
    (void)events;
    keeper->is_readable = true;
    if (status < 0)
        uv_poll_start(watch, UV_READABLE, became_readable);
}

static void watch(struct tr_keeper *keeper)
{
    if (keeper->loop == NULL || keeper->mapper == NULL || keeper->watch != NULL)
        return;
    keeper->watch = calloc(1, sizeof(*keeper->watch));
    if (keeper->watch == NULL)
        return;
    if (uv_poll_init(keeper->loop, keeper->watch, tr_mapper_fd(keeper->mapper)) != 0) {
        free(keeper->watch);
        keeper->watch = NULL;
        return;
    }
    keeper->watch->data = keeper;
    uv_poll_start(keeper->watch, UV_READABLE, became_readable);
    keeper->is_stirred = true;
}

void tr_keeper_watch(struct tr_keeper *keeper, uv_loop_t *loop)
{
    keeper->loop = loop;
    watch(keeper);
}

static void start(struct tr_keeper *keeper)
{
    uint8_t nonce[12];
    tr_seal_entropy(nonce, sizeof(nonce));
    keeper->mapper = tr_mapper_create(nonce, TR_LEASE_S);
    keeper->is_denied = keeper->mapper == NULL; /* not built, or nothing left for it */
    watch(keeper);
}

void tr_keeper_turn(struct tr_keeper *keeper, struct tryst_endpoint *endpoint,
                    const struct tryst_address *local, uint64_t now_us)
{
    static const struct tryst_address none;
    if (keeper->is_denied || (!keeper->is_readable && now_us < keeper->looked_us + LOOK_US))
        return;
    keeper->looked_us = now_us;
    keeper->is_readable = false;
    bool is_wanted = local->family != 0 && tr_endpoint_is_translated(endpoint);
    if (keeper->mapper == NULL && is_wanted)
        start(keeper);
    if (keeper->mapper == NULL)
        return;
    tr_mapper_set_local(keeper->mapper, is_wanted ? local : &none);
    if (tr_mapper_take(keeper->mapper, &keeper->known))
        tryst_endpoint_set_mapped(endpoint, now_us, &keeper->known.external);
    if (keeper->is_stirred && keeper->loop != NULL) {
        keeper->is_stirred = false;
        uv_run(keeper->loop, UV_RUN_NOWAIT);
    }
}

int tr_keeper_fd(const struct tr_keeper *keeper)
{
    return tr_mapper_fd(keeper->mapper);
}

static void free_watch(uv_handle_t *handle)
{
    free(handle);
}

void tr_keeper_clear(struct tr_keeper *keeper)
{
    if (keeper->watch != NULL)
        uv_close((uv_handle_t *)keeper->watch, free_watch);
    keeper->watch = NULL;
    tr_mapper_destroy(keeper->mapper);
    keeper->mapper = NULL;
}
