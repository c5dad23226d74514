/* Matching Lua's patterns: those of the manual, section 6.4.1.
 * SPDX-License-Identifier: MIT */
#include "server/lua_pattern.h"

#include "server/lua_sandbox.h"
#include <ctype.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <string.h>

enum {
    DEPTH_MAX = 200,
    COMPARED = 16, /* bytes that are compared in a step */
};

static const char escape = '%';

static const char *go_on(struct tr_lua_match *match, const char *at, const char *pattern);

void tr_lua_match_init(struct tr_lua_match *match, lua_State *lua, const char *subject,
                       size_t subject_size, const char *pattern, size_t pattern_size)
{
    match->lua = lua;
    match->subject = subject;
    match->subject_end = subject + subject_size;
    match->pattern_end = pattern + pattern_size;
    match->depth = 0;
    match->capture_count = 0;
}

/* --- One character ----------------------------------------------------------------------------- */

/* %a and its kin; a capital is all the others, and what is no letter stands for itself. */
static bool is_of_class(int character, int name)
{
    bool is_of;

    switch (tolower(name)) {
    case 'a':
        is_of = isalpha(character) != 0;
        break;
    case 'c':
        is_of = iscntrl(character) != 0;
        break;
    case 'd':
        is_of = isdigit(character) != 0;
        break;
    case 'g':
        is_of = isgraph(character) != 0;
        break;
    case 'l':
        is_of = islower(character) != 0;
        break;
    case 'p':
        is_of = ispunct(character) != 0;
        break;
    case 's':
        is_of = isspace(character) != 0;
        break;
    case 'u':
        is_of = isupper(character) != 0;
        break;
    case 'w':
        is_of = isalnum(character) != 0;
        break;
    case 'x':
        is_of = isxdigit(character) != 0;
        break;
    case 'z': /* of Lua 5.1, which had no other way to say it */
        is_of = character == 0;
        break;
    default:
        return name == character;
    }
    return is_of != (isupper(name) != 0);
}

/* Behind the set that starts at pattern with '['. */
static const char *set_end(struct tr_lua_match *match, const char *pattern)
{
    const char *at = pattern + 1;

    if (at < match->pattern_end && *at == '^')
        at++;
    for (bool is_first = true;; is_first = false) { /* ']' in the first place is a member */
        if (at >= match->pattern_end)
            luaL_error(match->lua, "malformed pattern (missing ']')");
        if (*at == ']' && !is_first)
            return at + 1;
        at += *at == escape ? 2 : 1;
    }
}

/* Behind the one character, class or set that pattern starts with. */
static const char *single_end(struct tr_lua_match *match, const char *pattern)
{
    if (*pattern == '[')
        return set_end(match, pattern);
    if (*pattern != escape)
        return pattern + 1;
    if (pattern + 1 >= match->pattern_end)
        luaL_error(match->lua, "malformed pattern (ends with '%%')");
    return pattern + 2;
}

/* Whether the set from '[' to end, which is behind its ']', has the character. */
static bool is_in_set(struct tr_lua_match *match, int character, const char *set, const char *end)
{
    const char *last = end - 1;
    bool is_inverted = set[1] == '^';
    const char *at = set + (is_inverted ? 2 : 1);

    tr_lua_spend(match->lua, (size_t)(end - set));
    while (at < last) {
        if (*at == escape && at + 1 < last) {
            if (is_of_class(character, (unsigned char)at[1]))
                return !is_inverted;
            at += 2;
        } else if (at + 2 < last && at[1] == '-') {
            if ((unsigned char)at[0] <= character && character <= (unsigned char)at[2])
                return !is_inverted;
            at += 3;
        } else {
            if ((unsigned char)*at == character)
                return !is_inverted;
            at++;
        }
    }
    return is_inverted;
}

