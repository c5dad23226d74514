/* Lua's patterns, matched in steps that are counted: a pattern may need more of them than there are
 * stars, and players choose what it is matched with.
 * SPDX-License-Identifier: MIT */
#ifndef TR_LUA_PATTERN_H
#define TR_LUA_PATTERN_H

#include <lua.h>
#include <stddef.h>

enum { TR_LUA_CAPTURES_MAX = 32 };

struct tr_lua_capture {
    const char *start;
    ptrdiff_t size; /* or one of those below */
};

enum {
    TR_LUA_CAPTURE_OPEN = -1,
    TR_LUA_CAPTURE_POSITION = -2, /* () */
};

/* One pattern at one subject. */
struct tr_lua_match {
    lua_State *lua;
    const char *subject;
    const char *subject_end;
    const char *pattern_end;
    int depth; /* of calls */
    int capture_count;
    struct tr_lua_capture captures[TR_LUA_CAPTURES_MAX];
};

void tr_lua_match_init(struct tr_lua_match *match, lua_State *lua, const char *subject,
                       size_t subject_size, const char *pattern, size_t pattern_size);

/* Matches the pattern, without its anchor, at this place of the subject. Returns where the match ends;
 * NULL: there is none. Raises an error for a pattern that is malformed, and when time is up. */
const char *tr_lua_match_at(struct tr_lua_match *match, const char *at, const char *pattern);

/* Pushes capture number index; where the pattern has none at all, 0 is all from start to end. */
void tr_lua_match_push(const struct tr_lua_match *match, int index, const char *start,
                       const char *end);

#endif
