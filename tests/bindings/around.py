"""What the tests of the bindings stand on: the built modules, the interpreters that load them, a
server, and how much memory a process has.

SPDX-License-Identifier: MIT

TRYST_SOURCE and TRYST_BUILD name the tree and the build, PYTHON the interpreter that the Python module
was built for. A test that lacks what it needs ends with 77.
"""
import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(os.environ.get("TRYST_SOURCE") or pathlib.Path(__file__).resolve().parents[2])
BUILD = pathlib.Path(os.environ.get("TRYST_BUILD") or SOURCE / "build")
PYTHON = os.environ.get("PYTHON") or "/usr/bin/python3"
STAGE = BUILD / "bindings" / "stage"
HERE = SOURCE / "tests" / "bindings"
LUAS = (("lua5.4", "5.4"), ("lua5.3", "5.3"), ("lua5.1", "5.1"), ("luajit", "5.1"))
SKIP = 77
PATIENCE_S = 20


def skip(why):
    """Ends the test as skipped."""
    print(f"skipped: {why}")
    sys.exit(SKIP)


def need_server():
    """Ends the test where there is no server to play with."""
    if not (BUILD / "trystd").exists():
        skip("trystd is not built")


def is_sanitized():
    """Whether the build has AddressSanitizer in it."""
    makefile = BUILD / "Makefile"
    return makefile.exists() and "-fsanitize=address" in makefile.read_text()


def sanitizer():
    """The environment in which an interpreter that knows nothing of sanitizers loads a module that is
    full of them. Leaks are counted by the tests: interpreters keep much until they end."""
    if not is_sanitized():
        return {}
    compiler = os.environ.get("CC", "gcc").split()
    found = [subprocess.run([*compiler, f"-print-file-name={name}"], capture_output=True, text=True,
                            check=True).stdout.strip() for name in ("libasan.so", "libubsan.so")]
    return {"LD_PRELOAD": " ".join(found), "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1"}


def python_environment():
    """The environment in which $PYTHON imports the built tryst."""
    paths = [str(STAGE), str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, **sanitizer(), "PYTHONPATH": os.pathsep.join(paths),
            "PYTHONDONTWRITEBYTECODE": "1"}


def need_python():
    """Ends the test where the Python module is not built."""
    if not (STAGE / "tryst" / "_core.so").exists():
        skip("the Python module is not built")


def become_python():
    """Runs the calling script again in the interpreter and environment that the module wants."""
    need_python()
    if os.environ.get("TRYST_BECAME") != "1":
        os.execvpe(PYTHON, [PYTHON, *sys.argv], {**python_environment(), "TRYST_BECAME": "1"})
    sys.path.insert(0, str(STAGE))


def lua_environment(abi):
    """The environment in which a Lua of an ABI finds the built tryst."""
    return {**os.environ, **sanitizer(), "LUA_INIT": "", "LUA_PATH": f"{HERE}/?.lua;;",
            "LUA_CPATH": f"{BUILD}/bindings/lua/{abi}/.libs/?.so"}


def luas():
    """(interpreter, ABI) of each Lua that is installed and has a module built for it."""
    return [(name, abi) for name, abi in LUAS if shutil.which(name)
            and (BUILD / "bindings" / "lua" / abi / ".libs" / "tryst.so").exists()]


@contextlib.contextmanager
def server(*arguments):
    """A trystd on loopback; gives the line that it prints."""
    with tempfile.TemporaryDirectory(prefix="tryst-bindings-") as state:
        process = subprocess.Popen([str(BUILD / "trystd"), "--listen", "127.0.0.1:0", "--state", state,
                                    *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                   text=True)
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
            process.wait(PATIENCE_S)
            process.stdout.close()


def resident_kib():
    """Memory that this process has in use."""
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE") // 1024


def wait_until(is_true, what, patience_s=PATIENCE_S):
    """Waits until is_true() gives something, and returns it."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        found = is_true()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"no {what} in {patience_s} s")
