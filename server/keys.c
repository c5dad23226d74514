/* The server's secrets: root and node seed, made on the first start, kept in the state directory.
 * SPDX-License-Identifier: MIT */
#include "server/keys.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <tryst/identity.h>
#include <unistd.h>

enum {
    PATH_SIZE = 1100,
    WORD = 13, /* "tryst-root-1 ", so that files do not swap roles */
    SEED_LINE = WORD + TRYST_KEY_TEXT_SIZE - 1, /* and the seed in base64url, before the newline */
};

__attribute__((format(printf, 2, 3))) static bool fail(char *error, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(error, TR_KEYS_ERROR, format, list);
    va_end(list);
    return false;
}

static bool make_directory(const char *directory, char *error)
{
    char path[PATH_SIZE];
    struct stat about;
    size_t size = strlen(directory);

    if (size == 0 || size + sizeof "/root.key.new" > sizeof path)
        return fail(error, "the state directory needs a name of 1 to %zu bytes",
                    sizeof path - sizeof "/root.key.new");
    memcpy(path, directory, size + 1);
    for (size_t i = 1; i <= size; i++) {
        char end = path[i];
        if (end != '/' && end != '\0')
            continue;
        path[i] = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            return fail(error,
                        "%s: the state directory cannot be made: %s; choose another with "
                        "--state DIR",
                        path, strerror(errno));
        path[i] = end;
    }
    if (stat(directory, &about) != 0)
        return fail(error, "%s: %s", directory, strerror(errno));
    if (!S_ISDIR(about.st_mode))
        return fail(error, "%s: is no directory", directory);
    if ((about.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return fail(error, "%s: others may write here and replace the keys; chmod 700 it",
                    directory);
    return true;
}

static bool read_seed(uint8_t seed[TR_KEY], const char *path, const char *word, char *error,
                      bool *is_missing)
{
    char text[SEED_LINE + 2] = "";
    struct stat about;
    ssize_t size;
    bool good = false;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    *is_missing = fd < 0 && errno == ENOENT;
    if (fd < 0)
        return fail(error, "%s: cannot be read: %s", path, strerror(errno));
    if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) {
        fail(error, "%s: is no regular file", path);
        goto out;
    }
    if ((about.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        fail(error,
             "%s: others may read this secret; chmod 600 it, and if they may have read it, "
             "remove it so that a new one is made",
             path);
        goto out;
    }
    size = read(fd, text, sizeof text - 1);
    if (size > SEED_LINE && text[SEED_LINE] == '\n')
        text[SEED_LINE] = '\0';
    good = size >= SEED_LINE && about.st_size <= SEED_LINE + 1 && memcmp(text, word, WORD) == 0 &&
           tryst_key_parse(seed, text + WORD) == TRYST_OK;
    if (!good)
        fail(error, "%s: is not one line with \"%s\" and a key", path, word);
out:
    tr_seal_wipe(text, sizeof text);
    close(fd);
    return good;
}

static bool write_all(int fd, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, text, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        text += written;
        size -= (size_t)written;
    }
    return fsync(fd) == 0;
}

/* Written beside its place, then linked to it: link, unlike rename, never replaces a key that
 * another server made in the meantime. */
static bool write_seed(const uint8_t seed[TR_KEY], const char *directory, const char *path,
                       const char *word, char *error)
{
    char text[SEED_LINE + 1], beside[PATH_SIZE + 4];
    bool good;
    int fd;

    snprintf(beside, sizeof beside, "%s.new", path);
    unlink(beside); /* left by a start that was cut short */
    fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(error, "%s: cannot be made: %s", beside, strerror(errno));
    memcpy(text, word, WORD);
    good = tryst_key_format(seed, text + WORD, sizeof text - WORD) >= TRYST_OK;
    text[SEED_LINE] = '\n'; /* where the NUL was */
    good = good && fchmod(fd, 0600) == 0 && write_all(fd, text, sizeof text);
    good = close(fd) == 0 && good;
    if (!good || link(beside, path) != 0)
        good = fail(error, "%s: cannot be written: %s", path, strerror(errno));
    unlink(beside);
    tr_seal_wipe(text, sizeof text);
    fd = good ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    return good;
}

static bool load_seed(uint8_t seed[TR_KEY], bool *made, const char *directory, const char *name,
                      const uint8_t fresh[TR_KEY], char *error)
{
    char path[PATH_SIZE], word[WORD + 1];

    snprintf(path, sizeof path, "%s/%s.key", directory, name);
    snprintf(word, sizeof word, "tryst-%s-1 ", name);
    if (read_seed(seed, path, word, error, made))
        return true;
    if (!*made)
        return false;
    memcpy(seed, fresh, TR_KEY);
    return write_seed(seed, directory, path, word, error);
}

bool tr_keys_load(struct tr_keys *keys, const char *directory, const uint8_t fresh[2 * TR_KEY],
                  char *error)
{
    uint8_t secret[TR_SIGN_SECRET];

    memset(keys, 0, sizeof *keys);
    error[0] = '\0';
    if (!make_directory(directory, error) ||
        !load_seed(keys->root_seed, &keys->made_root, directory, "root", fresh, error) ||
        !load_seed(keys->node_seed, &keys->made_node, directory, "node", fresh + TR_KEY, error)) {
        tr_keys_wipe(keys);
        return false;
    }
    tr_seal_sign_pair(keys->root_public, secret, keys->root_seed);
    tr_seal_wipe(secret, sizeof secret);
    error[0] = '\0';
    return true;
}

void tr_keys_wipe(struct tr_keys *keys)
{
    tr_seal_wipe(keys, sizeof *keys);
}
