#!/usr/bin/env python3
"""Every public header says what is needed of each function, and compiles alone, as C11 and as C++17.

Reads CC, CXX and TRYST_VERSION from the environment; `make check` sets them.
SPDX-License-Identifier: MIT
"""
import os
import pathlib
import re
import shlex
import subprocess
import sys

C_FLAGS = "-std=c11 -Wall -Wextra -Wpedantic -pedantic-errors -Wshadow -Wconversion " \
          "-Wstrict-prototypes -Werror -fsyntax-only"
CXX_FLAGS = "-std=c++17 -Wall -Wextra -Wpedantic -pedantic-errors -Wshadow -Wconversion " \
            "-Wold-style-cast -Werror -fsyntax-only"
SINCE = re.compile(r"\bSince\s+\d+\.\d+")
NAME = re.compile(r"(\w+)\s*\(")


def undocumented(text):
    """Names of functions whose block of declarations has no comment with a Since before it.

    A block is a comment and the declarations under it, up to an empty line: kin may share words.
    """
    inside, since = False, False
    for line in text.splitlines():
        if inside or line.startswith("/*"):
            if not inside:
                since = False
            since = since or bool(SINCE.search(line))
            inside = "*/" not in line
        elif not line.strip():
            since = False
        elif line.startswith("TRYST_API") and not since:
            found = NAME.search(line)
            yield found.group(1) if found else line


def compiles(compiler, flags, language, include, source):
    command = shlex.split(compiler) + shlex.split(flags) + ["-I", str(include), "-x", language, "-"]
    done = subprocess.run(command, input=source, capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stderr.strip() or "the compiler failed"


def version(text):
    return ".".join(re.search(rf"TRYST_VERSION_{part} (\d+)", text).group(1)
                    for part in ("MAJOR", "MINOR", "PATCH"))


def judge(header, include, cc, cxx):
    text = header.read_text()
    source = f"#include <tryst/{header.name}>\n"
    for name in undocumented(text):
        yield f"{header.name}: {name} has no comment with a Since"
    if "SPDX-License-Identifier: MIT" not in text:
        yield f"{header.name}: no SPDX line"
    fault = compiles(cc, C_FLAGS, "c", include, source + "typedef int unit_is_not_empty;\n")
    if fault:
        yield f"{header.name} as C11:\n{fault}"
    if cxx != ":":
        fault = compiles(cxx, CXX_FLAGS, "c++", include, source)
        if fault:
            yield f"{header.name} as C++17:\n{fault}"


def selftest(include, cc, cxx):
    good = "/* A.\n * Since    0.1 */\nTRYST_API int tryst_a(void);\nTRYST_API int tryst_b(void);\n"
    assert not list(undocumented(good))
    assert list(undocumented(good + "\nTRYST_API int tryst_c(void);\n")) == ["tryst_c"]
    assert list(undocumented("/* A. */\nTRYST_API int\ntryst_d(void);\n"))
    assert list(undocumented("/* Since 0.1 */\n\n/* B. */\nTRYST_API int tryst_e(int a);\n"))
    assert version("#define TRYST_VERSION_MAJOR 1\n#define TRYST_VERSION_MINOR 2\n"
                   "#define TRYST_VERSION_PATCH 3\n") == "1.2.3"
    assert not compiles(cc, C_FLAGS, "c", include, "int f(void);\n")
    assert compiles(cc, C_FLAGS, "c", include, "int f();\n")
    assert compiles(cc, C_FLAGS, "c", include, "uint8_t needs_stdint;\n")
    if cxx != ":":
        assert not compiles(cxx, CXX_FLAGS, "c++", include, "int f();\n")
        assert compiles(cxx, CXX_FLAGS, "c++", include, "inline char *f(void *p) { return p; }\n")


def main():
    root = pathlib.Path(__file__).resolve().parent.parent.parent
    include = root / "include"
    cc, cxx = os.environ.get("CC", "cc"), os.environ.get("CXX", "c++")
    selftest(include, cc, cxx)
    if sys.argv[1:] == ["--selftest"]:
        return 0
    headers = sorted((include / "tryst").glob("*.h"))
    faults = [fault for header in headers for fault in judge(header, include, cc, cxx)]
    said = version((include / "tryst/base.h").read_text())
    if said != os.environ.get("TRYST_VERSION", said):
        faults.append(f"base.h says {said}, configure.ac {os.environ['TRYST_VERSION']}")
    print("\n".join(faults) or f"{len(headers)} public headers are complete and stand alone"
          + (" (no C++ compiler: not read as C++)" if cxx == ":" else ""))
    return 1 if faults or not headers else 0


if __name__ == "__main__":
    sys.exit(main())
