/* Identities made from the system's randomness, saved to a file and loaded from it.
 * SPDX-License-Identifier: MIT */
#include <tryst/keyfile.h>

#include "lib/seal/keypair.h"
#include "lib/seal/seal.h"
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The file is this word, the seed in base64url and a newline. */
static const char prefix[] = "tryst-identity-1 ";

enum {
    PREFIX_SIZE = sizeof(prefix) - 1,
    LINE_SIZE = PREFIX_SIZE + TRYST_KEY_TEXT_SIZE, /* the newline stands where the NUL was */
};

tryst_result tryst_identity_create(struct tryst_identity **identity)
{
    if (identity == NULL)
        return TRYST_E_ARGUMENT;
    if (tr_seal_start() != TRYST_OK)
        return TRYST_E_CRYPTO;
    uint8_t seed[TRYST_KEY_SIZE];
    tr_seal_entropy(seed, sizeof(seed));
    tryst_result result = tryst_identity_from_seed(identity, seed, sizeof(seed));
    tr_seal_wipe(seed, sizeof(seed));
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

/* Makes a rename outlive a power cut. Some file systems refuse this, and have renamed all the same. */
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

static bool write_beside(char *beside, const char *path, const char *line)
{
    int fd = mkostemp(beside, O_CLOEXEC); /* 0600, whatever the umask */
    if (fd < 0)
        return false;
    bool done = write_all(fd, line, LINE_SIZE) && fsync(fd) == 0;
    int error = errno;
    if (close(fd) != 0 && done) {
        done = false;
        error = errno;
    }
    if (done && rename(beside, path) != 0) {
        done = false;
        error = errno;
    }
    if (!done) {
        unlink(beside);
        errno = error;
    }
    return done;
}

tryst_result tryst_identity_save(const struct tryst_identity *identity, const char *path)
{
    if (identity == NULL || path == NULL || path[0] == '\0')
        return TRYST_E_ARGUMENT;
    size_t size = strlen(path) + sizeof(".XXXXXX");
    char *beside = malloc(size);
    if (beside == NULL) {
        errno = ENOMEM;
        return TRYST_E_FILE;
    }
    snprintf(beside, size, "%s.XXXXXX", path);
    char line[LINE_SIZE];
    memcpy(line, prefix, PREFIX_SIZE);
    tryst_result result =
        tryst_key_format(identity->secret, line + PREFIX_SIZE, TRYST_KEY_TEXT_SIZE);
    line[LINE_SIZE - 1] = '\n';
    if (result == TRYST_OK && !write_beside(beside, path, line))
        result = TRYST_E_FILE;
    tr_seal_wipe(line, sizeof(line));
    if (result == TRYST_OK)
        sync_folder(beside);
    int error = errno;
    free(beside);
    errno = error;
    return result;
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
    } else if ((status.st_mode & (S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH)) != 0) {
        error = EACCES;
        result = TRYST_E_PERMISSION;
    }
    if (result != TRYST_OK) {
        close(*fd);
        errno = error;
    }
    return result;
}

static tryst_result parse_line(struct tryst_identity **identity, char *line, size_t size)
{
    if (size != LINE_SIZE || memcmp(line, prefix, PREFIX_SIZE) != 0 || line[LINE_SIZE - 1] != '\n')
        return TRYST_E_FORMAT;
    line[LINE_SIZE - 1] = '\0';
    if (strlen(line) != LINE_SIZE - 1)
        return TRYST_E_FORMAT;
    uint8_t seed[TRYST_KEY_SIZE];
    tryst_result result = tryst_key_parse(seed, line + PREFIX_SIZE);
    if (result != TRYST_OK)
        return TRYST_E_FORMAT;
    result = tryst_identity_from_seed(identity, seed, sizeof(seed));
    tr_seal_wipe(seed, sizeof(seed));
    return result;
}

tryst_result tryst_identity_load(struct tryst_identity **identity, const char *path)
{
    if (identity == NULL || path == NULL)
        return TRYST_E_ARGUMENT;
    int fd;
    tryst_result result = open_private(path, &fd);
    if (result != TRYST_OK)
        return result;
    char line[LINE_SIZE + 1]; /* one byte more than the longest file that is right */
    size_t size = 0;
    ssize_t got = 0;
    while (size < sizeof(line)) {
        got = read(fd, line + size, sizeof(line) - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        size += (size_t)got;
    }
    int error = errno;
    close(fd);
    errno = error;
    result = got < 0 ? TRYST_E_FILE : parse_line(identity, line, size);
    tr_seal_wipe(line, sizeof(line));
    return result;
}