/* Whether the character at a place is what the pattern up to end wants. */
static bool is_single(struct tr_lua_match *match, const char *at, const char *pattern,
                      const char *end)
{
    int character;

    tr_lua_spend(match->lua, 1);
    if (at >= match->subject_end)
        return false;
    character = (unsigned char)*at;
    switch (*pattern) {
    case '.':
        return true;
    case '[':
        return is_in_set(match, character, pattern, end);
    case '%':
        return is_of_class(character, (unsigned char)pattern[1]);
    default:
        return (unsigned char)*pattern == character;
    }
}

/* --- Repetitions ------------------------------------------------------------------------------- */

/* single* and single+: as many as there are, then fewer. */
static const char *most(struct tr_lua_match *match, const char *at, const char *pattern,
                        const char *end)
{
    ptrdiff_t count = 0;
    const char *found = NULL;

    while (is_single(match, at + count, pattern, end))
        count++;
    for (; count >= 0 && found == NULL; count--)
        found = go_on(match, at + count, end + 1);
    return found;
}

/* single-: as few as will do. */
static const char *fewest(struct tr_lua_match *match, const char *at, const char *pattern,
                          const char *end)
{
    for (;;) {
        const char *found = go_on(match, at, end + 1);

        if (found != NULL)
            return found;
        if (!is_single(match, at, pattern, end))
            return NULL;
        at++;
    }
}

/* --- Captures and what stands for more than a character ---------------------------------------- */

static const char *open_capture(struct tr_lua_match *match, const char *at, const char *pattern,
                                ptrdiff_t size)
{
    const char *found;

    if (match->capture_count == TR_LUA_CAPTURES_MAX)
        luaL_error(match->lua, "too many captures");
    match->captures[match->capture_count++] = (struct tr_lua_capture){at, size};
    found = go_on(match, at, pattern);
    if (found == NULL)
        match->capture_count--;
    return found;
}

static const char *close_capture(struct tr_lua_match *match, const char *at, const char *pattern)
{
    int index = match->capture_count - 1;
    const char *found;

    while (index >= 0 && match->captures[index].size != TR_LUA_CAPTURE_OPEN)
        index--;
    if (index < 0)
        luaL_error(match->lua, "invalid pattern capture");
    match->captures[index].size = at - match->captures[index].start;
    found = go_on(match, at, pattern);
    if (found == NULL)
        match->captures[index].size = TR_LUA_CAPTURE_OPEN;
    return found;
}

/* %1 to %9: what was captured, once more. Returns behind it. */
static const char *match_again(struct tr_lua_match *match, const char *at, char digit)
{
    int index = digit - '1';
    size_t size;

    if (index < 0 || index >= match->capture_count ||
        match->captures[index].size == TR_LUA_CAPTURE_OPEN)
        luaL_error(match->lua, "invalid capture index %%%d", index + 1);
    if (match->captures[index].size == TR_LUA_CAPTURE_POSITION)
        return NULL;
    size = (size_t)match->captures[index].size;
    tr_lua_spend(match->lua, size / COMPARED + 1);
    if ((size_t)(match->subject_end - at) < size ||
        memcmp(match->captures[index].start, at, size) != 0)
        return NULL;
    return at + size;
}

/* %bxy: from x to the y that belongs to it. pattern stands at x. */
static const char *match_balance(struct tr_lua_match *match, const char *at, const char *pattern)
{
    size_t open = 1;

    if (pattern + 1 >= match->pattern_end)
        luaL_error(match->lua, "malformed pattern (missing arguments to '%%b')");
    if (at >= match->subject_end || *at != pattern[0])
        return NULL;
    for (at++; at < match->subject_end; at++) {
        tr_lua_spend(match->lua, 1);
        if (*at == pattern[1] && --open == 0)
            return at + 1;
        if (*at == pattern[0] && pattern[0] != pattern[1])
            open++;
    }
    return NULL;
}

/* %f[set]: between a character that is not in the set and one that is. pattern stands at '['. */
static bool is_frontier(struct tr_lua_match *match, const char *at, const char *pattern,
                        const char *end)
{
    int before = at == match->subject ? 0 : (unsigned char)at[-1];
    int behind = at == match->subject_end ? 0 : (unsigned char)*at;

    return !is_in_set(match, before, pattern, end) && is_in_set(match, behind, pattern, end);
}

