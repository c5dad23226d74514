#!/usr/bin/env python3
"""One story told in C, Python and every Lua against a real server: all print the lines of story.txt.

SPDX-License-Identifier: MIT
"""
import os
import shlex
import subprocess
import sys
import tempfile

import around


def build(folder):
    """The story in C, built against the library as a game would."""
    program = os.path.join(folder, "story")
    flags = ["-fsanitize=address,undefined"] if around.is_sanitized() else []
    subprocess.run([*shlex.split(os.environ.get("CC") or "gcc"), "-std=c11", "-Wall", "-Wextra", "-Werror", *flags,
                    f"-I{around.SOURCE / 'include'}", str(around.HERE / "story.c"), "-o", program,
                    f"-L{around.BUILD / '.libs'}", f"-Wl,-rpath,{around.BUILD / '.libs'}", "-ltryst"], check=True)
    return program


def tellers(folder):
    """(name, command, environment) of everybody who tells it."""
    quiet = {"ASAN_OPTIONS": "detect_leaks=0"} if around.is_sanitized() else {}
    yield "C", [build(folder)], {**os.environ, **quiet}
    if (around.STAGE / "tryst" / "_core.so").exists():
        yield "Python", [around.PYTHON, str(around.HERE / "story.py")], around.python_environment()
    for interpreter, abi in around.luas():
        environment = around.lua_environment(abi)
        probe = subprocess.run([interpreter, "-e", "print(1)"], env=environment, capture_output=True, check=False)
        if probe.stdout == b"1\n":  # LuaJIT does not live under every sanitizer
            yield interpreter, [interpreter, str(around.HERE / "story.lua")], environment


def main():
    around.need_server()
    expected = (around.HERE / "story.txt").read_text()
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, command, environment in tellers(folder):
            with around.server() as pin:
                done = subprocess.run([*command, pin], env=environment, capture_output=True, text=True,
                                      timeout=60, check=False)
            good = done.returncode == 0 and done.stdout == expected
            failed += not good
            print(f"{name}: {'the same lines' if good else 'another story'}")
            if not good:
                print(done.stdout + done.stderr)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
