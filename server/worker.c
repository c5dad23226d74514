/* The life of one worker.
 * SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "server/worker.h"

#include "server/worker_start.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- Starting ---------------------------------------------------------------------------------- */

/* Of a fixed size, so that no size that the worker gives makes reading it fail. */
static int make_state_file(void)
{
    int file = memfd_create("tryst-policy-state", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (file >= 0 && ftruncate(file, TR_WORKER_STATE_MAX) == 0 &&
        fcntl(file, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0)
        return file;
    if (file >= 0)
        close(file);
    return -1;
}

static pid_t start(const struct tr_worker_paths *paths, const struct tr_script *script,
                   uint32_t memory_bytes, const int descriptors[TR_WORKER_DESCRIPTORS])
{
    char sizes[2][24];
    /* Alone: no environment, no user's folder, no site's, and nothing written. exec changes none of
     * them. */
    const char *arguments[] = {paths->interpreter,
                               "-I",
                               "-S",
                               "-B",
                               paths->program,
                               paths->script,
                               paths->name,
                               paths->modules,
                               sizes[0],
                               sizes[1],
                               script->is_reload ? "reload" : "load",
                               NULL};
    struct tr_worker_birth birth = {.interpreter = paths->interpreter,
                                    .arguments = (char *const *)(void *)arguments,
                                    .memory_bytes = memory_bytes};

    snprintf(sizes[0], sizeof sizes[0], "%zu", script->size);
    snprintf(sizes[1], sizeof sizes[1], "%zu", script->state_size);
    memcpy(birth.descriptors, descriptors, sizeof birth.descriptors);
    return tr_worker_start(&birth);
}

/* What is needed of descriptors, and the process. false: errno, and what is open is in the worker. */
static bool equip(struct tr_worker *worker, const struct tr_worker_paths *paths,
                  const struct tr_script *script, uint32_t memory_bytes)
{
    int pair[2] = {-1, -1}, ends[2] = {-1, -1};
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

    worker->state_file = make_state_file();
    if (nothing >= 0 && worker->state_file >= 0 &&
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0 &&
        pipe2(ends, O_CLOEXEC) == 0 && fcntl(pair[0], F_SETFL, O_NONBLOCK) == 0 &&
        fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0)
        worker->process = start(
            paths, script, memory_bytes,
            (int[]){nothing, ends[1], ends[1], pair[1], script->descriptor, worker->state_file});

    int fault = errno;

    worker->channel = pair[0];
    worker->output.descriptor = ends[0];
    for (int i = 0; i < 3; i++) {
        int other = i == 0 ? nothing : i == 1 ? pair[1] : ends[1];

        if (other >= 0)
            close(other);
    }
    errno = fault;
    return worker->process > 0;
}

struct tr_worker *tr_worker_create(const struct tr_worker_paths *paths,
                                   const struct tr_script *script, uint32_t memory_bytes,
                                   uint64_t deadline_us)
{
    struct tr_worker *worker = calloc(1, sizeof *worker);
    int fault;

    if (worker == NULL)
        return NULL;
    worker->state = TR_WORKER_STARTING;
    worker->process = worker->channel = worker->state_file = worker->output.descriptor = -1;
    worker->deadline_us = deadline_us;
    if (equip(worker, paths, script, memory_bytes))
        return worker;
    fault = errno;
    tr_worker_destroy(worker);
    errno = fault;
    return NULL;
}

void tr_worker_destroy(struct tr_worker *worker)
{
    if (worker->channel >= 0)
        close(worker->channel);
    if (worker->state_file >= 0)
        close(worker->state_file);
    if (worker->output.descriptor >= 0)
        close(worker->output.descriptor);
    free(worker);
}

/* --- Talking ----------------------------------------------------------------------------------- */

/* Whether it runs, or has ended: is_there is false where somebody reaped it already, as the kernel does
 * if the server was started with SIGCHLD ignored. Its number may be another's then. */
static bool is_alive(const struct tr_worker *worker, bool *is_there)
{
    siginfo_t info = {0};

    *is_there = waitid(P_PID, (id_t)worker->process, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
    return *is_there && info.si_pid == 0;
}

bool tr_worker_ask(struct tr_worker *worker, uint32_t hook, const void *data, size_t size,
                   uint64_t deadline_us)
{
    struct tr_worker_question question = {.sequence = worker->sequence + 1, .hook = hook};
    struct iovec parts[2] = {{&question, sizeof question}, {(void *)(uintptr_t)data, size}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    bool is_there;

    if (question.sequence == 0)
        question.sequence = 1;
    /* Where the kernel lets it make children, one may hold the channel's other end when it has ended:
     * that is not whom the question is for. */
    if (!is_alive(worker, &is_there))
        return false;
    if (sendmsg(worker->channel, &message, MSG_NOSIGNAL | MSG_DONTWAIT) !=
        (ssize_t)(sizeof question + size))
        return false;
    worker->sequence = question.sequence;
    worker->deadline_us = deadline_us;
    worker->state = TR_WORKER_BUSY;
    return true;
}

/* Whether a sound reply is one that it owes. */
static bool is_due(const struct tr_worker *worker, uint32_t word)
{
    switch (worker->state) {
    case TR_WORKER_STARTING:
        return word == TR_WORKER_READY || word == TR_WORKER_FAILED;
    case TR_WORKER_BUSY:
        return word == TR_WORKER_ANSWER || word == TR_WORKER_DUMPED;
    case TR_WORKER_IDLE:
    case TR_WORKER_ENDED:
        break;
    }
    return false;
}

bool tr_worker_take(struct tr_worker *worker, struct tr_worker_reply *reply, const char **fault)
{
    /* MSG_TRUNC: the message's own size, which may be megabytes. No room for descriptors: those that come
     * along are closed by the kernel. */
    ssize_t size = recv(worker->channel, reply, sizeof *reply, MSG_DONTWAIT | MSG_TRUNC);

    *fault = NULL;
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (size <= 0) {
        *fault = "its process ended";
        return false;
    }
    *fault = tr_worker_reply_fault(reply, (size_t)size,
                                   worker->state == TR_WORKER_STARTING ? 0 : worker->sequence);
    if (*fault == NULL && !is_due(worker, reply->word))
        *fault = "a reply that nobody asked for";
    if (*fault != NULL)
        return false;
    if (reply->word != TR_WORKER_FAILED)
        worker->state = TR_WORKER_IDLE;
    return true;
}

bool tr_worker_copy_state(const struct tr_worker *worker, void *state, size_t size)
{
    return pread(worker->state_file, state, size, 0) == (ssize_t)size;
}

/* --- Ending ------------------------------------------------------------------------------------ */

void tr_worker_end(struct tr_worker *worker, const struct tryst_policy_host *host, uint64_t now_us)
{
    bool is_there;

    (void)is_alive(worker, &is_there);
    if (is_there) {
        kill(-worker->process, SIGKILL);
        kill(worker->process, SIGKILL);
    }
    tr_output_close(&worker->output, host, now_us);
    close(worker->channel);
    close(worker->state_file);
    worker->channel = worker->state_file = -1;
    worker->deadline_us = now_us;
    worker->state = TR_WORKER_ENDED;
}

bool tr_worker_reap(const struct tr_worker *worker, int *status)
{
    pid_t gone = waitpid(worker->process, status, WNOHANG);

    if (gone < 0)
        *status = -1;
    return gone != 0;
}