/* --- All of it --------------------------------------------------------------------------------- */

/* %b, %f and %1: moves both behind it. false: it is something else; where it does not match, at becomes
 * NULL. */
static bool match_special(struct tr_lua_match *match, const char **at, const char **pattern)
{
    const char *next = *pattern + 1;

    if (**pattern != escape || next >= match->pattern_end)
        return false;
    if (*next == 'b') {
        *at = match_balance(match, *at, next + 1);
        *pattern += 4;
    } else if (*next == 'f') {
        const char *set = next + 1;

        if (set >= match->pattern_end || *set != '[')
            luaL_error(match->lua, "missing '[' after '%%f' in pattern");
        *pattern = set_end(match, set);
        if (!is_frontier(match, *at, set, *pattern))
            *at = NULL;
    } else if (*next >= '0' && *next <= '9') {
        *at = match_again(match, *at, *next);
        *pattern += 2;
    } else {
        return false;
    }
    return true;
}

static const char *match_here(struct tr_lua_match *match, const char *at, const char *pattern)
{
    while (at != NULL && pattern < match->pattern_end) {
        const char *end, *found;
        char repetition;

        tr_lua_spend(match->lua, 1);
        if (*pattern == '(' && pattern + 1 < match->pattern_end && pattern[1] == ')')
            return open_capture(match, at, pattern + 2, TR_LUA_CAPTURE_POSITION);
        if (*pattern == '(')
            return open_capture(match, at, pattern + 1, TR_LUA_CAPTURE_OPEN);
        if (*pattern == ')')
            return close_capture(match, at, pattern + 1);
        if (*pattern == '$' && pattern + 1 == match->pattern_end)
            return at == match->subject_end ? at : NULL;
        if (match_special(match, &at, &pattern))
            continue;
        end = single_end(match, pattern);
        repetition = (char)(end < match->pattern_end ? *end : '\0');
        if (repetition == '*')
            return most(match, at, pattern, end);
        if (repetition == '-')
            return fewest(match, at, pattern, end);
        if (repetition == '+')
            return is_single(match, at, pattern, end) ? most(match, at + 1, pattern, end) : NULL;
        if (repetition == '?') {
            found = is_single(match, at, pattern, end) ? go_on(match, at + 1, end + 1) : NULL;
            if (found != NULL)
                return found;
            pattern = end + 1;
        } else {
            at = is_single(match, at, pattern, end) ? at + 1 : NULL;
            pattern = end;
        }
    }
    return at;
}

static const char *go_on(struct tr_lua_match *match, const char *at, const char *pattern)
{
    const char *found;

    if (match->depth == DEPTH_MAX)
        luaL_error(match->lua, "pattern too complex");
    match->depth++;
    found = match_here(match, at, pattern);
    match->depth--;
    return found;
}

const char *tr_lua_match_at(struct tr_lua_match *match, const char *at, const char *pattern)
{
    match->depth = 0;
    match->capture_count = 0;
    return go_on(match, at, pattern);
}

void tr_lua_match_push(const struct tr_lua_match *match, int index, const char *start,
                       const char *end)
{
    lua_State *lua = match->lua;
    const struct tr_lua_capture *capture = &match->captures[index];

    if (index >= match->capture_count) {
        if (index != 0)
            luaL_error(lua, "invalid capture index %%%d", index + 1);
        lua_pushlstring(lua, start, (size_t)(end - start));
    } else if (capture->size == TR_LUA_CAPTURE_POSITION) {
        lua_pushinteger(lua, capture->start - match->subject + 1);
    } else if (capture->size == TR_LUA_CAPTURE_OPEN) {
        luaL_error(lua, "unfinished capture");
    } else {
        lua_pushlstring(lua, capture->start, (size_t)capture->size);
    }
}
