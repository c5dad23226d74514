/* How Lua (5.1 to 5.4, LuaJIT) sees what tryst.i says: its own values, and `nil, message, code` for
 * what fails at run time; a wrong argument raises an error. SWIG's classes are hardened here, and
 * lua/prelude.lua makes of them the module that a script requires.
 * SPDX-License-Identifier: MIT */
%{
#include <tryst/tryst.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
%}
%insert("header") "lua_gate.h"
%insert("header") "insight_view.h"
%insert("header") "handles.h"
%insert("header") "insight_handles.h"
%insert("header") "request_view.h"
%insert("header") "lua_values.h"

/* SWIG_Lua_ConvertPtr believes any userdata (io.stdout!), any light userdata and nil. */
%typemap(in, checkfn="tr_lua_is_any") SWIGTYPE *
%{
    $1 = ($1_ltype)tr_lua_object(L, $input, $descriptor);
%}
%apply SWIGTYPE * { SWIGTYPE *self };
%typemap(in, checkfn="tr_lua_is_any") struct tryst_identity *identity
%{
    if (!lua_isnoneornil(L, $input))
        $1 = ($1_ltype)tr_lua_object(L, $input, $descriptor);
%}

/* Integers: SWIG's own typemaps go through lua_Number, lose bits and say 5.0. */
%define TR_LUA_INTEGER(type, low, high)
%typemap(in, checkfn="tr_lua_is_any") type
%{
    $1 = ($1_ltype)tr_lua_integer(L, $input, low, high);
%}
%enddef
TR_LUA_INTEGER(int32_t, -2147483648.0, 2147483647.0)
TR_LUA_INTEGER(uint32_t, 0, 4294967295.0)
TR_LUA_INTEGER(uint8_t, 0, 255)
TR_LUA_INTEGER(uint16_t, 0, 65535)
TR_LUA_INTEGER(uint64_t, 0, 9007199254740992.0)
%typemap(in, checkfn="tr_lua_is_any") bool
%{
    $1 = lua_toboolean(L, $input) != 0;
%}
%typemap(out) int32_t, uint32_t, uint16_t, uint8_t
%{
    lua_pushinteger(L, (lua_Integer)$1);
    SWIG_arg++;
%}

%typemap(in, checkfn="tr_lua_is_any") (const void *data, size_t size)
%{
    $1 = ($1_ltype)tr_lua_bytes(L, $input, &$2);
%}
%apply (const void *data, size_t size) { (const void *seed, size_t seed_size) };
%typemap(in, checkfn="tr_lua_is_any") const uint8_t key[ANY]
%{
    $1 = ($1_ltype)tr_lua_key(L, $input);
%}
%typemap(in, checkfn="tr_lua_is_any") const char *
%{
    $1 = ($1_ltype)tr_lua_text(L, $input, 0);
%}
%typemap(in, checkfn="tr_lua_is_any") const char *app, const char *path, const char *relay,
    const char *port_mapping, const char *spray
%{
    $1 = ($1_ltype)tr_lua_text(L, $input, 1);
%}
%typemap(in, checkfn="tr_lua_is_any") const tr_seconds *timeout (tr_seconds seconds)
%{
    seconds = tr_lua_seconds(L, $input);
    $1 = &seconds;
%}
%typemap(out) tr_seconds
%{
    if ($1 < 0)
        lua_pushnil(L);
    else
        lua_pushnumber(L, $1);
    SWIG_arg++;
%}
%typemap(out) tr_moment
%{
    if ($1 == TRYST_NEVER)
        lua_pushnil(L);
    else
        tr_lua_push_number(L, (double)$1);
    SWIG_arg++;
%}

%typemap(in, checkfn="tr_lua_is_any") const struct tryst_address * (struct tryst_address value)
%{
    tr_lua_address(L, $input, SWIGTYPE_p_tryst_address, &value);
    $1 = &value;
%}
%typemap(in, checkfn="tr_lua_is_any") const struct tryst_address *to (struct tryst_address value)
%{
    if (!lua_isnoneornil(L, $input)) {
        tr_lua_address(L, $input, SWIGTYPE_p_tryst_address, &value);
        $1 = &value;
    }
%}
%typemap(in, checkfn="tr_lua_is_any") (const struct tryst_address *addresses, size_t count)
    (struct tryst_address list[TR_LUA_ADDRESSES_MAX])
%{
    $1 = list;
    $2 = tr_lua_addresses(L, $input, SWIGTYPE_p_tryst_address, list);
%}

