/* The limits of a Lua state: a hook that looks at the clock, and an allocator that counts.
 * SPDX-License-Identifier: MIT */
#include "server/lua_sandbox.h"

#include "server/lua_words.h"
#include <lauxlib.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    FIRST_LOOK = 8,           /* at this part of the time */
    INSTRUCTIONS = 50,        /* between two looks at the clock */
    WORK = 2000,              /* and steps of C functions */
    RESERVE = 96 * 1024,      /* bytes that only the server may use: a question, its answer */
    STRING_HEADER = 32,       /* bytes that a string's block has beside the string, at most */
    STRING_WATCHED = 2048,    /* bytes of a string that is large, */
    BLOCK_WATCHED = 64 * 1024 /* and of another block */
};

static const uint64_t NS_PER_MS = 1000000;
static const char stopped[] = "stopped";
static const char module_source[] = "=tryst"; /* as lua_open.h of the bindings names it, */
static const char module_place[] = "tryst:";  /* and how errors say it */

static uint64_t now_ns(clockid_t clock)
{
    struct timespec time;

    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000 * NS_PER_MS + (uint64_t)time.tv_nsec;
}

struct tr_lua_sandbox *tr_lua_sandbox_of(lua_State *lua)
{
    return *(struct tr_lua_sandbox **)lua_getextraspace(lua);
}

/* --- Time -------------------------------------------------------------------------------------- */

/* The thread's clock is a system call, the other one is not. As a thread cannot use more processor time
 * than goes by, the first need not be asked before the second says so. Not even at the start, unless
 * one instruction may take long: what goes by until the first look is taken for processor time. */
static bool is_over(struct tr_lua_sandbox *sandbox)
{
    uint64_t now = now_ns(CLOCK_MONOTONIC);
    uint64_t used;

    if (now < sandbox->look_ns)
        return false;
    used = now_ns(CLOCK_THREAD_CPUTIME_ID);
    if (sandbox->until_ns == 0)
        sandbox->until_ns = used + sandbox->time_ms * (NS_PER_MS - NS_PER_MS / FIRST_LOOK);
    if (used >= sandbox->until_ns)
        return true;
    sandbox->look_ns = now + (sandbox->until_ns - used);
    return false;
}

/* Where a level of the stack stands, without taking memory for it; the module's own Lua is passed over. */
static void locate(struct tr_lua_sandbox *sandbox, lua_State *lua, lua_Debug *level)
{
    if (lua_getinfo(lua, "Sl", level) == 0 || level->currentline <= 0 ||
        strcmp(level->source, module_source) == 0)
        return;
    snprintf(sandbox->where, sizeof sandbox->where, "%s:%d: ", level->short_src,
             level->currentline);
    sandbox->where_file = strlen(level->short_src) + 1;
}

static void on_count(lua_State *lua, lua_Debug *where);

/* From now on every instruction is looked at. It may be called from within the allocator: nothing but
 * numbers is changed. */
static void watch(struct tr_lua_sandbox *sandbox)
{
    sandbox->is_watched = true;
    lua_sethook(sandbox->lua, on_count, LUA_MASKCOUNT, 1);
}

static void stop(struct tr_lua_sandbox *sandbox, const char *what)
{
    if (sandbox->is_stopped)
        return;
    sandbox->is_stopped = true;
    snprintf(sandbox->why, sizeof sandbox->why, "%s", what);
    lua_sethook(sandbox->lua, on_count, LUA_MASKCOUNT, 1);
}

static void stop_time(struct tr_lua_sandbox *sandbox)
{
    char what[64];

    snprintf(what, sizeof what, "it took more than %u ms of processor time",
             (unsigned)sandbox->time_ms);
    stop(sandbox, what);
}

/* The message is there since the state was made: it takes no memory now. */
static int raise(lua_State *lua)
{
    lua_pushlstring(lua, stopped, sizeof stopped - 1);
    return lua_error(lua);
}

static void on_count(lua_State *lua, lua_Debug *where)
{
    struct tr_lua_sandbox *sandbox = tr_lua_sandbox_of(lua);

    if (!sandbox->is_stopped) {
        if (!is_over(sandbox))
            return;
        stop_time(sandbox);
    }
    if (sandbox->where[0] == '\0')
        locate(sandbox, lua, where);
    raise(lua);
}

static void raise_from_c(struct tr_lua_sandbox *sandbox, lua_State *lua)
{
    lua_Debug where;

    if (sandbox->where[0] == '\0' && lua_getstack(lua, 1, &where))
        locate(sandbox, lua, &where);
    raise(lua);
}

void tr_lua_spend(lua_State *lua, size_t work)
{
    struct tr_lua_sandbox *sandbox = tr_lua_sandbox_of(lua);

    if (!sandbox->is_entered)
        return;
    if (!sandbox->is_stopped) {
        if (work < WORK - sandbox->work) {
            sandbox->work += (uint32_t)work;
            return;
        }
        sandbox->work = 0;
        if (!is_over(sandbox))
            return;
        stop_time(sandbox);
    }
    raise_from_c(sandbox, lua);
}

