/* The globals of a rules script.
 *
 * Left out, beside what reaches out of the state (io, os, package, debug): load, as bytecode breaks the
 * machine; coroutines and xpcall, whose handler runs inside the hook, where no hook runs; getmetatable
 * and collectgarbage.
 * SPDX-License-Identifier: MIT */
#include "server/lua_library.h"

#include "server/lua_sandbox.h"
#include "server/lua_strings.h"
#include "server/lua_tables.h"
#include "server/lua_words.h"
#include <lauxlib.h>
#include <lualib.h>
#include <stdbool.h>
#include <string.h>

enum {
    LINE_MAX_BYTES = 400, /* of a line that a script prints */
    LINES_MAX = 32,       /* in one call */
};

/* In the wrapper that SWIG made, which is compiled into this plug-in. */
int luaopen_tryst(lua_State *lua);

/* --- Functions of our own ---------------------------------------------------------------------- */

static int print(lua_State *lua)
{
    struct tr_lua_sandbox *sandbox = tr_lua_sandbox_of(lua);
    int count = lua_gettop(lua);
    char line[LINE_MAX_BYTES];
    size_t used = 0;

    if (sandbox->lines > LINES_MAX)
        return 0;
    line[0] = '\0';
    for (int i = 1; i <= count && used + 2 < sizeof line; i++) {
        size_t size;
        const char *text = luaL_tolstring(lua, i, &size);

        if (i > 1)
            line[used++] = ' ';
        used += tr_lua_words(line + used, sizeof line - used, text, size);
        lua_pop(lua, 1);
    }
    if (sandbox->lines++ == LINES_MAX)
        sandbox->print(sandbox->context, "(further lines of this call are left out)");
    else
        sandbox->print(sandbox->context, line);
    return 0;
}

static int raw_set(lua_State *lua)
{
    tr_lua_check_writable(lua, 1);
    luaL_checkany(lua, 2);
    luaL_checkany(lua, 3);
    lua_settop(lua, 3);
    lua_rawset(lua, 1);
    return 1;
}

static void refuse_field(lua_State *lua, const char *name)
{
    lua_pushstring(lua, name);
    if (lua_rawget(lua, 2) != LUA_TNIL)
        luaL_error(lua, "rules have no %s", name);
    lua_pop(lua, 1);
}

/* The table gets a copy of the metamethods, which the script cannot reach any more. So there can be
 * none later of those that run where no hook does: __gc; __mode, for the weak keys of which the collector
 * may need the square of their number; and a __call that is itself called, and so on in a circle. */
static int set_metatable(lua_State *lua)
{
    static const char *const names[] = {
        "__add",      "__band", "__bnot",  "__bor",   "__bxor",     "__call",     "__close",
        "__concat",   "__div",  "__eq",    "__idiv",  "__le",       "__len",      "__lt",
        "__mod",      "__mul",  "__name",  "__pow",   "__shl",      "__shr",      "__sub",
        "__tostring", "__unm",  "__index", "__pairs", "__newindex", "__metatable"};

    luaL_argexpected(lua, lua_isnoneornil(lua, 2) || lua_istable(lua, 2), 2, "nil or table");
    tr_lua_check_writable(lua, 1);
    lua_settop(lua, 2);
    if (lua_istable(lua, 2)) {
        refuse_field(lua, "__gc");
        refuse_field(lua, "__mode");
        lua_newtable(lua);
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            lua_pushstring(lua, names[i]);
            lua_pushvalue(lua, -1);
            if (lua_rawget(lua, 2) == LUA_TNIL) {
                lua_pop(lua, 2);
                continue;
            }
            if (strcmp(names[i], "__call") == 0)
                luaL_argcheck(lua, lua_isfunction(lua, -1), 2, "__call is no function");
            lua_rawset(lua, 3);
        }
    }
    lua_setmetatable(lua, 1);
    lua_settop(lua, 1);
    return 1;
}

/* --- What cannot be changed -------------------------------------------------------------------- */

static int refuse_change(lua_State *lua)
{
    return luaL_error(lua, "'%s' of a library cannot be set", luaL_tolstring(lua, 2, NULL));
}

/* Replaces the table on top by an empty one that looks things up in it. */
static void protect(lua_State *lua)
{
    lua_newtable(lua);
    lua_createtable(lua, 0, 3);
    lua_rotate(lua, -3, -1); /* proxy, metatable, table */
    lua_setfield(lua, -2, "__index");
    lua_pushcfunction(lua, refuse_change);
    lua_setfield(lua, -2, "__newindex");
    lua_pushboolean(lua, 0);
    lua_setfield(lua, -2, "__metatable");
    lua_setmetatable(lua, -2);
}

static void copy_fields(lua_State *lua, int from, const char *const *names)
{
    for (; *names != NULL; names++) {
        lua_getfield(lua, from, *names);
        lua_setfield(lua, -2, *names);
    }
}

