/* The server's keys: made once, kept, private, never overwritten.
 * SPDX-License-Identifier: MIT */
#include "server/keys.h"
#include "tests/unit/unit.h"
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

static char base[64];
static char state[96];
static char why[TR_KEYS_ERROR];
static uint8_t fresh[2 * TR_KEY];

static void open_base(void)
{
    tr_seal_start();
    snprintf(base, sizeof base, "/tmp/tryst-keys-XXXXXX");
    if (!mkdtemp(base))
        abort();
    snprintf(state, sizeof state, "%s/a/b", base);
    for (size_t i = 0; i < sizeof fresh; i++)
        fresh[i] = (uint8_t)(i * 7 + 1);
    umask(022);
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *ftw)
{
    (void)about, (void)type, (void)ftw;
    return remove(path);
}

static void close_base(void)
{
    nftw(base, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static const char *path_of(const char *name)
{
    static char path[128];

    snprintf(path, sizeof path, "%s/%s", state, name);
    return path;
}

static void write_file(const char *name, const char *text, size_t size, mode_t mode)
{
    int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

    if (fd < 0 || write(fd, text, size) != (ssize_t)size || fchmod(fd, mode) != 0)
        abort();
    close(fd);
}

static void first_start_makes_private_keys(void)
{
    struct tr_keys keys;
    struct stat about;
    uint8_t public_key[TR_KEY], secret[TR_SIGN_SECRET];

    open_base();
    if (ASSERT_ROW(tr_keys_load(&keys, state, fresh, why), "%s", why)) {
        ASSERT_TRUE(keys.made_root && keys.made_node);
        ASSERT_EQ_MEM(keys.root_seed, fresh, TR_KEY);
        ASSERT_EQ_MEM(keys.node_seed, fresh + TR_KEY, TR_KEY);
        tr_seal_sign_pair(public_key, secret, fresh);
        ASSERT_EQ_MEM(keys.root_public, public_key, TR_KEY);
        ASSERT_EQ_INT(stat(state, &about), 0);
        ASSERT_EQ_INT(about.st_mode & 0777, 0700);
        ASSERT_EQ_INT(stat(path_of("root.key"), &about), 0);
        ASSERT_EQ_INT(about.st_mode & 0777, 0600);
        ASSERT_EQ_INT(stat(path_of("node.key"), &about), 0);
        ASSERT_EQ_INT(about.st_mode & 0777, 0600);
        ASSERT_TRUE(access(path_of("root.key.new"), F_OK) != 0);
    }
    close_base();
}

static void second_start_keeps_them(void)
{
    struct tr_keys first, second;
    uint8_t others[2 * TR_KEY] = {9};

    open_base();
    ASSERT_TRUE(tr_keys_load(&first, state, fresh, why));
    if (ASSERT_ROW(tr_keys_load(&second, state, others, why), "%s", why)) {
        ASSERT_FALSE(second.made_root || second.made_node);
        ASSERT_EQ_MEM(second.root_seed, first.root_seed, TR_KEY);
        ASSERT_EQ_MEM(second.root_public, first.root_public, TR_KEY);
        ASSERT_EQ_MEM(second.node_seed, first.node_seed, TR_KEY);
    }
    close_base();
}

static void a_missing_node_key_is_made_beside_the_old_root(void)
{
    struct tr_keys keys;
    uint8_t others[2 * TR_KEY];

    open_base();
    memset(others, 9, sizeof others);
    ASSERT_TRUE(tr_keys_load(&keys, state, fresh, why));
    ASSERT_EQ_INT(unlink(path_of("node.key")), 0);
    /* A start that was cut short left this behind. */
    write_file("node.key.new", "half", 4, 0600);
    if (ASSERT_ROW(tr_keys_load(&keys, state, others, why), "%s", why)) {
        ASSERT_TRUE(!keys.made_root && keys.made_node);
        ASSERT_EQ_MEM(keys.root_seed, fresh, TR_KEY);
        ASSERT_EQ_MEM(keys.node_seed, others, TR_KEY);
        ASSERT_TRUE(access(path_of("node.key.new"), F_OK) != 0);
    }
    close_base();
}

static void a_key_that_others_may_read_is_refused(void)
{
    static const mode_t modes[] = {0640, 0604, 0620, 0610, 0666};
    struct tr_keys keys;

    for (size_t i = 0; i < UNIT_COUNT(modes); i++) {
        open_base();
        ASSERT_TRUE(tr_keys_load(&keys, state, fresh, why));
        chmod(path_of("root.key"), modes[i]);
        ASSERT_ROW(!tr_keys_load(&keys, state, fresh, why), "mode %o", modes[i]);
        ASSERT_ROW(strstr(why, "root.key") && strstr(why, "chmod 600"), "%s", why);
        close_base();
    }
}

static void a_directory_that_others_may_write_is_refused(void)
{
    struct tr_keys keys;

    open_base();
    ASSERT_TRUE(tr_keys_load(&keys, state, fresh, why));
    chmod(state, 0777);
    ASSERT_FALSE(tr_keys_load(&keys, state, fresh, why));
    ASSERT_ROW(strstr(why, "chmod 700") != NULL, "%s", why);
    chmod(state, 0755);
    ASSERT_ROW(tr_keys_load(&keys, state, fresh, why), "%s", why);
    close_base();
}

static void a_file_that_is_no_key_is_refused_and_kept(void)
{
    static const char good[] = "tryst-root-1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n";
    static const char *const texts[] = {
        "",
        "\n",
        "tryst-root-1 \n",
        "tryst-root-1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
        "tryst-root-1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
        "tryst-root-1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "tryst-root-1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n\n",
        "tryst-node-1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
        "tryst-root-2 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
    };
    struct tr_keys keys;

    for (size_t i = 0; i < UNIT_COUNT(texts); i++) {
        struct stat about;
        open_base();
        ASSERT_TRUE(tr_keys_load(&keys, state, fresh, why));
        write_file("root.key", texts[i], strlen(texts[i]), 0600);
        ASSERT_ROW(!tr_keys_load(&keys, state, fresh, why), "row %zu", i);
        ASSERT_ROW(strstr(why, "root.key") != NULL, "row %zu: %s", i, why);
        ASSERT_EQ_INT(stat(path_of("root.key"), &about), 0);
        ASSERT_EQ_UINT(about.st_size, strlen(texts[i]));
        /* With and without its newline it is one. */
        write_file("root.key", good, strlen(good), 0600);
        ASSERT_ROW(tr_keys_load(&keys, state, fresh, why), "%s", why);
        write_file("root.key", good, strlen(good) - 1, 0600);
        ASSERT_ROW(tr_keys_load(&keys, state, fresh, why), "%s", why);
        close_base();
    }
}

static void what_is_no_file_or_directory_is_refused(void)
{
    struct tr_keys keys;

    open_base();
    ASSERT_TRUE(tr_keys_load(&keys, state, fresh, why));
    unlink(path_of("node.key"));
    mkdir(path_of("node.key"), 0700);
    ASSERT_FALSE(tr_keys_load(&keys, state, fresh, why));
    ASSERT_ROW(strstr(why, "node.key") != NULL, "%s", why);
    ASSERT_FALSE(tr_keys_load(&keys, path_of("root.key"), fresh, why));
    ASSERT_ROW(strstr(why, "root.key") != NULL, "%s", why);
    ASSERT_FALSE(tr_keys_load(&keys, "", fresh, why));
    close_base();
}

static void a_directory_name_has_a_limit(void)
{
    struct tr_keys keys;
    char name[4000];

    memset(name, 'x', sizeof name);
    memcpy(name, "/tmp/", 5);
    name[sizeof name - 1] = '\0';
    ASSERT_FALSE(tr_keys_load(&keys, name, fresh, why));
    ASSERT_ROW(strstr(why, "bytes") != NULL, "%s", why);
}

static void wipe_leaves_nothing(void)
{
    static const struct tr_keys nothing;
    struct tr_keys keys;

    memset(&keys, 0xaa, sizeof keys);
    tr_keys_wipe(&keys);
    ASSERT_EQ_MEM(&keys, &nothing, sizeof keys);
}

UNIT_MAIN("keys", UNIT_CASE(first_start_makes_private_keys), UNIT_CASE(second_start_keeps_them),
          UNIT_CASE(a_missing_node_key_is_made_beside_the_old_root),
          UNIT_CASE(a_key_that_others_may_read_is_refused),
          UNIT_CASE(a_directory_that_others_may_write_is_refused),
          UNIT_CASE(a_file_that_is_no_key_is_refused_and_kept),
          UNIT_CASE(what_is_no_file_or_directory_is_refused),
          UNIT_CASE(a_directory_name_has_a_limit), UNIT_CASE(wipe_leaves_nothing))
