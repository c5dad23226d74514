/* Several threads, each with a Lua state of its own, require tryst at the same time and play: SWIG's
 * tables are one for the process.
 * SPDX-License-Identifier: MIT */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

int luaopen_tryst(lua_State *L);

enum { THREADS = 4, ROUNDS = 30 };

static pthread_barrier_t together;
static const char *pin;

static const char script[] =
    "local tryst, pin = require 'tryst', ...\n"
    "local function player() return assert(tryst.Client(pin, {app = 'threads'})) end\n"
    "local one, other = player(), player()\n"
    "local room = tostring(tryst.Identity())\n"
    "assert(one:join(room)) assert(other:join(room))\n"
    "local heard, over = 0, tryst.clock() + 20\n"
    "local function turn(client)\n"
    "  for event in client:events() do\n"
    "    if event.type == 'joined' then client:send(event.peer, 'hi') end\n"
    "    if event.type == 'message' then heard = heard + 1 end\n"
    "  end\n"
    "end\n"
    "while heard < 2 and tryst.clock() < over do turn(one) turn(other) one:run(0.002) end\n"
    "assert(heard == 2, 'no answer')\n"
    "local a = tryst.Address('[::1]:5'):canonical()\n"
    "assert(tostring(a) == '[::1]:5')\n"
    "one:close() collectgarbage()\n";

static void play(const char *which)
{
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushcfunction(L, luaopen_tryst);
    lua_setfield(L, -2, "tryst");
    lua_pop(L, 1);
    pthread_barrier_wait(&together);
    if (luaL_loadstring(L, script) != LUA_OK || (lua_pushstring(L, which), lua_pcall(L, 1, 0, 0))) {
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
        exit(1);
    }
    lua_close(L);
}

static void *run(void *unused)
{
    (void)unused;
    for (int round = 0; round < ROUNDS; round++)
        play(pin);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    if (argc != 2)
        return 2;
    pin = argv[1];
    pthread_barrier_init(&together, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, run, NULL) != 0)
            return 1;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    printf("%d threads, %d states each: ok\n", THREADS, ROUNDS);
    return 0;
}
