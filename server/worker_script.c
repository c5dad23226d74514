/* Keeping a script as it was.
 * SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "server/worker_script.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Not without end: the path may lead to a device. */
static int read_all(int from, char *bytes, size_t room, size_t *size)
{
    for (*size = 0; *size < room;) {
        ssize_t got = read(from, bytes + *size, room - *size);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errno;
        if (got == 0)
            return 0;
        *size += (size_t)got;
    }
    return EFBIG;
}

static bool write_all(int to, const void *data, size_t size)
{
    const char *at = data;

    while (size > 0) {
        ssize_t put = write(to, at, size);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        at += put;
        size -= (size_t)put;
    }
    return true;
}

static int keep(struct tr_script *script, const char *bytes, const void *state)
{
    script->descriptor = memfd_create("tryst-policy", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (script->descriptor >= 0 && write_all(script->descriptor, bytes, script->size) &&
        write_all(script->descriptor, state, script->state_size) &&
        fcntl(script->descriptor, F_ADD_SEALS,
              F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0)
        return 0;
    return errno;
}

int tr_script_open(struct tr_script *script, const char *path, const void *state, size_t state_size,
                   bool is_reload)
{
    char *bytes = malloc(TR_SCRIPT_MAX + 1);
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int fault = bytes == NULL ? ENOMEM : file < 0 ? errno : 0;

    *script =
        (struct tr_script){.descriptor = -1, .state_size = state_size, .is_reload = is_reload};
    if (fault == 0)
        fault = read_all(file, bytes, TR_SCRIPT_MAX + 1, &script->size);
    if (fault == 0)
        fault = keep(script, bytes, state);
    if (fault != 0)
        tr_script_close(script);
    if (file >= 0)
        close(file);
    free(bytes);
    return fault;
}

void tr_script_close(struct tr_script *script)
{
    if (script->descriptor >= 0)
        close(script->descriptor);
    script->descriptor = -1;
}
