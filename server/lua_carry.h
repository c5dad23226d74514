/* Carrying a script's state over into a new one.
 * SPDX-License-Identifier: MIT */
#ifndef TR_LUA_CARRY_H
#define TR_LUA_CARRY_H

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    TR_LUA_CARRY_DEPTH = 16,
    TR_LUA_CARRY_BYTES = 1 << 20,
};

/* For tr_lua_sandbox_run in the new state, as the argument. */
struct tr_lua_carry {
    lua_State *from;   /* with the old `state` on top of its stack; nothing is called in it */
    uint32_t left_out; /* values that are no plain data, and those in tables that are too deep */
    size_t bytes;      /* so far */
};

/* Leaves the copy as the global `state`. Raises an error when there is too much of it. */
int tr_lua_carry(lua_State *lua);

#endif
