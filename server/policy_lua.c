/* The plug-in for rules in Lua: a script in a sandbox, asked in the call that submits the question.
 * SPDX-License-Identifier: MIT */
#include <tryst/policy.h>

#include "server/lua_answer.h"
#include "server/lua_carry.h"
#include "server/lua_library.h"
#include "server/lua_sandbox.h"
#include "server/lua_script.h"
#include "server/lua_words.h"
#include <lauxlib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HOOK_MS = 2,
    LOAD_MS = 1000,
    MEMORY_BYTES = 8 * 1024 * 1024,
    LEVEL_WARNING = 1,
    LEVEL_INFO = 2,
    HOOKS = TRYST_POLICY_RELAY + 1,
};

struct tryst_policy {
    const struct tryst_policy_settings *settings;
    const struct tryst_policy_host *host;
    struct tr_lua_script script; /* as it was loaded, whatever the file has become since */
    struct tr_lua_sandbox *sandbox;
    uint32_t hooks;
};

/* A state with its script. */
struct loaded {
    const struct tryst_policy *policy;
    const struct tr_lua_script *script;
    struct tr_lua_sandbox *sandbox;
    uint32_t hooks;
    bool has_on_reload;
};

/* A question on its way through the script. */
struct question {
    const struct tryst_policy *policy;
    const void *data;
    size_t size;
    struct tryst_policy_answer *answer;
};

static uint32_t or_default(uint32_t setting, uint32_t default_value)
{
    return setting != 0 ? setting : default_value;
}

static void print(const void *context, const char *text)
{
    const struct tryst_policy_host *host = context;

    host->log(host->context, LEVEL_INFO, text);
}

/* --- Loading ----------------------------------------------------------------------------------- */

/* Pushes the global of a name, past the library's. */
static int push_global(lua_State *lua, const char *name)
{
    lua_rawgeti(lua, LUA_REGISTRYINDEX, tr_lua_sandbox_of(lua)->environment);
    lua_pushstring(lua, name);
    lua_rawget(lua, -2);
    lua_remove(lua, -2);
    return lua_type(lua, -1);
}

static int make_state(lua_State *lua)
{
    lua_rawgeti(lua, LUA_REGISTRYINDEX, tr_lua_sandbox_of(lua)->environment);
    lua_pushliteral(lua, "state");
    lua_newtable(lua);
    lua_rawset(lua, -3);
    return 0;
}

/* What is no function under a hook's name is a mistake that would let everybody in. */
static bool has_hook(lua_State *lua, const char *name)
{
    int type = push_global(lua, name);

    lua_pop(lua, 1);
    if (type != LUA_TNIL && type != LUA_TFUNCTION)
        luaL_error(lua, "%s is no function but a %s", name, lua_typename(lua, type));
    return type == LUA_TFUNCTION;
}

static int load(lua_State *lua)
{
    struct loaded *loaded = lua_touserdata(lua, 1);
    const struct tryst_policy_settings *settings = loaded->policy->settings;

    tr_lua_sandbox_enter(lua, or_default(settings->load_ms, LOAD_MS));
    tr_lua_script_push(lua, loaded->script, settings->script);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, loaded->sandbox->environment);
    lua_setupvalue(lua, -2, 1);
    lua_call(lua, 0, 0);
    tr_lua_sandbox_leave(lua);
    for (uint32_t hook = 0; hook < HOOKS; hook++)
        if (has_hook(lua, tryst_policy_hook_name(hook)))
            loaded->hooks |= 1U << hook;
    loaded->has_on_reload = has_hook(lua, "on_reload");
    return 0;
}

static int call_on_reload(lua_State *lua)
{
    const struct loaded *loaded = lua_touserdata(lua, 1);

    push_global(lua, "on_reload");
    tr_lua_sandbox_enter(lua, or_default(loaded->policy->settings->load_ms, LOAD_MS));
    lua_call(lua, 0, 0);
    return 0;
}

static int push_state(lua_State *lua)
{
    push_global(lua, "state");
    lua_rawsetp(lua, LUA_REGISTRYINDEX, lua_touserdata(lua, 1));
    return 0;
}

/* The old script's state; the old one is as it was after it. */
static bool carry_state(struct loaded *loaded, struct tr_lua_sandbox *old)
{
    struct tr_lua_carry carry = {.from = old->lua};
    const struct tryst_policy_host *host = loaded->policy->host;
    enum tr_lua_outcome outcome;
    char text[96];

    if (tr_lua_sandbox_run(old, push_state, &carry) != TR_LUA_DONE) {
        snprintf(loaded->sandbox->text, sizeof loaded->sandbox->text, "%s", old->text);
        return false;
    }
    lua_rawgetp(old->lua, LUA_REGISTRYINDEX, &carry);
    outcome = tr_lua_sandbox_run(loaded->sandbox, tr_lua_carry, &carry);
    lua_pushnil(old->lua);
    lua_rawsetp(old->lua, LUA_REGISTRYINDEX, &carry);
    lua_settop(old->lua, 0);
    if (outcome != TR_LUA_DONE || carry.left_out == 0)
        return outcome == TR_LUA_DONE;
    snprintf(text, sizeof text,
             "%u values of state are left behind: no plain data, or deeper than %d",
             (unsigned)carry.left_out, (int)TR_LUA_CARRY_DEPTH);
    host->log(host->context, LEVEL_WARNING, text);
    return true;
}

