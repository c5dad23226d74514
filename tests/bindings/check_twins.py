#!/usr/bin/env python3
"""Every public C function has a twin in Python and in Lua, or a written reason; so have options, events and
counters. The headers and the modules are asked, not each other's documents.

SPDX-License-Identifier: MIT
"""
import re
import subprocess
import sys

import around

FUNCTION = re.compile(r"TRYST_API\s[^;{]*?\b(tryst_[a-z0-9_]+)\(")
NO_OPTION = {"struct_size", "reserved", "server"}  # server is the first argument
NO_EVENT_FIELD = {"size": "data knows its own", "reserved": "nothing"}
OTHER_NAME = {"local": "local_address"}  # a word of Lua's
CLIENT_ONLY = {"port", "no_ipv4", "no_ipv6"}
LUA_ASK = r"""
local tryst = require "tryst"
local key = tryst.format_key(tryst.Identity():public_key())
local made = {
    Address = tryst.Address("1.2.3.4:5"), Pin = tryst.Pin("x#" .. key), Identity = tryst.Identity(),
    Client = tryst.Client("127.0.0.1:1#" .. key),
    Endpoint = tryst.Endpoint("x#" .. key, { identity = tryst.Identity(), seed = ("s"):rep(32), now_us = 0 }),
}
for name in pairs(tryst) do print(name) end
for name, object in pairs(made) do
    local meta = debug.getmetatable(object)
    for key in pairs(meta) do if type(key) == "string" then print(name .. "." .. key) end end
    for key in pairs(meta[".fn"]) do print(name .. ":" .. key) end
    for key in pairs(meta[".get"]) do print(name .. "." .. key) end
    for key in pairs(tryst[name]) do print(name .. "." .. key) end
end
for key in pairs(debug.getregistry().SWIG.PolicyRequest[".get"]) do print("PolicyRequest." .. key) end
for key in pairs(made.Client:stats()) do print("stats." .. key) end
"""
PYTHON_ASK = r"""
import enum, inspect, tryst
for name in vars(tryst):
    print(name)
    thing = getattr(tryst, name)
    if inspect.isclass(thing):
        members = set(dir(thing))
        if issubclass(thing, enum.Enum) and len(thing): members |= set(dir(next(iter(thing)))) | set(vars(type.mro(thing)[1]))
        for member in members: print(f"{name}.{member}")
for cls in (tryst.Client, tryst.Endpoint):
    for name in inspect.signature(cls).parameters: print(f"{cls.__name__}({name}")
"""


def header(name):
    """A public header without its comments."""
    text = (around.SOURCE / "include" / "tryst" / f"{name}.h").read_text()
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def functions():
    """Every public function, as the headers declare them."""
    return {name for path in (around.SOURCE / "include" / "tryst").glob("*.h")
            for name in FUNCTION.findall(header(path.stem))}


def fields(file, struct):
    """The fields of a public struct."""
    body = re.search(r"struct %s \{(.*?)\n\};" % struct, header(file), re.S).group(1)
    return re.findall(r"(\w+)(?:\[[^;]*\])?;", body)


def twins():
    """{function: (Python, Lua)}; a twin is None where a reason stands."""
    found = {}
    for line in (around.HERE / "twins.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, *rest = re.split(r" {2,}", line.strip())
            cells = []
            while rest:
                cell = rest.pop(0)
                if cell == "-":
                    cells.append(None if rest and rest.pop(0).strip() else "no reason")
                else:
                    cells.append(cell)
            found[name] = tuple(cells)
    return found


def complaints(declared, table, python, lua):
    """What does not fit together, of functions."""
    for name in sorted(declared - set(table)):
        yield f"{name} is in no row of twins.txt"
    for name in sorted(set(table) - declared):
        yield f"{name} of twins.txt is in no header"
    for name, cells in sorted(table.items()):
        if len(cells) != 2:
            yield f"{name}: a Python and a Lua column are wanted, or reasons"
            continue
        for language, twin, known in (("Python", cells[0], python), ("Lua", cells[1], lua)):
            if twin is not None and twin not in known:
                yield f"{name}: {language} has no {twin}"


def struct_complaints(python, lua):
    """And of options, events and counters."""
    for option in set(fields("options", "tryst_options")) - NO_OPTION:
        for cls in ("Client",) if option in CLIENT_ONLY else ("Client", "Endpoint"):
            if f"{cls}({option}" not in python:
                yield f"option {option} is no keyword of Python's {cls}"
    for field in fields("event", "tryst_event"):
        if field not in NO_EVENT_FIELD and f"Event.{OTHER_NAME.get(field, field)}" not in python:
            yield f"Python's Event has no {field}"
    counters = set(fields("counters", "tryst_stats")) - {"struct_size", "reserved"}
    for name in counters:
        if f"Stats.{name}" not in python or f"stats.{name}" not in lua:
            yield f"the counter {name} is not in both languages"


def selftest():
    """It must be able to fail."""
    table = {"tryst_a": ("a", "b"), "tryst_b": (None, None), "tryst_gone": ("a", "b")}
    found = list(complaints({"tryst_a", "tryst_b", "tryst_new"}, table, {"a"}, set()))
    assert len(found) == 4, found


def main():
    selftest()
    around.need_python()
    luas = around.luas()
    if not luas:
        around.skip("there is no Lua with a module built for it")
    declared = functions()
    exported = {line for line in (around.SOURCE / "tests/lint/symbols.txt").read_text().split() if
                line.startswith("tryst_")}
    assert declared == exported, declared ^ exported
    python = set(subprocess.run([around.PYTHON, "-c", PYTHON_ASK], env=around.python_environment(),
                                capture_output=True, text=True, check=True).stdout.split("\n"))
    lua = set(subprocess.run([luas[0][0], "-e", LUA_ASK], env=around.lua_environment(luas[0][1]),
                             capture_output=True, text=True, check=True).stdout.split("\n"))
    found = [*complaints(declared, twins(), python, lua), *struct_complaints(python, lua)]
    print("\n".join(found) or f"{len(declared)} functions have their twins or a reason")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
