/* Reading answers: true, false, false with a reason, or a table of known fields.
 * SPDX-License-Identifier: MIT */
#include "server/lua_answer.h"

#include "server/lua_words.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
    PARTICIPANTS_MAX = 256,
    NAME = 32, /* bytes of an unknown field's name that are shown */
};

__attribute__((format(printf, 2, 3))) static bool complain(struct tryst_policy_answer *answer,
                                                           const char *format, ...)
{
    va_list list;

    answer->failure = TRYST_POLICY_FAILURE_ANSWER;
    va_start(list, format);
    vsnprintf(answer->detail, sizeof answer->detail, format, list);
    va_end(list);
    return false;
}

/* The functions below read the value on top of the stack. false: it will not do. */

static bool read_allow(lua_State *lua, struct tryst_policy_answer *answer)
{
    if (!lua_isboolean(lua, -1))
        return complain(answer, "allow is no boolean but a %s",
                        lua_typename(lua, lua_type(lua, -1)));
    answer->is_allowed = (uint32_t)lua_toboolean(lua, -1);
    return true;
}

static bool read_reason(lua_State *lua, struct tryst_policy_answer *answer)
{
    size_t size;
    const char *text;

    if (lua_type(lua, -1) != LUA_TSTRING)
        return complain(answer, "the reason is no string but a %s",
                        lua_typename(lua, lua_type(lua, -1)));
    text = lua_tolstring(lua, -1, &size);
    tr_lua_words(answer->reason, sizeof answer->reason, text, size);
    return true;
}

/* 8.0, which is 16 / 2, is 8. */
static bool read_number(lua_State *lua, struct tryst_policy_answer *answer, const char *name,
                        lua_Integer most, uint32_t *number)
{
    int is_whole = 0;
    lua_Integer value = lua_tointegerx(lua, -1, &is_whole);

    if (lua_type(lua, -1) != LUA_TNUMBER)
        return complain(answer, "%s is no number but a %s", name,
                        lua_typename(lua, lua_type(lua, -1)));
    if (!is_whole || value < 1 || value > most)
        return complain(answer, "%s is no whole number from 1 to %lld", name, (long long)most);
    *number = (uint32_t)value;
    return true;
}

static bool read_max_participants(lua_State *lua, struct tryst_policy_answer *answer)
{
    return read_number(lua, answer, "max_participants", PARTICIPANTS_MAX,
                       &answer->max_participants);
}

static bool read_expires(lua_State *lua, struct tryst_policy_answer *answer)
{
    return read_number(lua, answer, "expires_s", INT32_MAX, &answer->expires_s);
}

static bool read_relay_kbps(lua_State *lua, struct tryst_policy_answer *answer)
{
    return read_number(lua, answer, "relay_kbps", TRYST_POLICY_RELAY_KBPS_MAX, &answer->relay_kbps);
}

static bool read_addresses(lua_State *lua, struct tryst_policy_answer *answer)
{
#define NUMBER(name, number, text) (number),
    static const uint32_t numbers[] = {TRYST_POLICY_ADDRESSES(NUMBER)};
#undef NUMBER
    const char *word = lua_type(lua, -1) == LUA_TSTRING ? lua_tostring(lua, -1) : "";

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (strcmp(word, tryst_policy_addresses_name(numbers[i])) == 0 &&
            strlen(word) == lua_rawlen(lua, -1)) {
            answer->addresses = numbers[i];
            return true;
        }
    return complain(answer, "addresses is none of 'all', 'same-public', 'relay-only'");
}

static bool read_data(lua_State *lua, struct tryst_policy_answer *answer)
{
    size_t size;
    const char *data;

    if (lua_type(lua, -1) != LUA_TSTRING)
        return complain(answer, "data is no string but a %s", lua_typename(lua, lua_type(lua, -1)));
    data = lua_tolstring(lua, -1, &size);
    if (size > sizeof answer->data)
        return complain(answer, "data has %zu bytes, more than %zu", size, sizeof answer->data);
    memcpy(answer->data, data, size);
    answer->data_size = (uint32_t)size;
    return true;
}

static const struct field {
    const char *name;
    bool (*read)(lua_State *lua, struct tryst_policy_answer *answer);
} fields[] = {{"allow", read_allow},
              {"reason", read_reason},
              {"addresses", read_addresses},
              {"max_participants", read_max_participants},
              {"data", read_data},
              {"expires_s", read_expires},
              {"relay_kbps", read_relay_kbps}};

/* name: the key below the value on top of the stack. */
static bool read_field(lua_State *lua, struct tryst_policy_answer *answer)
{
    char shown[NAME];
    size_t size;
    const char *name;

    if (lua_type(lua, -2) != LUA_TSTRING)
        return complain(answer, "a table with a %s as a key is no answer",
                        lua_typename(lua, lua_type(lua, -2)));
    name = lua_tolstring(lua, -2, &size);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (strlen(fields[i].name) == size && memcmp(fields[i].name, name, size) == 0)
            return fields[i].read(lua, answer);
    tr_lua_words(shown, sizeof shown, name, size);
    return complain(answer, "an answer has no '%s'", shown);
}

/* Ends at the first field that is wrong, so a table of thousands is no work. */
static void read_table(lua_State *lua, int table, struct tryst_policy_answer *answer)
{
    bool is_good = true;

    answer->is_allowed = 1;
    lua_pushnil(lua);
    while (is_good && lua_next(lua, table) != 0) {
        is_good = read_field(lua, answer);
        lua_pop(lua, 1);
    }
}

static void read_values(lua_State *lua, int first, struct tryst_policy_answer *answer)
{
    int type = lua_type(lua, first);

    if (!lua_isnil(lua, first + 2)) {
        complain(answer, "more than two values were returned");
    } else if (type == LUA_TBOOLEAN) {
        answer->is_allowed = (uint32_t)lua_toboolean(lua, first);
        lua_settop(lua, first + 1);
        if (!lua_isnil(lua, first + 1))
            read_reason(lua, answer);
    } else if (type == LUA_TTABLE && lua_isnil(lua, first + 1)) {
        read_table(lua, first, answer);
    } else if (type == LUA_TTABLE) {
        complain(answer, "a table and a %s were returned",
                 lua_typename(lua, lua_type(lua, first + 1)));
    } else {
        complain(answer, "a %s was returned: true, false or a table is expected",
                 lua_typename(lua, type));
    }
}

void tr_lua_answer_read(lua_State *lua, struct tryst_policy_answer *answer)
{
    int first = lua_gettop(lua) - TR_LUA_ANSWER_VALUES + 1;

    if (!lua_checkstack(lua, 4))
        complain(answer, "there is no memory left to read the answer");
    else
        read_values(lua, first, answer);
    if (answer->failure != 0 || answer->is_allowed)
        memset(answer->reason, 0, sizeof answer->reason);
    if (answer->failure != 0)
        answer->is_allowed = 0;
}
