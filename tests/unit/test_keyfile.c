/* The keyfile room: identities made, saved, loaded, and every file that is refused.
 * SPDX-License-Identifier: MIT */
#include "lib/seal/keypair.h"
#include "tests/unit/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <tryst/keyfile.h>
#include <unistd.h>

static char folder[PATH_MAX / 2];

static const char *in_folder(const char *name)
{
    static char path[PATH_MAX];
    if (folder[0] == '\0') {
        const char *base = getenv("TMPDIR");
        snprintf(folder, sizeof(folder), "%s/tryst-keyfile-XXXXXX",
                 base != NULL && base[0] != '\0' ? base : "/tmp");
        if (mkdtemp(folder) == NULL)
            abort();
    }
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static size_t count_files(void)
{
    size_t count = 0;
    DIR *dir = opendir(folder);
    for (const struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        count += entry->d_name[0] != '.';
    if (dir != NULL)
        closedir(dir);
    return count;
}

static void write_file(const char *path, const void *data, size_t size, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size || fchmod(fd, mode) != 0)
        abort();
    close(fd);
}

static struct tryst_identity *make(uint8_t byte)
{
    uint8_t seed[TRYST_KEY_SIZE];
    struct tryst_identity *identity = NULL;
    memset(seed, byte, sizeof(seed));
    ASSERT_EQ_INT(tryst_identity_from_seed(&identity, seed, sizeof(seed)), TRYST_OK);
    return identity;
}

static void keyfile_makes_different_identities(void)
{
    struct tryst_identity *a = NULL, *b = NULL;
    ASSERT_EQ_INT(tryst_identity_create(&a), TRYST_OK);
    ASSERT_EQ_INT(tryst_identity_create(&b), TRYST_OK);
    if (ASSERT_TRUE(a != NULL && b != NULL))
        ASSERT_TRUE(memcmp(a->public_key, b->public_key, TRYST_KEY_SIZE) != 0);
    tryst_identity_destroy(a);
    tryst_identity_destroy(b);
    ASSERT_EQ_INT(tryst_identity_create(NULL), TRYST_E_ARGUMENT);
}

static void keyfile_loads_what_it_saved(void)
{
    const char *path = in_folder("saved");
    struct tryst_identity *identity = make(0x5a), *back = NULL;
    mode_t mask = umask(0);
    ASSERT_EQ_INT(tryst_identity_save(identity, path), TRYST_OK);
    umask(mask);
    struct stat status;
    ASSERT_EQ_INT(stat(path, &status), 0);
    ASSERT_EQ_INT(status.st_mode & 07777, 0600);
    ASSERT_EQ_INT(tryst_identity_load(&back, path), TRYST_OK);
    if (back != NULL)
        ASSERT_EQ_MEM(back, identity, sizeof(*identity));
    tryst_identity_destroy(back);
    tryst_identity_destroy(identity);
    unlink(path);
}

static void keyfile_replaces_a_file_whole_and_leaves_nothing_beside(void)
{
    const char *path = in_folder("replaced");
    struct tryst_identity *old = make(1), *identity = make(2), *back = NULL;
    ASSERT_EQ_INT(tryst_identity_save(old, path), TRYST_OK);
    chmod(path, 0644); /* the new file must not inherit it */
    int before = open(path, O_RDONLY | O_CLOEXEC);
    ASSERT_EQ_INT(tryst_identity_save(identity, path), TRYST_OK);
    struct stat was, is;
    ASSERT_EQ_INT(fstat(before, &was), 0);
    ASSERT_EQ_INT(stat(path, &is), 0);
    ASSERT_TRUE(was.st_ino != is.st_ino); /* not written over: whoever reads it has the old one */
    ASSERT_EQ_INT(is.st_mode & 07777, 0600);
    ASSERT_EQ_INT(tryst_identity_load(&back, path), TRYST_OK);
    if (back != NULL)
        ASSERT_EQ_MEM(back->public_key, identity->public_key, TRYST_KEY_SIZE);
    ASSERT_EQ_UINT(count_files(), 1);
    close(before);
    tryst_identity_destroy(back);
    tryst_identity_destroy(identity);
    tryst_identity_destroy(old);
    unlink(path);
}

static void keyfile_that_cannot_be_written_says_why(void)
{
    struct tryst_identity *identity = make(3);
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s", in_folder("missing/key"));
    ASSERT_EQ_INT(tryst_identity_save(identity, path), TRYST_E_FILE);
    ASSERT_EQ_INT(errno, ENOENT);
    snprintf(path, sizeof(path), "%s", in_folder("folder"));
    ASSERT_EQ_INT(mkdir(path, 0700), 0);
    ASSERT_EQ_INT(tryst_identity_save(identity, path), TRYST_E_FILE);
    ASSERT_EQ_INT(errno, EISDIR);
    ASSERT_EQ_UINT(count_files(), 1);
    ASSERT_EQ_INT(tryst_identity_save(NULL, path), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_identity_save(identity, NULL), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_identity_save(identity, ""), TRYST_E_ARGUMENT);
    rmdir(path);
    tryst_identity_destroy(identity);
}

static void keyfile_is_refused_when_others_may_read_or_write_it(void)
{
    static const struct {
        mode_t mode;
        tryst_result result;
    } rows[] = {{0600, TRYST_OK},           {0400, TRYST_OK},           {0700, TRYST_OK},
                {0644, TRYST_E_PERMISSION}, {0640, TRYST_E_PERMISSION}, {0620, TRYST_E_PERMISSION},
                {0604, TRYST_E_PERMISSION}, {0602, TRYST_E_PERMISSION}, {0666, TRYST_E_PERMISSION}};
    const char *path = in_folder("mode");
    struct tryst_identity *identity = make(4);
    ASSERT_EQ_INT(tryst_identity_save(identity, path), TRYST_OK);
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct tryst_identity *back = NULL;
        chmod(path, rows[i].mode);
        tryst_result result = tryst_identity_load(&back, path);
        ASSERT_ROW(result == rows[i].result, "mode %o gives %d", (unsigned)rows[i].mode, result);
        ASSERT_TRUE((back != NULL) == (rows[i].result == TRYST_OK));
        tryst_identity_destroy(back);
    }
    tryst_identity_destroy(identity);
    unlink(path);
}

