#!/usr/bin/env python3
"""Every public C function has a twin in Python and in Lua, or a written reason; so have options, events and
counters. The headers and the modules are asked, not each other's documents.

SPDX-License-Identifier: MIT
"""
import re
import subprocess
import sys
import tempfile

import around

FUNCTION = re.compile(r"TRYST_API\s[^;{]*?\b(tryst_[a-z0-9_]+)\(")
NO_OPTION = {"struct_size": "the wrapper knows it", "reserved": "nothing is in it",
             "reserved2": "the same",
             "server": "the first argument"}
NO_EVENT_FIELD = {"size": "data knows its own", "reserved": "nothing is in it"}
NO_VIEW_FIELD = {"reserved": "nothing is in it", "candidate_count": "the list knows it"}
MORE_VIEW_FIELDS = {"tryst_survey": {"outlook", "outlook_text"}}  # of the whole struct
VIEWS = {"tryst_why": "insight", "tryst_side": "insight", "tryst_candidate": "insight",
         "tryst_path_stats": "insight", "tryst_survey": "survey",
         "tryst_portmap": "portmap"}
NO_COUNTER = {"struct_size": "the wrapper knows it", "reserved": "nothing is in it"}
OTHER_NAME = {"local": "local_address"}  # a word of Lua's
CLIENT_ONLY = {"port": "an endpoint has no socket", "no_ipv4": "the same", "no_ipv6": "the same",
               "tcp_port": "the same", "tls_port": "the same", "port_mapping": "the same", "sockets": "the same"}
