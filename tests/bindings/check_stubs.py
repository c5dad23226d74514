#!/usr/bin/env python3
"""The type stubs say what the module is (stubtest), accept a good program and find each mistake in a bad one.

SPDX-License-Identifier: MIT
"""
import os
import re
import subprocess
import sys
import tempfile

import around

# Of enum.IntEnum, SWIG and the struct sequences: what no stub says.
ALLOWED = r"""
tryst\.core.*
tryst\._.*
tryst\..*\.(__reduce__|__repr__|__str__|__slots__|thisown|__init_subclass__|__match_args__|n_\w+|__replace__)
tryst\.(Event|Datagram|Participant|Stats)\.__new__
tryst\.(Event|Datagram|Participant|Stats)(\.__init__)?
"""


def mypy(*arguments, cache):
    """What mypy said, by the interpreter that it belongs to."""
    environment = {**around.python_environment(), "MYPYPATH": str(around.STAGE), "MYPY_CACHE_DIR": cache}
    environment.pop("LD_PRELOAD", None)
    return subprocess.run(arguments, env=environment, capture_output=True, text=True, cwd=cache, check=False)


def main():
    around.need_python()
    if subprocess.run([around.PYTHON, "-c", "import mypy.stubtest"], capture_output=True, check=False).returncode != 0:
        around.skip("mypy is not installed for this Python")
    failed = False
    with tempfile.TemporaryDirectory() as cache:
        allowed = os.path.join(cache, "allowed")
        with open(allowed, "w", encoding="ascii") as file:
            file.write(ALLOWED)
        done = mypy(around.PYTHON, "-m", "mypy.stubtest", "tryst", "--allowlist", allowed, "--ignore-unused-allowlist",
                    cache=cache)
        print(done.stdout[-4000:] + done.stderr[-2000:])
        failed = failed or done.returncode != 0
        strict = [around.PYTHON, "-m", "mypy", "--strict", "--no-error-summary"]
        done = mypy(*strict, str(around.HERE / "stub_sample.py"), cache=cache)
        print(done.stdout)
        failed = failed or done.returncode != 0
        wrong = around.HERE / "stub_wrong.py"
        done = mypy(*strict, str(wrong), cache=cache)
        found = {int(number) for number in re.findall(r"stub_wrong\.py:(\d+): error", done.stdout)}
        meant = {number for number, line in enumerate(wrong.read_text().splitlines(), 1) if line.endswith("# wrong")}
        if found != meant:
            print(f"mistakes missed in lines {sorted(meant - found)}, seen where none are {sorted(found - meant)}")
            print(done.stdout)
            failed = True
        print(f"{len(meant)} mistakes found")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