int tr_lua_stop(lua_State *lua, const char *what)
{
    struct tr_lua_sandbox *sandbox = tr_lua_sandbox_of(lua);

    if (!sandbox->is_entered)
        return luaL_error(lua, "%s", what);
    stop(sandbox, what);
    raise_from_c(sandbox, lua);
    return 0;
}

static void name_string(char *what, size_t room)
{
    snprintf(what, room, "it made a string of more than %d bytes", (int)TR_LUA_STRING_MAX);
}

int tr_lua_stop_string(lua_State *lua)
{
    char what[64];

    name_string(what, sizeof what);
    return tr_lua_stop(lua, what);
}

/* --- Memory ------------------------------------------------------------------------------------ */

static void refuse(struct tr_lua_sandbox *sandbox, bool is_string, size_t size)
{
    char what[96];

    if (is_string)
        name_string(what, sizeof what);
    else if (size > sandbox->memory_max / TR_LUA_BLOCK_PART)
        snprintf(what, sizeof what, "it made a table or a stack of more than %zu bytes",
                 sandbox->memory_max / TR_LUA_BLOCK_PART);
    else
        snprintf(what, sizeof what, "it took more than %zu bytes of memory", sandbox->memory_max);
    stop(sandbox, what);
    sandbox->is_full = true;
    sandbox->is_watched = true;
}

/* The first refusal stops the script, even where a collection makes room after it: a full collection
 * takes milliseconds, and a script could ask for one at every instruction. */
static bool may_grow(struct tr_lua_sandbox *sandbox, bool is_string, size_t size, size_t more)
{
    bool is_long = is_string && size > TR_LUA_STRING_MAX + STRING_HEADER;

    if (!sandbox->is_entered)
        return sandbox->memory_used + more <= sandbox->memory_max + RESERVE;
    if (!sandbox->is_watched && size > (is_string ? STRING_WATCHED : BLOCK_WATCHED))
        watch(sandbox);
    if (!is_long && size <= sandbox->memory_max / TR_LUA_BLOCK_PART &&
        sandbox->memory_used + more <= sandbox->memory_max)
        return true;
    refuse(sandbox, is_long, size);
    return false;
}

/* What stands before each block. Lua loses some: the finalizer of a buffer that is called as deep in C as it
 * may go fails, and what the buffer had stays allocated. All of it is freed with the state. */
struct tr_lua_block {
    alignas(max_align_t) struct tr_lua_block *next;
    struct tr_lua_block **place; /* that points here */
};

static void enlist(struct tr_lua_block **place, struct tr_lua_block *block)
{
    block->place = place;
    *place = block;
    if (block->next != NULL)
        block->next->place = &block->next;
}

static void delist(struct tr_lua_block *block)
{
    *block->place = block->next;
    if (block->next != NULL)
        block->next->place = block->place;
}

static void *change(struct tr_lua_sandbox *sandbox, struct tr_lua_block *block, size_t size)
{
    struct tr_lua_block *made = realloc(block, sizeof *made + size);

    if (made == NULL)
        return NULL;
    if (block == NULL)
        made->next = sandbox->blocks;
    enlist(block == NULL ? &sandbox->blocks : made->place, made);
    return made + 1;
}

static void *allocate(void *context, void *data, size_t old_size, size_t size)
{
    struct tr_lua_sandbox *sandbox = context;
    struct tr_lua_block *block = data == NULL ? NULL : (struct tr_lua_block *)data - 1;
    bool is_string = data == NULL && old_size == LUA_TSTRING;
    void *made;

    if (data == NULL)
        old_size = 0; /* it says what the block is for */
    if (size > old_size && !may_grow(sandbox, is_string, size, size - old_size))
        return NULL;
    if (size == 0) {
        if (block != NULL)
            delist(block);
        free(block);
        made = NULL;
    } else {
        made = change(sandbox, block, size);
        if (made == NULL && size > old_size)
            return NULL;
        if (made == NULL) /* Lua takes it that a block can always get smaller */
            made = data;
    }
    sandbox->memory_used = sandbox->memory_used - old_size + size;
    return made;
}

/* --- The state --------------------------------------------------------------------------------- */

static int prepare(lua_State *lua)
{
    struct tr_lua_sandbox *sandbox = lua_touserdata(lua, 1);

    lua_pushlstring(lua, stopped, sizeof stopped - 1);
    luaL_ref(lua, LUA_REGISTRYINDEX);
    sandbox->request = LUA_NOREF;
    /* A new round when the heap has grown by a fifth, not when it has doubled: or a script that keeps
     * half of its memory would reach the limit by what it throws away. */
    lua_gc(lua, LUA_GCINC, 120, 0, 0);
    return 0;
}

