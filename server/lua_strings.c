/* find, match, gmatch, gsub, rep and format in counted steps; what they make is not longer than a string
 * may be.
 * SPDX-License-Identifier: MIT */
#include "server/lua_strings.h"

#include "server/lua_pattern.h"
#include "server/lua_sandbox.h"
#include <lauxlib.h>
#include <stdbool.h>
#include <string.h>

enum {
    FORMAT_MAX = 100,  /* values: one with %99.99f takes 13 microseconds, */
    FORMAT_WORK = 256, /* others so many steps */
    COPIED = 16,       /* bytes that are copied or searched in a step */
};

/* The offset that a script means by a position, which may count from the end; size + 1: behind it. */
static size_t offset_of(lua_Integer position, size_t size)
{
    if (position > 0)
        return (size_t)(position - 1) > size ? size + 1 : (size_t)(position - 1);
    if (position == 0 || position < -(lua_Integer)size)
        return 0;
    return size - (size_t)-position;
}

static int push_captures(const struct tr_lua_match *match, const char *start, const char *end)
{
    int count = match->capture_count == 0 && start != NULL ? 1 : match->capture_count;

    luaL_checkstack(match->lua, count, "too many captures");
    for (int i = 0; i < count; i++)
        tr_lua_match_push(match, i, start, end);
    return count;
}

/* --- find, match ------------------------------------------------------------------------------- */

static int find_plain(lua_State *lua, const char *subject, size_t size, size_t from,
                      const char *sought, size_t sought_size)
{
    const char *found;

    tr_lua_spend(lua, (size - from) / COPIED);
    found = sought_size == 0 ? subject + from
                             : memmem(subject + from, size - from, sought, sought_size);
    if (found == NULL) {
        lua_pushnil(lua);
        return 1;
    }
    lua_pushinteger(lua, found - subject + 1);
    lua_pushinteger(lua, found - subject + (lua_Integer)sought_size);
    return 2;
}

static bool is_plain(const char *pattern, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (pattern[i] != '\0' && strchr("^$*+?.([%-", pattern[i]) != NULL)
            return false;
    return true;
}

static int search(lua_State *lua, bool is_find)
{
    size_t size, pattern_size;
    const char *subject = luaL_checklstring(lua, 1, &size);
    const char *pattern = luaL_checklstring(lua, 2, &pattern_size);
    size_t from = offset_of(luaL_optinteger(lua, 3, 1), size);
    bool is_anchored = pattern_size > 0 && *pattern == '^';
    struct tr_lua_match match;

    if (from > size) {
        lua_pushnil(lua);
        return 1;
    }
    if (is_find && (lua_toboolean(lua, 4) || is_plain(pattern, pattern_size)))
        return find_plain(lua, subject, size, from, pattern, pattern_size);
    tr_lua_match_init(&match, lua, subject, size, pattern, pattern_size);
    for (const char *at = subject + from; at <= match.subject_end; at++) {
        const char *end = tr_lua_match_at(&match, at, pattern + is_anchored);

        if (end != NULL && is_find) {
            lua_pushinteger(lua, at - subject + 1);
            lua_pushinteger(lua, end - subject);
            return push_captures(&match, NULL, NULL) + 2;
        }
        if (end != NULL)
            return push_captures(&match, at, end);
        if (is_anchored)
            break;
    }
    lua_pushnil(lua);
    return 1;
}

static int find(lua_State *lua)
{
    return search(lua, true);
}

static int match_once(lua_State *lua)
{
    return search(lua, false);
}

/* --- gmatch ------------------------------------------------------------------------------------ */

/* Of the iterator: subject, pattern, the offset to go on from, and of where the last match ended, which
 * an empty one does not start at. */
enum { SUBJECT = 1, PATTERN, NEXT, LAST };

