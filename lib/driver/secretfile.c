/* Secret seeds in files: one line of text, private, each file whole or not there.
 * SPDX-License-Identifier: MIT */
#include "lib/driver/secretfile.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tryst/identity.h>
#include <unistd.h>

enum { LINE_MAX_SIZE = TR_SECRETFILE_PREFIX_MAX + TRYST_KEY_TEXT_SIZE };

/* Bytes of the line: its newline stands where the key's NUL was. */
static size_t line_size(const char *prefix)
{
    size_t size = strlen(prefix);
    assert(size <= TR_SECRETFILE_PREFIX_MAX);
    return size + TRYST_KEY_TEXT_SIZE;
}

/* TRYST_OK and an open file whose mode is private; opened without waiting, as it may be a pipe. */
static tryst_result open_private(const char *path, int *fd)
{
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0)
        return TRYST_E_FILE;
    struct stat status;
    int error = 0;
    tryst_result result = TRYST_OK;
    if (fstat(*fd, &status) != 0) {
        error = errno;
        result = TRYST_E_FILE;
    } else if (!S_ISREG(status.st_mode)) {
        error = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
        result = TRYST_E_FILE;
    } else if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        error = EACCES;
        result = TRYST_E_PERMISSION;
    }
    if (result != TRYST_OK) {
        close(*fd);
        errno = error;
    }
    return result;
}

static tryst_result parse_line(uint8_t seed[TR_KEY], char *line, size_t size, const char *prefix,
                               bool needs_newline)
{
    size_t end = line_size(prefix) - 1;
    bool has_newline = size == end + 1 && line[end] == '\n';
    if (!has_newline && (needs_newline || size != end))
        return TRYST_E_FORMAT;
    line[end] = '\0';
    size_t prefix_size = strlen(prefix);
    if (memcmp(line, prefix, prefix_size) != 0)
        return TRYST_E_FORMAT;
    return tryst_key_parse(seed, line + prefix_size) == TRYST_OK ? TRYST_OK : TRYST_E_FORMAT;
}

tryst_result tr_secretfile_read(const char *path, const char *prefix, bool needs_newline,
                                uint8_t seed[TR_KEY])
{
    int fd;
    tryst_result result = open_private(path, &fd);
    if (result != TRYST_OK)
        return result;
    char line[LINE_MAX_SIZE + 1];
    size_t most = line_size(prefix) + 1; /* one byte more than the longest file that is right */
    size_t size = 0;
    ssize_t got = 0;
    while (size < most) {
        got = read(fd, line + size, most - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        size += (size_t)got;
    }
    int error = errno;
    close(fd);
    result = got < 0 ? TRYST_E_FILE : parse_line(seed, line, size, prefix, needs_newline);
    tr_seal_wipe(line, sizeof(line));
    errno = error;
    return result;
}

static bool write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, data, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        data += written;
        size -= (size_t)written;
    }
    return true;
}

/* Makes a rename or a link outlive a power cut. Some file systems refuse this, and have put the
 * file there all the same. */
static void sync_folder(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash != NULL)
        slash[slash == path ? 1 : 0] = '\0';
    int fd = open(slash != NULL ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

static int open_beside(char *beside, bool may_replace)
{
    if (may_replace)
        return mkostemp(beside, O_CLOEXEC); /* 0600 */
    unlink(beside);                         /* left by a try that was cut short */
    return open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

/* link, unlike rename, never replaces a secret that another program made in the meantime; and where
 * links are, there are modes, which the umask may have left too few bits of. */
static tryst_result put_line(char *beside, const char *path, const char *line, size_t size,
                             bool may_replace)
{
    int fd = open_beside(beside, may_replace);
    if (fd < 0)
        return may_replace ? TRYST_E_FILE : TRYST_E_STATE;
    bool done = (may_replace || fchmod(fd, 0600) == 0) && write_all(fd, line, size);
    done = done && fsync(fd) == 0;
    int error = errno;
    if (close(fd) != 0 && done) {
        done = false;
        error = errno;
    }
    if (done && (may_replace ? rename(beside, path) : link(beside, path)) != 0) {
        done = false;
        error = errno;
    }
    if (!done || !may_replace)
        unlink(beside);
    errno = error;
    return done ? TRYST_OK : TRYST_E_FILE;
}

tryst_result tr_secretfile_write(const char *path, const char *prefix, const uint8_t seed[TR_KEY],
                                 bool may_replace)
{
    size_t size = strlen(path) + sizeof(".XXXXXX");
    char *beside = malloc(size);
    if (beside == NULL) {
        errno = ENOMEM;
        return TRYST_E_FILE;
    }
    snprintf(beside, size, "%s%s", path, may_replace ? ".XXXXXX" : ".new");
    char line[LINE_MAX_SIZE];
    size_t length = line_size(prefix), prefix_size = strlen(prefix);
    memcpy(line, prefix, prefix_size);
    tryst_result result = tryst_key_format(seed, line + prefix_size, TRYST_KEY_TEXT_SIZE);
    line[length - 1] = '\n';
    if (result == TRYST_OK)
        result = put_line(beside, path, line, length, may_replace);
    int error = errno;
    tr_seal_wipe(line, sizeof(line));
    if (result == TRYST_OK)
        sync_folder(beside);
    free(beside);
    errno = error;
    return result;
}
