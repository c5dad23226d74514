/* The text of a rules script, read from its file.
 * SPDX-License-Identifier: MIT */
#ifndef TR_LUA_SCRIPT_H
#define TR_LUA_SCRIPT_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

struct tr_lua_script {
    char *text; /* on the heap */
    size_t size;
};

/* All that is in a file, up to max bytes. false: error says why. */
bool tr_lua_script_read(struct tr_lua_script *script, const char *path, size_t max, char *error,
                        size_t error_size);

void tr_lua_script_clear(struct tr_lua_script *script);

/* Pushes it as a function, or raises why not. */
void tr_lua_script_push(lua_State *lua, const struct tr_lua_script *script, const char *path);

#endif