LUA_ASK = r"""
local tryst = require "tryst"
local options = { ... }
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
for _, name in ipairs(options) do -- a function is no option's value: the complaint says whether it is one
    for class, more in pairs({ Client = {}, Endpoint = { now_us = 0 } }) do
        more[name] = print
        local _, why = pcall(tryst[class], "x#" .. key, more)
        if why:find("option '" .. name .. "' is a ", 1, true) then print(class .. "(" .. name) end
    end
end
"""
PYTHON_ASK = r"""
import enum, inspect, tryst
for name in vars(tryst):
    print(name)
    thing = getattr(tryst, name)
    if inspect.isclass(thing):
        members = set(dir(thing))
        if issubclass(thing, enum.Enum) and len(thing):
            members |= set(dir(next(iter(thing)))) | set(vars(type.mro(thing)[1]))
        for member in members: print(f"{name}.{member}")
for name in vars(tryst.Stats):
    if type(vars(tryst.Stats)[name]).__name__ == "member_descriptor": print(f"stats.{name}")
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


def rows(text):
    """{function: (Python, Lua)} of twins.txt; a twin is None where a reason stands."""
    found = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, *rest = re.split(r" {2,}", line.strip())
            assert name not in found, f"{name} has two rows"
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


def option_complaints(options, python, lua):
    """What does not fit together, of options: each is a keyword, or has a reason."""
    for option in sorted(set(options) - set(NO_OPTION)):
        for cls in ("Client",) if option in CLIENT_ONLY else ("Client", "Endpoint"):
            for language, known in (("Python", python), ("Lua", lua)):
                if f"{cls}({option}" not in known:
                    yield f"option {option} is none of {language}'s {cls}"


def event_complaints(names, python, lua_source):
    """Of events: each field is one of an event's, or has a reason. Lua sets those that an event has, so
    that its source is asked."""
    for field in sorted(set(names) - set(NO_EVENT_FIELD)):
        name = OTHER_NAME.get(field, field)
        if f"Event.{name}" not in python:
            yield f"Python's Event has no {name}"
        if f'"{name}"' not in lua_source:
            yield f"Lua's events have no {name}"


def counter_complaints(names, listed, python, lua):
    """Of counters: TR_STATS lists exactly those of the struct, and the modules have exactly those."""
    wanted = set(names) - set(NO_COUNTER)
    for who, found in (("TR_STATS", set(listed)), ("Python", python), ("Lua", lua)):
        for name in sorted(wanted ^ found):
            yield f"the counter {name} is {'not in' if name in wanted else 'only in'} {who}"


def view_complaints(structs, tables):
    """Of insights: each field of a struct is one of its table's, or has a reason; both languages read the
    tables."""
    for struct, names in structs.items():
        wanted = {OTHER_NAME.get(name, name) for name in names} - set(NO_VIEW_FIELD)
        wanted |= MORE_VIEW_FIELDS.get(struct, set())
        for name in sorted(wanted ^ set(tables.get(struct, ()))):
            yield f"the field {name} of {struct} is {'not in' if name in wanted else 'only in'} insight_view.h"


def view_tables():
    """{struct: [field]} of insight_view.h."""
    text = (around.SOURCE / "bindings" / "insight_view.h").read_text()
    found = {}
    for struct, name in re.findall(r"TR_VIEW(?:_AS)?\((tryst_\w+), \"?(\w+)", text):
        found.setdefault(struct, []).append(name)
    return found


def lua_event_source():
    """The two functions that make a Lua event."""
    text = (around.SOURCE / "bindings" / "lua_values.h").read_text()
    return text[text.index("static void tr_lua_set_rare("):text.index("static void tr_lua_push_datagram(")]


def struct_complaints(python, lua):
    """What does not fit together, of structs."""
    table = (around.SOURCE / "bindings" / "handles.h").read_text()
    listed = re.findall(r"X\((\w+)\)", re.search(r"#define TR_STATS\(X\)((?:.*\\\n)+.*)", table).group(1))
    counters = [{name[6:] for name in known if name.startswith("stats.")} for known in (python, lua)]
    yield from option_complaints(fields("options", "tryst_options"), python, lua)
    yield from event_complaints(fields("event", "tryst_event"), python, lua_event_source())
    yield from counter_complaints(fields("counters", "tryst_stats"), listed, *counters)
    yield from view_complaints({struct: fields(file, struct) for struct, file in VIEWS.items()}, view_tables())


def selftest():
    """It must be able to fail."""
    table = {"tryst_a": ("a", "b"), "tryst_b": (None, None), "tryst_gone": ("a", "b"), "tryst_c": ("a",)}
    found = list(complaints({"tryst_a", "tryst_b", "tryst_c", "tryst_new"}, table, {"a"}, set()))
    assert len(found) == 5, found  # new is in no row, gone in no header, c short, twice no b
    found = list(option_complaints(["server", "port", "app"], {"Client(port", "Client(app"}, {"Client(app"}))
    assert len(found) == 3, found
    found = list(event_complaints(["size", "local", "key"], {"Event.local_address"}, '"key"'))
    assert len(found) == 2, found
    found = list(counter_complaints(["struct_size", "a"], ["a", "b"], set(), {"a"}))
    assert len(found) == 2, found
    found = list(view_complaints({"tryst_why": ["reserved", "local", "pair"]}, {"tryst_why": ["local_address", "x"]}))
    assert len(found) == 2, found
    assert rows("tryst_a  -  \n") == {"tryst_a": ("no reason",)}, rows("tryst_a  -  \n")
    assert rows("# why\ntryst_a  A.b  -  a reason") == {"tryst_a": ("A.b", None)}


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
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:  # as -e takes no arguments
        script.write(LUA_ASK)
        script.flush()
        lua = set(subprocess.run([luas[0][0], script.name, *fields("options", "tryst_options")],
                                 env=around.lua_environment(luas[0][1]), capture_output=True, text=True,
                                 check=True).stdout.split("\n"))
    table = rows((around.HERE / "twins.txt").read_text())
    found = [*complaints(declared, table, python, lua), *struct_complaints(python, lua)]
    print("\n".join(found) or f"{len(declared)} functions have their twins or a reason")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
