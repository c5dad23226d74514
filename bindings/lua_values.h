/* Lua values from and to the library's: bytes, text, addresses, events, datagrams, counters, and
 * failures as nil, message, code. Written into the generated wrapper.
 *
 * A wrong argument raises an error from here, by a jump: nothing that is to be freed is held then.
 * SPDX-License-Identifier: MIT */
#ifndef TR_LUA_VALUES_H
#define TR_LUA_VALUES_H

enum { TR_LUA_ADDRESSES_MAX = 64 };

/* nil, message, code: what failed at run time. */
static int tr_lua_push_failure(lua_State *L, tryst_result code)
{
    int error = errno;
    lua_pushnil(L);
    if ((code == TRYST_E_NETWORK || code == TRYST_E_FILE) && error != 0)
        lua_pushfstring(L, "%s: %s", tryst_result_text(code), strerror(error));
    else
        lua_pushstring(L, tryst_result_text(code));
    lua_pushinteger(L, code);
    return 3;
}

/* A number without a fraction: an integer where Lua has them. */
static void tr_lua_push_number(lua_State *L, double number)
{
#if LUA_VERSION_NUM >= 503
    lua_pushinteger(L, (lua_Integer)number);
#else
    lua_pushnumber(L, number);
#endif
}

/* --- In --------------------------------------------------------------------------------------- */

/* For SWIG, which asks before: the functions below say in their own words what is wrong. */
static int tr_lua_is_any(lua_State *L, int at)
{
    (void)L;
    (void)at;
    return 1;
}

static double tr_lua_integer(lua_State *L, int at, double low, double high)
{
    double number;
    if (lua_type(L, at) != LUA_TNUMBER)
        luaL_argerror(L, at, "a number is expected");
    number = lua_tonumber(L, at);
    if (number != floor(number))
        luaL_argerror(L, at, "a number without a fraction is expected");
    if (!(number >= low && number <= high))
        luaL_argerror(L, at, "the number is out of range");
    return number;
}

/* nil is no bytes. A number is no string here: what was meant is not known. */
static const void *tr_lua_bytes(lua_State *L, int at, size_t *size)
{
    *size = 0;
    if (lua_isnoneornil(L, at))
        return NULL;
    if (lua_type(L, at) != LUA_TSTRING)
        luaL_argerror(L, at, "a string is expected");
    return lua_tolstring(L, at, size);
}

static const void *tr_lua_key(lua_State *L, int at)
{
    size_t size;
    const void *key = tr_lua_bytes(L, at, &size);
    if (key == NULL || size != TRYST_KEY_SIZE)
        luaL_argerror(L, at, "a key of 32 bytes is expected");
    return key;
}

/* Text without NUL: what C would cut short is refused. */
static const char *tr_lua_text(lua_State *L, int at, int is_optional)
{
    size_t size;
    const char *text = (const char *)tr_lua_bytes(L, at, &size);
    if (text == NULL && !is_optional)
        luaL_argerror(L, at, "a string is expected");
    if (text != NULL && strlen(text) != size)
        luaL_argerror(L, at, "the string has a NUL in it");
    return text;
}

/* nil and infinity are no limit. */
static tr_seconds tr_lua_seconds(lua_State *L, int at)
{
    double seconds;
    if (lua_isnoneornil(L, at))
        return -1.0;
    if (lua_type(L, at) != LUA_TNUMBER)
        luaL_argerror(L, at, "a number of seconds, or nil, is expected");
    seconds = lua_tonumber(L, at);
    if (!(seconds >= 0))
        luaL_argerror(L, at, "seconds from 0 on are expected");
    return seconds > 1e9 ? -1.0 : seconds;
}

/* SWIG's own words are "Error in tr_client_handle::poll expected 1..1 args, got 0". */
static void tr_lua_check_count(lua_State *L, const char *function, int least, int most)
{
    int count = lua_gettop(L);
    if (count > most)
        luaL_argerror(L, most + 1, "there is no such argument");
    if (count == 0 && least > 0 && strstr(function, "::") != NULL)
        luaL_argerror(L, 1, "the object is missing: object:method() has it, object.method() not");
    if (count < least)
        luaL_argerror(L, count + 1, "a value is expected");
}

#undef SWIG_check_num_args
#define SWIG_check_num_args(function, least, most) tr_lua_check_count(L, function, least, most);

/* What Lua holds of an object of a class; NULL for anything else. Its metatable carries the class as a
 * brand, which no other userdata has. Where debug.setmetatable has put that table onto something
 * else, size and type tell. */