static void copy_all(lua_State *lua, int from)
{
    lua_pushnil(lua);
    while (lua_next(lua, from) != 0) {
        lua_pushvalue(lua, -2);
        lua_insert(lua, -2);
        lua_rawset(lua, -4);
    }
}

/* --- tryst ------------------------------------------------------------------------------------- */

static bool is_size(const char *name)
{
    size_t length = strlen(name);

    return (length > 4 && strcmp(name + length - 4, "_MAX") == 0) ||
           (length > 5 && strcmp(name + length - 5, "_SIZE") == 0) || strcmp(name, "PORT") == 0;
}

/* Pushes the part of the module that rules need: nothing of it has sockets, files or secrets. */
static void push_tryst(lua_State *lua)
{
    static const char *const names[] = {"Address",    "app_id",  "format_key", "parse_key",
                                        "session_id", "version", NULL};
    int module;

    luaL_requiref(lua, "tryst", luaopen_tryst, 0);
    module = lua_gettop(lua);
    lua_getfield(lua, module, "PolicyRequest");
    tr_lua_sandbox_of(lua)->request_maker = luaL_ref(lua, LUA_REGISTRYINDEX);
    lua_newtable(lua);
    copy_fields(lua, module, names);
    lua_pushnil(lua);
    while (lua_next(lua, module) != 0) {
        if (lua_type(lua, -2) == LUA_TSTRING && is_size(lua_tostring(lua, -2))) {
            lua_pushvalue(lua, -2);
            lua_insert(lua, -2);
            lua_rawset(lua, -4);
        } else {
            lua_pop(lua, 1);
        }
    }
    lua_remove(lua, module);
}

/* --- All of it --------------------------------------------------------------------------------- */

/* ("x"):find looks into the metatable of strings, not into the script's global. */
static void use_for_methods(lua_State *lua)
{
    lua_pushliteral(lua, "");
    lua_getmetatable(lua, -1);
    lua_pushvalue(lua, -3);
    lua_setfield(lua, -2, "__index");
    lua_pushboolean(lua, 0);
    lua_setfield(lua, -2, "__metatable");
    lua_pop(lua, 2);
}

static void open_standard(lua_State *lua)
{
    luaL_requiref(lua, LUA_GNAME, luaopen_base, 1);
    luaL_requiref(lua, LUA_STRLIBNAME, luaopen_string, 1);
    luaL_requiref(lua, LUA_MATHLIBNAME, luaopen_math, 1);
    luaL_requiref(lua, LUA_UTF8LIBNAME, luaopen_utf8, 1);
    luaL_requiref(lua, LUA_TABLIBNAME, luaopen_table, 1); /* for the module's own Lua */
    lua_pop(lua, 1);
}

enum { STANDARD_BASE = 2, STANDARD_STRING, STANDARD_MATH, STANDARD_UTF8, TRYST, LIBRARY };

static void fill_library(lua_State *lua)
{
    static const char *const base[] = {"_VERSION", "assert",   "error",    "ipairs", "next",
                                       "pairs",    "pcall",    "rawequal", "rawget", "rawlen",
                                       "select",   "tonumber", "tostring", "type",   NULL};
    static const luaL_Reg own[] = {
        {"print", print}, {"rawset", raw_set}, {"setmetatable", set_metatable}, {NULL, NULL}};

    copy_fields(lua, STANDARD_BASE, base);
    luaL_setfuncs(lua, own, 0);
    tr_lua_strings_push(lua, STANDARD_STRING);
    use_for_methods(lua);
    protect(lua);
    lua_setfield(lua, LIBRARY, "string");
    tr_lua_tables_push(lua);
    protect(lua);
    lua_setfield(lua, LIBRARY, "table");
    lua_newtable(lua);
    copy_all(lua, STANDARD_MATH);
    protect(lua);
    lua_setfield(lua, LIBRARY, "math");
    lua_newtable(lua);
    copy_all(lua, STANDARD_UTF8);
    protect(lua);
    lua_setfield(lua, LIBRARY, "utf8");
    lua_pushvalue(lua, TRYST);
    protect(lua);
    lua_setfield(lua, LIBRARY, "tryst");
}

/* The environment is the script's own table; what is not in it is looked up in the library, which its
 * globals may hide but not change. */
int tr_lua_library_open(lua_State *lua)
{
    lua_settop(lua, 1);
    open_standard(lua);
    push_tryst(lua);
    lua_newtable(lua);
    fill_library(lua);
    protect(lua);
    lua_getmetatable(lua, -1);
    lua_pushnil(lua); /* a new global is the script's own */
    lua_setfield(lua, -2, "__newindex");
    lua_pop(lua, 1);
    lua_pushvalue(lua, -1);
    lua_setfield(lua, -2, "_G");
    tr_lua_sandbox_of(lua)->environment = luaL_ref(lua, LUA_REGISTRYINDEX);
    return 0;
}