/* true, or nil and why. */
%typemap(out) tryst_result
%{
    if ($1 < 0) {
        SWIG_arg += tr_lua_push_failure(L, $1);
    } else {
        lua_pushboolean(L, 1);
        SWIG_arg++;
    }
%}
%typemap(out) tr_answer
%{
    if ($1 < 0) {
        SWIG_arg += tr_lua_push_failure(L, $1);
    } else {
        lua_pushboolean(L, $1 > 0);
        SWIG_arg++;
    }
%}
%typemap(out) tr_answer_number
%{
    if ($1 < 0) {
        SWIG_arg += tr_lua_push_failure(L, $1);
    } else {
        lua_pushinteger(L, (lua_Integer)$1);
        SWIG_arg++;
    }
%}
%typemap(in, numinputs=0) tryst_result *result (tryst_result failure = TRYST_OK)
%{
    $1 = &failure;
%}
%typemap(argout) tryst_result *result
%{
    if (*$1 < 0) {
        lua_pop(L, SWIG_arg);
        SWIG_arg = tr_lua_push_failure(L, *$1);
    }
%}

%typemap(out) struct tr_text
%{
    if ($1.length < 0) {
        SWIG_arg += tr_lua_push_failure(L, $1.length);
    } else {
        lua_pushlstring(L, $1.text, (size_t)$1.length);
        SWIG_arg++;
    }
%}
%typemap(out) struct tr_key_bytes
%{
    lua_pushlstring(L, (const char *)$1.bytes, sizeof($1.bytes));
    SWIG_arg++;
%}
%typemap(out) struct tr_bytes
%{
    lua_pushlstring(L, (const char *)($1.data != NULL ? $1.data : $1.own), $1.size);
    SWIG_arg++;
%}
%typemap(out) double
%{
    lua_pushnumber(L, (lua_Number)$1);
    SWIG_arg++;
%}
%typemap(out) struct tryst_address *tryst_address
%{
    tr_lua_take_address(L, $1, SWIGTYPE_p_tryst_address);
    SWIG_arg++;
%}
%typemap(out) struct tryst_address
%{
    tr_lua_push_address(L, &$1, SWIGTYPE_p_tryst_address);
    SWIG_arg++;
%}
%typemap(out) struct tr_address_value
%{
    tr_lua_push_address(L, &$1.value, SWIGTYPE_p_tryst_address);
    SWIG_arg++;
%}
%typemap(out) tr_reason
%{
    tr_lua_push_reason(L, $1);
    SWIG_arg++;
%}
%typemap(out) struct tr_participants
%{
    tr_lua_push_participants(L, $1.request);
    SWIG_arg++;
%}
%typemap(out) struct tr_counters
%{
    tr_lua_push_counters(L, $1.request);
    SWIG_arg++;
%}
%typemap(out) struct tr_address_list
%{
    if ($1.count < 0) {
        SWIG_arg += tr_lua_push_failure(L, $1.count);
    } else {
        tr_lua_push_addresses(L, &$1, SWIGTYPE_p_tryst_address);
        SWIG_arg++;
    }
%}

%typemap(out) struct tr_path_list
%{
    if ($1.count < 0) {
        SWIG_arg += tr_lua_push_failure(L, $1.count);
    } else {
        tr_lua_push_paths(L, &$1, SWIGTYPE_p_tryst_address);
        SWIG_arg++;
    }
%}

/* What a call writes becomes its result; nil where it wrote nothing, and why where it failed. */
%define TR_LUA_RESULT(type, push)
%typemap(in, numinputs=0) struct type *OUTPUT (struct type written)
%{
    $1 = &written;
%}
%typemap(argout) struct type *OUTPUT
%{
    if (result >= 0) {
        lua_pop(L, 1);
        push;
    }
%}
%enddef
TR_LUA_RESULT(tryst_event, tr_lua_push_event(L, result, $1, SWIGTYPE_p_tryst_address))
TR_LUA_RESULT(tryst_datagram, tr_lua_push_datagram(L, result, $1, SWIGTYPE_p_tryst_address))
TR_LUA_RESULT(tryst_stats, tr_lua_push_stats(L, $1))
TR_LUA_RESULT(tryst_why, tr_lua_push_view(L, tr_view_why, $1, SWIGTYPE_p_tryst_address))
TR_LUA_RESULT(tryst_survey, tr_lua_push_view(L, tr_view_survey, $1, SWIGTYPE_p_tryst_address))
TR_LUA_RESULT(tryst_portmap, tr_lua_push_view(L, tr_view_portmap, $1, SWIGTYPE_p_tryst_address))
TR_LUA_RESULT(tr_key_bytes, lua_pushlstring(L, (const char *)$1->bytes, TRYST_KEY_SIZE))
%apply struct tryst_event *OUTPUT { struct tryst_event *event };
%apply struct tryst_datagram *OUTPUT { struct tryst_datagram *datagram };
%apply struct tryst_stats *OUTPUT { struct tryst_stats *stats };
%apply struct tryst_why *OUTPUT { struct tryst_why *why };
%apply struct tryst_survey *OUTPUT { struct tryst_survey *survey };
%apply struct tryst_portmap *OUTPUT { struct tryst_portmap *portmap };
%apply struct tr_key_bytes *OUTPUT { struct tr_key_bytes *public_key };

%native(clock) int tr_lua_clock(lua_State *L);
