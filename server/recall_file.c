/* The rows of who was here, in a file that is mapped into memory: a write is a store, and the system
 * keeps it when the server is killed.
 * SPDX-License-Identifier: MIT */
#include "server/recall_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 1100 };

/* As long as a row, so that rows stay within cache lines. In the byte order of this machine. */
struct head {
    char magic[16];
    uint32_t version;
    uint32_t row_size;
    uint8_t zeros[40];
};

_Static_assert(sizeof(struct head) == sizeof(struct tr_recall_row), "rows follow the head");

static const struct head good = {
    .magic = "tryst-recall",
    .version = 1,
    .row_size = sizeof(struct tr_recall_row),
};

__attribute__((format(printf, 2, 3))) static bool fail(char *error, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(error, TR_RECALL_FILE_ERROR, format, list);
    va_end(list);
    return false;
}

/* Whether it is a file of ours, or an empty one that may become it. */
static bool look(int fd, const char *path, char *error)
{
    static const struct head none;
    struct head head = none;
    struct stat about;

    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return fail(error, "%s: another server uses it", path);
    if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode))
        return fail(error, "%s: is no regular file", path);
    if ((about.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return fail(error, "%s: others may read who plays here; chmod 600 it", path);

    ssize_t size = pread(fd, &head, sizeof head, 0);

    if (size < 0)
        return fail(error, "%s: cannot be read: %s", path, strerror(errno));
    /* Killed before the head was written, it is all zeros. */
    if (about.st_size == 0 || memcmp(&head, &none, sizeof head) == 0)
        return true;
    if (memcmp(&head, &good, sizeof head) != 0)
        return fail(error,
                    "%s: is no such file, or another version's; remove it so that a new one is "
                    "made",
                    path);
    return true;
}

/* The room is taken at once: a hole in a mapped file on a full disk kills the server that writes
 * there. */
static bool map(struct tr_recall_file *file, uint32_t count, const char *path, char *error)
{
    file->size = sizeof good + (size_t)count * sizeof(struct tr_recall_row);
    if (ftruncate(file->fd, (off_t)file->size) != 0)
        return fail(error, "%s: cannot be given its size: %s", path, strerror(errno));

    int problem = posix_fallocate(file->fd, 0, (off_t)file->size);

    if (problem != 0)
        return fail(error, "%s: there is no room for %zu bytes: %s", path, file->size,
                    strerror(problem));
    file->map = mmap(NULL, file->size, PROT_READ | PROT_WRITE, MAP_SHARED, file->fd, 0);
    if (file->map == MAP_FAILED) {
        file->map = NULL;
        return fail(error, "%s: cannot be mapped: %s", path, strerror(errno));
    }
    memcpy(file->map, &good, sizeof good);
    file->rows = (struct tr_recall_row *)file->map + 1;
    file->count = count;
    return true;
}

bool tr_recall_file_open(struct tr_recall_file *file, const char *directory, uint32_t count,
                         char *error)
{
    char path[PATH_SIZE];
    int size = snprintf(path, sizeof path, "%s/recall", directory);

    memset(file, 0, sizeof *file);
    if (size < 0 || (size_t)size >= sizeof path)
        return fail(error, "%s: is too long a name", directory);
    file->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (file->fd < 0)
        return fail(error, "%s: cannot be opened: %s", path, strerror(errno));
    if (look(file->fd, path, error) && map(file, count, path, error))
        return true;
    close(file->fd);
    memset(file, 0, sizeof *file);
    return false;
}

void tr_recall_file_close(struct tr_recall_file *file)
{
    if (file->map == NULL)
        return;
    munmap(file->map, file->size);
    close(file->fd);
    memset(file, 0, sizeof *file);
}
