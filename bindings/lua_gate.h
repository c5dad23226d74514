/* The gate of a client in Lua: a state belongs to one thread, so there is nobody to keep out.
 * SPDX-License-Identifier: MIT */
#ifndef TR_LUA_GATE_H
#define TR_LUA_GATE_H

struct tr_gate {
    char unused;
};

static tryst_result tr_gate_init(struct tr_gate *gate)
{
    gate->unused = 0;
    return TRYST_OK;
}

static void tr_gate_clear(struct tr_gate *gate)
{
    (void)gate;
}

static void tr_gate_enter(struct tr_gate *gate, struct tryst_client *const *client)
{
    (void)gate;
    (void)client;
}

/* A signal ends the wait early: lua's own handler wants to raise its error in the script. */
static tryst_result tr_gate_run(struct tr_gate *gate, struct tryst_client *const *client,
                                int32_t timeout_ms)
{
    tryst_result result = *client != NULL ? tryst_client_run(*client, timeout_ms) : TRYST_E_CLOSED;
    (void)gate;
    return result == TRYST_E_INTERRUPTED ? 0 : result;
}

static void tr_gate_destroy_client(struct tryst_client *client)
{
    tryst_client_destroy(client);
}

#endif
