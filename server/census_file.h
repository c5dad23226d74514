/* The census as CSV (RFC 4180): one row a kind of NAT, one a pair of kinds and the way it came out.
 * SPDX-License-Identifier: MIT */
#ifndef TR_CENSUS_FILE_H
#define TR_CENSUS_FILE_H

#include "server/census.h"
#include "server/log.h"

enum { TR_CENSUS_FILE_ERROR = 1400 };

/* A census and the file that it is kept in. */
struct tr_census_file {
    struct tr_census *census; /* not its own */
    const char *path;         /* "": it is in no file */
    uint64_t saved;           /* of its changes, what the file has */
};

/* Adds what the file says, so that counts go on; a file that is not there says nothing. false: it is no
 * census, or cannot be read, and error says why; the census is not to be used then. error:
 * TR_CENSUS_FILE_ERROR bytes. */
bool tr_census_file_load(const char *path, struct tr_census *census, char *error);

/* Writes PATH.new and renames it, so that readers find the old one or the new one whole. */
bool tr_census_file_save(const char *path, const struct tr_census *census, char *error);

/* Writes it where something changed since. What cannot be written is logged, and tried again the next
 * time. */
void tr_census_file_keep(struct tr_census_file *file, struct tr_log *log, uint64_t now_us);

#endif