static swig_lua_userdata *tr_lua_find(lua_State *L, int at, const swig_type_info *type)
{
    swig_lua_userdata *found = (swig_lua_userdata *)lua_touserdata(L, at);
    int is_branded;
    if (lua_type(L, at) != LUA_TUSERDATA || !lua_getmetatable(L, at))
        return NULL;
    lua_pushlightuserdata(L, type->clientdata);
    lua_rawget(L, -2);
    is_branded = lua_toboolean(L, -1);
    lua_pop(L, 2);
    return is_branded && lua_rawlen(L, at) >= sizeof(*found) && found->type == type ? found : NULL;
}

/* The object itself; its pointer is cleared when it is collected. */
static void *tr_lua_find_object(lua_State *L, int at, const swig_type_info *type)
{
    swig_lua_userdata *found = tr_lua_find(L, at, type);
    return found != NULL ? found->ptr : NULL;
}

static void *tr_lua_object(lua_State *L, int at, const swig_type_info *type)
{
    void *object = tr_lua_find_object(L, at, type);
    const swig_lua_class *class_ = (const swig_lua_class *)type->clientdata;
    if (object == NULL)
        luaL_argerror(
            L, at, lua_pushfstring(L, "%s expected, got %s", class_->name, luaL_typename(L, at)));
    return object;
}

/* An Address, or its text; a member of a list is told of as the argument that the list is. */
static void tr_lua_member(lua_State *L, int at, int argument, const swig_type_info *type,
                          struct tryst_address *address)
{
    const struct tryst_address *found =
        (const struct tryst_address *)tr_lua_find_object(L, at, type);
    if (found != NULL) {
        *address = *found;
        return;
    }
    if (lua_type(L, at) != LUA_TSTRING)
        luaL_argerror(L, argument, "an Address or its text is expected");
    if (strlen(lua_tostring(L, at)) != lua_rawlen(L, at) ||
        tryst_address_parse(address, lua_tostring(L, at)) != TRYST_OK)
        luaL_argerror(L, argument, "an address is expected, as '1.2.3.4:5' or '[::1]:5'");
}

static void tr_lua_address(lua_State *L, int at, const swig_type_info *type,
                           struct tryst_address *address)
{
    tr_lua_member(L, at, at, type, address);
}

static size_t tr_lua_addresses(lua_State *L, int at, const swig_type_info *type,
                               struct tryst_address *list)
{
    size_t count = 0;
    if (!lua_istable(L, at))
        luaL_argerror(L, at, "a table of addresses is expected");
    for (;; count++) {
        lua_rawgeti(L, at, (int)count + 1);
        if (lua_isnil(L, -1))
            break;
        if (count == TR_LUA_ADDRESSES_MAX)
            luaL_argerror(L, at, "too many addresses");
        tr_lua_member(L, lua_gettop(L), at, type, &list[count]);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return count;
}

/* --- Out -------------------------------------------------------------------------------------- */

/* nil for none. The object has the value in it, behind what SWIG looks at, so that there is nothing to
 * free: a finalizer fails where it is called too deep in C, and what it should have freed is lost. */
static void tr_lua_push_address(lua_State *L, const struct tryst_address *address,
                                swig_type_info *type)
{
    swig_lua_userdata *object;
    if (address->family == 0) {
        lua_pushnil(L);
        return;
    }
    object = (swig_lua_userdata *)lua_newuserdata(L, sizeof(*object) + sizeof(*address));
    object->ptr = object + 1;
    object->type = type;
    object->own = 0;
    memcpy(object->ptr, address, sizeof(*address));
    SWIG_Lua_AddMetatable(L, type);
}

/* The same for one on the heap, which is freed; NULL is none. */
static void tr_lua_take_address(lua_State *L, struct tryst_address *address, swig_type_info *type)
{
    struct tryst_address value = {0, 0, 0, 0, {0}};
    if (address != NULL)
        value = *address;
    free(address);
    tr_lua_push_address(L, &value, type);
}

static void tr_lua_push_addresses(lua_State *L, const struct tr_address_list *addresses,
                                  swig_type_info *type)
{
    int count = addresses->count < TRYST_LOCAL_MAX ? addresses->count : TRYST_LOCAL_MAX;
    lua_createtable(L, count, 0);
    for (int i = 0; i < count; i++) {
        tr_lua_push_address(L, &addresses->list[i], type);
        lua_rawseti(L, -2, i + 1);
    }
}

/* The name of a reason as scripts compare it: SESSION_FULL is "session-full". */
static void tr_lua_push_reason(lua_State *L, uint32_t reason)
{
#define TR_LUA_REASON(name, number, text) {number, #name},
    static const struct {
        uint32_t number;
        const char *name;
    } reasons[] = {TRYST_REASONS(TR_LUA_REASON)};
#undef TR_LUA_REASON
    char word[64] = "unknown";
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].number != reason)
            continue;
        size_t at = 0;
        for (const char *c = reasons[i].name; *c != 0 && at < sizeof(word) - 1; c++)
            word[at++] = *c == '_' ? '-' : (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
        word[at] = 0;
    }
    lua_pushstring(L, word);
}

