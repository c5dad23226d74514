/* An engine with a Lua of its own: the wrapper is compiled in, and scripts require tryst as ever.
 *
 *     cc -o engine engine.c ../../bindings/generated/tryst_lua_wrap.c -I../../include \
 *         $(pkg-config --cflags --libs lua5.4 tryst) -lpthread -lm
 *     ./engine game.lua PIN NAME
 *
 * SPDX-License-Identifier: MIT */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>

int luaopen_tryst(lua_State *L);

/* What the engine offers to its scripts: here only a line on the screen. */
static int engine_show(lua_State *L)
{
    printf("%s\n", luaL_checkstring(L, 1));
    fflush(stdout);
    return 0;
}

int main(int argc, char **argv)
{
    lua_State *L = luaL_newstate();
    int failed;
    if (L == NULL || argc < 2) {
        fprintf(stderr, "usage: engine SCRIPT [ARGUMENT...]\n");
        return 2;
    }
    luaL_openlibs(L);
    /* require "tryst" finds it here, and looks for no file. */
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushcfunction(L, luaopen_tryst);
    lua_setfield(L, -2, "tryst");
    lua_pop(L, 1);
    lua_register(L, "show", engine_show);
    failed = luaL_loadfile(L, argv[1]) != LUA_OK;
    for (int i = 2; !failed && i < argc; i++)
        lua_pushstring(L, argv[i]);
    failed = failed || lua_pcall(L, argc - 2, 0, 0) != LUA_OK;
    if (failed)
        fprintf(stderr, "engine: %s\n", luaL_tolstring(L, -1, NULL));
    lua_close(L);
    return failed;
}
