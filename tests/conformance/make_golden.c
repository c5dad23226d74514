/* Prints golden.txt anew: after a change of the protocol that was meant, and never to quiet a test.
 * SPDX-License-Identifier: MIT */
#include "tests/conformance/golden_talk.h"

int main(void)
{
    char *text = golden_text();
    int result = fputs(text, stdout) < 0 || fflush(stdout) != 0;
    free(text);
    return result;
}
