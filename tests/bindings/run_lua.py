#!/usr/bin/env python3
"""Runs every tests/bindings/lua_*.lua in each Lua that is installed, beside a real server.

SPDX-License-Identifier: MIT

A script is handed the server's pin, and few descriptors, so that it can run out of them. Arguments
choose scripts by their stems: run_lua.py lua_leak.
"""
import resource
import subprocess
import sys
import time

import around

LIMIT_S = 300
DESCRIPTORS = 200


def limit_descriptors():
    """Runs in the child, before the interpreter."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))


def works(interpreter, environment):
    """Whether an interpreter lives at all in an environment: what a sanitizer preloads may not let it."""
    found = subprocess.run([interpreter, "-e", "print(1)"], env=environment, capture_output=True,
                           text=True, timeout=LIMIT_S, check=False)
    return found.stdout == "1\n", (found.stderr.strip().splitlines() or ["no word"])[0]


def run_script(interpreter, script, pin, environment):
    """Runs one script, prints its line, and says whether it passed."""
    start = time.monotonic()
    try:
        done = subprocess.run([interpreter, str(script), pin], env=environment, capture_output=True,
                              text=True, errors="replace", timeout=LIMIT_S, check=False,
                              preexec_fn=limit_descriptors)
        code, output = done.returncode, done.stdout + done.stderr
    except subprocess.TimeoutExpired as late:
        code, output = f"no end in {LIMIT_S} s", (late.stdout or b"").decode(errors="replace")
    last = (output.strip().splitlines() or [""])[-1] if code == 0 else f"failed: {code}"
    print(f"{interpreter:7} {script.stem:14} {time.monotonic() - start:6.1f} s  {last}", flush=True)
    if code != 0:
        print(output)
    return code == 0


def main():
    around.need_server()
    scripts = [path for path in sorted(around.HERE.glob("lua_*.lua"))
               if len(sys.argv) == 1 or path.stem in sys.argv[1:]]
    failed = ran = 0
    for interpreter, abi in around.luas():
        environment = around.lua_environment(abi)
        environment["TRYST_SANITIZED"] = "1" if around.is_sanitized() else "0"
        lives, why = works(interpreter, environment)
        if not lives and around.is_sanitized():
            print(f"{interpreter:7} left out: it does not run under the sanitizer: {why}")
            continue
        for script in scripts:
            with around.server() as pin:
                ran += 1
                failed += not run_script(interpreter, script, pin, environment)
    if ran == 0:
        around.skip("there is no Lua with a module built for it")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