static bool fill(struct loaded *loaded, struct tr_lua_sandbox *old)
{
    struct tr_lua_sandbox *sandbox = loaded->sandbox;

    if (tr_lua_sandbox_run(sandbox, tr_lua_library_open, NULL) != TR_LUA_DONE)
        return false;
    if (old != NULL ? !carry_state(loaded, old)
                    : tr_lua_sandbox_run(sandbox, make_state, NULL) != TR_LUA_DONE)
        return false;
    if (tr_lua_sandbox_run(sandbox, load, loaded) != TR_LUA_DONE)
        return false;
    return old == NULL || !loaded->has_on_reload ||
           tr_lua_sandbox_run(sandbox, call_on_reload, loaded) == TR_LUA_DONE;
}

/* A new state with a script in the place of the old one. false: it is as before, and error says why. */
static bool replace(struct tryst_policy *policy, const struct tr_lua_script *script,
                    bool is_carried, char *error, size_t error_size)
{
    struct loaded loaded = {.policy = policy, .script = script};

    loaded.sandbox = tr_lua_sandbox_create(or_default(policy->settings->memory_bytes, MEMORY_BYTES),
                                           print, policy->host);
    if (loaded.sandbox == NULL) {
        snprintf(error, error_size, "no memory for a Lua state");
        return false;
    }
    if (!fill(&loaded, is_carried ? policy->sandbox : NULL)) {
        const char *text = loaded.sandbox->text;
        bool has_place = strchr(text, ':') != NULL;

        snprintf(error, error_size, "%s%s%s", has_place ? "" : policy->settings->script,
                 has_place ? "" : ": ", text);
        tr_lua_sandbox_destroy(loaded.sandbox);
        return false;
    }
    tr_lua_sandbox_destroy(policy->sandbox);
    policy->sandbox = loaded.sandbox;
    policy->hooks = loaded.hooks;
    return true;
}

/* Reads the file and loads it. */
static bool load_file(struct tryst_policy *policy, bool is_carried, char *error, size_t error_size)
{
    struct tr_lua_script script;

    if (!tr_lua_script_read(&script, policy->settings->script,
                            or_default(policy->settings->memory_bytes, MEMORY_BYTES), error,
                            error_size))
        return false;
    if (!replace(policy, &script, is_carried, error, error_size)) {
        tr_lua_script_clear(&script);
        return false;
    }
    tr_lua_script_clear(&policy->script);
    policy->script = script;
    return true;
}

static struct tryst_policy *open_policy(const struct tryst_policy_settings *settings,
                                        const struct tryst_policy_host *host, char *error,
                                        size_t error_size)
{
    struct tryst_policy *policy = calloc(1, sizeof *policy);

    if (policy == NULL) {
        snprintf(error, error_size, "no memory");
        return NULL;
    }
    policy->settings = settings;
    policy->host = host;
    if (load_file(policy, false, error, error_size))
        return policy;
    free(policy);
    return NULL;
}

static tryst_result reload(struct tryst_policy *policy, char *error, size_t error_size)
{
    return load_file(policy, true, error, error_size) ? TRYST_OK : TRYST_E_FILE;
}

static void close_policy(struct tryst_policy *policy)
{
    tr_lua_sandbox_destroy(policy->sandbox);
    tr_lua_script_clear(&policy->script);
    free(policy);
}

static uint32_t hooks(struct tryst_policy *policy)
{
    return policy->hooks;
}

/* --- Questions --------------------------------------------------------------------------------- */

static bool is_told_only(const char *hook)
{
    static const uint32_t told[] = {TRYST_POLICY_LEAVE, TRYST_POLICY_SESSION_CLOSE,
                                    TRYST_POLICY_TICK};

    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++)
        if (strcmp(hook, tryst_policy_hook_name(told[i])) == 0)
            return true;
    return false;
}

static bool was_there(const struct tryst_policy *policy, const char *hook)
{
    for (uint32_t i = 0; i < HOOKS; i++)
        if (strcmp(hook, tryst_policy_hook_name(i)) == 0)
            return (policy->hooks >> i & 1) != 0;
    return false;
}

