/* The gate of a client in Python: one thread may wait in it without the interpreter's lock, and any
 * other that comes gets it out for as long as a call takes. The interpreter's lock (GIL) is the lock
 * of everything else, so a call that finds nobody waiting costs one look.
 * SPDX-License-Identifier: MIT */
#ifndef TR_PYTHON_GATE_H
#define TR_PYTHON_GATE_H

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <time.h>

/* A second thread that wants to wait looks for signals this often. */
#define TR_GATE_LOOK_US 50000

struct tr_gate {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint32_t wanting; /* threads that wait to use the client */
    bool is_busy;     /* a thread waits in the client; written with mutex and GIL held */
    bool is_woken;    /* by wake(): the wait ends, not only pauses */
};

static tryst_result tr_gate_init(struct tr_gate *gate)
{
    pthread_condattr_t attributes;
    int error = pthread_condattr_init(&attributes);
    if (error != 0)
        return TRYST_E_MEMORY;
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    error = pthread_cond_init(&gate->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (error != 0)
        return TRYST_E_MEMORY;
    if (pthread_mutex_init(&gate->mutex, NULL) == 0)
        return TRYST_OK;
    pthread_cond_destroy(&gate->changed);
    return TRYST_E_MEMORY;
}

static void tr_gate_clear(struct tr_gate *gate)
{
    pthread_mutex_destroy(&gate->mutex);
    pthread_cond_destroy(&gate->changed);
}

/* With the GIL: returns when no thread waits in the client. None will before this one gives up the
 * GIL again, as wanting keeps them out until it is held. */
static void tr_gate_enter(struct tr_gate *gate, struct tryst_client *const *client)
{
    if (!gate->is_busy)
        return;
    pthread_mutex_lock(&gate->mutex);
    gate->wanting++;
    pthread_mutex_unlock(&gate->mutex);
    tryst_client_wake(*client);
    Py_BEGIN_ALLOW_THREADS;
    pthread_mutex_lock(&gate->mutex);
    while (gate->is_busy)
        pthread_cond_wait(&gate->changed, &gate->mutex);
    pthread_mutex_unlock(&gate->mutex);
    Py_END_ALLOW_THREADS;
    pthread_mutex_lock(&gate->mutex);
    gate->wanting--;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->mutex);
}

static int64_t tr_gate_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Without the GIL: sleeps until something changed, but not past until_us. */
static void tr_gate_sleep(struct tr_gate *gate, int64_t until_us)
{
    struct timespec until;
    until.tv_sec = (time_t)(until_us / 1000000);
    until.tv_nsec = (long)(until_us % 1000000) * 1000;
    pthread_mutex_lock(&gate->mutex);
    if (gate->is_busy || gate->wanting > 0)
        pthread_cond_timedwait(&gate->changed, &gate->mutex, &until);
    pthread_mutex_unlock(&gate->mutex);
}

/* With the GIL: makes this thread the one that waits. 1; 0 when until_us came first; -1 with a
 * Python exception. */
static int tr_gate_claim(struct tr_gate *gate, int64_t until_us)
{
    for (;;) {
        int64_t now_us = tr_gate_now_us();
        int64_t look_us = now_us + TR_GATE_LOOK_US;
        pthread_mutex_lock(&gate->mutex);
        bool is_free = !gate->is_busy && gate->wanting == 0;
        gate->is_busy = gate->is_busy || is_free;
        pthread_mutex_unlock(&gate->mutex);
        if (is_free)
            return 1;
        if (now_us >= until_us)
            return 0;
        Py_BEGIN_ALLOW_THREADS;
        tr_gate_sleep(gate, look_us < until_us ? look_us : until_us);
        Py_END_ALLOW_THREADS;
        if (PyErr_CheckSignals() < 0)
            return -1;
    }
}

/* One stretch of waiting, the GIL given up. */
static tryst_result tr_gate_wait(struct tr_gate *gate, struct tryst_client *client,
                                 int64_t until_us)
{
    int64_t now_us = tr_gate_now_us();
    int64_t left_ms = until_us > now_us ? (until_us - now_us + 999) / 1000 : 0;
    tryst_result result = TRYST_E_CLOSED;
    int error = 0;
    if (client != NULL) {
        Py_BEGIN_ALLOW_THREADS;
        result = tryst_client_run(client, until_us == INT64_MAX ? -1 : (int32_t)left_ms);
        error = errno;
        Py_END_ALLOW_THREADS;
    }
    pthread_mutex_lock(&gate->mutex);
    gate->is_busy = false;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->mutex);
    errno = error;
    return result;
}

/* A turn without waiting keeps the GIL. */
static tryst_result tr_gate_turn(struct tr_gate *gate, struct tryst_client *const *client)
{
    tryst_result result;
    tr_gate_enter(gate, client);
    gate->is_woken = false;
    result = *client != NULL ? tryst_client_run(*client, 0) : TRYST_E_CLOSED;
    return result == TRYST_E_INTERRUPTED ? 0 : result;
}

/* A signal, and a thread that wants the client for a moment, end a stretch but not the wait: its
 * handlers run and it goes on (PEP 475). -1 (TRYST_E_ARGUMENT) with a Python exception set. */
static tryst_result tr_gate_run(struct tr_gate *gate, struct tryst_client *const *client,
                                int32_t timeout_ms)
{
    int64_t until_us = timeout_ms < 0 ? INT64_MAX : tr_gate_now_us() + (int64_t)timeout_ms * 1000;
    if (timeout_ms == 0)
        return tr_gate_turn(gate, client);
    for (;;) {
        int claimed = tr_gate_claim(gate, until_us);
        if (claimed <= 0)
            return claimed;
        tryst_result result = tr_gate_wait(gate, *client, until_us);
        if (result != TRYST_E_INTERRUPTED)
            return result;
        if (PyErr_CheckSignals() < 0)
            return -1;
        if (gate->is_woken || tr_gate_now_us() >= until_us) {
            gate->is_woken = false;
            return 0;
        }
    }
}

static void tr_gate_wake(struct tr_gate *gate, struct tryst_client *client)
{
    gate->is_woken = true;
    tryst_client_wake(client);
}

/* Without the GIL: it may have to wait for the look-up of a name. */
static void tr_gate_destroy_client(struct tryst_client *client)
{
    Py_BEGIN_ALLOW_THREADS;
    tryst_client_destroy(client);
    Py_END_ALLOW_THREADS;
}

#endif
