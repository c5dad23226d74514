#!/usr/bin/env python3
"""One story told in C, Python and every Lua against a real server: all print the lines of story.txt.

SPDX-License-Identifier: MIT
"""
import difflib
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

import around


def build(folder):
    """The story in C, built against the library as a game would."""
    program = str(folder / "story")
    flags = ["-fsanitize=address,undefined"] if around.is_sanitized() else []
    subprocess.run([*shlex.split(os.environ.get("CC") or "gcc"), "-std=c11", "-Wall", "-Wextra", "-Werror",
                    *flags, f"-I{around.SOURCE / 'include'}", str(around.HERE / "story.c"), "-o", program,
                    f"-L{around.BUILD / '.libs'}", f"-Wl,-rpath,{around.BUILD / '.libs'}", "-ltryst"],
                   check=True)
    return program


def tellers(folder):
    """(name, command, environment) of everybody who tells it."""
    yield "C", [build(folder)], dict(os.environ)
    if (around.STAGE / "tryst" / "_core.so").exists():
        yield "Python", [around.PYTHON, str(around.HERE / "story.py")], around.python_environment()
    for interpreter, abi in around.luas():
        environment = around.lua_environment(abi)
        probe = subprocess.run([interpreter, "-e", "print(1)"], env=environment, capture_output=True,
                               check=False)
        if probe.stdout == b"1\n":
            yield interpreter, [interpreter, str(around.HERE / "story.lua")], environment
        else:
            print(f"{interpreter}: does not live under this sanitizer")


def differences(told, expected):
    """What was told otherwise, line by line."""
    return list(difflib.unified_diff(expected.splitlines(), told.splitlines(), "expected", "told",
                                     lineterm="", n=0))


def tell(command, environment, settings):
    """(whether it ended well, its lines, its complaints) of a story told to a server of its own."""
    with around.server("--config", str(settings)) as pin:
        done = subprocess.run([*command, pin], env=environment, capture_output=True, text=True, timeout=60,
                              check=False)
    return done.returncode == 0, done.stdout, done.stderr


def main():
    around.need_server()
    assert differences("a\nc\n", "a\nb\n") and not differences("a\n", "a\n")
    expected = (around.HERE / "story.txt").read_text()
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        settings = folder / "trystd.ini"
        settings.write_text("[limits]\nsession_participants = 2\n")  # no room for Cat
        for name, command, environment in tellers(folder):
            good, told, complaints = tell(command, environment, settings)
            wrong = differences(told, expected)
            failed += bool(wrong) or not good
            print(f"{name}: {'another story' if wrong or not good else 'the same lines'}")
            if wrong or not good:
                print("\n".join([*wrong, complaints]))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
