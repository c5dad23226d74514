/* What a rules script finds: Lua's functions that can neither be held up nor reach out, and of tryst what
 * rules need. Libraries cannot be changed, so that no call can break the next one's.
 * SPDX-License-Identifier: MIT */
#ifndef TR_LUA_LIBRARY_H
#define TR_LUA_LIBRARY_H

#include <lua.h>

/* For tr_lua_sandbox_run, once in each state: makes environment and request_maker of the sandbox. */
int tr_lua_library_open(lua_State *lua);

#endif