struct tr_lua_sandbox *tr_lua_sandbox_create(size_t memory_max, tr_lua_printer *print,
                                             const void *context)
{
    struct tr_lua_sandbox *sandbox = calloc(1, sizeof *sandbox);

    if (sandbox == NULL)
        return NULL;
    sandbox->memory_max = memory_max;
    sandbox->print = print;
    sandbox->context = context;
    sandbox->lua = lua_newstate(allocate, sandbox);
    if (sandbox->lua != NULL) {
        *(struct tr_lua_sandbox **)lua_getextraspace(sandbox->lua) = sandbox;
        if (tr_lua_sandbox_run(sandbox, prepare, sandbox) == TR_LUA_DONE)
            return sandbox;
    }
    tr_lua_sandbox_destroy(sandbox);
    return NULL;
}

void tr_lua_sandbox_destroy(struct tr_lua_sandbox *sandbox)
{
    if (sandbox == NULL)
        return;
    if (sandbox->lua != NULL)
        lua_close(sandbox->lua);
    while (sandbox->blocks != NULL) {
        struct tr_lua_block *block = sandbox->blocks;

        delist(block);
        free(block);
    }
    free(sandbox);
}

void tr_lua_sandbox_enter(lua_State *lua, uint32_t time_ms)
{
    struct tr_lua_sandbox *sandbox = tr_lua_sandbox_of(lua);
    sandbox->is_entered = true;
    sandbox->time_ms = time_ms;
    sandbox->work = 0;
    sandbox->lines = 0;
    sandbox->until_ns = 0;
    sandbox->look_ns = now_ns(CLOCK_MONOTONIC) + time_ms * (NS_PER_MS / FIRST_LOOK);
    if (sandbox->is_watched)
        sandbox->until_ns = now_ns(CLOCK_THREAD_CPUTIME_ID) + time_ms * NS_PER_MS;
    lua_sethook(lua, on_count, LUA_MASKCOUNT, sandbox->is_watched ? 1 : INSTRUCTIONS);
}

void tr_lua_sandbox_leave(lua_State *lua)
{
    tr_lua_sandbox_of(lua)->is_entered = false;
    lua_sethook(lua, NULL, 0, 0);
}

/* Handles the error that ends a run, where it was raised. It goes on as it is. */
static int remember_place(lua_State *lua)
{
    struct tr_lua_sandbox *sandbox = tr_lua_sandbox_of(lua);
    lua_Debug where;

    for (int level = 0; sandbox->where[0] == '\0' && lua_getstack(lua, level, &where); level++)
        locate(sandbox, lua, &where);
    return 1;
}

/* What was raised may be anything; nothing of it is called. An error of the module's own Lua has a
 * place there, which tells an operator nothing. */
static void describe(struct tr_lua_sandbox *sandbox)
{
    char *text = sandbox->text;
    const char *where = sandbox->where;
    size_t size;
    const char *message;

    if (lua_type(sandbox->lua, -1) != LUA_TSTRING) {
        snprintf(text, sizeof sandbox->text, "%sthe error is no text but a %s", where,
                 luaL_typename(sandbox->lua, -1));
        return;
    }
    message = lua_tolstring(sandbox->lua, -1, &size);
    if (strncmp(message, where, sandbox->where_file) == 0)
        where = "";
    else if (strncmp(message, module_place, sizeof module_place - 1) == 0 &&
             strstr(message, ": ") != NULL)
        message = strstr(message, ": ") + 2;
    size -= (size_t)(message - lua_tostring(sandbox->lua, -1));
    snprintf(text, sizeof sandbox->text, "%s", where);
    tr_lua_words(text + strlen(text), sizeof sandbox->text - strlen(text), message, size);
}

enum tr_lua_outcome tr_lua_sandbox_run(struct tr_lua_sandbox *sandbox, lua_CFunction function,
                                       void *argument)
{
    lua_State *lua = sandbox->lua;
    enum tr_lua_outcome outcome = TR_LUA_DONE;
    int status;

    sandbox->is_stopped = sandbox->is_full = false;
    sandbox->where[0] = '\0';
    lua_settop(lua, 0);
    sandbox->where_file = 0;
    lua_pushcfunction(lua, remember_place);
    lua_pushcfunction(lua, function);
    lua_pushlightuserdata(lua, argument);
    status = lua_pcall(lua, 1, 0, 1);
    tr_lua_sandbox_leave(lua);
    if (sandbox->is_stopped) {
        outcome = TR_LUA_STOPPED;
        snprintf(sandbox->text, sizeof sandbox->text, "%s%s", sandbox->where, sandbox->why);
    } else if (status == LUA_ERRMEM) {
        outcome = TR_LUA_STOPPED;
        sandbox->is_full = true;
        snprintf(sandbox->text, sizeof sandbox->text, "there is no memory left");
    } else if (status != LUA_OK) {
        outcome = TR_LUA_FAILED;
        describe(sandbox);
    }
    lua_settop(lua, 0);
    return outcome;
}
