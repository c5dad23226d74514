/* The string library of scripts: as Lua's, where that cannot be held up, and our own where it can.
 * SPDX-License-Identifier: MIT */
#ifndef TR_LUA_STRINGS_H
#define TR_LUA_STRINGS_H

#include <lua.h>

/* Pushes the table with its functions. standard: where Lua's own string library is on the stack. */
void tr_lua_strings_push(lua_State *lua, int standard);

#endif
