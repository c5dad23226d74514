#!/usr/bin/env python3
"""Files stay under 500 lines, functions under 60, stems are unique, a file says what it is first.

SPDX-License-Identifier: MIT
"""
import ast
import pathlib
import re
import sys

FILE_LINES = 500
FUNCTION_LINES = 60
AREAS = ("include", "lib", "server", "tools", "examples", "bindings", "tests")
BANNED_STEMS = ("config", "utils")
SPDX = "SPDX-License-Identifier: MIT"


def c_functions(text):
    """(first line, lines) of each function: its braces stand in the first column."""
    start = None
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("{"):
            start = number
        elif line.startswith("}") and start is not None:
            yield start, number - start + 1
            start = None


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.lineno, node.end_lineno - node.lineno + 1


def shell_functions(text):
    start = None
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(r"(function )?\w+ *(\(\))? *\{$|\{$", line):
            start = number
        elif line == "}" and start is not None:
            yield start, number - start + 1
            start = None


FUNCTIONS = {".c": c_functions, ".h": c_functions, ".py": python_functions, ".sh": shell_functions,
             ".pyi": lambda _: ()}


def judge_file(path, suffix, text):
    lines = text.splitlines()
    if len(lines) >= FILE_LINES:
        yield f"{path}: {len(lines)} lines, the limit is under {FILE_LINES}"
    for start, length in FUNCTIONS[suffix](text):
        if length >= FUNCTION_LINES:
            yield f"{path}:{start}: {length} lines, the limit is under {FUNCTION_LINES}"
    opening = "\n".join(lines[:25])
    if suffix in (".c", ".h") and not opening.startswith("/* "):
        yield f"{path}:1: does not open with a comment that says what it is"
    if SPDX not in opening:
        yield f"{path}: no {SPDX} near the top"


def judge_stems(paths):
    """One stem, one noun: at most one .c and one .h, side by side or the header a public one."""
    kin = {}
    for path in paths:
        if path.suffix in (".c", ".h"):
            kin.setdefault(path.stem, []).append(path)
    for stem, files in sorted(kin.items()):
        names = " ".join(str(path) for path in files)
        if stem in BANNED_STEMS:
            yield f"{names}: no file is called {stem}"
        if len({path.suffix for path in files}) < len(files):
            yield f"one stem, several files: {names}"
        elif len({path.parent for path in files}) > 1 \
                and not any(path.parts[0] == "include" for path in files):
            yield f"header and source far apart: {names}"


def sources(root):
    for area in AREAS:
        for path in sorted((root / area).rglob("*")):
            if path.suffix in FUNCTIONS and path.is_file() and "generated" not in path.parts:
                yield path.relative_to(root)


def selftest():
    head = f"/* A thing.\n * {SPDX} */\n"
    body = head + "int f(void)\n{\n" + "    f();\n" * 57 + "}\n"
    assert not list(judge_file("a.c", ".c", body))
    assert "60 lines" in "".join(judge_file("a.c", ".c", body.replace("}", "    f();\n}")))
    assert "500 lines" in "".join(judge_file("a.c", ".c", head + "\n" * 498))
    assert "what it is" in "".join(judge_file("a.c", ".c", "\n" + head))
    assert "SPDX" in "".join(judge_file("a.c", ".c", "/* A thing. */\n"))
    script = f"# {SPDX}\ndef f():\n" + "    pass\n" * 59
    assert "60 lines" in "".join(judge_file("a.py", ".py", script))
    script = f"# {SPDX}\nf()\n{{\n" + "    :\n" * 58 + "}\n"
    assert "60 lines" in "".join(judge_file("a.sh", ".sh", script))
    path = pathlib.PurePosixPath
    assert not list(judge_stems([path("lib/a/b.c"), path("lib/a/b.h")]))
    assert not list(judge_stems([path("lib/a/b.c"), path("include/tryst/b.h")]))
    assert list(judge_stems([path("lib/a/b.c"), path("server/b.c")]))
    assert list(judge_stems([path("lib/a/b.c"), path("server/b.h")]))
    assert list(judge_stems([path("lib/a/utils.c")]))


def main():
    selftest()
    if sys.argv[1:] == ["--selftest"]:
        return 0
    root = pathlib.Path(__file__).resolve().parent.parent.parent
    paths = list(sources(root))
    faults = list(judge_stems(paths))
    for path in paths:
        faults += judge_file(path, path.suffix, (root / path).read_text())
    front = (root / "bootstrap").read_text().splitlines()
    if len(front) >= 300:
        faults.append(f"bootstrap: {len(front)} lines, the limit is under 300")
    print("\n".join(faults) or f"{len(paths)} files keep to their sizes and names")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
