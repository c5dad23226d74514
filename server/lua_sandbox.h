/* A Lua state with limits: processor time, memory, and how long a string or a table may be. What runs in
 * it is stopped by them, whatever it catches.
 *
 * A call has two parts. What the server does runs without limits of time and has some memory that the
 * script cannot use up; between enter and leave runs the script. A hook looks at the clock every few
 * instructions, at every single one when large blocks are about; C functions that work for long say so
 * with tr_lua_spend. Once stopped, every further instruction and every further piece of work raises
 * the error again, until the stack is unwound.
 * SPDX-License-Identifier: MIT */
#ifndef TR_LUA_SANDBOX_H
#define TR_LUA_SANDBOX_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TR_LUA_STRING_MAX = 65536, /* bytes of a string: one instruction may go through all of it */
    /* A table or a stack has at most this part of the memory: to grow a table whose keys collide takes the
     * square of their number, in one instruction. */
    TR_LUA_BLOCK_PART = 8,
    TR_LUA_TEXT = 256, /* bytes of why something failed, and its NUL */
};

enum tr_lua_outcome {
    TR_LUA_DONE,
    TR_LUA_FAILED,  /* an error was raised */
    TR_LUA_STOPPED, /* a limit was reached */
};

/* Takes a line that the script prints. */
typedef void tr_lua_printer(const void *context, const char *text);

struct tr_lua_block;

struct tr_lua_sandbox {
    lua_State *lua;
    struct tr_lua_block *blocks; /* all that are allocated */
    tr_lua_printer *print;
    const void *context;    /* of print */
    uint32_t lines;         /* printed since enter */
    int environment;        /* in the registry: the script's globals, */
    int request_maker;      /* the function that makes a PolicyRequest of bytes, */
    int request;            /* the one that is being asked about */
    size_t memory_max;      /* bytes */
    size_t memory_used;     /* bytes */
    bool is_entered;        /* the script runs */
    bool is_watched;        /* it has had large blocks: look at the clock at every instruction */
    bool is_stopped;        /* a limit was reached since enter */
    bool is_full;           /* it was that of memory */
    uint32_t time_ms;       /* since enter, at most */
    uint32_t work;          /* spent since the last look at the clock */
    uint64_t until_ns;      /* on the thread's clock: stopped then; 0 before the first look */
    uint64_t look_ns;       /* on the monotonic clock, which costs less: not before */
    char where[80];         /* "file:line: " of where it ended, if known */
    size_t where_file;      /* bytes of "file:" in it */
    char why[96];           /* which limit */
    char text[TR_LUA_TEXT]; /* of the last run that was not done: what went wrong */
};

/* NULL: no memory. The state is bare. */
struct tr_lua_sandbox *tr_lua_sandbox_create(size_t memory_max, tr_lua_printer *print,
                                             const void *context);

/* NULL is fine. */
void tr_lua_sandbox_destroy(struct tr_lua_sandbox *sandbox);

/* Calls a function in protected mode with the light userdata argument; what goes wrong is in text. */
enum tr_lua_outcome tr_lua_sandbox_run(struct tr_lua_sandbox *sandbox, lua_CFunction function,
                                       void *argument);

/* Inside such a function: from here on the script runs, for so many milliseconds of processor time. */
void tr_lua_sandbox_enter(lua_State *lua, uint32_t time_ms);
void tr_lua_sandbox_leave(lua_State *lua);

struct tr_lua_sandbox *tr_lua_sandbox_of(lua_State *lua);

/* So much work is about to be done, in steps of a few nanoseconds. Raises the error when it is time. */
void tr_lua_spend(lua_State *lua, size_t work);

/* Stops the script and raises the error. what: what it did, as "it made a string of ...". */
int tr_lua_stop(lua_State *lua, const char *what);

/* The same for a string that got too long. */
int tr_lua_stop_string(lua_State *lua);

#endif