static void tr_lua_set_text(lua_State *L, const char *field, const char *text)
{
    lua_pushstring(L, text);
    lua_setfield(L, -2, field);
}

static void tr_lua_set_integer(lua_State *L, const char *field, uint32_t number)
{
    tr_lua_push_number(L, (double)number);
    lua_setfield(L, -2, field);
}

static void tr_lua_set_rare(lua_State *L, const struct tryst_event *event, swig_type_info *type)
{
    static const uint8_t no_key[sizeof(event->key)] = {0};
    if (event->path != 0)
        tr_lua_set_text(L, "path", tryst_path_name(event->path));
    if (event->kind != 0)
        tr_lua_set_text(L, "kind", tryst_kind_name(event->kind));
    if (event->stage != 0)
        tr_lua_set_text(L, "stage", tryst_stage_name(event->stage));
    if (event->reason != 0) {
        tr_lua_push_reason(L, event->reason);
        lua_setfield(L, -2, "reason");
        tr_lua_set_text(L, "reason_text", tryst_reason_text(event->reason));
    }
    if (event->rtt_us != 0)
        tr_lua_set_integer(L, "rtt_us", event->rtt_us);
    if (event->type == TRYST_EVENT_REFUSED)
        tr_lua_set_integer(L, "retry_ms", event->retry_ms);
    tr_lua_push_address(L, &event->address, type);
    lua_setfield(L, -2, "address");
    tr_lua_push_address(L, &event->local, type);
    lua_setfield(L, -2, "local_address");
    if (memcmp(event->key, no_key, sizeof(no_key)) != 0) {
        lua_pushlstring(L, (const char *)event->key, sizeof(event->key));
        lua_setfield(L, -2, "key");
    }
    if (event->text[0] != 0)
        tr_lua_set_text(L, "text", event->text);
}

/* A table with the fields that the event's type names; data is always a string. */
static void tr_lua_push_event(lua_State *L, tryst_result result, const struct tryst_event *event,
                              swig_type_info *type)
{
    if (result == 0) {
        lua_pushnil(L);
        return;
    }
    lua_createtable(L, 0, event->type == TRYST_EVENT_MESSAGE ? 3 : 10);
    tr_lua_set_text(L, "type", tryst_event_name(event->type));
    if (event->peer != 0)
        tr_lua_set_integer(L, "peer", event->peer);
    lua_pushlstring(L, event->data != NULL ? (const char *)event->data : "", event->size);
    lua_setfield(L, -2, "data");
    if (event->type != TRYST_EVENT_MESSAGE)
        tr_lua_set_rare(L, event, type);
}

static void tr_lua_push_datagram(lua_State *L, tryst_result result,
                                 const struct tryst_datagram *datagram, swig_type_info *type)
{
    if (result == 0) {
        lua_pushnil(L);
        return;
    }
    lua_createtable(L, 0, 4);
    lua_pushlstring(L, (const char *)datagram->data, datagram->size);
    lua_setfield(L, -2, "data");
    tr_lua_push_address(L, &datagram->to, type);
    lua_setfield(L, -2, "to");
    tr_lua_push_address(L, &datagram->from, type);
    lua_setfield(L, -2, "source");
    tr_lua_set_integer(L, "ttl", datagram->ttl);
}