static int match_next(lua_State *lua)
{
    size_t size, pattern_size;
    const char *subject = lua_tolstring(lua, lua_upvalueindex(SUBJECT), &size);
    const char *pattern = lua_tolstring(lua, lua_upvalueindex(PATTERN), &pattern_size);
    lua_Integer last = lua_tointeger(lua, lua_upvalueindex(LAST));
    struct tr_lua_match match;

    tr_lua_match_init(&match, lua, subject, size, pattern, pattern_size);
    for (const char *at = subject + lua_tointeger(lua, lua_upvalueindex(NEXT));
         at <= match.subject_end; at++) {
        const char *end = tr_lua_match_at(&match, at, pattern);

        if (end == NULL || end - subject == last)
            continue;
        lua_pushinteger(lua, end - subject);
        lua_copy(lua, -1, lua_upvalueindex(NEXT));
        lua_replace(lua, lua_upvalueindex(LAST));
        return push_captures(&match, at, end);
    }
    return 0;
}

static int match_all(lua_State *lua)
{
    size_t size;

    luaL_checklstring(lua, 1, &size);
    luaL_checkstring(lua, 2);
    lua_Integer from = (lua_Integer)offset_of(luaL_optinteger(lua, 3, 1), size);

    lua_settop(lua, 2);
    lua_pushinteger(lua, from);
    lua_pushinteger(lua, -1);
    lua_pushcclosure(lua, match_next, LAST);
    return 1;
}

/* --- gsub -------------------------------------------------------------------------------------- */

/* Where the function has its arguments, and what is being built. */
struct replacement {
    struct tr_lua_match match;
    luaL_Buffer buffer;
    size_t size; /* of what is in it */
};

enum { REPLACEMENT = 3 };

static void count_bytes(struct replacement *replacement, size_t size)
{
    tr_lua_spend(replacement->match.lua, size / COPIED + 1);
    replacement->size += size;
    if (replacement->size > TR_LUA_STRING_MAX)
        tr_lua_stop_string(replacement->match.lua);
}

static void add_bytes(struct replacement *replacement, const char *bytes, size_t size)
{
    count_bytes(replacement, size);
    luaL_addlstring(&replacement->buffer, bytes, size);
}

/* The value on top of the stack, which is text or a number. */
static void add_top(struct replacement *replacement)
{
    size_t size;

    luaL_tolstring(replacement->match.lua, -1, &size);
    lua_remove(replacement->match.lua, -2);
    count_bytes(replacement, size);
    luaL_addvalue(&replacement->buffer);
}

static void add_text(struct replacement *replacement, const char *start, const char *end)
{
    lua_State *lua = replacement->match.lua;
    size_t size;
    const char *text = lua_tolstring(lua, REPLACEMENT, &size);

    for (const char *at = text; at < text + size; at++) {
        const char *sign = memchr(at, '%', size - (size_t)(at - text));

        add_bytes(replacement, at, (size_t)((sign != NULL ? sign : text + size) - at));
        if (sign == NULL)
            return;
        at = sign + 1;
        if (at < text + size && *at == '%') {
            add_bytes(replacement, at, 1);
        } else if (at < text + size && *at == '0') {
            add_bytes(replacement, start, (size_t)(end - start));
        } else if (at < text + size && *at >= '1' && *at <= '9') {
            tr_lua_match_push(&replacement->match, *at - '1', start, end);
            add_top(replacement);
        } else {
            luaL_error(lua, "invalid use of '%%' in replacement string");
        }
    }
}

static void add_replacement(struct replacement *replacement, const char *start, const char *end)
{
    lua_State *lua = replacement->match.lua;
    int type = lua_type(lua, REPLACEMENT);

    if (type == LUA_TFUNCTION) {
        lua_pushvalue(lua, REPLACEMENT);
        lua_call(lua, push_captures(&replacement->match, start, end), 1);
    } else if (type == LUA_TTABLE) {
        tr_lua_match_push(&replacement->match, 0, start, end);
        lua_gettable(lua, REPLACEMENT);
    } else {
        add_text(replacement, start, end);
        return;
    }
    if (!lua_toboolean(lua, -1)) {
        lua_pop(lua, 1);
        add_bytes(replacement, start, (size_t)(end - start));
    } else if (lua_isstring(lua, -1)) {
        add_top(replacement);
    } else {
        luaL_error(lua, "invalid replacement value (a %s)", luaL_typename(lua, -1));
    }
}

