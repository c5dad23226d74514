/* Copying plain data from one Lua state to another.
 * SPDX-License-Identifier: MIT */
#include "server/lua_carry.h"

#include "server/lua_sandbox.h"
#include <lauxlib.h>

enum { VALUE_BYTES = 16 }; /* that a value counts for, beside the bytes of a string */

static bool copy(struct tr_lua_carry *carry, lua_State *to, int at, int depth);

static void count(struct tr_lua_carry *carry, lua_State *to, size_t bytes)
{
    carry->bytes += bytes + VALUE_BYTES;
    if (carry->bytes > TR_LUA_CARRY_BYTES)
        luaL_error(to, "state has more than %d bytes, and cannot be carried over",
                   (int)TR_LUA_CARRY_BYTES);
}

/* The table at a place of the old stack. Its metatable stays behind. A circle ends at the depth, and
 * what it multiplies on the way counts as bytes. */
static void copy_table(struct tr_lua_carry *carry, lua_State *to, int at, int depth)
{
    lua_State *from = carry->from;

    luaL_checkstack(to, 4, "no memory for the state");
    if (!lua_checkstack(from, 4))
        luaL_error(to, "no memory for the state");
    lua_newtable(to);
    lua_pushnil(from);
    while (lua_next(from, at) != 0) {
        int value = lua_gettop(from);

        if (lua_istable(from, value - 1)) {
            carry->left_out++;
        } else if (copy(carry, to, value - 1, depth)) {
            if (copy(carry, to, value, depth))
                lua_rawset(to, -3);
            else
                lua_pop(to, 1);
        }
        lua_pop(from, 1);
    }
}

/* Pushes the copy. false: it is nothing that is carried, and nothing is pushed. */
static bool copy(struct tr_lua_carry *carry, lua_State *to, int at, int depth)
{
    lua_State *from = carry->from;
    size_t size = 0;
    int type = lua_type(from, at);

    if (type == LUA_TSTRING)
        size = lua_rawlen(from, at);
    count(carry, to, size);
    if (type == LUA_TSTRING) {
        lua_pushlstring(to, lua_tostring(from, at), size);
    } else if (type == LUA_TBOOLEAN) {
        lua_pushboolean(to, lua_toboolean(from, at));
    } else if (type == LUA_TNUMBER && lua_isinteger(from, at)) {
        lua_pushinteger(to, lua_tointeger(from, at));
    } else if (type == LUA_TNUMBER) {
        lua_pushnumber(to, lua_tonumber(from, at));
    } else if (type == LUA_TTABLE && depth < TR_LUA_CARRY_DEPTH) {
        copy_table(carry, to, at, depth + 1);
    } else {
        carry->left_out++;
        return false;
    }
    return true;
}

int tr_lua_carry(lua_State *lua)
{
    struct tr_lua_carry *carry = lua_touserdata(lua, 1);

    lua_rawgeti(lua, LUA_REGISTRYINDEX, tr_lua_sandbox_of(lua)->environment);
    lua_pushliteral(lua, "state");
    if (lua_type(carry->from, -1) != LUA_TTABLE) {
        carry->left_out++;
        lua_newtable(lua);
    } else {
        copy_table(carry, lua, lua_gettop(carry->from), 1);
    }
    lua_rawset(lua, -3);
    return 0;
}
