#!/usr/bin/env python3
"""Compares what the built library exports with symbols.txt and with what the public headers declare.

Reads NM and TRYST_BUILD from the environment; `make check` sets them.
SPDX-License-Identifier: MIT
"""
import os
import pathlib
import re
import subprocess
import sys

DECLARED = re.compile(r"^TRYST_API\s[^;(]*?\b(\w+)\s*\(", re.MULTILINE)


def exported(library, only_dynamic):
    """Names of the symbols that a library defines for others: of types that nm prints in capitals."""
    command = [os.environ.get("NM", "nm"), "-P", "-g", "--defined-only"]
    output = subprocess.run(command + (["-D"] if only_dynamic else []) + [str(library)],
                            check=True, capture_output=True, text=True).stdout
    rows = (line.split() for line in output.splitlines())
    return {row[0].split("@")[0] for row in rows if len(row) > 1 and row[1] in "TDBRVWGSCi"}


def listed(text):
    lines = (line.split("#")[0].strip() for line in text.splitlines())
    return [line for line in lines if line]


def differences(what, found, wanted):
    for name in sorted(found - wanted):
        yield f"{what}, but not in symbols.txt: {name}"
    for name in sorted(wanted - found):
        yield f"in symbols.txt, but not {what}: {name}"


def strangers(names):
    """Names that a static library would spill into a game: AddressSanitizer's own are its affair."""
    return sorted(n for n in names if not re.match(r"(tr|tryst)_|__(odr_)?asan|_ZTI", n))


def selftest():
    assert list(differences("exported", {"a", "b"}, {"b", "c"})) == [
        "exported, but not in symbols.txt: a", "in symbols.txt, but not exported: c"]
    assert not list(differences("exported", {"a"}, {"a"}))
    assert DECLARED.findall("TRYST_API tryst_result tryst_a(int b);\nTRYST_API const char *\n"
                            "tryst_c(void);\n/* TRYST_API x */\n") == ["tryst_a", "tryst_c"]
    assert listed("# no\na # why\n\nb\n") == ["a", "b"]
    assert strangers({"tr_a", "tryst_b", "enter"}) == ["enter"]


def main():
    selftest()
    if sys.argv[1:] == ["--selftest"]:
        return 0
    here = pathlib.Path(__file__).resolve().parent
    root = here.parent.parent
    libs = pathlib.Path(os.environ.get("TRYST_BUILD", root / "build")) / ".libs"
    if not (libs / "libtryst.so").exists():
        print(f"skipped: no shared library in {libs}")
        return 77
    names = listed((here / "symbols.txt").read_text())
    headers = "\n".join(p.read_text() for p in sorted((root / "include/tryst").glob("*.h")))
    faults = list(differences("exported", exported(libs / "libtryst.so", True), set(names)))
    faults += differences("declared", set(DECLARED.findall(headers)), set(names))
    if names != sorted(set(names)):
        faults.append("symbols.txt is not sorted, or names something twice")
    if (libs / "libtryst.a").exists():
        faults += (f"in libtryst.a, but neither tr_ nor tryst_: {name}"
                   for name in strangers(exported(libs / "libtryst.a", False)))
    print("\n".join(faults) or f"exactly the {len(names)} symbols of symbols.txt are exported")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