static void tr_lua_push_stats(lua_State *L, const struct tryst_stats *stats)
{
    lua_createtable(L, 0, 19);
#define TR_LUA_STATS_SET(name)                                                                     \
    tr_lua_push_number(L, (double)stats->name);                                                    \
    lua_setfield(L, -2, #name);
    TR_STATS(TR_LUA_STATS_SET)
#undef TR_LUA_STATS_SET
}

/* One field of a table; nothing stands for none. */
static void tr_lua_push_view_field(lua_State *L, const struct tr_view_field *field,
                                   const void *value, swig_type_info *type);

/* A struct as a table, by its fields. */
static void tr_lua_push_view(lua_State *L, const struct tr_view_field *fields, const void *value,
                             swig_type_info *type)
{
    lua_createtable(L, 0, 24);
    for (; fields->name != NULL; fields++) {
        tr_lua_push_view_field(L, fields, value, type);
        lua_setfield(L, -2, fields->name);
    }
}

static void tr_lua_push_candidates(lua_State *L, const struct tryst_why *why, swig_type_info *type)
{
    lua_createtable(L, (int)why->candidate_count, 0);
    for (uint32_t i = 0; i < why->candidate_count && i < TRYST_CANDIDATES_MAX; i++) {
        tr_lua_push_view(L, tr_view_candidate, &why->candidates[i], type);
        lua_rawseti(L, -2, (int)i + 1);
    }
}

static void tr_lua_push_view_field(lua_State *L, const struct tr_view_field *field,
                                   const void *value, swig_type_info *type)
{
    const char *at = (const char *)value + field->offset;
    uint32_t number = field->kind < TR_VIEW_ADDRESS ? (uint32_t)tr_view_number(field, value) : 0;
    int32_t with_sign;
    switch (field->kind) {
    case TR_VIEW_SIGNED:
        memcpy(&with_sign, at, sizeof(with_sign));
        tr_lua_push_number(L, (double)with_sign);
        break;
    case TR_VIEW_FLAG:
        lua_pushboolean(L, number != 0);
        break;
    case TR_VIEW_WORD:
    case TR_VIEW_OUTLOOK:
        lua_pushstring(L, tr_view_word(field, value));
        break;
    case TR_VIEW_PATH:
        lua_pushstring(L, tryst_path_name(number));
        break;
    case TR_VIEW_KIND:
        lua_pushstring(L, tryst_kind_name(number));
        break;
    case TR_VIEW_REASON:
        if (number == 0)
            lua_pushnil(L);
        else
            tr_lua_push_reason(L, number);
        break;
    case TR_VIEW_ADDRESS:
        tr_lua_push_address(L, (const struct tryst_address *)(const void *)at, type);
        break;
    case TR_VIEW_TEXT:
        lua_pushstring(L, at);
        break;
    case TR_VIEW_SIDE:
        tr_lua_push_view(L, tr_view_side, at, type);
        break;
    case TR_VIEW_CANDIDATES:
        tr_lua_push_candidates(L, (const struct tryst_why *)value, type);
        break;
    default:
        tr_lua_push_number(L, (double)tr_view_number(field, value));
    }
}

static void tr_lua_push_paths(lua_State *L, const struct tr_path_list *paths, swig_type_info *type)
{
    lua_createtable(L, (int)paths->count, 0);
    for (tryst_result i = 0; i < paths->count; i++) {
        tr_lua_push_view(L, tr_view_path_stats, &paths->list[i], type);
        lua_rawseti(L, -2, (int)i + 1);
    }
}

static void tr_lua_push_participants(lua_State *L, const struct tryst_policy_request *request)
{
    uint32_t count = tryst_policy_request_participants(request);
    lua_createtable(L, (int)count, 0);
    for (uint32_t i = 0; i < count; i++) {
        lua_createtable(L, 0, 2);
        lua_pushlstring(L, (const char *)tryst_policy_request_participant_key(request, i),
                        TRYST_KEY_SIZE);
        lua_setfield(L, -2, "key");
        lua_pushnumber(L, (lua_Number)tryst_policy_request_participant_ms(request, i) / 1000.0);
        lua_setfield(L, -2, "present_s");
        lua_rawseti(L, -2, (int)i + 1);
    }
}

static void tr_lua_push_counters(lua_State *L, const struct tryst_policy_request *request)
{
    uint32_t count = tryst_policy_request_counters(request);
    lua_createtable(L, 0, (int)count);
    for (uint32_t i = 0; i < count; i++) {
        tr_lua_push_number(L, (double)tryst_policy_request_counter_value(request, i));
        lua_setfield(L, -2, tryst_policy_request_counter_name(request, i));
    }
}

/* Monotonic seconds: Lua itself has only whole ones, or the processor's. */
static int tr_lua_clock(lua_State *L)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    lua_pushnumber(L, (lua_Number)now.tv_sec + (lua_Number)now.tv_nsec / 1e9);
    return 1;
}

#endif
