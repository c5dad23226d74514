/* The desk of the operator's rules: a thread that all of a plug-in's functions are called on, and the two
 * queues between it and the event loop, which never waits for it.
 * SPDX-License-Identifier: MIT */
#ifndef TR_DESK_H
#define TR_DESK_H

#include "server/plugin.h"
#include "server/rules.h"

enum {
    TR_DESK_JOBS = 4096, /* that wait for the plug-in */
    TR_DESK_LINES = 256, /* of its log that wait to be written; more are counted */
    TR_DESK_TEXT = 512,  /* bytes of a line, and its NUL */
};

enum tr_desk_news {
    TR_DESK_ANSWER, /* ticket, hook, answer */
    TR_DESK_LINE,   /* level, text */
    TR_DESK_RELOAD, /* is_good, hooks, text: why not */
};

/* What the plug-in said. */
struct tr_desk_note {
    enum tr_desk_news news;
    uint32_t ticket;
    uint32_t hook;
    struct tryst_policy_answer answer;
    uint32_t level;
    bool is_good;
    uint32_t hooks;
    char text[TR_DESK_TEXT];
};

struct tr_desk;

/* Loads the plug-in and its script; waits for that. settings and what it points to are copied. NULL:
 * not, and error says why. */
struct tr_desk *tr_desk_open(const char *folder, const struct tryst_policy_settings *settings,
                             char error[TR_PLUGIN_ERROR]);

/* Ends the thread; one that does not end within a second is left behind, with all it holds. NULL is
 * fine. */
void tr_desk_close(struct tr_desk *desk);

/* The hooks that the script had when it was opened. */
uint32_t tr_desk_hooks(const struct tr_desk *desk);

/* Hands a question over, and its data with it. false: too many wait; the data is still the caller's. */
bool tr_desk_ask(struct tr_desk *desk, const struct tr_question *question);

/* A question is too late: it is taken back if it still waits, and its work is stopped if not. */
void tr_desk_expire(struct tr_desk *desk, uint32_t ticket);

/* Loads the script again; a note tells how that went. */
void tr_desk_reload(struct tr_desk *desk);

/* Readable when there are notes. */
int tr_desk_descriptor(const struct tr_desk *desk);

/* The next note. false: none. */
bool tr_desk_take(struct tr_desk *desk, struct tr_desk_note *note);

#endif
