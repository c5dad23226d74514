/* The settings' one table, and how a row of it is read from text.
 * SPDX-License-Identifier: MIT */
#ifndef TR_SETTINGS_TABLE_H
#define TR_SETTINGS_TABLE_H

#include "server/settings.h"

enum { TR_SETTINGS_ROWS_MAX = 48 };

enum tr_setting_kind {
    TR_SETTING_NUMBER, /* least to most */
    TR_SETTING_PATH,
    TR_SETTING_LISTEN,        /* may be given often */
    TR_SETTING_LISTEN_TCP,    /* may be given often, or be "none" */
    TR_SETTING_OTHER_PORT,    /* a port, or "none" */
    TR_SETTING_OTHER_ADDRESS, /* may be given twice: IPv4 and IPv6 */
    TR_SETTING_ADDRESS,       /* an address and a port of TCP */
    TR_SETTING_HOST,
    TR_SETTING_LEVEL,
    TR_SETTING_RELAY,  /* allow or deny */
    TR_SETTING_SWITCH, /* on or off, as 1 or 0 */
};

struct tr_setting {
    const char *section, *name;
    const char *flag;  /* NULL: only in the file */
    const char *value; /* what the help calls it */
    enum tr_setting_kind kind;
    size_t offset; /* in struct tr_settings, of a NUMBER, PATH, ADDRESS, LEVEL, RELAY or SWITCH */
    uint32_t least, most, standard;
    const char *help;
};

extern const struct tr_setting tr_settings_table[];
extern const size_t tr_settings_rows;

/* What is read right now. */
struct tr_settings_reading {
    struct tr_settings *settings;
    struct tr_settings_report *report;
    FILE *stream;
    int line;
    int first[TR_SETTINGS_ROWS_MAX]; /* the line that set it, 0 none */
};

/* Notes one thing that is wrong. */
__attribute__((format(printf, 2, 3))) void tr_settings_complain(struct tr_settings_report *report,
                                                                const char *format, ...);

/* Reads a row's value. where: "FILE:LINE: key" or "--flag". */
void tr_settings_apply(struct tr_settings_reading *reading, const struct tr_setting *setting,
                       const char *text, const char *where);

bool tr_settings_is_section(const char *name);

#endif
