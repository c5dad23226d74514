/* How the Lua module is opened: SWIG's own classes, hardened, then lua/prelude.lua, which makes of
 * them the module that scripts see. Written into the generated wrapper.
 * SPDX-License-Identifier: MIT */
#ifndef TR_LUA_OPEN_H
#define TR_LUA_OPEN_H

#include <pthread.h>

/* __gc, as often as somebody likes to call it: the first one takes the pointer away. */
static int tr_lua_collect(lua_State *L)
{
    const swig_type_info *type = (const swig_type_info *)lua_touserdata(L, lua_upvalueindex(1));
    swig_lua_userdata *userdata = tr_lua_find(L, 1, type);
    void *object;
    if (userdata == NULL)
        return 0;
    object = userdata->own ? userdata->ptr : NULL;
    userdata->ptr = NULL;
    userdata->own = 0;
    if (object != NULL)
        ((const swig_lua_class *)type->clientdata)->destructor(object);
    return 0;
}

/* Brands the metatable of each class, so that tr_lua_object knows its own. */
static void tr_lua_harden(lua_State *L)
{
    for (int i = 0; swig_types[i] != NULL; i++) {
        swig_lua_class *class_ = (swig_lua_class *)swig_types[i]->clientdata;
        if (class_ == NULL)
            continue;
        SWIG_Lua_get_class_metatable(L, class_->fqname);
        lua_pushlightuserdata(L, class_);
        lua_pushboolean(L, 1);
        lua_rawset(L, -3);
        lua_pushlightuserdata(L, swig_types[i]);
        lua_pushcclosure(L, tr_lua_collect, 1);
        lua_setfield(L, -2, "__gc");
        lua_newtable(
            L); /* SWIG's setters of what is immutable take an argument that may be missing */
        lua_setfield(L, -2, ".set");
        lua_pop(L, 1);
    }
    lua_pushnil(L); /* helpers that SWIG leaves among the globals */
    lua_setglobal(L, "swig_type");
    lua_pushnil(L);
    lua_setglobal(L, "swig_equals");
}

/* The bare constructors: SWIG's class tables keep one result of them, nil without the reason. */
static void tr_lua_push_constructors(lua_State *L)
{
    static const luaL_Reg constructors[] = {
        {"Address", _wrap_new_Address},   {"Client", _wrap_new_Client},
        {"Endpoint", _wrap_new_Endpoint}, {"Identity", _wrap_new_Identity},
        {"Pin", _wrap_new_Pin},           {"PolicyRequest", _wrap_new_PolicyRequest}};
    lua_newtable(L);
    for (size_t i = 0; i < sizeof(constructors) / sizeof(constructors[0]); i++) {
        lua_pushcfunction(L, constructors[i].func);
        lua_setfield(L, -2, constructors[i].name);
    }
}

static int tr_lua_open_whole(lua_State *L)
{
    tr_lua_open_raw(L);
    tr_lua_harden(L);
    if (luaL_loadbuffer(L, tr_lua_prelude, sizeof(tr_lua_prelude) - 1, "=tryst") != 0)
        return lua_error(L);
    lua_pushvalue(L, -2);
    SWIG_Lua_get_class_registry(L);
    tr_lua_push_constructors(L);
    lua_call(L, 3, 1);
    return 1;
}

/* Threads with states of their own may require tryst at the same time. */
SWIGEXPORT int luaopen_tryst(lua_State *L)
{
    static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
    int failed;
#if LUA_VERSION_NUM >= 502
    luaL_checkversion(L);
#endif
    lua_pushcfunction(L, tr_lua_open_whole);
    pthread_mutex_lock(&one_at_a_time);
    failed = lua_pcall(L, 0, 1, 0);
    pthread_mutex_unlock(&one_at_a_time);
    return failed ? lua_error(L) : 1;
}

#endif
