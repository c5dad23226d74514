/* Rows to text and back. What an operator may have opened in a spreadsheet is believed only where every
 * word and number is one that we write.
 * SPDX-License-Identifier: MIT */
#include "server/census_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <tryst/event.h>
#include <tryst/nat.h>

enum {
    FIELD_WHAT,
    FIELD_NAT,                   /* mapping, filtering, ports */
    FIELD_OTHER = FIELD_NAT + 3, /* the same of the other side */
    FIELD_PATH = FIELD_OTHER + 3,
    FIELD_WAY,
    FIELD_COUNT,
    FIELD_BUCKETS,
    FIELDS = FIELD_BUCKETS + TR_CENSUS_BUCKETS,
    LINE = 512,
    PATHS = 3,
    NEW_PATH = 1100, /* of a setting's path and what is put behind it */
};

static const char head[] = "what,mapping,filtering,ports,other_mapping,other_filtering,other_ports,"
                           "path,kind,count,to_50_ms,to_100_ms,to_200_ms,to_500_ms,to_1000_ms,"
                           "to_3000_ms,longer";

typedef const char *naming(uint32_t number);

/* false: no number below count has this name. */
static bool read_name(const char *text, naming *name, uint8_t count, uint8_t *number)
{
    for (uint8_t i = 0; i < count; i++)
        if (strcmp(text, name(i)) == 0) {
            *number = i;
            return true;
        }
    return false;
}

static bool read_count(const char *text, uint64_t *number)
{
    *number = 0;
    if (*text == '\0' || strlen(text) > 18)
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return false;
        *number = *number * 10 + (uint64_t)(*text - '0');
    }
    return true;
}

static bool read_kind(char *const fields[3], uint8_t *kind)
{
    struct tr_nat nat = {0};

    if (!read_name(fields[0], tryst_mapping_name, TR_CENSUS_MAPPINGS, &nat.mapping) ||
        !read_name(fields[1], tryst_filtering_name, TR_CENSUS_FILTERINGS, &nat.filtering) ||
        !read_name(fields[2], tryst_port_pattern_name, TR_CENSUS_PATTERNS, &nat.ports))
        return false;
    *kind = tr_census_kind(&nat);
    return true;
}

/* Takes the line apart. false: it has another number of fields. */
static bool split(char *line, char *fields[FIELDS])
{
    line[strcspn(line, "\r\n")] = '\0';
    for (int i = 0; i < FIELDS; i++) {
        fields[i] = line;
        line += strcspn(line, ",");
        if ((*line == ',') != (i + 1 < FIELDS))
            return false;
        if (*line == ',')
            *line++ = '\0';
    }
    return true;
}

static bool read_row(char *line, struct tr_census_row *row)
{
    char *fields[FIELDS];

    memset(row, 0, sizeof *row);
    if (!split(line, fields) || !read_kind(&fields[FIELD_NAT], &row->kind) ||
        !read_count(fields[FIELD_COUNT], &row->count))
        return false;
    row->is_pair = strcmp(fields[FIELD_WHAT], "pair") == 0;
    if (!row->is_pair) {
        for (int i = FIELD_OTHER; i < FIELDS; i++)
            if (i != FIELD_COUNT && *fields[i] != '\0')
                return false;
        return strcmp(fields[FIELD_WHAT], "participant") == 0;
    }
    if (!read_kind(&fields[FIELD_OTHER], &row->other) ||
        !read_name(fields[FIELD_PATH], tryst_path_name, PATHS, &row->path) ||
        !read_name(fields[FIELD_WAY], tryst_kind_name, TRYST_KIND_OBSERVED + 1, &row->way))
        return false;
    for (int i = 0; i < TR_CENSUS_BUCKETS; i++)
        if (!read_count(fields[FIELD_BUCKETS + i], &row->buckets[i]))
            return false;
    return true;
}

static bool read_all(FILE *stream, struct tr_census *census, uint32_t *number)
{
    char line[LINE];
    struct tr_census_row row;

    *number = 1;
    if (fgets(line, sizeof line, stream) == NULL)
        return feof(stream) != 0; /* an empty file */
    line[strcspn(line, "\r\n")] = '\0';
    if (strcmp(line, head) != 0)
        return false;
    while (fgets(line, sizeof line, stream) != NULL) {
        ++*number;
        if (!read_row(line, &row) || !tr_census_add(census, &row))
            return false;
    }
    return true;
}

bool tr_census_file_load(const char *path, struct tr_census *census, char *error)
{
    uint32_t number = 0;
    FILE *stream = fopen(path, "re");
    bool is_good;

    if (stream == NULL && errno == ENOENT)
        return true;
    if (stream == NULL) {
        snprintf(error, TR_CENSUS_FILE_ERROR, "%s: cannot be read: %s", path, strerror(errno));
        return false;
    }
    is_good = read_all(stream, census, &number);
    if (ferror(stream)) {
        is_good = false;
        snprintf(error, TR_CENSUS_FILE_ERROR, "%s: cannot be read: %s", path, strerror(errno));
    } else if (!is_good) {
        snprintf(error, TR_CENSUS_FILE_ERROR,
                 "%s:%" PRIu32 ": this is no line of a census; move the file away, or name another",
                 path, number);
    }
    fclose(stream);
    return is_good;
}

static void write_nat(FILE *stream, uint8_t kind)
{
    struct tr_nat nat = tr_census_nat(kind);

    fprintf(stream, ",%s,%s,%s", tryst_mapping_name(nat.mapping),
            tryst_filtering_name(nat.filtering), tryst_port_pattern_name(nat.ports));
}

static void write_row(FILE *stream, const struct tr_census_row *row)
{
    fputs(row->is_pair ? "pair" : "participant", stream);
    write_nat(stream, row->kind);
    if (row->is_pair) {
        write_nat(stream, row->other);
        fprintf(stream, ",%s,%s,%" PRIu64, tryst_path_name(row->path), tryst_kind_name(row->way),
                row->count);
    } else {
        fprintf(stream, ",,,,,,%" PRIu64, row->count);
    }
    for (int i = 0; i < TR_CENSUS_BUCKETS; i++)
        if (row->is_pair)
            fprintf(stream, ",%" PRIu64, row->buckets[i]);
        else
            fputc(',', stream);
    fputs("\r\n", stream);
}

/* Without fsync: it could hold the server's loop up, and a minute of counts may be lost. */
bool tr_census_file_save(const char *path, const struct tr_census *census, char *error)
{
    char fresh[NEW_PATH];
    struct tr_census_row row;
    uint32_t place = 0;
    FILE *stream;
    bool is_good;

    snprintf(fresh, sizeof fresh, "%s.new", path);
    stream = fopen(fresh, "we");
    if (stream != NULL) {
        fprintf(stream, "%s\r\n", head);
        while (tr_census_next(census, &place, &row))
            write_row(stream, &row);
        is_good = ferror(stream) == 0;
        is_good = fclose(stream) == 0 && is_good;
        if (is_good && rename(fresh, path) == 0)
            return true;
    }
    snprintf(error, TR_CENSUS_FILE_ERROR, "%s: cannot be written: %s", path, strerror(errno));
    if (stream != NULL)
        remove(fresh);
    return false;
}

void tr_census_file_keep(struct tr_census_file *file, struct tr_log *log, uint64_t now_us)
{
    char error[TR_CENSUS_FILE_ERROR];

    if (file->path[0] == '\0' || file->census->changes == file->saved)
        return;
    if (tr_census_file_save(file->path, file->census, error))
        file->saved = file->census->changes;
    else
        tr_log_say(log, now_us, TR_LOG_ERROR, "census-not-saved", "why", error);
}
