#!/usr/bin/env python3
"""Refuses an include that climbs, crosses or opens a sealed door: the plan is floors.txt.

SPDX-License-Identifier: MIT
"""
import pathlib
import re
import sys
import tempfile

INCLUDE = re.compile(r'^\s*#\s*include\s*(<[^>]+>|"[^"]+")')
AREAS = ("include", "lib", "server", "tools", "examples", "bindings", "tests")


class Plan:
    def __init__(self, text):
        self.floors = {}
        self.aparts = []
        self.onlys = []
        self.nevers = []
        self.doors = {}
        for number, line in enumerate(text.splitlines(), 1):
            words = line.split("#")[0].split()
            if words:
                try:
                    getattr(self, "read_" + words[0])(words[1:])
                except (AttributeError, ValueError, IndexError):
                    sys.exit(f"floors.txt:{number}: not understood: {line}")

    def read_floor(self, words):
        for place in words[1:]:
            self.floors[place] = int(words[0])

    def read_apart(self, words):
        self.aparts.append(words)

    def read_only(self, words):
        self.onlys.append((words[0], words[words.index(":") + 1:]))

    def read_never(self, words):
        places = words[words.index(":") + 1:]
        spared = []
        if "but" in places:
            places, spared = places[:places.index("but")], places[places.index("but") + 1:]
        self.nevers.append((words[0], places, spared))

    def read_door(self, words):
        split = words.index(":")
        for header in words[:split]:
            self.doors[header] = words[split + 1:]

    def floor(self, path):
        fitting = [place for place in self.floors if fits(path, place)]
        return self.floors[max(fitting, key=len)] if fitting else None


def fits(path, place):
    return path == place or path.startswith((place + "/", place + "."))


def fits_any(path, places):
    return any(fits(path, place) for place in places)


def room(path):
    return path.rsplit(".", 1)[0]


def target(root, written):
    """The project file behind an include, "" for a system header, None for a bad way to write it."""
    name = written[1:-1]
    if written[0] == '"':
        return name if (root / name).is_file() else None
    if name.startswith("tryst/"):
        return "include/" + name if (root / "include" / name).is_file() else None
    return ""


def judge_door(plan, path, written):
    places = plan.doors.get(written)
    if places is not None and not fits_any(path, places):
        return f"{written} is a sealed door, open only in {' '.join(places)}"
    return None


def judge_project(plan, path, to):
    own, its = plan.floor(path), plan.floor(to)
    if own is None or its is None:
        return f"{path if own is None else to} stands on no floor"
    if its > own:
        return f"climbs from floor {own} to {to} on floor {its}"
    for places in plan.aparts:
        here = [place for place in places if fits(path, place)]
        there = [place for place in places if fits(to, place)]
        if here and there and here != there:
            return f"{here[0]} and {there[0]} are kept apart"
    for place, allowed in plan.onlys:
        if fits(path, place) and not fits_any(to, allowed):
            return f"{place} includes only {' '.join(allowed)}, not {to}"
    for place, refused, spared in plan.nevers:
        if fits(path, place) and fits_any(to, refused) and not fits_any(to, spared) \
                and room(path) != room(to):
            return f"{place} never includes {to}"
    return None


def judge(plan, root, path, written):
    to = target(root, written)
    if to is None:
        return f"{written} is no file as seen from the top of the tree"
    return judge_project(plan, path, to) if to else judge_door(plan, path, written)


def sources(root):
    for area in AREAS:
        for path in sorted((root / area).rglob("*")):
            if path.suffix in (".c", ".h") and path.is_file() and "generated" not in path.parts:
                yield path.relative_to(root).as_posix()


def faults(plan, root):
    for path in sources(root):
        if plan.floor(path) is None:
            yield f"{path}: stands on no floor"
        for number, line in enumerate((root / path).read_text().splitlines(), 1):
            found = INCLUDE.match(line)
            fault = judge(plan, root, path, found.group(1)) if found else None
            if fault:
                yield f"{path}:{number}: {fault}"


# path, what it includes, a word of the fault that is expected ("" for none)
SAMPLES = (
    ("lib/core/punch.c", '"lib/core/punch.h"', ""),
    ("lib/core/punch.c", '"lib/wire/message.h"', ""),
    ("lib/core/peer.c", '"lib/core/punch.h"', ""),
    ("lib/core/punch.c", '<tryst/address.h>', ""),
    ("lib/core/punch.c", '<string.h>', ""),
    ("lib/seal/seal.c", '<sodium.h>', ""),
    ("lib/driver/client.c", '<uv.h>', ""),
    ("server/listener.c", '"lib/driver/datagram.h"', ""),
    ("tests/unit/test_punch.c", '"server/service.h"', ""),
    ("lib/base/outbox.c", '"lib/wire/message.h"', "climbs"),
    ("lib/wire/message.c", '"lib/core/peer.h"', "climbs"),
    ("lib/core/punch.c", '"lib/core/peer.h"', "climbs"),
    ("lib/core/peer.h", '<tryst/client.h>', "climbs"),
    ("lib/core/punch.c", '"lib/core/path.h"', "apart"),
    ("lib/core/path.h", '"lib/core/punch.h"', "apart"),
    ("lib/driver/client.c", '"server/service.h"', "never"),
    ("server/service.c", '"lib/core/punch.h"', "never"),
    ("server/main.c", '"lib/driver/client.h"', "never"),
    ("include/tryst/client.h", '"lib/base/outbox.h"', "only"),
    ("tools/join.c", '"lib/base/outbox.h"', "only"),
    ("lib/core/punch.c", '<sodium.h>', "door"),
    ("lib/core/endpoint.c", '<uv.h>', "door"),
    ("server/service.c", '<time.h>', "door"),
    ("lib/base/outbox.c", '<sys/socket.h>', "door"),
    ("lib/core/punch.c", '"punch.h"', "no file"),
    ("lib/core/punch.c", '<tryst/none.h>', "no file"),
    ("elsewhere/odd.c", '"lib/base/outbox.h"', "no floor"),
)


def selftest(plan):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        places = {target_of(written) for _, written, _ in SAMPLES} | {p for p, _, _ in SAMPLES}
        for place in places - {None, "include/tryst/none.h", "punch.h"}:
            (root / place).parent.mkdir(parents=True, exist_ok=True)
            (root / place).write_text("")
        for path, written, word in SAMPLES:
            fault = judge(plan, root, path, written) or ""
            if (word not in fault) if word else fault:
                sys.exit(f"selftest: {path} includes {written}: wanted '{word}', got '{fault}'")
        (root / "lib/base/bad.c").write_text('#include "lib/core/peer.h"\n')
        if not any("lib/base/bad.c:1: climbs" in fault for fault in faults(plan, root)):
            sys.exit("selftest: a bad file in a tree was not seen")


def target_of(written):
    name = written[1:-1]
    if written[0] == '"':
        return name
    return "include/" + name if name.startswith("tryst/") else None


def main():
    here = pathlib.Path(__file__).resolve().parent
    root = here.parent.parent
    plan = Plan((here / "floors.txt").read_text())
    selftest(plan)
    if sys.argv[1:] == ["--selftest"]:
        return 0
    found = list(faults(plan, root))
    print("\n".join(found) or "every include keeps to its floor")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
