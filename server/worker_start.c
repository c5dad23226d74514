/* Starting a worker process.
 *
 * By vfork: fork would copy the server's page tables, and the event loop would then fault on every page
 * it writes to. So between vfork and exec the child runs on the server's memory, with all signals held,
 * and does nothing but system calls and writes to its own stack.
 * SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "server/worker_start.h"

#include "server/worker_jail.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    OUT_OF_THE_WAY = 16, /* descriptors from here on are none that a worker is born with */
    FAILED = 127,        /* as a shell says it */
};

/* The server's handlers must not run in the child, and what it ignores a script may want to have. */
static void reset_signals(void)
{
    struct sigaction usual = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        sigaction(number, &usual, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Twice: the first may stand where another one is to go. */
static bool place_descriptors(const int descriptors[TR_WORKER_DESCRIPTORS])
{
    int away[TR_WORKER_DESCRIPTORS];

    for (int i = 0; i < TR_WORKER_DESCRIPTORS; i++)
        if ((away[i] = fcntl(descriptors[i], F_DUPFD_CLOEXEC, OUT_OF_THE_WAY)) < 0)
            return false;
    for (int i = 0; i < TR_WORKER_DESCRIPTORS; i++)
        if (dup2(away[i], i) < 0)
            return false;
#ifdef SYS_close_range
    /* All of the server's close by themselves on exec; this is for what a library of its left open. */
    syscall(SYS_close_range, (unsigned)TR_WORKER_DESCRIPTORS, ~0u, 0u);
#endif
    return true;
}

/* Never returns. Its arguments are all that it reads of the parent's. */
static void be_child(const struct tr_worker_birth *birth, pid_t parent)
{
    static char language[] = "LANG=C.UTF-8";
    static char *const environment[] = {language, NULL};

    umask(077);
    if (setsid() >= 0 && chdir("/") == 0 && place_descriptors(birth->descriptors) &&
        tr_jail_enter(birth->memory_bytes) && getppid() == parent) {
        reset_signals();
        execve(birth->interpreter, birth->arguments, environment);
    }
    _exit(FAILED);
}

pid_t tr_worker_start(const struct tr_worker_birth *birth)
{
    pid_t parent = getpid();
    sigset_t all, before;
    pid_t child;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    child = vfork();
    if (child == 0)
        be_child(birth, parent);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return child;
}
