/* Settings start at their defaults, which are zero.
 * SPDX-License-Identifier: MIT */
#include <string.h>
#include <tryst/options.h>

tryst_result tryst_options_init(struct tryst_options *options)
{
    if (options == NULL)
        return TRYST_E_ARGUMENT;
    memset(options, 0, sizeof *options);
    options->struct_size = sizeof *options;
    return TRYST_OK;
}