static int substitute(lua_State *lua)
{
    size_t size, pattern_size;
    const char *subject = luaL_checklstring(lua, 1, &size);
    const char *pattern = luaL_checklstring(lua, 2, &pattern_size);
    int type = lua_type(lua, REPLACEMENT);
    lua_Integer most = luaL_optinteger(lua, 4, (lua_Integer)size + 1);
    bool is_anchored = pattern_size > 0 && *pattern == '^';
    const char *at = subject;
    const char *last = NULL;
    lua_Integer count = 0;
    struct replacement replacement = {.size = 0};

    luaL_argexpected(lua,
                     type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION ||
                         type == LUA_TTABLE,
                     REPLACEMENT, "string/function/table");
    lua_settop(lua, REPLACEMENT);
    tr_lua_match_init(&replacement.match, lua, subject, size, pattern, pattern_size);
    luaL_buffinit(lua, &replacement.buffer);
    while (count < most) {
        const char *end = tr_lua_match_at(&replacement.match, at, pattern + is_anchored);

        if (end != NULL && end != last) {
            count++;
            add_replacement(&replacement, at, end);
            at = last = end;
        } else if (at < replacement.match.subject_end) {
            add_bytes(&replacement, at++, 1);
        } else {
            break;
        }
        if (is_anchored)
            break;
    }
    add_bytes(&replacement, at, (size_t)(replacement.match.subject_end - at));
    luaL_pushresult(&replacement.buffer);
    lua_pushinteger(lua, count);
    return 2;
}

/* --- rep, format ------------------------------------------------------------------------------- */

static int repeat(lua_State *lua)
{
    size_t size, between_size;
    const char *text = luaL_checklstring(lua, 1, &size);
    lua_Integer count = luaL_checkinteger(lua, 2);
    const char *between = luaL_optlstring(lua, 3, "", &between_size);
    size_t total;
    luaL_Buffer buffer;
    char *at;

    if (count <= 0 || size + between_size == 0) {
        lua_pushliteral(lua, "");
        return 1;
    }
    if (count > TR_LUA_STRING_MAX * 2)
        return tr_lua_stop_string(lua);
    total = size * (size_t)count + between_size * (size_t)(count - 1);
    if (total > TR_LUA_STRING_MAX)
        return tr_lua_stop_string(lua);
    tr_lua_spend(lua, total / COPIED);
    at = luaL_buffinitsize(lua, &buffer, total);
    memcpy(at, text, size);
    if (count > 1)
        memcpy(at + size, between, between_size);
    /* What is there doubles. */
    for (size_t done = size + between_size; done < total; done *= 2)
        memcpy(at + done, at, done < total - done ? done : total - done);
    luaL_pushresultsize(&buffer, total);
    return 1;
}

/* Lua's own, which is the upvalue, for what cannot get too long. */
static int format(lua_State *lua)
{
    int count = lua_gettop(lua);
    size_t total = 0;

    if (count > FORMAT_MAX)
        return luaL_error(lua, "too many values to format");
    for (int i = 1; i <= count; i++) {
        tr_lua_spend(lua, FORMAT_WORK);
        if (lua_type(lua, i) == LUA_TSTRING)
            total += lua_rawlen(lua, i);
        if (total > TR_LUA_STRING_MAX)
            return tr_lua_stop_string(lua);
    }
    lua_pushvalue(lua, lua_upvalueindex(1));
    lua_insert(lua, 1);
    lua_call(lua, count, 1);
    return 1;
}

void tr_lua_strings_push(lua_State *lua, int standard)
{
    /* Without pack, which fills memory byte by byte, and dump. */
    static const char *const kept[] = {"byte", "char",   "len",   "lower", "reverse",
                                       "sub",  "unpack", "upper", NULL};
    static const luaL_Reg own[] = {{"find", find},        {"match", match_once},
                                   {"gmatch", match_all}, {"gsub", substitute},
                                   {"rep", repeat},       {NULL, NULL}};

    lua_newtable(lua);
    for (const char *const *name = kept; *name != NULL; name++) {
        lua_getfield(lua, standard, *name);
        lua_setfield(lua, -2, *name);
    }
    luaL_setfuncs(lua, own, 0);
    lua_getfield(lua, standard, "format");
    lua_pushcclosure(lua, format, 1);
    lua_setfield(lua, -2, "format");
}
