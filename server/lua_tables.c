/* insert, remove, move, concat, sort, pack and unpack. They call no metamethods: Lua's own can be led
 * through 2^63 elements that a __len tells of.
 * SPDX-License-Identifier: MIT */
#include "server/lua_tables.h"

#include "server/lua_sandbox.h"
#include <lauxlib.h>
#include <stdbool.h>
#include <string.h>

enum {
    UNPACK_MAX = 1000,
    ELEMENT_WORK = 8, /* steps of moving one element */
    COMPARE_WORK = 40,
    COPIED = 16, /* bytes that are copied in a step */
};

void tr_lua_check_writable(lua_State *lua, int at)
{
    luaL_checktype(lua, at, LUA_TTABLE);
    if (luaL_getmetafield(lua, at, "__metatable") != LUA_TNIL)
        luaL_argerror(lua, at, "this table cannot be changed");
}

static lua_Integer length(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TTABLE);
    return (lua_Integer)lua_rawlen(lua, 1);
}

static int insert(lua_State *lua)
{
    lua_Integer end = length(lua) + 1;
    lua_Integer at = end;

    tr_lua_check_writable(lua, 1);
    if (lua_gettop(lua) == 3) {
        at = luaL_checkinteger(lua, 2);
        luaL_argcheck(lua, at >= 1 && at <= end, 2, "position out of bounds");
    } else if (lua_gettop(lua) != 2) {
        return luaL_error(lua, "wrong number of arguments to 'insert'");
    }
    for (lua_Integer i = end; i > at; i--) {
        tr_lua_spend(lua, ELEMENT_WORK);
        lua_rawgeti(lua, 1, i - 1);
        lua_rawseti(lua, 1, i);
    }
    lua_rawseti(lua, 1, at);
    return 0;
}

static int take_out(lua_State *lua)
{
    lua_Integer size = length(lua);
    lua_Integer at = luaL_optinteger(lua, 2, size);

    tr_lua_check_writable(lua, 1);
    if (!lua_isnoneornil(lua, 2))
        luaL_argcheck(lua, (at >= 1 && at <= size + 1) || (size == 0 && at == 0), 2,
                      "position out of bounds");
    lua_settop(lua, 1);
    lua_rawgeti(lua, 1, at);
    for (; at < size; at++) {
        tr_lua_spend(lua, ELEMENT_WORK);
        lua_rawgeti(lua, 1, at + 1);
        lua_rawseti(lua, 1, at);
    }
    lua_pushnil(lua);
    lua_rawseti(lua, 1, at);
    return 1;
}

static int move(lua_State *lua)
{
    lua_Integer first = luaL_checkinteger(lua, 2);
    lua_Integer last = luaL_checkinteger(lua, 3);
    lua_Integer to = luaL_checkinteger(lua, 4);
    int target = lua_isnoneornil(lua, 5) ? 1 : 5;
    bool is_backward;

    luaL_checktype(lua, 1, LUA_TTABLE);
    tr_lua_check_writable(lua, target);
    lua_settop(lua, 5);
    lua_pushvalue(lua, target);
    if (last < first)
        return 1;
    luaL_argcheck(lua, first > 0 || last < LUA_MAXINTEGER + first, 3, "too many elements to move");
    luaL_argcheck(lua, to <= LUA_MAXINTEGER - (last - first), 4, "destination wrap around");
    is_backward = to > first && to <= last && lua_rawequal(lua, 1, target);
    for (lua_Integer i = 0; i <= last - first; i++) {
        lua_Integer at = is_backward ? last - first - i : i;

        tr_lua_spend(lua, ELEMENT_WORK);
        lua_rawgeti(lua, 1, first + at);
        lua_rawseti(lua, target, to + at);
    }
    return 1;
}

