/* Functions that give the words of a public table, X(name, number, text).
 * SPDX-License-Identifier: MIT */
#ifndef TR_WORDS_H
#define TR_WORDS_H

#define TR_WORD_CASE(name, number, text)                                                           \
    case number:                                                                                   \
        return text;
#define TR_WORD_FUNCTION(function, ROWS)                                                           \
    const char *function(uint32_t number)                                                          \
    {                                                                                              \
        switch (number) {                                                                          \
            ROWS(TR_WORD_CASE)                                                                     \
        default:                                                                                   \
            return "unknown";                                                                      \
        }                                                                                          \
    }

#endif