/* Pushes a PolicyRequest and keeps it, so that it can be revoked however the hook ends. */
static void push_request(lua_State *lua, const struct question *question)
{
    struct tr_lua_sandbox *sandbox = tr_lua_sandbox_of(lua);

    lua_rawgeti(lua, LUA_REGISTRYINDEX, sandbox->request_maker);
    lua_pushlstring(lua, question->data, question->size);
    lua_call(lua, 1, 2);
    if (lua_isnil(lua, -2))
        luaL_error(lua, "the question cannot be read: %s", lua_tostring(lua, -1));
    lua_pop(lua, 1);
    lua_pushvalue(lua, -1);
    if (sandbox->request == LUA_NOREF)
        sandbox->request = luaL_ref(lua, LUA_REGISTRYINDEX);
    else
        lua_rawseti(lua, LUA_REGISTRYINDEX, sandbox->request);
}

enum { REQUEST = 2 }; /* where it stands */

static int ask(lua_State *lua)
{
    const struct question *question = lua_touserdata(lua, 1);
    const struct tryst_policy *policy = question->policy;
    struct tryst_policy_answer *answer = question->answer;
    const char *hook;

    push_request(lua, question);
    lua_getfield(lua, -1, "hook");
    hook = lua_tostring(lua, -1);
    if (push_global(lua, hook) != LUA_TFUNCTION) {
        if (was_there(policy, hook))
            return luaL_error(lua, "%s is gone", hook);
        answer->is_allowed = 1;
        return 0;
    }
    lua_pushvalue(lua, REQUEST);
    tr_lua_sandbox_enter(lua, or_default(policy->settings->hook_ms, HOOK_MS));
    lua_call(lua, 1, TR_LUA_ANSWER_VALUES);
    tr_lua_sandbox_leave(lua);
    if (is_told_only(hook))
        answer->is_allowed = 1;
    else
        tr_lua_answer_read(lua, answer);
    return 0;
}

/* What collects a request takes its pointer away: a script that has put it by gets an error. */
static int revoke(lua_State *lua)
{
    lua_rawgeti(lua, LUA_REGISTRYINDEX, tr_lua_sandbox_of(lua)->request);
    if (luaL_getmetafield(lua, -1, "__gc") == LUA_TNIL)
        return 0;
    lua_insert(lua, -2);
    lua_call(lua, 1, 0);
    lua_pushboolean(lua, 0);
    lua_rawseti(lua, LUA_REGISTRYINDEX, tr_lua_sandbox_of(lua)->request);
    return 0;
}

static void fail(struct tryst_policy_answer *answer, enum tryst_policy_failure failure,
                 const char *detail)
{
    memset(answer, 0, sizeof *answer);
    answer->struct_size = sizeof *answer;
    answer->failure = failure;
    tr_lua_words(answer->detail, sizeof answer->detail, detail, strlen(detail));
}

/* A script that has filled its memory for good would fail from now on: it starts anew. */
static void renew(struct tryst_policy *policy)
{
    struct tr_lua_sandbox *sandbox = policy->sandbox;
    char error[TR_LUA_TEXT];
    char text[TR_LUA_TEXT + 128];

    lua_gc(sandbox->lua, LUA_GCCOLLECT);
    if (sandbox->memory_used <= sandbox->memory_max - sandbox->memory_max / 4)
        return;
    if (replace(policy, &policy->script, false, error, sizeof error))
        snprintf(text, sizeof text,
                 "the script has used up its memory and starts anew, without its state");
    else
        snprintf(text, sizeof text, "the script has used up its memory and cannot start anew: %s",
                 error);
    policy->host->log(policy->host->context, LEVEL_WARNING, text);
}

static void submit(struct tryst_policy *policy, uint32_t ticket, const void *data, size_t size)
{
    struct tr_lua_sandbox *sandbox = policy->sandbox;
    struct tryst_policy_answer answer = {.struct_size = sizeof answer};
    struct question question = {policy, data, size, &answer};
    enum tr_lua_outcome outcome = tr_lua_sandbox_run(sandbox, ask, &question);
    bool is_full = sandbox->is_full;

    if (outcome != TR_LUA_DONE)
        fail(&answer,
             outcome == TR_LUA_STOPPED ? TRYST_POLICY_FAILURE_LIMIT : TRYST_POLICY_FAILURE_ERROR,
             sandbox->text);
    tr_lua_sandbox_run(sandbox, revoke, NULL);
    policy->host->answer(policy->host->context, ticket, &answer);
    if (is_full)
        renew(policy);
}

TRYST_API const struct tryst_policy_plugin *tryst_policy_plugin_v1(void);

const struct tryst_policy_plugin *tryst_policy_plugin_v1(void)
{
    static const struct tryst_policy_plugin plugin = {
        .struct_size = sizeof plugin,
        .abi = TRYST_POLICY_ABI,
        .name = "lua",
        .open = open_policy,
        .hooks = hooks,
        .submit = submit,
        .reload = reload,
        .close = close_policy,
    };

    return &plugin;
}
