/* Cases of server/recall_file: private, kept over a kill, never taken from somebody else.
 * SPDX-License-Identifier: MIT */
#include "server/recall_file.h"
#include "tests/unit/unit.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static char path[96];
static char why[TR_RECALL_FILE_ERROR];
static struct tr_recall_file file;
static const uint8_t mark[TR_CHANNEL_BYTES] = {1, 2, 3};

static void open_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/tryst-recall-XXXXXX");
    if (mkdtemp(folder) == NULL)
        abort();
    snprintf(path, sizeof path, "%s/recall", folder);
    umask(022);
}

static void close_folder(void)
{
    tr_recall_file_close(&file);
    unlink(path);
    rmdir(folder);
}

static void write_file(const void *data, size_t size, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    if (fd < 0 || write(fd, data, size) != (ssize_t)size || fchmod(fd, mode) != 0)
        abort();
    close(fd);
}

static void it_is_private_and_holds_its_rows_from_the_start(void)
{
    struct stat about;

    open_folder();
    ASSERT_TRUE(tr_recall_file_open(&file, folder, 100, why));
    ASSERT_EQ_UINT(file.count, 100);
    ASSERT_EQ_INT(stat(path, &about), 0);
    ASSERT_EQ_UINT(about.st_mode & 07777, 0600);
    ASSERT_EQ_UINT(about.st_size, 101 * 64);
    ASSERT_TRUE(about.st_blocks * 512 >= about.st_size); /* no write can find the disk full */
    for (size_t i = 0; i < 100 * sizeof file.rows[0]; i++)
        ASSERT_EQ_UINT(((const uint8_t *)file.rows)[i], 0);
    close_folder();
}

static void rows_stay_when_the_number_of_them_changes(void)
{
    open_folder();
    ASSERT_TRUE(tr_recall_file_open(&file, folder, 100, why));
    memcpy(file.rows[7].channel, mark, sizeof mark);
    memcpy(file.rows[99].channel, mark, sizeof mark);
    tr_recall_file_close(&file);
    ASSERT_TRUE(tr_recall_file_open(&file, folder, 50, why));
    ASSERT_EQ_MEM(file.rows[7].channel, mark, sizeof mark);
    tr_recall_file_close(&file);
    ASSERT_TRUE(tr_recall_file_open(&file, folder, 200, why));
    ASSERT_EQ_UINT(file.count, 200);
    ASSERT_EQ_MEM(file.rows[7].channel, mark, sizeof mark);
    ASSERT_EQ_UINT(file.rows[99].channel[0], 0);
    close_folder();
}

static void what_is_no_such_file_is_left_alone(void)
{
    static const char text[] = "these are somebody's notes, and no table of participants at all..";
    char left[sizeof text];

    open_folder();
    for (size_t size = 1; size <= sizeof text; size += 8) {
        write_file(text, size, 0600);
        ASSERT_FALSE(tr_recall_file_open(&file, folder, 100, why));
        ASSERT_TRUE(strstr(why, path) != NULL && strstr(why, "remove it") != NULL);
        ASSERT_TRUE(file.rows == NULL);
        int fd = open(path, O_RDONLY);
        ASSERT_EQ_INT(read(fd, left, sizeof left), (int)size);
        close(fd);
        ASSERT_EQ_MEM(left, text, size);
    }
    close_folder();
}

static void another_version_is_not_read(void)
{
    open_folder();
    for (off_t byte = 0; byte < 64; byte++) {
        uint8_t value;
        unlink(path);
        ASSERT_TRUE(tr_recall_file_open(&file, folder, 10, why));
        tr_recall_file_close(&file);
        int fd = open(path, O_RDWR);
        ASSERT_EQ_INT(pread(fd, &value, 1, byte), 1);
        value ^= 2;
        ASSERT_EQ_INT(pwrite(fd, &value, 1, byte), 1);
        close(fd);
        ASSERT_ROW(!tr_recall_file_open(&file, folder, 10, why), "byte %d", (int)byte);
    }
    close_folder();
}

static void a_file_that_never_got_its_head_is_taken(void)
{
    static const uint8_t zeros[640];

    open_folder();
    write_file(zeros, 0, 0600);
    ASSERT_TRUE(tr_recall_file_open(&file, folder, 100, why));
    tr_recall_file_close(&file);
    write_file(zeros, sizeof zeros, 0600);
    ASSERT_TRUE(tr_recall_file_open(&file, folder, 100, why));
    close_folder();
}

static void a_file_that_others_may_read_is_refused(void)
{
    open_folder();
    write_file("", 0, 0640);
    ASSERT_FALSE(tr_recall_file_open(&file, folder, 100, why));
    ASSERT_TRUE(strstr(why, "chmod 600") != NULL);
    unlink(path);
    ASSERT_EQ_INT(symlink("/tmp/elsewhere", path), 0);
    ASSERT_FALSE(tr_recall_file_open(&file, folder, 100, why));
    unlink(path);
    ASSERT_EQ_INT(mkfifo(path, 0600), 0);
    ASSERT_FALSE(tr_recall_file_open(&file, folder, 100, why));
    ASSERT_FALSE(tr_recall_file_open(&file, "/nowhere", 100, why));
    close_folder();
}

static void two_servers_do_not_share_it(void)
{
    struct tr_recall_file second;

    open_folder();
    ASSERT_TRUE(tr_recall_file_open(&file, folder, 100, why));
    ASSERT_FALSE(tr_recall_file_open(&second, folder, 100, why));
    ASSERT_TRUE(strstr(why, "another server") != NULL);
    tr_recall_file_close(&second);
    tr_recall_file_close(&file);
    ASSERT_TRUE(tr_recall_file_open(&second, folder, 100, why));
    tr_recall_file_close(&second);
    close_folder();
}

UNIT_MAIN("recall_file", UNIT_CASE(it_is_private_and_holds_its_rows_from_the_start),
          UNIT_CASE(rows_stay_when_the_number_of_them_changes),
          UNIT_CASE(what_is_no_such_file_is_left_alone), UNIT_CASE(another_version_is_not_read),
          UNIT_CASE(a_file_that_never_got_its_head_is_taken),
          UNIT_CASE(a_file_that_others_may_read_is_refused), UNIT_CASE(two_servers_do_not_share_it))
