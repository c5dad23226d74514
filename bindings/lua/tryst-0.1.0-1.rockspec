-- The rock: one module with all of libtryst inside, for who has no libtryst. It is built from a release's
-- tarball, which has the wrapper that SWIG made: `luarocks make` at its top, or `luarocks build` of this
-- file with the tarball beside it.
-- SPDX-License-Identifier: MIT

-- Not the type "builtin": that one takes no flags of the compiler, so that all of libtryst would show in
-- the module, and the calls inside would go to whatever other libtryst is in the process.
local function command(flags)
    return "$(CC) $(CFLAGS) -std=c11 -fvisibility=hidden -D_GNU_SOURCE -DTRYST_STATIC -DTR_WITH_TLS "
        .. flags
        .. " -I. -Iinclude -I$(LUA_INCDIR) -I$(SODIUM_INCDIR) -I$(UV_INCDIR)"
        .. " -I$(OPENSSL_INCDIR) -I$(WSLAY_INCDIR)"
        .. " bindings/generated/tryst_lua_wrap.c lib/*/*.c"
        .. " $(LIBFLAG) -o tryst.so -L$(SODIUM_LIBDIR) -L$(UV_LIBDIR) -L$(OPENSSL_LIBDIR)"
        .. " -L$(WSLAY_LIBDIR) -lsodium -luv -lssl -lcrypto -lwslay -lpthread"
end

rockspec_format = "3.0"
package = "tryst"
version = "0.1.0-1"
source = {
    url = "tryst-0.1.0.tar.gz",
    dir = "tryst-0.1.0",
}
description = {
    summary = "Lets games connect players directly",
    detailed = "Through home routers, carrier NATs and firewalls: a client for games, and a core without sockets"
        .. " for engines that own theirs.",
    license = "MIT",
}
dependencies = { "lua >= 5.1, < 5.5" }
external_dependencies = {
    SODIUM = { header = "sodium.h", library = "sodium" },
    UV = { header = "uv.h", library = "uv" },
    OPENSSL = { header = "openssl/ssl.h", library = "ssl" },
    WSLAY = { header = "wslay/wslay.h", library = "wslay" },
}
build = {
    type = "command",
    build_command = command(""),
    install = { lib = { tryst = "tryst.so" } },
    platforms = {
        linux = { build_command = command("-DHAVE_RECVMMSG -DHAVE_SENDMMSG -Wl,--exclude-libs,ALL") },
    },
}