static void keyfile_with_other_contents_is_refused(void)
{
    static const char *const rows[] = {
        "",
        "\n",
        "tryst-identity-1 ",
        "tryst-identity-1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "tryst-identity-1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
        "tryst-identity-1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
        "tryst-identity-1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n\n",
        "tryst-identity-1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "tryst-identity-1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA+\n",
        "tryst-identity-1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB\n",
        "tryst-identity-2 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
        "tryst-identity-1\tAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
    };
    static const char good[] = "tryst-identity-1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n";
    const char *path = in_folder("contents");
    struct tryst_identity *back = NULL;
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        write_file(path, rows[i], strlen(rows[i]), 0600);
        ASSERT_ROW(tryst_identity_load(&back, path) == TRYST_E_FORMAT, "row %zu is taken", i);
        ASSERT_TRUE(back == NULL);
    }
    char zero[sizeof(good)];
    memcpy(zero, good, sizeof(good));
    zero[30] = '\0';
    write_file(path, zero, sizeof(good) - 1, 0600);
    ASSERT_EQ_INT(tryst_identity_load(&back, path), TRYST_E_FORMAT);
    static char large[70000];
    write_file(path, large, sizeof(large), 0600);
    ASSERT_EQ_INT(tryst_identity_load(&back, path), TRYST_E_FORMAT);
    write_file(path, good, sizeof(good) - 1, 0600);
    ASSERT_EQ_INT(tryst_identity_load(&back, path), TRYST_OK);
    tryst_identity_destroy(back);
    unlink(path);
}

static void keyfile_that_cannot_be_read_says_why(void)
{
    struct tryst_identity *back = NULL;
    ASSERT_EQ_INT(tryst_identity_load(&back, in_folder("absent")), TRYST_E_FILE);
    ASSERT_EQ_INT(errno, ENOENT);
    ASSERT_EQ_INT(tryst_identity_load(&back, folder), TRYST_E_FILE);
    ASSERT_EQ_INT(errno, EISDIR);
    const char *pipe_path = in_folder("pipe");
    ASSERT_EQ_INT(mkfifo(pipe_path, 0600), 0);
    ASSERT_EQ_INT(tryst_identity_load(&back, pipe_path), TRYST_E_FILE); /* and does not wait */
    unlink(pipe_path);
    ASSERT_EQ_INT(tryst_identity_load(NULL, "x"), TRYST_E_ARGUMENT);
    ASSERT_EQ_INT(tryst_identity_load(&back, NULL), TRYST_E_ARGUMENT);
    ASSERT_TRUE(back == NULL);
    rmdir(folder);
}

UNIT_MAIN("keyfile", UNIT_CASE(keyfile_makes_different_identities),
          UNIT_CASE(keyfile_loads_what_it_saved),
          UNIT_CASE(keyfile_replaces_a_file_whole_and_leaves_nothing_beside),
          UNIT_CASE(keyfile_that_cannot_be_written_says_why),
          UNIT_CASE(keyfile_is_refused_when_others_may_read_or_write_it),
          UNIT_CASE(keyfile_with_other_contents_is_refused),
          UNIT_CASE(keyfile_that_cannot_be_read_says_why))
