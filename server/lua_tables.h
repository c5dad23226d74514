/* The table library of scripts: raw, in counted steps.
 * SPDX-License-Identifier: MIT */
#ifndef TR_LUA_TABLES_H
#define TR_LUA_TABLES_H

#include <lua.h>

/* Pushes the table with its functions. */
void tr_lua_tables_push(lua_State *lua);

/* Raises an error where argument number at is no table that a script may change. */
void tr_lua_check_writable(lua_State *lua, int at);

#endif
