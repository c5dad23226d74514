/* Words of a script, as others are shown them.
 * SPDX-License-Identifier: MIT */
#ifndef TR_LUA_WORDS_H
#define TR_LUA_WORDS_H

#include <stddef.h>

/* Copies text of size bytes into room bytes, with a NUL: what is no UTF-8 and what controls a terminal
 * become '?', and what has no room is cut at a character. Returns the bytes written without the NUL. */
size_t tr_lua_words(char *words, size_t room, const char *text, size_t size);

#endif
