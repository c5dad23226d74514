#!/usr/bin/env python3
"""Every source, header and script is named in an .am file, and what is named there exists.

Without this a file that nobody lists builds here and is missing in what `make dist` hands out.
SPDX-License-Identifier: MIT
"""
import pathlib
import re
import sys

AREAS = ("include", "lib", "server", "tools", "examples", "bindings", "tests")
SUFFIXES = (".c", ".h", ".i", ".lua", ".py", ".pyi", ".sh", ".txt", ".in", ".pml")
WORD = re.compile(r"(?<![\w$(./-])(?:%s)/[\w./-]+" % "|".join(AREAS))

# Made by the build, or where it leaves what it builds.
GENERATED = re.compile(r"bindings/(generated|stage|python/_core\.|lua/5\.)")


def named(text):
    """Paths that an .am file names; its comments and what it includes from itself do not count."""
    lines = (line for line in text.splitlines() if not re.match(r"\s*(#|include\s)", line))
    return {path for line in lines for path in WORD.findall(line) if not GENERATED.match(path)}


def differences(files, names):
    """A name without an ending is a program made of NAME.c."""
    programs = {name + ".c" for name in names if "." not in name.rsplit("/", 1)[1]}
    listed = {name for name in names if pathlib.PurePath(name).suffix in SUFFIXES}
    for path in sorted(files - listed - programs):
        yield f"{path} is named in no .am file"
    for path in sorted((listed | programs) - files):
        yield f"{path} is named in an .am file, but is not there"


def files_of(root):
    for area in AREAS:
        for path in (root / area).rglob("*"):
            if path.suffix in SUFFIXES and path.is_file() and "generated" not in path.parts:
                yield path.relative_to(root).as_posix()


def selftest():
    text = "# tests/a.c\ninclude lib/lib.am\nx = \\\n\tinclude/h.h \\\n\tlib/b.c \\\n\ttests/c\ny: $(x)/lib/z.c\n"
    assert named(text) == {"include/h.h", "lib/b.c", "tests/c"}
    names = {"lib/b.c", "tests/c"}
    assert not list(differences({"lib/b.c", "tests/c.c"}, names))
    assert list(differences({"lib/b.c", "lib/d.c", "tests/c.c"}, names)) == [
        "lib/d.c is named in no .am file"]
    assert len(list(differences({"lib/b.c"}, names))) == 1


def main():
    selftest()
    if sys.argv[1:] == ["--selftest"]:
        return 0
    root = pathlib.Path(__file__).resolve().parent.parent.parent
    lists = [root / "Makefile.am", root / "configure.ac", *root.glob("*/*.am")]
    names = set().union(*(named(path.read_text().replace(":lib/", " lib/")) for path in lists))
    faults = list(differences(set(files_of(root)), names))
    print("\n".join(faults) or "every file is listed, and every listed file is there")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
