#!/usr/bin/env python3
"""Builds lua_threads.c with the wrapper compiled in, as an engine would, and runs it: once plainly, once
under ThreadSanitizer where the compiler has it.

SPDX-License-Identifier: MIT
"""
import os
import shlex
import subprocess
import sys
import tempfile

import around

WRAPPER = around.SOURCE / "bindings" / "generated" / "tryst_lua_wrap.c"
PATIENCE_S = 240


def build(program, flags):
    """Whether the program could be built; what the compiler said if not."""
    lua = subprocess.run(["pkg-config", "--cflags", "--libs", "lua5.4"], capture_output=True,
                         text=True, check=True)
    done = subprocess.run(
        [*shlex.split(os.environ.get("CC") or "gcc"), "-std=c11", "-D_GNU_SOURCE", "-g", "-O1", *flags,
         f"-I{around.SOURCE / 'include'}", str(around.HERE / "lua_threads.c"), str(WRAPPER), "-o", program,
         *shlex.split(lua.stdout), f"-L{around.BUILD / '.libs'}", f"-Wl,-rpath,{around.BUILD / '.libs'}",
         "-ltryst", "-lpthread", "-lm"], capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stderr


# libuv opens descriptors by libc, which ThreadSanitizer sees, and closes them by a bare system call, which it
# does not: the next to be given that number seems to race.
SUPPRESSIONS = "called_from_lib:libuv.so\n"


def run(program, name):
    """Whether it ran well."""
    rules = program + ".rules"
    with open(rules, "w", encoding="ascii") as file:
        file.write(SUPPRESSIONS)
    with around.server() as pin:
        done = subprocess.run([program, pin], capture_output=True, text=True, timeout=PATIENCE_S,
                              env={**os.environ, "TSAN_OPTIONS": f"halt_on_error=1:exitcode=66:suppressions={rules}"}, check=False)
    print(f"{name}: {done.stdout.strip() or 'failed'}")
    if done.returncode != 0:
        print(done.stderr[-6000:])
    return done.returncode == 0


def main():
    around.need_server()
    if not WRAPPER.exists() or subprocess.run(["pkg-config", "--exists", "lua5.4"],
                                              check=False).returncode != 0:
        around.skip("no wrapper, or no Lua 5.4 to link with")
    flags = ["-fsanitize=address,undefined"] if around.is_sanitized() else []
    kinds = [("plain", flags)] if flags else [("plain", []), ("threads watched", ["-fsanitize=thread"])]
    good = True
    with tempfile.TemporaryDirectory() as folder:
        for name, extra in kinds:
            program = os.path.join(folder, name.split()[0])
            is_built, complaint = build(program, extra)
            if not is_built and "-fsanitize=thread" in extra and "tsan" in complaint:
                print(f"{name}: left out, the compiler has no ThreadSanitizer here")
                continue
            if not is_built:
                print(complaint)
                sys.exit(1)
            good = run(program, name) and good
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