static int concat(lua_State *lua)
{
    lua_Integer size = length(lua);
    size_t between_size, part_size, total = 0;
    const char *between = luaL_optlstring(lua, 2, "", &between_size);
    lua_Integer first = luaL_optinteger(lua, 3, 1);
    lua_Integer last = luaL_optinteger(lua, 4, size);
    luaL_Buffer buffer;

    luaL_buffinit(lua, &buffer);
    for (lua_Integer i = first; i <= last; i++) {
        lua_rawgeti(lua, 1, i);
        if (!lua_isstring(lua, -1))
            return luaL_error(lua, "invalid value (%s) at index %I in table for 'concat'",
                              luaL_typename(lua, -1), (LUAI_UACINT)i);
        lua_tolstring(lua, -1, &part_size);
        total += part_size + (i < last ? between_size : 0);
        tr_lua_spend(lua, ELEMENT_WORK + (part_size + between_size) / COPIED);
        if (total > TR_LUA_STRING_MAX)
            return tr_lua_stop_string(lua);
        luaL_addvalue(&buffer);
        if (i < last)
            luaL_addlstring(&buffer, between, between_size);
        else
            break; /* last may be the largest integer */
    }
    luaL_pushresult(&buffer);
    return 1;
}

/* --- sort: a heap, which any order that a script may tell leads to an end ---------------------- */

enum { ORDER = 2 }; /* where the function stands that says what is less, or nil */

static bool is_less(lua_State *lua, lua_Integer one, lua_Integer other)
{
    bool is;

    tr_lua_spend(lua, COMPARE_WORK);
    if (lua_isnil(lua, ORDER)) {
        lua_rawgeti(lua, 1, one);
        lua_rawgeti(lua, 1, other);
        is = lua_compare(lua, -2, -1, LUA_OPLT);
        lua_pop(lua, 2);
        return is;
    }
    lua_pushvalue(lua, ORDER);
    lua_rawgeti(lua, 1, one);
    lua_rawgeti(lua, 1, other);
    lua_call(lua, 2, 1);
    is = lua_toboolean(lua, -1);
    lua_pop(lua, 1);
    return is;
}

static void swap(lua_State *lua, lua_Integer one, lua_Integer other)
{
    lua_rawgeti(lua, 1, one);
    lua_rawgeti(lua, 1, other);
    lua_rawseti(lua, 1, one);
    lua_rawseti(lua, 1, other);
}

static void sink(lua_State *lua, lua_Integer root, lua_Integer size)
{
    for (lua_Integer child = 2 * root; child <= size; child = 2 * root) {
        if (child < size && is_less(lua, child, child + 1))
            child++;
        if (!is_less(lua, root, child))
            return;
        swap(lua, root, child);
        root = child;
    }
}

static int sort(lua_State *lua)
{
    lua_Integer size = length(lua);

    tr_lua_check_writable(lua, 1);
    if (!lua_isnoneornil(lua, ORDER))
        luaL_checktype(lua, ORDER, LUA_TFUNCTION);
    lua_settop(lua, ORDER);
    for (lua_Integer root = size / 2; root >= 1; root--)
        sink(lua, root, size);
    for (; size > 1; size--) {
        swap(lua, 1, size);
        sink(lua, 1, size - 1);
    }
    return 0;
}

/* --- pack, unpack ------------------------------------------------------------------------------ */

static int pack(lua_State *lua)
{
    int count = lua_gettop(lua);

    tr_lua_spend(lua, (size_t)count * ELEMENT_WORK);
    lua_createtable(lua, count, 1);
    lua_insert(lua, 1);
    for (int i = count; i >= 1; i--)
        lua_rawseti(lua, 1, i);
    lua_pushinteger(lua, count);
    lua_setfield(lua, 1, "n");
    return 1;
}

static int unpack(lua_State *lua)
{
    lua_Integer first = luaL_optinteger(lua, 2, 1);
    lua_Integer last = luaL_optinteger(lua, 3, length(lua));
    lua_Unsigned count = (lua_Unsigned)last - (lua_Unsigned)first;

    if (first > last)
        return 0;
    if (count >= UNPACK_MAX || !lua_checkstack(lua, (int)count + 1))
        return luaL_error(lua, "too many results to unpack");
    tr_lua_spend(lua, (count + 1) * ELEMENT_WORK);
    for (lua_Unsigned i = 0; i <= count; i++)
        lua_rawgeti(lua, 1, (lua_Integer)((lua_Unsigned)first + i));
    return (int)count + 1;
}

void tr_lua_tables_push(lua_State *lua)
{
    static const luaL_Reg functions[] = {{"concat", concat}, {"insert", insert},   {"move", move},
                                         {"pack", pack},     {"remove", take_out}, {"sort", sort},
                                         {"unpack", unpack}, {NULL, NULL}};

    luaL_newlib(lua, functions);
}
