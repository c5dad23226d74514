/* What a hook returned, as an answer.
 * SPDX-License-Identifier: MIT */
#ifndef TR_LUA_ANSWER_H
#define TR_LUA_ANSWER_H

#include <lua.h>
#include <tryst/policy.h>

enum { TR_LUA_ANSWER_VALUES = 3 }; /* that a hook is asked for: one more than it may return */

/* Reads the values on top of the stack. What is no answer becomes TRYST_POLICY_FAILURE_ANSWER, and detail
 * says why. Calls nothing of the script's, and raises no error. answer is all zero before, but for its
 * size. */
void tr_lua_answer_read(lua_State *lua, struct tryst_policy_answer *answer);

#endif
