/* Locking a worker process in.
 * SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "server/worker_jail.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__) && !defined(__ILP32__)
#define FILTER_MACHINE AUDIT_ARCH_X86_64
#elif defined(__aarch64__) && defined(__AARCH64EL__)
#define FILTER_MACHINE AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define FILTER_MACHINE AUDIT_ARCH_RISCV64
#endif

/* --- System calls ------------------------------------------------------------------------------ */

#ifdef FILTER_MACHINE

enum { FOREIGN = 0x40000000 }; /* x86-64: from here on the numbers of its x32 dialect */

/* Calls that fail with EPERM. Those that headers of another machine or age do not have are left out. */
static const uint32_t denied[] = {
/* A child or a thread: what would outlive a kill, or run between questions. */
#ifdef SYS_fork
    SYS_fork,
#endif
#ifdef SYS_vfork
    SYS_vfork,
#endif
    SYS_clone,
#ifdef SYS_clone3
    SYS_clone3,
#endif
    SYS_setsid,
    SYS_setpgid,
#ifdef SYS_alarm
    SYS_alarm,
#endif
    SYS_setitimer,
    SYS_timer_create,
    /* Other processes of the same user, the server first of all. */
    SYS_tkill,
    SYS_rt_sigqueueinfo,
    SYS_rt_tgsigqueueinfo,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_kcmp,
    SYS_setpriority,
    SYS_ioprio_set,
    SYS_sched_setaffinity,
    SYS_sched_setscheduler,
    SYS_sched_setparam,
    SYS_sched_setattr,
    SYS_migrate_pages,
    SYS_move_pages,
#ifdef SYS_pidfd_send_signal
    SYS_pidfd_send_signal,
#endif
#ifdef SYS_pidfd_open
    SYS_pidfd_open,
#endif
#ifdef SYS_pidfd_getfd
    SYS_pidfd_getfd,
#endif
#ifdef SYS_process_madvise
    SYS_process_madvise,
#endif
    /* What stays when the process is gone. */
    SYS_shmget,
    SYS_semget,
    SYS_msgget,
    SYS_mq_open,
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
    /* The network, and ways around this filter or deep into the kernel. */
    SYS_socket,
    SYS_unshare,
    SYS_setns,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
#ifdef SYS_io_uring_setup
    SYS_io_uring_setup,
#endif
};

/* Calls whose first argument decides: denied if it is, or if it is not, a value. */
struct rule {
    uint32_t call;
    uint32_t value;
    bool is_denied_if_equal;
};

enum {
    DENIED = sizeof denied / sizeof denied[0],
    RULES = 4,
    HEAD = 4,  /* instructions: machine and number */
    BLOCK = 5, /* of a rule */
    LENGTH = HEAD + DENIED + BLOCK * RULES + 2,
    DENY = LENGTH - 1,
};

static_assert(LENGTH <= UINT8_MAX, "a jump goes no further");

#define WORD_OF(field) ((uint32_t)offsetof(struct seccomp_data, field))
#define LOAD(offset) ((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (offset)))
#define JUMP(test, value, yes, no)                                                                 \
    ((struct sock_filter){BPF_JMP | (test) | BPF_K, (uint8_t)(yes), (uint8_t)(no), (value)})
#define END(action) ((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, (action)))

/* The rules come behind the table, each a block of five: is it this call, its argument, the verdict. The
 * low half of the argument is all that the kernel looks at for the calls in question, too. */
static uint32_t add_rules(struct sock_filter *filter, uint32_t at)
{
    uint32_t self = (uint32_t)getpid();
    const struct rule rules[RULES] = {
        {SYS_kill, self, false},
        {SYS_tgkill, self, false},
        {SYS_prlimit64, 0, false},
        {SYS_prctl, PR_SET_PDEATHSIG, true},
    };

    for (uint32_t i = 0; i < RULES; i++) {
        filter[at++] = JUMP(BPF_JEQ, rules[i].call, 0, BLOCK - 1);
        filter[at++] = LOAD(WORD_OF(args[0]));
        filter[at++] = rules[i].is_denied_if_equal ? JUMP(BPF_JEQ, rules[i].value, 1, 0)
                                                   : JUMP(BPF_JEQ, rules[i].value, 0, 1);
        filter[at++] = END(SECCOMP_RET_ALLOW);
        filter[at++] = END(SECCOMP_RET_ERRNO | EPERM);
    }
    return at;
}

