/* One worker: a process that runs a copy of the script, and answers one question at a time.
 *
 * It is not trusted. What it says is judged by tr_worker_reply_fault; what it owes has a deadline; and
 * once it has broken either rule it is killed, with its process group.
 * SPDX-License-Identifier: MIT */
#ifndef TR_WORKER_H
#define TR_WORKER_H

#include "server/worker_message.h"
#include "server/worker_output.h"
#include "server/worker_script.h"
#include <sys/types.h>

enum tr_worker_state {
    TR_WORKER_STARTING, /* READY leads to IDLE; FAILED and the deadline to ENDED */
    TR_WORKER_IDLE,     /* a question leads to BUSY; anything it says unasked to ENDED */
    TR_WORKER_BUSY,     /* its reply leads to IDLE; any other reply and the deadline to ENDED */
    TR_WORKER_ENDED,    /* killed; free once it is reaped */
};

struct tr_task;

struct tr_worker {
    struct tr_worker *next;
    enum tr_worker_state state;
    pid_t process;
    int channel;
    int state_file; /* where it puts the script's state when it is asked to */
    struct tr_output output;
    uint32_t sequence;    /* of the last question */
    uint64_t deadline_us; /* STARTING, BUSY; ENDED: when to look whether it is gone */
    /* For the pool. */
    uint32_t seat;
    uint32_t answered;    /* sound replies so far */
    struct tr_task *task; /* BUSY: what it works at */
    bool is_retiring;     /* its script is outdated: it ends once it is through */
    bool is_unasked;      /* nobody wanted it to end */
    bool is_output_watched;
};

/* Where everything is. */
struct tr_worker_paths {
    const char *interpreter;
    const char *program; /* policy_worker.py */
    const char *modules; /* the folder that has the package tryst */
    const char *script;  /* absolute */
    const char *name;    /* of the script, as the operator gave it */
};

/* Starts one; it is STARTING until deadline_us. NULL: errno says why. */
struct tr_worker *tr_worker_create(const struct tr_worker_paths *paths,
                                   const struct tr_script *script, uint32_t memory_bytes,
                                   uint64_t deadline_us);

/* Frees one that is reaped. */
void tr_worker_destroy(struct tr_worker *worker);

/* IDLE: hands it a question. false: it cannot be reached. */
bool tr_worker_ask(struct tr_worker *worker, uint32_t hook, const void *data, size_t size,
                   uint64_t deadline_us);

/* Reads what it says, if it says something.
 *
 * fault    receives what is wrong; NULL: nothing
 *
 * Returns  whether there is a sound reply. */
bool tr_worker_take(struct tr_worker *worker, struct tr_worker_reply *reply, const char **fault);

/* Copies the state that it has put down: size bytes. false: they are not there. */
bool tr_worker_copy_state(const struct tr_worker *worker, void *state, size_t size);

/* Kills it and all of its group, and closes what leads to it. */
void tr_worker_end(struct tr_worker *worker, const struct tryst_policy_host *host, uint64_t now_us);

/* ENDED: whether it is gone, without waiting for that. status: as waitpid gives it; -1 unknown. */
bool tr_worker_reap(const struct tr_worker *worker, int *status);

#endif
