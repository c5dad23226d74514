/* Reading and compiling a rules script.
 * SPDX-License-Identifier: MIT */
#include "server/lua_script.h"

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void read_all(struct tr_lua_script *script, int descriptor, size_t size)
{
    script->text = malloc(size + 1);
    while (script->text != NULL && script->size < size) {
        ssize_t count = read(descriptor, script->text + script->size, size - script->size);

        if (count <= 0)
            return;
        script->size += (size_t)count;
    }
}

bool tr_lua_script_read(struct tr_lua_script *script, const char *path, size_t max, char *error,
                        size_t error_size)
{
    int descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct stat status;

    *script = (struct tr_lua_script){NULL, 0};
    if (descriptor < 0 || fstat(descriptor, &status) != 0) {
        snprintf(error, error_size, "%s: %s", path, strerror(errno));
    } else if (!S_ISREG(status.st_mode)) { /* of a pipe nobody knows when it ends */
        snprintf(error, error_size, "%s: this is no file", path);
    } else if ((size_t)status.st_size > max) {
        snprintf(error, error_size, "%s: it has more than %zu bytes", path, max);
    } else {
        read_all(script, descriptor, (size_t)status.st_size);
        if (script->text == NULL)
            snprintf(error, error_size, "%s: no memory to read it", path);
    }
    if (descriptor >= 0)
        close(descriptor);
    return script->text != NULL;
}

void tr_lua_script_clear(struct tr_lua_script *script)
{
    free(script->text);
    *script = (struct tr_lua_script){NULL, 0};
}

/* Without what an editor may put before it, and with a first line for the shell as a comment. */
static const char *first_line(const struct tr_lua_script *script, size_t *size)
{
    static const char mark[] = "\xef\xbb\xbf";
    size_t skipped = script->size >= 3 && memcmp(script->text, mark, 3) == 0 ? 3 : 0;
    char *text = script->text + skipped;

    *size = script->size - skipped;
    if (*size > 1 && memcmp(text, "#!", 2) == 0)
        memcpy(text, "--", 2);
    return text;
}

void tr_lua_script_push(lua_State *lua, const struct tr_lua_script *script, const char *path)
{
    const char *name = lua_pushfstring(lua, "@%s", path);
    size_t size;
    const char *text = first_line(script, &size);

    /* Text only: bytecode that no compiler made breaks the machine. */
    if (luaL_loadbufferx(lua, text, size, name, "t") != LUA_OK)
        lua_error(lua);
}