static void forbid_calls(void)
{
    struct sock_filter filter[LENGTH];
    struct sock_fprog program = {.len = LENGTH, .filter = filter};
    uint32_t at = 0;

    filter[at++] = LOAD(WORD_OF(arch));
    filter[at] = JUMP(BPF_JEQ, FILTER_MACHINE, 0, DENY - (at + 1));
    at++;
    filter[at++] = LOAD(WORD_OF(nr));
    filter[at] = JUMP(BPF_JGE, FOREIGN, DENY - (at + 1), 0);
    at++;
    for (uint32_t i = 0; i < DENIED; i++, at++)
        filter[at] = JUMP(BPF_JEQ, denied[i], DENY - (at + 1), 0);
    at = add_rules(filter, at);
    filter[at++] = END(SECCOMP_RET_ALLOW);
    filter[at] = END(SECCOMP_RET_ERRNO | EPERM);
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

bool tr_jail_has_seccomp(void)
{
    /* The kernel reads the filter only if it knows what one is. */
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) != 0 && errno == EFAULT;
}

#else

static void forbid_calls(void)
{
}

bool tr_jail_has_seccomp(void)
{
    return false;
}

#endif

/* --- Files ------------------------------------------------------------------------------------- */

/* linux/landlock.h, which is younger than much of what this is built on: the numbers are the same on
 * every machine. */
enum {
    LANDLOCK_CREATE = 444,
    LANDLOCK_RESTRICT = 446,
    LANDLOCK_VERSION = 1,
};

static long landlock_version(void)
{
    return syscall(LANDLOCK_CREATE, NULL, 0, LANDLOCK_VERSION);
}

bool tr_jail_has_landlock(void)
{
    return landlock_version() >= 1;
}

/* Every right that changes something, and no rule that grants it anywhere. Reading files is bits 2 and 3,
 * running them bit 0: not handled, so not refused. */
static void forbid_writing(void)
{
    long version = landlock_version();
    uint64_t changes = 0x1ff2; /* bits 1 and 4 to 12: write, remove, make */

    if (version < 1)
        return;
    if (version >= 2)
        changes |= 1u << 13; /* move to another folder */
    if (version >= 3)
        changes |= 1u << 14; /* truncate */

    int rules = (int)syscall(LANDLOCK_CREATE, &changes, sizeof changes, 0);

    if (rules < 0)
        return;
    syscall(LANDLOCK_RESTRICT, rules, 0);
    close(rules);
}

/* --- All of it --------------------------------------------------------------------------------- */

static bool drop_capabilities(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

    return syscall(SYS_capset, &head, none) == 0;
}

/* Where memory runs out, a worker goes before the server does. */
static void volunteer(void)
{
    int score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    if (score < 0)
        return;
    (void)!write(score, "1000", 4);
    close(score);
}

bool tr_jail_enter(uint32_t memory_bytes)
{
    const struct rlimit memory = {memory_bytes, memory_bytes};
    const struct rlimit descriptors = {TR_JAIL_DESCRIPTORS, TR_JAIL_DESCRIPTORS};
    const struct rlimit nothing = {0, 0};

    volunteer();
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return false;
    if (memory_bytes != UINT32_MAX && setrlimit(RLIMIT_AS, &memory) != 0)
        return false;
    if (setrlimit(RLIMIT_NOFILE, &descriptors) != 0 || setrlimit(RLIMIT_FSIZE, &nothing) != 0 ||
        setrlimit(RLIMIT_CORE, &nothing) != 0 || setrlimit(RLIMIT_NPROC, &nothing) != 0)
        return false;
    if (!drop_capabilities())
        return false;
    forbid_writing();
    forbid_calls();
    return true;
}
