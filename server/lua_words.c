/* Words of a script, made fit for a log and for a player's screen.
 * SPDX-License-Identifier: MIT */
#include "server/lua_words.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The bytes of the character that text begins with; 0: it is none. RFC 3629, section 4. */
static size_t character(const uint8_t *text, size_t size)
{
    static const struct {
        uint8_t first_low, first_high, second_low, second_high;
        size_t bytes;
    } rows[] = {
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
    size_t row = 0;

    while (row < sizeof rows / sizeof rows[0] &&
           (text[0] < rows[row].first_low || text[0] > rows[row].first_high))
        row++;
    if (row == sizeof rows / sizeof rows[0] || rows[row].bytes > size)
        return 0;
    for (size_t i = 1; i < rows[row].bytes; i++) {
        uint8_t low = i == 1 ? rows[row].second_low : 0x80;
        uint8_t high = i == 1 ? rows[row].second_high : 0xbf;

        if (text[i] < low || text[i] > high)
            return 0;
    }
    return rows[row].bytes;
}

/* C0, DEL, and C1, whose characters are two bytes each. */
static bool is_control(const uint8_t *text, size_t bytes)
{
    return (bytes == 1 && (text[0] < 0x20 || text[0] == 0x7f)) ||
           (bytes == 2 && text[0] == 0xc2 && text[1] < 0xa0);
}

size_t tr_lua_words(char *words, size_t room, const char *text, size_t size)
{
    size_t used = 0;

    for (size_t at = 0; at < size;) {
        const uint8_t *next = (const uint8_t *)text + at;
        size_t bytes = character(next, size - at);
        bool is_shown = bytes > 0 && !is_control(next, bytes);
        size_t wanted = is_shown ? bytes : 1;

        if (used + wanted >= room)
            break;
        memcpy(words + used, is_shown ? (const char *)next : "?", wanted);
        used += wanted;
        at += bytes > 0 ? bytes : 1;
    }
    words[used] = '\0';
    return used;
}
