/* Finding and loading a policy plug-in.
 * SPDX-License-Identifier: MIT */
#include "server/plugin.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((format(printf, 2, 3))) static void complain(char error[TR_PLUGIN_ERROR],
                                                           const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(error, TR_PLUGIN_ERROR, format, list);
    va_end(list);
}

/* A name with a slash, as dlopen looks for others in the system's folders. */
static bool find(const char *folder, const char *script, char path[PATH_MAX],
                 char error[TR_PLUGIN_ERROR])
{
    const char *suffix = strrchr(script, '.');
    const char *name = NULL;

    if (suffix != NULL && strcmp(suffix, ".lua") == 0)
        name = "policy-lua.so";
    else if (suffix != NULL && strcmp(suffix, ".py") == 0)
        name = "policy-python.so";
    if (name != NULL) {
        snprintf(path, PATH_MAX, "%s/%s", folder, name);
        return true;
    }
    if (suffix == NULL || strcmp(suffix, ".so") != 0) {
        complain(error, "%s: rules end in .lua, .py or .so", script);
        return false;
    }
    if (realpath(script, path) != NULL)
        return true;
    complain(error, "%s: there is no such file", script);
    return false;
}

static bool is_usable(const struct tryst_policy_plugin *plugin)
{
    return plugin != NULL && plugin->abi == TRYST_POLICY_ABI &&
           plugin->struct_size >= sizeof *plugin && plugin->name != NULL && plugin->open != NULL &&
           plugin->hooks != NULL && plugin->submit != NULL && plugin->close != NULL;
}

const struct tryst_policy_plugin *tr_plugin_load(const char *folder, const char *script,
                                                 char error[TR_PLUGIN_ERROR])
{
    char path[PATH_MAX];
    void *library;
    tryst_policy_plugin_function function;
    const struct tryst_policy_plugin *plugin;

    if (!find(folder, script, path, error))
        return NULL;
    /* Local: two Luas in one process break each other if their symbols are for all. */
    library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        complain(error, "the plug-in for %s cannot be loaded: %s", script, dlerror());
        return NULL;
    }
    *(void **)&function = dlsym(library, TRYST_POLICY_SYMBOL);
    if (function == NULL) {
        complain(error, "%s exports no %s", path, TRYST_POLICY_SYMBOL);
        return NULL;
    }
    plugin = function();
    if (is_usable(plugin))
        return plugin;
    complain(error, "%s is a plug-in of another version of trystd", path);
    return NULL;
}
