/* The version and the words of results.
 * SPDX-License-Identifier: MIT */
#include <tryst/base.h>

#define TEXT_OF(x) #x
#define VERSION(major, minor, patch) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)

const char *tryst_version(void)
{
    return VERSION(TRYST_VERSION_MAJOR, TRYST_VERSION_MINOR, TRYST_VERSION_PATCH);
}

const char *tryst_result_name(tryst_result result)
{
    switch (result) {
#define NAME_ROW(name, number, text)                                                               \
    case number:                                                                                   \
        return #name;
        TRYST_RESULTS(NAME_ROW)
#undef NAME_ROW
    default:
        return "UNKNOWN";
    }
}

const char *tryst_result_text(tryst_result result)
{
    if (result > 0)
        result = TRYST_OK;
    switch (result) {
#define TEXT_ROW(name, number, text)                                                               \
    case number:                                                                                   \
        return text;
        TRYST_RESULTS(TEXT_ROW)
#undef TEXT_ROW
    default:
        return "unknown result";
    }
}
