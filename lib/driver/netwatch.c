/* The system's word that addresses, links or routes of this host changed.
 * SPDX-License-Identifier: MIT */
#include "lib/driver/netwatch.h"

#include "lib/base/deadline.h"
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUIET_US (10 * TR_MS) /* a change of uplinks is many words */
#define LATEST_US (100 * TR_MS)
/* A game that never waits has nobody to tell it that there are words; it looks this often. */
#define LOOK_US (1 * TR_MS)
enum { READS_MAX = 64 };

void tr_netwatch_open(struct tr_netwatch *watch)
{
    const struct sockaddr_nl name = {
        .nl_family = AF_NETLINK,
        .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE |
                     RTMGRP_IPV6_ROUTE,
    };
    *watch = (struct tr_netwatch){.first_us = TR_NEVER};
    watch->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (watch->fd >= 0 && bind(watch->fd, (const struct sockaddr *)&name, sizeof(name)) != 0)
        tr_netwatch_close(watch);
}

void tr_netwatch_close(struct tr_netwatch *watch)
{
    if (watch->fd >= 0)
        close(watch->fd);
    watch->fd = -1;
}

static void note(struct tr_netwatch *watch, uint64_t now_us)
{
    if (watch->first_us == TR_NEVER)
        watch->first_us = now_us;
    watch->last_us = now_us;
}

/* What the words say is not read: the listing asks for all there is, and a change that was lost to a
 * full buffer (ENOBUFS) is one more. Only the kernel's own count, as anybody here may send some. */
void tr_netwatch_read(struct tr_netwatch *watch, uint64_t now_us)
{
    if (watch->fd < 0 || (!watch->is_readable && now_us < watch->looked_us + LOOK_US))
        return;
    watch->is_readable = false;
    watch->looked_us = now_us;
    for (int reads = 0; reads < READS_MAX; reads++) {
        struct sockaddr_nl from = {0};
        char word[16]; /* the rest of it is cut off */
        struct iovec room = {.iov_base = word, .iov_len = sizeof(word)};
        struct msghdr message = {
            .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &room, .msg_iovlen = 1};
        if (recvmsg(watch->fd, &message, 0) >= 0) {
            if (from.nl_pid == 0)
                note(watch, now_us);
        } else if (errno == ENOBUFS) {
            note(watch, now_us);
        } else if (errno != EINTR) {
            return;
        }
    }
}

uint64_t tr_netwatch_deadline(const struct tr_netwatch *watch)
{
    if (watch->first_us == TR_NEVER)
        return TR_NEVER;
    uint64_t due_us = watch->last_us + QUIET_US;
    tr_sooner(&due_us, watch->first_us + LATEST_US);
    return due_us;
}

void tr_netwatch_done(struct tr_netwatch *watch)
{
    watch->first_us = TR_NEVER;
}
