/* The server's secrets: root and node seed, made on the first start, kept in the state directory.
 * SPDX-License-Identifier: MIT */
#include "server/keys.h"
#include "lib/driver/secretfile.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum {
    PATH_SIZE = 1100,
    WORD = 13, /* "tryst-root-1 " */
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
    tryst_result result = tr_secretfile_read(path, word, false, seed);

    *is_missing = result == TRYST_E_FILE && errno == ENOENT;
    if (result == TRYST_E_PERMISSION)
        return fail(error,
                    "%s: others may read this secret; chmod 600 it, and if they may have read it, "
                    "remove it so that a new one is made",
                    path);
    if (result == TRYST_E_FORMAT)
        return fail(error, "%s: is not one line with \"%s\" and a key", path, word);
    if (result != TRYST_OK && (errno == EISDIR || errno == EINVAL))
        return fail(error, "%s: is no regular file", path);
    if (result != TRYST_OK)
        return fail(error, "%s: cannot be read: %s", path, strerror(errno));
    return true;
}

static bool write_seed(const uint8_t seed[TR_KEY], const char *path, const char *word, char *error)
{
    tryst_result result = tr_secretfile_write(path, word, seed, false);

    if (result == TRYST_E_STATE)
        return fail(error, "%s.new: cannot be made: %s", path, strerror(errno));
    if (result != TRYST_OK)
        return fail(error, "%s: cannot be written: %s", path, strerror(errno));
    return true;
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
    return write_seed(seed, path, word, error);
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
