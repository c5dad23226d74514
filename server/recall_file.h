/* The rows of who was here, in the file "recall" of the state directory, mapped into memory.
 * SPDX-License-Identifier: MIT */
#ifndef TR_RECALL_FILE_H
#define TR_RECALL_FILE_H

#include "server/recall.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TR_RECALL_FILE_ERROR = 1400 };

struct tr_recall_file {
    struct tr_recall_row *rows; /* until it is closed */
    uint32_t count;
    void *map;
    size_t size;
    int fd; /* held open for its lock: one server to a file */
};

/* Opens the file, or makes it, for this many rows; what stands in rows that both have stays. false: it
 * cannot be used, and error says why; nothing is to be closed then. error: TR_RECALL_FILE_ERROR bytes. */
bool tr_recall_file_open(struct tr_recall_file *file, const char *directory, uint32_t count,
                         char *error);

/* The rows stay in the file as they are. Nothing happens where none was opened. */
void tr_recall_file_close(struct tr_recall_file *file);

#endif
